//! Joint fits of events and counts: against the same likelihood all in bins, against sums of separate profiles, and
//! what is refused.

use std::path::PathBuf;

use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::model::{Data, Model, ModelOptions};
use neyman::results::ToyRun;
use neyman::session::{
    FitOptions, ImpactOptions, LimitOptions, ScanOptions, Session, TestOptions, ToyPlan,
    UnbinnedSession,
};
use neyman::spec::{self, LoadOptions};
use neyman::unbinned::model::{Channel, Gaussian, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::toys::{FittedToys, Thrower};
use neyman::unbinned::yields::{Base, Modifier, Yield};
use neyman::unbinned::{Observable, UnbinnedModel};
use serde_json::{Value, json};

use crate::models::{bump, free, nuisance, plain, table};

const BINS: usize = 12;
const SIGNAL: f64 = 60.0;
const BACKGROUND: f64 = 900.0;
const SMOOTH: Interpolation = Interpolation {
    normsys: NormSysInterpolation::PolynomialExponential,
    histosys: HistoSysInterpolation::PolynomialLinear,
};
const KINKED: Interpolation = Interpolation {
    normsys: NormSysInterpolation::PiecewiseExponential,
    histosys: HistoSysInterpolation::PiecewiseLinear,
};

fn compiled(workspace: &Value, interpolation: Interpolation) -> Model {
    let loaded = spec::load(workspace.to_string().as_bytes(), &LoadOptions::default());
    let loaded = loaded.expect("a workspace");
    let options = ModelOptions { interpolation, ..Default::default() };
    Model::new(&loaded.workspace, loaded.measurement, &options).expect("a model")
}

fn normsys(name: &str, lo: f64, hi: f64) -> Value {
    json!({"name": name, "type": "normsys", "data": {"lo": lo, "hi": hi}})
}

fn plainly(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind, "data": null})
}

/// Counts that fluctuate as a toy's do.
fn observed() -> ([f64; BINS], [f64; 3]) {
    ([103., 121., 99., 96., 84., 92., 75., 59., 47., 38., 41., 29.], [212., 160., 95.])
}

fn shapes() -> (Vec<f64>, Vec<f64>) {
    let of = |f: &dyn Fn(f64) -> f64| {
        let contents: Vec<f64> = (0..BINS).map(|i| f(i as f64 + 0.5)).collect();
        let sum: f64 = contents.iter().sum();
        contents.iter().map(|c| c / sum).collect::<Vec<_>>()
    };
    (of(&|x| (-0.5 * (x - 6.0) * (x - 6.0)).exp()), of(&|x| (-0.12 * x).exp()))
}

/// A control region with all kinds of modifiers and, where it is wanted, the signal region of a peak on a falling
/// background.
fn workspace(signal_region: bool) -> Value {
    let (sr, cr) = observed();
    let mut channels = vec![json!({"name": "CR", "samples": [
        {"name": "background", "data": [200.0, 150.0, 100.0], "modifiers": [
            normsys("a", 0.93, 1.05), normsys("b", 1.04, 0.97), plainly("lumi", "lumi"),
            {"name": "tilt", "type": "histosys",
             "data": {"lo_data": [190.0, 151.0, 104.0], "hi_data": [207.0, 149.0, 95.0]}},
            {"name": "stat", "type": "staterror", "data": [4.0, 3.5, 3.0]}]},
        {"name": "leak", "data": [3.0, 5.0, 2.0], "modifiers": [
            plainly("mu", "normfactor"), normsys("a", 0.9, 1.15)]},
        {"name": "other", "data": [10.0, 12.0, 9.0], "modifiers": [
            {"name": "fakes", "type": "shapesys", "data": [3.0, 4.0, 2.0]}]}]})];
    let mut observations = vec![json!({"name": "CR", "data": cr})];
    if signal_region {
        let (signal, background) = shapes();
        let scaled = |of: &[f64], n: f64| of.iter().map(|f| f * n).collect::<Vec<_>>();
        channels.push(json!({"name": "SR", "samples": [
            {"name": "signal", "data": scaled(&signal, SIGNAL), "modifiers": [
                plainly("mu", "normfactor"), normsys("a", 0.9, 1.15), normsys("c", 0.95, 1.08)]},
            {"name": "background", "data": scaled(&background, BACKGROUND), "modifiers": [
                plainly("lumi", "lumi"), normsys("b", 0.93, 1.05), normsys("a", 1.02, 0.97)]}]}));
        observations.push(json!({"name": "SR", "data": sr}));
    }
    json!({
        "channels": channels, "observations": observations, "version": "1.0.0",
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [
            {"name": "mu", "bounds": [[0.0, 10.0]], "inits": [1.0]},
            {"name": "lumi", "auxdata": [1.0], "sigmas": [0.017], "bounds": [[0.9, 1.1]], "inits": [1.0]}]}}]
    })
}

/// The signal region as events. `b` has its constraint on both sides, `a` and `lumi` in the workspace, `c` here.
fn events(interpolation: Interpolation) -> UnbinnedModel {
    let (signal, background) = shapes();
    let mass = Observable::new("mass", 0.0, BINS as f64).expect("a window");
    let edges: Vec<f64> = (0..=BINS).map(|i| i as f64).collect();
    let modifier = |k: usize, lo: f64, hi: f64| {
        Modifier::normsys(k, lo, hi, interpolation.normsys).expect("a modifier")
    };
    let process = |name: &str, contents: &[f64], base: Base, modifiers: Vec<Modifier>| Process {
        name: name.into(),
        pdf: Pdf::histogram(&mass, &edges, contents).expect("a histogram"),
        shape: vec![],
        expected: Yield { base, modifiers },
    };
    let processes = vec![
        process(
            "signal",
            &signal,
            Base::Scaled { base: SIGNAL, parameter: 0 },
            vec![modifier(1, 0.9, 1.15), modifier(3, 0.95, 1.08)],
        ),
        process(
            "background",
            &background,
            Base::Scaled { base: BACKGROUND, parameter: 4 },
            vec![modifier(2, 0.93, 1.05), modifier(1, 1.02, 0.97)],
        ),
    ];
    let (observed, _) = observed();
    let in_bin =
        |i: usize| (0..observed[i] as usize).map(move |k| i as f64 + 0.01 + 1e-3 * k as f64);
    let x = (0..BINS).flat_map(in_bin).collect();
    let channel = Channel { name: "SR".into(), events: table(&mass, x, None), processes };
    let parameters = vec![
        free("mu", 1.0, (0.0, 10.0)),
        free("a", 0.0, (-5.0, 5.0)),
        nuisance("b"),
        nuisance("c"),
        free("lumi", 1.0, (0.9, 1.1)),
    ];
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

fn joint(interpolation: Interpolation) -> UnbinnedModel {
    let binned = compiled(&workspace(false), interpolation);
    events(interpolation).with_binned(&binned, binned.observed()).expect("a joint model")
}

/// The same likelihood, all of it in bins and a part of it as events.
fn both(interpolation: Interpolation) -> (Session, UnbinnedSession) {
    let model = compiled(&workspace(true), interpolation);
    let binned = Session::new(model, DeviceChoice::Cpu).expect("a session");
    (binned, UnbinnedSession::new(joint(interpolation), Some(0)).expect("a session"))
}

#[track_caller]
fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} {b}");
}

/// Of the joint model's parameters, those of the binned one.
fn order(binned: &Session, joint: &UnbinnedModel) -> Vec<usize> {
    let index = |p: &Parameter| binned.model().parameter_index(&p.name).expect("a parameter");
    joint.parameters().iter().map(index).collect()
}

#[test]
fn parameters_of_one_name_are_one() {
    let (binned, session) = both(SMOOTH);
    let joint = session.model();
    assert_eq!(joint.parameters().len(), binned.model().n_parameters());
    let order = order(&binned, joint);
    let data = binned.model().observed();
    for (k, parameter) in joint.parameters().iter().enumerate() {
        let own = &binned.model().parameters()[order[k]];
        assert_eq!((parameter.init, parameter.bounds), (own.init, own.bounds), "{}", own.name);
        assert_eq!(joint.prefit(k), own.prefit(data), "{}", own.name);
    }
    // differences of heights, whatever the constants
    let n = joint.parameters().len();
    let points: Vec<Vec<f64>> = (0..4)
        .map(|i| {
            let shift =
                |k: usize| 0.02 * f64::from(i) * if k.is_multiple_of(2) { 1.0 } else { -0.7 };
            joint.init().iter().enumerate().map(|(k, x)| x + shift(k)).collect()
        })
        .collect();
    let here = |x: &[f64]| joint.nll(x).expect("a likelihood").nll;
    let there = |x: &[f64]| {
        let mut own = vec![0.0; n];
        order.iter().zip(x).for_each(|(k, x)| own[*k] = *x);
        binned.model().nll(&own, data)
    };
    for x in &points[1..] {
        let (a, b) = (here(x) - here(&points[0]), there(x) - there(&points[0]));
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn derivatives_are_those_of_the_likelihood() {
    let joint = joint(SMOOTH);
    let at: Vec<f64> =
        joint.init().iter().enumerate().map(|(k, x)| x + 0.03 * ((k % 5) as f64 - 1.7)).collect();
    let n = at.len();
    let here = joint.hessian(&at).expect("a likelihood");
    assert_eq!(joint.gradient(&at).expect("a likelihood").gradient, here.gradient);
    assert_eq!(joint.nll(&at).expect("a likelihood").nll, here.nll);
    let h = 1e-5;
    let moved = |k: usize, by: f64| {
        let mut x = at.clone();
        x[k] += by;
        joint.gradient(&x).expect("a likelihood")
    };
    for k in 0..n {
        let (up, down) = (moved(k, h), moved(k, -h));
        close(here.gradient[k], (up.nll - down.nll) / (2.0 * h), 1e-6, "a slope");
        for l in 0..n {
            let slope = (up.gradient[l] - down.gradient[l]) / (2.0 * h);
            close(here.hessian[k * n + l], slope, 1e-6, "a curvature");
        }
    }
}

#[test]
fn statements_are_those_of_the_same_likelihood_in_bins() {
    for interpolation in [SMOOTH, KINKED] {
        let (binned, joint) = both(interpolation);
        let data: Data = binned.model().observed().clone();
        let order = order(&binned, joint.model());
        let tight = FitOptions { tolerance: Tolerance::PARITY, ..Default::default() };
        let (a, b) = (joint.fit(&tight).expect("a fit"), binned.fit(&data, &tight).expect("a fit"));
        assert!(a.status.is_converged(), "{a:?}");
        let n = order.len();
        for (k, &l) in order.iter().enumerate() {
            let name = &joint.model().parameters()[k].name;
            close(a.parameters[k], b.parameters[l], 1e-6, name);
            close(a.uncertainties[k], b.uncertainties[l], 1e-6, name);
            close(a.covariance[k * n], b.covariance[l * n + order[0]], 1e-6, name);
        }
        let values = [0.0, 0.4, 1.0, 2.5];
        let options = ScanOptions::default();
        let a = joint.scan(&values, &options).expect("a scan");
        let b = binned.scan(&values, &data, &options).expect("a scan");
        for (a, b) in a.points.iter().zip(&b.points) {
            close(a.delta_twice_nll, b.delta_twice_nll, 1e-6, "a height");
        }
        for (a, b) in a.intervals.iter().zip(&b.intervals) {
            close(a.upper.unwrap_or(0.0), b.upper.unwrap_or(0.0), 1e-5, "an end");
            close(a.lower.unwrap_or(0.0), b.lower.unwrap_or(0.0), 1e-5, "an end");
        }
        for mu in [0.5, 1.5] {
            let options = TestOptions { statistic: TestStatistic::QTilde, ..Default::default() };
            let a = joint.hypotest(mu, &options).expect("a test");
            let b = binned.hypotest(mu, &data, &options).expect("a test");
            close(a.q, b.q, 1e-6, "q");
            close(a.q_asimov, b.q_asimov, 1e-6, "q of the Asimov data");
            close(a.observed.cls, b.observed.cls, 1e-6, "CLs");
            for (a, b) in a.expected.cls.iter().zip(&b.expected.cls) {
                close(*a, *b, 1e-6, "an expected CLs");
            }
        }
        let a = joint.discovery(&TestOptions::default()).expect("a discovery");
        let b = binned.discovery(&data, &TestOptions::default()).expect("a discovery");
        close(a.z, b.z, 1e-6, "a significance");
        let a = joint.limit(&LimitOptions::default()).expect("a limit");
        let b = binned.limit(&data, &LimitOptions::default()).expect("a limit");
        close(a.observed.expect("one"), b.observed.expect("one"), 1e-5, "a limit");
        close(a.expected[2].expect("one"), b.expected[2].expect("one"), 1e-5, "an expected limit");
        let a = joint.ranking(&ImpactOptions::default()).expect("a ranking");
        let b = binned.impacts(&data, &ImpactOptions::default()).expect("a ranking");
        assert_eq!(a.parameters.len(), b.parameters.len());
        for a in &a.parameters {
            let b = b.parameters.iter().find(|b| b.name == a.name).expect("the same");
            assert_eq!(a.prefit, b.prefit);
            close(a.up.impact.expect("known"), b.up.impact.expect("known"), 1e-5, &a.name);
            close(a.down.impact.expect("known"), b.down.impact.expect("known"), 1e-5, &a.name);
        }
        for a in &a.groups {
            let b = b.groups.iter().find(|b| b.name == a.name).expect("the same");
            close(a.uncertainty.expect("known"), b.uncertainty.expect("known"), 1e-5, &a.name);
        }
    }
}

#[test]
fn minima_rest_on_kinks() {
    // whichever way they move, more is expected, and less is there
    for start in [0.0, 0.3, -0.4] {
        let workspace = json!({
            "channels": [{"name": "CR", "samples": [{"name": "s", "data": [100.0, 50.0], "modifiers": [
                normsys("a", 1.2, 1.3),
                {"name": "h", "type": "histosys",
                 "data": {"lo_data": [120.0, 60.0], "hi_data": [130.0, 55.0]}}]}]}],
            "observations": [{"name": "CR", "data": [88.0, 45.0]}], "version": "1.0.0",
            "measurements": [{"name": "m", "config": {"poi": "", "parameters": [
                {"name": "a", "inits": [start]}, {"name": "h", "inits": [-start]}]}}]
        });
        let binned = compiled(&workspace, KINKED);
        let own = uniform("SR", vec![free("n", 2.0, (0.0, 9.0))]);
        let joint = own.with_binned(&binned, binned.observed()).expect("a model");
        let fit = joint.fit(&FitOptions::default()).expect("a fit");
        assert!(fit.status.is_converged(), "{fit:?}");
        close(fit.parameters[0], 0.9, 1e-9, "n");
        assert_eq!(fit.parameters[1..], [0.0, 0.0], "{fit:?}");
    }
}

#[test]
fn constraints_stand_once_or_are_the_same() {
    let binned = compiled(&workspace(false), SMOOTH);
    let with = |k: usize, constraint: Option<Gaussian>| {
        let model = events(SMOOTH);
        let channels = model.channels().cloned().collect();
        let mut parameters = model.parameters().to_vec();
        parameters[k].constraint = constraint;
        UnbinnedModel::new(parameters, channels)
            .and_then(|model| model.with_binned(&binned, binned.observed()))
    };
    // on the events' side alone, on the workspace's alone, on both
    let joint = with(2, None).expect("a model");
    assert_eq!(joint.parameters()[2].constraint, Some(Gaussian { center: 0.0, sigma: 1.0 }));
    assert_eq!(joint.parameters()[4].constraint, Some(Gaussian { center: 1.0, sigma: 0.017 }));
    let own = Some(Gaussian { center: 1.2, sigma: 0.4 });
    assert_eq!(with(0, own).expect("a model").parameters()[0].constraint, own);
    // counted once: the curvature of `b` is that of the model without the events' copy
    let at = joint.init();
    let twice = with(2, Some(Gaussian { center: 0.0, sigma: 1.0 })).expect("a model");
    assert_eq!(joint.hessian(&at).expect("one"), twice.hessian(&at).expect("one"));

    let refused = |result: neyman::Result<UnbinnedModel>, says: &str| {
        let error = result.expect_err("refused");
        assert!(matches!(error, neyman::Error::Argument(_)), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(
        with(2, Some(Gaussian { center: 0.5, sigma: 1.0 })),
        "parameter \"b\": constrained to 0.5",
    );
    refused(with(4, Some(Gaussian { center: 1.0, sigma: 0.02 })), "to 1 +- 0.017 in the workspace");
    // a Poisson term is never the same as a normal one
    let fakes = |constraint| Parameter { constraint, ..free("fakes[1]", 1.0, (0.1, 9.0)) };
    let constrained = uniform("SR", vec![fakes(Some(Gaussian { center: 1.0, sigma: 0.3 }))]);
    refused(constrained.with_binned(&binned, binned.observed()), "by a Poisson term");
    // and may be shared where it stands once; bounds and initial value are the events'
    let shared = uniform("SR", vec![fakes(None)]);
    let shared = shared.with_binned(&binned, binned.observed()).expect("a model");
    assert_eq!(shared.parameters()[0].bounds, (0.1, 9.0));
    let (center, width) = shared.prefit(0).expect("a constraint");
    close(center, 1.0, 1e-12, "a center");
    close(width, 4.0 / 12.0, 1e-12, "a width");

    // channels of one name, two binned parts, data that do not fit
    refused(
        uniform("CR", vec![fakes(None)]).with_binned(&binned, binned.observed()),
        "\"CR\" is there twice",
    );
    refused(shared.with_binned(&binned, binned.observed()), "a binned part already");
    let short = Data { main: vec![1.0], ..binned.observed().clone() };
    refused(events(SMOOTH).with_binned(&binned, &short), "main data");
}

#[test]
fn held_in_the_workspace_is_held() {
    let mut document = workspace(false);
    let parameters = &mut document["measurements"][0]["config"]["parameters"];
    parameters[1]["fixed"] = json!(true);
    parameters.as_array_mut().expect("a list").push(json!({"name": "tilt", "fixed": true}));
    let binned = compiled(&document, SMOOTH);
    let joint = events(SMOOTH).with_binned(&binned, binned.observed()).expect("a model");
    let fit = joint.fit(&FitOptions::default()).expect("a fit");
    let fixed = |name: &str| fit.fixed[joint.parameter_index(name).expect("a parameter")];
    // the events' side states bounds of lumi, and not of tilt
    assert_eq!((fixed("lumi"), fixed("tilt"), fixed("a")), (false, true, false));
}

/// Nine events of a flat density, their number 10 times the first parameter.
fn uniform(name: &str, parameters: Vec<Parameter>) -> UnbinnedModel {
    let mass = Observable::new("mass", 0.0, 1.0).expect("a window");
    let processes = vec![Process {
        name: "all".into(),
        pdf: Pdf::uniform(&mass),
        shape: vec![],
        expected: plain(Base::Scaled { base: 10.0, parameter: 0 }),
    }];
    let events = table(&mass, vec![0.5; 9], None);
    let channel = Channel { name: name.into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// A count of 3 where a signal of strength k is alone, an empty bin beside it.
fn lonely(start: f64) -> UnbinnedModel {
    let workspace = json!({
        "channels": [{"name": "CR", "samples": [{"name": "s", "data": [10.0, 2.0], "modifiers": [
            plainly("k", "normfactor")]}]}],
        "observations": [{"name": "CR", "data": [3.0, 0.0]}], "version": "1.0.0",
        "measurements": [{"name": "m", "config": {"poi": "k", "parameters": [
            {"name": "k", "bounds": [[-5.0, 5.0]], "inits": [start]}]}}]
    });
    let binned = compiled(&workspace, SMOOTH);
    let own = uniform("SR", vec![free("n", 1.0, (0.0, 9.0))]);
    own.with_binned(&binned, binned.observed()).expect("a model")
}

#[test]
fn rates_below_zero_are_no_likelihood() {
    let model = lonely(2.0);
    let k = model.parameter_index("k").expect("a parameter");
    let mut at = model.init();
    at[k] = -0.5;
    let error = model.nll(&at).expect_err("refused").to_string();
    assert!(error.contains("\"CR bin 0\": the expected number of events is -5"), "{error}");
    assert!(model.asimov(&at).is_err() && Thrower::new(&model, &at).is_err());
    at[k] = 0.0;
    let here = model.hessian(&at).expect("a likelihood");
    assert_eq!((here.nll, here.zero_density), (f64::INFINITY, 3));
    assert!(here.gradient.iter().chain(&here.hessian).all(|x| x.is_finite()));
    // steps stay where there is a likelihood
    let fit = model.fit(&FitOptions::default()).expect("a fit");
    assert!(fit.status.is_converged(), "{fit:?}");
    close(fit.parameters[k], 0.25, 1e-6, "k");
    let start = |at: f64| lonely(at).fit(&FitOptions::default()).expect_err("refused").to_string();
    assert!(start(-1.0).contains("CR bin 0"), "{}", start(-1.0));
    assert!(start(0.0).contains("3 events where no process"), "{}", start(0.0));
}

/// A point away from the initial values.
fn truth(joint: &UnbinnedModel) -> Vec<f64> {
    let mut truth = joint.init();
    for (name, value) in [("mu", 2.5), ("a", 0.4), ("tilt", -0.6), ("fakes[0]", 1.2)] {
        truth[joint.parameter_index(name).expect("a parameter")] = value;
    }
    truth
}

#[test]
fn asimov_data_give_the_truth() {
    let joint = joint(SMOOTH);
    let truth = truth(&joint);
    let asimov = joint.asimov(&truth).expect("Asimov data");
    let binned = asimov.binned().expect("a binned part");
    assert_eq!(*binned.data(), binned.expected(&truth).expect("rates"));
    let fit = asimov.fit(&FitOptions::default()).expect("a fit");
    for (k, (found, truth)) in fit.parameters.iter().zip(&truth).enumerate() {
        assert!((found - truth).abs() < 1e-6 * fit.uncertainties[k], "{k}: {found} {truth}");
    }
}

/// Runs of toys of one model go on with no other: the counts expected in its bins matter, those observed do not.
#[test]
fn runs_of_toys_know_their_workspace() {
    let run = |document: &Value| {
        let binned = compiled(document, SMOOTH);
        let model = events(SMOOTH).with_binned(&binned, binned.observed()).expect("a model");
        let plan = ToyPlan {
            truth: model.init(),
            seed: 1,
            range: 0..5,
            hold: vec![],
            keep_data: false,
            tolerance: Tolerance::default(),
        };
        let session = UnbinnedSession::new(model, Some(0)).expect("a session");
        ToyRun::unbinned(&session, &plan, 5).model
    };
    let mut document = workspace(false);
    let first = run(&document);
    document["observations"][0]["data"][0] = json!(180.0);
    assert_eq!(run(&document), first);
    document["channels"][0]["samples"][1]["data"][0] = json!(3.5);
    assert_ne!(run(&document), first);
}

fn bits(model: &UnbinnedModel) -> Vec<u64> {
    let binned = model.binned().expect("a binned part").data();
    let mut all: Vec<f64> = binned.main.iter().chain(&binned.auxiliary).copied().collect();
    for channel in model.channels() {
        all.extend(channel.events.column("mass").expect("a column"));
    }
    all.extend(model.parameters().iter().filter_map(|p| p.constraint.map(|c| c.center)));
    all.into_iter().map(f64::to_bits).collect()
}

#[test]
fn toys_of_both_parts() {
    let joint = joint(SMOOTH);
    let truth = truth(&joint);
    let thrower = Thrower::new(&joint, &truth).expect("toys");
    let third = thrower.toy(11, 3).expect("a toy");
    let again = Thrower::new(&joint, &truth).expect("toys").toy(11, 3).expect("a toy");
    assert_eq!(bits(&third), bits(&again));
    assert_ne!(bits(&third), bits(&thrower.toy(11, 4).expect("a toy")));
    let fit = |range: std::ops::Range<u64>| -> FittedToys {
        joint.fit_toys(&truth, range, 11, &[], Tolerance::default()).expect("toys")
    };
    const TOYS: u64 = 300;
    let whole = fit(0..TOYS);
    for (range, threads) in [(3..6, 1), (6..11, 3)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let part = pool.install(|| fit(range.clone()));
        for i in 0..part.fits.len() {
            let at = range.start as usize + i;
            assert_eq!(part.fits.parameters_of(i), whole.fits.parameters_of(at));
            assert_eq!(part.fits.nll[i], whole.fits.nll[at]);
        }
    }
    assert!(whole.fits.status.iter().all(|s| s.is_converged()));
    let (n, count) = (truth.len(), TOYS as f64);
    let moments = |value: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..TOYS as usize).map(value).collect();
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance.sqrt())
    };
    let mut widths = 0.0;
    for (k, parameter) in joint.parameters().iter().enumerate() {
        let pull =
            |i: usize| (whole.fits.parameters_of(i)[k] - truth[k]) / whole.uncertainties[i * n + k];
        // 300 toys know a width to 0.041, a mean to 0.058
        let (mean, width) = moments(&pull);
        assert!(mean.abs() < 0.3, "{}: mean {mean}", parameter.name);
        assert!((width - 1.0).abs() < 0.17, "{}: width {width}", parameter.name);
        widths += width / n as f64;
    }
    assert!((widths - 1.0).abs() < 0.05, "{widths}");
    // counts are Poisson's, and know nothing of the numbers of events
    let rates = joint.binned().expect("a binned part").expected(&truth).expect("rates");
    let toys: Vec<(Data, f64)> = (0..TOYS)
        .map(|toy| thrower.toy(11, toy).expect("a toy"))
        .map(|toy| (toy.binned().expect("a binned part").data().clone(), toy.n_events() as f64))
        .collect();
    let (of_events, spread_of_events) = moments(&|i| toys[i].1);
    for (b, rate) in rates.main.iter().chain(&rates.auxiliary).enumerate() {
        let of = |data: &Data| *data.main.iter().chain(&data.auxiliary).nth(b).expect("a count");
        let (mean, spread) = moments(&|i| of(&toys[i].0));
        assert!((mean - rate).abs() < 5.0 * (rate / count).sqrt(), "{b}: {mean} {rate}");
        assert!((spread / rate.sqrt() - 1.0).abs() < 0.2, "{b}: {spread} {rate}");
        let (covariance, _) = moments(&|i| (of(&toys[i].0) - mean) * (toys[i].1 - of_events));
        let correlation = covariance / (spread * spread_of_events);
        assert!(correlation.abs() < 5.0 / count.sqrt(), "{b}: {correlation}");
    }
}

/// A workspace of the world, and events of which the strength of the signal is all they share with it: profiles add.
#[test]
fn profiles_of_independent_parts_add() {
    let Some(folder) = std::env::var_os("NEYMAN_DATA").map(PathBuf::from) else {
        eprintln!("skipped: NEYMAN_DATA is not set");
        return;
    };
    let path = folder.join("workspaces/cabinetry_example_workspace.json");
    let document = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    let binned = compiled(&document, SMOOTH);
    let poi = binned.parameters()[binned.poi().expect("a parameter of interest")].name.clone();
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let process = |name: &str, pdf: Pdf, shape: Vec<Slot>, base: Base| Process {
        name: name.into(),
        pdf,
        shape,
        expected: plain(base),
    };
    let processes = vec![
        process(
            "signal",
            Pdf::gaussian(&mass),
            vec![Slot::Parameter(1), Slot::Constant(2.5)],
            Base::Scaled { base: 400.0, parameter: 0 },
        ),
        process(
            "background",
            Pdf::exponential(&mass),
            vec![Slot::Parameter(2)],
            Base::Parameter(3),
        ),
    ];
    let channel =
        Channel { name: "events".into(), events: table(&mass, bump(10, 10, 3), None), processes };
    let parameters = vec![
        free(&poi, 1.0, (0.0, 10.0)),
        free("mean", 91.0, (80.0, 100.0)),
        free("slope", -0.03, (-1.0, 1.0)),
        free("n", 20_000.0, (0.0, 1e6)),
    ];
    let own = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    // enough events for a first fit of a part of them
    let own = Thrower::new(&own, &own.init()).and_then(|t| t.toy(1, 0)).expect("a toy");
    let joint = own.clone().with_binned(&binned, binned.observed()).expect("a model");
    let fit = joint.fit(&FitOptions::default()).expect("a fit");
    assert!(fit.status.is_converged() && fit.thinned_evaluations > 0, "{fit:?}");
    let data = binned.observed().clone();
    let values = [0.5, 0.8, 1.0, 1.3, 2.0];
    let options = ScanOptions::default();
    let session = |model| UnbinnedSession::new(model, Some(0)).expect("a session");
    let of_bins = Session::new(binned, DeviceChoice::Cpu).expect("a session");
    let of_bins = of_bins.scan(&values, &data, &options).expect("a scan");
    let of_events = session(own.clone()).scan(&values, &options).expect("a scan");
    let of_both = session(joint).scan(&values, &options).expect("a scan");
    assert!(of_both.status.is_converged());
    let height = |i: usize| {
        let of = |scan: &neyman::session::Scan| {
            scan.points[i].delta_twice_nll - scan.points[0].delta_twice_nll
        };
        (of(&of_both), of(&of_bins) + of(&of_events))
    };
    for i in 1..values.len() {
        let (a, b) = height(i);
        close(a, b, 1e-6, "a height");
    }
    let alone = own.fit(&FitOptions::default()).expect("a fit");
    assert!(fit.uncertainties[0] < alone.uncertainties[0], "{fit:?}");
}
