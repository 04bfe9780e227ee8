//! What was measured, and how precisely.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::error::{Error, Result};
use crate::model::toys::standard_normal;
use crate::spec::text::count;

/// Values of points with their errors.
#[derive(Debug, Clone)]
pub struct Data {
    values: Vec<f64>,
    errors: Errors,
}

#[derive(Debug, Clone)]
enum Errors {
    /// Standard deviations.
    Independent(Vec<f64>),
    /// Blocks of points that are correlated among each other: their first, and the factor L of `L L'`.
    Correlated(Vec<(usize, Cholesky<f64, Dyn>)>),
}

impl Data {
    /// Values with standard deviations, one a point.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a value that is not finite or a deviation that is not above 0.
    pub fn independent(values: Vec<f64>, sigma: Vec<f64>) -> Result<Self> {
        check_values(&values)?;
        if sigma.len() != values.len() {
            let (given, needed) = (count(sigma.len(), "error"), count(values.len(), "value"));
            return Err(Error::Argument(format!("{given} for {needed}")));
        }
        if let Some(i) = sigma.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
            return Err(Error::Argument(format!(
                "the error of point {i} is {}; it must be above 0 and finite",
                sigma[i]
            )));
        }
        Ok(Self { values, errors: Errors::Independent(sigma) })
    }

    /// Values that a model predicts, with the errors that synthetic fits in the field take: a tenth of the value,
    /// 1e-3 at least.
    ///
    /// # Errors
    ///
    /// As for [`Data::independent`].
    pub fn synthetic(values: Vec<f64>) -> Result<Self> {
        let sigma = values.iter().map(|value| (0.1 * value.abs()).max(1e-3)).collect();
        Self::independent(values, sigma)
    }

    /// Values with the covariances of consecutive blocks, each `[n, n]` of its points.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a value that is not finite, blocks that do not cover the points, and a covariance
    /// that is not symmetric (to 1e-8 of its diagonal) or not positive definite.
    pub fn correlated(values: Vec<f64>, blocks: Vec<DMatrix<f64>>) -> Result<Self> {
        check_values(&values)?;
        let (mut first, mut factors) = (0, Vec::with_capacity(blocks.len()));
        for block in blocks {
            let n = block.nrows();
            if block.ncols() != n || first + n > values.len() {
                return Err(Error::Argument(format!(
                    "a covariance of {n} by {} from point {first} on, of {}",
                    block.ncols(),
                    count(values.len(), "point")
                )));
            }
            let last = (first + n).saturating_sub(1);
            if let Some((i, j)) = asymmetry(&block) {
                let (above, below) = (block[(i, j)], block[(j, i)]);
                return Err(Error::Argument(format!(
                    "the covariance of points {first} to {last} is not symmetric: {above} in row {i}, column {j}, {below} \
                     the other way round"
                )));
            }
            let factor = block.cholesky().ok_or_else(|| {
                Error::Argument(format!(
                    "the covariance of points {first} to {last} is not positive definite"
                ))
            })?;
            factors.push((first, factor));
            first += n;
        }
        if first != values.len() {
            let (covered, all) = (count(first, "point"), values.len());
            return Err(Error::Argument(format!("covariances of {covered} of {all}")));
        }
        Ok(Self { values, errors: Errors::Correlated(factors) })
    }

    /// The values, `[n_points]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Square roots of the points' variances, `[n_points]`.
    pub fn errors(&self) -> Vec<f64> {
        match &self.errors {
            Errors::Independent(sigma) => sigma.clone(),
            Errors::Correlated(blocks) => {
                let own = |(_, factor): &(usize, Cholesky<f64, Dyn>)| {
                    factor.l().row_iter().map(|row| row.norm()).collect::<Vec<_>>()
                };
                blocks.iter().flat_map(own).collect()
            }
        }
    }

    /// Distances of predictions in units of the errors, so that their squares sum to chi2.
    pub fn residuals(&self, predictions: &[f64]) -> Vec<f64> {
        let mut all: Vec<f64> = predictions.iter().zip(&self.values).map(|(p, v)| p - v).collect();
        self.whiten(&mut all, 1);
        all
    }

    /// Divides rows of `width` numbers, one row a point, by the errors.
    pub(super) fn whiten(&self, rows: &mut [f64], width: usize) {
        match &self.errors {
            Errors::Independent(sigma) => {
                for (row, sigma) in rows.chunks_mut(width).zip(sigma) {
                    row.iter_mut().for_each(|x| *x /= sigma);
                }
            }
            Errors::Correlated(blocks) => {
                for (first, factor) in blocks {
                    let n = factor.l_dirty().nrows();
                    let rows = &mut rows[first * width..(first + n) * width];
                    let mut block = DMatrix::from_row_slice(n, width, rows);
                    factor.l_dirty().solve_lower_triangular_mut(&mut block);
                    for (i, row) in rows.chunks_mut(width).enumerate() {
                        row.iter_mut().enumerate().for_each(|(k, x)| *x = block[(i, k)]);
                    }
                }
            }
        }
    }

    /// The data of replica `number` of `seed`: these, with normal errors added once more. The same on every
    /// machine.
    pub fn replica(&self, seed: u64, number: u64) -> Self {
        let normal: Vec<f64> =
            (0..self.values.len()).map(|i| standard_normal(seed, number, i as u32)).collect();
        let mut values = self.values.clone();
        match &self.errors {
            Errors::Independent(sigma) => {
                for ((value, sigma), z) in values.iter_mut().zip(sigma).zip(normal) {
                    *value += sigma * z;
                }
            }
            Errors::Correlated(blocks) => {
                for (first, factor) in blocks {
                    let l = factor.l();
                    let n = l.nrows();
                    let z = DVector::from_column_slice(&normal[*first..first + n]);
                    let shift = l * z;
                    values[*first..].iter_mut().zip(&shift).for_each(|(v, s)| *v += s);
                }
            }
        }
        Self { values, errors: self.errors.clone() }
    }
}

/// A row and a column whose entry is not that of the other way round; the decomposition looks at one of them alone.
fn asymmetry(matrix: &DMatrix<f64>) -> Option<(usize, usize)> {
    let size: Vec<f64> = matrix.diagonal().iter().map(|v| v.abs().sqrt()).collect();
    let mut pairs = (0..size.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let differs = |&(i, j): &(usize, usize)| {
        (matrix[(i, j)] - matrix[(j, i)]).abs() > 1e-8 * size[i] * size[j]
    };
    pairs.find(differs)
}

fn check_values(values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(i) => Err(Error::Argument(format!("point {i} is {}, not a number", values[i]))),
        None => Ok(()),
    }
}
