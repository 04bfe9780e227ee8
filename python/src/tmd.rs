//! Cross sections of TMDs, and fits of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use neyman::Error;
use neyman::tmd::files::{Inputs, Source, Tables};
use neyman::tmd::fit::Role;
use neyman::tmd::sidis::Point;
use neyman::tmd::{Evaluate, Evolution, Plan, PlanSession, Prediction, Shape, Sidis};
use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;

use crate::convert::{argument, array, matrix, raise, rows_of, vector};
use crate::devices::{describe, request};
use crate::statements::dict;
use crate::work::{long, short};

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Rows<'py> = PyReadonlyArray2<'py, f64>;
type Floats<'py> = Bound<'py, PyArray1<f64>>;
type Matrix<'py> = Bound<'py, PyArray2<f64>>;
type Dict<'py> = Bound<'py, PyDict>;

/// More terms than this, over all rows of parameters, take long enough for a thread of their own.
const SHORT: usize = 1 << 18;

/// A document, or the name of its file.
#[derive(FromPyObject)]
enum Given {
    Text(Vec<u8>),
    File(PathBuf),
}

impl From<Given> for Source {
    fn from(given: Given) -> Self {
        match given {
            Given::Text(bytes) => Self::Text(bytes),
            Given::File(path) => Self::File(path),
        }
    }
}

/// What a plan was made from.
#[derive(Clone)]
enum Origin {
    Sidis(Arc<(Sidis, Inputs)>),
    Tables(Arc<Tables>),
}

/// Cross sections as functions of parameters.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct TmdPlan {
    pub(crate) plan: Arc<Plan>,
    /// The plan on a device, where one was asked for.
    device: Option<Arc<PlanSession>>,
    origin: Origin,
}

/// The error of one row of several.
fn in_row(error: Error, row: usize, n: usize) -> Error {
    match error {
        Error::Argument(message) if n > 1 => Error::Argument(format!("row {row}: {message}")),
        other => other,
    }
}

impl TmdPlan {
    fn new(plan: Plan, origin: Origin) -> Self {
        Self { plan: Arc::new(plan), device: None, origin }
    }

    /// What evaluates the plan.
    pub(crate) fn evaluate(&self) -> Arc<dyn Evaluate> {
        match &self.device {
            Some(session) => Arc::clone(session) as Arc<dyn Evaluate>,
            None => Arc::clone(&self.plan) as Arc<dyn Evaluate>,
        }
    }

    /// Predictions of each row of parameters, or their derivatives, one after the other in one list.
    fn predictions(
        &self,
        py: Python<'_>,
        parameters: &Rows<'_>,
        slopes: bool,
        of: fn(Prediction) -> Vec<f64>,
    ) -> PyResult<Vec<f64>> {
        let Some(session) = self.device.clone() else {
            let one = move |plan: &Plan, _, row: &[f64]| {
                Ok(of(if slopes { plan.jacobian(row)? } else { plan.predict(row)? }))
            };
            return self.each(py, parameters, one);
        };
        let rows: Vec<f64> = parameters.as_array().iter().copied().collect();
        long(py, None, move |_| {
            let found = if slopes { session.jacobian(&rows)? } else { session.predict(&rows)? };
            Ok(found.into_iter().flat_map(of).collect())
        })
    }

    /// `one` of each row of parameters, one after the other in one list.
    fn each(
        &self,
        py: Python<'_>,
        parameters: &Rows<'_>,
        one: impl Fn(&Plan, usize, &[f64]) -> neyman::Result<Vec<f64>> + Send + Sync + 'static,
    ) -> PyResult<Vec<f64>> {
        let plan = Arc::clone(&self.plan);
        let rows: Vec<Vec<f64>> =
            parameters.as_array().outer_iter().map(|row| row.to_vec()).collect();
        let terms = rows.len().saturating_mul(plan.n_terms());
        let all = move |stop: &AtomicBool| {
            let n = rows.len();
            let row = |(i, row): (usize, &Vec<f64>)| match stop.load(Ordering::Relaxed) {
                // nobody waits for it any more
                true => Ok(Vec::new()),
                false => one(&plan, i, row).map_err(|error| in_row(error, i, n)),
            };
            let found = rows.par_iter().enumerate().map(row);
            Ok(found.collect::<neyman::Result<Vec<Vec<f64>>>>()?.concat())
        };
        match terms <= SHORT {
            true => short(py, || all(&AtomicBool::new(false))),
            false => long(py, None, move |control| all(&control.stop)),
        }
    }

    fn sidis(&self) -> PyResult<&Arc<(Sidis, Inputs)>> {
        match &self.origin {
            Origin::Sidis(of) => Ok(of),
            Origin::Tables(_) => Err(argument("a plan of tables has the nodes of these")),
        }
    }

    fn names(&self) -> &[String] {
        self.plan.parameter_names()
    }
}

#[pymethods]
impl TmdPlan {
    /// From settings, kinematics and shapes, of the first `points` below the cut.
    #[staticmethod]
    fn from_sources(
        py: Python<'_>,
        config: Given,
        kinematics: Given,
        fnp: Given,
        points: usize,
    ) -> PyResult<Self> {
        let sources = [config, kinematics, fnp].map(Source::from);
        long(py, None, move |_| {
            let [config, kinematics, fnp] = &sources;
            let mut inputs = Inputs::from_sources(config, kinematics, fnp)?;
            inputs.choose_rule(points)?;
            let sidis = inputs.sidis(points)?;
            Ok(Self::new(sidis.plan()?, Origin::Sidis(Arc::new((sidis, inputs)))))
        })
    }

    /// Pairs of a convolution table and the file of what was measured, of folders and of tables.
    #[staticmethod]
    fn table_pairs(py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<Vec<(PathBuf, PathBuf)>> {
        short(py, || Tables::pairs(&paths))
    }

    /// From pairs of a convolution table and the file of what was measured.
    #[staticmethod]
    fn from_tables(
        py: Python<'_>,
        files: Vec<(PathBuf, PathBuf)>,
        cut: f64,
        shape: &str,
        evolution: &str,
    ) -> PyResult<Self> {
        let shape = Shape::named(shape).map_err(raise)?;
        let evolution = Evolution::named(evolution).map_err(raise)?;
        long(py, None, move |_| {
            let tables = Tables::read(&files, cut)?;
            Ok(Self::new(tables.plan(evolution, shape)?, Origin::Tables(Arc::new(tables))))
        })
    }

    /// The same with luminosities on the nodes, `[n_points, n_nodes]` of each flavour.
    fn with_luminosity(&self, py: Python<'_>, values: Vec<(String, Rows<'_>)>) -> PyResult<Self> {
        let of = Arc::clone(self.sidis()?);
        let rows = |(name, rows): (String, Rows<'_>)| {
            (name, rows.as_array().outer_iter().map(|row| row.to_vec()).collect())
        };
        let values = values.into_iter().map(rows).collect();
        short(py, move || {
            let sidis = of.0.with_luminosities(values)?;
            Ok(Self::new(sidis.plan()?, Origin::Sidis(Arc::new((sidis, of.1.clone())))))
        })
    }

    /// The same at other points: columns of x, z, Q^2 and PhT. Luminosities that are known at their nodes alone are
    /// refused.
    fn at<'py>(&self, py: Python<'py>, columns: [Array<'py>; 4]) -> PyResult<Self> {
        let of = Arc::clone(self.sidis()?);
        let [x, z, q2, pht] = columns.map(|column| vector(&column));
        let point = |(((x, z), q2), pht)| Point { x, z, q2, pht, bin: None };
        let points: Vec<Point> = x.into_iter().zip(z).zip(q2).zip(pht).map(point).collect();
        if of.0.channels.is_at_nodes() {
            return Err(argument("the luminosity is known at its own points alone"));
        }
        long(py, None, move |_| {
            let sidis = Sidis { points, ..of.0.clone() };
            Ok(Self::new(sidis.plan()?, Origin::Sidis(Arc::new((sidis, of.1.clone())))))
        })
    }

    /// The same on a device.
    fn on_device(&self, py: Python<'_>, device: &str, precision: &str) -> PyResult<Self> {
        let request = request(device, precision, true)?;
        let plan = Plan::clone(&self.plan);
        let session = long(py, None, move |_| PlanSession::open(plan, request))?;
        let (plan, origin) = (Arc::clone(&self.plan), self.origin.clone());
        Ok(Self { plan, device: Some(Arc::new(session)), origin })
    }

    /// What evaluates it.
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Dict<'py>> {
        describe(py, &self.evaluate().info())
    }

    /// All that does not change, by name. Warnings take an evaluation.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Dict<'py>> {
        let all = dict!(py,
            names: self.names(),
            distributions: self.plan.distribution_names().collect::<Vec<_>>(),
            n_points: self.plan.n_points(),
            n_terms: self.plan.n_terms(),
            even: (0..self.names().len()).map(|k| self.plan.is_even(k)).collect::<Vec<_>>(),
        );
        match &self.origin {
            Origin::Sidis(of) => {
                let (sidis, inputs) = &**of;
                let warnings = short(py, || inputs.warnings())?;
                let roles = inputs.roles();
                let bounds = roles.iter().flat_map(|role| match *role {
                    Role::Free { lower, upper } => [lower, upper],
                    _ => [f64::NEG_INFINITY, f64::INFINITY],
                });
                let link = |(k, role): (usize, &Role)| match *role {
                    Role::Linked { to, factor } => Some((k, to, factor)),
                    _ => None,
                };
                let points = &sidis.points;
                let column = |of: fn(&Point) -> f64| array(py, points.iter().map(of).collect());
                all.set_item("init", array(py, inputs.init()))?;
                all.set_item("bounds", rows_of(py, bounds.collect(), roles.len(), 2)?)?;
                all.set_item("fixed", roles.iter().map(|r| *r == Role::Fixed).collect::<Vec<_>>())?;
                all.set_item(
                    "links",
                    roles.iter().enumerate().filter_map(link).collect::<Vec<_>>(),
                )?;
                all.set_item("warnings", warnings)?;
                all.set_item("rule", sidis.rule.to_string())?;
                all.set_item("anywhere", !sidis.channels.is_at_nodes())?;
                let flavours = sidis.channels.terms.iter().map(|channel| channel.flavour.as_str());
                all.set_item("flavours", flavours.collect::<Vec<_>>())?;
                let columns = dict!(py,
                    x: column(|p| p.x),
                    z: column(|p| p.z),
                    Q2: column(|p| p.q2),
                    PhT: column(|p| p.pht),
                    qT: column(|p| p.qt()),
                );
                if points.iter().any(|point| point.bin.is_some()) {
                    let ends = |p: &Point| p.bin.unwrap_or((p.pht, p.pht));
                    let low: Vec<f64> = points.iter().map(|p| ends(p).0).collect();
                    let high: Vec<f64> = points.iter().map(|p| ends(p).1).collect();
                    columns.set_item("PhT_low", array(py, low))?;
                    columns.set_item("PhT_high", array(py, high))?;
                }
                all.set_item("points", columns)?;
            }
            Origin::Tables(tables) => {
                let of: Vec<_> = tables
                    .names()
                    .flat_map(|(name, points)| points.map(move |_| name.to_owned()))
                    .collect();
                all.set_item("rule", "those of the tables")?;
                all.set_item("points", dict!(py, table: of, qT: array(py, tables.qt())))?;
            }
        }
        Ok(all)
    }

    /// `[n_rows, n_points]`
    fn xsec<'py>(&self, py: Python<'py>, parameters: Rows<'py>) -> PyResult<Matrix<'py>> {
        let found = self.predictions(py, &parameters, false, |found| found.values)?;
        let (rows, points) = (parameters.as_array().nrows(), self.plan.n_points());
        PyArray1::from_vec(py, found).reshape([rows, points])
    }

    /// `[n_rows, n_points, n_parameters]`
    fn jacobian<'py>(
        &self,
        py: Python<'py>,
        parameters: Rows<'py>,
    ) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let found = self.predictions(py, &parameters, true, |found| found.jacobian)?;
        let shape = [parameters.as_array().nrows(), self.plan.n_points(), self.names().len()];
        PyArray1::from_vec(py, found).reshape(shape)
    }

    /// Weights of `[n_rows, n_points]` times the derivatives: `[n_rows, n_parameters]`.
    fn pullback<'py>(
        &self,
        py: Python<'py>,
        parameters: Rows<'py>,
        weights: Rows<'py>,
    ) -> PyResult<Matrix<'py>> {
        let rows = parameters.as_array().nrows();
        if weights.as_array().nrows() != rows {
            let given = weights.as_array().nrows();
            return Err(argument(format!("{given} rows of weights for {rows} of parameters")));
        }
        let weights: Vec<Vec<f64>> =
            weights.as_array().outer_iter().map(|row| row.to_vec()).collect();
        let one = move |plan: &Plan, i: usize, row: &[f64]| plan.pullback(row, &weights[i]);
        let found = self.each(py, &parameters, one)?;
        PyArray1::from_vec(py, found).reshape([rows, self.names().len()])
    }

    /// A distribution with its evolution, `[n_rows, n_b]`.
    fn shape<'py>(
        &self,
        py: Python<'py>,
        distribution: String,
        x: f64,
        zeta: f64,
        b: Array<'py>,
        parameters: Rows<'py>,
    ) -> PyResult<Matrix<'py>> {
        let b = vector(&b);
        let shape = [parameters.as_array().nrows(), b.len()];
        let one = move |plan: &Plan, _, row: &[f64]| plan.shape(&distribution, x, zeta, &b, row);
        let found = self.each(py, &parameters, one)?;
        PyArray1::from_vec(py, found).reshape(shape)
    }

    /// Nodes and weights, `[n_points, n_nodes]` each.
    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<(Matrix<'py>, Matrix<'py>)> {
        let nodes = self.sidis()?.0.nodes().map_err(raise)?;
        let n = nodes.first().map_or(0, |nodes| nodes.b.len());
        let (b, weights): (Vec<_>, Vec<_>) =
            nodes.into_iter().map(|nodes| (nodes.b, nodes.weight)).unzip();
        Ok((matrix(py, b.concat(), n)?, matrix(py, weights.concat(), n)?))
    }

    /// Relative change of each prediction by a quarter more nodes; None where the nodes are given.
    fn quadrature_error<'py>(
        &self,
        py: Python<'py>,
        parameters: Array<'py>,
    ) -> PyResult<Option<Floats<'py>>> {
        let Origin::Sidis(of) = &self.origin else { return Ok(None) };
        let (of, at) = (Arc::clone(of), vector(&parameters));
        let found = long(py, None, move |_| of.0.quadrature_error(&at))?;
        Ok(found.map(|found| PyArray1::from_vec(py, found)))
    }

    /// Measured values of tables, and their covariance by the t0 method with the predictions at `parameters`.
    fn measured<'py>(
        &self,
        py: Python<'py>,
        parameters: Array<'py>,
    ) -> PyResult<(Floats<'py>, Matrix<'py>)> {
        let Origin::Tables(tables) = &self.origin else {
            return Err(argument("a plan of points has no measured values: tables have"));
        };
        let at = vector(&parameters);
        let blocks = short(py, || tables.covariances(&self.plan.predict(&at)?.values))?;
        let (values, mut first) = (tables.values(), 0);
        let n = values.len();
        let mut whole = vec![0.0; n * n];
        for block in blocks {
            for i in 0..block.nrows() {
                let row = (first + i) * n + first;
                let to = whole[row..row + block.ncols()].iter_mut();
                to.zip(block.row(i).iter()).for_each(|(to, from)| *to = *from);
            }
            first += block.nrows();
        }
        Ok((array(py, values), matrix(py, whole, n)?))
    }
}
