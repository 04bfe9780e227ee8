//! What an axis says, before it has a place.

use super::scale::{Scale, Tick};
use super::size;
use super::text::Text;

/// Numbers at an axis.
#[derive(Debug, Clone, Default)]
pub(crate) enum Labels {
    /// Round ones.
    #[default]
    Round,
    /// Marks alone.
    None,
    /// These, with a mark each where the flag is set.
    Given(Vec<(f64, Text)>, bool),
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) title: Text,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) log: bool,
    pub(crate) labels: Labels,
    /// Size of the labels' letters.
    pub(crate) letters: f64,
}

impl Axis {
    /// A linear axis; where there is nothing between its ends they are moved.
    pub(crate) fn linear(title: impl Into<Text>, low: f64, high: f64) -> Self {
        let (low, high) = match (low.is_finite(), high.is_finite()) {
            (true, true) => (low, high),
            (true, false) => (low, low + 1.0),
            (false, true) => (high - 1.0, high),
            (false, false) => (0.0, 1.0),
        };
        // beyond this, differences of two values are not numbers any more
        let (low, high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
        let tiny = 1e-12 * low.abs().max(high.abs());
        let (low, high) = if high - low > tiny {
            (low, high)
        } else {
            let half = 0.5 * low.abs().max(if low == 0.0 { 1.0 } else { 0.0 });
            (low - half, low + half.max(f64::MIN_POSITIVE))
        };
        Self {
            title: title.into(),
            low,
            high,
            log: false,
            labels: Labels::Round,
            letters: size::LABEL,
        }
    }

    /// A logarithmic axis; at least from 1e-300, and over at least a factor of 2.
    pub(crate) fn log(title: impl Into<Text>, low: f64, high: f64) -> Self {
        let high = if high.is_finite() && high > 1e-299 { high.min(1e300) } else { 1.0 };
        let low = if low.is_finite() { low.max(1e-300) } else { 0.1 * high };
        let low = low.min(0.5 * high);
        Self {
            title: title.into(),
            low,
            high,
            log: true,
            labels: Labels::Round,
            letters: size::LABEL,
        }
    }

    pub(crate) fn labels(self, labels: Labels) -> Self {
        Self { labels, ..self }
    }

    /// Its marks alone.
    pub(crate) fn labels_off(self) -> Self {
        let labels = match self.labels {
            Labels::Given(labels, marks) => Labels::Given(
                labels.into_iter().map(|(v, _)| (v, Text::default())).collect(),
                marks,
            ),
            Labels::Round | Labels::None => Labels::None,
        };
        Self { labels, ..self }
    }

    pub(crate) fn letters(self, letters: f64) -> Self {
        Self { letters, ..self }
    }

    /// Between two places on the page.
    pub(super) fn scale(&self, from: f64, to: f64) -> Scale {
        Scale { low: self.low, high: self.high, log: self.log, from, to }
    }

    /// Its marks on `scale`.
    pub(super) fn ticks(&self, scale: &Scale, spacing: f64) -> Vec<Tick> {
        match &self.labels {
            Labels::Round => scale.ticks(spacing),
            Labels::None => {
                scale.ticks(spacing).into_iter().map(|t| Tick { label: None, ..t }).collect()
            }
            Labels::Given(labels, marks) => labels
                .iter()
                .map(|(value, label)| Tick {
                    value: *value,
                    long: *marks,
                    label: Some(label.clone()),
                })
                .collect(),
        }
    }

    /// Width of the widest label of a vertical axis `length` long.
    pub(crate) fn widest(&self, length: f64) -> f64 {
        let scale = self.scale(length, 0.0);
        let ticks = self.ticks(&scale, super::panel::spacing(length, false));
        let widths = ticks.iter().filter_map(|t| t.label.as_ref()).map(|l| l.width(self.letters));
        widths.fold(0.0, f64::max)
    }

    /// Room that a vertical axis takes left of its panel.
    pub(crate) fn room(&self, length: f64) -> f64 {
        let title = if self.title.is_empty() { 0.0 } else { size::TITLE + 8.0 };
        self.widest(length) + 10.0 + title
    }
}

/// Smallest and largest of those that are finite; `None` where there are none.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_never_empty() {
        let values = [0.0, 1.0, -1.0, 1e-320, 1e300, f64::MAX, f64::NAN, f64::INFINITY, -5e-324];
        for low in values {
            for high in values {
                for axis in [Axis::linear("", low, high), Axis::log("", low, high)] {
                    let scale = axis.scale(0.0, 100.0);
                    assert!(axis.low < axis.high, "{low} {high}: {axis:?}");
                    assert!(scale.at(axis.high).is_finite(), "{low} {high}: {axis:?}");
                    assert!(axis.ticks(&scale, 20.0).len() < 2000);
                }
            }
        }
        assert_eq!(extent([f64::NAN, 2.0, 1.0, f64::INFINITY]), Some((1.0, 2.0)));
        assert_eq!(extent([]), None);
    }
}
