//! Sums over events under densities that a graphics processor works out: `shaders/events.wgsl`.
//!
//! Of what f32 would round alike for each event, the host keeps what it can: the observable is stored around the
//! middle of its window with what f32 leaves of it, numbers of densities likewise, levels of processes are relative
//! to the largest one and on a grid ([`Frame`]). What all that leaves is worked out beside the logarithms, to first
//! order, and summed by itself.

use std::fmt;
use std::sync::Arc;

use super::context::Context;
use super::flows::GpuFlow;
use super::shaders::{Arithmetic, Kernel};
use super::words::{decode_real, encode_real};
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::accelerator::events::{EventCall, EventDevice, EventTotals, Events, Frame, Held};
use crate::accelerator::flows::FlowCall;

/// Most events of a share: SHARE in `shaders/lanes.wgsl`.
const SHARE: u32 = 256;
/// Bytes of working memory at most: events beyond wait for the next call.
const WORKING_MEMORY: u64 = 64 << 20;
/// Sums of a share before those of products: the logarithms, and what rounding of numbers takes from them.
const OWN: usize = 2;

/// A graphics processor that holds the events of a channel.
pub struct GpuEvents {
    context: Arc<Context>,
    info: DeviceInfo,
    held: Held,
    data: wgpu::Buffer,
    flows: Vec<GpuFlow>,
}

impl fmt::Debug for GpuEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuEvents").field("info", &self.info).finish_non_exhaustive()
    }
}

impl GpuEvents {
    /// Copies events to an open device.
    ///
    /// # Errors
    /// Where the device has no memory for them, and for 2^32 events and more.
    pub fn new(context: Arc<Context>, info: DeviceInfo, events: &[Events<'_>]) -> Result<Self> {
        let frame = match (context.evaluation(), events.first()) {
            (Arithmetic::F64, _) | (_, None) => Frame::PLAIN,
            (arithmetic, Some(set)) => Frame::of(set.window, arithmetic == Arithmetic::F32),
        };
        let (held, data) = Held::new(events, frame)?;
        let mut words = Vec::new();
        encode_real(context.evaluation(), data, &mut words);
        let data = context.table("events", &words)?;
        let given = events.first().map_or(&[][..], |set| &set.flows);
        let flow = |flow| GpuFlow::new(&context, flow, held.n);
        let flows = given.iter().map(flow).collect::<Result<_>>()?;
        Ok(Self { context, info, held, data, flows })
    }
}

impl EventDevice for GpuEvents {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn held(&self) -> &Held {
        &self.held
    }

    fn with(&self, events: &[Events<'_>]) -> Result<Arc<dyn EventDevice>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.context), self.info.clone(), events)?))
    }

    fn share(&self) -> u32 {
        SHARE
    }

    fn run(&self, call: &EventCall<'_>) -> Result<Vec<EventTotals>> {
        let terms = OWN + call.moments();
        let context = &*self.context;
        let arithmetic = context.evaluation();
        let real = arithmetic.real_words();
        let n_shares = call.shares();
        let given = |flow: &FlowCall| self.flows[flow.flow].given(flow);
        let given = call.flows().iter().map(given).collect::<Result<Vec<_>>>()?;
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let pipeline = context.pipeline(Kernel::Events)?;
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let slot = u64::from(call.columns()) * u64::from(SHARE) * real;
        let room = (WORKING_MEMORY.min(context.binding()) / (4 * slot)).max(1);
        let limit = u64::from(context.limits.max_compute_workgroups_per_dimension).min(room);
        let groups = u64::from(n_shares).min(limit) as u32;
        let mut numbers = Vec::new();
        encode_real(arithmetic, call.numbers().flatten(), &mut numbers);
        let numbers = context.table("a table", &numbers)?;
        let scratch = context.buffer("working memory", slot * u64::from(groups), storage)?;
        let n_partials = u64::from(n_shares) * terms as u64 * real;
        let partial = context.buffer("results", n_partials, storage)?;
        let n_counts = 2 * u64::from(n_shares) + 1;
        let counts = context.buffer("results", n_counts, storage)?;
        let cut = context.buffer("results", 1, storage)?;
        for (flow, given) in call.flows().iter().zip(&given) {
            let place = [self.held.flows[flow.flow].column, self.held.n];
            let asked = (flow, given.as_deref());
            self.flows[flow.flow].fill(context, asked, &self.data, place, &cut)?;
        }
        for first in (0..n_shares).step_by(groups as usize) {
            let some = first..n_shares.min(first.saturating_add(groups));
            let n = some.end - first;
            let words = context.table("a table", &call.words(some))?;
            let buffers = [&words, &numbers, &self.data, &scratch, &partial, &counts];
            context.dispatch(pipeline, n, &buffers)?;
        }
        let read =
            context.read(&[(&partial, 0, n_partials), (&counts, 0, n_counts), (&cut, 0, 1)])?;
        if read[2] != [0] {
            return Err(context.cut(Kernel::Flows));
        }
        let Some((0, found)) = read[1].split_last() else {
            return Err(context.cut(Kernel::Events));
        };
        let partials = decode_real(arithmetic, &read[0]);
        let totals = |shares: &[u32]| {
            let (from, to) = (shares[0] as usize, shares[1] as usize);
            let found = &found[2 * from..2 * to];
            let count =
                |k: usize| found.iter().skip(k).step_by(2).map(|n| *n as usize).sum::<usize>();
            let mut totals = vec![0.0; terms];
            for part in partials[from * terms..to * terms].chunks(512 * terms) {
                let mut sums = vec![0.0; terms];
                for share in part.chunks_exact(terms) {
                    sums.iter_mut().zip(share).for_each(|(sum, x)| *sum += x);
                }
                totals.iter_mut().zip(&sums).for_each(|(total, sum)| *total += sum);
            }
            EventTotals {
                moments: totals.split_off(OWN),
                log_likelihood: totals[0] + totals[1],
                zero_density: count(0),
                beyond: count(1) > 0,
            }
        };
        Ok(call.first().windows(2).map(totals).collect())
    }
}
