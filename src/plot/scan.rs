//! The profile likelihood of one parameter.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, limit};
use crate::Result;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let name = document.word("parameter")?;
    let best = document.real("best")?;
    let mut points = Vec::new();
    for node in document.elements("points")? {
        points.push((node.real("mu")?, node.real("delta_twice_nll")?));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Likelihood scan");
    let (low, high) = extent(points.iter().map(|p| p.0)).unwrap_or((best - 1.0, best + 1.0));
    let top = extent(points.iter().map(|p| p.1)).map_or(5.0, |(_, high)| high.clamp(1.6, 12.0));
    let x = Axis::linear(Text::name(name, 300.0, size::TITLE), low, high);
    // room for the legend
    let y = Axis::linear(delta(), 0.0, 1.35 * top);
    let mut panel = Panel::fitted(canvas.area, x, y);
    let svg = &mut canvas.svg;
    let solid = Stroke::new(BLUE, 2.0);
    let reference = Stroke::new(LIGHT, 1.2);
    for (n, at) in [("1σ", 1.0), ("2σ", 4.0), ("3σ", 9.0)] {
        if at < top {
            panel.horizontal(svg, at, &reference);
            let place = (panel.area.right - 12.0, panel.y.at(at) - 4.0);
            svg.text(place, &n.into(), size::SMALL, Anchor::End, GREY);
        }
    }
    let mut legend = Legend::new();
    legend.add(Handle::Points(solid), "Profile likelihood");
    let letters = |text: &str| Text::name(name, 140.0, size::LABEL).plain(text);
    legend.add(Handle::Text, letters(&format!(" = {}", fixed(best, 3))).plain(" (best fit)"));
    for (i, node) in document.elements("intervals")?.iter().enumerate() {
        let (level, ends) = (node.real("level")?, [node.real("lower")?, node.real("upper")?]);
        let stroke = Stroke::new(RED, 1.3).dashed(if i == 0 { "6 3" } else { "2 3" });
        for end in ends.into_iter().filter(|e| e.is_finite()) {
            let height = height(&points, end);
            panel.line(svg, &[(end, 0.0), (end, height)], &stroke);
        }
        let width = 0.5 * (ends[1] - ends[0]);
        let places = decimals(if width.is_finite() { width } else { best.abs() });
        let words = ends.map(|e| fixed(e, places));
        let text = format!("{}: {} to {}", limit::percent(level), words[0], words[1]);
        legend.add(Handle::Line(stroke), text);
    }
    panel.line(svg, &points, &solid);
    for p in &points {
        panel.point(svg, *p, (p.1, p.1), &solid, 2.2);
    }
    panel.vertical(svg, best, &Stroke::new(GREY, 1.0).dashed("1 3"));
    panel.frame(svg);
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("scan")])
}

/// Twice the logarithm of the likelihood's ratio to its maximum.
pub(super) fn delta() -> Text {
    Text::from("−2 Δ ln ").italic("L")
}

/// The curve at `x`, between its points.
pub(super) fn height(points: &[(f64, f64)], x: f64) -> f64 {
    let inside = points.windows(2).find(|w| w[0].0 <= x && x <= w[1].0 && w[0].0 < w[1].0);
    inside.map_or(f64::NAN, |w| w[0].1 + (x - w[0].0) / (w[1].0 - w[0].0) * (w[1].1 - w[0].1))
}
