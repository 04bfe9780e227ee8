//! Sums over single events under a mixture of densities that a device works out itself: events stay there, a small
//! table travels for each point of the parameters. Which densities, and what the sums are for, whoever writes the
//! table knows; here are its places.

use std::fmt::Debug;

use super::DeviceInfo;
use super::flows::{FlowCall, FlowEvents};
use super::mixture::event_count;
use crate::Result;

/// Stands for minus infinity: ABSENT in the kernels.
pub(crate) const ABSENT: f64 = -1e37;
/// Of levels in f32: sums with them up to 32 lose no digit of theirs.
const GRID: f64 = 1.0 / 524_288.0;

/// Words of a table before its processes, in the order of the kernels' constants `H_...`; those that are not named
/// here are the device's.
pub(crate) mod head {
    pub(crate) const PROCESSES: usize = 1;
    pub(crate) const EVENTS: usize = 2;
    pub(crate) const SHARES: usize = 3;
    /// First share of a call.
    pub(crate) const FIRST: usize = 4;
    pub(crate) const COLUMNS: usize = 5;
    pub(crate) const WEIGHTED: usize = 6;
    pub(crate) const SPLIT: usize = 7;
    pub(crate) const TERMS: usize = 8;
    pub(crate) const SHAPES: usize = 9;
    pub(crate) const MOMENTS: usize = 10;
    pub(crate) const ROWS: usize = 11;
    pub(crate) const WORDS: usize = 12;
}

/// Words of a process, in the order of the kernels' constants `P_...`.
pub(crate) mod process {
    pub(crate) const FORM: usize = 0;
    pub(crate) const NUMBERS: usize = 1;
    pub(crate) const SLOPES: usize = 2;
    pub(crate) const CURVES: usize = 3;
    pub(crate) const TERM: usize = 4;
    pub(crate) const SHAPE: usize = 5;
    /// Column of the data, kind of basis, or number of columns.
    pub(crate) const KIND: usize = 6;
    pub(crate) const COUNT: usize = 7;
    pub(crate) const TABLE: usize = 8;
    /// 1: of the logarithm of x.
    pub(crate) const LOGARITHM: usize = 9;
    pub(crate) const WORDS: usize = 10;
}

/// What makes a process's columns; the kernels' `FORM_...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FormCode {
    Given = 0,
    Powers = 1,
    Argus = 2,
    Cauchy = 3,
    Peak = 4,
    Series = 5,
    /// What a flow's kernel made, from its first column on.
    Columns = 6,
}

/// Events of one channel as they are given.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    /// The observable, `[N]`, and its window.
    pub x: &'a [f64],
    /// Its bounds.
    pub window: [f64; 2],
    /// `[N]`
    pub weights: Option<&'a [f64]>,
    /// Log-densities that follow no parameter, `[N]` each; -inf where a process makes no such event.
    pub columns: Vec<&'a [f64]>,
    /// Flows whose context follows parameters.
    pub flows: Vec<FlowEvents>,
}

/// How the observable is stored: `x = middle + half t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Of the window where numbers are f32, or pairs of f32; else 0.
    pub middle: f64,
    /// Likewise, else 1.
    pub half: f64,
    /// Numbers are f32: what rounding takes from them is worked out beside, to first order.
    pub split: bool,
}

impl Frame {
    /// f64: as it is.
    pub const PLAIN: Self = Self { middle: 0.0, half: 1.0, split: false };

    /// Around the middle of a window, which is a number of f32.
    pub fn of(window: [f64; 2], split: bool) -> Self {
        let [lo, hi] = window;
        Self { middle: 0.5 * (lo + hi), half: 0.5 * (hi - lo), split }
    }

    /// A number as the kernels get it, and what that leaves.
    pub fn number(self, x: f64) -> [f64; 2] {
        if !self.split {
            return [x, 0.0];
        }
        let most = f64::from(f32::MAX);
        if x.abs() >= most {
            return [most.copysign(x), 0.0];
        }
        let near = f64::from(x as f32);
        [near, x - near]
    }

    /// The level of a process: in f32 on a grid.
    pub fn level(self, x: f64) -> [f64; 2] {
        if !self.split || x <= ABSENT {
            return [x, 0.0];
        }
        let near = (x / GRID).round() * GRID;
        [near, x - near]
    }
}

/// What is known of events on a device without looking there.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Events.
    pub n: u32,
    /// How the observable is stored.
    pub frame: Frame,
    /// Columns of the data: the observable, log-densities, weights.
    pub columns: u32,
    /// There are weights, in units of [`Held::unit`].
    pub weighted: bool,
    /// Their mean, or 1.
    pub unit: f64,
    /// Their sum, or the number of events.
    pub weight_sum: f64,
    /// What each column of log-densities is relative to.
    pub middles: Vec<f64>,
    /// Flows, whose columns stand behind all others.
    pub flows: Vec<HeldFlow>,
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

impl Held {
    /// With the numbers for the device, `[columns, N]`, and where they are f32 what they leave of the observable
    /// and of log-densities, column by column.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for 2^32 events and more.
    pub fn new(events: &Events<'_>, frame: Frame) -> Result<(Self, Vec<f64>)> {
        let n = event_count(events.x.len())?;
        let mut all = Vec::with_capacity((2 + events.columns.len()) * events.x.len());
        let mut left = Vec::new();
        let mut put = |values: &mut dyn Iterator<Item = f64>, all: &mut Vec<f64>| {
            for value in values {
                let [near, rest] = frame.number(value);
                all.push(near);
                if frame.split {
                    left.push(rest);
                }
            }
        };
        put(&mut events.x.iter().map(|x| (x - frame.middle) / frame.half), &mut all);
        let mut middles = Vec::new();
        for column in &events.columns {
            let finite = || column.iter().copied().filter(|x| x.is_finite());
            let middle = finite().sum::<f64>() / finite().count().max(1) as f64;
            let middle = f64::from(middle as f32);
            let relative = |x: &f64| if x.is_finite() { x - middle } else { ABSENT };
            put(&mut column.iter().map(relative), &mut all);
            middles.push(middle);
        }
        let (mut unit, mut weight_sum) = (1.0, f64::from(n));
        if let Some(weights) = events.weights {
            weight_sum = weights.chunks(512).map(|part| part.iter().sum::<f64>()).sum();
            let mean = weight_sum / f64::from(n.max(1));
            unit = if mean > 0.0 { mean } else { 1.0 };
            all.extend(weights.iter().map(|w| w / unit));
        }
        all.append(&mut left);
        let weighted = events.weights.is_some();
        let columns = 1 + events.columns.len() as u32 + u32::from(weighted);
        let mut flows = Vec::new();
        let mut next = columns as usize + if frame.split { 1 + events.columns.len() } else { 0 };
        for flow in &events.flows {
            let middle = flow.inputs(events.x.len()).1 + flow.constant;
            flows.push(HeldFlow { column: next as u32, middle, context: flow.context.clone() });
            next += flow.columns();
        }
        // room that flows fill
        all.resize(next * events.x.len(), 0.0);
        Ok((Self { n, frame, columns, weighted, unit, weight_sum, middles, flows }, all))
    }
}

/// A table for one point.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventPlan {
    /// The head, processes, their tables, and of each sum of products two columns of working memory.
    pub(crate) words: Vec<u32>,
    /// Numbers and what rounding takes from them.
    pub(crate) numbers: Vec<[f64; 2]>,
    /// Flows whose columns are made first.
    pub(crate) flows: Vec<FlowCall>,
}

impl EventPlan {
    /// Sums of products of columns.
    pub fn moments(&self) -> usize {
        self.words[head::MOMENTS] as usize
    }

    /// Columns of working memory: weight, terms, shapes, and what rounding of numbers takes from each process.
    pub fn columns(&self) -> u32 {
        let [p, terms, shapes, split] =
            [head::PROCESSES, head::TERMS, head::SHAPES, head::SPLIT].map(|at| self.words[at]);
        1 + terms + shapes + split * p
    }

    /// The words, with what the device knows, for a call that begins with share `first`.
    pub fn filled(&self, held: &Held, shares: u32, first: u32) -> Vec<u32> {
        let mut words = self.words.clone();
        words[head::EVENTS] = held.n;
        words[head::SHARES] = shares;
        words[head::FIRST] = first;
        words[head::COLUMNS] = held.columns;
        words[head::WEIGHTED] = u32::from(held.weighted);
        words
    }
}

/// Sums over all events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventTotals {
    /// Sum of the logarithms, relative to the level that the table's numbers are relative to, in units of weights.
    pub log_likelihood: f64,
    /// Events of weight above 0 that no process can make; they are in no sum.
    pub zero_density: usize,
    /// A number was beyond what the device computes with: the sums are nothing.
    pub beyond: bool,
    /// Sums of products of columns, in the table's order.
    pub moments: Vec<f64>,
}

/// A device that holds the events of a channel.
pub trait EventDevice: Send + Sync + Debug {
    /// What runs.
    fn info(&self) -> &DeviceInfo;

    /// What it holds.
    fn held(&self) -> &Held;

    /// Sums at a point: the same bits in every run.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the device fails, or has no memory.
    fn sums(&self, plan: &EventPlan) -> Result<EventTotals>;
}
