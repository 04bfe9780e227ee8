//! Sums of products of columns.

use pulp::Simd;

use super::layout::{Layout, Right};
use super::{BLOCK, WIDTH, Workspace};

/// Sums of one row worked on at once: with two registers each they fit the sixteen of AVX2.
const TILE: usize = 6;

/// Adds the block's products to the sums' lanes.
#[inline(always)]
pub(super) fn add<S: Simd>(
    simd: S,
    layout: &Layout,
    room: &mut Workspace,
    padded: usize,
    weighted: bool,
) {
    let Workspace { ones, shapes, terms, weighted: by_weight, moments, .. } = room;
    let left = if weighted { by_weight } else { &*terms };
    let moments = bytemuck::cast_slice_mut::<f64, S::f64s>(moments);
    for row in &layout.rows {
        let left = lanes::<S>(left, row.term, padded);
        let column = |right: Right| match right {
            Right::One => lanes::<S>(ones, 0, padded),
            Right::Term(at) => lanes::<S>(terms, at, padded),
            Right::Shape(at) => lanes::<S>(shapes, at, padded),
        };
        for some in row.with.chunks(TILE) {
            let at = |i: usize| some[i].1;
            let right = |i: usize| column(some[i].0);
            match some.len() {
                1 => dots::<S, 1>(simd, left, right, at, moments),
                2 => dots::<S, 2>(simd, left, right, at, moments),
                3 => dots::<S, 3>(simd, left, right, at, moments),
                4 => dots::<S, 4>(simd, left, right, at, moments),
                5 => dots::<S, 5>(simd, left, right, at, moments),
                _ => dots::<S, TILE>(simd, left, right, at, moments),
            }
        }
    }
}

#[inline(always)]
fn lanes<S: Simd>(columns: &[f64], at: usize, padded: usize) -> &[S::f64s] {
    bytemuck::cast_slice(&columns[at * BLOCK..][..padded])
}

/// `T` sums of products with one column, `WIDTH` lanes each.
#[inline(always)]
fn dots<'a, S: Simd, const T: usize>(
    simd: S,
    left: &[S::f64s],
    right: impl Fn(usize) -> &'a [S::f64s],
    at: impl Fn(usize) -> usize,
    moments: &mut [S::f64s],
) where
    S::f64s: 'a,
{
    let registers = WIDTH / S::F64_LANES;
    let n = left.len();
    let right: [&[S::f64s]; T] = std::array::from_fn(|i| &right(i)[..n]);
    // two registers of each sum at a time; there are as many on every instruction set, or a multiple
    for pair in (0..registers).step_by(2) {
        let place = |i: usize| at(i) * registers + pair;
        let mut even: [S::f64s; T] = std::array::from_fn(|i| moments[place(i)]);
        let mut odd: [S::f64s; T] = std::array::from_fn(|i| moments[place(i) + 1]);
        let mut v = pair;
        while v + 1 < n {
            let (a, b) = (left[v], left[v + 1]);
            for i in 0..T {
                even[i] = simd.mul_add_f64s(a, right[i][v], even[i]);
                odd[i] = simd.mul_add_f64s(b, right[i][v + 1], odd[i]);
            }
            v += registers;
        }
        for i in 0..T {
            moments[place(i)] = even[i];
            moments[place(i) + 1] = odd[i];
        }
    }
}

/// Each sum over its lanes, in a fixed order.
pub(super) fn totals(moments: &[f64]) -> Vec<f64> {
    let total = |lanes: &[f64]| {
        let mut lanes: [f64; WIDTH] = lanes.try_into().expect("a sum's lanes");
        let mut half = WIDTH / 2;
        while half > 0 {
            (0..half).for_each(|i| lanes[i] += lanes[i + half]);
            half /= 2;
        }
        lanes[0]
    };
    moments.chunks_exact(WIDTH).map(total).collect()
}
