//! A flow as devices take it: what comes before the first coupling hangs on no parameter and is worked out here, once
//! for every event; the rest is written down as instructions.

use pulp::{Arch, Simd, WithSimd};

use super::Directions;
use super::jets::{EVENTS, Jets};
use super::layered::{Base, LN_SQRT_TAU, Layered};
use super::layers::{Change, Layer};
use crate::accelerator::flows::{FlowEvents, FlowLayers, FlowProgram, Step};
use crate::error::Result;

/// Stands for a logarithm that is not finite inside the support: beyond what devices compute with, so that the processor
/// tells it.
const BEYOND: f64 = 1e300;

impl Layered {
    /// With derivatives in the context's places `free`; `None` for layers that devices do not know.
    pub(super) fn on_device(&self, x: &[&[f64]], free: &[usize]) -> Result<Option<FlowEvents>> {
        let until = |layer: &Layer| matches!(layer, Layer::Coupling { .. });
        let first = self.layers.iter().position(until).unwrap_or(self.layers.len());
        let (before, after) = self.layers.split_at(first);
        let Some((program, constant)) = self.program(after, free) else { return Ok(None) };
        let inputs = Arch::new().dispatch(Entry { flow: self, layers: before, x })?;
        let context = self.context_scale.clone();
        Ok(Some(FlowEvents::Layers(FlowLayers { program, inputs, constant, context })))
    }

    /// Instructions for these layers and the base, and what all events share.
    fn program(&self, layers: &[Layer], free: &[usize]) -> Option<(FlowProgram, f64)> {
        let place = |c: usize| free.iter().position(|f| *f == c);
        let places = (0..self.context_scale.len()).map(place).collect();
        let mut program = FlowProgram::new(self.observables, places, self.width());
        // the row of each quantity: permutations move no number
        let mut rows: Vec<usize> = (0..self.observables).collect();
        let mut constant = 0.0;
        for layer in layers {
            match layer {
                // the first layer alone
                Layer::Logit { .. } => return None,
                Layer::Scale { shift, scale } => {
                    for (i, row) in rows.iter().enumerate() {
                        let numbers = program.put(&[shift[i], scale[i]]);
                        program.push(Step::Scale { row: *row, numbers });
                        constant -= libm::log(scale[i]);
                    }
                }
                Layer::Permutation(order) => rows = order.iter().map(|from| rows[*from]).collect(),
                Layer::Coupling { identity, transform, network, change } => {
                    program.gather(identity.iter().map(|i| rows[*i]));
                    let place = network.write(&mut program);
                    let outputs = program.work(place);
                    let changed: Vec<usize> = transform.iter().map(|i| rows[*i]).collect();
                    change.write(&mut program, &changed, outputs);
                }
            }
        }
        if self.base == Base::Normal {
            rows.iter().for_each(|row| program.push(Step::Base { row: *row }));
            constant -= LN_SQRT_TAU * self.observables as f64;
        }
        program.push(Step::Store);
        Some((program, constant))
    }
}

impl Change {
    /// Instructions for the rows that are changed, by a network's outputs.
    fn write(&self, program: &mut FlowProgram, rows: &[usize], outputs: usize) {
        match self {
            Self::Affine(affine) => {
                let limit = affine.limit.map(|limit| program.put(&[limit]));
                for (t, row) in rows.iter().enumerate() {
                    let (scale, shift) = (outputs + t, outputs + rows.len() + t);
                    let subtract = affine.subtract;
                    program.push(Step::Affine { row: *row, scale, shift, subtract, limit });
                }
            }
            Self::Rational(rational) => {
                let ([lo, hi], [width, height, slope]) = (rational.ends, rational.least);
                let size = hi - lo;
                let spare = |least: f64| (1.0 - least * rational.bins as f64) * size;
                let numbers = program.put(&[
                    lo,
                    hi,
                    width * size,
                    spare(width),
                    height * size,
                    spare(height),
                    slope,
                ]);
                for (t, row) in rows.iter().enumerate() {
                    program.push(Step::Rational {
                        row: *row,
                        first: outputs + t * rational.parameters(),
                        bins: rational.bins,
                        tails: rational.linear_tails,
                        numbers,
                    });
                }
            }
        }
    }
}

/// Events through layers that hang on no context.
struct Entry<'a> {
    flow: &'a Layered,
    layers: &'a [Layer],
    x: &'a [&'a [f64]],
}

impl WithSimd for Entry<'_> {
    type Output = Result<Vec<f64>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Result<Vec<f64>> {
        let Self { flow, layers, x } = self;
        let n = x[0].len();
        let mut inputs = vec![0.0; (1 + flow.observables) * n];
        let mut block = flow.block(&[], Directions::Context, Jets { directions: 0, second: false });
        for start in (0..n).step_by(EVENTS) {
            let len = EVENTS.min(n - start);
            let inside = flow.enter(x, start, len, &mut block)?;
            for layer in layers {
                layer.run(simd, &mut block);
            }
            for (e, inside) in inside.iter().enumerate().take(len) {
                inputs[start + e] = match (*inside, block.log_det[e]) {
                    (false, _) => f64::NEG_INFINITY,
                    (true, log) if log.is_finite() => log,
                    (true, _) => BEYOND,
                };
                for d in 0..flow.observables {
                    inputs[(1 + d) * n + start + e] = block.state[d * EVENTS + e];
                }
            }
        }
        Ok(inputs)
    }
}
