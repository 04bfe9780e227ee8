//! Flows of layers, evaluated in blocks of events.

use pulp::{Arch, Simd, WithSimd};

use super::Directions;
use super::jets::{self, EVENTS, Jets};
use super::layers::{Block, Layer};
use crate::aligned::Aligned;
use crate::error::{Error, Result};
use crate::unbinned::pdf::density::Output;

/// Layers, from the data to the base.
#[derive(Debug, Clone)]
pub(super) struct Layered {
    pub(super) observables: usize,
    /// What is taken from each number of the context, and what the rest is divided by.
    pub(super) context_scale: Vec<(f64, f64)>,
    pub(super) layers: Vec<Layer>,
    pub(super) base: Base,
    /// Where it is normalised, if not on all numbers.
    pub(super) support: Option<Vec<(f64, f64)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Normal,
    /// From 0 to 1.
    Uniform,
}

pub(super) const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

impl Layered {
    pub(super) fn support(&self) -> Option<&[(f64, f64)]> {
        self.support.as_deref()
    }

    /// As [`Flow::log_prob`](super::Flow::log_prob), for lengths that fit and a finite context.
    pub(super) fn evaluate(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: Output<'_>,
    ) -> Result<()> {
        Arch::new().dispatch(Evaluation { flow: self, context, x, directions, out })
    }

    fn is_inside(&self, i: usize, x: f64) -> bool {
        self.support.as_ref().is_none_or(|support| match self.base {
            // the ends are infinitely far away
            Base::Normal => support[i].0 < x && x < support[i].1,
            Base::Uniform => support[i].0 <= x && x <= support[i].1,
        })
    }

    /// The most quantities between two layers of a network.
    pub(super) fn width(&self) -> usize {
        let widths = self.layers.iter().map(|layer| match layer {
            Layer::Coupling { network, .. } => network.width(),
            _ => 0,
        });
        widths.max().unwrap_or(0)
    }

    /// Puts `len` events from `start` on into a block, and says which have a density.
    #[inline(always)]
    pub(super) fn enter(
        &self,
        x: &[&[f64]],
        start: usize,
        len: usize,
        block: &mut Block,
    ) -> Result<[bool; EVENTS]> {
        block.state.fill(0.0);
        block.log_det.fill(0.0);
        let mut inside = [true; EVENTS];
        let states = block.state.chunks_exact_mut(block.jets.row());
        for (d, (x, state)) in x.iter().zip(states).enumerate() {
            for e in 0..EVENTS {
                // the rest of the last block repeats an event
                let x = x[start + e.min(len - 1)];
                if x.is_nan() {
                    return Err(Error::Argument(format!("event {}: x is NaN", start + e)));
                }
                inside[e] &= self.is_inside(d, x);
                // somewhere inside: what comes of it is not used
                let middle = |s: &Vec<(f64, f64)>| 0.5 * s[d].0 + 0.5 * s[d].1;
                let place = self.support.as_ref().map_or(0.0, middle);
                state[e] = if self.is_inside(d, x) && x.is_finite() { x } else { place };
                inside[e] &= x.is_finite();
            }
        }
        Ok(inside)
    }

    pub(super) fn block(&self, context: &[f64], directions: Directions, jets: Jets) -> Block {
        let row = jets.row();
        let width = self.width();
        let mut rows = vec![0.0; context.len() * row];
        for (i, (c, (shift, scale))) in context.iter().zip(&self.context_scale).enumerate() {
            let row = &mut rows[i * row..(i + 1) * row];
            row[..EVENTS].fill((c - shift) / scale);
            if directions == Directions::Context && jets.directions > 0 {
                row[(1 + i) * EVENTS..(2 + i) * EVENTS].fill(1.0 / scale);
            }
        }
        Block {
            jets,
            state: vec![0.0; self.observables * row],
            log_det: vec![0.0; row],
            context: rows,
            work: [Aligned::new(width * row), Aligned::new(width * row)],
        }
    }
}

struct Evaluation<'a> {
    flow: &'a Layered,
    context: &'a [f64],
    x: &'a [&'a [f64]],
    directions: Directions,
    out: Output<'a>,
}

impl WithSimd for Evaluation<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Result<()> {
        let Self { flow, context, x, directions, mut out } = self;
        let of_x = directions == Directions::Observables;
        let k = if of_x { x.len() } else { context.len() };
        let with_derivatives = out.gradient.is_some() || out.hessian.is_some();
        let jets = Jets {
            directions: if with_derivatives { k } else { 0 },
            second: out.hessian.is_some() && k > 0,
        };
        let (n, row) = (out.value.len(), jets.row());
        let mut block = flow.block(context, directions, jets);
        for start in (0..n).step_by(EVENTS) {
            let len = EVENTS.min(n - start);
            let inside = flow.enter(x, start, len, &mut block)?;
            if of_x && jets.directions > 0 {
                for (d, state) in block.state.chunks_exact_mut(row).enumerate() {
                    state[(1 + d) * EVENTS..(2 + d) * EVENTS].fill(1.0);
                }
            }
            // no closure: its code would not know the instruction set
            for layer in &flow.layers {
                layer.run(simd, &mut block);
            }
            if flow.base == Base::Normal {
                for state in block.state.chunks_exact_mut(row) {
                    let mut slope = [0.0; EVENTS];
                    for e in 0..EVENTS {
                        slope[e] = -state[e];
                        state[e] = -0.5 * state[e] * state[e] - LN_SQRT_TAU;
                    }
                    jets.compose(state, &slope, &[-1.0; EVENTS]);
                    jets::add(&mut block.log_det, 1.0, state);
                }
            }
            for (e, inside) in inside.iter().enumerate().take(len) {
                let of = |component: usize| block.log_det[component * EVENTS + e];
                let i = start + e;
                if !inside {
                    out.put(i, f64::NEG_INFINITY, |_| 0.0, |_| 0.0);
                    continue;
                }
                if (0..jets.components()).any(|c| !of(c).is_finite()) {
                    return Err(Error::Argument(format!(
                        "event {i}: the logarithm of the density or a derivative is {}, not a finite number",
                        (0..jets.components()).map(of).find(|y| !y.is_finite()).unwrap_or(f64::NAN)
                    )));
                }
                out.put(i, of(0), |a| of(1 + a), |at| of(1 + k + at));
            }
        }
        Ok(())
    }
}
