//! `neyman yields`.

use clap::Args;

use super::statement::{DataArguments, StatementArguments};

#[derive(Debug, Args)]
pub(crate) struct Yields {
    #[command(flatten)]
    pub(crate) statement: StatementArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
}
