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
