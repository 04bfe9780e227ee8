//! Two fits of one toy tell on each other: the free one cannot end above the one with parameters held.
//! Where it does it missed its minimum, and the other one's end is a better start.

use rayon::prelude::*;

use super::Session;
use super::toys::{Task, ToyData, ToyPlan};
use crate::Result;
use crate::fit::{self, FitBatch, FitJob};

/// Rounding of sums of many terms.
const ROUNDING: f64 = 1e-6;
/// Single precision is good to this in the NLL.
const SINGLE: f64 = 1e-3;

/// What the two fits hold, and the arithmetic they were done in.
pub(super) struct Pair<'a> {
    pub(super) free: &'a Task,
    pub(super) held: &'a Task,
    pub(super) precision: &'a str,
}

/// By how much twice the difference of two NLLs may be off: each fit's tolerance, and rounding.
pub(super) fn uncertain(edm: f64, precision: &str) -> f64 {
    4.0 * if precision == "f32" { edm.max(SINGLE) } else { edm } + ROUNDING
}

impl Session {
    /// Does those fits again that failed or missed their minimum, each alone, so that it does not matter
    /// which other toys are at hand.
    pub(super) fn repair(
        &self,
        plan: &ToyPlan,
        pair: &Pair<'_>,
        data: &ToyData,
        free: &mut FitBatch,
        held: &mut FitBatch,
    ) -> Result<()> {
        let allowed = uncertain(plan.tolerance.edm, pair.precision);
        let good = |batch: &FitBatch, i: usize| batch.status[i].is_converged();
        let missed = |i: usize| {
            let t = 2.0 * (held.nll[i] - free.nll[i]);
            t.is_nan() || t < -allowed
        };
        let of_free: Vec<usize> =
            (0..free.len()).filter(|&i| good(held, i) && (!good(free, i) || missed(i))).collect();
        let of_held: Vec<usize> =
            (0..free.len()).filter(|&i| good(free, i) && !good(held, i)).collect();
        self.again(plan, pair.free, data, &of_free, held, free)?;
        self.again(plan, pair.held, data, &of_held, free, held)
    }

    /// Fits `toys` from where `from` ended, and keeps in `batch` what is better than what was there.
    fn again(
        &self,
        plan: &ToyPlan,
        task: &Task,
        data: &ToyData,
        toys: &[usize],
        from: &FitBatch,
        batch: &mut FitBatch,
    ) -> Result<()> {
        let (n_main, n_auxiliary) = (self.model.n_bins(), self.model.n_auxiliary());
        let one = |&i: &usize| {
            let bounds = self.model.parameters().iter().map(|p| p.bounds);
            let start: Vec<f64> = from
                .parameters_of(i)
                .iter()
                .zip(bounds)
                .enumerate()
                .map(|(k, (x, (lower, upper)))| match task.fixed[k] {
                    true => task.start[k],
                    false => x.clamp(lower, upper),
                })
                .collect();
            let job = FitJob {
                main: &data.main[i * n_main..(i + 1) * n_main],
                auxiliary: &data.auxiliary[i * n_auxiliary..(i + 1) * n_auxiliary],
                n_fits: 1,
                start: &start,
                fixed: &task.fixed,
                tolerance: plan.tolerance,
            };
            fit::minimize(&*self.host, &job)
        };
        let fits: Vec<FitBatch> = toys.par_iter().map(one).collect::<Result<_>>()?;
        for (&i, fit) in toys.iter().zip(fits) {
            batch.evaluations[i] += fit.evaluations[0];
            let lower = fit.nll[0] < batch.nll[i];
            if !fit.status[0].is_converged() || batch.status[i].is_converged() && !lower {
                continue;
            }
            let n = batch.n_parameters;
            batch.parameters[i * n..(i + 1) * n].copy_from_slice(&fit.parameters);
            batch.nll[i] = fit.nll[0];
            batch.edm[i] = fit.edm[0];
            batch.status[i] = fit.status[0];
            batch.negative_bin[i] = fit.negative_bin[0];
        }
        Ok(())
    }
}
