//! TMD cross sections of as many points as a global analysis has, with their derivatives, on one thread.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use neyman::tmd::luminosity::Luminosity;
use neyman::tmd::sidis::{Channels, Factor, Point, Zeta};
use neyman::tmd::{Evolution, Rule, Shape, Sidis};

/// Points of MAP22.
const POINTS: usize = 2031;

fn benchmark(c: &mut Criterion) {
    let point = |i: usize| {
        let part = |k: usize| ((i * k) % POINTS) as f64 / POINTS as f64;
        Point {
            x: 0.01 + 0.5 * part(7),
            z: 0.2 + 0.5 * part(11),
            q2: 1.5 + 20.0 * part(13),
            pht: 0.05 + 0.6 * part(17),
            bin: None,
        }
    };
    let sidis = Sidis {
        points: (0..POINTS).map(point).collect(),
        channels: Channels::one(
            Shape::Map22Pdf,
            Some(Shape::Map22Ff),
            Factor::BuiltIn(Luminosity::OneLoop),
        ),
        evolution: Evolution::Map,
        zeta: Zeta::Q2,
        rule: Rule::SinhGaussLegendre { nodes: 64 },
    };
    let plan = sidis.plan().expect("a plan");
    // of the size of MAP22's central values
    let parameters = [
        0.25, 0.32, 1.1, 0.5, 1.9, 0.13, 0.016, 0.02, 4.3, 4.3, 0.42, 12.7, 0.0044, 10.8, 0.007,
        1.5, 0.061, 0.21, 3.2, 0.24, 0.0006,
    ];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = c.benchmark_group("tmd, 2031 points, 64 nodes");
    group.bench_function("values", |b| {
        b.iter(|| pool.install(|| plan.predict(&parameters).expect("values")));
    });
    group.bench_function("with derivatives", |b| {
        b.iter(|| pool.install(|| plan.jacobian(&parameters).expect("values")));
    });
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
