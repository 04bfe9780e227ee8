//! Profile likelihoods, their intervals and contours, limits of patchsets, against single fits.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::own;
use neyman::accelerator::{DeviceChoice, DeviceRequest};
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::interpolation::Interpolation;
use neyman::model::{Model, ModelOptions};
use neyman::session::{
    FitOptions, LimitOptions, ScanOptions, Session, TestOptions, limits_of_patches,
};
use neyman::spec::{LoadOptions, PatchedWorkspaces};
use serde_json::{Value, json};

fn session(document: &Value) -> Session {
    Session::new(own::compile(document, Interpolation::default()), DeviceChoice::Cpu).expect("cpu")
}

/// -2 log likelihood of a single fit with parameters held.
fn held(session: &Session, fix: &[(&str, f64)]) -> f64 {
    let fix = fix.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let options = FitOptions { fix, tolerance: Tolerance::PARITY };
    let fit = session.fit(session.model().observed(), &options).expect("a fit");
    assert!(fit.status.is_converged());
    fit.twice_nll
}

#[track_caller]
fn close(what: &str, a: f64, b: f64, allowed: f64) {
    assert!((a - b).abs() <= allowed, "{what}: {a} {b}");
}

#[test]
fn scans_are_fits_with_the_parameter_held() {
    let session = session(&own::all_seven());
    let data = session.model().observed().clone();
    let free = held(&session, &[]);
    for name in ["mu", "scale", "own[1]", "norm"] {
        let k = session.model().parameter_index(name).expect("a parameter");
        let best = session.fit(&data, &FitOptions::default()).expect("a fit").parameters[k];
        let values = [best + 0.3, best - 0.2, best, best + 0.05];
        let options = ScanOptions { parameter: Some(name.into()), ..ScanOptions::default() };
        let scan = session.scan(&values, &data, &options).expect("a scan");
        assert!(scan.status.is_converged() && scan.points.len() == 4, "{name}");
        close(name, scan.twice_nll, free, 1e-8);
        assert!(scan.points.is_sorted_by(|a, b| a.value < b.value));
        for point in &scan.points {
            let single = held(&session, &[(name, point.value)]) - free;
            close(name, point.delta_twice_nll, single, 1e-7);
        }
        for (interval, height) in scan.intervals.iter().zip([0.988_946_481_478, 3.841_458_820_694])
        {
            for end in [interval.lower, interval.upper].into_iter().flatten() {
                close(name, held(&session, &[(name, end)]) - free, height, 1e-5);
            }
            assert!(interval.upper.is_some(), "{name} {interval:?}");
        }
    }
}

#[test]
fn minos_ends_where_the_likelihood_says_so() {
    let session = session(&own::all_seven());
    let data = session.model().observed().clone();
    let free = held(&session, &[]);
    let (fit, all) = session.minos(&[], &data, Tolerance::PARITY).expect("minos");
    assert_eq!(all.len(), session.model().fixed().iter().filter(|f| !**f).count());
    let mut ends = 0;
    for m in &all {
        let k = session.model().parameter_index(&m.parameter).expect("a parameter");
        let (lower, upper) = session.model().parameters()[k].bounds;
        assert_eq!(m.value, fit.parameters[k]);
        for (distance, bound) in [(m.up, upper), (m.down, lower)] {
            match distance {
                Some(d) => {
                    ends += 1;
                    let rise = held(&session, &[(&m.parameter, m.value + d)]) - free;
                    close(&m.parameter, rise, 1.0, 1e-5);
                }
                None => {
                    let rise = held(&session, &[(&m.parameter, bound)]) - free;
                    assert!(rise < 1.0, "{}: {rise} at its bound", m.parameter);
                }
            }
        }
    }
    assert!(ends > all.len(), "{ends} ends of {} parameters", all.len());
    let one = session.minos(&["mu".into()], &data, Tolerance::PARITY).expect("minos").1;
    assert_eq!(one.len(), 1);
    assert!(session.minos(&["nu".into()], &data, Tolerance::PARITY).is_err());
}

#[test]
fn contours_of_two_parameters() {
    let session = session(&own::all_seven());
    let data = session.model().observed().clone();
    let free = held(&session, &[]);
    let x: Vec<f64> = (0..17).map(|i| -1.0 + 0.3 * f64::from(i)).collect();
    let y: Vec<f64> = (0..9).map(|i| 0.7 + 0.075 * f64::from(i)).collect();
    let scan =
        session.scan2d(["mu", "norm"], &x, &y, &data, &ScanOptions::default()).expect("a scan");
    assert!(scan.status.is_converged());
    assert_eq!(scan.delta_twice_nll.len(), 17 * 9);
    for (i, j) in [(0, 0), (16, 8), (7, 4), (3, 6)] {
        let single = held(&session, &[("mu", x[i]), ("norm", y[j])]) - free;
        close("grid", scan.delta_twice_nll[j * 17 + i], single, 1e-6);
    }
    close("68 %", scan.contours[0].delta, 2.278_868_566, 1e-8);
    close("95 %", scan.contours[1].delta, 5.991_464_547, 1e-8);
    for contour in &scan.contours {
        let points: Vec<_> = contour.lines.iter().flatten().collect();
        assert!(points.len() > 10);
        for (a, b) in points {
            let rise = held(&session, &[("mu", *a), ("norm", *b)]) - free;
            close("contour", rise.sqrt(), contour.delta.sqrt(), 0.03);
        }
    }
    assert!(session.scan2d(["mu", "mu"], &x, &y, &data, &ScanOptions::default()).is_err());
    assert!(session.scan2d(["mu", "norm"], &[], &y, &data, &ScanOptions::default()).is_err());
}

/// Signal on background, `n` events in one bin.
fn counting(background: f64, n: f64, bounds: (f64, f64)) -> Value {
    let mu = own::modifier("mu", "normfactor", Value::Null);
    let level = own::modifier("level", "normsys", json!({"hi": 1.1, "lo": 0.9}));
    let samples = vec![
        own::sample("signal", &[10.0], &[mu]),
        own::sample("background", &[background], &[level]),
    ];
    let config = json!({"name": "mu", "bounds": [[bounds.0, bounds.1]]});
    own::workspace(&[("SR", &[n], samples)], "mu", &[config])
}

#[test]
fn limits_do_not_depend_on_the_bounds_declared() {
    let limit = |document: &Value| {
        let session = session(document);
        let data = session.model().observed().clone();
        session.limit(&data, &LimitOptions::default()).expect("a limit")
    };
    let (wide, narrow) =
        (limit(&counting(50.0, 53.0, (0.0, 100.0))), limit(&counting(50.0, 53.0, (0.0, 1.2))));
    close("observed", narrow.observed.unwrap(), wide.observed.unwrap(), 1e-5);
    for (a, b) in narrow.expected.iter().zip(wide.expected) {
        close("expected", a.unwrap(), b.unwrap(), 1e-5);
    }
    assert!(
        wide.notes.is_empty() && narrow.notes.iter().any(|n| n.contains("above 1.2")),
        "{narrow:?}"
    );
    // a best fit that the declared bounds would hold back
    let (wide, narrow) =
        (limit(&counting(50.0, 90.0, (0.0, 100.0))), limit(&counting(50.0, 90.0, (0.0, 2.0))));
    close("best fit", narrow.mu_hat, wide.mu_hat, 1e-5);
    close("observed", narrow.observed.unwrap(), wide.observed.unwrap(), 1e-5);
    assert!(
        narrow.notes.iter().any(|n| n.contains("instead of 0 and 2 as declared")),
        "{narrow:?}"
    );
}

#[test]
fn no_signal_no_limit() {
    let mut document = counting(50.0, 53.0, (0.0, 10.0));
    document["channels"][0]["samples"][0]["data"] = json!([0.0]);
    let session = session(&document);
    let data = session.model().observed().clone();
    let limit = session.limit(&data, &LimitOptions::default()).expect("no error");
    assert_eq!((limit.observed, limit.expected), (None, [None; 5]));
    assert!(limit.notes.iter().any(|n| n.contains("there is no limit")), "{:?}", limit.notes);
}

#[test]
fn what_cannot_be_tested_says_why() {
    let session = session(&own::all_seven());
    let data = session.model().observed().clone();
    let error = |r: neyman::Result<neyman::session::Limit>| r.unwrap_err().to_string();
    let test = |statistic| TestOptions { statistic, ..TestOptions::default() };
    let options = LimitOptions { test: test(TestStatistic::TMu), ..LimitOptions::default() };
    assert!(error(session.limit(&data, &options)).contains("need qmu or qtilde"));
    let options = LimitOptions { confidence_level: 95.0, ..LimitOptions::default() };
    assert!(error(session.limit(&data, &options)).contains("between 0 and 1"));
    let poi = TestOptions { poi: Some("nu".into()), ..TestOptions::default() };
    let told = session.hypotest(1.0, &data, &poi).unwrap_err().to_string();
    assert!(told.contains("no parameter nu"), "{told}");
    assert!(session.hypotest(f64::NAN, &data, &TestOptions::default()).is_err());
    assert!(session.scan(&[], &data, &ScanOptions::default()).is_err());
    assert!(session.scan(&[f64::INFINITY], &data, &ScanOptions::default()).is_err());
    let mut document = own::all_seven();
    document["measurements"][0]["config"]["poi"] = json!("");
    let session = self::session(&document);
    let told = session.hypotest(1.0, &data, &TestOptions::default()).unwrap_err();
    assert!(told.is_unsupported(), "{told}");
    // any parameter can be the one of interest
    let poi = TestOptions { poi: Some("norm".into()), ..TestOptions::default() };
    assert!(session.hypotest(1.0, &data, &poi).expect("a test").status.is_converged());
}

#[test]
fn a_patchset_is_its_patches() {
    let background = counting(50.0, 53.0, (0.0, 100.0));
    let signal =
        |n: f64| json!([{"op": "replace", "path": "/channels/0/samples/0/data", "value": [n]}]);
    let patch = |name: &str, mass: f64, operations: Value| json!({"metadata": {"name": name, "values": [mass]}, "patch": operations});
    let broken = json!([{"op": "remove", "path": "/channels/7"}]);
    let set = json!({
        "version": "1.0.0",
        "metadata": {"description": "d", "labels": ["mass"], "references": {"hepdata": "x"},
            "digests": {"sha256": "0"}},
        "patches": [patch("a", 1.0, signal(5.0)), patch("b", 2.0, broken), patch("c", 3.0, signal(20.0))],
    });
    let (text, set) = (background.to_string(), set.to_string());
    let read = |skip| {
        let options = LoadOptions { skip_verification: skip, ..LoadOptions::default() };
        PatchedWorkspaces::read(text.as_bytes(), set.as_bytes(), &options)
    };
    assert!(read(false).unwrap_err().is_digest());
    let workspaces = read(true).expect("a patchset");
    let compile = |loaded: &neyman::spec::Loaded| {
        Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())
    };
    let request = DeviceRequest::from(DeviceChoice::Cpu);
    let seen = Mutex::new(Vec::new());
    let run = |stop: &AtomicBool| {
        let done = |index: usize, _: &_| seen.lock().unwrap().push(index);
        let options = LimitOptions::default();
        limits_of_patches(&workspaces, 0..3, &compile, &request, &options, stop, &done)
    };
    let stop = AtomicBool::new(false);
    let rows = run(&stop);
    seen.lock().unwrap().sort_unstable();
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2]);
    let told = rows[1].as_ref().unwrap().as_ref().unwrap_err().to_string();
    assert!(told.contains("/patches/1") && told.contains("patch b"), "{told}");
    for (i, yields) in [(0, 5.0), (2, 20.0)] {
        let mut single = background.clone();
        single["channels"][0]["samples"][0]["data"] = json!([yields]);
        let session = session(&single);
        let data = session.model().observed().clone();
        let alone = session.limit(&data, &LimitOptions::default()).expect("a limit");
        assert_eq!(rows[i].as_ref().unwrap().as_ref().unwrap(), &alone);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(run(&stop).iter().all(Option::is_none));
}
