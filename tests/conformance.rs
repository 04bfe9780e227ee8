//! One suite for every device, held against the oracle in `model`. A backend joins with one
//! `conformance!` line. `sabotage.rs` shows that the comparison can fail.

mod common;

use std::sync::Arc;

use common::conformance::{F64, compare, evaluate, evaluate_block, floored, points, toys};
use common::golden::goldens;
use common::own;
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::{Accelerator, Program};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;

/// A device under test.
#[derive(Clone, Copy)]
struct Device {
    /// How it is made from a program; `None` where this machine has none.
    open: fn(Arc<Program>) -> Option<Box<dyn Accelerator>>,
    /// Agreement with the oracle, relative to the size of the terms; the largest seen is three to ten
    /// times smaller.
    tolerance: f64,
    /// The same for `empty_bins`, whose rates come within rounding of zero: some 700 units in the last
    /// place are seen there, in every precision.
    singular: f64,
    /// Every case; else a part of each kind, for devices that may be emulated.
    thorough: bool,
    /// Parameters of the largest of the shared workspaces that is tried.
    largest: fn() -> usize,
}

impl Device {
    fn load(self, model: &Model) -> Option<Box<dyn Accelerator>> {
        (self.open)(Arc::new(Program::new(Arc::new(model.clone()))))
    }

    /// Interpolations tried: all, or the default one and one with kinks.
    fn interpolations(self) -> Vec<Interpolation> {
        let all = own::interpolations();
        if self.thorough { all } else { vec![all[0], all[5]] }
    }

    /// `n`, or a part of it.
    fn some(self, n: usize, part: usize) -> usize {
        if self.thorough { n } else { n / part }
    }

    fn tolerance(self, what: &str) -> f64 {
        if what == "empty_bins" { self.singular } else { self.tolerance }
    }

    /// Largest disagreement at `n` points; `None` without a device.
    fn check(self, what: &str, model: &Model, n: usize) -> Option<f64> {
        let points = points(model, n, 0x5eed);
        match compare(&*self.load(model)?, model, &points, self.tolerance(what)) {
            Err(error) => panic!("{what}, {:?}: {error}", model.interpolation()),
            Ok(worst) => Some(worst),
        }
    }
}

/// One line on how far a device is from its tolerance.
fn report(what: &str, worst: Option<f64>, allowed: f64) {
    if let Some(worst) = worst {
        eprintln!("{what}: at most {worst:.1e} of the terms, {allowed:.0e} allowed");
    }
}

fn own_models(device: Device) {
    for (name, document) in own::documents() {
        let mut worst = None;
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            worst = device.check(name, &model, 192).max_by(worst);
            worst = device.check(name, &floored(&model), 192).max_by(worst);
        }
        report(name, worst, device.tolerance(name));
    }
}

fn shared_workspaces(device: Device) {
    let mut worst = None;
    for golden in goldens() {
        for interpolation in device.interpolations() {
            let model = golden.compile(interpolation);
            if model.n_parameters() > (device.largest)() {
                continue;
            }
            let n = if device.thorough && model.n_parameters() > 50 { 16 } else { 48 };
            worst = device.check(&golden.name, &model, n).max_by(worst);
        }
    }
    report("shared workspaces", worst, device.tolerance);
}

/// The larger of two disagreements.
trait MaxBy {
    fn max_by(self, other: Self) -> Self;
}

impl MaxBy for Option<f64> {
    fn max_by(self, other: Self) -> Self {
        self.into_iter().chain(other).reduce(f64::max)
    }
}

/// The points of a test must not all be impossible: a comparison of infinities proves little.
fn most_points_are_possible(_: Device) {
    for (name, document) in own::documents() {
        let model = own::compile(&document, Interpolation::default());
        let points = points(&model, 200, 0x5eed);
        let finite = points.iter().filter(|p| model.nll(&p.x, &p.data).is_finite()).count();
        let wanted = if name == "empty_bins" { 10 } else { 150 };
        assert!(finite >= wanted, "{name}: {finite} of {}", points.len());
    }
}

/// A lane's bits do not depend on what the other lanes hold, nor on which lane it is.
fn lanes_are_independent(device: Device) {
    for (name, document) in own::documents() {
        for interpolation in device.interpolations() {
            let model = own::compile(&document, interpolation);
            let Some(loaded) = device.load(&model) else { return };
            let points = points(&model, 64, 7);
            let together = evaluate(&*loaded, &points);
            for (i, point) in points.iter().enumerate().step_by(64 / device.some(64, 8)) {
                let alone = evaluate_block(&*loaded, &vec![point; loaded.lanes()]);
                for lane in alone {
                    assert_eq!(lane.bits(), together[i].bits(), "{name} point {i}");
                }
            }
        }
    }
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
fn fits_are_independent(device: Device) {
    const N: usize = 53;
    let pools = [1usize, 2, 3, 7].map(|threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
    });
    let sizes: &[usize] = if device.thorough { &[1, 5, 16, 40] } else { &[20] };
    for (name, document) in own::documents() {
        for interpolation in device.interpolations() {
            let model = own::compile(&document, interpolation);
            let Some(loaded) = device.load(&model) else { return };
            let whole = bits(&pools[0].install(|| fit_range(&*loaded, &model, 0, N)));
            for pool in &pools[1..device.some(4, 2)] {
                let again = bits(&pool.install(|| fit_range(&*loaded, &model, 0, N)));
                assert!(whole == again, "{name}: {} threads", pool.current_num_threads());
            }
            for &size in sizes {
                for first in (0..N).step_by(size) {
                    let n = size.min(N - first);
                    let part = bits(&fit_range(&*loaded, &model, first, n));
                    assert!(part == whole[first..first + n], "{name}: {n} fits from {first} on");
                }
            }
        }
    }
}

/// The same question has the same answer, to the bit: of the same device, of one loaded anew, and in
/// a batch of another size.
fn same_bits_every_run(device: Device) {
    for (name, document) in own::documents() {
        for interpolation in device.interpolations() {
            let model = own::compile(&document, interpolation);
            let Some(loaded) = device.load(&model) else { return };
            let again = device.load(&model).expect("a second one");
            let points = points(&model, 40, 11);
            let answers = |device: &dyn Accelerator| -> Vec<_> {
                evaluate(device, &points).iter().map(|answer| answer.bits()).collect()
            };
            let first = answers(&*loaded);
            assert!(first == answers(&*loaded), "{name}: evaluation");
            assert!(first == answers(&*again), "{name}: evaluation, loaded anew");
            let fits = bits(&fit_range(&*loaded, &model, 0, 24));
            assert!(fits == bits(&fit_range(&*loaded, &model, 0, 24)), "{name}: fits");
            let more = bits(&fit_range(&*again, &model, 0, 31));
            assert!(fits == more[..24], "{name}: fits among more, loaded anew");
        }
    }
}

macro_rules! conformance {
    ($name:ident, $device:expr) => {
        conformance!($name, $device; own_models shared_workspaces most_points_are_possible
            lanes_are_independent fits_are_independent same_bits_every_run);
    };
    ($name:ident, $device:expr; $($test:ident)*) => {
        mod $name {
            use super::*;

            const DEVICE: Device = $device;

            $(#[test]
            fn $test() {
                super::$test(DEVICE);
            })*
        }
    };
}

conformance!(
    cpu,
    Device {
        open: |program| Some(Box::new(Cpu::new(program, "conformance"))),
        tolerance: 1e-14,
        singular: F64,
        thorough: true,
        largest: || usize::MAX,
    }
);

conformance!(
    cuda,
    Device {
        open: common::cuda::open,
        tolerance: 5e-15,
        singular: F64,
        thorough: false,
        largest: common::cuda::largest,
    }
);

#[cfg(feature = "gpu")]
mod gpu {
    use neyman::accelerator::gpu::Precision;

    use super::*;

    conformance!(
        f64,
        Device {
            open: |program| common::gpu::open(Precision::F64, program),
            tolerance: 5e-15,
            singular: F64,
            thorough: false,
            largest: || usize::MAX,
        }
    );
    conformance!(
        df64,
        Device {
            open: |program| common::gpu::open(Precision::Df64, program),
            tolerance: 3e-13,
            singular: 2e-11,
            thorough: false,
            largest: || usize::MAX,
        }
    );
    conformance!(
        f32,
        Device {
            open: |program| common::gpu::open(Precision::F32, program),
            tolerance: 3e-6,
            singular: 3e-4,
            thorough: false,
            largest: || usize::MAX,
        }
    );
}
