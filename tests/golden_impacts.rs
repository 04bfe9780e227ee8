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
                // a gamma far below 0 can leave no likelihood to fit
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
