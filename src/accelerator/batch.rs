//! Plain data that crosses the [`Accelerator`](super::Accelerator) trait.

/// How a fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// The estimated distance to the minimum is below the tolerance.
    Converged = 0,
    /// Every parameter is fixed: the result is the likelihood at the fixed values.
    NothingFree = 1,
    /// The evaluation limit was reached first.
    EvaluationLimit = 2,
    /// The likelihood is not finite at the start.
    NotFinite = 3,
    /// No step goes further down although the distance is above the tolerance.
    Stalled = 4,
}

impl Status {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Converged, Self::NothingFree, Self::EvaluationLimit, Self::NotFinite, Self::Stalled];

    /// Converged, or nothing to fit.
    pub fn is_converged(self) -> bool {
        matches!(self, Self::Converged | Self::NothingFree)
    }

    /// One word for tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::NothingFree => "nothing_free",
            Self::EvaluationLimit => "evaluation_limit",
            Self::NotFinite => "not_finite",
            Self::Stalled => "stalled",
        }
    }
}

/// When a fit stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Stop below this estimated vertical distance to the minimum of the NLL.
    pub edm: f64,
    /// Give up after this many evaluations of one fit.
    pub evaluations: u32,
}

impl Tolerance {
    /// For comparisons to the last digit.
    pub const PARITY: Self = Self { edm: 1e-10, evaluations: 5000 };
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { edm: 1e-8, evaluations: 5000 }
    }
}

/// A batch of fits: many datasets, the same free parameters.
#[derive(Debug, Clone, Copy)]
pub struct FitJob<'a> {
    /// Counts per bin, `[n_fits, n_main]`.
    pub main: &'a [f64],
    /// Auxiliary data, `[n_fits, n_auxiliary]`.
    pub auxiliary: &'a [f64],
    /// Number of fits.
    pub n_fits: usize,
    /// Where the fits start, and the values of fixed parameters: `[n_parameters]` for all, or
    /// `[n_fits, n_parameters]`.
    pub start: &'a [f64],
    /// Held constant, `[n_parameters]`.
    pub fixed: &'a [bool],
    /// When to stop.
    pub tolerance: Tolerance,
}

impl FitJob<'_> {
    /// Start of fit `i`, `[n_parameters]`.
    pub fn start_of(&self, i: usize) -> &[f64] {
        let n = self.fixed.len();
        if self.start.len() == n { self.start } else { &self.start[i * n..(i + 1) * n] }
    }

    /// Counts per bin of fit `i`, `[n_main]`.
    pub fn main_of(&self, i: usize) -> &[f64] {
        let n = self.main.len() / self.n_fits.max(1);
        &self.main[i * n..(i + 1) * n]
    }

    /// Auxiliary data of fit `i`, `[n_auxiliary]`.
    pub fn auxiliary_of(&self, i: usize) -> &[f64] {
        let n = self.auxiliary.len() / self.n_fits.max(1);
        &self.auxiliary[i * n..(i + 1) * n]
    }
}

/// Results of a batch of fits, one entry per fit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FitBatch {
    /// Number of parameters.
    pub n_parameters: usize,
    /// Best-fit values, `[n_fits, n_parameters]`.
    pub parameters: Vec<f64>,
    /// NLL at the minimum with all constants, `[n_fits]`.
    pub nll: Vec<f64>,
    /// Estimated vertical distance to the minimum, `[n_fits]`.
    pub edm: Vec<f64>,
    /// Evaluations used, `[n_fits]`.
    pub evaluations: Vec<u32>,
    /// How each fit ended, `[n_fits]`.
    pub status: Vec<Status>,
    /// First bin with a negative expected rate at the minimum, or -1, `[n_fits]`.
    pub negative_bin: Vec<i32>,
    /// Fits of a device that the processor finished, in f64.
    pub on_host: usize,
    /// What failed on the device, and who took over, where something did.
    pub failure: Option<String>,
}

impl FitBatch {
    /// Number of fits.
    pub fn len(&self) -> usize {
        self.nll.len()
    }

    /// No fits.
    pub fn is_empty(&self) -> bool {
        self.nll.is_empty()
    }

    /// Best-fit values of fit `i`, `[n_parameters]`.
    pub fn parameters_of(&self, i: usize) -> &[f64] {
        &self.parameters[i * self.n_parameters..(i + 1) * self.n_parameters]
    }

    /// A batch with room for `n` fits.
    pub(crate) fn with_capacity(n: usize, n_parameters: usize) -> Self {
        Self {
            n_parameters,
            parameters: Vec::with_capacity(n * n_parameters),
            nll: Vec::with_capacity(n),
            edm: Vec::with_capacity(n),
            evaluations: Vec::with_capacity(n),
            status: Vec::with_capacity(n),
            negative_bin: Vec::with_capacity(n),
            on_host: 0,
            failure: None,
        }
    }

    /// Append one fit.
    pub(crate) fn push(&mut self, fit: &Fit) {
        self.parameters.extend_from_slice(&fit.parameters);
        self.nll.push(fit.nll);
        self.edm.push(fit.edm);
        self.evaluations.push(fit.evaluations);
        self.status.push(fit.status);
        self.negative_bin.push(fit.negative_bin);
    }
}

/// The result of one fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Best-fit values, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// NLL at the minimum with all constants.
    pub nll: f64,
    /// Estimated vertical distance to the minimum.
    pub edm: f64,
    /// Evaluations used.
    pub evaluations: u32,
    /// How it ended.
    pub status: Status,
    /// First bin with a negative expected rate at the minimum, or -1.
    pub negative_bin: i32,
}

/// Points to evaluate, one per lane; element `k` of lane `l` stands at `k * lanes + l`.
#[derive(Debug, Clone, Copy)]
pub struct LaneBlock<'a> {
    /// Parameters, `[n_parameters, lanes]`.
    pub parameters: &'a [f64],
    /// Counts per bin, `[n_main, lanes]`.
    pub main: &'a [f64],
    /// Auxiliary data, `[n_auxiliary, lanes]`.
    pub auxiliary: &'a [f64],
}

/// Curvature in every lane of a [`LaneBlock`]; the caller owns the memory.
#[derive(Debug)]
pub struct LaneCurvature<'a> {
    /// d rate / d parameter of the [wide](super::problem::Structure) parameters,
    /// `[n_main, n_wide, lanes]`.
    pub wide: &'a mut [f64],
    /// d rate / d parameter of the narrow parameters in their bin, `[n_narrow, lanes]`.
    pub narrow: &'a mut [f64],
    /// Curvature of the constraint terms, 0 for unconstrained parameters, `[n_parameters, lanes]`.
    pub constraint: &'a mut [f64],
    /// 1 / rate of filled bins, 0 of empty ones, `[n_main, lanes]`.
    pub weight: &'a mut [f64],
}

/// What an evaluation of a [`LaneBlock`] gives; the caller owns the memory.
#[derive(Debug)]
pub struct LaneValues<'a> {
    /// NLL without the terms that depend on the data alone (see
    /// [`Problem::constant`](super::Problem::constant)), `[lanes]`; +inf where a filled bin expects
    /// no events.
    pub nll: &'a mut [f64],
    /// Gradient, `[n_parameters, lanes]`; at a kink, the derivative to the right.
    pub gradient: &'a mut [f64],
    /// Right minus left derivative at a kink, `[n_parameters, lanes]`; empty for smooth problems.
    pub jump: &'a mut [f64],
    /// First bin with a negative expected rate, or -1, `[lanes]`.
    pub negative_bin: &'a mut [f64],
}

/// Histograms of chosen cells, and where the answers go. Pointers are addresses in the device's memory, in
/// the context that all libraries of a process share; arrays are contiguous.
#[derive(Debug, Clone, Copy)]
pub struct YieldBatch<'a> {
    /// Number of histograms.
    pub n: usize,
    /// The cell of each yield, numbered through all samples of all channels as in
    /// [`Program::nominal`](super::Program::nominal); none twice.
    pub cells: &'a [u32],
    /// Yields before any modifier, `[n, cells]`. Variations of a shape stay the additions that they are.
    pub yields: u64,
    /// d NLL / d yield, `[n, cells]`.
    pub slopes: u64,
    /// NLL with all constants, `[n]`.
    pub nll: u64,
    /// The three arrays above are f32, not f64.
    pub single: bool,
    /// Parameters, `[n_parameters]` for all or `[n, n_parameters]`.
    pub parameters: &'a [f64],
    /// Counts per bin, `[n_main]` for all or `[n, n_main]`.
    pub main: &'a [f64],
    /// Auxiliary data, for all or `[n, n_auxiliary]` as `main`.
    pub auxiliary: &'a [f64],
    /// The caller's stream (`cudaStream_t`); 0 is the default one.
    pub stream: u64,
}
