//! The graphics processor that tests run on: the first real one of this machine, else a software
//! rasterizer (Mesa's lavapipe, Windows' WARP), else none. A context is opened once for each precision
//! and shared by all tests of a file, since drivers take seconds to compile a kernel.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use neyman::accelerator::gpu::{Context, Gpu, Precision};
use neyman::accelerator::{Accelerator, DeviceInfo, Program};

/// An adapter that can run this precision.
pub(crate) fn adapter(precision: Precision) -> Option<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.retain(|adapter| {
        precision != Precision::F64 || adapter.features().contains(wgpu::Features::SHADER_F64)
    });
    // the sort is stable: among equals, as the system lists them
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::Cpu => 3,
        _ => 2,
    });
    if adapters.is_empty() {
        eprintln!("skipped: no adapter for {}", precision.as_str());
        return None;
    }
    Some(adapters.remove(0))
}

/// The context of this precision, for the whole process.
pub(crate) fn context(precision: Precision) -> Option<Arc<Context>> {
    type Contexts = Vec<(Precision, Option<Arc<Context>>)>;
    static CONTEXTS: OnceLock<Mutex<Contexts>> = OnceLock::new();
    let mut all =
        CONTEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, context)) = all.iter().find(|(p, _)| *p == precision) {
        return context.clone();
    }
    let context = adapter(precision).map(|adapter| {
        let info = adapter.get_info();
        eprintln!("{} runs on {} ({})", precision.as_str(), info.name, info.backend);
        Context::open(&adapter, precision).unwrap_or_else(|e| panic!("{e}"))
    });
    all.push((precision, context.clone()));
    context
}

/// A program on this machine's graphics processor; no help from the host but for fits that the
/// device gives up.
pub(crate) fn open(precision: Precision, program: Arc<Program>) -> Option<Box<dyn Accelerator>> {
    Some(load(context(precision)?, precision, program))
}

/// A program on a device that is open.
pub(crate) fn load(
    context: Arc<Context>,
    precision: Precision,
    program: Arc<Program>,
) -> Box<dyn Accelerator> {
    let info = DeviceInfo {
        name: "gpu".into(),
        precision: precision.as_str().into(),
        description: String::new(),
        reason: "under test".into(),
    };
    Box::new(Gpu::new(context, program, info, false).unwrap_or_else(|e| panic!("{e}")))
}
