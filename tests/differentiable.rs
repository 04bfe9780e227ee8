//! Derivatives in the yields, against differences of complete refits; values, against the statements that do
//! not differentiate.

mod common;

use common::golden::{Golden, goldens};
use common::own;
use neyman::accelerator::DeviceChoice;
use neyman::infer::TestStatistic;
use neyman::model::interpolation::Interpolation;
use neyman::model::{Data, Direction, FullGradient, Model, Side, Template};
use neyman::session::{
    DataSource, Differentiable, FitOptions, FitSlopes, LimitOptions, Session, TestOptions,
};
use rayon::prelude::*;
use serde_json::Value;

use common::random::Random;

fn session(document: &Value) -> Session {
    Session::new(own::compile(document, Interpolation::default()), DeviceChoice::Cpu).expect("cpu")
}

/// `signal`, or `background/scale/hi`.
fn templates<'a>(names: &[&'a str]) -> Vec<Template<'a>> {
    let one = |name: &&'a str| {
        let mut parts = name.split('/');
        let sample = parts.next().unwrap_or_default();
        let Some(modifier) = parts.next() else { return Template::Nominal { sample } };
        let side = if parts.next() == Some("hi") { Side::Hi } else { Side::Lo };
        Template::Variation { sample, modifier, side }
    };
    names.iter().map(one).collect()
}

fn differentiable(session: &Session, names: &[&str]) -> Differentiable {
    session.differentiable(&templates(names), None).expect("templates")
}

#[track_caller]
fn close(what: &str, a: f64, b: f64, allowed: f64) {
    assert!((a - b).abs() <= allowed, "{what}: {a} {b}, {:e}", (a - b).abs());
}

fn blocks(g: &FullGradient) -> [&[f64]; 4] {
    [&g.parameters, &g.yields, &g.main, &g.auxiliary]
}

/// Gradient, product with the Hessian and with the third derivatives: each the difference of the one before.
#[test]
fn derivatives_along_a_line_are_differences() {
    let mut random = Random::new(5);
    for interpolation in own::interpolations() {
        for (document, samples) in [
            (own::all_seven(), &["signal", "background"][..]),
            (
                own::all_seven(),
                &["background/scale/hi", "signal", "background", "background/model/lo"],
            ),
            (own::all_seven(), &["signal/scale/lo", "signal", "signal/scale/hi"]),
            (own::widths(), &["background/tilt/hi", "background/curve/lo"]),
            (own::widths(), &["signal"]),
            (own::well_behaved(), &["background", "signal"]),
        ] {
            let model = own::compile(&document, interpolation);
            let cells = model.cells(&templates(samples)).expect("samples");
            let n = model.n_parameters();
            let x: Vec<f64> = model.init().iter().map(|x| x + random.uniform(0.05, 0.4)).collect();
            let u: Vec<f64> = (0..n).map(|_| random.uniform(-1.0, 1.0)).collect();
            let y: Vec<f64> = model.yields(&cells).iter().map(|y| y * 1.1 + 0.3).collect();
            let v: Vec<f64> = y.iter().map(|y| y * random.uniform(-0.5, 0.5)).collect();
            let data = model.observed();
            let at = |t: f64| {
                let move_by = |from: &[f64], by: &[f64]| -> Vec<f64> {
                    from.iter().zip(by).map(|(a, b)| a + t * b).collect()
                };
                let direction = Direction { parameters: &u, yields: &v };
                let moved = model.with_yields(&cells, &move_by(&y, &v));
                (moved.gradient_along(&move_by(&x, &u), data, &cells, direction), moved)
            };
            let h = 1e-4;
            let ([first, product, third], here) = at(0.0);
            let oracle = here.gradient(&x, data);
            for (a, b) in first.parameters.iter().zip(&oracle) {
                close("gradient", *a, *b, 1e-9 * (1.0 + b.abs()));
            }
            let (up, down) = (at(h).0, at(-h).0);
            for (order, want) in [&product, &third].into_iter().enumerate() {
                for (block, ((want, up), down)) in blocks(want)
                    .iter()
                    .zip(blocks(&up[order]))
                    .zip(blocks(&down[order]))
                    .enumerate()
                {
                    for ((want, up), down) in want.iter().zip(up).zip(down) {
                        let found = (up - down) / (2.0 * h);
                        let what = format!("{interpolation:?} order {order} block {block}");
                        close(&what, found, *want, 3e-6 * (1.0 + want.abs()));
                    }
                }
            }
            for (i, slope) in first.yields.iter().enumerate().step_by(3) {
                let nll = |h: f64| {
                    let mut y = y.clone();
                    y[i] += h;
                    model.with_yields(&cells, &y).nll(&x, data)
                };
                close(
                    "yields",
                    (nll(1e-4) - nll(-1e-4)) / 2e-4,
                    *slope,
                    1e-6 * (1.0 + slope.abs()),
                );
            }
        }
    }
}

/// A number and its slopes in the yields.
type Slopes = (f64, Vec<f64>);

/// The gradient of `value` against differences of it, each a complete refit.
fn check(what: &str, yields: &[f64], value: &dyn Fn(&[f64]) -> Slopes, allowed: f64) {
    let (here, gradient) = value(yields);
    assert!(here.is_finite() && gradient.len() == yields.len(), "{what}: {here}");
    let scale = gradient.iter().fold(1e-3_f64, |a, g| a.max(g.abs()));
    for (i, slope) in gradient.iter().enumerate() {
        let h = 1e-4 * yields[i].abs().max(1.0);
        let at = |h: f64| {
            let mut y = yields.to_vec();
            y[i] += h;
            value(&y).0
        };
        // two orders of differences: what is left is rounding
        let (near, far) = ((at(h) - at(-h)) / (2.0 * h), (at(2.0 * h) - at(-2.0 * h)) / (4.0 * h));
        let found = (4.0 * near - far) / 3.0;
        close(&format!("{what}, yield {i}"), found, *slope, allowed * scale);
    }
}

fn sources(model: &Model) -> Vec<(String, DataSource)> {
    let mut given = model.observed().clone();
    given.main.iter_mut().enumerate().for_each(|(i, n)| *n += 3.0 * (i as f64).sin());
    given.auxiliary.iter_mut().for_each(|a| *a += 0.02);
    vec![
        ("observed".into(), DataSource::Observed),
        ("given".into(), DataSource::Given(given)),
        ("background".into(), DataSource::Asimov { mu: Some(0.0) }),
        ("signal".into(), DataSource::Asimov { mu: Some(1.0) }),
    ]
}

fn cases() -> Vec<(&'static str, Session, Vec<&'static str>)> {
    vec![
        ("all", session(&own::all_seven()), vec!["signal"]),
        ("all, both", session(&own::all_seven()), vec!["background", "signal"]),
        ("large", session(&own::well_behaved()), vec!["signal"]),
        ("large, both", session(&own::well_behaved()), vec!["signal", "background"]),
        ("widths", session(&own::widths()), vec!["signal"]),
        (
            "all, shapes",
            session(&own::all_seven()),
            vec!["signal", "background", "background/model/hi", "background/scale/lo"],
        ),
    ]
}

#[test]
fn the_nll_at_a_point() {
    for (name, session, samples) in cases() {
        let d = differentiable(&session, &samples);
        let y: Vec<f64> = d.nominal().iter().map(|y| 1.2 * y + 0.1).collect();
        let x: Vec<f64> = d.model().init().iter().map(|x| x + 0.1).collect();
        for (kind, source) in sources(d.model()) {
            let value = |y: &[f64]| {
                let at = d.nll(y, &x, &source).expect("a value");
                (at.nll, at.yields)
            };
            check(&format!("nll {name} {kind}"), &y, &value, 1e-6);
        }
        let at = d.nll(&y, &x, &DataSource::Observed).expect("a value");
        let model = d.model().with_yields(d.cells(), &y);
        let data = d.model().observed();
        close("nll", at.nll, model.nll(&x, data), 1e-9 * at.nll.abs());
        for (a, b) in at.parameters.iter().zip(model.gradient(&x, data)) {
            close("gradient", *a, b, 1e-9 * (1.0 + b.abs()));
        }
        // many at once
        let twice: Vec<f64> = y.iter().copied().chain(d.nominal()).collect();
        let batch = d.nll_batch(&twice, &x, &DataSource::Observed).expect("values");
        assert_eq!(batch[0], at);
        assert_eq!(batch[1], d.nll(&d.nominal(), &x, &DataSource::Observed).expect("a value"));
    }
}

#[test]
fn test_statistics() {
    use TestStatistic::{Q0, QMu, QTilde, TMu, TTilde};
    for (name, session, samples) in cases() {
        let d = differentiable(&session, &samples);
        let y: Vec<f64> = d.nominal().iter().map(|y| 1.1 * y + 0.1).collect();
        for (kind, source) in sources(d.model()) {
            for (statistic, mu) in [(Q0, 0.0), (QMu, 2.5), (QTilde, 2.2), (TMu, 0.3), (TTilde, 1.7)]
            {
                let value = |y: &[f64]| {
                    let at = d.test_statistic(y, mu, statistic, &source).expect("a value");
                    (at.q, at.yields)
                };
                check(&format!("{statistic} {name} {kind}"), &y, &value, 2e-5);
                let here = d.test_statistic(&y, mu, statistic, &source).expect("a value");
                let slope = here.mu;
                if here.q < 1e-6 {
                    continue;
                }
                let at = |mu| d.test_statistic(&y, mu, statistic, &source).expect("a value").q;
                let found = (at(mu + 1e-4) - at(mu - 1e-4)) / 2e-4;
                close("d q / d mu", found, slope, 1e-5 * (1.0 + slope.abs()));
            }
        }
    }
}

#[test]
fn cls_and_its_quantiles() {
    for (name, session, samples) in cases() {
        let d = differentiable(&session, &samples);
        let y = d.nominal();
        for (kind, source) in sources(d.model()) {
            for (statistic, quantile) in [
                (TestStatistic::QTilde, None),
                (TestStatistic::QTilde, Some(0.0)),
                (TestStatistic::QMu, Some(-1.0)),
                (TestStatistic::QMu, None),
            ] {
                let value = |y: &[f64]| {
                    let at = d.cls(y, 1.3, statistic, quantile, &source).expect("a value");
                    (at.cls, at.yields)
                };
                let what = format!("cls {statistic} {quantile:?} {name} {kind}");
                check(&what, &y, &value, 3e-5);
            }
        }
        let options = TestOptions::default();
        let data = d.model().observed();
        let test = session.hypotest(1.3, data, &options).expect("a test");
        let cls = |n| d.cls(&y, 1.3, options.statistic, n, &DataSource::Observed).expect("cls").cls;
        close("cls", cls(None), test.observed.cls, 1e-7);
        close("expected cls", cls(Some(0.0)), test.expected.cls[2], 1e-7);
        close("expected cls", cls(Some(1.0)), test.expected.cls[3], 1e-7);
    }
}

#[test]
fn upper_limits() {
    for (name, session, samples) in cases() {
        let d = differentiable(&session, &samples);
        let y = d.nominal();
        for (kind, source) in sources(d.model()) {
            for quantile in [None, Some(0.0), Some(1.0)] {
                let value = |y: &[f64]| {
                    let at = d.limit(y, 0.95, TestStatistic::QTilde, quantile, &source);
                    let at = at.expect("a limit");
                    (at.limit, at.yields)
                };
                check(&format!("limit {quantile:?} {name} {kind}"), &y, &value, 3e-5);
            }
        }
        let limit = session.limit(d.model().observed(), &LimitOptions::default()).expect("limits");
        let of = |n| {
            let statistic = TestStatistic::QTilde;
            d.limit(&y, 0.95, statistic, n, &DataSource::Observed).expect("a limit").limit
        };
        let observed = limit.observed.expect("a limit");
        close("observed", of(None), observed, 2e-6 * observed);
        for (i, n) in [(0, -2.0), (2, 0.0), (4, 2.0)] {
            let expected = limit.expected[i].expect("a limit");
            close("expected", of(Some(n)), expected, 2e-6 * expected);
        }
    }
}

#[test]
fn best_fits_and_uncertainties() {
    for (name, session, samples) in cases() {
        let d = differentiable(&session, &samples);
        let y: Vec<f64> = d.nominal().iter().map(|y| 1.1 * y + 0.2).collect();
        let n = d.model().n_parameters();
        let mu = d.model().poi().expect("a parameter of interest");
        let mut random = Random::new(9);
        let weights: Vec<f64> = (0..n).map(|_| random.uniform(-1.0, 1.0)).collect();
        let mut of_mu = vec![0.0; n];
        of_mu[mu] = 1.0;
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let slopes = |parameters: &[f64], uncertainties: &[f64], twice_nll| FitSlopes {
            parameters: parameters.to_vec(),
            uncertainties: uncertainties.to_vec(),
            twice_nll,
        };
        for (kind, source) in sources(d.model()) {
            for (what, of) in [
                ("values", slopes(&weights, &[], 0.0)),
                ("sigma of mu", slopes(&[], &of_mu, 0.0)),
                ("all", slopes(&weights, &weights, 0.3)),
            ] {
                let value = |y: &[f64]| {
                    let fit = d.fit(y, &source).expect("a fit");
                    let number = dot(&fit.parameters, &of.parameters)
                        + dot(&fit.uncertainties, &of.uncertainties)
                        + of.twice_nll * fit.twice_nll;
                    (number, d.fit_pullback(&fit, &of).expect("slopes"))
                };
                check(&format!("{what} {name} {kind}"), &y, &value, 3e-5);
            }
        }
        let fit = d.fit(&d.nominal(), &DataSource::Observed).expect("a fit");
        let want = session.fit(d.model().observed(), &FitOptions::default()).expect("a fit");
        for k in 0..n {
            close("value", fit.parameters[k], want.parameters[k], 1e-5 * want.uncertainties[k]);
            close("sigma", fit.uncertainties[k], want.uncertainties[k], 1e-6);
        }
    }
}

/// A deficit: mu ends on its bound and stays there, the others move.
#[test]
fn parameters_at_a_bound_stay() {
    let mut document = own::well_behaved();
    document["measurements"][0]["config"]["parameters"] =
        serde_json::json!([{"name": "mu", "bounds": [[0.0, 10.0]]}]);
    let session = session(&document);
    let d = differentiable(&session, &["background"]);
    let model = d.model();
    let mut data = model.observed().clone();
    // of SR: the channels are sorted
    data.main[2..].copy_from_slice(&[960.0, 720.0, 530.0]);
    let source = DataSource::Given(data);
    let mu = model.poi().expect("a parameter of interest");
    let y = d.nominal();
    let fit = d.fit(&y, &source).expect("a fit");
    assert_eq!((fit.parameters[mu], fit.uncertainties[mu]), (0.0, 0.0));
    let weights: Vec<f64> = (0..model.n_parameters()).map(|k| 1.0 + k as f64).collect();
    let of = FitSlopes { parameters: weights.clone(), ..FitSlopes::default() };
    let value = |y: &[f64]| {
        let fit = d.fit(y, &source).expect("a fit");
        let sum = fit.parameters.iter().zip(&weights).map(|(x, w)| x * w).sum();
        (sum, d.fit_pullback(&fit, &of).expect("slopes"))
    };
    check("values at a bound", &y, &value, 1e-5);
    // a best fit on the side that does not count
    let q0 = d.test_statistic(&y, 0.0, TestStatistic::Q0, &source).expect("a value");
    assert!(q0.q.abs() < 1e-9, "{}", q0.q);
    assert!(q0.yields.iter().all(|s| s.abs() < 1e-5), "{:?}", q0.yields);
    let excess = DataSource::Asimov { mu: Some(3.0) };
    let q = d.test_statistic(&y, 1.0, TestStatistic::QTilde, &excess).expect("a value");
    assert_eq!((q.q, q.mu), (0.0, 0.0));
    assert!(q.yields.iter().all(|s| *s == 0.0));
}

/// Looking around for other minima changes nothing where there is one.
#[test]
fn the_same_bits_however_often() {
    let session = session(&own::all_seven());
    let d = differentiable(&session, &["signal"]);
    let y = d.nominal();
    let q0 = || d.test_statistic(&y, 0.0, TestStatistic::Q0, &DataSource::Observed).expect("q0");
    let first = q0();
    assert!((0..9).all(|_| q0() == first));
}

/// A variation that does nothing in the workspace is an input as any other.
#[test]
fn variations_without_effect_get_one() {
    let mut document = own::well_behaved();
    let background = &mut document["channels"][0]["samples"][1];
    assert_eq!(background["modifiers"][1]["name"], "shape");
    let nominal = background["data"].clone();
    background["modifiers"][1]["data"] =
        serde_json::json!({"hi_data": nominal, "lo_data": nominal});
    let (flat, whole) = (session(&document), session(&own::well_behaved()));
    let names = ["background/shape/hi", "background/shape/lo"];
    let (flat, whole) = (differentiable(&flat, &names), differentiable(&whole, &names));
    let y = whole.nominal();
    assert_ne!(y, flat.nominal());
    let q = |d: &Differentiable| {
        d.test_statistic(&y, 0.0, TestStatistic::Q0, &DataSource::Observed).expect("q0")
    };
    close("q0", q(&flat).q, q(&whole).q, 1e-9);
}

#[test]
fn hessian_products() {
    let session = session(&own::all_seven());
    let d = differentiable(&session, &["signal", "fake", "background/scale/hi"]);
    let (y, n) = (d.nominal(), d.model().n_parameters());
    let x: Vec<f64> = d.model().init().iter().map(|x| x + 0.15).collect();
    let mut random = Random::new(3);
    let u: Vec<f64> = (0..n).map(|_| random.uniform(-1.0, 1.0)).collect();
    let v: Vec<f64> = y.iter().map(|_| random.uniform(-1.0, 1.0)).collect();
    let direction = Direction { parameters: &u, yields: &v };
    let observed = DataSource::Observed;
    let product = d.nll_hessian_product(&y, &x, &observed, direction).expect("a product");
    let at = |t: f64| {
        let move_by = |a: &[f64], b: &[f64]| -> Vec<f64> {
            a.iter().zip(b).map(|(a, b)| a + t * b).collect()
        };
        d.nll(&move_by(&y, &v), &move_by(&x, &u), &observed).expect("a value")
    };
    let (up, down) = (at(1e-4), at(-1e-4));
    for (want, (up, down)) in product.yields.iter().zip(up.yields.iter().zip(&down.yields)) {
        close("yields", (up - down) / 2e-4, *want, 1e-6);
    }
    let pairs = up.parameters.iter().zip(&down.parameters);
    for (want, (up, down)) in product.parameters.iter().zip(pairs) {
        close("parameters", (up - down) / 2e-4, *want, 1e-5 * (1.0 + want.abs()));
    }
}

#[test]
fn yields_of_nothing() {
    let session = session(&own::well_behaved());
    let d = differentiable(&session, &["signal"]);
    let none = vec![0.0; d.cells().len()];
    let q0 = d.test_statistic(&none, 0.0, TestStatistic::Q0, &DataSource::Observed).expect("q0");
    assert!(q0.q.abs() < 1e-9 && q0.yields.iter().all(|s| s.is_finite()));
    let told = d.fit(&none, &DataSource::Observed).expect_err("flat").to_string();
    assert!(told.contains("flat along mu"), "{told}");
    let told = d
        .limit(&none, 0.95, TestStatistic::QTilde, None, &DataSource::Observed)
        .expect_err("no limit")
        .to_string();
    assert!(told.contains("no upper limit") || told.contains("limit"), "{told}");
}

#[test]
fn bad_arguments_are_told() {
    let session = session(&own::all_seven());
    let told = |samples: &[&str]| {
        let opened = session.differentiable(&templates(samples), None);
        let Err(error) = opened else { panic!("{samples:?} opened") };
        error.to_string()
    };
    assert!(told(&["sgnal"]).contains("did you mean \"signal\"?"));
    assert!(told(&["signal", "signal"]).contains("named twice"));
    assert!(told(&[]).contains("one sample at least"));
    assert!(
        told(&["background/modl/hi"]).contains("no histosys \"modl\"; did you mean \"model\"?")
    );
    assert!(session.differentiable(&["signal".into()], Some("mü")).is_err());
    let d = differentiable(&session, &["signal"]);
    let x = d.model().init();
    let observed = DataSource::Observed;
    assert!(d.nll(&[1.0; 2], &x, &observed).is_err());
    assert!(d.nll(&[1.0, f64::NAN, 1.0], &x, &observed).is_err());
    assert!(d.nll(&[1.0; 3], &x[1..], &observed).is_err());
    assert!(d.nll_batch(&[1.0; 4], &x, &observed).is_err());
    let bad = DataSource::Given(Data::default());
    assert!(d.nll(&[1.0; 3], &x, &bad).is_err());
    let y = d.nominal();
    let q = TestStatistic::QTilde;
    assert!(d.cls(&y, f64::NAN, q, None, &observed).is_err());
    assert!(d.cls(&y, 1.0, TestStatistic::TMu, None, &observed).is_err());
    assert!(d.limit(&y, 1.0, q, None, &observed).is_err());
    let moved = DataSource::Asimov { mu: Some(1.0) };
    let direction = Direction { parameters: &x, yields: &y };
    assert!(d.nll_hessian_product(&y, &x, &moved, direction).is_err());
}

/// The samples that the parameter of interest scales.
fn signals(model: &Model) -> Vec<&str> {
    let mut names: Vec<&str> = model
        .samples()
        .iter()
        .filter(|s| s.factors.iter().any(|f| Some(f.parameter()) == model.poi()))
        .map(|s| s.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Those without an answer, what of, and why: data that are impossible without signal, and a signal of no events.
const WITHOUT: [(&str, &str, &str); 7] = [
    ("ns_two_channel_workspace", "q0", "expects none"),
    ("ns_two_channel_workspace", "limit", "expects none"),
    ("pyhf_no_bounds", "q0", "expects none"),
    ("pyhf_no_bounds", "limit", "expects none"),
    ("pyhf_no_inits", "q0", "expects none"),
    ("pyhf_no_inits", "limit", "expects none"),
    ("atlas_3Loffshell_simplified_signal", "limit", "no upper limit"),
];

/// Real analyses: slopes against a difference along one direction.
#[test]
fn real_analyses() {
    let told: Vec<String> = goldens().par_iter().flat_map(real_analysis).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn real_analysis(golden: &Golden) -> Vec<String> {
    let model = golden.compile(Interpolation::default());
    let names = signals(&model);
    if names.is_empty() || model.n_parameters() > 250 {
        return Vec::new();
    }
    let session = Session::new(model.clone(), DeviceChoice::Cpu).expect("cpu");
    let d = differentiable(&session, &names);
    let y = d.nominal();
    let mut told = Vec::new();
    let data = d.model().observed();
    let discovery = session.discovery(data, &TestOptions::default()).map(|d| d.q0);
    let expected =
        session.limit(data, &LimitOptions::default()).map(|l| l.expected[2].unwrap_or(f64::NAN));
    let mut random = Random::new(17);
    let along: Vec<f64> = y.iter().map(|y| y * random.uniform(0.5, 1.5)).collect();
    let observed = DataSource::Observed;
    let q0 =
        |y: &[f64]| d.test_statistic(y, 0.0, TestStatistic::Q0, &observed).map(|t| (t.q, t.yields));
    let limit = |y: &[f64]| {
        d.limit(y, 0.95, TestStatistic::QTilde, Some(0.0), &observed).map(|l| (l.limit, l.yields))
    };
    type Value<'a> = &'a dyn Fn(&[f64]) -> neyman::Result<Slopes>;
    for (what, value, known) in [("q0", &q0 as Value<'_>, discovery), ("limit", &limit, expected)] {
        let at = |t: f64| {
            value(&y.iter().zip(&along).map(|(y, v)| y + t * v).collect::<Vec<_>>()).map(|v| v.0)
        };
        let mut compare = || -> neyman::Result<()> {
            let (here, slopes) = value(&y)?;
            let known = known.as_ref().copied().unwrap_or(f64::NAN);
            if (here - known).abs() > 2e-6 * (1.0 + known.abs()) {
                told.push(format!("{} {what} = {here}, by the session {known}", golden.name));
            }
            let slope: f64 = slopes.iter().zip(&along).map(|(s, v)| s * v).sum();
            let found = (at(1e-4)? - at(-1e-4)?) / 2e-4;
            let allowed = 1e-4 * (slope.abs() + 0.01 * here.abs()) + 1e-6;
            if (found - slope).abs() > allowed {
                told.push(format!(
                    "{} {what} = {here}: slope {slope}, difference {found}",
                    golden.name
                ));
            }
            Ok(())
        };
        let without = WITHOUT.iter().find(|w| (w.0, w.1) == (golden.name.as_str(), what));
        match (compare(), without) {
            (Ok(()), None) => {}
            (Err(error), Some((_, _, why))) if error.to_string().contains(why) => {}
            (result, _) => told.push(format!("{} {what}: {result:?}", golden.name)),
        }
    }
    told
}
