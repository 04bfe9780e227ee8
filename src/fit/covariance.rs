//! Uncertainties: the inverse of the observed Hessian over the parameters that are free.

use nalgebra::DMatrix;

use crate::accelerator::Problem;

/// Covariance of a fit, or why there is none.
#[derive(Debug, Clone)]
pub struct Covariance {
    /// `[n_parameters, n_parameters]`, rows of fixed and bound parameters 0; empty where the
    /// Hessian is not positive definite.
    pub matrix: Vec<f64>,
    /// Square roots of the diagonal, `[n_parameters]`; empty as above.
    pub uncertainties: Vec<f64>,
    /// Held back by the lower (-1) or upper (+1) bound, or not (0), `[n_parameters]`.
    pub at_bound: Vec<i8>,
    /// Index of the parameter along which the likelihood does not rise.
    pub flat: Option<usize>,
}

impl Covariance {
    /// Why there are no uncertainties, where there are none; `name` is that of a parameter.
    pub fn problem(&self, name: impl Fn(usize) -> String) -> Option<String> {
        self.matrix.is_empty().then(|| match self.flat {
            Some(k) => format!(
                "the likelihood does not rise along {}: no uncertainty can be given",
                name(k)
            ),
            None => "there is no Hessian".to_string(),
        })
    }
}

/// Slope in units of its own width, below which a parameter on a bound is at its minimum there:
/// beyond the bound the NLL would fall by half its square.
const LEVEL: f64 = 1e-4;

/// Invert the observed Hessian of the NLL at `x`. Fixed parameters are out, and so are those that
/// a bound holds back: their uncertainty is 0 and they are named.
pub fn covariance(
    problem: &dyn Problem,
    x: &[f64],
    main: &[f64],
    auxiliary: &[f64],
    fixed: &[bool],
) -> Covariance {
    let n = x.len();
    let (lower, upper) = (problem.lower(), problem.upper());
    let at = problem.derivatives(x, main, auxiliary, true);
    let hessian = at.hessian;
    let at_bound: Vec<i8> = (0..n)
        .map(|k| {
            let width = hessian.as_ref().map_or(0.0, |h| h[(k, k)].abs().sqrt());
            let (slope, level) = (at.gradient[k], LEVEL * width);
            match x[k] {
                _ if fixed[k] => 0,
                v if v <= lower[k] && slope > level => -1,
                v if v >= upper[k] && slope < -level => 1,
                _ => 0,
            }
        })
        .collect();
    let free: Vec<usize> = (0..n).filter(|&k| !fixed[k] && at_bound[k] == 0).collect();
    let none = |flat| Covariance {
        matrix: Vec::new(),
        uncertainties: Vec::new(),
        at_bound: at_bound.clone(),
        flat,
    };
    let Some(hessian) = hessian else { return none(None) };
    let m = free.len();
    // unit diagonal: the test for definiteness is then one of correlations, whatever the scales
    let scale: Vec<f64> = free.iter().map(|&k| hessian[(k, k)].abs().sqrt()).collect();
    if let Some(i) = scale.iter().position(|s| !s.is_normal()) {
        return none(Some(free[i]));
    }
    let scaled = DMatrix::from_fn(m, m, |i, j| hessian[(free[i], free[j])] / (scale[i] * scale[j]));
    let smallest_pivot = |l: &DMatrix<f64>| {
        (0..m).map(|i| (i, l[(i, i)])).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 1.0))
    };
    let Some(factor) = scaled.clone().cholesky() else {
        let eigen = scaled.symmetric_eigen();
        let flat = eigen.eigenvalues.imin();
        return none(free.get(eigen.eigenvectors.column(flat).iamax()).copied());
    };
    let (i, pivot) = smallest_pivot(&factor.l());
    if pivot < 1e-7 {
        return none(Some(free[i]));
    }
    let inverse = factor.inverse();
    let mut matrix = vec![0.0; n * n];
    let mut uncertainties = vec![0.0; n];
    for (i, &k) in free.iter().enumerate() {
        for (j, &l) in free.iter().enumerate() {
            matrix[k * n + l] = inverse[(i, j)] / (scale[i] * scale[j]);
        }
        uncertainties[k] = matrix[k * n + k].sqrt();
    }
    Covariance { matrix, uncertainties, at_bound, flat: None }
}
