//! The table itself, checked when it is made.

use std::path::Path;

use super::{Observable, OutOfBounds, fault};
use crate::error::{Error, Result};
use crate::spec::text::{list, quoted, suggestion};
use crate::unbinned::sum::Sum;

/// Columns by name.
pub type NamedColumns = Vec<(String, Vec<f64>)>;

/// Events as columns of f64, one an observable, with optional weights. Every value is finite and in its
/// observable's window, every weight finite and not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTable {
    observables: Vec<Observable>,
    columns: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
    n: usize,
    dropped: usize,
    sum_w: f64,
    n_eff: f64,
}

impl EventTable {
    /// A table of the columns that `observables` name; others are left out. Weights default to 1. `columns`
    /// are taken over, not copied, where no event is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Events`] with column and row (from 0): a column that is missing or there twice, of another
    /// length, with a value that is not finite, or outside its window under [`OutOfBounds::Error`]; a
    /// weight that is negative or not finite. [`Error::Argument`] if there is no observable or one twice.
    pub fn new(
        observables: &[Observable],
        columns: NamedColumns,
        weights: Option<Vec<f64>>,
        out_of_bounds: OutOfBounds,
    ) -> Result<Self> {
        let chosen = choose(observables, columns)?;
        Self::checked(observables, chosen, weights, out_of_bounds, &Origin::default())
    }

    /// [`EventTable::new`] of borrowed columns, which are copied.
    ///
    /// # Errors
    ///
    /// As for [`EventTable::new`].
    pub fn from_slices(
        observables: &[Observable],
        columns: &[(&str, &[f64])],
        weights: Option<&[f64]>,
        out_of_bounds: OutOfBounds,
    ) -> Result<Self> {
        let wanted = |name: &str| observables.iter().any(|o| o.name() == name);
        let copy = |c: &(&str, &[f64])| {
            // names alone are needed of the others
            (c.0.to_owned(), if wanted(c.0) { c.1.to_vec() } else { Vec::new() })
        };
        let columns = columns.iter().map(copy).collect();
        Self::new(observables, columns, weights.map(<[f64]>::to_vec), out_of_bounds)
    }

    /// The one way in: columns in the order of the observables.
    pub(super) fn checked(
        observables: &[Observable],
        mut columns: Vec<Vec<f64>>,
        mut weights: Option<Vec<f64>>,
        out_of_bounds: OutOfBounds,
        origin: &Origin<'_>,
    ) -> Result<Self> {
        let n = columns[0].len();
        for (observable, column) in observables.iter().zip(&columns) {
            if column.len() != n {
                let message = format!(
                    "{} values, but column {} has {n}; all columns need the same length",
                    column.len(),
                    quoted(observables[0].name())
                );
                return Err(fault(origin.file, Some(observable.name()), None, message));
            }
        }
        // what lies in a window is finite: most tables need one look at their values
        let outside: Vec<Option<usize>> =
            observables.iter().zip(&columns).map(|(o, c)| first(c, |x| !o.contains(x))).collect();
        for ((o, column), row) in observables.iter().zip(&columns).zip(&outside) {
            if let Some(row) = row.and_then(|_| first(column, |x| !x.is_finite())) {
                return Err(origin.not_finite(o.name(), row, column[row]));
            }
        }
        if let Some(weights) = &weights {
            check_weights(weights, n, origin)?;
        }
        let mut dropped = 0;
        for ((o, column), row) in observables.iter().zip(&columns).zip(&outside) {
            let Some(row) = *row else { continue };
            if out_of_bounds == OutOfBounds::Error {
                let message = format!(
                    "{} lies outside the window of {}; choose another window, or have such events \
                     dropped",
                    column[row],
                    o.describe()
                );
                return Err(fault(origin.file, Some(o.name()), Some(origin.row(row)), message));
            }
            let keep: Vec<bool> = (0..n)
                .map(|i| observables.iter().zip(&columns).all(|(o, c)| o.contains(c[i])))
                .collect();
            columns.iter_mut().chain(&mut weights).for_each(|c| retain(c, &keep));
            dropped = n - columns[0].len();
            break;
        }
        let n = columns[0].len();
        let sum_w =
            weights.as_ref().map_or(n as f64, |w| w.iter().copied().collect::<Sum>().total());
        let n_eff = weights.as_ref().map_or(n as f64, |w| effective(w));
        if !sum_w.is_finite() {
            let name = origin.weight.unwrap_or("weights");
            return Err(fault(origin.file, Some(name), None, "their sum overflows"));
        }
        Ok(Self { observables: observables.to_vec(), columns, weights, n, dropped, sum_w, n_eff })
    }

    /// Number of events.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Sum of weights; the number of events where there are none.
    pub fn sum_w(&self) -> f64 {
        self.sum_w
    }

    /// Effective number of events, `(sum w)^2 / sum w^2`; 0 for an empty table.
    pub fn n_eff(&self) -> f64 {
        self.n_eff
    }

    /// Number of events left out because they were outside a window.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The observables, in the order of the columns.
    pub fn observables(&self) -> &[Observable] {
        &self.observables
    }

    /// Weights, one an event, where there are any.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Some events, by their index, with `factor` times their weight.
    pub(in crate::unbinned) fn some(&self, events: &[usize], factor: f64) -> Result<Self> {
        let some = |column: &[f64]| events.iter().map(|i| column[*i]).collect::<Vec<f64>>();
        let weights = match &self.weights {
            Some(weights) => some(weights).iter().map(|w| w * factor).collect(),
            None => vec![factor; events.len()],
        };
        let columns = self.columns.iter().map(|c| some(c)).collect();
        let (weights, origin) = (Some(weights), Origin::default());
        Self::checked(&self.observables, columns, weights, OutOfBounds::Error, &origin)
    }

    /// The columns by name, in the order of the observables, and the weights where there are any.
    pub fn into_columns(self) -> (NamedColumns, Option<Vec<f64>>) {
        let names = self.observables.iter().map(|o| o.name().to_owned());
        (names.zip(self.columns).collect(), self.weights)
    }

    /// An observable's values, one an event.
    ///
    /// # Errors
    ///
    /// [`Error::Events`] if there is no such column.
    pub fn column(&self, name: &str) -> Result<&[f64]> {
        let at = find(name, self.observables.iter().map(Observable::name), None)?;
        Ok(&self.columns[at])
    }
}

/// The columns that `observables` name, in their order.
pub(super) fn choose(observables: &[Observable], columns: NamedColumns) -> Result<Vec<Vec<f64>>> {
    check_observables(observables)?;
    let (names, columns): (Vec<String>, Vec<Vec<f64>>) = columns.into_iter().unzip();
    let mut columns: Vec<Option<Vec<f64>>> = columns.into_iter().map(Some).collect();
    let one = |observable: &Observable| {
        let at = find(observable.name(), names.iter().map(String::as_str), None)?;
        Ok(columns[at].take().expect("observables have different names"))
    };
    observables.iter().map(one).collect()
}

/// Where a table came from, for messages.
#[derive(Default)]
pub(super) struct Origin<'a> {
    pub(super) file: Option<&'a Path>,
    /// Name of the column of weights.
    pub(super) weight: Option<&'a str>,
    /// Row in the file of a row, where some were left out.
    pub(super) row: Option<&'a dyn Fn(usize) -> usize>,
}

impl Origin<'_> {
    fn row(&self, row: usize) -> usize {
        self.row.map_or(row, |in_file| in_file(row))
    }

    pub(super) fn not_finite(&self, column: &str, row: usize, value: f64) -> Error {
        let message = format!("{value} is not a finite number; leave the event out or correct it");
        fault(self.file, Some(column), Some(self.row(row)), message)
    }
}

pub(super) fn check_observables(observables: &[Observable]) -> Result<()> {
    if observables.is_empty() {
        return Err(Error::Argument("a table of events needs at least one observable".into()));
    }
    for (i, observable) in observables.iter().enumerate() {
        if observables[..i].iter().any(|o| o.name() == observable.name()) {
            let name = quoted(observable.name());
            return Err(Error::Argument(format!("observable {name} is there twice")));
        }
    }
    Ok(())
}

fn check_weights(weights: &[f64], n: usize, origin: &Origin<'_>) -> Result<()> {
    let name = origin.weight.unwrap_or("weights");
    if weights.len() != n {
        let message = format!("{} weights for {n} events", weights.len());
        return Err(fault(origin.file, Some(name), None, message));
    }
    match first(weights, |w| !(w.is_finite() && w >= 0.0)) {
        Some(row) if weights[row].is_finite() => {
            let message = format!(
                "the weight {} is negative; the likelihood of an event is raised to its weight, which \
                 must be 0 or more",
                weights[row]
            );
            Err(fault(origin.file, Some(name), Some(origin.row(row)), message))
        }
        Some(row) => Err(origin.not_finite(name, row, weights[row])),
        None => Ok(()),
    }
}

/// Index of the one column of that name.
pub(super) fn find<'a>(
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    file: Option<&Path>,
) -> Result<usize> {
    let mut found = names.clone().enumerate().filter(|(_, n)| *n == name);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (None, _) => {
            let near = suggestion(name, names.clone());
            let near = if near.is_empty() { format!("; there are {}", list(names)) } else { near };
            let message = format!("there is no such column{near}");
            Err(fault(file, Some(name), None, message))
        }
        (Some(_), Some(_)) => {
            Err(fault(file, Some(name), None, "there are two columns of this name"))
        }
    }
}

/// Index of the first value that is `bad`.
pub(super) fn first(values: &[f64], bad: impl Fn(f64) -> bool) -> Option<usize> {
    // whole blocks without a way out are what compilers make lanes of
    const BLOCK: usize = 1024;
    let is_bad = |block: &[f64]| block.iter().fold(false, |any, x| any | bad(*x));
    let block = values.chunks(BLOCK).position(is_bad)?;
    let start = block * BLOCK;
    values[start..].iter().position(|x| bad(*x)).map(|at| start + at)
}

/// Keeps the values whose flag is set.
pub(super) fn retain(values: &mut Vec<f64>, keep: &[bool]) {
    assert_eq!(values.len(), keep.len(), "a flag for each value");
    let mut kept = 0;
    // no branch: flags come in any order
    for (i, keep) in keep.iter().enumerate() {
        values[kept] = values[i];
        kept += usize::from(*keep);
    }
    values.truncate(kept);
}

/// `(sum w)^2 / sum w^2`, scaled so that neither over- nor underflows.
fn effective(weights: &[f64]) -> f64 {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    let sum = weights.iter().map(|w| w / largest).collect::<Sum>().total();
    let squares = weights.iter().map(|w| (w / largest).powi(2)).collect::<Sum>().total();
    sum * sum / squares
}
