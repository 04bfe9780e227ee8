//! Flows that somebody else works out: columns that the host has are copied to the card; those of models that run on the
//! same card are made of their outputs, which do not leave it (`cuda/outside.cuh`).

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{CudaSlice, DevicePtr, PushKernelArg, result};

use super::driver::{BLOCK, BLOCKS, Context, blocks};
use crate::Result;
use crate::accelerator::flows::{CardModel, CardRows, FlowCall, FlowColumns, HeldFlow, Size};

/// A flow at the events of a channel.
pub(super) struct CudaColumns {
    flow: Arc<dyn FlowColumns>,
    n: u32,
    /// Models that run on this card: for values, for derivatives.
    models: Vec<Mutex<Resident>>,
    /// There are derivatives.
    has_gradient: bool,
}

/// A model with what it reads and writes.
struct Resident {
    /// Given up before the memory is that it is bound to.
    model: Box<dyn CardModel>,
    rows: CardRows,
    n: u32,
    inside: CudaSlice<u32>,
    inputs: Vec<CudaSlice<u8>>,
    outputs: [CudaSlice<u8>; 3],
    /// The gradient in another context.
    low: CudaSlice<u8>,
}

impl CudaColumns {
    pub(super) fn new(context: &Context, flow: &Arc<dyn FlowColumns>, n: u32) -> Result<Self> {
        let models = if n > 0 { flow.on_card(context.device.index)? } else { Vec::new() };
        let has_gradient = models.last().is_some_and(|model| model.rows().outputs[1] > 0);
        let resident = |model| Resident::new(context, model).map(Mutex::new);
        let models = models.into_iter().map(resident).collect::<Result<_>>()?;
        Ok(Self { flow: Arc::clone(flow), n, models, has_gradient })
    }

    /// What the card makes the columns with.
    fn model(&self, size: Size) -> Option<&Mutex<Resident>> {
        match size.directions {
            0 => self.models.first(),
            _ => self.models.last().filter(|_| self.has_gradient),
        }
    }

    fn size(&self, call: &FlowCall) -> Size {
        call.size(self.flow.directions())
    }

    /// Columns of the host, where the card does not make them.
    pub(super) fn given(&self, call: &FlowCall) -> Result<Option<Vec<f64>>> {
        let (size, at) = (self.size(call), call.plain_context());
        match self.model(size) {
            Some(_) => self.flow.check(&at).map(|()| None),
            None => self.flow.columns(&at, size).map(Some),
        }
    }

    /// Fills the columns of the events' data.
    pub(super) fn fill(
        &self,
        context: &Context,
        (call, given): (&FlowCall, Option<&[f64]>),
        data: &CudaSlice<f64>,
        held: &HeldFlow,
    ) -> Result<()> {
        if let Some(given) = given {
            let first = u64::from(held.column) * u64::from(self.n);
            let (data, _order) = data.device_ptr(&context.stream);
            // SAFETY: the columns have their room from there on (Held::new), which nobody else reads or writes while the
            // context is busy with this job, at whose end it waits.
            let copied = unsafe {
                result::memcpy_htod_async(data + 8 * first, given, context.stream.cu_stream())
            };
            return copied.map_err(|e| context.error("a flow's columns", e));
        }
        let size = self.size(call);
        match self.model(size) {
            Some(model) => {
                let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
                model.fill(context, (call, size), data, held)
            }
            None => Ok(()),
        }
    }
}

impl Resident {
    fn new(context: &Context, mut model: Box<dyn CardModel>) -> Result<Self> {
        let mut rows = model.rows().clone();
        let bytes = if rows.double { 8 } else { 4 };
        let room = |width: u32| {
            context.room::<u8>("a flow's outputs", bytes * width as usize * rows.all as usize)
        };
        let [a, b, c] = rows.outputs;
        let (outputs, low) = ([room(a)?, room(b)?, room(c)?], room(if c > 0 { 0 } else { b })?);
        let inside = context.table("a flow's events", &rows.inside)?;
        let mut inputs = Vec::with_capacity(rows.inputs.len());
        for input in &mut rows.inputs {
            // what is on the card is needed here no more
            let numbers = std::mem::take(&mut input.numbers).into_iter();
            let bytes: Vec<u8> = match rows.double {
                true => numbers.flat_map(f64::to_ne_bytes).collect(),
                false => numbers.flat_map(|x| (x as f32).to_ne_bytes()).collect(),
            };
            inputs.push(context.table("a flow's events", &bytes)?);
        }
        let n = std::mem::take(&mut rows.inside).len() as u32;
        // other streams read what this one copied
        context.wait()?;
        let place = |memory: &CudaSlice<u8>| memory.device_ptr(&context.stream).0;
        let places: Vec<u64> = inputs.iter().map(place).collect();
        // SAFETY: memory of the card of these sizes, which is given up after the model, in this struct's order.
        unsafe { model.bind(&places, outputs.each_ref().map(place)) }?;
        Ok(Self { model, rows, n, inside, inputs, outputs, low })
    }

    fn fill(
        &mut self,
        context: &Context,
        (call, size): (&FlowCall, Size),
        data: &CudaSlice<f64>,
        held: &HeldFlow,
    ) -> Result<()> {
        let started = |e| context.error("starting a kernel", e);
        let n = self.n;
        let own = size.second && self.rows.outputs[2] > 0;
        let words = self.words(n, size.directions, own, held.column);
        let words = context.table("a flow's call", &words)?;
        let mut at = call.plain_context();
        self.run(context, &at)?;
        let blocks_of_all = blocks(context.in_flight(n.div_ceil(BLOCK), BLOCKS));
        let [log_prob, slopes, curves] = &self.outputs;
        let mut launch = context.stream.launch_builder(&context.flow_outputs);
        launch.arg(&words).arg(&held.middle).arg(&self.inside);
        launch.arg(log_prob).arg(slopes).arg(curves).arg(data);
        // SAFETY: the kernel's arguments in its order (cuda/outside.cuh): a call whose places are within the rows of the
        // model's outputs, which it has waited for, and columns that the data have room for, which nobody else reads or
        // writes while the context is busy with this job.
        unsafe { launch.launch(blocks_of_all) }.map_err(started)?;
        if !size.second || own {
            return Ok(());
        }
        for (a, place) in self.rows.free.clone().into_iter().enumerate() {
            let place = place as usize;
            let [down, up] = self.model.step(at[place]);
            let middle = std::mem::replace(&mut at[place], down);
            self.run(context, &at)?;
            let copied = context.stream.memcpy_dtod(&self.outputs[1], &mut self.low);
            copied.map_err(|e| context.error("a flow's gradient", e))?;
            at[place] = up;
            self.run(context, &at)?;
            at[place] = middle;
            let (a, distance) = (a as u32, up - down);
            let mut launch = context.stream.launch_builder(&context.flow_change);
            launch
                .arg(&words)
                .arg(&a)
                .arg(&distance)
                .arg(&self.low)
                .arg(&self.outputs[1])
                .arg(data);
            // SAFETY: as above; both gradients are there.
            unsafe { launch.launch(blocks_of_all) }.map_err(started)?;
        }
        Ok(())
    }

    /// A call's words in the order of the kernels' constants `O_...`.
    fn words(&self, n: u32, directions: usize, second: bool, column: u32) -> Vec<u32> {
        let CardRows { double, context, batch, stride, free, .. } = &self.rows;
        let mut words = vec![
            n,
            *batch,
            *stride,
            u32::from(*double),
            *context as u32,
            directions as u32,
            u32::from(second && directions > 0),
            column,
        ];
        words.extend(free);
        words
    }

    /// The outputs in a context.
    fn run(&mut self, context: &Context, at: &[f64]) -> Result<()> {
        let table = context.table("a flow's context", at)?;
        let (double, rows) = (u32::from(self.rows.double), self.rows.all);
        for (input, memory) in self.rows.inputs.iter().zip(&mut self.inputs) {
            let (width, [first, count]) = (input.width, input.context);
            if count == 0 {
                continue;
            }
            let groups = (u64::from(rows) * u64::from(count)).div_ceil(u64::from(BLOCK));
            let grid = context.in_flight(u32::try_from(groups).unwrap_or(u32::MAX), BLOCKS);
            let mut launch = context.stream.launch_builder(&context.flow_context);
            launch.arg(&double).arg(&rows).arg(&width).arg(&first).arg(&count);
            launch.arg(&table).arg(memory);
            // SAFETY: the kernel's arguments in its order: columns within the rows of an input, which nobody reads now.
            unsafe { launch.launch(blocks(grid)) }
                .map_err(|e| context.error("starting a kernel", e))?;
        }
        // the model's kernels run in another order than ours: its inputs are there, its outputs were read
        context.wait()?;
        self.model.run()
    }
}
