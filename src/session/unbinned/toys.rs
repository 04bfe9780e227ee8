//! Toys of unbinned models, chunk by chunk, and what tests make of them.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ToyPlan, UnbinnedSession};
use crate::session::{ToyChunk, ToyEvents};
use crate::unbinned::toys::{FittedToys, Thrower};
use crate::{Error, Result};

impl From<FittedToys> for ToyChunk {
    fn from(toys: FittedToys) -> Self {
        let FittedToys { first, fits, conditional, uncertainties, events } = toys;
        let events = Some(ToyEvents { uncertainties, numbers: events });
        Self { first, fits, conditional, data: None, events }
    }
}

impl UnbinnedSession {
    /// Throws and fits toys in chunks of at most `chunk`; each finished chunk goes to `sink`, in order of toy number,
    /// with [`ToyChunk::events`]. Stops early, after the chunk in work, once `stop` is set. Returns the number of toys
    /// finished. Fits begin at the truth; they run where the model's events lie ([`fit_toys`](crate::unbinned::UnbinnedModel::fit_toys)).
    ///
    /// # Errors
    /// Where the plan does not fit the model or wants to keep the toys' data, where no toys can be thrown
    /// ([`Thrower::new`]), or what `sink` returns.
    pub fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64> {
        if plan.keep_data {
            let message = "events of toys are not kept; `Thrower::toy` throws them again";
            return Err(Error::Unsupported(message.into()));
        }
        let thrower = Thrower::new(&self.model, &plan.truth)?;
        let Range { start, end } = plan.range;
        let mut first = start;
        while first < end && !stop.load(Ordering::Relaxed) {
            let next = end.min(first.saturating_add(chunk.max(1) as u64));
            let toys = thrower.fit(first..next, plan.seed, &plan.hold, plan.tolerance)?;
            sink(toys.into())?;
            first = next;
        }
        Ok(first.saturating_sub(start))
    }
}
