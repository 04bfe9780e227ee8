//! Other minima of a free fit, looked for on a small part of the events.

use rayon::prelude::*;

use super::problem::Scaled;
use super::{Reached, Search};
use crate::error::Result;
use crate::fit::Tolerance;
use crate::model::toys::standard_normal;
use crate::unbinned::UnbinnedModel;

/// A free fit starts at the initial values and, on a part of the events, at others around them.
const STARTS: usize = 4;
/// That part: one event of so many, but not fewer events.
const STRIDE: usize = 256;
const LEAST: usize = 256;
/// Minima closer than this in the NLL are one; of a part, times the weight of its events.
const SAME_MINIMUM: f64 = 0.5e-5;
/// Minima that a part shows and that are fitted to more events, beside the one that the initial values lead to.
const OTHERS: usize = 3;

impl UnbinnedModel {
    /// Distinct minima, the lowest first: that which `start` leads to and those around that a part of the events shows.
    pub(super) fn minima(
        &self,
        start: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Vec<Search<'_>>> {
        let part = self.part(fixed)?;
        let from =
            |start: &[f64]| part.as_ref().and_then(|part| part.reach(start, fixed, tolerance));
        let first = from(start);
        let mut known: Vec<f64> = first.iter().map(|reached| reached.nll).collect();
        let mut found = vec![self.search_on(start, first, fixed, tolerance)?];
        for other in self.others(start, fixed, tolerance)? {
            let reached = from(&other);
            if let Some(reached) = &reached {
                // more events have fewer minima
                if !reached.converged
                    || known.iter().any(|nll| same(*nll, reached.nll, super::STRIDE))
                {
                    continue;
                }
                known.push(reached.nll);
            }
            // where not all events are possible there is no minimum
            let Ok(search) = self.search_on(&other, reached, fixed, tolerance) else { continue };
            let is_known =
                |known: &Search<'_>| known.converged() && same(known.nll(), search.nll(), 1);
            if search.converged() && search.nll().is_finite() && !found.iter().any(is_known) {
                found.push(search);
            }
        }
        found.sort_by(|a, b| b.converged().cmp(&a.converged()).then(a.nll().total_cmp(&b.nll())));
        if found[0].converged() {
            found.retain(Search::converged);
        }
        Ok(found)
    }

    /// Minima of a small part of the events that starts around `start` lead to and `start` does not, the lowest first.
    fn others(&self, start: &[f64], fixed: &[bool], tolerance: Tolerance) -> Result<Vec<Vec<f64>>> {
        let stride = |n: usize| 1 << (n / LEAST).clamp(1, STRIDE).ilog2();
        let weight = self.channels().map(|c| stride(c.events.n())).max().unwrap_or(1);
        let part = self.thinned(stride)?;
        let part = part.as_ref().unwrap_or(self);
        // enough to tell minima apart, and their points are starts alone
        let tolerance =
            Tolerance { edm: tolerance.edm.max(0.2 * SAME_MINIMUM * weight as f64), ..tolerance };
        let Ok(problem) = Scaled::new(part, start) else { return Ok(Vec::new()) };
        if fixed.iter().all(|f| *f) {
            return Ok(Vec::new());
        }
        let widths = self.widths(start, problem.units());
        let reach = |i: usize| {
            let thrown =
                self.parameters().iter().zip(start).zip(&widths).enumerate().map(|(k, at)| {
                    let ((parameter, x), width) = at;
                    if i == 0 || fixed[k] {
                        return *x;
                    }
                    let z = standard_normal(0, i as u64, k as u32);
                    (x + width * z).clamp(parameter.bounds.0, parameter.bounds.1)
                });
            part.reach(&thrown.collect::<Vec<_>>(), fixed, tolerance)
        };
        let reached: Vec<Option<Reached>> = (0..STARTS).into_par_iter().map(reach).collect();
        let Some(first) = reached[0].as_ref().map(|first| first.nll) else { return Ok(Vec::new()) };
        let mut others: Vec<Reached> = reached
            .into_iter()
            .skip(1)
            .flatten()
            .filter(|other| other.converged && other.nll.is_finite())
            .filter(|other| !same(other.nll, first, weight))
            .collect();
        others.sort_by(|a, b| a.nll.total_cmp(&b.nll));
        others.dedup_by(|b, a| same(a.nll, b.nll, weight));
        others.truncate(OTHERS);
        Ok(others.into_iter().map(|other| other.point).collect())
    }

    /// How far starts are thrown: by the constraint, a third of the value, a tenth of the range at most.
    fn widths(&self, start: &[f64], units: &[f64]) -> Vec<f64> {
        let width =
            |((parameter, start), unit): ((&crate::unbinned::model::Parameter, &f64), &f64)| {
                if let Some(constraint) = parameter.constraint {
                    return constraint.sigma;
                }
                let range = parameter.bounds.1 - parameter.bounds.0;
                match (*start == 0.0, range.is_finite()) {
                    (true, true) => 0.1 * range,
                    // nothing but the data tells of its size
                    (true, false) => *unit,
                    (false, _) => (0.3 * start.abs()).min(0.1 * range),
                }
            };
        self.parameters().iter().zip(start).zip(units).map(width).collect()
    }
}

fn same(a: f64, b: f64, weight: usize) -> bool {
    (a - b).abs() <= SAME_MINIMUM * weight as f64 + 1e-12 * a.abs()
}
