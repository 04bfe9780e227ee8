//! The part of the Hessian that second derivatives of the rates make.

use super::Model;
use super::build::bins;
use super::interpolation::histosys_slopes;
use super::likelihood::LowerTriangle;
use super::sample_at::SampleAt;

impl Model {
    /// Adds `sum_b slopes[b] d2 rate[b]`, sample after sample. A rate is a product of the scale, the
    /// counts and the factors per bin, so each pair of parts has its own kind of term.
    pub(super) fn add_second_order(
        &self,
        x: &[f64],
        samples: &[SampleAt],
        slopes: &[f64],
        lower: &mut LowerTriangle,
    ) {
        for (index, at) in samples.iter().enumerate() {
            let channel = &self.channels[self.samples[index].channel];
            let slopes = &slopes[bins(channel)];
            let scale_slopes: Vec<f64> = (0..at.factors.len()).map(|i| at.scale_slope(i)).collect();
            factor_pairs(at, &scale_slopes, slopes, lower);
            self.shape_terms(index, x, at, &scale_slopes, slopes, lower);
            self.bin_factor_terms(index, x, at, &scale_slopes, slopes, lower);
        }
    }

    /// Curvature of the shapes, and shapes with factors and factors per bin. Two shapes have no term:
    /// their changes add.
    fn shape_terms(
        &self,
        index: usize,
        x: &[f64],
        at: &SampleAt,
        scale_slopes: &[f64],
        slopes: &[f64],
        lower: &mut LowerTriangle,
    ) {
        let sample = &self.samples[index];
        for shape in &sample.shapes {
            let parameter = shape.parameter;
            let bend = self.interpolation.histosys.bend(x[parameter]);
            let (mut first, mut second) = (0.0, 0.0);
            for (b, slope) in slopes.iter().enumerate() {
                let (s, a) = histosys_slopes(sample.nominal[b], shape.lo[b], shape.hi[b]);
                let change = s + bend.first * a;
                first += slope * at.gammas[b] * change;
                second += slope * at.gammas[b] * bend.second * a;
                for (i, bin_first) in sample.bin_factors.iter().enumerate() {
                    let others = SampleAt::gammas_without(&sample.bin_factors, x, i, b);
                    lower.add(bin_first + b, parameter, slope * at.scale * others * change);
                }
            }
            lower.add(parameter, parameter, at.scale * second);
            for (&(other, _), scale_slope) in at.factors.iter().zip(scale_slopes) {
                // A name shared by normsys and histosys meets itself: both orders of d2.
                let times = if other == parameter { 2.0 } else { 1.0 };
                lower.add(other, parameter, times * scale_slope * first);
            }
        }
    }

    /// Factors per bin with scalar factors and with each other.
    fn bin_factor_terms(
        &self,
        index: usize,
        x: &[f64],
        at: &SampleAt,
        scale_slopes: &[f64],
        slopes: &[f64],
        lower: &mut LowerTriangle,
    ) {
        let bin_factors = &self.samples[index].bin_factors;
        for (i, first) in bin_factors.iter().enumerate() {
            for (b, slope) in slopes.iter().enumerate() {
                let weight = slope * at.counts[b];
                let others = SampleAt::gammas_without(bin_factors, x, i, b);
                for (&(parameter, _), scale_slope) in at.factors.iter().zip(scale_slopes) {
                    lower.add(first + b, parameter, weight * others * scale_slope);
                }
                for (j, second) in bin_factors[..i].iter().enumerate() {
                    let rest = bin_factors
                        .iter()
                        .enumerate()
                        .filter(|(k, _)| *k != i && *k != j);
                    let rest: f64 = rest.map(|(_, third)| x[third + b]).product();
                    lower.add(first + b, second + b, weight * at.scale * rest);
                }
            }
        }
    }
}

/// Pairs of scalar factors, and the curvature of each.
fn factor_pairs(at: &SampleAt, scale_slopes: &[f64], slopes: &[f64], lower: &mut LowerTriangle) {
    let counts: f64 = slopes
        .iter()
        .enumerate()
        .map(|(b, slope)| slope * at.counts[b] * at.gammas[b])
        .sum();
    for (i, &(parameter, factor)) in at.factors.iter().enumerate() {
        if factor.second != 0.0 {
            lower.add(
                parameter,
                parameter,
                at.scale_without(&[i]) * factor.second * counts,
            );
        }
        for (j, &(other, other_factor)) in at.factors[..i].iter().enumerate() {
            let both = if at.scale != 0.0 {
                scale_slopes[i] * scale_slopes[j] / at.scale
            } else {
                at.scale_without(&[i, j]) * factor.first * other_factor.first
            };
            lower.add(parameter, other, both * counts);
        }
    }
}
