//! The fonts: Arimo, whose letters are as wide as those of Helvetica, Arial and Liberation Sans, so
//! that a figure fits wherever one of them is found. See `src/plot/font/README.md`.

use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// What an SVG asks for; the fonts here first.
pub(crate) const FAMILY: &str = "Arimo, 'Liberation Sans', Helvetica, Arial, sans-serif";

/// The files: upright, italic, bold.
pub(crate) const FONTS: [&[u8]; 3] = [
    include_bytes!("../font/Arimo-Regular.ttf"),
    include_bytes!("../font/Arimo-Italic.ttf"),
    include_bytes!("../font/Arimo-Bold.ttf"),
];

/// Width of a letter that the font lacks, of its size.
const UNKNOWN: f64 = 0.75;

/// Opened once: every text of a figure is measured.
static OPEN: LazyLock<[Option<FontRef<'static>>; 3]> =
    LazyLock::new(|| FONTS.map(|bytes| FontRef::new(bytes).ok()));

/// Width of `text` at size 1, in the upright (0), italic (1) or bold (2) font.
pub(super) fn width(text: &str, font: usize) -> f64 {
    let Some(Some(font)) = OPEN.get(font) else { return UNKNOWN * text.chars().count() as f64 };
    let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
    let letters = font.charmap();
    let em = f64::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
    let advance = |c: char| {
        let width = letters.map(c).and_then(|glyph| metrics.advance_width(glyph));
        width.map_or(UNKNOWN, |w| f64::from(w) / em)
    };
    text.chars().map(advance).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_as_wide_as_those_of_helvetica() {
        assert!((width("0", 0) - 0.556).abs() < 1e-3);
        assert!((width("iW", 0) - (0.222 + 0.944)).abs() < 1e-3);
        assert!(width("W", 2) >= width("W", 0));
        assert_eq!(width("\u{4e2d}", 0), UNKNOWN);
    }

    #[test]
    fn what_figures_need_is_in_the_fonts() {
        let Some(upright) = &OPEN[0] else { panic!("the font can be read") };
        for c in "μσχθνΔγαρ−±×≤≥…–·²".chars() {
            assert!(upright.charmap().map(c).is_some(), "{c}");
        }
    }
}
