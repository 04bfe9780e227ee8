//! Graphics processors through wgpu (Vulkan, Metal, DX12): the kernels of `shaders/`, written once in
//! WGSL and compiled in three precisions.

pub mod adapters;
mod check;
mod context;
mod evaluate;
mod events;
mod flows;
mod minimize;
mod mixture;
pub mod selftest;
pub mod shaders;
mod tmd;
pub mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use adapters::Adapter;
pub use context::{Context, Fault, Source};
pub use events::GpuEvents;
pub use mixture::GpuMixture;
pub use tmd::GpuTmd;

use super::cpu::Cpu;
use super::events::{EventDevice, Events};
use super::layout::{Header, Tables};
use super::mixture::{MixtureDevice, Toys};
use super::tmd::{TmdDevice, TmdTables};
use super::{
    Accelerator, DeviceFits, DeviceInfo, FitJob, LaneBlock, LaneValues, PrecisionChoice, Problem,
    Program, Stages,
};
use crate::Result;

/// Arithmetic of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Double precision in hardware; Vulkan only.
    F64,
    /// Double-float: pairs of f32, some 48 bits. Fits keep gradients in f32, since rates, parameters
    /// and the NLL alone decide where a fit ends (see `docs/parity.md`).
    Df64,
    /// Single precision throughout: fast, and good to 1e-3 in the NLL.
    F32,
}

impl Precision {
    /// One word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::Df64 => "df64",
            Self::F32 => "f32",
        }
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F64 => Self::F64,
            Precision::Df64 => Self::Df64,
            Precision::F32 => Self::F32,
        }
    }
}

/// Load a program on a graphics processor, and see that it computes there as here.
///
/// # Errors
/// Where the driver refuses the device or its kernels, where the program does not fit its memory, and
/// where results differ from the processor's by more than the precision allows.
pub(super) fn open(
    adapter: Adapter,
    precision: Precision,
    program: Arc<Program>,
    reason: &str,
    host_fallback: bool,
) -> Result<Box<dyn Accelerator>> {
    let context = Context::shared(&adapter, precision)?;
    let info = adapter.info.device_info(precision, reason);
    let gpu = Gpu::new(context, program, info, host_fallback)?;
    gpu.check()?;
    Ok(Box::new(gpu))
}

/// Open a graphics processor for batches of mixtures.
///
/// # Errors
/// Where the driver refuses the device or its kernels, or does not compute as it is told to.
pub fn open_mixture(
    adapter: &Adapter,
    precision: Precision,
    reason: &str,
    toys: Toys,
) -> Result<Box<dyn MixtureDevice>> {
    let context = Context::shared(adapter, precision)?;
    let info = adapter.info.device_info(precision, reason);
    Ok(Box::new(GpuMixture::new(context, info, toys)?))
}

/// Open a graphics processor for plans of cross sections.
///
/// # Errors
/// Where the driver refuses the device or its kernels, does not compute as it is told to, or has no memory.
pub fn open_tmd(
    adapter: &Adapter,
    precision: Precision,
    reason: &str,
    tables: TmdTables,
) -> Result<Box<dyn TmdDevice>> {
    let context = Context::shared(adapter, precision)?;
    let info = adapter.info.device_info(precision, reason);
    Ok(Box::new(GpuTmd::new(context, info, tables)?))
}

/// Copy the events of a channel, of one data set or many, to a graphics processor.
///
/// # Errors
/// Where the driver refuses the device or its kernels, does not compute as it is told to, or has no memory for them.
pub fn open_events(
    adapter: &Adapter,
    precision: Precision,
    reason: &str,
    events: &[Events<'_>],
) -> Result<Arc<dyn EventDevice>> {
    let context = Context::shared(adapter, precision)?;
    let info = adapter.info.device_info(precision, reason);
    Ok(Arc::new(GpuEvents::new(context, info, events)?))
}

/// Points of one evaluation.
const LANES: usize = 64;

/// A graphics processor with a program loaded.
pub struct Gpu {
    context: Arc<Context>,
    program: Arc<Program>,
    host: Cpu,
    info: DeviceInfo,
    /// The model's part.
    header: Header,
    /// A header, written anew for each kernel call, and the model's indices.
    index: wgpu::Buffer,
    numbers: wgpu::Buffer,
    /// Iterations that one call of the fit kernel may make in each of the two stages, as far as is known.
    budgets: [AtomicU32; 2],
    /// What the device cannot finish is finished on the processor.
    host_fallback: bool,
}

impl Gpu {
    /// Load a program.
    ///
    /// # Errors
    /// Where it does not fit the device's memory or limits.
    pub fn new(
        context: Arc<Context>,
        program: Arc<Program>,
        info: DeviceInfo,
        host_fallback: bool,
    ) -> Result<Self> {
        let tables = Tables::new(&program);
        let mut words = Vec::new();
        words::encode_real(context.evaluation(), tables.numbers.iter().copied(), &mut words);
        let header: &[u32] = bytemuck::cast_slice(std::slice::from_ref(&tables.header));
        let index = context.table("the model's indices", &[header, &tables.index].concat())?;
        let numbers = context.table("the model's numbers", &words)?;
        let host = Cpu::new(Arc::clone(&program), "finishes what the device leaves");
        let header = tables.header;
        let budgets = [const { AtomicU32::new(minimize::MOST_BUDGET) }; 2];
        Ok(Self { context, program, host, info, header, index, numbers, budgets, host_fallback })
    }
}

impl Accelerator for Gpu {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn problem(&self) -> &dyn Problem {
        &*self.program
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn host(&self) -> &dyn Accelerator {
        &self.host
    }

    fn evaluate(&self, block: &LaneBlock<'_>, out: &mut LaneValues<'_>) -> Result<()> {
        self.evaluate_block(block, out)
    }

    fn minimize(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Option<Result<DeviceFits>> {
        Some(self.fit(job, stages))
    }
}
