//! Inverse of the expected curvature as a diagonal plus a few columns: the preconditioner that all
//! fits of a batch share.
//!
//! With D the curvature of the constraint terms, J the Jacobian of the rates and W their weights,
//! `H(lambda) = (1 + lambda) D + J' W J`. Constraints are independent, so D is diagonal, and H is
//! inverted where it is smallest:
//! - in bin space, `H^-1 = D^-1 - Z Z'` with `Z = D^-1 J' W^1/2 L^-T` and
//!   `L L' = I + W^1/2 J D^-1 J' W^1/2` (Woodbury);
//! - in parameter space, after the parameters that touch one bin only are eliminated bin by bin
//!   (the Barlow-Beeston step, exact here): one column per remaining parameter.

use nalgebra::{DMatrix, DVector};

use crate::accelerator::{Curvature, InverseCurvature, Tile};

/// Unconstrained parameters get this share of their own Fisher information as D, so that bin space
/// needs no border; it also keeps directions that the data do not constrain finite.
pub(super) const SOFT_CONSTRAINT: f64 = 0.02;

/// A column under construction.
struct Column {
    sign: f64,
    entries: Vec<(u32, f64)>,
}

/// Invert at damping `lambda` over the parameters that are not fixed.
pub(super) fn invert(c: &Curvature, fixed: &[bool], lambda: f64) -> InverseCurvature {
    let n = fixed.len();
    let d: Vec<f64> = (0..n)
        .map(|k| {
            let own = if c.constraint[k] > 0.0 {
                (1.0 + lambda) * c.constraint[k]
            } else {
                (SOFT_CONSTRAINT + lambda) * c.information(k)
            };
            // a parameter without any information stays where it is
            if own > 0.0 && own.is_finite() { own } else { 1.0 }
        })
        .collect();
    let free: Vec<usize> = (0..n).filter(|&k| !fixed[k]).collect();
    let one_bin = |k: &usize| c.jacobian[*k].len() <= 1;
    let wide = free.iter().filter(|k| !one_bin(k)).count();
    let bins = c.weight.iter().filter(|w| **w > 0.0).count();
    if wide < bins { parameter_space(c, &free, &d) } else { bin_space(c, &free, &d) }
}

fn assemble(diagonal: Vec<f64>, columns: &[Column]) -> InverseCurvature {
    let tiles = columns
        .chunks(4)
        .map(|group| {
            let mut rows: Vec<u32> =
                group.iter().flat_map(|c| c.entries.iter().map(|e| e.0)).collect();
            rows.sort_unstable();
            rows.dedup();
            let mut values = vec![[0.0; 4]; rows.len()];
            let mut sign = [1.0; 4];
            for (i, column) in group.iter().enumerate() {
                sign[i] = column.sign;
                for &(k, v) in &column.entries {
                    let row = rows.binary_search(&k).expect("rows hold every entry");
                    values[row][i] = v;
                }
            }
            Tile { rows, values, sign }
        })
        .collect();
    InverseCurvature { diagonal, tiles }
}

/// Woodbury over the bins.
fn bin_space(c: &Curvature, free: &[usize], d: &[f64]) -> InverseCurvature {
    let n_bins = c.weight.len();
    let mut diagonal = vec![0.0; d.len()];
    // rows of A = W^1/2 J D^-1/2
    let mut k_matrix = DMatrix::<f64>::identity(n_bins, n_bins);
    for &k in free {
        diagonal[k] = 1.0 / d[k];
        let row: Vec<(usize, f64)> = c.jacobian[k]
            .iter()
            .map(|&(b, j)| (b as usize, j * c.weight[b as usize].sqrt()))
            .collect();
        for (i, &(b1, v1)) in row.iter().enumerate() {
            for &(b2, v2) in &row[..=i] {
                k_matrix[(b1, b2)] += v1 * v2 / d[k];
            }
        }
    }
    for b1 in 0..n_bins {
        for b2 in 0..b1 {
            k_matrix[(b2, b1)] = k_matrix[(b1, b2)];
        }
    }
    let Some(factor) = k_matrix.cholesky() else {
        return InverseCurvature { diagonal, tiles: Vec::new() };
    };
    let lower = factor.l();
    let mut columns: Vec<Column> =
        (0..n_bins).map(|_| Column { sign: -1.0, entries: Vec::new() }).collect();
    let mut z = DVector::<f64>::zeros(n_bins);
    for &k in free {
        if c.jacobian[k].is_empty() {
            continue;
        }
        // row k of Z: L^-1 applied to W^1/2 J_k / d_k
        z.fill(0.0);
        for &(b, j) in &c.jacobian[k] {
            z[b as usize] = j * c.weight[b as usize].sqrt() / d[k];
        }
        lower.solve_lower_triangular_mut(&mut z);
        for (b, v) in z.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            columns[b].entries.push((k as u32, *v));
        }
    }
    columns.retain(|c| !c.entries.is_empty());
    assemble(diagonal, &columns)
}

/// Block elimination: one-bin parameters first, then Cholesky of what remains.
fn parameter_space(c: &Curvature, free: &[usize], d: &[f64]) -> InverseCurvature {
    let n_bins = c.weight.len();
    let mut diagonal = vec![0.0; d.len()];
    let (narrow, wide): (Vec<usize>, Vec<usize>) =
        free.iter().partition(|k| c.jacobian[**k].len() <= 1);
    let mut in_bin: Vec<Vec<(usize, f64)>> = vec![Vec::new(); n_bins];
    for &k in &narrow {
        diagonal[k] = 1.0 / d[k];
        if let Some(&(b, j)) = c.jacobian[k].first() {
            in_bin[b as usize].push((k, j));
        }
    }
    // effective weight of a bin once its own parameters are profiled
    let mut weight = c.weight.clone();
    let mut columns = Vec::new();
    for (b, own) in in_bin.iter().enumerate() {
        let w = c.weight[b];
        let softness: f64 = own.iter().map(|&(k, j)| j * j / d[k]).sum();
        weight[b] = w / (1.0 + w * softness);
        match own.as_slice() {
            [] => {}
            [(k, j)] => diagonal[*k] = 1.0 / (d[*k] + w * j * j),
            several => {
                let scale = weight[b].sqrt();
                let entries = several.iter().map(|&(k, j)| (k as u32, scale * j / d[k])).collect();
                columns.push(Column { sign: -1.0, entries });
            }
        }
    }
    let m = wide.len();
    let mut schur = DMatrix::<f64>::zeros(m, m);
    let mut by_bin: Vec<Vec<(usize, f64)>> = vec![Vec::new(); n_bins];
    for (i, &k) in wide.iter().enumerate() {
        schur[(i, i)] = d[k];
        for &(b, j) in &c.jacobian[k] {
            by_bin[b as usize].push((i, j));
        }
    }
    for (b, row) in by_bin.iter().enumerate() {
        for &(i, ji) in row {
            for &(l, jl) in row {
                schur[(i, l)] += weight[b] * ji * jl;
            }
        }
    }
    let Some(factor) = schur.cholesky() else {
        for &k in &wide {
            diagonal[k] = 1.0 / d[k];
        }
        return assemble(diagonal, &columns);
    };
    // Y L^-T with Y = [1; -H_GG^-1 H_GR]
    let lower = factor.l();
    let inverse = lower
        .solve_lower_triangular(&DMatrix::identity(m, m))
        .unwrap_or_else(|| DMatrix::zeros(m, m));
    for r in 0..m {
        // column r of L^-T is row r of L^-1
        let mut entries: Vec<(u32, f64)> =
            (0..=r).map(|i| (wide[i] as u32, inverse[(r, i)])).filter(|e| e.1 != 0.0).collect();
        for (b, row) in by_bin.iter().enumerate() {
            let pull: f64 = row.iter().map(|&(i, j)| j * inverse[(r, i)]).sum();
            if pull != 0.0 {
                for &(k, j) in &in_bin[b] {
                    entries.push((k as u32, -weight[b] * j / d[k] * pull));
                }
            }
        }
        columns.push(Column { sign: 1.0, entries });
    }
    assemble(diagonal, &columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(inverse: &InverseCurvature) -> DMatrix<f64> {
        let n = inverse.diagonal.len();
        let mut m = DMatrix::from_diagonal(&DVector::from_vec(inverse.diagonal.clone()));
        for tile in &inverse.tiles {
            for c in 0..4 {
                let mut z = DVector::<f64>::zeros(n);
                for (&k, v) in tile.rows.iter().zip(&tile.values) {
                    z[k as usize] = v[c];
                }
                m += tile.sign[c] * &z * z.transpose();
            }
        }
        m
    }

    /// 3 constrained and 1 free parameter over 3 bins, 2 gammas in each of two bins.
    fn example() -> Curvature {
        let jacobian = vec![
            vec![(0, 3.0), (1, -2.0), (2, 1.0)],
            vec![(0, 1.0), (2, 4.0)],
            vec![(0, 5.0), (1, 5.0), (2, 5.0)],
            vec![(0, 8.0)],
            vec![(0, 2.0)],
            vec![(2, 6.0)],
            vec![],
        ];
        Curvature {
            constraint: vec![1.0, 1.0, 0.0, 30.0, 20.0, 50.0, 4.0],
            jacobian,
            weight: vec![0.1, 0.2, 0.05],
        }
    }

    #[test]
    fn both_spaces_invert_the_curvature() {
        let c = example();
        for lambda in [0.0, 0.7] {
            let free = [0, 2, 3, 4, 5, 6];
            let fixed: Vec<bool> = (0..7).map(|k| !free.contains(&k)).collect();
            let fisher = |k: usize| -> f64 {
                c.jacobian[k].iter().map(|&(b, j)| c.weight[b as usize] * j * j).sum()
            };
            let d: Vec<f64> = (0..7)
                .map(|k| match c.constraint[k] {
                    0.0 => (SOFT_CONSTRAINT + lambda) * fisher(k),
                    v => (1.0 + lambda) * v,
                })
                .collect();
            let mut h = DMatrix::<f64>::zeros(7, 7);
            for &k in &free {
                h[(k, k)] += d[k];
                for &l in &free {
                    for &(b, j) in &c.jacobian[k] {
                        for &(b2, j2) in &c.jacobian[l] {
                            if b == b2 {
                                h[(k, l)] += c.weight[b as usize] * j * j2;
                            }
                        }
                    }
                }
            }
            for inverse in [bin_space(&c, &free, &d), parameter_space(&c, &free, &d)] {
                let product = &h * dense(&inverse);
                for &k in &free {
                    for &l in &free {
                        let want = if k == l { 1.0 } else { 0.0 };
                        assert!((product[(k, l)] - want).abs() < 1e-12, "{product}");
                    }
                }
            }
            let chosen = invert(&c, &fixed, lambda);
            assert_eq!(chosen.diagonal[1], 0.0, "fixed parameters do not move");
        }
    }
}
