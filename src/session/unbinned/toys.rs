//! Toys of unbinned models, chunk by chunk, and what tests make of them.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{IntervalOptions, LimitOptions, ToyPlan, ToyTest, UnbinnedSession};
use super::{feldman_cousins, limit_toys, toy_test};
use crate::session::likelihood::Likelihood;
use crate::session::{
    Ensemble, EnsemblePlan, IntervalToys, LimitToys, PendingTest, ToyChunk, ToyEvents,
};
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

    /// The fits to the data that [`hypotest_toys`](Self::hypotest_toys) begins with, for toys that are thrown elsewhere:
    /// by [`ensemble`](Self::ensemble) of a session with [`PendingTest::bounds`].
    ///
    /// # Errors
    /// As [`Session::prepare_toy_test`](crate::session::Session::prepare_toy_test).
    pub fn prepare_toy_test(&self, test: &ToyTest) -> Result<PendingTest> {
        Ok(toy_test::one(self, test, &self.model)?.1)
    }

    /// The same of [`limit_toys`](Self::limit_toys), with its tests by rising value.
    ///
    /// # Errors
    /// As [`limit`](Self::limit) and [`prepare_toy_test`](Self::prepare_toy_test).
    pub fn prepare_limit_toys(
        &self,
        test: &ToyTest,
        options: &LimitOptions,
    ) -> Result<(LimitToys, Vec<PendingTest>)> {
        let (limit, _, pending) = limit_toys::prepare(self, test, options, &self.model)?;
        Ok((limit, pending))
    }

    /// The same of [`feldman_cousins`](Self::feldman_cousins), with its tests by rising value.
    ///
    /// # Errors
    /// As [`feldman_cousins`](Self::feldman_cousins).
    pub fn prepare_feldman_cousins(
        &self,
        test: &ToyTest,
        options: &IntervalOptions,
    ) -> Result<(IntervalToys, Vec<PendingTest>)> {
        let (interval, _, pending) = feldman_cousins::prepare(self, test, options, &self.model)?;
        Ok((interval, pending))
    }

    /// Throws the toys of `plan`, fits each freely, within this session's bounds, and with the parameter at its tested
    /// value, and keeps the test statistic. `progress` hears how many toys came to an end. Once `stop` is set it ends
    /// after the chunk in work.
    ///
    /// # Errors
    /// As [`toys`](Self::toys). Failing fits are none.
    pub fn ensemble(
        &self,
        plan: &EnsemblePlan,
        chunk: usize,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Ensemble> {
        if plan.poi >= self.fixed.len() {
            return Err(Error::Argument(format!("the model has no parameter {}", plan.poi)));
        }
        Likelihood::ensemble(self, plan, chunk, stop, progress)
    }

    /// The same session with other bounds of parameter `k`.
    ///
    /// # Errors
    /// Where there is no such parameter, or these are no bounds.
    pub fn with_bounds(&self, k: usize, bounds: (f64, f64)) -> Result<Self> {
        let model = self.model.with_bounds(k, bounds)?;
        Ok(Self { fixed: model.fixed(), model, ..self.clone() })
    }
}
