//! A Feldman-Cousins interval: the test statistic against its critical value from toys.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::scan::height;
use super::{Figure, Options, limit};
use crate::Result;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let name = document.word("parameter")?;
    let level = document.real("confidence_level")?;
    let (lower, upper) = (document.real("lower")?, document.real("upper")?);
    let mut points = Vec::new();
    for node in document.elements("points")? {
        points.push((node.real("mu")?, node.real("test_statistic")?, node.real("critical")?));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let observed: Vec<_> = points.iter().map(|p| (p.0, p.1)).collect();
    let critical: Vec<_> = points.iter().map(|p| (p.0, p.2)).collect();

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Feldman–Cousins interval");
    let (low, high) = extent(points.iter().map(|p| p.0)).unwrap_or((0.0, 1.0));
    let threshold = extent(points.iter().map(|p| p.2)).map_or(4.0, |(_, high)| high);
    let largest = extent(points.iter().map(|p| p.1)).map_or(4.0, |(_, high)| high);
    // the curve far above is of no interest
    let top = largest.min(3.0 * threshold).max(threshold);
    let x = Axis::linear(Text::name(name, 300.0, size::TITLE), low, high);
    let index = match name {
        "mu" => "μ",
        short if short.chars().count() < 8 => short,
        _ => "",
    };
    let y = Axis::linear(Text::default().italic("t").below(index), 0.0, 1.45 * top);
    let mut panel = Panel::fitted(canvas.area, x, y);
    let svg = &mut canvas.svg;
    let inside = Paint::fill(LIGHT_BLUE).opacity(0.55);
    let (from, to) = (lower.max(low), upper.min(high));
    // below the critical values, where the observed ones are inside
    let mut under: Vec<_> =
        critical.iter().filter(|c| from < c.0 && c.0 < to).map(|c| (c.0, 0.0, c.1)).collect();
    if from < to {
        under.insert(0, (from, 0.0, height(&critical, from)));
        under.push((to, 0.0, height(&critical, to)));
    }
    panel.band(svg, &under, &inside);
    let solid = Stroke::new(BLACK, 1.7);
    let dashed = Stroke::new(RED, 1.7).dashed("7 4");
    panel.line(svg, &critical, &dashed);
    panel.line(svg, &observed, &solid);
    for (o, c) in observed.iter().zip(&critical) {
        panel.point(svg, *o, (o.1, o.1), &solid, 2.8);
        panel.point(svg, *c, (c.1, c.1), &dashed, 2.2);
    }
    panel.frame(svg);
    let mut legend = Legend::new();
    legend.add(Handle::Points(solid), "Observed");
    let percent = limit::percent(level);
    legend.add(Handle::Points(dashed), format!("Critical value of toys ({percent} CL)"));
    let places = decimals(if (upper - lower).is_finite() { upper - lower } else { lower.abs() });
    let ends = [lower, upper].map(|e| fixed(e, places));
    legend.add(Handle::Fill(inside), format!("Interval: {} to {}", ends[0], ends[1]));
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("interval")])
}
