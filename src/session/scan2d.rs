//! Profile likelihood of two parameters and its contours.

use super::profile::{LOWER_MINIMUM, Node, Profiler, worst};
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
        let held = [self.parameter(names[0])?, self.parameter(names[1])?];
        if held[0] == held[1] {
            return Err(Error::Argument(format!("a scan of {} against itself", names[0])));
        }
        held.iter().try_for_each(|&k| self.check_free(k))?;
        let (x, y) = (rising(x)?, rising(y)?);
        let levels =
            options.levels.iter().map(|&l| quantile(l, 2.0)).collect::<Result<Vec<_>>>()?;
        let (fit, dataset) = self.explore(data, &held, options.tolerance)?;
        must_converge(&fit)?;
        let profiler = Profiler {
            session: self,
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
        let delta =
            |n: &Node| if n.status.is_converged() { n.twice_nll - twice_nll } else { f64::NAN };
        let delta_twice_nll: Vec<f64> = nodes.iter().map(delta).collect();
        let contour = |(&level, &height): (&f64, &f64)| Contour {
            level,
            delta: height,
            lines: contours(&x, &y, &delta_twice_nll, height),
        };
        Ok(Scan2d {
            parameters: held.map(|k| self.model.parameters()[k].name.clone()),
            best: held.map(|k| best[k]),
            twice_nll,
            contours: options.levels.iter().zip(&levels).map(contour).collect(),
            status: worst(nodes.iter().map(|n| n.status)),
            x,
            y,
            delta_twice_nll,
            notes,
        })
    }
}

fn rising(values: &[f64]) -> Result<Vec<f64>> {
    check_values(values)?;
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    Ok(values)
}
