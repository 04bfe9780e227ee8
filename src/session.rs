//! A model on a device: every statement about it is one call here. The command line and Python add
//! nothing to what stands in this file.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::accelerator::{DeviceChoice, DeviceInfo};
use crate::fit::{FitBatch, Status, Tolerance};
use crate::model::{Data, Model};
use crate::{Error, Result};

/// A model on a device.
pub struct Session {
    model: Arc<Model>,
}

/// One point evaluated with all constants, in f64 on the host.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// -2 log likelihood.
    pub twice_nll: f64,
    /// Gradient of the NLL (not twice), `[n_parameters]`.
    pub gradient: Vec<f64>,
    /// Expected main data, `[n_bins]`.
    pub expected_main: Vec<f64>,
    /// Expected auxiliary data, `[n_auxiliary]`.
    pub expected_auxiliary: Vec<f64>,
}

/// What one fit may be told.
#[derive(Debug, Clone, Default)]
pub struct FitOptions {
    /// Parameters held at a value, by name, in addition to those the measurement fixes.
    pub fix: Vec<(String, f64)>,
    /// When to stop.
    pub tolerance: Tolerance,
}

/// One fit with its uncertainties.
#[derive(Debug, Clone)]
pub struct FitResult {
    /// How it ended.
    pub status: Status,
    /// Best-fit values, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// Square roots of the covariance's diagonal, `[n_parameters]`: 0 for fixed parameters and for
    /// those at a bound. Empty where the Hessian is not positive definite.
    pub uncertainties: Vec<f64>,
    /// Covariance from the inverse observed Hessian over the free parameters,
    /// `[n_parameters, n_parameters]`, rows of fixed or bound parameters 0. Empty as above.
    pub covariance: Vec<f64>,
    /// Why there are no uncertainties, where there are none.
    pub covariance_problem: Option<String>,
    /// Held constant, `[n_parameters]`.
    pub fixed: Vec<bool>,
    /// At the lower (-1) or upper (+1) bound, or free (0), `[n_parameters]`.
    pub at_bound: Vec<i8>,
    /// -2 log likelihood at the minimum, all constants in.
    pub twice_nll: f64,
    /// Estimated vertical distance to the minimum of the NLL.
    pub edm: f64,
    /// Evaluations used.
    pub evaluations: u32,
    /// Bins with a negative expected rate at the minimum.
    pub negative_bins: Vec<usize>,
}

/// Which toys to throw and how to fit them.
#[derive(Debug, Clone)]
pub struct ToyPlan {
    /// Toys are thrown from the model at this point, `[n_parameters]`.
    pub truth: Vec<f64>,
    /// Seed of the counter-based generator.
    pub seed: u64,
    /// Toy *i* is the same data whatever the range it is part of.
    pub range: Range<u64>,
    /// Fit each toy a second time with the parameter of interest held at its true value, which
    /// gives the test statistic t_mu (arXiv:1007.1727 eq. 8).
    pub conditional: bool,
    /// When a fit stops.
    pub tolerance: Tolerance,
}

/// Results of consecutive toys.
#[derive(Debug, Clone, Default)]
pub struct ToyChunk {
    /// Number of the first toy.
    pub first: u64,
    /// Free fits, one per toy.
    pub fits: FitBatch,
    /// Fits with the POI at its true value, where the plan asks for them.
    pub conditional: Option<FitBatch>,
}

impl Session {
    /// A session of `model` on the device asked for.
    pub fn new(model: Model, device: &DeviceChoice) -> Result<Self> {
        let _ = device;
        Ok(Self { model: Arc::new(model) })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What runs, and why it was chosen.
    pub fn device(&self) -> &DeviceInfo {
        todo!()
    }

    /// Likelihood, gradient and expected data at `parameters` for `data`.
    pub fn evaluate(&self, parameters: &[f64], data: &Data) -> Result<Evaluation> {
        let _ = (parameters, data);
        Err(Error::Unsupported("not yet".into()))
    }

    /// Maximum-likelihood fit to `data` with covariance.
    pub fn fit(&self, data: &Data, options: &FitOptions) -> Result<FitResult> {
        let _ = (data, options);
        Err(Error::Unsupported("not yet".into()))
    }

    /// Throw and fit toys in chunks of at most `chunk`; each finished chunk goes to `sink`, in order
    /// of toy number. Stops early, after the chunk in work, once `stop` is set. Returns the number
    /// of toys finished.
    pub fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64> {
        let _ = (plan, chunk, stop, sink);
        Err(Error::Unsupported("not yet".into()))
    }
}
