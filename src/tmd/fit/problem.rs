//! Half of chi2 as the minimizer sees it.

use std::sync::{Mutex, PoisonError};

use nalgebra::DMatrix;

use super::data::Data;
use super::free::Free;
use crate::accelerator::{Curvature, Derivatives, Problem};
use crate::tmd::Plan;

/// Residuals and their derivatives in the fitted parameters, in units of the errors.
#[derive(Debug, Clone)]
struct Linear {
    at: Vec<f64>,
    residuals: Vec<f64>,
    /// `[n_points, n_fitted]`
    jacobian: DMatrix<f64>,
}

pub(super) struct LeastSquares<'a> {
    plan: &'a Plan,
    data: &'a Data,
    free: &'a Free,
    start: &'a [f64],
    /// Where it was evaluated last: the minimizer asks for the Hessian where it had the gradient before.
    last: Mutex<Option<Linear>>,
}

impl<'a> LeastSquares<'a> {
    pub(super) fn new(plan: &'a Plan, data: &'a Data, free: &'a Free, start: &'a [f64]) -> Self {
        Self { plan, data, free, start, last: Mutex::new(None) }
    }

    /// +inf where the shapes have no value.
    pub(super) fn half_chi2(&self, fitted: &[f64]) -> f64 {
        let all = self.free.all(self.start, fitted);
        self.plan.predict(&all).map_or(f64::INFINITY, |at| half(&self.data.residuals(&at.values)))
    }

    /// `J' J`, where there is one.
    pub(super) fn normal_matrix(&self, fitted: &[f64]) -> Option<DMatrix<f64>> {
        let linear = self.linear(fitted)?;
        Some(linear.jacobian.tr_mul(&linear.jacobian))
    }

    fn linear(&self, fitted: &[f64]) -> Option<Linear> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|known| known.at == fitted) {
            return Some(known.clone());
        }
        let at = self.plan.jacobian(&self.free.all(self.start, fitted)).ok()?;
        let (n, all, m) = (at.values.len(), self.start.len(), fitted.len());
        let mut rows = vec![0.0; n * m];
        if m > 0 {
            for (row, out) in at.jacobian.chunks(all).zip(rows.chunks_mut(m)) {
                self.free.pull_back(row, out);
            }
            self.data.whiten(&mut rows, m);
        }
        let linear = Linear {
            at: fitted.to_vec(),
            residuals: self.data.residuals(&at.values),
            jacobian: DMatrix::from_row_slice(n, m, &rows),
        };
        *last = Some(linear.clone());
        Some(linear)
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
