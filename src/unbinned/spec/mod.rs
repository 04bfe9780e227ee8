//! Models from files: a specification in YAML or JSON that names densities, yields, parameters and the Parquet
//! files of events. `docs/unbinned_spec_v1.schema.json` describes it; the documented
//! `nextstat_unbinned_spec_v0` is read, too.

mod data;
mod document;
mod expected;
mod flow;
mod histfactory;
mod pdf;
mod selection;
mod simulated;
mod upgrade;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::spec::{digest, yaml};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::model::{Channel, Process};
pub use data::GivenEvents;
pub use document::Specification;
pub(in crate::unbinned) use document::told;
use document::{ChannelSpec, same_observables};
pub use histfactory::BinnedSource;
use histfactory::completed;
pub use upgrade::to_v1;

/// Which defaults a specification has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `nextstat_unbinned_spec_v0`: interpolation code1 of normsys and code0 of weightsys.
    NextstatV0,
    /// `neyman_unbinned_spec_v1`: code4 and code4p.
    V1,
}

impl Version {
    /// As `schema_version` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NextstatV0 => "nextstat_unbinned_spec_v0",
            Self::V1 => "neyman_unbinned_spec_v1",
        }
    }
}

/// A model and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model, with its events.
    pub model: UnbinnedModel,
    /// Index of the parameter of interest.
    pub poi: Option<usize>,
    /// The specification's version.
    pub version: Version,
    /// sha256 of the specification's content, the same for YAML and JSON.
    pub digest: String,
    /// Files of events, one a channel of the model; an empty path where they were given.
    pub files: Vec<PathBuf>,
    /// Channels that the specification leaves out (`include_in_fit: false`).
    pub left_out: Vec<String>,
    /// Where the binned part comes from, where there is one (`model.histfactory`).
    pub binned: Option<BinnedSource>,
}

/// Reads a specification and its events; their files are found from where the specification lies.
///
/// # Errors
///
/// [`Error::Syntax`] with line and column for a text that is neither YAML nor JSON; [`Error::Specification`] with
/// the JSON pointer to an unknown or missing key, a wrong type, an unknown name, a column that its file lacks, and
/// to what is known but not supported, by its name; [`Error::Events`] for the events themselves; [`Error::Io`].
pub fn load(path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    let bytes =
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let base = path.parent().unwrap_or(Path::new(""));
    build(&parse(&bytes)?, base, HashMap::new())
}

/// A model of a parsed specification. Channels in `events` have these instead of a file's, with the `selection` and the
/// `weight` of their key `data`, which they need not have; `channel` chooses rows of files alone. Files are found from
/// `base`.
///
/// # Errors
///
/// As for [`load`]; [`Error::Argument`] for events of a channel that there is not.
pub fn build(
    value: &Value,
    base: &Path,
    mut events: HashMap<String, GivenEvents>,
) -> Result<Loaded> {
    let specification = Specification::with_events(value, events.keys().cloned().collect())?;
    let names = || specification.channels.iter().map(|c| &*c.name);
    if let Some(name) = events.keys().find(|name| names().all(|n| n != *name)) {
        let near = suggestion(name, names());
        let near = if near.is_empty() { format!("; there are {}", list(names())) } else { near };
        return Err(Error::Argument(format!("there is no channel {}{near}", quoted(name))));
    }
    let (mut channels, mut files, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let all = Place::ROOT.key("channels");
    for (index, channel) in specification.channels.iter().enumerate() {
        if !channel.include_in_fit {
            left_out.push(channel.name.clone());
            continue;
        }
        let place = all.index(index);
        let (file, events) = data::events(base, channel, &place, events.remove(&channel.name))?;
        files.push(file);
        let processes = processes(base, &place, channel)?;
        channels.push(Channel { name: channel.name.clone(), events, processes });
    }
    let place = Place::ROOT.key("model");
    let at = place.key("histfactory");
    let names_poi = specification.poi.is_some();
    let binned = specification.histfactory.as_ref();
    let binned = binned.map(|h| h.open(base, &at, names_poi)).transpose()?;
    let (binned, source) = binned.unzip();
    let all = place.key("parameters");
    let parameters = specification.parameters.iter().enumerate();
    let parameters = parameters.map(|(k, p)| completed(p, &all.index(k), binned.as_ref()));
    let mut model =
        told(&Place::ROOT, UnbinnedModel::new(parameters.collect::<Result<_>>()?, channels))?;
    if let Some(binned) = &binned {
        model = told(&at, model.with_binned(binned, binned.observed()))?;
    }
    let of_workspace = binned.as_ref().and_then(|b| b.poi().map(|k| &b.parameters()[k].name));
    let poi = specification.poi.as_ref().or(of_workspace);
    let poi = poi.map(|name| told(&place.key("poi"), model.parameter_index(name))).transpose()?;
    Ok(Loaded {
        model,
        poi,
        version: specification.version,
        digest: digest::digest(value, "sha256")?,
        files,
        left_out,
        binned: source,
    })
}

/// Names of the columns that each channel's events need: observables, those of the selection, the one of weights where
/// it is named. Channels in `given` need not say where their events are.
///
/// # Errors
///
/// As for [`Specification::new`].
pub fn needed_columns(
    value: &Value,
    given: impl IntoIterator<Item = String>,
) -> Result<Vec<(String, Vec<String>)>> {
    let specification = Specification::with_events(value, given.into_iter().collect())?;
    let of = |channel: &document::ChannelSpec| (channel.name.clone(), data::columns(channel));
    Ok(specification.channels.iter().map(of).collect())
}

/// A channel's processes, with the densities that files describe.
fn processes(base: &Path, place: &Place, channel: &ChannelSpec) -> Result<Vec<Process>> {
    let own = place.key("processes");
    let mut first: Option<Vec<String>> = None;
    let open = channel.processes.iter().enumerate().map(|(i, process)| {
        let place = own.index(i);
        let place = place.key("pdf");
        let (pdf, shape) = process.pdf.open(base, &place)?;
        let names = pdf.observables().iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
        let first = first.get_or_insert_with(|| names.clone());
        same_observables(first, &names, process.pdf.key(), &place)?;
        let (name, expected) = (process.name.clone(), process.expected.clone());
        Ok(Process { name, pdf, shape, expected })
    });
    open.collect()
}

/// The document in YAML or, where it begins with a brace, JSON.
///
/// # Errors
///
/// As for [`load`].
pub fn parse(bytes: &[u8]) -> Result<Value> {
    yaml::parse_or_json(bytes)
}
