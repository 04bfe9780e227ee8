//! Columns of chosen row groups to f64, in parts on all threads where there are many values.

use std::mem::MaybeUninit;

use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArrayType, DataType};
use ::parquet::file::reader::FileReader;
use rayon::prelude::*;

use super::file::{Column, File, Kind};
use crate::error::Result;

/// Values decoded at a time: they stay in a near cache until they are widened.
const BATCH: usize = 1024;
/// Fewer values than this are not worth a second thread.
const PARALLEL: usize = 1 << 20;
/// Integers beyond it are not all numbers of f64.
const EXACT: u64 = 1 << 53;

/// A column's values; a null stands as NaN.
#[derive(Debug, Clone, Default)]
pub(super) struct Decoded {
    pub(super) values: Vec<f64>,
    /// Whether some are null.
    nulls: bool,
}

impl Decoded {
    /// Every value is a finite number.
    pub(super) fn all_finite(&self, file: &File, column: &Column, groups: &[usize]) -> Result<()> {
        self.no_null(file, column, groups, None)?;
        let Some(at) = self.values.iter().position(|x| !x.is_finite()) else { return Ok(()) };
        let message = format!("{} is not a finite number", self.values[at]);
        Err(file.fault(&column.name, Some(file.row(groups, None, at)), message))
    }

    /// No row that is kept is null.
    pub(super) fn no_null(
        &self,
        file: &File,
        column: &Column,
        groups: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<()> {
        if !self.nulls {
            return Ok(());
        }
        let is_kept = |i: usize| keep.is_none_or(|keep| keep[i]);
        match self.values.iter().enumerate().position(|(i, x)| is_null(*x) && is_kept(i)) {
            Some(at) => {
                let message = "null; every event needs a number: leave the event out or fill it in";
                Err(file.fault(&column.name, Some(file.row(groups, None, at)), message))
            }
            None => Ok(()),
        }
    }
}

/// A NaN that no file's arithmetic makes.
const NULL: u64 = 0x7ff8_6e75_6c6c_0000;

fn is_null(value: f64) -> bool {
    value.to_bits() == NULL
}

/// A column of numbers in these groups, one after the other.
pub(super) fn read_column(file: &File, column: &Column, groups: &[usize]) -> Result<Decoded> {
    let n = total(file, column, groups)?;
    let mut values: Vec<f64> = Vec::new();
    let too_many = |_| file.fault(&column.name, None, format!("no memory for {n} values"));
    values.try_reserve_exact(n).map_err(too_many)?;
    let mut parts = Vec::with_capacity(groups.len());
    // memory that a damaged file announces is not touched before its values are there
    let mut rest = &mut values.spare_capacity_mut()[..n];
    for group in groups {
        let (own, others) = rest.split_at_mut(file.n_rows(*group));
        rest = others;
        parts.push((*group, own));
    }
    let decode = |(group, out): (usize, &mut [MaybeUninit<f64>])| numbers(file, column, group, out);
    let nulls: Vec<bool> = if n < PARALLEL {
        parts.into_iter().map(decode).collect::<Result<_>>()?
    } else {
        parts.into_par_iter().map(decode).collect::<Result<_>>()?
    };
    // SAFETY: the parts are disjoint and together the first `n`, and each task that returns without an error
    // has written all of its part (`batches` counts the rows).
    unsafe { values.set_len(n) };
    Ok(Decoded { values, nulls: nulls.contains(&true) })
}

fn total(file: &File, column: &Column, groups: &[usize]) -> Result<usize> {
    let metadata = file.reader.metadata();
    for group in groups {
        let values = metadata.row_group(*group).column(column.index).num_values();
        if usize::try_from(values).ok() != Some(file.n_rows(*group)) {
            let message = format!(
                "the file is damaged: {values} values in row group {group} of {} rows",
                file.n_rows(*group)
            );
            return Err(file.fault(&column.name, None, message));
        }
    }
    Ok(groups.iter().map(|group| file.n_rows(*group)).sum())
}

/// Fills `out` with one group's values; whether there were nulls.
fn numbers(
    file: &File,
    column: &Column,
    group: usize,
    out: &mut [MaybeUninit<f64>],
) -> Result<bool> {
    let reader = open(file, column, group)?;
    match (reader, column.kind) {
        (ColumnReader::DoubleColumnReader(r), Kind::Double) => {
            widen(file, column, group, r, out, Ok)
        }
        (ColumnReader::FloatColumnReader(r), Kind::Float) => {
            widen(file, column, group, r, out, |x| Ok(f64::from(x)))
        }
        (ColumnReader::Int32ColumnReader(r), Kind::Int { signed: true, .. }) => {
            widen(file, column, group, r, out, |x| Ok(f64::from(x)))
        }
        (ColumnReader::Int32ColumnReader(r), Kind::Int { bits: 32, signed: false }) => {
            widen(file, column, group, r, out, |x| Ok(f64::from(x.cast_unsigned())))
        }
        (ColumnReader::Int64ColumnReader(r), Kind::Int { signed: true, .. }) => {
            let exact =
                |x: i64| if x.unsigned_abs() <= EXACT { Ok(x as f64) } else { Err(x.to_string()) };
            widen(file, column, group, r, out, exact)
        }
        (ColumnReader::Int64ColumnReader(r), Kind::Int { bits: 64, signed: false }) => {
            let exact = |x: i64| {
                let x = x.cast_unsigned();
                if x <= EXACT { Ok(x as f64) } else { Err(x.to_string()) }
            };
            widen(file, column, group, r, out, exact)
        }
        _ => Err(file.fault(
            &column.name,
            None,
            "the file is damaged: its types contradict each other",
        )),
    }
}

fn open(file: &File, column: &Column, group: usize) -> Result<ColumnReader> {
    let reader = file.reader.get_row_group(group).map_err(|e| file.damaged(column, &e))?;
    reader.get_column_reader(column.index).map_err(|e| file.damaged(column, &e))
}

fn widen<T: DataType>(
    file: &File,
    column: &Column,
    group: usize,
    mut reader: ColumnReaderImpl<T>,
    out: &mut [MaybeUninit<f64>],
    convert: impl Fn(T::T) -> Result<f64, String>,
) -> Result<bool> {
    let too_large = |row: usize, value: String| {
        let message = format!("{value} is too large an integer to be an f64 exactly");
        file.fault(&column.name, Some(file.row(&[group], None, row)), message)
    };
    let mut nulls = false;
    batches(file, column, &mut reader, out.len(), |start, batch, levels| {
        let own = &mut out[start..start + levels.len()];
        let is_whole = batch.len() == levels.len();
        let mut values = batch.drain(..);
        if is_whole {
            for (i, (out, value)) in own.iter_mut().zip(values).enumerate() {
                out.write(convert(value).map_err(|value| too_large(start + i, value))?);
            }
            return Ok(());
        }
        nulls = true;
        for (i, (out, level)) in own.iter_mut().zip(levels).enumerate() {
            if *level == 0 {
                out.write(f64::from_bits(NULL));
                continue;
            }
            let value = values.next().ok_or_else(|| short(file, column))?;
            out.write(convert(value).map_err(|value| too_large(start + i, value))?);
        }
        Ok(())
    })?;
    Ok(nulls)
}

/// Calls `each` with the first row, the values and one level a row (0: null) of each batch, until `n` rows.
fn batches<T: DataType>(
    file: &File,
    column: &Column,
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    mut each: impl FnMut(usize, &mut Vec<T::T>, &[i16]) -> Result<()>,
) -> Result<()> {
    let (mut values, mut levels) = (Vec::with_capacity(BATCH.min(n)), Vec::new());
    let mut done = 0;
    while done < n {
        values.clear();
        levels.clear();
        let wanted = column.optional.then_some(&mut levels);
        let records = reader.read_records(BATCH.min(n - done), wanted, None, &mut values);
        let (records, read, _) = records.map_err(|e| file.damaged(column, &e))?;
        if !column.optional {
            levels.resize(records, 1);
        }
        if records == 0 || records > n - done || levels.len() != records || values.len() != read {
            return Err(short(file, column));
        }
        each(done, &mut values, &levels)?;
        done += records;
    }
    Ok(())
}

fn short(file: &File, column: &Column) -> crate::error::Error {
    file.fault(&column.name, None, "the file is damaged: fewer values than it announces")
}

/// Which rows of these groups hold this text.
pub(super) fn read_matches(
    file: &File,
    column: &Column,
    groups: &[usize],
    text: &str,
) -> Result<Vec<bool>> {
    total(file, column, groups)?;
    let mut found = Vec::new();
    for &group in groups {
        let ColumnReader::ByteArrayColumnReader(mut reader) = open(file, column, group)? else {
            return Err(short(file, column));
        };
        let reader: &mut ColumnReaderImpl<ByteArrayType> = &mut reader;
        batches(file, column, reader, file.n_rows(group), |_, values, levels| {
            let mut values = values.iter();
            for level in levels {
                // a null is in no channel
                let matches = *level > 0
                    && values.next().ok_or_else(|| short(file, column))?.data() == text.as_bytes();
                found.push(matches);
            }
            Ok(())
        })?;
    }
    Ok(found)
}
