//! Rational-quadratic splines (Durkan, Bekasov, Murray and Papamakarios, NeurIPS 2019, arXiv:1906.04032).

use super::jets::{EVENTS, Jets};
use crate::unbinned::packed::place;
use crate::unbinned::pdf::dual::Dual;

/// A monotone map of an interval onto itself, of which a network gives logarithms of widths (as many as bins), of
/// heights, and derivatives at knots before softplus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rational {
    pub(super) bins: usize,
    /// Ends of the interval.
    pub(super) ends: [f64; 2],
    /// Outside the interval the map is the identity, its derivatives at both ends are 1; else the network gives them.
    pub(super) linear_tails: bool,
    /// Least width and height of a bin as parts of the interval, least derivative at a knot.
    pub(super) least: [f64; 3],
}

/// What a bin's map depends on: x, left end and width, lower end and height, derivatives at its ends.
const LOCAL: usize = 7;

impl Rational {
    /// Outputs of a network for a quantity.
    pub(super) fn parameters(&self) -> usize {
        3 * self.bins + 1 - if self.linear_tails { 2 } else { 0 }
    }

    pub(super) fn run(&self, jets: Jets, state: &mut [f64], log_det: &mut [f64], rows: &[f64]) {
        let components = jets.components();
        let mut local = vec![0.0; LOCAL * components];
        let mut scratch = Softmax { parts: vec![0.0; self.bins], mean: vec![0.0; components] };
        for e in 0..EVENTS {
            let Some(x) = self.inside(state[e]) else { continue };
            for c in 0..components {
                local[c] = state[c * EVENTS + e];
            }
            local[0] = x;
            self.find(&mut scratch, jets, e, [0, 1], x, rows, &mut local);
            let value = |v: usize| local[v * components];
            let at: [f64; LOCAL] = std::array::from_fn(value);
            let mut put = |c: usize, y: f64, log: f64| {
                state[c * EVENTS + e] = y;
                log_det[c * EVENTS + e] += log;
            };
            if jets.directions == 0 {
                let (y, log) = map(at.map(Dual::<0, 0>::constant));
                put(0, y.v, log.v);
                continue;
            }
            let (y, log) = map(Dual::<LOCAL, 28>::parameters(at));
            put(0, y.v, log.v);
            let first = |v: usize, a: usize| local[v * components + 1 + a];
            for a in 0..jets.directions {
                let chain = |g: &[f64; LOCAL]| (0..LOCAL).map(|v| g[v] * first(v, a)).sum();
                put(1 + a, chain(&y.g), chain(&log.g));
            }
            if !jets.second {
                continue;
            }
            for a in 0..jets.directions {
                for b in 0..=a {
                    let c = 1 + jets.directions + place(a, b);
                    let chain = |f: &Dual<LOCAL, 28>| {
                        let mut sum = 0.0;
                        for v in 0..LOCAL {
                            sum += f.g[v] * local[v * components + c];
                            for w in 0..LOCAL {
                                sum += f.h[place(v, w)] * first(v, a) * first(w, b);
                            }
                        }
                        sum
                    };
                    put(c, chain(&y), chain(&log));
                }
            }
        }
    }

    /// The way back, of values alone: a quadratic equation (there, appendix A.3).
    pub(super) fn undo(&self, state: &mut [f64], rows: &[f64]) {
        let jets = Jets { directions: 0, second: false };
        let mut local = [0.0; LOCAL];
        let mut scratch = Softmax { parts: vec![0.0; self.bins], mean: vec![0.0] };
        for (e, x) in state.iter_mut().enumerate() {
            let Some(y) = self.inside(*x) else { continue };
            self.find(&mut scratch, jets, e, [1, 0], y, rows, &mut local);
            let [_, left, width, lower, height, d0, d1] = local;
            let (s, above) = (height / width, (y - lower).clamp(0.0, height));
            let bend = above * (d1 + d0 - 2.0 * s);
            let (a, b, c) = (height * (s - d0) + bend, height * d0 - bend, -s * above);
            // the form without cancellation; 0 where nothing is above
            let t = 2.0 * c / (-b - (b * b - 4.0 * a * c).max(0.0).sqrt());
            *x = left + width * if above > 0.0 { t.clamp(0.0, 1.0) } else { 0.0 };
        }
    }

    /// A value that the map changes; without tails rounding alone is outside, and NaN stays what it is.
    fn inside(&self, x: f64) -> Option<f64> {
        let [lo, hi] = self.ends;
        let x = if self.linear_tails { x } else { x.clamp(lo, hi) };
        (lo..=hi).contains(&x).then_some(x)
    }

    /// The bin of event `e` that holds `x` along the first of the `axes` (0 for widths, 1 for heights), with all that
    /// `local` has of a bin.
    #[allow(clippy::too_many_arguments, reason = "what one event's bin depends on")]
    fn find(
        &self,
        scratch: &mut Softmax,
        jets: Jets,
        e: usize,
        axes: [usize; 2],
        x: f64,
        rows: &[f64],
        local: &mut [f64],
    ) {
        let components = jets.components();
        let row = |i: usize| &rows[i * jets.row()..(i + 1) * jets.row()];
        let mut bin = None;
        for axis in axes {
            let of = |j: usize, c: usize| row(axis * self.bins + j)[c * EVENTS + e];
            let out = &mut local[(1 + 2 * axis) * components..(3 + 2 * axis) * components];
            bin = Some(scratch.bin(self, axis, jets, bin, x, of, out));
        }
        let bin = bin.unwrap_or(0);
        for (side, out) in local[5 * components..].chunks_exact_mut(components).enumerate() {
            let knot = bin + side;
            let inner = match self.linear_tails {
                true if knot == 0 || knot == self.bins => {
                    out.fill(0.0);
                    out[0] = 1.0;
                    continue;
                }
                true => knot - 1,
                false => knot,
            };
            let row = row(2 * self.bins + inner);
            self.softplus(jets, |c| row[c * EVENTS + e], out);
        }
    }

    /// The derivative at a knot from a network's output.
    fn softplus(&self, jets: Jets, u: impl Fn(usize) -> f64, out: &mut [f64]) {
        let x = u(0);
        let tail = libm::exp(-x.abs());
        out[0] = self.least[2] + x.max(0.0) + libm::log1p(tail);
        let f1 = if x >= 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) };
        let f2 = f1 * (1.0 - f1);
        for a in 0..jets.directions {
            out[1 + a] = f1 * u(1 + a);
            for b in 0..=a {
                if jets.second {
                    let c = 1 + jets.directions + place(a, b);
                    out[c] = f1 * u(c) + f2 * u(1 + a) * u(1 + b);
                }
            }
        }
    }
}

/// Parts of an interval as exponentials of outputs.
struct Softmax {
    parts: Vec<f64>,
    /// Of the derivatives of outputs, weighted with the parts.
    mean: Vec<f64>,
}

impl Softmax {
    /// Lower end and size of the bin, the one that holds x if none is given, with their derivatives.
    #[allow(clippy::too_many_arguments, reason = "what one event's bin depends on")]
    fn bin(
        &mut self,
        of: &Rational,
        axis: usize,
        jets: Jets,
        bin: Option<usize>,
        x: f64,
        u: impl Fn(usize, usize) -> f64,
        out: &mut [f64],
    ) -> usize {
        let Self { parts, mean } = self;
        let top = (0..of.bins).map(|j| u(j, 0)).fold(f64::NEG_INFINITY, f64::max);
        parts.iter_mut().enumerate().for_each(|(j, q)| *q = libm::exp(u(j, 0) - top));
        let total: f64 = parts.iter().sum();
        parts.iter_mut().for_each(|q| *q /= total);
        let ([lo, hi], least) = (of.ends, of.least[axis]);
        let free = (1.0 - least * of.bins as f64) * (hi - lo);
        let size = |q: f64| least * (hi - lo) + free * q;
        // the last bin ends at the end, whatever was rounded
        let mut left = lo;
        let mut at = 0;
        while at + 1 < of.bins && bin.map_or(left + size(parts[at]) <= x, |bin| at < bin) {
            left += size(parts[at]);
            at += 1;
        }
        let components = jets.components();
        let (lower, width) = out.split_at_mut(components);
        lower[0] = left;
        width[0] = if at + 1 == of.bins { hi - left } else { size(parts[at]) };
        if jets.directions == 0 {
            return at;
        }
        // d q_j = q_j (U_j - mean U), U_j being first derivatives, then second ones and products of deviations
        let k = jets.directions;
        for a in 0..k {
            mean[1 + a] = parts.iter().enumerate().map(|(j, q)| q * u(j, 1 + a)).sum();
        }
        let deviation = |mean: &[f64], j: usize, a: usize| u(j, 1 + a) - mean[1 + a];
        let bend = |mean: &[f64], j: usize, a: usize, b: usize| {
            u(j, 1 + k + place(a, b)) + deviation(mean, j, a) * deviation(mean, j, b)
        };
        let mut put = |c: usize, d: &dyn Fn(usize) -> f64| {
            lower[c] = free * (0..at).map(|j| parts[j] * d(j)).sum::<f64>();
            width[c] = free * parts[at] * d(at);
        };
        for a in 0..k {
            put(1 + a, &|j| deviation(mean, j, a));
        }
        if jets.second {
            for a in 0..k {
                for b in 0..=a {
                    let middle: f64 =
                        parts.iter().enumerate().map(|(j, q)| q * bend(mean, j, a, b)).sum();
                    put(1 + k + place(a, b), &|j| bend(mean, j, a, b) - middle);
                }
            }
        }
        at
    }
}

/// The map in a bin and the logarithm of its slope.
fn map<const K: usize, const H: usize>(
    [x, left, width, lower, height, d0, d1]: [Dual<K, H>; LOCAL],
) -> (Dual<K, H>, Dual<K, H>) {
    let s = height / width;
    let t = (x - left) / width;
    let rest = (left + width - x) / width;
    let both = t * rest;
    let below = s + (d1 + d0 - s * 2.0) * both;
    let y = lower + height * (s * t.square() + d0 * both) / below;
    let slope = d1 * t.square() + s * both * 2.0 + d0 * rest.square();
    (y, s.ln() * 2.0 + slope.ln() - below.ln() * 2.0)
}
