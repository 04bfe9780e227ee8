//! The extended likelihood of several channels of events that share parameters by name, with exact first and
//! second derivatives.

mod binned;
mod channel;
mod data;
mod device;
mod evaluate;
mod outside;
mod placed;
mod predict;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::spec::text::{count, list, quoted, suggestion};
use crate::unbinned::events::EventTable;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::yields::Yield;
use channel::Compiled;

pub use binned::{Binned, BinnedChannel};
pub use evaluate::Evaluation;
pub(in crate::unbinned) use placed::{Task, evaluate_all};

/// A parameter of the whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name, unique in the model.
    pub name: String,
    /// Where fits start.
    pub init: f64,
    /// Lower and upper bound, which may be infinite; equal ones hold the parameter.
    pub bounds: (f64, f64),
    /// A normal constraint `((theta - center) / sigma)^2 / 2`.
    pub constraint: Option<Gaussian>,
}

/// An auxiliary measurement of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    /// What was measured.
    pub center: f64,
    /// Its uncertainty, above 0.
    pub sigma: f64,
}

/// Where the value of a density's parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slot {
    /// A parameter of the model, by its index.
    Parameter(usize),
    /// A number.
    Constant(f64),
}

/// One kind of events in a channel.
#[derive(Debug, Clone)]
pub struct Process {
    /// Name, unique in the channel.
    pub name: String,
    /// Distribution of the channel's observable.
    pub pdf: Pdf,
    /// The density's parameters, in the order of [`Pdf::parameter_names`].
    pub shape: Vec<Slot>,
    /// Expected number of events.
    pub expected: Yield,
}

/// Events of one selection and what they can be.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Name, unique in the model.
    pub name: String,
    /// The events.
    pub events: EventTable,
    /// At least one, all of the same observables.
    pub processes: Vec<Process>,
}

/// Parameters, channels, and the likelihood `sum_c (sum_p nu_p - sum_i w_i ln(sum_p nu_p f_p(x_i))) + constraints`
/// (extended maximum likelihood: Barlow, Nucl. Instrum. Meth. A 297 (1990) 496), times that of a binned part where
/// there is one ([`UnbinnedModel::with_binned`]).
#[derive(Debug, Clone)]
pub struct UnbinnedModel {
    parameters: Vec<Parameter>,
    channels: Vec<Arc<Compiled>>,
    binned: Option<Binned>,
}

impl UnbinnedModel {
    /// Checks that the parts fit each other; densities without free parameters are evaluated.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: no channel or no process; a name that is empty or there twice; bounds that are NaN or
    /// in the wrong order, an initial value outside them; a constraint without a width; a parameter's index beyond
    /// the end; a density with another number of parameters, of other observables than
    /// the first one's, or normalised on other windows than the events'; a number outside a density's domain. [`Error::Events`] for a column that is not there.
    pub fn new(parameters: Vec<Parameter>, channels: Vec<Channel>) -> Result<Self> {
        check_names("parameter", parameters.iter().map(|p| &*p.name))?;
        check_names("channel", channels.iter().map(|c| &*c.name))?;
        parameters.iter().try_for_each(check_parameter)?;
        if channels.is_empty() {
            return Err(Error::Argument("a model needs at least one channel".into()));
        }
        let n = parameters.len();
        let compiled = channels.into_iter().map(|channel| Compiled::new(channel, n).map(Arc::new));
        Ok(Self { parameters, channels: compiled.collect::<Result<_>>()?, binned: None })
    }

    /// The parameters, in the order of every array of them.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The channels of events.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = &Channel> {
        self.channels.iter().map(|channel| channel.channel())
    }

    /// Index of a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is none of that name.
    pub fn parameter_index(&self, name: &str) -> Result<usize> {
        let names = || self.parameters.iter().map(|p| &*p.name);
        names().position(|n| n == name).ok_or_else(|| {
            let near = suggestion(name, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            Error::Argument(format!("there is no parameter {}{near}", quoted(name)))
        })
    }

    /// Initial values, `[n_parameters]`.
    pub fn init(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| p.init).collect()
    }

    /// Number of events of all channels; counts of a binned part are not among them.
    pub fn n_events(&self) -> usize {
        self.channels().map(|c| c.events.n()).sum()
    }

    /// One event of every `stride(n)`, a power of two up to 256, of a channel of n, with so many times its weight;
    /// `None` where that is all events. A binned part stays whole.
    pub(super) fn thinned(&self, stride: impl Fn(usize) -> usize) -> Result<Option<Self>> {
        if self.channels().all(|c| stride(c.events.n()) == 1) {
            return Ok(None);
        }
        let channels =
            self.channels.iter().map(|channel| match stride(channel.channel().events.n()) {
                1 => Ok(Arc::clone(channel)),
                stride => channel.thinned(stride).map(Arc::new),
            });
        let channels = channels.collect::<Result<_>>()?;
        let (parameters, binned) = (self.parameters.clone(), self.binned.clone());
        Ok(Some(Self { parameters, channels, binned }))
    }
}

/// Names are there, and once.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(Error::Argument(format!("a {what} needs a name")));
        }
        if !seen.insert(name) {
            return Err(Error::Argument(format!("{what} {} is there twice", quoted(name))));
        }
    }
    Ok(())
}

pub(in crate::unbinned) fn check_parameter(parameter: &Parameter) -> Result<()> {
    let Parameter { name, init, bounds: (lower, upper), constraint } = parameter;
    let refuse =
        |message: String| Err(Error::Argument(format!("parameter {}: {message}", quoted(name))));
    if lower.is_nan() || upper.is_nan() || lower > upper {
        return refuse(format!("its bounds are {lower} and {upper}; the lower one comes first"));
    }
    if !init.is_finite() || !(lower..=upper).contains(&init) {
        return refuse(format!(
            "its initial value {init} is not a number between its bounds, {lower} and {upper}"
        ));
    }
    match constraint {
        Some(Gaussian { center, sigma })
            if !(center.is_finite() && sigma.is_finite() && *sigma > 0.0) =>
        {
            refuse(format!(
                "it is constrained to {center} +- {sigma}; a finite value and a width above 0 are needed"
            ))
        }
        _ => Ok(()),
    }
}

/// A point has one finite value a parameter.
pub(in crate::unbinned) fn check_point(parameters: &[Parameter], theta: &[f64]) -> Result<()> {
    if theta.len() != parameters.len() {
        let (given, needed) = (count(theta.len(), "value"), count(parameters.len(), "parameter"));
        return Err(Error::Argument(format!("{given} for {needed}")));
    }
    match parameters.iter().zip(theta).find(|(_, value)| !value.is_finite()) {
        Some((parameter, value)) => Err(Error::Argument(format!(
            "parameter {} is {value}, not a finite number",
            quoted(&parameter.name)
        ))),
        None => Ok(()),
    }
}
