//! From shapes to SVG: what every figure is made of. No element has an id, so that figures can stand
//! in one page, and numbers are written with two digits, so that the same input gives the same bytes.

mod axis;
mod contour;
mod font;
mod legend;
mod number;
mod palette;
mod panel;
mod scale;
mod svg;
mod text;

pub(crate) use axis::{Axis, Labels, extent};
pub(crate) use contour::{Mesh, clip_below};
pub(crate) use font::FONTS;
pub(crate) use legend::{Handle, Legend};
pub(crate) use number::{decimals, fixed, significant, value_and_uncertainty};
pub(crate) use palette::*;
pub(crate) use panel::Panel;
pub(crate) use scale::Scale;
pub(crate) use svg::{Anchor, Area, Paint, Stroke, Svg};
pub(crate) use text::{Text, escape};

/// Sizes of letters.
pub(crate) mod size {
    /// Titles of axes.
    pub(crate) const TITLE: f64 = 16.0;
    /// Numbers at axes, legends.
    pub(crate) const LABEL: f64 = 13.5;
    /// Names of many parameters, numbers in cells.
    pub(crate) const SMALL: f64 = 11.5;
    /// Where a figure comes from.
    pub(crate) const CAPTION: f64 = 11.0;
}
