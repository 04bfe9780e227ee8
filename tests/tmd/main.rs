//! TMDs: quadratures, shapes, cross sections and fits against recorded values. Without `NEYMAN_DATA` the tests on
//! files and goldens do nothing and say so.

mod bins;
#[cfg(feature = "tmd")]
mod files;
mod fits;
#[cfg(feature = "tmd")]
mod flavours;
mod goldens;
mod pullback;
#[cfg(feature = "tmd")]
mod tables;

use std::path::PathBuf;

use serde_json::Value;

/// The directory of recorded values.
pub(crate) fn directory() -> Option<PathBuf> {
    let directory = std::env::var_os("NEYMAN_DATA").map(|d| PathBuf::from(d).join("tmd"));
    if directory.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    directory
}

pub(crate) fn json(name: &str) -> Option<Value> {
    let path = directory()?.join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// A number, which recorded values write as text.
pub(crate) fn number(value: &Value) -> f64 {
    let text = || value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or_else(text).unwrap_or_else(|| panic!("not a number: {value}"))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}")).iter().map(number).collect()
}
