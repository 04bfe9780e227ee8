//! Statements about likelihoods of bins and of single events: one set of them for both.

use std::sync::Arc;

use neyman::accelerator::DeviceRequest;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::Data;
use neyman::session::{ImpactOptions, Session, SessionOptions, ToyPlan, UnbinnedSession};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asking::{Asking, ask};
use crate::by_toys::{self, Asked};
use crate::convert::{argument, raise, tolerance, vector};
use crate::model::Model;
use crate::options::{self, Held};
use crate::pending::{self, Pending, Plan};
use crate::statements;
use crate::work::{long, short};

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Answer<'py> = PyResult<Bound<'py, PyDict>>;

/// What is asked, with nothing held.
pub(crate) enum Kind {
    Binned {
        session: Arc<Session>,
        model: Py<Model>,
        request: DeviceRequest,
        options: SessionOptions,
    },
    Unbinned(Box<UnbinnedSession>),
}

/// A likelihood; any number of threads may ask it.
#[pyclass(frozen, subclass, module = "neyman._core")]
pub(crate) struct Likelihood {
    pub(crate) of: Kind,
    /// Its fits are over too soon to look for signals.
    pub(crate) small: bool,
}

impl Likelihood {
    /// The likelihood with parameters held and these data; none for the model's own.
    pub(crate) fn with(
        &self,
        py: Python<'_>,
        held: &Held,
        data: Option<Array<'_>>,
    ) -> PyResult<Asking> {
        let data = match (&self.of, data) {
            (Kind::Binned { model, .. }, data) => model.get().data(data)?,
            (Kind::Unbinned(_), None) => Data::default(),
            (Kind::Unbinned(_), Some(_)) => {
                return Err(argument("data: those of single events are the model's own"));
            }
        };
        Ok(match self.for_toys(py, held)? {
            Asking::Binned(session, _) => Asking::Binned(session, data),
            unbinned @ Asking::Unbinned(_) => unbinned,
        })
    }

    /// The same for toys alone, without data: a model need not have any.
    fn for_toys(&self, py: Python<'_>, held: &Held) -> PyResult<Asking> {
        let (session, request, options) = match &self.of {
            Kind::Unbinned(session) => {
                let hold = |session: UnbinnedSession, (name, value): (&String, &f64)| {
                    session.with_fixed(name, *value)
                };
                let session = held.iter().try_fold(UnbinnedSession::clone(session), hold);
                return Ok(Asking::Unbinned(Box::new(session.map_err(raise)?)));
            }
            Kind::Binned { session, request, options, .. } => (session, *request, options.clone()),
        };
        if held.is_empty() {
            return Ok(Asking::Binned(Arc::clone(session), Data::default()));
        }
        let mut model = session.model().clone();
        for (name, value) in held {
            let index = model.parameter_index(name);
            let index = index.ok_or_else(|| argument(format!("there is no parameter {name}")))?;
            model = model.with_fixed(index, *value).map_err(raise)?;
        }
        let opened = short(py, move || Session::with_options(model, request, options))?;
        Ok(Asking::Binned(Arc::new(opened), Data::default()))
    }

    /// A call without toys.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> neyman::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        match self.small {
            true => short(py, work),
            false => long(py, None, move |_| work()),
        }
    }
}

#[pymethods]
impl Likelihood {
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn hypotest<'py>(
        &self,
        py: Python<'py>,
        mu: f64,
        data: Option<Array<'py>>,
        poi: Option<String>,
        test_statistic: &str,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let options = options::test(poi, test_statistic, edm)?;
        let test = self.call(py, move || ask!(&asking, hypotest(mu; &options)))?;
        statements::hypotest(py, test)
    }

    fn discovery<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        poi: Option<String>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let options = options::test(poi, TestStatistic::Q0.as_str(), edm)?;
        let found = self.call(py, move || ask!(&asking, discovery(; &options)))?;
        statements::discovery(py, found)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn limit<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        poi: Option<String>,
        test_statistic: &str,
        confidence_level: f64,
        values: Array<'py>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let test = options::test(poi, test_statistic, edm)?;
        let options = options::limit(test, confidence_level, &values);
        let found = long(py, None, move |_| ask!(&asking, limit(; &options)))?;
        statements::limit(py, found)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        values: Array<'py>,
        data: Option<Array<'py>>,
        parameter: Option<String>,
        levels: Vec<f64>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let (n, _, _) = asking.sizes();
        let options = options::scan(parameter, levels, edm)?;
        let values = vector(&values);
        let found = long(py, None, move |_| ask!(&asking, scan(&values; &options)))?;
        statements::scan(py, found, n)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn scan2d<'py>(
        &self,
        py: Python<'py>,
        parameters: (String, String),
        x: Array<'py>,
        y: Array<'py>,
        data: Option<Array<'py>>,
        levels: Vec<f64>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let options = options::scan(None, levels, edm)?;
        let (x, y) = (vector(&x), vector(&y));
        let found = long(py, None, move |_| {
            let names = [parameters.0.as_str(), parameters.1.as_str()];
            ask!(&asking, scan2d(names, &x, &y; &options))
        })?;
        statements::scan2d(py, found)
    }

    fn minos<'py>(
        &self,
        py: Python<'py>,
        parameters: Vec<String>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &fix, data)?;
        let tolerance = tolerance(edm, Tolerance::PARITY)?;
        let (fit, all) = long(py, None, move |_| ask!(&asking, minos(&parameters; tolerance)))?;
        statements::minos(py, &fit, all)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn impacts<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        poi: Option<String>,
        parameters: Vec<String>,
        groups: Vec<(String, Vec<String>)>,
        global_impacts: bool,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let asking = self.with(py, &Held::new(), data)?;
        let (names, fit) = (asking.names(), options::fit(fix, edm)?);
        let options = ImpactOptions { poi, parameters, groups, global: global_impacts, fit };
        let found = long(py, None, move |_| asking.impacts(&options))?;
        statements::impacts(py, &names, found)
    }

    /// A statement by toys.
    fn by_toys<'py>(
        &self,
        py: Python<'py>,
        asked: Asked,
        data: Option<Array<'py>>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        by_toys::run(py, self.with(py, &asked.held(), data)?, &asked, progress.as_ref())
    }

    /// The same for toys that are thrown elsewhere.
    fn pending(&self, py: Python<'_>, asked: Asked, data: Option<Array<'_>>) -> PyResult<Pending> {
        Pending::new(py, self.with(py, &asked.held(), data)?, &asked)
    }

    /// Throws toys of a pending statement: what its `take` is given.
    fn throw<'py>(&self, py: Python<'py>, plan: Plan) -> Answer<'py> {
        pending::throw(py, self.for_toys(py, &plan.fix)?, plan)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn fit_toys<'py>(
        &self,
        py: Python<'py>,
        truth: Array<'py>,
        seed: u64,
        range: (u64, u64),
        hold: Vec<(usize, f64)>,
        keep_data: bool,
        chunk: usize,
        edm: Option<f64>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let plan = ToyPlan {
            truth: vector(&truth),
            seed,
            range: range.0..range.1,
            hold,
            keep_data,
            tolerance: tolerance(edm, Tolerance::default())?,
        };
        let asking = self.for_toys(py, &Held::new())?;
        crate::toys::fit(py, asking, plan, chunk, progress.as_ref())
    }
}
