//! Fits of many data sets whose events lie together on a device: searches side by side, the points that they want
//! evaluated in one call.

use rayon::prelude::*;

use super::problem::job;
use super::{Ended, Found, Scaled, Search};
use crate::error::Result;
use crate::fit::{Fit, FitJob, Search as Steps, Tolerance};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::kernel::Order;
use crate::unbinned::model::{Evaluation, Task, evaluate_all};

/// A fit that could begin.
struct Begun<'a> {
    task: usize,
    problem: Scaled<'a>,
    /// In the minimizer's units.
    start: Vec<f64>,
}

/// As [`UnbinnedModel::fits_from`] says; no part of the events is fitted first.
pub(super) fn fits_from(
    tasks: &[(&UnbinnedModel, &[f64])],
    fixed: &[bool],
    tolerance: Tolerance,
    widths: bool,
) -> Result<Vec<Option<Found>>> {
    let begun = begin(tasks)?;
    let found = minima(&begun, fixed, tolerance)?;
    if widths {
        // the last point of a search need not be its best
        let at = begun.iter().zip(&found).map(|(fit, found)| (fit, &*found.parameters));
        tell(at.filter(|(fit, x)| !fit.problem.knows(x)))?;
    }
    let end = |(fit, found): (Begun<'_>, Fit)| {
        let Begun { task, problem, .. } = fit;
        if !widths {
            let parameters = problem.to_model(&found.parameters, fixed);
            return (task, Fit { parameters, ..found }, Vec::new());
        }
        let search = Search { problem, found, thinned_evaluations: 0 };
        let Ended { found, parameters, covariance } = search.ended(fixed);
        (task, Fit { parameters, ..found }, covariance.uncertainties)
    };
    let ended: Vec<_> = begun.into_par_iter().zip(found).map(end).collect();
    let heights = heights(ended.iter().map(|(task, fit, _)| (tasks[*task].0, &*fit.parameters)))?;
    let mut all: Vec<Option<Found>> = tasks.iter().map(|_| None).collect();
    for ((task, fit, uncertainties), height) in ended.into_iter().zip(heights) {
        all[task] = height.ok().map(|at| Found { fit: Fit { nll: at.nll, ..fit }, uncertainties });
    }
    Ok(all)
}

/// Evaluates all starts.
fn begin<'a>(tasks: &[(&'a UnbinnedModel, &[f64])]) -> Result<Vec<Begun<'a>>> {
    let at = |(model, start): &(&'a UnbinnedModel, &[f64])| Task {
        model,
        theta: start.to_vec(),
        constant: 0.0,
    };
    let starts = evaluate_all(&tasks.iter().map(at).collect::<Vec<_>>(), Order::Hessian)?;
    let one = |((task, (model, start)), at): ((usize, &(&'a UnbinnedModel, &[f64])), Result<_>)| {
        let problem = Scaled::around(model, start, at.ok()?).ok()?;
        Some(Begun { task, start: problem.to_scaled(start), problem })
    };
    Ok(tasks.iter().enumerate().zip(starts).filter_map(one).collect())
}

/// Where the fits end, in the minimizer's units.
fn minima<'b>(begun: &'b [Begun<'_>], fixed: &'b [bool], tolerance: Tolerance) -> Result<Vec<Fit>> {
    let own = |fit: &'b Begun<'_>| job(&fit.start, fixed, fit.problem.tolerance(tolerance));
    let jobs: Vec<FitJob<'_>> = begun.iter().map(own).collect();
    let new = |(fit, job)| {
        let Begun { problem, start, .. }: &Begun<'_> = fit;
        Steps::new(problem, job, 0, start)
    };
    let mut all: Vec<Steps<'_>> = begun.par_iter().zip(&jobs).map(new).collect();
    loop {
        let going = all.iter_mut().zip(begun).filter(|(steps, _)| steps.wanted().is_some());
        let mut going: Vec<(&mut Steps<'_>, &Begun<'_>)> = going.collect();
        if going.is_empty() {
            break;
        }
        // those that are done drop out
        tell(going.iter().filter_map(|(steps, fit)| Some((*fit, steps.wanted()?))))?;
        going.par_iter_mut().for_each(|(steps, _)| steps.advance());
    }
    Ok(all.into_iter().map(Steps::finish).collect())
}

/// Evaluates a point of each of some fits, all at once, and tells each of its own.
fn tell<'p, 'a: 'p>(points: impl Iterator<Item = (&'p Begun<'a>, &'p [f64])>) -> Result<()> {
    let (fits, points): (Vec<_>, Vec<_>) = points.unzip();
    let task = |(fit, x): (&&Begun<'a>, &&[f64])| fit.problem.task(x);
    let tasks: Vec<Task<'_>> = fits.iter().zip(&points).map(task).collect();
    for ((fit, x), said) in fits.iter().zip(points).zip(evaluate_all(&tasks, Order::Hessian)?) {
        fit.problem.tell(x, said.ok());
    }
    Ok(())
}

/// Likelihoods at the ends. Of f32 their differences, the test statistics, would have few digits: there the processor
/// works them out.
fn heights<'a>(
    ends: impl Iterator<Item = (&'a UnbinnedModel, &'a [f64])>,
) -> Result<Vec<Result<Evaluation>>> {
    let at = |(model, theta): (&'a UnbinnedModel, &[f64])| Task {
        model,
        theta: theta.to_vec(),
        constant: 0.0,
    };
    let tasks: Vec<Task<'_>> = ends.map(at).collect();
    if tasks.iter().any(|task| task.model.is_single()) {
        let here = |task: &Task<'_>| task.model.nll_here(&task.theta);
        return Ok(tasks.par_iter().map(here).collect());
    }
    evaluate_all(&tasks, Order::Value)
}
