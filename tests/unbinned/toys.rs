//! Toys of unbinned models: the same to the bit however they are thrown, distributed as the model says, and
//! their fits as wide as they claim.

use std::sync::atomic::AtomicBool;

use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::session::{EnsemblePlan, ToyPlan, ToyTest, UnbinnedSession};
use neyman::unbinned::UnbinnedModel;
use neyman::unbinned::toys::{FittedToys, Thrower};

use crate::statements::{TRUTH, rich};

fn fit(model: &UnbinnedModel, range: std::ops::Range<u64>) -> FittedToys {
    model.fit_toys(&TRUTH, range, 5, &[], Tolerance::default()).expect("toys")
}

/// All bits of a toy's data.
fn bits(model: &UnbinnedModel) -> Vec<u64> {
    let mut all = Vec::new();
    for channel in model.channels() {
        let name = channel.processes[0].pdf.observables()[0].name();
        let events = channel.events.column(name).expect("a column");
        assert!(channel.events.weights().is_none());
        all.extend(events.iter().map(|x| x.to_bits()));
    }
    let centers = model.parameters().iter().filter_map(|p| p.constraint.map(|c| c.center));
    all.extend(centers.map(f64::to_bits));
    all
}

#[test]
fn a_toy_is_the_same_in_every_split() {
    let model = rich();
    let thrower = Thrower::new(&model, &TRUTH).expect("toys");
    let seventh = bits(&thrower.toy(5, 7).expect("a toy"));
    assert_ne!(seventh, bits(&thrower.toy(5, 8).expect("a toy")));
    assert_ne!(seventh, bits(&thrower.toy(6, 7).expect("a toy")));
    let again = Thrower::new(&model, &TRUTH).expect("toys");
    assert_eq!(seventh, bits(&again.toy(5, 7).expect("a toy")));
    let whole = fit(&model, 3..11);
    for (range, threads) in [(3..6, 1), (6..11, 3)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let part = pool.install(|| fit(&model, range.clone()));
        assert_eq!(part.first, range.start);
        for i in 0..part.fits.len() {
            let at = (range.start - 3) as usize + i;
            assert_eq!(part.fits.parameters_of(i), whole.fits.parameters_of(at));
            assert_eq!((part.fits.nll[i], part.events[i]), (whole.fits.nll[at], whole.events[at]));
        }
    }
}

/// A change of the stream changes published numbers: it must be noticed.
#[test]
fn golden_stream() {
    let model = rich();
    let thrower = Thrower::new(&model, &TRUTH).expect("toys");
    // FNV-1a of the bits
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    for toy in 0..4 {
        for word in bits(&thrower.toy(20_240_229, toy).expect("a toy")) {
            for byte in word.to_le_bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    assert_eq!(format!("{digest:016x}"), "84460b4733604f0d");
}

#[test]
fn pulls_are_as_wide_as_they_claim() {
    let model = rich();
    const TOYS: u64 = 300;
    let toys = fit(&model, 0..TOYS);
    let converged = toys.fits.status.iter().filter(|s| s.is_converged()).count();
    assert_eq!(converged, TOYS as usize);
    let n = TRUTH.len();
    let asimov = model.asimov(&TRUTH).expect("Asimov data");
    let expected = asimov.fit(&Default::default()).expect("a fit").uncertainties;
    let count = TOYS as f64;
    let mut widths = 0.0;
    for k in 0..n {
        let of = |value: &dyn Fn(usize) -> f64| -> (f64, f64) {
            let values: Vec<f64> = (0..TOYS as usize).map(value).collect();
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
            (mean, variance.sqrt())
        };
        let miss = |i: usize| toys.fits.parameters_of(i)[k] - TRUTH[k];
        let (mean, width) = of(&|i| miss(i) / toys.uncertainties[i * n + k]);
        // 300 toys know a width to 0.041
        assert!(mean.abs() < 5.0 / count.sqrt() + 0.05, "{k}: mean {mean}");
        assert!((width - 1.0).abs() < 0.13, "{k}: width {width}");
        widths += width;
        let (_, width) = of(&miss);
        assert!((width / expected[k] - 1.0).abs() < 0.15, "{k}: {width} {}", expected[k]);
    }
    assert!((widths / n as f64 - 1.0).abs() < 0.05, "{}", widths / n as f64);
    let events = toys.events.iter().map(|n| *n as f64).sum::<f64>() / count;
    let yields = model.channels().flat_map(|c| &c.processes);
    let nu: f64 = yields.map(|p| p.expected.at(&TRUTH, &mut [], &mut []).expect("a yield")).sum();
    assert!((events - nu).abs() < 5.0 * (nu / count).sqrt(), "{events} {nu}");
}

/// Events follow their densities: Kolmogorov's distance of many events.
#[test]
fn events_follow_their_densities() {
    let model = rich();
    let thrower = Thrower::new(&model, &TRUTH).expect("toys");
    let asimov = model.asimov(&TRUTH).expect("Asimov data");
    let mut drawn: Vec<Vec<f64>> = vec![Vec::new(); 2];
    for toy in 0..60 {
        let toy = thrower.toy(1, toy).expect("a toy");
        for (all, channel) in drawn.iter_mut().zip(toy.channels()) {
            let name = channel.processes[0].pdf.observables()[0].name();
            all.extend(channel.events.column(name).expect("a column"));
        }
    }
    for (all, channel) in drawn.iter().zip(asimov.channels()) {
        let name = channel.processes[0].pdf.observables()[0].name();
        let (x, w) =
            (channel.events.column(name).expect("x"), channel.events.weights().expect("w"));
        let n = all.len() as f64;
        let observable = &channel.processes[0].pdf.observables()[0];
        let mut furthest = 0.0f64;
        for i in 1..20 {
            let cut = observable.lo() + observable.width() * f64::from(i) / 20.0;
            let below = all.iter().filter(|x| **x < cut).count() as f64 / n;
            // quadrature nodes are dense enough for this
            let expected = x.iter().zip(w).filter(|(x, _)| **x < cut).map(|(_, w)| w).sum::<f64>();
            furthest = furthest.max((below - expected / channel.events.sum_w()).abs());
        }
        assert!(furthest < 0.02, "{name}: {furthest}");
    }
}

fn session() -> UnbinnedSession {
    let data = Thrower::new(&rich(), &TRUTH).expect("toys").toy(9, 0).expect("a toy");
    let session = UnbinnedSession::new(data, Some(0)).expect("a session");
    session.with_fixed("rate", -0.6).expect("a session")
}

fn toy_test(range: std::ops::Range<u64>) -> ToyTest {
    ToyTest {
        poi: None,
        mu: 760.0,
        statistic: Default::default(),
        seed: 3,
        stream: 0,
        range,
        error: None,
        alternative: false,
        keep_values: true,
        chunk: 100,
        tolerance: Tolerance::default(),
    }
}

#[test]
fn tests_thrown_elsewhere_are_those_thrown_here() {
    let (session, stop) = (session(), AtomicBool::new(false));
    // a statistic without a bound at 0, where best fits stop all the same
    for statistic in [TestStatistic::QTilde, TestStatistic::TMu] {
        let test = ToyTest { statistic, ..toy_test(5..25) };
        let here = session.hypotest_toys(&test, &stop, &mut |_, _| {}).expect("a test");
        let mut pending = session.prepare_toy_test(&test).expect("a test");
        let there = session.with_bounds(0, pending.bounds).expect("a session");
        for (hypothesis, plan) in pending.needed() {
            for range in [12..25, 5..12] {
                let plan = EnsemblePlan { range, ..plan.clone() };
                let part = there.ensemble(&plan, 4, &stop, &mut |_| {}).expect("toys");
                pending.take(hypothesis, &part).expect("taken");
            }
            let none = EnsemblePlan { poi: 99, ..plan };
            let refused = there.ensemble(&none, 4, &stop, &mut |_| {}).expect_err("no such one");
            assert!(refused.to_string().contains("no parameter 99"), "{refused}");
        }
        let found = pending.conclude();
        assert_eq!(found.tested, here.tested);
        assert_eq!((found.mu_hat, found.cls.clsb), (here.mu_hat, here.cls.clsb));
        assert_eq!(found.notes, here.notes);
    }
}

#[test]
fn tests_by_toys_agree_with_asymptotic_ones() {
    let (session, stop) = (session(), AtomicBool::new(false));
    let test = toy_test(0..300);
    let mut heard = 0;
    let toys = session.hypotest_toys(&test, &stop, &mut |_, n| heard += n).expect("a test");
    assert_eq!((heard, toys.complete, toys.tested.failed.len()), (300, true, 0));
    let asymptotic = session.hypotest(760.0, &Default::default()).expect("a test");
    assert!((toys.test_statistic - asymptotic.q).abs() < 1e-6);
    let (p, error) = (toys.cls.clsb.value(), toys.cls.clsb.error());
    let expected = asymptotic.observed.clsb;
    assert!((p - expected).abs() < 4.0 * error.max(0.01), "{p} +- {error}, {expected}");
    // nothing after a stop
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let plan = ToyPlan {
        truth: session.model().init(),
        seed: 0,
        range: 0..10,
        hold: vec![],
        keep_data: false,
        tolerance: Tolerance::default(),
    };
    assert_eq!(session.toys(&plan, 5, &stop, &mut |_| Ok(())).expect("no toys"), 0);
    let kept = ToyPlan { keep_data: true, ..plan };
    assert!(session.toys(&kept, 5, &stop, &mut |_| Ok(())).is_err());
}

#[test]
fn held_fits_and_bad_truths() {
    let model = rich();
    let hold = [(0, 700.0)];
    let toys = model.fit_toys(&TRUTH, 0..8, 1, &hold, Tolerance::default()).expect("toys");
    let held = toys.conditional.expect("held fits");
    for i in 0..8 {
        assert_eq!(held.parameters_of(i)[0], 700.0);
        assert!(held.nll[i] >= toys.fits.nll[i] - 1e-6);
    }
    let refused = |truth: &[f64], hold: &[(usize, f64)], says: &str| {
        let toys = model.fit_toys(truth, 0..1, 0, hold, Tolerance::default());
        let error = toys.expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    let with = |k: usize, value: f64| {
        let mut truth = TRUTH;
        truth[k] = value;
        truth
    };
    refused(&TRUTH[..3], &[], "3 values for 8 parameters");
    refused(&with(0, -1.0), &[], "process \"peak\": the expected number of events is");
    refused(&with(2, 0.0), &[], "sigma = 0");
    refused(&with(4, 1e12), &[], "1e9 is the most");
    refused(&TRUTH, &[(9, 1.0)], "parameter 9");
    refused(&TRUTH, &[(0, f64::NAN)], "n_peak = NaN");
    assert!(model.asimov(&with(0, -1.0)).is_err());
    assert!(model.with_events(vec![]).is_err());
    assert!(model.with_centers(&[0.0]).is_err());
    assert!(model.with_bounds(0, (2.0, 1.0)).is_err());
}
