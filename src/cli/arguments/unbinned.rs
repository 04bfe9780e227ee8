//! `neyman unbinned`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::parse::assignment;
use super::{OutputArguments, ToleranceArguments};

#[derive(Debug, Args)]
pub(crate) struct Unbinned {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Maximum-likelihood fit with uncertainties, on the processor
    Fit(Fit),
}

#[derive(Debug, Args)]
pub(crate) struct Fit {
    /// Specification (YAML or JSON); files of events are found from where it lies
    #[arg(value_name = "SPEC")]
    pub(crate) specification: PathBuf,
    /// Hold a parameter at a value; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    /// Put the covariance into the JSON
    #[arg(long)]
    pub(crate) covariance: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
