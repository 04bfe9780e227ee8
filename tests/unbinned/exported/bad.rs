//! Models and manifests that are not what a flow needs.

use std::sync::Arc;

use neyman::unbinned::Observable;
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::pdf::flow::onnx::{Settings, configure, settings};
use neyman::unbinned::pdf::flow::{Directions, Flow};
use serde_json::{Value, json};

use super::models::{self, Has, WINDOW, gaussian, library, load, manifest, write};
use super::writer::{Dim, Graph, Kind};

/// A model that copies its first column to an output.
fn copy(input: (Kind, &[Dim]), output: (&str, Kind, &[Dim])) -> Vec<u8> {
    let mut g = Graph::default();
    g.input("input", input.0, input.1);
    g.constant("i0", Kind::Integer, &[], &[0.0]);
    g.node("Gather", &["input", "i0"], output.0, Some(1));
    g.output(output.0, output.1, output.2);
    g.model()
}

#[test]
fn bad_models_are_refused_with_what_is_wrong() {
    if !library() {
        return;
    }
    let rows = &[None, Some(3)][..];
    let two_outputs = {
        let mut g = Graph::default();
        g.input("input", Kind::Double, rows);
        g.constant("i0", Kind::Integer, &[], &[0.0]);
        for name in ["a", "b"] {
            g.node("Gather", &["input", "i0"], name, Some(1));
            g.output(name, Kind::Double, &[None]);
        }
        g.model()
    };
    let three_inputs = {
        let mut g = Graph::default();
        for name in ["a", "b", "c"] {
            g.input(name, Kind::Double, &[None, Some(1)]);
        }
        g.node("Sum", &["a", "b", "c"], "log_prob", None);
        g.output("log_prob", Kind::Double, &[None, Some(1)]);
        g.model()
    };
    let unknown_operator = {
        let mut g = Graph::default();
        g.input("input", Kind::Double, rows);
        g.node("Frobnicate", &["input"], "log_prob", None);
        g.output("log_prob", Kind::Double, &[None]);
        g.model()
    };
    let whole = gaussian(Kind::Double, Has::default());
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("text", b"this is not a model".to_vec(), "flow.onnx"),
        ("cut", whole[..whole.len() / 2].to_vec(), "flow.onnx"),
        (
            "width",
            copy((Kind::Double, &[None, Some(2)]), ("log_prob", Kind::Double, &[None])),
            "[any, 2]; [rows, 3] is needed",
        ),
        ("rank", copy((Kind::Double, &[None]), ("log_prob", Kind::Double, &[])), "flow.onnx"),
        (
            "output",
            copy((Kind::Double, rows), ("log_prob", Kind::Double, &[None, Some(4)])),
            "flow.onnx",
        ),
        (
            "integers",
            copy((Kind::Integer, rows), ("log_prob", Kind::Integer, &[None])),
            "a tensor of f64 or f32 is needed",
        ),
        ("names", two_outputs, "none of its outputs is \"log_prob\"; there are \"a\", \"b\""),
        ("inputs", three_inputs, "it has 3 inputs"),
        ("operator", unknown_operator, "Frobnicate"),
        ("empty", Vec::new(), "flow.onnx"),
    ];
    for (name, model, told) in cases {
        let path = write(
            &format!("bad_{name}"),
            &manifest(json!({"log_prob": "flow.onnx"})),
            &[("flow.onnx", model)],
        );
        let error = Flow::from_manifest(&path).expect_err(name);
        assert!(error.is_specification(), "{name}: {error:?}");
        let error = error.to_string();
        assert!(error.starts_with("/models/log_prob: ") && error.contains(told), "{name}: {error}");
    }
    let path = write("bad_file", &manifest(json!({"log_prob": "nowhere.onnx"})), &[]);
    let error = Flow::from_manifest(&path).expect_err("no file");
    assert!(error.is_io() && error.to_string().contains("nowhere.onnx"), "{error}");
    // what should have a gradient and has none
    let models = json!({"log_prob": "flow.onnx", "log_prob_grad": "flow.onnx"});
    let path = write("bad_gradient", &manifest(models), &[("flow.onnx", whole)]);
    let error = Flow::from_manifest(&path).expect_err("no gradient").to_string();
    assert!(
        error.contains("/models/log_prob_grad: it has no output \"d_log_prob_d_context\""),
        "{error}"
    );
}

#[test]
fn bad_manifests_are_refused() {
    if !library() {
        return;
    }
    let peers = json!({
        "schema_version": "nextstat_flow_v0", "features": 1, "observable_names": ["x"], "support": [[0, 1]],
        "models": {"log_prob": "flow.onnx"},
    });
    let with = |base: &Value, key: &str, value: Value| {
        let mut changed = base.clone();
        changed[key] = value;
        changed
    };
    let own = manifest(json!({"log_prob": "flow.onnx"}));
    let cases = [
        (with(&peers, "features", json!(2)), "/features: 2, but there are 1 names"),
        (with(&peers, "context_features", json!(1)), "/context_features: 1, but there are 0 names"),
        (with(&peers, "support", json!([[1, 0]])), "/support/0: a lower and an upper end"),
        (with(&peers, "support", json!([[0, 1], [0, 1]])), "/support: 2 windows for 1 observables"),
        (with(&peers, "layers", json!([])), "layers"),
        (with(&own, "models", json!({})), "log_prob"),
        (with(&own, "models", json!({"log_prob": "flow.onnx", "grad": "x"})), "grad"),
        (with(&own, "weights", json!("w")), "weights"),
        (with(&own, "base_distribution", json!("cauchy")), "/base_distribution"),
        (with(&own, "observable_names", json!([])), "/observable_names"),
        (with(&own, "context_mean", json!([0, 0])), "context_mean"),
    ];
    for (k, (manifest, told)) in cases.into_iter().enumerate() {
        let files = [("flow.onnx", gaussian(Kind::Double, Has::default()))];
        let path = write(&format!("bad_manifest_{k}"), &manifest, &files);
        let error = Flow::from_manifest(&path).expect_err(told);
        assert!(error.is_specification() && error.to_string().contains(told), "{told}: {error}");
    }
}

#[test]
fn bad_numbers_are_errors() {
    if !library() {
        return;
    }
    // NaN from a model
    let mut described = manifest(json!({"log_prob": "flow.onnx"}));
    described["context_names"] = json!([]);
    described.as_object_mut().expect("an object").remove("support");
    let path = write("nan", &described, &[("flow.onnx", models::logarithm())]);
    let flow = Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{e}"));
    let run = |x: &[f64]| {
        let mut out = vec![0.0; x.len()];
        let done = flow.log_prob(&[], &[x], Directions::Context, &mut out, &mut [], &mut []);
        done.map(|()| out).map_err(|error| error.to_string())
    };
    assert_eq!(run(&[1.0, 0.0]).expect("logarithms"), [0.0, f64::NEG_INFINITY]);
    assert!(run(&[1.0, -1.0]).expect_err("NaN").starts_with("event 1: the model gives NaN"));
    assert!(run(&[f64::NAN]).expect_err("NaN").contains("event 0: x is NaN"));
    let window = |lo: f64, hi: f64| [Observable::new("x", lo, hi).expect("a window")];
    let flow = Arc::new(flow);
    let told = Pdf::flow(&window(-1.0, 1.0), Arc::clone(&flow)).expect_err("NaN").to_string();
    assert!(told.contains("the model gives NaN"), "{told}");
    // without context the window's integral divides: of x from 1 to 3, 4
    let pdf = Pdf::flow(&window(1.0, 3.0), flow).unwrap_or_else(|e| panic!("{e}"));
    let mut out = [0.0; 2];
    pdf.log_prob(&[], &[&[2.0, 0.5]], &mut out).expect("a density");
    assert!((out[0] - 0.5f64.ln()).abs() < 1e-12 && out[1] == f64::NEG_INFINITY, "{out:?}");
    // a flow that is not normalised where it says so
    let has = Has { gradient: true, offset: 0.01, ..Has::default() };
    let pdf = Pdf::flow(&window(WINDOW.0, WINDOW.1), Arc::new(load("offset", Kind::Double, has)));
    let told = pdf.expect("a flow").log_prob(&[0.0, 1.0], &[&[0.0]], &mut [0.0]);
    let told = told.expect_err("not normalised").to_string();
    assert!(told.contains("its integral over the support, which must be 1, is 1.0101"), "{told}");
    // no gradient, no sampler
    let path = write(
        "poor",
        &manifest(json!({"log_prob": "flow.onnx"})),
        &[("flow.onnx", gaussian(Kind::Double, Has::default()))],
    );
    let poor = Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{e}"));
    let pdf = Pdf::flow(&window(WINDOW.0, WINDOW.1), Arc::new(poor)).expect("a flow");
    pdf.log_prob(&[0.0, 1.0], &[&[0.0]], &mut [0.0]).expect("a density");
    let told = pdf.log_prob_gradient(&[0.0, 1.0], &[&[0.0]], &mut [0.0], &mut [0.0; 2]);
    let told = told.expect_err("no gradient");
    assert!(told.is_unsupported() && told.to_string().contains("d_log_prob_d_context"), "{told}");
}

#[test]
fn a_process_has_one_library() {
    if !library() {
        return;
    }
    // so that one is open
    load("one", Kind::Double, Has::default());
    let other = Settings { library: Some("elsewhere.so".into()), ..settings() };
    assert!(configure(other).expect_err("another").to_string().contains("is in use"));
    let none = Settings { providers: Vec::new(), ..settings() };
    assert!(configure(none).expect_err("none").to_string().contains("at least one provider"));
    configure(settings()).expect("the same");
}
