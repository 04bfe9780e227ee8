//! Normalising flows: invertible maps from the data, given a context, to a simple base distribution (Papamakarios et
//! al., J. Mach. Learn. Res. 22 (2021) 57), evaluated here with exact derivatives. `docs/howto/flows.md` describes
//! their files.

mod draws;
mod jets;
mod layers;
mod manifest;
mod network;
mod rational;
mod safetensors;
mod windowed;

use std::path::Path;

use pulp::{Arch, Simd, WithSimd};

use super::density::Output;
use crate::aligned::Aligned;
use crate::error::{Error, Result};
use crate::spec::text::count;
pub(super) use draws::Draws;
use jets::{EVENTS, Jets};
use layers::{Block, Layer};
pub(super) use windowed::Windowed;

/// A flow as its file has it.
#[derive(Debug, Clone)]
pub struct Flow {
    observables: Vec<String>,
    context: Vec<String>,
    /// What is taken from each number of the context, and what the rest is divided by.
    context_scale: Vec<(f64, f64)>,
    layers: Vec<Layer>,
    base: Base,
    /// Where it is normalised, if not on all numbers.
    support: Option<Vec<(f64, f64)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Normal,
    /// From 0 to 1.
    Uniform,
}

/// What derivatives of a flow are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    /// The context, whose numbers are parameters of a model.
    Context,
    /// The observables.
    Observables,
}

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

impl Flow {
    /// Reads a manifest, and the file of weights that it names, from where it lies.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Specification`], with the JSON pointer, for the manifest; at `/weights` and
    /// `/layers/N/network` for arrays that are damaged, missing or of another shape; [`Error::Io`].
    pub fn from_manifest(path: impl AsRef<Path>) -> Result<Self> {
        manifest::read(path.as_ref())
    }

    /// Names of the observables, in the order of the columns of events.
    pub fn observable_names(&self) -> &[String] {
        &self.observables
    }

    /// Names of the context's numbers.
    pub fn context_names(&self) -> &[String] {
        &self.context
    }

    /// Lower and upper end of each observable where the flow is normalised by what it is made of, a first layer
    /// `logit` or `unit`; `None` if that is on all numbers.
    pub fn support(&self) -> Option<&[(f64, f64)]> {
        self.support.as_deref()
    }

    /// `ln p(x_i | context)` of N events, a slice an observable; -inf outside the support and on its ends. With
    /// `gradient`, `[directions, N]`, and `hessian`, `[directions (directions + 1) / 2, N]` (rows of the lower
    /// triangle), where these are not empty; 0 where the density is 0. There is no Hessian without gradient.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: lengths that do not fit, a number that is not finite, here or in the result.
    pub fn log_prob(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: &mut [f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> Result<()> {
        let refuse = |message: String| Err(Error::Argument(format!("flow: {message}")));
        let (n, d) = (out.len(), self.observables.len());
        if context.len() != self.context.len() || x.len() != d || x.iter().any(|x| x.len() != n) {
            return refuse(format!(
                "{} of context and {} for {}, {} and room for {n} values",
                count(context.len(), "number"),
                count(x.len(), "column"),
                count(self.context.len(), "number"),
                count(d, "observable"),
            ));
        }
        let k = match directions {
            Directions::Context => context.len(),
            Directions::Observables => d,
        };
        let fits = |len: usize, needed: usize| len == 0 || len == needed;
        let second = k * (k + 1) / 2 * n;
        if !fits(gradient.len(), k * n) || !fits(hessian.len(), second) {
            return refuse(format!(
                "room for {} first and {} second derivatives of {} in {k} directions",
                gradient.len(),
                hessian.len(),
                count(n, "event")
            ));
        }
        let some = |values: &'_ mut [f64]| !values.is_empty();
        let (with_gradient, with_hessian) = (some(gradient), some(hessian));
        let output = Output {
            value: out,
            gradient: with_gradient.then_some(gradient),
            hessian: with_hessian.then_some(hessian),
        };
        self.evaluate(context, x, directions, output)
    }

    /// The same for lengths that fit.
    fn evaluate(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: Output<'_>,
    ) -> Result<()> {
        self.check_context(context)?;
        Arch::new().dispatch(Evaluation { flow: self, context, x, directions, out })
    }

    fn check_context(&self, context: &[f64]) -> Result<()> {
        match context.iter().position(|c| !c.is_finite()) {
            Some(i) => {
                let message = format!("{} = {}, which must be finite", self.context[i], context[i]);
                Err(Error::Argument(message))
            }
            None => Ok(()),
        }
    }

    fn is_inside(&self, i: usize, x: f64) -> bool {
        self.support.as_ref().is_none_or(|support| match self.base {
            // the ends are infinitely far away
            Base::Normal => support[i].0 < x && x < support[i].1,
            Base::Uniform => support[i].0 <= x && x <= support[i].1,
        })
    }

    fn block(&self, context: &[f64], directions: Directions, jets: Jets) -> Block {
        let row = jets.row();
        let widths = self.layers.iter().map(|layer| match layer {
            Layer::Coupling { network, .. } => network.width(),
            _ => 0,
        });
        let width = widths.max().unwrap_or(0);
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
            state: vec![0.0; self.observables.len() * row],
            log_det: vec![0.0; row],
            context: rows,
            work: [Aligned::new(width * row), Aligned::new(width * row)],
        }
    }
}

struct Evaluation<'a> {
    flow: &'a Flow,
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
            block.state.fill(0.0);
            block.log_det.fill(0.0);
            let mut inside = [true; EVENTS];
            for (d, (x, state)) in x.iter().zip(block.state.chunks_exact_mut(row)).enumerate() {
                for e in 0..EVENTS {
                    // the rest of the last block repeats an event
                    let x = x[start + e.min(len - 1)];
                    if x.is_nan() {
                        return Err(Error::Argument(format!("event {}: x is NaN", start + e)));
                    }
                    inside[e] &= flow.is_inside(d, x);
                    // somewhere inside: what comes of it is not used
                    let middle = |s: &Vec<(f64, f64)>| 0.5 * s[d].0 + 0.5 * s[d].1;
                    let place = flow.support.as_ref().map_or(0.0, middle);
                    state[e] = if flow.is_inside(d, x) && x.is_finite() { x } else { place };
                    inside[e] &= x.is_finite();
                }
                if of_x && jets.directions > 0 {
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
