//! Sums over events under densities that the card works out: `cuda/events.cuh`.

use std::fmt;
use std::sync::Arc;

use cudarc::driver::{CudaSlice, PushKernelArg};

use super::CudaDevice;
use super::driver::{Context, blocks};
use super::flows::CudaFlow;
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::accelerator::events::{EventDevice, EventPlan, EventTotals, Events, Frame, Held};

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
    first_share: CudaSlice<u32>,
    n_shares: u32,
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
    pub fn open(device: CudaDevice, reason: &str, events: &Events<'_>) -> Result<Self> {
        let info = device.device_info(reason);
        let context = Context::shared(device)?;
        let (held, data) = Held::new(events, Frame::PLAIN)?;
        let n_shares = held.n.div_ceil(SHARE);
        let data = context.table("events", &data)?;
        let first_share = context.table("shares of events", &[0, n_shares])?;
        let flow = |flow| CudaFlow::new(&context, flow, held.n);
        let flows = events.flows.iter().map(flow).collect::<Result<_>>()?;
        // what was copied from is given up
        context.wait()?;
        Ok(Self { context, info, held, data, first_share, n_shares, flows })
    }
}

impl EventDevice for CudaEvents {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn held(&self) -> &Held {
        &self.held
    }

    fn sums(&self, plan: &EventPlan) -> Result<EventTotals> {
        let context = &*self.context;
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        // other streams may have been in use since: this one's memory is asked for in its order
        context.context.bind_to_thread().map_err(|e| context.error("the card", e))?;
        let (moments, terms) = (plan.moments() as u32, 1 + plan.moments());
        let started = |e| context.error("starting a kernel", e);
        let numbers: Vec<f64> = plan.numbers.iter().map(|[near, _]| *near).collect();
        let mut partials =
            context.room::<f64>("working memory", 2 * terms * self.n_shares as usize)?;
        let mut counts = context.room::<u32>("working memory", 2 * self.n_shares as usize)?;
        let mut sums = context.room::<f64>("results", terms)?;
        let mut found = context.room::<u32>("results", 3)?;
        if self.n_shares > 0 {
            for call in &plan.flows {
                let column = self.held.flows[call.flow].column;
                self.flows[call.flow].fill(context, call, &self.data, column)?;
            }
            let slot = u64::from(plan.columns()) * u64::from(SHARE);
            let slots = context.slots(self.n_shares, 8 * slot)?;
            let words = context.table("a table", &plan.filled(&self.held, self.n_shares, 0))?;
            let numbers = context.table("a table", &numbers)?;
            let mut scratch =
                context.room::<f64>("working memory", slot as usize * slots as usize)?;
            let mut call = context.stream.launch_builder(&context.event_shares);
            call.arg(&words).arg(&numbers).arg(&self.data).arg(&mut scratch);
            call.arg(&mut partials).arg(&mut counts);
            // SAFETY: the kernel's arguments in its order (cuda/events.cuh): a table whose places are within
            // itself, the data and the working memory, and results as long as it says.
            unsafe { call.launch(blocks(slots)) }.map_err(started)?;
        }
        let [one, wanted] = [1_u32, 1];
        let mut call = context.stream.launch_builder(&context.reduce_toys);
        call.arg(&moments).arg(&one).arg(&self.n_shares).arg(&wanted).arg(&self.first_share);
        call.arg(&partials).arg(&counts).arg(&mut sums).arg(&mut found);
        // SAFETY: as above (cuda/reduce.cuh): one toy, whose shares are all.
        unsafe { call.launch(blocks(1)) }.map_err(started)?;
        let mut totals = context.read(&sums, 0, terms)?;
        let found = context.read(&found, 0, 3)?;
        Ok(EventTotals {
            moments: totals.split_off(1),
            log_likelihood: totals[0],
            zero_density: found[0] as usize,
            beyond: found[1] != NONE,
        })
    }
}
