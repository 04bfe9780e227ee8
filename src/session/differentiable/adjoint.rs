//! Derivatives of a number in everything that yields reach it through, from the number back to the yields.

use super::place::{Here, Place};
use super::{Differentiable, Sourced};
use crate::Result;
use crate::model::{Constraint, Data, Direction, FullGradient};

/// d number / d yields and d data. The parameters' share is passed on at once, through the fit they come from.
pub(super) struct Adjoint {
    /// `[cells]`.
    pub(super) yields: Vec<f64>,
    /// `[n_bins]`.
    pub(super) main: Vec<f64>,
    /// `[n_auxiliary]`.
    pub(super) auxiliary: Vec<f64>,
}

impl Adjoint {
    fn add(&mut self, weight: f64, gradient: &FullGradient) {
        add(&mut self.yields, weight, &gradient.yields);
        add(&mut self.main, weight, &gradient.main);
        add(&mut self.auxiliary, weight, &gradient.auxiliary);
    }
}

fn add(to: &mut [f64], weight: f64, from: &[f64]) {
    // a weight of 0 silences what is not finite, too
    if weight != 0.0 {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
    }
}

/// Twice the difference between the NLL of two points for the same data.
pub(super) struct Difference<'a> {
    pub(super) data: &'a Data,
    /// Parameters and what the NLL is there.
    pub(super) upper: (&'a [f64], &'a Here),
    pub(super) lower: (&'a [f64], &'a Here),
}

impl Differentiable {
    pub(super) fn adjoint(&self) -> Adjoint {
        Adjoint {
            yields: vec![0.0; self.cells.len()],
            main: vec![0.0; self.model.n_bins()],
            auxiliary: vec![0.0; self.model.n_auxiliary()],
        }
    }

    /// Adds `weight` times the gradient of a difference. At minima the parameters have no share: the
    /// envelope theorem.
    pub(super) fn add_difference(
        &self,
        to: &mut Adjoint,
        place: &Place,
        weight: f64,
        difference: &Difference<'_>,
        data_move: bool,
    ) {
        let Difference { data, upper, lower } = *difference;
        if weight == 0.0 {
            return;
        }
        for ((x, here), weight) in [(upper, 2.0 * weight), (lower, -2.0 * weight)] {
            add(&mut to.yields, weight, &place.yield_slopes(&self.cells, x, here));
        }
        if !data_move {
            return;
        }
        let model = place.model();
        let rates = [model.expected_main(upper.0), model.expected_main(lower.0)];
        for (b, main) in to.main.iter_mut().enumerate() {
            let (above, below) = (rates[0][b], rates[1][b]);
            // a bin that is empty whatever happens
            let moves = data.main[b] > 0.0 || above > 0.0 && below > 0.0;
            *main += if moves { 2.0 * weight * libm::log(below / above) } else { 0.0 };
        }
        for (&k, auxiliary) in model.auxiliary().iter().zip(&mut to.auxiliary) {
            let (above, below) = (upper.0[k], lower.0[k]);
            *auxiliary += 2.0
                * weight
                * match model.parameters()[k].constraint {
                    Constraint::Gaussian { sigma, .. } => (below - above) / (sigma * sigma),
                    Constraint::Poisson { .. } if above > 0.0 && below > 0.0 => {
                        libm::log(below / above)
                    }
                    Constraint::Poisson { .. } | Constraint::None => 0.0,
                };
        }
    }

    /// The share of expected data at `x`, whose own derivatives are `of`: adds to the yields, returns the
    /// parameters' share.
    pub(super) fn through_expected(
        &self,
        to: &mut Adjoint,
        place: &Place,
        x: &[f64],
        of: &Adjoint,
    ) -> Vec<f64> {
        let model = place.model();
        let jacobian = model.jacobian(x);
        // data are never below 0, whatever is expected
        let moves = |b: usize| if jacobian.rates[b] > 0.0 { of.main[b] } else { 0.0 };
        let factors = model.yield_factors(&self.cells, x);
        for ((i, bin), factor) in self.cells.bins().zip(factors) {
            to.yields[i] += moves(bin) * factor;
        }
        let mut share = vec![0.0; x.len()];
        for (channel, derivatives) in model.channels().iter().zip(&jacobian.channels) {
            for b in 0..channel.n_bins {
                let weight = moves(channel.first_bin + b);
                derivatives.bin(b).for_each(|(k, derivative)| share[k] += weight * derivative);
            }
        }
        for (&k, slope) in model.auxiliary().iter().zip(&of.auxiliary) {
            share[k] += match model.parameters()[k].constraint {
                Constraint::Poisson { tau, .. } => tau * slope,
                Constraint::Gaussian { .. } | Constraint::None => *slope,
            };
        }
        share
    }

    /// The share of best-fit parameters `x` of `data`, whose own derivatives are `share`: by the implicit
    /// function theorem, d x = -H^-1 d(gradient).
    pub(super) fn through_fit(
        &self,
        to: &mut Adjoint,
        place: &Place,
        data: &Data,
        x: &[f64],
        (covariance, share): (&[f64], &[f64]),
    ) {
        let n = x.len();
        let direction: Vec<f64> = (0..n)
            .map(|k| covariance[k * n..(k + 1) * n].iter().zip(share).map(|(c, s)| c * s).sum())
            .collect();
        let direction = Direction { parameters: &direction, yields: &[] };
        let [_, moved, _] = place.model().gradient_along(x, data, &self.cells, direction);
        to.add(-1.0, &moved);
    }

    /// Adds `weight` times the gradient of `u' H u`, H the Hessian at the best fit `x` of `data`.
    pub(super) fn add_curvature(
        &self,
        to: &mut Adjoint,
        place: &Place,
        (data, x): (&Data, &[f64]),
        (u, weight): (&[f64], f64),
        covariance: &[f64],
    ) {
        let direction = Direction { parameters: u, yields: &[] };
        let [_, _, second] = place.model().gradient_along(x, data, &self.cells, direction);
        to.add(weight, &second);
        let share: Vec<f64> = second.parameters.iter().map(|g| weight * g).collect();
        self.through_fit(to, place, data, x, (covariance, &share));
    }

    /// d number / d yields, `[cells]`, once all is added: the data's share is passed on if they move.
    pub(super) fn finish(
        &self,
        mut of: Adjoint,
        place: &Place,
        sourced: &Sourced,
    ) -> Result<Vec<f64>> {
        if let Some(at) = &sourced.at {
            let factors = place.model().yield_factors(&self.cells, at);
            for ((i, bin), factor) in self.cells.bins().zip(factors) {
                // data are never below 0, whatever is expected
                let moves = sourced.data.main[bin] > 0.0;
                of.yields[i] += if moves { of.main[bin] * factor } else { 0.0 };
            }
        }
        match of.yields.iter().position(|y| !y.is_finite()) {
            None => Ok(of.yields),
            Some(i) => Err(crate::Error::Convergence(format!(
                "the derivative in yield {i} is {}: a bin with events expects none",
                of.yields[i]
            ))),
        }
    }
}
