//! A model in a file, run by as many threads as ask for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ort::session::Session;

use super::EpKind;
use super::batch::{Batch, Run, runner};
use super::interface::{Interface, Wanted};
use super::provider::{Committed, Refused, again, commit};
use crate::error::{Error, Result};

pub(super) struct Model {
    path: PathBuf,
    interface: Interface,
    kind: EpKind,
    passed_over: Vec<String>,
    /// Sessions that no thread uses: one runs one batch at a time. A device has one alone.
    idle: Mutex<Vec<Box<dyn Run>>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, interface, kind, .. } = self;
        f.debug_struct("Model")
            .field("path", path)
            .field("kind", kind)
            .field("interface", interface)
            .finish()
    }
}

impl Model {
    /// Opens a model and runs it once, on zeros: what it declares may not be what it does.
    pub(super) fn open(path: &Path, wanted: &Wanted<'_>) -> Result<Self, Refused> {
        let Committed { session, interface, kind, passed_over } = commit(path, wanted)?;
        let mut first = runner(session, &interface, kind != EpKind::Cpu);
        let zeros = vec![&[0.0][..]; wanted.columns];
        let context = vec![0.0; wanted.context];
        let batch = Batch { columns: &zeros, context: &context, events: 0..1 };
        let mut out = interface.outputs.iter().flatten().map(|_| Vec::new()).collect::<Vec<_>>();
        let tried = first.run(&batch, &mut out);
        tried.map_err(|error| Refused::Model(format!("it does not run: {error}")))?;
        let idle = Mutex::new(vec![first]);
        Ok(Self { path: path.to_owned(), interface, kind, passed_over, idle })
    }

    pub(super) fn interface(&self) -> &Interface {
        &self.interface
    }

    pub(super) fn kind(&self) -> EpKind {
        self.kind
    }

    /// Why providers before the one that runs it do not.
    pub(super) fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Whether it has that output of those wanted.
    pub(super) fn has(&self, output: usize) -> bool {
        self.interface.outputs.get(output).is_some_and(Option::is_some)
    }

    /// Runs a batch; `out` has a list for each output that there is.
    pub(super) fn run(&self, batch: &Batch<'_>, out: &mut [Vec<f64>]) -> Result<()> {
        if self.kind != EpKind::Cpu {
            // one batch after the other: nothing is won by two at a time
            let mut only = self.idle();
            return only[0].run(batch, out).map_err(|error| self.failed(&error.to_string()));
        }
        let idle = self.idle().pop();
        let mut run = match idle {
            Some(run) => run,
            None => runner(self.on_processor()?, &self.interface, false),
        };
        run.run(batch, out).map_err(|error| self.failed(&error.to_string()))?;
        self.idle().push(run);
        Ok(())
    }

    /// Which card runs it, by its number.
    pub(super) fn card(&self) -> Option<usize> {
        // what the providers are opened with
        (self.kind != EpKind::Cpu).then_some(0)
    }

    /// Another session, on the processor.
    pub(super) fn on_processor(&self) -> Result<Session> {
        again(&self.path).map_err(|refused| match refused {
            Refused::Model(why) => self.failed(&why),
            Refused::Other(error) => error,
        })
    }

    /// Does something with the only session that a card has.
    pub(super) fn with_session<T>(&self, work: impl FnOnce(&mut Session) -> T) -> T {
        work(self.idle()[0].session())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn Run>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, why: &str) -> Error {
        Error::Device {
            device: format!("onnxruntime ({})", self.kind.as_str()),
            message: format!("{}: {why}", self.path.display()),
        }
    }
}
