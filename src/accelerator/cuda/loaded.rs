//! A card with a program loaded.

use std::sync::Arc;

use cudarc::driver::{CudaSlice, DeviceRepr};

use super::CudaDevice;
use super::driver::Context;
use crate::Result;
use crate::accelerator::check::Comparison;
use crate::accelerator::cpu::Cpu;
use crate::accelerator::layout::{Header, Tables};
use crate::accelerator::{
    Accelerator, DeviceFits, DeviceInfo, FitJob, LaneBlock, LaneValues, Problem, Program, Stages,
    YieldBatch,
};

/// Points of one evaluation.
pub(super) const LANES: usize = 64;

// SAFETY: 32-bit words in the order of the kernels' struct, which a test compares.
unsafe impl DeviceRepr for Header {}

/// An NVIDIA processor with a program loaded.
pub struct Cuda {
    pub(super) context: Arc<Context>,
    pub(super) program: Arc<Program>,
    host: Cpu,
    info: DeviceInfo,
    /// The model's part.
    pub(super) header: Header,
    pub(super) index: CudaSlice<u32>,
    pub(super) numbers: CudaSlice<f64>,
    /// What the device cannot finish is finished on the processor.
    pub(super) host_fallback: bool,
}

impl Cuda {
    /// Load a program on a card, and see that it computes there as here.
    ///
    /// # Errors
    /// Where the driver refuses the card or the kernels, where the program does not fit its memory, and
    /// where results differ from the processor's by more than rounding.
    pub fn open(
        device: CudaDevice,
        program: Arc<Program>,
        reason: &str,
        host_fallback: bool,
    ) -> Result<Self> {
        let info = device.device_info(reason);
        let context = Context::shared(device)?;
        let tables = Tables::new(&program);
        let index = context.table("the model's indices", &tables.index)?;
        let numbers = context.table("the model's numbers", &tables.numbers)?;
        // callers' streams know nothing of this one
        context.wait()?;
        let host = Cpu::new(Arc::clone(&program), "finishes what the device leaves");
        let header = tables.header;
        let cuda = Self { context, program, host, info, header, index, numbers, host_fallback };
        cuda.comparison().points()?;
        Ok(cuda)
    }

    /// With the processor.
    pub(super) fn comparison(&self) -> Comparison<'_> {
        Comparison {
            device: self,
            model: self.program.model(),
            name: &self.info.name,
            allowed: 1e-12,
            advice: "its driver does not keep this arithmetic: choose the device cpu",
        }
    }
}

impl Accelerator for Cuda {
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

    unsafe fn signal_gradient(&self, batch: &YieldBatch<'_>) -> Result<()> {
        // SAFETY: the caller promises the same.
        unsafe { self.slopes_in_place(batch) }
    }
}
