//! Upper limits by CLs from toys, around the asymptotic ones.

use std::sync::atomic::{AtomicBool, Ordering};

use super::likelihood::Likelihood;
use super::limit::{Limit, LimitOptions, limit};
use super::pending_test::PendingTest;
use super::place::Place;
use super::toy_test::{Hypothesis, ToyHypotest, ToyTest, pending, throw};
use super::{Session, TestOptions};
use crate::infer::crossing::{Point, crossing};
use crate::model::Data;
use crate::{Error, Result};

/// Values tested between the lowest and the highest asymptotic limit, in equal ratios.
const GRID: usize = 10;
/// How far beyond these limits the values go.
const BEYOND: f64 = 1.3;

/// Upper limits by toys.
#[derive(Debug, Clone)]
pub struct ToyLimit {
    /// The asymptotic limits that the values were chosen by.
    pub asymptotic: Limit,
    /// Observed limit and its Monte Carlo error; `None` where CLs does not cross the level.
    pub observed: Option<(f64, f64)>,
    /// Limits expected under background alone, from -2 to +2 sigma, with their errors.
    pub expected: [Option<(f64, f64)>; 5],
    /// The tests, by rising value; observed and expected limits share them. Without the toys' values.
    pub points: Vec<ToyHypotest>,
    /// False where it was stopped before all values were tested.
    pub complete: bool,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// Limits by toys at values that were chosen: what remains are their tests.
#[derive(Debug, Clone)]
pub struct LimitToys {
    asymptotic: Limit,
    level: f64,
    values: usize,
    points: Vec<ToyHypotest>,
    notes: Vec<String>,
}

impl LimitToys {
    /// The test of the next value, by rising value. Its toys' values are not kept.
    pub fn add(&mut self, mut point: ToyHypotest) {
        for ensemble in [&mut point.tested, &mut point.alternative] {
            ensemble.values = Vec::new();
        }
        self.points.push(point);
    }

    /// Where CLs falls through the level, with the errors of the points carried over.
    pub fn conclude(self) -> ToyLimit {
        let Self { asymptotic, level, values, points, mut notes } = self;
        let complete = points.len() == values && points.iter().all(|p| p.complete);
        let of = |p: &dyn Fn(&ToyHypotest) -> (f64, f64)| {
            let point = |test: &ToyHypotest| {
                let (p, error) = p(test);
                Point { x: test.mu, p, error }
            };
            crossing(&points.iter().map(point).collect::<Vec<_>>(), level)
        };
        let observed = of(&|t| (t.cls.cls(), t.cls.error()));
        let expected =
            std::array::from_fn(|k| of(&|t| (t.expected.cls[k], t.expected.cls_error[k])));
        if observed.is_none() || expected.iter().any(Option::is_none) {
            notes.push(format!(
                "CLs by toys does not cross {level:.3} everywhere: test other values"
            ));
        }
        ToyLimit { asymptotic, observed, expected, points, complete, notes }
    }
}

impl Session {
    /// Upper limits on the parameter of interest: CLs by toys at values around the asymptotic limits, or at
    /// those of `options.values` alone where there are any, and where it falls through
    /// `1 - confidence level`, with the errors of the points carried over. `test` says how many toys; its
    /// parameter, value and statistic are those of `options`. `progress` hears of each test how many there
    /// are to come, and how many toys came to an end.
    ///
    /// # Errors
    /// As [`limit`](Self::limit) and [`hypotest_toys`](Self::hypotest_toys).
    pub fn limit_toys(
        &self,
        test: &ToyTest,
        options: &LimitOptions,
        data: &Data,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, Hypothesis, u64),
    ) -> Result<ToyLimit> {
        limit_toys(self, test, options, data, stop, progress)
    }

    /// The fits to the data that [`limit_toys`](Self::limit_toys) begins with, and its tests by rising value:
    /// for toys that are thrown elsewhere.
    ///
    /// # Errors
    /// As [`limit`](Self::limit) and [`prepare_toy_test`](Self::prepare_toy_test).
    pub fn prepare_limit_toys(
        &self,
        test: &ToyTest,
        options: &LimitOptions,
        data: &Data,
    ) -> Result<(LimitToys, Vec<PendingTest>)> {
        let (limit, _, pending) = prepare(self, test, options, data)?;
        Ok((limit, pending))
    }
}

/// Limits by toys of any likelihood.
pub(super) fn limit_toys<L: Likelihood>(
    likelihood: &L,
    test: &ToyTest,
    options: &LimitOptions,
    data: &L::Data,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize, Hypothesis, u64),
) -> Result<ToyLimit> {
    let (mut limit, place, pending) = prepare(likelihood, test, options, data)?;
    for (left, pending) in (0..pending.len()).rev().zip(pending) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut heard = |hypothesis, toys| progress(left, hypothesis, toys);
        limit.add(throw(&*place, pending, stop, &mut heard)?);
    }
    Ok(limit.conclude())
}

/// What limits by toys begin with, their tests by rising value, and where toys are fitted.
pub(super) fn prepare<'a, L: Likelihood>(
    likelihood: &'a L,
    test: &ToyTest,
    options: &LimitOptions,
    data: &L::Data,
) -> Result<(LimitToys, Place<'a, L>, Vec<PendingTest>)> {
    let asymptotic = limit(likelihood, data, options)?;
    let values = match options.values.is_empty() {
        true => values_around(&asymptotic)?,
        false => {
            let mut values = options.values.clone();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        }
    };
    let TestOptions { poi, statistic, .. } = &options.test;
    let test = ToyTest { poi: poi.clone(), statistic: *statistic, ..test.clone() };
    let (place, pending) = pending(likelihood, &test, &values, data)?;
    let limit = LimitToys {
        asymptotic,
        level: 1.0 - options.confidence_level,
        values: values.len(),
        points: Vec::new(),
        notes: pending.first().map_or_else(Vec::new, |p| p.notes.clone()),
    };
    Ok((limit, place, pending))
}

fn values_around(limit: &Limit) -> Result<Vec<f64>> {
    let known = limit.expected.iter().chain([&limit.observed]).flatten().copied();
    let known: Vec<f64> = known.filter(|l| *l > 0.0).collect();
    let lowest = known.iter().copied().fold(f64::INFINITY, f64::min) / BEYOND;
    let highest = known.iter().copied().fold(0.0, f64::max) * BEYOND;
    if known.is_empty() {
        let message = "there is no asymptotic limit to look around: give the values to be tested";
        return Err(Error::Convergence(message.into()));
    }
    let ratio = (highest / lowest).powf(1.0 / (GRID - 1) as f64);
    Ok((0..GRID).map(|i| lowest * ratio.powi(i as i32)).collect())
}
