//! The extended likelihood of a mixture of processes, from the log-density of each event under each process:
//! `NLL = sum_p nu_p - sum_i w_i ln(sum_p nu_p f_p(x_i)) + constraints`, with exact derivatives in the yields
//! and in the log-densities.

mod mix;
mod work;

use std::ops::Range;

use rayon::prelude::*;

use crate::error::{Error, Result};

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
pub struct Mixture<'a> {
    /// Log-densities, process after process: `log_p[p * N + i]` of event i; -inf where a density is 0.
    pub log_p: &'a [f64],
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
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// Gradient in yields and constrained parameters.
    pub gradient: bool,
    /// Second derivatives in the yields.
    pub hessian: bool,
    /// Room for the derivatives in the log-densities, laid out as they are: `-w_i r_pi`, where `r_pi` is the
    /// probability that event i is of process p.
    pub log_p_gradient: Option<&'a mut [f64]>,
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
pub fn reduce_lse(mixture: &Mixture<'_>, wanted: Wanted<'_>) -> Result<Reduced> {
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
    fn mixture(&self, log_p: &'a [f64], weights: Option<&'a [f64]>) -> Mixture<'a> {
        let Self { yields, constraints, constant } = *self;
        Mixture { log_p, yields, weights, constraints, constant }
    }
}

/// The likelihoods of many data sets in one array: toy t has the events `offsets[t]..offsets[t + 1]` of each
/// process, the process p beginning at `p * N` where N is the number of all events. Toys may be empty.
///
/// # Errors
///
/// As for [`reduce_lse`]; also if offsets do not rise from 0 to N.
pub fn reduce_lse_batch<'a>(
    log_p: &'a [f64],
    weights: Option<&'a [f64]>,
    offsets: &[usize],
    toys: &[Toy<'a>],
    gradient: bool,
    hessian: bool,
) -> Result<Vec<Reduced>> {
    let Some(first) = toys.first() else {
        return refuse("a batch without toys");
    };
    let n = events(&first.mixture(log_p, weights))?;
    let rises = offsets.windows(2).all(|o| o[0] <= o[1]);
    if offsets.len() != toys.len() + 1 || offsets[0] != 0 || offsets[toys.len()] != n || !rises {
        return refuse(format!(
            "the offsets of {} toys must be {} numbers that rise from 0 to {n}, the number of all events",
            toys.len(),
            toys.len() + 1
        ));
    }
    toys.par_iter()
        .enumerate()
        .map(|(t, toy)| {
            if toy.yields.len() != first.yields.len() {
                return refuse(format!(
                    "toy {t} has {} yields, the first one {}",
                    toy.yields.len(),
                    first.yields.len()
                ));
            }
            let wanted = Wanted { gradient, hessian, log_p_gradient: None };
            reduce_range(&toy.mixture(log_p, weights), n, offsets[t]..offsets[t + 1], wanted)
        })
        .collect()
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Argument(message.into()))
}

/// Number of events in the arrays.
fn events(mixture: &Mixture<'_>) -> Result<usize> {
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
fn reduce_range(
    mixture: &Mixture<'_>,
    n: usize,
    range: Range<usize>,
    wanted: Wanted<'_>,
) -> Result<Reduced> {
    let Mixture { yields, constraints, .. } = *mixture;
    if let Some(p) = yields.iter().position(|nu| !(nu.is_finite() && *nu >= 0.0)) {
        return refuse(format!(
            "process {p}: its yield is {}, not a number of 0 or more",
            yields[p]
        ));
    }
    let is_bad = |c: &Constraint| {
        !(c.value.is_finite() && c.center.is_finite() && c.sigma.is_finite() && c.sigma > 0.0)
    };
    if let Some(k) = constraints.iter().position(is_bad) {
        return refuse(format!("constraint {k}: {:?} has no finite value", constraints[k]));
    }
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
    Ok(work.finish(partial, wanted.gradient))
}
