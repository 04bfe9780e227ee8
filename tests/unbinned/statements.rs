//! Statements of unbinned models against binned ones that are the same likelihood, against closed forms, and against
//! binned ones that become the same as bins get narrow.

use std::sync::atomic::AtomicBool;

use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::{Data, Model, ModelOptions};
use neyman::session::{
    FitOptions, ImpactOptions, IntervalOptions, LimitOptions, ScanOptions, Session, TestOptions,
    ToyInterval, ToyIntervalPoint, ToyTest, UnbinnedSession,
};
use neyman::spec::{self, LoadOptions};
use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::{Base, Modifier, Yield};
use neyman::unbinned::{Observable, UnbinnedModel};
use serde_json::json;

use crate::models::{bump, free, nuisance, plain, table};

const SIGNAL: f64 = 60.0;
const BACKGROUND: f64 = 900.0;

/// A workspace of one channel with a signal of strength mu and a background with two normalisation uncertainties, all
/// of which is in `bins` as fractions.
fn binned(signal: &[f64], background: &[f64], observed: &[f64]) -> Session {
    let scaled = |of: &[f64], n: f64| of.iter().map(|f| f * n).collect::<Vec<_>>();
    let normsys = |name: &str, lo: f64, hi: f64| json!({"name": name, "type": "normsys", "data": {"lo": lo, "hi": hi}});
    let workspace = json!({
        "channels": [{"name": "SR", "samples": [
            {"name": "signal", "data": scaled(signal, SIGNAL), "modifiers": [
                {"name": "mu", "type": "normfactor", "data": null}, normsys("a", 0.9, 1.15)]},
            {"name": "background", "data": scaled(background, BACKGROUND), "modifiers": [
                normsys("b", 0.93, 1.05), normsys("a", 1.02, 0.97)]}]}],
        "observations": [{"name": "SR", "data": observed}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [
            {"name": "mu", "bounds": [[0.0, 10.0]], "inits": [1.0]}]}}],
        "version": "1.0.0"
    });
    let loaded =
        spec::load(workspace.to_string().as_bytes(), &LoadOptions::default()).expect("one");
    let model = Model::new(&loaded.workspace, 0, &ModelOptions::default()).expect("a model");
    Session::new(model, DeviceChoice::Cpu).expect("a session")
}

/// The same of single events.
fn unbinned(
    signal: (Pdf, Vec<Slot>),
    background: (Pdf, Vec<Slot>),
    x: Vec<f64>,
) -> UnbinnedSession {
    let normsys = |k: usize, lo: f64, hi: f64| {
        Modifier::normsys(k, lo, hi, Default::default()).expect("a modifier")
    };
    let observable = signal.0.observables()[0].clone();
    let processes = vec![
        Process {
            name: "signal".into(),
            pdf: signal.0,
            shape: signal.1,
            expected: Yield {
                base: Base::Scaled { base: SIGNAL, parameter: 0 },
                modifiers: vec![normsys(1, 0.9, 1.15)],
            },
        },
        Process {
            name: "background".into(),
            pdf: background.0,
            shape: background.1,
            expected: Yield {
                base: Base::Fixed(BACKGROUND),
                modifiers: vec![normsys(2, 0.93, 1.05), normsys(1, 1.02, 0.97)],
            },
        },
    ];
    let events = table(&observable, x, None);
    let channel = Channel { name: "SR".into(), events, processes };
    let parameters = vec![free("mu", 1.0, (0.0, 10.0)), nuisance("a"), nuisance("b")];
    let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    UnbinnedSession::new(model, Some(0)).expect("a session")
}

fn normalised(contents: Vec<f64>) -> Vec<f64> {
    let sum: f64 = contents.iter().sum();
    contents.iter().map(|c| c / sum).collect()
}

/// Densities that are constant in bins: numbers of events in bins are then all that events say.
fn same_likelihood(strength: f64) -> (Session, UnbinnedSession) {
    const BINS: usize = 12;
    let mass = Observable::new("mass", 0.0, 12.0).expect("a window");
    let shape = |f: fn(f64) -> f64| normalised((0..BINS).map(|i| f(i as f64 + 0.5)).collect());
    let signal = shape(|x| (-0.5 * (x - 6.0) * (x - 6.0)).exp());
    let background = shape(|x| (-0.2 * x).exp());
    let wiggle = |i: usize| if i.is_multiple_of(2) { 1.06 } else { 0.95 };
    let observed: Vec<f64> = (0..BINS)
        .map(|i| (strength * SIGNAL * signal[i] + BACKGROUND * background[i] * wiggle(i)).round())
        .collect();
    let edges: Vec<f64> = (0..=BINS).map(|i| i as f64).collect();
    let in_bin =
        |i: usize| (0..observed[i] as usize).map(move |k| i as f64 + 0.01 + 1e-4 * k as f64);
    let x = (0..BINS).flat_map(in_bin).collect();
    let histogram = |c: &[f64]| (Pdf::histogram(&mass, &edges, c).expect("a histogram"), vec![]);
    let events = unbinned(histogram(&signal), histogram(&background), x);
    (binned(&signal, &background, &observed), events)
}

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} {b}");
}

/// Indices of the binned model's parameters that are those of the unbinned one.
fn order(binned: &Session) -> Vec<usize> {
    ["mu", "a", "b"].map(|n| binned.model().parameter_index(n).expect("a parameter")).to_vec()
}

#[test]
fn statements_of_one_likelihood_are_the_same() {
    for strength in [1.3, 0.0] {
        let (binned, events) = same_likelihood(strength);
        let data: Data = binned.model().observed().clone();
        let tight = FitOptions { tolerance: Tolerance::PARITY, ..Default::default() };
        let (a, b) =
            (events.fit(&tight).expect("a fit"), binned.fit(&data, &tight).expect("a fit"));
        for (k, &l) in order(&binned).iter().enumerate() {
            close(a.parameters[k], b.parameters[l], 1e-6, "a parameter");
            close(a.uncertainties[k], b.uncertainties[l], 1e-6, "an uncertainty");
        }

        let values = [0.0, 0.4, 1.0, 2.5];
        let options = ScanOptions::default();
        let (a, b) = (
            events.scan(&values, &options).expect("a scan"),
            binned.scan(&values, &data, &options).expect("a scan"),
        );
        assert!(a.status.is_converged() && a.notes.is_empty(), "{a:?}");
        for (a, b) in a.points.iter().zip(&b.points) {
            close(a.delta_twice_nll, b.delta_twice_nll, 1e-7, "a height");
        }
        for (a, b) in a.intervals.iter().zip(&b.intervals) {
            assert_eq!(
                (a.lower.is_some(), a.upper.is_some()),
                (b.lower.is_some(), b.upper.is_some())
            );
            close(a.upper.unwrap_or(0.0), b.upper.unwrap_or(0.0), 1e-5, "an end");
            close(a.lower.unwrap_or(0.0), b.lower.unwrap_or(0.0), 1e-5, "an end");
        }
        let (_, a) = events.minos(&[], Tolerance::PARITY).expect("minos");
        let (_, b) = binned.minos(&[], &data, Tolerance::PARITY).expect("minos");
        for m in &a {
            let other = b.iter().find(|o| o.parameter == m.parameter).expect("the same");
            close(m.up.unwrap_or(9.0), other.up.unwrap_or(9.0), 1e-5, &m.parameter);
            close(m.down.unwrap_or(9.0), other.down.unwrap_or(9.0), 1e-5, &m.parameter);
        }

        for statistic in [TestStatistic::QTilde, TestStatistic::TTilde, TestStatistic::Q0] {
            for mu in [0.5, 1.0, 2.0] {
                let mu = if statistic == TestStatistic::Q0 { 0.0 } else { mu };
                let options = TestOptions { statistic, ..Default::default() };
                let a = events.hypotest(mu, &options).expect("a test");
                let b = binned.hypotest(mu, &data, &options).expect("a test");
                assert!(a.status.is_converged());
                close(a.q, b.q, 1e-7, "q");
                close(a.q_asimov, b.q_asimov, 1e-6, "q of the Asimov data");
                close(a.observed.cls, b.observed.cls, 1e-6, "CLs");
                for (a, b) in a.expected.cls.iter().zip(&b.expected.cls) {
                    close(*a, *b, 1e-6, "an expected CLs");
                }
            }
        }
        let a = events.discovery(&TestOptions::default()).expect("a discovery");
        let b = binned.discovery(&data, &TestOptions::default()).expect("a discovery");
        close(a.z, b.z, 1e-6, "a significance");
        close(a.z_expected, b.z_expected, 1e-6, "an expected significance");

        let a = events.limit(&LimitOptions::default()).expect("a limit");
        let b = binned.limit(&data, &LimitOptions::default()).expect("a limit");
        assert!(a.status.is_converged());
        close(a.observed.expect("a limit"), b.observed.expect("a limit"), 1e-5, "a limit");
        for (a, b) in a.expected.iter().zip(&b.expected) {
            close(a.expect("a limit"), b.expect("a limit"), 1e-5, "an expected limit");
        }
    }

    let (binned, events) = same_likelihood(1.3);
    let data: Data = binned.model().observed().clone();
    let a = events.ranking(&ImpactOptions::default()).expect("a ranking");
    let b = binned.impacts(&data, &ImpactOptions::default()).expect("a ranking");
    assert_eq!(a.parameters.len(), 2);
    for (a, b) in a.parameters.iter().zip(&b.parameters) {
        assert_eq!((&a.name, a.prefit), (&b.name, b.prefit));
        for (a, b) in [(a.up, b.up), (a.down, b.down), (a.prefit_up, b.prefit_up)] {
            close(a.impact.expect("known"), b.impact.expect("known"), 1e-5, "an impact");
        }
    }
    for (a, b) in a.groups.iter().zip(&b.groups) {
        assert_eq!(a.name, b.name);
        close(a.uncertainty.expect("known"), b.uncertainty.expect("known"), 1e-6, &a.name);
    }
    let grid = [0.5, 1.0, 2.0];
    let a = events.scan2d(["mu", "b"], &grid, &grid, &ScanOptions::default()).expect("a scan");
    let b = binned.scan2d(["mu", "b"], &grid, &grid, &data, &ScanOptions::default()).expect("one");
    for (a, b) in a.delta_twice_nll.iter().zip(&b.delta_twice_nll) {
        close(*a, *b, 1e-7, "a height");
    }
}

/// Narrow bins of smooth densities: limits and CLs agree to the events' places in their bins.
#[test]
fn toys_of_one_likelihood_say_the_same() {
    let (binned, events) = same_likelihood(1.3);
    let (data, stop) = (binned.model().observed(), AtomicBool::new(false));
    let test = ToyTest {
        poi: None,
        mu: 0.0,
        statistic: TestStatistic::QTilde,
        seed: 5,
        stream: 0,
        range: 0..400,
        error: None,
        alternative: true,
        keep_values: true,
        chunk: 128,
        tolerance: Tolerance::default(),
    };
    // pulls of the difference: each has its errors
    let agree = |a: (f64, f64), b: (f64, f64), what: &str| {
        let width = a.1.hypot(b.1);
        assert!((a.0 - b.0).abs() < 5.0 * width + 1e-9, "{what}: {a:?} {b:?}");
    };
    let options = LimitOptions { values: vec![1.6, 2.0, 2.4], ..Default::default() };
    let mut heard = Vec::new();
    let a = events.limit_toys(&test, &options, &stop, &mut |left, _, n| heard.push((left, n)));
    let a = a.expect("limits");
    let b = binned.limit_toys(&test, &options, data, &stop, &mut |_, _, _| {}).expect("limits");
    assert_eq!(heard.iter().map(|(_, n)| n).sum::<u64>(), 3 * 2 * 400);
    assert_eq!((heard[0].0, heard[heard.len() - 1].0, a.complete), (2, 0, true));
    for (a, b) in a.points.iter().zip(&b.points) {
        close(a.test_statistic, b.test_statistic, 1e-6, "q");
        agree((a.cls.cls(), a.cls.error()), (b.cls.cls(), b.cls.error()), "CLs");
    }
    agree(a.observed.expect("one"), b.observed.expect("one"), "the limit");
    agree(a.observed.expect("one"), (a.asymptotic.observed.expect("one"), 0.0), "the formula's");

    let test = ToyTest { statistic: TestStatistic::TTilde, ..test };
    let options =
        IntervalOptions { confidence_level: 0.68, values: vec![0.8, 1.0, 1.2, 1.4, 1.6, 1.8] };
    let a = events.feldman_cousins(&test, &options, &stop, &mut |_, _| {}).expect("an interval");
    let b = binned.feldman_cousins(&test, &options, data, &stop, &mut |_, _| {}).expect("one");
    for (a, b) in a.points.iter().zip(&b.points) {
        let of = |p: &ToyIntervalPoint| (p.p_value.value(), p.p_value.error().max(0.002));
        agree(of(a), of(b), "a p-value");
    }
    let ends = |i: &ToyInterval| (i.lower.expect("a lower end"), i.upper.expect("an upper end"));
    let (a, b) = (ends(&a), ends(&b));
    assert!((a.0 - b.0).abs() < 0.1 && (a.1 - b.1).abs() < 0.1, "{a:?} {b:?}");
    // bounds of the parameter end where values are looked for
    let few = ToyTest { range: 0..2, ..test };
    let options = IntervalOptions { confidence_level: 0.68, values: vec![] };
    let found = events.feldman_cousins(&few, &options, &stop, &mut |_, _| {}).expect("one");
    assert_eq!((found.points.len(), found.parameter.as_str()), (21, "mu"));
    assert!(found.points[0].mu >= 0.0);
}

#[test]
fn narrow_bins_say_the_same() {
    const BINS: usize = 2400;
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let x = bump(55, 880, 31);
    let place = |x: f64| (((x - 60.0) / 60.0 * BINS as f64) as usize).min(BINS - 1);
    let mut observed = vec![0.0; BINS];
    x.iter().for_each(|x| observed[place(*x)] += 1.0);
    let middle = |i: usize| 60.0 + 60.0 * (i as f64 + 0.5) / BINS as f64;
    let of = |f: &dyn Fn(f64) -> f64| normalised((0..BINS).map(|i| f(middle(i))).collect());
    let signal = of(&|x| (-0.5 * ((x - 91.0) / 2.5).powi(2)).exp());
    let background = of(&|x| (-0.03 * x).exp());
    let binned = binned(&signal, &background, &observed);
    let events = unbinned(
        (Pdf::gaussian(&mass), vec![Slot::Constant(91.0), Slot::Constant(2.5)]),
        (Pdf::exponential(&mass), vec![Slot::Constant(-0.03)]),
        x,
    );
    let data = binned.model().observed().clone();
    let a = events.hypotest(1.0, &TestOptions::default()).expect("a test");
    let b = binned.hypotest(1.0, &data, &TestOptions::default()).expect("a test");
    close(a.observed.cls, b.observed.cls, 1e-3, "CLs");
    close(a.q_asimov, b.q_asimov, 1e-4, "q of the Asimov data");
    let a = events.limit(&LimitOptions::default()).expect("a limit");
    let b = binned.limit(&data, &LimitOptions::default()).expect("a limit");
    close(a.observed.expect("one"), b.observed.expect("one"), 1e-3, "a limit");
    close(a.expected[2].expect("one"), b.expected[2].expect("one"), 1e-4, "an expected limit");
}

/// A count of 100 events: -2 ln L is `2 (nu - n - n ln(nu / n))` above its minimum.
fn counting(bounds: (f64, f64)) -> UnbinnedSession {
    let mass = Observable::new("mass", 0.0, 1.0).expect("a window");
    let x = (0..100).map(|i| f64::from(i) / 100.0).collect();
    let processes = vec![Process {
        name: "all".into(),
        pdf: Pdf::uniform(&mass),
        shape: vec![],
        expected: plain(Base::Parameter(0)),
    }];
    let channel = Channel { name: "SR".into(), events: table(&mass, x, None), processes };
    let parameters = vec![free("n", 90.0, bounds)];
    let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    UnbinnedSession::new(model, Some(0)).expect("a session")
}

#[test]
fn counts_have_closed_forms() {
    let height = |nu: f64| 2.0 * (nu - 100.0 - 100.0 * (nu / 100.0).ln());
    for bounds in [(0.0, 500.0), (f64::NEG_INFINITY, f64::INFINITY)] {
        let session = counting(bounds);
        let values = [60.0, 95.0, 140.0];
        let scan = session.scan(&values, &ScanOptions::default()).expect("a scan");
        for point in &scan.points {
            close(point.delta_twice_nll, height(point.value), 1e-9, "a height");
        }
        let (_, minos) = session.minos(&[], Tolerance::PARITY).expect("minos");
        for end in [minos[0].up, minos[0].down] {
            close(height(100.0 + end.expect("an end")), 1.0, 1e-6, "an end");
        }
        // the Asimov data of no events at all are no events
        let test = session.hypotest(120.0, &TestOptions::default()).expect("a test");
        close(test.q, height(120.0), 1e-8, "q");
        close(test.q_asimov, 240.0, 1e-8, "q of nothing");
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let (_, events) = same_likelihood(1.0);
    let refused = |error: neyman::Error, says: &str| {
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(events.with_fixed("bb", 0.0).unwrap_err(), "there is no parameter \"bb\"");
    refused(events.with_fixed("b", f64::NAN).unwrap_err(), "not a finite number");
    let held = events.with_fixed("mu", 1.0).expect("a session");
    refused(held.limit(&LimitOptions::default()).unwrap_err(), "mu is held constant");
    let global = ImpactOptions { global: true, ..Default::default() };
    refused(events.ranking(&global).unwrap_err(), "binned models alone");
    refused(UnbinnedSession::new(events.model().clone(), Some(7)).unwrap_err(), "parameter 7");
    let nameless = UnbinnedSession::new(events.model().clone(), None).expect("a session");
    refused(
        nameless.hypotest(1.0, &TestOptions::default()).unwrap_err(),
        "no parameter of interest",
    );
    // best fits below 0 are no likelihood: said, not found
    let options = TestOptions { statistic: TestStatistic::QMu, ..Default::default() };
    let test = events.hypotest(1.0, &options).expect("a test");
    assert!(test.notes.iter().any(|n| n.contains("no likelihood with mu below 0")), "{test:?}");
}

/// Bells, tails, jumps and a nuisance parameter: a model of much.
pub(crate) fn rich() -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let time = Observable::new("time", 0.0, 8.0).expect("a window");
    let alpha = Modifier::normsys(7, 0.9, 1.1, Default::default()).expect("a modifier");
    let process = |name: &str, pdf: Pdf, shape: Vec<Slot>, base: Base| Process {
        name: name.into(),
        pdf,
        shape,
        expected: Yield { base, modifiers: vec![alpha] },
    };
    let p = Slot::Parameter;
    let c = Slot::Constant;
    let edges = [60.0, 72.5, 90.0, 101.0, 120.0];
    let steps = Pdf::histogram(&mass, &edges, &[3.0, 1.0, 0.5, 2.0]).expect("a histogram");
    let kde = Pdf::kde(&time, &[1.0, 2.5, 7.9], None, 0.7).expect("an estimate");
    let first = vec![
        process(
            "peak",
            Pdf::crystal_ball(&mass),
            vec![p(1), p(2), c(1.3), c(4.0)],
            Base::Parameter(0),
        ),
        process("falling", Pdf::exponential(&mass), vec![p(3)], Base::Parameter(4)),
        process("steps", steps, vec![], Base::Fixed(300.0)),
    ];
    let second = vec![
        process(
            "decay",
            Pdf::exponential(&time),
            vec![p(5)],
            Base::Scaled { base: 0.5, parameter: 0 },
        ),
        process("smooth", kde, vec![], Base::Parameter(6)),
    ];
    let channel = |name: &str, o: &Observable, processes| Channel {
        name: name.into(),
        events: table(o, vec![o.lo() + 0.3 * o.width()], None),
        processes,
    };
    let parameters: Vec<Parameter> = vec![
        free("n_peak", 500.0, (0.0, 1e5)),
        free("mean", 90.0, (80.0, 100.0)),
        free("width", 3.0, (0.5, 10.0)),
        free("slope", -0.02, (-1.0, 1.0)),
        free("n_falling", 1500.0, (0.0, 1e5)),
        free("rate", -0.8, (-5.0, 0.0)),
        free("n_smooth", 400.0, (0.0, 1e5)),
        nuisance("alpha"),
    ];
    let channels = vec![channel("one", &mass, first), channel("two", &time, second)];
    UnbinnedModel::new(parameters, channels).expect("a model")
}

pub(crate) const TRUTH: [f64; 8] = [640.0, 91.2, 2.4, -0.031, 1800.0, -0.6, 500.0, 0.3];

#[test]
fn asimov_data_lead_back_to_the_truth() {
    let asimov = rich().asimov(&TRUTH).expect("Asimov data");
    let options = FitOptions { tolerance: Tolerance::PARITY, ..Default::default() };
    let fit = asimov.fit(&options).expect("a fit");
    assert!(fit.status.is_converged());
    for (k, (value, truth)) in fit.parameters.iter().zip(TRUTH).enumerate() {
        let sigma = fit.uncertainties[k];
        assert!((value - truth).abs() < 1e-6 * sigma, "{k}: {value} {truth} +- {sigma}");
    }
    // what is expected adds up
    let expected: f64 = asimov.channels().map(|c| c.events.sum_w()).sum();
    let yields = asimov.channels().flat_map(|c| &c.processes);
    let nu: f64 = yields.map(|p| p.expected.at(&TRUTH, &mut [], &mut []).expect("a yield")).sum();
    assert!((expected / nu - 1.0).abs() < 1e-12, "{expected} {nu}");
    // the information that the densities give, by Simpson's rule between the places where they jump
    let information = information(&asimov);
    let n = TRUTH.len();
    let product = |i: usize, j: usize| -> f64 {
        (0..n).map(|k| information[i * n + k] * fit.covariance[k * n + j]).sum()
    };
    for i in 0..n {
        for j in 0..n {
            let unit = if i == j { 1.0 } else { 0.0 };
            let size = fit.uncertainties[j] / fit.uncertainties[i];
            let miss = (product(i, j) - unit).abs();
            assert!(miss < 1e-6 * size.max(1.0), "{i} {j}: {miss}");
        }
    }
}

/// `sum_c integral (d lambda)(d lambda)' / lambda`, with the constraint's part.
fn information(model: &UnbinnedModel) -> Vec<f64> {
    let n = TRUTH.len();
    let mut total = vec![0.0; n * n];
    total[n * n - 1] = 1.0;
    for channel in model.channels() {
        let observable = channel.processes[0].pdf.observables()[0].clone();
        let joint = TRUTH[1] - 1.3 * TRUTH[2];
        let cuts = [60.0, 72.5, joint, 90.0, 101.0, 120.0];
        let ends: &[f64] = if observable.name() == "mass" { &cuts } else { &[0.0, 8.0] };
        for pair in ends.windows(2) {
            const STEPS: usize = 4000;
            let step = (pair[1] - pair[0]) / STEPS as f64;
            for i in 0..=STEPS {
                // the ends belong to this side of a jump
                let inside = 1e-12 * (pair[1] - pair[0]);
                let x = (pair[0] + step * i as f64).clamp(pair[0] + inside, pair[1] - inside);
                let simpson = match i {
                    0 | STEPS => 1.0,
                    i if i % 2 == 1 => 4.0,
                    _ => 2.0,
                };
                let (lambda, slopes) = rate(channel, x);
                let weight = simpson * step / 3.0 / lambda;
                for a in 0..n {
                    for b in 0..n {
                        total[a * n + b] += weight * slopes[a] * slopes[b];
                    }
                }
            }
        }
    }
    total
}

/// Expected events per unit of x, and their derivatives.
fn rate(channel: &Channel, x: f64) -> (f64, Vec<f64>) {
    let n = TRUTH.len();
    let (mut lambda, mut slopes) = (0.0, vec![0.0; n]);
    for process in &channel.processes {
        let mut gradient = vec![0.0; n];
        let nu = process.expected.at(&TRUTH, &mut gradient, &mut []).expect("a yield");
        let value = |slot: &Slot| match *slot {
            Slot::Parameter(k) => TRUTH[k],
            Slot::Constant(value) => value,
        };
        let theta: Vec<f64> = process.shape.iter().map(value).collect();
        let (mut log, mut of_shape) = ([0.0], vec![0.0; theta.len()]);
        process.pdf.log_prob_gradient(&theta, &[&[x]], &mut log, &mut of_shape).expect("a density");
        let f = log[0].exp();
        lambda += nu * f;
        slopes.iter_mut().zip(&gradient).for_each(|(s, g)| *s += g * f);
        for (slot, slope) in process.shape.iter().zip(&of_shape) {
            if let Slot::Parameter(k) = *slot {
                slopes[k] += nu * f * slope;
            }
        }
    }
    (lambda, slopes)
}
