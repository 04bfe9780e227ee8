//! The kernels for NVIDIA processors: that the PTX is that of the sources; and, where there is a driver, what
//! they compute against the processor, in numbers and in fits.
//!
//! A stand-in driver that interprets the PTX serves as well as a card, for small models.
#![cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]

#[path = "../common/mod.rs"]
mod common;
mod long;
mod mixtures;
#[path = "../common/mixtures.rs"]
mod resonances;
mod several;
#[cfg(target_os = "linux")]
#[path = "../common/standin.rs"]
mod standin;
mod working;
mod yields;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::conformance::{compare, floored, points, toys};
use common::cuda::card;
use common::{own, place};
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::cuda::{self, CudaDevice};
use neyman::accelerator::{Accelerator, Damping, End, InverseCurvature, Program, Stages};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;

/// Relative to the size of the terms that are summed, as in `conformance.rs`; `empty_bins` needs it.
const TOLERANCE: f64 = 2e-13;

const PTX: &str = include_str!("../../cuda/neyman.ptx");

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
    let folder = place::sources().join("cuda");
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
    let kernels = "evaluate fit signal_gradient reduce_shares reduce_toys event_shares flow_columns flow_context flow_outputs flow_change \
         tmd";
    for kernel in kernels.split(' ') {
        assert!(PTX.contains(&format!(".entry {kernel}(")), "{kernel}");
    }
    for forbidden in [".local", "call.", ".approx", "\tred."] {
        assert!(!PTX.contains(forbidden), "{forbidden}");
    }
    let atomics = PTX.lines().filter(|l| l.contains("atom."));
    assert!(atomics.into_iter().all(|l| l.contains("atom.global.add.u32")), "sums keep an order");
}

fn load(model: &Model) -> Box<dyn Accelerator> {
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    cuda::open(None, program, "a test", false).expect("a card that computes")
}

/// A card, or something that plays one and is a million times slower.
fn is_fast(card: &CudaDevice) -> bool {
    !common::cuda::is_stand_in(card)
}

/// Our own small models with every interpolation and both rules for empty bins, and a long one.
fn models() -> Vec<(String, Model)> {
    let all = own::interpolations();
    let mut documents = own::documents();
    documents.push(("long", long::document()));
    documents.push(("one bin", long::one_bin()));
    let mut models = Vec::new();
    for (name, document) in documents {
        for (i, interpolation) in all.iter().enumerate() {
            // what is long is slow on the stand-in
            if name == "long" && i != 0 && i != 5 {
                continue;
            }
            let model = own::compile(&document, *interpolation);
            models.push((format!("{name}, {interpolation:?}, floored"), floored(&model)));
            models.push((format!("{name}, {interpolation:?}"), model));
        }
    }
    models
}

#[test]
fn values_and_gradients_are_those_of_the_oracle() {
    let Some(card) = card() else { return };
    let n = if is_fast(&card) { 200 } else { 64 };
    for (name, model) in models() {
        let found = compare(&*load(&model), &model, &points(&model, n, 0x5eed), TOLERANCE);
        assert!(found.is_ok(), "{name}: {found:?}");
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
    for (name, model) in models() {
        let device = load(&model);
        let found = fit_toys(&*device, &model, n);
        let cpu = Cpu::new(Arc::new(Program::new(Arc::new(model.clone()))), "a test");
        let expected = fit_toys(&cpu, &model, n);
        assert_eq!(found.failure, None, "{name}");
        for i in 0..n as usize {
            let difference = (found.nll[i] - expected.nll[i]).abs();
            let room = 1e-9 * (1.0 + expected.nll[i].abs());
            let same = difference <= room || found.nll[i] == expected.nll[i];
            assert!(same, "{name}, toy {i}: {difference:e}");
            assert_eq!(found.status[i], expected.status[i], "{name}, toy {i}");
        }
        fits += n as usize;
        on_host += found.on_host;
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
    for (name, model) in models() {
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
            let what = format!("{name}, toy {i}");
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
            assert!(higher < 1e-9 * (1.0 + nll.abs()), "{what}: {higher:e} above the processor");
        }
    }
    assert!(highest >= 2 && second > 0, "level {highest}, {second} fits in the second stage");
    eprintln!("up to level {highest}, {second} fits in the second stage");
}

/// The command where the driver fails: made to by the stand-in driver, since no card does it on demand.
#[cfg(all(feature = "cli", target_os = "linux"))]
#[test]
fn what_a_driver_refuses_is_told() {
    let Some(card) = card() else { return };
    if !common::cuda::is_stand_in(&card) {
        eprintln!("skipped: {} fails when it likes", card.name);
        return;
    }
    let workspace = place::sources().join("tests/data/all_modifiers.json");
    let run = |fault: &str, more: &[&str]| {
        let output = std::process::Command::new(place::binary())
            .arg("toys")
            .arg(&workspace)
            .args(["--toys", "30", "--chunk", "10", "--device", "cuda"])
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
    assert!(
        told.contains("a device failed: cuda:0: ") && told.contains("(the processor took over)"),
        "{told}"
    );
    let (code, _, error) = run("lost_after=2", &["--no-host-fallback"]);
    assert_eq!(code, Some(4), "{error}");
}
