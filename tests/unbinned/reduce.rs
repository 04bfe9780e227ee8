//! Mixtures: recorded likelihoods and derivatives, batches, threads, bad input.

use neyman::unbinned::reduce::{Constraint, Mixture, Toy, Wanted, reduce_lse, reduce_lse_batch};

use crate::goldens;
use crate::mixtures::{Batch, Uniform, cases, close, everything, resonance};

#[test]
fn recorded_reductions() {
    let Some(goldens) = goldens() else { return };
    let mut told = Vec::new();
    for case in cases(&goldens) {
        let (id, nll) = (&case.id, case.nll);
        let mixture = Mixture {
            log_p: &case.log_p,
            yields: &case.yields,
            weights: case.weights.as_deref(),
            constraints: &case.constraints,
            constant: 0.0,
        };
        let (reduced, slopes) = everything(&mixture);
        if nll == f64::INFINITY {
            assert_eq!((reduced.nll, reduced.zero_density), (f64::INFINITY, 1), "{id}");
            continue;
        }
        if (reduced.nll - nll).abs() > (1e-8 + 1e-14 * case.size).min(1e-12 * (1.0 + nll.abs())) {
            told.push(format!("{id}: {} {nll}", reduced.nll));
        }
        assert_eq!(reduced.zero_density, 0, "{id}");
        let mut near = |what: &str, a: &[f64], b: &[f64]| {
            close(&mut told, &format!("{id} {what}"), a, b, 1e-10);
        };
        near("yield", &reduced.yield_gradient, &case.yield_gradient);
        near("constraint", &reduced.constraint_gradient, &case.constraint_gradient);
        near("log p", &slopes, &case.slopes);
        // the value alone has the same bits
        let value = reduce_lse(&mixture, Wanted::default()).expect("a mixture");
        assert_eq!(value.nll, reduced.nll);
        assert!(value.yield_gradient.is_empty() && value.yield_hessian.is_empty());
        let shifted = reduce_lse(&Mixture { constant: 2.5, ..mixture }, Wanted::default());
        assert!((shifted.expect("a mixture").nll - nll - 2.5).abs() < 1e-3);
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn recorded_batch_of_ragged_toys() {
    let Some(goldens) = goldens() else { return };
    let recorded = Batch::recorded(&goldens);
    let (log_p, offsets, toys) = (&recorded.log_p, &recorded.offsets, recorded.toys());
    let batch = reduce_lse_batch(log_p, None, offsets, &toys, true, true).expect("a batch");
    let mut told = Vec::new();
    let nll: Vec<f64> = batch.iter().map(|r| r.nll).collect();
    close(&mut told, "nll", &nll, &recorded.nll, 1e-12);
    let gradient: Vec<f64> = batch.iter().flat_map(|r| r.yield_gradient.clone()).collect();
    close(&mut told, "gradient", &gradient, &recorded.yield_gradient, 1e-10);
    assert!(told.is_empty(), "{}", told.join("\n"));
    // each toy alone, its events cut out of every process
    let n = log_p.len() / 2;
    for (t, toy) in toys.iter().enumerate() {
        let range = offsets[t] as usize..offsets[t + 1] as usize;
        let cut = |p: usize| log_p[p * n..][range.clone()].to_vec();
        let own = [cut(0), cut(1)].concat();
        let Toy { yields, constraints, constant } = *toy;
        let alone = Mixture { log_p: &own, yields, weights: None, constraints, constant };
        assert_eq!(everything(&alone).0, batch[t]);
    }
    let refused = |offsets: &[u32], says: &str| {
        let error =
            reduce_lse_batch(log_p, None, offsets, &toys, false, false).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(&[0, 4, 4, 9, 15], "32 log-densities for 15 events of 2 processes");
    refused(&[0, 9, 4, 9, 16], "rise");
    refused(&[1, 4, 4, 9, 16], "rise");
    refused(&[0, 16], "4 toys, and offsets of 1");
    refused(&[], "rise");
    assert!(reduce_lse_batch(log_p, None, &[0], &[], false, false).is_err());
    let narrow = [toys[0], Toy { yields: &[1.0], ..toys[1] }, toys[2], toys[3]];
    let error = reduce_lse_batch(log_p, None, offsets, &narrow, false, false);
    assert!(error.expect_err("refused").to_string().contains("toy 1 has 1 yields"));
}

/// Log-densities in f32 are those numbers in f64, summed in f64; slopes are rounded once.
#[test]
fn single_precision_is_read_as_it_is() {
    let (log_p, yields) = resonance(30_011);
    let single: Vec<f32> = log_p.iter().map(|l| *l as f32).collect();
    let wide: Vec<f64> = single.iter().copied().map(f64::from).collect();
    let constraints = [];
    let mixture = Mixture {
        log_p: &wide,
        yields: &yields,
        weights: None,
        constraints: &constraints,
        constant: 0.0,
    };
    let (expected, slopes) = everything(&mixture);
    let mut out = vec![f32::NAN; single.len()];
    let wanted = Wanted { gradient: true, hessian: true, log_p_gradient: Some(&mut out) };
    let of_single = Mixture {
        log_p: &single,
        yields: &yields,
        weights: None,
        constraints: &constraints,
        constant: 0.0,
    };
    assert_eq!(reduce_lse(&of_single, wanted).expect("a mixture"), expected);
    assert!(out.iter().zip(&slopes).all(|(a, b)| *a == *b as f32));
    // and near the likelihood of the numbers that were rounded
    let exact = reduce_lse(&Mixture { log_p: &log_p, ..mixture }, Wanted::default());
    let off = (exact.expect("a mixture").nll - expected.nll).abs();
    assert!(off < 1e-6 * f64::sqrt(30_011.0) && off > 0.0, "{off}");
    let toy = Toy { yields: &yields, constraints: &constraints, constant: 0.0 };
    let batch = reduce_lse_batch(&single, None, &[0, 30_011], &[toy], true, true);
    assert_eq!(batch.expect("a batch"), [expected]);
    let bad = [-1.0, f32::NAN];
    let error = reduce_lse(
        &Mixture { log_p: &bad, yields: &[1.0], weights: None, constraints: &[], constant: 0.0 },
        Wanted::default(),
    );
    assert!(error.expect_err("refused").to_string().contains("process 0, event 1"));
}

/// Log-densities of some events.
fn many(processes: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut uniform = Uniform::new();
    let log_p = (0..processes * n).map(|_| -8.0 * uniform.next()).collect();
    (log_p, (0..n).map(|_| 2.0 * uniform.next()).collect())
}

#[test]
fn threads_change_no_bit() {
    let (log_p, weights) = many(3, 100_003);
    let yields = [3e4, 5e4, 20.0];
    let mixture = Mixture {
        log_p: &log_p,
        yields: &yields,
        weights: Some(&weights),
        constraints: &[],
        constant: 0.0,
    };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| everything(&mixture))
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert_eq!(with(threads), one);
    }
    // without room for the slopes, the same
    let wanted = Wanted { gradient: true, hessian: true, log_p_gradient: None };
    assert_eq!(reduce_lse(&mixture, wanted).expect("a mixture"), one.0);
    // probabilities of one event add up to its weight
    let n = weights.len();
    for i in [0, 4095, 4096, n - 1] {
        let sum: f64 = (0..3).map(|p| one.1[p * n + i]).sum();
        assert!((sum + weights[i]).abs() < 1e-14, "{i}");
    }
}

#[test]
fn derivatives_are_slopes() {
    let (log_p, weights) = many(3, 500);
    let yields = [200.0, 0.7, 90.0];
    let at = |log_p: &[f64], yields: &[f64]| {
        let mixture =
            Mixture { log_p, yields, weights: Some(&weights), constraints: &[], constant: 0.0 };
        everything(&mixture)
    };
    let (reduced, slopes) = at(&log_p, &yields);
    for p in 0..3 {
        let step = 1e-5 * yields[p];
        let moved = |sign: f64| {
            let mut yields = yields;
            yields[p] += sign * step;
            at(&log_p, &yields).0
        };
        let (up, down) = (moved(1.0), moved(-1.0));
        let slope = (up.nll - down.nll) / (2.0 * step);
        let exact = reduced.yield_gradient[p];
        assert!((slope - exact).abs() < 1e-6 * (1.0 + exact.abs()), "{p}: {slope} {exact}");
        for q in 0..3 {
            let slope = (up.yield_gradient[q] - down.yield_gradient[q]) / (2.0 * step);
            let exact = reduced.yield_hessian[p * 3 + q];
            assert!((slope - exact).abs() < 1e-7 * (1.0 + exact.abs()), "{p} {q}: {slope} {exact}");
        }
        for i in [0, 123, 499] {
            let place = p * 500 + i;
            let moved = |by: f64| {
                let mut log_p = log_p.clone();
                log_p[place] += by;
                at(&log_p, &yields).0.nll
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((slope - slopes[place]).abs() < 1e-6, "{p} {i}: {slope} {}", slopes[place]);
        }
    }
}

#[test]
fn bad_mixtures_are_told() {
    let good = Mixture {
        log_p: &[-1.0, -2.0, -3.0, -4.0],
        yields: &[1.0, 2.0],
        weights: None,
        constraints: &[],
        constant: 0.0,
    };
    let refused = |mixture: Mixture<'_>, says: &str| {
        let error = reduce_lse(&mixture, Wanted::default()).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    let nan = [-1.0, -2.0, -3.0, f64::NAN];
    refused(Mixture { log_p: &nan, ..good }, "process 1, event 1: its log-density is NaN");
    let infinite = [-1.0, f64::INFINITY, -3.0, -4.0];
    refused(Mixture { log_p: &infinite, ..good }, "process 0, event 1: its log-density is inf");
    refused(Mixture { yields: &[1.0, -2.0], ..good }, "process 1: its yield is -2");
    refused(Mixture { yields: &[f64::NAN, 2.0], ..good }, "process 0: its yield is NaN");
    refused(Mixture { yields: &[], ..good }, "at least one process");
    refused(Mixture { yields: &[1.0; 3], ..good }, "4 log-densities");
    refused(Mixture { weights: Some(&[1.0]), ..good }, "1 weights for 2 events");
    refused(Mixture { weights: Some(&[1.0, -1.0]), ..good }, "event 1: its weight is -1");
    let constraint = Constraint { value: 0.0, center: 0.0, sigma: 0.0 };
    refused(Mixture { constraints: &[constraint], ..good }, "constraint 0");
    let mut short = [0.0; 3];
    let wanted = Wanted { log_p_gradient: Some(&mut short), ..Wanted::default() };
    assert!(reduce_lse(&good, wanted).expect_err("refused").to_string().contains("room for 3"));
    // events without density: counted where they weigh anything
    let lost = [f64::NEG_INFINITY; 4];
    let weights = [0.0, 2.0];
    let (reduced, slopes) = everything(&Mixture { log_p: &lost, weights: Some(&weights), ..good });
    assert_eq!((reduced.nll, reduced.zero_density), (f64::INFINITY, 1));
    assert_eq!(slopes, [0.0; 4]);
}
