//! How often limits cover the truth, against the true value.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, limit};
use crate::Result;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let name = document.word("poi")?;
    let level = document.real("confidence_level")?;
    let mut methods = Vec::new();
    for node in document.elements("methods")? {
        let mut points = Vec::new();
        for point in node.elements("points")? {
            points.push((point.real("mu")?, point.real("coverage")?, point.real("error")?));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        methods.push((node.word("name")?.to_owned(), points));
    }
    let all = || methods.iter().flat_map(|(_, points)| points);
    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Coverage of upper limits");
    let (low, high) = extent(all().map(|p| p.0)).unwrap_or((0.0, 1.0));
    let margin = 0.05 * (high - low).max(1e-3);
    let least = all().map(|p| p.1 - 1.5 * p.2).fold(level, f64::min);
    let x = Axis::linear(Text::name(name, 300.0, size::TITLE), low - margin, high + margin);
    let bottom = (least - 0.25 * (1.0 - least)).max(0.0);
    let y = Axis::linear("Limits not below the truth", bottom, 1.0 + 0.45 * (1.0 - bottom));
    let mut panel = Panel::fitted(canvas.area, x, y);
    let svg = &mut canvas.svg;
    let wanted = Stroke::new(GREY, 1.4).dashed("6 4");
    panel.line(svg, &[(low - margin, level), (high + margin, level)], &wanted);
    let mut legend = Legend::new();
    let strokes =
        [Stroke::new(BLACK, 1.7), Stroke::new(RED, 1.7).dashed("7 4"), Stroke::new(BLUE, 1.7)];
    for (i, (title, points)) in methods.iter().enumerate() {
        let stroke = &strokes[i % strokes.len()];
        // side by side
        let shift = margin * 0.12 * (i as f64 - 0.5 * (methods.len() as f64 - 1.0));
        let at: Vec<_> = points.iter().map(|p| (p.0 + shift, p.1)).collect();
        panel.line(svg, &at, stroke);
        for (at, point) in at.iter().zip(points) {
            let ends = (point.1 - point.2, (point.1 + point.2).min(1.0));
            panel.point(svg, *at, ends, stroke, 2.8);
        }
        legend.add(Handle::Points(*stroke), title.as_str());
    }
    legend.add(Handle::Line(wanted), format!("{} confidence level", limit::percent(level)));
    panel.frame(svg);
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("coverage")])
}
