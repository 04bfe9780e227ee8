//! Fits of toys: each toy by itself on the processor, batches of them on a device. What is fitted, and how two fits of a
//! toy mend each other, is the same.

use std::ops::Range;

use rayon::prelude::*;

use super::{Thrower, failed};
use crate::error::{Error, Result};
use crate::fit::{Fit, Tolerance};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::fit::Found;

/// Numbers of events on a device at a time, in one channel, unless one toy has more.
const MOST_NUMBERS: f64 = (1 << 23) as f64;
/// Toys fitted together at most: each has a Hessian on the way.
const MOST_TOYS: f64 = 4096.0;

/// One toy's fits.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) free: Fit,
    pub(super) conditional: Option<Fit>,
    /// NaN where there are none.
    pub(super) uncertainties: Vec<f64>,
    pub(super) events: u64,
}

/// Fits of all toys.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) toys: Vec<Fitted>,
    /// Toys that a device left to the processor.
    pub(super) on_host: usize,
    /// Why.
    pub(super) failure: Option<String>,
}

/// What is fitted to each toy.
pub(super) struct Fits<'a> {
    thrower: &'a Thrower<'a>,
    fixed: Vec<bool>,
    /// Parameters with values that a second fit holds; none, no second fit.
    hold: &'a [(usize, f64)],
    /// Where that fit begins, and what it holds.
    held: (Vec<f64>, Vec<bool>),
    tolerance: Tolerance,
}

impl<'a> Fits<'a> {
    pub(super) fn new(
        thrower: &'a Thrower<'a>,
        hold: &'a [(usize, f64)],
        tolerance: Tolerance,
    ) -> Result<Self> {
        let parameters = thrower.model().parameters();
        let fixed = thrower.model().fixed();
        let mut held = (thrower.truth().to_vec(), fixed.clone());
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
        Ok(Self { thrower, fixed, hold, held, tolerance })
    }

    /// Fits of toys `range` of `seed`, in their order.
    pub(super) fn all(&self, range: Range<u64>, seed: u64) -> Result<Finished> {
        let model = self.thrower.model();
        match model.lies_on_device() {
            Some(_) if model.has_flows_there() => {
                let toys = self.here(range, seed)?;
                let why =
                    "toys of flows whose context follows parameters are fitted by the processor";
                Ok(Finished { on_host: toys.len(), failure: Some(why.into()), toys })
            }
            Some(help) => self.on_device(range, seed, help),
            None => Ok(Finished { toys: self.here(range, seed)?, ..Finished::default() }),
        }
    }

    /// Toy by toy, none kept: memory for one a thread.
    fn here(&self, range: Range<u64>, seed: u64) -> Result<Vec<Fitted>> {
        let one = |toy: u64| {
            let toy = [self.thrower.toy(seed, toy)?];
            self.together(&toy)
        };
        Ok(range
            .into_par_iter()
            .map(one)
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Batch by batch; the next one is thrown while the device works.
    fn on_device(&self, range: Range<u64>, seed: u64, help: bool) -> Result<Finished> {
        let (model, mut done) = (self.thrower.model(), Finished::default());
        let numbers = self.thrower.expected() * model.columns_of_events() as f64;
        let at_once = (MOST_NUMBERS / numbers.max(1.0)).clamp(1.0, MOST_TOYS) as u64;
        let batch = |first: u64| first..range.end.min(first.saturating_add(at_once));
        let throw = |toys: Range<u64>| {
            toys.into_par_iter().map(|toy| self.thrower.toy(seed, toy)).collect::<Result<Vec<_>>>()
        };
        let mut first = range.start;
        let mut ahead = throw(batch(first));
        while first < range.end {
            let mut toys = ahead?;
            let next = first + toys.len() as u64;
            let fit = || {
                model.place_together(&mut toys)?;
                self.together(&toys)
            };
            let (found, thrown) = rayon::join(fit, || throw(batch(next)));
            match found {
                Ok(found) => done.toys.extend(found),
                Err(error) if error.is_device() && help => {
                    let left = first..range.end;
                    done.on_host = (left.end - left.start) as usize;
                    done.failure = Some(format!("{error} (the processor took over)"));
                    done.toys.extend(self.here(left, seed)?);
                    break;
                }
                Err(error) => return Err(error),
            }
            (first, ahead) = (next, thrown);
        }
        Ok(done)
    }

    /// Fits of some toys, which for each are the same whatever the others are.
    fn together(&self, toys: &[UnbinnedModel]) -> Result<Vec<Fitted>> {
        let all: Vec<usize> = (0..toys.len()).collect();
        let mut fitted = Vec::with_capacity(toys.len());
        let truth = |_: usize| self.thrower.truth().to_vec();
        for (toy, found) in toys.iter().zip(self.free(toys, &all, truth)?) {
            let Found { fit: free, uncertainties } = found;
            let events = toy.n_events() as u64;
            fitted.push(Fitted { free, conditional: None, uncertainties, events });
        }
        if !self.hold.is_empty() {
            let conditional = self.conditional(toys, &all, |_| self.held.0.clone())?;
            fitted.iter_mut().zip(conditional).for_each(|(toy, fit)| toy.conditional = Some(fit));
            self.mend(toys, &mut fitted)?;
        }
        let n = self.fixed.len();
        fitted.iter_mut().for_each(|toy| toy.uncertainties.resize(n, f64::NAN));
        Ok(fitted)
    }

    /// Of two fits of a toy, one that failed or missed begins again at the other's end.
    fn mend(&self, toys: &[UnbinnedModel], fitted: &mut [Fitted]) -> Result<()> {
        let good = |fit: &Fit| fit.status.is_converged();
        let (mut free, mut held) = (Vec::new(), Vec::new());
        for (i, toy) in fitted.iter().enumerate() {
            let Some(conditional) = &toy.conditional else { continue };
            let missed = conditional.nll < toy.free.nll - self.tolerance.edm;
            // a truth without signal is a ridge in the signal's shape: each fit may know better than the other
            if good(conditional) && (!good(&toy.free) || missed) {
                free.push(i);
            } else if good(&toy.free) && !good(conditional) {
                held.push(i);
            }
        }
        let end = |i: usize| match &fitted[i].conditional {
            Some(fit) => fit.parameters.clone(),
            None => self.thrower.truth().to_vec(),
        };
        let again = self.free(toys, &free, end)?;
        let near = |i: usize| {
            let mut start = fitted[i].free.parameters.clone();
            self.hold.iter().for_each(|&(k, value)| start[k] = value);
            start
        };
        let again_held = self.conditional(toys, &held, near)?;
        for (i, Found { fit, uncertainties }) in free.into_iter().zip(again) {
            let toy = &mut fitted[i];
            if good(&fit) && (!good(&toy.free) || fit.nll < toy.free.nll) {
                (toy.free, toy.uncertainties) = (fit, uncertainties);
            }
        }
        for (i, fit) in held.into_iter().zip(again_held).filter(|(_, fit)| good(fit)) {
            fitted[i].conditional = Some(fit);
        }
        Ok(())
    }

    /// Free fits of some toys from `start` of each, with uncertainties.
    fn free(
        &self,
        toys: &[UnbinnedModel],
        some: &[usize],
        start: impl Fn(usize) -> Vec<f64>,
    ) -> Result<Vec<Found>> {
        self.fits(toys, some, start, &self.fixed, true)
    }

    /// Fits with parameters held.
    fn conditional(
        &self,
        toys: &[UnbinnedModel],
        some: &[usize],
        start: impl Fn(usize) -> Vec<f64>,
    ) -> Result<Vec<Fit>> {
        let found = self.fits(toys, some, start, &self.held.1, false)?;
        Ok(found.into_iter().map(|found| found.fit).collect())
    }

    fn fits(
        &self,
        toys: &[UnbinnedModel],
        some: &[usize],
        start: impl Fn(usize) -> Vec<f64>,
        fixed: &[bool],
        widths: bool,
    ) -> Result<Vec<Found>> {
        let starts: Vec<Vec<f64>> = some.iter().map(|i| start(*i)).collect();
        let tasks: Vec<_> =
            some.iter().zip(&starts).map(|(i, start)| (&toys[*i], &**start)).collect();
        let found = UnbinnedModel::fits_from(&tasks, fixed, self.tolerance, widths)?;
        let none = |start: &[f64]| Found { fit: failed(start), uncertainties: Vec::new() };
        let fits = found.into_iter().zip(&starts);
        Ok(fits.map(|(found, start)| found.unwrap_or_else(|| none(start))).collect())
    }
}
