//! Inverse of each lane's own curvature at its accepted point, in bin space: for fits whose rates
//! bend so much on the way that the shared curvature serves them badly.
//!
//! With `A = W^1/2 J D^-1/2`, `H^-1 = D^-1 - D^-1/2 A' K^-1 A D^-1/2` and `K = 1 + A A'`; the same
//! algebra as [`inverse`](super::inverse), one matrix per lane.

use bytemuck::Zeroable;
use pulp::Simd;

use super::inverse::SOFT_CONSTRAINT;
use crate::Result;
use crate::accelerator::{Accelerator, LaneBlock, LaneCurvature};
use crate::aligned::Aligned;

/// More bins than this make K too large a matrix for every lane.
pub(super) const MOST_BINS: usize = 128;

pub(super) struct OwnCurvature<S: Simd> {
    simd: S,
    n_wide: usize,
    /// A of the wide parameters, `[n_main, n_wide]`; of the narrow ones, `[n_narrow]`.
    wide: Aligned<S::f64s>,
    narrow: Aligned<S::f64s>,
    weight: Aligned<S::f64s>,
    /// D^-1 and its root, 0 for parameters that may not move, `[n_parameters]`.
    inverse: Aligned<S::f64s>,
    root: Aligned<S::f64s>,
    /// Lower Cholesky factor of K by rows, its diagonal inverted, `[n_main, n_main]`.
    factor: Aligned<S::f64s>,
    /// Per bin.
    v: Aligned<S::f64s>,
}

impl<S: Simd> OwnCurvature<S> {
    pub(super) fn new(simd: S, device: &dyn Accelerator) -> Self {
        let problem = device.problem();
        let (structure, n_main) = (problem.structure(), problem.n_main());
        let n_wide = structure.wide.len();
        Self {
            simd,
            n_wide,
            wide: Aligned::new(n_main * n_wide),
            narrow: Aligned::new(structure.narrow.len()),
            weight: Aligned::new(n_main),
            inverse: Aligned::new(problem.n_parameters()),
            root: Aligned::new(problem.n_parameters()),
            factor: Aligned::new(n_main * n_main),
            v: Aligned::new(n_main),
        }
    }

    /// Curvature at the points of `block`, with damping `lambda` per lane; `mask` is 0 for
    /// parameters that may not move.
    #[inline(always)]
    pub(super) fn refresh(
        &mut self,
        device: &dyn Accelerator,
        block: &LaneBlock<'_>,
        mask: &[S::f64s],
        lambda: S::f64s,
    ) -> Result<()> {
        let mut out = LaneCurvature {
            wide: bytemuck::cast_slice_mut(&mut self.wide),
            narrow: bytemuck::cast_slice_mut(&mut self.narrow),
            constraint: bytemuck::cast_slice_mut(&mut self.inverse),
            weight: bytemuck::cast_slice_mut(&mut self.weight),
        };
        device.curvature(block, &mut out)?;
        self.invert_diagonal(device, mask, lambda);
        self.scale(device);
        self.multiply();
        self.add_narrow(device);
        self.factorise();
        Ok(())
    }

    /// `inverse` holds the curvature of the constraints and gets D^-1.
    #[inline(always)]
    fn invert_diagonal(&mut self, device: &dyn Accelerator, mask: &[S::f64s], lambda: S::f64s) {
        let simd = self.simd;
        let c = |v: f64| simd.splat_f64s(v);
        let (zero, one) = (c(0.0), c(1.0));
        let structure = device.problem().structure();
        // unconstrained parameters get a share of their own information; see SOFT_CONSTRAINT
        let soft = simd.add_f64s(c(SOFT_CONSTRAINT), lambda);
        let hard = simd.add_f64s(one, lambda);
        let mut information = Aligned::<S::f64s>::new(self.inverse.len());
        for (b, weight) in self.weight.iter().enumerate() {
            let row = &self.wide[b * self.n_wide..(b + 1) * self.n_wide];
            for (j, &k) in row.iter().zip(&structure.wide) {
                let sum = &mut information[k as usize];
                *sum = simd.mul_add_f64s(simd.mul_f64s(*j, *j), *weight, *sum);
            }
        }
        for (j, &(k, b)) in self.narrow.iter().zip(&structure.narrow) {
            information[k as usize] = simd.mul_f64s(simd.mul_f64s(*j, *j), self.weight[b as usize]);
        }
        for k in 0..self.inverse.len() {
            let constraint = self.inverse[k];
            let constrained = simd.greater_than_f64s(constraint, zero);
            let d = simd.select_f64s(
                constrained,
                simd.mul_f64s(hard, constraint),
                simd.mul_f64s(soft, information[k]),
            );
            let known = simd.greater_than_f64s(d, zero);
            let d = simd.select_f64s(known, d, one);
            self.inverse[k] = simd.mul_f64s(mask[k], simd.div_f64s(one, d));
            self.root[k] = simd.sqrt_f64s(self.inverse[k]);
        }
    }

    /// J to A.
    #[inline(always)]
    fn scale(&mut self, device: &dyn Accelerator) {
        let simd = self.simd;
        let structure = device.problem().structure();
        for weight in self.weight.iter_mut() {
            *weight = simd.sqrt_f64s(*weight);
        }
        for (b, weight) in self.weight.iter().enumerate() {
            let row = &mut self.wide[b * self.n_wide..(b + 1) * self.n_wide];
            for (a, &k) in row.iter_mut().zip(&structure.wide) {
                *a = simd.mul_f64s(simd.mul_f64s(*a, *weight), self.root[k as usize]);
            }
        }
        for (a, &(k, b)) in self.narrow.iter_mut().zip(&structure.narrow) {
            *a = simd.mul_f64s(simd.mul_f64s(*a, self.weight[b as usize]), self.root[k as usize]);
        }
    }

    /// Lower triangle of `1 + A A'` of the wide parameters, in tiles of up to 3 x 3 bins.
    #[inline(always)]
    fn multiply(&mut self) {
        let n = self.v.len();
        for i in (0..n).step_by(3) {
            for j in (0..=i).step_by(3) {
                match ((n - i).min(3), (n - j).min(3)) {
                    (3, 3) => self.tile::<3, 3>(i, j),
                    (2, 3) => self.tile::<2, 3>(i, j),
                    (1, 3) => self.tile::<1, 3>(i, j),
                    (2, _) => self.tile::<2, 2>(i, j),
                    _ => self.tile::<1, 1>(i, j),
                }
            }
        }
        for b in 0..n {
            let one = self.simd.splat_f64s(1.0);
            self.factor[b * n + b] = self.simd.add_f64s(self.factor[b * n + b], one);
        }
    }

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "row and column index sum and output alike")]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize) {
        let (simd, m, n) = (self.simd, self.n_wide, self.v.len());
        let rows: [&[S::f64s]; R] = std::array::from_fn(|r| &self.wide[(i + r) * m..][..m]);
        let columns: [&[S::f64s]; C] = std::array::from_fn(|c| &self.wide[(j + c) * m..][..m]);
        let mut sum = [[S::f64s::zeroed(); C]; R];
        for k in 0..m {
            for r in 0..R {
                for c in 0..C {
                    sum[r][c] = simd.mul_add_f64s(rows[r][k], columns[c][k], sum[r][c]);
                }
            }
        }
        for r in 0..R {
            for c in 0..C {
                self.factor[(i + r) * n + j + c] = sum[r][c];
            }
        }
    }

    #[inline(always)]
    fn add_narrow(&mut self, device: &dyn Accelerator) {
        let n = self.v.len();
        for (a, &(_, b)) in self.narrow.iter().zip(&device.problem().structure().narrow) {
            let diagonal = &mut self.factor[b as usize * (n + 1)];
            *diagonal = self.simd.mul_add_f64s(*a, *a, *diagonal);
        }
    }

    /// Cholesky by rows.
    #[inline(always)]
    fn factorise(&mut self) {
        let (simd, n) = (self.simd, self.v.len());
        let one = simd.splat_f64s(1.0);
        for i in 0..n {
            let (above, row) = self.factor.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j + 1];
                let left = remainder(simd, row[j], &row[..j], &other[..j]);
                row[j] = simd.mul_f64s(left, other[j]);
            }
            let (left, diagonal) = row.split_at_mut(i);
            let square = remainder(simd, diagonal[0], left, left);
            // K >= 1; the floor is for lanes that hold no fit
            let square = simd.max_f64s(square, simd.splat_f64s(0.5));
            diagonal[0] = simd.div_f64s(one, simd.sqrt_f64s(square));
        }
    }

    /// `out = H^-1 q`.
    #[inline(always)]
    pub(super) fn apply(&mut self, device: &dyn Accelerator, q: &[S::f64s], out: &mut [S::f64s]) {
        let (simd, n, m) = (self.simd, self.v.len(), self.n_wide);
        let structure = device.problem().structure();
        // out holds D^-1/2 q of the wide parameters, packed, while v is made
        for (o, &k) in out.iter_mut().zip(&structure.wide) {
            *o = simd.mul_f64s(self.root[k as usize], q[k as usize]);
        }
        for b in 0..n {
            self.v[b] = dot(simd, &self.wide[b * m..(b + 1) * m], &out[..m]);
        }
        for (a, &(k, b)) in self.narrow.iter().zip(&structure.narrow) {
            let scaled = simd.mul_f64s(self.root[k as usize], q[k as usize]);
            self.v[b as usize] = simd.mul_add_f64s(*a, scaled, self.v[b as usize]);
        }
        for i in 0..n {
            let row = &self.factor[i * n..i * n + i + 1];
            let left = remainder(simd, self.v[i], &row[..i], &self.v[..i]);
            self.v[i] = simd.mul_f64s(left, row[i]);
        }
        for i in (0..n).rev() {
            let row = &self.factor[i * n..i * n + i + 1];
            let x = simd.mul_f64s(self.v[i], row[i]);
            self.v[i] = x;
            let minus = simd.neg_f64s(x);
            for (v, l) in self.v[..i].iter_mut().zip(row) {
                *v = simd.mul_add_f64s(minus, *l, *v);
            }
        }
        for ((o, q), d) in out.iter_mut().zip(q).zip(&*self.inverse) {
            *o = simd.mul_f64s(*q, *d);
        }
        for b in 0..n {
            let minus = simd.neg_f64s(self.v[b]);
            for (a, &k) in self.wide[b * m..(b + 1) * m].iter().zip(&structure.wide) {
                let k = k as usize;
                out[k] = simd.mul_add_f64s(simd.mul_f64s(minus, self.root[k]), *a, out[k]);
            }
        }
        for (a, &(k, b)) in self.narrow.iter().zip(&structure.narrow) {
            let (k, minus) = (k as usize, simd.neg_f64s(self.v[b as usize]));
            out[k] = simd.mul_add_f64s(simd.mul_f64s(minus, self.root[k]), *a, out[k]);
        }
    }
}

/// `start - a . b`.
#[inline(always)]
fn remainder<S: Simd>(simd: S, start: S::f64s, a: &[S::f64s], b: &[S::f64s]) -> S::f64s {
    simd.sub_f64s(start, dot(simd, a, b))
}

/// Four sums side by side, joined in a fixed order.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[S::f64s], b: &[S::f64s]) -> S::f64s {
    let mut sum = [simd.splat_f64s(0.0); 4];
    let (a4, a1) = a.as_chunks::<4>();
    let (b4, b1) = b.as_chunks::<4>();
    for (a, b) in a4.iter().zip(b4) {
        for i in 0..4 {
            sum[i] = simd.mul_add_f64s(a[i], b[i], sum[i]);
        }
    }
    for (a, b) in a1.iter().zip(b1) {
        sum[0] = simd.mul_add_f64s(*a, *b, sum[0]);
    }
    simd.add_f64s(simd.add_f64s(sum[0], sum[1]), simd.add_f64s(sum[2], sum[3]))
}
