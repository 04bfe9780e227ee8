//! The kernels for NVIDIA processors: that the PTX is that of the sources; and, where there is a driver, what
//! they compute against the processor, in numbers and in fits.
//!
//! A stand-in driver that interprets the PTX serves as well as a card, for small models.
#![cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::conformance::{compare, floored, points, toys};
use common::own;
use cudarc::driver::{CudaContext, CudaStream, DevicePtr, DeviceRepr, ValidAsZeroBits};
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::cuda::{self, Cuda, CudaDevice, YieldBatch};
use neyman::accelerator::{
    Accelerator, Damping, End, InverseCurvature, LaneBlock, LaneValues, Problem, Program, Stages,
};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;

/// Relative to the size of the terms that are summed, as in `conformance.rs`; `empty_bins` needs it.
const TOLERANCE: f64 = 2e-13;

const PTX: &str = include_str!("../cuda/neyman.ptx");

/// FNV-1a, 64 bits.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The committed PTX is what the committed sources compile to, as far as that can be said without the
/// compiler: its second line is a hash of them.
#[test]
fn the_ptx_is_that_of_the_sources() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cuda");
    let mut sources: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder cuda")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "cu" || e == "cuh"))
        .collect();
    sources.sort_by_key(|path| path.file_name().map(|name| name.to_owned()));
    assert!(sources.len() > 5, "{sources:?}");
    let bytes = sources.iter().flat_map(|path| std::fs::read(path).expect("a source"));
    let stamp = format!("// source-fnv1a64: {:016x}", hash(bytes));
    assert_eq!(PTX.lines().nth(1), Some(&*stamp), "run scripts/ptx.py build");
}

/// The oldest cards and drivers that are promised, and nothing that the stand-in driver must guess.
#[test]
fn the_ptx_keeps_to_what_it_may_use() {
    let line = |start: &str| PTX.lines().find(|l| l.starts_with(start));
    assert_eq!(line(".version"), Some(".version 7.0"));
    assert_eq!(line(".target"), Some(".target sm_60"));
    for kernel in ["evaluate", "fit", "signal_gradient"] {
        assert!(PTX.contains(&format!(".entry {kernel}(")), "{kernel}");
    }
    for forbidden in [".local", "call.", "cvta.shared", ".approx", "\tred."] {
        assert!(!PTX.contains(forbidden), "{forbidden}");
    }
    let atomics = PTX.lines().filter(|l| l.contains("atom."));
    assert!(atomics.into_iter().all(|l| l.contains("atom.global.add.u32")), "sums keep an order");
}

/// The first card; `None`, aloud, without.
fn card() -> Option<CudaDevice> {
    match cuda::list() {
        Ok(all) => all.into_iter().next(),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

fn load(model: &Model) -> Box<dyn Accelerator> {
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    cuda::open(None, program, "a test", false).expect("a card that computes")
}

/// A card, or something that plays one and is a million times slower.
fn is_fast(card: &CudaDevice) -> bool {
    card.multiprocessors > 4
}

#[test]
fn values_and_gradients_are_those_of_the_oracle() {
    let Some(card) = card() else { return };
    let n = if is_fast(&card) { 200 } else { 64 };
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            for model in [own::compile(&document, interpolation)]
                .iter()
                .flat_map(|m| [m.clone(), floored(m)])
            {
                if let Err(error) =
                    compare(&*load(&model), &model, &points(&model, n, 0x5eed), TOLERANCE)
                {
                    panic!("{name}, {interpolation:?}: {error}");
                }
            }
        }
    }
}

fn fit_toys(device: &dyn Accelerator, model: &Model, n: u64) -> FitBatch {
    let (main, auxiliary) = toys(model, n);
    let job = FitJob {
        main: &main,
        auxiliary: &auxiliary,
        n_fits: n as usize,
        start: &model.init(),
        fixed: &model.fixed(),
        tolerance: Tolerance::PARITY,
    };
    fit::minimize(device, &job).expect("minimize")
}

#[test]
fn fits_are_those_of_the_processor() {
    let Some(card) = card() else { return };
    let n = if is_fast(&card) { 200 } else { 6 };
    let (mut fits, mut on_host) = (0, 0);
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            let device = load(&model);
            let found = fit_toys(&*device, &model, n);
            let cpu = Cpu::new(Arc::new(Program::new(Arc::new(model.clone()))), "a test");
            let expected = fit_toys(&cpu, &model, n);
            assert_eq!(found.failure, None, "{name}");
            for i in 0..n as usize {
                let difference = (found.nll[i] - expected.nll[i]).abs();
                let room = 1e-9 * (1.0 + expected.nll[i].abs());
                let same = difference <= room || found.nll[i] == expected.nll[i];
                assert!(same, "{name}, {interpolation:?}, toy {i}: {difference:e}");
                assert_eq!(
                    found.status[i], expected.status[i],
                    "{name}, {interpolation:?}, toy {i}"
                );
            }
            fits += n as usize;
            on_host += found.on_host;
        }
    }
    eprintln!("{fits} fits, {on_host} of them finished on the processor");
}

/// A poor ladder: a diagonal whose steps are far too long at first.
struct Poor {
    levels: Vec<InverseCurvature>,
    highest: AtomicUsize,
}

impl Poor {
    fn new(device: &dyn Accelerator, model: &Model) -> Self {
        let curvature = device.problem().curvature(&model.init());
        let inverse = |k: usize| {
            let information = curvature.constraint[k] + curvature.information(k);
            if model.fixed()[k] || information == 0.0 { 0.0 } else { 1.0 / information }
        };
        let level = |l: i32| InverseCurvature {
            diagonal: (0..model.n_parameters())
                .map(|k| 40.0 * 0.3f64.powi(l) * inverse(k))
                .collect(),
            tiles: Vec::new(),
        };
        Self { levels: (0..12).map(level).collect(), highest: AtomicUsize::new(0) }
    }
}

impl Damping for Poor {
    fn at(&self, level: usize) -> &InverseCurvature {
        self.highest.fetch_max(level, Ordering::Relaxed);
        &self.levels[level]
    }
}

/// The ladder is climbed, and what the first stage leaves is finished by the second, on the device.
#[test]
fn both_stages_and_the_ladder_lead_to_the_minimum() {
    let Some(card) = card() else { return };
    let n = if is_fast(&card) { 100 } else { 4 };
    let (mut highest, mut second) = (0, 0);
    for (name, document) in own::documents() {
        for interpolation in own::interpolations() {
            let model = own::compile(&document, interpolation);
            let device = load(&model);
            let (main, auxiliary) = toys(&model, n);
            let job = FitJob {
                main: &main,
                auxiliary: &auxiliary,
                n_fits: n as usize,
                start: &model.init(),
                fixed: &model.fixed(),
                tolerance: Tolerance::PARITY,
            };
            let poor = Poor::new(&*device, &model);
            let stages = Stages {
                shared: &poor,
                shared_patience: 12,
                shared_edm: 1e-11,
                own_patience: Some(200),
                own_edm: 1e-12,
            };
            let fits = device.minimize(&job, &stages).expect("its own minimizer").expect("fits");
            assert!(fits.own_stage && fits.failure.is_none());
            highest = highest.max(poor.highest.load(Ordering::Relaxed));
            let expected = fit_toys(device.host(), &model, n);
            for (i, outcome) in fits.outcomes.iter().enumerate() {
                let what = format!("{name}, {interpolation:?}, toy {i}");
                let outcome = outcome.as_ref().expect("fitted");
                assert_eq!(outcome.end, End::Converged, "{what}: {outcome:?}");
                second += u32::from(outcome.evaluations > 12);
                let (main, auxiliary) = (job.main_of(i), job.auxiliary_of(i));
                let nll = outcome.nll + device.problem().constant(main, auxiliary);
                // a likelihood with kinks has many minima, and this road leads to another one
                if !device.problem().kinks().is_empty() {
                    continue;
                }
                let higher = nll - expected.nll[i];
                assert!(
                    higher < 1e-9 * (1.0 + nll.abs()),
                    "{what}: {higher:e} above the processor"
                );
            }
        }
    }
    assert!(highest >= 2 && second > 0, "level {highest}, {second} fits in the second stage");
    eprintln!("up to level {highest}, {second} fits in the second stage");
}

/// NLL and slopes of yields in a caller's memory, against the processor with these yields in its tables.
#[test]
fn slopes_of_yields_are_differences_of_the_nll() {
    let Some(card) = card() else { return };
    let model = own::compile(&own::all_seven(), Interpolation::default());
    let program = Program::new(Arc::new(model.clone()));
    let cuda = Cuda::open(card, Arc::new(program.clone()), "a test", false).expect("opens");
    let cells: Vec<u32> = (0..program.nominal.len() as u32).rev().step_by(2).collect();
    let (n, width) = (5usize, cells.len());
    let yields: Vec<f64> = (0..n * width)
        .map(|i| program.nominal[cells[i % width] as usize] * (1.0 + 0.03 * (i % 7) as f64) + 0.5)
        .collect();
    let points = points(&model, n, 3);
    let parameters: Vec<f64> = points.iter().flat_map(|p| p.x.clone()).collect();
    let (main, auxiliary) = toys(&model, n as u64);
    let context = CudaContext::new(0).expect("the context of the card");
    let stream = context.new_stream().expect("a stream");
    for (own_data, single) in [(true, false), (false, false), (true, true)] {
        let rows = if own_data { n } else { 1 };
        let (main, auxiliary) =
            (&main[..rows * model.n_bins()], &auxiliary[..rows * model.n_auxiliary()]);
        let parameters = if own_data { &parameters } else { &model.init() };
        let mut batch = YieldBatch {
            n,
            cells: &cells,
            yields: 0,
            slopes: 0,
            nll: 0,
            single,
            parameters,
            main,
            auxiliary,
            stream: stream.cu_stream() as u64,
        };
        let (slopes, nll) = if single {
            let yields: Vec<f32> = yields.iter().map(|y| *y as f32).collect();
            let [slopes, nll] = on_device(&cuda, &stream, &mut batch, &yields);
            let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<_>>();
            (wide(slopes), wide(nll))
        } else {
            let [slopes, nll] = on_device(&cuda, &stream, &mut batch, &yields);
            (slopes, nll)
        };
        let room = if single { 1e-4 } else { 1e-11 };
        for i in 0..n {
            let row = |all: &[f64], one: usize| -> Vec<f64> {
                if all.len() == one { all.to_vec() } else { all[i * one..(i + 1) * one].to_vec() }
            };
            let (x, main) = (row(parameters, model.n_parameters()), row(main, model.n_bins()));
            let auxiliary = row(auxiliary, model.n_auxiliary());
            let at = |moved: Option<(usize, f64)>| {
                let mut program = program.clone();
                for (c, cell) in cells.iter().enumerate() {
                    program.nominal[*cell as usize] = yields[i * width + c];
                }
                if let Some((c, by)) = moved {
                    program.nominal[cells[c] as usize] += by;
                }
                nll_of(program, &x, &main, &auxiliary)
            };
            let expected = at(None);
            let close = (nll[i] - expected).abs() <= room * (1.0 + expected.abs());
            assert!(close || nll[i] == expected, "histogram {i}: {} not {expected}", nll[i]);
            if !expected.is_finite() {
                continue;
            }
            for c in 0..width {
                let step = 1e-4;
                let difference = (at(Some((c, step))) - at(Some((c, -step)))) / (2.0 * step);
                let slope = slopes[i * width + c];
                let close = (slope - difference).abs() <= 1e-5 * (1.0 + difference.abs());
                assert!(close, "histogram {i}, yield {c}: {slope} not {difference}");
            }
        }
        if !single {
            batch.cells = &[0, 0];
            // SAFETY: refused before anything is read.
            let refused = unsafe { cuda.signal_gradient(&batch) };
            assert!(refused.is_err(), "a cell twice");
        }
    }
}

/// NLL with all constants, by the tables of `program`.
fn nll_of(program: Program, x: &[f64], main: &[f64], auxiliary: &[f64]) -> f64 {
    let constant = program.constant(main, auxiliary);
    let cpu = Cpu::new(Arc::new(program), "a test");
    let lanes = cpu.lanes();
    let spread = |v: &[f64]| v.iter().flat_map(|x| vec![*x; lanes]).collect::<Vec<_>>();
    let (parameters, main, auxiliary) = (spread(x), spread(main), spread(auxiliary));
    let block = LaneBlock { parameters: &parameters, main: &main, auxiliary: &auxiliary };
    let mut out = LaneValues {
        nll: &mut vec![0.0; lanes],
        gradient: &mut vec![0.0; x.len() * lanes],
        jump: &mut vec![0.0; x.len() * lanes],
        negative_bin: &mut vec![0.0; lanes],
    };
    cpu.evaluate(&block, &mut out).expect("evaluates");
    out.nll[0] + constant
}

/// Slopes and NLL of a batch whose yields are in device memory.
fn on_device<T: DeviceRepr + ValidAsZeroBits + Clone + Default>(
    cuda: &Cuda,
    stream: &Arc<CudaStream>,
    batch: &mut YieldBatch<'_>,
    yields: &[T],
) -> [Vec<T>; 2] {
    let yields = stream.clone_htod(yields).expect("copied");
    let slopes = stream.alloc_zeros::<T>(yields.len()).expect("memory");
    let nll = stream.alloc_zeros::<T>(batch.n).expect("memory");
    batch.yields = yields.device_ptr(stream).0;
    batch.slopes = slopes.device_ptr(stream).0;
    batch.nll = nll.device_ptr(stream).0;
    // SAFETY: arrays of these lengths, alive until the copies below have been made.
    unsafe { cuda.signal_gradient(batch) }.expect("starts");
    let copy = |memory| stream.clone_dtoh(memory).expect("copied");
    let answers = [copy(&slopes), copy(&nll)];
    stream.synchronize().expect("done");
    answers
}

/// The command where the driver fails: made to by the stand-in driver, since no card does it on demand.
#[cfg(all(feature = "cli", target_os = "linux"))]
#[test]
fn what_a_driver_refuses_is_told() {
    let Some(card) = card() else { return };
    if card.name != "PTX stand-in" {
        eprintln!("skipped: {} fails when it likes", card.name);
        return;
    }
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/all_modifiers.json");
    let run = |fault: &str, more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_neyman"))
            .args(["toys", workspace, "--toys", "30", "--chunk", "10", "--device", "cuda"])
            .args(more)
            .env("NEYMAN_STANDIN_FAULT", fault)
            .env("NEYMAN_STANDIN_QUIET", "1")
            .output()
            .expect("the command runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for (fault, told) in [
        ("no_device", "no CUDA, because the driver says: no CUDA-capable device"),
        ("old_driver", "no CUDA, because the driver supports CUDA 10.2, and CUDA 11.2 is needed"),
        ("refuse_ptx", "no CUDA, because the driver refuses the kernels"),
        ("out_of_memory", "out of memory"),
    ] {
        let (code, _, error) = run(fault, &[]);
        assert_eq!(code, Some(4), "{fault}: {error}");
        assert!(error.contains("error: device cuda") && error.contains(told), "{error}");
    }
    // lost between chunks: finished on the processor, and said; without leave an error
    let (code, told, error) = run("lost_after=2", &[]);
    assert_eq!(code, Some(0), "{error}");
    assert!(told.starts_with("30 of 30 toys converged"), "{told}");
    assert!(told.contains("a device failed: cuda:0: ") && told.contains("(the processor took over)"), "{told}");
    let (code, _, error) = run("lost_after=2", &["--no-host-fallback"]);
    assert_eq!(code, Some(4), "{error}");
}
