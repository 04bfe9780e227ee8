//! Columns of densities: the formulas of `pdf/local.rs` in lanes.

use pulp::Simd;

use super::BLOCK;
use crate::accelerator::cpu::math;
use crate::unbinned::pdf::local::{Form, Functions};

/// Most functions of a series.
const MOST: usize = 65;

/// Where a process's columns of a block go.
pub(super) struct Out<'a> {
    pub(super) value: &'a mut [f64],
    /// Slopes and curves, `BLOCK` apart.
    pub(super) shapes: &'a mut [f64],
    /// Which of them are wanted.
    pub(super) slopes: bool,
    pub(super) curves: bool,
}

impl Out<'_> {
    /// Registers of the value, of the first `N` other columns.
    #[inline(always)]
    pub(super) fn lanes<S: Simd, const N: usize>(
        &mut self,
    ) -> (&mut [S::f64s], [&mut [S::f64s]; N]) {
        let n = self.value.len();
        let mut columns = self.shapes.chunks_exact_mut(BLOCK);
        let column = |_| match columns.next() {
            Some(column) => bytemuck::cast_slice_mut(&mut column[..n]),
            None => &mut [],
        };
        (bytemuck::cast_slice_mut(self.value), std::array::from_fn(column))
    }
}

#[inline(always)]
pub(super) fn powers<S: Simd>(simd: S, form: &Form, x: &[f64], out: &mut Out<'_>) {
    let Form::Powers { origin, inverse, c, columns, logarithm } = form else { return };
    let [c0, c1, c2] = c.map(|c| simd.splat_f64s(c));
    let (origin, inverse) = (simd.splat_f64s(*origin), simd.splat_f64s(*inverse));
    let (least, beyond) = (simd.splat_f64s(f64::MIN_POSITIVE), simd.splat_f64s(f64::NAN));
    let (slopes, square) = (out.slopes, out.slopes && *columns == 2);
    let (value, [first, second]) = out.lanes::<S, 2>();
    for (v, x) in bytemuck::cast_slice::<f64, S::f64s>(x).iter().enumerate() {
        let log = if *logarithm { math::ln(simd, *x) } else { *x };
        let y = simd.mul_f64s(simd.sub_f64s(log, origin), inverse);
        let linear = simd.mul_add_f64s(c2, y, c1);
        let mut l = simd.mul_add_f64s(linear, y, c0);
        if *logarithm {
            let normal = simd.greater_than_or_equal_f64s(*x, least);
            l = simd.select_f64s(normal, simd.sub_f64s(l, log), beyond);
        }
        value[v] = l;
        if slopes {
            first[v] = y;
        }
        if square {
            second[v] = simd.mul_f64s(y, y);
        }
    }
}

#[inline(always)]
pub(super) fn argus<S: Simd>(simd: S, form: &Form, x: &[f64], out: &mut Out<'_>) {
    let Form::Argus { m0, inverse, pile, c } = form else { return };
    let [c0, p, c] = c.map(|c| simd.splat_f64s(c));
    let [m0, inverse, pile] = [*m0, *inverse, *pile].map(|x| simd.splat_f64s(x));
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let least = simd.splat_f64s(f64::MIN_POSITIVE);
    let nothing = simd.splat_f64s(f64::NEG_INFINITY);
    let slopes = out.slopes;
    let (value, [first, second]) = out.lanes::<S, 2>();
    for (v, x) in bytemuck::cast_slice::<f64, S::f64s>(x).iter().enumerate() {
        let s = simd.mul_f64s(simd.mul_f64s(simd.sub_f64s(m0, *x), simd.add_f64s(m0, *x)), inverse);
        let inside = simd.and_m64s(
            simd.greater_than_or_equal_f64s(s, least),
            simd.greater_than_or_equal_f64s(*x, least),
        );
        // harmless values elsewhere
        let (s, x) = (simd.select_f64s(inside, s, one), simd.select_f64s(inside, *x, one));
        let (log, beyond) = (math::ln(simd, s), simd.sub_f64s(s, pile));
        let shape = simd.mul_add_f64s(p, log, simd.mul_f64s(c, beyond));
        let l = simd.add_f64s(simd.add_f64s(shape, math::ln(simd, x)), c0);
        value[v] = simd.select_f64s(inside, l, nothing);
        if slopes {
            first[v] = simd.select_f64s(inside, log, zero);
            second[v] = simd.select_f64s(inside, beyond, zero);
        }
    }
}

#[inline(always)]
pub(super) fn cauchy<S: Simd>(simd: S, form: &Form, x: &[f64], out: &mut Out<'_>) {
    let Form::Cauchy { mu, inverse, top } = form else { return };
    let [mu, inverse, top] = [*mu, *inverse, *top].map(|x| simd.splat_f64s(x));
    let one = simd.splat_f64s(1.0);
    let (slopes, curves) = (out.slopes, out.curves);
    let (value, [dv_to, v_to, square_to, both_to]) = out.lanes::<S, 4>();
    for (i, x) in bytemuck::cast_slice::<f64, S::f64s>(x).iter().enumerate() {
        let d = simd.mul_f64s(simd.sub_f64s(*x, mu), inverse);
        let q = simd.mul_add_f64s(d, d, one);
        value[i] = simd.sub_f64s(top, math::ln(simd, q));
        if slopes {
            let v = simd.div_f64s(one, q);
            let dv = simd.mul_f64s(d, v);
            (dv_to[i], v_to[i]) = (dv, v);
            if curves {
                (square_to[i], both_to[i]) = (simd.mul_f64s(v, v), simd.mul_f64s(dv, v));
            }
        }
    }
}

#[inline(always)]
pub(super) fn series<S: Simd>(simd: S, form: &Form, x: &[f64], out: &mut Out<'_>) {
    let Form::Series { basis, window, c, free, norm } = form else { return };
    let (one, norm) = (simd.splat_f64s(1.0), simd.splat_f64s(*norm));
    let (least, most) = (simd.splat_f64s(f64::MIN_POSITIVE), simd.splat_f64s(1e300));
    let beyond = simd.splat_f64s(f64::NAN);
    let offset = simd.splat_f64s(if *basis == Functions::Chebyshev { 1.0 } else { 0.0 });
    let mut functions = [one; MOST];
    let functions = &mut functions[..c.len()];
    let slopes = out.slopes;
    let n = x.len();
    let value = bytemuck::cast_slice_mut::<f64, S::f64s>(&mut *out.value);
    for (v, x) in bytemuck::cast_slice::<f64, S::f64s>(x).iter().enumerate() {
        evaluate(simd, *basis, *window, *x, functions);
        let mut sum = offset;
        for (c, f) in c.iter().zip(&*functions) {
            sum = simd.mul_add_f64s(simd.splat_f64s(*c), *f, sum);
        }
        let fine = simd
            .and_m64s(simd.greater_than_or_equal_f64s(sum, least), simd.less_than_f64s(sum, most));
        let sum = simd.select_f64s(fine, sum, one);
        value[v] = simd.select_f64s(fine, simd.sub_f64s(math::ln(simd, sum), norm), beyond);
        if slopes {
            let inverse = simd.div_f64s(one, sum);
            for (column, k) in out.shapes.chunks_exact_mut(BLOCK).zip(free) {
                let to = bytemuck::cast_slice_mut::<f64, S::f64s>(&mut column[..n]);
                to[v] = simd.mul_f64s(functions[*k], inverse);
            }
        }
    }
}

/// The functions of a series at x.
#[inline(always)]
fn evaluate<S: Simd>(simd: S, basis: Functions, window: [f64; 2], x: S::f64s, out: &mut [S::f64s]) {
    let [lo, hi] = window.map(|x| simd.splat_f64s(x));
    let one = simd.splat_f64s(1.0);
    let (below, above) = (simd.sub_f64s(x, lo), simd.sub_f64s(hi, x));
    let width = simd.splat_f64s(window[1] - window[0]);
    match basis {
        Functions::Chebyshev => {
            let u = simd.div_f64s(simd.sub_f64s(below, above), width);
            let twice = simd.add_f64s(u, u);
            let (mut before, mut now) = (one, u);
            for out in out {
                *out = now;
                (before, now) = (now, simd.sub_f64s(simd.mul_f64s(twice, now), before));
            }
        }
        Functions::Powers => {
            let mut power = one;
            for out in out {
                *out = power;
                power = simd.mul_f64s(power, x);
            }
        }
        Functions::Bernstein => {
            let (u, rest) = (simd.div_f64s(below, width), simd.div_f64s(above, width));
            out.fill(simd.splat_f64s(0.0));
            out[0] = one;
            for degree in 1..out.len() {
                for k in (1..=degree).rev() {
                    out[k] = simd.mul_add_f64s(out[k], rest, simd.mul_f64s(out[k - 1], u));
                }
                out[0] = simd.mul_f64s(out[0], rest);
            }
        }
    }
}
