//! Hypothesis tests by toys, against asymptotic formulas, pyhf's own toys, and themselves in other pieces.
//! Seeds are fixed; tolerances are standard deviations of what is measured.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::own;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::{Asymptotic, Expected, TestStatistic};
use neyman::model::interpolation::Interpolation;
use neyman::model::{Model, ModelOptions};
use neyman::session::{
    EnsemblePlan, FitOptions, Hypothesis, Session, ToyHypotest, ToyTest, stream,
};
use serde_json::{Value, json};

const SIGMAS: f64 = 5.0;

fn open(model: Model) -> Session {
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn session(document: &Value) -> Session {
    open(own::compile(document, Interpolation::default()))
}

fn test(mu: f64, toys: u64) -> ToyTest {
    ToyTest {
        poi: None,
        mu,
        statistic: TestStatistic::QTilde,
        seed: 11,
        stream: 0,
        range: 0..toys,
        error: None,
        alternative: true,
        keep_values: true,
        chunk: 1024,
        tolerance: Tolerance::default(),
    }
}

fn run(session: &Session, test: &ToyTest) -> ToyHypotest {
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let result = session.hypotest_toys(test, data, &stop, &mut |_, _| {}).expect("a test");
    assert!(result.complete);
    result
}

fn near(what: &str, found: f64, expected: f64, error: f64) {
    println!("{what}: {found:.5} +- {error:.5}, expected {expected:.5}");
    assert!((found - expected).abs() <= SIGMAS * error, "{what}: {found} +- {error}, {expected}");
}

/// Two bins, each with a Poisson-constrained background: pyhf's `uncorrelated_background`.
fn two_bins() -> Value {
    let own = own::modifier("uncorr_bkguncrt", "shapesys", json!([3.0, 7.0]));
    let mu = own::modifier("mu", "normfactor", Value::Null);
    own::workspace(
        &[(
            "singlechannel",
            &[51.0, 48.0],
            vec![
                own::sample("signal", &[12.0, 11.0], &[mu]),
                own::sample("background", &[50.0, 52.0], &[own]),
            ],
        )],
        "mu",
        &[],
    )
}

/// Few events in one bin, a background known to 20 %.
fn one_bin() -> Value {
    let norm = own::modifier("norm", "normsys", json!({"hi": 1.2, "lo": 0.8}));
    let mu = own::modifier("mu", "normfactor", Value::Null);
    own::workspace(
        &[(
            "SR",
            &[4.0],
            vec![own::sample("signal", &[4.0], &[mu]), own::sample("background", &[3.0], &[norm])],
        )],
        "mu",
        &[],
    )
}

/// pyhf 0.7.6, `ToyCalculator(data, model, test_stat=.., ntoys=4000)` after `numpy.random.seed(7)`, SciPy's
/// SLSQP, NumPy 1.26: test statistic, CLs+b, CLb; for q0 the p-value and that of the alternative.
#[test]
fn pyhf_finds_the_same() {
    const N: f64 = 4000.0;
    let q0 = ToyTest { statistic: TestStatistic::Q0, ..test(0.0, 8000) };
    for (what, document, test, [q, clsb, clb]) in [
        ("two bins", two_bins(), test(1.0, 8000), [3.938_244_9, 0.023, 0.4345]),
        ("one bin", one_bin(), test(1.0, 8000), [1.455_586_1, 0.12975, 0.7125]),
        ("one bin, q0", one_bin(), q0, [0.267_393_9, 0.27175, 0.8715]),
    ] {
        let found = run(&session(&document), &test);
        assert!((found.test_statistic - q).abs() < 1e-4, "{what}: {}", found.test_statistic);
        assert_eq!(found.tested.failed.len() + found.alternative.failed.len(), 0);
        for (name, ours, theirs) in [("CLsb", found.cls.clsb, clsb), ("CLb", found.cls.clb, clb)] {
            let error = (theirs * (1.0 - theirs) / N).sqrt().hypot(ours.error());
            near(&format!("{what}: {name}"), ours.value(), theirs, error);
        }
    }
}

/// The medians and one-sigma quantiles that pyhf's `expected_pvalues` finds in the same run.
#[test]
fn pyhf_expects_the_same() {
    let expected = [
        (two_bins(), [0.006_843_0, 0.070_447_2, 0.232_696_9]),
        (one_bin(), [0.033_043_0, 0.098_909_3, 0.280_678_5]),
    ];
    for (document, theirs) in expected {
        let band = run(&session(&document), &test(1.0, 4000)).expected;
        for (i, theirs) in theirs.into_iter().enumerate() {
            let error = std::f64::consts::SQRT_2 * band.cls_error[i + 1];
            near("expected CLs", band.cls[i + 1], theirs, error);
        }
        assert!(band.cls.is_sorted());
    }
}

/// Where counts are large and bounds far, the asymptotic formulas hold: q0 of one, CLs of the other.
#[test]
fn large_counts_follow_the_asymptotic_formulas() {
    let session = session(&own::well_behaved());
    let model = session.model();
    let (poi, mu) = (model.poi().expect("mu"), 1.6);
    let found = run(&session, &ToyTest { statistic: TestStatistic::QMu, ..test(mu, 6000) });
    // the Asimov data of background alone, fitted to the observed data
    let name = &model.parameters()[poi].name;
    let fit = |data: &neyman::model::Data, fix: Option<f64>| {
        let fix = fix.into_iter().map(|mu| (name.clone(), mu)).collect();
        session.fit(data, &FitOptions { fix, ..FitOptions::default() }).expect("a fit")
    };
    let asimov = model.asimov(&fit(model.observed(), Some(0.0)).parameters);
    let q_asimov = fit(&asimov, Some(mu)).twice_nll - fit(&asimov, None).twice_nll;
    let formula = Asymptotic::new(TestStatistic::QMu, found.test_statistic, q_asimov);
    assert!(formula.clsb > 0.01, "{formula:?}");
    near("CLs", found.cls.cls(), formula.cls, found.cls.error());
    near("CLsb", found.cls.clsb.value(), formula.clsb, found.cls.clsb.error());
    let band = Expected::new(TestStatistic::QMu, q_asimov);
    for i in 0..5 {
        near("expected", found.expected.cls[i], band.cls[i], found.expected.cls_error[i]);
    }
}

/// A model with 50 channels' worth of auxiliary data: where those stay as they are, toys vary too
/// little, and CLs at mu = 1 comes out as 0.025 instead of the asymptotic 0.00097.
#[test]
fn auxiliary_data_vary_in_every_toy() {
    let Some(directory) = common::data_directory() else { return };
    let path = directory.join("workspaces/ours_synthetic_50x4.json");
    let loaded = common::load_workspace(&path, None, true);
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default());
    let session = open(model.expect("a model"));
    let found = run(&session, &test(1.0, 4000));
    let (cls, error) = (found.cls.cls(), found.cls.error());
    println!("q = {:.4}, CLs = {cls:.5} +- {error:.5}", found.test_statistic);
    assert!((found.test_statistic - 10.889_822).abs() < 1e-4, "{}", found.test_statistic);
    let wanted = 0.000_967;
    // CLs+b of 4000 toys at the expected 0.00048 each
    let spread = 2.0 * (0.000_483f64 / 4000.0).sqrt();
    assert!((cls - wanted).abs() < SIGMAS * spread, "{cls} +- {error}");
    assert!((found.cls.clb.value() - 0.5).abs() < 0.05, "{:?}", found.cls);
    // the observed data are the expected ones: CLs as expected
    near("expected", found.expected.cls[3], 0.012_747, found.expected.cls_error[3]);
}

/// Toys are the same in any pieces.
#[test]
fn pieces_do_not_matter() {
    let session = session(&one_bin());
    let whole = run(&session, &test(1.0, 300));
    for chunk in [7, 300] {
        let again = run(&session, &ToyTest { chunk, ..test(1.0, 300) });
        assert_eq!((&again.tested, &again.alternative), (&whole.tested, &whole.alternative));
    }
    let part = run(&session, &ToyTest { range: 100..180, ..test(1.0, 0) });
    assert_eq!(part.tested.values, whole.tested.values[100..180]);
    assert_eq!(part.alternative.values, whole.alternative.values[100..180]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    assert_eq!(pool.install(|| run(&session, &test(1.0, 300))).tested, whole.tested);
}

/// Each hypothesis, seed and point of a scan has random numbers of its own.
#[test]
fn streams_are_different() {
    let mut seeds: Vec<u64> = (0..4).flat_map(|s| (0..50).map(move |n| stream(s, n))).collect();
    assert_eq!([stream(3, 0), stream(u64::MAX, 0)], [3, u64::MAX]);
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 200);
    // SplitMix64 of state 0, first and second number (Java's SplittableRandom)
    assert_eq!(stream(0, 1), 0xE220_A839_7B1D_CDAF);
    assert_eq!(stream(0, 2), 0x6E78_9E6A_A1B9_65F4);
    let session = session(&one_bin());
    let found = run(&session, &test(1.0, 50));
    assert_eq!((found.tested.seed, found.alternative.seed), (11, stream(11, 1)));
    let next = run(&session, &ToyTest { stream: 2, ..test(1.0, 50) });
    assert_eq!((next.tested.seed, next.alternative.seed), (stream(11, 2), stream(11, 3)));
    assert_ne!(next.tested.values, found.tested.values);
}

/// Values need not be kept to be counted.
#[test]
fn counting_alone_gives_the_same_p_values() {
    let session = session(&one_bin());
    let kept = run(&session, &test(1.0, 400));
    let counted = run(&session, &ToyTest { keep_values: false, ..test(1.0, 400) });
    assert_eq!(counted.cls, kept.cls);
    assert!(counted.tested.values.is_empty() && counted.expected.cls[2].is_nan());
    let by_value = kept.tested.distribution().p_value(kept.test_statistic);
    assert_eq!(by_value, kept.cls.clsb);
}

#[test]
fn an_adaptive_test_stops_when_its_error_is_small() {
    let session = session(&one_bin());
    let wish = 0.008;
    let mut heard = [0, 0];
    let adaptive = ToyTest { error: Some(wish), ..test(1.0, 200_000) };
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let found = session
        .hypotest_toys(&adaptive, data, &stop, &mut |h, n| heard[h as usize] += n)
        .expect("a test");
    let toys = found.tested.finished;
    println!("{toys} toys: CLs = {:.4} +- {:.4}", found.cls.cls(), found.cls.error());
    assert!(found.complete && found.cls.error() < wish);
    assert!((1000..20_000).contains(&toys), "{toys}");
    assert_eq!(heard, [toys, found.alternative.finished]);
    // the toys are those of a test that asks for so many
    assert_eq!(run(&session, &test(1.0, toys)).tested.values, found.tested.values);
    // and it never goes beyond what it may
    let few = run(&session, &ToyTest { error: Some(1e-9), ..test(1.0, 1500) });
    assert_eq!(few.tested.finished, 1500);
}

#[test]
fn a_stop_leaves_what_is_done() {
    let session = session(&one_bin());
    let stop = AtomicBool::new(false);
    let small = ToyTest { chunk: 10, ..test(1.0, 1000) };
    let data = session.model().observed();
    let found = session
        .hypotest_toys(&small, data, &stop, &mut |_, _| stop.store(true, Ordering::Relaxed))
        .expect("a test");
    assert!(!found.complete);
    assert_eq!((found.tested.finished, found.alternative.finished), (10, 0));
    assert_eq!(found.tested.values.iter().filter(|v| !v.is_nan()).count(), 10);
}

/// Toys that cannot be fitted are counted by number, and are in no fraction: with the parameter held at
/// 0, a bin of signal alone expects nothing, and toys that have an event there are impossible.
#[test]
fn failed_toys_are_counted_and_named() {
    let mu = own::modifier("mu", "normfactor", json!(null));
    let norm = own::modifier("norm", "normsys", json!({"hi": 1.1, "lo": 0.9}));
    let document = own::workspace(
        &[(
            "SR",
            &[0.0, 50.0],
            vec![
                own::sample("background", &[0.0, 50.0], &[norm]),
                own::sample("signal", &[0.7, 5.0], &[mu]),
            ],
        )],
        "mu",
        &[],
    );
    let session = session(&document);
    let poi = session.model().poi().expect("mu");
    let mut truth = session.model().init();
    truth[poi] = 1.0;
    let plan = EnsemblePlan {
        statistic: TestStatistic::TMu,
        poi,
        mu: 0.0,
        truth,
        seed: 3,
        range: 0..200,
        tolerance: Tolerance::default(),
        threshold: Some(1.0),
        keep_values: true,
    };
    let stop = AtomicBool::new(false);
    let ensemble = session.ensemble(&plan, 64, &stop, &mut |_| {}).expect("toys");
    let failed = ensemble.failed.len() as u64;
    assert!((50..150).contains(&failed), "{failed} of 200 are impossible");
    assert_eq!((ensemble.finished, ensemble.counted()), (200, 200 - failed));
    assert_eq!(ensemble.p_value().toys, 200 - failed);
    for (toy, value) in ensemble.values.iter().enumerate() {
        assert_eq!(value.is_nan(), ensemble.failed.contains(&(toy as u64)), "toy {toy}");
    }
    // one of them alone
    let toy = ensemble.failed[0];
    let alone = EnsemblePlan { range: toy..toy + 1, ..plan };
    let alone = session.ensemble(&alone, 1, &stop, &mut |_| {}).expect("a toy");
    assert_eq!(alone.failed, [toy]);
}

/// A likelihood with two minima, where free fits from the truth can miss the better one: no toy's free
/// fit ends above the one with the parameter held.
#[test]
fn no_free_fit_ends_above_the_other() {
    let shape = own::modifier(
        "shape",
        "histosys",
        json!({"hi_data": [62.0, 41.0], "lo_data": [60.0, 45.0]}),
    );
    let document = own::workspace(
        &[(
            "SR",
            &[62.0, 47.0],
            vec![
                own::sample(
                    "signal",
                    &[9.0, 3.0],
                    &[own::modifier("mu", "normfactor", json!(null))],
                ),
                own::sample("background", &[50.0, 52.0], &[shape]),
            ],
        )],
        "mu",
        &[],
    );
    let found = run(&session(&document), &test(2.0, 1000));
    assert_eq!(found.tested.failed.len() + found.alternative.failed.len(), 0);
    assert!(found.tested.values.iter().all(|v| *v >= 0.0));
}

/// A discovery of counts without auxiliary data: p0 is the Poisson tail, ties included.
#[test]
fn discovery_of_a_bare_count_is_the_poisson_tail() {
    let mu = own::modifier("mu", "normfactor", Value::Null);
    let document = own::workspace(
        &[(
            "SR",
            &[8.0],
            vec![own::sample("signal", &[5.0], &[mu]), own::sample("background", &[3.0], &[])],
        )],
        "mu",
        &[],
    );
    let session = session(&document);
    let stop = AtomicBool::new(false);
    let data = session.model().observed();
    let found = session
        .discovery_toys(&test(7.0, 200_000), data, &stop, &mut |_, _| {})
        .expect("a discovery");
    assert_eq!((found.test.mu, found.test.statistic), (0.0, TestStatistic::Q0));
    // P(n >= 8 | 3)
    near("p0", found.p0.value(), 0.011_904_5, found.p0.error());
    assert!((found.z - 2.26).abs() < 0.1, "{}", found.z);
    assert!(found.z_expected.is_sorted(), "{:?}", found.z_expected);
    assert_eq!(found.test.alternative.seed, stream(11, 1));
}

#[test]
fn bounds_of_the_statistic_are_told_and_bad_tests_refused() {
    let session = session(&own::well_behaved());
    let found = run(&session, &test(1.0, 10));
    assert!(found.notes[0].contains("mu between 0 and 20"), "{:?}", found.notes);
    assert!(found.mu_hat >= 0.0);
    let refused = |test: &ToyTest| {
        let data = session.model().observed();
        session.prepare_toy_test(test, data).err().expect("an error").to_string()
    };
    assert!(refused(&test(f64::NAN, 1)).contains("not a finite number"));
    let nobody = ToyTest { poi: Some("nu".into()), ..test(1.0, 1) };
    assert!(refused(&nobody).contains("no parameter nu"));
    assert_eq!(Hypothesis::Tested as usize, 0);
}
