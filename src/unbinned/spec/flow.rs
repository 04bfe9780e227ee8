//! Densities that are normalising flows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::{Context, told};
use super::pdf::{find, slots};
use crate::error::{Error, Result};
use crate::spec::fields::string;
use crate::spec::place::Place;
use crate::spec::text::{count, list};
use crate::unbinned::Observable;
use crate::unbinned::model::Slot;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::pdf::flow::Flow;

/// `flow` or `conditional_flow`: the file, and where its context comes from.
#[derive(Debug, Clone)]
pub(super) struct FlowSpec {
    manifest: PathBuf,
    context: Option<Vec<Slot>>,
    /// All of the channel, by the document's names.
    observables: Vec<(String, Observable)>,
}

impl FlowSpec {
    pub(super) fn new(
        object: &Map<String, Value>,
        place: &Place,
        observables: &[(String, Observable)],
        context: &Context,
    ) -> Result<Self> {
        let at = place.key("manifest");
        let manifest = string(&object["manifest"], &at)?;
        if manifest.is_empty() {
            return Err(at.error("this file's name is empty"));
        }
        let params = object.get("context_params").map(|params| {
            let place = place.key("context_params");
            match slots(params, &place, context)? {
                slots if slots.is_empty() => Err(place.error("this array must not be empty")),
                slots => Ok(slots),
            }
        });
        Ok(Self {
            manifest: manifest.into(),
            context: params.transpose()?,
            observables: observables.to_vec(),
        })
    }

    pub(super) fn open(&self, base: &Path, place: &Place) -> Result<(Pdf, Vec<Slot>)> {
        let at = place.key("manifest");
        let file = base.join(&self.manifest);
        let flow = Flow::from_manifest(&file).map_err(|error| match error {
            Error::Io { .. } | Error::Device { .. } => error,
            other => at.error(format!("{}: {other}", file.display())),
        })?;
        let names = flow.observable_names().iter();
        let observables = names.map(|name| find(&self.observables, name, &at).cloned());
        let observables = observables.collect::<Result<Vec<_>>>()?;
        let needed = flow.context_names();
        let shape = match &self.context {
            None if !needed.is_empty() => {
                let names = list(needed.iter().map(String::as_str));
                return Err(place.key("type").error(format!(
                    "{} has a context, {names}: a \"conditional_flow\" gives it parameters",
                    file.display()
                )));
            }
            Some(given) if given.len() != needed.len() => {
                return Err(place.key("context_params").error(format!(
                    "{}, but {} has {} of context: {}",
                    count(given.len(), "parameter"),
                    file.display(),
                    count(needed.len(), "number"),
                    list(needed.iter().map(String::as_str))
                )));
            }
            given => given.clone().unwrap_or_default(),
        };
        Ok((told(&at, Pdf::flow(&observables, Arc::new(flow)))?, shape))
    }
}
