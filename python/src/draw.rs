//! Figures of result documents, as `neyman plot` draws them.

use neyman::Error;
use neyman::plot::{Options, draw as figures, to_png};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::raise;

/// Pixels to a unit.
const SHARP: f32 = 2.0;

/// A name, a PNG where that was wanted, an SVG.
type Drawn = (String, Option<Vec<u8>>, String);
/// A name, an SVG, and a PNG where that was wanted.
type Figure<'py> = (String, String, Option<Bound<'py, PyBytes>>);

/// The figures of a document, which is JSON.
#[pyfunction]
pub(crate) fn draw<'py>(py: Python<'py>, document: &str, png: bool) -> PyResult<Vec<Figure<'py>>> {
    let value = serde_json::from_str(document)
        .map_err(|e| raise(Error::specification("", format!("this is not JSON: {e}"))))?;
    let options = Options::default();
    let drawn: neyman::Result<Vec<Drawn>> = py.detach(|| {
        let picture = |svg: &str| png.then(|| to_png(svg, SHARP)).transpose();
        let all = figures(&value, &options)?;
        all.into_iter().map(|f| Ok((f.name, picture(&f.svg)?, f.svg))).collect()
    });
    let figure = |(name, png, svg): Drawn| (name, svg, png.map(|bytes| PyBytes::new(py, &bytes)));
    Ok(drawn.map_err(raise)?.into_iter().map(figure).collect())
}
