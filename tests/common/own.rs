//! Small models of our own, as JSON text read the way a user's file is. Between them: all seven
//! modifier types, every bin count the kernels unroll for, shared names, empty and impossible bins.

use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::model::{Model, ModelOptions};
use neyman::spec::{self, LoadOptions};
use serde_json::{Value, json};

/// Compiles a workspace document.
pub(crate) fn compile(document: &Value, interpolation: Interpolation) -> Model {
    let bytes = serde_json::to_vec(document).expect("JSON");
    let loaded = spec::load(&bytes, &LoadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let options = ModelOptions { interpolation, ..ModelOptions::default() };
    Model::new(&loaded.workspace, loaded.measurement, &options).unwrap_or_else(|e| panic!("{e}"))
}

/// All combinations of interpolations.
pub(crate) fn interpolations() -> Vec<Interpolation> {
    let normsys =
        [NormSysInterpolation::PolynomialExponential, NormSysInterpolation::PiecewiseExponential];
    let histosys = [
        HistoSysInterpolation::PolynomialLinear,
        HistoSysInterpolation::QuadraticLinear,
        HistoSysInterpolation::PiecewiseLinear,
    ];
    let pair = |normsys| histosys.map(|histosys| Interpolation { normsys, histosys });
    normsys.into_iter().flat_map(pair).collect()
}

pub(crate) fn modifier(name: &str, kind: &str, data: Value) -> Value {
    json!({"name": name, "type": kind, "data": data})
}

pub(crate) fn sample(name: &str, data: &[f64], modifiers: &[Value]) -> Value {
    json!({"name": name, "data": data, "modifiers": modifiers})
}

/// A workspace with one measurement; `parameters` configure it beyond `lumi`.
pub(crate) fn workspace(
    channels: &[(&str, &[f64], Vec<Value>)],
    poi: &str,
    parameters: &[Value],
) -> Value {
    let channel =
        |(name, _, samples): &(&str, &[f64], Vec<Value>)| json!({"name": name, "samples": samples});
    let observation =
        |(name, data, _): &(&str, &[f64], Vec<Value>)| json!({"name": name, "data": data});
    json!({
        "channels": channels.iter().map(channel).collect::<Vec<_>>(),
        "observations": channels.iter().map(observation).collect::<Vec<_>>(),
        "measurements": [{"name": "fit", "config": {"poi": poi, "parameters": parameters}}],
        "version": "1.0.0",
    })
}

/// Configuration of a luminosity uncertainty.
pub(crate) fn lumi() -> Value {
    json!({"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "inits": [1.0], "bounds": [[0.5, 1.5]]})
}

fn normfactor(name: &str) -> Value {
    modifier(name, "normfactor", Value::Null)
}

fn normsys(name: &str, hi: f64, lo: f64) -> Value {
    modifier(name, "normsys", json!({"hi": hi, "lo": lo}))
}

fn histosys(name: &str, hi: &[f64], lo: &[f64]) -> Value {
    modifier(name, "histosys", json!({"hi_data": hi, "lo_data": lo}))
}

/// Every modifier type, twice on some samples; channels of 3, 3 and 1 bins.
pub(crate) fn all_seven() -> Value {
    let stat = |errors: &[f64]| modifier("stat", "staterror", json!(errors));
    let signal = vec![
        normfactor("mu"),
        modifier("lumi", "lumi", Value::Null),
        normsys("theory", 1.18, 0.87),
        normsys("scale", 1.04, 0.97),
        histosys("scale", &[6.5, 11.0, 9.25], &[5.25, 10.5, 8.0]),
    ];
    let background = vec![
        normfactor("norm"),
        normsys("theory", 0.93, 1.06),
        histosys("scale", &[52.0, 43.0, 21.0], &[49.0, 38.5, 19.5]),
        histosys("model", &[51.0, 42.5, 23.0], &[50.5, 41.0, 18.0]),
        stat(&[2.5, 2.0, 1.75]),
        modifier("own", "shapesys", json!([6.0, 5.0, 4.0])),
    ];
    let fake = vec![
        modifier("free", "shapefactor", Value::Null),
        normsys("fakes", 1.3, 0.7),
        stat(&[1.0, 0.5, 0.75]),
    ];
    let control = vec![
        normfactor("norm"),
        modifier("free", "shapefactor", Value::Null),
        histosys("model", &[205.0, 118.0, 66.0], &[196.0, 123.0, 63.0]),
    ];
    let counting = vec![
        normfactor("norm"),
        modifier("lumi", "lumi", Value::Null),
        modifier("count", "shapesys", json!([3.5])),
    ];
    workspace(
        &[
            (
                "SR",
                &[63.0, 55.0, 30.0],
                vec![
                    sample("signal", &[6.0, 10.75, 8.5], &signal),
                    sample("background", &[50.0, 41.5, 20.25], &background),
                    sample("fake", &[4.0, 3.0, 2.5], &fake),
                ],
            ),
            (
                "CR",
                &[207.0, 117.0, 69.0],
                vec![sample("background", &[200.0, 120.5, 65.0], &control)],
            ),
            ("count", &[24.0], vec![sample("background", &[25.5], &counting)]),
        ],
        "mu",
        &[lumi(), json!({"name": "mu", "bounds": [[-2.0, 10.0]]})],
    )
}

/// Channels of 1 to 7 and 9 bins, all with one shape and one staterror: every unrolled loop.
pub(crate) fn widths() -> Value {
    let channels: Vec<(String, Vec<f64>, Vec<Value>)> = [1usize, 2, 3, 4, 5, 6, 7, 9]
        .into_iter()
        .map(|n| {
            let row = |a: f64, b: f64| (0..n).map(|i| a + b * (i as f64)).collect::<Vec<_>>();
            let background = sample(
                "background",
                &row(30.0, 4.0),
                &[
                    normsys("norm", 1.1, 0.92),
                    histosys("tilt", &row(29.0, 4.75), &row(31.5, 3.5)),
                    histosys("curve", &row(30.5, 3.75), &row(30.25, 4.25)),
                    modifier(&format!("stat{n}"), "staterror", json!(row(1.5, 0.1))),
                ],
            );
            let signal = sample(
                "signal",
                &row(2.0, 0.5),
                &[normfactor("mu"), histosys("tilt", &row(2.25, 0.5), &row(1.5, 0.625))],
            );
            (format!("c{n}"), row(33.0, 4.0), vec![signal, background])
        })
        .collect();
    let borrowed: Vec<(&str, &[f64], Vec<Value>)> =
        channels.iter().map(|(n, d, s)| (n.as_str(), d.as_slice(), s.clone())).collect();
    workspace(&borrowed, "mu", &[])
}

/// Bins without events, without expectation, without uncertainty; a negative yield.
pub(crate) fn empty_bins() -> Value {
    let background = vec![
        modifier("own", "shapesys", json!([0.0, 0.5, 0.3])),
        modifier("stat", "staterror", json!([0.0, 0.4, 0.2])),
        normsys("norm", 1.2, 0.85),
        histosys("shape", &[0.0, 1.5, 0.25], &[0.0, 0.75, 0.5]),
    ];
    workspace(
        &[(
            "SR",
            &[0.0, 0.0, 2.5],
            vec![
                sample("signal", &[1.5, 0.0, -0.125], &[normfactor("mu")]),
                sample("background", &[0.0, 1.25, 0.5], &background),
            ],
        )],
        "mu",
        &[json!({"name": "mu", "bounds": [[-1.0, 10.0]]})],
    )
}

/// Large counts, no bound near: where asymptotic formulae hold.
pub(crate) fn well_behaved() -> Value {
    let background = vec![
        normsys("norm", 1.03, 0.97),
        histosys("shape", &[1030.0, 815.0, 590.0], &[970.0, 785.0, 610.0]),
        modifier("stat", "staterror", json!([15.0, 12.0, 10.0])),
    ];
    let control =
        vec![modifier("own", "shapesys", json!([60.0, 50.0])), normsys("norm", 1.02, 0.98)];
    workspace(
        &[
            (
                "SR",
                &[1060.0, 880.0, 690.0],
                vec![
                    sample("signal", &[50.0, 90.0, 80.0], &[normfactor("mu")]),
                    sample("background", &[1000.0, 800.0, 600.0], &background),
                ],
            ),
            ("CR", &[2010.0, 1490.0], vec![sample("background", &[2000.0, 1500.0], &control)]),
        ],
        "mu",
        &[json!({"name": "mu", "bounds": [[-20.0, 20.0]]})],
    )
}

/// All of them by name.
pub(crate) fn documents() -> Vec<(&'static str, Value)> {
    vec![
        ("all_seven", all_seven()),
        ("widths", widths()),
        ("empty_bins", empty_bins()),
        ("well_behaved", well_behaved()),
    ]
}
