//! The profile likelihood of two parameters: regions, contours, best fit.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, limit};
use crate::Result;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let names = document.get("parameters")?;
    let nodes = names.list()?;
    let [x_name, y_name] = &nodes[..] else {
        return Err(names.error(format!("expected 2 names, found {}", nodes.len())));
    };
    let best = document.get("best")?.vector(2)?;
    let (x, y) = (document.get("x")?.numbers()?, document.get("y")?.numbers()?);
    let rows = document.get("delta_twice_nll")?;
    let nodes = rows.list()?;
    if nodes.len() != y.len() {
        let message = format!("expected {} rows, one per y, found {}", y.len(), nodes.len());
        return Err(rows.error(message));
    }
    let values = nodes.iter().map(|row| row.vector(x.len())).collect::<Result<Vec<_>>>()?;

    let mut canvas = Canvas::new(document, options, (620.0, 560.0), "Likelihood scan");
    let range = |v: &[f64]| extent(v.iter().copied()).unwrap_or((0.0, 1.0));
    let (xs, ys) = (range(&x), range(&y));
    let title = |name: &str| Text::name(name, 320.0, size::TITLE);
    let mut panel = Panel::fitted(
        canvas.area,
        Axis::linear(title(x_name.text()?), xs.0, xs.1),
        Axis::linear(title(y_name.text()?), ys.0, ys.1),
    );
    let svg = &mut canvas.svg;
    // levels of chi-square with two degrees of freedom: 99.7 %, 95 %, 68 %, and close to the best fit
    let levels = [11.83, 5.99, 2.30, 0.50];
    for (level, colour) in levels.into_iter().zip(LEVELS.iter().rev()) {
        region(&panel, svg, (&x, &y), &values, level, &Paint::fill(colour));
    }
    let mut legend = Legend::new();
    for (i, node) in document.elements("contours")?.iter().enumerate() {
        let dash = ["", "7 4", "2 3"][i.min(2)];
        let stroke = Stroke::new(BLACK, 1.8).dashed(dash);
        for line in node.elements("lines")? {
            let points = line.list()?;
            let points = points.iter().map(|p| p.vector(2)).collect::<Result<Vec<_>>>()?;
            let points: Vec<_> = points.iter().map(|p| (p[0], p[1])).collect();
            panel.line(svg, &points, &stroke);
        }
        legend.add(Handle::Line(stroke), format!("{} CL", limit::percent(node.real("level")?)));
    }
    let place = panel.at((best[0], best[1]));
    cross(svg, place);
    panel.frame(svg);
    let text = format!("Best fit ({}, {})", fixed(best[0], 2), fixed(best[1], 2));
    legend.add(Handle::Cross(Stroke::new(RED, 2.4)), text);
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("scan2d")])
}

/// Where the values are below `level`: rectangles along the rows, and cut triangles at their ends.
fn region(
    panel: &Panel,
    svg: &mut Svg,
    (x, y): (&[f64], &[f64]),
    values: &[Vec<f64>],
    level: f64,
    paint: &Paint,
) {
    let mut shapes: Vec<Vec<(f64, f64)>> = Vec::new();
    for (j, rows) in values.windows(2).enumerate() {
        let mut run: Option<usize> = None;
        for i in 0..x.len() {
            let end = i + 1 == x.len();
            let corner = |a: usize, b: usize| (panel.at((x[i + a], y[j + b])), rows[b][i + a]);
            let cell = if end {
                Vec::new()
            } else {
                vec![corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)]
            };
            let full = !end && cell.iter().all(|c| c.1 < level);
            if full {
                run.get_or_insert(i);
                continue;
            }
            if let Some(first) = run.take() {
                let at = |i: usize, b: usize| panel.at((x[i], y[j + b]));
                shapes.push(vec![at(first, 0), at(i, 0), at(i, 1), at(first, 1)]);
            }
            if cell.iter().any(|c| c.1 < level) {
                let halves = [[cell[0], cell[1], cell[2]], [cell[0], cell[2], cell[3]]];
                shapes.extend(halves.iter().map(|t| clip_below(t, level)).filter(|s| s.len() > 2));
            }
        }
    }
    svg.clipped(panel.area, |svg| svg.polygons(shapes.iter().map(Vec::as_slice), paint));
}

fn cross(svg: &mut Svg, (x, y): (f64, f64)) {
    for (colour, width) in [("#ffffff", 5.0), (RED, 2.4)] {
        let stroke = Stroke::new(colour, width);
        svg.line((x - 7.0, y), (x + 7.0, y), &stroke);
        svg.line((x, y - 7.0), (x, y + 7.0), &stroke);
    }
}
