//! A model on a device: every statement about it is one call here. The command line and Python add
//! nothing to what stands in this module.

mod auto;
mod cache;
mod differentiable;
mod ensemble;
mod feldman_cousins;
mod fit;
mod gof;
mod gof_toys;
mod hypotest;
mod hypotheses;
mod impacts;
mod likelihood;
mod limit;
mod limit_toys;
mod list;
mod overlap;
mod patches;
mod pending_test;
mod place;
mod profile;
mod prune;
mod repair;
mod scan;
mod scan2d;
mod self_test;
mod toy_test;
mod toys;
mod unbinned;
mod yields;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

pub use differentiable::{
    ClsSlopes, DataSource, Differentiable, FitSlopes, LimitSlopes, NllSlopes, ProfiledFit,
    TestSlopes, YieldsInPlace,
};
pub use ensemble::{Ensemble, EnsemblePlan, stream};
pub use feldman_cousins::{IntervalOptions, IntervalToys, ToyInterval, ToyIntervalPoint};
pub use fit::{FitOptions, FitResult};
pub use gof::Gof;
pub use gof_toys::{GofToys, PendingGof, SaturatedToys, ToyGof};
pub use hypotest::{Discovery, HypoTest, TestOptions};
pub use impacts::{
    GlobalImpact, GlobalImpacts, Group, Impact, ImpactOptions, Impacts, Shift, matches_pattern,
};
pub use limit::{Limit, LimitOptions, LimitPoint};
pub use limit_toys::{LimitToys, ToyLimit};
pub use list::{DeviceTest, ListedDevice, list_devices};
pub use patches::limits_of_patches;
pub use pending_test::PendingTest;
pub use prune::{FitBrief, PruneOptions, Pruning};
pub use scan::{Interval, Minos, Scan, ScanOptions, ScanPoint};
pub use scan2d::{Contour, Scan2d};
pub use self_test::self_test;
pub use toy_test::{Hypothesis, PreparedTest, ToyDiscovery, ToyHypotest, ToyTest};
pub use toys::{ToyChunk, ToyData, ToyEvents, ToyPlan};
pub use unbinned::UnbinnedSession;
pub use yields::{ChannelYields, Prediction, SampleYields, Yields};

use crate::accelerator::{self, Accelerator, DeviceChoice, DeviceInfo, DeviceRequest, Program};
use crate::model::{Data, Model};
use crate::{Error, Result};

/// A model on a device.
pub struct Session {
    model: Arc<Model>,
    program: Arc<Program>,
    request: DeviceRequest,
    options: SessionOptions,
    /// The processor, for single fits.
    host: Box<dyn Accelerator>,
    /// The device asked for, where it is another one.
    device: Option<Box<dyn Accelerator>>,
    /// Where automatic choice sends large batches, once it had to choose.
    large: OnceLock<auto::Choice>,
    choosing: Mutex<()>,
    fixed: Vec<bool>,
}

/// What a session may be told beside its device.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Folder that keeps how fast devices were, so that automatic choice need not time them each
    /// time. A cache that cannot be read or written is no error. `None`: nothing is kept.
    pub cache: Option<PathBuf>,
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

impl Session {
    /// A session of `model` on the device asked for: a [`DeviceChoice`], or a [`DeviceRequest`],
    /// which also has a precision.
    ///
    /// # Errors
    /// Where that device cannot be used.
    pub fn new(model: Model, device: impl Into<DeviceRequest>) -> Result<Self> {
        Self::with_options(model, device, SessionOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// Where that device cannot be used.
    pub fn with_options(
        model: Model,
        device: impl Into<DeviceRequest>,
        options: SessionOptions,
    ) -> Result<Self> {
        let (request, model) = (device.into(), Arc::new(model));
        let program = Arc::new(Program::new(Arc::clone(&model)));
        let opened = accelerator::open(&request, Arc::clone(&program))?;
        let (host, device) = match request.device {
            DeviceChoice::Auto | DeviceChoice::Cpu => (opened, None),
            DeviceChoice::Gpu { .. }
            | DeviceChoice::Cuda { .. }
            | DeviceChoice::CudaSeveral { .. } => {
                let reason = "single fits always run on the processor";
                let host = accelerator::cpu::Cpu::new(Arc::clone(&program), reason);
                (Box::new(host) as Box<dyn Accelerator>, Some(opened))
            }
        };
        let fixed = model.fixed();
        Ok(Self {
            model,
            program,
            request,
            options,
            host,
            device,
            large: OnceLock::new(),
            choosing: Mutex::new(()),
            fixed,
        })
    }

    /// The same model and device with other bounds of parameter `index`: test statistics ask for their
    /// own. The device is opened anew.
    ///
    /// # Errors
    /// Where the bounds do not rise, or the device cannot be opened again.
    pub fn with_bounds(&self, index: usize, bounds: (f64, f64)) -> Result<Self> {
        let model = Model::clone(&self.model).with_bounds(index, bounds)?;
        Self::with_options(model, self.request, self.options.clone())
    }

    /// Index of the parameter of that name, or of the model's parameter of interest.
    ///
    /// # Errors
    /// Where there is none.
    pub fn poi(&self, name: Option<&str>) -> Result<usize> {
        match name {
            Some(name) => self.parameter(name),
            None => self.model.poi().ok_or_else(|| {
                Error::Unsupported(
                    "the measurement names no parameter of interest, and none was given".into(),
                )
            }),
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The device asked for; the processor where the choice is automatic. Toys may then run
    /// elsewhere: [`toy_device`](Self::toy_device).
    pub fn device(&self) -> &DeviceInfo {
        self.main_device().info()
    }

    /// The device of single fits: always the processor, which needs less time for one than other
    /// devices need to be told of it.
    pub fn fit_device(&self) -> &DeviceInfo {
        self.host.info()
    }

    fn main_device(&self) -> &dyn Accelerator {
        self.device.as_deref().unwrap_or(&*self.host)
    }

    /// Likelihood, gradient and expected data at `parameters` for `data`.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn evaluate(&self, parameters: &[f64], data: &Data) -> Result<Evaluation> {
        self.model.check_data(data)?;
        self.model.check_parameters(parameters)?;
        Ok(Evaluation {
            twice_nll: 2.0 * self.model.nll(parameters, data),
            gradient: self.model.gradient(parameters, data),
            expected_main: self.model.expected_main(parameters),
            expected_auxiliary: self.model.expected_auxiliary(parameters),
        })
    }

    /// NLL with all constants, `[n_points]`, and its gradient, `[n_points, n_parameters]`, at
    /// `points`, `[n_points, n_parameters]`, on the session's device.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn nll_and_gradient(&self, points: &[f64], data: &Data) -> Result<(Vec<f64>, Vec<f64>)> {
        self.model.check_data(data)?;
        crate::fit::evaluate(self.main_device(), points, &data.main, &data.auxiliary)
    }
}
