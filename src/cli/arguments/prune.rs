//! `neyman prune`.

use std::path::PathBuf;

use clap::Args;

use super::statement::StatementArguments;

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) statement: StatementArguments,
    /// Drop systematics that change no bin of their sample by this fraction of its nominal count
    #[arg(long, value_name = "FRACTION", default_value_t = 0.01, value_parser = super::parse::fraction)]
    pub(crate) threshold: f64,
    /// Write the pruned workspace there
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}
