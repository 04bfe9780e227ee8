//! The same likelihoods on devices.

use super::{Reduced, Toy, check_toys, refuse};
use crate::accelerator::mixture::{ColumnMut, MixtureDevice, MixtureInPlace, Number, Toys};
use crate::accelerator::{Backend, DeviceInfo, PrecisionChoice, cuda, open_gpu_mixture};
use crate::error::{Error, Result};

/// Arrays of a caller in the memory of an NVIDIA card; see [`MixtureSession::nll_device_ptr_f64`].
#[derive(Debug, Clone, Copy, Default)]
pub struct InPlace {
    /// Log-densities, `[processes, N]`: process p begins at `p * N`, where N is the number of events of all toys.
    pub log_p: u64,
    /// Weights of the N events, f64; 0 for none.
    pub weights: u64,
    /// Where the derivatives in the log-densities go, laid out and stored as they are; 0 if not wanted.
    pub log_p_gradient: u64,
    /// The caller's stream (`cudaStream_t`); 0 is the default one.
    pub stream: u64,
}

/// The likelihoods of the toys of a batch on a device, with the mathematics and the errors of
/// [`reduce_lse`](super::reduce_lse). The shape of the batch is fixed when it is opened: toy t has the events
/// `offsets[t]..offsets[t + 1]`; one data set of N events is `[0, N]`.
///
/// A toy's results are the same bits alone and in any company, loaded and in a caller's memory, and in every
/// run.
pub struct MixtureSession {
    device: Box<dyn MixtureDevice>,
}

impl MixtureSession {
    /// On an NVIDIA card, the first one without a number: f64, for log-densities in f64 and f32.
    ///
    /// # Errors
    /// [`Error::Argument`] where offsets do not rise from 0, or without processes; [`Error::Device`] where there
    /// is no such card, or no memory.
    pub fn cuda(card: Option<usize>, processes: usize, offsets: &[u32]) -> Result<Self> {
        Ok(Self::new(cuda::open_mixture(card, Toys::new(processes, offsets)?)?))
    }

    /// On a graphics processor through wgpu, in the precision asked for. f64 and df64 keep 1e-10 of the
    /// likelihood's terms; f32 is good to 5e-4 in the NLL up to 10^5 events and 5e-3 at 10^6, where log-densities
    /// are not few values many times over.
    ///
    /// # Errors
    /// [`Error::Argument`] where offsets do not rise from 0, or without processes; [`Error::Device`] where there
    /// is no such device, or not in this precision.
    pub fn gpu(
        backend: Option<Backend>,
        index: Option<usize>,
        precision: PrecisionChoice,
        processes: usize,
        offsets: &[u32],
    ) -> Result<Self> {
        let toys = Toys::new(processes, offsets)?;
        Ok(Self::new(open_gpu_mixture(backend, index, precision, toys)?))
    }

    /// On a device that is open.
    pub fn new(device: Box<dyn MixtureDevice>) -> Self {
        Self { device }
    }

    /// What runs.
    pub fn info(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Copies log-densities, process after process as in [`Mixture`](super::Mixture), and weights to the device.
    /// They stay there for any number of evaluations: where densities are fixed and yields move, only these
    /// travel.
    ///
    /// # Errors
    /// [`Error::Argument`] for lengths that do not fit the batch, [`Error::Device`] without memory for them.
    pub fn load<T: Number>(&mut self, log_p: &[T], weights: Option<&[f64]>) -> Result<()> {
        self.device.load(T::column(log_p), weights)
    }

    /// Likelihoods of what was loaded.
    ///
    /// # Errors
    /// As for [`reduce_lse`](super::reduce_lse), with process and event, of which the batch counts all; where
    /// nothing is loaded, or the device fails.
    pub fn nll(&self, toys: &[Toy<'_>]) -> Result<Vec<Reduced>> {
        self.reduce(toys, false, None)
    }

    /// The same with the gradient in yields and constrained parameters.
    ///
    /// # Errors
    /// As for [`MixtureSession::nll`].
    pub fn nll_grad(&self, toys: &[Toy<'_>]) -> Result<Vec<Reduced>> {
        self.reduce(toys, true, None)
    }

    /// The same with the derivatives in the log-densities, `-w_i r_pi`, laid out and stored as these were loaded.
    ///
    /// # Errors
    /// As for [`MixtureSession::nll`]; [`Error::Argument`] for room of another length or kind of number.
    pub fn nll_dlogp<T: Number>(&self, toys: &[Toy<'_>], out: &mut [T]) -> Result<Vec<Reduced>> {
        self.reduce(toys, true, Some(T::column_mut(out)))
    }

    /// Likelihoods of f64 log-densities that the caller has in the card's memory, with the gradient in yields and
    /// constrained parameters. Nothing of the arrays is copied: they are read, and the derivatives in the
    /// log-densities written, in the order of the caller's stream; yields and sums travel alone.
    ///
    /// # Errors
    /// As for [`MixtureSession::nll`]; [`Error::Argument`] for addresses that cannot be right,
    /// [`Error::Unsupported`] for a device other than CUDA.
    ///
    /// # Safety
    /// Arrays as long as the batch says and a stream, all of this session's card and alive until the call
    /// returns; nothing else may write to them in the meantime.
    pub unsafe fn nll_device_ptr_f64(
        &self,
        arrays: InPlace,
        toys: &[Toy<'_>],
    ) -> Result<Vec<Reduced>> {
        // SAFETY: the caller promises the same.
        unsafe { self.in_place(arrays, false, toys) }
    }

    /// The same for f32 log-densities: each is read as f64, all arithmetic and sums are f64, and the derivatives in
    /// the log-densities are f32.
    ///
    /// # Errors
    /// As for [`MixtureSession::nll_device_ptr_f64`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn nll_device_ptr_f32(
        &self,
        arrays: InPlace,
        toys: &[Toy<'_>],
    ) -> Result<Vec<Reduced>> {
        // SAFETY: the caller promises the same.
        unsafe { self.in_place(arrays, true, toys) }
    }

    unsafe fn in_place(
        &self,
        arrays: InPlace,
        single: bool,
        toys: &[Toy<'_>],
    ) -> Result<Vec<Reduced>> {
        let log_yields = self.log_yields(toys)?;
        let InPlace { log_p, weights, log_p_gradient: slopes, stream } = arrays;
        let arrays = MixtureInPlace { log_p, weights, slopes, single, stream };
        // SAFETY: the caller promises the same.
        let sums = unsafe { self.device.sums_in_place(&arrays, &log_yields, true) }?;
        Ok(toys.iter().zip(sums).map(|(toy, sums)| toy.finish(sums, true)).collect())
    }

    fn reduce(
        &self,
        toys: &[Toy<'_>],
        gradient: bool,
        slopes: Option<ColumnMut<'_>>,
    ) -> Result<Vec<Reduced>> {
        let log_yields = self.log_yields(toys)?;
        let sums = self.device.sums(&log_yields, gradient, slopes)?;
        Ok(toys.iter().zip(sums).map(|(toy, sums)| toy.finish(sums, gradient)).collect())
    }

    /// Logarithms of the yields, `[toys, processes]`.
    fn log_yields(&self, toys: &[Toy<'_>]) -> Result<Vec<f64>> {
        check_toys(self.device.toys(), toys)?;
        for (t, toy) in toys.iter().enumerate() {
            toy.check().or_else(|why| match why {
                Error::Argument(why) if toys.len() > 1 => refuse(format!("toy {t}, {why}")),
                other => Err(other),
            })?;
        }
        let all = toys.iter().flat_map(|toy| toy.yields);
        Ok(all.map(|nu| libm::log(*nu)).collect())
    }
}
