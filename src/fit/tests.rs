//! The lockstep on real models, with the instruction set chosen.

use std::sync::Arc;

use nalgebra::DMatrix;
use pulp::Arch;

use super::*;
use crate::accelerator::cpu::Cpu;
use crate::accelerator::{Curvature, Derivatives, Program};
use crate::model::toys::ToySampler;
use crate::model::{Model, ModelOptions};
use crate::spec::{LoadOptions, load};

/// A model with every modifier type, and toys of it.
struct Toys {
    program: Arc<Program>,
    start: Vec<f64>,
    fixed: Vec<bool>,
    main: Vec<f64>,
    auxiliary: Vec<f64>,
}

const N_FITS: usize = 40;

impl Toys {
    fn new() -> Self {
        let text = include_bytes!("../../tests/data/all_modifiers.json");
        let loaded = load(text, &LoadOptions::default()).unwrap();
        let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default());
        let model = Arc::new(model.unwrap());
        let program = Arc::new(Program::new(Arc::clone(&model)));
        let (start, fixed) = (model.init(), model.fixed());
        let sampler = ToySampler::new(&model, &start).unwrap();
        let mut main = vec![0.0; N_FITS * model.n_bins()];
        let mut auxiliary = vec![0.0; N_FITS * model.n_auxiliary()];
        let rows = main.chunks_mut(model.n_bins()).zip(auxiliary.chunks_mut(model.n_auxiliary()));
        for (i, (main, auxiliary)) in rows.enumerate() {
            sampler.draw(11, i as u64, main, auxiliary);
        }
        Self { program, start, fixed, main, auxiliary }
    }

    fn job(&self) -> FitJob<'_> {
        FitJob {
            main: &self.main,
            auxiliary: &self.auxiliary,
            n_fits: N_FITS,
            start: &self.start,
            fixed: &self.fixed,
            tolerance: Tolerance::PARITY,
        }
    }
}

/// One lane at a time without SIMD gives the bits of the widest lanes: a run can be resumed on
/// another processor.
#[test]
fn fits_have_the_same_bits_on_every_instruction_set() {
    let toys = Toys::new();
    let (program, start, fixed, job) = (&toys.program, &toys.start, &toys.fixed, toys.job());
    let tolerance = job.tolerance;
    let ladder = Ladder::new(program.curvature(start), fixed);
    let tasks: Vec<Task<'_>> = (0..N_FITS).map(|fit| Task { fit, start }).collect();
    for preconditioner in [Preconditioner::Shared(&ladder), Preconditioner::Own] {
        let run = |arch: Arch| {
            let device = Cpu::with(arch, Arc::clone(program), "");
            let outcomes = arch
                .dispatch(Run {
                    device: &device,
                    job: &job,
                    preconditioner,
                    tasks: &tasks,
                    patience: 100,
                    edm: tolerance.edm,
                })
                .unwrap();
            let bits = |o: &Outcome| -> Vec<u64> {
                let values = o.parameters.iter().chain([&o.nll, &o.edm]);
                values.map(|v| v.to_bits()).chain([u64::from(o.evaluations)]).collect()
            };
            assert!(outcomes.iter().all(|o| o.end == End::Converged));
            outcomes.iter().map(bits).collect::<Vec<_>>()
        };
        assert_eq!(run(Arch::Scalar), run(Arch::new()));
    }
}

/// The same on every processor, toys and host's factorisations included. Accelerate's functions
/// round in their own way.
#[test]
#[cfg(not(all(feature = "accelerate", target_os = "macos")))]
fn golden_fits() {
    let toys = Toys::new();
    let device = Cpu::new(Arc::clone(&toys.program), "");
    let fits = minimize(&device, &toys.job()).unwrap();
    assert!(fits.status.iter().all(|s| *s == Status::Converged));
    // FNV-1a of the bits
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    let values = toys.main.iter().chain(&toys.auxiliary).chain(&fits.parameters).chain(&fits.nll);
    let values = values.chain(&fits.edm).map(|v| v.to_bits());
    for byte in
        values.chain(fits.evaluations.iter().map(|n| u64::from(*n))).flat_map(u64::to_le_bytes)
    {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    assert_eq!(format!("{digest:016x}"), "4fb742051b943622");
}

/// A likelihood whose gradient leads uphill.
struct Astray;

impl Problem for Astray {
    fn n_parameters(&self) -> usize {
        1
    }

    fn lower(&self) -> &[f64] {
        &[0.0]
    }

    fn upper(&self) -> &[f64] {
        &[1e9]
    }

    fn curvature(&self, _: &[f64]) -> Curvature {
        Curvature { constraint: vec![1.0], jacobian: vec![vec![]], weight: vec![] }
    }

    fn derivatives(&self, x: &[f64], _: &[f64], _: &[f64], hessian: bool) -> Derivatives {
        let hessian = hessian.then(|| DMatrix::identity(1, 1));
        Derivatives { nll: x[0], gradient: vec![-1.0], jump: vec![], hessian }
    }
}

/// Damping makes steps so short that rounding loses them: that is no minimum.
#[test]
fn a_lost_step_is_not_convergence() {
    let job = FitJob {
        main: &[],
        auxiliary: &[],
        n_fits: 1,
        start: &[1e6],
        fixed: &[false],
        tolerance: Tolerance::default(),
    };
    let fit = newton(&Astray, &job, 0, &[1e6]);
    assert_eq!(fit.status, Status::Stalled);
    assert!((fit.edm - 0.5).abs() < 1e-6, "{}", fit.edm);
}
