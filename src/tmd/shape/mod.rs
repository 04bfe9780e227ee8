//! Non-perturbative shapes in b: 1 at b = 0, falling like bells whose widths depend on x and on parameters.

mod map22;
mod pv19x;
mod single;

use crate::accelerator::tmd::{CONSTANTS, Kind};
use crate::error::{Error, Result};
use crate::spec::text::{list, quoted, suggestion};

pub(super) use crate::accelerator::tmd::WIDTHS;

/// A shape; parameters in the order of [`Shape::parameter_names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// MAP22's distribution in a proton (arXiv:2206.07598).
    Map22Pdf,
    /// MAP22's fragmentation function.
    Map22Ff,
    /// MAP24's distribution of one flavour (arXiv:2405.13833).
    Map24,
    /// PV19's (arXiv:1912.07550).
    Pv19x,
    /// `exp(-(lambda + g1 ln(1/x)) b^2)`.
    Gauss,
    /// `exp(-lambda_f^2 x^alpha (1 - x)^2 b^2 / 4)`.
    Simple,
}

/// What the kernel computes from: how it depends on b, and of which widths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Widths {
    pub(super) form: Form,
    /// Multiplies b^2.
    pub(super) scale: f64,
    /// The first `form.len()` count.
    pub(super) value: [f64; WIDTHS],
}

/// Dependence on b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `exp(-g b^2)`
    Bell,
    /// `(1 - l) / (1 + g1 b^2 / 4) + l exp(-gB b^2 / 4)` of g1, gB, l
    LorentzBell,
    /// Of g1, gB, a: two bells, the second weighted.
    TwoBells,
    /// Of g1, gB, gC, a, c: three.
    ThreeBells,
    /// 0: beyond x = 1.
    Nothing,
}

impl Form {
    /// Number of widths.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Bell => 1,
            Self::LorentzBell | Self::TwoBells => 3,
            Self::ThreeBells => 5,
        }
    }
}

/// All shapes with their names in files.
const NAMES: [(&str, Shape); 6] = [
    ("map22_pdf", Shape::Map22Pdf),
    ("map22_ff", Shape::Map22Ff),
    ("map24", Shape::Map24),
    ("pv19x", Shape::Pv19x),
    ("gauss", Shape::Gauss),
    ("simple", Shape::Simple),
];

impl Shape {
    /// The shape of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is none.
    pub fn named(name: &str) -> Result<Self> {
        let names = || NAMES.iter().map(|(name, _)| *name);
        NAMES.iter().find(|(own, _)| *own == name).map(|(_, shape)| *shape).ok_or_else(|| {
            let near = suggestion(name, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            Error::Argument(format!("there is no shape {}{near}", quoted(name)))
        })
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, shape)| *shape == self).map_or("", |(name, _)| name)
    }

    /// Names of its parameters, in the order of every array of them.
    pub fn parameter_names(self) -> &'static [&'static str] {
        match self {
            Self::Map22Pdf => &[
                "N1", "alpha1", "sigma1", "lambda", "N1B", "N1C", "lambda2", "alpha2", "alpha3",
                "sigma2", "sigma3",
            ],
            Self::Map22Ff => {
                &["N3", "beta1", "delta1", "gamma1", "lambdaF", "N3B", "beta2", "delta2", "gamma2"]
            }
            Self::Map24 => &[
                "N1", "N2", "N3", "alpha1", "alpha2", "alpha3", "sigma1", "sigma2", "lambda1",
                "lambda2",
            ],
            Self::Pv19x => &["N1", "alpha", "sigma", "lambda", "N1B", "alphaB", "sigmaB"],
            Self::Gauss => &["g1", "lambda"],
            Self::Simple => &["lambda_f", "alpha"],
        }
    }

    /// Parameters that enter squared alone: their sign is without meaning.
    pub fn is_even(self, parameter: usize) -> bool {
        match self {
            Self::Map22Pdf => [1, 3, 6, 7, 8].contains(&parameter),
            Self::Map22Ff => [2, 3, 7, 8].contains(&parameter),
            Self::Map24 => [3, 4, 5, 8, 9].contains(&parameter),
            Self::Pv19x => false,
            Self::Gauss => false,
            Self::Simple => parameter == 0,
        }
    }

    /// Places of each width's parameters.
    pub(super) fn places(self) -> [&'static [usize]; WIDTHS] {
        match self {
            Self::Map22Pdf => [&[0, 1, 2], &[4, 7, 9], &[5, 8, 10], &[3], &[6]],
            Self::Map24 => [&[0, 3, 6], &[1, 4, 7], &[2, 5, 7], &[8], &[9]],
            Self::Map22Ff => [&[0, 1, 2, 3], &[5, 6, 7, 8], &[4], &[], &[]],
            Self::Pv19x => [&[0, 1, 2], &[4, 5, 6], &[3], &[], &[]],
            Self::Gauss | Self::Simple => [&[0, 1], &[], &[], &[], &[]],
        }
    }

    /// How widths at `x` follow from parameters on a device.
    pub(super) fn kind(self, x: f64) -> (Kind, [f64; CONSTANTS]) {
        if x >= 1.0 {
            return (Kind::Nothing, [0.0; CONSTANTS]);
        }
        match self {
            Self::Map22Pdf | Self::Map24 => map22::three_bells(x),
            Self::Map22Ff => map22::two_bells(x),
            Self::Pv19x => (Kind::LorentzBell, [x, 1.0 / x, 0.0, 1.0]),
            Self::Gauss => (Kind::LinearBell, [-libm::log(x), 0.0, 0.0, 1.0]),
            Self::Simple => single::power_bell(x),
        }
    }

    /// Widths at `x` with their derivatives in the parameters, `jacobian[width][parameter]` in rows of as many as
    /// there are parameters.
    pub(super) fn widths(self, parameters: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
        jacobian.fill(0.0);
        if x >= 1.0 {
            return Widths { form: Form::Nothing, scale: 1.0, value: [0.0; WIDTHS] };
        }
        let places = self.places();
        match self {
            Self::Map22Pdf | Self::Map24 => map22::distribution(parameters, x, &places, jacobian),
            Self::Map22Ff => map22::fragmentation(parameters, x, &places, jacobian),
            Self::Pv19x => pv19x::widths(parameters, x, &places, jacobian),
            Self::Gauss => single::gauss(parameters, x, jacobian),
            Self::Simple => single::simple(parameters, x, jacobian),
        }
    }
}
