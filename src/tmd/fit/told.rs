//! What is said of a minimum: uncertainties, and directions that the data do not determine.

use nalgebra::DMatrix;

use super::free::Free;
use super::problem::LeastSquares;
use super::{FitOptions, FitResult, Role, WeakDirection};
use crate::fit::{Fit, covariance};

/// Directions whose singular value is this much smaller than the largest are told as not determined.
const WEAK: f64 = 1e-7;

/// A minimum with its uncertainties.
pub(super) fn told(
    problem: &LeastSquares<'_>,
    free: &Free,
    options: &FitOptions,
    found: Fit,
    on_processor: bool,
) -> FitResult {
    let fixed = vec![false; found.parameters.len()];
    let covariance = covariance(problem, &found.parameters, &[], &[], &fixed);
    let mut parameters = free.all(&options.start, &found.parameters);
    let n = parameters.len();
    let matrix = spread(free, &covariance.matrix, n);
    let weak = weak(problem, free, &found.parameters);
    let at_bound = (0..n).map(|k| match free.place(k) {
        Some((place, 1.0)) => covariance.at_bound[place],
        _ => 0,
    });
    let result = FitResult {
        status: found.status,
        uncertainties: (0..n).filter_map(|k| matrix.get(k * n + k)).map(|v| v.sqrt()).collect(),
        covariance: matrix,
        at_bound: at_bound.collect(),
        chi2: 2.0 * found.nll,
        edm: found.edm,
        evaluations: found.evaluations,
        weak,
        on_processor,
        parameters: Vec::new(),
    };
    for (k, value) in parameters.iter_mut().enumerate() {
        // a parameter that carries others keeps its sign for them
        let alone = options.roles.iter().all(|r| !matches!(r, Role::Linked { to, .. } if *to == k));
        if problem.plan().is_even(k) && alone && options.roles[k] == Role::FREE {
            *value = value.abs();
        }
    }
    FitResult { parameters, ..result }
}

/// A matrix over the fitted parameters as one over all.
fn spread(free: &Free, matrix: &[f64], n: usize) -> Vec<f64> {
    if matrix.is_empty() {
        return Vec::new();
    }
    let m = free.own.len();
    let mut all = vec![0.0; n * n];
    for k in 0..n {
        for l in 0..n {
            if let (Some((i, a)), Some((j, b))) = (free.place(k), free.place(l)) {
                all[k * n + l] = a * b * matrix[i * m + j];
            }
        }
    }
    all
}

/// Directions of small singular values of the derivatives, each column in units of its own length; parameters
/// without any effect are directions of strength 0.
fn weak(problem: &LeastSquares<'_>, free: &Free, at: &[f64]) -> Vec<WeakDirection> {
    let Some(normal) = problem.normal_matrix(at) else { return Vec::new() };
    let m = at.len();
    let length: Vec<f64> = (0..m).map(|k| normal[(k, k)].sqrt()).collect();
    let unmoved = |k: &usize| length[*k] == 0.0;
    let mut all: Vec<WeakDirection> = (0..m)
        .filter(unmoved)
        .map(|k| WeakDirection { strength: 0.0, parts: vec![(free.own[k], 1.0)] })
        .collect();
    let moved: Vec<usize> = (0..m).filter(|k| !unmoved(k)).collect();
    let scaled = DMatrix::from_fn(moved.len(), moved.len(), |i, j| {
        normal[(moved[i], moved[j])] / (length[moved[i]] * length[moved[j]])
    });
    if scaled.is_empty() {
        return all;
    }
    let eigen = scaled.symmetric_eigen();
    let largest = eigen.eigenvalues.max();
    let mut order: Vec<usize> = (0..moved.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*a].total_cmp(&eigen.eigenvalues[*b]));
    for at in order {
        let strength = (eigen.eigenvalues[at].max(0.0) / largest).sqrt();
        if strength > WEAK {
            break;
        }
        let mut parts: Vec<(usize, f64)> = moved
            .iter()
            .zip(&eigen.eigenvectors.column(at))
            .map(|(k, v)| (free.own[*k], *v))
            .collect();
        parts.retain(|(_, v)| v.abs() > 0.1);
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        all.push(WeakDirection { strength, parts });
    }
    all
}
