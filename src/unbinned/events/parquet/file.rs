//! An opened file: which columns there are, what its statistics say.

use std::path::{Path, PathBuf};

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::file::statistics::Statistics;
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;

use super::super::fault;
use super::super::table::find;
use crate::error::{Error, Result};

/// How the numbers of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int { bits: u8, signed: bool },
    Text,
}

/// A column of the file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether its values can be null.
    pub(super) optional: bool,
}

pub(super) struct File {
    path: PathBuf,
    pub(super) reader: SerializedFileReader<Bytes>,
    /// First row of each group in the file.
    first_rows: Vec<usize>,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let handle = std::fs::File::open(path).map_err(io)?;
        if handle.metadata().map_err(io)?.len() == 0 {
            return Err(fault(Some(path), None, None, "the file is empty, so not a Parquet file"));
        }
        // SAFETY: the mapping is read only. Another program that shortens or rewrites the file meanwhile
        // would pull it away under any reader that maps files; nothing in this process does, and the bytes
        // are checked as foreign input.
        let mapping = unsafe { memmap2::Mmap::map(&handle) }.map_err(io)?;
        let refused = |e| damaged(path, None, &e);
        let reader = SerializedFileReader::new(Bytes::from_owner(mapping)).map_err(refused)?;
        let mut first_rows = vec![0_usize];
        for group in reader.metadata().row_groups() {
            let rows = usize::try_from(group.num_rows()).ok();
            let end = rows.and_then(|rows| first_rows[first_rows.len() - 1].checked_add(rows));
            let Some(end) = end else {
                let message =
                    format!("the file is damaged: a row group of {} rows", group.num_rows());
                return Err(fault(Some(path), None, None, message));
            };
            first_rows.push(end);
        }
        Ok(Self { path: path.to_owned(), reader, first_rows })
    }

    /// A column of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Column> {
        let column = self.column(name)?;
        if column.kind == Kind::Text {
            return Err(self.fault(&column.name, None, "this column holds text, not numbers"));
        }
        Ok(column)
    }

    /// A column of text.
    pub(super) fn text(&self, name: &str) -> Result<Column> {
        let column = self.column(name)?;
        if column.kind != Kind::Text {
            let message = "this column holds numbers, but channels have names; choose their events by a range";
            return Err(self.fault(&column.name, None, message));
        }
        Ok(column)
    }

    /// Names of all columns.
    pub(super) fn names(&self) -> Vec<String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|c| c.path().string()).collect()
    }

    fn column(&self, name: &str) -> Result<Column> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let index = find(name, self.names().iter().map(String::as_str), Some(&self.path))?;
        let column = schema.column(index);
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            let message =
                "this column is nested (a list or a group); one number an event is needed";
            return Err(self.fault(name, None, message));
        }
        let kind = kind(&column).map_err(|what| {
            self.fault(name, None, format!("this column holds {what}, not plain numbers"))
        })?;
        let optional = column.max_def_level() > 0;
        Ok(Column { index, name: name.to_owned(), kind, optional })
    }

    pub(super) fn n_groups(&self) -> usize {
        self.first_rows.len() - 1
    }

    pub(super) fn n_rows(&self, group: usize) -> usize {
        self.first_rows[group + 1] - self.first_rows[group]
    }

    /// Row in the file of the `at`-th row that is kept of these groups.
    pub(super) fn row(&self, groups: &[usize], keep: Option<&[bool]>, at: usize) -> usize {
        let rows = groups.iter().flat_map(|&g| self.first_rows[g]..self.first_rows[g + 1]);
        let mut kept = rows.enumerate().filter(|(i, _)| keep.is_none_or(|keep| keep[*i]));
        kept.nth(at).map_or(self.first_rows[self.n_groups()], |(_, row)| row)
    }

    /// Whether a group's statistics allow a value between `lo` and `hi`.
    pub(super) fn may_hold(&self, group: usize, column: &Column, lo: f64, hi: f64) -> bool {
        let chunk = self.reader.metadata().row_group(group).column(column.index);
        let limits = match (chunk.statistics(), column.kind) {
            (Some(Statistics::Double(s)), Kind::Double) => {
                s.min_opt().copied().zip(s.max_opt().copied())
            }
            (Some(Statistics::Float(s)), Kind::Float) => {
                s.min_opt().map(|x| f64::from(*x)).zip(s.max_opt().map(|x| f64::from(*x)))
            }
            (Some(Statistics::Int32(s)), Kind::Int { signed: true, .. }) => {
                s.min_opt().map(|x| f64::from(*x)).zip(s.max_opt().map(|x| f64::from(*x)))
            }
            (Some(Statistics::Int64(s)), Kind::Int { signed: true, .. }) => {
                s.min_opt().map(|x| *x as f64).zip(s.max_opt().map(|x| *x as f64))
            }
            _ => None,
        };
        // statistics that are no numbers say nothing
        limits.is_none_or(|(min, max)| !(max < lo || min > hi))
    }

    pub(super) fn fault(
        &self,
        column: &str,
        row: Option<usize>,
        message: impl Into<String>,
    ) -> Error {
        fault(Some(&self.path), Some(column), row, message)
    }

    pub(super) fn damaged(&self, column: &Column, error: &ParquetError) -> Error {
        damaged(&self.path, Some(&column.name), error)
    }
}

fn damaged(path: &Path, column: Option<&str>, error: &ParquetError) -> Error {
    let reason = match error {
        ParquetError::General(text) | ParquetError::EOF(text) | ParquetError::NYI(text) => {
            text.clone()
        }
        other => other.to_string(),
    };
    fault(Some(path), column, None, format!("not a whole Parquet file that can be read: {reason}"))
}

fn kind(column: &ColumnDescriptor) -> Result<Kind, &'static str> {
    let converted = column.converted_type();
    let (signed, is_integer) = match column.logical_type_ref() {
        Some(LogicalType::Integer(int)) => (int.is_signed, true),
        None => match converted {
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => (false, true),
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64 => (true, true),
            _ => (true, false),
        },
        Some(_) => (true, false),
    };
    match column.physical_type() {
        Type::DOUBLE => Ok(Kind::Double),
        Type::FLOAT => Ok(Kind::Float),
        Type::BYTE_ARRAY => Ok(Kind::Text),
        Type::INT32 if is_integer => Ok(Kind::Int { bits: 32, signed }),
        Type::INT64 if is_integer => Ok(Kind::Int { bits: 64, signed }),
        Type::INT32 | Type::INT64 => Err("decimals, dates or times"),
        Type::BOOLEAN => Err("truth values"),
        Type::INT96 => Err("times"),
        Type::FIXED_LEN_BYTE_ARRAY => Err("bytes"),
    }
}
