//! The parts together: a signal above a background with systematic uncertainties, as recorded.

use neyman::model::interpolation::{HistoSysInterpolation, NormSysInterpolation};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::reduce::{Constraint, Mixture, Wanted, reduce_lse};
use neyman::unbinned::yields::{Base, Modifier, Yield};
use neyman::unbinned::{EventTable, Observable, OutOfBounds};
use serde_json::Value;

use crate::{goldens, number, numbers};

/// NLL and gradient in mu_s, mean, width, slope, a1, a2: the chain rule over yields and densities.
fn likelihood(case: &Value, theta: &[f64]) -> (f64, Vec<f64>) {
    let bounds = numbers(&case["bounds"]);
    let mass = Observable::new("mass", bounds[0], bounds[1]).expect("a window");
    let weights = (!case["weights"].is_null()).then(|| numbers(&case["weights"]));
    let columns = vec![("mass".to_owned(), numbers(&case["x"]))];
    let table = EventTable::new(std::slice::from_ref(&mass), columns, weights, OutOfBounds::Error)
        .expect("a table");
    let (x, n) = (table.column("mass").expect("there"), table.n());

    let events = number(&case["base_sig"]);
    let signal = Yield {
        base: Base::Scaled { base: events, parameter: 0 },
        modifiers: vec![
            Modifier::weightsys(5, 0.92, 1.1, HistoSysInterpolation::PolynomialLinear)
                .expect("a modifier"),
        ],
    };
    let background = Yield {
        base: Base::Fixed(3.0 * events),
        modifiers: vec![
            Modifier::normsys(4, 0.85, 1.18, NormSysInterpolation::PolynomialExponential)
                .expect("a modifier"),
        ],
    };
    let (mut yields, mut slopes) = ([0.0; 2], [[0.0; 6]; 2]);
    for (p, y) in [signal, background].iter().enumerate() {
        yields[p] = y.at(theta, &mut slopes[p], &mut []).expect("a yield");
    }

    let mut log_p = vec![0.0; 2 * n];
    let (own, other) = log_p.split_at_mut(n);
    let mut shapes = vec![0.0; 3 * n];
    let (of_bell, of_slope) = shapes.split_at_mut(2 * n);
    Pdf::gaussian(&mass).log_prob_gradient(&theta[1..3], x, own, of_bell).expect("a bell");
    Pdf::exponential(&mass)
        .log_prob_gradient(&theta[3..4], x, other, of_slope)
        .expect("an exponential");

    let constraints = [4, 5].map(|k| Constraint { value: theta[k], center: 0.0, sigma: 1.0 });
    let mut in_log_p = vec![0.0; 2 * n];
    let wanted = Wanted { gradient: true, hessian: false, log_p_gradient: Some(&mut in_log_p) };
    let weights = table.weights();
    let mixture = Mixture {
        log_p: &log_p,
        yields: &yields,
        weights,
        constraints: &constraints,
        constant: 0.0,
    };
    let reduced = reduce_lse(&mixture, wanted).expect("a likelihood");

    let mut gradient: Vec<f64> =
        (0..6).map(|k| (0..2).map(|p| reduced.yield_gradient[p] * slopes[p][k]).sum()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    gradient[1] += dot(&in_log_p[..n], &shapes[..n]);
    gradient[2] += dot(&in_log_p[..n], &shapes[n..2 * n]);
    gradient[3] += dot(&in_log_p[n..], &shapes[2 * n..]);
    gradient[4] += reduced.constraint_gradient[0];
    gradient[5] += reduced.constraint_gradient[1];
    (reduced.nll, gradient)
}

#[test]
fn recorded_likelihoods_and_minima() {
    let Some(goldens) = goldens() else { return };
    let cases = goldens["models"].as_array().expect("cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        for point in case["points"].as_array().expect("points") {
            let theta = numbers(&point["params"]);
            let (nll, gradient) = likelihood(case, &theta);
            let exact = number(&point["nll"]);
            assert!((nll - exact).abs() < 1e-10 * exact.abs(), "{id} {theta:?}: {nll} {exact}");
            for (k, (a, b)) in gradient.iter().zip(numbers(&point["grad"])).enumerate() {
                assert!((a - b).abs() < 1e-9 * b.abs() + 1e-11, "{id} {theta:?} {k}: {a} {b}");
            }
        }
        let fit = &case["fit"];
        let (nll, gradient) = likelihood(case, &numbers(&fit["params"]));
        let exact = number(&fit["nll"]);
        assert!((nll - exact).abs() < 1e-10 * exact.abs(), "{id}: {nll} {exact}");
        assert!(gradient.iter().all(|g| g.abs() < 1e-8), "{id}: {gradient:?}");
    }
}
