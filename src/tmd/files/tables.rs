//! Several tables with what was measured in them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use super::{Measured, Table, named};
use crate::error::{Error, Result};
use crate::spec::text::count;
use crate::tmd::{Evolution, Plan, Shape};

/// `NAME` of `NAME.table.yaml` and `NAME.table.yaml.gz`.
fn stem(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    name.strip_suffix(".gz").unwrap_or(name).strip_suffix(TABLE).filter(|stem| !stem.is_empty())
}

/// Drell-Yan cross sections by convolution tables, with the measured ones.
#[derive(Debug, Clone)]
pub struct Tables {
    parts: Vec<Part>,
}

/// One table.
#[derive(Debug, Clone)]
struct Part {
    table: Table,
    measured: Measured,
    /// Its points among those of all.
    points: Range<usize>,
}

/// Name of the shape's distribution.
pub(super) const NAME: &str = "f";

/// How files of tables and of what was measured end, but for `.gz`.
const TABLE: &str = ".table.yaml";
const DATA: &str = ".data.yaml";

impl Tables {
    /// Pairs of a table and the file of what was measured, for [`Tables::read`]. A folder has all its `NAME.table.yaml`
    /// or `NAME.table.yaml.gz`, sorted by name; such a file is one table. What was measured is in `NAME.data.yaml`
    /// beside it, which may be in gzip.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a file is not there or a folder cannot be read; [`Error::Argument`] for a folder without tables, a file of another
    /// name, a table without its data, and a table that is named twice, whose points would count twice.
    pub fn pairs(paths: &[PathBuf]) -> Result<Vec<(PathBuf, PathBuf)>> {
        let mut tables: Vec<PathBuf> = Vec::new();
        for path in paths {
            let io = |source| Error::Io { path: path.clone(), source };
            if !std::fs::metadata(path).map_err(io)?.is_dir() {
                tables.push(path.clone());
                continue;
            }
            let files = std::fs::read_dir(path).map_err(io)?;
            let files = files.map(|entry| Ok(entry.map_err(io)?.path()));
            let mut own = files.collect::<Result<Vec<PathBuf>>>()?;
            own.retain(|file| stem(file).is_some());
            if own.is_empty() {
                let message =
                    format!("{}: no file in it ends with {TABLE} or {TABLE}.gz", path.display());
                return Err(Error::Argument(message));
            }
            own.sort();
            tables.extend(own);
        }
        let mut pairs: Vec<(PathBuf, PathBuf)> = Vec::with_capacity(tables.len());
        for table in tables {
            let refuse =
                |message: String| Err(Error::Argument(format!("{}: {message}", table.display())));
            let Some(stem) = stem(&table) else {
                return refuse(format!("a table's file ends with {TABLE} or {TABLE}.gz"));
            };
            let data = [DATA.to_owned(), format!("{DATA}.gz")];
            let data = data.map(|end| table.with_file_name(format!("{stem}{end}")));
            let Some(data) = data.iter().find(|file| file.is_file()) else {
                return refuse(format!(
                    "{} with what was measured is not beside it",
                    data[0].display()
                ));
            };
            let same = |(_, other): &(PathBuf, PathBuf)| {
                other == data || other.canonicalize().ok() == data.canonicalize().ok()
            };
            if pairs.iter().any(same) {
                return refuse("this table is there twice: its points would count twice".into());
            }
            pairs.push((table, data.clone()));
        }
        Ok(pairs)
    }

    /// Reads pairs of a table and the file of its measured values; points whose qT / Q is below `cut`.
    ///
    /// # Errors
    ///
    /// Those of [`Table::read`] and [`Measured::read`], with the file's name; [`Error::Argument`] for a pair whose
    /// qT differ, and where no point is left.
    pub fn read(files: &[(PathBuf, PathBuf)], cut: f64) -> Result<Self> {
        let (mut parts, mut n) = (Vec::with_capacity(files.len()), 0);
        for (table_file, data_file) in files {
            let name = |path: &PathBuf| path.display().to_string();
            let table = Table::read(table_file).map_err(|e| named(&name(table_file), e))?;
            let measured = Measured::read(data_file).map_err(|e| named(&name(data_file), e))?;
            let below = measured.below(cut);
            if table.qt() != measured.qt {
                return Err(Error::Argument(format!(
                    "{}: its values of qT are not those of {}",
                    name(data_file),
                    name(table_file)
                )));
            }
            parts.push(Part { table, measured, points: n..n + below });
            n += below;
        }
        match n {
            0 => Err(Error::Argument(format!(
                "no points left: none of {} has qT / Q below {cut}",
                count(files.len(), "table")
            ))),
            _ => Ok(Self { parts }),
        }
    }

    /// Number of points before the cut.
    pub fn n_measured(&self) -> usize {
        self.parts.iter().map(|part| part.measured.values.len()).sum()
    }

    /// Names of the tables with their ranges of points.
    pub fn names(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.parts.iter().map(|part| (&*part.table.name, part.points.clone()))
    }

    /// qT of the points, GeV.
    pub fn qt(&self) -> Vec<f64> {
        self.parts.iter().flat_map(|part| &part.measured.qt[..part.points.len()]).copied().collect()
    }

    /// What was measured, `[n_points]`.
    pub fn values(&self) -> Vec<f64> {
        let values = |part: &Part| part.measured.values[..part.points.len()].to_vec();
        self.parts.iter().flat_map(values).collect()
    }

    /// Covariances of each table's points, multiplicative errors being relative to the predictions `t0`,
    /// `[n_points]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a wrong number of predictions.
    pub fn covariances(&self, t0: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        let n = self.parts.last().map_or(0, |part| part.points.end);
        if t0.len() != n {
            let message = format!("{} for {}", count(t0.len(), "prediction"), count(n, "point"));
            return Err(Error::Argument(message));
        }
        let with_points = self.parts.iter().filter(|part| !part.points.is_empty());
        with_points.map(|part| part.measured.covariance(&t0[part.points.clone()])).collect()
    }

    /// Their predictions, both shapes of each being `shape`, which is called `f`.
    ///
    /// # Errors
    ///
    /// As for [`Plan::new`].
    pub fn plan(&self, evolution: Evolution, shape: Shape) -> Result<Plan> {
        let n = self.parts.last().map_or(0, |part| part.points.end);
        let segments = |part: &Part| part.table.segments(part.points.len(), part.points.start, 0);
        let segments = self.parts.iter().flat_map(segments).collect();
        Plan::new(evolution, &[(NAME.to_owned(), shape)], n, segments)
    }
}
