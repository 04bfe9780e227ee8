//! Made-up devices: nothing here is timed.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::Error;
use crate::accelerator::{DeviceRequest, PrecisionChoice};
use crate::model::{Model, ModelOptions};
use crate::session::SessionOptions;
use crate::spec::{self, LoadOptions};

/// A device by its name and rate; without a rate it fails. Counts how often it is timed.
fn contestant<'a>(name: &str, rate: Option<f64>, timed: &'a Cell<u32>) -> Contestant<'a> {
    Contestant {
        title: name.into(),
        key: format!("{name}, driver 1"),
        rate: Box::new(move || {
            timed.set(timed.get() + 1);
            rate.ok_or(Error::Device { device: "gpu:0".into(), message: "lost".into() })
        }),
    }
}

fn outcome(rates: &[(&str, Option<f64>)], cache: Option<&Path>) -> (Outcome, u32) {
    let timed = Cell::new(0);
    let mut contest: Vec<_> = rates.iter().map(|(n, r)| contestant(n, *r, &timed)).collect();
    let outcome = compare(&mut contest, cache, "a model");
    drop(contest);
    (outcome, timed.get())
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("neyman-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn the_faster_device_is_chosen_and_both_are_told() {
    let best = |rates: &[(&str, Option<f64>)]| {
        let (outcome, timed) = outcome(rates, None);
        assert_eq!(timed as usize, rates.len());
        assert!(outcome.notes.is_empty());
        (outcome.best, outcome.reason)
    };
    assert_eq!(
        best(&[("cpu", Some(12_812.0)), ("gpu:0 NVIDIA df64", Some(410_321.0))]),
        (1, "cpu: 12 800 fits/s, gpu:0 NVIDIA df64: 410 000 fits/s".into())
    );
    assert_eq!(best(&[("cpu", Some(100.0)), ("gpu:0", Some(90.0))]).0, 0);
    // not clearly
    assert_eq!(best(&[("cpu", Some(100.0)), ("gpu:0", Some(105.0))]).0, 0);
    assert_eq!(best(&[("cpu", Some(1.0)), ("a", Some(5.0)), ("b", Some(5.1))]).0, 2);
    assert_eq!(best(&[("cpu", Some(1.0)), ("a", Some(f64::NAN)), ("b", Some(f64::INFINITY))]).0, 0);
}

#[test]
fn a_device_that_fails_is_out() {
    let (all, _) = outcome(&[("cpu", Some(10.0)), ("gpu:0", None), ("gpu:1", Some(20.0))], None);
    assert_eq!(all.best, 2);
    let told = "cpu: 10 fits/s, gpu:0: left out: device gpu:0: lost, gpu:1: 20 fits/s";
    assert_eq!(all.reason, told);
    assert_eq!(outcome(&[("cpu", Some(10.0)), ("gpu:0", None)], None).0.best, 0);
    assert_eq!(outcome(&[("cpu", None), ("gpu:0", None)], None).0.best, 0);
}

#[test]
fn times_are_kept_for_the_same_devices() {
    let folder = folder("times");
    let rates = [("cpu", Some(10.0)), ("gpu:0", Some(30.0))];
    let (first, timed) = outcome(&rates, Some(&folder));
    assert_eq!((first.best, timed, first.notes.len()), (1, 2, 0));
    // other rates now, and nobody asks
    let slower = [("cpu", Some(10.0)), ("gpu:0", Some(1.0))];
    let (again, timed) = outcome(&slower, Some(&folder));
    assert_eq!((again.best, timed), (1, 0));
    assert_eq!(again.reason, format!("{} (timed earlier)", first.reason));
    // one more device: all are timed together
    let more = [slower[0], slower[1], ("gpu:1", Some(2.0))];
    assert_eq!(outcome(&more, Some(&folder)).1, 3);
    assert_eq!(outcome(&slower, Some(&folder)).0.best, 0);
}

#[test]
fn a_useless_cache_is_a_note() {
    let folder = folder("useless");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("devices.json"), "{").unwrap();
    let rates = [("cpu", Some(10.0)), ("gpu:0", Some(30.0))];
    let (first, timed) = outcome(&rates, Some(&folder));
    assert_eq!((first.best, timed, first.notes.len()), (1, 2, 1));
    // mended meanwhile
    assert_eq!(outcome(&rates, Some(&folder)).1, 0);
    let file = folder.join("devices.json");
    // a file where a folder should be: read and write both fail
    let (outcome, timed) = outcome(&rates, Some(&file));
    assert_eq!((outcome.best, timed), (1, 2));
    assert!(outcome.notes.last().unwrap().contains("is not kept"), "{:?}", outcome.notes);
}

#[test]
fn numbers_are_read_at_a_glance() {
    let cases = [
        (0.0, "0"),
        (0.4, "0"),
        (7.6, "8"),
        (999.6, "1 000"),
        (12_849.0, "12 800"),
        (410_321.0, "410 000"),
        (1_234_567.0, "1 230 000"),
        (f64::NAN, "0"),
    ];
    for (rate, text) in cases {
        assert_eq!(thousands(rate), text);
    }
}

fn session(cache: Option<PathBuf>) -> Session {
    let text = br#"{"version": "1.0.0",
        "channels": [{"name": "c", "samples": [{"name": "s", "data": [50],
            "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]}]}],
        "observations": [{"name": "c", "data": [60]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}]}"#;
    let loaded = spec::load(text, &LoadOptions::default()).unwrap();
    let model = Model::new(&loaded.workspace, 0, &ModelOptions::default()).unwrap();
    let options = SessionOptions { cache };
    Session::with_options(model, DeviceChoice::Auto, options).unwrap()
}

fn plan(n: u64) -> ToyPlan {
    ToyPlan {
        truth: vec![1.0],
        seed: 1,
        range: 0..n,
        hold: Vec::new(),
        keep_data: false,
        tolerance: Default::default(),
    }
}

#[test]
fn small_batches_stay_on_the_processor() {
    let session = session(None);
    let small = session.toy_device(&plan(LARGE - 1)).unwrap();
    assert_eq!(&small, session.device());
    assert!(session.large.get().is_none());
    let both = ToyPlan { hold: vec![(0, 1.0)], ..plan(LARGE / 2) };
    session.toy_device(&both).unwrap();
    assert!(session.large.get().is_some());
}

#[test]
fn without_candidates_the_processor_is_not_timed() {
    let choice = session(None).choose(&plan(LARGE), Vec::new()).unwrap();
    assert!(choice.device.is_none());
    assert_eq!(choice.info.reason, "auto: there is no hardware graphics processor to compare with");
}

/// The processor is timed in earnest, the other one cannot be opened.
#[test]
fn a_candidate_that_cannot_be_opened_is_left_out() {
    let folder = folder("candidate");
    let session = session(Some(folder.clone()));
    let nothing = DeviceChoice::Gpu { backend: None, index: Some(999) };
    let candidate = Candidate {
        request: DeviceRequest { device: nothing, ..DeviceRequest::default() },
        title: "gpu:999 Imaginary df64".into(),
        key: "Imaginary".into(),
    };
    let choice = session.choose(&plan(LARGE), vec![candidate.clone()]).unwrap();
    assert!(choice.device.is_none() && choice.info.name == "cpu");
    let reason = choice.info.reason;
    assert!(reason.starts_with("auto: cpu: "), "{reason}");
    assert!(reason.contains("gpu:999 Imaginary df64: left out: device gpu:999: "), "{reason}");

    // kept as the fastest by an earlier process, and gone since
    let mut rates = Rates::read(&folder).0;
    let shape = session.shape();
    rates.set(&shape, &candidate.key, 1e12);
    rates.write(&folder).unwrap();
    let choice = session.choose(&plan(LARGE), vec![candidate]).unwrap();
    assert!(choice.device.is_none() && choice.info.name == "cpu");
    assert!(choice.info.reason.contains("; cpu all the same: device gpu:999"), "{:?}", choice.info);
}

/// The processor once more stands in for a card that is faster.
#[test]
fn large_batches_go_to_the_faster_device() {
    let folder = folder("faster");
    let session = session(Some(folder.clone()));
    let candidate = Candidate {
        request: DeviceChoice::Cpu.into(),
        title: "gpu:0 Imaginary f64".into(),
        key: "Imaginary".into(),
    };
    let mut rates = Rates::default();
    let host = format!("cpu, {}", session.host.info().description);
    rates.set(&session.shape(), &host, 1e4);
    rates.set(&session.shape(), &candidate.key, 2e6);
    rates.write(&folder).unwrap();
    let choice = session.choose(&plan(LARGE), vec![candidate]).unwrap();
    let expected =
        "auto: cpu: 10 000 fits/s, gpu:0 Imaginary f64: 2 000 000 fits/s (timed earlier)";
    assert_eq!((&*choice.info.reason, choice.notes.len()), (expected, 0));
    let chosen = std::ptr::from_ref(choice.device.as_deref().unwrap()).cast::<()>();
    assert!(session.large.set(choice).is_ok());

    let address = |plan| std::ptr::from_ref(session.device_of(&plan).unwrap()).cast::<()>();
    assert_eq!(address(plan(LARGE)), chosen);
    assert_ne!(address(plan(LARGE - 1)), chosen);
    assert_eq!(session.toy_device(&plan(LARGE)).unwrap().reason, expected);
    assert_ne!(session.device().reason, expected);
    let mut first = Vec::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let done = session.toys(&plan(LARGE), 700, &stop, &mut |chunk| {
        first.push((chunk.first, chunk.fits.len()));
        Ok(())
    });
    assert_eq!(done.unwrap(), LARGE);
    assert_eq!(first, [(0, 700), (700, 700), (1400, 600)]);
}

#[test]
fn a_precision_applies_to_graphics_processors_alone() {
    let model = Model::clone(session(None).model());
    let request = DeviceRequest {
        precision: PrecisionChoice::Df64,
        ..DeviceRequest::from(DeviceChoice::Auto)
    };
    let session = Session::new(model.clone(), request).unwrap();
    assert_eq!(session.device().precision, "f64");
    let request = DeviceRequest { device: DeviceChoice::Cpu, ..request };
    assert!(Session::new(model, request).err().unwrap().is_device());
}
