//! `neyman gof`.

use clap::Args;

use super::statement::{DataArguments, StatementArguments};
use crate::cli::test_toys::ScanToyArguments;

#[derive(Debug, Args)]
pub(crate) struct Gof {
    #[command(flatten)]
    pub(crate) statement: StatementArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) toys: ScanToyArguments,
}
