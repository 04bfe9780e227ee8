use std::sync::atomic::AtomicUsize;

use super::*;
use crate::accelerator::{Damping, End, InverseCurvature, Tolerance};
use crate::model::{Model, ModelOptions};
use crate::spec::{self, LoadOptions};

/// Fits come to the sum of their data and start; after so many calls, to an error.
struct Fake {
    cpu: Cpu,
    calls: AtomicUsize,
    well_for: usize,
    error: fn() -> Error,
}

impl Accelerator for Fake {
    fn info(&self) -> &DeviceInfo {
        self.cpu.info()
    }

    fn problem(&self) -> &dyn Problem {
        self.cpu.problem()
    }

    fn lanes(&self) -> usize {
        self.cpu.lanes()
    }

    fn host(&self) -> &dyn Accelerator {
        &self.cpu
    }

    fn evaluate(&self, block: &LaneBlock<'_>, out: &mut LaneValues<'_>) -> Result<()> {
        self.cpu.evaluate(block, out)
    }

    fn minimize(&self, job: &FitJob<'_>, _: &Stages<'_>) -> Option<Result<DeviceFits>> {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.well_for {
            return Some(Err((self.error)()));
        }
        let outcome = |i: usize| Outcome {
            parameters: job.start_of(i).to_vec(),
            nll: value(job, i),
            edm: 0.0,
            evaluations: 1,
            negative_bin: -1,
            end: End::Converged,
        };
        let outcomes = (0..job.n_fits).map(|i| Some(outcome(i))).collect();
        Some(Ok(DeviceFits { outcomes, own_stage: true, failure: None }))
    }
}

fn value(job: &FitJob<'_>, i: usize) -> f64 {
    let all = job.main_of(i).iter().chain(job.auxiliary_of(i)).chain(job.start_of(i));
    all.sum()
}

/// Nothing asks for it.
struct NoDamping;

impl Damping for NoDamping {
    fn at(&self, _: usize) -> &InverseCurvature {
        unreachable!("a fake device needs none")
    }
}

fn program() -> Arc<Program> {
    let text = include_bytes!("../../session/self_test.json");
    let loaded = spec::load(text, &LoadOptions::default()).unwrap();
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default());
    Arc::new(Program::new(Arc::new(model.unwrap())))
}

fn lost() -> Error {
    Error::Device { device: "fake".into(), message: "lost".into() }
}

/// Devices that are well for so many calls.
fn several(well_for: &[usize], error: fn() -> Error, host_fallback: bool) -> Several {
    let program = program();
    let device = |&well_for: &usize| {
        let cpu = Cpu::new(Arc::clone(&program), "a test");
        Box::new(Fake { cpu, calls: AtomicUsize::new(0), well_for, error }) as Box<dyn Accelerator>
    };
    let devices = well_for.iter().map(device).collect();
    let info = Cpu::new(Arc::clone(&program), "a test").info().clone();
    Several::new(devices, info, program, host_fallback)
}

/// The fits of a job of `n`, each with its own start where `starts`; those done are what they must be.
fn run(several: &Several, n: usize, starts: bool) -> Result<DeviceFits> {
    let problem = several.problem();
    let (p, m, a) = (problem.n_parameters(), problem.n_main(), problem.n_auxiliary());
    let rows = |width: usize, by: f64| (0..n * width).map(|i| by * i as f64).collect::<Vec<_>>();
    let start = if starts { rows(p, 0.01) } else { vec![0.5; p] };
    let job = FitJob {
        main: &rows(m, 1.0),
        auxiliary: &rows(a, 0.1),
        n_fits: n,
        start: &start,
        fixed: &vec![false; p],
        tolerance: Tolerance::default(),
    };
    let stages = Stages {
        shared: &NoDamping,
        shared_patience: 24,
        shared_edm: 1e-8,
        own_patience: Some(60),
        own_edm: 1e-9,
    };
    let fits = several.minimize(&job, &stages).expect("a minimizer")?;
    assert_eq!(fits.outcomes.len(), n);
    for (i, outcome) in fits.outcomes.iter().enumerate() {
        if let Some(outcome) = outcome {
            assert_eq!(outcome.nll, value(&job, i), "fit {i}");
            assert_eq!(outcome.parameters, job.start_of(i));
        }
    }
    Ok(fits)
}

fn missing(fits: &DeviceFits) -> usize {
    fits.outcomes.iter().filter(|o| o.is_none()).count()
}

#[test]
fn pieces_are_the_job() {
    for (n, devices, expected) in [(0, 2, 0), (1, 2, 1), (24, 2, 2), (1000, 2, 2), (4096, 2, 8)] {
        let cut = pieces(n, devices);
        assert_eq!(cut.len(), expected, "{n}");
        let all: Vec<usize> = cut.into_iter().rev().flatten().collect();
        assert_eq!(all, (0..n).collect::<Vec<_>>());
    }
    assert_eq!(pieces(1 << 20, 3).len(), 12);
}

#[test]
fn fits_are_those_of_their_data_whoever_has_them() {
    for (n, starts) in [(0, false), (1, false), (7, true), (5000, false), (5000, true)] {
        let fits = run(&several(&[99, 99, 99], lost, false), n, starts).unwrap();
        assert_eq!((missing(&fits), fits.own_stage, fits.failure), (0, true, None));
    }
}

#[test]
fn others_take_over_from_a_device_that_fails() {
    for well_for in [[1, 99], [99, 0], [2, 99]] {
        let several = several(&well_for, lost, false);
        let fits = run(&several, 5000, true).unwrap();
        assert_eq!((missing(&fits), fits.own_stage), (0, true));
        // a device may have been too late to be asked a third time
        if let Some(failure) = fits.failure {
            assert_eq!(failure, "fake: lost (other devices took over)");
            assert_eq!(several.well().len(), 1);
            // it is left out from then on
            assert_eq!(run(&several, 5000, true).unwrap().failure, None);
        }
    }
}

#[test]
fn the_processor_has_what_none_of_them_could_do() {
    let with = several(&[1, 1], lost, true);
    let fits = run(&with, 8000, false).unwrap();
    assert!(missing(&fits) > 0 && !fits.own_stage);
    assert_eq!(fits.failure.unwrap(), "fake: lost; fake: lost (the processor took over)");
    let fits = run(&with, 10, false).unwrap();
    assert_eq!(missing(&fits), 10);
    assert!(fits.failure.unwrap().starts_with("all of them have failed before"));
    let error = run(&several(&[1, 0], lost, false), 8000, false).unwrap_err();
    assert!(error.is_device() && error.to_string().contains("lost"), "{error}");
    let other = || Error::Argument("a job that fits nobody".into());
    let error = run(&several(&[1, 1], other, true), 8000, false).unwrap_err();
    assert!(!error.is_device(), "{error}");
}

#[test]
fn evaluations_are_those_of_one_device() {
    let several = several(&[0, 0, 0], lost, false);
    let model_of = program();
    let data = model_of.model().observed();
    let points: Vec<f64> = (0..50)
        .flat_map(|i| {
            let init = model_of.model().init();
            init.into_iter().map(move |x| x + 0.01 * f64::from(i))
        })
        .collect();
    let bits = |device: &dyn Accelerator| {
        let (nll, gradient) =
            crate::accelerator::points::evaluate(device, &points, &data.main, &data.auxiliary)
                .unwrap();
        nll.into_iter().chain(gradient).map(f64::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(&several), bits(several.host()));
}
