//! First derivatives of the expected counts.

use super::build::bins;
use super::interpolation::histosys_slopes;
use super::sample_at::SampleAt;
use super::{Factor, Model, Sample};

/// Expected counts and their derivatives, channel by channel: a parameter is listed only where some
/// sample depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobian {
    /// Expected counts, `[n_bins]`.
    pub rates: Vec<f64>,
    /// One per channel.
    pub channels: Vec<ChannelJacobian>,
}

/// Derivatives of one channel's expected counts.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelJacobian {
    /// Parameters that act on the whole channel, ascending.
    pub parameters: Vec<usize>,
    /// `d rate[b]` / d parameter, `[n_bins, parameters]`.
    pub derivatives: Vec<f64>,
    /// First parameters of the factors per bin, ascending: in bin `b` the parameter is `first + b`.
    pub bin_factors: Vec<usize>,
    /// `d rate[b]` / d (first + b), `[n_bins, bin_factors]`.
    pub bin_derivatives: Vec<f64>,
}

impl ChannelJacobian {
    /// Derivatives of the rate in bin `b` as (parameter, derivative).
    pub fn bin(&self, b: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (whole, single) = (self.parameters.len(), self.bin_factors.len());
        let derivatives = &self.derivatives[b * whole..(b + 1) * whole];
        let bin_derivatives = &self.bin_derivatives[b * single..(b + 1) * single];
        self.parameters.iter().copied().zip(derivatives.iter().copied()).chain(
            self.bin_factors
                .iter()
                .map(move |first| first + b)
                .zip(bin_derivatives.iter().copied()),
        )
    }
}

impl Model {
    /// Expected counts at `x` and their derivatives.
    pub fn jacobian(&self, x: &[f64]) -> Jacobian {
        self.jacobian_and_samples(x).0
    }

    /// Derivatives of each sample's expected counts, `[n_samples]`, in the parameters that act on it.
    pub fn jacobian_by_sample(&self, x: &[f64]) -> Vec<ChannelJacobian> {
        let mut column = vec![0; self.parameters.len()];
        let of = |(index, sample): (usize, &Sample)| {
            let mut target = structure(std::slice::from_ref(sample), sample.nominal.len());
            set_columns(&target, &mut column);
            self.add_sample(index, &SampleAt::new(self, index, x), x, &column, &mut target);
            target
        };
        self.samples.iter().enumerate().map(of).collect()
    }

    /// The Jacobian, and the samples at `x` for whoever goes on to second derivatives.
    pub(super) fn jacobian_and_samples(&self, x: &[f64]) -> (Jacobian, Vec<SampleAt>) {
        let mut jacobian = Jacobian {
            rates: vec![0.0; self.n_bins()],
            channels: (0..self.channels.len()).map(|c| self.structure(c)).collect(),
        };
        let samples: Vec<SampleAt> =
            (0..self.samples.len()).map(|index| SampleAt::new(self, index, x)).collect();
        // Where a parameter stands among the current channel's `parameters` or `bin_factors`.
        let mut column = vec![0; self.parameters.len()];
        for (index, at) in samples.iter().enumerate() {
            let channel = self.samples[index].channel;
            let target = &mut jacobian.channels[channel];
            if index == 0 || self.samples[index - 1].channel != channel {
                set_columns(target, &mut column);
            }
            let rates = &mut jacobian.rates[bins(&self.channels[channel])];
            for (b, rate) in rates.iter_mut().enumerate() {
                *rate += at.rate(b);
            }
            self.add_sample(index, at, x, &column, target);
        }
        (jacobian, samples)
    }

    /// An empty [`ChannelJacobian`]: which parameters act on channel `c`.
    fn structure(&self, c: usize) -> ChannelJacobian {
        let first = self.samples.partition_point(|sample| sample.channel < c);
        let last = self.samples.partition_point(|sample| sample.channel <= c);
        structure(&self.samples[first..last], self.channels[c].n_bins)
    }

    /// Adds one sample's derivatives.
    fn add_sample(
        &self,
        index: usize,
        at: &SampleAt,
        x: &[f64],
        column: &[usize],
        target: &mut ChannelJacobian,
    ) {
        let sample = &self.samples[index];
        let n_bins = sample.nominal.len();
        let whole = target.parameters.len();
        for (i, &(parameter, _)) in at.factors.iter().enumerate() {
            let slope = at.scale_slope(i);
            for b in 0..n_bins {
                target.derivatives[b * whole + column[parameter]] +=
                    slope * at.counts[b] * at.gammas[b];
            }
        }
        for shape in &sample.shapes {
            let bend = self.interpolation.histosys.bend(x[shape.parameter]);
            for b in 0..n_bins {
                let (s, a) = histosys_slopes(sample.nominal[b], shape.lo[b], shape.hi[b]);
                target.derivatives[b * whole + column[shape.parameter]] +=
                    at.scale * at.gammas[b] * (s + bend.first * a);
            }
        }
        let single = target.bin_factors.len();
        for (i, &first) in sample.bin_factors.iter().enumerate() {
            for b in 0..n_bins {
                let others = SampleAt::gammas_without(&sample.bin_factors, x, i, b);
                target.bin_derivatives[b * single + column[first]] +=
                    at.scale * at.counts[b] * others;
            }
        }
    }
}

/// An empty [`ChannelJacobian`] of some samples of a channel.
fn structure(samples: &[Sample], n_bins: usize) -> ChannelJacobian {
    let mut parameters = Vec::new();
    let mut bin_factors = Vec::new();
    for sample in samples {
        parameters.extend(sample.factors.iter().map(Factor::parameter));
        parameters.extend(sample.shapes.iter().map(|shape| shape.parameter));
        bin_factors.extend(&sample.bin_factors);
    }
    parameters.sort_unstable();
    parameters.dedup();
    bin_factors.sort_unstable();
    bin_factors.dedup();
    ChannelJacobian {
        derivatives: vec![0.0; n_bins * parameters.len()],
        bin_derivatives: vec![0.0; n_bins * bin_factors.len()],
        parameters,
        bin_factors,
    }
}

/// Where each parameter stands among `parameters` or `bin_factors`.
fn set_columns(of: &ChannelJacobian, column: &mut [usize]) {
    for (k, &parameter) in of.parameters.iter().enumerate() {
        column[parameter] = k;
    }
    for (k, &first) in of.bin_factors.iter().enumerate() {
        column[first] = k;
    }
}
