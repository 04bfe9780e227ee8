//! Where cross sections are measured.

use std::path::Path;

use serde_json::{Map, Value};

use super::document;
use crate::error::Result;
use crate::spec::fields::{fields, kind, number, numbers, string};
use crate::spec::place::Place;
use crate::tmd::sidis::Point;

/// Points with the experiment's energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Kinematics {
    /// Centre-of-mass energy, GeV.
    pub vs: f64,
    /// The points.
    pub points: Vec<Point>,
    /// What a reader must know: points with an inelasticity above 1.
    pub warnings: Vec<String>,
}

/// Ends of bins in PhT, both or none.
const BINS: [&str; 2] = ["PhT_low", "PhT_high"];
/// Columns that every file has.
const COLUMNS: [&str; 4] = ["PhT", "x", "z", "Q2"];

impl Kinematics {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`]; [`crate::Error::Syntax`]; [`crate::Error::Specification`] with the pointer to a key
    /// that is missing, unknown or of a wrong type, to columns of different lengths, and to a value out of range.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_value(&document(path.as_ref())?)
    }

    pub(super) fn from_value(value: &Value) -> Result<Self> {
        let root = Place::ROOT;
        if value.is_null() {
            return Err(root.error("the file is empty: header and data are needed"));
        }
        let object = fields(value, &root, &["header", "data"], &[])?;
        let vs = energy(&object["header"], &root.key("header"))?;
        let place = root.key("data");
        let data = fields(&object["data"], &place, &COLUMNS, &["y", BINS[0], BINS[1]])?;
        let points = points(data, &place)?;
        let mut warnings = Vec::new();
        for (i, point) in points.iter().enumerate() {
            let y = point.y(vs);
            if y > 1.0 {
                warnings.push(format!(
                    "point {i}: y = Q2 / (x Vs^2) = {y:.3} is above 1, which no event can have"
                ));
            }
        }
        Ok(Self { vs, points, warnings })
    }

    /// The points with qT / Q below `cut`, and how many there were.
    pub fn below(&self, cut: f64) -> Vec<Point> {
        self.points.iter().filter(|point| point.qt() / point.q() < cut).copied().collect()
    }
}

fn energy(value: &Value, place: &Place) -> Result<f64> {
    let optional =
        ["process", "observable", "target_isoscalarity", "hadron", "charge", "PS_reduction"];
    let header = fields(value, place, &["Vs"], &optional)?;
    for key in ["process", "observable", "hadron"] {
        if let Some(value) = header.get(key) {
            string(value, &place.key(key))?;
        }
    }
    let process = header.get("process").and_then(Value::as_str).unwrap_or("SIDIS");
    if process != "SIDIS" {
        let message = format!("\"{process}\" is not supported here; \"SIDIS\" is");
        return Err(place.key("process").error(message));
    }
    let vs = number(&header["Vs"], &place.key("Vs"))?;
    if vs <= 0.0 {
        return Err(place.key("Vs").error(format!("{vs} GeV is no energy")));
    }
    Ok(vs)
}

fn points(data: &Map<String, Value>, place: &Place) -> Result<Vec<Point>> {
    if let Some(missing) = BINS.iter().find(|key| !data.contains_key(**key))
        && BINS.iter().any(|key| data.contains_key(*key))
    {
        return Err(place.error(format!("{missing:?} is missing: a bin has two ends")));
    }
    let keys = COLUMNS.iter().chain(BINS.iter().filter(|key| data.contains_key(**key)));
    let keys: Vec<&str> = keys.copied().collect();
    let mut columns = Vec::with_capacity(keys.len());
    for &key in &keys {
        let place = place.key(key);
        columns.push(match &data[key] {
            Value::Array(_) => numbers(&data[key], &place)?,
            other => return Err(place.error(format!("expected an array, found {}", kind(other)))),
        });
    }
    for (key, column) in keys.iter().zip(&columns) {
        if column.len() != columns[0].len() {
            return Err(place.key(key).error(format!(
                "data.{key} has {} values, data.{} has {}; all columns need the same length",
                column.len(),
                COLUMNS[0],
                columns[0].len()
            )));
        }
    }
    let inside = |i: usize, key: &str, value: f64, good: bool, range: &str| match good {
        true => Ok(()),
        false => {
            Err(place.key(key).index(i).error(format!("{key} = {value} at point {i} {range}")))
        }
    };
    (0..columns[0].len())
        .map(|i| {
            let [pht, x, z, q2] = [0, 1, 2, 3].map(|k: usize| columns[k][i]);
            inside(i, "PhT", pht, pht > 0.0, "must be above 0")?;
            inside(i, "x", x, x > 0.0 && x < 1.0, "is outside (0, 1)")?;
            inside(i, "z", z, z > 0.0 && z < 1.0, "is outside (0, 1)")?;
            inside(i, "Q2", q2, q2 > 0.0, "must be above 0")?;
            let bin = columns.get(4).zip(columns.get(5)).map(|(low, high)| (low[i], high[i]));
            if let Some((low, high)) = bin {
                let around = low <= pht && pht <= high && low < high;
                let said = format!("is no bin with its upper end {high} around PhT = {pht}");
                inside(i, BINS[0], low, low >= 0.0 && around, &said)?;
            }
            Ok(Point { x, z, q2, pht, bin })
        })
        .collect()
}
