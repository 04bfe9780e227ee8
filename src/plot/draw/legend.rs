//! Legends, placed where they cover least.

use super::palette::BLACK;
use super::size;
use super::svg::{Anchor, Area, Paint, Stroke, Svg};
use super::text::Text;

const HANDLE: f64 = 30.0;
const GAP: f64 = 8.0;
const ROW: f64 = 20.0;
const COLUMN: f64 = 18.0;
const MARGIN: f64 = 16.0;

/// What stands beside a text.
#[derive(Debug, Clone)]
pub(crate) enum Handle {
    Line(Stroke),
    /// A line with a point on it.
    Points(Stroke),
    /// A point with its error bar.
    Data(Stroke),
    /// The same, with a horizontal bar.
    Wide(Stroke),
    Cross(Stroke),
    Fill(Paint),
    Hatch(Stroke),
    /// No picture: the text begins where the pictures do.
    Text,
}

/// A list of handles and texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Legend {
    entries: Vec<(Handle, Text)>,
    columns: usize,
    by_rows: bool,
}

impl Legend {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), columns: 1, by_rows: false }
    }

    /// The first entries stand beside each other, not below.
    pub(crate) fn by_rows(self) -> Self {
        Self { by_rows: true, ..self }
    }

    pub(crate) fn columns(self, columns: usize) -> Self {
        Self { columns: columns.max(1), ..self }
    }

    pub(crate) fn add(&mut self, handle: Handle, text: impl Into<Text>) {
        self.entries.push((handle, text.into()));
    }

    fn rows(&self) -> usize {
        self.entries.len().div_ceil(self.columns)
    }

    fn column_width(&self) -> f64 {
        let width = |(handle, text): &(Handle, Text)| {
            let picture = if matches!(handle, Handle::Text) { 0.0 } else { HANDLE + GAP };
            picture + text.width(size::LABEL)
        };
        self.entries.iter().map(width).fold(0.0, f64::max)
    }

    pub(crate) fn width(&self) -> f64 {
        let columns = self.columns.min(self.entries.len()) as f64;
        columns * self.column_width() + (columns - 1.0).max(0.0) * COLUMN
    }

    pub(crate) fn height(&self) -> f64 {
        self.rows() as f64 * ROW
    }

    /// In one of the corners of `area`, or in the middle above or below: where it covers the fewest of
    /// the points that are `taken`.
    pub(super) fn draw(&self, svg: &mut Svg, area: Area, taken: &[(f64, f64)]) {
        let (w, h) = (self.width(), self.height());
        let (left, right) = (area.left + MARGIN, area.right - MARGIN - w);
        let (top, bottom) = (area.top + 12.0, area.bottom - 12.0 - h);
        let (middle, half) = (0.5 * (left + right), 0.5 * (top + bottom));
        let places = [
            (right, top),
            (left, top),
            (right, bottom),
            (left, bottom),
            (right, half),
            (left, half),
            (middle, top),
            (middle, bottom),
        ];
        let covered = |&(x, y): &(f64, f64)| {
            let over = |p: &&(f64, f64)| {
                p.0 > x - 6.0 && p.0 < x + w + 6.0 && p.1 > y - 6.0 && p.1 < y + h + 6.0
            };
            taken.iter().filter(over).count()
        };
        // the first of those that are equally good
        let Some((covers, place)) =
            places.iter().map(|p| (covered(p), *p)).min_by_key(|(covers, _)| *covers)
        else {
            return;
        };
        if covers > 0 {
            let (x, y) = place;
            let back =
                Area { left: x - 6.0, top: y - 4.0, right: x + w + 6.0, bottom: y + h + 4.0 };
            svg.rect(back, &Paint::fill("#ffffff").opacity(0.85));
        }
        self.draw_at(svg, place);
    }

    /// With its upper left corner there.
    pub(crate) fn draw_at(&self, svg: &mut Svg, (left, top): (f64, f64)) {
        let rows = self.rows().max(1);
        for (i, (handle, text)) in self.entries.iter().enumerate() {
            let (column, row) = if self.by_rows {
                (i % self.columns, i / self.columns)
            } else {
                (i / rows, i % rows)
            };
            let x = left + column as f64 * (self.column_width() + COLUMN);
            let y = top + (row as f64 + 0.5) * ROW;
            handle.draw(svg, (x, y));
            let start = if matches!(handle, Handle::Text) { x } else { x + HANDLE + GAP };
            svg.text((start, y + 0.35 * size::LABEL), text, size::LABEL, Anchor::Start, BLACK);
        }
    }
}

impl Handle {
    /// With the middle of its left side there.
    fn draw(&self, svg: &mut Svg, (x, y): (f64, f64)) {
        let middle = x + 0.5 * HANDLE;
        let half = 0.32 * ROW;
        let area = Area { left: x, right: x + HANDLE, top: y - half, bottom: y + half };
        match self {
            Self::Line(stroke) => svg.line((x, y), (x + HANDLE, y), stroke),
            Self::Points(stroke) => {
                svg.line((x, y), (x + HANDLE, y), stroke);
                svg.circle((middle, y), 3.0, &Paint::fill(stroke.colour));
            }
            Self::Data(stroke) => {
                svg.line((middle, y - half - 1.0), (middle, y + half + 1.0), stroke);
                svg.circle((middle, y), 3.5, &Paint::fill(stroke.colour));
            }
            Self::Wide(stroke) => {
                svg.line((x + 3.0, y), (x + HANDLE - 3.0, y), stroke);
                svg.circle((middle, y), 3.5, &Paint::fill(stroke.colour));
            }
            Self::Cross(stroke) => {
                svg.line((middle - half, y), (middle + half, y), stroke);
                svg.line((middle, y - half), (middle, y + half), stroke);
            }
            Self::Fill(paint) => svg.rect(area, paint),
            Self::Hatch(stroke) => svg.hatch(area, stroke),
            Self::Text => {}
        }
    }
}
