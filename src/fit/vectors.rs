//! Vectors of lanes: one parameter an element, one fit a lane. Sums run in a fixed order.

use pulp::Simd;

use crate::accelerator::{InverseCurvature, Tile};

#[inline(always)]
pub(super) fn lane_of<S: Simd>(v: &S::f64s, l: usize) -> f64 {
    bytemuck::cast_slice::<S::f64s, f64>(std::slice::from_ref(v))[l]
}

#[inline(always)]
pub(super) fn lane_mut<S: Simd>(v: &mut S::f64s, l: usize) -> &mut f64 {
    &mut bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(v))[l]
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

/// 1 / sy where the pair shows positive curvature worth the name, else 0.
#[inline(always)]
pub(super) fn reciprocal_if_curved<S: Simd>(
    simd: S,
    sy: S::f64s,
    ss: S::f64s,
    yy: S::f64s,
) -> S::f64s {
    let zero = simd.splat_f64s(0.0);
    let least = simd.mul_f64s(simd.splat_f64s(1e-16), simd.mul_f64s(ss, yy));
    let curved = simd.and_m64s(
        simd.greater_than_f64s(sy, zero),
        simd.greater_than_f64s(simd.mul_f64s(sy, sy), least),
    );
    let safe = simd.select_f64s(curved, sy, simd.splat_f64s(1.0));
    simd.select_f64s(curved, simd.div_f64s(simd.splat_f64s(1.0), safe), zero)
}

/// `v -= weight * w * mask`.
#[inline(always)]
pub(super) fn subtract<S: Simd>(
    simd: S,
    v: &mut [S::f64s],
    weight: S::f64s,
    w: &[S::f64s],
    mask: &[S::f64s],
) {
    let weight = simd.neg_f64s(weight);
    for ((v, w), m) in v.iter_mut().zip(w).zip(mask) {
        *v = simd.mul_add_f64s(weight, simd.mul_f64s(*w, *m), *v);
    }
}

#[inline(always)]
pub(super) fn apply<S: Simd>(simd: S, h: &InverseCurvature, q: &[S::f64s], out: &mut [S::f64s]) {
    for ((o, q), d) in out.iter_mut().zip(q).zip(&h.diagonal) {
        *o = simd.mul_f64s(*q, simd.splat_f64s(*d));
    }
    for tile in &h.tiles {
        add_tile(simd, tile, q, out);
    }
}

/// `out += sum_c sign_c z_c (z_c . q)` of four columns; two sums per column hide the latency.
#[inline(always)]
fn add_tile<S: Simd>(simd: S, tile: &Tile, q: &[S::f64s], out: &mut [S::f64s]) {
    let mut even = [simd.splat_f64s(0.0); 4];
    let mut odd = even;
    let (rows2, rows1) = tile.rows.as_chunks::<2>();
    let (values2, values1) = tile.values.as_chunks::<2>();
    for (rows, values) in rows2.iter().zip(values2) {
        let (a, b) = (q[rows[0] as usize], q[rows[1] as usize]);
        for c in 0..4 {
            even[c] = simd.mul_add_f64s(a, simd.splat_f64s(values[0][c]), even[c]);
            odd[c] = simd.mul_add_f64s(b, simd.splat_f64s(values[1][c]), odd[c]);
        }
    }
    for (row, values) in rows1.iter().zip(values1) {
        let a = q[*row as usize];
        for c in 0..4 {
            even[c] = simd.mul_add_f64s(a, simd.splat_f64s(values[c]), even[c]);
        }
    }
    for c in 0..4 {
        let sum = simd.add_f64s(even[c], odd[c]);
        even[c] = simd.mul_f64s(sum, simd.splat_f64s(tile.sign[c]));
    }
    for (row, values) in tile.rows.iter().zip(&tile.values) {
        let o = &mut out[*row as usize];
        let mut sum = *o;
        for c in 0..4 {
            sum = simd.mul_add_f64s(even[c], simd.splat_f64s(values[c]), sum);
        }
        *o = sum;
    }
}
