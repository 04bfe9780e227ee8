//! Unbinned likelihoods: tables of events, densities and reductions against recorded values. Without
//! `NEYMAN_DATA` the tests on files and goldens do nothing and say so.

mod draws;
#[path = "../common/event_models.rs"]
mod event_models;
mod events;
#[cfg(feature = "onnx")]
mod exported;
mod fits;
#[path = "../common/flow_files.rs"]
mod flow_files;
mod flows;
#[cfg(feature = "parquet")]
mod given;
#[cfg(feature = "parquet")]
mod hs3;
mod joint;
#[cfg(feature = "parquet")]
mod joint_spec;
mod kernel;
mod minima;
#[path = "../common/mixtures.rs"]
mod mixtures;
mod models;
#[cfg(feature = "parquet")]
mod parquet;
mod pdfs;
mod product;
mod reduce;
#[cfg(feature = "parquet")]
mod schema;
#[cfg(feature = "parquet")]
mod spec;
mod spline;
mod statements;
mod toys;
mod yields;

use std::path::PathBuf;

pub(crate) use mixtures::{number, numbers};
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
