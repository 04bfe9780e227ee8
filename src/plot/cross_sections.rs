//! Fits of TMDs: measured cross sections with the fitted ones, and the pulls of their points below.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::yields::beyond;
use super::{Figure, Options};
use crate::Result;

/// Groups of points in a figure: more make one more.
const GROUPS: usize = 6;
/// Height of the lower panel.
const PULLS: f64 = 0.27;
/// Pulls up to this are always in the picture.
const FAR: f64 = 3.0;
/// Means of x, Q^2 and z of a bin's points, which measurements give, differ by less than this, relative.
const SAME: f64 = 0.05;
/// Beyond this ratio of the largest to the smallest, the axis is logarithmic.
const WIDE: f64 = 30.0;

/// Points that are joined: those of a table, or of a bin in x, z and Q^2.
struct Group {
    name: String,
    points: Vec<Point>,
}

struct Point {
    /// Transverse momentum, GeV.
    at: f64,
    measured: f64,
    error: f64,
    prediction: f64,
    pull: f64,
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let Some(points) = document.maybe("points") else {
        let message = "is missing: a fit of an older version has no points; fit again";
        return Err(document.error(format!("/points {message}")));
    };
    let (groups, key) = groups(&points.list()?)?;
    let (chi2, n) = (document.real("chi2")?, document.real("n_points")?);
    let subject = format!("χ² = {} for {} points", fixed(chi2, 1), fixed(n, 0));
    let figures = groups.chunks(GROUPS).enumerate().map(|(i, part)| {
        let mut canvas = Canvas::new(document, options, (640.0, 600.0), &subject);
        panels(&mut canvas, part, key);
        match groups.len() <= GROUPS {
            true => canvas.finish("cross-sections"),
            false => canvas.finish(&format!("cross-sections-{}", i + 1)),
        }
    });
    Ok(figures.collect())
}

/// The points in groups, and what their transverse momentum is called.
fn groups(points: &[Node<'_>]) -> Result<(Vec<Group>, &'static str)> {
    let tables = points.first().is_some_and(|point| point.maybe("table").is_some());
    let key = if tables { "qT" } else { "PhT" };
    let mut groups: Vec<Group> = Vec::new();
    let mut means: Vec<[f64; 3]> = Vec::new();
    let mut last = [0.0; 3];
    for node in points {
        let point = Point {
            at: node.real(key)?,
            measured: node.real("measured")?,
            error: node.real("error")?,
            prediction: node.real("prediction")?,
            pull: node.real("pull")?,
        };
        let name = node.word_or_empty("table");
        let mut bin = [0.0; 3];
        if !tables {
            for (value, key) in bin.iter_mut().zip(["x", "Q2", "z"]) {
                *value = node.real(key)?;
            }
        }
        let near = bin.iter().zip(&last).all(|(a, b)| (a - b).abs() <= SAME * a.abs());
        last = bin;
        // without tables a bin's points follow one another, rising
        let goes_on = groups.last().is_some_and(|group| match tables {
            true => group.name == name,
            false => near && group.points.last().is_some_and(|last| point.at > last.at),
        });
        if !goes_on {
            groups.push(Group { name: name.to_owned(), points: Vec::new() });
            means.push([0.0; 3]);
        }
        if let (Some(group), Some(sums)) = (groups.last_mut(), means.last_mut()) {
            group.points.push(point);
            sums.iter_mut().zip(bin).for_each(|(sum, value)| *sum += value);
        }
    }
    if !tables {
        for (group, sums) in groups.iter_mut().zip(means) {
            let [x, q2, z] = sums.map(|sum| sum / group.points.len() as f64);
            let (x, q2, z) = (short(x, 3), short(q2, 3), short(z, 2));
            group.name = format!("x = {x}, Q² = {q2} GeV², z = {z}");
        }
    }
    Ok((groups, key))
}

/// So many digits, without zeros at the end.
fn short(x: f64, digits: i32) -> String {
    if !x.is_finite() || x == 0.0 {
        return fixed(x, 0);
    }
    let decimals = (digits - 1 - x.abs().log10().floor() as i32).clamp(0, 9);
    let text = fixed(x, decimals as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn panels(canvas: &mut Canvas, groups: &[Group], key: &'static str) {
    let points = || groups.iter().flat_map(|group| &group.points);
    let (low, high) = extent(points().map(|p| p.at)).unwrap_or((0.0, 1.0));
    let room = if high > low { 0.04 * (high - low) } else { 0.1 * high.abs().max(1e-3) };
    let x = |title: Text| Axis::linear(title, low - room, high + room);
    let title = Text::from(if key == "PhT" { "PhT [GeV]" } else { "qT [GeV]" });
    let foot = Panel::below(&x(title.clone()));
    let height = canvas.area.height();
    let upper = (1.0 - PULLS) * (height - foot) - 5.0;
    let mut legend = Legend::new();
    let strokes: Vec<Stroke> = SAMPLES.iter().map(|colour| Stroke::new(colour, 1.5)).collect();
    for (group, stroke) in groups.iter().zip(&strokes) {
        legend.add(Handle::Data(*stroke), Text::name(&group.name, 330.0, size::LABEL));
    }
    let y = axis(groups, (legend.height() + 26.0) / upper);
    let far = extent(points().map(|p| p.pull.abs())).map_or(FAR, |(_, far)| far.clamp(FAR, 10.0));
    let pulls = Axis::linear("Pull", -1.1 * far, 1.1 * far);
    let left = canvas.area.left + y.room(upper).max(pulls.room(PULLS * (height - foot)));
    let (top, right) = (canvas.area.top, canvas.area.right - 16.0);
    let above = Area { left, right, top, bottom: top + upper };
    let below = Area { top: above.bottom + 10.0, bottom: canvas.area.bottom - foot, ..above };
    let svg = &mut canvas.svg;

    let mut panel = Panel::new(above, x("".into()).labels_off(), y);
    for (group, stroke) in groups.iter().zip(&strokes) {
        let line: Vec<_> = group.points.iter().map(|p| (p.at, p.prediction)).collect();
        panel.line(svg, &line, stroke);
        for p in &group.points {
            let ends = (p.measured - p.error, p.measured + p.error);
            panel.point(svg, (p.at, p.measured), ends, stroke, 3.2);
        }
    }
    panel.frame(svg);
    legend.draw_at(svg, (above.left + 16.0, above.top + 12.0));

    let mut panel = Panel::new(below, x(title), pulls);
    for level in [-2.0, -1.0, 1.0, 2.0] {
        panel.horizontal(svg, level, &Stroke::new(LIGHT, 0.8));
    }
    panel.horizontal(svg, 0.0, &Stroke::new(BLACK, 1.0));
    for (group, stroke) in groups.iter().zip(&strokes) {
        for p in group.points.iter().filter(|p| p.pull.is_finite()) {
            panel.point(svg, (p.at, p.pull), (p.pull, p.pull), stroke, 3.2);
            beyond(svg, &panel, (p.at, p.pull));
        }
    }
    panel.frame(svg);
}

/// The upper panel's axis, with a fraction `head` free above all that is drawn.
fn axis(groups: &[Group], head: f64) -> Axis {
    let points = || groups.iter().flat_map(|group| &group.points);
    let values = points().flat_map(|p| [p.measured, p.prediction]);
    let ends = points().flat_map(|p| [p.measured - p.error, p.measured + p.error]);
    let (least, most) = extent(values).unwrap_or((0.0, 1.0));
    let (low, high) = extent(ends).map_or((least, most), |(l, h)| (l.min(least), h.max(most)));
    let keep = 1.0 - head.clamp(0.05, 0.7);
    if least > 0.0 && most > WIDE * least {
        let low = 0.6 * least;
        // the same fraction of decades
        return Axis::log("Cross section", low, low * (high / low).powf(1.0 / keep));
    }
    let low = low.min(0.0);
    Axis::linear("Cross section", low, low + (high - low) / keep)
}
