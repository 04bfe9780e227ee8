//! A small document of each kind, as `docs/results.md` says.

use serde_json::{Value, json};

/// Names that users may give.
pub(super) const NAMES: [&str; 6] = [
    "mu",
    "<&\"'>",
    "]]><script>alert('x')</script>",
    "Größe μ̂ 信号 \u{202e}\u{0}",
    "",
    "a_very_long_name_of_a_parameter_that_somebody_s_script_has_made_and_nobody_reads_to_its_end_17",
];

/// One document of each kind; `name` is called what can have a name.
pub(super) fn all(name: &str) -> Vec<Value> {
    let band = [0.1, 0.2, 0.4, 0.6, 0.8];
    let point = |mu: f64, cls: f64| {
        json!({"mu": mu, "test_statistic": mu * mu, "cls_observed": cls, "status": "converged",
            "cls_expected": band.map(|b| b * cls), "cls_observed_error": 0.01,
            "cls_expected_error": [0.01, 0.01, 0.01, 0.01, 0.01]})
    };
    let mass = |values: &[f64], limit: f64| {
        json!({"name": name, "values": values, "observed": limit, "status": "converged",
            "expected": band.map(|b| 2.0 * b * limit)})
    };
    let parameter = |name: &str, value: f64, middle: Option<f64>, width: Option<f64>| {
        json!({"name": name, "value": value, "uncertainty": 0.5, "fixed": false, "at_bound": null,
            "constraint": if middle.is_some() { "gaussian" } else { "none" },
            "pull": middle.zip(width).map(|(m, w)| (value - m) / w),
            "prefit_value": middle, "prefit_uncertainty": width})
    };
    let impact = |name: &str, pull: Option<f64>, size: f64| {
        json!({"name": name, "value": 1.0, "uncertainty": 0.5, "prefit_value": null,
            "prefit_uncertainty": null, "pull": pull, "constraint": pull.map(|_| 0.9),
            "impact_up": size, "impact_down": -size, "impact_prefit_up": pull.map(|_| 1.2 * size),
            "impact_prefit_down": pull.map(|_| -1.2 * size), "status": "converged"})
    };
    let stage = |scale: f64| {
        json!({"samples": [
                {"name": name, "yields": [scale, 2.0], "uncertainty": [0.1, 0.2], "total_uncertainty": 0.3},
                {"name": "background", "yields": [10.0, 5.0], "uncertainty": [1, 1], "total_uncertainty": 1.5}],
            "total": [10.0 + scale, 7.0], "uncertainty": [1.1, 1.2], "total_uncertainty": 2.0})
    };
    let channel = |name: &str| json!({"name": name, "bins": 2, "observed": [12, 0], "prefit": stage(1.0), "postfit": stage(2.0)});
    let toys: Vec<Value> =
        (0..60).map(|i| json!(0.1 * f64::from(i))).chain([Value::Null]).collect();
    let both = json!({"signal_background": toys, "background": toys});
    let at = |pht: f64, measured: f64, prediction: f64| {
        json!({"x": 0.05, "z": 0.4, "Q2": 3.0, "PhT": pht, "qT": 2.5 * pht, "measured": measured,
            "error": 0.5, "prediction": prediction, "pull": 2.0 * (measured - prediction)})
    };
    let curve =
        |mu: f64| json!({"mu": mu, "delta_twice_nll": (mu - 1.0).powi(2), "status": "converged"});
    let bodies = [
        json!({"kind": "limit", "statistic": "qtilde", "confidence_level": 0.95, "observed": 1.5,
            "expected": [0.5, 0.7, 1.0, 1.4, 1.9], "observed_error": 0.05,
            "points": [point(0.0, 1.0), point(1.0, 0.2), point(2.0, 0.01)]}),
        json!({"kind": "limits", "labels": [name], "confidence_level": 0.95,
            "points": [mass(&[200.0], 0.1), mass(&[300.0], 1.0), mass(&[500.0], 30.0)]}),
        json!({"kind": "limits", "labels": [name, "m"], "confidence_level": 0.95,
            "points": [mass(&[1.0, 1.0], 0.1), mass(&[1.0, 2.0], 1.0), mass(&[2.0, 1.0], 3.0),
                mass(&[2.0, 2.0], 9.0)]}),
        json!({"kind": "fit", "twice_nll": 12.5, "edm": 1e-9, "evaluations": 20, "minima": [12.5],
            "parameters": [parameter(name, 1.2, None, None), parameter("jes", 0.3, Some(0.0), Some(1.0)),
                parameter("gamma[0]", 1.01, Some(1.0), Some(0.05))],
            "covariance": [[0.25, 0.075, 0.0], [0.075, 0.25, 0.0], [0.0, 0.0, 0.01]]}),
        json!({"kind": "impacts", "value": 1.0, "uncertainty": 0.5,
            "parameters": [impact("jes", Some(0.2), 0.3), impact(name, Some(-4.0), 0.2),
                impact("norm", None, -0.1)],
            "groups": [{"name": name, "uncertainty": 0.3, "parameters": ["jes"]}]}),
        json!({"kind": "yields", "channels": [channel(name), channel("second")]}),
        json!({"kind": "unbinned_fit", "twice_nll": 12.5, "edm": 1e-9, "evaluations": 20,
            "parameters": [parameter(name, 1.2, None, None), parameter("lumi", 0.3, Some(0.0), Some(1.0))],
            "channels": [
                {"name": name, "events": 12, "processes": [{"name": name, "yield": 4.0}, {"name": "background", "yield": 8.5}],
                    "histogram": {"observable": name, "edges": [60.0, 80.0, 100.0, 120.0], "observed": [5, 7, 0],
                        "uncertainty": null, "processes": [{"name": name, "expected": [0.5, 3.0, 0.5]},
                            {"name": "background", "expected": [4.0, 3.0, 1.5]}]}},
                {"name": "weighted", "events": 3, "processes": [{"name": "background", "yield": 3.0}],
                    "histogram": {"observable": "pt", "edges": [0.0, 1.0, 2.0], "observed": [1.5, 2.0],
                        "uncertainty": [1.0, 1.1], "processes": [{"name": "background", "expected": [1.0, 2.0]}]}},
                {"name": "of two", "events": 3, "processes": [{"name": "background", "yield": 3.0}], "histogram": null}]}),
        json!({"kind": "tmd_fit", "chi2": 3.5, "n_points": 4, "edm": 1e-9, "evaluations": 20,
            "parameters": [parameter(name, 1.2, None, None), parameter("g2", 0.3, None, None)],
            "points": [at(0.1, 40.0, 44.0), at(0.3, 20.0, 19.0), at(0.5, 1.0, 0.7), at(0.2, 30.0, 29.0)]}),
        json!({"kind": "tmd_fit", "chi2": 3.5, "n_points": 2, "edm": 1e-9, "evaluations": 20,
            "parameters": [parameter(name, 1.2, None, None)],
            "points": [
                {"table": name, "qT": 0.1, "measured": 4.0, "error": 0.2, "prediction": 4.1, "pull": -0.5},
                {"table": "other", "qT": 0.1, "measured": 3.0, "error": 0.2, "prediction": 3.1, "pull": -20.0}]}),
        json!({"kind": "scan", "parameter": name, "best": 1.0, "twice_nll": 12.5,
            "points": [curve(-1.0), curve(0.0), curve(1.0), curve(2.0), curve(3.0)],
            "intervals": [{"level": 0.6827, "lower": 0.0, "upper": 2.0}]}),
        json!({"kind": "scan2d", "parameters": [name, "norm"], "best": [1.0, 1.0], "twice_nll": 12.5,
            "x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 2.0],
            "delta_twice_nll": [[8.0, 4.0, 8.0], [4.0, 0.0, 4.0], [8.0, 4.0, 8.0]],
            "contours": [{"level": 0.6827, "delta": 2.3, "lines": [[[0.5, 1.0], [1.0, 0.5], [1.5, 1.0]]]}]}),
        json!({"kind": "cls", "mu": 1.0, "statistic": "qtilde", "test_statistic": 2.0, "muhat": 0.1,
            "cls_observed": 0.08, "cls_observed_error": 0.01, "clsb": 0.05, "clb": 0.6,
            "cls_expected": band, "toys": 61, "failed": 1, "distributions": both}),
        json!({"kind": "discovery", "q0": 2.0, "muhat": 1.0, "p0_observed": 0.08, "z_observed": 1.4,
            "z_expected": 2.0, "z_expected_band": [0.0, 1.0, 2.0, 3.0, 4.0], "toys": 61,
            "p0_observed_error": 0.01, "failed": 1, "distributions": both}),
        json!({"kind": "gof", "statistic": "saturated", "test_statistic": 4.0, "degrees_of_freedom": 3,
            "p_value": 0.26, "p_value_toys": 0.3, "p_value_toys_error": 0.02, "toys": 61, "failed": 1,
            "distribution": toys}),
        json!({"kind": "interval", "parameter": name, "confidence_level": 0.9, "lower": 0.0, "upper": 2.0,
            "points": [{"mu": 0.0, "test_statistic": 1.0, "critical": 2.5, "p_value": 0.4},
                {"mu": 2.0, "test_statistic": 1.0, "critical": 2.7, "p_value": 0.4}]}),
        json!({"kind": "minos", "parameters": [{"name": name, "value": 1.0, "uncertainty": 0.5,
            "minos_up": 0.6, "minos_down": -0.4, "status_up": "converged", "status_down": "bound"}]}),
        json!({"kind": "coverage", "confidence_level": 0.95, "methods": [
            {"name": name, "points": [{"mu": 0.5, "coverage": 1.0, "error": 0.01},
                {"mu": 2.0, "coverage": 0.96, "error": 0.02}]},
            {"name": "other", "points": []}]}),
    ];
    let common = json!({"poi": name, "status": "converged", "notes": ["one"],
        "warnings": [{"path": "/channels/0", "message": name}, {"path": null, "message": "two"}],
        "provenance": {"version": "0.1.0", "workspace": "runs/search.json", "digest": "0123abcd",
            "measurement": "measurement", "interpolation": "code4,code4p", "device": "cpu",
            "precision": "f64", "seed": 7}});
    let whole = |mut body: Value| {
        if let (Value::Object(body), Value::Object(common)) = (&mut body, &common) {
            common.iter().for_each(|(key, value)| {
                body.entry(key).or_insert_with(|| value.clone());
            });
        }
        body
    };
    bodies.into_iter().map(whole).collect()
}
