//! A frame with axes, marks inside on all four sides, and what is drawn between them.

use super::axis::Axis;
use super::legend::Legend;
use super::palette::BLACK;
use super::scale::{Scale, Tick};
use super::size;
use super::svg::{Anchor, Area, Paint, Stroke, Svg};

/// Pixels between the marks of a horizontal and a vertical axis, at least.
const SPACING: (f64, f64) = (70.0, 42.0);

/// Closer in small frames, or there would be one number alone.
pub(super) fn spacing(length: f64, wide: bool) -> f64 {
    let (usual, least) = if wide { (SPACING.0, 46.0) } else { (SPACING.1, 26.0) };
    (length / 4.0).clamp(least, usual)
}
/// Lengths of long and short marks.
const MARKS: (f64, f64) = (8.0, 4.0);
const FRAME: Stroke = Stroke::new(BLACK, 1.2);

/// A frame on the page.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) area: Area,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    axes: (Axis, Axis),
    top: Option<Axis>,
    /// Where something is drawn that a legend should not cover.
    taken: Vec<(f64, f64)>,
}

impl Panel {
    /// The frame itself is `area`.
    pub(crate) fn new(area: Area, x: Axis, y: Axis) -> Self {
        let scales = (x.scale(area.left, area.right), y.scale(area.bottom, area.top));
        Self { area, x: scales.0, y: scales.1, axes: (x, y), top: None, taken: Vec::new() }
    }

    /// The frame with its labels and titles is `area`.
    pub(crate) fn fitted(area: Area, x: Axis, y: Axis) -> Self {
        let bottom = area.bottom - Self::below(&x);
        let left = area.left + y.room(bottom - area.top);
        Self::new(Area { left, bottom, right: area.right - 16.0, ..area }, x, y)
    }

    /// Room that a horizontal axis takes below its panel.
    pub(crate) fn below(axis: &Axis) -> f64 {
        let title = if axis.title.is_empty() { 0.0 } else { size::TITLE + 8.0 };
        title + size::LABEL + 12.0
    }

    /// With another axis above.
    pub(crate) fn with_top(self, top: Axis) -> Self {
        Self { top: Some(top), ..self }
    }

    /// The place of a pair of values.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    /// A line through values.
    pub(crate) fn line(&mut self, svg: &mut Svg, values: &[(f64, f64)], stroke: &Stroke) {
        let points: Vec<_> = values.iter().map(|v| self.at(*v)).collect();
        for pair in points.windows(2) {
            let length = (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
            let steps = if length < 1e4 { (length / 5.0).ceil() as usize } else { 0 };
            self.taken.extend((0..=steps).map(|i| {
                let part = i as f64 / steps.max(1) as f64;
                let mix = |a: f64, b: f64| a + part * (b - a);
                (mix(pair[0].0, pair[1].0), mix(pair[0].1, pair[1].1))
            }));
        }
        svg.clipped(self.area, |svg| svg.path(&points, stroke));
    }

    /// A vertical or horizontal line across the panel.
    pub(crate) fn vertical(&mut self, svg: &mut Svg, x: f64, stroke: &Stroke) {
        self.line(svg, &[(x, self.y.low), (x, self.y.high)], stroke);
    }

    pub(crate) fn horizontal(&mut self, svg: &mut Svg, y: f64, stroke: &Stroke) {
        self.line(svg, &[(self.x.low, y), (self.x.high, y)], stroke);
    }

    /// The area between two lines, of `(x, low, high)`.
    pub(crate) fn band(&mut self, svg: &mut Svg, values: &[(f64, f64, f64)], paint: &Paint) {
        let whole = |v: &&(f64, f64, f64)| !(v.0.is_nan() || v.1.is_nan() || v.2.is_nan());
        let values: Vec<_> = values.iter().filter(whole).collect();
        let upper = values.iter().map(|v| self.at((v.0, v.2)));
        let lower = values.iter().rev().map(|v| self.at((v.0, v.1)));
        let corners: Vec<_> = upper.chain(lower).collect();
        for pair in values.windows(2) {
            self.fill_taken(self.at((pair[0].0, pair[0].1)), self.at((pair[1].0, pair[1].2)));
        }
        svg.clipped(self.area, |svg| svg.polygons([corners.as_slice()], paint));
    }

    /// A rectangle between values.
    pub(crate) fn rect(&mut self, svg: &mut Svg, from: (f64, f64), to: (f64, f64), paint: &Paint) {
        let area = self.between(from, to);
        self.fill_taken((area.left, area.top), (area.right, area.bottom));
        svg.clipped(self.area, |svg| svg.rect(area, paint));
    }

    /// The place of a rectangle between values, within the frame.
    pub(crate) fn between(&self, from: (f64, f64), to: (f64, f64)) -> Area {
        let ((x0, y0), (x1, y1)) = (self.at(from), self.at(to));
        let frame = &self.area;
        Area {
            left: x0.min(x1).clamp(frame.left, frame.right),
            right: x0.max(x1).clamp(frame.left, frame.right),
            top: y0.min(y1).clamp(frame.top, frame.bottom),
            bottom: y0.max(y1).clamp(frame.top, frame.bottom),
        }
    }

    fn fill_taken(&mut self, from: (f64, f64), to: (f64, f64)) {
        let clamp = |v: f64, low: f64, high: f64| v.clamp(low, high);
        let frame = self.area;
        let x = [from.0, to.0].map(|v| clamp(v, frame.left, frame.right));
        let y = [from.1, to.1].map(|v| clamp(v, frame.top, frame.bottom));
        let steps = |a: f64, b: f64| ((a - b).abs() / 8.0).ceil().min(400.0) as usize;
        let (nx, ny) = (steps(x[0], x[1]), steps(y[0], y[1]));
        if nx * ny > 40_000 || x.iter().chain(&y).any(|v| v.is_nan()) {
            return;
        }
        for i in 0..=nx {
            for j in 0..=ny {
                let (a, b) = (i as f64 / nx.max(1) as f64, j as f64 / ny.max(1) as f64);
                self.taken.push((x[0] + a * (x[1] - x[0]), y[0] + b * (y[1] - y[0])));
            }
        }
    }

    /// A point with vertical bars from `low` to `high`, which may be the value itself.
    pub(crate) fn point(
        &mut self,
        svg: &mut Svg,
        value: (f64, f64),
        (low, high): (f64, f64),
        stroke: &Stroke,
        radius: f64,
    ) {
        self.line(svg, &[(value.0, low), (value.0, high)], stroke);
        self.mark(svg, value, stroke.colour, radius);
    }

    /// A point with horizontal bars.
    pub(crate) fn wide_point(
        &mut self,
        svg: &mut Svg,
        value: (f64, f64),
        (low, high): (f64, f64),
        stroke: &Stroke,
        radius: f64,
    ) {
        self.line(svg, &[(low, value.1), (high, value.1)], stroke);
        self.mark(svg, value, stroke.colour, radius);
    }

    fn mark(&mut self, svg: &mut Svg, value: (f64, f64), colour: &str, radius: f64) {
        let at = self.at(value);
        self.taken.push(at);
        // whole also at the edge
        let Area { left, top, right, bottom } = self.area;
        let inside =
            at.0 > left - 0.5 && at.0 < right + 0.5 && at.1 > top - 0.5 && at.1 < bottom + 0.5;
        if inside && radius > 0.0 {
            svg.circle(at, radius, &Paint::fill(colour));
        }
    }

    /// A legend where least is drawn.
    pub(crate) fn legend(&self, svg: &mut Svg, legend: &Legend) {
        legend.draw(svg, self.area, &self.taken);
    }

    /// Frame, marks, labels, titles: after all else, or fillings hide the marks.
    pub(crate) fn frame(&self, svg: &mut Svg) {
        let Area { left, top, right, bottom } = self.area;
        svg.rect(self.area, &Paint::outline(FRAME));
        let (x_axis, y_axis) = &self.axes;
        let x_ticks = x_axis.ticks(&self.x, spacing(right - left, true));
        for tick in self.inside(&x_ticks, &self.x) {
            let (x, length) = (self.x.at(tick.value), mark(tick));
            svg.line((x, bottom), (x, bottom - length), &FRAME);
            if self.top.is_none() {
                svg.line((x, top), (x, top + length), &FRAME);
            }
            if let Some(label) = &tick.label {
                let at = (x, bottom + size::LABEL + 6.0);
                svg.text(at, label, x_axis.letters, Anchor::Middle, BLACK);
            }
        }
        let y_ticks = y_axis.ticks(&self.y, spacing(bottom - top, false));
        for tick in self.inside(&y_ticks, &self.y) {
            let (y, length) = (self.y.at(tick.value), mark(tick));
            svg.line((left, y), (left + length, y), &FRAME);
            svg.line((right, y), (right - length, y), &FRAME);
            if let Some(label) = &tick.label {
                let at = (left - 7.0, y + 0.35 * y_axis.letters);
                svg.text(at, label, y_axis.letters, Anchor::End, BLACK);
            }
        }
        if let Some(axis) = &self.top {
            let scale = axis.scale(left, right);
            for tick in self.inside(&axis.ticks(&scale, spacing(right - left, true)), &scale) {
                let x = scale.at(tick.value);
                svg.line((x, top), (x, top + mark(tick)), &FRAME);
                if let Some(label) = &tick.label {
                    svg.text((x, top - 7.0), label, size::LABEL, Anchor::Middle, BLACK);
                }
            }
            let at = (right, top - size::LABEL - 13.0);
            svg.text(at, &axis.title, size::TITLE, Anchor::End, BLACK);
        }
        let at = (right, bottom + size::LABEL + size::TITLE + 13.0);
        svg.text(at, &x_axis.title, size::TITLE, Anchor::End, BLACK);
        let at = (left - y_axis.widest(bottom - top) - 16.0, top);
        svg.turned_text(at, &y_axis.title, size::TITLE, Anchor::End, BLACK, -90.0);
    }

    /// Marks on a scale; not those a rounding error outside.
    fn inside<'a>(&self, ticks: &'a [Tick], scale: &Scale) -> impl Iterator<Item = &'a Tick> {
        let (low, high) = (scale.from.min(scale.to) - 0.5, scale.from.max(scale.to) + 0.5);
        let scale = *scale;
        ticks.iter().filter(move |t| (low..=high).contains(&scale.at(t.value)))
    }
}

fn mark(tick: &Tick) -> f64 {
    if tick.long {
        MARKS.0
    } else if tick.label.is_none() {
        MARKS.1
    } else {
        0.0
    }
}
