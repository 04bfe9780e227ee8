//! The binned part of a joint likelihood: a HistFactory model whose parameters are those of the same name.

use std::sync::Arc;

use super::evaluate::Evaluation;
use super::{Gaussian, Parameter, UnbinnedModel, check_names, check_parameter};
use crate::error::{Error, Result};
use crate::model::poisson::{self, NegativeRates};
use crate::model::{Constraint, Data, Model};
use crate::spec::text::quoted;
use crate::unbinned::kernel::Order;
use crate::unbinned::sum::Sum;

/// A HistFactory model with its data, as part of a joint likelihood.
#[derive(Debug, Clone)]
pub struct Binned {
    /// Without its Gaussian constraints, which are among the joint parameters.
    model: Arc<Model>,
    /// Counts, and auxiliary data of Poisson constraints.
    data: Data,
    /// Of each of its parameters, the place among the joint ones.
    places: Arc<[usize]>,
    /// Its parameters with a kink at 0.
    kinks: Arc<[usize]>,
}

impl UnbinnedModel {
    /// With channels of counts beside those of events: the likelihood is the product, parameters of the same name are
    /// one, those that the events do not know are appended. Initial values and bounds of a shared parameter are those
    /// it has here; of others the workspace's, equal ones where it holds them. Each constraint counts once.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a binned part that is there already; data that do not fit `model`; a channel of either
    /// side's name; a parameter that both sides constrain, and not alike; as for [`UnbinnedModel::new`].
    pub fn with_binned(mut self, model: &Model, data: &Data) -> Result<Self> {
        if self.binned.is_some() {
            return Err(Error::Argument("the model has a binned part already".into()));
        }
        model.check_data(data)?;
        let channels = self.channels().map(|c| &*c.name);
        check_names("channel", channels.chain(model.channels().iter().map(|c| &*c.name)))?;
        // two sets of the workspace may print alike
        check_names("parameter", model.parameters().iter().map(|p| &*p.name))?;
        let mut places = Vec::with_capacity(model.n_parameters());
        let n_own = self.parameters.len();
        for parameter in model.parameters() {
            let constraint = match parameter.constraint {
                Constraint::Gaussian { sigma, auxiliary } => {
                    Some(Gaussian { center: data.auxiliary[auxiliary], sigma })
                }
                Constraint::Poisson { .. } | Constraint::None => None,
            };
            let own = self.parameters[..n_own].iter().position(|p| p.name == parameter.name);
            if let Some(own) = own {
                let shared = &mut self.parameters[own];
                shared.constraint = joined(shared, parameter.constraint, constraint)?;
                places.push(own);
                continue;
            }
            places.push(self.parameters.len());
            let init = parameter.init;
            self.parameters.push(Parameter {
                name: parameter.name.clone(),
                init,
                bounds: if parameter.fixed { (init, init) } else { parameter.bounds },
                constraint,
            });
        }
        self.parameters.iter().try_for_each(check_parameter)?;
        self.binned = Some(Binned::new(model, data, places));
        Ok(self)
    }

    /// The binned part, where there is one.
    pub fn binned(&self) -> Option<&Binned> {
        self.binned.as_ref()
    }

    /// Where a parameter's constraint has its maximum, and its width; `None` where it has none. For the Poisson
    /// constraints of a binned part the width is that of [`crate::model::Parameter::prefit`].
    pub fn prefit(&self, parameter: usize) -> Option<(f64, f64)> {
        let gaussian = self.parameters.get(parameter)?.constraint;
        gaussian.map(|c| (c.center, c.sigma)).or_else(|| {
            let binned = self.binned.as_ref()?;
            let own = binned.places.iter().position(|place| *place == parameter)?;
            binned.model.parameters()[own].prefit(&binned.data)
        })
    }

    /// With other data of the binned part: counts, and auxiliary data of Poisson constraints. Without one `data` are
    /// empty.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for data that do not fit it.
    pub fn with_binned_data(mut self, data: Data) -> Result<Self> {
        match &mut self.binned {
            Some(binned) => {
                binned.model.check_data(&data)?;
                binned.data = data;
            }
            None if data == Data::default() => {}
            None => {
                return Err(Error::Argument("data of a binned part, which the model lacks".into()));
            }
        }
        Ok(self)
    }
}

/// Sums over the bins of a binned channel.
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedChannel {
    /// Its name.
    pub name: String,
    /// Number of bins.
    pub bins: usize,
    /// Sum of the counts.
    pub observed: f64,
    /// What is expected of it.
    pub expected: f64,
}

/// The constraint of a parameter that both sides have.
fn joined(
    own: &Parameter,
    other: Constraint,
    gaussian: Option<Gaussian>,
) -> Result<Option<Gaussian>> {
    let said = match (own.constraint, other) {
        (None, _) => return Ok(gaussian),
        (own, Constraint::None) => return Ok(own),
        (own, _) if own == gaussian => return Ok(own),
        (_, Constraint::Poisson { .. }) => "by a Poisson term".to_owned(),
        (_, Constraint::Gaussian { .. }) => gaussian.map(told).unwrap_or_default(),
    };
    Err(Error::Argument(format!(
        "parameter {}: constrained {} beside the events and {said} in the workspace; leave one of them out, or \
         make them the same",
        quoted(&own.name),
        own.constraint.map(told).unwrap_or_default()
    )))
}

fn told(Gaussian { center, sigma }: Gaussian) -> String {
    format!("to {center} +- {sigma}")
}

impl Binned {
    /// Sums over each channel at `theta`, the joint parameters.
    ///
    /// # Errors
    ///
    /// As for [`Binned::expected`].
    pub fn channels(&self, theta: &[f64]) -> Result<Vec<BinnedChannel>> {
        let expected = self.expected(theta)?;
        let channel = |c: &crate::model::Channel| {
            let sum = |of: &[f64]| of[c.first_bin..c.first_bin + c.n_bins].iter().sum();
            BinnedChannel {
                name: c.name.clone(),
                bins: c.n_bins,
                observed: sum(&self.data.main),
                expected: sum(&expected.main),
            }
        };
        Ok(self.model.channels().iter().map(channel).collect())
    }

    fn new(model: &Model, data: &Data, places: Vec<usize>) -> Self {
        let mut model = model.clone();
        let mut counts = Vec::new();
        model.auxiliary.clear();
        for (k, parameter) in model.parameters.iter_mut().enumerate() {
            parameter.constraint = match parameter.constraint {
                Constraint::Poisson { tau, auxiliary } => {
                    counts.push(data.auxiliary[auxiliary]);
                    model.auxiliary.push(k);
                    Constraint::Poisson { tau, auxiliary: counts.len() - 1 }
                }
                Constraint::Gaussian { .. } | Constraint::None => Constraint::None,
            };
        }
        model.observed = Data { main: data.main.clone(), auxiliary: counts };
        let (data, kinks) = (model.observed.clone(), model.kinks().into());
        Self { model: Arc::new(model), data, places: places.into(), kinks }
    }

    /// The HistFactory model. Its Gaussian constraints are among the joint parameters, and gone here; its initial
    /// values and bounds are not looked at.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Counts, and auxiliary data of the Poisson constraints.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Of each parameter of [`Binned::model`], its place among the joint ones.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// Expected counts and auxiliary data of Poisson constraints at `theta`, all joint parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: fewer values than the joint model has, a rate below 0 or not finite.
    pub fn expected(&self, theta: &[f64]) -> Result<Data> {
        if self.places.iter().any(|place| *place >= theta.len()) {
            let message = format!("{} values do not reach the binned parameters", theta.len());
            return Err(Error::Argument(message));
        }
        self.rates(&self.at(theta))
    }

    /// What a datum is of: counts come first, auxiliary data after them.
    pub(in crate::unbinned) fn name(&self, datum: usize) -> String {
        match datum.checked_sub(self.model.n_bins()) {
            None => self.model.bin_name(datum),
            Some(auxiliary) => {
                let parameter = &self.model.parameters()[self.model.auxiliary()[auxiliary]];
                format!("the auxiliary data of {}", parameter.name)
            }
        }
    }

    /// Joint parameters with a kink at 0.
    pub(super) fn kinks(&self) -> impl Iterator<Item = usize> {
        self.kinks.iter().map(|k| self.places[*k])
    }

    /// Its own parameters' values.
    fn at(&self, theta: &[f64]) -> Vec<f64> {
        self.places.iter().map(|place| theta[*place]).collect()
    }

    fn rates(&self, x: &[f64]) -> Result<Data> {
        let rates = self.model.asimov(x);
        let all = rates.main.iter().chain(&rates.auxiliary).enumerate();
        match all.into_iter().find(|(_, rate)| !(**rate >= 0.0 && rate.is_finite())) {
            None => Ok(rates),
            Some((datum, rate)) => Err(Error::Argument(format!(
                "{}: the expected number of events is {rate}, not a number of 0 or more",
                quoted(&self.name(datum))
            ))),
        }
    }

    /// Adds its terms and, as `order` has it, their derivatives. Bins are `-ln Poisson` with all constants; such that
    /// have counts where nothing is expected are told as events that no process can make.
    pub(super) fn add(
        &self,
        theta: &[f64],
        order: Order,
        all: &mut Evaluation,
        total: &mut Sum,
    ) -> Result<()> {
        let (model, x) = (&*self.model, self.at(theta));
        let rates = self.rates(&x)?;
        let mut data = std::borrow::Cow::Borrowed(&self.data);
        let counts = self.data.main.iter().chain(&self.data.auxiliary).enumerate();
        for ((datum, &count), &rate) in counts.zip(rates.main.iter().chain(&rates.auxiliary)) {
            if count > 0.0 && rate == 0.0 {
                all.zero_density += count.ceil() as usize;
                let data = data.to_mut();
                match datum.checked_sub(data.main.len()) {
                    None => data.main[datum] = 0.0,
                    Some(auxiliary) => data.auxiliary[auxiliary] = 0.0,
                }
                continue;
            }
            let policy = if datum < rates.main.len() {
                model.negative_rates()
            } else {
                NegativeRates::Linear
            };
            total.add(poisson::term(count, rate, policy));
        }
        if order < Order::Gradient {
            return Ok(());
        }
        let gradient = model.gradient(&x, &data);
        let jumps = model.jumps(&x, &data, &gradient, &self.kinks);
        self.kinks().zip(jumps).for_each(|(place, jump)| all.jump[place] += jump);
        self.places.iter().zip(gradient).for_each(|(place, slope)| all.gradient[*place] += slope);
        if order < Order::Hessian {
            return Ok(());
        }
        let hessian = model.hessian(&x, &data);
        for (i, place) in self.places.iter().enumerate() {
            for (j, other) in self.places.iter().enumerate() {
                all.hessian[place * theta.len() + other] += hessian[(i, j)];
            }
        }
        self.add_information(&x, &mut all.information);
        Ok(())
    }

    /// Adds what the counts are expected to say of each parameter by itself.
    fn add_information(&self, x: &[f64], information: &mut [f64]) {
        let jacobian = self.model.jacobian(x);
        for (channel, derivatives) in self.model.channels().iter().zip(&jacobian.channels) {
            for b in 0..channel.n_bins {
                let rate = jacobian.rates[channel.first_bin + b];
                for (k, slope) in derivatives.bin(b).filter(|_| rate > 0.0) {
                    information[self.places[k]] += slope * slope / rate;
                }
            }
        }
        for &k in self.model.auxiliary() {
            if let Some((_, width)) = self.model.parameters()[k].prefit(&self.data) {
                information[self.places[k]] += 1.0 / (width * width);
            }
        }
    }
}
