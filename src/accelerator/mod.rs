//! Where batches of likelihoods are evaluated and minimized. No statistics.

pub mod batch;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod problem;
pub mod program;
pub mod stages;

use std::sync::Arc;

pub use batch::{Fit, FitBatch, FitJob, LaneBlock, LaneCurvature, LaneValues, Status, Tolerance};
pub use problem::{Curvature, Derivatives, Problem, Structure};
pub use program::Program;
pub use stages::{Damping, DeviceFits, End, InverseCurvature, Outcome, Stages, Tile};

use crate::Result;

/// A device with one likelihood loaded.
///
/// Physics-sized operations on a batch of lanes, where a lane is one dataset at one parameter point.
pub trait Accelerator: Send + Sync {
    /// What runs.
    fn info(&self) -> &DeviceInfo;

    /// The likelihood, as host-side mathematics.
    fn problem(&self) -> &dyn Problem;

    /// Lanes of one [`LaneBlock`].
    fn lanes(&self) -> usize;

    /// NLL and gradient in every lane. A lane's result depends on that lane alone.
    fn evaluate(&self, block: &LaneBlock<'_>, out: &mut LaneValues<'_>) -> Result<()>;

    /// Curvature in every lane, for fits that the shared one serves badly.
    fn curvature(&self, block: &LaneBlock<'_>, out: &mut LaneCurvature<'_>) -> Result<()>;

    /// The same likelihood on the processor, f64: for single fits and for what this device leaves.
    fn host(&self) -> &dyn Accelerator;

    /// The whole batch of fits on the device, where it has a minimizer of its own; `None` sends the
    /// batch to the lockstep minimizer on the [`host`](Self::host), which drives
    /// [`evaluate`](Self::evaluate).
    ///
    /// # Errors
    /// Where the device cannot take the job at all.
    fn minimize(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Option<Result<DeviceFits>> {
        let _ = (job, stages);
        None
    }
}

/// Which device to run on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The fastest one for the work.
    #[default]
    Auto,
    /// The processor, f64.
    Cpu,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// `cpu`.
    pub name: String,
    /// Arithmetic of the results: `f64`.
    pub precision: String,
    /// Instruction set, lanes and threads, as a person would say it.
    pub description: String,
    /// Why this device.
    pub reason: String,
}

/// Load a program on the chosen device.
pub fn open(choice: &DeviceChoice, program: Arc<Program>) -> Result<Box<dyn Accelerator>> {
    let reason = match choice {
        DeviceChoice::Auto => "the only device of this build",
        DeviceChoice::Cpu => "asked for",
    };
    Ok(Box::new(cpu::Cpu::new(program, reason)))
}
