//! Points of many data sets in as few calls of a device as can be.

use std::ops::Range;

use super::{EventPlan, Held, HeldSet, head};
use crate::accelerator::flows::FlowCall;

/// Sums of shares that are worked out in one call at most, unless one point has more.
const MOST_SUMS: usize = 1 << 22;

/// A data set's place among those of a device, and a point to work out its sums at.
pub type EventPoint<'a> = (usize, &'a EventPlan);

/// Points whose tables differ in numbers alone: what one call works out.
#[derive(Debug)]
pub struct EventCall<'a> {
    held: &'a Held,
    points: Vec<EventPoint<'a>>,
    /// First event, events and point of each share. Shares begin with their data set: what is summed over them does
    /// not depend on others.
    shares: Vec<[u32; 3]>,
    /// First share of every point and after the last one.
    first: Vec<u32>,
}

impl<'a> EventCall<'a> {
    /// Calls for all points in shares of at most `most` events, each with the places of its points.
    pub(super) fn all(
        held: &'a Held,
        points: &[EventPoint<'a>],
        most: u32,
    ) -> Vec<(Self, Vec<usize>)> {
        let mut calls: Vec<(Self, Vec<usize>)> = Vec::new();
        for (at, &(set, plan)) in points.iter().enumerate() {
            let HeldSet { begin, n, .. } = held.sets[set];
            let more = n.div_ceil(most) as usize;
            let fits = |(call, _): &(Self, Vec<usize>)| {
                call.plan().words == plan.words
                    && call.flows().is_empty()
                    && plan.flows.is_empty()
                    && (call.shares.len() + more) * (1 + plan.moments()) <= MOST_SUMS
            };
            // most often one call has all
            let call = calls.iter().rposition(fits).unwrap_or(calls.len());
            if call == calls.len() {
                let new = Self { held, points: Vec::new(), shares: Vec::new(), first: vec![0] };
                calls.push((new, Vec::new()));
            }
            let (call, places) = &mut calls[call];
            let point = call.points.len() as u32;
            let begins = (0..n).step_by(most as usize);
            call.shares.extend(begins.map(|from| [begin + from, most.min(n - from), point]));
            call.first.push(call.shares.len() as u32);
            call.points.push((set, plan));
            places.push(at);
        }
        calls
    }

    fn plan(&self) -> &'a EventPlan {
        self.points[0].1
    }

    /// Flows whose columns are made first: of its only point, where there are any.
    pub(crate) fn flows(&self) -> &'a [FlowCall] {
        &self.plan().flows
    }

    /// Points.
    pub fn n(&self) -> usize {
        self.points.len()
    }

    /// Sums of products of columns, of each point.
    pub fn moments(&self) -> usize {
        self.plan().moments()
    }

    /// Columns of working memory.
    pub fn columns(&self) -> u32 {
        self.plan().columns()
    }

    /// Shares of all points.
    pub fn shares(&self) -> u32 {
        self.shares.len() as u32
    }

    /// First share of every point and after the last one, `[n + 1]`.
    pub fn first(&self) -> &[u32] {
        &self.first
    }

    /// The table with what the device knows, for some of the shares.
    pub fn words(&self, some: Range<u32>) -> Vec<u32> {
        let plan = self.plan();
        let mut words = plan.words.clone();
        words[head::EVENTS] = self.held.n;
        words[head::SHARES] = self.shares();
        words[head::FIRST] = some.start;
        words[head::COLUMNS] = self.held.columns;
        words[head::WEIGHTED] = u32::from(self.held.weighted);
        words[head::NUMBERS] = plan.numbers.len() as u32;
        words[head::LIST] = words.len() as u32;
        words.extend_from_slice(self.shares[some.start as usize..some.end as usize].as_flattened());
        words
    }

    /// Numbers of all points, with what rounding takes from them.
    pub fn numbers(&self) -> impl Iterator<Item = [f64; 2]> {
        self.points.iter().flat_map(|(_, plan)| plan.numbers.iter().copied())
    }
}
