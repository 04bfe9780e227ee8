//! Likelihood and gradient of one block of lanes: forward through a channel's samples to its rates,
//! backward through the same samples to the gradient. One toy per SIMD lane; the tables are scalars
//! shared by all lanes.

use std::ops::Range;

use bytemuck::Pod;
use pulp::Simd;

use super::arrays::{Arrays, exponentials, logarithms};
use super::interpolation::{coefficients, normsys, per_parameter};
use super::math;
use crate::accelerator::Problem;
use crate::accelerator::program::{ChannelRun, Program, SampleRun};
use crate::aligned::Aligned;
use crate::model::interpolation::HistoSysInterpolation;

/// Working memory of one thread, sized for one program.
pub(super) struct Scratch<V> {
    h: Aligned<V>,
    slope: Aligned<V>,
    magnitude: Aligned<V>,
    beyond: Vec<bool>,
    factor: Aligned<V>,
    derivative: Aligned<V>,
    prefix: Aligned<V>,
    scale: Aligned<V>,
    shape: Aligned<V>,
    bins: Aligned<V>,
    rate: Aligned<V>,
    adjoint: Aligned<V>,
    argument: Aligned<V>,
    function: Aligned<V>,
}

/// The same as slices.
pub(super) struct Work<'a, V> {
    /// `h(alpha)` and `h'(alpha)`, `[n_parameters]`.
    pub(super) h: &'a mut [V],
    pub(super) slope: &'a mut [V],
    /// |alpha| of normsys parameters, and whether any lane is beyond the threshold.
    pub(super) magnitude: &'a mut [V],
    pub(super) beyond: &'a mut [bool],
    /// Per scalar factor of the channel in work: value, derivative, product of those before it.
    factor: &'a mut [V],
    derivative: &'a mut [V],
    prefix: &'a mut [V],
    /// Per sample: product of its scalar factors.
    scale: &'a mut [V],
    /// Per sample and bin: shape sum, product of bin factors.
    shape: &'a mut [V],
    bins: &'a mut [V],
    /// Per bin: rate, then weight d NLL / d rate.
    pub(super) rate: &'a mut [V],
    /// Per bin of a sample: d NLL / d shape sum.
    adjoint: &'a mut [V],
    /// Functions of whole arrays, where the system computes them: per normsys entry of the channel,
    /// then per bin.
    pub(super) argument: &'a mut [V],
    pub(super) function: &'a mut [V],
}

impl<V: Pod> Scratch<V> {
    pub(super) fn new(p: &Program) -> Self {
        let n = p.lower.len();
        let widest = |f: &dyn Fn(&ChannelRun) -> usize| p.channels.iter().map(f).max().unwrap_or(0);
        let factors = widest(&|c| {
            let samples = &p.samples[c.samples.clone()];
            samples.iter().map(|s| s.linear.len() + s.normsys.len()).sum()
        });
        let samples = widest(&|c| c.samples.len());
        let cells = widest(&|c| c.samples.len() * c.bins.len());
        let bins = widest(&|c| c.bins.len());
        Self {
            h: Aligned::new(n),
            slope: Aligned::new(n),
            magnitude: Aligned::new(n),
            beyond: vec![false; n],
            factor: Aligned::new(factors),
            derivative: Aligned::new(factors),
            prefix: Aligned::new(factors),
            scale: Aligned::new(samples),
            shape: Aligned::new(cells),
            bins: Aligned::new(cells),
            rate: Aligned::new(bins),
            adjoint: Aligned::new(bins),
            argument: Aligned::new(factors.max(bins)),
            function: Aligned::new(factors.max(bins)),
        }
    }

    fn work(&mut self) -> Work<'_, V> {
        Work {
            h: &mut self.h,
            slope: &mut self.slope,
            magnitude: &mut self.magnitude,
            beyond: &mut self.beyond,
            factor: &mut self.factor,
            derivative: &mut self.derivative,
            prefix: &mut self.prefix,
            scale: &mut self.scale,
            shape: &mut self.shape,
            bins: &mut self.bins,
            rate: &mut self.rate,
            adjoint: &mut self.adjoint,
            argument: &mut self.argument,
            function: &mut self.function,
        }
    }
}

/// One block of lanes.
pub(super) struct Block<'a, V> {
    pub(super) parameters: &'a [V],
    pub(super) main: &'a [V],
    pub(super) auxiliary: &'a [V],
    pub(super) gradient: &'a mut [V],
    /// Empty for programs without kinks.
    pub(super) jump: &'a mut [V],
    /// d NLL / d rate of each bin, where somebody wants it; else empty.
    pub(super) bin_slopes: &'a mut [V],
    /// None: our own functions, lane by lane.
    pub(super) arrays: Option<&'a Arrays>,
    /// First bin with a negative rate, or -1.
    pub(super) negative_bin: V,
}

/// NLL of each lane without the terms of the data alone; fills gradient and jump.
#[inline(always)]
pub(super) fn evaluate<S: Simd>(
    simd: S,
    p: &Program,
    scratch: &mut Scratch<S::f64s>,
    block: &mut Block<'_, S::f64s>,
) -> S::f64s {
    let w = &mut scratch.work();
    let zero = simd.splat_f64s(0.0);
    block.gradient.fill(zero);
    block.jump.fill(zero);
    per_parameter(simd, p, w, block.parameters);
    let mut nll = zero;
    block.negative_bin = simd.splat_f64s(-1.0);
    for channel in &p.channels {
        forward(simd, p, w, channel, block.parameters, block.arrays);
        let ready = match block.arrays {
            Some(arrays) => logarithms(simd, w, &block.main[channel.bins.clone()], arrays),
            None => false,
        };
        for (b, bin) in channel.bins.clone().enumerate() {
            let log = ready.then(|| w.function[b]);
            let (value, slope) = math::poisson(simd, block.main[bin], w.rate[b], p.floor, log);
            nll = simd.add_f64s(nll, value);
            if math::any(simd, simd.less_than_f64s(w.rate[b], zero)) {
                note_negative(simd, w.rate[b], bin, &mut block.negative_bin);
            }
            w.rate[b] = slope;
            if let Some(wanted) = block.bin_slopes.get_mut(bin) {
                *wanted = slope;
            }
        }
        backward(simd, p, w, channel, 0..channel.bins.len(), block);
    }
    simd.add_f64s(nll, constraints(simd, p, block))
}

/// Where [`curvature`] writes; see [`LaneCurvature`](crate::accelerator::LaneCurvature).
pub(super) struct Derivatives<'a, V> {
    pub(super) wide: &'a mut [V],
    pub(super) narrow: &'a mut [V],
    pub(super) constraint: &'a mut [V],
    pub(super) weight: &'a mut [V],
}

/// Jacobian of the rates, bin by bin with the backward pass of that bin alone, and the curvatures of
/// the terms. `block.gradient` is working memory.
#[inline(always)]
pub(super) fn curvature<S: Simd>(
    simd: S,
    p: &Program,
    scratch: &mut Scratch<S::f64s>,
    block: &mut Block<'_, S::f64s>,
    out: &mut Derivatives<'_, S::f64s>,
) {
    let w = &mut scratch.work();
    let c = |v: f64| simd.splat_f64s(v);
    let (zero, one) = (c(0.0), c(1.0));
    let structure = p.structure();
    let n_wide = structure.wide.len();
    let mut narrow = 0;
    per_parameter(simd, p, w, block.parameters);
    for channel in &p.channels {
        forward(simd, p, w, channel, block.parameters, block.arrays);
        for (b, bin) in channel.bins.clone().enumerate() {
            let filled = simd.greater_than_f64s(block.main[bin], zero);
            let filled = simd.and_m64s(filled, simd.greater_than_f64s(w.rate[b], zero));
            let rate = simd.select_f64s(filled, w.rate[b], one);
            let low = simd.less_than_f64s(w.rate[b], c(p.floor));
            let empty = simd.select_f64s(low, c(1.0 / p.floor), zero);
            out.weight[bin] = simd.select_f64s(filled, simd.div_f64s(one, rate), empty);
        }
        w.rate.fill(one);
        for (b, bin) in channel.bins.clone().enumerate() {
            block.gradient.fill(zero);
            backward(simd, p, w, channel, b..b + 1, block);
            let row = &mut out.wide[bin * n_wide..(bin + 1) * n_wide];
            for (value, &k) in row.iter_mut().zip(&structure.wide) {
                *value = block.gradient[k as usize];
            }
            while let Some((k, _)) = structure.narrow.get(narrow).filter(|n| n.1 as usize == bin) {
                out.narrow[narrow] = block.gradient[*k as usize];
                narrow += 1;
            }
        }
    }
    out.constraint.fill(zero);
    for term in &p.gaussian {
        out.constraint[term.parameter as usize] = c(term.weight);
    }
    for term in &p.poisson {
        // n / x^2, and at least half of what is expected
        let k = term.parameter as usize;
        let x = simd.max_f64s(block.parameters[k], c(0.02));
        let expected = simd.mul_f64s(c(0.5 * term.tau), x);
        let count = simd.max_f64s(block.auxiliary[term.auxiliary as usize], expected);
        out.constraint[k] = simd.div_f64s(count, simd.mul_f64s(x, x));
    }
}

#[inline(always)]
fn note_negative<S: Simd>(simd: S, rate: S::f64s, bin: usize, first: &mut S::f64s) {
    let zero = simd.splat_f64s(0.0);
    let negative = simd.less_than_f64s(rate, zero);
    let new = simd.and_m64s(negative, simd.less_than_f64s(*first, zero));
    *first = simd.select_f64s(new, simd.splat_f64s(bin as f64), *first);
}

#[inline(always)]
fn constraints<S: Simd>(simd: S, p: &Program, block: &mut Block<'_, S::f64s>) -> S::f64s {
    let mut sum = simd.splat_f64s(0.0);
    let half = simd.splat_f64s(0.5);
    for term in &p.gaussian {
        let k = term.parameter as usize;
        let pull = simd.sub_f64s(block.parameters[k], block.auxiliary[term.auxiliary as usize]);
        let slope = simd.mul_f64s(pull, simd.splat_f64s(term.weight));
        sum = simd.mul_add_f64s(simd.mul_f64s(half, pull), slope, sum);
        block.gradient[k] = simd.add_f64s(block.gradient[k], slope);
    }
    for term in &p.poisson {
        let k = term.parameter as usize;
        let tau = simd.splat_f64s(term.tau);
        let rate = simd.mul_f64s(tau, block.parameters[k]);
        let count = block.auxiliary[term.auxiliary as usize];
        let (value, slope) = math::poisson(simd, count, rate, f64::NEG_INFINITY, None);
        sum = simd.add_f64s(sum, value);
        block.gradient[k] = simd.mul_add_f64s(tau, slope, block.gradient[k]);
    }
    sum
}

#[inline(always)]
fn forward<S: Simd>(
    simd: S,
    p: &Program,
    w: &mut Work<'_, S::f64s>,
    channel: &ChannelRun,
    x: &[S::f64s],
    arrays: Option<&Arrays>,
) {
    let n_bins = channel.bins.len();
    let one = simd.splat_f64s(1.0);
    let ready = match arrays {
        Some(arrays) => exponentials(simd, p, w, channel, x, arrays),
        None => false,
    };
    let mut n_entries = 0;
    w.rate[..n_bins].fill(simd.splat_f64s(0.0));
    let mut slot = 0;
    for (s, sample) in p.samples[channel.samples.clone()].iter().enumerate() {
        let mut product = one;
        for &k in &p.linear[sample.linear.clone()] {
            let f = x[k as usize];
            w.prefix[slot] = product;
            w.factor[slot] = f;
            product = simd.mul_f64s(product, f);
            slot += 1;
        }
        for (entry, &k) in sample.normsys.clone().zip(&p.normsys[sample.normsys.clone()]) {
            let k = k as usize;
            let c = coefficients(p, entry);
            let e = ready.then(|| w.function[n_entries]);
            n_entries += 1;
            let outside = w.beyond[k].then_some(w.magnitude[k]);
            let (f, d) = normsys(simd, c, x[k], outside, p.normsys_threshold, e);
            w.prefix[slot] = product;
            w.factor[slot] = f;
            w.derivative[slot] = d;
            product = simd.mul_f64s(product, f);
            slot += 1;
        }
        w.scale[s] = product;
        let cells = s * n_bins..(s + 1) * n_bins;
        let mut b = 0;
        while b < n_bins {
            b += match n_bins - b {
                1 => shapes_forward::<S, 1>(simd, p, w, sample, n_bins, b, cells.start, x),
                2 => shapes_forward::<S, 2>(simd, p, w, sample, n_bins, b, cells.start, x),
                3 => shapes_forward::<S, 3>(simd, p, w, sample, n_bins, b, cells.start, x),
                5 => shapes_forward::<S, 5>(simd, p, w, sample, n_bins, b, cells.start, x),
                6 => shapes_forward::<S, 6>(simd, p, w, sample, n_bins, b, cells.start, x),
                _ => shapes_forward::<S, 4>(simd, p, w, sample, n_bins, b, cells.start, x),
            };
        }
        for (b, cell) in cells.enumerate() {
            let mut product_of_bins = one;
            for &first in &p.bin_factors[sample.bin_factors.clone()] {
                product_of_bins = simd.mul_f64s(product_of_bins, x[first as usize + b]);
            }
            w.bins[cell] = product_of_bins;
            let scaled = simd.mul_f64s(product, product_of_bins);
            w.rate[b] = simd.mul_add_f64s(scaled, w.shape[cell], w.rate[b]);
        }
    }
}

/// Shape sums of `N` bins from bin `b`, kept in registers over all shapes of the sample.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one inner loop, instantiated per width")]
fn shapes_forward<S: Simd, const N: usize>(
    simd: S,
    p: &Program,
    w: &mut Work<'_, S::f64s>,
    sample: &SampleRun,
    n_bins: usize,
    b: usize,
    cell: usize,
    x: &[S::f64s],
) -> usize {
    let nominal: &[f64; N] = p.nominal[sample.nominal + b..][..N].try_into().expect("N bins");
    let mut sum = nominal.map(|v| simd.splat_f64s(v));
    let mut at = sample.templates + b;
    for &k in &p.shapes[sample.shapes.clone()] {
        let (a, h) = (x[k as usize], w.h[k as usize]);
        let s: &[f64; N] = p.shape_symmetric[at..][..N].try_into().expect("N bins");
        let t: &[f64; N] = p.shape_asymmetric[at..][..N].try_into().expect("N bins");
        for i in 0..N {
            let delta = simd.mul_f64s(a, simd.splat_f64s(s[i]));
            let delta = simd.mul_add_f64s(h, simd.splat_f64s(t[i]), delta);
            sum[i] = simd.add_f64s(sum[i], delta);
        }
        at += n_bins;
    }
    w.shape[cell + b..][..N].copy_from_slice(&sum);
    N
}

#[inline(always)]
fn backward<S: Simd>(
    simd: S,
    p: &Program,
    w: &mut Work<'_, S::f64s>,
    channel: &ChannelRun,
    bins: Range<usize>,
    block: &mut Block<'_, S::f64s>,
) {
    let n_bins = channel.bins.len();
    let kinked = !block.jump.is_empty();
    let samples = &p.samples[channel.samples.clone()];
    let mut slot: usize = samples.iter().map(|s| s.linear.len() + s.normsys.len()).sum();
    for (s, sample) in samples.iter().enumerate().rev() {
        let cell = s * n_bins;
        let scale = w.scale[s];
        // d NLL / d scale, and per bin d NLL / d shape sum
        let mut suffix = simd.splat_f64s(0.0);
        for b in bins.clone() {
            let weighted = simd.mul_f64s(w.rate[b], w.bins[cell + b]);
            suffix = simd.mul_add_f64s(weighted, w.shape[cell + b], suffix);
            w.adjoint[b] = simd.mul_f64s(weighted, scale);
        }
        for (entry, &k) in sample.normsys.clone().zip(&p.normsys[sample.normsys.clone()]).rev() {
            slot -= 1;
            let k = k as usize;
            let outer = simd.mul_f64s(w.prefix[slot], suffix);
            block.gradient[k] = simd.mul_add_f64s(outer, w.derivative[slot], block.gradient[k]);
            if kinked && p.normsys_threshold == 0.0 {
                let c = coefficients(p, entry);
                let at_kink = simd.equal_f64s(block.parameters[k], simd.splat_f64s(0.0));
                let jump = simd.mul_f64s(outer, simd.splat_f64s(c[6] - c[7]));
                let jump = simd.select_f64s(at_kink, jump, simd.splat_f64s(0.0));
                block.jump[k] = simd.add_f64s(block.jump[k], jump);
            }
            suffix = simd.mul_f64s(suffix, w.factor[slot]);
        }
        for &k in p.linear[sample.linear.clone()].iter().rev() {
            slot -= 1;
            let k = k as usize;
            block.gradient[k] = simd.mul_add_f64s(w.prefix[slot], suffix, block.gradient[k]);
            suffix = simd.mul_f64s(suffix, w.factor[slot]);
        }
        let mut b = bins.start;
        while b < bins.end {
            b += match bins.end - b {
                1 => shapes_backward::<S, 1>(simd, p, w, sample, n_bins, b, block),
                2 => shapes_backward::<S, 2>(simd, p, w, sample, n_bins, b, block),
                3 => shapes_backward::<S, 3>(simd, p, w, sample, n_bins, b, block),
                5 => shapes_backward::<S, 5>(simd, p, w, sample, n_bins, b, block),
                6 => shapes_backward::<S, 6>(simd, p, w, sample, n_bins, b, block),
                _ => shapes_backward::<S, 4>(simd, p, w, sample, n_bins, b, block),
            };
        }
        bin_factors_backward(simd, p, w, (sample, s), bins.clone(), cell, block);
    }
}

/// Gradient of the shapes from `N` bins of one sample.
#[inline(always)]
fn shapes_backward<S: Simd, const N: usize>(
    simd: S,
    p: &Program,
    w: &Work<'_, S::f64s>,
    sample: &SampleRun,
    n_bins: usize,
    b: usize,
    block: &mut Block<'_, S::f64s>,
) -> usize {
    let adjoint: [S::f64s; N] = w.adjoint[b..][..N].try_into().expect("N bins");
    let mut at = sample.templates + b;
    for &k in &p.shapes[sample.shapes.clone()] {
        let k = k as usize;
        let s: &[f64; N] = p.shape_symmetric[at..][..N].try_into().expect("N bins");
        let t: &[f64; N] = p.shape_asymmetric[at..][..N].try_into().expect("N bins");
        let mut linear = simd.mul_f64s(adjoint[0], simd.splat_f64s(s[0]));
        let mut curved = simd.mul_f64s(adjoint[0], simd.splat_f64s(t[0]));
        for i in 1..N {
            linear = simd.mul_add_f64s(adjoint[i], simd.splat_f64s(s[i]), linear);
            curved = simd.mul_add_f64s(adjoint[i], simd.splat_f64s(t[i]), curved);
        }
        let total = simd.mul_add_f64s(w.slope[k], curved, linear);
        block.gradient[k] = simd.add_f64s(block.gradient[k], total);
        if !block.jump.is_empty() && p.histosys == HistoSysInterpolation::PiecewiseLinear {
            let zero = simd.splat_f64s(0.0);
            let at_kink = simd.equal_f64s(block.parameters[k], zero);
            let jump = simd.mul_f64s(simd.splat_f64s(16.0), curved);
            let jump = simd.select_f64s(at_kink, jump, zero);
            block.jump[k] = simd.add_f64s(block.jump[k], jump);
        }
        at += n_bins;
    }
    N
}

#[inline(always)]
fn bin_factors_backward<S: Simd>(
    simd: S,
    p: &Program,
    w: &Work<'_, S::f64s>,
    (sample, s): (&SampleRun, usize),
    bins: Range<usize>,
    cell: usize,
    block: &mut Block<'_, S::f64s>,
) {
    let factors = &p.bin_factors[sample.bin_factors.clone()];
    for (i, &first) in factors.iter().enumerate() {
        for b in bins.clone() {
            // the product of the others is taken anew: zero is an ordinary value
            let mut outer = simd.mul_f64s(simd.mul_f64s(w.scale[s], w.rate[b]), w.shape[cell + b]);
            for (j, &other) in factors.iter().enumerate() {
                if i != j {
                    outer = simd.mul_f64s(outer, block.parameters[other as usize + b]);
                }
            }
            let k = first as usize + b;
            block.gradient[k] = simd.add_f64s(block.gradient[k], outer);
        }
    }
}
