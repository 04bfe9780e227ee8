//! Least squares: the parameters whose predictions lie nearest to the data.

mod data;
mod descent;
mod free;
mod lockstep;
mod problem;
mod told;

use std::sync::atomic::{AtomicBool, Ordering};

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::{Evaluate, Plan};
use crate::accelerator::Problem;
use crate::error::{Error, Result};
use crate::fit::{Fit, FitJob, Search, Status, Tolerance, newton};
use free::Free;
use problem::LeastSquares;
use told::told;

pub use data::Data;
pub use descent::{Descended, Descent, descend};
pub use free::Role;

/// Replicas that are fitted before somebody is asked whether to go on, on threads and in lockstep.
const CHUNK: u64 = 32;
const CHUNK_TOGETHER: u64 = 256;

/// What a fit may be told.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Start values, `[n_parameters]`.
    pub start: Vec<f64>,
    /// Which ones are fitted, `[n_parameters]`.
    pub roles: Vec<Role>,
    /// When to stop.
    pub tolerance: Tolerance,
}

/// A fit with its uncertainties.
#[derive(Debug, Clone, PartialEq)]
pub struct FitResult {
    /// How it ended.
    pub status: Status,
    /// Best-fit values, `[n_parameters]`; those that enter squared are not negative.
    pub parameters: Vec<f64>,
    /// Standard deviations, `[n_parameters]`, 0 for fixed ones and those at a bound. Empty where the data leave a
    /// direction free: [`FitResult::weak`] says which.
    pub uncertainties: Vec<f64>,
    /// `(J' J)^-1` with residuals in units of their errors, `[n_parameters, n_parameters]`, or empty as above.
    pub covariance: Vec<f64>,
    /// Held back by the lower (-1) or upper (+1) bound, or not (0), `[n_parameters]`.
    pub at_bound: Vec<i8>,
    /// Sum of squared residuals.
    pub chi2: f64,
    /// Estimated vertical distance to the minimum of chi2 / 2.
    pub edm: f64,
    /// Evaluations of all points with their derivatives.
    pub evaluations: u32,
    /// Directions that the data hardly determine, weakest first.
    pub weak: Vec<WeakDirection>,
    /// It did not converge in the precision of a device, and the processor went on from there.
    pub on_processor: bool,
}

/// A direction in parameter space along which predictions hardly change.
#[derive(Debug, Clone, PartialEq)]
pub struct WeakDirection {
    /// Singular value of the derivatives in units of each parameter's own, relative to the largest.
    pub strength: f64,
    /// Parameters with their parts in the direction, largest first; small parts are left out.
    pub parts: Vec<(usize, f64)>,
}

/// Least squares by the Levenberg-Marquardt method: the library's Newton minimizer with `J' J` for the Hessian
/// (Levenberg, Q. Appl. Math. 2 (1944) 164; Marquardt, SIAM J. Appl. Math. 11 (1963) 431). `from` is a plan or a
/// [`PlanSession`](super::PlanSession).
///
/// # Errors
///
/// [`Error::Argument`]: lengths that do not fit, start values outside bounds, links to parameters that are not
/// free, shapes without a value at the start. [`Error::Device`] where the device fails. A fit that does not converge
/// is no error: its status says so.
pub fn fit(from: &dyn Evaluate, data: &Data, options: &FitOptions) -> Result<FitResult> {
    fit_while(from, data, options, &mut |_, _| true)
}

/// The same fit; `each` hears of the evaluations before each step and of chi2 there, and ends the fit by returning
/// false. What was reached is then told as a fit at its limit of evaluations.
///
/// # Errors
///
/// As for [`fit`].
pub fn fit_while(
    from: &dyn Evaluate,
    data: &Data,
    options: &FitOptions,
    each: &mut dyn FnMut(u32, f64) -> bool,
) -> Result<FitResult> {
    let free = checked(from.plan(), data, options)?;
    let problem = LeastSquares::new(from, data, &free, &options.start);
    let start = free.fitted(&options.start);
    problem.tell(&start, Some(&at_start(from, options)?));
    let (found, ended) = searched(&problem, options.tolerance, &start, each);
    match ended {
        true => stopped(&problem, &free, options, found),
        false => concluded(from, data, &free, &problem, options, found, each),
    }
}

/// The minimum near `start`, and whether `each` ended the search.
fn searched(
    problem: &LeastSquares<'_>,
    tolerance: Tolerance,
    start: &[f64],
    each: &mut dyn FnMut(u32, f64) -> bool,
) -> (Fit, bool) {
    let fixed = vec![false; start.len()];
    let job = job(start, &fixed, tolerance);
    if start.is_empty() {
        // no steps to take
        return (newton(problem, &job, 0, start), false);
    }
    let mut search = Search::new(problem, &job, 0, start);
    while search.wanted().is_some() {
        let (evaluations, nll) = search.stands();
        if !each(evaluations, 2.0 * nll) {
            return (search.finish(), true);
        }
        search.advance();
    }
    (search.finish(), false)
}

/// A fit as it was left.
fn stopped(
    problem: &LeastSquares<'_>,
    free: &Free,
    options: &FitOptions,
    found: Fit,
) -> Result<FitResult> {
    problem.failure()?;
    let told = told(problem, free, options, found, false);
    problem.failure()?;
    Ok(told)
}

/// One fit without data of its own: the problem has them.
fn job<'a>(start: &'a [f64], fixed: &'a [bool], tolerance: Tolerance) -> FitJob<'a> {
    FitJob { main: &[], auxiliary: &[], n_fits: 1, start, fixed, tolerance }
}

/// The fitted parameters, where all fits together.
fn checked(plan: &Plan, data: &Data, options: &FitOptions) -> Result<Free> {
    let free = Free::new(plan, &options.roles, &options.start)?;
    check_data(plan, data)?;
    Ok(free)
}

/// The evaluation at the start, which must have a value.
fn at_start(from: &dyn Evaluate, options: &FitOptions) -> Result<super::Prediction> {
    let no_row = || Error::Argument("the plan has no parameters".into());
    from.rows(&options.start, true)?.pop().ok_or_else(no_row)?
}

/// A fit as it is told; where a device lacked digits for it, after the processor has gone on.
fn concluded(
    from: &dyn Evaluate,
    data: &Data,
    free: &Free,
    problem: &LeastSquares<'_>,
    options: &FitOptions,
    found: Fit,
    each: &mut dyn FnMut(u32, f64) -> bool,
) -> Result<FitResult> {
    problem.failure()?;
    let tolerance = Tolerance {
        evaluations: options.tolerance.evaluations.saturating_sub(found.evaluations),
        ..options.tolerance
    };
    let left =
        matches!(found.status, Status::Stalled | Status::NotFinite | Status::EvaluationLimit);
    if !left || tolerance.evaluations == 0 || !from.finishes_on_processor() {
        return stopped(problem, free, options, found);
    }
    let problem = LeastSquares::new(from.plan(), data, free, &options.start);
    let before = found.evaluations;
    let mut each = |evaluations, chi2| each(before + evaluations, chi2);
    let (mut found, _) = searched(&problem, tolerance, &found.parameters, &mut each);
    found.evaluations += before;
    Ok(told(&problem, free, options, found, true))
}

/// What the data say at the start of `options`, without a step from there: for points that another method found. Its
/// status is converged where the estimated distance to the minimum is below the tolerance.
///
/// # Errors
///
/// As for [`fit`].
pub fn judge(from: &dyn Evaluate, data: &Data, options: &FitOptions) -> Result<FitResult> {
    let free = checked(from.plan(), data, options)?;
    let problem = LeastSquares::new(from, data, &free, &options.start);
    problem.tell(&free.fitted(&options.start), Some(&at_start(from, options)?));
    let parameters = free.fitted(&options.start);
    let at = problem.derivatives(&parameters, &[], &[], true);
    let gradient = DVector::from_vec(at.gradient);
    let step = at.hessian.and_then(DMatrix::cholesky).map(|factor| factor.solve(&gradient));
    let edm = step.map_or(f64::INFINITY, |step| 0.5 * step.dot(&gradient));
    let status = match edm < options.tolerance.edm {
        true => Status::Converged,
        false => Status::EvaluationLimit,
    };
    let found = Fit { parameters, nll: at.nll, edm, evaluations: 1, status, negative_bin: -1 };
    let told = told(&problem, &free, options, found, false);
    problem.failure()?;
    Ok(told)
}

fn check_data(plan: &Plan, data: &Data) -> Result<()> {
    let (given, needed) = (data.values().len(), plan.n_points());
    match given == needed {
        true => Ok(()),
        false => Err(Error::Argument(format!("{given} values for {needed} points"))),
    }
}

/// The same fit to each of several data; each result is that of [`fit`] to the bit. On the processor they are shared
/// out over threads; on a device they go in lockstep, a step of all one batch of rows.
///
/// # Errors
///
/// The first one's of [`fit`].
pub fn fit_all(from: &dyn Evaluate, data: &[Data], options: &FitOptions) -> Result<Vec<FitResult>> {
    match from.takes_many() {
        true => lockstep::fit_all(from, data, options),
        false => data.par_iter().map(|data| fit(from, data, options)).collect(),
    }
}

/// Fits of replicas 1 to `n` of `data`, by `seed`, from the start of `options`: fewer where `stop` was set on the way.
/// `done` hears of how many are finished.
///
/// # Errors
///
/// As for [`fit_all`].
pub fn fit_replicas(
    from: &dyn Evaluate,
    data: &Data,
    options: &FitOptions,
    n: u64,
    seed: u64,
    stop: &AtomicBool,
    done: &mut dyn FnMut(u64),
) -> Result<Vec<FitResult>> {
    let (mut all, mut next) = (Vec::new(), 1);
    // what lies between two looks at whether to go on
    let chunk = if from.takes_many() { CHUNK_TOGETHER } else { CHUNK };
    while next <= n && !stop.load(Ordering::Relaxed) {
        let end = n.min(next + chunk - 1);
        let data: Vec<Data> = (next..=end).map(|r| data.replica(seed, r)).collect();
        all.extend(fit_all(from, &data, options)?);
        next = end + 1;
        done(end);
    }
    Ok(all)
}
