//! What a minimizer may know of a likelihood: host-side mathematics in f64, whatever the device.

use nalgebra::DMatrix;

/// A likelihood of binned counts with independent constraint terms, seen by the minimizer.
pub trait Problem: Send + Sync {
    /// Number of parameters.
    fn n_parameters(&self) -> usize;
    /// Number of bins; 0 where there are none.
    fn n_main(&self) -> usize {
        0
    }
    /// Number of auxiliary data that fits are given.
    fn n_auxiliary(&self) -> usize {
        0
    }
    /// Lower bounds, `[n_parameters]`.
    fn lower(&self) -> &[f64];
    /// Upper bounds, `[n_parameters]`.
    fn upper(&self) -> &[f64];
    /// Parameters in which the likelihood has a kink at 0.
    fn kinks(&self) -> &[usize] {
        &[]
    }
    /// Which parameters move which bins.
    fn structure(&self) -> &Structure {
        static NONE: Structure = Structure { wide: Vec::new(), narrow: Vec::new() };
        &NONE
    }
    /// Expected curvature at a point. Without bins, what the data say of each parameter stands with the
    /// constraints.
    fn curvature(&self, parameters: &[f64]) -> Curvature;
    /// NLL with all constants, gradient, and on request the observed Hessian.
    fn derivatives(
        &self,
        parameters: &[f64],
        main: &[f64],
        auxiliary: &[f64],
        hessian: bool,
    ) -> Derivatives;
    /// How far differences of the NLL may be off: what is smaller says nothing. 0 for rounding of f64 alone.
    fn noise(&self) -> f64 {
        0.0
    }
    /// The terms of the NLL that depend on the data alone.
    fn constant(&self, _main: &[f64], _auxiliary: &[f64]) -> f64 {
        0.0
    }
    /// First bin whose expected rate is negative.
    fn first_negative(&self, _parameters: &[f64]) -> Option<usize> {
        None
    }
}

/// Which parameters move which bins.
#[derive(Debug, Clone, Default)]
pub struct Structure {
    /// Parameters that move two bins or more, rising.
    pub wide: Vec<u32>,
    /// Parameters that move one bin only, as `(parameter, bin)`, bins rising.
    pub narrow: Vec<(u32, u32)>,
}

/// Expected information: `diag(constraint) + J' diag(weight) J`.
#[derive(Debug, Clone)]
pub struct Curvature {
    /// Curvature of the constraint terms, 0 for unconstrained parameters, `[n_parameters]`.
    pub constraint: Vec<f64>,
    /// Non-zero derivatives of the rates per parameter: `(bin, d rate / d parameter)`, bins rising.
    pub jacobian: Vec<Vec<(u32, f64)>>,
    /// Weight of each bin, 1 / rate (0 where the rate is not positive), `[n_main]`.
    pub weight: Vec<f64>,
}

impl Curvature {
    /// What the bins alone say about parameter `k`: its diagonal element of `J' diag(weight) J`.
    pub fn information(&self, k: usize) -> f64 {
        self.jacobian[k].iter().map(|&(b, j)| self.weight[b as usize] * j * j).sum()
    }
}

/// NLL and derivatives at one point.
#[derive(Debug, Clone)]
pub struct Derivatives {
    /// NLL with all constants; +inf where a filled bin expects no events.
    pub nll: f64,
    /// Gradient, `[n_parameters]`; at a kink, the derivative to the right.
    pub gradient: Vec<f64>,
    /// Right minus left derivative, in the order of [`Problem::kinks`]; 0 off the kink.
    pub jump: Vec<f64>,
    /// Observed Hessian, `[n_parameters, n_parameters]`.
    pub hessian: Option<DMatrix<f64>>,
}
