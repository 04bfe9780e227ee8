//! Networks of dense layers, the same of every event.

use pulp::Simd;

use super::jets::{EVENTS, Jets};
use super::safetensors::Tensors;
use crate::accelerator::cpu::math;
use crate::accelerator::flows::{FlowProgram, TILE};
use crate::aligned::Aligned;
use crate::spec::text::quoted;

/// What stands between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Tanh,
    Relu,
    /// `x / (1 + exp(-x))`
    Silu,
}

impl Activation {
    pub(super) const NAMES: [&str; 3] = ["tanh", "relu", "silu"];
    pub(super) const ALL: [Self; 3] = [Self::Tanh, Self::Relu, Self::Silu];
}

#[derive(Debug, Clone)]
struct Dense {
    inputs: usize,
    outputs: usize,
    /// For each [`TILE`] outputs, which are worked out together (each input loaded serves all of them), weights of one input after the other; 0 beyond the last output.
    weights: Vec<f64>,
    bias: Vec<f64>,
}

/// Dense layers with an activation between any two.
#[derive(Debug, Clone)]
pub(super) struct Network {
    layers: Vec<Dense>,
    activation: Activation,
}

impl Network {
    /// The arrays `NAME.N.weight` ([outputs, inputs]) and `NAME.N.bias` in the order of N.
    pub(super) fn new(
        tensors: &Tensors,
        name: &str,
        activation: Activation,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, String> {
        let (mut layers, mut width) = (Vec::new(), inputs);
        for n in tensors.numbered(name) {
            let (weight_name, bias_name) =
                (format!("{name}.{n}.weight"), format!("{name}.{n}.bias"));
            let (weight, bias) = (tensors.get(&weight_name)?, tensors.get(&bias_name)?);
            let [rows, columns] = weight.shape[..] else {
                let shape = &weight.shape;
                return Err(format!(
                    "{} has the shape {shape:?}, not two sizes",
                    quoted(&weight_name)
                ));
            };
            if columns != width {
                return Err(format!(
                    "{} has the shape {:?}, but {width} inputs come in",
                    quoted(&weight_name),
                    weight.shape
                ));
            }
            if bias.shape != [rows] {
                let (name, shape) = (quoted(&bias_name), &bias.shape);
                return Err(format!("{name} has the shape {shape:?}, not [{rows}]"));
            }
            layers.push(Dense::new(rows, columns, &weight.values, &bias.values));
            width = rows;
        }
        if layers.is_empty() {
            tensors.get(&format!("{name}.0.weight"))?;
        }
        if width != outputs {
            let name = quoted(name);
            return Err(format!(
                "the network {name} has {width} outputs, but {outputs} are needed"
            ));
        }
        Ok(Self { layers, activation })
    }

    /// The most quantities between two layers.
    pub(super) fn width(&self) -> usize {
        self.layers.iter().map(|l| l.inputs.max(l.bias.len())).max().unwrap_or(0)
    }

    /// Takes rows of inputs from `work[0]` to rows of outputs; which of the two buffers has them is returned.
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, jets: Jets, work: &mut [Aligned<f64>; 2]) -> usize {
        let mut from = 0;
        for (i, layer) in self.layers.iter().enumerate() {
            let [a, b] = &mut *work;
            let (input, output) = if from == 0 { (&*a, b) } else { (&*b, a) };
            layer.run(simd, jets, input, output);
            from = 1 - from;
            if i + 1 < self.layers.len() {
                let rows = &mut work[from][..layer.outputs * jets.row()];
                for row in rows.chunks_exact_mut(jets.row()) {
                    self.activation.run(simd, jets, row);
                }
            }
        }
        from
    }
}

impl Network {
    /// Adds its layers to what a device does; in which of the two places the outputs are is returned.
    pub(super) fn write(&self, program: &mut FlowProgram) -> usize {
        let mut from = 0;
        for (i, layer) in self.layers.iter().enumerate() {
            let between = i + 1 < self.layers.len();
            let activation = if between { 1 + self.activation as usize } else { 0 };
            let rows = [program.work(from), program.work(1 - from)];
            program.dense(rows, layer.inputs, &layer.weights, &layer.bias, activation);
            from = 1 - from;
        }
        from
    }
}

impl Dense {
    fn new(outputs: usize, inputs: usize, weights: &[f64], bias: &[f64]) -> Self {
        let tiles = outputs.div_ceil(TILE);
        let (mut packed, mut padded) = (vec![0.0; tiles * TILE * inputs], vec![0.0; tiles * TILE]);
        for o in 0..outputs {
            padded[o] = bias[o];
            for i in 0..inputs {
                packed[(o / TILE * inputs + i) * TILE + o % TILE] = weights[o * inputs + i];
            }
        }
        Self { inputs, outputs, weights: packed, bias: padded }
    }

    /// `output = weights input + bias`, the bias in values alone; fused, so that no bit depends on the instruction set.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, jets: Jets, input: &[f64], output: &mut [f64]) {
        let columns = jets.row() / S::F64_LANES;
        let input = &S::as_simd_f64s(input).0[..self.inputs * columns];
        let output = S::as_mut_simd_f64s(output).0;
        let zero = simd.splat_f64s(0.0);
        for (tile, bias) in self.bias.chunks_exact(TILE).enumerate() {
            let size = TILE * self.inputs;
            let weights = &self.weights[tile * size..(tile + 1) * size];
            for column in (0..columns).step_by(2) {
                let is_value = column * S::F64_LANES < EVENTS;
                let mut sums = [[zero; 2]; TILE];
                if is_value {
                    for (sums, bias) in sums.iter_mut().zip(bias) {
                        *sums = [simd.splat_f64s(*bias); 2];
                    }
                }
                for (i, weights) in weights.chunks_exact(TILE).enumerate() {
                    let at = i * columns + column;
                    let x = [input[at], input[at + 1]];
                    for (sums, weight) in sums.iter_mut().zip(weights) {
                        let weight = simd.splat_f64s(*weight);
                        sums[0] = simd.mul_add_f64s(weight, x[0], sums[0]);
                        sums[1] = simd.mul_add_f64s(weight, x[1], sums[1]);
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    let at = (tile * TILE + r) * columns + column;
                    [output[at], output[at + 1]] = *sums;
                }
            }
        }
    }
}

impl Activation {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, jets: Jets, row: &mut [f64]) {
        let (mut f1, mut f2) = ([0.0; EVENTS], [0.0; EVENTS]);
        let value = row.first_chunk_mut::<EVENTS>().expect("a whole row");
        match self {
            Self::Tanh => {
                tanh(simd, value);
                for e in 0..EVENTS {
                    f1[e] = 1.0 - value[e] * value[e];
                    f2[e] = -2.0 * value[e] * f1[e];
                }
            }
            Self::Relu => {
                for e in 0..EVENTS {
                    f1[e] = if value[e] > 0.0 { 1.0 } else { 0.0 };
                    value[e] *= f1[e];
                }
            }
            Self::Silu => {
                let mut s = *value;
                exp(simd, -1.0, &mut s);
                for e in 0..EVENTS {
                    let (x, s) = (value[e], 1.0 / (1.0 + s[e]));
                    value[e] = x * s;
                    f1[e] = s * (1.0 + x * (1.0 - s));
                    f2[e] = s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s));
                }
            }
        }
        if jets.directions > 0 {
            jets.compose(row, &f1, &f2);
        }
    }
}

/// `exp(factor x)`
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, factor: f64, values: &mut [f64; EVENTS]) {
    for x in S::as_mut_simd_f64s(values).0 {
        *x = math::exp(simd, simd.mul_f64s(simd.splat_f64s(factor), *x));
    }
}

#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, values: &mut [f64; EVENTS]) {
    let (one, two) = (simd.splat_f64s(1.0), simd.splat_f64s(2.0));
    for x in S::as_mut_simd_f64s(values).0 {
        let e = math::exp(simd, simd.mul_f64s(two, *x));
        *x = simd.sub_f64s(one, simd.div_f64s(two, simd.add_f64s(e, one)));
    }
}
