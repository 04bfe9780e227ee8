//! What several test files share: the data directory in NEYMAN_DATA with `workspaces/*.json` and
//! `goldens/*.json`, small models of our own, and the comparison of a device with the oracle.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod conformance;
pub(crate) mod cuda;
pub(crate) mod golden;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
pub(crate) mod own;
pub(crate) mod parity;
pub(crate) mod place;
pub(crate) mod random;
#[cfg(feature = "cli")]
pub(crate) mod scratch;

use std::path::{Path, PathBuf};

use neyman::spec::{self, LoadOptions, Loaded};
use serde_json::Value;

/// The data directory; tests that need it are skipped, aloud, without.
pub(crate) fn data_directory() -> Option<PathBuf> {
    let directory = std::env::var_os("NEYMAN_DATA").map(PathBuf::from);
    if directory.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    directory
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads a workspace as a user's would be; `poi` false for background-only ones, whose parameter of
/// interest comes with a patch.
pub(crate) fn load_workspace(path: &Path, measurement: Option<&str>, poi: bool) -> Loaded {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let options = LoadOptions {
        measurement: measurement.map(str::to_owned),
        poi: (!poi).then(String::new),
        ..LoadOptions::default()
    };
    spec::load(&bytes, &options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A number of a golden file, where non-finite ones are strings.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}")).iter().map(number).collect()
}
