//! Interpolation on lanes: `h(alpha)` of the shapes and the normsys factors, with derivatives.

use pulp::Simd;

use super::kernel::Work;
use super::math;
use crate::accelerator::program::{NORMSYS_STRIDE, Program};
use crate::model::interpolation::HistoSysInterpolation;

/// What depends on one parameter alone.
#[inline(always)]
pub(super) fn per_parameter<S: Simd>(
    simd: S,
    p: &Program,
    w: &mut Work<'_, S::f64s>,
    x: &[S::f64s],
) {
    let c = |v: f64| simd.splat_f64s(v);
    let one = c(1.0);
    for &k in &p.shape_parameters {
        let k = k as usize;
        let a = x[k];
        let positive = simd.greater_than_or_equal_f64s(a, c(0.0));
        let sign = simd.select_f64s(positive, one, c(-1.0));
        let magnitude = simd.abs_f64s(a);
        let outside = simd.greater_than_f64s(magnitude, one);
        let (h, slope) = match p.histosys {
            HistoSysInterpolation::PiecewiseLinear => {
                (simd.mul_f64s(c(8.0), magnitude), simd.mul_f64s(c(8.0), sign))
            }
            HistoSysInterpolation::QuadraticLinear => {
                // 8 a^2 inside, 8 (2|a| - 1) outside
                let inside = simd.mul_f64s(c(8.0), simd.mul_f64s(a, a));
                let linear = simd.mul_add_f64s(c(16.0), magnitude, c(-8.0));
                (
                    simd.select_f64s(outside, linear, inside),
                    simd.select_f64s(
                        outside,
                        simd.mul_f64s(c(16.0), sign),
                        simd.mul_f64s(c(16.0), a),
                    ),
                )
            }
            HistoSysInterpolation::PolynomialLinear => {
                // a^2 (15 - 10 a^2 + 3 a^4) inside, 8|a| outside
                let t = simd.mul_f64s(a, a);
                let q = simd.mul_add_f64s(simd.mul_add_f64s(c(3.0), t, c(-10.0)), t, c(15.0));
                let dq = simd.mul_add_f64s(simd.mul_add_f64s(c(18.0), t, c(-40.0)), t, c(30.0));
                (
                    simd.select_f64s(
                        outside,
                        simd.mul_f64s(c(8.0), magnitude),
                        simd.mul_f64s(t, q),
                    ),
                    simd.select_f64s(outside, simd.mul_f64s(c(8.0), sign), simd.mul_f64s(a, dq)),
                )
            }
        };
        w.h[k] = h;
        w.slope[k] = slope;
    }
    for &k in &p.normsys_parameters {
        let k = k as usize;
        let magnitude = simd.abs_f64s(x[k]);
        w.magnitude[k] = magnitude;
        let beyond = simd.greater_than_or_equal_f64s(magnitude, c(p.normsys_threshold));
        w.beyond[k] = math::any(simd, beyond);
    }
}

/// A normsys factor and its derivative. `outside`: |a|, where any lane is beyond the threshold;
/// `ready`: the exponential, where it is known.
#[inline(always)]
pub(super) fn normsys<S: Simd>(
    simd: S,
    c: &[f64; NORMSYS_STRIDE],
    a: S::f64s,
    outside: Option<S::f64s>,
    threshold: f64,
    ready: Option<S::f64s>,
) -> (S::f64s, S::f64s) {
    let v = |x: f64| simd.splat_f64s(x);
    // Horner for 1 + a (c1 + a (c2 + ...)) and its derivative together
    let mut d = v(c[5]);
    let mut f = simd.mul_add_f64s(d, a, v(c[4]));
    for i in (0..4).rev() {
        d = simd.mul_add_f64s(d, a, f);
        f = simd.mul_add_f64s(f, a, v(c[i]));
    }
    d = simd.mul_add_f64s(d, a, f);
    f = simd.mul_add_f64s(f, a, v(1.0));
    if let Some(magnitude) = outside {
        let outside = simd.greater_than_or_equal_f64s(magnitude, v(threshold));
        let (argument, rate) = exponent(simd, c, a);
        let e = match ready {
            Some(e) => e,
            None => math::exp(simd, argument),
        };
        f = simd.select_f64s(outside, e, f);
        d = simd.select_f64s(outside, simd.mul_f64s(e, rate), d);
    }
    (f, d)
}

/// `ln` of a normsys factor beyond the threshold, and its derivative: hi^a = e^(a ln hi),
/// lo^-a = e^(a (-ln lo)).
#[inline(always)]
pub(super) fn exponent<S: Simd>(
    simd: S,
    c: &[f64; NORMSYS_STRIDE],
    a: S::f64s,
) -> (S::f64s, S::f64s) {
    let positive = simd.greater_than_or_equal_f64s(a, simd.splat_f64s(0.0));
    let rate = simd.select_f64s(positive, simd.splat_f64s(c[6]), simd.splat_f64s(c[7]));
    (simd.mul_f64s(a, rate), rate)
}

#[inline(always)]
pub(super) fn coefficients(p: &Program, entry: usize) -> &[f64; NORMSYS_STRIDE] {
    let start = entry * NORMSYS_STRIDE;
    p.normsys_coefficients[start..start + NORMSYS_STRIDE].try_into().expect("stride is the length")
}
