//! Where batches of likelihoods are evaluated and minimized. No statistics.

pub mod batch;
#[cfg(any(
    feature = "gpu",
    all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
))]
mod check;
pub mod choice;
pub mod cpu;
pub mod cuda;
pub mod events;
pub mod flows;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(any(
    feature = "gpu",
    all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
))]
mod layout;
pub mod mixture;
pub(crate) mod points;
pub mod problem;
pub mod program;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod several;
pub mod stages;
pub mod tmd;

use std::sync::Arc;

pub use batch::{
    Fit, FitBatch, FitJob, LaneBlock, LaneCurvature, LaneValues, Status, Tolerance, YieldBatch,
};
pub use choice::{Backend, Cards, DeviceChoice, DeviceRequest, PrecisionChoice};
pub use problem::{Curvature, Derivatives, Problem, Structure};
pub use program::Program;
pub use stages::{Damping, DeviceFits, End, InverseCurvature, Outcome, Stages, Tile};

use crate::{Error, Result};

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

    /// Curvature in every lane, for fits that the shared one serves badly. Devices with a minimizer of
    /// their own need not hand it out.
    ///
    /// # Errors
    /// Where the device keeps it to itself.
    fn curvature(&self, block: &LaneBlock<'_>, out: &mut LaneCurvature<'_>) -> Result<()> {
        let _ = (block, out);
        Err(Error::Unsupported(format!("the curvature stays on the device {}", self.info().name)))
    }

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

    /// Start to compute the NLL of histograms that lie in the device's memory, and its slopes, on the
    /// caller's stream. The answers are there for what is started on it afterwards; this call does not wait
    /// for them.
    ///
    /// # Errors
    /// Where lengths do not fit the program, where the driver refuses, and where callers cannot reach the
    /// device's memory.
    ///
    /// # Safety
    /// The pointers must be valid for arrays of the lengths and types named until the stream has done the
    /// work, and nothing may write to them meanwhile; the stream must belong to this device.
    unsafe fn signal_gradient(&self, batch: &YieldBatch<'_>) -> Result<()> {
        let _ = batch;
        let told = format!("yields in the memory of {}: it needs a CUDA device", self.info().name);
        Err(Error::Unsupported(told))
    }
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// `cpu`, `gpu:0`, `cuda:0`.
    pub name: String,
    /// Interface: `vulkan`, `metal`, `dx12`, `cuda`; `cpu` for the processor.
    pub backend: String,
    /// The driver and its version, in its own words; empty for the processor.
    pub driver: String,
    /// Arithmetic of the results: `f64`, `df64`, `f32`.
    pub precision: String,
    /// Instruction set, lanes and threads, or the name of the card, as a person would say it.
    pub description: String,
    /// Why this device.
    pub reason: String,
}

/// Load a program on the device asked for. [`DeviceChoice::Auto`] is the processor here: which
/// device is faster depends on the work, which a [`Session`](crate::session::Session) knows.
///
/// # Errors
/// Where that device or its precision cannot be used; the message says what can.
pub fn open(request: &DeviceRequest, program: Arc<Program>) -> Result<Box<dyn Accelerator>> {
    match request.device {
        DeviceChoice::Auto => {
            let reason = "auto: the processor is the fastest for single fits and small batches";
            Ok(Box::new(cpu::Cpu::new(program, reason)))
        }
        DeviceChoice::Cpu => {
            check_cpu(request)?;
            Ok(Box::new(cpu::Cpu::new(program, "asked for")))
        }
        DeviceChoice::Gpu { backend, index } => open_gpu(backend, index, request, program),
        DeviceChoice::Cuda { index } => {
            check_cuda(request)?;
            let reason = reason_for(index);
            cuda::open(index, program, reason, request.host_fallback)
        }
        DeviceChoice::CudaSeveral { cards } => {
            check_cuda(request)?;
            let reason = if cards.is_some() { "asked for" } else { "asked for, all there are" };
            cuda::open_several(cards, program, reason, request.host_fallback)
        }
    }
}

fn reason_for(index: Option<usize>) -> &'static str {
    if index.is_some() { "asked for" } else { "asked for, the first of its kind" }
}

fn check_cpu(request: &DeviceRequest) -> Result<()> {
    match request.precision {
        PrecisionChoice::Auto | PrecisionChoice::F64 => Ok(()),
        other => Err(Error::Device {
            device: "cpu".into(),
            message: format!(
                "it computes in f64, not in {other}; leave the precision to auto, or choose a \
                 graphics processor"
            ),
        }),
    }
}

fn check_cuda(request: &DeviceRequest) -> Result<()> {
    if !matches!(request.precision, PrecisionChoice::Auto | PrecisionChoice::F64) {
        return Err(Error::Device {
            device: request.device.to_string(),
            message: format!(
                "its kernels compute in f64, not in {}; leave the precision to auto, or choose the \
                 device gpu",
                request.precision
            ),
        });
    }
    Ok(())
}

#[cfg(feature = "gpu")]
fn open_gpu(
    backend: Option<Backend>,
    index: Option<usize>,
    request: &DeviceRequest,
    program: Arc<Program>,
) -> Result<Box<dyn Accelerator>> {
    let (adapter, reason) = gpu::adapters::find(backend, index)?;
    let precision = gpu::adapters::precision_for(request.precision, &adapter.info)?;
    gpu::open(adapter, precision, program, &reason, request.host_fallback)
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(
    _: Option<Backend>,
    _: Option<usize>,
    request: &DeviceRequest,
    _: Arc<Program>,
) -> Result<Box<dyn Accelerator>> {
    Err(no_gpu(request.device))
}

#[cfg(not(feature = "gpu"))]
fn no_gpu(device: DeviceChoice) -> Error {
    Error::Device {
        device: device.to_string(),
        message:
            "this build has no graphics processors (it lacks the feature gpu); use the device cpu"
                .into(),
    }
}

/// Open a graphics processor for batches of mixtures.
///
/// # Errors
/// Where there is no such device, or not in this precision.
#[cfg(feature = "gpu")]
pub fn open_gpu_mixture(
    backend: Option<Backend>,
    index: Option<usize>,
    precision: PrecisionChoice,
    toys: mixture::Toys,
) -> Result<Box<dyn mixture::MixtureDevice>> {
    let (adapter, reason) = gpu::adapters::find(backend, index)?;
    let precision = gpu::adapters::precision_for(precision, &adapter.info)?;
    gpu::open_mixture(&adapter, precision, &reason, toys)
}

/// Open a graphics processor for batches of mixtures.
///
/// # Errors
/// Always: this build has none.
#[cfg(not(feature = "gpu"))]
pub fn open_gpu_mixture(
    backend: Option<Backend>,
    index: Option<usize>,
    _: PrecisionChoice,
    _: mixture::Toys,
) -> Result<Box<dyn mixture::MixtureDevice>> {
    Err(no_gpu(DeviceChoice::Gpu { backend, index }))
}

/// Copies the events of a channel, of one data set or many, to the device asked for; `None` where that is the processor, as
/// [`DeviceChoice::Auto`] is here: a fit takes it less time than opening a device.
///
/// # Errors
/// Where that device or its precision cannot be used, and where it has no memory for the events.
pub fn open_events(
    request: &DeviceRequest,
    events: &[events::Events<'_>],
) -> Result<Option<Arc<dyn events::EventDevice>>> {
    match request.device {
        DeviceChoice::Auto => Ok(None),
        DeviceChoice::Cpu => check_cpu(request).map(|()| None),
        DeviceChoice::Gpu { backend, index } => {
            open_gpu_events(backend, index, request.precision, events).map(Some)
        }
        DeviceChoice::Cuda { index } => {
            check_cuda(request)?;
            cuda::open_events(index, reason_for(index), events).map(Some)
        }
        DeviceChoice::CudaSeveral { .. } => Err(Error::Device {
            device: request.device.to_string(),
            message: "single events lie on one card: name it, as in cuda:0".into(),
        }),
    }
}

/// The processor, where [`open_events`] opens nothing.
pub fn events_here(request: &DeviceRequest) -> DeviceInfo {
    let reason = match request.device {
        DeviceChoice::Auto => {
            "auto: an unbinned fit takes the processor less time than opening a device"
        }
        _ => "asked for",
    };
    cpu::describe(cpu::lanes(), reason)
}

#[cfg(feature = "gpu")]
fn open_gpu_events(
    backend: Option<Backend>,
    index: Option<usize>,
    precision: PrecisionChoice,
    events: &[events::Events<'_>],
) -> Result<Arc<dyn events::EventDevice>> {
    let (adapter, reason) = gpu::adapters::find(backend, index)?;
    let precision = gpu::adapters::precision_for(precision, &adapter.info)?;
    gpu::open_events(&adapter, precision, &reason, events)
}

#[cfg(not(feature = "gpu"))]
fn open_gpu_events(
    backend: Option<Backend>,
    index: Option<usize>,
    _: PrecisionChoice,
    _: &[events::Events<'_>],
) -> Result<Arc<dyn events::EventDevice>> {
    Err(no_gpu(DeviceChoice::Gpu { backend, index }))
}

/// A graphics processor that may be faster than the processor at large batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What opens it.
    pub request: DeviceRequest,
    /// As a person would say it: `gpu:0 NVIDIA GeForce RTX 4090 df64`.
    pub title: String,
    /// What its speed depends on: card, interface, driver, precision.
    pub key: String,
}

/// What automatic choice may take instead of the processor: hardware alone, each card once, and
/// only where it has the precision asked for.
///
/// An NVIDIA card comes through CUDA. Where its f64 is slow it comes as a graphics processor too, for
/// pairs of f32 may be faster there.
pub fn candidates(request: &DeviceRequest) -> Vec<Candidate> {
    let cards = cuda::candidates(request.precision);
    let mut all: Vec<Candidate> = cards
        .iter()
        .map(|card| {
            let device = DeviceChoice::Cuda { index: Some(card.index) };
            let precision = PrecisionChoice::F64;
            Candidate {
                request: DeviceRequest { device, precision, ..*request },
                title: format!("{device} {} f64", card.name),
                key: format!("{}, cuda, {}, f64", card.name, card.driver),
            }
        })
        .collect();
    all.extend(graphics_candidates(request, &cards));
    all
}

/// Graphics processors that are not among `cards`, as far as those have fast f64.
#[cfg(feature = "gpu")]
fn graphics_candidates(request: &DeviceRequest, cards: &[cuda::CudaDevice]) -> Vec<Candidate> {
    let adapters: Vec<_> = gpu::adapters::list().into_iter().map(|a| a.info).collect();
    let wanted = gpu::adapters::hardware(&adapters).into_iter().map(|i| &adapters[i]);
    wanted
        .filter(|adapter| !cards.iter().any(|c| c.fast_f64() && c.is_called(&adapter.name)))
        .filter_map(|adapter| {
            let precision = gpu::adapters::precision_for(request.precision, adapter).ok()?;
            let device = DeviceChoice::Gpu { backend: None, index: Some(adapter.index) };
            let (name, backend, word) =
                (&adapter.name, adapter.backend.as_str(), precision.as_str());
            Some(Candidate {
                request: DeviceRequest { device, precision: precision.into(), ..*request },
                title: format!("{device} {name} {word}"),
                key: format!("{name}, {backend}, {}, {word}", adapter.driver),
            })
        })
        .collect()
}

#[cfg(not(feature = "gpu"))]
fn graphics_candidates(_: &DeviceRequest, _: &[cuda::CudaDevice]) -> Vec<Candidate> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, ModelOptions};
    use crate::spec::{self, LoadOptions};

    fn error(device: &str, precision: PrecisionChoice) -> String {
        let text = br#"{"version": "1.0.0",
            "channels": [{"name": "c", "samples": [{"name": "s", "data": [5],
                "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]}]}],
            "observations": [{"name": "c", "data": [6]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}]}"#;
        let loaded = spec::load(text, &LoadOptions::default()).unwrap();
        let model = Model::new(&loaded.workspace, 0, &ModelOptions::default()).unwrap();
        let program = Arc::new(Program::new(Arc::new(model)));
        let device = device.parse().unwrap();
        let request = DeviceRequest { device, precision, ..DeviceRequest::default() };
        let Err(error) = open(&request, program) else { panic!("{device} opened") };
        assert!(error.is_device());
        error.to_string()
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        for precision in [PrecisionChoice::Df64, PrecisionChoice::F32] {
            let told = error("cpu", precision);
            assert!(told.starts_with("device cpu: it computes in f64, not in "), "{told}");
        }
        let told = error("cuda:999", PrecisionChoice::Auto);
        let expected = ["no CUDA, because ", "there is no such card; there is cuda:0"];
        let said = expected.iter().any(|e| told.starts_with(&format!("device cuda:999: {e}")));
        assert!(said, "{told}");
        for device in ["cuda", "cuda:0,1"] {
            let told = error(device, PrecisionChoice::F32);
            let expected = format!("device {device}: its kernels compute in f64, not in f32");
            assert!(told.starts_with(&expected), "{told}");
        }
        let told = error("cuda:0,63", PrecisionChoice::Auto);
        assert!(told.contains("no CUDA, because ") || told.contains("no such card"), "{told}");
        let told = error("gpu:999", PrecisionChoice::Auto);
        let expected =
            if cfg!(feature = "gpu") { "no graphics device of number 999" } else { "feature gpu" };
        assert!(told.contains(expected), "{told}");
    }
}
