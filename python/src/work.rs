//! Long calls: the interpreter goes on, Ctrl-C ends them, and somebody may want to know how far they are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use neyman::Result;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::convert::{exception, raise};

/// How often signals and progress are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What a call at work may be told, and what it tells.
#[derive(Default)]
pub(crate) struct Control {
    /// To end early, after the chunk in work.
    pub(crate) stop: AtomicBool,
    /// Toys done.
    pub(crate) done: AtomicU64,
    /// Toys to be done, as far as that is known.
    pub(crate) total: AtomicU64,
}

impl Control {
    /// `n` toys more are done.
    pub(crate) fn add(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// There will be `n` in all.
    pub(crate) fn expect(&self, n: u64) {
        self.total.store(n, Ordering::Relaxed);
    }
}

/// The threads that calculate belong to the process that began with them: one that was forked later has none,
/// and would wait for them for ever.
fn check_fork() -> PyResult<()> {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    if *PROCESS.get_or_init(std::process::id) == std::process::id() {
        return Ok(());
    }
    let message = "this process was forked from one that had calculated already: start it by \"spawn\" or \
                   \"forkserver\" (multiprocessing.get_context), or fork before the first calculation";
    Err(exception("Error", message.into(), None))
}

/// A call that is over soon.
pub(crate) fn short<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    check_fork()?;
    py.detach(work).map_err(raise)
}

/// A call that may last: on a thread of its own, while this one looks for signals and calls
/// `progress(done, total)`. An exception ends it: `work` hears of that by its control, and is not waited for.
pub(crate) fn long<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Control) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    check_fork()?;
    let control = Arc::new(Control::default());
    let (sender, mut receiver) = channel();
    let theirs = Arc::clone(&control);
    let thread = std::thread::Builder::new().name("neyman".into()).spawn(move || {
        // nobody listens any more where the call was given up
        let _ = sender.send(work(&theirs));
    });
    thread.map_err(|e| exception("Error", format!("no thread could be started: {e}"), None))?;
    let mut told = 0;
    let mut tell = |last: bool| -> PyResult<()> {
        let (done, total) =
            (control.done.load(Ordering::Relaxed), control.total.load(Ordering::Relaxed));
        match progress {
            Some(progress) if total > 0 && (done != told || last) => {
                told = done;
                progress.call1((done, total.max(done))).map(drop)
            }
            _ => Ok(()),
        }
    };
    loop {
        let (back, received) = py.detach(move || {
            let received = receiver.recv_timeout(LOOK);
            (receiver, received)
        });
        receiver = back;
        match received {
            Ok(result) => {
                tell(true)?;
                return result.map_err(raise);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = py.check_signals().and_then(|()| tell(false)) {
                    control.stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let message = "internal error: the calculation broke off; please report this";
                return Err(exception("Error", message.into(), None));
            }
        }
    }
}

/// A process that was forked from one that had calculated has none of its threads: it gets its own.
pub(crate) fn calculate<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> neyman::Result<T> + Send,
) -> PyResult<T> {
    static FIRST: OnceLock<u32> = OnceLock::new();
    static OWN: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    if *FIRST.get_or_init(|| process) == process {
        return py.detach(work).map_err(raise);
    }
    let pool = {
        let mut own = OWN.lock().unwrap_or_else(|e| e.into_inner());
        match &*own {
            Some((of, pool)) if *of == process => Arc::clone(pool),
            _ => {
                let told =
                    |e| exception("Error", format!("no threads could be started: {e}"), None);
                let pool = Arc::new(ThreadPoolBuilder::new().build().map_err(told)?);
                // the parent's pool has no threads here to wait for
                std::mem::forget(own.replace((process, Arc::clone(&pool))));
                pool
            }
        }
    };
    py.detach(move || pool.install(work)).map_err(raise)
}
