//! Times of unbinned likelihoods: NLL, gradient, Hessian and fit of a peak above an exponential.
//!
//! Ratios to other tools come from `unbinned.py`.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

#[path = "unbinned/models.rs"]
mod models;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neyman::unbinned::fit::FitOptions;

/// A quarter around 91.2 and the rest falling, from sequences that fill an interval evenly.
fn events(n: usize) -> Vec<f64> {
    let fraction = |i: usize, by: f64| (0.5 + by * i as f64).fract();
    let event = |i: usize| {
        let (a, b) = (fraction(i, 0.754_877_666_246_692_8), fraction(i, 0.569_840_290_998_053_3));
        if fraction(i, 0.618_033_988_749_894_8) < 0.25 {
            let normal = (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
            (91.2 + 2.5 * normal).clamp(60.0, 120.0)
        } else {
            60.0 - (1.0 - a * (1.0 - (-1.8_f64).exp())).ln() / 0.03
        }
    };
    (0..n).map(event).collect()
}

fn unbinned(criterion: &mut Criterion) {
    for name in models::NAMES {
        for n in [10_000, 100_000, 1_000_000] {
            let all = n as f64;
            let start = [0.3 * all, 0.7 * all, 90.0, 3.0, -0.02, 1.5, 4.0];
            let start = &start[..if name == "cb_exp" { 7 } else { 5 }];
            let model = models::model(name, events(n), start);
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(n as u64));
            let id = |what: &str| BenchmarkId::new(what, n);
            group.bench_function(id("nll"), |b| b.iter(|| model.nll(black_box(start))));
            group.bench_function(id("gradient"), |b| b.iter(|| model.gradient(black_box(start))));
            group.bench_function(id("hessian"), |b| b.iter(|| model.hessian(black_box(start))));
            group.bench_function(id("fit"), |b| b.iter(|| model.fit(&FitOptions::default())));
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = unbinned
}
criterion_main!(benches);
