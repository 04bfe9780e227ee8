//! Densities of flows, worked out by the card before the sums over events read them: `cuda/flow.cuh`.

use cudarc::driver::{CudaSlice, PushKernelArg};

use super::driver::{Context, blocks};
use crate::Result;
use crate::accelerator::flows::{FlowCall, FlowEvents, FlowProgram};

/// Threads of a block: W in `cuda/header.cuh`.
const BLOCK: u32 = 128;

/// A flow on a card, with its inputs at the events of a channel.
pub(super) struct CudaFlow {
    program: FlowProgram,
    n: u32,
    numbers: CudaSlice<f64>,
    inputs: CudaSlice<f64>,
}

impl CudaFlow {
    /// Copies it to a card.
    pub(super) fn new(context: &Context, flow: &FlowEvents, n: u32) -> Result<Self> {
        let numbers = context.table("a flow's weights", &flow.program.numbers)?;
        let inputs = context.table("a flow's events", &flow.inputs(n as usize).0)?;
        // what was copied from is given up
        context.wait()?;
        Ok(Self { program: flow.program.clone(), n, numbers, inputs })
    }

    /// Fills its columns of the events' data, from `column` on.
    pub(super) fn fill(
        &self,
        context: &Context,
        call: &FlowCall,
        data: &CudaSlice<f64>,
        column: u32,
    ) -> Result<()> {
        let size = call.size(&self.program);
        let words = context.table("a flow's call", &self.program.words(size, self.n, column))?;
        let numbers = context.table("a flow's call", &call.context)?;
        let slot = self.program.scratch(size) as u64 * u64::from(BLOCK);
        let slots = context.slots(self.n.div_ceil(BLOCK), 8 * slot)?;
        let mut scratch = context.room::<f64>("working memory", slot as usize * slots as usize)?;
        let mut launch = context.stream.launch_builder(&context.flow_columns);
        launch.arg(&words).arg(&self.numbers).arg(&numbers).arg(&self.inputs);
        launch.arg(data).arg(&mut scratch);
        // SAFETY: the kernel's arguments in its order (cuda/flow.cuh): a call whose places are within itself and the
        // program's numbers, inputs of all events, columns that the data have room for, which nobody else reads or
        // writes while the context is busy with this job, and working memory of as many threads as are launched.
        unsafe { launch.launch(blocks(slots)) }
            .map_err(|e| context.error("starting a kernel", e))?;
        Ok(())
    }
}
