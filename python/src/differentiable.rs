//! Statements as functions of yields, with their derivatives.

use std::sync::Arc;

use neyman::infer::TestStatistic;
use neyman::model::{Direction, Side, Template};
use neyman::session::{
    DataSource, Differentiable as Inner, FitSlopes, ProfiledFit as Fitted, Session as Opened,
    YieldsInPlace,
};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::convert::{argument, array, raise, rows_of, vector};
use crate::model::Model;
use crate::session::Session;
use crate::work::calculate;

type Row<'py> = Bound<'py, PyArray1<f64>>;
type Rows<'py> = Bound<'py, PyArray2<f64>>;
type Run = (String, String, usize, Option<(String, &'static str)>);

/// Statements as functions of yields; any number of threads may use it, and forked processes, too.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct Differentiable {
    inner: Arc<Inner>,
    session: Arc<Opened>,
    model: Py<Model>,
}

/// The data of a statement: `None`, an array, or `(mu,)` for those expected at mu.
#[derive(FromPyObject)]
enum Source<'py> {
    Expected((Option<f64>,)),
    Given(PyReadonlyArray1<'py, f64>),
}

impl Differentiable {
    fn source(&self, source: Option<Source<'_>>) -> PyResult<DataSource> {
        Ok(match source {
            None => DataSource::Observed,
            Some(Source::Given(data)) => DataSource::Given(self.model.get().data(Some(data))?),
            Some(Source::Expected((mu,))) => DataSource::Asimov { mu },
        })
    }

    /// A number and its slopes for each row.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray2<'_, f64>,
        one: impl Fn(&Inner, &[f64]) -> neyman::Result<(f64, Vec<f64>)> + Sync + Send,
    ) -> PyResult<(Row<'py>, Rows<'py>)> {
        let yields: Vec<f64> = yields.as_array().iter().copied().collect();
        let inner = &*self.inner;
        let found = calculate(py, || inner.each(&yields, |_, row| one(inner, row)))?;
        let (values, slopes): (Vec<f64>, Vec<Vec<f64>>) = found.into_iter().unzip();
        let n = values.len();
        Ok((array(py, values), rows_of(py, slopes.concat(), n, self.inner.cells().len())?))
    }
}

/// A sample's nominal counts by its name, or (sample, modifier, "lo" or "hi").
#[derive(FromPyObject)]
enum TemplateName {
    Nominal(String),
    Variation((String, String, String)),
}

impl TemplateName {
    fn template(&self) -> PyResult<Template<'_>> {
        Ok(match self {
            Self::Nominal(sample) => Template::Nominal { sample },
            Self::Variation((sample, modifier, side)) => {
                let side = match side.as_str() {
                    "lo" => Side::Lo,
                    "hi" => Side::Hi,
                    other => {
                        let told = format!("a histosys has the templates lo and hi, not {other:?}");
                        return Err(argument(told));
                    }
                };
                Template::Variation { sample, modifier, side }
            }
        })
    }
}

fn statistic(name: &str) -> PyResult<TestStatistic> {
    name.parse().map_err(raise)
}

#[pymethods]
impl Differentiable {
    #[new]
    fn new(
        py: Python<'_>,
        session: PyRef<'_, Session>,
        templates: Vec<TemplateName>,
        poi: Option<&str>,
    ) -> PyResult<Self> {
        let templates: Vec<_> =
            templates.iter().map(TemplateName::template).collect::<PyResult<_>>()?;
        let inner = session.session.differentiable(&templates, poi).map_err(raise)?;
        let (opened, model) = (Arc::clone(&session.session), session.model.clone_ref(py));
        Ok(Self { inner: Arc::new(inner), session: opened, model })
    }

    /// Sample, channel, number of bins, and modifier and side of a variation, run after run.
    fn layout(&self) -> Vec<Run> {
        let model = self.inner.model();
        let run = |r: &neyman::model::CellRun| {
            let sample = &model.samples()[r.sample];
            let channel = &model.channels()[sample.channel].name;
            let variation = r.variation.map(|(shape, side)| {
                let parameter = &model.parameters()[sample.shapes[shape].parameter];
                (parameter.set.clone(), side.as_str())
            });
            (sample.name.clone(), channel.clone(), r.n_bins, variation)
        };
        self.inner.cells().runs().iter().map(run).collect()
    }

    fn nominal<'py>(&self, py: Python<'py>) -> Row<'py> {
        array(py, self.inner.nominal())
    }

    /// NLL, its slopes in the yields and in the parameters, row after row.
    fn nll<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray2<'_, f64>,
        parameters: PyReadonlyArray1<'_, f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<(Row<'py>, Rows<'py>, Rows<'py>)> {
        let source = self.source(source)?;
        let yields: Vec<f64> = yields.as_array().iter().copied().collect();
        let (inner, parameters) = (&*self.inner, vector(&parameters));
        let found = calculate(py, || inner.nll_batch(&yields, &parameters, &source))?;
        let (n, cells) = (found.len(), inner.cells().len());
        let (mut nll, mut slopes, mut of_parameters) =
            (Vec::with_capacity(n), Vec::with_capacity(n * cells), Vec::new());
        for row in found {
            nll.push(row.nll);
            slopes.extend(row.yields);
            of_parameters.extend(row.parameters);
        }
        let width = inner.model().n_parameters();
        Ok((array(py, nll), rows_of(py, slopes, n, cells)?, rows_of(py, of_parameters, n, width)?))
    }

    /// The Hessian of the NLL in yields and parameters times a direction.
    fn nll_hessian_product<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray1<'_, f64>,
        parameters: PyReadonlyArray1<'_, f64>,
        along_yields: PyReadonlyArray1<'_, f64>,
        along_parameters: PyReadonlyArray1<'_, f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<(Row<'py>, Row<'py>)> {
        let source = self.source(source)?;
        let (yields, parameters) = (vector(&yields), vector(&parameters));
        let (u, v) = (vector(&along_parameters), vector(&along_yields));
        let inner = &*self.inner;
        let product = calculate(py, || {
            let direction = Direction { parameters: &u, yields: &v };
            inner.nll_hessian_product(&yields, &parameters, &source, direction)
        })?;
        Ok((array(py, product.yields), array(py, product.parameters)))
    }

    fn test_statistic<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray2<'_, f64>,
        mu: f64,
        test_statistic: &str,
        source: Option<Source<'_>>,
    ) -> PyResult<(Row<'py>, Rows<'py>)> {
        let (statistic, source) = (statistic(test_statistic)?, self.source(source)?);
        self.rows(py, yields, move |inner, row| {
            let at = inner.test_statistic(row, mu, statistic, &source)?;
            Ok((at.q, at.yields))
        })
    }

    fn cls<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray2<'_, f64>,
        mu: f64,
        test_statistic: &str,
        quantile: Option<f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<(Row<'py>, Rows<'py>)> {
        let (statistic, source) = (statistic(test_statistic)?, self.source(source)?);
        self.rows(py, yields, move |inner, row| {
            let at = inner.cls(row, mu, statistic, quantile, &source)?;
            Ok((at.cls, at.yields))
        })
    }

    fn limit<'py>(
        &self,
        py: Python<'py>,
        yields: PyReadonlyArray2<'_, f64>,
        confidence_level: f64,
        test_statistic: &str,
        quantile: Option<f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<(Row<'py>, Rows<'py>)> {
        let (statistic, source) = (statistic(test_statistic)?, self.source(source)?);
        self.rows(py, yields, move |inner, row| {
            let at = inner.limit(row, confidence_level, statistic, quantile, &source)?;
            Ok((at.limit, at.yields))
        })
    }

    fn fit(
        &self,
        py: Python<'_>,
        yields: PyReadonlyArray1<'_, f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<ProfiledFit> {
        let (source, yields) = (self.source(source)?, vector(&yields));
        let fit = calculate(py, || self.inner.fit(&yields, &source))?;
        Ok(ProfiledFit { fit, of: Arc::clone(&self.inner) })
    }

    /// Start the NLL of histograms in the memory of the session's device, `yields`, with its slopes.
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn nll_in_place(
        &self,
        py: Python<'_>,
        n: usize,
        yields: u64,
        slopes: u64,
        nll: u64,
        single: bool,
        stream: u64,
        parameters: PyReadonlyArray1<'_, f64>,
        source: Option<Source<'_>>,
    ) -> PyResult<()> {
        let (source, parameters) = (self.source(source)?, vector(&parameters));
        let arrays = YieldsInPlace { n, yields, slopes, nll, single, stream };
        let (session, inner) = (&*self.session, &*self.inner);
        // SAFETY: the pointers are those of tensors that the caller keeps until its stream has passed.
        py.detach(|| unsafe { session.nll_in_place(inner, arrays, &parameters, &source) })
            .map_err(raise)
    }
}

/// A best fit that can be differentiated.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct ProfiledFit {
    fit: Fitted,
    of: Arc<Inner>,
}

#[pymethods]
impl ProfiledFit {
    /// Values, uncertainties, twice the NLL.
    fn numbers<'py>(&self, py: Python<'py>) -> (Row<'py>, Row<'py>, f64) {
        let fit = &self.fit;
        let values = array(py, fit.parameters.clone());
        (values, array(py, fit.uncertainties.clone()), fit.twice_nll)
    }

    fn covariance<'py>(&self, py: Python<'py>) -> PyResult<Rows<'py>> {
        let n = self.fit.parameters.len();
        rows_of(py, self.fit.covariance.clone(), n, n)
    }

    /// Slopes in the yields of a number that has these slopes in values, uncertainties and twice the NLL.
    fn pullback<'py>(
        &self,
        py: Python<'py>,
        values: Option<PyReadonlyArray1<'_, f64>>,
        uncertainties: Option<PyReadonlyArray1<'_, f64>>,
        twice_nll: f64,
    ) -> PyResult<Row<'py>> {
        let maybe = |a: Option<PyReadonlyArray1<'_, f64>>| a.map_or(Vec::new(), |a| vector(&a));
        let parameters = maybe(values);
        let slopes = FitSlopes { parameters, uncertainties: maybe(uncertainties), twice_nll };
        let found = calculate(py, || self.of.fit_pullback(&self.fit, &slopes))?;
        Ok(array(py, found))
    }
}
