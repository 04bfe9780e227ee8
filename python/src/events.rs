//! Events from files, what runs flows in ONNX, and the likelihood of events whose densities come from elsewhere.

use std::path::PathBuf;

use neyman::unbinned::events::{Channel, Range, ReadOptions, parquet_number_columns};
use neyman::unbinned::reduce::{Constraint, Mixture, Wanted};
use neyman::unbinned::{EventTable, Observable, OutOfBounds, reduce};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{argument, rows_of, vector};
use crate::statements::dict;
use crate::work::{calculate, long};

/// Names the library that runs flows in ONNX; it is opened when the first of these comes. A build that does not read
/// them says so then.
#[pyfunction]
#[cfg_attr(
    not(feature = "onnx"),
    expect(unused_variables, reason = "there is nothing to name it to")
)]
pub(crate) fn onnx_library(path: PathBuf) -> PyResult<()> {
    #[cfg(feature = "onnx")]
    {
        use neyman::unbinned::pdf::flow::onnx;
        let settings = onnx::Settings { library: Some(path), ..onnx::settings() };
        onnx::configure(settings).map_err(crate::convert::raise)?;
    }
    Ok(())
}

/// Columns of a Parquet file by name: those asked for, or all of numbers.
#[pyfunction]
pub(crate) fn read_parquet(
    py: Python<'_>,
    path: PathBuf,
    columns: Option<Vec<String>>,
    ranges: Vec<(String, f64, f64)>,
    channel: Option<(String, String)>,
    weight: Option<String>,
) -> PyResult<Vec<(String, Bound<'_, PyArray1<f64>>)>> {
    let (columns, weights, weight) = long(py, None, move |_| {
        let columns = match columns {
            Some(columns) => columns,
            None => parquet_number_columns(&path)?,
        };
        // whatever is finite: the width of a window must be, too
        let everywhere = |name| Observable::new(name, -0.5 * f64::MAX, 0.5 * f64::MAX);
        let columns = columns.into_iter().filter(|name| Some(name) != weight.as_ref());
        let observables = columns.map(everywhere).collect::<neyman::Result<Vec<_>>>()?;
        let range = |(column, lo, hi)| Range { column, lo, hi };
        let options = ReadOptions {
            ranges: ranges.into_iter().map(range).collect(),
            channel: channel.map(|(column, name)| Channel { column, name }),
            weight,
            out_of_bounds: OutOfBounds::Error,
        };
        let table = EventTable::from_parquet(&path, &observables, &options)?;
        let (columns, weights) = table.into_columns();
        Ok((columns, weights, options.weight))
    })?;
    let all = columns.into_iter().chain(weight.zip(weights));
    Ok(all.map(|(name, values)| (name, PyArray1::from_vec(py, values))).collect())
}

/// The likelihood of a mixture from log-densities `[processes, events]`, and what is wanted of its derivatives.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they have names in Python")]
pub(crate) fn reduce_lse<'py>(
    py: Python<'py>,
    logp: PyReadonlyArray2<'py, f64>,
    yields: PyReadonlyArray1<'py, f64>,
    weights: Option<PyReadonlyArray1<'py, f64>>,
    constraints: Vec<(f64, f64, f64)>,
    constant: f64,
    hessian: bool,
    of_logp: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (rows, n) = (logp.shape()[0], logp.shape()[1]);
    let Ok(values) = logp.as_slice() else {
        return Err(argument("logp: rows of a contiguous array are needed"));
    };
    let (yields, weights) = (vector(&yields), weights.map(|w| vector(&w)));
    if yields.len() != rows {
        let told = format!("nu: {} yields for {rows} rows of log-densities", yields.len());
        return Err(argument(told));
    }
    let of = |(value, center, sigma)| Constraint { value, center, sigma };
    let constraints: Vec<_> = constraints.into_iter().map(of).collect();
    let mut slopes = vec![0.0; if of_logp { values.len() } else { 0 }];
    let found = calculate(py, || {
        let mixture = Mixture {
            log_p: values,
            yields: &yields,
            weights: weights.as_deref(),
            constraints: &constraints,
            constant,
        };
        let log_p_gradient = of_logp.then_some(&mut slopes[..]);
        reduce::reduce_lse(&mixture, Wanted { gradient: true, hessian, log_p_gradient })
    })?;
    let logp: Option<Bound<'py, PyArray2<f64>>> =
        of_logp.then(|| rows_of(py, slopes, rows, n)).transpose()?;
    let bent = hessian.then(|| rows_of(py, found.yield_hessian, rows, rows)).transpose()?;
    Ok(dict!(py,
        nll: found.nll,
        zero_density: found.zero_density,
        nu_gradient: crate::convert::array(py, found.yield_gradient),
        logp_gradient: logp,
        constraint_gradient: crate::convert::array(py, found.constraint_gradient),
        nu_hessian: bent,
    ))
}
