//! Sums over events under densities that the card works out: `cuda/events.cuh`.

use std::fmt;
use std::sync::Arc;

use cudarc::driver::{CudaSlice, PushKernelArg};

use super::CudaDevice;
use super::driver::{BLOCKS, Context, blocks};
use super::flows::CudaFlow;
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::accelerator::events::{EventCall, EventDevice, EventTotals, Events, Frame, Held};
use crate::accelerator::flows::FlowCall;

/// Most events of a share: EVENTS in `cuda/events.cuh`.
const SHARE: u32 = 512;
/// No fault: NONE in `cuda/header.cuh`.
const NONE: u32 = u32::MAX;

/// A card that holds the events of a channel.
pub struct CudaEvents {
    context: Arc<Context>,
    info: DeviceInfo,
    held: Held,
    data: CudaSlice<f64>,
    flows: Vec<CudaFlow>,
}

impl fmt::Debug for CudaEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaEvents").field("info", &self.info).finish_non_exhaustive()
    }
}

impl CudaEvents {
    /// Copies events to a card.
    ///
    /// # Errors
    /// Where the driver refuses the card or the kernels, where there is no memory, and for 2^32 events and more.
    pub fn open(device: CudaDevice, reason: &str, events: &[Events<'_>]) -> Result<Self> {
        let info = device.device_info(reason);
        Self::on(Context::shared(device)?, info, events)
    }

    fn on(context: Arc<Context>, info: DeviceInfo, events: &[Events<'_>]) -> Result<Self> {
        let (held, data) = Held::new(events, Frame::PLAIN)?;
        let data = context.table("events", &data)?;
        let given = events.first().map_or(&[][..], |set| &set.flows);
        let flow = |flow| CudaFlow::new(&context, flow, held.n);
        let flows = given.iter().map(flow).collect::<Result<_>>()?;
        // what was copied from is given up
        context.wait()?;
        Ok(Self { context, info, held, data, flows })
    }
}

impl EventDevice for CudaEvents {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn held(&self) -> &Held {
        &self.held
    }

    fn with(&self, events: &[Events<'_>]) -> Result<Arc<dyn EventDevice>> {
        let context = &self.context;
        // other streams may have been in use since: this one's memory is asked for in its order
        context.context.bind_to_thread().map_err(|e| context.error("the card", e))?;
        Ok(Arc::new(Self::on(Arc::clone(context), self.info.clone(), events)?))
    }

    fn share(&self) -> u32 {
        SHARE
    }

    fn run(&self, call: &EventCall<'_>) -> Result<Vec<EventTotals>> {
        let context = &*self.context;
        let given = |flow: &FlowCall| self.flows[flow.flow].given(flow);
        let given = call.flows().iter().map(given).collect::<Result<Vec<_>>>()?;
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        // as above
        context.context.bind_to_thread().map_err(|e| context.error("the card", e))?;
        let (moments, terms) = (call.moments() as u32, 1 + call.moments());
        let (n, n_shares) = (call.n(), call.shares());
        let started = |e| context.error("starting a kernel", e);
        let numbers: Vec<f64> = call.numbers().map(|[near, _]| near).collect();
        let mut partials = context.room::<f64>("working memory", 2 * terms * n_shares as usize)?;
        let mut counts = context.room::<u32>("working memory", 2 * n_shares as usize)?;
        let mut sums = context.room::<f64>("results", terms * n)?;
        let mut found = context.room::<u32>("results", 3 * n)?;
        for (flow, given) in call.flows().iter().zip(&given) {
            let held = &self.held.flows[flow.flow];
            let asked = (flow, given.as_deref());
            self.flows[flow.flow].fill(context, asked, &self.data, held)?;
        }
        let slot = u64::from(call.columns()) * u64::from(SHARE);
        let slots = context.slots(n_shares, 8 * slot, BLOCKS)?;
        let words = context.table("a table", &call.words(0..n_shares))?;
        let numbers = context.table("a table", &numbers)?;
        let first_share = context.table("a table", call.first())?;
        let mut scratch = context.room::<f64>("working memory", slot as usize * slots as usize)?;
        let mut kernel = context.stream.launch_builder(&context.event_shares);
        kernel.arg(&words).arg(&numbers).arg(&self.data).arg(&mut scratch);
        kernel.arg(&mut partials).arg(&mut counts);
        // SAFETY: the kernel's arguments in its order (cuda/events.cuh): a table whose places are within
        // itself, shares within the data, the working memory, and results as long as it says.
        unsafe { kernel.launch(blocks(slots)) }.map_err(started)?;
        let [n_points, wanted] = [n as u32, 1];
        let mut kernel = context.stream.launch_builder(&context.reduce_toys);
        kernel.arg(&moments).arg(&n_points).arg(&n_shares).arg(&wanted).arg(&first_share);
        kernel.arg(&partials).arg(&counts).arg(&mut sums).arg(&mut found);
        // SAFETY: as above (cuda/reduce.cuh): each point is a toy with its shares.
        unsafe { kernel.launch(blocks(n_points)) }.map_err(started)?;
        let sums = context.read(&sums, 0, terms * n)?;
        let found = context.read(&found, 0, 3 * n)?;
        let totals = |(sums, found): (&[f64], &[u32])| EventTotals {
            log_likelihood: sums[0],
            zero_density: found[0] as usize,
            beyond: found[1] != NONE,
            moments: sums[1..].to_vec(),
        };
        Ok(sums.chunks_exact(terms).zip(found.chunks_exact(3)).map(totals).collect())
    }
}
