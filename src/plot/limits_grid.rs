//! Upper limits in a plane of two labels, with the line up to which signals are excluded.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::limits::Point;
use super::{Figure, Options, limit};
use crate::Result;

const BAR: f64 = 96.0;

pub(super) fn draw(
    document: &Node<'_>,
    options: &Options,
    points: &[Point],
    [x, y]: [(usize, &str); 2],
) -> Result<Vec<Figure>> {
    let level = document.real("confidence_level")?;
    let mut canvas = Canvas::new(document, options, (760.0, 560.0), "Upper limits");
    let at: Vec<(f64, f64)> = points.iter().map(|p| (p.values[x.0], p.values[y.0])).collect();
    let room = Area { right: canvas.area.right - BAR, ..canvas.area };
    let (xs, ys) = (padded(at.iter().map(|p| p.0), 0.0), padded(at.iter().map(|p| p.1), 0.26));
    let title = |name: &str| Text::name(name, 320.0, size::TITLE);
    let mut panel = Panel::fitted(
        room,
        Axis::linear(title(x.1), xs.0, xs.1),
        Axis::linear(title(y.1), ys.0, ys.1),
    );
    let svg = &mut canvas.svg;

    let shown = |p: &Point| if p.observed.is_nan() { p.expected[2] } else { p.observed };
    let range = extent(points.iter().map(shown).filter(|v| *v > 0.0)).unwrap_or((0.1, 10.0));
    let range = (range.0, range.1.max(1.01 * range.0));
    let part = |v: f64| (v / range.0).ln() / (range.1 / range.0).ln();
    let (w, h) = tile(&panel, &at);
    for (p, place) in points.iter().zip(&at) {
        let value = shown(p);
        if value.is_nan() || value <= 0.0 {
            continue;
        }
        let (cx, cy) = panel.at(*place);
        let area = Area {
            left: (cx - 0.5 * w).max(panel.area.left),
            right: (cx + 0.5 * w).min(panel.area.right),
            top: (cy - 0.5 * h).max(panel.area.top),
            bottom: (cy + 0.5 * h).min(panel.area.bottom),
        };
        svg.rect(area, &Paint::fill(&sequential(part(value))));
    }

    let mesh = Mesh::new(&at);
    let mut lines = |limit: &dyn Fn(&Point) -> f64, stroke: Stroke| {
        let values: Vec<f64> = points.iter().map(|p| limit(p).ln()).collect();
        // white below, to be seen on dark tiles
        for line in mesh.contour(&values, 0.0) {
            panel.line(svg, &line, &Stroke::new("#ffffff", stroke.width + 2.0));
            panel.line(svg, &line, &stroke);
        }
    };
    let sigma = Stroke::new(BLACK, 1.1).dashed("2 3");
    let median = Stroke::new(BLACK, 2.0).dashed("7 4");
    let observed = Stroke::new(RED, 2.4);
    lines(&|p| p.expected[1], sigma);
    lines(&|p| p.expected[3], sigma);
    lines(&|p| p.expected[2], median);
    lines(&|p| p.observed, observed);
    // numbers over the lines, on the colour of their tile
    for (p, place) in points.iter().zip(&at).filter(|(p, _)| shown(p) > 0.0) {
        let value = shown(p);
        let text = significant(value, 2);
        let width = text.width(size::CAPTION);
        if width < w - 3.0 && h > size::CAPTION + 2.0 {
            let (x, y) = panel.at(*place);
            let half = 0.5 * width + 1.0;
            let back = Area { left: x - half, right: x + half, top: y - 6.0, bottom: y + 6.0 };
            svg.rect(back, &Paint::fill(&sequential(part(value))));
            let ink = if part(value) > 0.5 { "#ffffff" } else { BLACK };
            svg.text((x, y + 4.0), &text, size::CAPTION, Anchor::Middle, ink);
        }
    }
    panel.frame(svg);

    let mut legend = Legend::new().columns(3);
    legend.add(Handle::Line(observed), "Observed limit = 1");
    legend.add(Handle::Line(median), "Expected");
    legend.add(Handle::Line(sigma), "Expected ± 1σ");
    legend.draw_at(svg, (panel.area.left + 16.0, panel.area.top + 12.0));
    bar(svg, panel.area, range, limit::percent(level), document.poi());
    Ok(vec![canvas.finish("limits")])
}

/// With half a step of the grid around, and room above.
fn padded(values: impl Iterator<Item = f64>, above: f64) -> (f64, f64) {
    let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let (Some(low), Some(high)) = (values.first(), values.last()) else { return (0.0, 1.0) };
    let pad = (0.5 * smallest_step(&values)).max(0.04 * (high - low));
    (low - pad, high + pad + above * (high - low))
}

fn smallest_step(sorted: &[f64]) -> f64 {
    let steps = sorted.windows(2).map(|w| w[1] - w[0]);
    steps.fold(f64::INFINITY, f64::min).min(1e300)
}

/// Size of a tile that does not touch its neighbours.
fn tile(panel: &Panel, at: &[(f64, f64)]) -> (f64, f64) {
    let places: Vec<_> = at.iter().map(|p| panel.at(*p)).collect();
    let (mut w, mut h) = (150.0f64, 90.0f64);
    for (i, a) in places.iter().enumerate() {
        for b in &places[..i] {
            let (dx, dy) = ((a.0 - b.0).abs(), (a.1 - b.1).abs());
            // whichever direction parts them more, relative to the tile
            if dx / w >= dy / h {
                w = w.min(dx.max(0.0));
            } else {
                h = h.min(dy);
            }
        }
    }
    (w.max(5.0), h.max(5.0))
}

/// What the colours mean.
fn bar(svg: &mut Svg, frame: Area, range: (f64, f64), percent: String, poi: &str) {
    const STEPS: usize = 48;
    let area = Area { left: frame.right + 14.0, right: frame.right + 30.0, ..frame };
    let height = area.height() / STEPS as f64;
    for i in 0..STEPS {
        let bottom = area.bottom - i as f64 * height;
        let strip = Area { bottom, top: bottom - height - 0.3, ..area };
        let part = (i as f64 + 0.5) / STEPS as f64;
        svg.rect(Area { top: strip.top.max(area.top), ..strip }, &Paint::fill(&sequential(part)));
    }
    svg.rect(area, &Paint::outline(Stroke::new(BLACK, 1.0)));
    let scale = Scale { low: range.0, high: range.1, log: true, from: area.bottom, to: area.top };
    for tick in scale.ticks(42.0) {
        let y = scale.at(tick.value);
        let length = if tick.long { 6.0 } else { 3.0 };
        svg.line((area.right, y), (area.right - length, y), &Stroke::new(BLACK, 1.0));
        if let Some(label) = &tick.label {
            let at = (area.right + 5.0, y + 4.0);
            svg.text(at, label, size::SMALL, Anchor::Start, BLACK);
        }
    }
    let title = Text::from(format!("{percent} CL upper limit on ")).then(Text::name(
        poi,
        120.0,
        size::LABEL,
    ));
    let at = (area.right + 54.0, area.top);
    svg.turned_text(at, &title, size::LABEL, Anchor::End, BLACK, -90.0);
}
