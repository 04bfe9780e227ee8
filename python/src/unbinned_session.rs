//! Statements about models of single events; their arguments are those of [`crate::session::Session`], but for data.

use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::session::{ImpactOptions, ToyPlan, UnbinnedSession as Opened};
use neyman::unbinned::spec::Loaded;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::by_toys::{self, Asked};
use crate::convert::{raise, tolerance, vector};
use crate::options::{self, Held};
use crate::statements;
use crate::work::long;

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Answer<'py> = PyResult<Bound<'py, PyDict>>;

/// A model of single events that is asked; any number of threads may do so.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct UnbinnedSession {
    session: Opened,
}

impl UnbinnedSession {
    pub(crate) fn new(loaded: &Loaded) -> PyResult<Self> {
        let session = Opened::new(loaded.model.clone(), loaded.poi).map_err(raise)?;
        Ok(Self { session })
    }

    /// This session, or one that holds parameters.
    fn held(&self, held: &Held) -> PyResult<Opened> {
        let mut session = self.session.clone();
        for (name, value) in held {
            session = session.with_fixed(name, *value).map_err(raise)?;
        }
        Ok(session)
    }

    fn n_parameters(&self) -> usize {
        self.session.model().parameters().len()
    }
}

#[pymethods]
impl UnbinnedSession {
    fn hypotest<'py>(
        &self,
        py: Python<'py>,
        mu: f64,
        poi: Option<String>,
        test_statistic: &str,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, options) = (self.held(&fix)?, options::test(poi, test_statistic, edm)?);
        let test = long(py, None, move |_| session.hypotest(mu, &options))?;
        statements::hypotest(py, test)
    }

    fn discovery<'py>(
        &self,
        py: Python<'py>,
        poi: Option<String>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let session = self.held(&fix)?;
        let options = options::test(poi, TestStatistic::Q0.as_str(), edm)?;
        let found = long(py, None, move |_| session.discovery(&options))?;
        statements::discovery(py, found)
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn limit<'py>(
        &self,
        py: Python<'py>,
        poi: Option<String>,
        test_statistic: &str,
        confidence_level: f64,
        values: Array<'py>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let session = self.held(&fix)?;
        let test = options::test(poi, test_statistic, edm)?;
        let options = options::limit(test, confidence_level, &values);
        let found = long(py, None, move |_| session.limit(&options))?;
        statements::limit(py, found)
    }

    fn scan<'py>(
        &self,
        py: Python<'py>,
        values: Array<'py>,
        parameter: Option<String>,
        levels: Vec<f64>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, options) = (self.held(&fix)?, options::scan(parameter, levels, edm)?);
        let values = vector(&values);
        let found = long(py, None, move |_| session.scan(&values, &options))?;
        statements::scan(py, found, self.n_parameters())
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn scan2d<'py>(
        &self,
        py: Python<'py>,
        parameters: (String, String),
        x: Array<'py>,
        y: Array<'py>,
        levels: Vec<f64>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, options) = (self.held(&fix)?, options::scan(None, levels, edm)?);
        let (x, y) = (vector(&x), vector(&y));
        let found = long(py, None, move |_| {
            session.scan2d([&parameters.0, &parameters.1], &x, &y, &options)
        })?;
        statements::scan2d(py, found)
    }

    fn minos<'py>(
        &self,
        py: Python<'py>,
        parameters: Vec<String>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, tolerance) = (self.held(&fix)?, tolerance(edm, Tolerance::PARITY)?);
        let (fit, all) = long(py, None, move |_| session.minos(&parameters, tolerance))?;
        statements::minos(py, &fit, all)
    }

    fn impacts<'py>(
        &self,
        py: Python<'py>,
        poi: Option<String>,
        parameters: Vec<String>,
        groups: Vec<(String, Vec<String>)>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (session, fit) = (self.session.clone(), options::fit(fix, edm)?);
        let options = ImpactOptions { poi, parameters, groups, global: false, fit };
        let found = long(py, None, move |_| session.ranking(&options))?;
        let parameters = self.session.model().parameters();
        statements::impacts(py, &|k| parameters[k].name.as_str(), found)
    }

    /// A statement by toys.
    fn by_toys<'py>(
        &self,
        py: Python<'py>,
        asked: Asked,
        progress: Option<Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        by_toys::run_unbinned(py, self.held(&asked.held())?, &asked, progress.as_ref())
    }

    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn fit_toys<'py>(
        &self,
        py: Python<'py>,
        truth: Array<'py>,
        seed: u64,
        range: (u64, u64),
        hold: Vec<(usize, f64)>,
        chunk: usize,
        edm: Option<f64>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let plan = ToyPlan {
            truth: vector(&truth),
            seed,
            range: range.0..range.1,
            hold,
            keep_data: false,
            tolerance: tolerance(edm, Tolerance::default())?,
        };
        crate::toys::fit_unbinned(py, self.session.clone(), plan, chunk, progress.as_ref())
    }
}
