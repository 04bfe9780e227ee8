//! Functions that normalisers need, with derivatives that hold at every edge.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2};

use super::dual::Dual;

pub(super) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;
const SQRT_PI: f64 = 1.772_453_850_905_516;
/// From here on the asymptotic series of erfcx has all digits.
const ERFCX_FAR: f64 = 10.0;

/// `exp(x^2) erfc(x)` for `x >= 0`.
fn erfcx<const K: usize, const H: usize>(x: Dual<K, H>) -> Dual<K, H> {
    if x.v >= ERFCX_FAR {
        // 1 / (x sqrt pi) sum (-1)^k (2k - 1)!! / (2 x^2)^k (DLMF 7.12.1)
        let t = x.square().recip() * -0.5;
        let mut sum = Dual::constant(1.0);
        for k in (1..=13).rev() {
            sum = sum * t * f64::from(2 * k - 1) + 1.0;
        }
        return sum / (x * SQRT_PI);
    }
    let square = x.v * x.v;
    // what the square lost: exp would make it a relative error
    let rest = libm::fma(x.v, x.v, -square);
    let value = libm::erfc(x.v) * libm::exp(square) * (1.0 + rest);
    let first = 2.0 * x.v * value - FRAC_2_SQRT_PI;
    x.map(value, first, 2.0 * (value + x.v * first))
}

fn erf<const K: usize, const H: usize>(x: Dual<K, H>) -> Dual<K, H> {
    let first = FRAC_2_SQRT_PI * libm::exp(-x.v * x.v);
    x.map(libm::erf(x.v), first, -2.0 * x.v * first)
}

/// The point of an interval whose bell an integral is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Lo,
    Middle,
    Hi,
    /// None: the bell's peak.
    Peak,
}

impl Anchor {
    pub(super) fn position(self, lo: f64, hi: f64) -> Option<f64> {
        match self {
            Self::Lo => Some(lo),
            Self::Middle => Some(lo + 0.5 * (hi - lo)),
            Self::Hi => Some(hi),
            Self::Peak => None,
        }
    }
}

/// The integral of `exp(-t^2 / 2)` over an interval as `exp(ln - t0^2 / 2)`: a density's exponent
/// `(t0^2 - t^2) / 2` can then be formed without cancellation.
pub(super) struct BellIntegral<const K: usize, const H: usize> {
    pub(super) anchor: Anchor,
    /// The anchor's place, or its mirror image.
    t0: Dual<K, H>,
    pub(super) ln: Dual<K, H>,
}

impl<const K: usize, const H: usize> BellIntegral<K, H> {
    /// Over `middle - half <= t <= middle + half`, `half > 0`.
    pub(super) fn new(middle: Dual<K, H>, half: Dual<K, H>) -> Self {
        let (m, h) = (middle.v.abs(), half.v);
        if h <= 0.5 && m * h <= 1.0 {
            let ln = (half * 2.0).ln() + near_series(middle, half).ln_1p();
            return Self { anchor: Anchor::Middle, t0: middle, ln };
        }
        // the bell is even: the side of larger |t| to the right
        let mirrored = middle.v < 0.0;
        let middle = if mirrored { -middle } else { middle };
        let (a, b) = (middle - half, middle + half);
        if a.v > 0.0 {
            // exp(-a^2/2) [erfcx(a) - exp(-(b^2 - a^2)/2) erfcx(b)] sqrt(pi/2), and b^2 - a^2 = 4 m h
            let scaled = |x: Dual<K, H>| erfcx(x * FRAC_1_SQRT_2);
            let shrink = (middle * half * -2.0).exp();
            let rest = if shrink.v == 0.0 { scaled(a) } else { scaled(a) - shrink * scaled(b) };
            let anchor = if mirrored { Anchor::Hi } else { Anchor::Lo };
            return Self { anchor, t0: a, ln: rest.ln() + (LN_SQRT_2PI - LN_2) };
        }
        let sum = erf(b * FRAC_1_SQRT_2) - erf(a * FRAC_1_SQRT_2);
        let ln = sum.ln() + (LN_SQRT_2PI - LN_2);
        Self { anchor: Anchor::Peak, t0: Dual::constant(0.0), ln }
    }

    /// Logarithm of the integral itself.
    pub(super) fn total(&self) -> Dual<K, H> {
        self.ln - self.t0.square() * 0.5
    }
}

/// The integral of `exp(-(m + t)^2/2)` over `|t| <= h` is `2 h exp(-m^2/2) (1 + s)`; this is `s`, the sum of
/// `He_2k(m) h^2k / (2k + 1)!` from `k = 1` on.
fn near_series<const K: usize, const H: usize>(m: Dual<K, H>, h: Dual<K, H>) -> Dual<K, H> {
    let (mh, hh) = (m * h, h.square());
    // He_n(m) h^n, n = 0 and 1
    let (mut before, mut now) = (Dual::constant(1.0), mh);
    let mut sum = Dual::constant(0.0);
    let mut factorial = 1.0;
    for n in 1..24 {
        let next = mh * now - hh * before * f64::from(n);
        (before, now) = (now, next);
        factorial *= f64::from(n + 1);
        if n % 2 == 1 {
            sum = sum + now * (1.0 / (factorial * f64::from(n + 2)));
        }
    }
    sum
}

/// `ln(sinh(x) / x)`.
pub(super) fn ln_sinhc<const K: usize, const H: usize>(x: Dual<K, H>) -> Dual<K, H> {
    let x = if x.v < 0.0 { -x } else { x };
    if x.v > 1.0 {
        return x - (x * 2.0).ln() + (-((x * -2.0).exp())).ln_1p();
    }
    // sum x^2k / (2k + 1)!
    let square = x.square();
    let mut sum = Dual::constant(0.0);
    for k in (1..=10).rev() {
        sum = (sum + 1.0) * square * (1.0 / f64::from(2 * k * (2 * k + 1)));
    }
    sum.ln_1p()
}

/// `ln((exp(y) - 1) / y)`, the mean of `exp` between 0 and `y`.
pub(super) fn ln_mean_exp<const K: usize, const H: usize>(y: Dual<K, H>) -> Dual<K, H> {
    y * 0.5 + ln_sinhc(y * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x(v: f64) -> Dual<1, 1> {
        Dual::parameters([v])[0]
    }

    #[test]
    fn erfcx_and_its_derivatives_on_both_sides() {
        // mpmath
        for (at, value) in [
            (0.0, 1.0),
            (0.5, 0.615_690_344_192_925_9),
            (3.0, 0.179_001_151_181_39),
            (9.9, 0.056_702_456_938_832_27),
            (10.5, 0.053_491_899_746_564_11),
            (1e6, 5.641_895_835_474_742e-7),
        ] {
            let y = erfcx(x(at));
            assert!((y.v / value - 1.0).abs() < 1e-12, "{at}: {}", y.v);
        }
        let (near, far) = (erfcx(x(ERFCX_FAR - 1e-13)), erfcx(x(ERFCX_FAR)));
        assert!((near.v / far.v - 1.0).abs() < 1e-13);
        assert!((near.g[0] / far.g[0] - 1.0).abs() < 1e-12);
        assert!((near.h[0] / far.h[0] - 1.0).abs() < 1e-10);
    }

    /// The three formulas agree where they meet.
    #[test]
    fn bell_integrals_meet() {
        let total = |m: f64, h: f64| {
            let [m, h] = Dual::<2, 3>::parameters([m, h]);
            BellIntegral::new(m, h).total()
        };
        for (m, h) in [(0.3, 0.5), (1.99, 0.5), (4.0, 0.25), (100.0, 0.01), (2.0, 2.0), (-3.0, 3.0)]
        {
            let (a, b) = (total(m, h * (1.0 - 1e-12)), total(m, h * (1.0 + 1e-12)));
            assert!((a.v - b.v).abs() < 1e-11 * (1.0 + a.v.abs()), "{m} {h}: {} {}", a.v, b.v);
            for (a, b) in a.g.iter().chain(&a.h).zip(b.g.iter().chain(&b.h)) {
                assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()), "{m} {h}: {a} {b}");
            }
        }
    }

    #[test]
    fn sinhc_meets_and_is_even() {
        let (a, b) = (ln_sinhc(x(1.0)), ln_sinhc(x(1.0 + 1e-15)));
        assert!((a.v - b.v).abs() < 1e-15 && (a.g[0] - b.g[0]).abs() < 1e-14);
        assert!((a.h[0] - b.h[0]).abs() < 1e-13);
        assert_eq!(ln_sinhc(x(0.0)), Dual { v: 0.0, g: [0.0], h: [1.0 / 3.0] });
        assert_eq!(ln_sinhc(x(-2.0)).g[0], -ln_sinhc(x(2.0)).g[0]);
        assert!((ln_mean_exp(x(-800.0)).v + 800f64.ln()).abs() < 1e-13);
    }
}
