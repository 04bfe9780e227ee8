//! Random events of flows: numbers of the base distribution, taken back through the layers.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::jets::{EVENTS, Jets};
use super::layered::{Base, Layered};
use super::layers::Block;
use super::windowed::Windowed;
use super::{Directions, Flow, Source};
use crate::error::{Error, Result};
use crate::model::toys::quantile;
use crate::unbinned::events::Observable;

/// A smaller part than this of a flow in its windows is not waited for.
const LEAST: f64 = 1e-3;

/// A flow in a context, ready to be drawn from.
#[derive(Debug, Clone)]
pub(in crate::unbinned::pdf) struct Draws {
    flow: Arc<Flow>,
    context: Vec<f64>,
    windows: Vec<Observable>,
    /// The part of all draws that lies in the windows.
    share: f64,
}

impl Windowed {
    /// Draws in this context.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a number of the context that is not finite. [`Error::Unsupported`]: nearly all of the flow
    /// lies outside the windows; a flow in ONNX without a model that samples.
    pub(in crate::unbinned::pdf) fn draws(&self, context: &[f64]) -> Result<Draws> {
        self.flow.check_context(context)?;
        self.flow.check_integral(context)?;
        #[cfg(feature = "onnx")]
        if let Source::Onnx(exported) = &self.flow.source {
            exported.draws_at_a_time()?;
        }
        let share = libm::exp(self.norm);
        if share < LEAST {
            return Err(Error::Unsupported(format!(
                "flow: {share:.1e} of it lies in its windows; toys need {LEAST:e} at least"
            )));
        }
        let (flow, windows) = (Arc::clone(&self.flow), self.windows.clone());
        Ok(Draws { flow, context: context.to_vec(), windows, share })
    }
}

impl Draws {
    /// Observables, each of which takes a uniform number for a draw.
    pub(in crate::unbinned::pdf) fn dimensions(&self) -> usize {
        self.windows.len()
    }

    /// Appends `n` events, the first ones in the windows of those that the numbers lead to.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: they lead to numbers that are not finite, or hardly ever into the windows.
    pub(in crate::unbinned::pdf) fn fill(
        &self,
        n: usize,
        uniform: &mut [impl FnMut() -> f64],
        out: &mut [Vec<f64>],
    ) -> Result<()> {
        let mut inverse = self.inverse()?;
        let (events, base) = (inverse.events, inverse.base);
        // beyond any fluctuation
        let most = 4.0 * (n as f64 + 100.0) / self.share;
        let (mut drawn, mut found) = (0usize, 0);
        while found < n {
            if drawn as f64 > most {
                let (share, found) = (self.share, format!("{found} of {drawn} draws"));
                return Err(Error::Argument(format!(
                    "flow: {found} lie in its windows, where its integral is {share}: its layers are not inverse there"
                )));
            }
            for (state, uniform) in inverse.state().chunks_exact_mut(events).zip(&mut *uniform) {
                for x in state {
                    let u = uniform();
                    *x = if base == Base::Normal { quantile(u) } else { u };
                }
            }
            inverse.run()?;
            let state = &*inverse.state();
            for e in 0..events {
                let at = |d: usize| state[d * events + e];
                if let Some(d) = (0..out.len()).find(|d| !at(*d).is_finite()) {
                    let (name, x) = (self.windows[d].name(), at(d));
                    let message = format!("flow: a draw of {name} is {x}, not a finite number");
                    return Err(Error::Argument(message));
                }
                let event =
                    (0..out.len()).map(|d| (self.rounded(d, at(d), base), &self.windows[d]));
                if found < n && event.clone().all(|(x, window)| window.contains(x)) {
                    event.zip(&mut *out).for_each(|((x, _), column)| column.push(x));
                    found += 1;
                }
            }
            drawn += events;
        }
        Ok(())
    }

    fn inverse(&self) -> Result<Inverse<'_>> {
        match &self.flow.source {
            Source::Layers(layered) => {
                let jets = Jets { directions: 0, second: false };
                let block = layered.block(&self.context, Directions::Context, jets);
                let from = From::Layers(layered, block.into());
                Ok(Inverse { from, events: EVENTS, base: layered.base })
            }
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => {
                let events = exported.draws_at_a_time()?;
                let state = vec![0.0; events * self.windows.len()];
                let base = if exported.is_uniform() { Base::Uniform } else { Base::Normal };
                let from = From::Onnx { flow: exported, context: &self.context, state };
                Ok(Inverse { from, events, base })
            }
        }
    }

    /// Without what rounding carries beyond a bounded support.
    fn rounded(&self, d: usize, x: f64, base: Base) -> f64 {
        match (self.flow.support(), base) {
            (Some(support), Base::Normal) => {
                x.clamp(support[d].0.next_up(), support[d].1.next_down())
            }
            (Some(support), Base::Uniform) => x.clamp(support[d].0, support[d].1),
            (None, _) => x,
        }
    }
}

/// What leads from the base to the data.
struct Inverse<'a> {
    from: From<'a>,
    /// How many events at a time.
    events: usize,
    base: Base,
}

enum From<'a> {
    Layers(&'a Layered, Box<Block>),
    #[cfg(feature = "onnx")]
    Onnx {
        flow: &'a super::onnx::Exported,
        context: &'a [f64],
        state: Vec<f64>,
    },
}

impl Inverse<'_> {
    /// `[observables, events]`, of the base before it runs, of the data after.
    fn state(&mut self) -> &mut [f64] {
        match &mut self.from {
            From::Layers(_, block) => &mut block.state,
            #[cfg(feature = "onnx")]
            From::Onnx { state, .. } => state,
        }
    }

    fn run(&mut self) -> Result<()> {
        match &mut self.from {
            From::Layers(flow, block) => Arch::new().dispatch(Inversion { flow, block }),
            #[cfg(feature = "onnx")]
            From::Onnx { flow, context, state } => flow.invert(context, state)?,
        }
        Ok(())
    }
}

/// All layers backwards.
struct Inversion<'a> {
    flow: &'a Layered,
    block: &'a mut Block,
}

impl WithSimd for Inversion<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // no closure: its code would not know the instruction set
        for layer in self.flow.layers.iter().rev() {
            layer.undo(simd, self.block);
        }
    }
}
