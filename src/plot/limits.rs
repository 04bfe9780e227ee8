//! Upper limits over a family of signals: against one label a band, against two a grid.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, limit, limits_grid};
use crate::Result;

/// A signal and its limits.
pub(super) struct Point {
    pub(super) values: Vec<f64>,
    pub(super) observed: f64,
    pub(super) expected: [f64; 5],
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let labels = document.elements("labels")?;
    let labels = labels.iter().map(Node::text).collect::<Result<Vec<_>>>()?;
    let nodes = document.elements("points")?;
    let read = |node: &Node<'_>| -> Result<Point> {
        Ok(Point {
            values: node.get("values")?.vector(labels.len())?,
            observed: node.real("observed")?,
            expected: node.band("expected")?,
        })
    };
    let points = nodes.iter().map(read).collect::<Result<Vec<_>>>()?;
    // a label that is the same for all is no axis
    let varies = |i: &usize| points.iter().any(|p| p.values[*i] != points[0].values[*i]);
    let varying: Vec<usize> = (0..labels.len()).filter(varies).collect();
    match varying[..] {
        [x, y] => limits_grid::draw(document, options, &points, [(x, labels[x]), (y, labels[y])]),
        [x] => band(document, options, points, (x, labels[x])),
        [] => band(document, options, points, (0, labels.first().copied().unwrap_or("signal"))),
        _ => {
            let names: Vec<_> = varying.iter().map(|&i| labels[i]).collect();
            let message = format!(
                "{} labels differ between the points ({}): a plane has two",
                names.len(),
                names.join(", ")
            );
            Err(document.get("labels")?.error(message))
        }
    }
}

fn band(
    document: &Node<'_>,
    options: &Options,
    mut points: Vec<Point>,
    (index, label): (usize, &str),
) -> Result<Vec<Figure>> {
    let level = document.real("confidence_level")?;
    let at = |p: &Point| p.values.get(index).copied().unwrap_or(0.0);
    points.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let all = || points.iter().flat_map(|p| p.expected.into_iter().chain([p.observed]));
    let positive = || all().filter(|v| *v > 0.0);
    let (low, high) = extent(positive()).unwrap_or((0.1, 1.0));
    let log = high > 20.0 * low;
    let title = Text::from(format!("{} CL upper limit on ", limit::percent(level)))
        .then(Text::name(document.poi(), 120.0, size::TITLE));
    let y = if log {
        // room for the legend
        Axis::log(title, low.min(1.0) / 1.5, high.max(1.0) * (high / low).powf(0.35))
    } else {
        Axis::linear(title, 0.0, 1.45 * high.max(1.0))
    };
    let (first, last) = extent(points.iter().map(at)).unwrap_or((0.0, 1.0));
    let x = Axis::linear(Text::name(label, 400.0, size::TITLE), first, last);

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Upper limits");
    let mut panel = Panel::fitted(canvas.area, x, y);
    let svg = &mut canvas.svg;
    for (k, colour) in [(2, YELLOW), (1, GREEN)] {
        let band: Vec<_> =
            points.iter().map(|p| (at(p), p.expected[2 - k], p.expected[2 + k])).collect();
        panel.band(svg, &band, &Paint::fill(colour));
    }
    let theory = Stroke::new(RED, 1.4);
    panel.horizontal(svg, 1.0, &theory);
    let median = Stroke::new(BLACK, 1.6).dashed("7 4");
    panel.line(svg, &points.iter().map(|p| (at(p), p.expected[2])).collect::<Vec<_>>(), &median);
    let solid = Stroke::new(BLACK, 1.6);
    panel.line(svg, &points.iter().map(|p| (at(p), p.observed)).collect::<Vec<_>>(), &solid);
    for p in &points {
        panel.point(svg, (at(p), p.observed), (p.observed, p.observed), &solid, 3.0);
    }
    panel.frame(svg);
    let mut legend = Legend::new().columns(2);
    legend.add(Handle::Points(solid), "Observed");
    legend.add(Handle::Line(median), "Expected");
    legend.add(Handle::Line(theory), Text::name(document.poi(), 120.0, size::LABEL).plain(" = 1"));
    legend.add(Handle::Fill(Paint::fill(GREEN)), "Expected ± 1σ");
    legend.add(Handle::Fill(Paint::fill(YELLOW)), "Expected ± 2σ");
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("limits")])
}
