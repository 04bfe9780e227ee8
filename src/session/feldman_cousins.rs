//! Confidence intervals by inversion of a two-sided test (G. J. Feldman, R. D. Cousins, Phys. Rev. D 57
//! (1998) 3873, arXiv:physics/9711021): the values of a parameter that toys do not exclude.

use std::sync::atomic::{AtomicBool, Ordering};

use super::hypotheses::within;
use super::likelihood::Likelihood;
use super::pending_test::PendingTest;
use super::place::Place;
use super::toy_test::{Hypothesis, ToyHypotest, ToyTest, pending, throw};
use super::{FitOptions, Session};
use crate::infer::Fraction;
use crate::model::Data;
use crate::{Error, Result};

/// Values tested where none are given.
const VALUES: usize = 21;
/// How far around the best fit, in standard deviations of the parameter.
const REACH: f64 = 4.0;

/// What an interval may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalOptions {
    /// Confidence level.
    pub confidence_level: f64,
    /// Values to be tested; none: 21 within four standard deviations around the best fit, within the
    /// declared bounds.
    pub values: Vec<f64>,
}

/// One value of the parameter.
#[derive(Debug, Clone)]
pub struct ToyIntervalPoint {
    /// The value.
    pub mu: f64,
    /// The data's test statistic.
    pub test_statistic: f64,
    /// The value of it that the confidence level's part of the toys stays below.
    pub critical: f64,
    /// Toys at or above the data's.
    pub p_value: Fraction,
    /// Seed of this value's toys.
    pub seed: u64,
    /// Toys thrown.
    pub toys: u64,
    /// Numbers of those that failed.
    pub failed: Vec<u64>,
}

/// A confidence interval.
#[derive(Debug, Clone)]
pub struct ToyInterval {
    /// The parameter.
    pub parameter: String,
    /// Confidence level.
    pub confidence_level: f64,
    /// Lower end: between the lowest accepted value and the one before it, by the p-value; `None` where
    /// the lowest value tested is accepted and is no bound of the statistic.
    pub lower: Option<f64>,
    /// Upper end; `None` where the highest value tested is accepted.
    pub upper: Option<f64>,
    /// All values tested, rising.
    pub points: Vec<ToyIntervalPoint>,
    /// False where it was stopped before all values were tested.
    pub complete: bool,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// An interval by toys at values that were chosen: what remains are their tests.
#[derive(Debug, Clone)]
pub struct IntervalToys {
    parameter: String,
    level: f64,
    bounds: (f64, f64),
    values: usize,
    points: Vec<ToyIntervalPoint>,
    notes: Vec<String>,
}

impl IntervalToys {
    /// The test of the next value, by rising value. One that was stopped early does not count.
    pub fn add(&mut self, test: ToyHypotest) {
        if test.complete {
            self.points.push(point(test, self.level));
        }
    }

    /// The values that are not excluded.
    pub fn conclude(self) -> ToyInterval {
        let (lower, upper) = ends(&self.points, 1.0 - self.level, self.bounds);
        ToyInterval {
            parameter: self.parameter,
            confidence_level: self.level,
            lower,
            upper,
            complete: self.points.len() == self.values,
            points: self.points,
            notes: self.notes,
        }
    }
}

impl Session {
    /// The values of a parameter that `data` do not exclude at the confidence level, by toys thrown from
    /// the best fit with the parameter held at each value. `test` says how many toys, which parameter and
    /// which statistic: ttilde where it is not negative, tmu else. `progress` hears how many values are to
    /// come, and how many toys came to an end.
    ///
    /// # Errors
    /// Where the statistic is one-sided or the level is not between 0 and 1, and as
    /// [`hypotest_toys`](Self::hypotest_toys).
    pub fn feldman_cousins(
        &self,
        test: &ToyTest,
        options: &IntervalOptions,
        data: &Data,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, u64),
    ) -> Result<ToyInterval> {
        feldman_cousins(self, test, options, data, stop, progress)
    }

    /// The fits to the data that [`feldman_cousins`](Self::feldman_cousins) begins with, and its tests by
    /// rising value: for toys that are thrown elsewhere.
    ///
    /// # Errors
    /// As [`feldman_cousins`](Self::feldman_cousins).
    pub fn prepare_feldman_cousins(
        &self,
        test: &ToyTest,
        options: &IntervalOptions,
        data: &Data,
    ) -> Result<(IntervalToys, Vec<PendingTest>)> {
        let (interval, _, pending) = prepare(self, test, options, data)?;
        Ok((interval, pending))
    }
}

/// An interval of any likelihood's parameter.
pub(super) fn feldman_cousins<L: Likelihood>(
    likelihood: &L,
    test: &ToyTest,
    options: &IntervalOptions,
    data: &L::Data,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize, u64),
) -> Result<ToyInterval> {
    let (mut interval, place, pending) = prepare(likelihood, test, options, data)?;
    for (left, pending) in (0..pending.len()).rev().zip(pending) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut heard = |_: Hypothesis, toys| progress(left, toys);
        interval.add(throw(&*place, pending, stop, &mut heard)?);
    }
    Ok(interval.conclude())
}

/// What an interval begins with, its tests by rising value, and where toys are fitted.
pub(super) fn prepare<'a, L: Likelihood>(
    likelihood: &'a L,
    test: &ToyTest,
    options: &IntervalOptions,
    data: &L::Data,
) -> Result<(IntervalToys, Place<'a, L>, Vec<PendingTest>)> {
    let level = options.confidence_level;
    if !(level > 0.0 && level < 1.0) {
        let message = format!("confidence level {level}: between 0 and 1 is needed");
        return Err(Error::Argument(message));
    }
    if test.statistic.is_one_sided() {
        let message = format!("intervals need tmu or ttilde, not {}", test.statistic);
        return Err(Error::Argument(message));
    }
    let poi = likelihood.poi(test.poi.as_deref())?;
    let mut values = match options.values.is_empty() {
        true => values_around_best(likelihood, test, poi, data)?,
        false => options.values.clone(),
    };
    values.sort_by(f64::total_cmp);
    values.dedup();
    let test = ToyTest { alternative: false, keep_values: true, error: None, ..test.clone() };
    let (place, pending) = pending(likelihood, &test, &values, data)?;
    let interval = IntervalToys {
        parameter: likelihood.name(poi).to_owned(),
        level,
        bounds: pending.first().map_or((f64::NAN, f64::NAN), |p| p.bounds),
        values: pending.len(),
        points: Vec::new(),
        notes: pending.first().map_or_else(Vec::new, |p| p.notes.clone()),
    };
    Ok((interval, place, pending))
}

fn values_around_best<L: Likelihood>(
    likelihood: &L,
    test: &ToyTest,
    poi: usize,
    data: &L::Data,
) -> Result<Vec<f64>> {
    let options = FitOptions { fix: vec![], tolerance: test.tolerance };
    let (fit, _) = likelihood.fit_all_minima(data, &options)?;
    let (low, high) = test.statistic.bounds(likelihood.bounds(poi), f64::NEG_INFINITY);
    let (low, high) = within(likelihood, poi, (low, high));
    let known = fit.uncertainties.get(poi).copied().filter(|u| *u > 0.0);
    let reach = known.map_or(high - low, |u| REACH * u);
    let best = fit.parameters[poi];
    let (first, last) = ((best - reach).max(low), (best + reach).min(high));
    let step = (last - first) / (VALUES - 1) as f64;
    Ok((0..VALUES).map(|i| if i + 1 == VALUES { last } else { first + step * i as f64 }).collect())
}

fn point(test: ToyHypotest, level: f64) -> ToyIntervalPoint {
    ToyIntervalPoint {
        mu: test.mu,
        test_statistic: test.test_statistic,
        critical: test.tested.distribution().quantile(level),
        p_value: test.cls.clsb,
        seed: test.tested.seed,
        toys: test.tested.finished,
        failed: test.tested.failed,
    }
}

/// Ends of the hull of the accepted values: between two neighbours where the p-value passes `alpha`, linear
/// in it.
fn ends(points: &[ToyIntervalPoint], alpha: f64, bounds: (f64, f64)) -> (Option<f64>, Option<f64>) {
    let accepted = |p: &ToyIntervalPoint| p.p_value.value() >= alpha;
    let between = |inside: &ToyIntervalPoint, outside: Option<&ToyIntervalPoint>, bound: f64| {
        let Some(outside) = outside else { return (inside.mu == bound).then_some(bound) };
        let (a, b) = (inside.p_value.value(), outside.p_value.value());
        Some(inside.mu + (outside.mu - inside.mu) * (a - alpha) / (a - b))
    };
    let (first, last) = (points.iter().position(accepted), points.iter().rposition(accepted));
    let lower = first
        .and_then(|i| between(&points[i], i.checked_sub(1).and_then(|i| points.get(i)), bounds.0));
    let upper = last.and_then(|i| between(&points[i], points.get(i + 1), bounds.1));
    (lower, upper)
}
