//! Fits of likelihoods with several minima, and of events whose order repeats.

use neyman::fit::Status;
use neyman::session::{ScanOptions, UnbinnedSession};
use neyman::unbinned::fit::{FitOptions, FitResult};
use neyman::unbinned::model::{Channel, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{Observable, UnbinnedModel};

use crate::models::{bump, free, plain, table};

fn mass() -> Observable {
    Observable::new("mass", 60.0, 120.0).expect("a window")
}

/// A bell of width 2 in a flat background; a smaller one of the same width is elsewhere.
fn two_bells(n: usize, init: f64) -> UnbinnedModel {
    let at = |i: usize, center: f64, n: usize| {
        let u = (i as f64 + 0.5) / n as f64;
        // by a sum of twelve: no bell of a library is needed
        let spread: f64 =
            (0..12).map(|k| (u * (k as f64 + 1.37) * 97.31).fract()).sum::<f64>() - 6.0;
        center + 2.0 * spread
    };
    let (large, small) = (n / 4, n / 6);
    let flat = n - large - small;
    let mut x: Vec<f64> = (0..large).map(|i| at(i, 95.0, large)).collect();
    x.extend((0..small).map(|i| at(i, 80.0, small)));
    x.extend((0..flat).map(|i| 60.0 + 60.0 * (i as f64 + 0.5) / flat as f64));
    x.iter_mut().for_each(|x| *x = x.clamp(60.0, 120.0));
    let of = |name: &str, pdf: Pdf, shape: Vec<Slot>, k: usize| Process {
        name: name.into(),
        pdf,
        shape,
        expected: plain(Base::Parameter(k)),
    };
    let processes = vec![
        of("peak", Pdf::gaussian(&mass()), vec![Slot::Parameter(2), Slot::Constant(2.0)], 0),
        of("flat", Pdf::uniform(&mass()), vec![], 1),
    ];
    let parameters = vec![
        free("n_peak", 0.2 * n as f64, (0.0, 10.0 * n as f64)),
        free("n_flat", 0.8 * n as f64, (0.0, 10.0 * n as f64)),
        free("mean", init, (62.0, 118.0)),
    ];
    let channel = Channel { name: "SR".into(), events: table(&mass(), x, None), processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

fn fit(model: &UnbinnedModel) -> FitResult {
    model.fit(&FitOptions::default()).expect("a fit")
}

/// The initial value lies at the smaller bell.
#[test]
fn the_lowest_minimum_is_kept_and_others_are_told() {
    for n in [3_000, 100_000] {
        let model = two_bells(n, 83.0);
        let here = model.fit_once(&FitOptions::default()).expect("a fit");
        assert_eq!((here.status, here.minima.len()), (Status::Converged, 1), "{n}");
        assert!((here.parameters[2] - 80.0).abs() < 1.5, "{n}: {:?}", here.parameters);
        let fitted = fit(&model);
        assert_eq!(fitted.status, Status::Converged);
        assert!((fitted.parameters[2] - 95.0).abs() < 1.5, "{n}: {:?}", fitted.parameters);
        assert!(fitted.nll < here.nll - 10.0, "{n}: {} {}", fitted.nll, here.nll);
        assert_eq!(fitted.minima[0], fitted.nll);
        assert!(fitted.minima.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", fitted.minima);
        let told = fitted.minima.iter().any(|nll| (nll - here.nll).abs() < 1e-5);
        assert!(told, "{n}: {:?} {}", fitted.minima, here.nll);
        // from there alone it is the same minimum
        let there = two_bells(n, 94.0).fit_once(&FitOptions::default()).expect("a fit");
        assert!((there.nll - fitted.nll).abs() < 1e-12 * fitted.nll.abs());
        let sigma = fitted.uncertainties[2];
        assert!((there.parameters[2] - fitted.parameters[2]).abs() < 1e-5 * sigma);
        // the same bits with any number of threads
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        assert_eq!(pool.install(|| fit(&model)), fitted);
    }
}

/// Profiles begin at all minima.
#[test]
fn statements_know_them() {
    let session = UnbinnedSession::new(two_bells(3_000, 83.0), Some(0)).expect("a session");
    let fitted = session.fit(&Default::default()).expect("a fit");
    assert!(fitted.minima.len() > 1 && fitted.twice_nll == fitted.minima[0]);
    let best = fitted.parameters[0];
    let scan = session.scan(&[0.9 * best, best], &ScanOptions::default()).expect("a scan");
    let delta: Vec<f64> = scan.points.iter().map(|p| p.delta_twice_nll).collect();
    assert!(delta[1].abs() < 1e-6 && delta[0] > 0.5, "{delta:?}");
}

/// One minimum alone.
#[test]
fn one_minimum_is_one() {
    for n in [400, 4_000, 40_000] {
        let x = bump(n / 4, 3 * n / 4, 5);
        let of = |name: &str, pdf: Pdf, shape: Vec<Slot>, k: usize| Process {
            name: name.into(),
            pdf,
            shape,
            expected: plain(Base::Parameter(k)),
        };
        let processes = vec![
            of("peak", Pdf::gaussian(&mass()), vec![Slot::Parameter(2), Slot::Parameter(3)], 0),
            of("tail", Pdf::exponential(&mass()), vec![Slot::Parameter(4)], 1),
        ];
        let all = n as f64;
        let parameters = vec![
            free("n_peak", 0.3 * all, (0.0, 10.0 * all)),
            free("n_tail", 0.7 * all, (0.0, 10.0 * all)),
            free("mean", 90.0, (80.0, 100.0)),
            free("width", 3.0, (0.5, 10.0)),
            free("slope", -0.02, (-1.0, 1.0)),
        ];
        let channel = Channel { name: "SR".into(), events: table(&mass(), x, None), processes };
        let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
        let (once, fitted) = (model.fit_once(&FitOptions::default()).expect("a fit"), fit(&model));
        assert_eq!(once, fitted, "{n}");
    }
}

/// A file that has another kind of event at every 16th place: the part that is fitted first must look like the
/// whole.
#[test]
fn order_that_repeats_does_not_mislead() {
    let n = 64_000;
    let peak = bump(n / 16, 0, 3);
    let mut others = bump(0, n - n / 16, 4).into_iter();
    let ordered: Vec<f64> = (0..n)
        .map(|i| match i % 16 {
            0 => peak[i / 16],
            _ => others.next().expect("enough"),
        })
        .collect();
    let mut sorted = ordered.clone();
    sorted.sort_by(f64::total_cmp);
    let of = |x: Vec<f64>| {
        let shape = |slots: &[Slot]| slots.to_vec();
        let processes = vec![
            Process {
                name: "peak".into(),
                pdf: Pdf::gaussian(&mass()),
                shape: shape(&[Slot::Constant(91.2), Slot::Constant(2.5)]),
                expected: plain(Base::Parameter(0)),
            },
            Process {
                name: "tail".into(),
                pdf: Pdf::exponential(&mass()),
                shape: shape(&[Slot::Parameter(2)]),
                expected: plain(Base::Parameter(1)),
            },
        ];
        let parameters = vec![
            free("n_peak", 30_000.0, (0.0, 1e6)),
            free("n_tail", 30_000.0, (0.0, 1e6)),
            free("slope", -0.01, (-1.0, 1.0)),
        ];
        let channel = Channel { name: "SR".into(), events: table(&mass(), x, None), processes };
        UnbinnedModel::new(parameters, vec![channel]).expect("a model")
    };
    let (a, b) = (fit(&of(ordered)), fit(&of(sorted)));
    assert_eq!((a.status, b.status), (Status::Converged, Status::Converged));
    for k in 0..3 {
        assert!((a.parameters[k] - b.parameters[k]).abs() < 1e-6 * a.uncertainties[k], "{k}");
    }
    // three or four full passes, as for events in any order
    assert!(a.evaluations <= b.evaluations + 2 && a.evaluations <= 6, "{a:?}");
}
