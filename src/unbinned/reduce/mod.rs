//! The extended likelihood of a mixture of processes, from the log-density of each event under each process:
//! `NLL = sum_p nu_p - sum_i w_i ln(sum_p nu_p f_p(x_i)) + constraints`, with exact derivatives in the yields
//! and in the log-densities.

mod mix;
mod session;
mod work;

use std::ops::Range;

use rayon::prelude::*;

use crate::accelerator::mixture::{MixtureSums, Number, Toys, event_count};
use crate::error::{Error, Result};
use crate::unbinned::sum::Sum;
pub use session::{InPlace, MixtureSession};
use work::Work;

/// A normal constraint on a parameter: `((value - center) / sigma)^2 / 2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constraint {
    /// Where the parameter stands.
    pub value: f64,
    /// The auxiliary measurement.
    pub center: f64,
    /// Its uncertainty, above 0.
    pub sigma: f64,
}

/// What a likelihood is made of.
#[derive(Debug, Clone, Copy)]
pub struct Mixture<'a, T = f64> {
    /// Log-densities, process after process: `log_p[p * N + i]` of event i; -inf where a density is 0. In f64
    /// or f32; all sums are f64.
    pub log_p: &'a [T],
    /// Yields, one a process, 0 or more.
    pub yields: &'a [f64],
    /// Weights of the N events, 0 or more; 1 without.
    pub weights: Option<&'a [f64]>,
    /// Normal constraints.
    pub constraints: &'a [Constraint],
    /// Added to the likelihood.
    pub constant: f64,
}

/// What to work out besides the value.
#[derive(Debug)]
pub struct Wanted<'a, T = f64> {
    /// Gradient in yields and constrained parameters.
    pub gradient: bool,
    /// Second derivatives in the yields.
    pub hessian: bool,
    /// Room for the derivatives in the log-densities, laid out as they are: `-w_i r_pi`, where `r_pi` is the
    /// probability that event i is of process p.
    pub log_p_gradient: Option<&'a mut [T]>,
}

impl<T> Default for Wanted<'_, T> {
    fn default() -> Self {
        Self { gradient: false, hessian: false, log_p_gradient: None }
    }
}

/// A likelihood and its derivatives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reduced {
    /// The negative logarithm of the likelihood; +inf where `zero_density` is not 0.
    pub nll: f64,
    /// Events of weight above 0 that no process can make. Derivatives leave them out.
    pub zero_density: usize,
    /// Derivatives in the yields, also of those that are 0; empty where not wanted.
    pub yield_gradient: Vec<f64>,
    /// Second derivatives in the yields, rows of the full symmetric matrix; empty where not wanted.
    pub yield_hessian: Vec<f64>,
    /// Derivatives of the constraints in their own parameters; empty where not wanted.
    pub constraint_gradient: Vec<f64>,
}

/// The likelihood of one data set of N events; N may be 0.
///
/// Sums are compensated and joined in a fixed order: results are the same bits for any number of threads.
///
/// # Errors
///
/// [`Error::Argument`] with process and event: a log-density that is NaN or +inf, a yield or weight that is
/// negative or not finite, lengths that do not fit, a constraint whose sigma is not above 0.
pub fn reduce_lse<T: Number>(mixture: &Mixture<'_, T>, wanted: Wanted<'_, T>) -> Result<Reduced> {
    let n = events(mixture)?;
    reduce_range(mixture, n, 0..n, wanted)
}

/// One data set of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Toy<'a> {
    /// Yields, one a process.
    pub yields: &'a [f64],
    /// Normal constraints.
    pub constraints: &'a [Constraint],
    /// Added to the likelihood.
    pub constant: f64,
}

impl<'a> Toy<'a> {
    fn mixture<T>(&self, log_p: &'a [T], weights: Option<&'a [f64]>) -> Mixture<'a, T> {
        let Self { yields, constraints, constant } = *self;
        Mixture { log_p, yields, weights, constraints, constant }
    }

    /// Yields and constraints are numbers that a likelihood has.
    fn check(&self) -> Result<()> {
        if let Some(p) = self.yields.iter().position(|nu| !(nu.is_finite() && *nu >= 0.0)) {
            return refuse(format!(
                "process {p}: its yield is {}, not a number of 0 or more",
                self.yields[p]
            ));
        }
        let is_bad = |c: &Constraint| {
            !(c.value.is_finite() && c.center.is_finite() && c.sigma.is_finite() && c.sigma > 0.0)
        };
        match self.constraints.iter().position(is_bad) {
            Some(k) => {
                refuse(format!("constraint {k}: {:?} has no finite value", self.constraints[k]))
            }
            None => Ok(()),
        }
    }

    /// The likelihood, from sums over its events.
    fn finish(&self, sums: MixtureSums, gradient: bool) -> Reduced {
        let Self { yields, constraints, constant } = *self;
        let pulls = constraints.iter().map(|c| (c.value - c.center) / c.sigma);
        let mut total: Sum = yields.iter().copied().chain([constant]).collect();
        pulls.clone().for_each(|pull| total.add(0.5 * pull * pull));
        total.add(-sums.log_likelihood);
        let mut reduced =
            Reduced { nll: total.total(), zero_density: sums.zero_density, ..Reduced::default() };
        if sums.zero_density > 0 {
            reduced.nll = f64::INFINITY;
        }
        if gradient {
            reduced.yield_gradient = sums.first.iter().map(|sum| 1.0 - sum).collect();
            reduced.constraint_gradient =
                pulls.zip(constraints).map(|(pull, c)| pull / c.sigma).collect();
        }
        reduced
    }
}

/// The toys fit the shape of the batch.
fn check_toys(batch: &Toys, toys: &[Toy<'_>]) -> Result<()> {
    if toys.len() != batch.n() {
        return refuse(format!(
            "{} toys, and offsets of {}: n toys have n + 1 offsets",
            toys.len(),
            batch.n()
        ));
    }
    let wrong = toys.iter().position(|toy| toy.yields.len() != batch.processes());
    match wrong {
        Some(t) => refuse(format!(
            "toy {t} has {} yields for {} processes",
            toys[t].yields.len(),
            batch.processes()
        )),
        None => Ok(()),
    }
}

/// The likelihoods of many data sets in one array: toy t has the events `offsets[t]..offsets[t + 1]` of each
/// process, the process p beginning at `p * N` where N is the number of all events, less than 2^32. Toys may
/// be empty.
///
/// # Errors
///
/// As for [`reduce_lse`]; also if offsets do not rise from 0 to N, and for more events.
pub fn reduce_lse_batch<'a, T: Number>(
    log_p: &'a [T],
    weights: Option<&'a [f64]>,
    offsets: &[u32],
    toys: &[Toy<'a>],
    gradient: bool,
    hessian: bool,
) -> Result<Vec<Reduced>> {
    let Some(first) = toys.first() else {
        return refuse("a batch without toys");
    };
    let batch = Toys::new(first.yields.len(), offsets)?;
    check_toys(&batch, toys)?;
    let n = events(&first.mixture(log_p, weights))?;
    event_count(n)?;
    batch.check(T::column(log_p), weights)?;
    toys.par_iter()
        .enumerate()
        .map(|(t, toy)| {
            let wanted = Wanted { gradient, hessian, log_p_gradient: None };
            reduce_range(&toy.mixture(log_p, weights), n, batch.range(t), wanted)
        })
        .collect()
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Argument(message.into()))
}

/// Number of events in the arrays.
fn events<T>(mixture: &Mixture<'_, T>) -> Result<usize> {
    let processes = mixture.yields.len();
    if processes == 0 {
        return refuse("a mixture needs at least one process");
    }
    if !mixture.log_p.len().is_multiple_of(processes) {
        return refuse(format!(
            "{} log-densities are not the same number for each of {processes} processes",
            mixture.log_p.len()
        ));
    }
    let n = mixture.log_p.len() / processes;
    match mixture.weights {
        Some(weights) if weights.len() != n => {
            refuse(format!("{} weights for {n} events", weights.len()))
        }
        _ => Ok(n),
    }
}

/// The likelihood of the events `range` of `n`.
fn reduce_range<T: Number>(
    mixture: &Mixture<'_, T>,
    n: usize,
    range: Range<usize>,
    wanted: Wanted<'_, T>,
) -> Result<Reduced> {
    let Mixture { yields, constraints, constant, .. } = *mixture;
    let toy = Toy { yields, constraints, constant };
    toy.check()?;
    let work = Work {
        mixture,
        n,
        log_yields: yields.iter().map(|nu| libm::log(*nu)).collect(),
        gradient: wanted.gradient || wanted.hessian,
        hessian: wanted.hessian,
    };
    let partial = match wanted.log_p_gradient {
        Some(out) if out.len() != mixture.log_p.len() => {
            return refuse(format!(
                "room for {} derivatives of {} log-densities",
                out.len(),
                mixture.log_p.len()
            ));
        }
        Some(out) => work.with_slopes(range, out)?,
        None => work.all(range)?,
    };
    let yield_hessian = work.yield_hessian(&partial);
    Ok(Reduced { yield_hessian, ..toy.finish(partial.sums(), wanted.gradient) })
}
