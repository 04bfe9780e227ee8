//! Densities of flows, worked out by the card before the sums over events read them: `cuda/flow.cuh`.

use cudarc::driver::{CudaSlice, PushKernelArg};

use super::columns::CudaColumns;
use super::driver::{BLOCK, BLOCKS, Context, blocks};
use crate::Result;
use crate::accelerator::flows::{FlowCall, FlowEvents, FlowLayers, FlowProgram, HeldFlow};

/// A flow at the events of a channel.
pub(super) enum CudaFlow {
    Layers(Layers),
    /// Somebody else works it out.
    Columns(CudaColumns),
}

impl CudaFlow {
    /// Copies what there is of it to a card.
    pub(super) fn new(context: &Context, flow: &FlowEvents, n: u32) -> Result<Self> {
        match flow {
            FlowEvents::Layers(flow) => Layers::new(context, flow, n).map(Self::Layers),
            FlowEvents::Columns(flow) => CudaColumns::new(context, flow, n).map(Self::Columns),
        }
    }

    /// Columns that are not made on the card. They take threads of the host, which must not wait for the card.
    pub(super) fn given(&self, call: &FlowCall) -> Result<Option<Vec<f64>>> {
        match self {
            Self::Layers(_) => Ok(None),
            Self::Columns(columns) => columns.given(call),
        }
    }

    /// Fills its columns of the events' data, from `column` on, with what is given or with what the card makes.
    pub(super) fn fill(
        &self,
        context: &Context,
        (call, given): (&FlowCall, Option<&[f64]>),
        data: &CudaSlice<f64>,
        held: &HeldFlow,
    ) -> Result<()> {
        match self {
            Self::Layers(layers) => layers.fill(context, call, data, held.column),
            Self::Columns(columns) => columns.fill(context, (call, given), data, held),
        }
    }
}

/// A flow of layers on a card, with its inputs at the events of a channel.
pub(super) struct Layers {
    program: FlowProgram,
    n: u32,
    numbers: CudaSlice<f64>,
    inputs: CudaSlice<f64>,
}

impl Layers {
    fn new(context: &Context, flow: &FlowLayers, n: u32) -> Result<Self> {
        let numbers = context.table("a flow's weights", &flow.program.numbers)?;
        let inputs = context.table("a flow's events", &flow.inputs(n as usize))?;
        // what was copied from is given up
        context.wait()?;
        Ok(Self { program: flow.program.clone(), n, numbers, inputs })
    }

    fn fill(
        &self,
        context: &Context,
        call: &FlowCall,
        data: &CudaSlice<f64>,
        column: u32,
    ) -> Result<()> {
        let size = call.size(self.program.directions());
        let words = context.table("a flow's call", &self.program.words(size, self.n, column))?;
        let numbers = context.table("a flow's call", &call.context)?;
        let slot = self.program.scratch(size) as u64 * u64::from(BLOCK);
        let slots = context.slots(self.n.div_ceil(BLOCK), 8 * slot, BLOCKS)?;
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
