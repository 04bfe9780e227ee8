//! Columns of crystal balls.

use pulp::Simd;

use super::BLOCK;
use super::forms::Out;
use crate::accelerator::cpu::math;
use crate::unbinned::pdf::local::{Peak, QUANTITIES};

/// Numbers of one side of the peak, or of both, lane by lane.
#[derive(Clone, Copy)]
struct Side<V> {
    /// -1 / sigma below the peak, 1 / sigma above: the distance from it is never negative.
    inverse: V,
    alpha: V,
    n: V,
    inverse_n: V,
    ratio: V,
}

#[inline(always)]
pub(super) fn columns<S: Simd>(simd: S, peak: &Peak, x: &[f64], out: &mut Out<'_>) {
    let side = |i: usize, sign: f64| {
        let side = peak.sides[i];
        Side {
            inverse: simd.splat_f64s(sign / side.sigma),
            alpha: simd.splat_f64s(side.alpha),
            n: simd.splat_f64s(side.n),
            inverse_n: simd.splat_f64s(1.0 / side.n),
            ratio: simd.splat_f64s(side.alpha / side.n),
        }
    };
    let (below, above) = (side(0, -1.0), side(1, 1.0));
    let [mu, norm, zero, half] = [peak.mu, peak.norm, 0.0, -0.5].map(|x| simd.splat_f64s(x));
    let (slopes, curves) = (out.slopes, out.curves);
    let n = x.len();
    // pairs of quantities of different sides stay 0
    if slopes {
        out.shapes.fill(0.0);
    }
    let value = bytemuck::cast_slice_mut::<f64, S::f64s>(&mut *out.value);
    for (v, x) in bytemuck::cast_slice::<f64, S::f64s>(x).iter().enumerate() {
        let left = simd.less_than_f64s(*x, mu);
        let pick = |a: S::f64s, b: S::f64s| simd.select_f64s(left, a, b);
        let side = Side {
            inverse: pick(below.inverse, above.inverse),
            alpha: pick(below.alpha, above.alpha),
            n: pick(below.n, above.n),
            inverse_n: pick(below.inverse_n, above.inverse_n),
            ratio: pick(below.ratio, above.ratio),
        };
        let u = simd.mul_f64s(simd.sub_f64s(*x, mu), side.inverse);
        let in_tail = simd.greater_than_f64s(u, side.alpha);
        let mut l = simd.mul_f64s(simd.mul_f64s(u, u), half);
        let tail = if math::any(simd, in_tail) {
            let tail = Tail::new(simd, &side, u);
            l = simd.select_f64s(in_tail, tail.log, l);
            Some(tail)
        } else {
            None
        };
        value[v] = simd.sub_f64s(l, norm);
        if !slopes {
            continue;
        }
        let quantities = quantities(simd, &side, u, tail.map(|tail| (tail, in_tail)));
        for (quantity, [to_below, to_above]) in &peak.outputs {
            if *quantity >= 4 && !curves {
                break;
            }
            let from = quantities[*quantity];
            let mut put = |column: usize, value: S::f64s| {
                let column = &mut out.shapes[column * BLOCK..][..n];
                bytemuck::cast_slice_mut::<f64, S::f64s>(column)[v] = value;
            };
            match (to_below, to_above) {
                (Some(a), Some(b)) if a == b => put(*a, from),
                _ => {
                    to_below.iter().for_each(|a| put(*a, pick(from, zero)));
                    to_above.iter().for_each(|b| put(*b, pick(zero, from)));
                }
            }
        }
    }
}

/// The power law in lanes beyond alpha; others get what will not be used.
#[derive(Clone, Copy)]
struct Tail<V> {
    log: V,
    /// `ln q` and `1 / q` for `q = 1 + delta`, `delta = alpha (u - alpha) / n`.
    ln_q: V,
    inverse: V,
    delta: V,
}

impl<V> Tail<V> {
    #[inline(always)]
    fn new<S: Simd<f64s = V>>(simd: S, side: &Side<V>, u: V) -> Self
    where
        V: Copy,
    {
        let one = simd.splat_f64s(1.0);
        let delta = simd.mul_f64s(side.ratio, simd.sub_f64s(u, side.alpha));
        let delta = simd.max_f64s(delta, simd.splat_f64s(0.0));
        let q = simd.add_f64s(one, delta);
        let inverse = simd.div_f64s(one, q);
        // what 1 + delta rounded off
        let lost = simd.sub_f64s(delta, simd.sub_f64s(q, one));
        let ln_q = simd.mul_add_f64s(lost, inverse, math::ln(simd, q));
        let top = simd.mul_f64s(simd.mul_f64s(side.alpha, side.alpha), simd.splat_f64s(-0.5));
        let log = simd.sub_f64s(top, simd.mul_f64s(side.n, ln_q));
        Self { log, ln_q, inverse, delta }
    }
}

/// Derivatives of the shape's logarithm in mu, sigma, alpha and n, then second ones, rows of the lower triangle.
#[inline(always)]
fn quantities<S: Simd>(
    simd: S,
    side: &Side<S::f64s>,
    u: S::f64s,
    tail: Option<(Tail<S::f64s>, S::m64s)>,
) -> [S::f64s; QUANTITIES] {
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let (add, sub) = (|a, b| simd.add_f64s(a, b), |a, b| simd.sub_f64s(a, b));
    let mul = |a, b| simd.mul_f64s(a, b);
    let neg = |a| simd.neg_f64s(a);
    // first and second derivatives in u, alpha and n
    let (mut f_u, mut f_a, mut f_n) = (neg(u), zero, zero);
    let (mut f_uu, mut f_ua, mut f_un) = (neg(one), zero, zero);
    let (mut f_aa, mut f_an, mut f_nn) = (zero, zero, zero);
    if let Some((tail, inside)) = tail {
        let Tail { ln_q, inverse, delta, .. } = tail;
        let Side { alpha, inverse_n, ratio, .. } = *side;
        let pick = |a, b| simd.select_f64s(inside, a, b);
        let square = mul(inverse, inverse);
        // (u - 2 alpha) / q and (q - 1) / q
        let way = mul(sub(u, add(alpha, alpha)), inverse);
        let share = mul(delta, inverse);
        let per_n = mul(way, inverse_n);
        f_u = pick(neg(mul(alpha, inverse)), f_u);
        f_a = pick(neg(add(alpha, way)), f_a);
        f_n = pick(sub(share, ln_q), f_n);
        f_uu = pick(mul(mul(alpha, ratio), square), f_uu);
        f_ua = pick(sub(mul(mul(alpha, inverse), per_n), inverse), f_ua);
        f_un = pick(neg(mul(mul(ratio, inverse), share)), f_un);
        f_aa = pick(add(sub(add(inverse, inverse), one), mul(way, per_n)), f_aa);
        f_an = pick(neg(mul(per_n, share)), f_an);
        f_nn = pick(mul(mul(share, share), inverse_n), f_nn);
    }
    // u falls by 1 / sigma in mu above the peak, and by u / sigma in sigma
    let by_mu = neg(side.inverse);
    let by_sigma = neg(mul(u, simd.abs_f64s(side.inverse)));
    let inverse = simd.abs_f64s(side.inverse);
    let mixed = simd.mul_add_f64s(u, f_uu, f_u);
    let squared = simd.mul_add_f64s(u, f_uu, add(f_u, f_u));
    [
        mul(f_u, by_mu),
        mul(f_u, by_sigma),
        f_a,
        f_n,
        mul(f_uu, mul(inverse, inverse)),
        neg(mul(mul(mixed, by_mu), inverse)),
        mul(mul(squared, u), mul(inverse, inverse)),
        mul(f_ua, by_mu),
        mul(f_ua, by_sigma),
        f_aa,
        mul(f_un, by_mu),
        mul(f_un, by_sigma),
        f_an,
        f_nn,
    ]
}
