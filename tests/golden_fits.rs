//! Fits to the observed data of real analyses against recorded minima. One-sided: a lower minimum
//! than the recorded one is better, not wrong.

mod common;

use common::golden::{Golden, goldens};
use common::random::Random;
use common::{number, numbers, own};
use neyman::accelerator::{self, DeviceChoice, Program};
use neyman::fit::{self, FitJob, Status, Tolerance};
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::model::{Constraint, Model};
use neyman::session::{FitOptions, FitResult, Session};
use serde_json::Value;
use std::sync::Arc;

/// How much higher than the recorded twice NLL a minimum may be.
const HIGHER: f64 = 1e-7;

/// Minima closer than this in twice the NLL are one to a session, and it may return either.
const SAME_MINIMUM: f64 = 1e-5;

/// Kinks give real likelihoods dozens of minima, one for each side of many an alpha; a session
/// starts eight times and may miss the lowest of those by about this much.
const MISSED_BETWEEN_KINKS: f64 = 1e-3;

/// The minimum falls on a bound with no slope against it, so that rounding decides whether the
/// parameter counts as held there: uncertainties and bounds are not compared.
const ON_A_BOUND_BY_CHANCE: [&str; 1] = ["pyhf_2bin_1channel"];

fn session(model: Model) -> Session {
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn options(fix: &[(String, f64)], tolerance: Tolerance) -> FitOptions {
    FitOptions { fix: fix.to_vec(), tolerance }
}

/// What holds of every fit, recorded or not.
#[track_caller]
fn check_sanity(what: &str, session: &Session, result: &FitResult) {
    let model = session.model();
    let nll = 2.0 * model.nll(&result.parameters, model.observed());
    let same = (nll - result.twice_nll).abs() <= 1e-9 || nll == result.twice_nll;
    assert!(same, "{what}: {} returned, {nll} by the model", result.twice_nll);
    for (k, parameter) in model.parameters().iter().enumerate() {
        let (value, (lower, upper)) = (result.parameters[k], parameter.bounds);
        let inside = result.fixed[k] || (lower..=upper).contains(&value);
        assert!(inside, "{what}: {} = {value}", parameter.name);
        if parameter.fixed {
            assert_eq!(value, parameter.init, "{what}: {} is fixed", parameter.name);
        }
    }
    assert!(result.uncertainties.iter().all(|u| u.is_finite() && *u >= 0.0), "{what}");
    assert_eq!(result.covariance.is_empty(), result.covariance_problem.is_some(), "{what}");
}

/// How much lower the minimum is than the recorded one.
#[track_caller]
fn lower_by(what: &str, result: &FitResult, recorded: &Value) -> f64 {
    let theirs = number(&recorded["twice_nll"]);
    if !theirs.is_finite() {
        assert_eq!(result.status, Status::NotFinite, "{what}");
        assert_eq!(result.twice_nll, f64::INFINITY, "{what}");
        return 0.0;
    }
    assert!(result.status.is_converged(), "{what}: {:?}", result.status);
    assert!(
        result.twice_nll <= theirs + HIGHER,
        "{what}: {} is {:e} above {theirs}",
        result.twice_nll,
        result.twice_nll - theirs
    );
    theirs - result.twice_nll
}

/// Parameters, uncertainties and bounds of a free fit that ends in the recorded minimum.
fn check_against_recorded(golden: &Golden, result: &FitResult) {
    let (name, recorded) = (&golden.name, &golden.recorded["mle"]);
    let (values, sigmas) =
        (numbers(&recorded["pars"]), numbers(&recorded["uncertainties_exact_hessian"]));
    for (k, parameter) in
        golden.recorded["parameters"]["names"].as_array().unwrap().iter().enumerate()
    {
        let what = format!("{name}: {parameter}");
        let (ours, theirs) = (result.parameters[k], values[k]);
        // those without an uncertainty stand at a bound or are fixed
        let allowed = if sigmas[k] > 0.0 { 1e-4 * sigmas[k] } else { 1e-12 };
        assert!((ours - theirs).abs() <= allowed, "{what}: {ours} instead of {theirs}");
        if ON_A_BOUND_BY_CHANCE.contains(&name.as_str()) {
            continue;
        }
        let (ours, theirs) = (result.uncertainties[k], sigmas[k]);
        let close = (ours - theirs).abs() <= 1e-4 * theirs;
        assert!(close, "{what}: uncertainty {ours} instead of {theirs}");
    }
    if ON_A_BOUND_BY_CHANCE.contains(&name.as_str()) {
        return;
    }
    let at_bound: Vec<usize> = (0..values.len()).filter(|&k| result.at_bound[k] != 0).collect();
    let recorded: Vec<usize> = recorded["at_bound"]
        .as_array()
        .unwrap()
        .iter()
        .map(|index| index.as_u64().unwrap() as usize)
        .collect();
    assert_eq!(at_bound, recorded, "{name}: at a bound");
}

#[test]
fn free_fits() {
    let (mut fits, mut compared) = (0, 0);
    for golden in goldens() {
        let recorded = &golden.recorded["mle"];
        let session = session(golden.compile(Interpolation::default()));
        let observed = session.model().observed().clone();
        for tolerance in [Tolerance::default(), Tolerance::PARITY] {
            let result = session.fit(&observed, &options(&[], tolerance)).expect("a fit");
            check_sanity(&golden.name, &session, &result);
            let lower = lower_by(&golden.name, &result, recorded);
            if lower > HIGHER {
                println!("{}: lower than recorded by {lower:e}", golden.name);
                continue;
            }
            let reliable = recorded["reliable"] == true;
            if tolerance == Tolerance::PARITY && reliable {
                check_against_recorded(&golden, &result);
                compared += 1;
            }
        }
        fits += 1;
    }
    println!("{fits} models, {compared} compared in all parameters");
    assert!(fits == 0 || compared >= 50);
}

/// A signal of zero yield leaves its strength free: there is no error bar to give.
#[test]
fn a_flat_likelihood_is_told() {
    const FLAT: &str = "atlas_3Loffshell_simplified_signal";
    let mut told = 0;
    for golden in goldens() {
        let session = session(golden.compile(Interpolation::default()));
        let observed = session.model().observed().clone();
        let result = session.fit(&observed, &FitOptions::default()).expect("a fit");
        match &result.covariance_problem {
            Some(problem) => {
                assert_eq!(golden.name, FLAT, "{problem}");
                let poi = session.model().poi().expect("a POI");
                assert!(problem.contains(&session.model().parameters()[poi].name), "{problem}");
                assert!(result.uncertainties.is_empty());
                told += 1;
            }
            None => assert_ne!(golden.name, FLAT),
        }
    }
    assert!(told == 1 || common::data_directory().is_none());
}

#[test]
fn conditional_fits() {
    let mut fits = 0;
    for golden in goldens() {
        let Some(conditional) = golden.recorded["conditional"].as_object() else { continue };
        let session = session(golden.compile(Interpolation::default()));
        let observed = session.model().observed().clone();
        for (key, recorded) in conditional.iter().filter(|(_, value)| value.is_object()) {
            let mu: f64 = key.strip_prefix("mu=").expect("mu=").parse().expect("a number");
            let poi = session.model().poi().expect("a POI");
            let parameter = &session.model().parameters()[poi];
            let (lower, upper) = parameter.bounds;
            // a value that the fit is told to hold may lie outside the bounds
            assert_eq!(recorded["mu_inside_bounds"], (lower..=upper).contains(&mu));
            let fix = [(parameter.name.clone(), mu)];
            for tolerance in [Tolerance::default(), Tolerance::PARITY] {
                let what = format!("{} {key}", golden.name);
                let result = session.fit(&observed, &options(&fix, tolerance)).expect("a fit");
                check_sanity_conditional(&what, &session, &result, (poi, mu));
                let by = lower_by(&what, &result, recorded);
                if by > HIGHER {
                    println!("{what}: lower than recorded by {by:e}");
                }
            }
            fits += 1;
        }
    }
    println!("{fits} conditional fits");
}

#[track_caller]
fn check_sanity_conditional(
    what: &str,
    session: &Session,
    result: &FitResult,
    (poi, mu): (usize, f64),
) {
    assert!(result.fixed[poi] && result.parameters[poi] == mu, "{what}");
    if result.twice_nll.is_finite() {
        check_sanity(what, session, result);
        let uncertainty = result.uncertainties.get(poi);
        assert!(uncertainty.is_none_or(|u| *u == 0.0), "{what}: mu is held");
    }
}

/// Kinks at 0 (code1, code0) and other interpolations: nothing recorded to compare with, so fits
/// from many other starts must find nothing lower.
#[test]
fn no_restart_finds_lower() {
    const MODELS: [&str; 8] = [
        "atlas_susy_2018_31_SRB_bkgonly",
        "atlas_tHu_fcnc",
        "atlas_1Lbb_simplified_500_150",
        "cabinetry_example_workspace",
        "gazot_sample",
        "ours_all_modifiers_a",
        "val_2bin_2channel_coupledhisto",
        "xml_xmlimport_input2",
    ];
    for golden in goldens().iter().filter(|g| MODELS.contains(&g.name.as_str())) {
        for interpolation in own::interpolations() {
            let session = session(golden.compile(interpolation));
            let observed = session.model().observed().clone();
            let result = session.fit(&observed, &options(&[], Tolerance::PARITY)).expect("a fit");
            let what = format!("{} {interpolation:?}", golden.name);
            check_sanity(&what, &session, &result);
            assert!(result.status.is_converged(), "{what}: {:?}", result.status);
            let restarted = lowest_of_restarts(session.model(), &result.parameters);
            let lower = result.twice_nll - restarted;
            let kinked = interpolation.normsys == NormSysInterpolation::PiecewiseExponential
                || interpolation.histosys == HistoSysInterpolation::PiecewiseLinear;
            let allowed = if kinked { MISSED_BETWEEN_KINKS } else { SAME_MINIMUM };
            assert!(lower <= allowed, "{what}: a restart finds {restarted}, lower by {lower:e}");
            if lower > 1e-6 {
                println!("{what}: a restart finds a minimum lower by {lower:e}");
            }
            check_stationary(&what, &session, &result);
        }
    }
}

/// Neither side of any free parameter leads down, by the oracle's derivatives to the right and left.
#[track_caller]
fn check_stationary(what: &str, session: &Session, result: &FitResult) {
    let model = session.model();
    let (x, data) = (&result.parameters, model.observed());
    let right = model.gradient(x, data);
    // a step to the left of 0 too small to change anything but the branch
    let left_of = x.iter().map(|v| if *v == 0.0 { -f64::MIN_POSITIVE } else { *v });
    let left = model.gradient(&left_of.collect::<Vec<_>>(), data);
    let fisher = model.fisher(x);
    for (k, parameter) in model.parameters().iter().enumerate().filter(|(k, _)| !result.fixed[*k]) {
        // in units of the parameter's own width: a step of 1 sigma would change the NLL by this
        let sigma = fisher[(k, k)].sqrt().recip();
        let (lower, upper) = parameter.bounds;
        let down_right = if x[k] < upper { (-right[k] * sigma).max(0.0) } else { 0.0 };
        let down_left = if x[k] > lower { (left[k] * sigma).max(0.0) } else { 0.0 };
        let slope = down_right.max(down_left);
        assert!(slope < 1e-4, "{what}: {} = {} goes down, {slope:e}", parameter.name, x[k]);
    }
}

/// Least twice NLL of fits that start around `x` and around the initial point.
fn lowest_of_restarts(model: &Model, x: &[f64]) -> f64 {
    const STARTS: usize = 48;
    let mut random = Random::new(23);
    let mut start = Vec::new();
    for i in 0..STARTS {
        let near = i % 2 == 0;
        for (k, parameter) in model.parameters().iter().enumerate() {
            let center = if near { x[k] } else { parameter.init };
            let width = match parameter.constraint {
                Constraint::Gaussian { sigma, .. } => sigma,
                Constraint::Poisson { tau, .. } => 0.5 / tau.sqrt(),
                Constraint::None => 0.3,
            } * if near { 0.3 } else { 1.5 };
            let (lower, upper) = parameter.bounds;
            let value = center + width * random.uniform(-1.0, 1.0);
            start.push(if parameter.fixed { parameter.init } else { value.clamp(lower, upper) });
        }
    }
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    let device = accelerator::open(&DeviceChoice::Cpu.into(), program).expect("the processor");
    let job = FitJob {
        main: &model.observed().main.repeat(STARTS),
        auxiliary: &model.observed().auxiliary.repeat(STARTS),
        n_fits: STARTS,
        start: &start,
        fixed: &model.fixed(),
        tolerance: Tolerance::PARITY,
    };
    let batch = fit::minimize(&*device, &job).expect("fits");
    let converged = (0..STARTS).filter(|&i| batch.status[i].is_converged());
    converged.map(|i| 2.0 * batch.nll[i]).fold(f64::INFINITY, f64::min)
}
