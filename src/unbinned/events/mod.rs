//! Tables of events: named columns, one number an event and column, each finite and in its window.

mod observable;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod select;
mod table;

pub use observable::{Observable, OutOfBounds};
#[cfg(feature = "parquet")]
pub use parquet::{
    Channel, Range, ReadOptions, parquet_bytes, parquet_columns, parquet_number_columns,
};
pub use table::{EventTable, NamedColumns};

use std::path::Path;

use crate::error::Error;

/// Where and what is wrong with a table of events.
fn fault(
    file: Option<&Path>,
    column: Option<&str>,
    row: Option<usize>,
    message: impl Into<String>,
) -> Error {
    Error::Events {
        file: file.map(Path::to_owned),
        column: column.map(crate::spec::text::display_name),
        row: row.map(|row| row as u64),
        message: message.into(),
    }
}
