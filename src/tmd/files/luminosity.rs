//! Luminosities that another program computed on our nodes.

use std::path::Path;

use serde_json::Value;

use super::flavour::{by_flavour, names};
use super::{document, named};
use crate::error::{Error, Result};
use crate::spec::fields::{non_empty, numbers, required_fields};
use crate::spec::place::Place;
use crate::tmd::quadrature::Nodes;

/// Nodes that differ by more than this, relative, are other nodes.
const SAME: f64 = 1e-9;

/// The values of a file in the form of `neyman tmd nodes`: each point's `b` with `luminosity` beside it, a list, or an
/// object of lists by flavour.
#[derive(Debug, Clone)]
pub(super) struct Luminosities {
    /// The file.
    name: String,
    /// None: one luminosity for all.
    pub(super) flavours: Option<Vec<String>>,
    points: Vec<Point>,
}

#[derive(Debug, Clone)]
struct Point {
    b: Vec<f64>,
    /// One list, or one a flavour.
    values: Vec<Vec<f64>>,
}

impl Luminosities {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; others with the file's name and the pointer to what is missing or of a wrong type, to lists of
    /// another length than `b`, and to a point whose flavours are not those of the first.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let read = || {
            let value = document(path)?;
            let root = Place::ROOT;
            let object = required_fields(&value, &root, &["points"])?;
            let mut flavours = None;
            let points = non_empty(&object["points"], &root.key("points"), |value, place| {
                let (own, point) = point(value, place)?;
                if *flavours.get_or_insert_with(|| own.clone()) != own {
                    return Err(place.key("luminosity").error(
                        "the luminosities of the first point are of other flavours, or one for all of them",
                    ));
                }
                Ok(point)
            })?;
            Ok(Self { name: name.clone(), flavours: flavours.flatten(), points })
        };
        read().map_err(|error| named(&name, error))
    }

    /// Of each flavour, its values on these nodes, `[n_points][n_nodes]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] with the file's name where there are fewer points, or a point is on other nodes.
    pub(super) fn at(&self, nodes: &[Nodes]) -> Result<Vec<Vec<Vec<f64>>>> {
        let root = Place::ROOT;
        let place = root.key("points");
        let error = |error: Error| named(&self.name, error);
        if self.points.len() < nodes.len() {
            let message = format!("{} points, {} are needed", self.points.len(), nodes.len());
            return Err(error(place.error(message)));
        }
        let mut all = vec![Vec::with_capacity(nodes.len()); self.points[0].values.len()];
        for (i, (point, nodes)) in self.points.iter().zip(nodes).enumerate() {
            let same = point.b.len() == nodes.b.len()
                && point.b.iter().zip(&nodes.b).all(|(a, b)| (a - b).abs() <= SAME * b.abs());
            if !same {
                let message =
                    "these are not the nodes of this point: `neyman tmd nodes` writes them";
                return Err(error(place.index(i).key("b").error(message)));
            }
            all.iter_mut().zip(&point.values).for_each(|(all, own)| all.push(own.clone()));
        }
        Ok(all)
    }
}

/// A point with the flavours that its luminosities are told by.
fn point(value: &Value, place: &Place) -> Result<(Option<Vec<String>>, Point)> {
    let object = required_fields(value, place, &["b", "luminosity"])?;
    let b = numbers(&object["b"], &place.key("b"))?;
    let read = |value: &Value, place: &Place| {
        let values = numbers(value, place)?;
        if values.len() != b.len() {
            let message = format!("{} values for {} nodes", values.len(), b.len());
            return Err(place.error(message));
        }
        Ok(values)
    };
    let place = place.key("luminosity");
    let of = &object["luminosity"];
    if !of.is_object() {
        let values = vec![read(of, &place)?];
        return Ok((None, Point { b, values }));
    }
    let object = by_flavour(of, &place)?;
    let flavours: Vec<&str> =
        names().into_iter().filter(|name| object.contains_key(*name)).collect();
    if flavours.is_empty() {
        return Err(place.error("there is no flavour in it"));
    }
    let values = flavours.iter().map(|name| read(&object[*name], &place.key(name)));
    let values = values.collect::<Result<_>>()?;
    Ok((Some(flavours.into_iter().map(str::to_owned).collect()), Point { b, values }))
}
