//! Data that a model makes: toys ([`Thrower`]), fits of them ([`UnbinnedModel::fit_toys`]), and Asimov data
//! ([`UnbinnedModel::asimov`]), in bins too ([`UnbinnedModel::expected_in_bins`]).

mod asimov;
mod fits;
mod histogram;
mod throw;

use std::ops::Range;

use crate::error::Result;
use crate::fit::{Fit, FitBatch, Status, Tolerance};
use crate::unbinned::UnbinnedModel;
use fits::{Finished, Fits};

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
    /// Uncertainties in the free fits, `[n_toys, n_parameters]`: those of
    /// [`FitResult`](crate::unbinned::fit::FitResult::uncertainties), NaN where there are none.
    pub uncertainties: Vec<f64>,
    /// Events of all channels, one number a toy; counts of a binned part are not among them.
    pub events: Vec<u64>,
}

impl UnbinnedModel {
    /// Throws toys `range` of `seed` at `truth`, `[n_parameters]`, and fits each from there, side by side; where
    /// `hold` has parameters with values, a second time with those held. Toy i is the same whatever the range. Events
    /// of toys have no weights, whatever the model's have.
    ///
    /// Where the model's events lie on a device, toys are fitted there: as many as 2^23 numbers hold at a time, their
    /// steps together, while the next ones are thrown. How a toy's fit ends depends on no other toy, to the bit; that the
    /// processor ends within rounding of it is in `docs/parity.md`. In f32 the NLL of each end is the processor's: those of
    /// the device would leave test statistics few digits. What a device that fails
    /// leaves the processor finishes, unless the request for it forbids that, and [`FitBatch`] says so.
    ///
    /// # Errors
    ///
    /// As for [`Thrower::new`]; [`Error::Argument`](crate::Error::Argument) for a held parameter that is not there or a value that is not
    /// finite; [`Error::Device`](crate::Error::Device) where a device fails and the processor may not help. Fits that fail are none: their
    /// status says so.
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
        let fits = Fits::new(self, hold, tolerance)?;
        let n = self.model().parameters().len();
        let first = range.start;
        let Finished { toys, on_host, failure } = fits.all(range, seed)?;
        let batch = || FitBatch {
            on_host,
            failure: failure.clone(),
            ..FitBatch::with_capacity(toys.len(), n)
        };
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
