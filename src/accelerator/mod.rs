//! Where batches of likelihoods are evaluated and minimized. No statistics.

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
