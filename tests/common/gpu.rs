//! The graphics processor that tests run on: the first real one of this machine, else a software
//! rasterizer (Mesa's lavapipe, Windows' WARP), else none. A context is opened once for each precision
//! and shared by all tests of a file, since drivers take seconds to compile a kernel.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use neyman::accelerator::gpu::{Context, Gpu, Precision, adapters};
use neyman::accelerator::{Accelerator, DeviceInfo, Program};

/// An adapter that can run this precision.
pub(crate) fn adapter(precision: Precision) -> Option<adapters::Adapter> {
    // hardware stands first
    let found = adapters::list().into_iter().find(|a| a.info.precisions().contains(&precision));
    if found.is_none() {
        eprintln!("skipped: no adapter for {}", precision.as_str());
    }
    found
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
        let info = &adapter.info;
        eprintln!("{} runs on {} ({})", precision.as_str(), info.name, info.backend.title());
        Context::open(&adapter.handle, precision).unwrap_or_else(|e| panic!("{e}"))
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
        backend: String::new(),
        driver: String::new(),
        precision: precision.as_str().into(),
        description: String::new(),
        reason: "under test".into(),
    };
    Box::new(Gpu::new(context, program, info, false).unwrap_or_else(|e| panic!("{e}")))
}
