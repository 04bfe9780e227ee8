//! Flows in ONNX: recorded values, formulas, fits and toys against our own densities, the same bits on any number of
//! threads, bad models. They need the library onnxruntime, which `ORT_DYLIB_PATH` names; without it they do nothing and
//! say so.

mod bad;
mod models;
mod writer;

use std::sync::Arc;

use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::pdf::flow::{Directions, EpKind, Flow};
use neyman::unbinned::toys::Thrower;
use neyman::unbinned::yields::{Base, Yield};
use neyman::unbinned::{EventTable, Observable, OutOfBounds, UnbinnedModel};
use serde_json::json;

use crate::{directory, goldens, numbers};
use models::{Has, WINDOW, library, load, write};
use writer::Kind;

fn points(n: usize) -> Vec<f64> {
    (0..n).map(|i| 8.0 * (0.37 + 1.3 * i as f64).sin()).collect()
}

/// Values, gradient and Hessian in the context.
fn all(flow: &Flow, context: &[f64], x: &[f64]) -> [Vec<f64>; 3] {
    let (n, k) = (x.len(), context.len());
    let mut out = [vec![0.0; n], vec![0.0; k * n], vec![0.0; k * (k + 1) / 2 * n]];
    let [value, gradient, hessian] = &mut out;
    flow.log_prob(context, &[x], Directions::Context, value, gradient, hessian)
        .unwrap_or_else(|e| panic!("{e}"));
    out
}

fn close(what: &str, found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what} {i}: {a} {b}");
    }
}

#[test]
fn recorded_values() {
    let (true, Some(goldens), Some(folder)) = (library(), goldens(), directory()) else { return };
    let golden = &goldens["flow"];
    let (values, input) = (numbers(&golden["logp"]), golden["input"].as_array().expect("points"));
    let input: Vec<Vec<f64>> = input.iter().map(numbers).collect();
    for (file, double, tolerance) in
        [("flow_tiny_f64.onnx", true, 1e-12), ("flow_tiny_f32.onnx", false, 1e-5)]
    {
        let manifest = json!({
            "schema_version": "neyman_flow_v1",
            "observable_names": ["x", "y"],
            "context_names": ["c"],
            "models": {"log_prob": folder.join(file)},
        });
        let path = write(file, &manifest, &[]);
        let flow = Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        // no f64 on TensorRT
        assert!(!double || flow.ep_kind() != Some(EpKind::TensorRt));
        for (point, value) in input.iter().zip(&values) {
            let (x, y, mut found) = ([point[0]], [point[1]], [0.0]);
            let columns = [&x[..], &y[..]];
            flow.log_prob(&point[2..], &columns, Directions::Context, &mut found, &mut [], &mut [])
                .unwrap_or_else(|e| panic!("{file}: {e}"));
            assert!(
                (found[0] - value).abs() < tolerance * (1.0 + value.abs()),
                "{file}: {found:?} {value}"
            );
        }
        // it has no gradient, which is said, not made up
        let (mut value, mut slope) = ([0.0], [0.0]);
        for directions in [Directions::Context, Directions::Observables] {
            let mut slopes = vec![0.0; if directions == Directions::Context { 1 } else { 2 }];
            slope[0] = f64::NAN;
            let told = flow.log_prob(
                &[0.1],
                &[&[0.2], &[0.3]],
                directions,
                &mut value,
                &mut slopes,
                &mut [],
            );
            let told = told.expect_err("no gradient");
            assert!(told.is_unsupported(), "{told}");
        }
        // on all numbers with a context: nothing would normalise it
        let windows = ["x", "y"].map(|name| Observable::new(name, -5.0, 5.0).expect("a window"));
        let told = Pdf::flow(&windows, Arc::new(flow)).expect_err("not normalised").to_string();
        assert!(told.contains("depends on the context"), "{told}");
    }
}

#[test]
fn densities_and_derivatives_are_those_of_the_formula() {
    if !library() {
        return;
    }
    let window = Observable::new("x", WINDOW.0, WINDOW.1).expect("a window");
    let own = Pdf::gaussian(&window);
    let (context, x) = ([0.7, 1.9], points(1000));
    let mut wanted = [vec![0.0; 1000], vec![0.0; 2000], vec![0.0; 3000]];
    let [value, gradient, hessian] = &mut wanted;
    own.log_prob_hessian(&context, &[&x], value, gradient, hessian).expect("a Gaussian");
    let gradient = Has { gradient: true, ..Has::default() };
    let cases = [
        ("all", Kind::Double, Has { hessian: true, ..gradient }, [1e-13, 1e-12, 1e-12]),
        ("differences", Kind::Double, gradient, [1e-13, 1e-12, 1e-8]),
        (
            "split",
            Kind::Double,
            Has { split: true, column: true, ..gradient },
            [1e-13, 1e-12, 1e-8],
        ),
        ("rows", Kind::Double, Has { rows: Some(100), ..gradient }, [1e-13, 1e-12, 1e-8]),
        ("single", Kind::Single, gradient, [1e-5, 1e-5, 2e-3]),
    ];
    for (name, kind, has, tolerances) in cases {
        let found = all(&load(&format!("formula_{name}"), kind, has), &context, &x);
        for (k, tolerance) in tolerances.into_iter().enumerate() {
            close(&format!("{name}, order {k}"), &found[k], &wanted[k], tolerance);
        }
    }
    // a model of its own for the gradient, after the peers' manifest
    let manifest = json!({
        "schema_version": "nextstat_flow_v0",
        "flow_type": "gaussian",
        "features": 1,
        "context_features": 2,
        "observable_names": ["x"],
        "context_names": ["m", "s"],
        "support": [[WINDOW.0, WINDOW.1]],
        "base_distribution": "standard_normal",
        "models": {"log_prob": "log_prob.onnx", "log_prob_grad": "grad.onnx"},
        "training": {"library": "none"},
    });
    let files = [
        ("log_prob.onnx", models::gaussian(Kind::Double, Has::default())),
        ("grad.onnx", models::gaussian(Kind::Double, gradient)),
    ];
    let flow =
        Flow::from_manifest(write("peers", &manifest, &files)).unwrap_or_else(|e| panic!("{e}"));
    let found = all(&flow, &context, &x);
    close("gradient", &found[1], &wanted[1], 1e-12);
    let mut values = vec![0.0; 1000];
    flow.log_prob(&context, &[&x], Directions::Context, &mut values, &mut [], &mut [])
        .expect("values");
    close("values", &values, &wanted[0], 1e-13);
    // outside the support there is nothing
    let outside = all(&flow, &context, &[61.0, f64::INFINITY, 0.0]);
    assert_eq!(outside[0][..2], [f64::NEG_INFINITY; 2]);
    assert!(outside[0][2].is_finite() && outside[1][0] == 0.0);
}

#[test]
fn bits_do_not_depend_on_threads() {
    if !library() {
        return;
    }
    let (context, x) = ([0.7, 1.9], points(40_000));
    for kind in [Kind::Double, Kind::Single] {
        let name = format!("threads_{}", kind as i64);
        let flow = load(&name, kind, Has { gradient: true, ..Has::default() });
        let model = model(&flow_pdf(flow), &x);
        let at = |threads: usize| {
            let pool = rayon_pool(threads);
            pool.install(|| model.hessian(&[40_000.0, context[0], context[1]]))
                .expect("a likelihood")
        };
        let (one, many) = (at(1), at(4));
        assert_eq!(
            (one.nll.to_bits(), &one.gradient, &one.hessian),
            (many.nll.to_bits(), &many.gradient, &many.hessian)
        );
    }
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

fn flow_pdf(flow: Flow) -> Pdf {
    let window = Observable::new("x", WINDOW.0, WINDOW.1).expect("a window");
    Pdf::flow(&[window], Arc::new(flow)).unwrap_or_else(|e| panic!("{e}"))
}

/// An extended likelihood of one process.
fn model(pdf: &Pdf, x: &[f64]) -> UnbinnedModel {
    let parameter = |name: &str, init: f64, bounds: (f64, f64)| Parameter {
        name: name.into(),
        init,
        bounds,
        constraint: None,
    };
    let n = x.len() as f64;
    let parameters = vec![
        parameter("n", 0.9 * n, (0.0, 10.0 * n)),
        parameter("m", 0.5, (-5.0, 5.0)),
        parameter("s", 3.0, (0.5, 6.0)),
    ];
    let columns = vec![("x".to_owned(), x.to_vec())];
    let events =
        EventTable::new(pdf.observables(), columns, None, OutOfBounds::Error).expect("events");
    let shape = vec![Slot::Parameter(1), Slot::Parameter(2)];
    let expected = Yield { base: Base::Parameter(0), modifiers: Vec::new() };
    let process = Process { name: "all".into(), pdf: pdf.clone(), shape, expected };
    let channel = Channel { name: "SR".into(), events, processes: vec![process] };
    UnbinnedModel::new(parameters, vec![channel]).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn fits_and_toys_agree_with_our_own_density() {
    if !library() {
        return;
    }
    let x = points(5000);
    let window = Observable::new("x", WINDOW.0, WINDOW.1).expect("a window");
    let own = model(&Pdf::gaussian(&window), &x).fit(&FitOptions::default()).expect("a fit");
    for (kind, tolerance) in [(Kind::Double, 1e-6), (Kind::Single, 1e-3)] {
        let flow =
            load(&format!("fit_{}", kind as i64), kind, Has { gradient: true, ..Has::default() });
        let runs = flow.ep_kind().expect("a provider").as_str();
        let model = model(&flow_pdf(flow), &x);
        let fit = model.fit(&FitOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(fit.status.as_str(), "converged");
        for k in 0..3 {
            let sigma = own.uncertainties[k];
            assert!(
                (fit.parameters[k] - own.parameters[k]).abs() < tolerance * sigma,
                "{k}: {fit:?}"
            );
            assert!((fit.uncertainties[k] / sigma - 1.0).abs() < tolerance, "{k}: {fit:?}");
        }
        let notes = model.notes();
        let precision = if kind == Kind::Double { "f64" } else { "f32" };
        let told = format!("all of SR is calculated by onnxruntime on {runs} in {precision}");
        assert!(notes.iter().any(|note| note.starts_with(&told)), "{notes:?}");
        // toys by the model that samples
        let truth = [20_000.0, 0.4, 1.5];
        let thrower = Thrower::new(&model, &truth).unwrap_or_else(|e| panic!("{e}"));
        let toy = thrower.toy(3, 7).unwrap_or_else(|e| panic!("{e}"));
        let events =
            toy.channels().next().expect("a channel").events.column("x").expect("x").to_vec();
        let n = events.len() as f64;
        assert!((n - truth[0]).abs() < 5.0 * truth[0].sqrt());
        let mean = events.iter().sum::<f64>() / n;
        let spread = (events.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((mean - truth[1]).abs() < 5.0 * truth[2] / n.sqrt(), "{mean}");
        assert!((spread - truth[2]).abs() < 5.0 * truth[2] / (2.0 * n).sqrt(), "{spread}");
        let again = thrower.toy(3, 7).expect("the same toy");
        assert_eq!(
            again.channels().next().expect("a channel").events.column("x").expect("x"),
            &events[..]
        );
    }
}
