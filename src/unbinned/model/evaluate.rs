//! The likelihood of all channels in the model's parameters: the chain rule through yields and densities.

use super::channel::{Compiled, Sums};
use super::{Binned, Process, UnbinnedModel, check_point, placed};
use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::unbinned::kernel::Order;
use crate::unbinned::packed::{place, row_and_column};
use crate::unbinned::sum::Sum;

/// The likelihood at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The negative logarithm of the likelihood, without the constants of normal constraints; bins of a binned part
    /// and its Poisson constraints are `-ln Poisson` with all constants. +inf where `zero_density` is not 0.
    pub nll: f64,
    /// Events of weight above 0 that no process can make, those in bins where nothing is expected included.
    /// Derivatives leave them out.
    pub zero_density: usize,
    /// Gradient, `[n_parameters]`, or empty; at a kink of an interpolation, to the right.
    pub gradient: Vec<f64>,
    /// Hessian, `[n_parameters, n_parameters]`, or empty.
    pub hessian: Vec<f64>,
    /// Right minus left derivative, `[n_parameters]`, or empty; 0 save at a kink.
    pub(in crate::unbinned) jump: Vec<f64>,
    /// With a Hessian: of each parameter what events and its constraint say of it, `sum w d^2 + 1 / sigma^2`.
    pub(in crate::unbinned) information: Vec<f64>,
    /// What rounding took from the NLL.
    pub(in crate::unbinned) rest: f64,
}

/// A process's expected number of events with what it depends on.
pub(super) struct Expected {
    pub(super) value: f64,
    /// Parameter and derivative, where it is not 0.
    gradient: Vec<(usize, f64)>,
    /// Packed rows of the lower triangle.
    hessian: Vec<f64>,
}

impl UnbinnedModel {
    /// The NLL at `theta`, `[n_parameters]`: the same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a value that is not finite, a yield or a bin's rate below 0, a density's parameter outside
    /// its domain. Bounds are not asked.
    pub fn nll(&self, theta: &[f64]) -> Result<Evaluation> {
        self.evaluate(theta, Order::Value, 0.0)
    }

    /// With the exact gradient.
    ///
    /// # Errors
    ///
    /// As for [`UnbinnedModel::nll`].
    pub fn gradient(&self, theta: &[f64]) -> Result<Evaluation> {
        self.evaluate(theta, Order::Gradient, 0.0)
    }

    /// With exact gradient and Hessian.
    ///
    /// # Errors
    ///
    /// As for [`UnbinnedModel::nll`].
    pub fn hessian(&self, theta: &[f64]) -> Result<Evaluation> {
        self.evaluate(theta, Order::Hessian, 0.0)
    }

    /// The likelihood plus `constant`, which is added before anything is rounded: near a minimum of known height
    /// differences keep their digits.
    pub(in crate::unbinned) fn evaluate(
        &self,
        theta: &[f64],
        order: Order,
        constant: f64,
    ) -> Result<Evaluation> {
        check_point(&self.parameters, theta)?;
        self.put_together(theta, order, constant, |channel, yields| {
            placed::sums(&self.channels[channel], theta, yields, order)
        })
    }

    /// The same from the sums over the events of each channel, which `sums` gives for the yields there.
    pub(super) fn put_together(
        &self,
        theta: &[f64],
        order: Order,
        constant: f64,
        mut sums: impl FnMut(usize, Vec<f64>) -> Result<Sums>,
    ) -> Result<Evaluation> {
        let n = if order >= Order::Gradient { theta.len() } else { 0 };
        let square = if order == Order::Hessian { n * n } else { 0 };
        let mut total = Sum::default();
        total.add(constant);
        let mut all = Evaluation {
            nll: 0.0,
            zero_density: 0,
            gradient: vec![0.0; n],
            hessian: vec![0.0; square],
            jump: vec![0.0; n],
            information: vec![0.0; if square > 0 { n } else { 0 }],
            rest: 0.0,
        };
        for (number, channel) in self.channels.iter().enumerate() {
            let expected = expected(channel, theta, order)?;
            let yields: Vec<f64> = expected.iter().map(|e| e.value).collect();
            yields.iter().for_each(|nu| total.add(*nu));
            let sums = sums(number, yields)?;
            total.join(sums.log_likelihood.negative());
            all.zero_density += sums.zero_density;
            if order >= Order::Gradient {
                add_channel(&mut all, channel, &expected, &sums, theta, order);
            }
        }
        if let Some(binned) = &self.binned {
            binned.add(theta, order, &mut all, &mut total)?;
        }
        for (k, parameter) in self.parameters.iter().enumerate() {
            let Some(constraint) = parameter.constraint else { continue };
            let pull = (theta[k] - constraint.center) / constraint.sigma;
            total.add(0.5 * pull * pull);
            if let Some(slope) = all.gradient.get_mut(k) {
                *slope += pull / constraint.sigma;
            }
            if let Some(curvature) = all.hessian.get_mut(k * n + k) {
                let known = 1.0 / (constraint.sigma * constraint.sigma);
                *curvature += known;
                all.information[k] += known;
            }
        }
        (all.nll, all.rest) = match all.zero_density {
            0 => (total.total(), total.rest()),
            _ => (f64::INFINITY, 0.0),
        };
        Ok(all)
    }

    /// Parameters whose interpolations have a kink at 0.
    pub(in crate::unbinned) fn kinks(&self) -> Vec<usize> {
        let processes = self.channels().flat_map(|c| &c.processes);
        let modifiers = processes.flat_map(|p| &p.expected.modifiers);
        let mut kinks: Vec<usize> =
            modifiers.filter(|m| m.jump() != 0.0).map(|m| m.parameter()).collect();
        kinks.extend(self.binned.iter().flat_map(Binned::kinks));
        kinks.sort_unstable();
        kinks.dedup();
        kinks
    }
}

pub(super) fn expected(channel: &Compiled, theta: &[f64], order: Order) -> Result<Vec<Expected>> {
    let n = theta.len();
    let one = |process: &Process| {
        let mut gradient = vec![0.0; if order >= Order::Gradient { n } else { 0 }];
        let mut hessian = vec![0.0; if order == Order::Hessian { n * (n + 1) / 2 } else { 0 }];
        let value = process.expected.at(theta, &mut gradient, &mut hessian).map_err(|error| {
            let (channel, process) = (quoted(&channel.channel().name), quoted(&process.name));
            Error::Argument(format!("channel {channel}, process {process}: {error}"))
        })?;
        let gradient = gradient.into_iter().enumerate().filter(|(_, slope)| *slope != 0.0);
        Ok(Expected { value, gradient: gradient.collect(), hessian })
    };
    channel.channel().processes.iter().map(one).collect()
}

/// Adds a channel's derivatives.
fn add_channel(
    all: &mut Evaluation,
    channel: &Compiled,
    expected: &[Expected],
    sums: &Sums,
    theta: &[f64],
    order: Order,
) {
    let n = theta.len();
    // how each of the channel's variables follows the parameters
    let mut rows: Vec<Vec<(usize, f64)>> = expected.iter().map(|e| e.gradient.clone()).collect();
    rows.extend(channel.free.iter().map(|free| vec![(free.parameter, 1.0)]));
    let in_yield: Vec<f64> =
        sums.first[..expected.len()].iter().map(|sum| 1.0 - sum.total()).collect();
    for (a, row) in rows.iter().enumerate() {
        let slope = in_yield.get(a).copied().unwrap_or_else(|| -sums.first[a].total());
        row.iter().for_each(|(k, by)| all.gradient[*k] += slope * by);
    }
    for (process, (expected, slope)) in
        channel.channel().processes.iter().zip(expected.iter().zip(&in_yield))
    {
        for modifier in &process.expected.modifiers {
            let k = modifier.parameter();
            if theta[k] == 0.0 {
                // the factor itself is 1 there
                all.jump[k] += slope * expected.value * modifier.jump();
            }
        }
        if order == Order::Hessian {
            for (at, curvature) in expected.hessian.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                let (k, l) = row_and_column(at);
                all.hessian[k * n + l] += slope * curvature;
                if k != l {
                    all.hessian[l * n + k] += slope * curvature;
                }
            }
        }
    }
    if order < Order::Hessian {
        return;
    }
    for (a, row) in rows.iter().enumerate() {
        for (b, column) in rows.iter().enumerate() {
            let at = place(a, b);
            let information = sums.information[at].total();
            let curvature = information - sums.bend[at].total();
            for (k, by) in row {
                for (l, other) in column {
                    all.hessian[k * n + l] += by * curvature * other;
                    if k == l {
                        all.information[*k] += by * information * other;
                    }
                }
            }
        }
    }
}
