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
        let tie = uncertain(plan.tolerance.edm, &self.toy_device(&plan)?.precision);
        let (mut values, mut failed) = (Vec::new(), Vec::new());
        let done = self.toys(&plan, toys.chunk, stop, &mut |chunk| {
            for value in self.saturated_statistics(&chunk)? {
                if value.is_nan() {
                    failed.push(toys.range.start + values.len() as u64);
                }
                values.push(value);
            }
            progress(chunk.fits.len() as u64);
            Ok(())
        })?;
        let p_value = Empirical::new(&values, tie).p_value(gof.test_statistic);
        let complete = done == toys.range.end - toys.range.start;
        Ok(ToyGof { gof, p_value, values, failed, complete })
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
