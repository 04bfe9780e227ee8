//! Graphics processors through wgpu (Vulkan, Metal, DX12): the kernels of `shaders/`, written once in
//! WGSL and compiled in three precisions.

pub mod adapters;
pub mod shaders;

use std::sync::Arc;

use adapters::Adapter;

use super::{Accelerator, PrecisionChoice, Program};
use crate::{Error, Result};

/// Arithmetic of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Double precision in hardware; Vulkan only.
    F64,
    /// Double-float: pairs of f32, some 48 bits. Fits keep gradients in f32, since rates, parameters
    /// and the NLL alone decide where a fit ends (see `docs/parity.md`).
    Df64,
    /// Single precision throughout: fast, and good to 1e-3 in the NLL.
    F32,
}

impl Precision {
    /// One word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::Df64 => "df64",
            Self::F32 => "f32",
        }
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F64 => Self::F64,
            Precision::Df64 => Self::Df64,
            Precision::F32 => Self::F32,
        }
    }
}

/// Load a program on a graphics processor.
pub(super) fn open(
    adapter: Adapter,
    precision: Precision,
    program: Arc<Program>,
    reason: &str,
    host_fallback: bool,
) -> Result<Box<dyn Accelerator>> {
    let _ = (program, reason, host_fallback);
    Err(Error::Device {
        device: adapter.info.device(),
        message: format!(
            "{} is there, but {} kernels are not built yet; use the device cpu",
            adapter.info.name,
            precision.as_str()
        ),
    })
}
