//! Unbinned likelihoods: tables of events, densities and reductions against recorded values. Without
//! `NEYMAN_DATA` the tests on files and goldens do nothing and say so.

mod events;
mod fits;
mod kernel;
mod models;
#[cfg(feature = "parquet")]
mod parquet;
mod pdfs;
mod reduce;
#[cfg(feature = "parquet")]
mod schema;
#[cfg(feature = "parquet")]
mod spec;
mod yields;

use std::path::PathBuf;

use serde_json::Value;

/// The directory of recorded values.
pub(crate) fn directory() -> Option<PathBuf> {
    let directory = std::env::var_os("NEYMAN_DATA").map(|d| PathBuf::from(d).join("unbinned"));
    if directory.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    directory
}

pub(crate) fn goldens() -> Option<Value> {
    let path = directory()?.join("goldens.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// A number, where infinite ones are text.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}")).iter().map(number).collect()
}
