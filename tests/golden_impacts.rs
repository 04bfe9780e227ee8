//! Impacts against those recorded with cabinetry's definition.

mod common;

use common::golden::goldens;
use common::number;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Status;
use neyman::model::interpolation::Interpolation;
use neyman::session::{Impact, ImpactOptions, Session, Shift};
use serde_json::Value;

/// Relative agreement.
const CLOSE: f64 = 1e-3;
/// Recorded fits end with a slope of up to 1e-6, which moves the parameter of interest by about as much
/// in units of its uncertainty.
const FLOOR: f64 = 3e-6;

#[test]
fn impacts_are_those_recorded() {
    let mut compared = 0;
    let mut furthest = 0.0f64;
    for golden in goldens() {
        let Some(top) = golden.recorded["impacts"]["top"].as_array() else { continue };
        let session = Session::new(golden.compile(Interpolation::default()), DeviceChoice::Cpu)
            .expect("the processor");
        let data = session.model().observed().clone();
        let impacts = session.impacts(&data, &ImpactOptions::default()).expect("impacts");
        let name = &golden.name;
        assert!(impacts.notes.is_empty(), "{name}: {:?}", impacts.notes);
        let sigma = impacts.value().1;
        for recorded in top {
            let parameter = recorded["name"].as_str().expect("a name");
            let what = format!("{name}: {parameter}");
            let ours = impacts.parameters.iter().find(|i| i.name == parameter).expect(&what);
            assert_eq!(ours.parameter as u64, recorded["index"], "{what}");
            let close = |value: f64, key: &str, floor: f64| {
                let theirs = number(&recorded[key]);
                let allowed = CLOSE * theirs.abs() + floor;
                assert!((value - theirs).abs() <= allowed, "{what} {key}: {value} {theirs}");
            };
            close(ours.value, "theta_hat", 1e-4 * ours.uncertainty);
            close(ours.uncertainty, "postfit_sigma", 0.0);
            close(ours.prefit.map_or(0.0, |(_, width)| width), "prefit_sigma", 0.0);
            for (shift, key) in shifts(ours) {
                let Some(impact) = shift.impact else {
                    panic!("{what} {key}: {:?}", shift.status);
                };
                close(impact, key, FLOOR * sigma);
                let theirs = number(&recorded[key]);
                furthest = furthest.max((impact - theirs).abs() / (theirs.abs() + 1e-3 * sigma));
                compared += 1;
            }
        }
        check_order(name, &impacts.parameters, top);
    }
    println!("{compared} impacts, furthest {furthest:.1e}");
    assert!(compared == 0 || compared == 4 * (15 + 15 + 31 + 7 + 4));
}

fn shifts(impact: &Impact) -> [(Shift, &'static str); 4] {
    [
        (impact.up, "postfit_up"),
        (impact.down, "postfit_down"),
        (impact.prefit_up, "prefit_up"),
        (impact.prefit_down, "prefit_down"),
    ]
}

/// Ours are sorted, and the one that leads is the one recorded.
fn check_order(name: &str, ours: &[Impact], top: &[Value]) {
    let sizes: Vec<f64> = ours.iter().map(|i| i.largest().expect("all are known")).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{name}: {sizes:?}");
    assert!(ours.iter().all(|i| i.status() == Status::Converged), "{name}");
    assert_eq!(ours[0].name, top[0]["name"], "{name}");
}

/// Held far below its lower bound: bins with events expect fewer than none where the refit starts.
const NOT_FINITE: [(&str, &str); 1] = [("simplify_ref_BkgOnly", "mu_Top")];

/// Real models, the parameter of interest away from its bounds.
const REAL: [&str; 5] = [
    "atlas_tHu_fcnc",
    "atlas_ttbar_ljets_xsec",
    "atlas_tttt_prod",
    "atlas_ttz_4l",
    "belle2_workspace",
];

/// Every model that has a parameter of interest with an uncertainty can be taken apart; what shifted
/// auxiliary data give adds up to the total where the likelihood is near to Gaussian.
#[test]
fn every_model_can_be_taken_apart() {
    let mut rankings = 0;
    for golden in goldens() {
        let model = golden.compile(Interpolation::default());
        if model.poi().is_none() {
            continue;
        }
        let name = &golden.name;
        let session = Session::new(model, DeviceChoice::Cpu).expect("the processor");
        let data = session.model().observed().clone();
        let options = ImpactOptions { global: true, ..ImpactOptions::default() };
        let impacts = match session.impacts(&data, &options) {
            Ok(impacts) => impacts,
            Err(error) => {
                assert_eq!(name, "atlas_3Loffshell_simplified_signal", "{error}");
                assert!(error.is_convergence(), "{error}");
                continue;
            }
        };
        for impact in &impacts.parameters {
            let allowed = NOT_FINITE.contains(&(name, &impact.name));
            let expected = if allowed { Status::NotFinite } else { Status::Converged };
            assert_eq!(impact.status(), expected, "{name}: {}", impact.name);
            // refits within the bounds end, whatever lies beyond
            let unknown = shifts(impact).into_iter().filter(|(s, _)| s.impact.is_none());
            assert!(unknown.clone().count() <= 2, "{name}: {}", impact.name);
        }
        assert!(
            impacts.parameters.is_sorted_by_key(|i| std::cmp::Reverse(
                i.largest().map_or(u64::MAX, f64::to_bits)
            ))
        );
        let global = impacts.global.as_ref().expect("asked for");
        let (sum, sigma) = (global.sum.expect("all converge"), impacts.value().1);
        if REAL.contains(&&**name) {
            assert!((sum / sigma - 1.0).abs() < 0.015, "{name}: {sum} {sigma}");
        }
        // fixing more leaves less
        for group in &impacts.groups {
            let uncertainty = group.uncertainty.expect("a positive definite block");
            assert!(uncertainty <= sigma * (1.0 + 1e-9), "{name}: {}", group.name);
        }
        rankings += 1;
    }
    println!("{rankings} models taken apart");
    assert!(rankings == 0 || rankings >= 45);
}
