//! What statements about a model that begin with a fit have in common.

use std::path::PathBuf;

use clap::Args;

use super::parse::assignment;
use super::{ToleranceArguments, WorkspaceArguments};
use crate::cli::document::OutputArguments;

#[derive(Debug, Args)]
pub(crate) struct StatementArguments {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// Hold a parameter at a value; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// Take the expected data at the initial parameters
    #[arg(long, conflicts_with = "data")]
    pub(crate) asimov: bool,
    /// Parameter of interest in the Asimov data [default: its initial value]
    #[arg(
        long,
        value_name = "MU",
        requires = "asimov",
        allow_negative_numbers = true,
        conflicts_with = "no_poi"
    )]
    pub(crate) mu: Option<f64>,
    /// Data instead of the workspace's: main and auxiliary data in pyhf's order
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
}
