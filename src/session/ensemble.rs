//! A test statistic's distribution under a hypothesis: toys, each fitted twice.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::likelihood::Likelihood;
use super::repair::uncertain;
use super::{Session, ToyChunk, ToyPlan};
use crate::fit::Tolerance;
use crate::infer::{Empirical, Fraction, TestStatistic};
use crate::{Error, Result};

/// Toys of one hypothesis, and the test statistic that each is reduced to.
#[derive(Debug, Clone)]
pub struct EnsemblePlan {
    /// Test statistic.
    pub statistic: TestStatistic,
    /// Index of the parameter that is tested.
    pub poi: usize,
    /// Its tested value.
    pub mu: f64,
    /// Toys are thrown from the model at this point, `[n_parameters]`: main and auxiliary data.
    pub truth: Vec<f64>,
    /// Seed of these toys; hypotheses of one test have different ones, see [`stream`].
    pub seed: u64,
    /// Toy *i* is the same data whatever the range it is part of.
    pub range: Range<u64>,
    /// When a fit stops.
    pub tolerance: Tolerance,
    /// Count the toys at or above this value.
    pub threshold: Option<f64>,
    /// Keep each toy's value, 8 bytes; without them there is a p-value, but no quantile.
    pub keep_values: bool,
}

/// What came of the toys of one hypothesis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// Test statistic.
    pub statistic: TestStatistic,
    /// Index of the parameter that is tested.
    pub poi: usize,
    /// Its tested value.
    pub mu: f64,
    /// Seed of these toys.
    pub seed: u64,
    /// The toys asked for.
    pub range: Range<u64>,
    /// The test statistic of each toy of the range, NaN where a fit failed or the toy is yet to come;
    /// empty where values are not kept.
    pub values: Vec<f64>,
    /// Numbers of the toys that count nowhere: a fit did not converge, its likelihood is not finite, or
    /// the free fit ended above the other one. `neyman toys --range i:i+1` with this seed throws toy *i*
    /// again.
    pub failed: Vec<u64>,
    /// Toys finished, failed ones included.
    pub finished: u64,
    /// Toys at or above the threshold; 0 without one.
    pub passing: u64,
    /// Values closer than this are the same.
    pub tie: f64,
    threshold: Option<f64>,
}

/// The seed of stream `n` of `seed`: the seed itself for stream 0, else the n-th number of SplitMix64
/// started there (Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195). Tests throw toys of
/// the tested hypothesis in an even stream and those of the alternative in the odd one after it; the
/// k-th point of a scan has streams 2k and 2k + 1.
pub fn stream(seed: u64, n: u64) -> u64 {
    if n == 0 {
        return seed;
    }
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl EnsemblePlan {
    /// The toys and their fits: the free one, and the one with the parameter held.
    pub fn toys(&self) -> ToyPlan {
        ToyPlan {
            truth: self.truth.clone(),
            seed: self.seed,
            range: self.range.clone(),
            hold: vec![(self.poi, self.mu)],
            keep_data: false,
            tolerance: self.tolerance,
        }
    }
}

impl Ensemble {
    /// No toys yet; `precision` is that of the device that fits them.
    pub fn new(plan: &EnsemblePlan, precision: &str) -> Self {
        let mut ensemble = Self {
            statistic: plan.statistic,
            poi: plan.poi,
            mu: plan.mu,
            seed: plan.seed,
            range: plan.range.start..plan.range.start,
            values: Vec::new(),
            failed: Vec::new(),
            finished: 0,
            passing: 0,
            tie: uncertain(plan.tolerance.edm, precision),
            threshold: plan.threshold,
        };
        ensemble.extend_to(plan.range.end, plan.keep_values);
        ensemble
    }

    /// More toys are to come.
    pub(super) fn extend_to(&mut self, end: u64, keep_values: bool) {
        self.range.end = end.max(self.range.start);
        if keep_values {
            self.values.resize((self.range.end - self.range.start) as usize, f64::NAN);
        }
    }

    /// Takes in finished toys, in any order; those outside of the range are ignored.
    pub fn take(&mut self, chunk: &ToyChunk) {
        let t = chunk.t_mu();
        for (i, t) in t.enumerate() {
            let toy = chunk.first + i as u64;
            if !self.range.contains(&toy) {
                continue;
            }
            self.finished += 1;
            let fits = [Some(&chunk.fits), chunk.conditional.as_ref()];
            let converged = fits.iter().flatten().all(|b| b.status[i].is_converged());
            if !(converged && t.is_finite() && t >= -self.tie) {
                self.failed.push(toy);
                continue;
            }
            let value = self.statistic.value(self.mu, chunk.fits.parameters_of(i)[self.poi], t);
            if self.threshold.is_some_and(|q| value >= q - self.tie) {
                self.passing += 1;
            }
            if let Some(place) = self.values.get_mut((toy - self.range.start) as usize) {
                *place = value;
            }
        }
    }

    /// Takes in toys of a part of the range that were thrown apart.
    ///
    /// # Errors
    /// Where they are of another hypothesis or outside of the range, or more than it has.
    pub fn join(&mut self, part: &Self) -> Result<()> {
        let of = |e: &Self| (e.statistic, e.poi, e.mu.to_bits(), e.seed, e.values.is_empty());
        let empty = part.range.is_empty();
        let within = self.range.start <= part.range.start && part.range.end <= self.range.end;
        let room = self.range.end - self.range.start - self.finished;
        if !empty && (of(self) != of(part) || !within || part.finished > room) {
            let Range { start, end } = part.range;
            let message = format!("toys {start} to {end} are of another run, or there twice");
            return Err(Error::Argument(message));
        }
        let first = part.range.start.saturating_sub(self.range.start) as usize;
        let places = self.values.iter_mut().skip(first);
        places.zip(&part.values).for_each(|(place, value)| *place = *value);
        self.failed.extend(&part.failed);
        self.failed.sort_unstable();
        self.finished += part.finished;
        self.passing += part.passing;
        self.tie = self.tie.max(part.tie);
        Ok(())
    }

    /// Toys that count.
    pub fn counted(&self) -> u64 {
        self.finished - self.failed.len() as u64
    }

    /// Every toy is there.
    pub fn is_complete(&self) -> bool {
        self.finished == self.range.end - self.range.start
    }

    /// The fraction of toys at or above the threshold.
    pub fn p_value(&self) -> Fraction {
        Fraction { passing: self.passing, toys: self.counted() }
    }

    /// The values in order of size.
    pub fn distribution(&self) -> Empirical {
        Empirical::new(&self.values, self.tie)
    }
}

impl Session {
    /// Throws the toys of `plan`, main and auxiliary data, fits each against its own auxiliary data, freely
    /// and with the parameter at its tested value, and keeps the test statistic. `progress` hears how many
    /// toys came to an end. Once `stop` is set it ends after the chunk in work.
    ///
    /// Where the statistic asks for other bounds in the free fit than the model declares, the toys run in
    /// a session of their own: [`for_statistic`](Self::for_statistic) has it opened once for many.
    ///
    /// # Errors
    /// Where the plan does not fit the model, or what the device says. Failing fits are none.
    pub fn ensemble(
        &self,
        plan: &EnsemblePlan,
        chunk: usize,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Ensemble> {
        if let Some(session) = self.for_statistic(plan.statistic, plan.poi, plan.mu)? {
            return session.ensemble(plan, chunk, stop, progress);
        }
        Likelihood::ensemble(self, plan, chunk, stop, progress)
    }

    /// A session with the bounds that `statistic` needs in the free fit, where the model declares others,
    /// to test values of parameter `poi` up to `largest`.
    ///
    /// # Errors
    /// Where there is no such parameter, or the device cannot be opened again.
    pub fn for_statistic(
        &self,
        statistic: TestStatistic,
        poi: usize,
        largest: f64,
    ) -> Result<Option<Self>> {
        let Some(parameter) = self.model.parameters().get(poi) else {
            return Err(Error::Argument(format!("the model has no parameter {poi}")));
        };
        let bounds = statistic.bounds(parameter.bounds, largest);
        if bounds == parameter.bounds { Ok(None) } else { self.with_bounds(poi, bounds).map(Some) }
    }
}
