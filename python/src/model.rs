//! A compiled model.

use std::sync::Arc;

use neyman::model::{Constraint, Data, Model as Compiled, ModelOptions, PoiChoice};
use neyman::spec::patchset::{PatchChoice, PatchSet};
use neyman::spec::{self, LoadOptions, PatchSource};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::{
    argument, array, interpolation, interpolation_codes, matrix, raise, split, vector,
};

/// A list of numbers.
type Floats<'py> = Bound<'py, PyArray1<f64>>;

/// What [`Model`] was made from, to make it again in another process.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) workspace: Vec<u8>,
    pub(crate) patches: Vec<Vec<u8>>,
    pub(crate) patch_name: Option<String>,
    pub(crate) measurement: Option<String>,
    pub(crate) poi: Option<String>,
    pub(crate) interpolation: String,
    pub(crate) has_data: bool,
}

impl Source {
    /// How the workspace is read.
    pub(crate) fn load_options(&self) -> PyResult<LoadOptions> {
        let patches = self.patches.iter().map(|bytes| patch(bytes, self.patch_name.as_deref()));
        // the reader knows modifiers, the model their components too
        let checked = match &self.poi {
            Some(name) if name.ends_with(']') => Some(String::new()),
            other => other.clone(),
        };
        Ok(LoadOptions {
            patches: patches.collect::<PyResult<_>>()?,
            measurement: self.measurement.clone(),
            poi: checked,
            ..LoadOptions::default()
        })
    }

    /// How it is compiled.
    pub(crate) fn model_options(&self) -> PyResult<ModelOptions> {
        let poi = match self.poi.as_deref() {
            None => PoiChoice::FromMeasurement,
            Some("") => PoiChoice::None,
            Some(name) => PoiChoice::Named(name.to_owned()),
        };
        Ok(ModelOptions { poi, interpolation: interpolation(&self.interpolation)? })
    }
}

/// A compiled likelihood.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct Model {
    pub(crate) model: Arc<Compiled>,
    pub(crate) has_data: bool,
    source: Arc<Source>,
    digest: String,
    measurement: String,
    warnings: Vec<(String, String)>,
}

impl Model {
    fn build(source: Source) -> PyResult<Self> {
        let loaded = spec::load(&source.workspace, &source.load_options()?).map_err(raise)?;
        let options = source.model_options()?;
        let model =
            Compiled::new(&loaded.workspace, loaded.measurement, &options).map_err(raise)?;
        let warnings = loaded.warnings.iter().chain(model.warnings());
        Ok(Self {
            warnings: warnings.map(|w| (w.path.clone(), w.message.clone())).collect(),
            model: Arc::new(model),
            has_data: source.has_data,
            digest: loaded.digest,
            measurement: loaded.workspace.measurements[loaded.measurement].name.clone(),
            source: Arc::new(source),
        })
    }

    /// Data given, or those observed.
    pub(crate) fn data(&self, data: Option<PyReadonlyArray1<'_, f64>>) -> PyResult<Data> {
        match data {
            Some(data) => split(&self.model, &vector(&data)),
            None if self.has_data => Ok(self.model.observed().clone()),
            None => Err(argument(
                "this model has no observed data, as it was made from a pyhf.Model: give data",
            )),
        }
    }

    fn point(&self, parameters: &PyReadonlyArray1<'_, f64>) -> PyResult<Vec<f64>> {
        let point = vector(parameters);
        self.model.check_parameters(&point).map_err(raise)?;
        Ok(point)
    }
}

/// A JSON patch is a list, a patchset an object.
fn patch(bytes: &[u8], name: Option<&str>) -> PyResult<PatchSource> {
    let document = spec::json::parse(bytes).map_err(raise)?;
    if document.is_array() {
        return Ok(PatchSource::Patch(bytes.to_vec()));
    }
    let set = PatchSet::from_value(&document).map_err(raise)?;
    let Some(name) = name else {
        let names: Vec<_> = set.patches.iter().take(5).map(|p| p.name.clone()).collect();
        let more = if set.patches.len() > names.len() { ", ..." } else { "" };
        return Err(argument(format!(
            "this is a patchset: choose a patch with patch_name; there are {}{more}",
            names.join(", ")
        )));
    };
    let choice = PatchChoice::Name(name.to_owned());
    Ok(PatchSource::PatchSet { bytes: bytes.to_vec(), choice })
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (workspace, patches, patch_name, measurement, poi, interpolation, has_data))]
    fn new(
        workspace: Vec<u8>,
        patches: Vec<Vec<u8>>,
        patch_name: Option<String>,
        measurement: Option<String>,
        poi: Option<String>,
        interpolation: String,
        has_data: bool,
    ) -> PyResult<Self> {
        Self::build(Source {
            workspace,
            patches,
            patch_name,
            measurement,
            poi,
            interpolation,
            has_data,
        })
    }

    /// Arguments that make the same model, but for initial values, bounds and what is fixed.
    fn source<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let source = &*self.source;
        let patches: Vec<_> = source.patches.iter().map(|p| PyBytes::new(py, p)).collect();
        let workspace = PyBytes::new(py, &source.workspace);
        let (name, measurement, poi) = (&source.patch_name, &source.measurement, &source.poi);
        let tuple =
            (workspace, patches, name, measurement, poi, &source.interpolation, source.has_data);
        Ok(tuple.into_pyobject(py)?.into_any())
    }

    /// The same model with other initial values, bounds and fixed parameters.
    fn with_parameters(
        &self,
        init: Vec<f64>,
        bounds: Vec<(f64, f64)>,
        fixed: Vec<bool>,
    ) -> PyResult<Self> {
        let n = self.model.n_parameters();
        for (what, len) in [("init", init.len()), ("bounds", bounds.len()), ("fixed", fixed.len())]
        {
            if len != n {
                return Err(argument(format!("{what}: the model needs {n} values, got {len}")));
            }
        }
        let mut model = Compiled::clone(&self.model);
        for k in 0..n {
            if model.parameters()[k].bounds != bounds[k] {
                model = model.with_bounds(k, bounds[k]).map_err(raise)?;
            }
            model = model.with_start(k, init[k], fixed[k]).map_err(raise)?;
        }
        Ok(Self {
            model: Arc::new(model),
            has_data: self.has_data,
            source: Arc::clone(&self.source),
            digest: self.digest.clone(),
            measurement: self.measurement.clone(),
            warnings: self.warnings.clone(),
        })
    }

    /// All that does not change, by name.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let model = &self.model;
        let d = PyDict::new(py);
        let parameters = model.parameters();
        d.set_item("names", parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>())?;
        d.set_item("init", array(py, model.init()))?;
        let bounds = model.bounds().iter().flat_map(|b| [b.0, b.1]).collect();
        d.set_item("bounds", crate::convert::rows_of(py, bounds, parameters.len(), 2)?)?;
        d.set_item("fixed", array(py, model.fixed()))?;
        let constraint = |c: Constraint| match c {
            Constraint::None => "none",
            Constraint::Gaussian { .. } => "gaussian",
            Constraint::Poisson { .. } => "poisson",
        };
        let constraints: Vec<_> = parameters.iter().map(|p| constraint(p.constraint)).collect();
        d.set_item("constraints", constraints)?;
        d.set_item("poi", model.poi().map(|i| parameters[i].name.as_str()))?;
        let channels: Vec<_> = model.channels().iter().map(|c| (&c.name, c.n_bins)).collect();
        d.set_item("channels", channels)?;
        let samples: Vec<_> =
            model.samples().iter().map(|s| (&model.channels()[s.channel].name, &s.name)).collect();
        d.set_item("samples", samples)?;
        let observed = model.observed();
        d.set_item("main", array(py, observed.main.clone()))?;
        d.set_item("auxiliary", array(py, observed.auxiliary.clone()))?;
        d.set_item("has_data", self.has_data)?;
        d.set_item("interpolation", interpolation_codes(model.interpolation()))?;
        d.set_item("digest", &self.digest)?;
        d.set_item("measurement", &self.measurement)?;
        d.set_item("warnings", &self.warnings)?;
        Ok(d)
    }

    /// Index of a parameter.
    fn index(&self, name: &str) -> Option<usize> {
        self.model.parameter_index(name)
    }

    /// Where the constraint terms have their maxima for `data`, and their widths; NaN without one.
    #[pyo3(signature = (data = None))]
    fn prefit<'py>(
        &self,
        py: Python<'py>,
        data: Option<PyReadonlyArray1<'py, f64>>,
    ) -> PyResult<(Floats<'py>, Floats<'py>)> {
        let data = self.data(data)?;
        let nan = (f64::NAN, f64::NAN);
        let (value, width) =
            self.model.parameters().iter().map(|p| p.prefit(&data).unwrap_or(nan)).unzip();
        Ok((array(py, value), array(py, width)))
    }

    /// Expected main data, then auxiliary data where they are wanted.
    fn expected<'py>(
        &self,
        py: Python<'py>,
        parameters: PyReadonlyArray1<'py, f64>,
        auxiliary: bool,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let point = self.point(&parameters)?;
        let mut expected = py.detach(|| self.model.expected_main(&point));
        if auxiliary {
            expected.extend(self.model.expected_auxiliary(&point));
        }
        Ok(PyArray1::from_vec(py, expected))
    }

    /// Negative log likelihood with all constants.
    #[pyo3(signature = (parameters, data = None))]
    fn nll(
        &self,
        py: Python<'_>,
        parameters: PyReadonlyArray1<'_, f64>,
        data: Option<PyReadonlyArray1<'_, f64>>,
    ) -> PyResult<f64> {
        let (point, data) = (self.point(&parameters)?, self.data(data)?);
        Ok(py.detach(|| self.model.nll(&point, &data)))
    }

    /// Its gradient.
    #[pyo3(signature = (parameters, data = None))]
    fn gradient<'py>(
        &self,
        py: Python<'py>,
        parameters: PyReadonlyArray1<'py, f64>,
        data: Option<PyReadonlyArray1<'py, f64>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (point, data) = (self.point(&parameters)?, self.data(data)?);
        Ok(PyArray1::from_vec(py, py.detach(|| self.model.gradient(&point, &data))))
    }

    /// Its Hessian.
    #[pyo3(signature = (parameters, data = None))]
    fn hessian<'py>(
        &self,
        py: Python<'py>,
        parameters: PyReadonlyArray1<'py, f64>,
        data: Option<PyReadonlyArray1<'py, f64>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (point, data) = (self.point(&parameters)?, self.data(data)?);
        // symmetric: columns are rows
        let hessian = py.detach(|| self.model.hessian(&point, &data).as_slice().to_vec());
        matrix(py, hessian, point.len())
    }
}
