//! Half of chi2 as the minimizer sees it.

use std::sync::{Arc, Mutex, PoisonError};

use nalgebra::DMatrix;

use super::data::Data;
use super::free::Free;
use crate::accelerator::{Curvature, Derivatives, Problem};
use crate::error::{Error, Result};
use crate::tmd::{Evaluate, Plan, Prediction};

/// Residuals and their derivatives in the fitted parameters, in units of the errors.
#[derive(Debug)]
struct Linear {
    residuals: Vec<f64>,
    /// `[n_points, n_fitted]`
    jacobian: DMatrix<f64>,
}

/// A point with what is known there: nothing, where the shapes have no value.
#[derive(Debug)]
struct Known {
    at: Vec<f64>,
    linear: Option<Arc<Linear>>,
}

pub(super) struct LeastSquares<'a> {
    from: &'a dyn Evaluate,
    data: &'a Data,
    free: &'a Free,
    start: &'a [f64],
    /// Where it was evaluated last: the minimizer asks for the Hessian where it had the gradient before.
    last: Mutex<Option<Known>>,
    /// Of the device.
    failure: Mutex<Option<Error>>,
}

impl<'a> LeastSquares<'a> {
    pub(super) fn new(
        from: &'a dyn Evaluate,
        data: &'a Data,
        free: &'a Free,
        start: &'a [f64],
    ) -> Self {
        Self { from, data, free, start, last: Mutex::new(None), failure: Mutex::new(None) }
    }

    pub(super) fn plan(&self) -> &Plan {
        self.from.plan()
    }

    /// `J' J`, where there is one.
    pub(super) fn normal_matrix(&self, fitted: &[f64]) -> Option<DMatrix<f64>> {
        let linear = self.linear(fitted)?;
        Some(linear.jacobian.tr_mul(&linear.jacobian))
    }

    /// Whether an evaluation at `fitted` is at hand.
    pub(super) fn knows(&self, fitted: &[f64]) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|known| known.at == fitted)
    }

    /// What an evaluation at `fitted` said.
    pub(super) fn tell(&self, fitted: &[f64], said: Option<&Prediction>) {
        let linear = said.map(|at| {
            let (n, all, m) = (at.values.len(), self.start.len(), fitted.len());
            let mut rows = vec![0.0; n * m];
            if m > 0 {
                for (row, out) in at.jacobian.chunks(all).zip(rows.chunks_mut(m)) {
                    self.free.pull_back(row, out);
                }
                self.data.whiten(&mut rows, m);
            }
            Arc::new(Linear {
                residuals: self.data.residuals(&at.values),
                jacobian: DMatrix::from_row_slice(n, m, &rows),
            })
        });
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Known { at: fitted.to_vec(), linear });
    }

    /// How the device failed, where it did on the way.
    pub(super) fn failure(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }

    fn linear(&self, fitted: &[f64]) -> Option<Arc<Linear>> {
        if !self.knows(fitted) {
            let said = self.from.rows(&self.free.all(self.start, fitted), true);
            let said = said.unwrap_or_else(|error| {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                Vec::new()
            });
            self.tell(fitted, said.first().and_then(|row| row.as_ref().ok()));
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().and_then(|known| known.linear.clone())
    }
}

fn half(residuals: &[f64]) -> f64 {
    0.5 * residuals.iter().map(|r| r * r).sum::<f64>()
}

impl Problem for LeastSquares<'_> {
    fn n_parameters(&self) -> usize {
        self.free.own.len()
    }

    fn lower(&self) -> &[f64] {
        &self.free.lower
    }

    fn upper(&self) -> &[f64] {
        &self.free.upper
    }

    fn curvature(&self, parameters: &[f64]) -> Curvature {
        let n = self.n_parameters();
        let constraint = match self.normal_matrix(parameters) {
            Some(normal) => (0..n).map(|k| normal[(k, k)]).collect(),
            None => vec![0.0; n],
        };
        Curvature { constraint, jacobian: vec![Vec::new(); n], weight: Vec::new() }
    }

    fn derivatives(&self, parameters: &[f64], _: &[f64], _: &[f64], hessian: bool) -> Derivatives {
        let n = self.n_parameters();
        let Some(linear) = self.linear(parameters) else {
            return Derivatives {
                nll: f64::INFINITY,
                gradient: vec![0.0; n],
                jump: Vec::new(),
                hessian: hessian.then(|| DMatrix::zeros(n, n)),
            };
        };
        let residuals = nalgebra::DVector::from_column_slice(&linear.residuals);
        Derivatives {
            nll: half(&linear.residuals),
            gradient: linear.jacobian.tr_mul(&residuals).as_slice().to_vec(),
            jump: Vec::new(),
            hessian: hessian.then(|| linear.jacobian.tr_mul(&linear.jacobian)),
        }
    }
}
