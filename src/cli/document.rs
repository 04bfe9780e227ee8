//! What every statement about a model says beside itself, and where it goes: `docs/results.md`.

use std::path::PathBuf;

use clap::Args;
use neyman::accelerator::{DeviceInfo, DeviceRequest};
use neyman::fit::Status;
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::spec::{PatchedWorkspaces, Warning};
use serde_json::{Map, Value, json};

use super::arguments::WorkspaceArguments;
use super::failure::{Failure, display_file, one_line};
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

/// Where a statement comes from.
pub(crate) struct Source {
    poi: Option<String>,
    warnings: Vec<Value>,
    provenance: Value,
}

impl Source {
    fn new(loaded: &Loaded, device: &DeviceInfo, seed: Option<u64>) -> Self {
        let model = &loaded.model;
        Self {
            poi: model.poi().map(|i| model.parameters()[i].name.clone()),
            warnings: loaded.warnings.iter().map(warning).collect(),
            provenance: json!({
                "version": env!("CARGO_PKG_VERSION"),
                "workspace": loaded.file,
                "digest": loaded.digest,
                "measurement": loaded.measurement().name,
                "interpolation": interpolation(model.interpolation()),
                "device": device.name,
                "device_description": device.description,
                "precision": device.precision,
                "seed": seed,
            }),
        }
    }

    /// A statement about all patches of a set: the digest is that of the workspace without them.
    pub(crate) fn of_patches(
        workspaces: &PatchedWorkspaces,
        arguments: &WorkspaceArguments,
        device: &DeviceRequest,
    ) -> Result<Self, Failure> {
        Ok(Self {
            poi: None,
            warnings: Vec::new(),
            provenance: json!({
                "version": env!("CARGO_PKG_VERSION"),
                "workspace": display_file(&arguments.workspace).to_string(),
                "digest": workspaces.digest()?,
                "measurement": arguments.measurement,
                "interpolation": interpolation(arguments.interpolation),
                "device": device.device.to_string(),
                "precision": device.precision.to_string(),
                "seed": null,
            }),
        })
    }

    /// A statement about events, by the specification in `file`.
    #[cfg(feature = "parquet")]
    pub(crate) fn of_events(
        loaded: &neyman::unbinned::spec::Loaded,
        file: &std::path::Path,
        device: &DeviceInfo,
    ) -> Self {
        let files = loaded.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>();
        let mut provenance = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "specification": display_file(file),
            "schema_version": loaded.version.as_str(),
            "digest": loaded.digest,
            "files": files,
            "device": device.name,
            "device_description": device.description,
            "device_reason": device.reason,
            "precision": device.precision,
            "seed": null,
        });
        if let Some(binned) = &loaded.binned {
            provenance["workspace"] = binned.workspace.display().to_string().into();
            provenance["workspace_digest"] = binned.digest.clone().into();
            provenance["measurement"] = binned.measurement.clone().into();
        }
        Self {
            poi: loaded.poi.map(|i| loaded.model.parameters()[i].name.clone()),
            warnings: loaded.binned.iter().flat_map(|b| &b.warnings).map(warning).collect(),
            provenance,
        }
    }

    /// With the seed of its toys.
    #[cfg(feature = "parquet")]
    pub(crate) fn with_seed(mut self, seed: u64) -> Self {
        self.provenance["seed"] = seed.into();
        self
    }

    /// A statement about cross sections, by these files.
    #[cfg(feature = "tmd")]
    pub(crate) fn of_files(
        files: &[String],
        warnings: &[String],
        device: &DeviceInfo,
        seed: Option<u64>,
    ) -> Self {
        let warning = |message: &String| json!({"path": "", "message": message});
        Self {
            poi: None,
            warnings: warnings.iter().map(warning).collect(),
            provenance: json!({
                "version": env!("CARGO_PKG_VERSION"),
                "files": files,
                "device": device.name,
                "device_description": device.description,
                "device_reason": device.reason,
                "precision": device.precision,
                "seed": seed,
            }),
        }
    }

    /// The statement `kind` of `body`, which is an object; common fields it has already are kept.
    pub(crate) fn document(self, kind: &str, body: Value) -> Document {
        let common = json!({
            "poi": self.poi,
            "warnings": self.warnings,
            "notes": [],
            "provenance": self.provenance,
        });
        let mut value = Map::new();
        value.insert("kind".into(), kind.into());
        for part in [body, common] {
            let Value::Object(part) = part else { continue };
            for (key, of) in part {
                value.entry(key).or_insert(of);
            }
        }
        Document { value }
    }
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
        Source::new(loaded, device, seed).document(kind, body)
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

fn warning(of: &Warning) -> Value {
    json!({"path": of.path, "message": of.message})
}

/// What a table says below: notes, and a status that is not well.
pub(crate) fn notes(notes: &[String], status: Status) -> String {
    let mut text: String = notes.iter().map(|n| format!("note: {}\n", one_line(n))).collect();
    if !status.is_converged() {
        text.push_str(&format!("a fit ended as {}\n", status.as_str().replace('_', " ")));
    }
    text
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
