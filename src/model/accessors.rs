//! Looking at a model.

use super::poisson::NegativeRates;
use super::{
    Channel, Constraint, Data, Factor, Model, ModifierType, Parameter, ParameterSet, Sample,
    interpolation::Interpolation,
};
use crate::error::{Error, Result};
use crate::spec::Warning;

impl Model {
    /// All parameters, in pyhf's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Parameter sets (one per modifier name), in the parameters' order.
    pub fn parameter_sets(&self) -> &[ParameterSet] {
        &self.sets
    }

    /// Index of the parameter with this printed name (`mu`, `gamma[3]`); a set with one component also
    /// answers to its own name. Of names that collide in print the first is taken.
    pub fn parameter_index(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name).or_else(|| {
            let mut sets = self.sets.iter().filter(|set| set.components == 1);
            sets.find(|set| set.name == name).map(|set| set.first)
        })
    }

    /// Number of parameters, fixed ones included.
    pub fn n_parameters(&self) -> usize {
        self.parameters.len()
    }

    /// Channels, sorted by name.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Samples, channel after channel, sorted by name within one.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Index of the parameter of interest.
    pub fn poi(&self) -> Option<usize> {
        self.poi
    }

    /// Number of bins of all channels.
    pub fn n_bins(&self) -> usize {
        self.observed.main.len()
    }

    /// Number of auxiliary data.
    pub fn n_auxiliary(&self) -> usize {
        self.auxiliary.len()
    }

    /// Index of the constrained parameter behind each auxiliary datum, `[n_auxiliary]`.
    pub fn auxiliary(&self) -> &[usize] {
        &self.auxiliary
    }

    /// Observed main data and nominal auxiliary data.
    pub fn observed(&self) -> &Data {
        &self.observed
    }

    /// Initial values, `[n_parameters]`.
    pub fn init(&self) -> Vec<f64> {
        self.parameters.iter().map(|parameter| parameter.init).collect()
    }

    /// Lower and upper bounds, `[n_parameters]`.
    pub fn bounds(&self) -> Vec<(f64, f64)> {
        self.parameters.iter().map(|parameter| parameter.bounds).collect()
    }

    /// Which parameters are held constant in fits, `[n_parameters]`.
    pub fn fixed(&self) -> Vec<bool> {
        self.parameters.iter().map(|parameter| parameter.fixed).collect()
    }

    /// The same model with other bounds of parameter `index`, within which its initial value is moved.
    ///
    /// # Errors
    /// Where the bounds are not finite and rising, or there is no such parameter.
    pub fn with_bounds(mut self, index: usize, bounds: (f64, f64)) -> Result<Self> {
        let n = self.n_parameters();
        let parameter = self.parameters.get_mut(index).ok_or_else(|| {
            Error::Argument(format!("there is no parameter {index}: the model has {n}"))
        })?;
        let (lower, upper) = bounds;
        if !(lower < upper && lower.is_finite() && upper.is_finite()) {
            return Err(Error::Argument(format!(
                "bounds of {}: two rising numbers are needed, not {lower} and {upper}",
                parameter.name
            )));
        }
        parameter.bounds = bounds;
        if !parameter.fixed {
            parameter.init = parameter.init.clamp(lower, upper);
        }
        Ok(self)
    }

    /// The same model with parameter `index` held at `value` in fits.
    ///
    /// # Errors
    /// Where the value is not finite, or there is no such parameter.
    pub fn with_fixed(mut self, index: usize, value: f64) -> Result<Self> {
        let n = self.n_parameters();
        let parameter = self.parameters.get_mut(index).ok_or_else(|| {
            Error::Argument(format!("there is no parameter {index}: the model has {n}"))
        })?;
        if !value.is_finite() {
            let name = &parameter.name;
            return Err(Error::Argument(format!("{name} = {value} is not a finite number")));
        }
        (parameter.fixed, parameter.init) = (true, value);
        Ok(self)
    }

    /// The same model with another initial value of parameter `index`, at which fits hold it where `fixed`.
    ///
    /// # Errors
    /// Where the value is not finite, or outside of the bounds of a parameter that is not held, or there is
    /// no such parameter.
    pub fn with_start(mut self, index: usize, value: f64, fixed: bool) -> Result<Self> {
        if fixed {
            return self.with_fixed(index, value);
        }
        let n = self.n_parameters();
        let parameter = self.parameters.get_mut(index).ok_or_else(|| {
            Error::Argument(format!("there is no parameter {index}: the model has {n}"))
        })?;
        let (lower, upper) = parameter.bounds;
        if !(lower..=upper).contains(&value) {
            return Err(Error::Argument(format!(
                "the initial value {value} of {} is outside of its bounds {lower} and {upper}",
                parameter.name
            )));
        }
        (parameter.fixed, parameter.init) = (false, value);
        Ok(self)
    }

    /// The interpolations.
    pub fn interpolation(&self) -> Interpolation {
        self.interpolation
    }

    /// What an empty bin says about negative rates.
    pub fn negative_rates(&self) -> NegativeRates {
        self.negative_rates
    }

    /// The same model with another rule for negative rates in empty bins.
    pub fn with_negative_rates(mut self, policy: NegativeRates) -> Self {
        self.negative_rates = policy;
        self
    }

    /// Legal but suspicious things, each with its JSON pointer.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Channel index and bin within the channel of a flat bin index; the last bin if there are fewer.
    pub fn locate_bin(&self, bin: usize) -> (usize, usize) {
        let after = self.channels.partition_point(|channel| channel.first_bin <= bin);
        let channel = after.saturating_sub(1);
        (channel, bin - self.channels.get(channel).map_or(0, |channel| channel.first_bin))
    }

    /// A flat bin index as a person would say it: `SR bin 2`, counted from 0. The channel's name is
    /// as in the file: escape it before it goes to a terminal.
    pub fn bin_name(&self, bin: usize) -> String {
        let (channel, b) = self.locate_bin(bin);
        match self.channels.get(channel) {
            Some(channel) => format!("{} bin {b}", channel.name),
            None => format!("bin {bin}"),
        }
    }

    /// How many parameter sets and how many parameters each modifier type has, as
    /// `(type, sets, parameters)`; a set used by two types counts for both.
    pub fn count_by_type(&self) -> Vec<(ModifierType, usize, usize)> {
        let count = |kind: ModifierType| {
            let sets = || self.sets.iter().filter(move |set| set.types.contains(&kind));
            (kind, sets().count(), sets().map(|set| set.components).sum())
        };
        ModifierType::ALL.into_iter().map(count).collect()
    }

    /// Whether a parameter stands for the statistical uncertainty of a simulation.
    pub fn is_simulation(&self, parameter: usize) -> bool {
        self.sets.iter().any(|set| {
            let types = [ModifierType::StatError, ModifierType::ShapeSys];
            (set.first..set.first + set.components).contains(&parameter)
                && set.types.iter().any(|t| types.contains(t))
        })
    }

    /// An error unless `x` has one finite value per parameter.
    pub fn check_parameters(&self, x: &[f64]) -> Result<()> {
        check("parameter values", x, self.n_parameters())
    }

    /// An error unless `data` have the model's lengths and main data that can be counts.
    pub fn check_data(&self, data: &Data) -> Result<()> {
        check("main data", &data.main, self.n_bins())?;
        check("auxiliary data", &data.auxiliary, self.n_auxiliary())?;
        match data.main.iter().position(|&count| count < 0.0) {
            None => Ok(()),
            Some(bin) => Err(Error::Argument(format!(
                "main data: a count must not be below 0, got {} in {}",
                data.main[bin],
                self.bin_name(bin)
            ))),
        }
    }
}

fn check(what: &str, values: &[f64], expected: usize) -> Result<()> {
    if values.len() != expected {
        return Err(Error::Argument(format!(
            "{what}: the model needs {expected} values, got {}",
            values.len()
        )));
    }
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            Err(Error::Argument(format!("{what}: value {index} is not finite: {}", values[index])))
        }
    }
}

impl Parameter {
    /// Where its constraint term has its maximum for `data`, and the term's width there (1 over the
    /// root of its expected curvature); `None` for unconstrained parameters.
    pub fn prefit(&self, data: &Data) -> Option<(f64, f64)> {
        match self.constraint {
            Constraint::None => None,
            Constraint::Gaussian { sigma, auxiliary } => Some((data.auxiliary[auxiliary], sigma)),
            Constraint::Poisson { tau, auxiliary } => {
                Some((data.auxiliary[auxiliary] / tau, tau.sqrt().recip()))
            }
        }
    }
}

impl Factor {
    /// The parameter it depends on.
    pub fn parameter(&self) -> usize {
        match *self {
            Self::Linear { parameter } | Self::NormSys { parameter, .. } => parameter,
        }
    }
}
