//! The NVIDIA card that tests run on: the first of this machine, or the stand-in driver that interprets
//! the kernels and is a million times slower.

use std::process::Command;
use std::sync::Arc;

use neyman::accelerator::cuda::{self, CudaDevice};
use neyman::accelerator::{Accelerator, Program};

/// The first card; `None`, aloud, without.
pub(crate) fn card() -> Option<CudaDevice> {
    match cuda::list() {
        Ok(all) => all.into_iter().next(),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

/// Whether it is the stand-in.
pub(crate) fn is_stand_in(card: &CudaDevice) -> bool {
    card.name == "PTX stand-in"
}

/// Whether there is a card, and not something that plays one.
pub(crate) fn is_fast() -> bool {
    cuda::list().is_ok_and(|all| all.first().is_some_and(|card| !is_stand_in(card)))
}

/// Parameters of the largest model that is tried.
pub(crate) fn largest() -> usize {
    if is_fast() { usize::MAX } else { 40 }
}

/// A program on the first card, no help from the host but for fits that it gives up.
pub(crate) fn open(program: Arc<Program>) -> Option<Box<dyn Accelerator>> {
    card()?;
    Some(cuda::open(None, program, "under test", false).unwrap_or_else(|e| panic!("{e}")))
}

/// Runs an ignored test of this program in a process of its own, whose driver nothing else uses.
pub(crate) fn alone(test: &str, environment: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("NEYMAN_STANDIN_QUIET", "1")
        .envs(environment.iter().copied())
        .output()
        .expect("it runs again");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let told = text(&output.stdout);
    let passed = output.status.success() && told.contains("1 passed");
    assert!(passed, "{told}{}", text(&output.stderr));
}
