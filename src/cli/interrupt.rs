//! Ctrl-C: once to stop after the chunk in work, twice to leave at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Failure;
use super::{Exit, output};

/// A flag that the first Ctrl-C (or a batch system's SIGTERM) sets.
pub(crate) fn install() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::SeqCst) {
            // chunk files are renamed into place only when complete: nothing half-written stays
            std::process::exit(Exit::Interrupted as i32);
        }
        output::note("\ninterrupted: finishing the chunk in work (once more leaves at once)");
    };
    ctrlc::set_handler(handler)
        .map_err(|e| Failure::usage(format!("signals cannot be handled: {e}")))?;
    Ok(stop)
}
