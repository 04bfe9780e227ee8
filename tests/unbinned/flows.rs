//! Normalising flows: recorded values, another implementation, differences, integrals, a fit with a closed form, bad
//! files.

use std::sync::Arc;

use neyman::unbinned::Observable;
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::pdf::flow::{Directions, Flow};
use serde_json::{Value, json};

use crate::flow_files::{Arrays, load, manifest, network, write};
use crate::{goldens, numbers};

/// Values and derivatives at points, each a number an observable.
fn all(flow: &Flow, context: &[f64], points: &[Vec<f64>], wrt: Directions) -> [Vec<f64>; 3] {
    let columns: Vec<Vec<f64>> =
        (0..points[0].len()).map(|d| points.iter().map(|p| p[d]).collect()).collect();
    let x: Vec<&[f64]> = columns.iter().map(|x| &x[..]).collect();
    let n = points.len();
    let k = if wrt == Directions::Context { context.len() } else { x.len() };
    let (mut v, mut g, mut h) = (vec![0.0; n], vec![0.0; k * n], vec![0.0; k * (k + 1) / 2 * n]);
    flow.log_prob(context, &x, wrt, &mut v, &mut g, &mut h).unwrap_or_else(|e| panic!("{e}"));
    // fewer derivatives, the same bits
    let (mut again, mut slopes) = (vec![0.0; n], vec![0.0; k * n]);
    flow.log_prob(context, &x, wrt, &mut again, &mut [], &mut []).expect("values");
    assert_eq!(again, v);
    flow.log_prob(context, &x, wrt, &mut again, &mut slopes, &mut []).expect("values");
    assert_eq!((&again, &slopes), (&v, &g));
    [v, g, h]
}

/// The flow of the goldens.
fn recorded(golden: &Value) -> Flow {
    let (mut arrays, mut layers) = (Vec::new(), Vec::new());
    for (i, layer) in golden["weights"].as_array().expect("layers").iter().enumerate() {
        for (n, dense) in layer.as_array().expect("a network").iter().enumerate() {
            let bias = numbers(&dense["b"]);
            let rows: Vec<Vec<f64>> =
                dense["w"].as_array().expect("rows").iter().map(numbers).collect();
            // recorded as [inputs][outputs]
            let weights = (0..bias.len()).flat_map(|o| rows.iter().map(move |row| row[o]));
            let weights = (vec![bias.len(), rows.len()], weights.collect());
            arrays.push((format!("n{i}.{n}.weight"), weights.0, weights.1));
            arrays.push((format!("n{i}.{n}.bias"), vec![bias.len()], bias));
        }
        layers.push(json!({
            "type": "affine_coupling", "identity": [0], "transform": [1], "network": format!("n{i}"),
            "activation": "tanh", "form": "subtract", "log_scale": "tanh"
        }));
        layers.push(json!({"type": "permutation", "order": [1, 0]}));
    }
    load("recorded", &manifest(&["x", "y"], &["c"], layers.into()), &arrays)
}

#[test]
fn recorded_values_and_gradients() {
    let Some(goldens) = goldens() else { return };
    let golden = &goldens["flow"];
    let flow = recorded(golden);
    assert_eq!((flow.observable_names().len(), flow.context_names()), (2, &["c".to_owned()][..]));
    let (values, slopes) = (numbers(&golden["logp"]), numbers(&golden["dlogp_dcontext"]));
    for (i, input) in golden["input"].as_array().expect("points").iter().map(numbers).enumerate() {
        let point = vec![input[..2].to_vec()];
        let [v, g, _] = all(&flow, &input[2..], &point, Directions::Context);
        assert!(
            (v[0] - values[i]).abs() < 1e-12 + 1e-13 * values[i].abs(),
            "{} {}",
            v[0],
            values[i]
        );
        assert!(
            (g[0] - slopes[i]).abs() < 1e-12 + 1e-9 * slopes[i].abs(),
            "{} {}",
            g[0],
            slopes[i]
        );
        let [_, g, _] = all(&flow, &input[2..], &point, Directions::Observables);
        for (a, b) in g.iter().zip(numbers(&golden["dlogp_dx"][i])) {
            assert!((a - b).abs() < 1e-12 + 1e-9 * b.abs(), "{a} {b}");
        }
    }
}

/// One of each kind, with the points that it is looked at.
pub(crate) fn kinds() -> Vec<(&'static str, Flow, Vec<Vec<f64>>)> {
    let points: Vec<Vec<f64>> = (0..40)
        .map(|i| {
            let i = f64::from(i);
            vec![2.4 * (0.7 * i).sin(), 2.4 * (1.1 * i).cos()]
        })
        .collect();
    let inside: Vec<Vec<f64>> = points
        .iter()
        .map(|p| vec![60.0 + 60.0 * (0.5 + 0.19 * p[0]), -1.0 + 3.0 * (0.5 + 0.19 * p[1])])
        .collect();
    let coupling = |i: usize, rest: Value| {
        let (a, b) = (i % 2, 1 - i % 2);
        let mut layer = json!({"identity": [a], "transform": [b], "network": format!("n{i}")});
        layer.as_object_mut().expect("an object").extend(rest.as_object().expect("keys").clone());
        layer
    };
    let context = ["a", "b"];
    let nets = |outputs: usize, scale: f64| -> Arrays {
        (0..3)
            .flat_map(|i| network(&format!("n{i}"), &[3, 7, 6, outputs], i as f64, scale))
            .collect()
    };
    let ends = json!({"lower": [60, -1], "upper": [120, 2]});
    let first = |kind: &str| {
        let mut layer = ends.clone();
        layer["type"] = json!(kind);
        layer
    };
    let affine = |i: usize, more: Value| {
        let mut layer = coupling(i, more);
        layer["type"] = json!("affine_coupling");
        layer
    };
    let spline = |i: usize, more: Value| {
        let mut layer = coupling(i, more);
        layer["type"] = json!("rq_spline_coupling");
        layer
    };
    let add = json!([
        {"type": "standardize", "mean": [0.3, -0.2], "std": [1.5, 0.8]},
        affine(0, json!({"form": "add", "activation": "silu"})),
        affine(1, json!({"form": "subtract", "log_scale": "tanh", "limit": 2.5})),
        {"type": "permutation", "order": [1, 0]},
        affine(2, json!({"form": "add", "log_scale": "tanh", "activation": "silu"}))
    ]);
    let logit = json!([
        first("logit"),
        affine(0, json!({})),
        affine(1, json!({"form": "add"})),
        affine(2, json!({}))
    ]);
    let relu: Vec<Value> = (0..3).map(|i| affine(i, json!({"activation": "relu"}))).collect();
    let tails = |i| spline(i, json!({"bins": 5, "tail_bound": 2.0, "min_bin_width": 0.01}));
    let tails: Vec<Value> = (0..3).map(tails).collect();
    let bins = json!({"bins": 4, "activation": "silu"});
    let uniform =
        json!([first("unit"), spline(0, bins.clone()), spline(1, bins.clone()), spline(2, bins)]);
    let mut on_unit = manifest(&["x", "y"], &context, uniform);
    on_unit["base_distribution"] = json!("uniform");
    on_unit["context_mean"] = json!([0.1, 0.2]);
    on_unit["context_std"] = json!([2.0, 0.5]);
    let of = |layers: Value| manifest(&["x", "y"], &context, layers);
    vec![
        ("affine", load("affine", &of(add), &nets(2, 0.6)), points.clone()),
        ("logit", load("logit", &of(logit), &nets(2, 0.4)), inside.clone()),
        ("relu", load("relu", &of(relu.into()), &nets(2, 0.6)), points.clone()),
        ("tails", load("tails", &of(tails.into()), &nets(14, 0.3)), points),
        ("uniform", load("uniform", &on_unit, &nets(13, 0.3)), inside),
    ]
}

pub(crate) const CONTEXT: [f64; 2] = [0.4, -0.7];

/// The same flows written anew in NumPy, with its `searchsorted` and `cumsum`.
#[test]
fn splines_of_another_implementation() {
    let recorded = [
        (
            "tails",
            [
                -4.482550515698733,
                -4.153201382895855,
                -6.140181486137566,
                -6.792187581560236,
                -2.1166753535780782,
                -2.8802464048297365,
            ],
        ),
        (
            "uniform",
            [
                -5.386529989060563,
                -5.365573770277007,
                -5.593418689380989,
                -5.407054172236485,
                -5.020988627774757,
                -4.791607516897508,
            ],
        ),
    ];
    for (name, values) in recorded {
        let (_, flow, points) = kinds().into_iter().find(|k| k.0 == name).expect(name);
        let [v, ..] = all(&flow, &CONTEXT, &points[..6], Directions::Context);
        for (a, b) in v.iter().zip(values) {
            assert!((a - b).abs() < 1e-12, "{name}: {a} {b}");
        }
    }
}

#[test]
fn derivatives_are_slopes() {
    for (name, flow, points) in kinds() {
        for wrt in [Directions::Context, Directions::Observables] {
            let [_, g, h] = all(&flow, &CONTEXT, &points, wrt);
            let n = points.len();
            for k in 0..2 {
                let width = flow.support().map_or(1.0, |s| s[k].1 - s[k].0);
                let step = match wrt {
                    Directions::Context => 1e-5,
                    Directions::Observables => 1e-5 * width,
                };
                let at = |sign: f64| {
                    let (mut context, mut points) = (CONTEXT, points.clone());
                    match wrt {
                        Directions::Context => context[k] += sign * step,
                        Directions::Observables => {
                            points.iter_mut().for_each(|p| p[k] += sign * step)
                        }
                    }
                    all(&flow, &context, &points, wrt)
                };
                let (up, down) = (at(1.0), at(-1.0));
                let mut wrong = 0;
                for i in 0..n {
                    let slope = (up[0][i] - down[0][i]) / (2.0 * step);
                    let mut good = (slope - g[k * n + i]).abs() < 1e-5 * (1.0 + slope.abs());
                    for l in 0..2 {
                        let place = k.max(l) * (k.max(l) + 1) / 2 + k.min(l);
                        let slope = (up[1][l * n + i] - down[1][l * n + i]) / (2.0 * step);
                        good &= (slope - h[place * n + i]).abs() < 1e-4 * (1.0 + slope.abs());
                    }
                    wrong += usize::from(!good);
                }
                // second derivatives of splines jump at knots, those of relu at its kink
                let smooth = !["tails", "uniform", "relu"].contains(&name);
                assert!(wrong <= if smooth { 0 } else { 2 }, "{name} {wrt:?} {k}: {wrong} of {n}");
            }
        }
    }
}

/// Simpson's rule on a grid of a rectangle.
fn integral(log_prob: impl Fn(&[f64], &[f64]) -> Vec<f64>, ends: [(f64, f64); 2], n: usize) -> f64 {
    let axis = |(lo, hi): (f64, f64)| -> Vec<(f64, f64)> {
        let step = (hi - lo) / n as f64;
        let weight = |i: usize| if i == 0 || i == n { 1.0 } else { (2 + 2 * (i % 2)) as f64 };
        (0..=n).map(|i| ((lo + step * i as f64).min(hi), weight(i) * step / 3.0)).collect()
    };
    let (a, b) = (axis(ends[0]), axis(ends[1]));
    let (x, weights): (Vec<f64>, Vec<f64>) = a.into_iter().unzip();
    let rows = b.iter().map(|(y, weight)| {
        let logs = log_prob(&x, &vec![*y; x.len()]);
        weight * logs.iter().zip(&weights).map(|(log, w)| w * log.exp()).sum::<f64>()
    });
    rows.sum()
}

#[test]
fn integrals_are_one() {
    for (name, flow, _) in kinds() {
        let log_prob = |x: &[f64], y: &[f64]| {
            let mut out = vec![0.0; x.len()];
            flow.log_prob(&CONTEXT, &[x, y], Directions::Context, &mut out, &mut [], &mut [])
                .unwrap_or_else(|e| panic!("{e}"));
            out
        };
        let (ends, n) = match flow.support() {
            Some(support) => ([support[0], support[1]], 800),
            // the identity far out
            None if name == "tails" => ([(-9.0, 9.0), (-9.0, 9.0)], 1600),
            None => ([(-40.0, 40.0), (-40.0, 40.0)], 1600),
        };
        let total = integral(log_prob, ends, n);
        // kinks of splines and of relu between the nodes
        let tolerance = match name {
            "affine" | "logit" => 1e-7,
            _ => 2e-4,
        };
        assert!((total - 1.0).abs() < tolerance, "{name}: {total}");
    }
}

/// On a window: of bounded support as it is, others divided by their integral, or refused.
#[test]
fn densities_on_windows() {
    let windows = |lo: f64, hi: f64| {
        [("x", lo, hi), ("y", -1.0, 2.0)]
            .map(|(n, a, b)| Observable::new(n, a, b).expect("a window"))
    };
    let of = |name: &str| {
        let flow = kinds().into_iter().find(|k| k.0 == name).expect(name).1;
        Arc::new(flow)
    };
    let refused = |result: neyman::error::Result<Pdf>, says: &str| {
        let error = result.expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    for name in ["logit", "uniform"] {
        let pdf = Pdf::flow(&windows(60.0, 120.0), of(name)).expect("a density");
        assert_eq!(
            (pdf.kind(), &pdf.parameter_names()[..]),
            ("conditional_flow", &["a".into(), "b".into()][..])
        );
        let (x, y) = ([60.0, 59.0, 90.0, 90.0, 120.0], [0.0, 0.0, 0.0, 2.1, 2.0]);
        let mut out = [0.0; 5];
        let (mut gradient, mut hessian) = ([1.0; 10], [1.0; 15]);
        pdf.log_prob_hessian(&CONTEXT, &[&x, &y], &mut out, &mut gradient, &mut hessian)
            .expect("values");
        let inf = f64::NEG_INFINITY;
        assert_eq!((out[1], out[3]), (inf, inf));
        assert!(
            out[2].is_finite() && gradient[2] != 0.0 && gradient[1] == 0.0 && hessian[13] == 0.0
        );
        // the ends belong to the one, and are infinitely far in the other
        assert_eq!(out[0] == inf && out[4] == inf, name == "logit");
        refused(
            Pdf::flow(&windows(60.0, 119.0), of(name)),
            "from 60 to 120 of \"x\", but the window goes from 60 to 119",
        );
        let error = pdf.log_prob(&[0.0, f64::NAN], &[&x, &y], &mut out).expect_err("refused");
        assert!(error.to_string().contains("conditional_flow: b = NaN"), "{error}");
        let error = pdf.log_prob(&[0.0], &[&x, &y], &mut out).expect_err("refused");
        assert!(error.to_string().contains("1 value for 2 parameters: a, b"), "{error}");
        let x = [60.0, 59.0, f64::NAN, 90.0, 120.0];
        let error = pdf.log_prob(&CONTEXT, &[&x, &y], &mut out).expect_err("refused");
        assert!(error.to_string().contains("event 2: x is NaN"), "{error}");
    }
    refused(Pdf::flow(&windows(-1.0, 2.0), of("affine")), "depends on the context");
    refused(
        Pdf::flow(&windows(-1.0, 2.0)[..1], of("affine")),
        "1 observable for those of the flow",
    );
    let [x, _] = windows(-1.0, 2.0);
    refused(Pdf::flow(&[x.clone(), x], of("affine")), "two of its observables are \"x\"");
    // without context
    let layer = json!([
        {"type": "affine_coupling", "identity": [0], "transform": [1], "network": "n"},
        {"type": "affine_coupling", "identity": [1], "transform": [0], "network": "m"}
    ]);
    let mut arrays = network("n", &[1, 5, 2], 0.5, 0.6);
    arrays.extend(network("m", &[1, 5, 2], 2.5, 0.6));
    let flow = Arc::new(load("free", &manifest(&["x", "y"], &[], layer), &arrays));
    let pdf = Pdf::flow(&windows(-1.5, 0.5), flow).expect("a density");
    assert_eq!((pdf.kind(), pdf.parameter_names().len()), ("flow", 0));
    let log_prob = |x: &[f64], y: &[f64]| {
        let mut out = vec![0.0; x.len()];
        pdf.log_prob(&[], &[x, y], &mut out).expect("values");
        out
    };
    let total = integral(log_prob, [(-1.5, 0.5), (-1.0, 2.0)], 400);
    assert!((total - 1.0).abs() < 1e-8, "{total}");
    assert_eq!(log_prob(&[0.6, 0.0], &[0.0, 0.0])[0], f64::NEG_INFINITY);
    // far away there is nothing left
    let layer =
        json!([{"type": "affine_coupling", "identity": [0], "transform": [1], "network": "n"},]);
    let flow = load("far", &manifest(&["x", "y"], &[], layer), &network("n", &[1, 5, 2], 0.5, 0.6));
    refused(Pdf::flow(&windows(500.0, 501.0), Arc::new(flow)), "or is 0");
}

/// Without anything to look at, a flow of one observable: a network of no inputs.
#[test]
fn one_observable() {
    let layers = json!([
        {"type": "logit", "lower": [0.0], "upper": [1.0]},
        {"type": "affine_coupling", "identity": [], "transform": [0], "network": "n"}
    ]);
    // log scale 0, shift the context
    let arrays: Arrays = vec![
        ("n.0.weight".into(), vec![2, 1], vec![0.0, 1.0]),
        ("n.0.bias".into(), vec![2], vec![0.0, 0.0]),
    ];
    let path = write("one", &manifest(&["x"], &["c"], layers), &arrays, true);
    let flow = Flow::from_manifest(&path).expect("a flow");
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("ours");
    let points: Vec<Vec<f64>> = (1..50).map(|i| vec![f64::from(i) / 50.0]).collect();
    let [v, g, h] = all(&flow, &[0.3], &points, Directions::Context);
    for (i, x) in points.iter().map(|p| p[0]).enumerate() {
        let y = (x / (1.0 - x)).ln();
        let t = y - 0.3;
        let exact = -0.5 * t * t - 0.5 * std::f64::consts::TAU.ln() - x.ln() - (1.0 - x).ln();
        assert!((v[i] - exact).abs() < 1e-12, "{x}: {} {exact}", v[i]);
        assert!((g[i] - t).abs() < 1e-12 && (h[i] + 1.0).abs() < 1e-12);
    }
}

/// Each mistake with the place in the manifest.
#[test]
fn bad_files_are_refused() {
    let arrays = network("n", &[2, 4, 2], 0.0, 0.5);
    let coupling =
        json!({"type": "affine_coupling", "identity": [0], "transform": [1], "network": "n"});
    let good = manifest(&["x", "y"], &["c"], json!([coupling]));
    let refused = |manifest: &Value, arrays: &Arrays, path: &str, says: &str| {
        let file = write("bad", manifest, arrays, false);
        let error = Flow::from_manifest(&file).expect_err("refused");
        let neyman::Error::Specification { path: found, message } = &error else {
            panic!("{error}")
        };
        assert!(message.contains(says), "{error}");
        assert_eq!(found, path, "{error}");
    };
    let with = |path: &str, value: Value, at: &str, says: &str| {
        let mut changed = good.clone();
        let (parent, key) = path.rsplit_once('/').expect("a pointer");
        changed
            .pointer_mut(parent)
            .expect("a place")
            .as_object_mut()
            .expect("an object")
            .insert(key.into(), value);
        refused(&changed, &arrays, at, says);
    };
    let same = |path: &str, value: Value, says: &str| with(path, value, path, says);
    let (at, says) = match cfg!(feature = "onnx") {
        true => ("", "the key \"models\" is missing"),
        false => ("/schema_version", "build it with the feature \"onnx\""),
    };
    with("/schema_version", json!("nextstat_flow_v0"), at, says);
    same("/schema_version", json!("v9"), "\"v9\" is not known");
    same("/surprise", json!(1), "unknown key");
    with("/observable_names", json!(["x", "x"]), "/observable_names/1", "there twice");
    same("/observable_names", json!([]), "must not be empty");
    same("/context_mean", json!([1, 2]), "2 numbers, but 1 are needed");
    with("/context_std", json!([0]), "/context_std/0", "not above 0");
    same("/base_distribution", json!("cauchy"), "\"standard_normal\", \"uniform\"");
    same("/layers", json!([]), "must not be empty");
    let layer = "/layers/0";
    let at = |key: &str| format!("{layer}/{key}");
    same(&at("type"), json!("afine_coupling"), "did you mean \"affine_coupling\"");
    same(&at("network"), json!("m"), "there is no array \"m.0.weight\"");
    with(&at("identity"), json!([2]), &at("identity/0"), "an index below 2");
    same(&at("transform"), json!([0]), "name each observable once");
    same(&at("activation"), json!("gelu"), "known here are \"tanh\"");
    same(&at("limit"), json!(2), "others have none");
    same(&at("bins"), json!(2), "unknown key");
    with("/base_distribution", json!("uniform"), &at("type"), "leaves the interval");
    let layers = |layers: Value, at: &str, says: &str| with("/layers", layers, at, says);
    let logit = json!({"type": "logit", "lower": [0, 0], "upper": [1, 1]});
    layers(json!([coupling, logit]), "/layers/1/type", "the first layer alone");
    let wrong = json!({"type": "logit", "lower": [0, 2], "upper": [1, 1]});
    layers(json!([wrong]), "/layers/0/upper/1", "1 is not above the lower end 2");
    let unit = json!({"type": "unit", "lower": [0, 0], "upper": [1, 1]});
    layers(json!([unit]), "/layers/0/type", "to the base \"uniform\"");
    layers(json!([{"type": "permutation", "order": [1]}]), "/layers/0/order", "1 indices for 2");
    layers(
        json!([{"type": "standardize", "mean": [0, 0], "std": [1, -1]}]),
        "/layers/0/std/1",
        "above 0",
    );
    let spline = |more: Value| {
        let mut layer = coupling.clone();
        layer["type"] = json!("rq_spline_coupling");
        layer.as_object_mut().expect("an object").extend(more.as_object().expect("keys").clone());
        json!([layer])
    };
    layers(
        spline(json!({"tail_bound": 3, "bins": 4})),
        "/layers/0/network",
        "2 outputs, but 11 are needed",
    );
    layers(spline(json!({"tail_bound": -3})), "/layers/0/tail_bound", "not above 0");
    layers(spline(json!({"bins": 0})), "/layers/0/bins", "from 1 to 1024");
    layers(
        spline(json!({"bins": 4, "min_bin_width": 0.3})),
        "/layers/0/min_bin_width",
        "less than 0.25",
    );
    let wide = network("n", &[2, 4, 11], 0.0, 0.5);
    let mut changed = good.clone();
    changed["layers"] = spline(json!({"bins": 4}));
    refused(&changed, &network("n", &[2, 4, 13], 0.0, 0.5), "/layers/0/type", "needs one");
    changed["base_distribution"] = json!("uniform");
    changed["layers"] = spline(json!({"bins": 4, "tail_bound": 2.0}));
    refused(&changed, &wide, "/layers/0/type", "no \"tail_bound\"");

    // arrays
    let mut broken = arrays.clone();
    broken[1].1 = vec![2, 2];
    refused(&good, &broken, "/layers/0/network", "\"n.0.bias\" has the shape [2, 2], not [4]");
    broken = arrays.clone();
    broken[0].1 = vec![2, 4];
    refused(&good, &broken, "/layers/0/network", "but 2 inputs come in");
    broken = arrays.clone();
    broken[0].2[3] = f64::NAN;
    refused(&good, &broken, "/weights", "\"n.0.weight\": its value 3 is NaN");
    // the file itself, cut anywhere and with other bytes
    let path = write("bad", &good, &arrays, false);
    let file = path.with_file_name("weights.safetensors");
    let whole = std::fs::read(&file).expect("a file");
    for length in [0, 7, 8, 40, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).expect("a file");
        assert!(Flow::from_manifest(&path).expect_err("refused").is_specification(), "{length}");
    }
    for (from, to) in
        [("\"F64\"", "\"F16\""), ("\"shape\"", "\"shap3\""), ("[4,2]", "[9,9]"), ("{", "[")]
    {
        let at = whole.windows(from.len()).position(|w| w == from.as_bytes()).expect("there");
        let mut changed = whole.clone();
        changed[at..at + from.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&file, changed).expect("a file");
        assert!(Flow::from_manifest(&path).expect_err("refused").is_specification(), "{to}");
    }
    std::fs::write(&file, [0xff; 64]).expect("a file");
    assert!(Flow::from_manifest(&path).expect_err("refused").is_specification());
    std::fs::remove_file(&file).expect("ours");
    assert!(Flow::from_manifest(&path).expect_err("refused").is_io());
    std::fs::write(&path, "{").expect("a file");
    assert!(Flow::from_manifest(&path).is_err());
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("ours");
}

/// `logit(x) - c` is normal: the maximum is the mean of `logit(x)`, its uncertainty `1 / sqrt(n)`.
#[cfg(feature = "parquet")]
#[test]
fn specifications_have_flows() {
    use neyman::unbinned::fit::FitOptions;
    let Some(directory) = crate::directory() else { return };
    let layers = json!([
        {"type": "logit", "lower": [60.0], "upper": [120.0]},
        {"type": "affine_coupling", "identity": [], "transform": [0], "network": "n"}
    ]);
    let arrays: Arrays = vec![
        ("n.0.weight".into(), vec![2, 1], vec![0.0, 1.0]),
        ("n.0.bias".into(), vec![2], vec![0.0; 2]),
    ];
    let path = write("spec", &manifest(&["m"], &["shift"], layers), &arrays, false);
    let folder = path.parent().expect("a folder");
    let data = directory.join("ev_zstd.parquet");
    let text = format!(
        "schema_version: neyman_unbinned_spec_v1
model:
  parameters:
    - {{name: n, init: 900.0, bounds: [0.0, 5000.0]}}
    - {{name: c, init: 0.5, bounds: [-5, 5]}}
    - {{name: slope, init: -0.02, bounds: [-1, 1]}}
channels:
  - name: SR
    data: {{file: {}}}
    observables: [{{name: m, expr: mass, bounds: [60.0, 120.0]}}, {{name: pt, bounds: [0, 1000000]}}]
    processes:
      - name: all
        pdf: {{type: product, components: [
          {{type: exponential, observable: pt, params: [slope]}},
          {{type: conditional_flow, manifest: flow.json, context_params: [c]}}]}}
        yield: {{type: parameter, name: n}}
",
        data.display()
    );
    let spec = folder.join("spec.yaml");
    let load = |text: &str| {
        std::fs::write(&spec, text).expect("a file");
        neyman::unbinned::spec::load(&spec)
    };
    let loaded = load(&text).expect("a model");
    let channel = loaded.model.channels().next().expect("a channel");
    assert_eq!(channel.processes[0].pdf.parameter_names(), ["pt.lambda", "mass.shift"]);
    let (x, w) =
        (channel.events.column("mass").expect("mass"), channel.events.weights().expect("w"));
    let sum: f64 = w.iter().sum();
    let mean: f64 =
        x.iter().zip(w).map(|(x, w)| w * ((x - 60.0) / (120.0 - x)).ln()).sum::<f64>() / sum;
    let fitted = loaded.model.fit(&FitOptions::default()).expect("a fit");
    assert!((fitted.parameters[1] - mean).abs() < 1e-6, "{} {mean}", fitted.parameters[1]);
    assert!((fitted.uncertainties[1] * sum.sqrt() - 1.0).abs() < 1e-6);
    let refused = |from: &str, to: &str, pointer: &str, says: &str| {
        let error = load(&text.replace(from, to)).expect_err("refused");
        let neyman::Error::Specification { path, message } = &error else { panic!("{error}") };
        assert!(message.contains(says), "{error}");
        assert_eq!(path, pointer, "{error}");
    };
    let flow = "/channels/0/processes/0/pdf/components/1";
    refused("[c]}", "[c, 1.0]}", &format!("{flow}/context_params"), "2 parameters, but");
    refused("[c]}", "[d]}", &format!("{flow}/context_params/0"), "no parameter \"d\"");
    refused(
        "type: conditional_flow, manifest: flow.json, context_params: [c]",
        "type: flow, manifest: flow.json",
        &format!("{flow}/type"),
        "has a context, \"shift\"",
    );
    refused("name: m,", "name: mm,", &format!("{flow}/manifest"), "no observable \"m\"");
    refused(
        "[60.0, 120.0]",
        "[60.0, 121.0]",
        &format!("{flow}/manifest"),
        "the window goes from 60 to 121",
    );
    refused(
        "observable: pt, params: [slope]",
        "observable: m, params: [slope]",
        "/channels/0/processes/0/pdf/components",
        "two of its densities are of \"mass\"",
    );
    std::fs::write(folder.join("bad.json"), "{\"schema_version\": 1}").expect("a file");
    refused(
        "flow.json",
        "bad.json",
        &format!("{flow}/manifest"),
        "/schema_version: expected a string",
    );
    assert!(load(&text.replace("flow.json", "nowhere.json")).expect_err("refused").is_io());
    std::fs::remove_dir_all(folder).expect("ours");
}
