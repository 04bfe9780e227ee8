//! What goes wrong on a device, made to go wrong.

#![cfg(feature = "gpu")]

mod common;

use std::sync::Arc;

use neyman::Result;
use neyman::accelerator::gpu::adapters::{self, Adapter};
use neyman::accelerator::gpu::shaders::{Arithmetic, Kernel, source};
use neyman::accelerator::gpu::{Context, Fault, Gpu, Precision};
use neyman::accelerator::{Accelerator, Program};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::{Model, ModelOptions};
use neyman::spec::{self, LoadOptions};

const N: usize = 300;

fn model() -> Model {
    let text = include_bytes!("../src/session/self_test.json");
    let loaded = spec::load(text, &LoadOptions::default()).expect("a workspace");
    Model::new(&loaded.workspace, 0, &ModelOptions::default()).expect("a model")
}

/// The first adapter of this machine.
fn adapter() -> Option<Adapter> {
    let adapter = adapters::list().into_iter().next();
    if adapter.is_none() {
        eprintln!("skipped: no graphics processor and no software one (lavapipe, WARP)");
    }
    adapter
}

/// The small model on the first adapter, in a context of its own.
fn load(adapter: &Adapter, precision: Precision, host_fallback: bool) -> (Arc<Context>, Gpu) {
    let context = Context::open(&adapter.handle, precision).expect("opens");
    let gpu = on(adapter, Arc::clone(&context), precision, host_fallback);
    (context, gpu)
}

fn on(adapter: &Adapter, context: Arc<Context>, precision: Precision, host_fallback: bool) -> Gpu {
    with(&model(), adapter, context, precision, host_fallback)
}

fn with(
    model: &Model,
    adapter: &Adapter,
    context: Arc<Context>,
    precision: Precision,
    host_fallback: bool,
) -> Gpu {
    let info = adapter.info.device_info(precision, "a test");
    let program = Arc::new(Program::new(Arc::new(model.clone())));
    Gpu::new(context, program, info, host_fallback).expect("the model fits")
}

fn toys(device: &dyn Accelerator) -> Result<FitBatch> {
    toys_of(&model(), device)
}

fn toys_of(model: &Model, device: &dyn Accelerator) -> Result<FitBatch> {
    let (main, auxiliary) = common::conformance::toys(model, N as u64);
    let job = FitJob {
        main: &main,
        auxiliary: &auxiliary,
        n_fits: N,
        start: &model.init(),
        fixed: &model.fixed(),
        tolerance: Tolerance::default(),
    };
    fit::minimize(device, &job)
}

fn agree(found: &FitBatch, expected: &FitBatch) {
    for i in 0..N {
        let difference = (found.nll[i] - expected.nll[i]).abs();
        assert!(difference < 1e-7 && found.status[i].is_converged(), "toy {i}: {difference:e}");
    }
}

#[test]
fn a_lost_device_loses_no_fit() {
    let Some(adapter) = adapter() else { return };
    for calls in [0, 1, 3] {
        let (context, gpu) = load(&adapter, Precision::Df64, true);
        let expected = toys(gpu.host()).expect("fits");
        agree(&toys(&gpu).expect("fits"), &expected);
        context.inject(Fault::Lost(calls));
        let found = toys(&gpu).expect("the processor takes over");
        agree(&found, &expected);
        let failure = found.failure.expect("is said");
        assert!(failure.contains("lost"), "{failure}");
        assert!(found.on_host > 0);
        // and it stays lost
        let again = toys(&gpu).expect("the processor takes over");
        assert_eq!((again.on_host, again.failure.is_some()), (N, true));
    }
}

#[test]
fn without_leave_a_fault_is_an_error() {
    let Some(adapter) = adapter() else { return };
    for fault in [Fault::Lost(1), Fault::NoMemory] {
        let (context, gpu) = load(&adapter, Precision::F32, false);
        context.inject(fault);
        let error = toys(&gpu).expect_err("no leave to go on");
        assert!(error.is_device(), "{error}");
        let word = match fault {
            Fault::Lost(_) => "lost",
            Fault::NoMemory => "out of memory",
        };
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn without_memory_the_processor_takes_over() {
    let Some(adapter) = adapter() else { return };
    let (context, gpu) = load(&adapter, Precision::F32, true);
    context.inject(Fault::NoMemory);
    let found = toys(&gpu).expect("the processor takes over");
    agree(&found, &toys(gpu.host()).expect("fits"));
    assert!(found.failure.is_some_and(|f| f.contains("out of memory")));
    assert_eq!(found.on_host, N);
}

#[test]
fn a_refused_kernel_is_an_error() {
    let Some(adapter) = adapter() else { return };
    let broken = |kernel: Kernel, arithmetic: Arithmetic| -> String {
        source(kernel, arithmetic).replace("fn likelihood(", "fn likelihood(missing: nothing, ")
    };
    let limits = adapter.handle.limits();
    let context = Context::open_with(&adapter.handle, Precision::F32, broken, limits);
    let gpu = on(&adapter, context.expect("opens"), Precision::F32, true);
    let error = gpu.check().expect_err("no such type");
    assert!(error.to_string().contains("refuses the kernel `evaluate`"), "{error}");
    let found = toys(&gpu).expect("the processor takes over");
    assert!(found.failure.is_some_and(|f| f.contains("refuses the kernel `fit`")));
}

/// The guard of error-free transforms taken out of the production kernels: what a driver does that
/// sees through it.
fn unguarded(kernel: Kernel, arithmetic: Arithmetic) -> String {
    let guard = "{ return bitcast<f32>(bitcast<u32>(x) ^ runtime_zero()); }";
    let text = source(kernel, arithmetic);
    assert!(text.contains(guard), "the guard is written differently now");
    text.replace(guard, "{ return x; }")
}

#[test]
fn broken_double_float_is_refused() {
    let Some(adapter) = adapter() else { return };
    if adapter.info.is_hardware() {
        // a driver that keeps unguarded sums is right, too
        return;
    }
    let limits = adapter.handle.limits();
    let context = Context::open_with(&adapter.handle, Precision::Df64, unguarded, limits);
    let gpu = on(&adapter, context.expect("opens"), Precision::Df64, true);
    let error = gpu.check().expect_err("double-float is broken");
    let told = error.to_string();
    assert!(told.contains("choose precision f32, or the device cpu"), "{told}");
    // fits are looked at as well, and done again on the processor
    let found = toys(&gpu).expect("the processor takes over");
    agree(&found, &toys(gpu.host()).expect("fits"));
    assert!(found.failure.is_some_and(|f| f.contains("does not keep this arithmetic")));
}

/// A kernel that says that the driver ended its loops early, where `when` holds.
fn cut(adapter: &Adapter, source: neyman::accelerator::gpu::Source) -> Arc<Context> {
    let limits = adapter.handle.limits();
    Context::open_with(&adapter.handle, Precision::Df64, source, limits).expect("opens")
}

fn when(condition: &str, kernel: Kernel, arithmetic: Arithmetic) -> String {
    let text = source(kernel, arithmetic);
    let question = "if (loops_are_cut())";
    assert!(text.contains(question), "the question is written differently now");
    text.replace(question, &format!("if ({condition} || loops_are_cut())"))
}

/// Stragglers of the first stage, so that there is a second one.
fn hard() -> Model {
    common::own::compile(&common::own::all_seven(), common::own::interpolations()[5])
}

#[test]
fn calls_that_were_too_long_are_made_again() {
    let Some(adapter) = adapter() else { return };
    let model = hard();
    let (context, _) = load(&adapter, Precision::Df64, false);
    let gpu = with(&model, &adapter, context, Precision::Df64, false);
    let expected = toys_of(&model, &gpu).expect("fits");
    let long = |kernel: Kernel, arithmetic: Arithmetic| match kernel {
        Kernel::Fit => when("header.budget > 2u", kernel, arithmetic),
        _ => source(kernel, arithmetic),
    };
    let gpu = with(&model, &adapter, cut(&adapter, long), Precision::Df64, false);
    for _ in 0..2 {
        let found = toys_of(&model, &gpu).expect("fits");
        // to the bit, however many iterations a call makes
        assert_eq!(found.parameters, expected.parameters);
        assert_eq!((found.nll, found.on_host), (expected.nll.clone(), expected.on_host));
    }
}

#[test]
fn a_stage_that_the_driver_cuts_goes_to_the_processor() {
    let Some(adapter) = adapter() else { return };
    let model = hard();
    let own = |kernel: Kernel, arithmetic: Arithmetic| match kernel {
        Kernel::Fit => when("header.stage == 1u", kernel, arithmetic),
        _ => source(kernel, arithmetic),
    };
    let gpu = with(&model, &adapter, cut(&adapter, own), Precision::Df64, false);
    let found = toys_of(&model, &gpu).expect("fits");
    agree(&found, &toys_of(&model, gpu.host()).expect("fits"));
    assert!(found.on_host > 0 && found.on_host < N, "{} on the host", found.on_host);
}

#[test]
fn cut_kernels_are_errors() {
    let Some(adapter) = adapter() else { return };
    let always = |kernel: Kernel, arithmetic: Arithmetic| when("true", kernel, arithmetic);
    let gpu = on(&adapter, cut(&adapter, always), Precision::Df64, false);
    let error = toys(&gpu).expect_err("no fit is to be had");
    assert!(error.is_device() && error.to_string().contains("ended loops"), "{error}");
    let error = gpu.check().expect_err("nor an evaluation");
    assert!(error.to_string().contains("ended loops of the kernel `evaluate`"), "{error}");
    let gpu = on(&adapter, cut(&adapter, always), Precision::Df64, true);
    let found = toys(&gpu).expect("the processor takes over");
    agree(&found, &toys(gpu.host()).expect("fits"));
    assert!(found.failure.is_some_and(|f| f.contains("ended loops")));
}

/// Mesa's software rasterizer allows 65535 rounds; others must do what they are told.
#[test]
fn a_real_driver_that_cuts_loops_is_found_out() {
    let Some(adapter) = adapter() else { return };
    let bins = vec![5.0; 70_000];
    let signal = common::own::modifier("mu", "normfactor", serde_json::Value::Null);
    let sample = common::own::sample("signal", &bins, &[signal]);
    let document = serde_json::json!({
        "channels": [{ "name": "wide", "samples": [sample] }],
        "observations": [{ "name": "wide", "data": bins }],
        "measurements": [{ "name": "m", "config": { "poi": "mu", "parameters": [] } }],
        "version": "1.0.0",
    });
    let model = common::own::compile(&document, common::own::interpolations()[0]);
    let (context, _) = load(&adapter, Precision::Df64, false);
    let gpu = with(&model, &adapter, context, Precision::Df64, false);
    match gpu.check() {
        Err(error) => assert!(error.to_string().contains("ended loops"), "{error}"),
        Ok(()) => assert!(!adapter.info.name.contains("llvmpipe"), "loops were not cut"),
    }
}
