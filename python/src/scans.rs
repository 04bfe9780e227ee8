//! Scans that were divided, as one.

use neyman::fit::Status;
use neyman::session::{Interval, Scan, Scan2d, ScanPoint};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{argument, raise, vector};
use crate::statements;

type Array<'py> = PyReadonlyArray1<'py, f64>;

fn status(word: &str) -> PyResult<Status> {
    Status::ALL
        .into_iter()
        .find(|s| s.as_str() == word)
        .ok_or_else(|| argument(format!("there is no status {word}")))
}

/// What `statements::scan` wrote.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ScanPart<'py> {
    status: String,
    parameter: String,
    best: f64,
    twice_nll: f64,
    mu: Array<'py>,
    delta_twice_nll: Array<'py>,
    parameters: Option<PyReadonlyArray2<'py, f64>>,
    point_status: Vec<String>,
    levels: Array<'py>,
    lower: Array<'py>,
    upper: Array<'py>,
    notes: Vec<String>,
}

impl ScanPart<'_> {
    fn scan(&self) -> PyResult<Scan> {
        let (values, heights) = (vector(&self.mu), vector(&self.delta_twice_nll));
        let rows = self.parameters.as_ref().map(|p| p.as_array());
        let point = |(i, (&value, &delta_twice_nll)): (usize, (&f64, &f64))| {
            let parameters = rows.as_ref().map(|rows| rows.row(i).to_vec()).unwrap_or_default();
            let status = status(self.point_status.get(i).map_or("", String::as_str))?;
            Ok(ScanPoint { value, delta_twice_nll, parameters, status })
        };
        let known = |x: f64| Some(x).filter(|x| !x.is_nan());
        let ends = vector(&self.lower).into_iter().zip(vector(&self.upper));
        let levels = vector(&self.levels).into_iter().zip(ends);
        Ok(Scan {
            parameter: self.parameter.clone(),
            best: self.best,
            twice_nll: self.twice_nll,
            points: values.iter().zip(&heights).enumerate().map(point).collect::<PyResult<_>>()?,
            intervals: levels
                .map(|(level, (lower, upper))| Interval {
                    level,
                    lower: known(lower),
                    upper: known(upper),
                })
                .collect(),
            status: status(&self.status)?,
            notes: self.notes.clone(),
        })
    }
}

/// What `statements::scan2d` wrote.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Scan2dPart<'py> {
    status: String,
    parameters: [String; 2],
    best: Array<'py>,
    twice_nll: f64,
    x: Array<'py>,
    y: Array<'py>,
    delta_twice_nll: PyReadonlyArray2<'py, f64>,
    notes: Vec<String>,
}

impl Scan2dPart<'_> {
    fn scan(&self) -> PyResult<Scan2d> {
        let best: [f64; 2] =
            vector(&self.best).try_into().map_err(|_| argument("best: two values are needed"))?;
        Ok(Scan2d {
            parameters: self.parameters.clone(),
            best,
            twice_nll: self.twice_nll,
            x: vector(&self.x),
            y: vector(&self.y),
            delta_twice_nll: self.delta_twice_nll.as_array().iter().copied().collect(),
            contours: Vec::new(),
            status: status(&self.status)?,
            notes: self.notes.clone(),
        })
    }
}

/// Scans of one parameter at different values.
#[pyfunction]
pub(crate) fn join_scans<'py>(
    py: Python<'py>,
    parts: Vec<ScanPart<'py>>,
) -> PyResult<Bound<'py, PyDict>> {
    let parts = parts.iter().map(ScanPart::scan).collect::<PyResult<Vec<_>>>()?;
    let n = parts.iter().flat_map(|p| &p.points).next().map_or(0, |p| p.parameters.len());
    statements::scan(py, Scan::join(parts).map_err(raise)?, n)
}

/// Scans of two parameters at different values of the second one.
#[pyfunction]
pub(crate) fn join_scans2d<'py>(
    py: Python<'py>,
    parts: Vec<Scan2dPart<'py>>,
    levels: Vec<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let parts = parts.iter().map(Scan2dPart::scan).collect::<PyResult<Vec<_>>>()?;
    statements::scan2d(py, Scan2d::join(parts, &levels).map_err(raise)?)
}
