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

/// A function of alpha with its first three derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Derivatives {
    /// Value.
    pub value: f64,
    /// First derivative.
    pub first: f64,
    /// Second derivative.
    pub second: f64,
    /// Third derivative.
    pub third: f64,
}

impl Derivatives {
    /// Alpha itself.
    pub fn linear(alpha: f64) -> Self {
        Self { value: alpha, first: 1.0, ..Self::default() }
    }
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
        Self { interpolation, ln_lo, ln_hi, coefficients: polynomial(lo, hi, ln_lo, ln_hi) }
    }

    /// Factor and derivatives at alpha; at a kink, those of the side alpha >= 0.
    pub fn at(&self, alpha: f64) -> Derivatives {
        let piecewise = self.interpolation == NormSysInterpolation::PiecewiseExponential;
        if alpha >= 1.0 || (piecewise && alpha >= 0.0) {
            exponential(alpha, self.ln_hi)
        } else if alpha <= -1.0 || piecewise {
            exponential(alpha, -self.ln_lo)
        } else {
            let mut at = Derivatives::default();
            // Horner's scheme for value, p', p''/2 and p'''/6 together.
            for &coefficient in self.coefficients.iter().rev().chain(&[1.0]) {
                at.third = at.third * alpha + at.second;
                at.second = at.second * alpha + at.first;
                at.first = at.first * alpha + at.value;
                at.value = at.value * alpha + coefficient;
            }
            at.second *= 2.0;
            at.third *= 6.0;
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

/// `exp(alpha ln_factor)`.
fn exponential(alpha: f64, ln_factor: f64) -> Derivatives {
    let value = exp(alpha * ln_factor);
    let first = value * ln_factor;
    let second = first * ln_factor;
    Derivatives { value, first, second, third: second * ln_factor }
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
        let straight =
            Derivatives { value: 8.0 * alpha.abs(), first: 8.0 * side, ..Default::default() };
        let inside = alpha.abs() <= 1.0;
        match self {
            Self::PolynomialLinear if inside => {
                let square = alpha * alpha;
                Derivatives {
                    value: square * (15.0 + square * (-10.0 + 3.0 * square)),
                    first: alpha * (30.0 + square * (-40.0 + 18.0 * square)),
                    second: 30.0 + square * (-120.0 + 90.0 * square),
                    third: alpha * (-240.0 + 360.0 * square),
                }
            }
            Self::QuadraticLinear if inside => Derivatives {
                value: 8.0 * alpha * alpha,
                first: 16.0 * alpha,
                second: 16.0,
                third: 0.0,
            },
            Self::QuadraticLinear => Derivatives {
                value: 8.0 * (2.0 * alpha.abs() - 1.0),
                first: 16.0 * side,
                ..Default::default()
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
mod tests;
