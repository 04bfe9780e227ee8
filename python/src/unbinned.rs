//! Models of single events.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use neyman::fit::Tolerance;
use neyman::unbinned::EventTable;
use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::model::{Channel, Gaussian};
use neyman::unbinned::spec::{GivenEvents, Loaded, build, needed_columns, parse};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::{argument, array, covariance, matrix, raise, rows_of, tolerance, vector};
use crate::convert::{known, or_nan};
use crate::statements::dict;
use crate::work::{long, short};

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Floats<'py> = Bound<'py, PyArray1<f64>>;
/// Columns by name, and weights.
type Given<'py> = (Vec<(String, Array<'py>)>, Option<Array<'py>>);
type Events<'py> = (Vec<(String, Floats<'py>)>, Option<Floats<'py>>);

/// A likelihood of single events.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct UnbinnedModel {
    loaded: Arc<Loaded>,
    /// The specification as JSON, without the files of channels that are fitted.
    specification: String,
}

impl UnbinnedModel {
    fn channel(&self, channel: usize) -> PyResult<&Channel> {
        let found = self.loaded.model.channels().nth(channel);
        found.ok_or_else(|| argument(format!("there is no channel {channel}")))
    }

    /// An evaluation with the interpreter released.
    fn at<T: Send>(
        &self,
        py: Python<'_>,
        theta: &Array<'_>,
        work: impl FnOnce(&neyman::unbinned::UnbinnedModel, &[f64]) -> neyman::Result<T> + Send,
    ) -> PyResult<T> {
        let theta = vector(theta);
        short(py, || work(&self.loaded.model, &theta))
    }
}

#[pymethods]
impl UnbinnedModel {
    /// `about`: digest and files of events, where they are those of another specification.
    #[new]
    fn new(
        py: Python<'_>,
        text: Vec<u8>,
        base: PathBuf,
        events: HashMap<String, Given<'_>>,
        about: Option<(String, Vec<PathBuf>)>,
    ) -> PyResult<Self> {
        let given = |(columns, weights): Given<'_>| GivenEvents {
            columns: columns.into_iter().map(|(name, values)| (name, vector(&values))).collect(),
            weights: weights.map(|w| vector(&w)),
        };
        let events = events.into_iter().map(|(name, of)| (name, given(of))).collect();
        long(py, None, move |_| {
            let mut value = parse(&text)?;
            let mut loaded = build(&value, &base, events)?;
            if let Some((digest, files)) = about {
                (loaded.digest, loaded.files) = (digest, files);
            }
            let channels = value.get_mut("channels").and_then(|c| c.as_array_mut());
            for channel in channels.into_iter().flatten() {
                let name = channel.get("name").and_then(|name| name.as_str());
                let fitted = loaded.model.channels().any(|c| Some(&*c.name) == name);
                if let Some(channel) = channel.as_object_mut().filter(|_| fitted) {
                    channel.remove("data");
                }
            }
            Ok(Self { loaded: Arc::new(loaded), specification: value.to_string() })
        })
    }

    /// Names of the columns that each channel's events need; those `given` need not say where they are.
    #[staticmethod]
    fn columns(text: Vec<u8>, given: Vec<String>) -> PyResult<Vec<(String, Vec<String>)>> {
        parse(&text).and_then(|value| needed_columns(&value, given)).map_err(raise)
    }

    /// Arguments that make the same model, but for events, which are those of [`UnbinnedModel::events`].
    fn source<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, String, Vec<PathBuf>) {
        let text = PyBytes::new(py, self.specification.as_bytes());
        (text, self.loaded.digest.clone(), self.loaded.files.clone())
    }

    /// All that does not change, by name.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Loaded { model, poi, version, digest, files, left_out, .. } = &*self.loaded;
        let parameters = model.parameters();
        let bounds = parameters.iter().flat_map(|p| [p.bounds.0, p.bounds.1]).collect();
        let constraint = |c: Option<Gaussian>| if c.is_some() { "gaussian" } else { "none" };
        let of = |value: fn(Gaussian) -> f64| {
            known(parameters.iter().map(|p| p.constraint.map(value)).collect::<Vec<_>>())
        };
        let channel = |channel: &Channel| -> PyResult<Bound<'py, PyDict>> {
            let events = &channel.events;
            let window = |o: &neyman::unbinned::Observable| (o.name().to_owned(), o.lo(), o.hi());
            let process = |p: &neyman::unbinned::model::Process| {
                let of: Vec<_> = p.pdf.observables().iter().map(|o| o.name().to_owned()).collect();
                (p.name.clone(), p.pdf.kind(), of)
            };
            Ok(dict!(py,
                name: &channel.name,
                events: events.n(),
                sum_of_weights: events.sum_w(),
                effective_events: events.n_eff(),
                weighted: events.weights().is_some(),
                observables: events.observables().iter().map(window).collect::<Vec<_>>(),
                processes: channel.processes.iter().map(process).collect::<Vec<_>>(),
            ))
        };
        let channels: Vec<_> = model.channels().map(channel).collect::<PyResult<_>>()?;
        Ok(dict!(py,
            names: parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            init: array(py, model.init()),
            bounds: rows_of(py, bounds, parameters.len(), 2)?,
            constraints: parameters.iter().map(|p| constraint(p.constraint)).collect::<Vec<_>>(),
            prefit_values: array(py, of(|c| c.center)),
            prefit_uncertainties: array(py, of(|c| c.sigma)),
            poi: poi.map(|k| parameters[k].name.as_str()),
            schema_version: version.as_str(),
            digest: digest,
            files: files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
            left_out: left_out,
            channels: channels,
        ))
    }

    /// A copy of a channel's events.
    fn events<'py>(&self, py: Python<'py>, channel: usize) -> PyResult<Events<'py>> {
        let events: &EventTable = &self.channel(channel)?.events;
        let column = |o: &neyman::unbinned::Observable| {
            let values = events.column(o.name()).map_err(raise)?;
            Ok((o.name().to_owned(), array(py, values.to_vec())))
        };
        let columns: PyResult<Vec<_>> = events.observables().iter().map(column).collect();
        Ok((columns?, events.weights().map(|w| array(py, w.to_vec()))))
    }

    fn nll(&self, py: Python<'_>, theta: Array<'_>) -> PyResult<f64> {
        self.at(py, &theta, |model, theta| Ok(model.nll(theta)?.nll))
    }

    fn gradient<'py>(&self, py: Python<'py>, theta: Array<'py>) -> PyResult<Floats<'py>> {
        let found = self.at(py, &theta, |model, theta| model.gradient(theta))?;
        Ok(PyArray1::from_vec(py, found.gradient))
    }

    fn hessian<'py>(
        &self,
        py: Python<'py>,
        theta: Array<'py>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let found = self.at(py, &theta, |model, theta| model.hessian(theta))?;
        matrix(py, found.hessian, self.loaded.model.parameters().len())
    }

    /// Expected numbers of events of each channel's processes.
    fn expected(&self, py: Python<'_>, theta: Array<'_>) -> PyResult<Vec<Vec<f64>>> {
        self.at(py, &theta, |model, theta| model.expected(theta))
    }

    /// Logarithms of a process's density.
    fn log_prob<'py>(
        &self,
        py: Python<'py>,
        channel: usize,
        process: usize,
        theta: Array<'py>,
        x: Vec<Array<'py>>,
    ) -> PyResult<Floats<'py>> {
        let columns: Vec<Vec<f64>> = x.iter().map(vector).collect();
        let found = self.at(py, &theta, |model, theta| {
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            model.log_prob(channel, process, theta, &columns)
        })?;
        Ok(PyArray1::from_vec(py, found))
    }

    fn fit<'py>(
        &self,
        py: Python<'py>,
        fix: HashMap<String, f64>,
        edm: Option<f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let tolerance = tolerance(edm, Tolerance::default())?;
        let options = FitOptions { fix: fix.into_iter().collect(), tolerance };
        let loaded = Arc::clone(&self.loaded);
        let (fit, yields) = long(py, None, move |_| {
            let fit = loaded.model.fit(&options)?;
            let yields = loaded.model.expected(&fit.parameters)?;
            Ok((fit, yields))
        })?;
        let n = fit.parameters.len();
        Ok(dict!(py,
            status: fit.status.as_str(),
            values: array(py, fit.parameters),
            uncertainties: array(py, or_nan(fit.uncertainties, n)),
            covariance: covariance(py, fit.covariance, n)?,
            covariance_problem: fit.covariance_problem,
            fixed: array(py, fit.fixed),
            at_bound: array(py, fit.at_bound),
            twice_nll: 2.0 * fit.nll,
            edm: fit.edm,
            evaluations: fit.evaluations,
            thinned_evaluations: fit.thinned_evaluations,
            yields: yields,
        ))
    }
}
