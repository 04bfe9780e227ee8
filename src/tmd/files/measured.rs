//! Measured cross sections with their errors, in the form of HEPData's tables as the MAP collaboration keeps them.

use std::path::Path;

use nalgebra::DMatrix;
use serde_json::Value;

use super::document;
use crate::error::{Error, Result};
use crate::spec::fields::{non_empty, number, required_fields, string};
use crate::spec::place::Place;

/// Points of one table.
#[derive(Debug, Clone)]
pub struct Measured {
    /// qT, GeV.
    pub qt: Vec<f64>,
    /// Lowest Q of the bin, GeV.
    pub q_low: f64,
    /// The values.
    pub values: Vec<f64>,
    /// Of each point, its uncorrelated errors, added in squares.
    uncorrelated: Vec<f64>,
    /// Of each source of correlated errors: absolute (`add`) or relative to the prediction (`mult`), one a point.
    correlated: Vec<(bool, Vec<f64>)>,
}

impl Measured {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Syntax`]; [`Error::Specification`] with the pointer to a key that is missing, of a
    /// wrong type or length, or an error of an unknown kind.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let value = document(path.as_ref())?;
        let root = Place::ROOT;
        let object =
            required_fields(&value, &root, &["dependent_variables", "independent_variables"])?;
        let dependent = root.key("dependent_variables");
        let place = dependent.index(0);
        let first = object["dependent_variables"].get(0).unwrap_or(&Value::Null);
        let table = required_fields(first, &place, &["qualifiers", "values"])?;
        let q_low = q_low(&table["qualifiers"], &place.key("qualifiers"))?;
        let points = non_empty(&table["values"], &place.key("values"), point)?;
        let independent = root.key("independent_variables");
        let place = independent.index(0);
        let first = object["independent_variables"].get(0).unwrap_or(&Value::Null);
        let axis = required_fields(first, &place, &["values"])?;
        let qt = non_empty(&axis["values"], &place.key("values"), |value, place| {
            number(&required_fields(value, place, &["value"])?["value"], &place.key("value"))
        })?;
        if qt.len() != points.len() {
            let message = format!("{} values of qT for {} points", qt.len(), points.len());
            return Err(place.key("values").error(message));
        }
        let kinds: Vec<bool> = points[0].2.iter().map(|(relative, _)| *relative).collect();
        let mut correlated: Vec<(bool, Vec<f64>)> =
            kinds.iter().map(|relative| (*relative, Vec::new())).collect();
        for (i, (_, _, errors)) in points.iter().enumerate() {
            let same = errors.iter().map(|(relative, _)| *relative).eq(kinds.iter().copied());
            if !same {
                let message = "its correlated errors are others than those of the first point";
                let values = dependent.index(0);
                return Err(values.key("values").index(i).error(message));
            }
            errors.iter().zip(&mut correlated).for_each(|((_, e), (_, all))| all.push(*e));
        }
        Ok(Self {
            qt,
            q_low,
            values: points.iter().map(|(value, ..)| *value).collect(),
            uncorrelated: points.iter().map(|(_, squares, _)| squares.sqrt()).collect(),
            correlated,
        })
    }

    /// Number of points from the first on with qT / Q below `cut`.
    pub fn below(&self, cut: f64) -> usize {
        self.qt.iter().take_while(|qt| **qt / self.q_low < cut).count()
    }

    /// Covariance of the first points: as many as `t0` has predictions, to which multiplicative errors refer
    /// (t0 method: Ball et al., JHEP 05 (2010) 075).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where there are fewer points.
    pub fn covariance(&self, t0: &[f64]) -> Result<DMatrix<f64>> {
        let n = t0.len();
        if n > self.values.len() {
            let message = format!("{n} predictions for {} points", self.values.len());
            return Err(Error::Argument(message));
        }
        let mut matrix = DMatrix::zeros(n, n);
        for i in 0..n {
            matrix[(i, i)] += self.uncorrelated[i] * self.uncorrelated[i];
        }
        for (relative, errors) in &self.correlated {
            let shift = |i: usize| errors[i] * if *relative { t0[i] } else { 1.0 };
            for i in 0..n {
                for j in 0..n {
                    matrix[(i, j)] += shift(i) * shift(j);
                }
            }
        }
        Ok(matrix)
    }
}

/// Value, sum of the squares of uncorrelated errors, correlated errors and whether each is relative.
type Point = (f64, f64, Vec<(bool, f64)>);

fn point(value: &Value, place: &Place) -> Result<Point> {
    let object = required_fields(value, place, &["value", "errors"])?;
    let (mut squares, mut correlated) = (0.0, Vec::new());
    let errors = place.key("errors");
    for (i, error) in non_empty(&object["errors"], &errors, |value, place| {
        let object = required_fields(value, place, &["label", "value"])?;
        let label = string(&object["label"], &place.key("label"))?.to_owned();
        Ok((label, number(&object["value"], &place.key("value"))?))
    })?
    .into_iter()
    .enumerate()
    {
        match (&*error.0, error.1) {
            ("unc", size) => squares += size * size,
            ("add", size) => correlated.push((false, size)),
            ("mult", size) => correlated.push((true, size)),
            (other, _) => {
                let message = format!("errors are \"unc\", \"add\" or \"mult\", not \"{other}\"");
                return Err(errors.index(i).key("label").error(message));
            }
        }
    }
    Ok((number(&object["value"], &place.key("value"))?, squares, correlated))
}

fn q_low(value: &Value, place: &Place) -> Result<f64> {
    let qualifiers = value.as_array().map_or(&[][..], Vec::as_slice);
    let found = qualifiers.iter().enumerate().find(|(_, q)| q["name"] == "Q");
    match found {
        Some((i, q)) => number(&q["low"], &place.index(i).key("low")),
        None => Err(place.error("there is no qualifier \"Q\"")),
    }
}
