//! The kernels for NVIDIA processors: that the PTX is that of the sources; and, where there is a driver, what
//! they compute against the processor, in numbers and in fits.
//!
//! A stand-in driver that interprets the PTX serves as well as a card, for small models.
#![cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]

mod common;

use std::sync::Arc;

use common::conformance::{compare, floored, points};
use common::own;
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::cuda::{self, CudaDevice};
use neyman::accelerator::{Accelerator, Program};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use neyman::model::toys::ToySampler;

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
                if let Err(error) = compare(&*load(&model), &model, &points(&model, n, 0x5eed)) {
                    panic!("{name}, {interpolation:?}: {error}");
                }
            }
        }
    }
}

fn fit_toys(device: &dyn Accelerator, model: &Model, n: u64) -> FitBatch {
    let sampler = ToySampler::new(model, &model.init()).expect("toys");
    let (mut main, mut auxiliary) = (Vec::new(), Vec::new());
    for toy in 0..n {
        let (mut m, mut a) = (vec![0.0; model.n_bins()], vec![0.0; model.n_auxiliary()]);
        sampler.draw(11, toy, &mut m, &mut a);
        main.extend(m);
        auxiliary.extend(a);
    }
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
            eprintln!("{name} {interpolation:?}: {} of {n} on the host", found.on_host);
        }
    }
    eprintln!("{fits} fits, {on_host} of them finished on the processor");
    let _ = Interpolation::default();
}
