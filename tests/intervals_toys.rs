//! Limits and intervals by toys, against asymptotic formulas and published tables.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::own;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::interpolation::Interpolation;
use neyman::session::{FitOptions, GofToys, IntervalOptions, LimitOptions, Session, ToyTest};
use serde_json::{Value, json};

const SIGMAS: f64 = 5.0;

fn session(document: &Value) -> Session {
    let model = own::compile(document, Interpolation::default());
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn test(statistic: TestStatistic, toys: u64) -> ToyTest {
    ToyTest {
        poi: None,
        mu: 0.0,
        statistic,
        seed: 2,
        stream: 0,
        range: 0..toys,
        error: None,
        alternative: true,
        keep_values: true,
        chunk: 4096,
        tolerance: Tolerance::default(),
    }
}

/// `n` events where 3 are expected without signal, which is counted in events.
fn count(n: f64) -> Value {
    let mu = own::modifier("mu", "normfactor", Value::Null);
    own::workspace(
        &[(
            "SR",
            &[n],
            vec![own::sample("signal", &[1.0], &[mu]), own::sample("background", &[3.0], &[])],
        )],
        "mu",
        &[json!({"name": "mu", "bounds": [[0.0, 40.0]]})],
    )
}

/// Counts are large: toys and asymptotic formulas agree within the errors that the toys quote.
#[test]
fn limits_are_the_asymptotic_ones_where_counts_are_large() {
    let session = session(&own::well_behaved());
    let (stop, options) = (AtomicBool::new(false), LimitOptions::default());
    let data = session.model().observed();
    let mut heard = 0;
    let found = session
        .limit_toys(&test(TestStatistic::QTilde, 3000), &options, data, &stop, &mut |_, _, n| {
            heard += n;
        })
        .expect("a limit");
    assert!(found.complete);
    assert_eq!(heard, 2 * 3000 * found.points.len() as u64);
    let pairs = found.expected.iter().zip(&found.asymptotic.expected);
    for (toys, formula) in pairs.chain([(&found.observed, &found.asymptotic.observed)]) {
        let ((limit, error), formula) = (toys.expect("a limit"), formula.expect("a limit"));
        println!("{limit:.4} +- {error:.4}, asymptotic {formula:.4}");
        assert!(error > 0.0 && error < 0.1 * limit, "{limit} +- {error}");
        // the formulas themselves are good to a few per cent here
        assert!((limit - formula).abs() < SIGMAS * error + 0.02 * formula, "{limit} {formula}");
    }
}

/// CLs of a count: the limit solves P(n <= 3 | s + 3) = 0.05 P(n <= 3 | 3), since the test statistic falls
/// with the count. Asymptotic formulas are off there, toys are not.
#[test]
fn limits_on_a_few_events_are_exact() {
    let poisson = |rate: f64| (-rate).exp() * (1.0 + rate * (1.0 + rate * (0.5 + rate / 6.0)));
    let (mut low, mut high) = (0.0, 20.0);
    for _ in 0..100 {
        let s = 0.5 * (low + high);
        if poisson(3.0 + s) > 0.05 * poisson(3.0) { low = s } else { high = s }
    }
    let session = session(&count(3.0));
    let (stop, options) = (AtomicBool::new(false), LimitOptions::default());
    let data = session.model().observed();
    let found = session
        .limit_toys(&test(TestStatistic::QTilde, 20_000), &options, data, &stop, &mut |_, _, _| {})
        .expect("a limit");
    let (limit, error) = found.observed.expect("a limit");
    let formula = found.asymptotic.observed.expect("a limit");
    println!("{limit:.3} +- {error:.3}, exact {low:.3}, asymptotic {formula:.3}");
    assert!((limit - low).abs() < SIGMAS * error && error < 0.1, "{limit} +- {error}, {low}");
    assert!((formula - low).abs() > SIGMAS * error, "{formula} {low}");
}

#[test]
fn a_stopped_limit_says_so() {
    let session = session(&count(3.0));
    let stop = AtomicBool::new(false);
    let options = LimitOptions { values: vec![4.0, 6.0, 8.0], ..LimitOptions::default() };
    let data = session.model().observed();
    let found = session
        .limit_toys(&test(TestStatistic::QTilde, 100), &options, data, &stop, &mut |left, _, _| {
            stop.store(left == 1, Ordering::Relaxed);
        })
        .expect("a part");
    assert!(!found.complete && found.points.len() == 2);
    assert!(found.notes.iter().any(|n| n.contains("does not cross")), "{:?}", found.notes);
}

/// Feldman and Cousins, table IV: 8 events over a background of 3.0, 90 %: from 1.51 to 10.99. A count
/// makes steps in the p-value: ends are known to a step of the values tested.
#[test]
fn intervals_are_those_of_feldman_and_cousins() {
    let session = session(&count(8.0));
    let values: Vec<f64> = [0.0, 0.75, 1.0, 1.25, 1.4, 1.6, 1.75, 2.0, 3.0, 5.0, 8.0, 9.5]
        .into_iter()
        .chain([10.0, 10.5, 10.8, 11.15, 11.5, 12.0, 13.0])
        .collect();
    let options = IntervalOptions { confidence_level: 0.9, values };
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let found = session
        .feldman_cousins(
            &test(TestStatistic::TTilde, 20_000),
            &options,
            data,
            &stop,
            &mut |_, _| {},
        )
        .expect("an interval");
    let (lower, upper) = (found.lower.expect("a lower end"), found.upper.expect("an upper end"));
    println!("{lower:.3} to {upper:.3}");
    assert!((1.4..1.6).contains(&lower) && (10.8..11.15).contains(&upper), "{lower} {upper}");
    assert!(found.complete && found.points.iter().all(|p| p.failed.is_empty()));
    let best = found.points.iter().find(|p| p.mu == 5.0).expect("the best fit");
    assert!(best.test_statistic < 1e-6 && best.p_value.value() == 1.0, "{best:?}");
    assert!(best.critical > 1.0, "{best:?}");
}

/// One event where three are expected: all small signals are accepted, and 0 is a bound.
#[test]
fn an_interval_may_begin_at_its_bound() {
    let session = session(&count(1.0));
    let options = IntervalOptions { confidence_level: 0.9, values: Vec::new() };
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let ttilde = test(TestStatistic::TTilde, 2000);
    let run = |test: &ToyTest, options: &IntervalOptions| {
        session.feldman_cousins(test, options, data, &stop, &mut |_, _| {})
    };
    let found = run(&ttilde, &options).expect("an interval");
    assert_eq!(found.lower, Some(0.0));
    // the table's 1.88, in steps of the values tested
    let upper = found.upper.expect("an upper end");
    let step = found.points[1].mu - found.points[0].mu;
    println!("0 to {upper:.3}, steps of {step:.3}");
    assert!((upper - 1.88).abs() < step + 0.2, "{upper} {step}");
    let one_sided = run(&test(TestStatistic::QTilde, 1), &options).unwrap_err().to_string();
    assert!(one_sided.contains("tmu or ttilde"), "{one_sided}");
    let certain = IntervalOptions { confidence_level: 1.0, ..options };
    assert!(run(&ttilde, &certain).unwrap_err().to_string().contains("between 0 and 1"));
}

/// Large counts: the saturated statistic of toys is a chi-square variable, parameters held or not.
#[test]
fn goodness_of_fit_by_toys_follows_chi_square() {
    let session = session(&own::well_behaved());
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let held = FitOptions { fix: vec![("mu".into(), 0.3)], ..FitOptions::default() };
    for (options, degrees) in [(FitOptions::default(), 4), (held, 5)] {
        let toys = GofToys { seed: 4, range: 10..3010, chunk: 1000 };
        let mut heard = 0;
        let found = session
            .goodness_of_fit_toys(&toys, data, &options, &stop, &mut |n| heard += n)
            .expect("a goodness of fit");
        assert!(found.complete && found.failed.is_empty() && heard == 3000);
        assert_eq!((found.gof.degrees_of_freedom, found.values.len()), (degrees, 3000));
        let (p, error) = (found.p_value.value(), found.p_value.error());
        let formula = found.gof.p_value.expect("degrees of freedom");
        println!("{p:.4} +- {error:.4}, chi-square {formula:.4}");
        assert!((p - formula).abs() < SIGMAS * error + 0.005, "{p} {formula}");
        let mean = found.values.iter().sum::<f64>() / 3000.0;
        let spread = (2.0 * degrees as f64 / 3000.0).sqrt();
        assert!((mean - degrees as f64).abs() < SIGMAS * spread, "{mean}");
    }
}
