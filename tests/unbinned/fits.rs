//! Fits: recorded minima, units, kinks and bounds, starts far away, honest ends.

use neyman::fit::{Status, Tolerance};
use neyman::model::interpolation::NormSysInterpolation;
use neyman::unbinned::fit::{FitOptions, FitResult};
use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::{Base, Modifier, Yield};
use neyman::unbinned::{Observable, UnbinnedModel};

use crate::models::{bump, free, nuisance, plain, recorded, recorded_cases, table};
use crate::{number, numbers};

fn fit(model: &UnbinnedModel) -> FitResult {
    model.fit(&FitOptions::default()).expect("a fit")
}

#[test]
fn recorded_minima() {
    for case in recorded_cases() {
        let (id, fitted) = (&case["id"], fit(&recorded(&case)));
        let golden = &case["fit"];
        assert_eq!(fitted.status, Status::Converged, "{id}");
        assert!((fitted.nll - number(&golden["nll"])).abs() < 1e-9, "{id}");
        let errors = numbers(&golden["errors_hesse"]);
        for (k, (exact, error)) in numbers(&golden["params"]).iter().zip(&errors).enumerate() {
            let (value, sigma) = (fitted.parameters[k], fitted.uncertainties[k]);
            assert!((value - exact).abs() < 1e-6 * error, "{id} {k}: {value} {exact}");
            assert!((sigma / error - 1.0).abs() < 1e-6, "{id} {k}: {sigma} {error}");
        }
        let rows = golden["cov"].as_array().expect("rows").iter().flat_map(numbers);
        for (at, (a, b)) in fitted.covariance.iter().zip(rows).enumerate() {
            let size = errors[at / 6] * errors[at % 6];
            assert!((a - b).abs() < 1e-6 * size, "{id} {at}: {a} {b}");
        }
        assert_eq!((fitted.fixed, fitted.at_bound), (vec![false; 6], vec![0; 6]));
    }
}

/// A bell above an exponential with free yields, x and yields in other units.
fn free_yields(x: &[f64], start: f64, length: f64, number: f64) -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0 * length, 120.0 * length).expect("a window");
    let scaled = |parameter| plain(Base::Scaled { base: 1.0 / number, parameter });
    let processes = vec![
        Process {
            name: "signal".into(),
            pdf: Pdf::gaussian(&mass),
            shape: vec![Slot::Parameter(1), Slot::Parameter(2)],
            expected: scaled(0),
        },
        Process {
            name: "background".into(),
            pdf: Pdf::exponential(&mass),
            shape: vec![Slot::Parameter(4)],
            expected: scaled(3),
        },
    ];
    let parameters = vec![
        free("n_sig", start * number, (0.0, 1e7 * number)),
        free("mean", 90.0 * length, (80.0 * length, 100.0 * length)),
        free("width", 3.0 * length, (0.5 * length, 10.0 * length)),
        free("n_bkg", start * number, (0.0, 1e7 * number)),
        free("slope", -0.02 / length, (-1.0 / length, 1.0 / length)),
    ];
    let x = x.iter().map(|x| (x * length).clamp(mass.lo(), mass.hi())).collect();
    let events = table(&mass, x, None);
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// Where another minimizer says that it has converged at its start, 300 above the minimum: yields of 30000 that
/// should be other ones.
#[test]
fn free_yields_leave_their_start() {
    let (signal, background) = (25_000, 75_000);
    let x = bump(signal, background, 11);
    let model = free_yields(&x, 30_000.0, 1.0, 1.0);
    let fitted = fit(&model);
    assert_eq!(fitted.status, Status::Converged);
    assert!(fitted.thinned_evaluations > 0 && fitted.evaluations < 12, "{fitted:?}");
    let n = [fitted.parameters[0], fitted.parameters[3]];
    assert!((n[0] + n[1] - 100_000.0).abs() < 1e-3, "{n:?}");
    let sigma = fitted.uncertainties[0];
    assert!((n[0] - 25_000.0).abs() < 5.0 * sigma && sigma < 300.0, "{n:?} {sigma}");
    let gradient = model.gradient(&fitted.parameters).expect("a likelihood").gradient;
    for (slope, sigma) in gradient.iter().zip(&fitted.uncertainties) {
        assert!((slope * sigma).abs() < 1e-3, "{gradient:?}");
    }
    let start = model.nll(&model.init()).expect("a likelihood").nll;
    assert!(start - fitted.nll > 250.0, "{start} {}", fitted.nll);
}

#[test]
fn units_do_not_matter() {
    let x = bump(5_000, 15_000, 13);
    let reference = fit(&free_yields(&x, 3_000.0, 1.0, 1.0));
    assert_eq!(reference.status, Status::Converged);
    for length in [1e-6, 1e-3, 1e3, 1e6] {
        for number in [1e-6, 1e6] {
            let fitted = fit(&free_yields(&x, 3_000.0, length, number));
            assert_eq!(fitted.status, Status::Converged);
            let units = [number, length, length, number, 1.0 / length];
            for (k, unit) in units.iter().enumerate() {
                let (sigma, other) = (reference.uncertainties[k], fitted.uncertainties[k] / unit);
                assert!((other / sigma - 1.0).abs() < 1e-6, "{length} {number} {k}");
                let moved = fitted.parameters[k] / unit - reference.parameters[k];
                assert!(moved.abs() < 1e-6 * sigma, "{length} {number} {k}: {}", moved / sigma);
            }
        }
    }
}

#[test]
fn threads_change_no_bit_of_a_fit() {
    let model = free_yields(&bump(9_000, 30_000, 17), 9_000.0, 1.0, 1.0);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| fit(&model))
    };
    assert_eq!(with(1), with(3));
}

/// A fixed bell above a fixed exponential: strengths of the two, and a nuisance parameter of the background.
fn strengths(x: Vec<f64>, interpolation: NormSysInterpolation, hi: f64) -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let modifier = Modifier::normsys(1, 0.9, hi, interpolation).expect("a modifier");
    let processes = vec![
        Process {
            name: "signal".into(),
            pdf: Pdf::gaussian(&mass),
            shape: vec![Slot::Constant(91.0), Slot::Constant(2.5)],
            expected: plain(Base::Scaled { base: 100.0, parameter: 0 }),
        },
        Process {
            name: "background".into(),
            pdf: Pdf::exponential(&mass),
            shape: vec![Slot::Constant(-0.03)],
            expected: Yield { base: Base::Fixed(1000.0), modifiers: vec![modifier] },
        },
    ];
    let parameters: Vec<Parameter> = vec![free("mu", 1.0, (0.0, 10.0)), nuisance("alpha")];
    let events = table(&mass, x, None);
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

#[test]
fn bounds_hold_and_are_told() {
    // fewer events at the peak than the background alone makes
    let x: Vec<f64> = bump(0, 1000, 19).into_iter().filter(|x| !(89.0..93.0).contains(x)).collect();
    let model = strengths(x, NormSysInterpolation::default(), 1.1);
    let fitted = fit(&model);
    assert_eq!(fitted.status, Status::Converged);
    assert_eq!((fitted.parameters[0], fitted.at_bound[0]), (0.0, -1));
    assert_eq!(fitted.uncertainties[0], 0.0);
    assert!(fitted.uncertainties[1] > 0.0);
    assert!(model.gradient(&fitted.parameters).expect("a likelihood").gradient[0] > 0.0);
}

#[test]
fn kinks_are_minima_or_left() {
    let piecewise = NormSysInterpolation::PiecewiseExponential;
    // both variations raise the background, and there are fewer events than expected: rest on the kink
    let both_up = |n: usize| {
        let mass = bump(0, n, 23);
        let mut channels: Vec<Channel> =
            strengths(mass, piecewise, 1.1).channels().cloned().collect();
        let up = Modifier::normsys(1, 1.1, 1.1, piecewise).expect("a modifier");
        channels[0].processes[1].expected.modifiers = vec![up];
        let parameters = vec![free("mu", 0.0, (0.0, 0.0)), nuisance("alpha")];
        UnbinnedModel::new(parameters, channels).expect("a model")
    };
    let fitted = fit(&both_up(900));
    assert_eq!((fitted.status, fitted.parameters[1]), (Status::Converged, 0.0));
    assert!(fitted.fixed[0]);
    // more events: off it, to a slope of 0
    let model = both_up(1200);
    let fitted = fit(&model);
    assert_eq!(fitted.status, Status::Converged);
    assert!(fitted.parameters[1].abs() > 0.5);
    let slope = model.gradient(&fitted.parameters).expect("a likelihood").gradient[1];
    assert!(slope.abs() < 1e-3, "{slope}");
}

#[test]
fn ends_are_honest() {
    let model = strengths(bump(100, 1000, 29), NormSysInterpolation::default(), 1.1);
    let with = |fix: &[(&str, f64)], evaluations| {
        let fix = fix.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        model.fit(&FitOptions { fix, tolerance: Tolerance { evaluations, ..Tolerance::default() } })
    };
    let held = with(&[("alpha", 0.5)], 100).expect("a fit");
    assert_eq!((held.parameters[1], held.fixed), (0.5, vec![false, true]));
    assert_eq!(held.uncertainties[1], 0.0);
    let nothing = with(&[("alpha", 0.5), ("mu", 2.0)], 100).expect("a fit");
    assert_eq!((nothing.status, nothing.parameters), (Status::NothingFree, vec![2.0, 0.5]));
    let few = with(&[], 1).expect("a fit");
    assert_eq!(few.status, Status::EvaluationLimit);
    let refused = |fix: &[(&str, f64)], says: &str| {
        let error = with(fix, 100).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(&[("alph", 0.5)], "did you mean \"alpha\"");
    refused(&[("mu", f64::NAN)], "mu = NaN");
    refused(&[("mu", -30.0)], "the expected number of events is -3000");

    // a parameter that nothing depends on
    let channels: Vec<Channel> = model.channels().cloned().collect();
    let idle = vec![free("mu", 1.0, (0.0, 10.0)), nuisance("alpha"), free("idle", 1.0, (0.0, 2.0))];
    let fitted = fit(&UnbinnedModel::new(idle, channels.clone()).expect("a model"));
    assert_eq!(fitted.covariance_problem.as_deref().map(|p| p.contains("idle")), Some(true));

    // events that nothing can make
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let mut channels = channels;
    channels[0].processes = vec![Process {
        name: "half".into(),
        pdf: Pdf::histogram(&mass, &[60.0, 90.0, 120.0], &[1.0, 0.0]).expect("a histogram"),
        shape: vec![],
        expected: plain(Base::Scaled { base: 1000.0, parameter: 0 }),
    }];
    let model = UnbinnedModel::new(model.parameters().to_vec(), channels).expect("a model");
    let error = model.fit(&FitOptions::default()).expect_err("refused").to_string();
    assert!(error.contains("where no process has any density at the start (mu = 1,"), "{error}");
}
