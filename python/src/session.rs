//! A model on a device: what is known of bins alone. Other statements are those of [`Likelihood`].

use std::path::PathBuf;
use std::sync::Arc;

use neyman::session::{Session as Opened, SessionOptions};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{array, matrix, vector};
use crate::devices::{describe, request};
use crate::likelihood::{Kind, Likelihood};
use crate::model::Model;
use crate::options::{self, Held};
use crate::statements;
use crate::work::{long, short};

/// Models up to so many parameters and bins are fitted too fast to look for signals.
const SMALL: usize = 200;

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Answer<'py> = PyResult<Bound<'py, PyDict>>;

/// A model on a device; any number of threads may use it.
#[pyclass(frozen, extends = Likelihood, module = "neyman._core")]
pub(crate) struct Session {
    pub(crate) session: Arc<Opened>,
    pub(crate) model: Py<Model>,
    small: bool,
}

impl Session {
    /// A call without toys.
    fn call<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Opened) -> neyman::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let session = Arc::clone(&self.session);
        match self.small {
            true => short(py, move || work(&session)),
            false => long(py, None, move |_| work(&session)),
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
    ) -> PyResult<(Self, Likelihood)> {
        let request = request(device, precision, host_fallback)?;
        let options = SessionOptions { cache };
        let (compiled, theirs) = (neyman::model::Model::clone(&model.get().model), options.clone());
        let session = long(py, None, move |_| Opened::with_options(compiled, request, theirs))?;
        let size = session.model().n_parameters().max(session.model().n_bins());
        let (session, small) = (Arc::new(session), size <= SMALL);
        let theirs = (Arc::clone(&session), model.clone_ref(py));
        let of = Kind::Binned { session: theirs.0, model: theirs.1, request, options };
        Ok((Self { session, model, small }, Likelihood { of, small }))
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
        let (data, options) = (self.model.get().data(data)?, options::fit(fix, edm)?);
        let theirs = data.clone();
        let fit = self.call(py, move |session| session.fit(&theirs, &options))?;
        statements::fit(py, &self.session, &data, fit)
    }

    fn gof<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (data, options) = (self.model.get().data(data)?, options::fit(fix, edm)?);
        let found = self.call(py, move |session| session.goodness_of_fit(&data, &options))?;
        statements::gof(py, &found)
    }

    fn yields<'py>(
        &self,
        py: Python<'py>,
        data: Option<Array<'py>>,
        fix: Held,
        edm: Option<f64>,
    ) -> Answer<'py> {
        let (data, options) = (self.model.get().data(data)?, options::fit(fix, edm)?);
        let (fit, yields) = self.call(py, move |session| {
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
        let (data, points) = (self.model.get().data(data)?, vector(&points));
        let n = self.session.model().n_parameters();
        let session = Arc::clone(&self.session);
        let (nll, gradient) = long(py, None, move |_| session.nll_and_gradient(&points, &data))?;
        Ok((array(py, nll).into_any(), matrix(py, gradient, n)?.into_any()))
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
}
