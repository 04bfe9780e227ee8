//! File formats, and nothing else: bytes in, a checked [`Workspace`] out. No mathematics.

mod check;
pub mod digest;
pub(crate) mod fields;
mod foreign;
pub mod json;
mod load;
mod measurement;
pub(crate) mod parameters;
pub mod patch;
pub mod patchset;
pub(crate) mod place;
mod pyhf;
pub(crate) mod text;
mod write;
#[cfg(feature = "yaml")]
pub(crate) mod yaml;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use load::{LoadOptions, Loaded, PatchSource, PatchedWorkspaces, load};
pub use measurement::check_measurement;
pub use pyhf::SCHEMA_VERSION;
pub use text::display_name;
pub use write::to_value;

use crate::Result;

/// Reads pyhf's workspace JSON (schema 1.0.0), complete and checked in all that does not depend on
/// the measurement chosen; that is [`check_measurement`]'s.
pub fn workspace(value: &Value) -> Result<(Workspace, Vec<Warning>)> {
    let mut warnings = Vec::new();
    let workspace = pyhf::extract(value, &mut warnings)?;
    check::check(&workspace, &mut warnings)?;
    Ok((workspace, warnings))
}

/// A HistFactory workspace: channels of samples with modifiers, the observations, the measurements.
///
/// Order is the file's; the model sorts. Indices into `channels`, `samples`, `modifiers` are those of
/// the JSON document, so that later stages can name a place by its JSON pointer.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// Regions of the analysis.
    pub channels: Vec<Channel>,
    /// Observed counts per channel.
    pub observations: Vec<Observation>,
    /// Ways to fit it.
    pub measurements: Vec<Measurement>,
}

/// One region: samples over the same bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Name, unique in the workspace.
    pub name: String,
    /// Physics processes.
    pub samples: Vec<Sample>,
}

/// One process in one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name, unique in the channel.
    pub name: String,
    /// Nominal expected counts, `[n_bins]`.
    pub data: Vec<f64>,
    /// What changes the nominal counts.
    pub modifiers: Vec<Modifier>,
}

/// A named modifier of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifier {
    /// The parameter (set) it depends on.
    pub name: String,
    /// Type and data.
    pub kind: ModifierKind,
}

/// The seven modifier types of pyhf's schema 1.0.0.
#[derive(Debug, Clone, PartialEq)]
pub enum ModifierKind {
    /// Unconstrained scale factor.
    NormFactor,
    /// Scale factor by interpolation between `lo`, 1 and `hi`, both > 0.
    NormSys {
        /// Factor at alpha = +1.
        hi: f64,
        /// Factor at alpha = -1.
        lo: f64,
    },
    /// Additive shape by interpolation, `[n_bins]` each.
    HistoSys {
        /// Counts at alpha = +1.
        hi_data: Vec<f64>,
        /// Counts at alpha = -1.
        lo_data: Vec<f64>,
    },
    /// Unconstrained factor per bin.
    ShapeFactor,
    /// Poisson-constrained factor per bin; absolute uncertainties `[n_bins]`, >= 0.
    ShapeSys(Vec<f64>),
    /// Gaussian-constrained factor per bin, shared by the samples of a channel; absolute
    /// uncertainties `[n_bins]`, >= 0.
    StatError(Vec<f64>),
    /// The luminosity factor; named `lumi`.
    Lumi,
}

impl ModifierKind {
    /// The type's name in pyhf's JSON.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::NormFactor => "normfactor",
            Self::NormSys { .. } => "normsys",
            Self::HistoSys { .. } => "histosys",
            Self::ShapeFactor => "shapefactor",
            Self::ShapeSys(_) => "shapesys",
            Self::StatError(_) => "staterror",
            Self::Lumi => "lumi",
        }
    }
}

impl Channel {
    /// Number of bins.
    pub fn n_bins(&self) -> usize {
        self.samples.first().map_or(0, |sample| sample.data.len())
    }
}

/// Observed counts of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The channel.
    pub name: String,
    /// Counts, `[n_bins]`, >= 0, not necessarily whole.
    pub data: Vec<f64>,
}

/// A measurement: parameter of interest and parameter configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Name, unique.
    pub name: String,
    /// Parameter of interest; `None` where the file has the empty string.
    pub poi: Option<String>,
    /// Overrides of the parameters' defaults.
    pub parameters: Vec<ParameterConfig>,
}

/// Configuration of one parameter set in a measurement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterConfig {
    /// The parameter (set).
    pub name: String,
    /// Initial values.
    pub inits: Option<Vec<f64>>,
    /// `(lower, upper)` per component.
    pub bounds: Option<Vec<(f64, f64)>>,
    /// Auxiliary data.
    pub auxdata: Option<Vec<f64>>,
    /// Multipliers of Poisson constraints (accepted by the schema, not used by pyhf's models).
    pub factors: Option<Vec<f64>>,
    /// Widths of the constraint (used for `lumi`).
    pub sigmas: Option<Vec<f64>>,
    /// Held constant in fits.
    pub fixed: Option<bool>,
}

/// Something legal but suspicious, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// JSON pointer.
    pub path: String,
    /// What and why.
    pub message: String,
}
