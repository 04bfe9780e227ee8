//! Tables of the events, of those in memory, whose values lie in ranges.

use super::table::{NamedColumns, Origin, choose, find, first, retain};
use super::{EventTable, Observable, OutOfBounds, Range, fault};
use crate::error::Result;
use crate::spec::text::quoted;

impl EventTable {
    /// [`EventTable::new`] of the events in all of `ranges`, bounds included, whose columns need not be observables.
    ///
    /// # Errors
    ///
    /// As for [`EventTable::new`], with the rows that `columns` have; values of the columns that `ranges` name must
    /// be finite in all rows.
    pub fn selected(
        observables: &[Observable],
        mut columns: NamedColumns,
        mut weights: Option<Vec<f64>>,
        ranges: &[Range],
        out_of_bounds: OutOfBounds,
    ) -> Result<Self> {
        if ranges.is_empty() {
            return Self::new(observables, columns, weights, out_of_bounds);
        }
        let n = columns.first().map_or(0, |(_, column)| column.len());
        let lengths = columns.iter().map(|(name, column)| (&**name, column.len()));
        let lengths = lengths.chain(weights.iter().map(|w| ("weights", w.len())));
        for (name, length) in lengths {
            if length != n {
                let of = quoted(&columns[0].0);
                let message = format!("{length} values, but column {of} has {n}; all need as many");
                return Err(fault(None, Some(name), None, message));
            }
        }
        let mut keep = vec![true; n];
        for range in ranges {
            let at = find(&range.column, columns.iter().map(|(name, _)| &**name), None)?;
            let values = &columns[at].1;
            if let Some(row) = first(values, |x| !x.is_finite()) {
                return Err(Origin::default().not_finite(&range.column, row, values[row]));
            }
            let passes = |x: &f64| (range.lo..=range.hi).contains(x);
            keep.iter_mut().zip(values).for_each(|(keep, x)| *keep &= passes(x));
        }
        let rows: Vec<usize> = (0..n).filter(|row| keep[*row]).collect();
        columns.iter_mut().map(|(_, c)| c).chain(&mut weights).for_each(|c| retain(c, &keep));
        let (chosen, row) = (choose(observables, columns)?, |at: usize| rows[at]);
        let origin = Origin { row: Some(&row), ..Origin::default() };
        Self::checked(observables, chosen, weights, out_of_bounds, &origin)
    }
}
