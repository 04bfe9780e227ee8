//! Densities made of simulated events in a file.

use std::path::Path;

use serde_json::{Map, Value};

use super::data::Source;
use super::document::{Context, told};
use super::pdf;
use crate::error::Result;
use crate::spec::fields::{kind, number, numbers};
use crate::spec::place::Place;
use crate::unbinned::Observable;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::sum::Sum;

/// `histogram_from_tree` or `kde_from_tree`.
#[derive(Debug, Clone)]
pub(super) struct Simulated {
    pub(super) observable: Observable,
    shape: Shape,
    source: Source,
    max_events: Option<usize>,
}

#[derive(Debug, Clone)]
enum Shape {
    Histogram { edges: Vec<f64>, pseudo_count: f64 },
    Kde { bandwidth: f64 },
}

/// Keys of shapes that follow parameters, which are known and not supported.
pub(super) const SYSTEMATICS: [&str; 2] = ["weight_systematics", "horizontal_systematics"];

impl Simulated {
    pub(super) fn new(
        object: &Map<String, Value>,
        place: &Place,
        observable: &Observable,
        context: &Context,
    ) -> Result<Self> {
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        for key in SYSTEMATICS {
            if given(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
            {
                let message = "shapes that follow parameters event by event are not supported yet; the list can be \
                               empty, and modifiers of the yield be given";
                return Err(place.key(key).error(message));
            }
        }
        let shape = match object.get("bin_edges") {
            Some(edges) => {
                let at = place.key("bin_edges");
                let edges = numbers(edges, &at)?;
                let ends = [edges[0], edges[edges.len() - 1]];
                if ends != [observable.lo(), observable.hi()] {
                    // a bin that sticks out would hold the events inside alone, spread over all of it
                    return Err(at.error(format!(
                        "the edges go from {} to {}, the observable's bounds from {} to {}; they must agree",
                        ends[0],
                        ends[1],
                        observable.lo(),
                        observable.hi()
                    )));
                }
                let pseudo_count = pdf::pseudo_count(object, place)?;
                // what is wrong with the edges is told before any file is opened
                told(&at, Pdf::histogram(observable, &edges, &vec![1.0; edges.len() - 1]))?;
                Shape::Histogram { edges, pseudo_count }
            }
            None => {
                let at = place.key("bandwidth");
                let bandwidth = number(&object["bandwidth"], &at)?;
                told(&at, Pdf::kde(observable, &[observable.lo()], None, bandwidth))?;
                Shape::Kde { bandwidth }
            }
        };
        let max_events = given("max_events").map(|value| {
            let n = value.as_u64().filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
            n.ok_or_else(|| {
                let found = kind(value);
                let message = format!("expected a whole number of 1 or more, found {found}");
                place.key("max_events").error(message)
            })
        });
        Ok(Self {
            observable: observable.clone(),
            shape,
            source: Source::new(&object["source"], &place.key("source"), context)?,
            max_events: max_events.transpose()?,
        })
    }

    /// The density of the file's events, the first `max_events` of those selected.
    pub(super) fn open(&self, base: &Path, place: &Place) -> Result<Pdf> {
        let (at, own) = (place.key("source"), place.key("observable"));
        let observable = std::slice::from_ref(&self.observable);
        let (file, events) = self.source.read(base, &at, observable, &[own])?;
        let n = self.max_events.map_or(events.n(), |most| most.min(events.n()));
        let x = &events.column(self.observable.name())?[..n];
        let weights = events.weights().map(|w| &w[..n]);
        if weights.map_or(n as f64, |w| w.iter().copied().collect::<Sum>().total()) == 0.0 {
            let which = if n == 0 { "no event" } else { "no event with a weight above 0" };
            return Err(at.error(format!("{} has {which} for this density", file.display())));
        }
        let pdf = match &self.shape {
            Shape::Histogram { edges, pseudo_count } => {
                let contents = contents(edges, x, weights, *pseudo_count);
                Pdf::histogram(&self.observable, edges, &contents)
            }
            Shape::Kde { bandwidth } => Pdf::kde(&self.observable, x, weights, *bandwidth),
        };
        told(place, pdf)
    }
}

/// Sums of weights in bins; an edge belongs to the bin above it, the last one to the last bin.
fn contents(edges: &[f64], x: &[f64], weights: Option<&[f64]>, extra: f64) -> Vec<f64> {
    let mut sums = vec![Sum::default(); edges.len() - 1];
    for (i, x) in x.iter().enumerate() {
        let bin = edges[1..edges.len() - 1].partition_point(|edge| edge <= x);
        sums[bin].add(weights.map_or(1.0, |w| w[i]));
    }
    sums.iter().map(|sum| sum.total() + extra).collect()
}
