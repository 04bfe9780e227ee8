//! Profile likelihood of two parameters and its contours.

use super::likelihood::{Likelihood, check_free};
use super::profile::{LOWER_MINIMUM, Node, Profiler, explore, worst};
use super::scan::{check_values, must_converge, quantile};
use super::{ScanOptions, Session};
use crate::fit::Status;
use crate::infer::contour::{Line, contours};
use crate::model::Data;
use crate::{Error, Result};

/// A profile likelihood of two parameters on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan2d {
    /// The two parameters.
    pub parameters: [String; 2],
    /// Their best fit.
    pub best: [f64; 2],
    /// -2 log likelihood of the best fit.
    pub twice_nll: f64,
    /// Values of the first parameter, rising.
    pub x: Vec<f64>,
    /// Values of the second one, rising.
    pub y: Vec<f64>,
    /// -2 ln (L / L(best fit)), the other parameters at their best, `[y, x]`; not a number where a fit
    /// did not converge.
    pub delta_twice_nll: Vec<f64>,
    /// Contours at the levels asked for.
    pub contours: Vec<Contour>,
    /// The worst of the fits.
    pub status: Status,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// Where the profile likelihood of two parameters is at the chi-square quantile of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct Contour {
    /// Confidence level.
    pub level: f64,
    /// The height: 2.28 at 68 %, 5.99 at 95 %.
    pub delta: f64,
    /// Its lines, closed where the grid holds them whole.
    pub lines: Vec<Line>,
}

impl Session {
    /// Profile likelihood at all pairs of `x` and `y`, values of the two parameters of these names, all in
    /// one batch, and its contours. `options.parameter` is not looked at.
    ///
    /// # Errors
    /// As [`scan`](Self::scan), and where the two parameters are one.
    pub fn scan2d(
        &self,
        names: [&str; 2],
        x: &[f64],
        y: &[f64],
        data: &Data,
        options: &ScanOptions,
    ) -> Result<Scan2d> {
        scan2d(self, names, (x, y), data, options)
    }
}

pub(super) fn scan2d<L: Likelihood>(
    likelihood: &L,
    names: [&str; 2],
    (x, y): (&[f64], &[f64]),
    data: &L::Data,
    options: &ScanOptions,
) -> Result<Scan2d> {
    let held = [likelihood.parameter(names[0])?, likelihood.parameter(names[1])?];
    if held[0] == held[1] {
        return Err(Error::Argument(format!("a scan of {} against itself", names[0])));
    }
    held.iter().try_for_each(|&k| check_free(likelihood, k))?;
    let (x, y) = (rising(x)?, rising(y)?);
    // a wrong level shows before the fits
    options.levels.iter().try_for_each(|&level| quantile(level, 2.0).map(drop))?;
    let (fit, dataset) = explore(likelihood, data, &held, options.tolerance)?;
    must_converge(&fit)?;
    let profiler = Profiler {
        likelihood,
        held: held.to_vec(),
        datasets: vec![dataset],
        tolerance: options.tolerance,
    };
    let (columns, rows) = (x.len(), y.len());
    let pairs = y.iter().flat_map(|&b| x.iter().map(move |&a| vec![a, b]));
    let mut nodes: Vec<Node> = pairs.map(|values| Node::new(0, values)).collect();
    let neighbours = |i: usize| {
        let (column, row) = (i % columns, i / columns);
        let mut all = Vec::with_capacity(4);
        all.extend((column > 0).then(|| i - 1));
        all.extend((column + 1 < columns).then(|| i + 1));
        all.extend((row > 0).then(|| i - columns));
        all.extend((row + 1 < rows).then(|| i + columns));
        all
    };
    // the corners and the middle
    let anchors = |i: usize| {
        let (column, row) = (i % columns, i / columns);
        let corner = |at: usize, n: usize| at == 0 || at + 1 == n;
        corner(column, columns) && corner(row, rows) || column == columns / 2 && row == rows / 2
    };
    profiler.solve(&mut nodes, &neighbours, &anchors)?;
    let (mut best, mut twice_nll, mut notes) = (fit.parameters, fit.twice_nll, Vec::new());
    if let Some(found) = profiler.lower_minimum(&nodes, twice_nll)? {
        (best, twice_nll) = found;
        notes.push(LOWER_MINIMUM.into());
    }
    let delta = |n: &Node| if n.status.is_converged() { n.twice_nll - twice_nll } else { f64::NAN };
    let delta_twice_nll: Vec<f64> = nodes.iter().map(delta).collect();
    Ok(Scan2d {
        parameters: held.map(|k| likelihood.name(k).to_owned()),
        best: held.map(|k| best[k]),
        twice_nll,
        contours: drawn(&options.levels, &x, &y, &delta_twice_nll)?,
        status: worst(nodes.iter().map(|n| n.status)),
        x,
        y,
        delta_twice_nll,
        notes,
    })
}

impl Scan2d {
    /// Scans of the same parameters, data and `x` at other `y`, as one, with contours at `levels`. Heights
    /// are above the lowest minimum that any of them found.
    ///
    /// # Errors
    /// Where there are none, they are of different parameters, or a `y` is there twice.
    pub fn join(mut parts: Vec<Self>, levels: &[f64]) -> Result<Self> {
        let first = |part: &Self| part.y.first().copied().unwrap_or(f64::NAN);
        parts.sort_by(|a, b| first(a).total_cmp(&first(b)));
        let lowest = parts.iter().min_by(|a, b| a.twice_nll.total_cmp(&b.twice_nll));
        let Some(lowest) = lowest.cloned() else {
            return Err(Error::Argument("there are no scans to be joined".into()));
        };
        if parts.iter().any(|p| p.parameters != lowest.parameters || p.x != lowest.x) {
            return Err(Error::Argument("these are scans of different parameters".into()));
        }
        let y: Vec<f64> = parts.iter().flat_map(|part| part.y.iter().copied()).collect();
        if y.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::Argument("parts of a scan overlap".into()));
        }
        let heights = |part: &Self| {
            let higher = part.twice_nll - lowest.twice_nll;
            part.delta_twice_nll.iter().map(|delta| delta + higher).collect::<Vec<_>>()
        };
        let delta_twice_nll: Vec<f64> = parts.iter().flat_map(heights).collect();
        let mut notes: Vec<String> = parts.iter().flat_map(|part| part.notes.clone()).collect();
        notes.sort();
        notes.dedup();
        Ok(Self {
            contours: drawn(levels, &lowest.x, &y, &delta_twice_nll)?,
            status: worst(parts.iter().map(|part| part.status)),
            y,
            delta_twice_nll,
            notes,
            ..lowest
        })
    }
}

/// Contours at these confidence levels.
fn drawn(levels: &[f64], x: &[f64], y: &[f64], heights: &[f64]) -> Result<Vec<Contour>> {
    let contour = |&level: &f64| {
        let delta = quantile(level, 2.0)?;
        Ok(Contour { level, delta, lines: contours(x, y, heights, delta) })
    };
    levels.iter().map(contour).collect()
}

fn rising(values: &[f64]) -> Result<Vec<f64>> {
    check_values(values)?;
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    Ok(values)
}
