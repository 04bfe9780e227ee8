//! Yields and weights: recorded factors and slopes, products against differences.

use neyman::model::interpolation::{HistoSysInterpolation, NormSysInterpolation};
use neyman::unbinned::yields::{Base, Modifier, WeightMorph, Yield};

use crate::{goldens, number, numbers};

fn additive(code: &str) -> Option<HistoSysInterpolation> {
    match code {
        "code0" => Some(HistoSysInterpolation::PiecewiseLinear),
        "code4p" => Some(HistoSysInterpolation::PolynomialLinear),
        _ => None,
    }
}

#[test]
fn recorded_factors() {
    let Some(goldens) = goldens() else { return };
    let cases = goldens["rate_modifiers"].as_array().expect("cases");
    assert_eq!(cases.len(), 16);
    for case in cases {
        let (lo, hi) = (number(&case["lo"]), number(&case["hi"]));
        let code = case["code"].as_str().expect("a code");
        let modifier = match code {
            "code1" => Modifier::normsys(0, lo, hi, NormSysInterpolation::PiecewiseExponential),
            "code4" => Modifier::normsys(0, lo, hi, NormSysInterpolation::PolynomialExponential),
            other => Modifier::weightsys(0, lo, hi, additive(other).expect("a code")),
        }
        .expect("a modifier");
        let slopes = case["dfactor"].as_array().expect("slopes");
        for ((alpha, factor), slope) in
            numbers(&case["alpha"]).iter().zip(numbers(&case["factor"])).zip(slopes)
        {
            let at = modifier.at(*alpha);
            assert!((at.value - factor).abs() < 1e-14 * factor.abs().max(1.0), "{code} {alpha}");
            // null: two slopes meet
            if let Some(slope) = slope.as_f64() {
                assert!((at.first - slope).abs() < 1e-13, "{code} {alpha}: {} {slope}", at.first);
            }
        }
    }
}

#[test]
fn recorded_weights() {
    let Some(goldens) = goldens() else { return };
    let cases = goldens["weight_morph"].as_array().expect("cases");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let rows = |name: &str| -> Vec<Vec<f64>> {
            case[name].as_array().expect("rows").iter().map(numbers).collect()
        };
        let (nominal, up, down) = (numbers(&case["nominal"]), rows("up"), rows("down"));
        let variations: Vec<(&[f64], &[f64])> =
            down.iter().zip(&up).map(|(d, u)| (&d[..], &u[..])).collect();
        let interpolation = additive(case["code"].as_str().expect("a code")).expect("a code");
        let morph = WeightMorph { nominal: &nominal, variations: &variations, interpolation };
        let alphas = numbers(&case["alpha"]);
        let n = nominal.len();
        let (mut out, mut gradient) = (vec![0.0; n], vec![0.0; 2 * n]);
        morph.at(&alphas, &mut out, &mut gradient).expect("weights");
        for (a, b) in out.iter().zip(numbers(&case["w"])) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
        for k in 0..2 {
            // a step to the right, where slopes at a kink are those of that side
            let mut moved = alphas.clone();
            moved[k] += 1e-7;
            let mut there = vec![0.0; n];
            morph.at(&moved, &mut there, &mut []).expect("weights");
            for i in 0..n {
                let slope = (there[i] - out[i]) / 1e-7;
                assert!(
                    (slope - gradient[k * n + i]).abs() < 1e-6,
                    "{slope} {}",
                    gradient[k * n + i]
                );
            }
        }
        assert!(morph.at(&alphas[..1], &mut out, &mut gradient).is_err());
        assert!(morph.at(&alphas, &mut out[1..], &mut gradient).is_err());
    }
}

/// Signal strength, a parameter with two modifiers, another one: value, gradient and Hessian.
fn signal() -> Yield {
    let modifiers = vec![
        Modifier::normsys(1, 0.85, 1.18, NormSysInterpolation::default()).expect("a modifier"),
        Modifier::weightsys(1, 0.95, 1.1, HistoSysInterpolation::default()).expect("a modifier"),
        Modifier::weightsys(3, 0.92, 1.1, HistoSysInterpolation::default()).expect("a modifier"),
    ];
    Yield { base: Base::Scaled { base: 30.0, parameter: 0 }, modifiers }
}

#[test]
fn products_and_their_derivatives() {
    let yields = [
        signal(),
        Yield { base: Base::Fixed(7.5), ..signal() },
        Yield { base: Base::Parameter(2), ..signal() },
        Yield { base: Base::Parameter(1), modifiers: vec![] },
    ];
    for (y, theta) in yields.iter().zip([
        [0.0, 0.4, 9.0, -0.7],
        [1.3, -2.4, 9.0, 0.3],
        [1.3, 0.9, 9.0, 2.0],
        [1.3, 0.9, 9.0, 2.0],
    ]) {
        let at = |theta: &[f64]| {
            let (mut gradient, mut hessian) = (vec![9.0; 4], vec![9.0; 10]);
            let value = y.at(theta, &mut gradient, &mut hessian).expect("a yield");
            assert_eq!(y.at(theta, &mut [], &mut []).expect("a yield"), value);
            (value, gradient, hessian)
        };
        let here = at(&theta);
        for k in 0..4 {
            // at a signal strength of 0 to the right alone
            let (up_by, down_by) = if theta[k] == 0.0 { (2e-6, 0.0) } else { (1e-6, 1e-6) };
            let moved = |by: f64| {
                let mut theta = theta;
                theta[k] += by;
                at(&theta)
            };
            let (up, down) = (moved(up_by), moved(-down_by));
            let slope = |a: f64, b: f64| (a - b) / 2e-6;
            assert!((slope(up.0, down.0) - here.1[k]).abs() < 1e-6, "{k}: {here:?}");
            for l in 0..4 {
                let (row, column) = (k.max(l), k.min(l));
                let exact = here.2[row * (row + 1) / 2 + column];
                let slope = slope(up.1[l], down.1[l]);
                assert!((slope - exact).abs() < 1e-5, "{k} {l}: {slope} {exact}");
            }
        }
    }
    // the gradient at a signal strength of 0 is what a signal would add
    let mut gradient = vec![0.0; 4];
    assert_eq!(signal().at(&[0.0; 4], &mut gradient, &mut []).expect("a yield"), 0.0);
    assert_eq!(gradient, [30.0, 0.0, 0.0, 0.0]);
}

#[test]
fn bad_yields_are_told() {
    let refused = |y: Yield, theta: &[f64], says: &str| {
        let error = y.at(theta, &mut [], &mut []).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(signal(), &[-1.0, 0.0, 0.0, 0.0], "expected number of events is -30");
    refused(signal(), &[1.0, f64::NAN, 0.0, 0.0], "parameter 1 is NaN");
    refused(signal(), &[1.0, 0.0], "follows parameter 3, but 2 parameters");
    assert!(signal().at(&[1.0, 0.0, 0.0, 0.0], &mut [0.0], &mut []).is_err());
    for (lo, hi) in [(0.0, 1.1), (0.9, f64::INFINITY), (f64::NAN, 1.0)] {
        assert!(Modifier::normsys(0, lo, hi, NormSysInterpolation::default()).is_err());
    }
    assert!(Modifier::weightsys(0, -0.1, 1.0, HistoSysInterpolation::default()).is_err());
}
