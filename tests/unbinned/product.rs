//! Densities of several observables that are products: sums of logarithms, blocks of derivatives, models of them.

use neyman::fit::Status;
use neyman::unbinned::events::{EventTable, OutOfBounds};
use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::{Base, Yield};
use neyman::unbinned::{Observable, UnbinnedModel};

fn observables() -> [Observable; 3] {
    [("mass", 60.0, 120.0), ("pt", 0.0, 200.0), ("eta", -2.5, 2.5)]
        .map(|(name, lo, hi)| Observable::new(name, lo, hi).expect("a window"))
}

/// Of three observables, nested, one factor without parameters.
fn product() -> (Pdf, [Pdf; 3]) {
    let [mass, pt, eta] = observables();
    let parts = [Pdf::gaussian(&mass), Pdf::uniform(&eta), Pdf::exponential(&pt)];
    let [a, b, c] = parts.clone();
    let inner = Pdf::product(vec![b, c]).expect("a product");
    (Pdf::product(vec![a, inner]).expect("a product"), parts)
}

const THETA: [f64; 3] = [91.0, 4.0, -0.02];
const X: [[f64; 4]; 3] =
    [[90.0, 63.0, 119.0, 90.0], [0.3, -2.5, 1.0, 2.6], [3.0, 170.0, 44.0, 20.0]];

#[test]
fn logarithms_add_up_and_derivatives_are_blocks() {
    let (pdf, parts) = product();
    assert_eq!(pdf.kind(), "product");
    assert_eq!(pdf.parameter_names(), ["mass.mu", "mass.sigma", "pt.lambda"]);
    let names: Vec<_> = pdf.observables().iter().map(Observable::name).collect();
    assert_eq!(names, ["mass", "eta", "pt"]);
    let x: Vec<&[f64]> = X.iter().map(|x| &x[..]).collect();
    let n = 4;
    let (mut value, mut gradient, mut hessian) = (vec![0.0; n], vec![9.0; 3 * n], vec![9.0; 6 * n]);
    pdf.log_prob_hessian(&THETA, &x, &mut value, &mut gradient, &mut hessian).expect("values");
    let mut sum = vec![0.0; n];
    let mut own = vec![0.0; n];
    for (part, (theta, x)) in parts.iter().zip([&THETA[..2], &[], &THETA[2..]].into_iter().zip(&x))
    {
        part.log_prob(theta, &[x], &mut own).expect("values");
        sum.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
    }
    assert_eq!(value, sum);
    assert_eq!(value[3], f64::NEG_INFINITY, "eta is outside");
    let (mut g, mut h) = (vec![0.0; 2 * n], vec![0.0; 3 * n]);
    parts[0].log_prob_hessian(&THETA[..2], &x[..1], &mut own, &mut g, &mut h).expect("values");
    let (mut g2, mut h2) = (vec![0.0; n], vec![0.0; n]);
    parts[2].log_prob_hessian(&THETA[2..], &x[2..], &mut own, &mut g2, &mut h2).expect("values");
    for i in 0..3 {
        assert_eq!([gradient[i], gradient[n + i], gradient[2 * n + i]], [g[i], g[n + i], g2[i]]);
        let bends = [0, 1, 2, 3, 4, 5].map(|at| hessian[at * n + i]);
        assert_eq!(bends, [h[i], h[n + i], h[2 * n + i], 0.0, 0.0, h2[i]]);
    }
    assert!(
        (0..3).all(|k| gradient[k * n + 3] == 0.0) && (0..6).all(|k| hessian[k * n + 3] == 0.0)
    );
    // fewer derivatives, the same bits
    let mut again = vec![0.0; n];
    pdf.log_prob(&THETA, &x, &mut again).expect("values");
    assert_eq!(again, value);
    let mut slopes = vec![0.0; 3 * n];
    pdf.log_prob_gradient(&THETA, &x, &mut again, &mut slopes).expect("values");
    assert_eq!((again, slopes), (value, gradient));
}

#[test]
fn the_integral_is_one() {
    let [mass, pt, _] = observables();
    let two = vec![Pdf::gaussian(&mass), Pdf::exponential(&pt)];
    let pdf = Pdf::product(two).expect("a product");
    // Simpson's rule on a grid
    let n = 400;
    let axis = |lo: f64, hi: f64| {
        let step = (hi - lo) / f64::from(n);
        let weight = |i: i32| if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        (0..=n).map(move |i| ((lo + step * f64::from(i)).min(hi), weight(i) * step / 3.0))
    };
    let (mut m, mut p, mut weights) = (vec![], vec![], vec![]);
    for (x, a) in axis(60.0, 120.0) {
        for (y, b) in axis(0.0, 200.0) {
            m.push(x);
            p.push(y);
            weights.push(a * b);
        }
    }
    let mut logs = vec![0.0; m.len()];
    pdf.log_prob(&THETA, &[&m, &p], &mut logs).expect("values");
    let total: f64 = logs.iter().zip(&weights).map(|(l, w)| w * l.exp()).sum();
    assert!((total - 1.0).abs() < 1e-8, "{total}");
}

#[test]
fn bad_products_are_refused() {
    let [mass, pt, _] = observables();
    let refused = |factors: Vec<Pdf>, says: &str| {
        let error = Pdf::product(factors).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(vec![], "a density at least");
    refused(
        vec![Pdf::gaussian(&mass), Pdf::exponential(&mass)],
        "two of its densities are of \"mass\"",
    );
    let inner = Pdf::product(vec![Pdf::gaussian(&mass), Pdf::uniform(&pt)]).expect("a product");
    refused(vec![Pdf::uniform(&pt), inner.clone()], "two of its densities are of \"pt\"");
    let at = |theta: &[f64], x: &[&[f64]], says: &str| {
        let error = inner.log_prob(theta, x, &mut [0.0]).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    };
    at(&[91.0, -1.0], &[&[90.0], &[5.0]], "product: gaussian: sigma = -1");
    at(&[91.0, 1.0], &[&[90.0], &[f64::NAN]], "product: uniform: event 0: x is NaN");
    at(&[91.0], &[&[90.0], &[5.0]], "1 value for 2 parameters: mass.mu, mass.sigma");
    at(&[91.0, 1.0], &[&[90.0]], "2 columns needed");
}

/// Of independent observables: the fit of the product is that of each by itself.
#[test]
fn fits_of_products() {
    let [mass, pt, _] = observables();
    let n = 2000;
    // two sequences that know nothing of each other
    let spread = |step: f64, i: i32| (f64::from(i) * step + 0.123).fract();
    let m: Vec<f64> = (0..n)
        .map(|i| 91.0 + 3.0 * (spread(0.618_033_988, i) + spread(0.414_213_562, i) - 1.0) * 2.0)
        .collect();
    let p: Vec<f64> =
        (0..n).map(|i| -40.0 * (1.0 - 0.99 * spread(0.732_050_807, i)).ln()).collect();
    let free = |name: &str, init: f64, lo: f64, hi: f64| Parameter {
        name: name.into(),
        init,
        bounds: (lo, hi),
        constraint: None,
    };
    let parameters = vec![
        free("n", 1500.0, 0.0, 1e5),
        free("mu", 90.0, 80.0, 100.0),
        free("sigma", 3.0, 0.1, 20.0),
        free("lambda", -0.01, -1.0, 1.0),
    ];
    let fit = |observables: &[Observable], pdf: Pdf, shape: &[usize]| {
        let columns = [("mass", &m[..]), ("pt", &p[..])];
        let events = EventTable::from_slices(observables, &columns, None, OutOfBounds::Error);
        let process = Process {
            name: "all".into(),
            pdf,
            shape: shape.iter().map(|k| Slot::Parameter(*k)).collect(),
            expected: Yield { base: Base::Parameter(0), modifiers: vec![] },
        };
        let channel =
            Channel { name: "c".into(), events: events.expect("events"), processes: vec![process] };
        let model = UnbinnedModel::new(parameters.clone(), vec![channel]).expect("a model");
        let fix = (1..4)
            .filter(|k| !shape.contains(k))
            .map(|k| (parameters[k].name.clone(), parameters[k].init));
        let fitted = model.fit(&FitOptions { fix: fix.collect(), ..FitOptions::default() });
        let fitted = fitted.expect("a fit");
        assert_eq!(fitted.status, Status::Converged);
        (fitted.parameters, fitted.uncertainties)
    };
    let both = vec![Pdf::exponential(&pt), Pdf::gaussian(&mass)];
    let pdf = Pdf::product(both).expect("a product");
    // the events' columns in another order than the density's
    let (values, sigmas) = fit(&[mass.clone(), pt.clone()], pdf, &[3, 1, 2]);
    let (of_mass, mass_sigmas) = fit(std::slice::from_ref(&mass), Pdf::gaussian(&mass), &[1, 2]);
    let (of_pt, pt_sigmas) = fit(std::slice::from_ref(&pt), Pdf::exponential(&pt), &[3]);
    for (k, (value, sigma)) in
        [(of_mass[1], mass_sigmas[1]), (of_mass[2], mass_sigmas[2]), (of_pt[3], pt_sigmas[3])]
            .into_iter()
            .enumerate()
    {
        let k = k + 1;
        assert!((values[k] - value).abs() < 1e-5 * sigma, "{k}: {} {value}", values[k]);
        assert!((sigmas[k] / sigma - 1.0).abs() < 1e-6, "{k}: {} {sigma}", sigmas[k]);
    }
}
