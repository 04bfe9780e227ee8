//! An SVG document under construction.

use super::font::FAMILY;
use super::text::{Text, escape};

/// A rectangle on the page; y points down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: &'static str,
    pub(crate) width: f64,
    /// SVG's `stroke-dasharray`; empty for a solid line.
    pub(crate) dash: &'static str,
}

impl Stroke {
    pub(crate) const fn new(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dash: "" }
    }

    pub(crate) const fn dashed(self, dash: &'static str) -> Self {
        Self { dash, ..self }
    }

    fn attributes(&self) -> String {
        let mut text =
            format!(" stroke=\"{}\" stroke-width=\"{}\"", self.colour, short(self.width));
        if !self.dash.is_empty() {
            text.push_str(&format!(" stroke-dasharray=\"{}\"", self.dash));
        }
        text
    }
}

/// How an area is drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Paint {
    fill: Option<String>,
    opacity: Option<f64>,
    stroke: Option<Stroke>,
}

impl Paint {
    pub(crate) fn fill(colour: &str) -> Self {
        Self { fill: Some(colour.to_owned()), ..Self::default() }
    }

    pub(crate) fn outline(stroke: Stroke) -> Self {
        Self { stroke: Some(stroke), ..Self::default() }
    }

    pub(crate) fn with_outline(self, stroke: Stroke) -> Self {
        Self { stroke: Some(stroke), ..self }
    }

    pub(crate) fn opacity(self, opacity: f64) -> Self {
        Self { opacity: Some(opacity), ..self }
    }

    fn attributes(&self) -> String {
        let mut text = format!(" fill=\"{}\"", self.fill.as_deref().unwrap_or("none"));
        if let Some(opacity) = self.opacity {
            text.push_str(&format!(" fill-opacity=\"{}\"", short(opacity)));
        }
        if let Some(stroke) = &self.stroke {
            text.push_str(&stroke.attributes());
        }
        text
    }
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// The document.
#[derive(Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(crate) fn rect(&mut self, area: Area, paint: &Paint) {
        let (left, right) = (area.left.min(area.right), area.left.max(area.right));
        let (top, bottom) = (area.top.min(area.bottom), area.top.max(area.bottom));
        if [left, right, top, bottom].iter().any(|x| !x.is_finite()) {
            return;
        }
        self.body.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>\n",
            short(left),
            short(top),
            short(right - left),
            short(bottom - top),
            paint.attributes()
        ));
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &Stroke) {
        self.path(&[from, to], stroke);
    }

    /// A line through points; where one is not finite there is a gap.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], stroke: &Stroke) {
        let path = lines(points, false);
        if !path.is_empty() {
            self.body.push_str(&format!(
                "<path d=\"{path}\" fill=\"none\" stroke-linejoin=\"round\"{}/>\n",
                stroke.attributes()
            ));
        }
    }

    /// Closed areas with their corners, as one.
    pub(crate) fn polygons<'a>(
        &mut self,
        polygons: impl IntoIterator<Item = &'a [(f64, f64)]>,
        paint: &Paint,
    ) {
        let path: String = polygons.into_iter().map(|p| lines(p, true)).collect();
        if !path.is_empty() {
            self.body.push_str(&format!("<path d=\"{path}\"{}/>\n", paint.attributes()));
        }
    }

    pub(crate) fn circle(&mut self, at: (f64, f64), radius: f64, paint: &Paint) {
        if at.0.is_finite() && at.1.is_finite() {
            self.body.push_str(&format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>\n",
                short(at.0),
                short(at.1),
                short(radius),
                paint.attributes()
            ));
        }
    }

    /// Lines from lower left to upper right over an area.
    pub(crate) fn hatch(&mut self, area: Area, stroke: &Stroke) {
        const GAP: f64 = 6.0;
        let (w, h) = (area.width(), area.height());
        let drawable = w > 0.0 && h > 0.0 && w + h < 1e5;
        if !drawable {
            return;
        }
        // lines x + y = c, the same ones for all areas, so that neighbours join
        let first = ((area.left + area.top) / GAP).ceil() as i64;
        let last = ((area.right + area.bottom) / GAP).floor() as i64;
        let mut path = String::new();
        for c in (first..=last).map(|i| i as f64 * GAP) {
            let (from, to) = (area.left.max(c - area.bottom), area.right.min(c - area.top));
            path.push_str(&lines(&[(from, c - from), (to, c - to)], false));
        }
        if !path.is_empty() {
            self.body.push_str(&format!("<path d=\"{path}\"{}/>\n", stroke.attributes()));
        }
    }

    /// Text with its base line at `at`.
    pub(crate) fn text(
        &mut self,
        at: (f64, f64),
        text: &Text,
        size: f64,
        anchor: Anchor,
        colour: &str,
    ) {
        self.turned_text(at, text, size, anchor, colour, 0.0);
    }

    /// The same, turned by `degrees` around its place, clockwise.
    pub(crate) fn turned_text(
        &mut self,
        (x, y): (f64, f64),
        text: &Text,
        size: f64,
        anchor: Anchor,
        colour: &str,
        degrees: f64,
    ) {
        if text.is_empty() || !x.is_finite() || !y.is_finite() {
            return;
        }
        let (x, y) = (short(x), short(y));
        let turn = if degrees == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {x} {y})\"", short(degrees))
        };
        self.body.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{}\" fill=\"{colour}\"{turn}>{}</text>\n",
            short(size),
            anchor.word(),
            text.spans(size),
        ));
    }

    /// What `draw` draws is cut at the edges of `area`.
    pub(crate) fn clipped(&mut self, area: Area, draw: impl FnOnce(&mut Self)) {
        let (x, y) = (short(area.left), short(area.top));
        let (w, h) = (short(area.width()), short(area.height()));
        self.body.push_str(&format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\" \
             overflow=\"hidden\">\n"
        ));
        draw(self);
        self.body.push_str("</svg>\n");
    }

    /// The text of the document, called `title` by programs that read figures aloud.
    pub(crate) fn finish(self, title: &str) -> String {
        let (w, h) = (short(self.width), short(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"{FAMILY}\" role=\"img\">\n<title>{}</title>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escape(title),
            self.body
        )
    }
}

/// Path data through points, with gaps where they are not finite. What is far outside of the page is
/// brought near it.
fn lines(points: &[(f64, f64)], closed: bool) -> String {
    const FAR: f64 = 20_000.0;
    let mut path = String::new();
    let mut pen = 'M';
    for &(x, y) in points {
        if x.is_nan() || y.is_nan() {
            pen = 'M';
            continue;
        }
        let (x, y) = (x.clamp(-FAR, FAR), y.clamp(-FAR, FAR));
        path.push_str(&format!("{pen}{} {}", short(x), short(y)));
        pen = 'L';
    }
    if closed && !path.is_empty() {
        path.push('Z');
    }
    path
}

/// At most two decimals: a hundredth of a pixel.
pub(super) fn short(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(
            [short(1.0), short(-0.001), short(2.345), short(10.0)],
            ["1", "0", "2.35", "10"]
        );
    }

    #[test]
    fn lines_have_gaps() {
        let points = [(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, f64::INFINITY)];
        assert_eq!(lines(&points, false), "M0 0L1 1M3 20000");
        assert_eq!(lines(&[], true), "");
    }

    #[test]
    fn hatching_stays_inside() {
        let mut svg = Svg::new(100.0, 100.0);
        let area = Area { left: 10.0, top: 20.0, right: 40.0, bottom: 30.0 };
        svg.hatch(area, &Stroke::new("#000", 1.0));
        let numbers = svg.body.split(['M', 'L']).filter_map(|p| p.split_once(' '));
        let mut seen = 0;
        for (x, y) in numbers {
            let (Ok(x), Ok(y)) =
                (x.parse::<f64>(), y.split('"').next().unwrap_or("").parse::<f64>())
            else {
                continue;
            };
            assert!((10.0..=40.0).contains(&x) && (20.0..=30.0).contains(&y), "{x} {y}");
            seen += 1;
        }
        assert!(seen > 6, "{seen}");
        svg.hatch(Area { right: f64::NAN, ..area }, &Stroke::new("#000", 1.0));
    }
}
