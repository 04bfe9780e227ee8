//! SVG to PNG with the fonts that are here, not those of the machine.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use super::draw::FONTS;
use crate::{Error, Result};

/// Beyond this many pixels a picture is a mistake.
const LARGEST: f32 = 32_768.0;

static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for font in FONTS {
        database.load_font_data(font.to_vec());
    }
    Arc::new(database)
});

/// A figure's SVG as PNG with `scale` pixels to a unit: 2 for sharp letters.
pub fn to_png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let options = usvg::Options { fontdb: DATABASE.clone(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options)
        .map_err(|e| Error::Argument(format!("the figure is no SVG: {e}")))?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let pixels = |x: f32| (1.0..=LARGEST).contains(&x).then_some(x.ceil() as u32);
    let picture = pixels(width).zip(pixels(height)).and_then(|(w, h)| Pixmap::new(w, h));
    let mut picture = picture
        .ok_or_else(|| Error::Argument(format!("no picture of {width} x {height} pixels")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    picture.encode_png().map_err(|e| Error::Argument(format!("the picture cannot be written: {e}")))
}
