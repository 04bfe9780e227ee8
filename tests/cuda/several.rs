//! Several cards: whichever has a fit, it comes to the same bits, also where one of them fails.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use neyman::accelerator::{self, DeviceChoice, DeviceRequest, Program, cuda};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use neyman::session::{Session, ToyPlan};

use crate::common::conformance::{points, toys};
use crate::common::cuda::{alone, card, is_stand_in};
use crate::common::{own, place};

/// Runs a test that needs two cards: here where they are, else in a process where the stand-in driver
/// shows them.
fn with_two_cards(name: &str, test: fn(), environment: &[(&str, &str)]) {
    let Some(card) = card() else { return };
    if !is_stand_in(&card) {
        match cuda::list().map(|all| all.len()) {
            Ok(2..) if environment.is_empty() => test(),
            _ => eprintln!("skipped: it takes two cards, or the stand-in driver"),
        }
        return;
    }
    let cards = [("NEYMAN_STANDIN_DEVICES", "2")];
    let environment: Vec<_> = cards.iter().chain(environment).copied().collect();
    alone(&format!("several::{name}"), &environment);
}

fn model() -> Model {
    own::compile(&own::all_seven(), Interpolation::default())
}

fn session(device: &str) -> Session {
    let choice: DeviceChoice = device.parse().expect("a device");
    Session::new(model(), choice).unwrap_or_else(|e| panic!("{e}"))
}

/// Toys with conditional fits, in two chunks.
fn throw(session: &Session) -> Vec<FitBatch> {
    let poi = session.model().poi().expect("a parameter of interest");
    let plan = ToyPlan {
        truth: session.model().init(),
        seed: 9,
        range: 0..22,
        hold: vec![(poi, session.model().init()[poi])],
        keep_data: false,
        tolerance: Tolerance::default(),
    };
    let mut all = Vec::new();
    let mut sink = |chunk: neyman::session::ToyChunk| {
        all.push(chunk.fits);
        all.extend(chunk.conditional);
        Ok(())
    };
    session.toys(&plan, 13, &AtomicBool::new(false), &mut sink).unwrap_or_else(|e| panic!("{e}"));
    all
}

fn bits(batches: &[FitBatch]) -> Vec<u64> {
    let of = |b: &FitBatch| {
        let values = b.parameters.iter().chain(&b.nll).chain(&b.edm).map(|v| v.to_bits());
        values.chain(b.evaluations.iter().map(|e| u64::from(*e))).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

/// Fits that start at points of their own.
fn fits(device: &str) -> FitBatch {
    let model = model();
    let device: DeviceChoice = device.parse().expect("a device");
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    let device = accelerator::open(&device.into(), program).unwrap_or_else(|e| panic!("{e}"));
    let (main, auxiliary) = toys(&model, 9);
    let start: Vec<f64> = points(&model, 9, 5)
        .into_iter()
        .flat_map(|p| {
            let bounds = model.parameters().iter().map(|p| p.bounds);
            p.x.into_iter()
                .zip(bounds)
                .map(|(x, (lower, upper))| x.clamp(lower, upper))
                .collect::<Vec<_>>()
        })
        .collect();
    let fixed = model.fixed();
    let tolerance = Tolerance::default();
    let job = FitJob {
        main: &main,
        auxiliary: &auxiliary,
        n_fits: 9,
        start: &start,
        fixed: &fixed,
        tolerance,
    };
    fit::minimize(&*device, &job).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
#[ignore = "started by the other tests"]
fn same_bits() {
    let session_of_one = session("cuda:0");
    let expected = bits(&throw(&session_of_one));
    let points: Vec<f64> = points(&model(), 150, 3).into_iter().flat_map(|p| p.x).collect();
    let values = |session: &Session| {
        let (nll, gradient) = session
            .nll_and_gradient(&points, session.model().observed())
            .unwrap_or_else(|e| panic!("{e}"));
        nll.into_iter().chain(gradient).map(f64::to_bits).collect::<Vec<_>>()
    };
    for device in ["cuda:1", "cuda:0,1", "cuda:all"] {
        let session = session(device);
        let name = if device == "cuda:1" { device } else { "cuda:0,1" };
        assert!(session.device().name.starts_with(name), "{}", session.device().name);
        assert!(bits(&throw(&session)) == expected, "toys on {device}");
        assert!(values(&session) == values(&session_of_one), "points on {device}");
    }
    assert!(bits(&[fits("cuda:0")]) == bits(&[fits("cuda:0,1")]), "starts of their own");
}

#[test]
fn cards_share_a_job_and_change_no_bit() {
    with_two_cards("same_bits", same_bits, &[]);
}

#[test]
#[ignore = "started by the other tests"]
fn one_lost() {
    // opening takes one launch
    let found = throw(&session("cuda:0,1"));
    assert!(bits(&found) == bits(&throw(&session("cuda:0"))));
    let failure = found.iter().find_map(|b| b.failure.clone()).expect("it is said");
    assert!(failure.starts_with("cuda:1: "), "{failure}");
    assert!(failure.ends_with("(other devices took over)"), "{failure}");
    let alone: DeviceRequest = DeviceChoice::Cuda { index: Some(1) }.into();
    let error = Session::new(model(), DeviceRequest { host_fallback: false, ..alone });
    assert!(error.is_err_and(|e| e.is_device()), "it stays lost");
}

#[test]
fn others_take_over_from_a_card_that_is_lost() {
    let lost = [("NEYMAN_STANDIN_FAULT", "lost_after=2@1")];
    with_two_cards("one_lost", one_lost, &lost);
}

#[cfg(all(feature = "cli", target_os = "linux"))]
#[test]
fn the_command_names_several_cards() {
    let Some(card) = card() else { return };
    if !is_stand_in(&card) {
        eprintln!("skipped: {} fails when it likes", card.name);
        return;
    }
    let run = |arguments: &str, fault: &str| {
        let output = Command::new(place::binary())
            .args(arguments.split_whitespace())
            .current_dir(place::sources())
            .env("NEYMAN_STANDIN_DEVICES", "2")
            .env("NEYMAN_STANDIN_QUIET", "1")
            .env("NEYMAN_STANDIN_FAULT", fault)
            .output()
            .expect("the command runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, told, error) = run("devices", "");
    assert_eq!(code, Some(0), "{error}");
    let line = told.lines().find(|l| l.starts_with("cuda:0,1")).expect("both in one line");
    for word in ["cuda:all", "2 x PTX stand-in", "f64 passed"] {
        assert!(line.contains(word), "{line}");
    }
    let toys = "toys tests/data/all_modifiers.json --toys 30 --chunk 10 --device cuda:0,1";
    let (code, told, error) = run(toys, "");
    assert_eq!(code, Some(0), "{error}");
    assert!(told.starts_with("30 of 30 toys converged") && !told.contains("failed"), "{told}");
    let (code, told, error) = run(toys, "lost_after=3@0");
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("a device failed: cuda:0: "), "{told}");
    assert!(told.contains("(other devices took over)"), "{told}");
    let (code, told, error) = run(toys, "lost_after=2");
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("(the processor took over)"), "{told}");
    let (code, _, error) = run(&format!("{toys} --no-host-fallback"), "lost_after=2");
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("error: device cuda:0,1: "), "{error}");
    let (code, _, error) = run(&toys.replace("0,1", "0,2"), "");
    assert_eq!(code, Some(4), "{error}");
    assert!(
        error.contains("device cuda:2: there is no such card; there is cuda:0, cuda:1"),
        "{error}"
    );
}
