//! Tables of events from Parquet files: the columns asked for, in the row groups that can hold events asked for; and
//! files of tables.

mod decode;
mod file;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::table::{Origin, retain};
use super::{EventTable, Observable, OutOfBounds, fault};
use crate::error::{Error, Result};
use decode::{Decoded, read_column, read_matches};
use file::{Column, File};
pub use write::parquet_bytes;

/// Events with a column's value in a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The column, which need not be an observable.
    pub column: String,
    /// Smallest value kept; may be -inf.
    pub lo: f64,
    /// Largest value kept; may be +inf.
    pub hi: f64,
}

/// Events of one channel, where a file holds several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The column of channels' names.
    pub column: String,
    /// The name asked for.
    pub name: String,
}

/// What to read of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// Events in all of these ranges alone, bounds included.
    pub ranges: Vec<Range>,
    /// Events of this channel alone.
    pub channel: Option<Channel>,
    /// The column of weights; 1 without.
    pub weight: Option<String>,
    /// What becomes of events outside an observable's window.
    pub out_of_bounds: OutOfBounds,
}

impl EventTable {
    /// The events of a Parquet file: flat columns of f64, f32 or integers, in any encoding and compressed
    /// with Snappy, Zstandard, LZ4 or gzip. Row groups whose statistics exclude them from a range are not
    /// read. Many values (above a million) are decoded on all threads.
    ///
    /// Nulls and values that are not finite are errors in every row kept, and in every row read of the
    /// columns that ranges name.
    ///
    /// # Errors
    ///
    /// [`Error::Events`] with file, column and row (from 0, in the file): what [`EventTable::new`] says, a
    /// null, a column of text where numbers are needed, a damaged file. [`Error::Io`] if it cannot be opened;
    /// [`Error::Argument`] for a range that is empty or NaN.
    pub fn from_parquet(
        path: impl AsRef<Path>,
        observables: &[Observable],
        options: &ReadOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        super::table::check_observables(observables)?;
        for range in &options.ranges {
            if range.lo.is_nan() || range.hi.is_nan() || range.lo > range.hi {
                let message =
                    format!("range [{}, {}] of {:?} is empty", range.lo, range.hi, range.column);
                return Err(Error::Argument(message));
            }
        }
        // the reader's own checks do not foresee every damage; none may end the program
        catch_unwind(AssertUnwindSafe(|| read(path, observables, options)))
            .unwrap_or_else(|_| Err(broken(path)))
    }
}

/// Names of a Parquet file's columns; those of nested ones with dots.
///
/// # Errors
///
/// [`Error::Events`] for a damaged file, [`Error::Io`] if it cannot be opened.
pub fn parquet_columns(path: impl AsRef<Path>) -> Result<Vec<String>> {
    columns_where(path.as_ref(), |_, _| true)
}

/// Those of [`parquet_columns`] that hold one number an event.
///
/// # Errors
///
/// As for [`parquet_columns`].
pub fn parquet_number_columns(path: impl AsRef<Path>) -> Result<Vec<String>> {
    columns_where(path.as_ref(), |file, name| file.numbers(name).is_ok())
}

fn columns_where(path: &Path, wanted: impl Fn(&File, &str) -> bool) -> Result<Vec<String>> {
    let names = || {
        let file = File::open(path)?;
        let names = file.names().into_iter();
        Ok(names.filter(|name| wanted(&file, name)).collect())
    };
    catch_unwind(AssertUnwindSafe(names)).unwrap_or_else(|_| Err(broken(path)))
}

fn broken(path: &Path) -> Error {
    fault(Some(path), None, None, "the file is damaged: decoding it failed")
}

fn read(path: &Path, observables: &[Observable], options: &ReadOptions) -> Result<EventTable> {
    let file = File::open(path)?;
    let ranged: Vec<(Column, &Range)> = options
        .ranges
        .iter()
        .map(|range| Ok((file.numbers(&range.column)?, range)))
        .collect::<Result<_>>()?;
    let channel =
        options.channel.as_ref().map(|c| Ok::<_, Error>((file.text(&c.column)?, &*c.name)));
    let channel = channel.transpose()?;
    let weight = options.weight.as_ref().map(|name| file.numbers(name)).transpose()?;
    let wanted: Vec<Column> =
        observables.iter().map(|o| file.numbers(o.name())).collect::<Result<_>>()?;

    let groups: Vec<usize> = (0..file.n_groups())
        .filter(|group| ranged.iter().all(|(c, r)| file.may_hold(*group, c, r.lo, r.hi)))
        .collect();

    // the columns that choose rows come first: groups without survivors need no others
    let mut keep: Option<Vec<bool>> = None;
    let mut select = |flags: Vec<bool>| match &mut keep {
        Some(keep) => keep.iter_mut().zip(flags).for_each(|(keep, flag)| *keep &= flag),
        None => keep = Some(flags),
    };
    let mut read_already: Vec<(usize, Decoded)> = Vec::new();
    for (column, range) in &ranged {
        let at = read_already.iter().position(|(index, _)| *index == column.index);
        let at = at.map_or_else(
            || -> Result<usize> {
                let decoded = read_column(&file, column, &groups)?;
                decoded.all_finite(&file, column, &groups)?;
                read_already.push((column.index, decoded));
                Ok(read_already.len() - 1)
            },
            Ok,
        )?;
        let values = &read_already[at].1.values;
        select(values.iter().map(|x| (range.lo..=range.hi).contains(x)).collect());
    }
    if let Some((column, name)) = &channel {
        select(read_matches(&file, column, &groups, name)?);
    }

    let (kept_groups, kept_rows) = survivors(&file, &groups, keep.as_deref());
    let all = |flags: &[bool]| flags.iter().all(|keep| *keep);
    let [keep, kept_rows] = [keep, kept_rows].map(|flags| flags.filter(|flags| !all(flags)));
    let uses = |index| wanted.iter().chain(&weight).filter(|column| column.index == index).count();
    let mut values = |column: &Column| -> Result<Vec<f64>> {
        let earlier = read_already.iter_mut().find(|(index, _)| *index == column.index);
        let (mut decoded, place, flags) = match earlier {
            Some((index, decoded)) if uses(*index) == 1 => {
                (std::mem::take(decoded), &groups, &keep)
            }
            Some((_, decoded)) => (decoded.clone(), &groups, &keep),
            None => (read_column(&file, column, &kept_groups)?, &kept_groups, &kept_rows),
        };
        decoded.no_null(&file, column, place, flags.as_deref())?;
        if let Some(flags) = flags {
            retain(&mut decoded.values, flags);
        }
        Ok(decoded.values)
    };
    let columns: Vec<Vec<f64>> = wanted.iter().map(&mut values).collect::<Result<_>>()?;
    let weights = weight.as_ref().map(&mut values).transpose()?;
    let row = |at: usize| file.row(&kept_groups, kept_rows.as_deref(), at);
    let origin = Origin { file: Some(path), weight: options.weight.as_deref(), row: Some(&row) };
    EventTable::checked(observables, columns, weights, options.out_of_bounds, &origin)
}

/// Of the groups read, those with a row kept, and the flags of their rows.
fn survivors(
    file: &File,
    groups: &[usize],
    keep: Option<&[bool]>,
) -> (Vec<usize>, Option<Vec<bool>>) {
    let Some(mut rest) = keep else { return (groups.to_vec(), None) };
    let (mut kept, mut flags) = (Vec::new(), Vec::new());
    for group in groups {
        let (own, others) = rest.split_at(file.n_rows(*group));
        rest = others;
        if own.contains(&true) {
            kept.push(*group);
            flags.extend_from_slice(own);
        }
    }
    (kept, Some(flags))
}
