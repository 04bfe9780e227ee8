//! Maximum likelihood: one fit, or thousands in lockstep. Knows nothing of HistFactory: it sees an
//! [`Accelerator`] that evaluates, and minimizes.

pub mod covariance;
mod inverse;
mod ladder;
mod lockstep;
mod newton;

use rayon::prelude::*;

pub use crate::accelerator::{Fit, FitBatch, FitJob, Status, Tolerance};
pub use covariance::{Covariance, covariance};

use crate::accelerator::{Accelerator, Problem};
use crate::{Error, Result};
use ladder::Ladder;
use lockstep::{End, Outcome, Run};

/// Fits per task: enough to keep the lanes of a task full, few enough to share out evenly.
const TASK: usize = 256;

/// Minimize the NLL of every dataset of the job.
///
/// # Errors
/// Where the job's lengths do not fit the likelihood, or a start lies outside the bounds.
/// A fit that does not converge is no error: its [`Status`] says so.
pub fn minimize(device: &dyn Accelerator, job: &FitJob<'_>) -> Result<FitBatch> {
    let problem = device.problem();
    check(problem, job)?;
    if job.fixed.iter().all(|f| *f) {
        return Ok(evaluate_only(problem, job));
    }
    if let Some(batch) = device.minimize(job) {
        return batch;
    }
    let ladder = Ladder::new(problem.curvature(job.start_of(0)), job.fixed);
    let threads = rayon::current_num_threads();
    let task = job.n_fits.div_ceil(threads).clamp(1, TASK);
    let ranges: Vec<_> = (0..job.n_fits)
        .step_by(task)
        .map(|first| first..(first + task).min(job.n_fits))
        .collect();
    let run = |fits| {
        pulp::Arch::new().dispatch(Run { device, job, ladder: &ladder, fits })
    };
    let outcomes: Vec<Outcome> =
        ranges.into_par_iter().map(run).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let fits: Vec<Fit> = outcomes
        .into_par_iter()
        .enumerate()
        .map(|(i, outcome)| conclude(problem, job, i, outcome))
        .collect();
    let mut batch = FitBatch::with_capacity(job.n_fits, problem.n_parameters());
    fits.iter().for_each(|fit| batch.push(fit));
    Ok(batch)
}

/// Finish what the lockstep left: stragglers by Newton, constants, flags.
fn conclude(problem: &dyn Problem, job: &FitJob<'_>, i: usize, outcome: Outcome) -> Fit {
    let constant = problem.constant(job.main_of(i), job.auxiliary_of(i));
    let mut fit = Fit {
        parameters: outcome.parameters,
        nll: outcome.nll + constant,
        edm: outcome.edm,
        evaluations: outcome.evaluations,
        status: Status::Converged,
        negative_bin: -1,
    };
    if outcome.end != End::Converged {
        let newton = newton::newton(problem, job, i, &fit.parameters);
        fit.evaluations += newton.evaluations;
        fit.status = newton.status;
        fit.edm = newton.edm;
        fit.nll = newton.nll;
        fit.parameters = newton.parameters;
    }
    fit.negative_bin = problem.first_negative(&fit.parameters).map_or(-1, |b| b as i32);
    fit
}

fn evaluate_only(problem: &dyn Problem, job: &FitJob<'_>) -> FitBatch {
    let mut batch = FitBatch::with_capacity(job.n_fits, problem.n_parameters());
    for i in 0..job.n_fits {
        let x = job.start_of(i);
        let nll = problem.derivatives(x, job.main_of(i), job.auxiliary_of(i), false).nll;
        batch.push(&Fit {
            parameters: x.to_vec(),
            nll,
            edm: 0.0,
            evaluations: 1,
            status: if nll.is_finite() { Status::NothingFree } else { Status::NotFinite },
            negative_bin: problem.first_negative(x).map_or(-1, |b| b as i32),
        });
    }
    batch
}

fn check(problem: &dyn Problem, job: &FitJob<'_>) -> Result<()> {
    let n = problem.n_parameters();
    let lengths = [
        ("main data", job.main.len(), problem.n_main() * job.n_fits),
        ("auxiliary data", job.auxiliary.len(), problem.n_auxiliary() * job.n_fits),
        ("fixed flags", job.fixed.len(), n),
    ];
    for (what, got, want) in lengths {
        if got != want {
            return Err(Error::Argument(format!("{what}: {got} values where {want} are needed")));
        }
    }
    if job.start.len() != n && job.start.len() != n * job.n_fits {
        return Err(Error::Argument(format!(
            "start: {} values where {n} or {} are needed",
            job.start.len(),
            n * job.n_fits
        )));
    }
    let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
    if !finite(job.main) || !finite(job.auxiliary) || !finite(job.start) {
        return Err(Error::Argument("data and start values must be finite numbers".into()));
    }
    if let Some(i) = job.main.iter().position(|v| *v < 0.0) {
        return Err(Error::Argument(format!(
            "main data: bin {} of dataset {} is negative",
            i % problem.n_main().max(1),
            i / problem.n_main().max(1)
        )));
    }
    let (lower, upper) = (problem.lower(), problem.upper());
    for (i, x) in job.start.iter().enumerate() {
        let k = i % n;
        if !job.fixed[k] && (*x < lower[k] || *x > upper[k]) {
            return Err(Error::Argument(format!(
                "start: parameter {k} = {x} is outside its bounds [{}, {}]",
                lower[k], upper[k]
            )));
        }
    }
    Ok(())
}
