//! What every statement about a model says beside itself, and where it goes: `docs/results.md`.

use std::path::PathBuf;

use clap::Args;
use neyman::accelerator::DeviceInfo;
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::load::Loaded;
use super::output;

#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the JSON there
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A statement about a model, ready to be written.
pub(crate) struct Document {
    value: Map<String, Value>,
}

impl Document {
    /// The statement `kind` of `body`, which is an object; common fields it has already are kept.
    pub(crate) fn new(
        kind: &str,
        loaded: &Loaded,
        device: &DeviceInfo,
        seed: Option<u64>,
        body: Value,
    ) -> Self {
        let model = &loaded.model;
        let warnings = loaded.warnings.iter();
        let common = json!({
            "poi": model.poi().map(|i| &model.parameters()[i].name),
            "warnings": warnings.map(|w| json!({"path": w.path, "message": w.message}))
                .collect::<Vec<_>>(),
            "notes": [],
            "provenance": {
                "version": env!("CARGO_PKG_VERSION"),
                "workspace": loaded.file,
                "digest": loaded.digest,
                "measurement": loaded.measurement().name,
                "interpolation": interpolation(model.interpolation()),
                "device": device.name,
                "device_description": device.description,
                "precision": device.precision,
                "seed": seed,
            },
        });
        let mut value = Map::new();
        value.insert("kind".into(), kind.into());
        for part in [body, common] {
            let Value::Object(part) = part else { continue };
            for (key, of) in part {
                value.entry(key).or_insert(of);
            }
        }
        Self { value }
    }

    /// The document itself.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.value)
    }

    /// To the file, where there is one, and to stdout: as JSON, or `text`. What is long, `extra`, goes
    /// to the file alone.
    pub(crate) fn write(
        self,
        to: &OutputArguments,
        extra: Option<Value>,
        text: &str,
    ) -> Result<(), Failure> {
        let stdout = Value::Object(self.value);
        if let Some(path) = &to.output {
            let mut file = stdout.clone();
            if let (Some(Value::Object(extra)), Some(file)) = (extra, file.as_object_mut()) {
                file.extend(extra);
            }
            output::json_file(path, &file)?;
        }
        if to.json { output::json(&stdout) } else { output::text(text) }
    }
}

/// In pyhf's codes, as `--interpolation` takes them.
fn interpolation(of: Interpolation) -> String {
    let normsys = match of.normsys {
        NormSysInterpolation::PiecewiseExponential => "code1",
        NormSysInterpolation::PolynomialExponential => "code4",
    };
    let histosys = match of.histosys {
        HistoSysInterpolation::PiecewiseLinear => "code0",
        HistoSysInterpolation::QuadraticLinear => "code2",
        HistoSysInterpolation::PolynomialLinear => "code4p",
    };
    format!("{normsys},{histosys}")
}
