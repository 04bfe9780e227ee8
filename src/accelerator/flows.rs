//! Normalising flows whose context follows parameters, as devices work them out: instructions, one after the other, on
//! rows of quantities of an event. Which layers these are, whoever writes them knows (`unbinned/pdf/flow/device.rs`);
//! here are their places. Columns of flows that somebody else works out are `columns.rs`.

mod columns;

use std::sync::Arc;

pub(crate) use super::events::ABSENT;
pub use columns::{CardInput, CardModel, CardRows, FlowColumns};

/// Words of a call before its instructions, in the order of the kernels' constants `F_...`; those that are not named
/// here are the device's.
mod head {
    pub(super) const EVENTS: usize = 1;
    /// First event of a call, and their number.
    pub(super) const BEGIN: usize = 2;
    pub(super) const COUNT: usize = 3;
    /// First instruction of a call, and the one after its last.
    pub(super) const FIRST: usize = 4;
    pub(super) const LAST: usize = 5;
    pub(super) const COMPONENTS: usize = 6;
    pub(super) const DIRECTIONS: usize = 7;
    pub(super) const SECOND: usize = 8;
    pub(super) const COLUMN: usize = 9;
    /// From one number of an event to its next one, where a call does not tell by its size.
    pub(super) const STRIDE: usize = 10;
    pub(super) const OBSERVABLES: usize = 11;
    pub(super) const CONTEXT: usize = 12;
    /// Where the directions of the context's numbers stand.
    pub(super) const PLACES: usize = 13;
    pub(super) const WORDS: usize = 16;
}

/// Words of an instruction: which one it is, then what it needs.
const STEP_WORDS: usize = 8;
/// No number, no direction: NONE in the kernels.
const NONE: u32 = u32::MAX;
/// Outputs of a dense layer worked out together: TILE in the kernels.
pub(crate) const TILE: usize = 4;
/// Rounds of loops in an instruction on dense layers, with all derivatives; more outputs are another instruction's.
const ROUNDS: usize = 16_384;

/// An instruction; rows are the state, the logarithm of the Jacobian, inputs of a network (`first_input`), and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Takes an event's inputs.
    Load,
    /// Takes the first of two numbers from a row, divides by the second.
    Scale { row: usize, numbers: usize },
    /// Copies rows, `list` of them from this word on, and the context behind them, to the inputs.
    Gather { list: usize, count: usize },
    /// A dense layer: tiles of outputs; weights tile by tile, input by input; 0 for no activation.
    Dense {
        from: usize,
        to: usize,
        inputs: usize,
        weights: usize,
        bias: usize,
        tiles: usize,
        activation: usize,
    },
    /// `(x - shift) exp(-scale)` or `x exp(scale) + shift`, with a limit to the scale or none.
    Affine { row: usize, scale: usize, shift: usize, subtract: bool, limit: Option<usize> },
    /// A rational-quadratic spline; numbers: both ends, then of widths and heights the least and what is left for parts,
    /// then the least derivative.
    Rational { row: usize, first: usize, bins: usize, tails: bool, numbers: usize },
    /// The logarithm of a standard normal density, but for its constant.
    Base { row: usize },
    /// Writes the columns.
    Store,
}

impl Step {
    /// In the order of the kernels' constants `STEP_...`; `lists` begin at this word.
    fn words(self, lists: usize) -> [u32; STEP_WORDS] {
        let word = |x: usize| x as u32;
        let (code, operands): (u32, Vec<u32>) = match self {
            Self::Load => (0, vec![]),
            Self::Scale { row, numbers } => (1, vec![word(row), word(numbers)]),
            Self::Gather { list, count } => (2, vec![word(lists + list), word(count)]),
            Self::Dense { from, to, inputs, weights, bias, tiles, activation } => {
                (3, [from, to, inputs, weights, bias, tiles, activation].map(word).to_vec())
            }
            Self::Affine { row, scale, shift, subtract, limit } => {
                let limit = limit.map_or(NONE, word);
                (4, vec![word(row), word(scale), word(shift), u32::from(subtract), limit])
            }
            Self::Rational { row, first, bins, tails, numbers } => {
                (5, vec![word(row), word(first), word(bins), u32::from(tails), word(numbers)])
            }
            Self::Base { row } => (6, vec![word(row)]),
            Self::Store => (7, vec![]),
        };
        let mut words = [0; STEP_WORDS];
        words[0] = code;
        words[1..=operands.len()].copy_from_slice(&operands);
        words
    }

    /// Rounds of loops that it takes, within a few.
    fn rounds(self, program: &FlowProgram, size: Size) -> usize {
        let (components, pairs) = (size.components(), size.pairs().max(1));
        match self {
            Self::Load | Self::Store => (2 + program.observables) * (1 + components),
            Self::Scale { .. } => components,
            Self::Gather { count, .. } => (count + program.places.len()) * (1 + components),
            Self::Dense { inputs, tiles, .. } => tiles * tile_rounds(inputs, size),
            Self::Affine { .. } | Self::Base { .. } => 2 * pairs,
            // three loops of each softmax, one of the bin, two of each bin a pair
            Self::Rational { bins, .. } => 7 * bins + pairs * (4 * bins + 2),
        }
    }
}

/// Rounds of one tile of a dense layer.
fn tile_rounds(inputs: usize, size: Size) -> usize {
    1 + size.components() * (1 + inputs) + TILE * (1 + 2 * size.pairs().max(1))
}

/// Derivatives that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Numbers of the context in which first ones are.
    pub directions: usize,
    /// Second ones as well.
    pub second: bool,
}

impl Size {
    /// Numbers of a quantity.
    pub fn components(self) -> usize {
        1 + self.directions + if self.second { self.pairs() } else { 0 }
    }

    fn pairs(self) -> usize {
        self.directions * (self.directions + 1) / 2
    }
}

/// What a device does with every event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlowProgram {
    steps: Vec<Step>,
    /// Rows that networks take in.
    lists: Vec<u32>,
    /// Of each number of the context: which derivative is in it, if any.
    places: Vec<Option<usize>>,
    pub(crate) numbers: Vec<f64>,
    observables: usize,
    /// Most quantities between two layers of a network.
    width: usize,
}

impl FlowProgram {
    /// Of so many observables, derivatives in so many of the context's numbers, and networks of this width at most.
    pub(crate) fn new(observables: usize, places: Vec<Option<usize>>, width: usize) -> Self {
        let steps = vec![Step::Load];
        Self { steps, places, observables, width, ..Self::default() }
    }

    /// Free numbers of the context.
    pub(crate) fn directions(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Row of the first of a network's inputs, in one of two places by turns.
    pub(crate) fn work(&self, which: usize) -> usize {
        self.observables + 1 + which * self.width
    }

    fn rows(&self) -> usize {
        self.work(2)
    }

    /// Numbers, with the place of the first.
    pub(crate) fn put(&mut self, numbers: &[f64]) -> usize {
        self.numbers.extend(numbers);
        self.numbers.len() - numbers.len()
    }

    /// Rows of the state that a network takes in, before the context.
    pub(crate) fn gather(&mut self, rows: impl IntoIterator<Item = usize>) {
        let list = self.lists.len();
        self.lists.extend(rows.into_iter().map(|row| row as u32));
        self.steps.push(Step::Gather { list, count: self.lists.len() - list });
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// A dense layer, with outputs a multiple of [`TILE`], some of them an instruction.
    pub(crate) fn dense(
        &mut self,
        [from, to]: [usize; 2],
        inputs: usize,
        weights: &[f64],
        bias: &[f64],
        activation: usize,
    ) {
        let (weights, first) = (self.put(weights), self.put(bias));
        let size = Size { directions: self.directions(), second: true };
        let most = (ROUNDS / tile_rounds(inputs, size)).max(1);
        let all = bias.len() / TILE;
        for tile in (0..all).step_by(most) {
            self.steps.push(Step::Dense {
                from,
                to: to + TILE * tile,
                inputs,
                weights: weights + TILE * inputs * tile,
                bias: first + TILE * tile,
                tiles: most.min(all - tile),
                activation,
            });
        }
    }

    /// Numbers of working memory of an event.
    pub fn scratch(&self, size: Size) -> usize {
        self.rows() * size.components()
    }

    /// Instructions of one call after the other, of about so many rounds of loops each.
    pub fn calls(&self, size: Size, rounds: usize) -> Vec<[usize; 2]> {
        let mut calls = Vec::new();
        let (mut first, mut sum) = (0, 0);
        for (i, step) in self.steps.iter().enumerate() {
            let more = 1 + step.rounds(self, size);
            if sum + more > rounds && i > first {
                calls.push([first, i]);
                (first, sum) = (i, 0);
            }
            sum += more;
        }
        calls.push([first, self.steps.len()]);
        calls
    }

    /// A call's words: all events and instructions.
    pub fn words(&self, size: Size, n: u32, column: u32) -> Vec<u32> {
        let mut words = vec![0; head::WORDS];
        words[head::EVENTS] = n;
        words[head::COUNT] = n;
        words[head::LAST] = self.steps.len() as u32;
        words[head::COMPONENTS] = size.components() as u32;
        words[head::DIRECTIONS] = size.directions as u32;
        words[head::SECOND] = u32::from(size.second && size.directions > 0);
        words[head::COLUMN] = column;
        words[head::OBSERVABLES] = self.observables as u32;
        words[head::CONTEXT] = self.places.len() as u32;
        let lists = head::WORDS + STEP_WORDS * self.steps.len();
        words[head::PLACES] = (lists + self.lists.len()) as u32;
        words.extend(self.steps.iter().flat_map(|step| step.words(lists)));
        words.extend(&self.lists);
        words.extend(self.places.iter().map(|place| place.map_or(NONE, |at| at as u32)));
        words
    }
}

/// Makes of a call's words one for events from `begin` on, so many, and for instructions from the first to before the
/// last; working memory has room for `stride` events.
pub fn part(words: &mut [u32], [begin, count]: [u32; 2], [first, last]: [usize; 2], stride: u32) {
    (words[head::BEGIN], words[head::COUNT]) = (begin, count);
    (words[head::FIRST], words[head::LAST]) = (first as u32, last as u32);
    words[head::STRIDE] = stride;
}

/// A flow at the events of a channel.
#[derive(Debug, Clone)]
pub enum FlowEvents {
    /// That devices work out.
    Layers(FlowLayers),
    /// That somebody else does.
    Columns(Arc<dyn FlowColumns>),
}

/// A flow of layers at the events of a channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlowLayers {
    /// What is left to do.
    pub program: FlowProgram,
    /// `[1 + observables, N]`: the logarithm of the Jacobian of what is done, -inf where the density is 0, and the state.
    pub inputs: Vec<f64>,
    /// What all events share.
    pub constant: f64,
    /// Of each number of the context: what is taken from it, what the rest is divided by.
    pub context: Vec<(f64, f64)>,
}

impl FlowEvents {
    /// Columns that are filled: the logarithm and all derivatives.
    pub(crate) fn columns(&self) -> usize {
        let directions = match self {
            Self::Layers(layers) => layers.program.directions(),
            Self::Columns(columns) => columns.directions(),
        };
        Size { directions, second: true }.components()
    }

    /// What is known of it at `n` events, with its columns from `column` on.
    pub(crate) fn held(&self, n: usize, column: usize) -> HeldFlow {
        let (middle, context) = match self {
            Self::Layers(flow) => (flow.mean(n) + flow.constant, flow.context.clone()),
            Self::Columns(flow) => (flow.middle(), vec![(0.0, 1.0); flow.context()]),
        };
        HeldFlow { column: column as u32, middle, context }
    }
}

impl FlowLayers {
    /// The mean that logarithms of the Jacobian are relative to, of `n` events.
    fn mean(&self, n: usize) -> f64 {
        let finite = || self.inputs[..n].iter().copied().filter(|x| x.is_finite());
        finite().sum::<f64>() / finite().count().max(1) as f64
    }

    /// The inputs as devices have them, of `n` events.
    pub fn inputs(&self, n: usize) -> Vec<f64> {
        let (mut inputs, mean) = (self.inputs.clone(), self.mean(n));
        for x in &mut inputs[..n] {
            *x = if x.is_finite() { *x - mean } else { ABSENT };
        }
        inputs
    }
}

/// What is known of a flow on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldFlow {
    /// Where its columns begin: the logarithm, first derivatives, second ones.
    pub column: u32,
    /// What its logarithms are relative to.
    pub middle: f64,
    /// Of each number of its context: what is taken from it, what the rest is divided by.
    pub context: Vec<(f64, f64)>,
}

/// What a point asks of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowCall {
    /// Its number on the device.
    pub(crate) flow: usize,
    /// First derivatives; second ones as well.
    pub(crate) order: [bool; 2],
    /// As networks take it: each number and the inverse of its unit.
    pub(crate) context: Vec<f64>,
}

impl FlowCall {
    /// Derivatives that are wanted, of so many.
    pub fn size(&self, directions: usize) -> Size {
        let [first, second] = self.order;
        Size { directions: if first { directions } else { 0 }, second: first && second }
    }

    /// The context, where its numbers have no units.
    pub fn plain_context(&self) -> Vec<f64> {
        self.context.iter().step_by(2).copied().collect()
    }
}
