//! What a device with a minimizer of its own is told, and how it leaves each fit.

#[cfg(any(
    feature = "gpu",
    all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
))]
use crate::{Error, Result, accelerator::FitJob};

/// Columns that share their rows, four at a time.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Parameters with a non-zero entry.
    pub rows: Vec<u32>,
    /// Entries, `[rows]` of four columns.
    pub values: Vec<[f64; 4]>,
    /// +1 or -1: sign of each column's outer product.
    pub sign: [f64; 4],
}

/// `H^-1 = diag + sum_c sign_c z_c z_c'` over the free parameters: the preconditioner that all fits of
/// a job share.
#[derive(Debug, Clone)]
pub struct InverseCurvature {
    /// Diagonal part, 0 for fixed parameters, `[n_parameters]`.
    pub diagonal: Vec<f64>,
    /// The columns.
    pub tiles: Vec<Tile>,
}

/// Inverse curvatures of rising damping, made when first asked for.
pub trait Damping: Sync {
    /// The one at a level, 0 for none.
    fn at(&self, level: usize) -> &InverseCurvature;
}

/// The stages of the lockstep minimizer and their limits.
pub struct Stages<'a> {
    /// First stage: the curvature that all fits share.
    pub shared: &'a dyn Damping,
    /// Evaluations in the first stage.
    pub shared_patience: u32,
    /// Distance to the minimum at which a fit of the first stage has converged.
    pub shared_edm: f64,
    /// Evaluations in the second stage, where each fit has its own curvature; `None` without one.
    pub own_patience: Option<u32>,
    /// Distance to the minimum at which a fit of the second stage has converged.
    pub own_edm: f64,
}

/// How the lockstep left one fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where it ended, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// NLL without the terms of the data alone.
    pub nll: f64,
    /// Estimated vertical distance to the minimum.
    pub edm: f64,
    /// Evaluations used.
    pub evaluations: u32,
    /// First bin with a negative expected rate, or -1.
    pub negative_bin: i32,
    /// Whether it is done.
    pub end: End,
}

/// Whether a fit is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is.
    Converged,
    /// For a more patient minimizer, from `parameters`.
    Straggler,
    /// The likelihood is not finite at the start.
    NotFinite,
}

/// What a device's own minimizer made of a job.
#[derive(Debug, Clone, Default)]
pub struct DeviceFits {
    /// One entry per fit; `None` where the device failed first.
    pub outcomes: Vec<Option<Outcome>>,
    /// Stragglers have been through the second stage as well.
    pub own_stage: bool,
    /// What failed on the device, and who took over, where something did.
    pub failure: Option<String>,
}

impl DeviceFits {
    /// What `attempt` makes of a job, `check`ed; where the device failed and the processor may take over,
    /// what is there, and why the rest is missing.
    #[cfg(any(
        feature = "gpu",
        all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
    ))]
    pub(in crate::accelerator) fn of(
        job: &FitJob<'_>,
        stages: &Stages<'_>,
        host_fallback: bool,
        attempt: impl FnOnce(&mut Self) -> Result<()>,
        check: impl FnOnce(&[Option<Outcome>]) -> Result<()>,
    ) -> Result<Self> {
        let (outcomes, own_stage) = (vec![None; job.n_fits], stages.own_patience.is_some());
        let mut fits = Self { outcomes, own_stage, failure: None };
        let ended = attempt(&mut fits).and_then(|()| {
            // not one of them is believed then
            check(&fits.outcomes).inspect_err(|_| fits.outcomes.fill(None))
        });
        match ended {
            Err(Error::Device { device, message }) if host_fallback => {
                fits.own_stage = false;
                fits.failure = Some(format!("{device}: {message} (the processor took over)"));
                Ok(fits)
            }
            ended => ended.map(|()| fits),
        }
    }
}
