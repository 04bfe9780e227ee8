//! Interpolation between the variations of a systematic uncertainty, named by behaviour.
//!
//! | behaviour here | pyhf | ROOT |
//! |---|---|---|
//! | [`NormSysInterpolation::PiecewiseExponential`] | `code1` | FlexibleInterpVar 1 |
//! | [`NormSysInterpolation::PolynomialExponential`] | `code4` | FlexibleInterpVar 4 (internally 5) |
//! | [`HistoSysInterpolation::PiecewiseLinear`] | `code0` | PiecewiseInterpolation 0 |
//! | [`HistoSysInterpolation::QuadraticLinear`] | `code2` | PiecewiseInterpolation 2 |
//! | [`HistoSysInterpolation::PolynomialLinear`] | `code4p` | PiecewiseInterpolation 4 |

use libm::{exp, log};

/// The interpolations of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interpolation {
    /// For normsys factors.
    pub normsys: NormSysInterpolation,
    /// For histosys templates.
    pub histosys: HistoSysInterpolation,
}

/// How a normsys factor follows alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NormSysInterpolation {
    /// `hi^alpha` for alpha >= 0, `lo^-alpha` below: a kink at 0.
    PiecewiseExponential,
    /// The same outside |alpha| >= 1; inside, the degree-6 polynomial that matches value, slope and
    /// curvature at +-1.
    #[default]
    PolynomialExponential,
}

/// How a histosys template follows alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoSysInterpolation {
    /// Straight lines to each side: a kink at 0.
    PiecewiseLinear,
    /// A parabola inside |alpha| <= 1, its tangents outside.
    QuadraticLinear,
    /// A degree-6 polynomial inside |alpha| <= 1, straight lines outside.
    #[default]
    PolynomialLinear,
}

/// A function of alpha with its first two derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Derivatives {
    /// Value.
    pub value: f64,
    /// First derivative.
    pub first: f64,
    /// Second derivative.
    pub second: f64,
}

/// A normsys factor with what does not depend on alpha computed once.
///
/// Multiplicative interpolation of CERN-OPEN-2012-016, section 4.1; the polynomial is its eq. 11
/// (InterpCode = 4) with alpha0 = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormSysCurve {
    interpolation: NormSysInterpolation,
    ln_lo: f64,
    ln_hi: f64,
    /// Coefficients of alpha^1 ... alpha^6 inside |alpha| < 1.
    coefficients: [f64; 6],
}

impl NormSysCurve {
    /// The curve through `lo` at alpha = -1, 1 at 0 and `hi` at +1; both must be > 0.
    pub fn new(interpolation: NormSysInterpolation, lo: f64, hi: f64) -> Self {
        let (ln_lo, ln_hi) = (log(lo), log(hi));
        Self {
            interpolation,
            ln_lo,
            ln_hi,
            coefficients: polynomial(lo, hi, ln_lo, ln_hi),
        }
    }

    /// Factor and derivatives at alpha; at a kink, those of the side alpha >= 0.
    pub fn at(&self, alpha: f64) -> Derivatives {
        let piecewise = self.interpolation == NormSysInterpolation::PiecewiseExponential;
        if alpha >= 1.0 || (piecewise && alpha >= 0.0) {
            let value = exp(alpha * self.ln_hi);
            Derivatives {
                value,
                first: value * self.ln_hi,
                second: value * self.ln_hi * self.ln_hi,
            }
        } else if alpha <= -1.0 || piecewise {
            let value = exp(-alpha * self.ln_lo);
            Derivatives {
                value,
                first: -value * self.ln_lo,
                second: value * self.ln_lo * self.ln_lo,
            }
        } else {
            let mut at = Derivatives {
                value: 0.0,
                first: 0.0,
                second: 0.0,
            };
            // Horner's scheme for value, p' and p''/2 together.
            for &coefficient in self.coefficients.iter().rev().chain(&[1.0]) {
                at.second = at.second * alpha + at.first;
                at.first = at.first * alpha + at.value;
                at.value = at.value * alpha + coefficient;
            }
            at.second *= 2.0;
            at
        }
    }

    /// What a device needs: the polynomial's coefficients, ln hi, -ln lo.
    pub(crate) fn table(&self) -> [f64; 8] {
        let c = self.coefficients;
        [c[0], c[1], c[2], c[3], c[4], c[5], self.ln_hi, -self.ln_lo]
    }

    /// Right minus left derivative at alpha = 0.
    pub fn jump(&self) -> f64 {
        match self.interpolation {
            NormSysInterpolation::PiecewiseExponential => self.ln_hi + self.ln_lo,
            NormSysInterpolation::PolynomialExponential => 0.0,
        }
    }
}

/// Coefficients c1..c6 of `1 + sum c_k alpha^k` that matches value, slope and curvature of
/// `hi^alpha` at +1 and of `lo^-alpha` at -1.
///
/// Odd and even powers separate: with the half sums and differences of the six conditions,
/// `c1 + c3 + c5`, `c1 + 3 c3 + 5 c5`, `6 c3 + 20 c5` and
/// `c2 + c4 + c6`, `2 c2 + 4 c4 + 6 c6`, `2 c2 + 12 c4 + 30 c6` are known.
fn polynomial(lo: f64, hi: f64, ln_lo: f64, ln_hi: f64) -> [f64; 6] {
    let slope = (hi * ln_hi, -lo * ln_lo);
    let curvature = (hi * ln_hi * ln_hi, lo * ln_lo * ln_lo);
    let value_odd = 0.5 * (hi - lo);
    let value_even = 0.5 * (hi + lo) - 1.0;
    let slope_odd = 0.5 * (slope.0 + slope.1);
    let slope_even = 0.5 * (slope.0 - slope.1);
    let curvature_odd = 0.5 * (curvature.0 - curvature.1);
    let curvature_even = 0.5 * (curvature.0 + curvature.1);
    [
        (15.0 * value_odd - 7.0 * slope_odd + curvature_odd) / 8.0,
        (24.0 * value_even - 9.0 * slope_even + curvature_even) / 8.0,
        (-10.0 * value_odd + 10.0 * slope_odd - 2.0 * curvature_odd) / 8.0,
        (-24.0 * value_even + 14.0 * slope_even - 2.0 * curvature_even) / 8.0,
        (3.0 * value_odd - 3.0 * slope_odd + curvature_odd) / 8.0,
        (8.0 * value_even - 5.0 * slope_even + curvature_even) / 8.0,
    ]
}

impl HistoSysInterpolation {
    /// The bend `h(alpha)` of a histosys: its change of the counts is
    /// `delta = alpha * S + h(alpha) * A` with `S = (up + down) / 2`, `A = (up - down) / 16`,
    /// `up = hi - nominal`, `down = nominal - lo`. At a kink, the side alpha >= 0.
    ///
    /// Additive interpolation of CERN-OPEN-2012-016, section 4.1. [`Self::QuadraticLinear`] is the
    /// published, continuous formula; pyhf's own `code2` leaves out a constant outside
    /// |alpha| <= 1 and jumps there (pyhf issue 2729).
    pub fn bend(self, alpha: f64) -> Derivatives {
        let side = if alpha >= 0.0 { 1.0 } else { -1.0 };
        let straight = Derivatives {
            value: 8.0 * alpha.abs(),
            first: 8.0 * side,
            second: 0.0,
        };
        let inside = alpha.abs() <= 1.0;
        match self {
            Self::PolynomialLinear if inside => {
                let square = alpha * alpha;
                Derivatives {
                    value: square * (15.0 + square * (-10.0 + 3.0 * square)),
                    first: alpha * (30.0 + square * (-40.0 + 18.0 * square)),
                    second: 30.0 + square * (-120.0 + 90.0 * square),
                }
            }
            Self::QuadraticLinear if inside => Derivatives {
                value: 8.0 * alpha * alpha,
                first: 16.0 * alpha,
                second: 16.0,
            },
            Self::QuadraticLinear => Derivatives {
                value: 8.0 * (2.0 * alpha.abs() - 1.0),
                first: 16.0 * side,
                second: 0.0,
            },
            Self::PiecewiseLinear | Self::PolynomialLinear => straight,
        }
    }

    /// Right minus left derivative of [`Self::bend`] at alpha = 0.
    pub fn jump(self) -> f64 {
        match self {
            Self::PiecewiseLinear => 16.0,
            Self::QuadraticLinear | Self::PolynomialLinear => 0.0,
        }
    }
}

/// `S` and `A` of [`HistoSysInterpolation::bend`] for one bin.
#[inline]
pub fn histosys_slopes(nominal: f64, lo: f64, hi: f64) -> (f64, f64) {
    let (up, down) = (hi - nominal, nominal - lo);
    (0.5 * (up + down), (up - down) / 16.0)
}

#[cfg(test)]
mod tests {
    //! Each interpolation against a slow twin written as pyhf's and the paper's text has it.

    use super::*;

    const GRID: [f64; 13] = [
        -5.0, -2.0, -1.0, -0.999, -0.5, -1e-3, 0.0, 1e-3, 0.3, 0.999, 1.0, 1.5, 4.0,
    ];

    /// The interpolation code 4 conditions solved as a linear system instead of by hand.
    fn normsys_twin(interpolation: NormSysInterpolation, lo: f64, hi: f64, alpha: f64) -> f64 {
        let exponential = |a: f64| if a >= 0.0 { hi.powf(a) } else { lo.powf(-a) };
        if alpha.abs() >= 1.0 || interpolation == NormSysInterpolation::PiecewiseExponential {
            return exponential(alpha);
        }
        let rows = |a: f64| {
            let value: Vec<f64> = (1..=6).map(|k| a.powi(k)).collect();
            let slope: Vec<f64> = (1..=6).map(|k| f64::from(k) * a.powi(k - 1)).collect();
            let curvature: Vec<f64> = (1..=6)
                .map(|k| f64::from(k * (k - 1)) * a.powi((k - 2).max(0)))
                .collect();
            [value, slope, curvature]
        };
        let matrix: Vec<f64> = [rows(1.0), rows(-1.0)].concat().concat();
        let right = nalgebra::DVector::from_vec(vec![
            hi - 1.0,
            hi * hi.ln(),
            hi * hi.ln().powi(2),
            lo - 1.0,
            -lo * lo.ln(),
            lo * lo.ln().powi(2),
        ]);
        let solution = nalgebra::DMatrix::from_row_slice(6, 6, &matrix)
            .lu()
            .solve(&right)
            .expect("regular");
        1.0 + (1..=6)
            .map(|k| solution[k - 1] * alpha.powi(k as i32))
            .sum::<f64>()
    }

    /// The published formulas as the change of one bin.
    fn histosys_twin(code: HistoSysInterpolation, (lo, nom, hi): (f64, f64, f64), a: f64) -> f64 {
        let (up, down) = (hi - nom, nom - lo);
        let line = if a >= 0.0 { a * up } else { a * down };
        match code {
            HistoSysInterpolation::PiecewiseLinear => line,
            HistoSysInterpolation::QuadraticLinear => {
                let (quadratic, linear) = (0.5 * (hi + lo) - nom, 0.5 * (hi - lo));
                if a > 1.0 {
                    (linear + 2.0 * quadratic) * (a - 1.0) + quadratic + linear
                } else if a < -1.0 {
                    (linear - 2.0 * quadratic) * (a + 1.0) + quadratic - linear
                } else {
                    quadratic * a * a + linear * a
                }
            }
            HistoSysInterpolation::PolynomialLinear => {
                if a.abs() > 1.0 {
                    return line;
                }
                let (s, t) = (0.5 * (up + down), (up - down) / 16.0);
                a * (s + a * t * (15.0 + a * a * (3.0 * a * a - 10.0)))
            }
        }
    }

    /// Central differences of a function, for derivatives away from kinks.
    fn differences(f: impl Fn(f64) -> f64, at: f64) -> (f64, f64) {
        let step = 1e-4;
        let (below, middle, above) = (f(at - step), f(at), f(at + step));
        (
            (above - below) / (2.0 * step),
            (above - 2.0 * middle + below) / (step * step),
        )
    }

    fn is_smooth(alpha: f64) -> bool {
        alpha != 0.0 && alpha.abs() != 1.0
    }

    #[test]
    fn normsys_equals_its_twin() {
        use NormSysInterpolation::*;
        for code in [PiecewiseExponential, PolynomialExponential] {
            for (lo, hi) in [(0.9, 1.2), (1.1, 0.8), (0.3, 0.4), (0.01, 3.0)] {
                let curve = NormSysCurve::new(code, lo, hi);
                for alpha in GRID {
                    let at = curve.at(alpha);
                    let twin = normsys_twin(code, lo, hi, alpha);
                    assert!((at.value - twin).abs() < 1e-12 * twin.abs().max(1.0));
                    if is_smooth(alpha) {
                        let (first, second) = differences(|a| curve.at(a).value, alpha);
                        let size = at.value.max(1.0) * lo.ln().abs().max(hi.ln().abs()).max(1.0);
                        assert!((at.first - first).abs() < 1e-4 * size, "{code:?} {alpha}");
                        assert!((at.second - second).abs() < 1e-2 * size, "{code:?} {alpha}");
                    }
                }
            }
        }
    }

    #[test]
    fn published_values() {
        let at = |code| NormSysCurve::new(code, 0.9, 1.2).at(0.5).value;
        assert!((at(NormSysInterpolation::PolynomialExponential) - 1.091618).abs() < 1e-6);
        assert!((at(NormSysInterpolation::PiecewiseExponential) - 1.095445).abs() < 1e-6);
        let (s, a) = histosys_slopes(100.0, 90.0, 120.0);
        let h = HistoSysInterpolation::PolynomialLinear.bend(0.5);
        assert!((0.5 * s + h.value * a - 9.482422).abs() < 1e-6);
    }

    #[test]
    fn polynomial_meets_the_exponentials_in_value_slope_and_curvature() {
        let curve = NormSysCurve::new(NormSysInterpolation::PolynomialExponential, 0.7, 1.4);
        for edge in [-1.0, 1.0] {
            let (outside, inside) = (curve.at(edge), curve.at(edge * (1.0 - 1e-13)));
            assert!((outside.value - inside.value).abs() < 1e-12);
            assert!((outside.first - inside.first).abs() < 1e-11);
            assert!((outside.second - inside.second).abs() < 1e-10);
        }
    }

    #[test]
    fn histosys_equals_its_twin() {
        use HistoSysInterpolation::*;
        for code in [PiecewiseLinear, QuadraticLinear, PolynomialLinear] {
            for (lo, nom, hi) in [(90.0, 100.0, 120.0), (5.0, 4.0, 6.0), (0.0, 0.0, 1.0)] {
                let (s, a) = histosys_slopes(nom, lo, hi);
                let delta = |alpha: f64| alpha * s + code.bend(alpha).value * a;
                for alpha in GRID {
                    let twin = histosys_twin(code, (lo, nom, hi), alpha);
                    assert!((delta(alpha) - twin).abs() < 1e-11, "{code:?} {alpha}");
                    if is_smooth(alpha) {
                        let h = code.bend(alpha);
                        let (first, second) = differences(delta, alpha);
                        assert!((s + h.first * a - first).abs() < 1e-3, "{code:?} {alpha}");
                        assert!((h.second * a - second).abs() < 1e-2, "{code:?} {alpha}");
                    }
                }
            }
        }
    }

    #[test]
    fn kinks_take_the_right_side_and_know_their_jump() {
        let curve = NormSysCurve::new(NormSysInterpolation::PiecewiseExponential, 0.9, 1.2);
        let (right, left) = (curve.at(0.0).first, curve.at(-1e-300).first);
        assert_eq!(right, 1.2f64.ln());
        assert!((right - left - curve.jump()).abs() < 1e-15);
        let code = HistoSysInterpolation::PiecewiseLinear;
        assert_eq!(code.bend(0.0).first - code.bend(-1e-300).first, code.jump());
    }
}
