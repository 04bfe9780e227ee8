//! Data that a model makes: toys ([`Thrower`]), fits of them ([`UnbinnedModel::fit_toys`]), and Asimov data
//! ([`UnbinnedModel::asimov`]), in bins too ([`UnbinnedModel::expected_in_bins`]).

mod asimov;
mod histogram;
mod throw;

use std::ops::Range;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::fit::{Fit, FitBatch, Status, Tolerance};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::fit::FitResult;

pub use histogram::Histogram;
pub use throw::Thrower;

/// Fits of consecutive toys.
#[derive(Debug, Clone, Default)]
pub struct FittedToys {
    /// Number of the first toy.
    pub first: u64,
    /// Free fits, one a toy; NLLs are those of [`UnbinnedModel::nll`].
    pub fits: FitBatch,
    /// Fits with parameters held, where they are asked for.
    pub conditional: Option<FitBatch>,
    /// Uncertainties in the free fits, `[n_toys, n_parameters]`: as [`FitResult::uncertainties`], NaN where there
    /// are none.
    pub uncertainties: Vec<f64>,
    /// Events of all channels, one number a toy; counts of a binned part are not among them.
    pub events: Vec<u64>,
}

/// One toy's fits.
struct Fitted {
    free: Fit,
    conditional: Option<Fit>,
    uncertainties: Vec<f64>,
    events: u64,
}

impl UnbinnedModel {
    /// Throws toys `range` of `seed` at `truth`, `[n_parameters]`, and fits each from there, side by side; where
    /// `hold` has parameters with values, a second time with those held. Toy i is the same whatever the range. Events
    /// of toys have no weights, whatever the model's have.
    ///
    /// # Errors
    ///
    /// As for [`Thrower::new`]; [`Error::Argument`] for a held parameter that is not there or a value that is not
    /// finite. Fits that fail are none: their status says so.
    pub fn fit_toys(
        &self,
        truth: &[f64],
        range: Range<u64>,
        seed: u64,
        hold: &[(usize, f64)],
        tolerance: Tolerance,
    ) -> Result<FittedToys> {
        Thrower::new(self, truth)?.fit(range, seed, hold, tolerance)
    }
}

impl Thrower<'_> {
    /// [`UnbinnedModel::fit_toys`] with what all toys share worked out.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fit(
        &self,
        range: Range<u64>,
        seed: u64,
        hold: &[(usize, f64)],
        tolerance: Tolerance,
    ) -> Result<FittedToys> {
        let parameters = self.model().parameters();
        let fixed = self.model().fixed();
        let mut held = (self.truth().to_vec(), fixed.clone());
        for &(k, value) in hold {
            let Some(parameter) = parameters.get(k) else {
                let n = parameters.len();
                let message = format!("parameter {k} is to be held, and the model has {n}");
                return Err(Error::Argument(message));
            };
            if !value.is_finite() {
                let message = format!("{} = {value} is not a finite number", parameter.name);
                return Err(Error::Argument(message));
            }
            held.0[k] = value;
            held.1[k] = true;
        }
        let one = |toy: u64| {
            let model = self.toy(seed, toy)?;
            let free_from = |start: &[f64]| match model.fit_from(start, &fixed, tolerance) {
                Ok(fit) => taken_apart(fit),
                Err(_) => (failed(start), Vec::new()),
            };
            let held_from = |start: &[f64]| {
                model.minimum(start, &held.1, tolerance).unwrap_or_else(|_| failed(start))
            };
            let (mut free, mut uncertainties) = free_from(self.truth());
            let mut conditional = (!hold.is_empty()).then(|| held_from(&held.0));
            if let Some(conditional) = &mut conditional {
                let good = |fit: &Fit| fit.status.is_converged();
                let missed = conditional.nll < free.nll - tolerance.edm;
                // a truth without signal is a ridge in the signal's shape: each fit may know better than the other
                if good(conditional) && (!good(&free) || missed) {
                    let again = free_from(&conditional.parameters);
                    if good(&again.0) && (!good(&free) || again.0.nll < free.nll) {
                        (free, uncertainties) = again;
                    }
                } else if good(&free) && !good(conditional) {
                    let mut start = free.parameters.clone();
                    hold.iter().for_each(|&(k, value)| start[k] = value);
                    let again = held_from(&start);
                    if good(&again) {
                        *conditional = again;
                    }
                }
            }
            uncertainties.resize(parameters.len(), f64::NAN);
            Ok(Fitted { free, conditional, uncertainties, events: model.n_events() as u64 })
        };
        let first = range.start;
        let toys: Vec<Fitted> = range.into_par_iter().map(one).collect::<Result<_>>()?;
        let batch = || FitBatch::with_capacity(toys.len(), parameters.len());
        let mut all = FittedToys { first, fits: batch(), ..FittedToys::default() };
        all.conditional = (!hold.is_empty()).then(batch);
        for toy in &toys {
            all.fits.push(&toy.free);
            if let (Some(all), Some(fit)) = (&mut all.conditional, &toy.conditional) {
                all.push(fit);
            }
            all.uncertainties.extend(&toy.uncertainties);
            all.events.push(toy.events);
        }
        Ok(all)
    }
}

fn taken_apart(fit: FitResult) -> (Fit, Vec<f64>) {
    let FitResult { parameters, nll, edm, evaluations, status, uncertainties, .. } = fit;
    (Fit { parameters, nll, edm, evaluations, status, negative_bin: -1 }, uncertainties)
}

/// A fit that could not begin.
pub(crate) fn failed(start: &[f64]) -> Fit {
    Fit {
        parameters: start.to_vec(),
        nll: f64::INFINITY,
        edm: f64::INFINITY,
        evaluations: 1,
        status: Status::NotFinite,
        negative_bin: -1,
    }
}
