//! Densities of flows, worked out by a graphics processor before the sums over events read them: `shaders/flows.wgsl`.

use std::sync::Arc;

use super::context::Context;
use super::shaders::Kernel;
use super::words::encode_real;
use crate::Result;
use crate::accelerator::flows::{FlowCall, FlowColumns, FlowEvents, FlowLayers, FlowProgram, part};

/// Invocations of a workgroup: W in `shaders/lanes.wgsl`.
const GROUP: u32 = 64;
/// Bytes of working memory at most: events beyond wait for the next call.
const WORKING_MEMORY: u64 = 64 << 20;
/// Rounds of loops of a call: about half of those after which a software rasterizer ends them (`shaders/rounds.wgsl`).
const ROUNDS: usize = 32_768;

/// A flow at the events of a channel.
pub(super) enum GpuFlow {
    Layers(Layers),
    /// Somebody else works it out.
    Columns(Arc<dyn FlowColumns>),
}

impl GpuFlow {
    /// Copies what there is of it to an open device.
    pub(super) fn new(context: &Context, flow: &FlowEvents, n: u32) -> Result<Self> {
        match flow {
            FlowEvents::Layers(flow) => Layers::new(context, flow, n).map(Self::Layers),
            FlowEvents::Columns(flow) => Ok(Self::Columns(Arc::clone(flow))),
        }
    }

    /// Columns that the device does not make. They take threads of the host, which must not wait for the device.
    pub(super) fn given(&self, call: &FlowCall) -> Result<Option<Vec<f64>>> {
        let Self::Columns(flow) = self else { return Ok(None) };
        flow.columns(&call.plain_context(), call.size(flow.directions())).map(Some)
    }

    /// Fills its columns of the events' data, from `column` on, with what is given or with what the device makes; `cut`
    /// becomes 1 where the driver ended loops early.
    pub(super) fn fill(
        &self,
        context: &Context,
        (call, given): (&FlowCall, Option<&[f64]>),
        data: &wgpu::Buffer,
        [column, n]: [u32; 2],
        cut: &wgpu::Buffer,
    ) -> Result<()> {
        if let Self::Layers(layers) = self {
            return layers.fill(context, call, data, column, cut);
        }
        let arithmetic = context.evaluation();
        let mut words = Vec::new();
        encode_real(arithmetic, given.into_iter().flatten().copied(), &mut words);
        let first = u64::from(column) * u64::from(n) * arithmetic.real_words();
        context.write(data, first, &words);
        Ok(())
    }
}

/// A flow of layers, with its inputs at the events of a channel.
pub(super) struct Layers {
    program: FlowProgram,
    n: u32,
    numbers: wgpu::Buffer,
    inputs: wgpu::Buffer,
}

impl Layers {
    fn new(context: &Context, flow: &FlowLayers, n: u32) -> Result<Self> {
        let table = |what: &str, values: &[f64]| {
            let mut words = Vec::new();
            encode_real(context.evaluation(), values.iter().copied(), &mut words);
            context.table(what, &words)
        };
        let numbers = table("a flow's weights", &flow.program.numbers)?;
        let inputs = table("a flow's events", &flow.inputs(n as usize))?;
        Ok(Self { program: flow.program.clone(), n, numbers, inputs })
    }

    fn fill(
        &self,
        context: &Context,
        call: &FlowCall,
        data: &wgpu::Buffer,
        column: u32,
        cut: &wgpu::Buffer,
    ) -> Result<()> {
        let arithmetic = context.evaluation();
        let pipeline = context.pipeline(Kernel::Flows)?;
        let size = call.size(self.program.directions());
        let mut words = Vec::new();
        encode_real(arithmetic, call.context.iter().copied(), &mut words);
        let numbers = context.table("a flow's call", &words)?;
        let slot = self.program.scratch(size) as u64 * arithmetic.real_words() * u64::from(GROUP);
        let room = (WORKING_MEMORY.min(context.binding()) / (4 * slot)).max(1);
        let limit = u64::from(context.limits.max_compute_workgroups_per_dimension).min(room);
        let groups = u64::from(self.n.div_ceil(GROUP)).min(limit) as u32;
        let storage = wgpu::BufferUsages::STORAGE;
        let scratch = context.buffer("working memory", slot * u64::from(groups), storage)?;
        let mut words = self.program.words(size, self.n, column);
        for begin in (0..self.n).step_by((groups * GROUP) as usize) {
            let count = (self.n - begin).min(groups * GROUP);
            for steps in self.program.calls(size, ROUNDS) {
                part(&mut words, [begin, count], steps, groups * GROUP);
                let table = context.table("a flow's call", &words)?;
                let buffers = [&table, &self.numbers, &numbers, &self.inputs, data, &scratch, cut];
                context.dispatch(pipeline, count.div_ceil(GROUP), &buffers)?;
            }
        }
        Ok(())
    }
}
