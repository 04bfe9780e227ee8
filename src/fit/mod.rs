//! Maximum likelihood: one fit, or thousands in lockstep. Knows nothing of HistFactory: it sees an
//! [`Accelerator`](crate::accelerator::Accelerator) that evaluates, and minimizes.

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
    /// No finite likelihood at the start, or none could be found near it.
    NotFinite = 3,
    /// The minimizer could not go further down although the distance is above the tolerance.
    Stalled = 4,
}

impl Status {
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

/// What the minimizer may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Stop below this estimated vertical distance to the minimum of the NLL.
    pub edm: f64,
    /// Give up after this many evaluations of one fit.
    pub evaluations: u32,
}

impl Tolerance {
    /// For comparisons to the last digit.
    pub const PARITY: Self = Self { edm: 1e-10, evaluations: 1000 };
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { edm: 1e-8, evaluations: 1000 }
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
}
