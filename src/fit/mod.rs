//! Maximum likelihood: one fit, or thousands in lockstep. Knows nothing of HistFactory: it sees an
//! [`Accelerator`] that evaluates, and minimizes.

pub mod covariance;
mod direction;
mod inverse;
mod ladder;
mod lockstep;
mod newton;
mod options;
mod own;
mod vectors;

use rayon::prelude::*;

pub use crate::accelerator::{Fit, FitBatch, FitJob, Status, Tolerance};
pub use covariance::{Covariance, covariance};
pub(crate) use newton::Search;
pub use options::FitOptions;

use crate::accelerator::{Accelerator, DeviceFits, End, Outcome, Problem, Stages, points};
use crate::{Error, Result};
use ladder::Ladder;
use lockstep::{Preconditioner, Run, Task};

/// Fits of one thread at a time: enough to keep its lanes full, few enough to share out evenly.
const SHARE: usize = 256;
/// Evaluations after which a fit gets its own curvature instead of the shared one.
const SHARED_PATIENCE: u32 = 24;
/// Evaluations with its own curvature after which a fit goes to the Newton minimizer.
const OWN_PATIENCE: u32 = 60;
/// Such fits must come closer: the expected curvature can be far from the observed one where they
/// are, and their estimated distance was seen 100 times too small (1 in 400 of atlas_ttbar_ljets_xsec).
const OWN_CAUTION: f64 = 0.03;

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
    let ladder = Ladder::new(problem.curvature(job.start_of(0)), job.fixed);
    let limit = job.tolerance.evaluations;
    let own = problem.n_main() <= own::MOST_BINS && limit > SHARED_PATIENCE;
    let stages = Stages {
        shared: &ladder,
        shared_patience: SHARED_PATIENCE.min(limit),
        shared_edm: job.tolerance.edm,
        own_patience: own.then_some(OWN_PATIENCE.min(limit)),
        own_edm: OWN_CAUTION * job.tolerance.edm,
    };
    let host = device.host();
    let mut batch = FitBatch::with_capacity(job.n_fits, problem.n_parameters());
    let mut done = vec![None; job.n_fits];
    let mut second_stage_done = vec![false; job.n_fits];
    if let Some(fits) = device.minimize(job, &stages) {
        let DeviceFits { outcomes, own_stage, failure } = fits?;
        let finished = |o: &Option<Outcome>| o.as_ref().is_some_and(|o| o.end == End::Converged);
        batch.on_host = outcomes.iter().filter(|o| !finished(o)).count();
        batch.failure = failure;
        second_stage_done = outcomes.iter().map(|o| own_stage && o.is_some()).collect();
        done = outcomes;
    }
    let outcomes = on_host(host, job, &stages, &ladder, done, &second_stage_done)?;
    let finish = |(i, outcome)| conclude(host, job, i, outcome);
    let fits: Vec<Fit> =
        if outcomes.len() <= SHARE && outcomes.iter().all(|o| o.end == End::Converged) {
            outcomes.into_iter().enumerate().map(finish).collect()
        } else {
            outcomes.into_par_iter().enumerate().map(finish).collect()
        };
    fits.iter().for_each(|fit| batch.push(fit));
    Ok(batch)
}

/// The lockstep's two stages on the processor, for fits that are not `done`.
fn on_host(
    host: &dyn Accelerator,
    job: &FitJob<'_>,
    stages: &Stages<'_>,
    ladder: &Ladder<'_>,
    mut done: Vec<Option<Outcome>>,
    second_stage_done: &[bool],
) -> Result<Vec<Outcome>> {
    let missing: Vec<usize> = (0..job.n_fits).filter(|&i| done[i].is_none()).collect();
    let tasks: Vec<Task<'_>> =
        missing.iter().map(|&fit| Task { fit, start: job.start_of(fit) }).collect();
    let limits = (stages.shared_patience, stages.shared_edm);
    let first = lockstep(host, job, Preconditioner::Shared(ladder), &tasks, limits)?;
    for (&i, outcome) in missing.iter().zip(first) {
        done[i] = Some(outcome);
    }
    let mut outcomes: Vec<Outcome> = done.into_iter().flatten().collect();
    let Some(patience) = stages.own_patience else { return Ok(outcomes) };
    let stragglers: Vec<usize> = (0..outcomes.len())
        .filter(|&i| outcomes[i].end == End::Straggler && !second_stage_done[i])
        .collect();
    let tasks: Vec<Task<'_>> =
        stragglers.iter().map(|&fit| Task { fit, start: &outcomes[fit].parameters }).collect();
    let second = lockstep(host, job, Preconditioner::Own, &tasks, (patience, stages.own_edm))?;
    for (i, mut outcome) in stragglers.into_iter().zip(second) {
        outcome.evaluations += outcomes[i].evaluations;
        outcomes[i] = outcome;
    }
    Ok(outcomes)
}

/// Fit `i` of the job once more from `from` by Newton's method with the observed Hessian: its distance
/// to the minimum is then measured with the curvature at hand, not estimated. Some milliseconds.
pub fn refine(device: &dyn Accelerator, job: &FitJob<'_>, i: usize, from: &[f64]) -> Fit {
    newton(device.problem(), job, i, from)
}

/// The same for any likelihood, with no device: fit `i` of the job by Newton's method with the observed Hessian.
pub fn newton(problem: &dyn Problem, job: &FitJob<'_>, i: usize, from: &[f64]) -> Fit {
    if job.fixed.iter().all(|f| *f) {
        return value_at(problem, job, i);
    }
    let mut search = Search::new(problem, job, i, from);
    while search.wanted().is_some() {
        search.advance();
    }
    search.finish()
}

/// Share the tasks out over threads; outcomes in the order of the tasks.
fn lockstep(
    device: &dyn Accelerator,
    job: &FitJob<'_>,
    preconditioner: Preconditioner<'_>,
    tasks: &[Task<'_>],
    (patience, edm): (u32, f64),
) -> Result<Vec<Outcome>> {
    // whole blocks of lanes; a single share stays on this thread, which a small fit would feel
    let share = tasks.len().div_ceil(rayon::current_num_threads());
    let share = share.next_multiple_of(device.lanes()).clamp(1, SHARE);
    let run = |tasks| {
        pulp::Arch::new().dispatch(Run { device, job, preconditioner, tasks, patience, edm })
    };
    if tasks.len() <= share {
        return if tasks.is_empty() { Ok(Vec::new()) } else { run(tasks) };
    }
    let outcomes = tasks.par_chunks(share).map(run).collect::<Result<Vec<_>>>()?;
    Ok(outcomes.into_iter().flatten().collect())
}

/// NLL with all constants, `[n_points]`, and gradient, `[n_points, n_parameters]`, of one dataset
/// at many points, `[n_points, n_parameters]`.
///
/// # Errors
/// Where the points are not whole rows of finite numbers.
pub fn evaluate(
    device: &dyn Accelerator,
    points: &[f64],
    main: &[f64],
    auxiliary: &[f64],
) -> Result<(Vec<f64>, Vec<f64>)> {
    let n = device.problem().n_parameters();
    if n == 0 || !points.len().is_multiple_of(n) || points.iter().any(|x| !x.is_finite()) {
        return Err(Error::Argument(format!("points: rows of {n} finite numbers are needed")));
    }
    let constant = device.problem().constant(main, auxiliary);
    let (mut nll, gradient) = points::evaluate(device, points, main, auxiliary)?;
    nll.iter_mut().for_each(|v| *v += constant);
    Ok((nll, gradient))
}

/// Finish what the lockstep left: stragglers by Newton, constants, flags.
fn conclude(device: &dyn Accelerator, job: &FitJob<'_>, i: usize, outcome: Outcome) -> Fit {
    let constant = device.problem().constant(job.main_of(i), job.auxiliary_of(i));
    let mut fit = Fit {
        parameters: outcome.parameters,
        nll: outcome.nll + constant,
        edm: outcome.edm,
        evaluations: outcome.evaluations,
        status: Status::Converged,
        negative_bin: outcome.negative_bin,
    };
    if outcome.end != End::Converged {
        let evaluations = fit.evaluations;
        fit = refine(device, job, i, &fit.parameters);
        fit.evaluations += evaluations;
    }
    fit
}

/// Derivative to go by at a kink, and the side to go to: the steeper one of those that lead down, or
/// 0 and 0 where the likelihood rises to both.
fn leave_kink(right: f64, left: f64) -> (f64, f64) {
    if right < 0.0 && -right >= left {
        (right, 1.0)
    } else if left > 0.0 {
        (left, -1.0)
    } else {
        (0.0, 0.0)
    }
}

fn evaluate_only(problem: &dyn Problem, job: &FitJob<'_>) -> FitBatch {
    let mut batch = FitBatch::with_capacity(job.n_fits, problem.n_parameters());
    (0..job.n_fits).for_each(|i| batch.push(&value_at(problem, job, i)));
    batch
}

/// Nothing to fit: the likelihood at the start.
fn value_at(problem: &dyn Problem, job: &FitJob<'_>, i: usize) -> Fit {
    let x = job.start_of(i);
    let nll = problem.derivatives(x, job.main_of(i), job.auxiliary_of(i), false).nll;
    Fit {
        parameters: x.to_vec(),
        nll,
        edm: 0.0,
        evaluations: 1,
        status: if nll.is_finite() { Status::NothingFree } else { Status::NotFinite },
        negative_bin: problem.first_negative(x).map_or(-1, |b| b as i32),
    }
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

#[cfg(test)]
mod tests;
