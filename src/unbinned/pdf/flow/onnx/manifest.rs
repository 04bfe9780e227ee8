//! What a flow in ONNX is, in JSON: `neyman_flow_v1` with models instead of layers, and the peers' `nextstat_flow_v0`.

use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use super::interface::{Needed, Wanted};
use super::model::Model;
use super::provider::Refused;
use super::{Exported, GRADIENT, LOG_PROB, NAMES};
use crate::error::{Error, Result};
use crate::spec::fields::{elements, fields, kind, numbers, string, word};
use crate::spec::place::Place;
use crate::unbinned::pdf::flow::manifest::names;
use crate::unbinned::pdf::flow::{Flow, Source};

/// Reads a manifest that lies at `path` and opens its models. `peers`: it is a `nextstat_flow_v0`.
pub(in crate::unbinned::pdf::flow) fn read(
    path: &Path,
    value: &Value,
    peers: bool,
) -> Result<Flow> {
    let root = Place::ROOT;
    let (required, own): (&[&str], &[&str]) = match peers {
        true => (
            &["schema_version", "observable_names", "models", "features", "support"],
            &["flow_type", "context_features"],
        ),
        false => (&["schema_version", "observable_names", "models"], &["support"]),
    };
    let optional = ["$schema", "context_names", "base_distribution", "training", "validation"];
    let object = fields(value, &root, required, &[own, &optional].concat())?;
    let observables = names(object, "observable_names", &root)?;
    if observables.is_empty() {
        return Err(root.key("observable_names").error("this array must not be empty"));
    }
    let context = match object.get("context_names") {
        Some(_) => names(object, "context_names", &root)?,
        None => Vec::new(),
    };
    for (key, names) in [("features", &observables), ("context_features", &context)] {
        if let Some(value) = object.get(key)
            && value.as_u64() != u64::try_from(names.len()).ok()
        {
            let found = if value.is_u64() { value.to_string() } else { kind(value) };
            let message = format!("{found}, but there are {} names of these", names.len());
            return Err(root.key(key).error(message));
        }
    }
    let support =
        object.get("support").map(|value| support(value, &root.key("support"), observables.len()));
    let support = support.transpose()?;
    let uniform = match object.get("base_distribution") {
        None => false,
        Some(name) => {
            let place = root.key("base_distribution");
            word(name, &place, &["standard_normal", "uniform"])? == 1
        }
    };
    let at = root.key("models");
    let models = fields(&object["models"], &at, &["log_prob"], &["log_prob_grad", "sample"])?;
    let (d, c) = (observables.len(), context.len());
    let open = |key: &str, wanted: &Wanted<'_>| -> Result<Option<Model>> {
        let Some(name) = models.get(key) else { return Ok(None) };
        let place = at.key(key);
        let file = path.parent().unwrap_or(Path::new("")).join(string(name, &place)?);
        // the library's own words for it are many
        std::fs::metadata(&file).map_err(|source| Error::Io { path: file.clone(), source })?;
        match Model::open(&file, wanted) {
            Ok(model) => Ok(Some(model)),
            Err(Refused::Other(error)) => Err(error),
            Err(Refused::Model(why)) => Err(place.error(format!("{}: {why}", file.display()))),
        }
    };
    let shapes: [&[usize]; 3] = [&[], &[c], &[c, c]];
    let needed = |k: usize| Needed { names: NAMES[k], shape: shapes[k], required: k == LOG_PROB };
    let needed: Vec<Needed<'_>> = (0..shapes.len()).map(needed).collect();
    // without context there are no derivatives in it
    let outputs = if c > 0 { &needed[..] } else { &needed[..1] };
    let densities = Wanted { columns: d, context: c, outputs };
    let log_prob = open("log_prob", &densities)?;
    let gradient = open("log_prob_grad", &densities)?;
    if gradient.as_ref().is_some_and(|model| !model.has(GRADIENT)) {
        let message = format!("it has no output \"{}\" of [rows, {c}]", NAMES[GRADIENT][0]);
        return Err(at.key("log_prob_grad").error(message));
    }
    let samples = Needed { names: &["samples", "x"], shape: &[d], required: true };
    let sample = open("sample", &Wanted { columns: d, context: c, outputs: &[samples] })?;
    let log_prob = log_prob.ok_or_else(|| at.error("\"log_prob\" is needed"))?;
    let exported = Exported {
        observables: d,
        context: c,
        support,
        log_prob,
        gradient,
        sample,
        uniform,
        checked: Mutex::default(),
    };
    Ok(Flow { observables, context, source: Source::Onnx(exported.into()) })
}

fn support(value: &Value, place: &Place, n: usize) -> Result<Vec<(f64, f64)>> {
    let mut support = Vec::new();
    elements(value, place, |value, place| match numbers(value, place)?[..] {
        [lo, hi] if lo < hi && (hi - lo).is_finite() => {
            support.push((lo, hi));
            Ok(())
        }
        _ => Err(place.error("a lower and an upper end above it are needed")),
    })?;
    match support.len() == n {
        true => Ok(support),
        false => Err(place.error(format!("{} windows for {n} observables", support.len()))),
    }
}
