//! Toys, thrown on the host and fitted on the device.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::{Session, overlap, repair};
use crate::accelerator::Accelerator;
use crate::fit::{self, FitBatch, FitJob, Tolerance};
use crate::model::toys::ToySampler;
use crate::{Error, Result};

/// Which toys to throw and how to fit them.
#[derive(Debug, Clone)]
pub struct ToyPlan {
    /// Toys are thrown from the model at this point, `[n_parameters]`.
    pub truth: Vec<f64>,
    /// Seed of the counter-based generator.
    pub seed: u64,
    /// Toy *i* is the same data whatever the range it is part of.
    pub range: Range<u64>,
    /// Fit each toy a second time with these parameters held at these values, by index, which gives the
    /// test statistic t_mu (arXiv:1007.1727 eq. 8). Empty: no second fit.
    pub hold: Vec<(usize, f64)>,
    /// Hand out the toys' data along with their fits.
    pub keep_data: bool,
    /// When a fit stops.
    pub tolerance: Tolerance,
}

/// Results of consecutive toys.
#[derive(Debug, Clone, Default)]
pub struct ToyChunk {
    /// Number of the first toy.
    pub first: u64,
    /// Free fits, one per toy.
    pub fits: FitBatch,
    /// Fits with parameters held, where the plan asks for them.
    pub conditional: Option<FitBatch>,
    /// What was fitted, where the plan asks for it.
    pub data: Option<ToyData>,
    /// What is known of toys of unbinned models.
    pub events: Option<ToyEvents>,
}

/// What is known of consecutive toys of an unbinned model beside their fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToyEvents {
    /// Uncertainties in the free fits, `[n_toys, n_parameters]`; NaN where there are none.
    pub uncertainties: Vec<f64>,
    /// Numbers of events of all channels, `[n_toys]`.
    pub numbers: Vec<u64>,
}

/// Data of consecutive toys, in the model's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToyData {
    /// Main data, `[n_toys, n_bins]`.
    pub main: Vec<f64>,
    /// Auxiliary data, `[n_toys, n_auxiliary]`.
    pub auxiliary: Vec<f64>,
}

impl ToyPlan {
    /// Fits of the whole range.
    pub(super) fn n_fits(&self) -> u64 {
        let toys = self.range.end.saturating_sub(self.range.start);
        toys.saturating_mul(if self.hold.is_empty() { 1 } else { 2 })
    }
}

/// Parameters that one fit of each toy holds, and where it starts.
pub(super) struct Task {
    pub(super) fixed: Vec<bool>,
    pub(super) start: Vec<f64>,
}

impl Session {
    /// Throw and fit toys in chunks of at most `chunk`; each finished chunk goes to `sink`, in order
    /// of toy number. Stops early, after the chunk in work, once `stop` is set. Returns the number
    /// of toys finished.
    ///
    /// They run where [`toy_device`](Self::toy_device) says. While a chunk is fitted, the next one is
    /// thrown. Of two fits of a toy, one that failed, or ended above the other one where it cannot, is
    /// done again from the other's end.
    ///
    /// # Errors
    /// Where the plan does not fit the model, what the device says, or what `sink` returns.
    pub fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64> {
        let sampler = ToySampler::new(&self.model, &plan.truth)?;
        let free = self.free_task(plan);
        let held = self.conditional_task(plan, &free)?;
        let device = self.device_of(plan)?;
        // the processor is not to help a device where it was told so
        let mend = self.request.host_fallback || std::ptr::addr_eq(device, &*self.host);
        let throw = |toys: Range<u64>| self.throw(&sampler, plan.seed, toys);
        let fit = |data: &ToyData, n| {
            let run = |task| run(device, plan.tolerance, task, data, n);
            let (mut fits, mut conditional) = (run(&free)?, held.as_ref().map(run).transpose()?);
            if let (true, Some(held), Some(conditional)) = (mend, &held, &mut conditional) {
                let pair = repair::Pair { free: &free, held, precision: &device.info().precision };
                self.repair(plan, &pair, data, &mut fits, conditional)?;
            }
            Ok((fits, conditional))
        };
        overlap::in_order(
            plan.range.clone(),
            chunk,
            stop,
            &throw,
            &fit,
            &mut |first, data, fits| {
                let (fits, conditional) = fits;
                let data = plan.keep_data.then_some(data);
                sink(ToyChunk { first, fits, conditional, data, events: None })
            },
        )
    }

    /// Fits that converge per second of `device` at toys of `plan`: a warm-up, then batches that grow until one
    /// takes long enough to be timed, or is as large as those of real work.
    pub(super) fn rate(&self, device: &dyn Accelerator, plan: &ToyPlan) -> Result<f64> {
        const LARGEST: u64 = 4096;
        const ENOUGH: f64 = 0.05;
        let sampler = ToySampler::new(&self.model, &plan.truth)?;
        let task = self.free_task(plan);
        let most = LARGEST.min(plan.range.end - plan.range.start).max(1);
        let time = |n: u64| {
            let toys = plan.range.start..plan.range.start + n;
            let data = self.throw(&sampler, plan.seed, toys);
            let clock = std::time::Instant::now();
            let fits = run(device, plan.tolerance, &task, &data, n as usize)?;
            let seconds = clock.elapsed().as_secs_f64();
            Ok::<_, Error>((seconds, fits.status.iter().filter(|s| s.is_converged()).count()))
        };
        // something to do for every thread and lane of the processor
        let first = (self.host.lanes() * rayon::current_num_threads()).max(64);
        let mut n = most.min(first as u64);
        time(n)?;
        loop {
            let (seconds, converged) = time(n)?;
            if seconds >= ENOUGH || n == most {
                return Ok(converged as f64 / seconds.max(1e-9));
            }
            n = (4 * n).min(most);
        }
    }

    fn free_task(&self, plan: &ToyPlan) -> Task {
        let start = (0..plan.truth.len())
            .map(|k| {
                let (lower, upper) = self.model.parameters()[k].bounds;
                if self.fixed[k] { plan.truth[k] } else { plan.truth[k].clamp(lower, upper) }
            })
            .collect();
        Task { fixed: self.fixed.clone(), start }
    }

    /// The fit with parameters held, where the plan asks for it.
    fn conditional_task(&self, plan: &ToyPlan, free: &Task) -> Result<Option<Task>> {
        if plan.hold.is_empty() {
            return Ok(None);
        }
        let (mut fixed, mut start) = (free.fixed.clone(), free.start.clone());
        for &(index, value) in &plan.hold {
            let Some(parameter) = self.model.parameters().get(index) else {
                let n = self.model.n_parameters();
                let message = format!("parameter {index} is to be held, and the model has {n}");
                return Err(Error::Argument(message));
            };
            if !value.is_finite() {
                let message = format!("{} = {value} is not a finite number", parameter.name);
                return Err(Error::Argument(message));
            }
            fixed[index] = true;
            start[index] = value;
        }
        Ok(Some(Task { fixed, start }))
    }

    /// What is to be said about toys thrown from `truth`, `[n_parameters]`: bins whose expected rate
    /// is negative, so that every toy has 0 there. Names in it are as in the file: escape them
    /// before they go to a terminal.
    ///
    /// # Errors
    /// Where no toys can be thrown from there.
    pub fn toy_warnings(&self, truth: &[f64]) -> Result<Vec<String>> {
        Ok(ToySampler::new(&self.model, truth)?.warnings().to_vec())
    }

    /// Data of the toys of a range.
    fn throw(&self, sampler: &ToySampler, seed: u64, toys: Range<u64>) -> ToyData {
        let n = (toys.end - toys.start) as usize;
        let (n_main, n_auxiliary) = (self.model.n_bins(), self.model.n_auxiliary());
        let mut main = vec![0.0; n * n_main];
        let mut auxiliary = vec![0.0; n * n_auxiliary];
        // either may be empty, so rows are counted by hand
        let rows: Vec<(usize, &mut [f64], &mut [f64])> = {
            let (mut m, mut a) = (&mut main[..], &mut auxiliary[..]);
            (0..n)
                .map(|i| {
                    let (row, rest) = std::mem::take(&mut m).split_at_mut(n_main);
                    m = rest;
                    let (auxiliary_row, rest) = std::mem::take(&mut a).split_at_mut(n_auxiliary);
                    a = rest;
                    (i, row, auxiliary_row)
                })
                .collect()
        };
        rows.into_par_iter().for_each(|(i, main, auxiliary)| {
            sampler.draw(seed, toys.start + i as u64, main, auxiliary);
        });
        ToyData { main, auxiliary }
    }
}

/// The fits of one task to `n` toys.
fn run(
    device: &dyn Accelerator,
    tolerance: Tolerance,
    task: &Task,
    data: &ToyData,
    n: usize,
) -> Result<FitBatch> {
    let job = FitJob {
        main: &data.main,
        auxiliary: &data.auxiliary,
        n_fits: n,
        start: &task.start,
        fixed: &task.fixed,
        tolerance,
    };
    fit::minimize(device, &job)
}
