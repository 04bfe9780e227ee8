//! The lockstep on real models, with the instruction set chosen.

use std::sync::Arc;

use pulp::Arch;

use super::*;
use crate::accelerator::Program;
use crate::accelerator::cpu::Cpu;
use crate::model::toys::ToySampler;
use crate::model::{Model, ModelOptions};
use crate::spec::{LoadOptions, load};

/// One lane at a time without SIMD gives the bits of the widest lanes: a run can be resumed on
/// another processor.
#[test]
fn fits_have_the_same_bits_on_every_instruction_set() {
    let text = include_bytes!("../../tests/data/all_modifiers.json");
    let loaded = load(text, &LoadOptions::default()).unwrap();
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default());
    let model = Arc::new(model.unwrap());
    let program = Arc::new(Program::new(Arc::clone(&model)));
    let (start, fixed) = (model.init(), model.fixed());
    let sampler = ToySampler::new(&model, &start).unwrap();
    let n_fits = 40;
    let mut main = vec![0.0; n_fits * model.n_bins()];
    let mut auxiliary = vec![0.0; n_fits * model.n_auxiliary()];
    let rows = main.chunks_mut(model.n_bins()).zip(auxiliary.chunks_mut(model.n_auxiliary()));
    for (i, (main, auxiliary)) in rows.enumerate() {
        sampler.draw(11, i as u64, main, auxiliary);
    }
    let tolerance = Tolerance::PARITY;
    let job = FitJob {
        main: &main,
        auxiliary: &auxiliary,
        n_fits,
        start: &start,
        fixed: &fixed,
        tolerance,
    };
    let ladder = Ladder::new(program.curvature(&start), &fixed);
    let tasks: Vec<Task<'_>> = (0..n_fits).map(|fit| Task { fit, start: &start }).collect();
    for preconditioner in [Preconditioner::Shared(&ladder), Preconditioner::Own] {
        let run = |arch: Arch| {
            let device = Cpu::with(arch, Arc::clone(&program), "");
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
