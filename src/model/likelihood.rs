//! The negative log-likelihood, its gradient, its Hessian and the expected (Fisher) information.
//!
//! `nll = sum over bins of -log Poisson(n | rate) + sum of the constraint terms`, with every constant:
//! pyhf's `logpdf` with the sign changed.

use nalgebra::DMatrix;

use super::{Constraint, Data, Jacobian, Model, poisson};
use poisson::NegativeRates;

impl Model {
    /// `-log pdf` of `data` at `x`, `[n_parameters]`. `+inf` where the data are impossible; never NaN.
    ///
    /// # Panics
    /// If `x` or `data` are shorter than the model; see [`Model::check_parameters`] and
    /// [`Model::check_data`].
    pub fn nll(&self, x: &[f64], data: &Data) -> f64 {
        let total = self.nll_main(x, data) + self.nll_constraints(x, data);
        if total.is_nan() { f64::INFINITY } else { total }
    }

    /// The main measurement's part of [`Model::nll`].
    pub fn nll_main(&self, x: &[f64], data: &Data) -> f64 {
        let rates = self.expected_main(x);
        let term = |(&count, &rate): (&f64, &f64)| poisson::term(count, rate, self.negative_rates);
        data.main.iter().zip(&rates).map(term).sum()
    }

    /// The constraint terms' part of [`Model::nll`].
    pub fn nll_constraints(&self, x: &[f64], data: &Data) -> f64 {
        let term = |(parameter, &value): (&super::Parameter, &f64)| match parameter.constraint {
            Constraint::None => 0.0,
            Constraint::Gaussian { sigma, auxiliary } => {
                let pull = (data.auxiliary[auxiliary] - value) / sigma;
                let width = libm::log(sigma * (2.0 * std::f64::consts::PI).sqrt());
                let term = 0.5 * pull * pull + width;
                if term.is_nan() { f64::INFINITY } else { term }
            }
            Constraint::Poisson { tau, auxiliary } => poisson::term(
                data.auxiliary[auxiliary],
                tau * value,
                NegativeRates::Linear,
            ),
        };
        self.parameters.iter().zip(x).map(term).sum()
    }

    /// Gradient of [`Model::nll`], `[n_parameters]`. Where the NLL is infinite so may this be, or NaN.
    pub fn gradient(&self, x: &[f64], data: &Data) -> Vec<f64> {
        let jacobian = self.jacobian(x);
        let mut gradient = self.constraint_slopes(x, data);
        for (channel, derivatives) in self.channels.iter().zip(&jacobian.channels) {
            for b in 0..channel.n_bins {
                let bin = channel.first_bin + b;
                let slope =
                    poisson::slope(data.main[bin], jacobian.rates[bin], self.negative_rates);
                // A parameter without effect on an impossible bin must not turn 0 * inf into NaN.
                for (parameter, derivative) in derivatives.bin(b).filter(|(_, d)| *d != 0.0) {
                    gradient[parameter] += slope * derivative;
                }
            }
        }
        gradient
    }

    /// Hessian of [`Model::nll`] in all parameters (fixed ones too), `[n_parameters, n_parameters]`:
    /// the observed information.
    ///
    /// With rates `v` and bin terms `f(v)`: `sum_b f''(v_b) dv_b dv_b^T + f'(v_b) d2v_b`.
    pub fn hessian(&self, x: &[f64], data: &Data) -> DMatrix<f64> {
        let (jacobian, samples) = self.jacobian_and_samples(x);
        let pairs = || data.main.iter().zip(&jacobian.rates);
        let policy = self.negative_rates;
        let weights: Vec<f64> = pairs()
            .map(|(&n, &v)| poisson::curvature(n, v, policy))
            .collect();
        let slopes: Vec<f64> = pairs()
            .map(|(&n, &v)| poisson::slope(n, v, policy))
            .collect();
        let mut lower = LowerTriangle::new(self.parameters.len());
        self.add_outer_products(&jacobian, &weights, &mut lower);
        self.add_second_order(x, &samples, &slopes, &mut lower);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let curvature = match parameter.constraint {
                Constraint::None => 0.0,
                Constraint::Gaussian { sigma, .. } => 1.0 / (sigma * sigma),
                Constraint::Poisson { tau, auxiliary } => {
                    let count = data.auxiliary[auxiliary];
                    let policy = NegativeRates::Linear;
                    tau * tau * poisson::curvature(count, tau * x[index], policy)
                }
            };
            lower.add(index, index, curvature);
        }
        lower.symmetric()
    }

    /// Expected information at `x`: the mean of [`Model::hessian`] over data that follow the model
    /// there. Bins whose rate is not positive say nothing.
    pub fn fisher(&self, x: &[f64]) -> DMatrix<f64> {
        let jacobian = self.jacobian(x);
        let information = |&rate: &f64| if rate > 0.0 { 1.0 / rate } else { 0.0 };
        let weights: Vec<f64> = jacobian.rates.iter().map(information).collect();
        let mut lower = LowerTriangle::new(self.parameters.len());
        self.add_outer_products(&jacobian, &weights, &mut lower);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let curvature = match parameter.constraint {
                Constraint::None => 0.0,
                Constraint::Gaussian { sigma, .. } => 1.0 / (sigma * sigma),
                Constraint::Poisson { tau, .. } => tau * tau * information(&(tau * x[index])),
            };
            lower.add(index, index, curvature);
        }
        lower.symmetric()
    }

    /// Gradient of the constraint terms.
    fn constraint_slopes(&self, x: &[f64], data: &Data) -> Vec<f64> {
        let slope = |(parameter, &value): (&super::Parameter, &f64)| match parameter.constraint {
            Constraint::None => 0.0,
            Constraint::Gaussian { sigma, auxiliary } => {
                (value - data.auxiliary[auxiliary]) / (sigma * sigma)
            }
            Constraint::Poisson { tau, auxiliary } => {
                let count = data.auxiliary[auxiliary];
                tau * poisson::slope(count, tau * value, NegativeRates::Linear)
            }
        };
        self.parameters.iter().zip(x).map(slope).collect()
    }

    /// Adds `sum_b weights[b] dv_b dv_b^T`, a dense block per channel.
    fn add_outer_products(&self, jacobian: &Jacobian, weights: &[f64], lower: &mut LowerTriangle) {
        for (channel, derivatives) in self.channels.iter().zip(&jacobian.channels) {
            let whole = derivatives.parameters.len();
            let single = derivatives.bin_factors.len();
            let mut block = vec![0.0; whole * whole];
            for b in 0..channel.n_bins {
                let weight = weights[channel.first_bin + b];
                if weight == 0.0 {
                    continue;
                }
                let row = &derivatives.derivatives[b * whole..(b + 1) * whole];
                for (i, &left) in row.iter().enumerate().filter(|(_, d)| **d != 0.0) {
                    let scaled = weight * left;
                    let target = &mut block[i * whole..i * whole + i + 1];
                    for (entry, &right) in target.iter_mut().zip(row) {
                        *entry += scaled * right;
                    }
                }
                let bin_row = &derivatives.bin_derivatives[b * single..(b + 1) * single];
                for (i, &left) in bin_row.iter().enumerate().filter(|(_, d)| **d != 0.0) {
                    let parameter = derivatives.bin_factors[i] + b;
                    let scaled = weight * left;
                    for (&other, &right) in derivatives.parameters.iter().zip(row) {
                        lower.add(parameter, other, scaled * right);
                    }
                    for (&other, &right) in derivatives.bin_factors[..=i].iter().zip(bin_row) {
                        lower.add(parameter, other + b, scaled * right);
                    }
                }
            }
            for (i, &left) in derivatives.parameters.iter().enumerate() {
                for (j, &right) in derivatives.parameters[..=i].iter().enumerate() {
                    lower.add(left, right, block[i * whole + j]);
                }
            }
        }
    }
}

/// A symmetric matrix under construction: only the lower triangle is written.
pub(super) struct LowerTriangle {
    size: usize,
    entries: Vec<f64>,
}

impl LowerTriangle {
    fn new(size: usize) -> Self {
        Self {
            size,
            entries: vec![0.0; size * size],
        }
    }

    /// Adds to entry (i, j) and its mirror image.
    #[inline]
    pub(super) fn add(&mut self, i: usize, j: usize, value: f64) {
        let (row, column) = if i >= j { (i, j) } else { (j, i) };
        self.entries[row * self.size + column] += value;
    }

    fn symmetric(self) -> DMatrix<f64> {
        DMatrix::from_fn(self.size, self.size, |i, j| {
            self.entries[i.max(j) * self.size + i.min(j)]
        })
    }
}
