//! Yields that lie in the memory of a CUDA device.

use super::{DataSource, Differentiable};
use crate::accelerator::YieldBatch;
use crate::session::Session;
use crate::{Error, Result};

/// Histograms, and where the answers go: addresses in the memory of the session's device, in the context that
/// all libraries of a process share; arrays are contiguous.
#[derive(Debug, Clone, Copy)]
pub struct YieldsInPlace {
    /// Number of histograms.
    pub n: usize,
    /// `[n, cells]`.
    pub yields: u64,
    /// d NLL / d yield, `[n, cells]`.
    pub slopes: u64,
    /// NLL with all constants, `[n]`.
    pub nll: u64,
    /// All three are f32, not f64.
    pub single: bool,
    /// The caller's stream (`cudaStream_t`); 0 is the default one.
    pub stream: u64,
}

impl Session {
    /// [`Differentiable::nll`] of histograms in the memory of this session's device, started on the caller's
    /// stream: neither they nor the slopes are copied, and nothing is waited for. `parameters` are
    /// `[n_parameters]` for all or `[n, n_parameters]`.
    ///
    /// # Errors
    /// Where a length does not fit, the device is no CUDA device, or the data move with the yields.
    ///
    /// # Safety
    /// The pointers must be valid for arrays of the lengths and types named until the stream has done the
    /// work, and nothing may write to them meanwhile; the stream must belong to this device.
    pub unsafe fn nll_in_place(
        &self,
        of: &Differentiable,
        arrays: YieldsInPlace,
        parameters: &[f64],
        source: &DataSource,
    ) -> Result<()> {
        if !of.cells.are_nominal() {
            let message =
                "variations of shapes in a device's memory: they are read on the processor";
            return Err(Error::Unsupported(message.into()));
        }
        let data = match source {
            DataSource::Observed => of.model.observed(),
            DataSource::Given(data) => data,
            DataSource::Asimov { .. } => {
                let message =
                    "expected data for yields in a device's memory: they are made on the processor";
                return Err(Error::Unsupported(message.into()));
            }
        };
        self.model.check_data(data)?;
        let batch = YieldBatch {
            n: arrays.n,
            cells: &self.program.cell_indices(&of.cells),
            yields: arrays.yields,
            slopes: arrays.slopes,
            nll: arrays.nll,
            single: arrays.single,
            parameters,
            main: &data.main,
            auxiliary: &data.auxiliary,
            stream: arrays.stream,
        };
        // SAFETY: the caller promises the same.
        unsafe { self.main_device().signal_gradient(&batch) }
    }
}
