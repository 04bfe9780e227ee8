//! Random events of flows: numbers of the base distribution, taken back through the layers.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::jets::{EVENTS, Jets};
use super::layers::Block;
use super::windowed::Windowed;
use super::{Base, Directions, Flow};
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
    /// lies outside the windows.
    pub(in crate::unbinned::pdf) fn draws(&self, context: &[f64]) -> Result<Draws> {
        self.flow.check_context(context)?;
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
        let flow = &*self.flow;
        let jets = Jets { directions: 0, second: false };
        let mut block = flow.block(&self.context, Directions::Context, jets);
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
            for (state, uniform) in block.state.chunks_exact_mut(EVENTS).zip(&mut *uniform) {
                for x in state {
                    let u = uniform();
                    *x = if flow.base == Base::Normal { quantile(u) } else { u };
                }
            }
            Arch::new().dispatch(Inversion { flow, block: &mut block });
            for e in 0..EVENTS {
                let at = |d: usize| block.state[d * EVENTS + e];
                if let Some(d) = (0..out.len()).find(|d| !at(*d).is_finite()) {
                    let (name, x) = (self.windows[d].name(), at(d));
                    let message = format!("flow: a draw of {name} is {x}, not a finite number");
                    return Err(Error::Argument(message));
                }
                let event = (0..out.len()).map(|d| (self.rounded(d, at(d)), &self.windows[d]));
                if found < n && event.clone().all(|(x, window)| window.contains(x)) {
                    event.zip(&mut *out).for_each(|((x, _), column)| column.push(x));
                    found += 1;
                }
            }
            drawn += EVENTS;
        }
        Ok(())
    }

    /// Without what rounding carries beyond a bounded support.
    fn rounded(&self, d: usize, x: f64) -> f64 {
        match (&self.flow.support, self.flow.base) {
            (Some(support), Base::Normal) => {
                x.clamp(support[d].0.next_up(), support[d].1.next_down())
            }
            (Some(support), Base::Uniform) => x.clamp(support[d].0, support[d].1),
            (None, _) => x,
        }
    }
}

/// All layers backwards.
struct Inversion<'a> {
    flow: &'a Flow,
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
