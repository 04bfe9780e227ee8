//! Elementary functions on lanes: the same operations in the same order in every lane and on every
//! instruction set, so that a lane's bits depend on neither.

use pulp::Simd;

/// Coefficients 1/(2n+3) of atanh(s) = s + s^3 sum_n s^2n / (2n+3), enough for |s| < 0.1716.
const ATANH: [f64; 11] = [
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
    1.0 / 19.0,
    1.0 / 21.0,
    1.0 / 23.0,
];

/// (sqrt 2 - 1) / (sqrt 2 + 1): |s| of a mantissa in [1/sqrt 2, sqrt 2].
const ATANH_RANGE: f64 = 0.171_572_875_253_809_9;

/// 1/n!, from n = 2.
const EXP: [f64; 12] = [
    0.5,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

/// ln 2 in two parts, the first with trailing zeros so that k * LN2_HI is exact.
const LN2_HI: f64 = 6.931_471_803_691_238e-1;
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;

/// 1.5 * 2^52: adding it rounds to an integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn horner<S: Simd>(simd: S, x: S::f64s, coefficients: &[f64]) -> S::f64s {
    let (last, rest) = coefficients.split_last().expect("never empty");
    let mut p = simd.splat_f64s(*last);
    for c in rest.iter().rev() {
        p = simd.mul_add_f64s(p, x, simd.splat_f64s(*c));
    }
    p
}

/// `e^x` within 1.5 ulp for |x| < 700, saturating beyond.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let x = clamp_exponent(simd, x);
    let shifted =
        simd.mul_add_f64s(x, simd.splat_f64s(std::f64::consts::LOG2_E), simd.splat_f64s(ROUND));
    let k = simd.sub_f64s(shifted, simd.splat_f64s(ROUND));
    let r = simd.mul_add_f64s(k, simd.splat_f64s(-LN2_HI), x);
    let r = simd.mul_add_f64s(k, simd.splat_f64s(-LN2_LO), r);
    let p = horner(simd, r, &EXP);
    // 1 + (r + r^2 p): the small part is summed first
    let tail = simd.mul_add_f64s(simd.mul_f64s(r, r), p, r);
    let mut scale = shifted;
    for bits in bytemuck::cast_slice_mut::<S::f64s, u64>(std::slice::from_mut(&mut scale)) {
        *bits = bits.wrapping_add(1023) << 52;
    }
    simd.mul_add_f64s(scale, tail, scale)
}

/// Where [`exp`] saturates.
#[inline(always)]
pub(super) fn clamp_exponent<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    simd.min_f64s(simd.max_f64s(x, simd.splat_f64s(-700.0)), simd.splat_f64s(700.0))
}

/// Poisson term of a bin as a deviance, and its derivative.
///
/// For n > 0: `D = v - n - n ln(v/n)`, which is the NLL less its minimum over v, written without
/// cancellation near v = n (`D = s (v-n) - 2 n s^3 P(s^2)`, s = (v-n)/(v+n)), and `dD/dv = (v-n)/v`;
/// +inf for v <= 0. For n = 0: `D = v`, or below `floor` its quadratic continuation where a floor
/// is set (`floor = -inf` for none). `ready`: `ln(v/n)`, where it is known.
#[inline(always)]
pub(super) fn poisson<S: Simd>(
    simd: S,
    n: S::f64s,
    v: S::f64s,
    floor: f64,
    ready: Option<S::f64s>,
) -> (S::f64s, S::f64s) {
    let zero = simd.splat_f64s(0.0);
    let one = simd.splat_f64s(1.0);
    let two = simd.splat_f64s(2.0);
    let filled = simd.greater_than_f64s(n, zero);
    let good = simd.and_m64s(filled, simd.greater_than_f64s(v, zero));
    // harmless values in the other lanes keep the arithmetic finite
    let v1 = simd.select_f64s(good, v, one);
    let n1 = simd.select_f64s(good, n, one);

    let difference = simd.sub_f64s(v1, n1);
    let inverse = simd.div_f64s(one, v1);
    let slope = simd.mul_f64s(difference, inverse);
    let s = simd.div_f64s(difference, simd.add_f64s(v1, n1));
    let near = simd.less_than_f64s(simd.abs_f64s(s), simd.splat_f64s(ATANH_RANGE));
    let s2 = simd.mul_f64s(s, s);
    let p = horner(simd, s2, &ATANH);
    let cube = simd.mul_f64s(simd.mul_f64s(s2, s), p);
    // s (v-n) - 2 n s^3 P
    let mut deviance = simd.mul_add_f64s(
        simd.mul_f64s(simd.neg_f64s(simd.mul_f64s(two, n1)), cube),
        one,
        simd.mul_f64s(s, difference),
    );
    if any(simd, simd.not_m64s(near)) {
        let log = match ready {
            Some(log) => log,
            None => ln(simd, simd.div_f64s(v1, n1)),
        };
        let far = simd.mul_add_f64s(simd.neg_f64s(n1), log, difference);
        deviance = simd.select_f64s(near, deviance, far);
    }

    // n = 0
    let low = simd.less_than_f64s(v, simd.splat_f64s(floor));
    let mut empty = v;
    let mut empty_slope = one;
    if any(simd, low) {
        let scaled = simd.div_f64s(v, simd.splat_f64s(floor));
        let half = simd.splat_f64s(0.5);
        let bowl = simd.mul_f64s(half, simd.mul_add_f64s(v, scaled, simd.splat_f64s(floor)));
        empty = simd.select_f64s(low, bowl, empty);
        empty_slope = simd.select_f64s(low, scaled, empty_slope);
    }
    let infinite = simd.splat_f64s(f64::INFINITY);
    let value = simd.select_f64s(filled, simd.select_f64s(good, deviance, infinite), empty);
    (value, simd.select_f64s(filled, slope, empty_slope))
}

/// `v/n`, or 1 where [`poisson`] needs no logarithm for other reasons than nearness; and whether it
/// needs one in any lane.
#[inline(always)]
pub(super) fn far_ratio<S: Simd>(simd: S, n: S::f64s, v: S::f64s) -> (S::f64s, bool) {
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let good = simd.and_m64s(simd.greater_than_f64s(n, zero), simd.greater_than_f64s(v, zero));
    let v1 = simd.select_f64s(good, v, one);
    let n1 = simd.select_f64s(good, n, one);
    let s = simd.div_f64s(simd.sub_f64s(v1, n1), simd.add_f64s(v1, n1));
    let near = simd.less_than_f64s(simd.abs_f64s(s), simd.splat_f64s(ATANH_RANGE));
    (simd.div_f64s(v1, n1), any(simd, simd.not_m64s(near)))
}

/// Natural logarithm of positive, normal numbers.
#[inline(always)]
pub(super) fn ln<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let one = simd.splat_f64s(1.0);
    let mut mantissa = x;
    let mut exponent = x;
    {
        let m = bytemuck::cast_slice_mut::<S::f64s, u64>(std::slice::from_mut(&mut mantissa));
        let e = bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(&mut exponent));
        for (m, e) in m.iter_mut().zip(e) {
            // offset so that mantissas fall in [1/sqrt 2, sqrt 2]
            let shifted = m.wrapping_sub(0x3fe6_a09e_667f_3bcd);
            // arithmetic shift: exponent; back to a float without a conversion instruction
            let k = (shifted as i64) >> 52;
            *m = (shifted & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd);
            *e = f64::from_bits((k as u64).wrapping_add(0x4338_0000_0000_0000)) - ROUND;
        }
    }
    let s = simd.div_f64s(simd.sub_f64s(mantissa, one), simd.add_f64s(mantissa, one));
    let s2 = simd.mul_f64s(s, s);
    let p = horner(simd, s2, &ATANH);
    let cube = simd.mul_f64s(simd.mul_f64s(s2, s), p);
    let twice = simd.splat_f64s(2.0);
    let low = simd.mul_add_f64s(exponent, simd.splat_f64s(LN2_LO), simd.mul_f64s(twice, cube));
    let low = simd.mul_add_f64s(twice, s, low);
    simd.mul_add_f64s(exponent, simd.splat_f64s(LN2_HI), low)
}

/// Is the mask set in any lane?
#[inline(always)]
pub(super) fn any<S: Simd>(simd: S, mask: S::m64s) -> bool {
    simd.first_true_m64s(mask) != S::F64_LANES
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    macro_rules! map {
        ($input:expr, $simd:ident, $x:ident => $body:expr) => {{
            struct Op<'a>(&'a [f64]);
            impl WithSimd for Op<'_> {
                type Output = Vec<f64>;
                #[inline(always)]
                fn with_simd<S: Simd>(self, $simd: S) -> Vec<f64> {
                    let mut out = Vec::new();
                    for &value in self.0 {
                        let $x = $simd.splat_f64s(value);
                        let y: S::f64s = $body;
                        out.push(bytemuck::cast_slice::<S::f64s, f64>(&[y])[0]);
                    }
                    out
                }
            }
            Arch::new().dispatch(Op($input))
        }};
    }

    #[test]
    fn exp_and_ln_agree_with_libm() {
        let x: Vec<f64> = (-4000..4000).map(|i| f64::from(i) * 0.013_7).collect();
        for (x, y) in x.iter().zip(map!(&x, simd, v => exp(simd, v))) {
            let want = libm::exp(*x);
            assert!((y - want).abs() <= 4e-16 * want, "exp({x}) = {y}, not {want}");
        }
        let x: Vec<f64> = (1..5000).map(|i| libm::exp(f64::from(i) * 0.01 - 25.0)).collect();
        for (x, y) in x.iter().zip(map!(&x, simd, v => ln(simd, v))) {
            let want = libm::log(*x);
            assert!((y - want).abs() <= 3e-16 * want.abs().max(1.0), "ln({x}) = {y}, not {want}");
        }
    }

    #[test]
    fn deviance_keeps_its_digits_near_the_minimum() {
        for n in [1.0f64, 3.0, 1e3, 1e8] {
            let v: Vec<f64> = (-60..60).map(|i| n * (1.0 + f64::from(i) * 0.015)).collect();
            let got = {
                struct Op<'a>(&'a [f64], f64);
                impl WithSimd for Op<'_> {
                    type Output = Vec<(f64, f64)>;
                    #[inline(always)]
                    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
                        let n = simd.splat_f64s(self.1);
                        let one = |x: S::f64s| bytemuck::cast_slice::<S::f64s, f64>(&[x])[0];
                        let each = |v: &f64| {
                            let (d, w) =
                                poisson(simd, n, simd.splat_f64s(*v), f64::NEG_INFINITY, None);
                            (one(d), one(w))
                        };
                        self.0.iter().map(each).collect()
                    }
                }
                Arch::new().dispatch(Op(&v, n))
            };
            for (v, (d, w)) in v.iter().zip(got) {
                let t = (v - n) / n;
                // t - ln(1+t) by libm's log1p, itself good to an ulp of t
                let want = n * (t - libm::log1p(t));
                let scale = n * t * t * 1e-13 + n * t.abs() * 3e-16;
                assert!((d - want).abs() <= scale.max(1e-300), "n {n} v {v}: {d} not {want}");
                assert!((w - (v - n) / v).abs() <= 1e-15 * w.abs().max(1e-300));
            }
        }
    }
}
