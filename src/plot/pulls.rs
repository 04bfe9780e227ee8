//! Parameters after a fit: pulls of those with a constraint about 0, values of those about 1 (gammas,
//! the luminosity), and of the free ones.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options, rows};
use crate::Result;

const ROW: f64 = 16.0;
/// Rows of a column, and columns of a figure.
const ROWS: usize = 40;
const COLUMNS: usize = 3;
/// Width of a frame, of the numbers beside it, and space to the next column.
const FRAME: f64 = 180.0;
const NUMBERS: f64 = 104.0;
/// Height of what is below a frame, in rows.
const FOOT: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pull,
    /// Values about 1, by the size of their pre-fit uncertainty: in one frame the small ones would be
    /// invisible.
    Wide,
    Middle,
    Narrow,
    Free,
}

struct Parameter<'a> {
    name: &'a str,
    kind: Kind,
    value: f64,
    uncertainty: f64,
    /// Distance from the constraint's middle in units of its width, and the uncertainty in these.
    pull: (f64, f64),
    prefit: f64,
    at_bound: bool,
}

/// Parameters that share a frame.
struct Block<'a> {
    kind: Kind,
    parameters: &'a [Parameter<'a>],
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let nodes = document.elements("parameters")?;
    let mut parameters = Vec::new();
    let mut fixed = 0;
    for node in &nodes {
        if node.is("fixed") {
            fixed += 1;
        } else {
            parameters.push(Parameter::read(node)?);
        }
    }
    // the order of the model within each kind
    parameters.sort_by_key(|p| p.kind as usize);
    let columns = columns(&parameters);
    let pages: Vec<_> = columns.chunks(COLUMNS).collect();
    let mut figures = Vec::new();
    for (i, page) in pages.iter().enumerate() {
        let several = pages.len() > 1;
        let subject = match (several, fixed) {
            (true, _) => format!("Fitted parameters, {} of {}", i + 1, pages.len()),
            (false, 0) => "Fitted parameters".to_owned(),
            (false, n) => format!("Fitted parameters ({n} fixed ones not shown)"),
        };
        let name = if several { format!("pulls-{}", i + 1) } else { "pulls".to_owned() };
        figures.push(draw_page(document, options, page, &subject).finish(&name));
    }
    if figures.is_empty() {
        let subject = "Fitted parameters: all are fixed";
        figures.push(Canvas::new(document, options, (480.0, 120.0), subject).finish("pulls"));
    }
    Ok(figures)
}

/// Blocks one below the other, as many columns as are needed.
fn columns<'a>(parameters: &'a [Parameter<'a>]) -> Vec<Vec<Block<'a>>> {
    let mut columns: Vec<Vec<Block<'a>>> = Vec::new();
    for kind in [Kind::Pull, Kind::Wide, Kind::Middle, Kind::Narrow, Kind::Free] {
        let from = parameters.partition_point(|p| (p.kind as usize) < kind as usize);
        let to = parameters.partition_point(|p| p.kind as usize <= kind as usize);
        let all = &parameters[from..to];
        let pieces = all.len().div_ceil(ROWS).max(1);
        for piece in all.chunks(all.len().div_ceil(pieces).max(1)) {
            let block = Block { kind, parameters: piece };
            let tallest = columns.iter().map(|c| height(c)).max().unwrap_or(0).max(ROWS / 2);
            let room = |c: &&mut Vec<Block<'_>>| height(c) + piece.len() + FOOT <= tallest;
            match columns.iter_mut().find(room) {
                Some(column) => column.push(block),
                None => columns.push(vec![block]),
            }
        }
    }
    columns
}

/// Of a column, in rows.
fn height(column: &[Block<'_>]) -> usize {
    column.iter().map(|b| b.parameters.len() + FOOT).sum()
}

fn draw_page(
    document: &Node<'_>,
    options: &Options,
    page: &[Vec<Block<'_>>],
    subject: &str,
) -> Canvas {
    let names = |column: &Vec<Block<'_>>| {
        let names = column.iter().flat_map(|b| b.parameters).map(|p| p.name);
        let widths = names.map(|n| Text::name(n, rows::NAME, size::SMALL).width(size::SMALL));
        widths.fold(40.0, f64::max) + 14.0
    };
    let numbers = |column: &Vec<Block<'_>>| {
        if column.iter().any(|b| b.kind == Kind::Free) { NUMBERS } else { 22.0 }
    };
    let width: f64 = page.iter().map(|c| names(c) + FRAME + numbers(c)).sum::<f64>() + 24.0;
    let tall = page.iter().map(|c| height(c)).max().unwrap_or(1);
    let size = (width.max(420.0), tall as f64 * ROW + 52.0);
    let mut canvas = Canvas::new(document, options, size, subject);
    // a size of the user's squeezes or stretches all alike
    let stretch = (
        (canvas.area.width() - 10.0) / (size.0 - 24.0).max(1.0),
        (canvas.area.height() - 8.0) / (tall as f64 * ROW),
    );
    let (squeeze, row) = (stretch.0.min(1.6), stretch.1 * ROW);
    let mut left = canvas.area.left;
    for column in page {
        let mut top = canvas.area.top + 4.0;
        let start = left + names(column);
        let frame = (FRAME + numbers(column)) * squeeze - numbers(column);
        for block in column {
            let bottom = top + row * block.parameters.len() as f64;
            let area = Area { left: start, right: start + frame.max(60.0), top, bottom };
            draw_block(&mut canvas.svg, area, block);
            top = bottom + FOOT as f64 * row;
        }
        left = start + frame + numbers(column);
    }
    canvas
}

fn draw_block(svg: &mut Svg, area: Area, block: &Block<'_>) {
    let parameters = block.parameters;
    let n = parameters.len() as f64;
    let y = rows::axis(parameters.iter().map(|p| p.name));
    let shown = |p: &Parameter<'_>| {
        if block.kind == Kind::Pull { p.pull } else { (p.value, p.uncertainty) }
    };
    let bars = |p: &Parameter<'_>| {
        let (value, half) = shown(p);
        if half > 0.0 { (value - half, value + half) } else { (value, value) }
    };
    let reach = extent(parameters.iter().flat_map(|p| [bars(p).0, bars(p).1]));
    let mut panel = match block.kind {
        Kind::Pull => {
            let reach = reach.map_or(0.0, |(low, high)| high.max(-low));
            let end = if reach > 2.9 { (reach + 0.1).min(6.0) } else { 2.9 };
            Panel::new(area, Axis::linear(pull(), -end, end), y)
        }
        Kind::Wide | Kind::Middle | Kind::Narrow => {
            let prefit = parameters.iter().flat_map(|p| [1.0 - p.prefit, 1.0 + p.prefit]);
            let reach =
                extent(prefit.chain(parameters.iter().flat_map(|p| [bars(p).0, bars(p).1])));
            let half = reach.map_or(0.1, |(low, high)| (high - 1.0).max(1.0 - low).max(1e-6));
            Panel::new(area, Axis::linear("Value", 1.0 - 1.15 * half, 1.0 + 1.15 * half), y)
        }
        Kind::Free => {
            let (low, high) = reach.unwrap_or((0.0, 1.0));
            let (low, high) = (low.min(0.0), high.max(0.0));
            let pad = 0.08 * (high - low);
            Panel::new(area, Axis::linear("Value", low - pad, high + pad), y)
        }
    };
    match block.kind {
        Kind::Pull => {
            for (half, colour) in [(2.0, YELLOW), (1.0, GREEN)] {
                panel.rect(svg, (-half, 1.0), (half, -n), &Paint::fill(colour));
            }
            panel.vertical(svg, 0.0, &Stroke::new(BLACK, 0.9).dashed("4 3"));
        }
        Kind::Wide | Kind::Middle | Kind::Narrow => {
            for (i, p) in parameters.iter().enumerate().filter(|(_, p)| p.prefit > 0.0) {
                let at = -(i as f64);
                let (from, to) = ((1.0 - p.prefit, at - 0.36), (1.0 + p.prefit, at + 0.36));
                panel.rect(svg, from, to, &Paint::fill(GREEN));
            }
            panel.vertical(svg, 1.0, &Stroke::new(BLACK, 0.9).dashed("4 3"));
        }
        Kind::Free => {
            for at in [0.0, 1.0] {
                panel.vertical(svg, at, &Stroke::new(LIGHT, 0.9).dashed("4 3"));
            }
        }
    }
    let stroke = Stroke::new(BLACK, 1.4);
    for (i, p) in parameters.iter().enumerate() {
        let at = -(i as f64);
        let value = shown(p).0;
        panel.wide_point(svg, (value, at), bars(p), &stroke, 2.8);
        outside(svg, &panel, (value, at));
        if block.kind == Kind::Free {
            let mut text = value_and_uncertainty(p.value, p.uncertainty);
            if p.at_bound {
                text.push_str(" (bound)");
            }
            let place = (area.right + 8.0, panel.y.at(at) + 0.35 * size::SMALL);
            svg.text(place, &text.into(), size::SMALL, Anchor::Start, BLACK);
        }
    }
    panel.frame(svg);
}

/// A triangle at the edge that a point is beyond.
pub(super) fn outside(svg: &mut Svg, panel: &Panel, value: (f64, f64)) {
    let (x, y) = panel.at(value);
    let Area { left, right, .. } = panel.area;
    let tip = if x > right {
        right - 1.0
    } else if x < left {
        left + 1.0
    } else {
        return;
    };
    let back = if x > right { tip - 7.0 } else { tip + 7.0 };
    let corners = [(tip, y), (back, y - 4.0), (back, y + 4.0)];
    svg.polygons([corners.as_slice()], &Paint::fill(BLACK));
}

/// The pull.
pub(super) fn pull() -> Text {
    Text::from("(")
        .italic("θ\u{302}")
        .plain(" − ")
        .italic("θ")
        .below("0")
        .plain(") / Δ")
        .italic("θ")
}

impl<'a> Parameter<'a> {
    fn read(node: &Node<'a>) -> Result<Self> {
        let (value, uncertainty) = (node.real("value")?, node.real("uncertainty")?);
        let middle = node.real_or_nan("prefit_value")?;
        let prefit = node.real_or_nan("prefit_uncertainty")?;
        let pull = node.real_or_nan("pull")?;
        let kind = if middle == 1.0 {
            match prefit {
                p if p < 0.02 => Kind::Narrow,
                p if p < 0.1 => Kind::Middle,
                _ => Kind::Wide,
            }
        } else if pull.is_nan() {
            Kind::Free
        } else {
            Kind::Pull
        };
        Ok(Self {
            name: node.word("name")?,
            kind,
            value,
            uncertainty,
            pull: (pull, uncertainty / prefit),
            prefit,
            at_bound: node.maybe("at_bound").is_some(),
        })
    }
}
