//! Models from files: a specification in YAML or JSON that names densities, yields, parameters and the Parquet
//! files of events. `docs/unbinned_spec_v1.schema.json` describes it; the documented
//! `nextstat_unbinned_spec_v0` is read, too.

mod data;
mod document;
mod expected;
mod flow;
mod pdf;
mod selection;
mod simulated;
mod yaml;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::spec::place::Place;
use crate::spec::{digest, json};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::model::{Channel, Process};
pub use document::Specification;
use document::{ChannelSpec, same_observables};

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
    /// Files of events, one a channel of the model.
    pub files: Vec<PathBuf>,
    /// Channels that the specification leaves out (`include_in_fit: false`).
    pub left_out: Vec<String>,
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
    let value = parse(&bytes)?;
    let specification = Specification::new(&value)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (mut channels, mut files, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (index, channel) in specification.channels.iter().enumerate() {
        if !channel.include_in_fit {
            left_out.push(channel.name.clone());
            continue;
        }
        let all = Place::ROOT.key("channels");
        let place = all.index(index);
        let (file, events) = data::read(base, &place, channel)?;
        files.push(file);
        let processes = processes(base, &place, channel)?;
        channels.push(Channel { name: channel.name.clone(), events, processes });
    }
    let parameters = specification.parameters;
    let model = UnbinnedModel::new(parameters, channels).map_err(|error| match error {
        Error::Argument(message) => Error::specification("", message),
        other => other,
    })?;
    Ok(Loaded {
        model,
        poi: specification.poi,
        version: specification.version,
        digest: digest::digest(&value, "sha256")?,
        files,
        left_out,
    })
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
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if start.starts_with(b"{") { json::parse(bytes) } else { yaml::parse(bytes) }
}
