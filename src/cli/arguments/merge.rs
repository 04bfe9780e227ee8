use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The whole; must not be there yet
    #[arg(value_name = "OUT.npz")]
    pub(crate) output: PathBuf,
    /// Its parts in any order, from runs that differ in --range alone
    #[arg(value_name = "PART.npz", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    /// What was joined, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
