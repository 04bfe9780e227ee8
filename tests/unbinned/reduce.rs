//! Mixtures: recorded likelihoods and derivatives, batches, threads, bad input.

use neyman::unbinned::reduce::{
    Constraint, Mixture, Reduced, Toy, Wanted, reduce_lse, reduce_lse_batch,
};
use serde_json::Value;

use crate::{goldens, number, numbers};

/// Rows of a matrix, one after the other.
fn flat(rows: &Value) -> Vec<f64> {
    rows.as_array().expect("rows").iter().flat_map(numbers).collect()
}

fn close(told: &mut Vec<String>, what: &str, a: &[f64], b: &[f64], relative: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        if (a - b).abs() > relative * b.abs() + 1e-14 {
            told.push(format!("{what} {i}: {a} {b}"));
        }
    }
}

/// Everything that can be asked for.
fn everything(mixture: &Mixture<'_>) -> (Reduced, Vec<f64>) {
    let mut slopes = vec![f64::NAN; mixture.log_p.len()];
    let wanted = Wanted { gradient: true, hessian: true, log_p_gradient: Some(&mut slopes) };
    let reduced = reduce_lse(mixture, wanted).unwrap_or_else(|e| panic!("{e}"));
    (reduced, slopes)
}

#[test]
fn recorded_reductions() {
    let Some(goldens) = goldens() else { return };
    let cases = goldens["reduce"].as_array().expect("cases");
    assert_eq!(cases.len(), 9);
    let mut told = Vec::new();
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        let (log_p, yields) = (flat(&case["logp"]), numbers(&case["nu"]));
        let weights = (!case["weights"].is_null()).then(|| numbers(&case["weights"]));
        let constraints: Vec<Constraint> = case["constraints"].as_array().map_or(vec![], |list| {
            let one = |c: &Value| Constraint {
                value: number(&c["theta"]),
                center: number(&c["center"]),
                sigma: number(&c["sigma"]),
            };
            list.iter().map(one).collect()
        });
        let mixture = Mixture {
            log_p: &log_p,
            yields: &yields,
            weights: weights.as_deref(),
            constraints: &constraints,
            constant: 0.0,
        };
        let (reduced, slopes) = everything(&mixture);
        let nll = number(&case["nll"]);
        if nll == f64::INFINITY {
            assert_eq!((reduced.nll, reduced.zero_density), (f64::INFINITY, 1), "{id}");
            continue;
        }
        let size: f64 = numbers(&case["log_f"]).iter().map(|l| l.abs()).sum();
        if (reduced.nll - nll).abs() > (1e-8 + 1e-14 * size).min(1e-12 * (1.0 + nll.abs())) {
            told.push(format!("{id}: {} {nll}", reduced.nll));
        }
        assert_eq!(reduced.zero_density, 0, "{id}");
        close(
            &mut told,
            &format!("{id} yield"),
            &reduced.yield_gradient,
            &numbers(&case["dnll_dnu"]),
            1e-10,
        );
        let constraints = numbers(&case["dnll_dtheta"]);
        close(
            &mut told,
            &format!("{id} constraint"),
            &reduced.constraint_gradient,
            &constraints,
            1e-10,
        );
        close(&mut told, &format!("{id} log p"), &slopes, &flat(&case["dnll_dlogp"]), 1e-10);
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
    let case = &goldens["reduce_batch"];
    let log_p = flat(&case["logp"]);
    let offsets: Vec<usize> = numbers(&case["offsets"]).iter().map(|o| *o as usize).collect();
    let yields: Vec<Vec<f64>> =
        case["nu"].as_array().expect("yields").iter().map(numbers).collect();
    let (center, sigma) = (number(&case["center"]), number(&case["sigma"]));
    let constraints: Vec<[Constraint; 1]> = flat(&case["theta"])
        .into_iter()
        .map(|value| [Constraint { value, center, sigma }])
        .collect();
    let toys: Vec<Toy<'_>> = yields
        .iter()
        .zip(&constraints)
        .map(|(yields, constraints)| Toy { yields, constraints, constant: 0.0 })
        .collect();
    let batch = reduce_lse_batch(&log_p, None, &offsets, &toys, true, true).expect("a batch");
    let mut told = Vec::new();
    let nll: Vec<f64> = batch.iter().map(|r| r.nll).collect();
    close(&mut told, "nll", &nll, &numbers(&case["nll"]), 1e-12);
    let gradient: Vec<f64> = batch.iter().flat_map(|r| r.yield_gradient.clone()).collect();
    close(&mut told, "gradient", &gradient, &flat(&case["dnll_dnu"]), 1e-10);
    assert!(told.is_empty(), "{}", told.join("\n"));
    // each toy alone, its events cut out of every process
    let n = log_p.len() / 2;
    for (t, toy) in toys.iter().enumerate() {
        let cut = |p: usize| log_p[p * n + offsets[t]..p * n + offsets[t + 1]].to_vec();
        let own = [cut(0), cut(1)].concat();
        let Toy { yields, constraints, constant } = *toy;
        let alone = Mixture { log_p: &own, yields, weights: None, constraints, constant };
        assert_eq!(everything(&alone).0, batch[t]);
    }
    let refused = |offsets: &[usize], says: &str| {
        let error =
            reduce_lse_batch(&log_p, None, offsets, &toys, false, false).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(&[0, 4, 4, 9, 15], "from 0 to 16");
    refused(&[0, 9, 4, 9, 16], "rise");
    refused(&[0, 16], "5 numbers");
    assert!(reduce_lse_batch(&log_p, None, &[0], &[], false, false).is_err());
}

/// Log-densities of some events, by a generator of our own.
fn many(processes: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let log_p = (0..processes * n).map(|_| -8.0 * random()).collect();
    (log_p, (0..n).map(|_| 2.0 * random()).collect())
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
