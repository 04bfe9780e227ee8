//! Models from files: a specification in YAML or JSON that names densities, yields, parameters and the Parquet
//! files of events. `docs/unbinned_spec_v1.schema.json` describes it; the documented
//! `nextstat_unbinned_spec_v0` is read, too.

mod data;
mod document;
mod expected;
mod pdf;
mod selection;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::spec::{digest, yaml};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::model::Channel;
pub use document::Specification;

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
        let (file, events) = data::read(base, index, channel)?;
        files.push(file);
        channels.push(Channel {
            name: channel.name.clone(),
            events,
            processes: channel.processes.clone(),
        });
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

/// The document in YAML or, where it begins with a brace, JSON.
///
/// # Errors
///
/// As for [`load`].
pub fn parse(bytes: &[u8]) -> Result<Value> {
    yaml::parse_or_json(bytes)
}
