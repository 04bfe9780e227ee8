//! Densities: recorded values and gradients, Hessians against differences, integrals, edges.

use neyman::unbinned::Observable;
use neyman::unbinned::pdf::Pdf;
use serde_json::Value;

use crate::{goldens, number, numbers};

fn window(lo: f64, hi: f64) -> Observable {
    Observable::new("x", lo, hi).expect("a window")
}

/// A density of the goldens and its parameters in order.
fn from_golden(case: &Value) -> (Pdf, Vec<f64>) {
    let bounds = numbers(&case["bounds"]);
    let observable = window(bounds[0], bounds[1]);
    let parameters = &case["params"];
    let list = |name: &str| numbers(&parameters[name]);
    let pdf = match case["type"].as_str().expect("a type") {
        "gaussian" => Pdf::gaussian(&observable),
        "exponential" => Pdf::exponential(&observable),
        "crystal_ball" => Pdf::crystal_ball(&observable),
        "double_crystal_ball" if parameters.get("sigma").is_some() => {
            Pdf::double_crystal_ball(&observable)
        }
        "double_crystal_ball" => Pdf::asymmetric_crystal_ball(&observable),
        "chebyshev" => Pdf::chebyshev(&observable, list("c").len()).expect("an order"),
        "polynomial" => Pdf::polynomial(&observable, list("a").len() - 1).expect("an order"),
        "bernstein" => Pdf::bernstein(&observable, list("c").len() - 1).expect("an order"),
        "argus" => Pdf::argus(&observable).expect("a window"),
        "voigtian" => Pdf::voigtian(&observable),
        "breit_wigner" => Pdf::breit_wigner(&observable),
        "lognormal" => Pdf::lognormal(&observable).expect("a window"),
        "uniform" => Pdf::uniform(&observable),
        "histogram" => {
            Pdf::histogram(&observable, &list("edges"), &list("contents")).expect("bins")
        }
        "kde" => {
            let bandwidth = number(&parameters["bandwidth"]);
            Pdf::kde(&observable, &list("centers"), Some(&list("weights")), bandwidth)
                .expect("kernels")
        }
        other => panic!("{other}"),
    };
    let value = |name: &String| match name.split_once('[') {
        Some((list, index)) => {
            let index: usize = index.trim_end_matches(']').parse().expect("an index");
            number(&parameters[list][index])
        }
        None => number(&parameters[name]),
    };
    let theta = pdf.parameter_names().iter().map(value).collect();
    (pdf, theta)
}

/// Values, gradient and Hessian, in the layout of the library.
fn all(pdf: &Pdf, theta: &[f64], x: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (k, n) = (theta.len(), x.len());
    let (mut value, mut gradient) = (vec![0.0; n], vec![0.0; k * n]);
    let mut hessian = vec![0.0; k * (k + 1) / 2 * n];
    pdf.log_prob_hessian(theta, &[x], &mut value, &mut gradient, &mut hessian)
        .unwrap_or_else(|e| panic!("{e}"));
    (value, gradient, hessian)
}

fn log_prob(pdf: &Pdf, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    pdf.log_prob(theta, &[x], &mut out).unwrap_or_else(|e| panic!("{e}"));
    out
}

#[test]
fn recorded_values_and_gradients() {
    let Some(goldens) = goldens() else { return };
    let cases = goldens["pdfs"].as_array().expect("cases");
    assert_eq!(cases.len(), 28);
    let mut told = Vec::new();
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        let (pdf, theta) = from_golden(case);
        let (x, golden) = (numbers(&case["x"]), numbers(&case["logp"]));
        let loose = ["gauss_far", "cb_n_near_1"].contains(&id) || id.starts_with("voigt");
        let tolerance = if loose { 1e-10 } else { 1e-12 };
        let (value, gradient, _) = all(&pdf, &theta, &x);
        for ((x, a), b) in x.iter().zip(&value).zip(&golden) {
            if (a - b).abs() > tolerance + 1e-13 * b.abs() {
                told.push(format!("{id} at {x}: {a} {b} {:e}", a - b));
            }
        }
        // fewer derivatives, the same bits
        assert_eq!(log_prob(&pdf, &theta, &x), value, "{id}");
        let (mut again, mut slopes) = (value.clone(), vec![0.0; gradient.len()]);
        pdf.log_prob_gradient(&theta, &[&x], &mut again, &mut slopes).expect("good parameters");
        assert_eq!((&again, &slopes), (&value, &gradient), "{id}");
        let Some(recorded) = case["dlogp"].as_object() else { continue };
        assert_eq!(recorded.len(), theta.len(), "{id}");
        for (k, name) in pdf.parameter_names().iter().enumerate() {
            // recorded with a finite step across m0 = hi, where the slope is a limit: `argus_at_its_end`
            if case["type"] == "argus" && name == "m0" {
                continue;
            }
            for (i, b) in numbers(&recorded[name]).iter().enumerate() {
                let a = gradient[k * x.len() + i];
                if (a - b).abs() > 1e-12 + 1e-9 * b.abs() {
                    told.push(format!("{id} d/d{name} at {}: {a} {b}", x[i]));
                }
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// The slope in m0 at m0 = hi, where the power's own slope diverges: mpmath, one-sided differences of
/// steps from 1e-6 to 1e-16, which agree from both sides.
#[test]
fn argus_at_its_end() {
    let pdf = Pdf::argus(&window(5.2, 5.289)).expect("a window");
    let cases = [
        ([5.289, -20.217778, 0.5], -14.637_671_799_560_8),
        ([5.289, -12.530302, 0.43313], -13.350_721_076_394_2),
    ];
    for (theta, exact) in cases {
        let (_, gradient, _) = all(&pdf, &theta, &[5.2]);
        assert!((gradient[0] - exact).abs() < 1e-11, "{} {exact}", gradient[0]);
    }
}

/// Every case of the goldens and a few of our own: both derivatives against differences of the one before.
#[test]
fn hessians_are_slopes_of_gradients() {
    let recorded = goldens()
        .map_or(Vec::new(), |mut g| g["pdfs"].as_array_mut().map(std::mem::take).expect("cases"));
    let w = || window(60.0, 120.0);
    let own = [
        (Pdf::gaussian(&w()), vec![300.0, 5.0]),
        (Pdf::gaussian(&w()), vec![90.0, 400.0]),
        (Pdf::exponential(&w()), vec![1e-5]),
        (Pdf::crystal_ball(&w()), vec![60.0, 2.0, 1.5, 1.0]),
        (Pdf::crystal_ball(&w()), vec![120.0, 2.0, 1.5, 0.5]),
        (Pdf::double_crystal_ball(&w()), vec![150.0, 4.0, 1.0, 2.0, 1.0, 3.0]),
        (Pdf::voigtian(&w()), vec![40.0, 2.0, 1e-3]),
        (Pdf::voigtian(&w()), vec![90.0, 0.1, 5.0]),
        (Pdf::breit_wigner(&w()), vec![20.0, 0.3]),
        (Pdf::argus(&w()).expect("a window"), vec![100.0, 3.0, 1.5]),
        (Pdf::argus(&w()).expect("a window"), vec![150.0, -300.0, 0.2]),
        (Pdf::lognormal(&window(0.0, 10.0)).expect("a window"), vec![0.5, 0.8]),
    ];
    let recorded: Vec<_> = recorded.iter().map(from_golden).collect();
    for (pdf, theta) in recorded.into_iter().chain(own) {
        let kind = pdf.kind();
        let (lo, hi) = match kind {
            "argus" if theta[0] < 6.0 => (5.2, 5.28),
            "argus" => (60.0, 99.0),
            "lognormal" if theta[0] < 1.0 => (0.1, 10.0),
            _ => (60.0, 120.0),
        };
        let x: Vec<f64> = (0..7).map(|i| lo + (hi - lo) * (f64::from(i) + 0.37) / 7.0).collect();
        let n = x.len();
        let (_, gradient, hessian) = all(&pdf, &theta, &x);
        for k in 0..theta.len() {
            // m0 at the window's end: a step up moves the support
            if kind == "argus" && k == 0 && theta[0] == 5.289 {
                continue;
            }
            let step = 1e-5 * theta[k].abs().max(1e-3);
            let at = |sign: f64| {
                let mut theta = theta.clone();
                theta[k] += sign * step;
                all(&pdf, &theta, &x)
            };
            let (up, down) = (at(1.0), at(-1.0));
            for i in 0..n {
                let near = |slope: f64, exact: f64, size: f64, what: &str| {
                    // rounding of the two ends, and the step's own error
                    let tolerance = 1e-5 * exact.abs() + 1e-9 + 4e-15 * size / step;
                    let gap = (slope - exact).abs();
                    assert!(
                        gap <= tolerance,
                        "{kind} {theta:?} {what} {k} at {}: {slope} {exact}",
                        x[i]
                    );
                };
                let slope = (up.0[i] - down.0[i]) / (2.0 * step);
                near(slope, gradient[k * n + i], 10.0 * up.0[i].abs() + 10.0, "gradient");
                for l in 0..theta.len() {
                    let (row, column) = (k.max(l), k.min(l));
                    let exact = hessian[(row * (row + 1) / 2 + column) * n + i];
                    let slope = (up.1[l * n + i] - down.1[l * n + i]) / (2.0 * step);
                    // second order in a tail where terms of order 1 cancel
                    let floor = if kind == "voigtian" { 0.3 } else { 1e-3 };
                    let size = 1e3 * (up.1[l * n + i].abs() + floor);
                    near(slope, exact, size, "hessian");
                }
            }
        }
    }
}

/// Simpson's rule over the window, fine enough for the shapes here.
fn integral(pdf: &Pdf, theta: &[f64], lo: f64, hi: f64) -> f64 {
    let n = 60_000;
    let x: Vec<f64> =
        (0..=n).map(|i| (lo + (hi - lo) * f64::from(i) / f64::from(n)).min(hi)).collect();
    let terms = log_prob(pdf, theta, &x).into_iter().enumerate().map(|(i, log)| {
        let weight =
            if i == 0 || i == n as usize { 1.0 } else { f64::from(2 + 2 * (i as u32 % 2)) };
        weight * log.exp()
    });
    terms.sum::<f64>() * (hi - lo) / f64::from(n) / 3.0
}

#[test]
fn densities_integrate_to_one() {
    let w = || window(60.0, 120.0);
    let cases = [
        (Pdf::gaussian(&w()), vec![89.5, 2.6], 1e-10),
        (Pdf::gaussian(&w()), vec![140.0, 3.0], 1e-10),
        (Pdf::gaussian(&w()), vec![90.0, 1e4], 1e-10),
        (Pdf::gaussian(&w()), vec![61.0, 70.0], 1e-10),
        (Pdf::exponential(&w()), vec![-0.04], 1e-10),
        (Pdf::exponential(&w()), vec![0.0], 1e-10),
        (Pdf::exponential(&w()), vec![0.9], 1e-9),
        (Pdf::crystal_ball(&w()), vec![90.0, 2.0, 1.3, 1.0], 1e-8),
        (Pdf::crystal_ball(&w()), vec![90.0, 2.0, 1.3, 0.7], 1e-8),
        (Pdf::crystal_ball(&w()), vec![90.0, 2.0, 1.2, 150.0], 1e-8),
        (Pdf::crystal_ball(&w()), vec![50.0, 6.0, 1.2, 3.0], 1e-8),
        (Pdf::crystal_ball(&w()), vec![150.0, 6.0, 1.2, 3.0], 1e-8),
        (Pdf::double_crystal_ball(&w()), vec![90.0, 1.6, 1.4, 2.5, 1.4, 3.4], 1e-8),
        (Pdf::double_crystal_ball(&w()), vec![30.0, 1.6, 1.4, 2.5, 1.4, 3.4], 1e-8),
        (Pdf::asymmetric_crystal_ball(&w()), vec![91.0, 1.3, 3.5, 1.1, 2.5, 1.7, 4.0], 1e-8),
        (Pdf::chebyshev(&w(), 3).expect("an order"), vec![-0.3, -0.1, 0.1], 1e-10),
        (Pdf::polynomial(&w(), 2).expect("an order"), vec![262.0, -0.9, 0.003], 1e-10),
        (Pdf::bernstein(&w(), 3).expect("an order"), vec![0.0, 0.3, 1.2, 1.0], 1e-10),
        (Pdf::argus(&w()).expect("a window"), vec![130.0, -3.0, 0.5], 1e-9),
        (Pdf::argus(&w()).expect("a window"), vec![100.0, 5.0, 2.5], 1e-9),
        (Pdf::voigtian(&w()), vec![90.0, 2.2, 1.5], 1e-10),
        (Pdf::voigtian(&w()), vec![90.0, 2.0, 1e-6], 1e-10),
        (Pdf::voigtian(&w()), vec![90.0, 0.01, 2.0], 1e-10),
        (Pdf::voigtian(&w()), vec![20.0, 1.0, 0.5], 1e-10),
        (Pdf::breit_wigner(&w()), vec![90.0, 3.4], 1e-10),
        (Pdf::breit_wigner(&w()), vec![200.0, 0.1], 1e-10),
        (Pdf::lognormal(&window(0.0, 10.0)).expect("a window"), vec![0.5, 0.8], 1e-9),
        (Pdf::kde(&w(), &[70.0, 50.0, 95.0], None, 2.0).expect("kernels"), vec![], 1e-9),
        (Pdf::uniform(&w()), vec![], 1e-12),
    ];
    for (pdf, theta, tolerance) in cases {
        let (lo, hi) = if theta == [0.5, 0.8] { (0.0, 10.0) } else { (60.0, 120.0) };
        let total = integral(&pdf, &theta, lo, hi);
        assert!((total - 1.0).abs() < tolerance, "{} {theta:?}: {total}", pdf.kind());
    }
    // edges that stick out of the window and stop short of it
    let edges = [0.0, 70.0, 80.0, 100.0];
    let pdf = Pdf::histogram(&w(), &edges, &[7.0, 0.0, 4.0]).expect("bins");
    let logs = log_prob(&pdf, &[], &[60.0, 70.0, 75.0, 80.0, 100.0, 101.0]);
    let total = 10.0 * logs[0].exp() + 20.0 * logs[3].exp();
    assert!((total - 1.0).abs() < 1e-15);
    assert_eq!(logs[1..3], [f64::NEG_INFINITY; 2]);
    assert_eq!((logs[4], logs[5]), (logs[3], f64::NEG_INFINITY));
}

/// Where others go wrong: far from the peak, flat, at n = 1 and beyond n = 150.
#[test]
fn edges_are_limits() {
    let w = || window(60.0, 120.0);
    let x = [60.0, 75.0, 119.0];
    // a far bell is an exponential of the slope at the near edge
    let far = all(&Pdf::gaussian(&w()), &[1e6, 100.0], &x);
    let steep = log_prob(&Pdf::exponential(&w()), &[(1e6 - 120.0) / 1e4], &x);
    for (i, b) in steep.iter().enumerate() {
        // the bell's own curvature over the distance to the edge
        let bend = (120.0 - x[i]).powi(2) / 2e4;
        assert!((far.0[i] + bend - b).abs() < 1e-3, "{} {b}", far.0[i]);
    }
    assert!(
        far.1[0] < 0.0 && far.1[2] > -1e-2,
        "a farther peak makes low events rarer: {:?}",
        far.1
    );
    // the slope at lambda -> 0 is the distance from the middle
    for lambda in [0.0, 1e-300, 1e-12, -1e-12] {
        let (_, slopes, bends) = all(&Pdf::exponential(&w()), &[lambda], &x);
        for i in 0..3 {
            assert!((slopes[i] - (x[i] - 90.0)).abs() < 1e-8, "{slopes:?}");
            assert!((bends[i] + 300.0).abs() < 1e-6, "-width^2 / 12: {bends:?}");
        }
    }
    // n -> 1 from both sides, and at 1
    let near_one = |n: f64| all(&Pdf::crystal_ball(&w()), &[90.0, 2.0, 1.5, n], &x);
    let at = near_one(1.0);
    for n in [1.0 - 1e-9, 1.0 + 1e-9, 1.0 + 1e-13] {
        let (value, gradient, _) = near_one(n);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7);
        assert!(close(&value, &at.0) && close(&gradient, &at.1), "{n}");
    }
    // n -> infinity: an exponential tail
    let (value, gradient, _) = all(&Pdf::crystal_ball(&w()), &[90.0, 2.0, 1.2, 1e9], &x);
    assert!((value[0] - value[1] - -1.2 * 15.0 / 2.0).abs() < 1e-5, "{value:?}");
    assert!(gradient[3 * 3..].iter().all(|g| g.abs() < 1e-12));
    // a narrow Lorentzian in a Voigtian's tail is Lorentzian
    let tail = log_prob(&Pdf::voigtian(&w()), &[90.0, 0.5, 1e-4], &[70.0, 110.0]);
    let lorentzian = log_prob(&Pdf::breit_wigner(&w()), &[90.0, 2e-4], &[70.0, 110.0]);
    for (a, b) in tail.iter().zip(lorentzian) {
        assert!((a - b).abs() < 3e-3, "{a} {b}");
    }
}

/// Every combination of extreme parameters ends, and in numbers or an error that says so.
#[test]
fn extreme_parameters_end() {
    let w = || window(60.0, 120.0);
    let pdfs = [
        Pdf::gaussian(&w()),
        Pdf::exponential(&w()),
        Pdf::crystal_ball(&w()),
        Pdf::chebyshev(&w(), 2).expect("an order"),
        Pdf::polynomial(&w(), 2).expect("an order"),
        Pdf::bernstein(&w(), 2).expect("an order"),
        Pdf::argus(&w()).expect("a window"),
        Pdf::voigtian(&w()),
        Pdf::breit_wigner(&w()),
        Pdf::lognormal(&w()).expect("a window"),
    ];
    let values = [0.0, -1.0, 1e-300, 1e-12, 0.3, 1.1, 60.0, 90.0, 120.0, 1e5, -1e5, 1e150, 1e300];
    let x = [60.0, 60.1, 90.0, 111.1, 120.0];
    for pdf in pdfs {
        let k = pdf.parameter_names().len();
        let mut fine = 0;
        for mut at in 0..values.len().pow(k as u32) {
            let mut theta = vec![0.0; k];
            for t in &mut theta {
                *t = values[at % values.len()];
                at /= values.len();
            }
            let (mut value, mut gradient) = (vec![0.0; 5], vec![0.0; 5 * k]);
            if pdf.log_prob_gradient(&theta, &[&x], &mut value, &mut gradient).is_ok() {
                fine += 1;
                let numbers = value.iter().all(|v| *v < f64::INFINITY)
                    && gradient.iter().all(|g| !g.is_nan());
                assert!(numbers, "{} {theta:?}: {value:?} {gradient:?}", pdf.kind());
            }
        }
        assert!(fine > 0, "{}", pdf.kind());
    }
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let w = || window(60.0, 120.0);
    let refused = |pdf: &Pdf, theta: &[f64], says: &str| {
        let error = pdf.log_prob(theta, &[&[90.0]], &mut [0.0]).expect_err("refused").to_string();
        assert!(error.contains(says) && error.starts_with(pdf.kind()), "{error}");
    };
    refused(&Pdf::gaussian(&w()), &[90.0, 0.0], "sigma = 0");
    refused(&Pdf::gaussian(&w()), &[90.0, -1.0], "above 0 and finite");
    refused(&Pdf::gaussian(&w()), &[f64::NAN, 1.0], "mu = NaN");
    refused(&Pdf::gaussian(&w()), &[90.0], "1 value for 2 parameters: mu, sigma");
    refused(&Pdf::exponential(&w()), &[f64::INFINITY], "lambda = inf");
    refused(&Pdf::crystal_ball(&w()), &[90.0, 2.0, -1.5, 2.0], "alpha = -1.5");
    refused(&Pdf::crystal_ball(&w()), &[90.0, 2.0, 1.5, 0.0], "n = 0");
    let asymmetric = Pdf::asymmetric_crystal_ball(&w());
    refused(&asymmetric, &[90.0, 2.0, 0.0, 1.0, 2.0, 1.0, 2.0], "sigma_r = 0");
    refused(&Pdf::voigtian(&w()), &[90.0, 1.0, 0.0], "gamma = 0");
    refused(&Pdf::voigtian(&w()), &[90.0, 1e-12, 1.0], "breit_wigner");
    refused(&Pdf::breit_wigner(&w()), &[90.0, -1.0], "gamma = -1");
    refused(&Pdf::argus(&w()).expect("a window"), &[60.0, 1.0, 0.5], "m0 = 60");
    refused(&Pdf::argus(&w()).expect("a window"), &[100.0, 1.0, -1.0], "p = -1");
    refused(&Pdf::chebyshev(&w(), 1).expect("an order"), &[-1.5], "negative");
    refused(&Pdf::polynomial(&w(), 0).expect("an order"), &[0.0], "above 0");
    refused(&Pdf::bernstein(&w(), 2).expect("an order"), &[1.0, -5.0, 1.0], "negative");
    let nan = Pdf::uniform(&w()).log_prob(&[], &[&[90.0, f64::NAN]], &mut [0.0; 2]);
    assert!(nan.expect_err("refused").to_string().contains("event 1: x is NaN"));
    let room = Pdf::uniform(&w()).log_prob(&[], &[&[90.0]], &mut [0.0; 2]);
    assert!(room.expect_err("refused").to_string().contains("room for 2 values"));
    assert!(Pdf::argus(&window(-1.0, 1.0)).is_err() && Pdf::lognormal(&window(-1.0, 1.0)).is_err());
    assert!(Pdf::chebyshev(&w(), 0).is_err() && Pdf::bernstein(&w(), 65).is_err());
    assert!(Pdf::histogram(&w(), &[60.0, 60.0], &[1.0]).is_err());
    assert!(Pdf::histogram(&w(), &[0.0, 10.0], &[1.0]).is_err());
    assert!(Pdf::histogram(&w(), &[60.0, 120.0], &[-1.0]).is_err());
    assert!(Pdf::kde(&w(), &[], None, 1.0).is_err() && Pdf::kde(&w(), &[1.0], None, 0.0).is_err());
    // outside the window there is nothing
    let logs = log_prob(&Pdf::gaussian(&w()), &[90.0, 2.0], &[59.0, 121.0]);
    assert_eq!(logs, [f64::NEG_INFINITY; 2]);
}
