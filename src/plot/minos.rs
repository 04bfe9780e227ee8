//! Uncertainties from the likelihood's profile beside those from its curvature.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, rows};
use crate::Result;

const ROW: f64 = 24.0;
const NUMBERS: f64 = 150.0;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let nodes = document.elements("parameters")?;
    let mut names = Vec::new();
    let mut rows_of = Vec::new();
    for node in &nodes {
        names.push(node.word("name")?);
        let (value, uncertainty) = (node.real("value")?, node.real("uncertainty")?);
        let ends = [node.real("minos_down")?, node.real("minos_up")?];
        rows_of.push((value, uncertainty, ends));
    }
    let y = rows::axis(names.iter().copied());
    let room = y.widest(1.0) + 16.0;
    let size = (room + 300.0 + NUMBERS + 20.0, ROW * names.len().max(1) as f64 + 145.0);
    let mut canvas = Canvas::new(document, options, size, "Profile-likelihood uncertainties");
    let mut legend = Legend::new().columns(2);
    let stroke = Stroke::new(BLACK, 1.6);
    legend.add(Handle::Points(stroke), "Likelihood profile");
    legend.add(Handle::Fill(Paint::fill(GREEN)), "Curvature, ± 1σ");
    legend.draw_at(&mut canvas.svg, (canvas.area.left + 4.0, canvas.area.top + 2.0));
    let x = Axis::linear(Text::from("Uncertainty / that from the curvature"), -2.0, 2.0);
    let area = Area {
        left: canvas.area.left + room,
        right: canvas.area.right - NUMBERS,
        top: canvas.area.top + 34.0,
        bottom: canvas.area.bottom - Panel::below(&x),
    };
    let relative = |(_, u, ends): &(f64, f64, [f64; 2])| ends.map(|e| e / u);
    let reach = extent(rows_of.iter().flat_map(relative).map(f64::abs)).map_or(1.0, |(_, r)| r);
    let end = (1.15 * reach).clamp(1.5, 5.0);
    let mut panel = Panel::new(area, Axis { low: -end, high: end, ..x }, y);
    let svg = &mut canvas.svg;
    let n = rows_of.len() as f64;
    panel.rect(svg, (-1.0, 1.0), (1.0, -n), &Paint::fill(GREEN));
    panel.vertical(svg, 0.0, &Stroke::new(BLACK, 0.9).dashed("4 3"));
    for (i, row) in rows_of.iter().enumerate() {
        let at = -(i as f64);
        let [down, up] = relative(row);
        let ends = |e: f64| if e.is_finite() { e } else { 0.0 };
        panel.wide_point(svg, (0.0, at), (ends(down), ends(up)), &stroke, 2.8);
        let (value, _, [down, up]) = *row;
        let smaller = extent([down.abs(), up.abs()]).map_or(value.abs(), |(low, _)| low);
        let places = decimals(smaller);
        let text = format!(
            "{} +{} −{}",
            fixed(value, places),
            fixed(up.abs(), places),
            fixed(down.abs(), places)
        );
        let place = (area.right + 8.0, panel.y.at(at) + 0.35 * size::SMALL);
        svg.text(place, &text.into(), size::SMALL, Anchor::Start, BLACK);
    }
    panel.frame(svg);
    Ok(vec![canvas.finish("minos")])
}
