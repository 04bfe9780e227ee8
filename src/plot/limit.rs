//! CLs against the parameter of interest, with the band expected without a signal.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options};
use crate::Result;

struct Point {
    mu: f64,
    observed: f64,
    observed_error: f64,
    expected: [f64; 5],
    expected_error: f64,
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let mut points =
        document.elements("points")?.iter().map(Point::read).collect::<Result<Vec<_>>>()?;
    points.sort_by(|a, b| a.mu.total_cmp(&b.mu));
    let level = document.real("confidence_level")?;
    let (observed, expected) = (document.real("observed")?, document.band("expected")?);
    let poi = document.poi();

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Upper limit");
    let (low, high) = extent(points.iter().map(|p| p.mu)).unwrap_or((0.0, 1.0));
    let x = Axis::linear(Text::name(poi, 300.0, size::TITLE), low, high);
    let y = Axis::linear(cls(), 0.0, highest(&points));
    let mut panel = Panel::fitted(canvas.area, x, y);
    let svg = &mut canvas.svg;

    for (k, colour) in [(2, YELLOW), (1, GREEN)] {
        let band: Vec<_> =
            points.iter().map(|p| (p.mu, p.expected[2 - k], p.expected[2 + k])).collect();
        panel.band(svg, &band, &Paint::fill(colour));
    }
    let alpha = Stroke::new(RED, 1.4);
    panel.horizontal(svg, 1.0 - level, &alpha);
    let median = Stroke::new(BLACK, 1.6).dashed("7 4");
    let line: Vec<_> = points.iter().map(|p| (p.mu, p.expected[2])).collect();
    panel.line(svg, &line, &median);
    let solid = Stroke::new(BLACK, 1.6);
    let line: Vec<_> = points.iter().map(|p| (p.mu, p.observed)).collect();
    panel.line(svg, &line, &solid);
    let thin = Stroke::new(BLACK, 1.2);
    for p in &points {
        let bars = |y: f64, error: f64| if error > 0.0 { (y - error, y + error) } else { (y, y) };
        panel.point(svg, (p.mu, p.observed), bars(p.observed, p.observed_error), &thin, 3.2);
        if p.expected_error > 0.0 {
            let at = (p.mu, p.expected[2]);
            panel.point(svg, at, bars(at.1, p.expected_error), &Stroke::new(GREY, 1.2), 0.0);
        }
    }
    // limits, down to the axis
    let foot = |mu: f64| [(mu, 1.0 - level), (mu, 0.0)];
    panel.line(svg, &foot(expected[2]), &Stroke::new(RED, 1.4).dashed("5 3"));
    panel.line(svg, &foot(observed), &alpha);
    panel.frame(svg);

    let mut legend = Legend::new();
    legend.add(Handle::Points(solid), "Observed");
    legend.add(Handle::Line(median), "Expected without signal");
    legend.add(Handle::Fill(Paint::fill(GREEN)), "Expected ± 1σ");
    legend.add(Handle::Fill(Paint::fill(YELLOW)), "Expected ± 2σ");
    let percent = percent(level);
    legend.add(Handle::Line(alpha), cls().plain(&format!(" = {}", short(1.0 - level, 4))));
    let name = || Text::name(poi, 130.0, size::LABEL);
    if observed.is_finite() {
        let error = document.real_or_nan("observed_error")?;
        let text = limit_text(observed, error);
        let text = Text::from("Observed: ").then(name()).plain(&format!(" < {text}"));
        legend.add(Handle::Text, text.plain(&format!(" ({percent} CL)")));
    }
    if expected[2].is_finite() {
        let text = Text::from("Expected: ").then(name()).plain(" < ");
        let value = fixed(expected[2], places(&expected));
        legend.add(Handle::Text, text.plain(&value).plain(&around(&expected)));
    }
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("limit")])
}

impl Point {
    fn read(node: &Node<'_>) -> Result<Self> {
        let errors = match node.maybe("cls_expected_error") {
            Some(_) => node.band("cls_expected_error")?,
            None => [f64::NAN; 5],
        };
        Ok(Self {
            mu: node.real("mu")?,
            observed: node.real("cls_observed")?,
            observed_error: node.real_or_nan("cls_observed_error")?,
            expected: node.band("cls_expected")?,
            expected_error: errors[2],
        })
    }
}

/// The end of the vertical axis.
fn highest(points: &[Point]) -> f64 {
    let values = points.iter().flat_map(|p| p.expected.into_iter().chain([p.observed]));
    extent(values).map_or(1.05, |(_, high)| (1.1 * high).clamp(0.1, 1.05))
}

pub(super) fn cls() -> Text {
    Text::from("CL").below("s")
}

/// `95 %`.
pub(super) fn percent(level: f64) -> String {
    format!("{} %", short(100.0 * level, 2))
}

/// With at most so many decimals.
fn short(x: f64, decimals: usize) -> String {
    fixed(x, decimals).trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn limit_text(limit: f64, error: f64) -> String {
    if error > 0.0 { value_and_uncertainty(limit, error) } else { fixed(limit, places(&[limit])) }
}

/// Decimals for three digits of the largest one.
fn places(values: &[f64]) -> usize {
    let largest = extent(values.iter().map(|v| v.abs())).map_or(1.0, |(_, high)| high);
    if largest > 0.0 { (2.0 - largest.log10().floor()).clamp(0.0, 9.0) as usize } else { 2 }
}

/// ` +0.4 −0.3`: how far the band of one sigma goes.
fn around(expected: &[f64; 5]) -> String {
    let [_, low, middle, high, _] = *expected;
    if !(low.is_finite() && high.is_finite()) {
        return String::new();
    }
    let places = places(expected);
    format!(" +{} −{}", fixed(high - middle, places), fixed(middle - low, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_percentages() {
        assert_eq!([percent(0.95), percent(0.9), percent(0.6827)], ["95 %", "90 %", "68.27 %"]);
        assert_eq!(percent(0.1 + 0.2), "30 %");
    }

    #[test]
    fn bands_are_given_by_their_distance() {
        assert_eq!(around(&[0.5, 0.7, 1.0, 1.5, 2.0]), " +0.50 −0.30");
        assert_eq!(around(&[0.5, f64::NAN, 1.0, 1.5, 2.0]), "");
    }
}
