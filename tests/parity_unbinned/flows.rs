//! Flows whose context follows parameters, worked out on devices.

use std::sync::Arc;

use neyman::fit::Tolerance;
use neyman::unbinned::model::{Channel, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::toys::Thrower;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{EventTable, Observable, OutOfBounds, UnbinnedModel};
use serde_json::{Value, json};

use crate::event_models::{free, nuisance, plain, table, uniform};
use crate::flow_files::{Arrays, load, manifest, network};
use crate::{Device, Worst, fits_agree};

fn process(name: &str, pdf: Pdf, shape: Vec<Slot>, k: usize) -> Process {
    Process { name: name.into(), pdf, shape, expected: plain(Base::Parameter(k)) }
}

fn layer(kind: &str, more: Value) -> Value {
    let mut layer = json!({"type": kind});
    layer.as_object_mut().expect("an object").extend(more.as_object().expect("keys").clone());
    layer
}

/// A coupling of two observables, by turns.
fn coupling(kind: &str, i: usize, more: Value) -> Value {
    let own = json!({"identity": [i % 2], "transform": [1 - i % 2], "network": format!("n{i}")});
    let mut own = layer(kind, own);
    own.as_object_mut().expect("an object").extend(more.as_object().expect("keys").clone());
    own
}

/// Networks of three couplings.
fn networks(hidden: usize, outputs: usize, scale: f64) -> Arrays {
    let of = |i: usize| network(&format!("n{i}"), &[3, hidden, 6, outputs], i as f64, scale);
    (0..3).flat_map(of).collect()
}

/// Every kind of layer with a context of two numbers: both free, one free and one held, the other way round; beside a
/// flow without context and a flat density.
fn every_layer(n: usize, weighted: bool) -> UnbinnedModel {
    let windows = [("x", 60.0, 120.0), ("y", -1.0, 2.0)]
        .map(|(name, lo, hi)| Observable::new(name, lo, hi).expect("a window"));
    let ends = json!({"lower": [60, -1], "upper": [120, 2]});
    let affine = |i, more| coupling("affine_coupling", i, more);
    let spline = |i, more| coupling("rq_spline_coupling", i, more);
    let of = |name: &str, context: &[&str], layers: Value, arrays: &Arrays, uniform: bool| {
        let mut manifest = manifest(&["x", "y"], context, layers);
        if uniform {
            manifest["base_distribution"] = json!("uniform");
        }
        if !context.is_empty() {
            manifest["context_mean"] = json!([0.1, 0.2]);
            manifest["context_std"] = json!([2.0, 0.5]);
        }
        Pdf::flow(&windows, Arc::new(load(name, &manifest, arrays))).expect("a density")
    };
    let context = ["a", "b"];
    let couplings = json!([
        layer("logit", ends.clone()),
        {"type": "standardize", "mean": [0.3, -0.2], "std": [1.5, 0.8]},
        affine(0, json!({"form": "add", "activation": "silu"})),
        {"type": "standardize", "mean": [0.1, -0.1], "std": [0.9, 1.2]},
        affine(1, json!({"form": "subtract", "log_scale": "tanh", "limit": 2.5})),
        {"type": "permutation", "order": [1, 0]},
        affine(2, json!({"form": "add", "log_scale": "tanh", "activation": "silu"}))
    ]);
    let tails = json!({"bins": 5, "tail_bound": 2.0, "min_bin_width": 0.01});
    let splines = json!([
        layer("logit", ends.clone()),
        spline(0, tails.clone()),
        affine(1, json!({"activation": "relu"})),
        spline(2, tails)
    ]);
    let mut nets = networks(7, 14, 0.3);
    nets.retain(|array| !array.0.starts_with("n1."));
    nets.extend(network("n1", &[3, 7, 6, 2], 1.0, 0.3));
    let bins = json!({"bins": 4, "activation": "silu"});
    let on_unit = json!([layer("unit", ends.clone()), spline(0, bins.clone()), spline(1, bins)]);
    let plain_layers = json!([
        layer("logit", ends),
        {"type": "affine_coupling", "identity": [0], "transform": [1], "network": "n0"}
    ]);
    let still = network("n0", &[1, 5, 2], 0.5, 0.6);
    let flat = windows.iter().map(Pdf::uniform).collect();
    let processes = vec![
        process(
            "couplings",
            of("couplings", &context, couplings, &networks(8, 2, 0.5), false),
            vec![Slot::Parameter(5), Slot::Parameter(6)],
            0,
        ),
        process(
            "splines",
            of("splines", &context, splines, &nets, false),
            vec![Slot::Parameter(6), Slot::Constant(0.3)],
            1,
        ),
        process(
            "unit",
            of("unit", &context, on_unit, &networks(9, 13, 0.3), true),
            vec![Slot::Constant(-0.2), Slot::Parameter(7)],
            2,
        ),
        process("still", of("still", &[], plain_layers, &still, false), vec![], 3),
        process("flat", Pdf::product(flat).expect("a product"), vec![], 4),
    ];
    let mut parameters: Vec<_> =
        (0..5).map(|k| free(&format!("n{k}"), 50.0 * k as f64, (0.0, 1e6))).collect();
    parameters.extend(["alpha", "beta", "gamma"].map(nuisance));
    let mut random = uniform(7);
    let mut x: Vec<f64> = (0..n).map(|_| 60.0 + 60.0 * random()).collect();
    let mut y: Vec<f64> = (0..n).map(|_| -1.0 + 3.0 * random()).collect();
    // where some flows have no density, and where they nearly have none
    (x[0], x[1], y[2]) = (60.0, 119.999_999, 2.0);
    let weights = weighted.then(|| (0..n).map(|i| 0.25 * (i % 7) as f64).collect());
    let columns = vec![("x".to_owned(), x), ("y".to_owned(), y)];
    let events = EventTable::new(&windows, columns, weights, OutOfBounds::Error).expect("a table");
    let channel = Channel { name: "all".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// A flow that moves and widens with a nuisance parameter above an exponential.
fn moving(events: EventTable) -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let spline = json!({"bins": 6, "tail_bound": 4.0, "network": "n1"});
    let own = json!({"identity": [], "transform": [0]});
    let mut layers = vec![
        layer("logit", json!({"lower": [60], "upper": [120]})),
        layer("affine_coupling", json!({"network": "n0"})),
        layer("rq_spline_coupling", spline),
    ];
    for layer in &mut layers[1..] {
        layer.as_object_mut().expect("an object").extend(own.as_object().expect("keys").clone());
    }
    let mut arrays = network("n0", &[1, 6, 2], 0.5, 0.7);
    arrays.extend(network("n1", &[1, 8, 17], 1.5, 0.5));
    let flow = load("moving", &manifest(&["mass"], &["shift"], layers.into()), &arrays);
    let flow = Pdf::flow(std::slice::from_ref(&mass), Arc::new(flow)).expect("a density");
    let parameters = vec![
        free("n_sig", 300.0, (0.0, 1e8)),
        free("n_bkg", 700.0, (0.0, 1e8)),
        free("slope", -0.03, (-1.0, 1.0)),
        nuisance("shift"),
    ];
    let processes = vec![
        process("signal", flow, vec![Slot::Parameter(3)], 0),
        process("background", Pdf::exponential(&mass), vec![Slot::Parameter(2)], 1),
    ];
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

fn masses(x: Vec<f64>) -> EventTable {
    table(&Observable::new("mass", 60.0, 120.0).expect("a window"), x, None)
}

/// With what is allowed for flows and so many events.
fn of_flows(device: &Device, n: usize) -> Device {
    let mut own = *device;
    own.contract.nll += own.contract.nll_of_flows * n as f64;
    own
}

pub(crate) fn flow_kinds(device: &Device) {
    // several shares, the last one not full; the stand-in driver takes a second for so many
    let n = if (device.largest)() > 10_000 { 1300 } else { 150 };
    for weighted in [false, true] {
        let model = every_layer(n, weighted);
        let start = model.init();
        let mut elsewhere = start.clone();
        elsewhere.iter_mut().enumerate().for_each(|(k, x)| *x *= 1.0 + 0.1 * (k % 3) as f64);
        elsewhere[5..].copy_from_slice(&[0.7, -1.3, 1.9]);
        (elsewhere[0], elsewhere[2]) = (25.0, 1e-30);
        let Some(loaded) = device.load(&model) else { return };
        let told = |model: &UnbinnedModel| model.hessian(&elsewhere).expect("a likelihood");
        assert_ne!(told(&loaded), told(&model), "not left to the processor");
        let points = [start, elsewhere];
        of_flows(device, n).points(&model, &points, &format!("flows, weights {weighted}"));
    }
}

/// Many events, whose roundings could add up; fits of up to 10 000.
pub(crate) fn flow_fits(device: &Device) {
    let largest = (device.largest)();
    for n in [1000, 10_000, 100_000] {
        // double-float by a software rasterizer and the stand-in driver take minutes for more
        if n > 1000 && 10 * n > largest {
            break;
        }
        let device = &of_flows(device, n);
        let size = n as f64;
        let truth = [0.3 * size, 0.7 * size, -0.03, 0.4];
        let model = moving(masses(vec![]));
        let thrower = Thrower::new(&model, &truth).expect("toys");
        let model = thrower.toy(3, 0).expect("a toy");
        let what = format!("flow, {n} events");
        device.points(&model, &[vec![0.29 * size, 0.71 * size, -0.031, 0.35]], &what);
        let Some(loaded) = device.load(&model) else { return };
        if n > 10_000 {
            break;
        }
        fits_agree(device, &what, &loaded, &model);
    }
}

/// Toys of flows are the processor's, and it is said.
pub(crate) fn flow_toys(device: &Device) {
    let truth = [30.0, 70.0, -0.03, 0.4];
    let model = moving(masses(vec![]));
    let Some(loaded) = device.load(&model) else { return };
    let toys = |model: &UnbinnedModel| {
        model.fit_toys(&truth, 0..3, 5, &[(0, 20.0)], Tolerance::PARITY).expect("toys")
    };
    let (found, want) = (toys(&loaded), toys(&model));
    assert_eq!(found.fits.parameters, want.fits.parameters);
    assert_eq!((found.fits.nll, found.fits.on_host), (want.fits.nll, 3));
    let why = found.fits.failure.expect("is said");
    assert!(why.contains("by the processor"), "{why}");
}

/// Networks so wide that a call has a part of a layer.
pub(crate) fn flow_wide(device: &Device) {
    let x = Observable::new("x", 0.0, 1.0).expect("a window");
    let y = Observable::new("y", 0.0, 1.0).expect("a window");
    let layers = json!([
        layer("logit", json!({"lower": [0, 0], "upper": [1, 1]})),
        coupling("affine_coupling", 0, json!({"log_scale": "tanh"})),
        coupling("affine_coupling", 1, json!({"log_scale": "tanh"}))
    ]);
    let wide = |i: usize| network(&format!("n{i}"), &[3, 150, 130, 2], i as f64, 0.08);
    let arrays: Arrays = (0..2).flat_map(wide).collect();
    let flow = load("wide", &manifest(&["x", "y"], &["a", "b"], layers), &arrays);
    let windows = [x, y];
    let flow = Pdf::flow(&windows, Arc::new(flow)).expect("a density");
    let mut random = uniform(9);
    let mut column = |name: &str| (name.to_owned(), (0..70).map(|_| random()).collect());
    let columns = vec![column("x"), column("y")];
    let events = EventTable::new(&windows, columns, None, OutOfBounds::Error).expect("a table");
    let shape = vec![Slot::Parameter(1), Slot::Parameter(2)];
    let processes = vec![process("wide", flow, shape, 0)];
    let parameters = vec![free("n", 70.0, (0.0, 1e6)), nuisance("a"), nuisance("b")];
    let channel = Channel { name: "SR".into(), events, processes };
    let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    device.points(&model, &[vec![60.0, 0.4, -0.9]], "wide");
}

/// Contexts far out, and beyond what has a density: as the processor has them.
pub(crate) fn flow_edges(device: &Device) {
    let model = every_layer(70, false);
    let Some(loaded) = device.load(&model) else { return };
    for context in [30.0, 300.0, 1e4, 1e300] {
        let mut theta = model.init();
        theta[5] = context;
        let told = |model: &UnbinnedModel| model.hessian(&theta).map_err(|e| e.to_string());
        match (told(&loaded), told(&model)) {
            (Ok(found), Ok(want)) => {
                let mut worst = Worst::default();
                worst.compare(device.contract, model.n_events(), &found, &want);
                worst.close(device, &format!("context {context}"));
            }
            (found, want) => assert_eq!(found.err(), want.err(), "context {context}"),
        }
    }
    // no events
    let none = moving(masses(vec![]));
    device.points(&none, &[none.init()], "no events");
}
