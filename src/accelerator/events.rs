//! Sums over single events under a mixture of densities that a device works out itself: events of one data set or of
//! many stay there, a small table travels for each point of the parameters. Which densities, and what the sums are
//! for, whoever writes the table knows; here are its places.

mod call;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;

use super::DeviceInfo;
use super::flows::{FlowCall, FlowEvents, HeldFlow};
use super::mixture::event_count;
use crate::{Error, Result};
pub use call::{EventCall, EventPoint};

/// Stands for minus infinity: ABSENT in the kernels.
pub(crate) const ABSENT: f64 = -1e37;
/// Of levels in f32: sums with them up to 32 lose no digit of theirs.
const GRID: f64 = 1.0 / 524_288.0;

/// Words of a table before its processes, in the order of the kernels' constants `H_...`; those that are not named
/// here are the device's.
pub(crate) mod head {
    pub(crate) const PROCESSES: usize = 1;
    pub(crate) const EVENTS: usize = 2;
    /// Of all points.
    pub(crate) const SHARES: usize = 3;
    /// First share that is listed.
    pub(crate) const FIRST: usize = 4;
    pub(crate) const COLUMNS: usize = 5;
    pub(crate) const WEIGHTED: usize = 6;
    pub(crate) const SPLIT: usize = 7;
    pub(crate) const TERMS: usize = 8;
    pub(crate) const SHAPES: usize = 9;
    pub(crate) const MOMENTS: usize = 10;
    pub(crate) const ROWS: usize = 11;
    /// Numbers of one point.
    pub(crate) const NUMBERS: usize = 12;
    /// Where the shares of a call stand: first event, events, point of each.
    pub(crate) const LIST: usize = 13;
    pub(crate) const WORDS: usize = 14;
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

/// Events of one data set of a channel as they are given.
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
    /// Events of all data sets.
    pub n: u32,
    /// How the observable is stored.
    pub frame: Frame,
    /// Columns of the data: the observable, log-densities, weights.
    pub columns: u32,
    /// There are weights, in units of [`HeldSet::unit`].
    pub weighted: bool,
    /// The data sets, one after the other.
    pub sets: Vec<HeldSet>,
    /// Flows of the only data set, whose columns stand behind all others.
    pub flows: Vec<HeldFlow>,
}

/// One data set of them. What its sums are relative to is its own: no bit of them depends on the others.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldSet {
    /// First event.
    pub begin: u32,
    /// Events.
    pub n: u32,
    /// The mean weight, or 1.
    pub unit: f64,
    /// Sum of the weights, or the number of events.
    pub weight_sum: f64,
    /// What each column of log-densities is relative to.
    pub middles: Vec<f64>,
}

impl Held {
    /// With the numbers for the device, `[columns, N]`, and where they are f32 what they leave of the observable
    /// and of log-densities, column by column. All data sets have the columns of the first one.
    ///
    /// # Errors
    /// [`Error::Argument`] for 2^32 events and more, and for data sets with other columns.
    pub fn new(events: &[Events<'_>], frame: Frame) -> Result<(Self, Vec<f64>)> {
        let n = event_count(events.iter().map(|set| set.x.len()).sum())?;
        let given = events.first().map_or(0, |set| set.columns.len());
        let weighted = events.first().is_some_and(|set| set.weights.is_some());
        let alike =
            |set: &Events<'_>| set.columns.len() == given && set.weights.is_some() == weighted;
        if !events.iter().all(alike) {
            let message = "data sets on one device need the same columns".into();
            return Err(Error::Argument(message));
        }
        if events.len() > 1 && events.iter().any(|set| !set.flows.is_empty()) {
            let message = "events with flows lie on a device alone".into();
            return Err(Error::Argument(message));
        }
        let columns = 1 + given + usize::from(weighted);
        let mut all = Vec::with_capacity(columns * n as usize);
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
        let mut sets = Vec::with_capacity(events.len());
        for set in events {
            put(&mut set.x.iter().map(|x| (x - frame.middle) / frame.half), &mut all);
            let begin = (all.len() - set.x.len()) as u32;
            sets.push(HeldSet::new(begin, set));
        }
        for column in 0..given {
            for (set, held) in events.iter().zip(&sets) {
                let middle = held.middles[column];
                let relative = |x: &f64| if x.is_finite() { x - middle } else { ABSENT };
                put(&mut set.columns[column].iter().map(relative), &mut all);
            }
        }
        for (set, held) in events.iter().zip(&sets) {
            all.extend(set.weights.into_iter().flatten().map(|w| w / held.unit));
        }
        all.append(&mut left);
        let mut flows = Vec::new();
        let mut next = columns + if frame.split { 1 + given } else { 0 };
        for flow in events.iter().flat_map(|set| &set.flows) {
            flows.push(flow.held(n as usize, next));
            next += flow.columns();
        }
        // room that flows fill
        all.resize(next * n as usize, 0.0);
        Ok((Self { n, frame, columns: columns as u32, weighted, sets, flows }, all))
    }
}

impl HeldSet {
    fn new(begin: u32, events: &Events<'_>) -> Self {
        let n = events.x.len() as u32;
        let middle = |column: &&[f64]| {
            let finite = || column.iter().copied().filter(|x| x.is_finite());
            let middle = finite().sum::<f64>() / finite().count().max(1) as f64;
            f64::from(middle as f32)
        };
        let (mut unit, mut weight_sum) = (1.0, f64::from(n));
        if let Some(weights) = events.weights {
            weight_sum = weights.chunks(512).map(|part| part.iter().sum::<f64>()).sum();
            let mean = weight_sum / f64::from(n.max(1));
            unit = if mean > 0.0 { mean } else { 1.0 };
        }
        Self { begin, n, unit, weight_sum, middles: events.columns.iter().map(middle).collect() }
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
}

/// Sums over all events of a data set.
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

/// A device that holds the events of a channel, of one data set or of many.
pub trait EventDevice: Send + Sync + Debug {
    /// What runs.
    fn info(&self) -> &DeviceInfo;

    /// What it holds.
    fn held(&self) -> &Held;

    /// The same device with other events.
    ///
    /// # Errors
    /// As [`Held::new`]; [`Error::Device`] where it has no memory for them.
    fn with(&self, events: &[Events<'_>]) -> Result<Arc<dyn EventDevice>>;

    /// Most events of a share.
    fn share(&self) -> u32;

    /// The sums of each point of a call, which has at least one share.
    ///
    /// # Errors
    /// As [`EventDevice::sums`].
    fn run(&self, call: &EventCall<'_>) -> Result<Vec<EventTotals>>;

    /// Sums at points: the same bits in every run, whatever the other points are.
    ///
    /// # Errors
    /// [`Error::Device`] where the device fails, or has no memory.
    fn sums(&self, points: &[EventPoint<'_>]) -> Result<Vec<EventTotals>> {
        let mut all = vec![EventTotals::default(); points.len()];
        for (call, places) in EventCall::all(self.held(), points, self.share()) {
            let nothing =
                || EventTotals { moments: vec![0.0; call.moments()], ..Default::default() };
            let found = match call.shares() {
                0 => vec![nothing(); call.n()],
                _ => self.run(&call)?,
            };
            places.iter().zip(found).for_each(|(at, totals)| all[*at] = totals);
        }
        Ok(all)
    }
}
