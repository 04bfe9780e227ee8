//! What a session says, as dictionaries: their keys are the fields of the classes in `neyman.results`.

use neyman::infer::TestStatistic;
use neyman::model::Data;
use neyman::session::{
    Discovery, Ensemble, FitResult, Gof, HypoTest, Impact, Impacts, Limit, Minos, Prediction,
    SampleYields, Scan, Scan2d, Session, ToyDiscovery, ToyGof, ToyHypotest, ToyInterval, ToyLimit,
    Yields,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::{array, covariance, known, matrix, or_nan, rows_of};

type Answer<'py> = PyResult<Bound<'py, PyDict>>;

macro_rules! dict {
    ($py:expr, $($key:ident: $value:expr),* $(,)?) => {{
        let d = PyDict::new($py);
        $(d.set_item(pyo3::intern!($py, stringify!($key)), $value)?;)*
        d
    }};
}

pub(crate) use dict;

/// What fits of all kinds say.
pub(crate) fn estimates(py: Python<'_>, fit: FitResult) -> Answer<'_> {
    let n = fit.parameters.len();
    Ok(dict!(py,
        status: fit.status.as_str(),
        values: array(py, fit.parameters),
        uncertainties: array(py, or_nan(fit.uncertainties, n)),
        covariance: covariance(py, fit.covariance, n)?,
        covariance_problem: fit.covariance_problem,
        fixed: array(py, fit.fixed),
        at_bound: array(py, fit.at_bound),
        twice_nll: fit.twice_nll,
        edm: fit.edm,
        evaluations: fit.evaluations,
        minima: array(py, fit.minima),
    ))
}

pub(crate) fn fit<'py>(
    py: Python<'py>,
    session: &Session,
    data: &Data,
    fit: FitResult,
) -> Answer<'py> {
    let model = session.model();
    let prefit = model.parameters().iter().map(|p| p.prefit(data).unwrap_or((f64::NAN, f64::NAN)));
    let (prefit_values, prefit_uncertainties): (Vec<f64>, Vec<f64>) = prefit.unzip();
    let negative: Vec<_> = fit.negative_bins.iter().map(|&b| model.bin_name(b)).collect();
    let d = estimates(py, fit)?;
    d.set_item("prefit_values", array(py, prefit_values))?;
    d.set_item("prefit_uncertainties", array(py, prefit_uncertainties))?;
    d.set_item("negative_bins", negative)?;
    Ok(d)
}

pub(crate) fn hypotest(py: Python<'_>, test: HypoTest) -> Answer<'_> {
    Ok(dict!(py,
        status: test.status.as_str(),
        poi: test.poi,
        mu: test.mu,
        statistic: test.statistic.as_str(),
        test_statistic: test.q,
        test_statistic_asimov: test.q_asimov,
        muhat: test.mu_hat,
        cls_observed: test.observed.cls,
        clsb: test.observed.clsb,
        clb: test.observed.clb,
        cls_expected: array(py, test.expected.cls.to_vec()),
        clsb_expected: array(py, test.expected.clsb.to_vec()),
        clb_expected: array(py, test.expected.clb.to_vec()),
        notes: test.notes,
    ))
}

pub(crate) fn hypotest_toys(py: Python<'_>, test: ToyHypotest) -> Answer<'_> {
    let d = dict!(py,
        status: "converged",
        poi: &test.poi,
        mu: test.mu,
        statistic: test.statistic.as_str(),
        test_statistic: test.test_statistic,
        muhat: test.mu_hat,
        cls_observed: test.cls.cls(),
        cls_observed_error: test.cls.error(),
        clsb: test.cls.clsb.value(),
        clsb_error: test.cls.clsb.error(),
        clb: test.cls.clb.value(),
        clb_error: test.cls.clb.error(),
        cls_expected: array(py, test.expected.cls.to_vec()),
        cls_expected_error: array(py, test.expected.cls_error.to_vec()),
        clsb_expected: array(py, test.expected.clsb.to_vec()),
        clb_expected: array(py, test.expected.clb.to_vec()),
        notes: &test.notes,
    );
    with_ensembles(py, &d, test)?;
    Ok(d)
}

pub(crate) fn discovery(py: Python<'_>, found: Discovery) -> Answer<'_> {
    Ok(dict!(py,
        status: found.status.as_str(),
        poi: found.poi,
        q0: found.q0,
        muhat: found.mu_hat,
        p0_observed: found.p0,
        z_observed: found.z,
        z_expected: found.z_expected,
        z_expected_band: array(py, found.z_band.to_vec()),
        notes: found.notes,
    ))
}

pub(crate) fn discovery_toys(py: Python<'_>, found: ToyDiscovery) -> Answer<'_> {
    let d = dict!(py,
        status: "converged",
        poi: &found.test.poi,
        q0: found.test.test_statistic,
        muhat: found.test.mu_hat,
        p0_observed: found.p0.value(),
        p0_observed_error: found.p0.error(),
        z_observed: found.z,
        z_expected: found.z_expected[2],
        z_expected_band: array(py, found.z_expected.to_vec()),
        notes: &found.test.notes,
    );
    with_ensembles(py, &d, found.test)?;
    Ok(d)
}

fn with_ensembles(py: Python<'_>, d: &Bound<'_, PyDict>, test: ToyHypotest) -> PyResult<()> {
    let (signal, background) = match test.statistic {
        TestStatistic::Q0 => (test.alternative, test.tested),
        _ => (test.tested, test.alternative),
    };
    let tested = if test.statistic == TestStatistic::Q0 { &background } else { &signal };
    d.set_item("toys", tested.finished)?;
    d.set_item("failed", signal.failed.len() + background.failed.len())?;
    d.set_item("interrupted", !test.complete)?;
    let side = |e: Ensemble| {
        Ok::<_, PyErr>(dict!(py,
            toys: e.finished,
            failed: array(py, e.failed),
            seed: e.seed,
            range: (e.range.start, e.range.end),
            values: array(py, e.values),
        ))
    };
    d.set_item("signal_background", side(signal)?)?;
    d.set_item("background", side(background)?)
}

pub(crate) fn limit(py: Python<'_>, limit: Limit) -> Answer<'_> {
    let points = &limit.points;
    let column = |of: &dyn Fn(&neyman::session::LimitPoint) -> f64| {
        array(py, points.iter().map(of).collect())
    };
    let expected = points.iter().flat_map(|p| p.expected.cls).collect();
    let statuses: Vec<_> = points.iter().map(|p| p.status.as_str()).collect();
    Ok(dict!(py,
        status: limit.status.as_str(),
        poi: &limit.poi,
        statistic: limit.statistic.as_str(),
        confidence_level: limit.confidence_level,
        muhat: limit.mu_hat,
        observed: limit.observed.unwrap_or(f64::NAN),
        expected: array(py, known(limit.expected)),
        mu: column(&|p| p.mu),
        test_statistic: column(&|p| p.q),
        cls_observed: column(&|p| p.observed.cls),
        cls_expected: matrix(py, expected, 5)?,
        point_status: statuses,
        notes: &limit.notes,
    ))
}

pub(crate) fn limit_toys(py: Python<'_>, limit: ToyLimit) -> Answer<'_> {
    let points = &limit.points;
    let column = |of: &dyn Fn(&ToyHypotest) -> f64| array(py, points.iter().map(of).collect());
    let band =
        |of: &dyn Fn(&ToyHypotest) -> [f64; 5]| matrix(py, points.iter().flat_map(of).collect(), 5);
    let failed = |p: &ToyHypotest| (p.tested.failed.len() + p.alternative.failed.len()) as u64;
    let seeds: Vec<_> = points.iter().map(|p| (p.tested.seed, p.alternative.seed)).collect();
    let (value, error) = limit.observed.unwrap_or((f64::NAN, f64::NAN));
    let asymptotic = &limit.asymptotic;
    Ok(dict!(py,
        status: asymptotic.status.as_str(),
        poi: &asymptotic.poi,
        statistic: asymptotic.statistic.as_str(),
        confidence_level: asymptotic.confidence_level,
        muhat: asymptotic.mu_hat,
        observed: value,
        observed_error: error,
        expected: array(py, known(limit.expected.map(|l| l.map(|l| l.0)))),
        expected_error: array(py, known(limit.expected.map(|l| l.map(|l| l.1)))),
        asymptotic_observed: asymptotic.observed.unwrap_or(f64::NAN),
        asymptotic_expected: array(py, known(asymptotic.expected)),
        mu: column(&|p| p.mu),
        test_statistic: column(&|p| p.test_statistic),
        cls_observed: column(&|p| p.cls.cls()),
        cls_observed_error: column(&|p| p.cls.error()),
        cls_expected: band(&|p| p.expected.cls)?,
        cls_expected_error: band(&|p| p.expected.cls_error)?,
        point_status: vec!["converged"; points.len()],
        point_toys: array::<u64>(py, points.iter().map(|p| p.tested.finished).collect()),
        point_failed: array::<u64>(py, points.iter().map(failed).collect()),
        point_seeds: seeds,
        toys: points.iter().map(|p| p.tested.finished + p.alternative.finished).sum::<u64>(),
        failed: points.iter().map(failed).sum::<u64>(),
        interrupted: !limit.complete,
        notes: &limit.notes,
    ))
}

pub(crate) fn interval(py: Python<'_>, found: ToyInterval) -> Answer<'_> {
    let points = &found.points;
    let column = |of: &dyn Fn(&neyman::session::ToyIntervalPoint) -> f64| {
        array(py, points.iter().map(of).collect())
    };
    let seeds: Vec<_> = points.iter().map(|p| p.seed).collect();
    Ok(dict!(py,
        status: "converged",
        poi: &found.parameter,
        parameter: &found.parameter,
        confidence_level: found.confidence_level,
        lower: found.lower.unwrap_or(f64::NAN),
        upper: found.upper.unwrap_or(f64::NAN),
        mu: column(&|p| p.mu),
        test_statistic: column(&|p| p.test_statistic),
        critical: column(&|p| p.critical),
        p_value: column(&|p| p.p_value.value()),
        p_value_error: column(&|p| p.p_value.error()),
        point_toys: array::<u64>(py, points.iter().map(|p| p.toys).collect()),
        point_failed: array::<u64>(py, points.iter().map(|p| p.failed.len() as u64).collect()),
        point_seeds: seeds,
        interrupted: !found.complete,
        notes: &found.notes,
    ))
}

pub(crate) fn scan(py: Python<'_>, scan: Scan, n: usize) -> Answer<'_> {
    let points = &scan.points;
    let statuses: Vec<_> = points.iter().map(|p| p.status.as_str()).collect();
    let parameters = points.iter().flat_map(|p| p.parameters.iter().copied()).collect();
    let whole = points.iter().all(|p| p.parameters.len() == n);
    Ok(dict!(py,
        status: scan.status.as_str(),
        parameter: &scan.parameter,
        best: scan.best,
        twice_nll: scan.twice_nll,
        mu: array(py, points.iter().map(|p| p.value).collect()),
        delta_twice_nll: array(py, points.iter().map(|p| p.delta_twice_nll).collect()),
        parameters: if whole { Some(rows_of(py, parameters, points.len(), n)?) } else { None },
        point_status: statuses,
        levels: array(py, scan.intervals.iter().map(|i| i.level).collect()),
        lower: array(py, known(scan.intervals.iter().map(|i| i.lower))),
        upper: array(py, known(scan.intervals.iter().map(|i| i.upper))),
        notes: &scan.notes,
    ))
}

pub(crate) fn scan2d(py: Python<'_>, scan: Scan2d) -> Answer<'_> {
    let contours = PyList::empty(py);
    for contour in scan.contours {
        let lines = PyList::empty(py);
        for line in contour.lines {
            lines.append(matrix(py, line.iter().flat_map(|p| [p.0, p.1]).collect(), 2)?)?;
        }
        contours.append((contour.level, contour.delta, lines))?;
    }
    let (rows, columns) = (scan.y.len(), scan.x.len());
    Ok(dict!(py,
        status: scan.status.as_str(),
        parameters: scan.parameters.to_vec(),
        best: array(py, scan.best.to_vec()),
        twice_nll: scan.twice_nll,
        x: array(py, scan.x),
        y: array(py, scan.y),
        delta_twice_nll: rows_of(py, scan.delta_twice_nll, rows, columns)?,
        contours: contours,
        notes: scan.notes,
    ))
}

pub(crate) fn minos<'py>(py: Python<'py>, fit: &FitResult, all: Vec<Minos>) -> Answer<'py> {
    let failed = all.iter().map(|m| m.status).find(|s| !s.is_converged());
    let end = |m: &Minos, distance: Option<f64>| match distance {
        _ if !m.status.is_converged() => m.status.as_str(),
        Some(_) => "converged",
        None => "at_bound",
    };
    Ok(dict!(py,
        status: failed.unwrap_or(fit.status).as_str(),
        names: all.iter().map(|m| m.parameter.as_str()).collect::<Vec<_>>(),
        values: array(py, all.iter().map(|m| m.value).collect()),
        uncertainties: array(py, known(all.iter().map(|m| m.uncertainty))),
        minos_up: array(py, known(all.iter().map(|m| m.up))),
        minos_down: array(py, known(all.iter().map(|m| m.down))),
        status_up: all.iter().map(|m| end(m, m.up)).collect::<Vec<_>>(),
        status_down: all.iter().map(|m| end(m, m.down)).collect::<Vec<_>>(),
    ))
}

/// `names`: of all parameters.
pub(crate) fn impacts<'py>(py: Python<'py>, names: &[String], found: Impacts) -> Answer<'py> {
    let all = &found.parameters;
    let column = |of: &dyn Fn(&Impact) -> f64| array(py, all.iter().map(of).collect());
    let some = |of: &dyn Fn(&Impact) -> Option<f64>| array(py, known(all.iter().map(of)));
    let (value, uncertainty) = found.value();
    let groups = PyList::empty(py);
    for group in &found.groups {
        let parameters: Vec<_> = group.parameters.iter().map(|&k| &names[k]).collect();
        groups.append((&group.name, group.uncertainty.unwrap_or(f64::NAN), parameters))?;
    }
    let global = match &found.global {
        None => None,
        Some(global) => {
            let all = &global.parameters;
            Some(dict!(py,
                names: all.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(),
                impact: array(py, known(all.iter().map(|g| g.impact))),
                impact_up: array(py, known(all.iter().map(|g| g.up))),
                impact_down: array(py, known(all.iter().map(|g| g.down))),
                linear: array(py, all.iter().map(|g| g.linear).collect()),
                point_status: all.iter().map(|g| g.status.as_str()).collect::<Vec<_>>(),
                statistical: global.statistical,
                sum: global.sum.unwrap_or(f64::NAN),
            ))
        }
    };
    Ok(dict!(py,
        status: found.status().as_str(),
        poi: &names[found.poi],
        value: value,
        uncertainty: uncertainty,
        at_bound: match found.fit.at_bound[found.poi] {
            0 => None,
            1.. => Some("upper"),
            _ => Some("lower"),
        },
        twice_nll: found.fit.twice_nll,
        names: all.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(),
        values: column(&|i| i.value),
        uncertainties: column(&|i| i.uncertainty),
        prefit_values: some(&|i| i.prefit.map(|p| p.0)),
        prefit_uncertainties: some(&|i| i.prefit.map(|p| p.1)),
        pulls: some(&|i| i.pull()),
        constraints: some(&|i| i.constraint()),
        impact_up: some(&|i| i.up.impact),
        impact_down: some(&|i| i.down.impact),
        impact_prefit_up: some(&|i| i.prefit_up.impact),
        impact_prefit_down: some(&|i| i.prefit_down.impact),
        point_status: all.iter().map(|i| i.status().as_str()).collect::<Vec<_>>(),
        groups: groups,
        global_impacts: global,
        notes: &found.notes,
    ))
}

pub(crate) fn gof<'py>(py: Python<'py>, gof: &Gof) -> Answer<'py> {
    let notes: Vec<String> = match gof.p_value {
        Some(_) => Vec::new(),
        None => vec![format!(
            "no p-value: {} degrees of freedom (bins minus free unconstrained parameters)",
            gof.degrees_of_freedom
        )],
    };
    Ok(dict!(py,
        status: gof.fit.status.as_str(),
        test_statistic: gof.test_statistic,
        degrees_of_freedom: gof.degrees_of_freedom,
        p_value: gof.p_value.unwrap_or(f64::NAN),
        twice_nll: gof.fit.twice_nll,
        notes: notes,
    ))
}

pub(crate) fn gof_toys(py: Python<'_>, found: ToyGof) -> Answer<'_> {
    let d = gof(py, &found.gof)?;
    d.set_item("p_value_toys", found.p_value.value())?;
    d.set_item("p_value_toys_error", found.p_value.error())?;
    d.set_item("toys", found.values.len())?;
    d.set_item("failed", found.failed.len())?;
    d.set_item("failed_toys", array(py, found.failed))?;
    d.set_item("interrupted", !found.complete)?;
    d.set_item("distribution", array(py, found.values))?;
    Ok(d)
}

pub(crate) fn yields<'py>(py: Python<'py>, fit: &FitResult, yields: Yields) -> Answer<'py> {
    let channels = PyList::empty(py);
    let sample = |s: SampleYields| {
        let total = s.total_uncertainty.unwrap_or(f64::NAN);
        (s.name, array(py, s.yields), s.uncertainty.map(|u| array(py, u)), total)
    };
    let prediction = |p: Prediction| {
        let samples: Vec<_> = p.samples.into_iter().map(sample).collect();
        (samples, sample(p.total))
    };
    for channel in yields.channels {
        let observed = array(py, channel.observed);
        channels.append((
            channel.name,
            observed,
            prediction(channel.prefit),
            prediction(channel.postfit),
        ))?;
    }
    let problem = fit.covariance_problem.iter();
    let notes: Vec<_> = problem.map(|p| format!("no uncertainties after the fit: {p}")).collect();
    Ok(dict!(py, status: fit.status.as_str(), channels: channels, notes: notes))
}
