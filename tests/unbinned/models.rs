//! Whole models: recorded likelihoods, derivatives against differences, threads, bad input.

use neyman::unbinned::model::{Channel, Gaussian, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{Observable, UnbinnedModel};
use serde_json::Value;

pub(crate) use crate::event_models::{
    bump, free, nuisance, plain, recorded, table, two_channels, uniform,
};
use crate::{goldens, number, numbers};

pub(crate) fn recorded_cases() -> Vec<Value> {
    let cases = goldens().map(|mut g| g["models"].take());
    cases.map_or(vec![], |cases| cases.as_array().expect("cases").clone())
}

#[test]
fn recorded_likelihoods() {
    for case in recorded_cases() {
        let (id, model) = (case["id"].as_str().expect("an id"), recorded(&case));
        let fit = &case["fit"];
        for point in case["points"].as_array().expect("points").iter().chain([fit]) {
            let theta = numbers(&point["params"]);
            let at = model.gradient(&theta).expect("a likelihood");
            let (nll, exact) = (at.nll, number(&point["nll"]));
            assert!((nll - exact).abs() < 1e-10 * exact.abs(), "{id} {theta:?}: {nll} {exact}");
            assert_eq!(model.nll(&theta).expect("a likelihood").nll, nll);
            let slopes = point.get("grad").map_or(vec![0.0; 6], numbers);
            for (k, (a, b)) in at.gradient.iter().zip(slopes).enumerate() {
                assert!((a - b).abs() < 1e-9 * b.abs() + 1e-10, "{id} {theta:?} {k}: {a} {b}");
            }
        }
    }
}

#[test]
fn derivatives_are_slopes() {
    let model = two_channels();
    for theta in [
        vec![1.2, 91.0, 2.5, -0.03, 0.3, -0.4, 700.0],
        vec![0.0, 90.0, 3.0, 0.02, -1.7, 1.4, 500.0],
    ] {
        let here = model.hessian(&theta).expect("a likelihood");
        let n = theta.len();
        for k in 0..n {
            let h = 1e-5 * theta[k].abs().max(0.1);
            // a strength of 0 is the end of the line
            let down_by = if theta[k] == 0.0 { 0.0 } else { h };
            let moved = |by: f64| {
                let mut theta = theta.clone();
                theta[k] += by;
                model.gradient(&theta).expect("a likelihood")
            };
            let (up, down) = (moved(h), moved(-down_by));
            let tolerance = if down_by == 0.0 { 2e-3 } else { 1e-6 };
            let slope = (up.nll - down.nll) / (h + down_by);
            let exact = here.gradient[k];
            assert!((slope - exact).abs() < tolerance * (1.0 + exact.abs()), "{k} {slope} {exact}");
            for l in 0..n {
                let slope = (up.gradient[l] - down.gradient[l]) / (h + down_by);
                let exact = here.hessian[k * n + l];
                let size = (here.hessian[k * n + k] * here.hessian[l * n + l]).abs().sqrt();
                let tolerance = tolerance * (1e-2 + exact.abs() + size);
                assert!((slope - exact).abs() < tolerance, "{k} {l}: {slope} {exact}");
                assert!((exact - here.hessian[l * n + k]).abs() < 1e-12 * (1.0 + size));
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let events = table(&mass, bump(30_000, 40_001, 7), None);
    let model = two_channels();
    let mut channels: Vec<Channel> = model.channels().cloned().collect();
    channels[0].events = events;
    let model = UnbinnedModel::new(model.parameters().to_vec(), channels).expect("a model");
    let theta = [100.0, 91.0, 2.5, -0.03, 0.3, -0.4, 40_000.0];
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| model.hessian(&theta).expect("a likelihood"))
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert_eq!(with(threads), one);
    }
    assert_eq!(model.nll(&theta).expect("a likelihood").nll, one.nll);
    assert_eq!(model.gradient(&theta).expect("a likelihood").gradient, one.gradient);
}

#[test]
fn impossible_events_are_counted() {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let edges = [60.0, 90.0, 120.0];
    let lower_half = Process {
        name: "half".into(),
        pdf: Pdf::histogram(&mass, &edges, &[1.0, 0.0]).expect("a histogram"),
        shape: vec![],
        expected: plain(Base::Parameter(0)),
    };
    let model = |weights| {
        let channel = Channel {
            name: "SR".into(),
            events: table(&mass, vec![70.0, 100.0, 80.0, 110.0], weights),
            processes: vec![lower_half.clone()],
        };
        UnbinnedModel::new(vec![free("n", 4.0, (0.0, 10.0))], vec![channel]).expect("a model")
    };
    let at = model(None).gradient(&[4.0]).expect("a likelihood");
    assert_eq!((at.nll, at.zero_density, at.gradient), (f64::INFINITY, 2, vec![0.5]));
    // an event of no weight needs no density
    let at = model(Some(vec![1.0, 0.0, 1.0, 0.0])).nll(&[2.0]).expect("a likelihood");
    assert!(at.nll.is_finite() && at.zero_density == 0);
}

#[test]
fn bad_models_are_told() {
    let good = two_channels();
    let parameters = good.parameters().to_vec();
    let channels: Vec<Channel> = good.channels().cloned().collect();
    let refused = |parameters: Vec<Parameter>, channels: Vec<Channel>, says: &str| {
        let error = UnbinnedModel::new(parameters, channels).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    let with = |change: &dyn Fn(&mut Vec<Parameter>, &mut Vec<Channel>), says: &str| {
        let (mut parameters, mut channels) = (parameters.clone(), channels.clone());
        change(&mut parameters, &mut channels);
        refused(parameters, channels, says);
    };
    with(&|p, _| p[1].name = "mu".into(), "parameter \"mu\" is there twice");
    with(&|p, _| p[1].name.clear(), "a parameter needs a name");
    with(&|p, _| p[1].bounds = (3.0, 1.0), "parameter \"mean\": its bounds are 3 and 1");
    with(&|p, _| p[1].init = 1.0, "initial value 1 is not a number between its bounds");
    let narrow = Some(Gaussian { center: 0.0, sigma: 0.0 });
    with(&|p, _| p[4].constraint = narrow, "constrained to 0 +- 0");
    with(&|_, c| c.clear(), "at least one channel");
    with(&|_, c| c[1].name = "near".into(), "channel \"near\" is there twice");
    with(&|_, c| c[1].processes.clear(), "channel \"far\": it has no process");
    let pt = Observable::new("pt", 60.0, 120.0).expect("a window");
    with(&|_, c| c[0].processes[0].pdf = Pdf::gaussian(&pt), "no such column");
    with(&|p, _| drop(p.pop()), "process \"falling\": it follows parameter 6, but there are 6");
    with(
        &|_, c| c[0].processes[0].shape.truncate(1),
        "process \"signal\": 1 value for 2 parameters: mu, sigma",
    );
    let other = Observable::new("mass", 60.0, 110.0).expect("a window");
    with(&|_, c| c[0].processes[2].pdf = Pdf::uniform(&other), "another window");
    with(
        &|_, c| {
            c[0].processes[0].shape = vec![Slot::Constant(91.0), Slot::Constant(-1.0)];
        },
        "sigma = -1",
    );
    let at = |theta: &[f64], says: &str| {
        let error = good.nll(theta).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    at(&[1.0], "1 value for 7 parameters");
    at(&[f64::NAN, 91.0, 2.5, -0.03, 0.3, -0.4, 7.0], "parameter \"mu\" is NaN");
    at(&[1.0, 91.0, -2.5, -0.03, 0.3, -0.4, 7.0], "process \"signal\": gaussian: sigma = -2.5");
    at(&[1.0, 91.0, 2.5, -0.03, 0.3, -0.4, -7.0], "process \"falling\": the expected number");
}
