//! One sample at one point of the parameters: the three parts of its rate and their derivatives.

use super::interpolation::{Derivatives, histosys_slopes};
use super::{Factor, Model};

/// A sample at a point: `rate[b] = scale * counts[b] * gammas[b]`, the product of the scalar factors
/// times nominal plus the histosys changes times the factors per bin (CERN-OPEN-2012-016, eq. 4;
/// arXiv:2009.13306 for pyhf's wording).
pub(super) struct SampleAt {
    /// Parameter and value of each scalar factor; no parameter comes twice.
    pub(super) factors: Vec<(usize, Derivatives)>,
    /// Product of the factors.
    pub(super) scale: f64,
    /// Product of the factors that are not zero, and how many are zero.
    nonzero: (f64, usize),
    /// Nominal counts plus histosys changes, `[n_bins]`.
    pub(super) counts: Vec<f64>,
    /// Product of the factors per bin, `[n_bins]`.
    pub(super) gammas: Vec<f64>,
}

impl SampleAt {
    pub(super) fn new(model: &Model, index: usize, x: &[f64]) -> Self {
        let sample = &model.samples[index];
        let factors: Vec<(usize, Derivatives)> = sample
            .factors
            .iter()
            .zip(&model.curves[index])
            .map(|(factor, curve)| match *factor {
                Factor::Linear { parameter } => (parameter, Derivatives::linear(x[parameter])),
                Factor::NormSys { parameter, .. } => (parameter, curve.at(x[parameter])),
            })
            .collect();
        let mut nonzero = (1.0, 0);
        let mut scale = 1.0;
        for (_, factor) in &factors {
            scale *= factor.value;
            if factor.value == 0.0 {
                nonzero.1 += 1;
            } else {
                nonzero.0 *= factor.value;
            }
        }
        let mut counts = sample.nominal.clone();
        for shape in &sample.shapes {
            let alpha = x[shape.parameter];
            let bend = model.interpolation.histosys.bend(alpha).value;
            for (b, count) in counts.iter_mut().enumerate() {
                let (s, a) = histosys_slopes(sample.nominal[b], shape.lo[b], shape.hi[b]);
                *count += alpha * s + bend * a;
            }
        }
        let mut gammas = vec![1.0; counts.len()];
        for &first in &sample.bin_factors {
            for (b, gamma) in gammas.iter_mut().enumerate() {
                *gamma *= x[first + b];
            }
        }
        Self { factors, scale, nonzero, counts, gammas }
    }

    /// Rate in bin `b`.
    pub(super) fn rate(&self, b: usize) -> f64 {
        self.scale * self.counts[b] * self.gammas[b]
    }

    /// Product of the factors other than those listed (at most each once).
    pub(super) fn scale_without(&self, left_out: &[usize]) -> f64 {
        let (mut product, mut zeros) = self.nonzero;
        for &i in left_out {
            let value = self.factors[i].1.value;
            if value == 0.0 {
                zeros -= 1;
            } else {
                product /= value;
            }
        }
        if zeros > 0 { 0.0 } else { product }
    }

    /// Derivative of the scale in the parameter of factor `i`.
    pub(super) fn scale_slope(&self, i: usize) -> f64 {
        self.scale_without(&[i]) * self.factors[i].1.first
    }

    /// Product of the factors per bin other than number `i` of `bin_factors`.
    pub(super) fn gammas_without(bin_factors: &[usize], x: &[f64], i: usize, b: usize) -> f64 {
        let others = bin_factors.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, first)| x[first + b]).product()
    }
}
