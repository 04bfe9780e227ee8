//! One suite for every device, held against the oracle in `model`. A backend joins with one
//! `conformance!` line. `sabotage.rs` shows that the comparison can fail.

mod common;

use std::sync::Arc;

use common::conformance::{Point, compare, evaluate, evaluate_block, floored, points};
use common::golden::goldens;
use common::own;
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::{Accelerator, Program};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use neyman::model::toys::ToySampler;

/// How a device is made from a program.
type Open = fn(Arc<Program>) -> Box<dyn Accelerator>;

fn load(open: Open, model: &Model) -> Box<dyn Accelerator> {
    open(Arc::new(Program::new(Arc::new(model.clone()))))
}

fn check(open: Open, what: &str, model: &Model, n: usize) -> Vec<Point> {
    let points = points(model, n, 0x5eed);
    if let Err(error) = compare(&*load(open, model), model, &points) {
        panic!("{what}, {:?}: {error}", model.interpolation());
    }
    points
}

fn own_models(open: Open) {
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            check(open, name, &model, 200);
            check(open, name, &floored(&model), 200);
        }
    }
}

fn shared_workspaces(open: Open) {
    let mut compared = 0;
    for golden in goldens() {
        for interpolation in own::interpolations() {
            let model = golden.compile(interpolation);
            let n = if model.n_parameters() > 50 { 16 } else { 48 };
            compared += check(open, &golden.name, &model, n).len();
        }
    }
    eprintln!("compared {compared} points");
}

/// The points of a test must not all be impossible: a comparison of infinities proves little.
fn most_points_are_possible(_: Open) {
    for (name, document) in own::documents() {
        let model = own::compile(&document, Interpolation::default());
        let points = points(&model, 200, 0x5eed);
        let finite = points.iter().filter(|p| model.nll(&p.x, &p.data).is_finite()).count();
        let wanted = if name == "empty_bins" { 10 } else { 150 };
        assert!(finite >= wanted, "{name}: {finite} of {}", points.len());
    }
}

/// A lane's bits do not depend on what the other lanes hold, nor on which lane it is.
fn lanes_are_independent(open: Open) {
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            let device = load(open, &model);
            let points = points(&model, 64, 7);
            let together = evaluate(&*device, &points);
            for (i, point) in points.iter().enumerate() {
                let alone = evaluate_block(&*device, &vec![point; device.lanes()]);
                for lane in alone {
                    assert_eq!(lane.bits(), together[i].bits(), "{name} point {i}");
                }
            }
        }
    }
}

/// Toys of a model: main and auxiliary data, `[n, ...]`.
fn toys(model: &Model, n: u64) -> (Vec<f64>, Vec<f64>) {
    let sampler = ToySampler::new(model, &model.init()).expect("toys");
    let (mut main, mut auxiliary) = (Vec::new(), Vec::new());
    for toy in 0..n {
        let (mut m, mut a) = (vec![0.0; model.n_bins()], vec![0.0; model.n_auxiliary()]);
        sampler.draw(11, toy, &mut m, &mut a);
        main.extend(m);
        auxiliary.extend(a);
    }
    (main, auxiliary)
}

fn fit_range(device: &dyn Accelerator, model: &Model, first: usize, n: usize) -> FitBatch {
    let (main, auxiliary) = toys(model, (first + n) as u64);
    let job = FitJob {
        main: &main[first * model.n_bins()..],
        auxiliary: &auxiliary[first * model.n_auxiliary()..],
        n_fits: n,
        start: &model.init(),
        fixed: &model.fixed(),
        tolerance: Tolerance::default(),
    };
    fit::minimize(device, &job).expect("minimize")
}

fn bits(batch: &FitBatch) -> Vec<Vec<u64>> {
    let one = |i: usize| {
        let scalars = [batch.nll[i], batch.edm[i], f64::from(batch.evaluations[i])];
        let flags = [batch.status[i] as u64, batch.negative_bin[i] as u64];
        let values = scalars.iter().chain(batch.parameters_of(i)).map(|v| v.to_bits());
        flags.into_iter().chain(values).collect()
    };
    (0..batch.len()).map(one).collect()
}

/// A fit's bits depend on its own data alone: not on the number of threads, not on the batch.
fn fits_are_independent(open: Open) {
    const N: usize = 53;
    let pools = [1usize, 2, 3, 7].map(|threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
    });
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            let device = load(open, &model);
            let whole = bits(&pools[0].install(|| fit_range(&*device, &model, 0, N)));
            for pool in &pools[1..] {
                let again = bits(&pool.install(|| fit_range(&*device, &model, 0, N)));
                assert!(whole == again, "{name}: {} threads", pool.current_num_threads());
            }
            for size in [1, 5, 16, 40] {
                for first in (0..N).step_by(size) {
                    let n = size.min(N - first);
                    let part = bits(&fit_range(&*device, &model, first, n));
                    assert!(part == whole[first..first + n], "{name}: {n} fits from {first} on");
                }
            }
        }
    }
}

macro_rules! conformance {
    ($name:ident, $open:expr) => {
        conformance!($name, $open; own_models shared_workspaces most_points_are_possible
            lanes_are_independent fits_are_independent);
    };
    ($name:ident, $open:expr; $($test:ident)*) => {
        mod $name {
            $(#[test]
            fn $test() {
                super::$test($open);
            })*
        }
    };
}

conformance!(cpu, |program| Box::new(super::Cpu::new(program, "conformance")));
