//! The Faddeeva function `w(z) = exp(-z^2) erfc(-i z)` in the upper half plane, real and imaginary part each
//! with its own relative precision: the density of a narrow Voigtian far out is a small real part.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use nalgebra::Complex;

type C = Complex<f64>;

const I: C = C { re: 0.0, im: 1.0 };
/// From this distance on the asymptotic series has all digits.
const FAR: f64 = 8.0;
/// Terms of the trapezoidal sums.
const TERMS: u32 = 13;

/// `w`, `w'` and `w''` at z, `Im z >= 0`.
pub(super) fn faddeeva(z: C) -> [C; 3] {
    if z.re < 0.0 {
        // w(-conj z) = conj w(z)
        let [w, first, second] = faddeeva(C::new(-z.re, z.im));
        return [w.conj(), -first.conj(), second.conj()];
    }
    if z.norm_sqr() >= FAR * FAR {
        return far(z);
    }
    let w = near(z);
    let first = z * w * -2.0 + I * FRAC_2_SQRT_PI;
    [w, first, (w + z * first) * -2.0]
}

/// `i / (sqrt(pi) z) sum (2k - 1)!! / (2 z^2)^k` (DLMF 7.12.1), differentiated term by term.
fn far(z: C) -> [C; 3] {
    let inverse = z.inv();
    let t = inverse * inverse * 0.5;
    let mut sums = [C::ZERO; 3];
    for k in (0..=20_u32).rev() {
        let k = f64::from(k);
        // the term is t^k / z times the product of the odd numbers below 2k
        let odd = 2.0 * k + 1.0;
        let [a, b, c] = sums;
        sums = [a * t * odd + 1.0, b * t * odd + odd, c * t * odd + odd * (odd + 1.0)];
    }
    let scale = I * inverse * (0.5 * FRAC_2_SQRT_PI);
    let mut found =
        [sums[0] * scale, -sums[1] * scale * inverse, sums[2] * scale * inverse * inverse];
    // on the real axis Re w is exp(-x^2), which no term has; further up it is below the last digit
    if z.im < 1e-8 {
        let bell = libm::exp(-z.re * z.re);
        found[0].re += bell;
        found[1].re -= 2.0 * z.re * bell;
        found[2].re += (4.0 * z.re * z.re - 2.0) * bell;
    }
    found
}

/// Trapezoidal rule for `2 i z / pi` times the integral of `exp(-t^2) / (z^2 - t^2)` over t > 0, with nodes
/// away from z and the residue of the pole that the rule passes (Al Azah and Chandler-Wilde, SIAM J. Numer.
/// Anal. 59 (2021) 2346). All terms of the real part have one sign.
fn near(z: C) -> C {
    let step = (PI / f64::from(TERMS)).sqrt();
    let place = z.re / step;
    // nodes at (k + 1/2) step, or at k step where those would come near z
    let shifted = (place - place.floor() - 0.5).abs() >= 0.25;
    let mut sum = C::ZERO;
    for k in 0..TERMS {
        let t = (f64::from(k) + if shifted { 0.5 } else { 1.0 }) * step;
        sum += ((z - t) * (z + t)).inv() * libm::exp(-t * t);
    }
    let mut w = I * z * sum * (2.0 * step / PI);
    if !shifted {
        w += I * z.inv() * (step / PI);
    }
    if z.im < PI / step {
        let turn = exp(I * z * (-2.0 * PI / step));
        let pole = if shifted { turn + 1.0 } else { -turn + 1.0 };
        w += exp(-z * z) * 2.0 / pole;
    }
    w
}

fn exp(z: C) -> C {
    let (sin, cos) = libm::sincos(z.im);
    C::new(cos, sin) * libm::exp(z.re)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath, 40 digits: x, y, Re w, Im w.
    const KNOWN: [[f64; 4]; 11] = [
        [0.3, 0.2, 0.7528947901368792, 0.22965315234906994],
        [0.0, 1.0, 0.427583576155807, 0.0],
        [5.0, 1e-09, 3.796839507881733e-11, 0.11524596183093659],
        [6.5, 0.001, 1.3858354049175767e-05, 0.0878644225161668],
        [2.5, 3.0, 0.11287798255948908, 0.08828306498517105],
        [7.9, 1e-12, 9.266555368259271e-15, 0.07200289382682094],
        [12.0, 1e-30, 3.959521872939645e-33, 0.047180778707018846],
        [30.0, 1e-06, 6.279250241310928e-10, 0.018816784868660705],
        [0.1, 40.0, 0.014100247994207421, 3.522862283001734e-05],
        [4.0, 6.2, 0.06433938398442923, 0.04076535785762869],
        [1.0, 1e-20, 0.36787944117144233, 0.6071577058413937],
    ];

    #[test]
    fn both_parts_have_all_digits() {
        for [x, y, re, im] in KNOWN {
            let [w, ..] = faddeeva(C::new(x, y));
            assert!((w.re / re - 1.0).abs() < 1e-13, "{x} {y}: {} {re}", w.re);
            assert!((w.im - im).abs() <= 1e-13 * im.abs(), "{x} {y}: {} {im}", w.im);
        }
    }

    #[test]
    fn formulas_meet() {
        for angle in [1e-9, 0.01, 0.5, 1.0, 1.5] {
            let z = C::from_polar(FAR, angle);
            let w = near(z);
            let first = z * w * -2.0 + I * FRAC_2_SQRT_PI;
            let near = [w, first, (w + z * first) * -2.0];
            for (a, b) in near.iter().zip(far(z)) {
                assert!((a - b).norm() < 1e-10 * b.norm(), "{angle}: {a} {b}");
            }
            assert!((near[0].re / far(z)[0].re - 1.0).abs() < 1e-12, "{angle}");
        }
    }
}
