//! Expected data.

use super::build::bins;
use super::sample_at::SampleAt;
use super::{Constraint, Data, Model};

impl Model {
    /// Expected counts `[n_bins]` at `x`, `[n_parameters]`.
    pub fn expected_main(&self, x: &[f64]) -> Vec<f64> {
        let mut rates = vec![0.0; self.n_bins()];
        for (index, sample) in self.samples.iter().enumerate() {
            let at = SampleAt::new(self, index, x);
            let bins = bins(&self.channels[sample.channel]);
            for (b, rate) in rates[bins].iter_mut().enumerate() {
                *rate += at.rate(b);
            }
        }
        rates
    }

    /// Expected counts of each sample at `x`: `[n_samples][n_bins of its channel]`.
    pub fn expected_by_sample(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let rates = |index| {
            let at = SampleAt::new(self, index, x);
            (0..at.counts.len()).map(|b| at.rate(b)).collect()
        };
        (0..self.samples.len()).map(rates).collect()
    }

    /// Expected auxiliary data `[n_auxiliary]` at `x`: the parameter itself for Gaussian constraints,
    /// tau times the parameter for Poisson ones.
    pub fn expected_auxiliary(&self, x: &[f64]) -> Vec<f64> {
        let expected = |&parameter: &usize| match self.parameters[parameter].constraint {
            Constraint::Poisson { tau, .. } => tau * x[parameter],
            Constraint::Gaussian { .. } | Constraint::None => x[parameter],
        };
        self.auxiliary.iter().map(expected).collect()
    }

    /// The Asimov dataset of `x` (arXiv:1007.1727, section 3.2): expected main and auxiliary data.
    pub fn asimov(&self, x: &[f64]) -> Data {
        Data {
            main: self.expected_main(x),
            auxiliary: self.expected_auxiliary(x),
        }
    }
}
