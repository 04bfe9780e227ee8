//! Goodness of fit by toys: how often data thrown from the best fit are described worse.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::repair::uncertain;
use super::{FitOptions, Gof, Session, ToyChunk, ToyPlan};
use crate::infer::{Empirical, Fraction};
use crate::model::Data;
use crate::{Error, Result};

/// Which toys to compare with.
#[derive(Debug, Clone)]
pub struct GofToys {
    /// Seed.
    pub seed: u64,
    /// Toy *i* is the same data whatever the range it is part of.
    pub range: Range<u64>,
    /// Toys fitted together.
    pub chunk: usize,
}

/// A goodness of fit with its toys.
#[derive(Debug, Clone)]
pub struct ToyGof {
    /// The fit to the data.
    pub gof: Gof,
    /// Toys with the data's statistic or a larger one.
    pub p_value: Fraction,
    /// Statistic of each toy, in order of their numbers; NaN where the fit failed.
    pub values: Vec<f64>,
    /// Numbers of the toys whose fit failed: they are not in the p-value.
    pub failed: Vec<u64>,
    /// False where it was stopped before all toys were done.
    pub complete: bool,
}

/// A goodness of fit whose toys are yet to be thrown.
#[derive(Debug, Clone)]
pub struct PendingGof {
    gof: Gof,
    /// The toys and their fits, for [`Session::saturated_toys`].
    pub plan: ToyPlan,
}

/// Toys of a goodness of fit.
#[derive(Debug, Clone, Default)]
pub struct SaturatedToys {
    /// Statistic of each toy, in order of their numbers; NaN where the fit failed.
    pub values: Vec<f64>,
    /// Values closer than this are the same.
    pub tie: f64,
}

impl PendingGof {
    /// What the toys of all parts of the plan's range say, given in order.
    pub fn conclude(self, parts: Vec<SaturatedToys>) -> ToyGof {
        let tie = parts.iter().map(|part| part.tie).fold(0.0, f64::max);
        let values: Vec<f64> = parts.into_iter().flat_map(|part| part.values).collect();
        let range = self.plan.range;
        let failed = range.clone().zip(&values).filter(|(_, v)| v.is_nan()).map(|(i, _)| i);
        ToyGof {
            p_value: Empirical::new(&values, tie).p_value(self.gof.test_statistic),
            gof: self.gof,
            failed: failed.collect(),
            complete: values.len() as u64 == range.end - range.start,
            values,
        }
    }
}

impl Session {
    /// [`goodness_of_fit`](Self::goodness_of_fit) with a p-value from toys: main and auxiliary data are
    /// thrown from the best fit, each toy is fitted as the data were, and compared with its own saturated
    /// model. `progress` hears how many toys came to an end. Once `stop` is set it ends after the chunk in
    /// work.
    ///
    /// # Errors
    /// As [`goodness_of_fit`](Self::goodness_of_fit), where that fit does not converge, and what the device
    /// says.
    pub fn goodness_of_fit_toys(
        &self,
        toys: &GofToys,
        data: &Data,
        options: &FitOptions,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ToyGof> {
        let pending = self.prepare_gof_toys(toys, data, options)?;
        let done = self.saturated_toys(&pending.plan, toys.chunk, stop, progress)?;
        Ok(pending.conclude(vec![done]))
    }

    /// The fit to the data that [`goodness_of_fit_toys`](Self::goodness_of_fit_toys) begins with: for toys
    /// that are thrown elsewhere.
    ///
    /// # Errors
    /// As [`goodness_of_fit`](Self::goodness_of_fit), and where that fit does not converge.
    pub fn prepare_gof_toys(
        &self,
        toys: &GofToys,
        data: &Data,
        options: &FitOptions,
    ) -> Result<PendingGof> {
        let gof = self.goodness_of_fit(data, options)?;
        if !gof.fit.status.is_converged() {
            let status = gof.fit.status.as_str().replace('_', " ");
            let message = format!("the fit that toys are to be thrown from ended as {status}");
            return Err(Error::Convergence(message));
        }
        let held = |(name, value): &(String, f64)| Ok((self.parameter(name)?, *value));
        let plan = ToyPlan {
            truth: gof.fit.parameters.clone(),
            seed: toys.seed,
            range: toys.range.clone(),
            // parameters that the data's fit held are held in the toys' second one
            hold: options.fix.iter().map(held).collect::<Result<_>>()?,
            keep_data: true,
            tolerance: options.tolerance,
        };
        Ok(PendingGof { gof, plan })
    }

    /// Throws the toys of a [`PendingGof`], or of a part of their range, and compares each with its own
    /// saturated model.
    ///
    /// # Errors
    /// Where the plan does not fit the model, and what the device says.
    pub fn saturated_toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SaturatedToys> {
        let tie = uncertain(plan.tolerance.edm, &self.toy_device(plan)?.precision);
        let mut values = Vec::new();
        self.toys(plan, chunk, stop, &mut |chunk| {
            values.extend(self.saturated_statistics(&chunk)?);
            progress(chunk.fits.len() as u64);
            Ok(())
        })?;
        Ok(SaturatedToys { values, tie })
    }

    /// The statistic of each toy of a chunk; NaN where the fit failed.
    fn saturated_statistics(&self, chunk: &ToyChunk) -> Result<Vec<f64>> {
        let fits = chunk.conditional.as_ref().unwrap_or(&chunk.fits);
        let (n_main, n_auxiliary) = (self.model.n_bins(), self.model.n_auxiliary());
        let Some(data) = &chunk.data else { return Ok(vec![f64::NAN; fits.len()]) };
        let one = |i: usize| {
            if !fits.status[i].is_converged() || !fits.nll[i].is_finite() {
                return Ok(f64::NAN);
            }
            let toy = Data {
                main: data.main[i * n_main..(i + 1) * n_main].to_vec(),
                auxiliary: data.auxiliary[i * n_auxiliary..(i + 1) * n_auxiliary].to_vec(),
            };
            self.saturated_statistic(&toy, 2.0 * fits.nll[i])
        };
        (0..fits.len()).into_par_iter().map(one).collect()
    }
}
