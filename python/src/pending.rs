//! Statements whose toys are thrown elsewhere: by other processes, on other machines.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::session::{
    Ensemble, EnsemblePlan, Hypothesis, IntervalToys, LimitToys, PendingGof, PendingTest,
    SaturatedToys, ToyHypotest, ToyPlan,
};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asking::{Asking, ask};
use crate::by_toys::{Asked, Statement};
use crate::convert::{argument, array, raise};
use crate::options::Held;
use crate::statements;
use crate::work::{Control, long};

type Answer<'py> = PyResult<Bound<'py, PyDict>>;

/// Toys to be thrown: any part of their range can be thrown apart from the others.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Plan {
    /// Which of the statement's ensembles.
    ensemble: usize,
    pub(crate) fix: Held,
    truth: Vec<f64>,
    seed: u64,
    range: (u64, u64),
    hold: Vec<(usize, f64)>,
    edm: f64,
    evaluations: u32,
    chunk: usize,
    /// None for a goodness of fit.
    test: Option<OfTest>,
}

/// What the toys of a test are reduced to.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct OfTest {
    statistic: String,
    poi: usize,
    mu: f64,
    threshold: Option<f64>,
    keep_values: bool,
    bounds: (f64, f64),
}

/// What came of the toys of a part.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Part<'py> {
    values: PyReadonlyArray1<'py, f64>,
    failed: Vec<u64>,
    finished: u64,
    passing: u64,
    tie: f64,
}

impl Plan {
    fn of_test(ensemble: usize, plan: EnsemblePlan, test: &PendingTest, fix: &Held) -> Self {
        let of = OfTest {
            statistic: plan.statistic.as_str().into(),
            poi: plan.poi,
            mu: plan.mu,
            threshold: plan.threshold,
            keep_values: plan.keep_values,
            bounds: test.bounds,
        };
        let toys = plan.toys();
        Self { test: Some(of), ..Self::of_toys(ensemble, toys, test.test().chunk, fix) }
    }

    fn of_toys(ensemble: usize, toys: ToyPlan, chunk: usize, fix: &Held) -> Self {
        Self {
            ensemble,
            fix: fix.clone(),
            truth: toys.truth,
            seed: toys.seed,
            range: (toys.range.start, toys.range.end),
            hold: toys.hold,
            edm: toys.tolerance.edm,
            evaluations: toys.tolerance.evaluations,
            chunk,
            test: None,
        }
    }

    fn toys(&self) -> ToyPlan {
        ToyPlan {
            truth: self.truth.clone(),
            seed: self.seed,
            range: self.range.0..self.range.1,
            hold: self.hold.clone(),
            keep_data: true,
            tolerance: Tolerance { edm: self.edm, evaluations: self.evaluations },
        }
    }
}

/// Throws the toys of a plan.
pub(crate) fn throw<'py>(py: Python<'py>, asking: Asking, plan: Plan) -> Answer<'py> {
    let (chunk, toys) = (plan.chunk, plan.toys());
    let d = PyDict::new(py);
    let Some(of) = plan.test else {
        let (session, _) = asking.binned("goodness of fit").map_err(raise)?;
        let found = long(py, None, move |control: &Control| {
            session.saturated_toys(&toys, chunk, &control.stop, &mut |n| control.add(n))
        })?;
        d.set_item("finished", found.values.len())?;
        d.set_item("failed", Vec::<u64>::new())?;
        d.set_item("passing", 0)?;
        d.set_item("tie", found.tie)?;
        d.set_item("values", array(py, found.values))?;
        return Ok(d);
    };
    let statistic: TestStatistic = of.statistic.parse().map_err(raise)?;
    let plan = EnsemblePlan {
        statistic,
        poi: of.poi,
        mu: of.mu,
        truth: toys.truth,
        seed: toys.seed,
        range: toys.range,
        tolerance: toys.tolerance,
        threshold: of.threshold,
        keep_values: of.keep_values,
    };
    let found = long(py, None, move |control: &Control| {
        let place = asking.with_bounds(plan.poi, of.bounds)?;
        place.ensemble(&plan, chunk, &control.stop, &mut |n| control.add(n))
    })?;
    d.set_item("finished", found.finished)?;
    d.set_item("failed", found.failed)?;
    d.set_item("passing", found.passing)?;
    d.set_item("tie", found.tie)?;
    d.set_item("values", array(py, found.values))?;
    Ok(d)
}

/// What its toys are for.
enum Purpose {
    Hypotest,
    Discovery,
    Limit(Box<LimitToys>),
    Interval(Box<IntervalToys>),
    /// With the parts that are there, by first toy, and whether they were asked for.
    Gof(Box<PendingGof>, BTreeMap<u64, SaturatedToys>, bool),
}

struct State {
    purpose: Purpose,
    /// Each with two ensembles, numbered in order.
    tests: Vec<PendingTest>,
    /// Those asked for, by number.
    plans: BTreeMap<usize, EnsemblePlan>,
}

/// A statement whose fits to the data are done.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct Pending {
    /// None once it is concluded.
    state: Mutex<Option<State>>,
    fix: Held,
    chunk: usize,
}

impl Pending {
    pub(crate) fn new(py: Python<'_>, asking: Asking, asked: &Asked) -> PyResult<Self> {
        let statement = asked.statement()?;
        let chunk = asked.chunk();
        let state = long(py, None, move |_| {
            let (purpose, tests) = match statement {
                Statement::Hypotest(test) => {
                    (Purpose::Hypotest, vec![asking.prepare_toy_test(&test)?])
                }
                Statement::Discovery(test) => {
                    (Purpose::Discovery, vec![asking.prepare_toy_test(&test)?])
                }
                Statement::Limit(test, options) => {
                    let (limit, tests) = ask!(&asking, prepare_limit_toys(&test, &options;))?;
                    (Purpose::Limit(Box::new(limit)), tests)
                }
                Statement::Interval(test, options) => {
                    let (interval, tests) =
                        ask!(&asking, prepare_feldman_cousins(&test, &options;))?;
                    (Purpose::Interval(Box::new(interval)), tests)
                }
                Statement::Gof(toys, options) => {
                    let (session, data) = asking.binned("goodness of fit")?;
                    let pending = session.prepare_gof_toys(&toys, &data, &options)?;
                    (Purpose::Gof(Box::new(pending), BTreeMap::new(), false), Vec::new())
                }
            };
            Ok(State { purpose, tests, plans: BTreeMap::new() })
        })?;
        Ok(Self { state: Mutex::new(Some(state)), fix: asked.held(), chunk })
    }

    fn with<T>(&self, of: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        of(state.as_mut().ok_or_else(|| argument("this statement was concluded already"))?)
    }
}

#[pymethods]
impl Pending {
    /// Toys to be thrown before it can be said which others are; empty once there are enough.
    fn needed(&self) -> PyResult<Vec<Plan>> {
        self.with(|state| {
            let mut plans = Vec::new();
            for (k, test) in state.tests.iter_mut().enumerate() {
                for (hypothesis, plan) in test.needed() {
                    let ensemble = 2 * k + hypothesis as usize;
                    state.plans.insert(ensemble, plan.clone());
                    plans.push(Plan::of_test(ensemble, plan, test, &self.fix));
                }
            }
            if let Purpose::Gof(pending, _, asked @ false) = &mut state.purpose {
                *asked = true;
                plans.push(Plan::of_toys(0, pending.plan.clone(), self.chunk, &self.fix));
            }
            Ok(plans)
        })
    }

    /// Takes in the toys of a range of an ensemble.
    fn take(&self, ensemble: usize, range: (u64, u64), part: Part<'_>) -> PyResult<()> {
        let values = part.values.as_array().to_vec();
        self.with(|state| {
            if let Purpose::Gof(_, parts, _) = &mut state.purpose {
                parts.insert(range.0, SaturatedToys { values, tie: part.tie });
                return Ok(());
            }
            let (Some(plan), Some(test)) =
                (state.plans.get(&ensemble), state.tests.get_mut(ensemble / 2))
            else {
                return Err(argument("these toys were not asked for"));
            };
            let plan = EnsemblePlan { range: range.0..range.1, ..plan.clone() };
            let mut toys = Ensemble::new(&plan, "f64");
            toys.values = values;
            toys.failed = part.failed;
            (toys.finished, toys.passing, toys.tie) = (part.finished, part.passing, part.tie);
            test.take(Hypothesis::BOTH[ensemble % 2], &toys).map_err(raise)
        })
    }

    /// What all toys say.
    fn conclude<'py>(&self, py: Python<'py>) -> Answer<'py> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        let state = state.ok_or_else(|| argument("this statement was concluded already"))?;
        let mut tests = state.tests.into_iter().map(PendingTest::conclude);
        let mut one = || -> PyResult<ToyHypotest> {
            tests.next().ok_or_else(|| argument("there is no test to conclude"))
        };
        match state.purpose {
            Purpose::Hypotest => statements::hypotest_toys(py, one()?),
            Purpose::Discovery => statements::discovery_toys(py, one()?.into()),
            Purpose::Limit(mut limit) => {
                tests.for_each(|test| limit.add(test));
                statements::limit_toys(py, limit.conclude())
            }
            Purpose::Interval(mut interval) => {
                tests.for_each(|test| interval.add(test));
                statements::interval(py, interval.conclude())
            }
            Purpose::Gof(pending, parts, _) => {
                statements::gof_toys(py, pending.conclude(parts.into_values().collect()))
            }
        }
    }
}
