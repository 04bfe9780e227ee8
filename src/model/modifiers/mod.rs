//! The modifier types: which parameters each requires, and what it does to a sample.
//!
//! One file a type with two functions: `requirement` (from all uses of one name, the parameters'
//! number, defaults and constraint) and `apply` (one use, onto a compiled sample). To add a type, add
//! a file, a variant, and one line in each table below.

mod histosys;
mod lumi;
mod normfactor;
mod normsys;
mod shapefactor;
mod shapesys;
mod staterror;

use crate::error::{Error, Result};
use crate::model::Sample;
use crate::spec;

/// A modifier type. The variants' order is pyhf's, which orders the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModifierType {
    /// Additive shape by interpolation.
    HistoSys,
    /// Luminosity.
    Lumi,
    /// Free scale factor.
    NormFactor,
    /// Scale factor by interpolation.
    NormSys,
    /// Free factor per bin.
    ShapeFactor,
    /// Poisson-constrained factor per bin.
    ShapeSys,
    /// Gaussian-constrained factor per bin, shared by a channel's samples.
    StatError,
}

impl ModifierType {
    /// All types, in pyhf's order.
    pub const ALL: [Self; 7] = [
        Self::HistoSys,
        Self::Lumi,
        Self::NormFactor,
        Self::NormSys,
        Self::ShapeFactor,
        Self::ShapeSys,
        Self::StatError,
    ];

    /// Its name in a workspace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HistoSys => "histosys",
            Self::Lumi => "lumi",
            Self::NormFactor => "normfactor",
            Self::NormSys => "normsys",
            Self::ShapeFactor => "shapefactor",
            Self::ShapeSys => "shapesys",
            Self::StatError => "staterror",
        }
    }

    /// The type of a modifier.
    pub fn of(kind: &spec::ModifierKind) -> Self {
        match kind {
            spec::ModifierKind::HistoSys { .. } => Self::HistoSys,
            spec::ModifierKind::Lumi => Self::Lumi,
            spec::ModifierKind::NormFactor => Self::NormFactor,
            spec::ModifierKind::NormSys { .. } => Self::NormSys,
            spec::ModifierKind::ShapeFactor => Self::ShapeFactor,
            spec::ModifierKind::ShapeSys(_) => Self::ShapeSys,
            spec::ModifierKind::StatError(_) => Self::StatError,
        }
    }

    /// What the parameter set of one name needs, from all uses of that name by this type.
    pub(super) fn requirement(self, uses: &[Use<'_>]) -> Result<Requirement> {
        match self {
            Self::HistoSys => histosys::requirement(uses),
            Self::Lumi => lumi::requirement(uses),
            Self::NormFactor => normfactor::requirement(uses),
            Self::NormSys => normsys::requirement(uses),
            Self::ShapeFactor => shapefactor::requirement(uses),
            Self::ShapeSys => shapesys::requirement(uses),
            Self::StatError => staterror::requirement(uses),
        }
    }

    /// Adds one use to its compiled sample; `first` is the parameter of the channel's first bin, or
    /// the scalar parameter.
    pub(super) fn apply(self, modifier: &spec::Modifier, first: usize, sample: &mut Sample) {
        match self {
            Self::HistoSys => histosys::apply(modifier, first, sample),
            Self::Lumi => lumi::apply(first, sample),
            Self::NormFactor => normfactor::apply(first, sample),
            Self::NormSys => normsys::apply(modifier, first, sample),
            Self::ShapeFactor => shapefactor::apply(first, sample),
            Self::ShapeSys => shapesys::apply(first, sample),
            Self::StatError => staterror::apply(first, sample),
        }
    }
}

/// One modifier where it stands. Uses are met in pyhf's order: channels, samples in a channel, and
/// modifiers on a sample each sorted by name.
#[derive(Clone, Copy)]
pub(super) struct Use<'a> {
    /// The channel in the model's order.
    pub(super) channel: usize,
    /// Indices of channel, sample and modifier in the document.
    pub(super) place: (usize, usize, usize),
    pub(super) sample: &'a spec::Sample,
    pub(super) modifier: &'a spec::Modifier,
}

impl Use<'_> {
    /// JSON pointer to the modifier.
    pub(super) fn path(&self) -> String {
        let (channel, sample, modifier) = self.place;
        format!("/channels/{channel}/samples/{sample}/modifiers/{modifier}")
    }

    fn n_bins(&self) -> usize {
        self.sample.data.len()
    }
}

/// What the parameters of one name need before the measurement has its say. `None`: no default, the
/// measurement must say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Requirement {
    pub(super) components: usize,
    pub(super) scalar: bool,
    pub(super) inits: Option<Vec<f64>>,
    pub(super) bounds: Option<Vec<(f64, f64)>>,
    pub(super) fixed: Vec<bool>,
    pub(super) constraint: SetConstraint,
    /// First component of each channel that has components of its own; others begin at 0.
    pub(super) first_of_channel: Vec<(usize, usize)>,
}

/// The constraint terms of a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SetConstraint {
    None,
    /// Normal(auxiliary | parameter, sigma); `configurable_sigmas`: the measurement may change them.
    Gaussian {
        auxiliary: Option<Vec<f64>>,
        sigmas: Option<Vec<f64>>,
        configurable_sigmas: bool,
    },
    /// Poisson(auxiliary | tau * parameter), with tau as auxiliary data.
    Poisson {
        taus: Vec<f64>,
    },
}

impl Requirement {
    /// One unconstrained scalar or several unconstrained components, 1 in (0, 10).
    fn unconstrained(components: usize, scalar: bool) -> Self {
        Self {
            components,
            scalar,
            inits: Some(vec![1.0; components]),
            bounds: Some(vec![(0.0, 10.0); components]),
            fixed: vec![false; components],
            constraint: SetConstraint::None,
            first_of_channel: Vec::new(),
        }
    }

    /// The alpha of an interpolation: Normal(0 | alpha, 1), 0 in (-5, 5). The same for normsys and
    /// histosys, which may share a name.
    fn alpha() -> Self {
        Self {
            components: 1,
            scalar: true,
            inits: Some(vec![0.0]),
            bounds: Some(vec![(-5.0, 5.0)]),
            fixed: vec![false],
            constraint: SetConstraint::Gaussian {
                auxiliary: Some(vec![0.0]),
                sigmas: Some(vec![1.0]),
                configurable_sigmas: false,
            },
            first_of_channel: Vec::new(),
        }
    }

    /// Constrained factors per bin: 1 in (1e-10, 10).
    fn gammas(fixed: Vec<bool>, constraint: SetConstraint) -> Self {
        let components = fixed.len();
        Self {
            components,
            scalar: false,
            inits: Some(vec![1.0; components]),
            bounds: Some(vec![(1e-10, 10.0); components]),
            fixed,
            constraint,
            first_of_channel: Vec::new(),
        }
    }

    /// First component for a channel (model order).
    pub(super) fn first_component(&self, channel: usize) -> usize {
        self.first_of_channel
            .iter()
            .find(|(c, _)| *c == channel)
            .map_or(0, |(_, first)| *first)
    }
}

/// The data of a modifier must have one entry per bin; `key` is its place below the modifier.
fn check_length(used: &Use<'_>, key: &str, length: usize) -> Result<()> {
    if length == used.n_bins() {
        return Ok(());
    }
    Err(Error::specification(
        format!("{}{key}", used.path()),
        format!("the sample has {} bins, this has {length}", used.n_bins()),
    ))
}

/// An absolute uncertainty per bin must be finite and not negative.
fn check_uncertainty(used: &Use<'_>, bin: usize, uncertainty: f64) -> Result<()> {
    if uncertainty >= 0.0 && uncertainty.is_finite() {
        return Ok(());
    }
    Err(Error::specification(
        format!("{}/data/{bin}", used.path()),
        format!("an uncertainty must be a finite number, not below 0; got {uncertainty}"),
    ))
}
