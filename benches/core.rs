//! Times of the core's pieces: a block of lanes, one fit with its covariance, a batch of toys.
//!
//! For the embedded search and, where NEYMAN_DATA is set, for a published ATLAS likelihood of 184
//! parameters. Ratios to other tools come from `compare.py`.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use criterion::{Criterion, criterion_group, criterion_main};
use neyman::accelerator::{self, DeviceChoice, DeviceRequest, LaneBlock, LaneValues, Program};
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::{Model, ModelOptions};
use neyman::session::{DataSource, FitOptions, FitSlopes, Session, ToyPlan};
use neyman::spec::{self, LoadOptions};

const TOYS: u64 = 200;
/// A graphics card needs this many to be busy.
#[cfg(any(feature = "gpu", feature = "cuda"))]
const LARGE: u64 = 16_384;

fn models() -> Vec<(&'static str, Model)> {
    let compile = |bytes: &[u8]| {
        let loaded = spec::load(bytes, &LoadOptions::default()).expect("a workspace");
        Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())
            .expect("a model")
    };
    let mut models = vec![("search", compile(include_bytes!("../examples/search.json")))];
    if let Some(data) = std::env::var_os("NEYMAN_DATA") {
        let path = Path::new(&data).join("workspaces/atlas_tHu_fcnc.json");
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        models.push(("atlas_tHu_fcnc", compile(&bytes)));
    }
    models
}

/// NLL and gradient in every lane of one block.
fn block(criterion: &mut Criterion, name: &str, model: &Model) {
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    let device = accelerator::open(&DeviceChoice::Cpu.into(), program).expect("the processor");
    let lanes = device.lanes();
    let spread = |values: &[f64]| -> Vec<f64> {
        values.iter().flat_map(|v| std::iter::repeat_n(*v, lanes)).collect()
    };
    let (x, observed) = (spread(&model.init()), model.observed());
    let (main, auxiliary) = (spread(&observed.main), spread(&observed.auxiliary));
    let (mut nll, mut negative_bin) = (vec![0.0; lanes], vec![0.0; lanes]);
    let mut gradient = vec![0.0; x.len()];
    criterion.bench_function(&format!("block of {lanes} lanes/{name}"), |bencher| {
        bencher.iter(|| {
            let at = LaneBlock { parameters: black_box(&x), main: &main, auxiliary: &auxiliary };
            let mut out = LaneValues {
                nll: &mut nll,
                gradient: &mut gradient,
                jump: &mut [],
                negative_bin: &mut negative_bin,
            };
            device.evaluate(&at, &mut out).expect("an evaluation");
        });
    });
}

/// A session's fit: eight starts and the covariance.
fn fit(criterion: &mut Criterion, name: &str, model: &Model) {
    let session = Session::new(model.clone(), DeviceChoice::Cpu).expect("the processor");
    let observed = model.observed();
    criterion.bench_function(&format!("fit with covariance/{name}"), |bencher| {
        bencher.iter(|| session.fit(black_box(observed), &FitOptions::default()).expect("a fit"));
    });
}

/// What one step of a training by gradients asks: a number and its slopes in a sample's yields.
fn derivatives(criterion: &mut Criterion, name: &str, model: &Model) {
    let session = Session::new(model.clone(), DeviceChoice::Cpu).expect("the processor");
    let sample = if name == "search" { "signal" } else { "utH_prod" };
    let d = session.differentiable(&[sample.into()], None).expect("a sample");
    let (yields, parameters) = (d.nominal(), model.init());
    let (observed, signal) = (DataSource::Observed, DataSource::Asimov { mu: Some(1.0) });
    criterion.bench_function(&format!("slopes of the NLL/{name}"), |bencher| {
        bencher.iter(|| d.nll(black_box(&yields), &parameters, &observed).expect("a value"));
    });
    for (what, source) in [("observed", &observed), ("Asimov", &signal)] {
        criterion.bench_function(&format!("slopes of q0, {what} data/{name}"), |bencher| {
            let q0 = TestStatistic::Q0;
            bencher.iter(|| d.test_statistic(black_box(&yields), 0.0, q0, source).expect("q0"));
        });
    }
    let qtilde = TestStatistic::QTilde;
    let limit = |y: &[f64]| d.limit(y, 0.95, qtilde, Some(0.0), &observed).expect("a limit");
    let (mut times, moved) = (0, yields.iter().map(|y| 1.01 * y).collect::<Vec<_>>());
    criterion.bench_function(&format!("slopes of the expected limit/{name}"), |bencher| {
        bencher.iter(|| {
            times += 1;
            limit(black_box(if times % 2 == 0 { &yields } else { &moved }))
        });
    });
    criterion.bench_function(&format!("slopes of the width of mu/{name}"), |bencher| {
        let k = model.poi().expect("a parameter of interest");
        let mut uncertainties = vec![0.0; model.n_parameters()];
        uncertainties[k] = 1.0;
        let of = FitSlopes { uncertainties, ..FitSlopes::default() };
        bencher.iter(|| {
            let fit = d.fit(black_box(&yields), &observed).expect("a fit");
            d.fit_pullback(&fit, &of).expect("slopes")
        });
    });
}

/// Throwing and fitting toys: on all threads, on the first NVIDIA card, and on the first graphics
/// processor in each precision.
fn toys(criterion: &mut Criterion, name: &str, model: &Model) {
    toys_on(criterion, name, model, DeviceChoice::Cpu.into(), TOYS);
    #[cfg(feature = "cuda")]
    if let Ok(card) = accelerator::cuda::find(None) {
        // one with fewer is the stand-in of the tests
        let toys = if card.multiprocessors > 4 { LARGE } else { TOYS };
        toys_on(criterion, name, model, DeviceChoice::Cuda { index: None }.into(), toys);
    }
    #[cfg(feature = "gpu")]
    if let Ok((adapter, _)) = accelerator::gpu::adapters::find(None, None) {
        for precision in adapter.info.precisions() {
            let device = DeviceChoice::Gpu { backend: None, index: Some(adapter.info.index) };
            let precision = precision.into();
            let request = DeviceRequest { device, precision, ..DeviceRequest::default() };
            let toys = if adapter.info.is_hardware() { LARGE } else { TOYS };
            toys_on(criterion, name, model, request, toys);
        }
    }
}

fn toys_on(
    criterion: &mut Criterion,
    name: &str,
    model: &Model,
    request: DeviceRequest,
    toys: u64,
) {
    let session = Session::new(model.clone(), request).expect("a device");
    let plan = ToyPlan {
        truth: model.init(),
        seed: 1,
        range: 0..toys,
        hold: Vec::new(),
        keep_data: false,
        tolerance: Tolerance::default(),
    };
    let stop = AtomicBool::new(false);
    let device = session.device();
    let what = format!("{toys} toys/{name}/{} {}", device.name, device.precision);
    criterion.bench_function(&what, |bencher| {
        bencher.iter(|| {
            let mut sink = |chunk| {
                black_box(chunk);
                Ok(())
            };
            session.toys(black_box(&plan), toys as usize, &stop, &mut sink).expect("toys")
        });
    });
}

fn core(criterion: &mut Criterion) {
    for (name, model) in models() {
        block(criterion, name, &model);
        fit(criterion, name, &model);
        derivatives(criterion, name, &model);
        toys(criterion, name, &model);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = core
}
criterion_main!(benches);
