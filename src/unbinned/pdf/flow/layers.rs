//! What a flow is made of, from the data to the base distribution.

use pulp::Simd;

use super::jets::{EVENTS, Jets, add};
use super::network::{self, Network};
use super::rational::Rational;
use crate::aligned::Aligned;

/// A step of the map from data to the base distribution.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    /// `ln((x - lo) / (hi - x))`
    Logit { lower: Vec<f64>, upper: Vec<f64> },
    /// `(x - shift) / scale`
    Scale { shift: Vec<f64>, scale: Vec<f64> },
    /// Output i is input `order[i]`.
    Permutation(Vec<usize>),
    /// Some quantities are changed as others and the context say.
    Coupling { identity: Vec<usize>, transform: Vec<usize>, network: Network, change: Change },
}

/// How a coupling changes a quantity.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Affine(Affine),
    Rational(Rational),
}

/// Networks give the logarithms of all scales, then all shifts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    /// `(x - shift) / scale` or `x scale + shift`.
    pub(super) subtract: bool,
    /// The logarithm of the scale is `limit tanh(h / limit)`, or h itself.
    pub(super) limit: Option<f64>,
}

/// Working memory for a block.
pub(super) struct Block {
    pub(super) jets: Jets,
    /// Rows of what is mapped.
    pub(super) state: Vec<f64>,
    /// Row of the logarithm of the map's Jacobian.
    pub(super) log_det: Vec<f64>,
    /// Rows of the context.
    pub(super) context: Vec<f64>,
    /// Rows in networks.
    pub(super) work: [Aligned<f64>; 2],
}

impl Layer {
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, block: &mut Block) {
        let (jets, row) = (block.jets, block.jets.row());
        match self {
            Self::Logit { lower, upper } => {
                for (i, state) in block.state.chunks_exact_mut(row).enumerate() {
                    logit(jets, state, &mut block.log_det, lower[i], upper[i]);
                }
            }
            Self::Scale { shift, scale } => {
                let mut sum = 0.0;
                for (i, state) in block.state.chunks_exact_mut(row).enumerate() {
                    state[..EVENTS].iter_mut().for_each(|x| *x -= shift[i]);
                    state.iter_mut().for_each(|x| *x /= scale[i]);
                    sum += libm::log(scale[i]);
                }
                block.log_det[..EVENTS].iter_mut().for_each(|l| *l -= sum);
            }
            Self::Permutation(order) => {
                let before = block.state.clone();
                for (state, from) in block.state.chunks_exact_mut(row).zip(order) {
                    state.copy_from_slice(&before[from * row..(from + 1) * row]);
                }
            }
            Self::Coupling { identity, transform, network, change } => {
                let out = block.condition(simd, identity, network);
                let out = &mut block.work[out];
                for (t, d) in transform.iter().enumerate() {
                    let state = &mut block.state[d * row..(d + 1) * row];
                    match change {
                        Change::Affine(affine) => {
                            let (scales, shifts) = out.split_at_mut(transform.len() * row);
                            let own = t * row..(t + 1) * row;
                            let (scale, shift) = (&mut scales[own.clone()], &shifts[own]);
                            affine.run(simd, jets, state, &mut block.log_det, scale, shift);
                        }
                        Change::Rational(rational) => {
                            let n = rational.parameters() * row;
                            let own = &out[t * n..(t + 1) * n];
                            rational.run(jets, state, &mut block.log_det, own);
                        }
                    }
                }
            }
        }
    }

    /// The way back, of values alone.
    #[inline(always)]
    pub(super) fn undo<S: Simd>(&self, simd: S, block: &mut Block) {
        let (jets, row) = (block.jets, block.jets.row());
        match self {
            Self::Logit { lower, upper } => {
                for (i, state) in block.state.chunks_exact_mut(row).enumerate() {
                    let (lo, hi) = (lower[i], upper[i]);
                    for x in state {
                        // from the nearer end
                        let odds = libm::exp(-x.abs());
                        let part = (hi - lo) * (odds / (1.0 + odds));
                        *x = if *x > 0.0 { hi - part } else { lo + part };
                    }
                }
            }
            Self::Scale { shift, scale } => {
                for (i, state) in block.state.chunks_exact_mut(row).enumerate() {
                    state.iter_mut().for_each(|x| *x = *x * scale[i] + shift[i]);
                }
            }
            Self::Permutation(order) => {
                let after = block.state.clone();
                for (from, to) in after.chunks_exact(row).zip(order) {
                    block.state[to * row..(to + 1) * row].copy_from_slice(from);
                }
            }
            Self::Coupling { identity, transform, network, change } => {
                let out = block.condition(simd, identity, network);
                let out = &mut block.work[out];
                for (t, d) in transform.iter().enumerate() {
                    let state = &mut block.state[d * row..(d + 1) * row];
                    match change {
                        Change::Affine(affine) => {
                            let (scales, shifts) = out.split_at_mut(transform.len() * row);
                            let own = t * row..(t + 1) * row;
                            let (scale, shift) = (&mut scales[own.clone()], &shifts[own]);
                            // either form is the inverse of the other
                            let back = Affine { subtract: !affine.subtract, ..*affine };
                            back.run(simd, jets, state, &mut block.log_det, scale, shift);
                        }
                        Change::Rational(rational) => {
                            let n = rational.parameters() * row;
                            rational.undo(state, &out[t * n..(t + 1) * n]);
                        }
                    }
                }
            }
        }
    }
}

impl Block {
    /// What a network makes of some quantities and the context, in the working memory of this number.
    #[inline(always)]
    fn condition<S: Simd>(&mut self, simd: S, identity: &[usize], network: &Network) -> usize {
        let row = self.jets.row();
        let inputs = &mut self.work[0];
        for (to, from) in inputs.chunks_exact_mut(row).zip(identity) {
            to.copy_from_slice(&self.state[from * row..(from + 1) * row]);
        }
        let at = identity.len() * row;
        inputs[at..at + self.context.len()].copy_from_slice(&self.context);
        network.run(simd, self.jets, &mut self.work)
    }
}

#[inline(always)]
fn logit(jets: Jets, state: &mut [f64], log_det: &mut [f64], lower: f64, upper: f64) {
    let mut derivatives = state.to_vec();
    let zero = [0.0; EVENTS];
    let (mut f1, mut f2, mut l1, mut l2) = (zero, zero, zero, zero);
    for e in 0..EVENTS {
        let x = state[e];
        let (below, above) = (1.0 / (x - lower), 1.0 / (upper - x));
        state[e] = libm::log(x - lower) - libm::log(upper - x);
        derivatives[e] = libm::log(upper - lower) - libm::log(x - lower) - libm::log(upper - x);
        f1[e] = below + above;
        f2[e] = above * above - below * below;
        l1[e] = above - below;
        l2[e] = above * above + below * below;
    }
    if jets.directions > 0 {
        jets.compose(state, &f1, &f2);
        jets.compose(&mut derivatives, &l1, &l2);
    }
    add(log_det, 1.0, &derivatives);
}

impl Affine {
    #[inline(always)]
    fn run<S: Simd>(
        self,
        simd: S,
        jets: Jets,
        state: &mut [f64],
        log_det: &mut [f64],
        scale: &mut [f64],
        shift: &[f64],
    ) {
        let (mut f1, mut f2) = ([0.0; EVENTS], [0.0; EVENTS]);
        if let Some(limit) = self.limit {
            let value = scale.first_chunk_mut::<EVENTS>().expect("a whole row");
            value.iter_mut().for_each(|h| *h /= limit);
            network::tanh(simd, value);
            for e in 0..EVENTS {
                f1[e] = 1.0 - value[e] * value[e];
                f2[e] = -2.0 * value[e] * f1[e] / limit;
                value[e] *= limit;
            }
            if jets.directions > 0 {
                jets.compose(scale, &f1, &f2);
            }
        }
        let sign = if self.subtract { -1.0 } else { 1.0 };
        add(log_det, sign, scale);
        let value = scale.first_chunk_mut::<EVENTS>().expect("a whole row");
        network::exp(simd, sign, value);
        if jets.directions > 0 {
            for e in 0..EVENTS {
                (f1[e], f2[e]) = (sign * scale[e], scale[e]);
            }
            jets.compose(scale, &f1, &f2);
        }
        if self.subtract {
            add(state, -1.0, shift);
        }
        jets.multiply(state, scale);
        if !self.subtract {
            add(state, 1.0, shift);
        }
    }
}
