//! `model.histfactory`: a workspace that is fitted together with the events.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{ParameterSpec, name};
use crate::error::{Error, Result};
use crate::model::{Model, ModelOptions, PoiChoice};
use crate::spec::fields::{elements, fields, string};
use crate::spec::patchset::{PatchChoice, PatchSet};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::spec::{self, LoadOptions, PatchSource, Warning, json};
use crate::unbinned::model::{Parameter, check_parameter};

/// What the document says of the workspace.
#[derive(Debug, Clone)]
pub(super) struct HistFactory {
    workspace: PathBuf,
    measurement: Option<String>,
    patches: Vec<Patch>,
    /// Whether there is one patch, not a list of them.
    single: bool,
}

/// A JSON patch, or a patchset with the name of one of its patches.
#[derive(Debug, Clone)]
struct Patch {
    file: PathBuf,
    name: Option<String>,
}

/// Where the binned part of a model comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedSource {
    /// The workspace's file.
    pub workspace: PathBuf,
    /// Name of the measurement.
    pub measurement: String,
    /// sha256 of the patched workspace, as pyhf computes it.
    pub digest: String,
    /// Legal but suspicious things in it.
    pub warnings: Vec<Warning>,
}

impl HistFactory {
    pub(super) fn new(value: &Value, place: &Place) -> Result<Self> {
        let object = fields(value, place, &["workspace"], &["measurement", "patch"])?;
        let at = place.key("measurement");
        let measurement = object.get("measurement").filter(|m| !m.is_null());
        let measurement = measurement.map(|m| name(m, &at)).transpose()?;
        let at = place.key("patch");
        let (patches, single) = match object.get("patch").filter(|p| !p.is_null()) {
            None => (Vec::new(), false),
            Some(list @ Value::Array(_)) => (elements(list, &at, patch)?, false),
            Some(one) => (vec![patch(one, &at)?], true),
        };
        let workspace = name(&object["workspace"], &place.key("workspace"))?.into();
        Ok(Self { workspace, measurement, patches, single })
    }

    /// The model, with the measurement's parameter of interest where the specification names none.
    pub(super) fn open(
        &self,
        base: &Path,
        place: &Place,
        names_poi: bool,
    ) -> Result<(Model, BinnedSource)> {
        let file = base.join(&self.workspace);
        let all = place.key("patch");
        let read = |(i, patch): (usize, &Patch)| match self.single {
            true => patch.read(base, &all),
            false => patch.read(base, &all.index(i)),
        };
        let options = LoadOptions {
            patches: self.patches.iter().enumerate().map(read).collect::<Result<_>>()?,
            measurement: self.measurement.clone(),
            poi: names_poi.then(String::new),
            ..LoadOptions::default()
        };
        let at = place.key("workspace");
        let told = |error: Error| match error {
            Error::Argument(message) if self.measurement.is_some() => {
                place.key("measurement").error(message)
            }
            error => at.error(format!("{}: {error}", file.display())),
        };
        let loaded = spec::load(&bytes(&file)?, &options).map_err(told)?;
        let poi = if names_poi { PoiChoice::None } else { PoiChoice::FromMeasurement };
        let options = ModelOptions { poi, ..ModelOptions::default() };
        let model = Model::new(&loaded.workspace, loaded.measurement, &options)
            .map_err(|error| at.error(format!("{}: {error}", file.display())))?;
        let warnings = loaded.warnings.into_iter().chain(model.warnings().iter().cloned());
        let source = BinnedSource {
            measurement: loaded.workspace.measurements[loaded.measurement].name.clone(),
            digest: loaded.digest,
            warnings: warnings.collect(),
            workspace: file,
        };
        Ok((model, source))
    }
}

fn patch(value: &Value, place: &Place) -> Result<Patch> {
    if value.is_string() {
        return Ok(Patch { file: name(value, place)?.into(), name: None });
    }
    let object = fields(value, place, &["file", "name"], &[])?;
    let file = name(&object["file"], &place.key("file"))?.into();
    let name = string(&object["name"], &place.key("name"))?;
    Ok(Patch { file, name: Some(name.to_owned()) })
}

impl Patch {
    fn read(&self, base: &Path, place: &Place) -> Result<PatchSource> {
        let file = base.join(&self.file);
        let bytes = bytes(&file)?;
        let told = |error: Error| place.error(format!("{}: {error}", file.display()));
        let document = json::parse(&bytes).map_err(told)?;
        match &self.name {
            None if document.is_array() => Ok(PatchSource::Patch(bytes)),
            None => Err(place.error(format!(
                "{} is no list of operations; of a patchset, give \"file\" and the \"name\" of a patch",
                file.display()
            ))),
            Some(_) if document.is_array() => {
                Err(place.error(format!("{} is a JSON patch, which has no names", file.display())))
            }
            Some(name) => {
                let set = PatchSet::from_value(&document).map_err(told)?;
                let choice = PatchChoice::Name(name.clone());
                set.patch(&choice).map_err(|error| place.key("name").error(error.to_string()))?;
                Ok(PatchSource::PatchSet { bytes, choice })
            }
        }
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|source| Error::Io { path: file.to_owned(), source })
}

/// A parameter with what it leaves to the workspace.
pub(super) fn completed(
    stated: &ParameterSpec,
    place: &Place,
    model: Option<&Model>,
) -> Result<Parameter> {
    let other = model.and_then(|m| m.parameters().iter().find(|p| p.name == stated.name));
    let missing = || {
        let names = || model.iter().flat_map(|m| m.parameters()).map(|p| &*p.name);
        let near = suggestion(&stated.name, names());
        let near = if near.is_empty() { format!("; it has {}", list(names())) } else { near };
        place.error(format!(
            "\"init\" and \"bounds\" may be left to the workspace, which has no parameter {}{near}",
            quoted(&stated.name)
        ))
    };
    let init = match (stated.init, other) {
        (Some(init), _) => init,
        (None, Some(other)) => other.init,
        (None, None) => return Err(missing()),
    };
    let bounds = match (stated.bounds, other) {
        (Some(bounds), _) => bounds,
        (None, Some(other)) if other.fixed => (init, init),
        (None, Some(other)) => other.bounds,
        (None, None) => return Err(missing()),
    };
    let parameter =
        Parameter { name: stated.name.clone(), init, bounds, constraint: stated.constraint };
    super::document::told(place, check_parameter(&parameter))?;
    Ok(parameter)
}
