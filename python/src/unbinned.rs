//! Models of single events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use neyman::Error;
use neyman::model::Data;
use neyman::session::UnbinnedSession;
use neyman::unbinned::model::{BinnedChannel, Channel, Parameter};
use neyman::unbinned::spec::{GivenEvents, Loaded, build, needed_columns, parse};
use neyman::unbinned::toys::{Histogram, Thrower};
use neyman::unbinned::{EventTable, OutOfBounds};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::Value;

use crate::convert::{argument, array, known, matrix, raise, rows_of, vector};
use crate::devices::{describe, request};
use crate::likelihood::{Kind, Likelihood};
use crate::options::{self, Held};
use crate::statements::{dict, estimates};
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
    /// Where the specification's files are found from.
    base: PathBuf,
    /// Events of each channel that were outside a window.
    dropped: Vec<usize>,
}

/// A model's digest, files of events, auxiliary measurements, and numbers of events that were dropped.
type About = (String, Vec<Option<PathBuf>>, Vec<f64>, Vec<usize>, Counts);
/// Counts and Poisson auxiliary data of a binned part; empty without one.
type Counts = (Vec<f64>, Vec<f64>);

impl UnbinnedModel {
    fn channel(&self, channel: usize) -> PyResult<&Channel> {
        let found = self.loaded.model.channels().nth(channel);
        found.ok_or_else(|| argument(format!("there is no channel {channel}")))
    }

    /// The same with other data, which are of no file.
    fn with_data(&self, model: neyman::unbinned::UnbinnedModel) -> Self {
        let files = vec![PathBuf::new(); self.loaded.files.len()];
        let loaded = Arc::new(Loaded { model, files, ..Loaded::clone(&self.loaded) });
        let dropped = vec![0; self.dropped.len()];
        Self { loaded, specification: self.specification.clone(), base: self.base.clone(), dropped }
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

/// A model that was taken apart. Events may lack columns that its specification has: those of toys do.
fn again(
    value: &Value,
    base: &Path,
    mut events: HashMap<String, GivenEvents>,
    (digest, files, centers, _, (main, auxiliary)): About,
) -> neyman::Result<Loaded> {
    let needed = needed_columns(value, events.keys().cloned())?.into_iter();
    let empty = |(name, columns): (String, Vec<String>)| {
        let columns = columns.into_iter().map(|column| (column, Vec::new())).collect();
        (name, GivenEvents { columns, weights: None })
    };
    let needed = needed.filter(|(name, _)| events.contains_key(name));
    let mut loaded = build(value, base, needed.map(empty).collect())?;
    let tables = loaded.model.channels().map(|channel| {
        let unknown = || Error::Argument(format!("there are no events of {}", channel.name));
        let GivenEvents { columns, weights } = events.remove(&channel.name).ok_or_else(unknown)?;
        let all = channel.events.observables().iter();
        let there = all.filter(|o| columns.iter().any(|(name, _)| name == o.name()));
        let observables: Vec<_> = there.cloned().collect();
        EventTable::new(&observables, columns, weights, OutOfBounds::Error)
    });
    let tables = tables.collect::<neyman::Result<_>>()?;
    let counts = Data { main, auxiliary };
    let model = loaded.model.with_events(tables)?.with_centers(&centers)?;
    loaded.model = model.with_binned_data(counts)?;
    loaded.digest = digest;
    loaded.files = files.into_iter().map(Option::unwrap_or_default).collect();
    Ok(loaded)
}

#[pymethods]
impl UnbinnedModel {
    /// `about`: what is to be as in a model whose [`UnbinnedModel::source`] and [`UnbinnedModel::events`] these are.
    #[new]
    fn new(
        py: Python<'_>,
        text: Vec<u8>,
        base: PathBuf,
        events: HashMap<String, Given<'_>>,
        about: Option<About>,
    ) -> PyResult<Self> {
        let given = |(columns, weights): Given<'_>| GivenEvents {
            columns: columns.into_iter().map(|(name, values)| (name, vector(&values))).collect(),
            weights: weights.map(|w| vector(&w)),
        };
        let events = events.into_iter().map(|(name, of)| (name, given(of))).collect();
        long(py, None, move |_| {
            let mut value = parse(&text)?;
            let base = std::path::absolute(&base).unwrap_or(base);
            let dropped = about.as_ref().map(|about| about.3.clone());
            let loaded = match about {
                None => build(&value, &base, events)?,
                Some(about) => again(&value, &base, events, about)?,
            };
            let of = |channel: &Channel| channel.events.dropped();
            let dropped = dropped.unwrap_or_else(|| loaded.model.channels().map(of).collect());
            let channels = value.get_mut("channels").and_then(|c| c.as_array_mut());
            for channel in channels.into_iter().flatten() {
                let name = channel.get("name").and_then(|name| name.as_str());
                let fitted = loaded.model.channels().any(|c| Some(&*c.name) == name);
                if let Some(channel) = channel.as_object_mut().filter(|_| fitted) {
                    channel.remove("data");
                }
            }
            let specification = value.to_string();
            Ok(Self { loaded: Arc::new(loaded), specification, base, dropped })
        })
    }

    /// Names of the columns that each channel's events need; those `given` need not say where they are.
    #[staticmethod]
    fn columns(text: Vec<u8>, given: Vec<String>) -> PyResult<Vec<(String, Vec<String>)>> {
        parse(&text).and_then(|value| needed_columns(&value, given)).map_err(raise)
    }

    /// Arguments that make the same model, but for events, which are those of [`UnbinnedModel::events`].
    fn source<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, PathBuf, About) {
        let text = PyBytes::new(py, self.specification.as_bytes());
        let Loaded { model, digest, files, .. } = &*self.loaded;
        let center = |p: &Parameter| p.constraint.map_or(0.0, |c| c.center);
        let centers = model.parameters().iter().map(center).collect();
        // of arrays there is none, and Python would make an empty path the current folder
        let file = |file: &PathBuf| Some(file.clone()).filter(|f| !f.as_os_str().is_empty());
        let files = files.iter().map(file).collect();
        let counts = model.binned().map(|binned| binned.data().clone()).unwrap_or_default();
        let counts = (counts.main, counts.auxiliary);
        (text, self.base.clone(), (digest.clone(), files, centers, self.dropped.clone(), counts))
    }

    /// All that does not change, by name.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Loaded { model, poi, version, digest, files, left_out, .. } = &*self.loaded;
        let parameters = model.parameters();
        let bounds = parameters.iter().flat_map(|p| [p.bounds.0, p.bounds.1]).collect();
        let prefit: Vec<_> = (0..parameters.len()).map(|k| model.prefit(k)).collect();
        let constraint = |(p, prefit): (&Parameter, &Option<(f64, f64)>)| match prefit {
            None => "none",
            Some(_) if p.constraint.is_some() => "gaussian",
            Some(_) => "poisson",
        };
        let of = |value: fn((f64, f64)) -> f64| {
            known(prefit.iter().map(|prefit| prefit.map(value)).collect::<Vec<_>>())
        };
        let channel = |(channel, dropped): (&Channel, &usize)| -> PyResult<Bound<'py, PyDict>> {
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
                dropped: *dropped,
                weighted: events.weights().is_some(),
                observables: events.observables().iter().map(window).collect::<Vec<_>>(),
                processes: channel.processes.iter().map(process).collect::<Vec<_>>(),
            ))
        };
        let channels: Vec<_> =
            model.channels().zip(&self.dropped).map(channel).collect::<PyResult<_>>()?;
        Ok(dict!(py,
            names: parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            init: array(py, model.init()),
            bounds: rows_of(py, bounds, parameters.len(), 2)?,
            constraints: parameters.iter().zip(&prefit).map(constraint).collect::<Vec<_>>(),
            prefit_values: array(py, of(|(center, _)| center)),
            prefit_uncertainties: array(py, of(|(_, sigma)| sigma)),
            poi: poi.map(|k| parameters[k].name.as_str()),
            schema_version: version.as_str(),
            digest: digest,
            files: files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
            left_out: left_out,
            notes: model.notes(),
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

    /// The same in bins: of each of a channel's processes, `[n_bins]`.
    fn expected_in_bins<'py>(
        &self,
        py: Python<'py>,
        channel: usize,
        edges: Array<'py>,
        theta: Array<'py>,
    ) -> PyResult<Vec<Floats<'py>>> {
        let edges = vector(&edges);
        let found =
            self.at(py, &theta, |model, theta| model.expected_in_bins(channel, &edges, theta))?;
        Ok(found.into_iter().map(|bins| PyArray1::from_vec(py, bins)).collect())
    }

    /// The model with the data expected at `theta`.
    fn asimov(&self, py: Python<'_>, theta: Array<'_>) -> PyResult<Self> {
        self.at(py, &theta, |model, theta| model.asimov(theta)).map(|model| self.with_data(model))
    }

    /// The model with the data of a toy.
    fn toy(&self, py: Python<'_>, theta: Array<'_>, seed: u64, number: u64) -> PyResult<Self> {
        let thrown = |model: &_, theta: &[f64]| Thrower::new(model, theta)?.toy(seed, number);
        self.at(py, &theta, thrown).map(|model| self.with_data(model))
    }

    /// The model with its events on a device.
    fn on_device(&self, py: Python<'_>, device: &str, precision: &str) -> PyResult<Self> {
        let request = request(device, precision, true)?;
        let loaded = Arc::clone(&self.loaded);
        let (model, _) = long(py, None, move |_| loaded.model.on_device(&request))?;
        let loaded = Arc::new(Loaded { model, ..Loaded::clone(&self.loaded) });
        let (specification, base) = (self.specification.clone(), self.base.clone());
        Ok(Self { loaded, specification, base, dropped: self.dropped.clone() })
    }

    /// Where its events lie.
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.loaded.model.device())
    }

    /// What makes statements about the model.
    fn statements(&self) -> PyResult<Likelihood> {
        let Loaded { model, poi, .. } = &*self.loaded;
        let session = UnbinnedSession::new(model.clone(), *poi).map_err(raise)?;
        Ok(Likelihood { of: Kind::Unbinned(Box::new(session)), small: false })
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
        fix: Held,
        edm: Option<f64>,
        bins: Option<usize>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = options::fit(fix, edm)?;
        let loaded = Arc::clone(&self.loaded);
        let (fit, yields, histograms, counts) = long(py, None, move |_| {
            let fit = loaded.model.fit(&options)?;
            let yields = loaded.model.expected(&fit.parameters)?;
            let histograms = bins.map(|bins| loaded.model.histograms(bins, &fit.parameters));
            let counts = loaded.model.binned().map(|binned| binned.channels(&fit.parameters));
            Ok((fit, yields, histograms.transpose()?, counts.transpose()?))
        })?;
        let source = self.loaded.binned.as_ref();
        let binned = counts.zip(source).map(|(channels, source)| {
            let channel = |c: BinnedChannel| {
                Ok(dict!(py, name: c.name, bins: c.bins, observed: c.observed, expected: c.expected))
            };
            let channels = channels.into_iter().map(channel).collect::<PyResult<Vec<_>>>()?;
            Ok::<_, PyErr>(dict!(py,
                workspace: source.workspace.display().to_string(),
                measurement: source.measurement.clone(),
                digest: source.digest.clone(),
                channels: channels,
            ))
        });
        let histogram = |of: Histogram| -> PyResult<Bound<'py, PyDict>> {
            let (rows, bins) = (of.expected.len(), of.observed.len());
            Ok(dict!(py,
                observable: of.observable,
                edges: array(py, of.edges),
                observed: array(py, of.observed),
                uncertainty: of.uncertainty.map(|u| array(py, u)),
                expected: rows_of(py, of.expected.concat(), rows, bins)?,
            ))
        };
        let each = |all: Vec<Option<Histogram>>| {
            all.into_iter().map(|of| of.map(histogram).transpose()).collect::<PyResult<Vec<_>>>()
        };
        let histograms = histograms.map(each).transpose()?;
        let thinned = fit.thinned_evaluations;
        let d = estimates(py, fit.into())?;
        d.set_item("thinned_evaluations", thinned)?;
        d.set_item("binned", binned.transpose()?)?;
        d.set_item("yields", yields)?;
        d.set_item("histograms", histograms)?;
        Ok(d)
    }
}
