//! TMDs: quadratures, shapes, cross sections and fits against recorded values. Without `NEYMAN_DATA` the tests on
//! files and goldens do nothing and say so.

mod bins;
#[cfg(feature = "tmd")]
mod files;
mod fits;
#[cfg(feature = "tmd")]
mod flavours;
mod goldens;
#[path = "../common/plans.rs"]
mod plans;
mod pullback;
#[cfg(feature = "tmd")]
mod tables;

use std::path::PathBuf;

use serde_json::Value;

pub(crate) use plans::{number, numbers};

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
