//! Tables of events as Parquet files.

use std::sync::Arc;

use parquet::basic::{Compression, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::DoubleType;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::error::{Error, Result};

/// Rows of a row group.
const GROUP: usize = 1 << 17;

/// A Parquet file with these columns of f64, all of one length, in row groups of 2^17 events, compressed with
/// Zstandard.
///
/// # Errors
///
/// [`Error::Argument`] where there is no column or their lengths differ.
pub fn parquet_bytes(columns: &[(&str, &[f64])]) -> Result<Vec<u8>> {
    let n = columns.first().map_or(0, |(_, column)| column.len());
    if columns.is_empty() || columns.iter().any(|(_, column)| column.len() != n) {
        let message = "a table of events needs columns, all of one length";
        return Err(Error::Argument(message.into()));
    }
    let written = write(columns, n);
    written.map_err(|error| Error::Argument(format!("the events cannot be written: {error}")))
}

fn write(columns: &[(&str, &[f64])], n: usize) -> std::result::Result<Vec<u8>, ParquetError> {
    let field = |(name, _): &(&str, &[f64])| {
        let field = Type::primitive_type_builder(name, Physical::DOUBLE);
        field.with_repetition(Repetition::REQUIRED).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<std::result::Result<_, _>>()?;
    let schema = Type::group_type_builder("events").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(false)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for start in (0..n).step_by(GROUP) {
        let mut group = writer.next_row_group()?;
        for (_, column) in columns {
            let mut out = group.next_column()?.expect("a writer for each column");
            let rows = &column[start..n.min(start + GROUP)];
            out.typed::<DoubleType>().write_batch(rows, None, None)?;
            out.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}
