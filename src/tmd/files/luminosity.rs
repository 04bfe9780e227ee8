//! Luminosities that another program computed on our nodes.

use std::path::Path;

use super::document;
use crate::error::Result;
use crate::spec::fields::{non_empty, numbers, required_fields};
use crate::spec::place::Place;
use crate::tmd::quadrature::Nodes;

/// Nodes that differ by more than this, relative, are other nodes.
const SAME: f64 = 1e-9;

/// The values of a file in the form of `neyman tmd nodes`, each point's `b` with `luminosity` beside it, for these
/// nodes: `[n_points][n_nodes]`.
///
/// # Errors
///
/// [`crate::Error::Io`]; [`crate::Error::Syntax`]; [`crate::Error::Specification`] with the pointer to what is missing
/// or of a wrong type, and to a point on other nodes.
pub(super) fn read(path: &Path, nodes: &[Nodes]) -> Result<Vec<Vec<f64>>> {
    let value = document(path)?;
    let root = Place::ROOT;
    let object = required_fields(&value, &root, &["points"])?;
    let place = root.key("points");
    let points = non_empty(&object["points"], &place, |value, place| {
        let object = required_fields(value, place, &["b", "luminosity"])?;
        let b = numbers(&object["b"], &place.key("b"))?;
        Ok((b, numbers(&object["luminosity"], &place.key("luminosity"))?))
    })?;
    if points.len() < nodes.len() {
        let message = format!("{} points, {} are needed", points.len(), nodes.len());
        return Err(place.error(message));
    }
    let mut all = Vec::with_capacity(nodes.len());
    for (i, ((b, values), nodes)) in points.into_iter().zip(nodes).enumerate() {
        let place = place.index(i);
        let same = b.len() == nodes.b.len()
            && b.iter().zip(&nodes.b).all(|(a, b)| (a - b).abs() <= SAME * b.abs());
        if !same {
            let message = "these are not the nodes of this point: `neyman tmd nodes` writes them";
            return Err(place.key("b").error(message));
        }
        if values.len() != b.len() {
            let message = format!("{} values for {} nodes", values.len(), b.len());
            return Err(place.key("luminosity").error(message));
        }
        all.push(values);
    }
    Ok(all)
}
