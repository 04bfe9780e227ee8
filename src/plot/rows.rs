//! Names from top to bottom, a row each.

use super::draw::{Axis, Labels, Text, size};

/// The widest that a name can be.
pub(super) const NAME: f64 = 190.0;

/// An axis with names; row `i` is at `-i`.
pub(super) fn axis<'a>(names: impl IntoIterator<Item = &'a str>) -> Axis {
    let label = |(i, name): (usize, &str)| (-(i as f64), Text::name(name, NAME, size::SMALL));
    let labels: Vec<_> = names.into_iter().enumerate().map(label).collect();
    let rows = labels.len().max(1) as f64;
    Axis::linear("", 0.4 - rows, 0.6).labels(Labels::Given(labels, false)).letters(size::SMALL)
}
