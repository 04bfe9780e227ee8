//! Plans and data from files: settings as the programs of the field write them, convolution tables, measured cross
//! sections.

mod config;
mod fnp;
mod inputs;
mod kinematics;
mod luminosity;
mod measured;
mod table;

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::spec::json::MAX_BYTES;
use crate::spec::yaml;

pub use config::{Config, LuminositySource};
pub use fnp::{Fnp, FnpParameter};
pub use inputs::Inputs;
pub use kinematics::Kinematics;
pub use measured::Measured;
pub use table::Table;

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
