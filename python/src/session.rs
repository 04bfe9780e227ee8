//! A model on a device.

use std::path::PathBuf;
use std::sync::Arc;

use neyman::accelerator::DeviceRequest;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::Data;
use neyman::session::{ImpactOptions, Session as Opened, SessionOptions};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::by_toys::{self, Asked};
use crate::convert::{argument, raise, tolerance, vector};
use crate::devices::describe;
use crate::model::Model;
use crate::options::{self, Held};
use crate::pending::{self, Pending, Plan};
use crate::statements;
use crate::work::{long, short};

/// Models up to so many parameters and bins are fitted too fast to look for signals.
const SMALL: usize = 200;

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Answer<'py> = PyResult<Bound<'py, PyDict>>;

/// A model on a device; any number of threads may use it.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct Session {
    pub(crate) session: Arc<Opened>,
    pub(crate) model: Py<Model>,
    request: DeviceRequest,
    options: SessionOptions,
    small: bool,
}

impl Session {
    /// This session, or one whose model holds parameters.
    fn held(&self, py: Python<'_>, held: &Held) -> PyResult<Arc<Opened>> {
        if held.is_empty() {
            return Ok(Arc::clone(&self.session));
        }
        let mut model = self.session.model().clone();
        for (name, value) in held {
            let index = model.parameter_index(name);
            let index = index.ok_or_else(|| argument(format!("there is no parameter {name}")))?;
            model = model.with_fixed(index, *value).map_err(raise)?;
        }
        let (request, options) = (self.request, self.options.clone());
        short(py, move || Opened::with_options(model, request, options)).map(Arc::new)
    }

    pub(crate) fn data(&self, data: Option<Array<'_>>) -> PyResult<Data> {
        self.model.get().data(data)
    }

    /// A call without toys.
    fn call<T: Send + 'static>(
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
impl Session {
    #[new]
    fn new(
        py: Python<'_>,
        model: Py<Model>,
        device: &str,
        precision: &str,
        host_fallback: bool,
        cache: Option<PathBuf>,
    ) -> PyResult<Self> {
        let request = DeviceRequest {
            device: device.parse().map_err(raise)?,
            precision: precision.parse().map_err(raise)?,
            host_fallback,
        };
        let options = SessionOptions { cache };
        let (compiled, theirs) = (neyman::model::Model::clone(&model.get().model), options.clone());
        let session = long(py, None, move |_| Opened::with_options(compiled, request, theirs))?;
        let size = session.model().n_parameters().max(session.model().n_bins());
        Ok(Self { session: Arc::new(session), model, request, options, small: size <= SMALL })
    }

    /// What runs, and what runs single fits.
    fn device<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        Ok((describe(py, self.session.device())?, describe(py, self.session.fit_device())?))
    }

    /// What happened while a device was chosen.
    fn notes(&self) -> Vec<String> {
        self.session.notes().to_vec()
    }

    fn fit<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let data = self.data(data)?;
        let options = options::fit(fix, edm)?;
        let (session, theirs) = (Arc::clone(&self.session), data.clone());
        let fit = self.call(py, move || session.fit(&theirs, &options))?;
        statements::fit(py, &self.session, &data, fit)
    }

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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let options = options::test(poi, test_statistic, edm)?;
        let test = self.call(py, move || session.hypotest(mu, &data, &options))?;
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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let options = options::test(poi, TestStatistic::Q0.as_str(), edm)?;
        let found = self.call(py, move || session.discovery(&data, &options))?;
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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let test = options::test(poi, test_statistic, edm)?;
        let options = options::limit(test, confidence_level, &values);
        let found = long(py, None, move |_| session.limit(&data, &options))?;
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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let options = options::scan(parameter, levels, edm)?;
        let values = vector(&values);
        let found = long(py, None, move |_| session.scan(&values, &data, &options))?;
        statements::scan(py, found, self.session.model().n_parameters())
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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let options = options::scan(None, levels, edm)?;
        let (x, y) = (vector(&x), vector(&y));
        let found = long(py, None, move |_| {
            session.scan2d([&parameters.0, &parameters.1], &x, &y, &data, &options)
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
        let (session, data) = (self.held(py, &fix)?, self.data(data)?);
        let tolerance = tolerance(edm, Tolerance::PARITY)?;
        let (fit, all) = long(py, None, move |_| session.minos(&parameters, &data, tolerance))?;
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
        let (session, data) = (Arc::clone(&self.session), self.data(data)?);
        let fit = options::fit(fix, edm)?;
        let options = ImpactOptions { poi, parameters, groups, global: global_impacts, fit };
        let found = long(py, None, move |_| session.impacts(&data, &options))?;
        let parameters = self.session.model().parameters();
        statements::impacts(py, &|k| parameters[k].name.as_str(), found)
    }

    fn gof<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, data) = (Arc::clone(&self.session), self.data(data)?);
        let options = options::fit(fix, edm)?;
        let found = self.call(py, move || session.goodness_of_fit(&data, &options))?;
        statements::gof(py, &found)
    }

    /// A statement by toys.
    fn by_toys<'py>(
        &self,
        py: Python<'py>,
        asked: Asked,
        data: Option<Array<'py>>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let (session, data) = (self.held(py, &asked.held())?, self.data(data)?);
        by_toys::run(py, session, data, &asked, progress.as_ref())
    }

    /// The same for toys that are thrown elsewhere.
    fn pending(&self, py: Python<'_>, asked: Asked, data: Option<Array<'_>>) -> PyResult<Pending> {
        let (session, data) = (self.held(py, &asked.held())?, self.data(data)?);
        Pending::new(py, session, data, &asked)
    }

    /// Throws toys of a pending statement: what its `take` is given.
    fn throw<'py>(&self, py: Python<'py>, plan: Plan) -> Answer<'py> {
        pending::throw(py, self.held(py, &plan.fix)?, plan)
    }

    fn yields<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, data) = (Arc::clone(&self.session), self.data(data)?);
        let options = options::fit(fix, edm)?;
        let (fit, yields) = self.call(py, move || {
            let fit = session.fit(&data, &options)?;
            let yields = session.yields(&data, &fit)?;
            Ok((fit, yields))
        })?;
        statements::yields(py, &fit, yields)
    }

    /// Points as rows: NLL and gradient on the session's device.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        points: Array<'py>,
        data: Option<Array<'py>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (session, data, points) =
            (Arc::clone(&self.session), self.data(data)?, vector(&points));
        let n = session.model().n_parameters();
        let (nll, gradient) = long(py, None, move |_| session.nll_and_gradient(&points, &data))?;
        let gradient = crate::convert::matrix(py, gradient, n)?;
        Ok((crate::convert::array(py, nll).into_any(), gradient.into_any()))
    }

    /// Data of toys as rows.
    fn toys<'py>(
        &self,
        py: Python<'py>,
        truth: Array<'py>,
        seed: u64,
        range: (u64, u64),
    ) -> PyResult<Bound<'py, PyAny>> {
        crate::toys::throw(py, &self.session, vector(&truth), seed, range)
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
        let plan = neyman::session::ToyPlan {
            truth: vector(&truth),
            seed,
            range: range.0..range.1,
            hold,
            keep_data,
            tolerance: tolerance(edm, Tolerance::default())?,
        };
        crate::toys::fit(py, &self.session, plan, chunk, progress.as_ref())
    }
}
