//! Inputs whose format is in order and whose model is not, or is odd: reported, evaluated and fitted
//! without a panic and without a NaN for an answer.

mod common;

use std::path::Path;

use common::own::{self, interpolations};
use common::{data_directory, read_json};
use neyman::Error;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Status;
use neyman::model::interpolation::Interpolation;
use neyman::model::{Model, ModelOptions};
use neyman::session::{FitOptions, Session};
use neyman::spec::{self, LoadOptions, Loaded, PatchSource};
use serde_json::{Value, json};

/// The files whose fault only the model can see, with what it says of them.
const MODEL_LEVEL: [(&str, &str); 4] = [
    ("number_1e308_sum_overflow", "(nominal / uncertainty)^2 = inf is not a usable number"),
    ("negative_yield_total_negative", "is negative in \"SR\" bin 0 at the initial point"),
    (
        "zero_rate_nonzero_observed",
        "observed 205 in \"CR\" bin 0, where the model can only predict 0",
    ),
    ("staterror_zero_nominal", "observed 205 in \"CR\" bin 0, where the model can only predict 0"),
];

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(kind: &str, bytes: Vec<u8>) -> Result<Loaded, Error> {
    if kind != "patch" {
        return spec::load(&bytes, &LoadOptions::default());
    }
    let good = include_bytes!("data/all_modifiers.json");
    let patches = vec![PatchSource::Patch(bytes)];
    spec::load(good, &LoadOptions { patches, ..LoadOptions::default() })
}

/// What the model says of the faults that only it can see: by warning, or by an error.
#[test]
fn the_model_reports_what_the_format_cannot() {
    let Some(data) = data_directory() else { return };
    for (name, words) in MODEL_LEVEL {
        let loaded = load("workspace", bytes(&data.join(format!("bad/{name}.json")))).expect(name);
        match Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default()) {
            Ok(model) => {
                let told = model.warnings().iter().any(|w| w.message.contains(words));
                assert!(told, "{name}: {:?}", model.warnings());
            }
            Err(error) => assert!(error.to_string().contains(words), "{name}: {error}"),
        }
    }
}

/// Whatever the reader accepts is compiled, evaluated and fitted: no panic, and no NaN that passes for
/// an answer.
#[test]
fn accepted_inputs_are_fitted() {
    let Some(data) = data_directory() else { return };
    let index = read_json(&data.join("bad/index.json"));
    let (mut fitted, mut wrong) = (0, Vec::new());
    for input in index["inputs"].as_array().unwrap() {
        let file = input["file"].as_str().unwrap();
        let content = bytes(&data.join("bad").join(file));
        let Ok(loaded) = load(input["kind"].as_str().unwrap(), content) else { continue };
        for interpolation in interpolations() {
            let options = ModelOptions { interpolation, ..ModelOptions::default() };
            match Model::new(&loaded.workspace, loaded.measurement, &options) {
                Ok(model) => wrong.extend(fit(file, model).err()),
                Err(error) => assert!(error.is_specification(), "{file}: {error}"),
            }
        }
        fitted += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fitted >= 20, "only {fitted} were accepted");
}

/// Evaluate at the initial point and fit; `Err` says what is no answer.
fn fit(file: &str, model: Model) -> Result<(), String> {
    let session = Session::new(model, DeviceChoice::Cpu).expect("the processor");
    let model = session.model();
    let (init, observed) = (model.init(), model.observed().clone());
    let at = session.evaluate(&init, &observed).map_err(|e| format!("{file}: {e}"))?;
    let possible = at.twice_nll.is_finite();
    if at.twice_nll.is_nan() || possible && at.gradient.iter().any(|g| !g.is_finite()) {
        return Err(format!("{file}: {} {:?} at the start", at.twice_nll, at.gradient));
    }
    let fit = session.fit(&observed, &FitOptions::default()).map_err(|e| format!("{file}: {e}"))?;
    let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
    let numbers = finite(&fit.parameters) && finite(&fit.uncertainties) && finite(&fit.covariance);
    let answer = fit.status.is_converged();
    let sound = if answer { fit.twice_nll.is_finite() } else { !fit.twice_nll.is_nan() };
    let reported = possible || !model.warnings().is_empty();
    if !numbers || !sound || !reported {
        return Err(format!("{file}: possible {possible}, {:?}, {fit:?}", model.warnings()));
    }
    if answer && model.fixed().iter().all(|fixed| *fixed) {
        assert_eq!(fit.status, Status::NothingFree, "{file}");
        assert_eq!(fit.twice_nll, at.twice_nll, "{file}");
    }
    Ok(())
}

#[test]
fn all_parameters_fixed_gives_the_likelihood() {
    let Some(data) = data_directory() else { return };
    let loaded = load("workspace", bytes(&data.join("bad/all_parameters_fixed.json"))).unwrap();
    let options = ModelOptions::default();
    let model = Model::new(&loaded.workspace, loaded.measurement, &options).unwrap();
    let session = Session::new(model, DeviceChoice::Cpu).unwrap();
    let fit = session.fit(session.model().observed(), &FitOptions::default()).unwrap();
    assert_eq!(fit.status, Status::NothingFree);
    // as pyhf evaluates it: the index has logpdf(init) = -14.988017895184708
    assert!((fit.twice_nll - 2.0 * 14.988_017_895_184_708).abs() < 1e-9, "{}", fit.twice_nll);
}

#[test]
fn nothing_expected_and_nothing_seen_is_possible() {
    let Some(data) = data_directory() else { return };
    let loaded = load("workspace", bytes(&data.join("bad/zero_rate_zero_observed.json"))).unwrap();
    let options = ModelOptions::default();
    let model = Model::new(&loaded.workspace, loaded.measurement, &options).unwrap();
    assert!(model.warnings().is_empty(), "{:?}", model.warnings());
    let (init, observed) = (model.init(), model.observed());
    assert!((model.nll(&init, observed) - 15.257_205_293_069_948).abs() < 1e-9);
    assert!(model.gradient(&init, observed).iter().all(|g| g.is_finite()));
    assert!(model.hessian(&init, observed).iter().all(|h| h.is_finite()));
}

/// One bin with samples of these counts, all under one normsys; 5 events seen.
fn counting(counts: &[f64], observed: f64) -> Value {
    let factor = |name: &str| match name {
        "s0" => own::modifier("mu", "normfactor", Value::Null),
        _ => own::modifier("norm", "normsys", json!({"hi": 1.1, "lo": 0.9})),
    };
    let sample = |(i, count): (usize, &f64)| {
        let name = format!("s{i}");
        own::sample(&name, &[*count], &[factor(&name)])
    };
    let samples = counts.iter().enumerate().map(sample).collect();
    own::workspace(&[("SR", &[observed], samples)], "mu", &[])
}

/// Finite counts whose sum, or whose sum after a variation, is not.
#[test]
fn overflow_is_told() {
    for (counts, at_start) in [([1e308, 1.7e308], true), ([1.0, 8e307], false)] {
        let model = own::compile(&counting(&counts, 5.0), Interpolation::default());
        let told = model.warnings().iter().any(|w| w.message.contains("not finite"));
        assert_eq!(told, at_start, "{:?}", model.warnings());
        let session = Session::new(model, DeviceChoice::Cpu).unwrap();
        let observed = session.model().observed().clone();
        let fit = session.fit(&observed, &FitOptions::default()).unwrap();
        assert!(!fit.twice_nll.is_nan());
        assert_eq!(fit.status.is_converged(), fit.twice_nll.is_finite(), "{fit:?}");
    }
}

/// Extreme but legal: tiny and huge counts, no events at all.
#[test]
fn extremes_are_fitted() {
    let cases: [([f64; 2], f64); 5] = [
        ([1.0, 1e-300], 0.0),
        ([1.0, 1e-300], 3.0),
        ([1e-12, 1e12], 1e12),
        ([1e15, 1e15], 2e15),
        ([0.0, 0.0], 0.0),
    ];
    for (counts, observed) in cases {
        for interpolation in interpolations() {
            let model = own::compile(&counting(&counts, observed), interpolation);
            fit(&format!("{counts:?}, {observed}"), model).unwrap();
        }
    }
}
