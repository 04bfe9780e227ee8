//! Convolution tables of Drell-Yan cross sections, as NangaParbat writes them: luminosities already folded with
//! the quadrature.

use std::path::Path;

use serde_json::{Map, Value};

use super::document;
use crate::error::Result;
use crate::spec::fields::{elements, number, numbers, required_fields, string};
use crate::spec::place::Place;
use crate::tmd::plan::{Segment, Side};

/// Nodes beyond this, in 1/GeV, are left out: no shape that is seen in nature reaches them.
const B_CUT: f64 = 24.0;

/// Cross sections at some qT as sums of weights times two distributions.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Centre-of-mass energy, GeV.
    vs: f64,
    prefactor: f64,
    /// Ogata's nodes, qT b.
    coordinates: Vec<f64>,
    /// Q of each node in Q, GeV.
    q: Vec<f64>,
    /// exp(y) of each node in rapidity.
    xi: Vec<f64>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    qt: f64,
    factor: f64,
    /// `[n][tau][alpha]`, phase space included.
    weights: Vec<f64>,
}

impl Table {
    /// Reads a table, in gzip or not.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`]; [`crate::Error::Syntax`]; [`crate::Error::Specification`] with the pointer to a key
    /// that is missing, of a wrong type or length, or not supported (cross sections integrated over qT).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let value = document(path.as_ref())?;
        let root = Place::ROOT;
        let required = [
            "name",
            "CME",
            "qTintegrated",
            "qT_bounds",
            "bin_factors",
            "prefactor",
            "Ogata_coordinates",
            "Qgrid",
            "xigrid",
            "PS_reduction_factor",
            "weights",
        ];
        let object = required_fields(&value, &root, &required)?;
        if object["qTintegrated"] != Value::Bool(false) {
            let message = "tables integrated over qT are not supported; those at points are";
            return Err(root.key("qTintegrated").error(message));
        }
        if object.get("process").is_some_and(|process| process.as_f64() != Some(0.0)) {
            return Err(root.key("process").error("Drell-Yan (0) is supported alone"));
        }
        let list = |key: &str| numbers(&object[key], &root.key(key));
        let coordinates = list("Ogata_coordinates")?;
        let (q, xi) = (list("Qgrid")?, list("xigrid")?);
        let factors = list("bin_factors")?;
        let bounds = list("qT_bounds")?;
        if factors.len() != bounds.len() {
            let message = format!("{} factors for {} values of qT", factors.len(), bounds.len());
            return Err(root.key("bin_factors").error(message));
        }
        let shape = [coordinates.len(), q.len(), xi.len()];
        let mut rows = Vec::with_capacity(bounds.len());
        for (i, (qt, factor)) in bounds.iter().zip(factors).enumerate() {
            if *qt <= 0.0 {
                let message = format!("qT = {qt} must be above 0");
                return Err(root.key("qT_bounds").index(i).error(message));
            }
            let mut weights = cube(object, "weights", *qt, &shape)?;
            let phase = cube(object, "PS_reduction_factor", *qt, &shape[1..])?;
            for weights in weights.chunks_mut(phase.len()) {
                weights.iter_mut().zip(&phase).for_each(|(w, p)| *w *= p);
            }
            rows.push(Row { qt: *qt, factor, weights });
        }
        Ok(Self {
            name: string(&object["name"], &root.key("name"))?.to_owned(),
            vs: number(&object["CME"], &root.key("CME"))?,
            prefactor: number(&object["prefactor"], &root.key("prefactor"))?,
            coordinates,
            q,
            xi,
            rows,
        })
    }

    /// The values of qT that it has, GeV.
    pub fn qt(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.qt).collect()
    }

    /// Segments of its first `n` points, which are called `first`, `first + 1` and so on; both shapes are those
    /// of `distribution`.
    pub fn segments(&self, n: usize, first: usize, distribution: usize) -> Vec<Segment> {
        let mut all = Vec::new();
        let per_node = self.q.len() * self.xi.len();
        for (i, row) in self.rows.iter().take(n).enumerate() {
            let b: Vec<f64> = self.coordinates.iter().map(|z| z / row.qt).collect();
            let near = b.partition_point(|b| *b <= B_CUT).max(1);
            let scale = self.prefactor * row.factor;
            for (tau, q) in self.q.iter().enumerate() {
                for (alpha, xi) in self.xi.iter().enumerate() {
                    let at = |n: usize| row.weights[n * per_node + tau * self.xi.len() + alpha];
                    let side = |x: f64| Side { distribution, x };
                    all.push(Segment {
                        point: first + i,
                        sides: [side(q / self.vs * xi), side(q / self.vs / xi)],
                        zeta: q * q,
                        b: b[..near].to_vec(),
                        factor: (0..near).map(|n| scale * at(n)).collect(),
                    });
                }
            }
        }
        all
    }
}

/// The nested arrays of this shape that stand under a value of qT.
fn cube(object: &Map<String, Value>, key: &str, qt: f64, shape: &[usize]) -> Result<Vec<f64>> {
    let root = Place::ROOT;
    let place = root.key(key);
    let rows = object[key].as_object();
    let row = rows.and_then(|rows| {
        rows.iter().find(|(name, _)| name.parse::<f64>().is_ok_and(|name| name == qt))
    });
    let Some((name, row)) = row else {
        return Err(place.error(format!("there is no entry for qT = {qt}")));
    };
    let mut all = Vec::with_capacity(shape.iter().product());
    flatten(row, &place.key(name), shape, &mut all)?;
    Ok(all)
}

fn flatten(value: &Value, place: &Place, shape: &[usize], out: &mut Vec<f64>) -> Result<()> {
    let Some((n, rest)) = shape.split_first() else {
        out.push(number(value, place)?);
        return Ok(());
    };
    let parts = elements(value, place, |value, place| flatten(value, place, rest, out))?;
    match parts.len() == *n {
        true => Ok(()),
        false => Err(place.error(format!("{} entries, {n} are needed", parts.len()))),
    }
}
