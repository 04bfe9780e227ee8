//! Fits of TMDs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nalgebra::DMatrix;
use neyman::fit::Tolerance;
use neyman::tmd::Evaluate;
use neyman::tmd::fit::{
    Data, Descent, FitOptions, FitResult, Role, WeakDirection, descend, fit_replicas, fit_while,
    judge,
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{argument, array, covariance, or_nan, raise, rows_of, tolerance, vector};
use crate::statements::dict;
use crate::tmd::TmdPlan;
use crate::work::{Control, long};

type Array<'py> = PyReadonlyArray1<'py, f64>;
type Rows<'py> = PyReadonlyArray2<'py, f64>;
/// Start values, lower and upper bounds, whether each parameter is fixed, and links: a parameter, the one that it
/// follows, the factor.
type Roles<'py> = (Array<'py>, Array<'py>, Array<'py>, Vec<bool>, Vec<(usize, usize, f64)>);

/// `sigma` or `cov` are the errors of `values`; `method` is `lm`, `adam` or `lbfgs`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they have names in Python")]
pub(crate) fn fit_tmd<'py>(
    py: Python<'py>,
    plan: &TmdPlan,
    values: Array<'py>,
    sigma: Option<Array<'py>>,
    cov: Option<Rows<'py>>,
    roles: Roles<'py>,
    method: &str,
    steps: u32,
    rate: f64,
    edm: Option<f64>,
    replicas: u64,
    seed: u64,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let data = measured(vector(&values), sigma, cov)?;
    let tolerance = tolerance(edm, Tolerance::default())?;
    let tolerance = Tolerance { evaluations: steps, ..tolerance };
    let method = match method {
        "lm" => None,
        "adam" => Some(Descent::Adam { rate }),
        "lbfgs" => Some(Descent::Lbfgs),
        other => return Err(argument(format!("method {other:?}: there are lm, adam, lbfgs"))),
    };
    let options = options(roles, tolerance);
    let names = plan.plan.parameter_names();
    let (from, plan) = (plan.evaluate(), Arc::clone(&plan.plan));
    let done = long(py, progress, move |control| {
        let (found, history) = single(&*from, &data, &options, method, control)?;
        let again = FitOptions { start: found.parameters.clone(), ..options };
        control.expect(replicas);
        let mut told = 0;
        let mut done = |n: u64| {
            control.add(n - told);
            told = n;
        };
        let all = fit_replicas(&*from, &data, &again, replicas, seed, &control.stop, &mut done)?;
        let predictions = plan.predict(&found.parameters)?.values;
        Ok((found, history, all, predictions))
    });
    let (found, history, all, predictions) = done?;
    let n = names.len();
    let weak = |of: WeakDirection| {
        let part = |(k, part): &(usize, f64)| (names[*k].clone(), *part);
        (of.strength, of.parts.iter().map(part).collect::<Vec<_>>())
    };
    let of_replicas = (replicas > 0).then(|| {
        let values = all.iter().flat_map(|fit| fit.parameters.iter().copied()).collect();
        Ok::<_, PyErr>(dict!(py,
            values: rows_of(py, values, all.len(), n)?,
            chi2: array(py, all.iter().map(|fit| fit.chi2).collect()),
            statuses: all.iter().map(|fit| fit.status.as_str()).collect::<Vec<_>>(),
            finished_on_processor: all.iter().filter(|fit| fit.on_processor).count(),
        ))
    });
    Ok(dict!(py,
        status: found.status.as_str(),
        values: array(py, found.parameters),
        uncertainties: array(py, or_nan(found.uncertainties, n)),
        covariance: covariance(py, found.covariance, n)?,
        at_bound: array(py, found.at_bound),
        chi2: found.chi2,
        edm: found.edm,
        evaluations: found.evaluations,
        finished_on_processor: found.on_processor,
        weak: found.weak.into_iter().map(weak).collect::<Vec<_>>(),
        predictions: array(py, predictions),
        history: history.map(|chi2| array(py, chi2)),
        replicas: of_replicas.transpose()?,
    ))
}

fn measured(
    values: Vec<f64>,
    sigma: Option<Array<'_>>,
    covariance: Option<Rows<'_>>,
) -> PyResult<Data> {
    let found = match (sigma, covariance) {
        (Some(sigma), None) => Data::independent(values, vector(&sigma)),
        (None, Some(covariance)) => {
            let of = covariance.as_array();
            let block = DMatrix::from_fn(of.nrows(), of.ncols(), |i, j| of[[i, j]]);
            Data::correlated(values, vec![block])
        }
        _ => return Err(argument("give sigma or cov, one of them")),
    };
    found.map_err(raise)
}

fn options((start, lower, upper, fixed, links): Roles<'_>, tolerance: Tolerance) -> FitOptions {
    let (lower, upper) = (vector(&lower), vector(&upper));
    let bounds = lower.into_iter().zip(upper).zip(fixed);
    let role = |((lower, upper), fixed)| match fixed {
        true => Role::Fixed,
        false => Role::Free { lower, upper },
    };
    let mut roles: Vec<Role> = bounds.map(role).collect();
    for (k, to, factor) in links {
        if let Some(role) = roles.get_mut(k) {
            *role = Role::Linked { to, factor };
        }
    }
    FitOptions { start: vector(&start), roles, tolerance }
}

/// A fit, and chi2 after each step of a descent.
fn single(
    from: &dyn Evaluate,
    data: &Data,
    options: &FitOptions,
    method: Option<Descent>,
    control: &Control,
) -> neyman::Result<(FitResult, Option<Vec<f64>>)> {
    let go_on = || !control.stop.load(Ordering::Relaxed);
    let Some(method) = method else {
        return Ok((fit_while(from, data, options, &mut |_, _| go_on())?, None));
    };
    let steps = options.tolerance.evaluations as usize;
    let walked = descend(from, data, options, method, steps, &mut |_, _| go_on())?;
    let end = FitOptions { start: walked.parameters, ..options.clone() };
    Ok((judge(from, data, &end)?, Some(walked.chi2)))
}
