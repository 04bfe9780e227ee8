//! Statements by toys: which one, how its toys are thrown, and what it says of them.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::session::{FitOptions, GofToys, Hypothesis, IntervalOptions, LimitOptions, ToyTest};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asking::{Asking, ask};
use crate::convert::{argument, raise, tolerance};
use crate::options::{self, Held};
use crate::statements;
use crate::work::{Control, long};

/// A statement as Python asks for it; what it has no use for is not looked at.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    kind: String,
    mu: f64,
    poi: Option<String>,
    statistic: String,
    confidence_level: f64,
    values: Vec<f64>,
    fix: Held,
    edm: Option<f64>,
    seed: u64,
    range: (u64, u64),
    chunk: usize,
    error: Option<f64>,
    observed_only: bool,
}

/// The same as the library has it.
pub(crate) enum Statement {
    Hypotest(ToyTest),
    Discovery(ToyTest),
    Limit(ToyTest, LimitOptions),
    Interval(ToyTest, IntervalOptions),
    Gof(GofToys, FitOptions),
}

impl Asked {
    pub(crate) fn statement(&self) -> PyResult<Statement> {
        let statistic: TestStatistic = self.statistic.parse().map_err(raise)?;
        let confidence_level = self.confidence_level;
        let values = self.values.clone();
        Ok(match self.kind.as_str() {
            "cls" => Statement::Hypotest(self.test(statistic)?),
            "discovery" => Statement::Discovery(self.test(TestStatistic::Q0)?),
            "limit" => {
                let test = options::test(self.poi.clone(), &self.statistic, self.edm)?;
                let options = LimitOptions { test, confidence_level, values };
                Statement::Limit(self.test(statistic)?, options)
            }
            "interval" => {
                let options = IntervalOptions { confidence_level, values };
                Statement::Interval(self.test(statistic)?, options)
            }
            "gof" => {
                let toys = GofToys { seed: self.seed, range: self.range(), chunk: self.chunk };
                Statement::Gof(toys, options::fit(self.fix.clone(), self.edm)?)
            }
            other => return Err(argument(format!("there is no {other} by toys"))),
        })
    }

    /// Parameters that the session's model holds: a goodness of fit holds them in its fits.
    pub(crate) fn held(&self) -> Held {
        if self.kind == "gof" { Held::new() } else { self.fix.clone() }
    }

    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    fn range(&self) -> Range<u64> {
        self.range.0..self.range.1
    }

    fn test(&self, statistic: TestStatistic) -> PyResult<ToyTest> {
        Ok(ToyTest {
            poi: self.poi.clone(),
            mu: self.mu,
            statistic,
            seed: self.seed,
            stream: 0,
            range: self.range(),
            error: self.error,
            alternative: !(self.observed_only && statistic == TestStatistic::Q0),
            keep_values: !self.observed_only,
            chunk: self.chunk,
            tolerance: tolerance(self.edm, Tolerance::default())?,
        })
    }
}

/// Toys of a range, once for each hypothesis.
fn toys(range: &Range<u64>, hypotheses: u64) -> u64 {
    hypotheses * (range.end - range.start)
}

/// Hypotheses that a test throws toys of.
fn hypotheses(test: &ToyTest) -> u64 {
    if test.alternative { 2 } else { 1 }
}

/// Counts toys of tests at several values: how many values are left is heard with the first toys of each.
fn counting(control: &Control, each: u64) -> impl FnMut(usize, u64) + '_ {
    let (mut left_before, mut values) = (usize::MAX, 0);
    move |left, n| {
        if left != left_before {
            (left_before, values) = (left, values + 1);
            control.expect((values + left as u64) * each);
        }
        control.add(n);
    }
}

/// A test whose toys are thrown by `work`.
fn throw<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    test: ToyTest,
    work: impl FnOnce(&ToyTest, &AtomicBool, &mut dyn FnMut(Hypothesis, u64)) -> neyman::Result<T>
    + Send
    + 'static,
) -> PyResult<T> {
    long(py, progress, move |control: &Control| {
        control.expect(toys(&test.range, hypotheses(&test)));
        work(&test, &control.stop, &mut |_, n| control.add(n))
    })
}

/// What a likelihood says by toys that it throws itself.
pub(crate) fn run<'py>(
    py: Python<'py>,
    asking: Asking,
    asked: &Asked,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    match asked.statement()? {
        Statement::Hypotest(test) => {
            let found = throw(
                py,
                progress,
                test,
                move |test, stop, heard| ask!(&asking, hypotest_toys(test; stop, heard)),
            )?;
            statements::hypotest_toys(py, found)
        }
        Statement::Discovery(test) => {
            let found = throw(
                py,
                progress,
                test,
                move |test, stop, heard| ask!(&asking, discovery_toys(test; stop, heard)),
            )?;
            statements::discovery_toys(py, found)
        }
        Statement::Limit(test, options) => {
            let found = long(py, progress, move |control: &Control| {
                let mut count = counting(control, toys(&test.range, 2));
                let mut heard = |left, _, n| count(left, n);
                ask!(&asking, limit_toys(&test, &options; &control.stop, &mut heard))
            })?;
            statements::limit_toys(py, found)
        }
        Statement::Interval(test, options) => {
            let found = long(py, progress, move |control: &Control| {
                let mut count = counting(control, toys(&test.range, 1));
                ask!(&asking, feldman_cousins(&test, &options; &control.stop, &mut count))
            })?;
            statements::interval(py, found)
        }
        Statement::Gof(thrown, options) => {
            let (session, data) = asking.binned("goodness of fit").map_err(raise)?;
            let found = long(py, progress, move |control: &Control| {
                control.expect(toys(&thrown.range, 1));
                let mut heard = |n| control.add(n);
                session.goodness_of_fit_toys(&thrown, &data, &options, &control.stop, &mut heard)
            })?;
            statements::gof_toys(py, found)
        }
    }
}
