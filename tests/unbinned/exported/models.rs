//! Flows of our own in ONNX whose formulas are known.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::{Path, PathBuf};
use std::sync::Once;

use neyman::unbinned::pdf::flow::Flow;
use neyman::unbinned::pdf::flow::onnx::{Settings, configure};
use serde_json::{Value, json};

use super::writer::{Graph, Kind};

/// Whether there is a library, which is used from then on.
pub(crate) fn library() -> bool {
    static ONCE: Once = Once::new();
    let Some(path) = std::env::var_os("ORT_DYLIB_PATH") else {
        eprintln!("skipped: ORT_DYLIB_PATH is not set");
        return false;
    };
    ONCE.call_once(|| {
        let settings = Settings { library: Some(PathBuf::from(&path)), ..Settings::default() };
        configure(settings).unwrap_or_else(|e| panic!("{e}"));
    });
    true
}

/// Where a Gaussian that is narrow enough is normalised.
pub(crate) const WINDOW: (f64, f64) = (-60.0, 60.0);

/// What a Gaussian's model has beside the logarithm of the density.
#[derive(Clone, Copy, Default)]
pub(crate) struct Has {
    pub(crate) gradient: bool,
    pub(crate) hessian: bool,
    /// Events and context are inputs of their own.
    pub(crate) split: bool,
    /// The density is a column.
    pub(crate) column: bool,
    /// Batches have this many rows.
    pub(crate) rows: Option<i64>,
    /// Added to the logarithm.
    pub(crate) offset: f64,
    /// What it has far below.
    pub(crate) below: Below,
    /// Above this m the gradient is NaN.
    pub(crate) most: Option<f64>,
}

/// What a model gives where it has hardly any density.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Below {
    /// The formula's.
    #[default]
    Formula,
    /// Minus infinity below -50.
    Nothing,
    /// NaN at the window's lower end, which no integral takes in.
    NotANumber,
}

/// `-((x - m) / s)^2 / 2 - ln s - ln(2 pi) / 2` of x with the context m and s.
pub(crate) fn gaussian(kind: Kind, has: Has) -> Vec<u8> {
    let mut g = Graph::default();
    let rows = has.rows;
    for (k, name) in ["i0", "i1", "i2"].into_iter().enumerate() {
        g.constant(name, Kind::Integer, &[], &[k as f64]);
    }
    let sources = match has.split {
        true => {
            g.input("x_in", kind, &[rows, Some(1)]);
            g.input("context", kind, &[rows, Some(2)]);
            [("x_in", "i0"), ("context", "i0"), ("context", "i1")]
        }
        false => {
            g.input("input", kind, &[rows, Some(3)]);
            [("input", "i0"), ("input", "i1"), ("input", "i2")]
        }
    };
    for ((from, index), to) in sources.into_iter().zip(["x", "m", "s"]) {
        g.node("Gather", &[from, index], to, Some(1));
    }
    g.constant("half", kind, &[], &[0.5]);
    g.constant("rest", kind, &[], &[0.918_938_533_204_672_8 - has.offset]);
    g.constant("last", Kind::Integer, &[1], &[1.0]);
    g.node("Sub", &["x", "m"], "d", None);
    g.node("Div", &["d", "s"], "z", None);
    g.node("Mul", &["z", "z"], "zz", None);
    g.node("Mul", &["zz", "half"], "h", None);
    g.node("Log", &["s"], "ls", None);
    g.node("Add", &["h", "ls"], "a", None);
    g.node("Add", &["a", "rest"], "b", None);
    let flat = if has.column { "flat" } else { "log_prob" };
    if has.below == Below::Formula {
        g.node("Neg", &["b"], flat, None);
    } else {
        // the logarithm of 1 above, of 0 below or -1 at the end
        let nothing = has.below == Below::Nothing;
        g.constant("end", kind, &[], &[if nothing { -50.0 } else { WINDOW.0 }]);
        g.node("Sub", &["x", "end"], "above", None);
        g.node("Sign", &["above"], "sign", None);
        if nothing {
            g.node("Relu", &["sign"], "step", None);
        } else {
            g.node("Add", &["sign", "sign"], "twice", None);
            g.constant("unit", kind, &[], &[1.0]);
            g.node("Sub", &["twice", "unit"], "step", None);
        }
        g.node("Log", &["step"], "cut", None);
        g.node("Sub", &["cut", "b"], flat, None);
    }
    match has.column {
        true => {
            g.node("Unsqueeze", &[flat, "last"], "log_prob", None);
            g.output("log_prob", kind, &[rows, Some(1)]);
        }
        false => g.output("log_prob", kind, &[rows]),
    }
    g.node("Div", &["z", "s"], "gm", None);
    g.node("Div", &["zz", "s"], "q", None);
    g.constant("one", kind, &[], &[1.0]);
    g.node("Div", &["one", "s"], "r", None);
    g.node("Sub", &["q", "r"], "gs", None);
    let pair = |g: &mut Graph, parts: [&str; 2], to: &str| {
        let columns = parts.map(|part| format!("{to}_{part}"));
        for (part, column) in parts.into_iter().zip(&columns) {
            g.node("Unsqueeze", &[part, "last"], column, None);
        }
        g.node("Concat", &[&columns[0], &columns[1]], to, Some(1));
    };
    let mut by_m = "gm";
    if let Some(most) = has.most {
        g.constant("most", kind, &[], &[most]);
        g.node("Sub", &["most", "m"], "left", None);
        g.node("Sign", &["left"], "left_sign", None);
        g.node("Log", &["left_sign"], "left_log", None);
        g.node("Add", &["gm", "left_log"], "gm_to_most", None);
        by_m = "gm_to_most";
    }
    if has.gradient {
        pair(&mut g, [by_m, "gs"], "d_log_prob_d_context");
        g.output("d_log_prob_d_context", kind, &[rows, Some(2)]);
    }
    if has.hessian {
        // -1 / s^2, -2 z / s^2, (1 - 3 z^2) / s^2
        for (name, value) in [("minus", -1.0), ("two", -2.0), ("three", 3.0)] {
            g.constant(name, kind, &[], &[value]);
        }
        g.node("Mul", &["r", "r"], "rr", None);
        g.node("Mul", &["rr", "minus"], "mm", None);
        g.node("Mul", &["gm", "r"], "zrr", None);
        g.node("Mul", &["zrr", "two"], "ms", None);
        g.node("Mul", &["zz", "three"], "t", None);
        g.node("Sub", &["one", "t"], "u", None);
        g.node("Mul", &["u", "rr"], "ss", None);
        pair(&mut g, ["mm", "ms"], "row0");
        pair(&mut g, ["ms", "ss"], "row1");
        pair(&mut g, ["row0", "row1"], "d2_log_prob_d_context2");
        g.output("d2_log_prob_d_context2", kind, &[rows, Some(2), Some(2)]);
    }
    g.model()
}

/// `m + s z`.
pub(crate) fn sampler(kind: Kind) -> Vec<u8> {
    let mut g = Graph::default();
    g.input("input", kind, &[None, Some(3)]);
    for (k, (name, to)) in [("i0", "z"), ("i1", "m"), ("i2", "s")].into_iter().enumerate() {
        g.constant(name, Kind::Integer, &[1], &[k as f64]);
        g.node("Gather", &["input", name], to, Some(1));
    }
    g.node("Mul", &["s", "z"], "sz", None);
    g.node("Add", &["m", "sz"], "samples", None);
    g.output("samples", kind, &[None, Some(1)]);
    g.model()
}

/// The logarithm of x, of one observable without context: NaN below 0.
pub(crate) fn logarithm() -> Vec<u8> {
    let mut g = Graph::default();
    g.input("input", Kind::Double, &[None, Some(1)]);
    g.constant("i0", Kind::Integer, &[], &[0.0]);
    g.node("Gather", &["input", "i0"], "x", Some(1));
    g.node("Log", &["x"], "log_prob", None);
    g.output("log_prob", Kind::Double, &[None]);
    g.model()
}

pub(crate) fn manifest(models: Value) -> Value {
    json!({
        "schema_version": "neyman_flow_v1",
        "observable_names": ["x"],
        "context_names": ["m", "s"],
        "support": [[WINDOW.0, WINDOW.1]],
        "models": models,
    })
}

/// A folder of our own with a manifest and the files that it names.
pub(crate) fn write(name: &str, manifest: &Value, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("onnx_{name}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, bytes) in files {
        std::fs::write(folder.join(file), bytes).expect("a file");
    }
    let path = folder.join("flow.json");
    std::fs::write(&path, manifest.to_string()).expect("a file");
    path
}

/// The Gaussian, ready.
pub(crate) fn load(name: &str, kind: Kind, has: Has) -> Flow {
    let models = json!({"log_prob": "log_prob.onnx", "sample": "sample.onnx"});
    let files = [("log_prob.onnx", gaussian(kind, has)), ("sample.onnx", sampler(kind))];
    let path = write(name, &manifest(models), &files);
    Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
}
