//! Flows in ONNX whose context follows parameters, summed on devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use neyman::fit::Tolerance;
use neyman::session::FitOptions;
use neyman::unbinned::model::{Channel, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::pdf::flow::Flow;
use neyman::unbinned::toys::Thrower;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{EventTable, Observable, OutOfBounds, UnbinnedModel};
use rayon::prelude::*;
use serde_json::json;

use crate::common::data_directory;
use crate::event_models::{free, nuisance, plain, uniform};
use crate::event_toys::losing;
use crate::models::{Below, Has, WINDOW, gaussian, library, load, manifest, write};
use crate::writer::Kind;
use crate::{Device, Worst, fits_agree};

fn window() -> Observable {
    Observable::new("x", WINDOW.0, WINDOW.1).expect("a window")
}

fn density(flow: Flow) -> Pdf {
    Pdf::flow(&[window()], Arc::new(flow)).unwrap_or_else(|e| panic!("{e}"))
}

fn process(name: &str, pdf: Pdf, shape: Vec<Slot>, k: usize) -> Process {
    Process { name: name.into(), pdf, shape, expected: plain(Base::Parameter(k)) }
}

fn table(x: Vec<f64>, weights: Option<Vec<f64>>) -> EventTable {
    let columns = vec![("x".to_owned(), x)];
    EventTable::new(&[window()], columns, weights, OutOfBounds::Error).expect("a table")
}

/// A folder for each call: tests run beside each other.
fn named(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn exported(name: &str, kind: Kind, has: Has) -> Pdf {
    density(load(&named(name), kind, has))
}

/// With a model of its own for the gradient.
fn in_two_models(kind: Kind, gradient: Has) -> Pdf {
    let models = json!({"log_prob": "log_prob.onnx", "log_prob_grad": "gradient.onnx"});
    let files = [
        ("log_prob.onnx", gaussian(kind, Has { gradient: false, ..gradient })),
        ("gradient.onnx", gaussian(kind, gradient)),
    ];
    let path = write(&named("two"), &manifest(models), &files);
    density(Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{e}")))
}

/// Models in both precisions, with and without second derivatives, in one tensor or two, in batches of one size: the
/// context free, half of it held, the other half; where one has no density. Beside them a flat density and an own one.
pub(crate) fn every_model(n: usize, weighted: bool) -> UnbinnedModel {
    let gradient = Has { gradient: true, ..Has::default() };
    let (m, s) = (Slot::Parameter(6), Slot::Parameter(7));
    let split = Has { split: true, column: true, ..gradient };
    let processes = vec![
        process("f32", exported("f32", Kind::Single, gradient), vec![m, s], 0),
        process(
            "f64",
            exported("f64", Kind::Double, Has { hessian: true, ..gradient }),
            vec![Slot::Constant(2.0), s],
            1,
        ),
        process(
            "split",
            exported("split", Kind::Double, Has { below: Below::Nothing, ..split }),
            vec![m, Slot::Constant(7.0)],
            2,
        ),
        process(
            "rows",
            exported("rows", Kind::Single, Has { rows: Some(100), hessian: true, ..gradient }),
            vec![Slot::Constant(-20.0), Slot::Parameter(8)],
            3,
        ),
        process("two", in_two_models(Kind::Double, split), vec![m, Slot::Parameter(8)], 4),
        process("flat", Pdf::uniform(&window()), vec![], 5),
        process("own", Pdf::gaussian(&window()), vec![m, s], 5),
    ];
    let mut parameters: Vec<_> =
        (0..6).map(|k| free(&format!("n{k}"), 50.0 * k as f64, (0.0, 1e6))).collect();
    parameters.extend([
        free("m", 1.0, (-5.0, 5.0)),
        free("s", 3.0, (0.5, 6.0)),
        free("wide", 5.0, (0.5, 8.0)),
    ]);
    let mut random = uniform(7);
    let width = WINDOW.1 - WINDOW.0;
    let mut x: Vec<f64> = (0..n).map(|_| 0.4 * (WINDOW.0 + width * random())).collect();
    (x[0], x[1], x[2]) = (WINDOW.0, WINDOW.1, -55.0);
    let weights = weighted.then(|| (0..n).map(|i| 0.25 * (i % 7) as f64).collect());
    let channel = Channel { name: "all".into(), events: table(x, weights), processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// Points of it.
pub(crate) fn points(model: &UnbinnedModel) -> [Vec<f64>; 2] {
    let start = model.init();
    let mut elsewhere = start.clone();
    elsewhere.iter_mut().enumerate().for_each(|(k, x)| *x *= 1.0 + 0.1 * (k % 3) as f64);
    elsewhere[6..].copy_from_slice(&[-0.7, 2.3, 6.1]);
    (elsewhere[0], elsewhere[2]) = (25.0, 1e-30);
    [start, elsewhere]
}

/// A narrow peak above a wide one, as it is thrown at the truth `[0.3 n, 0.7 n, 0.4, 1.5]`.
pub(crate) fn peak(kind: Kind, n: usize) -> (UnbinnedModel, UnbinnedModel) {
    let of = |peak: Pdf, events: EventTable| {
        let size = n as f64;
        let parameters = vec![
            free("n_sig", 0.27 * size, (0.0, 1e8)),
            free("n_bkg", 0.75 * size, (0.0, 1e8)),
            free("m", 0.2, (-5.0, 5.0)),
            free("s", 1.8, (0.5, 6.0)),
            nuisance("tilt"),
        ];
        let processes = vec![
            process("signal", peak, vec![Slot::Parameter(2), Slot::Parameter(3)], 0),
            process(
                "background",
                Pdf::gaussian(&window()),
                vec![Slot::Constant(0.0), Slot::Constant(6.0)],
                1,
            ),
        ];
        let channel = Channel { name: "SR".into(), events, processes };
        UnbinnedModel::new(parameters, vec![channel]).expect("a model")
    };
    let size = n as f64;
    let own = of(Pdf::gaussian(&window()), table(vec![], None));
    let truth = [0.3 * size, 0.7 * size, 0.4, 1.5, 0.0];
    let own = Thrower::new(&own, &truth).expect("toys").toy(3, 0).expect("a toy");
    let events = own.channels().next().expect("a channel").events.clone();
    let flow = exported("peak", kind, Has { gradient: true, ..Has::default() });
    (of(flow, events), own)
}

pub(crate) fn exported_kinds(device: &Device) {
    if !library() {
        return;
    }
    // several shares and, but for the stand-in driver, several batches; the last ones not full
    let n = if (device.largest)() > 10_000 { 5000 } else { 700 };
    for weighted in [false, true] {
        let model = every_model(n, weighted);
        let points = points(&model);
        device.points(&model, &points, &format!("models in ONNX, weights {weighted}"));
        let Some(loaded) = device.load(&model) else { return };
        let told = |model: &UnbinnedModel| model.hessian(&points[1]).expect("a likelihood");
        assert_ne!(told(&loaded), told(&model), "not left to the processor");
    }
    // no events
    let (none, _) = peak(Kind::Double, 0);
    device.points(&none, &[vec![3.0, 7.0, 0.4, 1.5, 0.1]], "no events");
}

pub(crate) fn exported_fits(device: &Device) {
    if !library() {
        return;
    }
    let largest = (device.largest)();
    for (kind, n) in [(Kind::Double, 1000), (Kind::Single, 1000), (Kind::Double, 40_000)] {
        if n > 1000 && 10 * n > largest {
            break;
        }
        let (model, own) = peak(kind, n);
        let what =
            format!("{} in ONNX, {n} events", ["f32", "f64"][usize::from(kind == Kind::Double)]);
        let size = n as f64;
        device.points(&model, &[vec![0.29 * size, 0.71 * size, 0.35, 1.6, 0.1]], &what);
        let Some(loaded) = device.load(&model) else { return };
        let told = |model: &UnbinnedModel| model.hessian(&model.init()).expect("a likelihood");
        assert_ne!(told(&loaded), told(&model), "not left to the processor");
        // by many threads at once
        let near: Vec<Vec<f64>> = (0..6)
            .map(|k| model.init().iter().map(|x| x * (1.0 + 1e-3 * f64::from(k))).collect())
            .collect();
        let alone: Vec<_> = near.iter().map(|theta| loaded.hessian(theta).expect("one")).collect();
        let hessian = |theta: &Vec<f64>| loaded.hessian(theta).expect("one of many");
        assert_eq!(near.par_iter().map(hessian).collect::<Vec<_>>(), alone);
        let found = fits_agree(device, &what, &loaded, &model);
        let formula = own.fit(&FitOptions::default()).expect("a fit");
        for k in 0..4 {
            let sigma = formula.uncertainties[k];
            let shift = (found.parameters[k] - formula.parameters[k]).abs() / sigma;
            assert!(shift < 2e-2, "{what}: {k} is {shift} sigma from the formula's");
        }
    }
}

/// One density of yield `n`, with the context m and s.
fn lone(pdf: Pdf, x: Vec<f64>) -> UnbinnedModel {
    let process = process("peak", pdf, vec![Slot::Parameter(1), Slot::Parameter(2)], 0);
    let parameters = vec![
        free("n", 4.0, (0.0, 10.0)),
        free("m", 0.5, (-60.0, 60.0)),
        free("s", 2.0, (-1.0, 1e3)),
    ];
    let channel = Channel { name: "SR".into(), events: table(x, None), processes: vec![process] };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// One that gives NaN at an event of the second chunk, one share of many.
pub(crate) fn not_a_number(kind: Kind) -> UnbinnedModel {
    let mut x = many();
    x[4200] = WINDOW.0;
    let has = Has { below: Below::NotANumber, gradient: true, ..Has::default() };
    lone(exported("nan", kind, has), x)
}

/// One whose gradient is NaN a step of a difference above the context `[0.5, 2]`.
pub(crate) fn ends_there(kind: Kind) -> UnbinnedModel {
    let has = Has { most: Some(0.5 + 1e-7), gradient: true, ..Has::default() };
    lone(exported("ends", kind, has), many())
}

fn many() -> Vec<f64> {
    (0..4500).map(|i| 3.0 * f64::from(i).sin()).collect()
}

/// What is wrong with a model, or with a context, is told as by the processor.
pub(crate) fn exported_edges(device: &Device) {
    if !library() {
        return;
    }
    let gradient = Has { gradient: true, ..Has::default() };
    let theta = [4.0, 0.5, 2.0];
    let nothing = |kind| exported("nothing", kind, Has { below: Below::Nothing, ..gradient });
    for kind in [Kind::Single, Kind::Double] {
        // an event that no process makes
        let impossible = lone(nothing(kind), vec![0.1, -55.0, 2.0]);
        let Some(loaded) = device.load(&impossible) else { return };
        let found = loaded.hessian(&theta).expect("a likelihood");
        assert_eq!((found.nll, found.zero_density), (f64::INFINITY, 1));
        let mut worst = Worst::default();
        let want = impossible.hessian(&theta).expect("a likelihood");
        worst.compare(device.contract, 3, &found, &want);
        worst.close(device, "impossible events");
    }
    let (bad, ends) = (not_a_number(Kind::Double), ends_there(Kind::Double));
    let not_normalised = lone(exported("wide", Kind::Double, gradient), many());
    let poor = lone(exported("poor", Kind::Double, Has::default()), many());
    for (model, thetas, says) in [
        (
            &bad,
            vec![theta],
            "events from 4096 on: conditional_flow: event 104: the model gives NaN",
        ),
        (&ends, vec![theta], "the model gives NaN as the logarithm of the density or a derivative"),
        (
            &not_normalised,
            vec![[4.0, 0.5, 400.0], [4.0, 59.0, 30.0]],
            "its integral over the support",
        ),
        (&not_normalised, vec![[4.0, 0.5, -1.0]], ""),
        (&poor, vec![theta], "d_log_prob_d_context"),
    ] {
        let Some(loaded) = device.load(model) else { return };
        for theta in thetas {
            let told =
                |model: &UnbinnedModel| model.hessian(&theta).expect_err("refused").to_string();
            let (found, want) = (told(&loaded), told(model));
            assert_eq!(found, want);
            assert!(found.contains(says) && found.contains("process \"peak\""), "{found}");
        }
    }
    // without a gradient there are likelihoods
    let Some(loaded) = device.load(&poor) else { return };
    let nll = |model: &UnbinnedModel| model.nll(&theta).expect("a likelihood").nll;
    let within = device.contract.nll + device.contract.nll_of_terms * 5.0 * 4500.0;
    let (found, want) = (nll(&loaded), nll(&poor));
    assert!((found - want).abs() < within, "{found} {want}");
    assert!(
        loaded
            .fit(&FitOptions::default())
            .expect_err("no gradient")
            .to_string()
            .contains("d_log_prob_d_context")
    );
}

/// A recorded flow of two observables, normalised on a window that has nearly all of it; it has no gradient.
pub(crate) fn recorded_flow(file: &str, n: usize) -> Option<UnbinnedModel> {
    let models = data_directory()?.join("unbinned").join(file);
    let manifest = json!({
        "schema_version": "neyman_flow_v1",
        "observable_names": ["x", "y"],
        "context_names": ["c"],
        "support": [[-15, 15], [-15, 15]],
        "models": {"log_prob": models},
    });
    let flow = Flow::from_manifest(write(&named("recorded"), &manifest, &[]));
    let windows = ["x", "y"].map(|name| Observable::new(name, -15.0, 15.0).expect("a window"));
    let flow = Arc::new(flow.unwrap_or_else(|e| panic!("{e}")));
    let pdf = Pdf::flow(&windows, flow).expect("a density");
    let mut random = uniform(11);
    let mut column = |name: &str| (name.to_owned(), (0..n).map(|_| 8.0 * random() - 4.0).collect());
    let columns = vec![column("x"), column("y")];
    let events = EventTable::new(&windows, columns, None, OutOfBounds::Error).expect("a table");
    let processes = vec![process("flow", pdf, vec![Slot::Parameter(1)], 0)];
    let parameters = vec![free("n", n as f64, (0.0, 1e6)), nuisance("c")];
    let channel = Channel { name: "SR".into(), events, processes };
    Some(UnbinnedModel::new(parameters, vec![channel]).expect("a model"))
}

pub(crate) fn exported_recorded(device: &Device) {
    if !library() {
        return;
    }
    for file in ["flow_tiny_f64.onnx", "flow_tiny_f32.onnx"] {
        let Some(model) = recorded_flow(file, 700) else { return };
        let Some(loaded) = device.load(&model) else { return };
        let mut worst = Worst::default();
        for theta in [[650.0, 0.3], [720.0, -1.1]] {
            let (found, want) = (loaded.nll(&theta), model.nll(&theta));
            let (found, want) = (found.expect("a likelihood"), want.expect("a likelihood"));
            worst.compare(device.contract, 700, &found, &want);
            let told = |model: &UnbinnedModel| model.gradient(&theta).expect_err("refused");
            assert_eq!(told(&loaded).to_string(), told(&model).to_string());
        }
        worst.close(device, file);
    }
}

/// A device that is lost is told; toys are the processor's.
pub(crate) fn exported_lost(device: &Device) {
    let (true, Some(request)) = (library(), (device.request)()) else { return };
    let (model, _) = peak(Kind::Double, 200);
    for calls in [0, 2] {
        let left = Arc::new(AtomicU32::new(calls));
        let alone = model.on_devices_of(false, losing(&request, &left)).expect("a model");
        assert!(alone.fit(&FitOptions::default()).expect_err("lost").is_device());
    }
    let truth = [6.0, 14.0, 0.4, 1.5, 0.0];
    let Some(loaded) = device.load(&model) else { return };
    let toys = |model: &UnbinnedModel| {
        model.fit_toys(&truth, 0..2, 5, &[], Tolerance::PARITY).expect("toys")
    };
    let (found, want) = (toys(&loaded), toys(&model));
    assert_eq!((found.fits.parameters, found.fits.on_host), (want.fits.parameters, 2));
    assert!(found.fits.failure.expect("is said").contains("by the processor"));
}
