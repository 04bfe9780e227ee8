//! A likelihood, of bins or of single events, with the data that it is asked about.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use neyman::Error;
use neyman::accelerator::DeviceInfo;
use neyman::model::Data;
use neyman::session::{
    Ensemble, EnsemblePlan, ImpactOptions, Impacts, PendingTest, Session, ToyChunk, ToyPlan,
    ToyTest, UnbinnedSession,
};

/// A likelihood and the data that a statement is about.
pub(crate) enum Asking {
    /// Of bins.
    Binned(Arc<Session>, Data),
    /// Of single events, which are the model's own.
    Unbinned(Box<UnbinnedSession>),
}

/// Calls the method of that name; one of bins is given the data where the semicolon stands.
macro_rules! ask {
    ($asking:expr, $method:ident($($before:expr),*; $($after:expr),*)) => {
        match $asking {
            $crate::asking::Asking::Binned(session, data) => {
                session.$method($($before,)* data, $($after),*)
            }
            $crate::asking::Asking::Unbinned(session) => {
                session.$method($($before,)* $($after),*)
            }
        }
    };
}
pub(crate) use ask;

impl Asking {
    pub(crate) fn impacts(&self, options: &ImpactOptions) -> neyman::Result<Impacts> {
        match self {
            Self::Binned(session, data) => session.impacts(data, options),
            Self::Unbinned(session) => session.ranking(options),
        }
    }

    /// The fits to the data that a test by toys begins with.
    pub(crate) fn prepare_toy_test(&self, test: &ToyTest) -> neyman::Result<PendingTest> {
        match self {
            Self::Binned(session, data) => Ok(session.prepare_toy_test(test, data)?.into_pending()),
            Self::Unbinned(session) => session.prepare_toy_test(test),
        }
    }

    /// The same likelihood with these bounds of parameter `k`.
    pub(crate) fn with_bounds(self, k: usize, bounds: (f64, f64)) -> neyman::Result<Self> {
        let declared = match &self {
            Self::Binned(session, _) => session.model().parameters().get(k).map(|p| p.bounds),
            Self::Unbinned(session) => session.model().parameters().get(k).map(|p| p.bounds),
        };
        Ok(match self {
            _ if declared == Some(bounds) => self,
            Self::Binned(session, data) => {
                Self::Binned(Arc::new(session.with_bounds(k, bounds)?), data)
            }
            Self::Unbinned(session) => Self::Unbinned(Box::new(session.with_bounds(k, bounds)?)),
        })
    }

    pub(crate) fn ensemble(
        &self,
        plan: &EnsemblePlan,
        chunk: usize,
        stop: &AtomicBool,
        heard: &mut dyn FnMut(u64),
    ) -> neyman::Result<Ensemble> {
        match self {
            Self::Binned(session, _) => session.ensemble(plan, chunk, stop, heard),
            Self::Unbinned(session) => session.ensemble(plan, chunk, stop, heard),
        }
    }

    /// Throws and fits toys; what fits them, and what is to be said about them.
    pub(crate) fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> neyman::Result<()>,
    ) -> neyman::Result<(DeviceInfo, Vec<String>)> {
        match self {
            Self::Binned(session, _) => {
                let device = session.toy_device(plan)?;
                let warnings = session.toy_warnings(&plan.truth)?;
                session.toys(plan, chunk, stop, sink)?;
                Ok((device, warnings))
            }
            Self::Unbinned(session) => {
                session.toys(plan, chunk, stop, sink)?;
                Ok((session.device().clone(), Vec::new()))
            }
        }
    }

    /// The session and its data, for a statement that models of single events have not.
    pub(crate) fn binned(self, what: &str) -> neyman::Result<(Arc<Session>, Data)> {
        match self {
            Self::Binned(session, data) => Ok((session, data)),
            Self::Unbinned(_) => {
                Err(Error::Unsupported(format!("there is no {what} of models of single events")))
            }
        }
    }

    /// Numbers of parameters, and of bins and auxiliary data that toys may keep.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        match self {
            Self::Binned(session, _) => {
                let model = session.model();
                (model.n_parameters(), model.n_bins(), model.n_auxiliary())
            }
            Self::Unbinned(session) => (session.model().parameters().len(), 0, 0),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Binned(session, _) => {
                session.model().parameters().iter().map(|p| p.name.clone()).collect()
            }
            Self::Unbinned(session) => {
                session.model().parameters().iter().map(|p| p.name.clone()).collect()
            }
        }
    }
}
