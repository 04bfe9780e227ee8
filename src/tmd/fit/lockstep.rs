//! Many fits side by side, the points that they want evaluated in one batch: for devices, which are slow to start
//! and wide.

use rayon::prelude::*;

use super::data::Data;
use super::problem::LeastSquares;
use super::{FitOptions, FitResult, at_start, checked, concluded, fit, job};
use crate::error::Result;
use crate::fit::Search;
use crate::tmd::Evaluate;

/// Fits on their way at a time: each keeps the derivatives of all points.
const MOST: usize = 1024;

/// As [`super::fit_all`] says.
pub(super) fn fit_all(
    from: &dyn Evaluate,
    data: &[Data],
    options: &FitOptions,
) -> Result<Vec<FitResult>> {
    let parts = data.chunks(MOST).map(|data| together(from, data, options));
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

fn together(from: &dyn Evaluate, data: &[Data], options: &FitOptions) -> Result<Vec<FitResult>> {
    let Some(first) = data.first() else { return Ok(Vec::new()) };
    let free = checked(from.plan(), first, options)?;
    for data in data {
        super::check_data(from.plan(), data)?;
    }
    let start = free.fitted(&options.start);
    if start.is_empty() {
        // no steps to take together
        return data.iter().map(|data| fit(from, data, options)).collect();
    }
    let fixed = vec![false; start.len()];
    let job = job(&start, &fixed, options.tolerance);
    let at = at_start(from, options)?;
    let new = |data| LeastSquares::new(from, data, &free, &options.start);
    let problems: Vec<LeastSquares<'_>> = data.iter().map(new).collect();
    let search = |problem| {
        LeastSquares::tell(problem, &start, Some(&at));
        Search::new(problem, &job, 0, &start)
    };
    let mut searches: Vec<Search<'_>> = problems.par_iter().map(search).collect();
    loop {
        let going = searches.iter_mut().zip(&problems).filter(|(s, _)| s.wanted().is_some());
        let mut going: Vec<(&mut Search<'_>, &LeastSquares<'_>)> = going.collect();
        if going.is_empty() {
            break;
        }
        let points: Vec<Vec<f64>> =
            going.iter().filter_map(|(search, _)| search.wanted().map(<[f64]>::to_vec)).collect();
        evaluate(from, points.iter().zip(going.iter().map(|(_, problem)| *problem)), |point| {
            free.all(&options.start, point)
        })?;
        going.par_iter_mut().for_each(|(search, _)| search.advance());
    }
    let found: Vec<_> = searches.into_iter().map(Search::finish).collect();
    // the last point of a search need not be its best
    let elsewhere = found.iter().map(|fit| &fit.parameters).zip(&problems);
    let elsewhere: Vec<_> = elsewhere.filter(|(at, problem)| !problem.knows(at)).collect();
    evaluate(from, elsewhere.into_iter(), |point| free.all(&options.start, point))?;
    let end = |((fit, problem), data)| {
        concluded(from, data, &free, problem, options, fit, &mut |_, _| true)
    };
    found.into_par_iter().zip(&problems).zip(data).map(end).collect()
}

/// Evaluates all points at once and tells each problem of its own.
fn evaluate<'a, 'b: 'a>(
    from: &dyn Evaluate,
    points: impl Iterator<Item = (&'a Vec<f64>, &'a LeastSquares<'b>)>,
    all: impl Fn(&[f64]) -> Vec<f64>,
) -> Result<()> {
    let (points, problems): (Vec<_>, Vec<_>) = points.unzip();
    let rows: Vec<f64> = points.iter().flat_map(|point| all(point)).collect();
    let said = from.rows(&rows, true)?;
    points
        .into_par_iter()
        .zip(problems)
        .zip(said)
        .for_each(|((point, problem), said)| problem.tell(point, said.as_ref().ok()));
    Ok(())
}
