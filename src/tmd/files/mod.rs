//! Plans and data from files: settings as the programs of the field write them, convolution tables, measured cross
//! sections.

mod config;
mod drell_yan;
mod flavour;
mod fnp;
mod inputs;
mod kinematics;
mod luminosity;
mod measured;
mod table;
mod tables;

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::spec::json::MAX_BYTES;
use crate::spec::yaml;

pub use config::{Config, LuminositySource};
pub use drell_yan::{DrellYan, TABLE_CUT};
pub use flavour::FnpParameter;
pub use fnp::Fnp;
pub use inputs::Inputs;
pub use kinematics::Kinematics;
pub use measured::Measured;
pub use table::Table;
pub use tables::Tables;

/// Where settings come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file in YAML or JSON.
    File(PathBuf),
    /// Such a document itself; files that it names are found from the current folder.
    Text(Vec<u8>),
}

impl Source {
    fn document(&self) -> Result<Value> {
        match self {
            Self::File(path) => document(path),
            Self::Text(bytes) => yaml::parse_or_json(bytes),
        }
    }

    /// The folder that other files are found from.
    fn folder(&self) -> &Path {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new("")),
            Self::Text(_) => Path::new(""),
        }
    }

    /// The file's name, or what the document is for.
    fn name(&self, purpose: &str) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text(_) => purpose.to_owned(),
        }
    }
}

/// An error of a document's content, with the document's name.
fn named(name: &str, error: Error) -> Error {
    match error {
        Error::Specification { path: at, message } => {
            let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
            Error::Argument(format!("{name}: {at}{message}"))
        }
        Error::Syntax { line, column, message } => {
            Error::Argument(format!("{name}: line {line}, column {column}: {message}"))
        }
        other => other,
    }
}

/// A document in YAML or JSON, which may be in gzip.
fn document(path: &Path) -> Result<Value> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(io)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return yaml::parse_or_json(&bytes);
    }
    let mut text = Vec::new();
    // one byte more than may be: the reader says that it is too much
    MultiGzDecoder::new(&*bytes).take(MAX_BYTES as u64 + 1).read_to_end(&mut text).map_err(io)?;
    yaml::parse_or_json(&text)
}
