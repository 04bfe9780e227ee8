//! Options of statements, the same for binned and unbinned models.

use std::collections::BTreeMap;

use neyman::fit::Tolerance;
use neyman::session::{FitOptions, LimitOptions, ScanOptions, TestOptions};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::convert::{raise, tolerance, vector};

/// Parameters held at values, by name.
pub(crate) type Held = BTreeMap<String, f64>;

/// Of fits that are told of.
pub(crate) fn fit(fix: Held, edm: Option<f64>) -> PyResult<FitOptions> {
    let tolerance = tolerance(edm, Tolerance::default())?;
    Ok(FitOptions { fix: fix.into_iter().collect(), tolerance })
}

/// Of tests by asymptotic formulas.
pub(crate) fn test(
    poi: Option<String>,
    statistic: &str,
    edm: Option<f64>,
) -> PyResult<TestOptions> {
    let tolerance = tolerance(edm, Tolerance::PARITY)?;
    Ok(TestOptions { poi, statistic: statistic.parse().map_err(raise)?, tolerance })
}

pub(crate) fn limit(
    test: TestOptions,
    confidence_level: f64,
    values: &PyReadonlyArray1<'_, f64>,
) -> LimitOptions {
    LimitOptions { test, confidence_level, values: vector(values) }
}

pub(crate) fn scan(
    parameter: Option<String>,
    levels: Vec<f64>,
    edm: Option<f64>,
) -> PyResult<ScanOptions> {
    Ok(ScanOptions { parameter, levels, tolerance: tolerance(edm, Tolerance::PARITY)? })
}
