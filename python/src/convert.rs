//! Values and errors on their way to Python and back.

use neyman::Error;
use neyman::fit::Tolerance;
use neyman::model::interpolation::{
    HistoSysInterpolation as HistoSys, Interpolation, NormSysInterpolation as NormSys,
};
use neyman::model::{Data, Model};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An exception of `neyman.errors`.
pub(crate) fn exception(class: &str, message: String, path: Option<&str>) -> PyErr {
    Python::attach(|py| {
        let make = || {
            let class = py.import("neyman.errors")?.getattr(class)?;
            let arguments = PyDict::new(py);
            arguments.set_item("path", path)?;
            Ok(PyErr::from_value(class.call((message,), Some(&arguments))?))
        };
        make().unwrap_or_else(|error| error)
    })
}

/// The exception for an error of the library.
pub(crate) fn raise(error: Error) -> PyErr {
    let class = match &error {
        e if e.is_specification() => "SpecificationError",
        e if e.is_device() => "DeviceError",
        e if e.is_convergence() => "ConvergenceError",
        e if e.is_unsupported() => "UnsupportedError",
        e if e.is_io() => "FileError",
        e if e.is_events() => "EventsError",
        Error::Argument(_) => "ArgumentError",
        _ => "Error",
    };
    let path = match &error {
        Error::Specification { path, .. } => Some(path.clone()),
        _ => None,
    };
    let raised = exception(class, error.to_string(), path.as_deref());
    if let Error::Events { file, column, row, .. } = error {
        Python::attach(|py| {
            let value = raised.value(py);
            let told = value.setattr("file", file.map(|f| f.display().to_string()));
            // the message has all of it
            let _ = told.and(value.setattr("column", column)).and(value.setattr("row", row));
        });
    }
    raised
}

/// What is wrong with an argument.
pub(crate) fn argument(message: impl Into<String>) -> PyErr {
    raise(Error::Argument(message.into()))
}

/// A read-only array.
pub(crate) fn array<'py, T: numpy::Element>(
    py: Python<'py>,
    values: Vec<T>,
) -> Bound<'py, PyArray1<T>> {
    let array = PyArray1::from_vec(py, values);
    array.readwrite().make_nonwriteable();
    array
}

/// A read-only array of rows of `columns` numbers.
pub(crate) fn matrix<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    columns: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    rows_of(py, values, rows, columns)
}

/// A read-only array of that shape.
pub(crate) fn rows_of<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    rows: usize,
    columns: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let array = PyArray1::from_vec(py, values).reshape([rows, columns])?;
    array.readwrite().make_nonwriteable();
    Ok(array)
}

/// Numbers of which some could not be computed.
pub(crate) fn known(values: impl IntoIterator<Item = Option<f64>>) -> Vec<f64> {
    values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect()
}

/// NaN where nothing could be computed.
pub(crate) fn or_nan(values: Vec<f64>, n: usize) -> Vec<f64> {
    if values.is_empty() { vec![f64::NAN; n] } else { values }
}

/// A covariance of n parameters, where there is one.
pub(crate) fn covariance<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    n: usize,
) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
    (!values.is_empty()).then(|| matrix(py, values, n)).transpose()
}

/// Main and auxiliary data from pyhf's one list of both.
pub(crate) fn split(model: &Model, values: &[f64]) -> PyResult<Data> {
    let (n, m) = (model.n_bins(), model.n_auxiliary());
    if values.len() != n + m {
        let missing = match values.len() == n {
            true => "; the auxiliary data are missing: model.with_auxdata(counts) appends them",
            false => "",
        };
        return Err(argument(format!(
            "data: the model needs {n} counts followed by {m} auxiliary data, got {} values{missing}",
            values.len()
        )));
    }
    let (main, auxiliary) = values.split_at(n);
    let data = Data { main: main.to_vec(), auxiliary: auxiliary.to_vec() };
    model.check_data(&data).map_err(raise)?;
    Ok(data)
}

/// A copy of an array's numbers.
pub(crate) fn vector(values: &PyReadonlyArray1<'_, f64>) -> Vec<f64> {
    values.as_array().to_vec()
}

pub(crate) fn tolerance(edm: Option<f64>, default: Tolerance) -> PyResult<Tolerance> {
    match edm {
        None => Ok(default),
        Some(edm) if edm > 0.0 && edm.is_finite() => Ok(Tolerance { edm, ..default }),
        Some(edm) => Err(argument(format!("tolerance {edm}: a number above 0 is needed"))),
    }
}

/// pyhf's codes: one for each modifier type, with a comma in between.
pub(crate) fn interpolation(text: &str) -> PyResult<Interpolation> {
    let mut found = Interpolation::default();
    for word in text.split(',') {
        match word.trim() {
            "code1" => found.normsys = NormSys::PiecewiseExponential,
            "code4" => found.normsys = NormSys::PolynomialExponential,
            "code0" => found.histosys = HistoSys::PiecewiseLinear,
            "code2" => found.histosys = HistoSys::QuadraticLinear,
            "code4p" => found.histosys = HistoSys::PolynomialLinear,
            other => {
                return Err(argument(format!(
                    "there is no interpolation {other:?}; there are, for normsys, code1 and code4, for \
                     histosys code0, code2 and code4p"
                )));
            }
        }
    }
    Ok(found)
}

/// The inverse of [`interpolation`].
pub(crate) fn interpolation_codes(of: Interpolation) -> String {
    let normsys = match of.normsys {
        NormSys::PiecewiseExponential => "code1",
        NormSys::PolynomialExponential => "code4",
    };
    let histosys = match of.histosys {
        HistoSys::PiecewiseLinear => "code0",
        HistoSys::QuadraticLinear => "code2",
        HistoSys::PolynomialLinear => "code4p",
    };
    format!("{normsys},{histosys}")
}
