//! The likelihood as mathematics, in f64 and readable: no device, no input or output. The oracle
//! that every device is held against.

mod accessors;
mod along;
mod build;
mod configuration;
mod expected;
pub mod interpolation;
mod jacobian;
mod jet;
mod kinks;
mod likelihood;
mod modifiers;
mod order;
pub mod poisson;
pub mod prune;
mod sample_at;
mod second_order;
pub mod toys;
mod warnings;
mod yields;

pub use along::{Direction, FullGradient};
pub use build::{ModelOptions, PoiChoice};
pub use jacobian::{ChannelJacobian, Jacobian};
pub use modifiers::ModifierType;
pub use yields::{CellRun, Cells, Side, Template};

use crate::spec::Warning;
use interpolation::{Interpolation, NormSysCurve};
use poisson::NegativeRates;

/// A compiled HistFactory model: what a workspace and a measurement say, in pyhf's order.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) channels: Vec<Channel>,
    /// All samples, channel after channel (channels sorted by name), sorted by name within one.
    pub(crate) samples: Vec<Sample>,
    /// Index of the constrained parameter behind each auxiliary datum, in pyhf's order.
    pub(crate) auxiliary: Vec<usize>,
    pub(crate) poi: Option<usize>,
    pub(crate) interpolation: Interpolation,
    /// Observed main data `[n_bins]` and auxiliary data `[n_auxiliary]`.
    pub(crate) observed: Data,
    /// Parameter sets in the parameters' order.
    pub(crate) sets: Vec<ParameterSet>,
    /// What a bin without events says about a rate at or below zero.
    pub(crate) negative_rates: NegativeRates,
    /// Suspicious but legal things met while compiling.
    pub(crate) warnings: Vec<Warning>,
    /// Per sample, the curves of its normsys factors in the order of [`Sample::factors`]: the
    /// logarithms and polynomial coefficients do not depend on the parameters.
    pub(crate) curves: Vec<Vec<NormSysCurve>>,
}

/// Parameters that one modifier name stands for: one scalar, or a component per bin.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSet {
    /// The modifiers' name.
    pub name: String,
    /// Modifier types that use it, in pyhf's type order (two for a name shared by normsys and
    /// histosys).
    pub types: Vec<ModifierType>,
    /// Index of its first parameter.
    pub first: usize,
    /// Number of parameters.
    pub components: usize,
    /// Printed without an index (pyhf's `is_scalar`); a one-bin gamma prints as `name[0]`.
    pub scalar: bool,
}

/// One scalar parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// pyhf's printed name: `mu`, or `gamma[3]` for a component of a set with several.
    pub name: String,
    /// Name of the set it belongs to.
    pub set: String,
    /// Initial value.
    pub init: f64,
    /// Lower and upper bound.
    pub bounds: (f64, f64),
    /// Held constant in fits.
    pub fixed: bool,
    /// Its constraint term.
    pub constraint: Constraint,
}

/// The constraint term of a parameter; `auxiliary` indexes the auxiliary data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constraint {
    /// Unconstrained.
    None,
    /// Normal(auxiliary | parameter, sigma).
    Gaussian {
        /// Width.
        sigma: f64,
        /// Index of the auxiliary datum.
        auxiliary: usize,
    },
    /// Poisson(auxiliary | tau * parameter).
    Poisson {
        /// Rate at parameter = 1.
        tau: f64,
        /// Index of the auxiliary datum.
        auxiliary: usize,
    },
}

/// A channel: a run of bins.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Name.
    pub name: String,
    /// First bin in the main data.
    pub first_bin: usize,
    /// Number of bins.
    pub n_bins: usize,
}

/// One sample in one channel.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name.
    pub name: String,
    /// Index into the model's channels.
    pub channel: usize,
    /// Nominal counts, `[n_bins]`.
    pub nominal: Vec<f64>,
    /// Scalar factors (normfactor, lumi, normsys).
    pub factors: Vec<Factor>,
    /// Additive shapes (histosys).
    pub shapes: Vec<Shape>,
    /// Factors per bin (shapefactor, shapesys, staterror): index of the parameter of the channel's
    /// first bin; bin `b` uses `first + b`.
    pub bin_factors: Vec<usize>,
}

/// A scalar factor on a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Factor {
    /// normfactor and lumi: the parameter itself.
    Linear {
        /// Parameter index.
        parameter: usize,
    },
    /// normsys: interpolation between lo, 1 and hi.
    NormSys {
        /// Parameter index.
        parameter: usize,
        /// Factor at alpha = -1.
        lo: f64,
        /// Factor at alpha = +1.
        hi: f64,
    },
}

/// A histosys: additive interpolation between two templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Parameter index.
    pub parameter: usize,
    /// Counts at alpha = -1, `[n_bins]`.
    pub lo: Vec<f64>,
    /// Counts at alpha = +1, `[n_bins]`.
    pub hi: Vec<f64>,
}

/// One dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// Counts per bin, `[n_bins]`.
    pub main: Vec<f64>,
    /// Auxiliary data, `[n_auxiliary]`.
    pub auxiliary: Vec<f64>,
}

#[cfg(test)]
mod tests;
