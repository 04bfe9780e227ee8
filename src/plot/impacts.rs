//! The ranking: impacts of parameters on the parameter of interest, with their pulls.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, pulls, rows};
use crate::Result;

const ROW: f64 = 24.0;
/// Numbers of free parameters, right of the frame.
const NUMBERS: f64 = 108.0;

struct Parameter<'a> {
    name: &'a str,
    value: f64,
    uncertainty: f64,
    pull: f64,
    constraint: f64,
    /// Up, down.
    postfit: [f64; 2],
    prefit: [f64; 2],
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let nodes = document.elements("parameters")?;
    let all = nodes.iter().map(Parameter::read).collect::<Result<Vec<_>>>()?;
    let shown = &all[..all.len().min(options.top)];
    let subject = if shown.len() < all.len() {
        format!("Impacts, the largest {} of {}", shown.len(), all.len())
    } else {
        "Impacts".to_owned()
    };
    let numbers = shown.iter().any(|p| p.pull.is_nan());
    let side = if numbers { NUMBERS } else { 16.0 };
    let y = rows::axis(shown.iter().map(|p| p.name));
    let room = y.widest(1.0) + 16.0;
    let height = ROW * shown.len().max(1) as f64;
    let size = (room + 420.0 + side + 30.0, height + 195.0);
    let mut canvas = Canvas::new(document, options, size, &subject);

    let mut legend = Legend::new().columns(2);
    let dark = Paint::fill(DARK_BLUE);
    let light = Paint::fill(LIGHT_BLUE);
    let line = Stroke::new(BLACK, 1.0);
    let outline = [Paint::outline(line), Paint::outline(line.dashed("3 2"))];
    let sigma = |after: &str, sign: &str| {
        let text = Text::from(format!("{after} impact: ")).italic("θ");
        text.plain(" = ").italic("θ\u{302}").plain(&format!(" {sign} Δ")).italic("θ")
    };
    legend.add(Handle::Fill(dark.clone()), sigma("Post-fit", "+"));
    legend.add(Handle::Fill(light.clone()), sigma("Post-fit", "−"));
    legend.add(Handle::Wide(Stroke::new(RED, 1.6)), "Pull and constraint");
    if shown.iter().any(|p| p.prefit.iter().any(|i| i.is_finite())) {
        legend.add(Handle::Fill(outline[0].clone()), sigma("Pre-fit", "+"));
        legend.add(Handle::Fill(outline[1].clone()), sigma("Pre-fit", "−"));
    }
    let svg = &mut canvas.svg;
    legend.draw_at(svg, (canvas.area.left + 4.0, canvas.area.top + 2.0));

    let area = Area {
        left: canvas.area.left + room,
        right: canvas.area.right - side,
        top: canvas.area.top + 112.0,
        bottom: canvas.area.bottom - Panel::below(&Axis::linear("x", 0.0, 1.0)),
    };
    let impacts = shown.iter().flat_map(|p| p.postfit.into_iter().chain(p.prefit));
    let largest = extent(impacts.map(f64::abs)).map_or(1.0, |(_, high)| high);
    let reach = if largest > 0.0 { 1.08 * largest } else { 1.0 };
    let pulled = extent(shown.iter().flat_map(|p| [p.pull - p.constraint, p.pull + p.constraint]));
    let pulled = pulled.map_or(0.0, |(low, high)| high.max(-low));
    let end = if pulled > 1.9 { (pulled + 0.1).min(5.0) } else { 1.9 };
    let title = Text::from("Δ").then(Text::name(document.poi(), 200.0, size::TITLE));
    let top = Axis::linear(title, -reach, reach);
    let mut panel = Panel::new(area, Axis::linear(pulls::pull(), -end, end), y).with_top(top);
    // impacts in the units of the lower axis
    let unit = end / reach;
    for (i, p) in shown.iter().enumerate() {
        let at = -(i as f64);
        let bar = |impact: f64, half: f64| ((0.0, at - half), (impact * unit, at + half));
        for (impact, paint) in p.postfit.into_iter().zip([&dark, &light]) {
            let (from, to) = bar(impact, 0.3);
            panel.rect(svg, from, to, paint);
        }
        for (impact, paint) in p.prefit.into_iter().zip(&outline) {
            let (from, to) = bar(impact, 0.38);
            panel.rect(svg, from, to, paint);
        }
    }
    for x in [-1.0, 0.0, 1.0] {
        panel.vertical(svg, x, &Stroke::new(GREY, 0.9).dashed("2 3"));
    }
    let halo = Stroke::new("#ffffff", 3.6);
    let stroke = Stroke::new(RED, 1.6);
    for (i, p) in shown.iter().enumerate() {
        let at = -(i as f64);
        if p.pull.is_nan() {
            let text = value_and_uncertainty(p.value, p.uncertainty);
            let place = (area.right + 8.0, panel.y.at(at) + 0.35 * size::SMALL);
            svg.text(place, &text.into(), size::SMALL, Anchor::Start, BLACK);
            continue;
        }
        let half = if p.constraint > 0.0 { p.constraint } else { 0.0 };
        let bars = (p.pull - half, p.pull + half);
        panel.wide_point(svg, (p.pull, at), bars, &halo, 4.6);
        panel.wide_point(svg, (p.pull, at), bars, &stroke, 3.4);
        pulls::outside(svg, &panel, (p.pull, at));
    }
    panel.frame(svg);
    Ok(vec![canvas.finish("impacts")])
}

impl<'a> Parameter<'a> {
    fn read(node: &Node<'a>) -> Result<Self> {
        Ok(Self {
            name: node.word("name")?,
            value: node.real("value")?,
            uncertainty: node.real("uncertainty")?,
            pull: node.real("pull")?,
            constraint: node.real("constraint")?,
            postfit: [node.real("impact_up")?, node.real("impact_down")?],
            prefit: [node.real("impact_prefit_up")?, node.real("impact_prefit_down")?],
        })
    }
}
