//! Flows exported as ONNX, run by the library onnxruntime. `docs/howto/flows.md` says what a model takes and gives.

mod batch;
mod card;
mod interface;
mod library;
mod manifest;
mod model;
mod provider;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::windowed::integral;
use super::{Directions, EpKind, Flow};
use crate::error::{Error, Result};
use crate::unbinned::packed::place;
use crate::unbinned::pdf::density::Output;
use batch::Batch;
pub(super) use card::on_card;
#[doc(hidden)]
pub use card::reach_cards;
pub use library::{Settings, configure, settings};
pub(super) use manifest::read;
use model::Model;

/// Outputs by their place in [`OUTPUTS`].
const LOG_PROB: usize = 0;
const GRADIENT: usize = 1;
const HESSIAN: usize = 2;
const NAMES: [&[&str]; 3] = [&["log_prob"], &["d_log_prob_d_context"], &["d2_log_prob_d_context2"]];

/// Models of one flow.
#[derive(Debug)]
pub(super) struct Exported {
    observables: usize,
    context: usize,
    /// Where it is said to be normalised.
    support: Option<Vec<(f64, f64)>>,
    log_prob: Model,
    /// With the gradient in the context, where the first does not have it.
    gradient: Option<Model>,
    /// From the base to the data.
    sample: Option<Model>,
    /// Whether the base is uniform, not normal.
    uniform: bool,
    /// The last contexts whose integrals were looked at.
    checked: Mutex<VecDeque<Vec<f64>>>,
}

/// How far from 1 the integral of a flow may be that says that it is normalised.
const CLOSE: f64 = 1e-3;
/// Contexts that are remembered: threads with fits of their own each have one.
const REMEMBERED: usize = 256;

impl Exported {
    pub(super) fn support(&self) -> Option<&[(f64, f64)]> {
        self.support.as_deref()
    }

    pub(super) fn kind(&self) -> EpKind {
        self.log_prob.kind()
    }

    pub(super) fn is_double(&self) -> bool {
        self.log_prob.interface().double
    }

    pub(super) fn passed_over(&self) -> &[String] {
        self.log_prob.passed_over()
    }

    pub(super) fn evaluate(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: Output<'_>,
    ) -> Result<()> {
        let k = if directions == Directions::Context { self.context } else { self.observables };
        let wants = k > 0 && (out.gradient.is_some() || out.hessian.is_some());
        let model = match (wants, directions) {
            (false, _) => &self.log_prob,
            (true, Directions::Observables) => {
                return Err(Error::Unsupported(
                    "flow: models in ONNX have no derivatives in the observables".into(),
                ));
            }
            (true, Directions::Context) => self.with_gradient().ok_or_else(|| {
                Error::Unsupported(format!(
                    "flow: its model has no output \"{}\", and a fit of its context needs the gradient: export it as \
                     docs/howto/flows.md says, or give numbers instead of parameters as its context",
                    NAMES[GRADIENT][0]
                ))
            })?,
        };
        let second = wants && out.hessian.is_some();
        Run { flow: self, model, context, k: if wants { k } else { 0 }, second }.all(x, out)
    }

    /// Which events, the first of which is `start`, lie in the support, and their columns with others moved inside: what
    /// comes of them is not used.
    fn enter(&self, x: &[&[f64]], start: usize) -> Result<(Vec<bool>, Vec<Vec<f64>>)> {
        let mut inside = vec![true; x[0].len()];
        let mut columns: Vec<Vec<f64>> = x.iter().map(|x| x.to_vec()).collect();
        for (d, column) in columns.iter_mut().enumerate() {
            let (lo, hi) =
                self.support.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |s| s[d]);
            for (e, x) in column.iter_mut().enumerate() {
                if x.is_nan() {
                    return Err(Error::Argument(format!("event {}: x is NaN", start + e)));
                }
                if !(lo..=hi).contains(x) || x.is_infinite() {
                    inside[e] = false;
                    *x = if self.support.is_some() { 0.5 * lo + 0.5 * hi } else { 0.0 };
                }
            }
        }
        Ok((inside, columns))
    }

    /// What gives derivatives in the context as well, if anything does.
    fn with_gradient(&self) -> Option<&Model> {
        match self.log_prob.has(GRADIENT) {
            true => Some(&self.log_prob),
            false => self.gradient.as_ref(),
        }
    }

    /// Looks at the integral over the support in a new context: of a flow that is not normalised where it says so, each
    /// likelihood would be wrong. More than two observables are taken at their word.
    pub(super) fn check(&self, flow: &Flow, context: &[f64]) -> Result<()> {
        let Some(support) = self.support.as_ref().filter(|s| s.len() <= 2) else { return Ok(()) };
        let checked = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked().iter().any(|known| known == context) {
            return Ok(());
        }
        let total = integral(flow, context, support, 0.1 * CLOSE)?.unwrap_or(f64::NAN);
        if (total - 1.0).abs() > CLOSE || total.is_nan() {
            let found =
                if total.is_nan() { "cannot be told".into() } else { format!("is {total:.4}") };
            return Err(Error::Argument(format!(
                "flow: its integral over the support, which must be 1, {found} with the context {context:?}: train \
                 it on the support, by a first layer that maps it to all numbers"
            )));
        }
        let mut checked = checked();
        checked.truncate(REMEMBERED - 1);
        checked.push_front(context.to_vec());
        Ok(())
    }

    /// Events drawn from the base at a time.
    pub(super) fn draws_at_a_time(&self) -> Result<usize> {
        match &self.sample {
            Some(model) => Ok(model.interface().most()),
            None => Err(Error::Unsupported(
                "flow: toys need a model \"sample\" in its manifest, from the base to the data"
                    .into(),
            )),
        }
    }

    pub(super) fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// Events from values of the base, both `[observables, n]`.
    pub(super) fn invert(&self, context: &[f64], state: &mut [f64]) -> Result<()> {
        let n = self.draws_at_a_time()?;
        let Some(model) = &self.sample else { return Ok(()) };
        let columns: Vec<&[f64]> = state.chunks_exact(n).collect();
        let mut out = [Vec::new()];
        model.run(&Batch { columns: &columns, context, events: 0..n }, &mut out)?;
        for (e, row) in out[0].chunks_exact(self.observables).enumerate() {
            row.iter().enumerate().for_each(|(d, x)| state[d * n + e] = *x);
        }
        Ok(())
    }
}

/// An evaluation.
struct Run<'a> {
    flow: &'a Exported,
    model: &'a Model,
    context: &'a [f64],
    /// Derivatives wanted, 0 for none.
    k: usize,
    second: bool,
}

impl Run<'_> {
    fn all(&self, x: &[&[f64]], mut out: Output<'_>) -> Result<()> {
        let n = out.value.len();
        for start in (0..n).step_by(self.model.interface().most()) {
            let events = start..n.min(start + self.model.interface().most());
            self.some(start, &x.iter().map(|x| &x[events.clone()]).collect::<Vec<_>>(), &mut out)?;
        }
        Ok(())
    }

    /// Events of one batch, the first of which is `start`.
    fn some(&self, start: usize, x: &[&[f64]], out: &mut Output<'_>) -> Result<()> {
        let (inside, columns) = self.flow.enter(x, start)?;
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let k = self.k;
        let found = self.outputs(&columns, self.context)?;
        let curves = if self.second { self.curves(&columns, &found)? } else { Vec::new() };
        let slope = |e: usize, a: usize| found[GRADIENT][e * k + a];
        let curve = |e: usize, at: usize| curves[e * (k * (k + 1) / 2) + at];
        for (e, inside) in inside.into_iter().enumerate() {
            let (i, value) = (start + e, found[LOG_PROB][e]);
            if !inside || value == f64::NEG_INFINITY {
                out.put(i, f64::NEG_INFINITY, |_| 0.0, |_| 0.0);
                continue;
            }
            let seconds = if self.second { k * (k + 1) / 2 } else { 0 };
            let derivatives =
                (0..k).map(|a| slope(e, a)).chain((0..seconds).map(|at| curve(e, at)));
            if let Some(bad) = [value].into_iter().chain(derivatives).find(|y| !y.is_finite()) {
                return Err(Error::Argument(format!(
                    "event {i}: the model gives {bad} as the logarithm of the density or a derivative, not a finite \
                     number"
                )));
            }
            out.put(i, value, |a| slope(e, a), |at| curve(e, at));
        }
        Ok(())
    }

    /// What the model gives, empty where it lacks an output.
    fn outputs(&self, columns: &[&[f64]], context: &[f64]) -> Result<[Vec<f64>; 3]> {
        let there: Vec<usize> = (0..3).filter(|k| self.model.has(*k)).collect();
        let mut some = vec![Vec::new(); there.len()];
        let events = 0..columns[0].len();
        self.model.run(&Batch { columns, context, events }, &mut some)?;
        let mut all = [const { Vec::new() }; 3];
        there.into_iter().zip(some).for_each(|(k, found)| all[k] = found);
        Ok(all)
    }

    /// Second derivatives, rows of the lower triangle event after event: the model's own, or central differences of
    /// its gradient, whose steps balance rounding and the fourth derivative.
    fn curves(&self, columns: &[&[f64]], found: &[Vec<f64>; 3]) -> Result<Vec<f64>> {
        let (k, n) = (self.k, columns[0].len());
        let pairs = k * (k + 1) / 2;
        let mut curves = vec![0.0; n * pairs];
        let mut square = found[HESSIAN].clone();
        if !self.model.has(HESSIAN) {
            square = vec![0.0; n * k * k];
            for a in 0..k {
                let [down, up] = self.model.interface().step(self.context[a]);
                let at = |c: f64| -> Result<Vec<f64>> {
                    let mut context = self.context.to_vec();
                    context[a] = c;
                    let [_, slopes, _] = self.outputs(columns, &context)?;
                    Ok(slopes)
                };
                let (low, high) = (at(down)?, at(up)?);
                for e in 0..n {
                    for b in 0..k {
                        let change = high[e * k + b] - low[e * k + b];
                        square[(e * k + a) * k + b] = change / (up - down);
                    }
                }
            }
        }
        for e in 0..n {
            for a in 0..k {
                for b in 0..=a {
                    let of = |a: usize, b: usize| square[(e * k + a) * k + b];
                    curves[e * pairs + place(a, b)] = 0.5 * (of(a, b) + of(b, a));
                }
            }
        }
        Ok(curves)
    }
}
