//! Normal deviates by inversion.

#![allow(clippy::excessive_precision, reason = "coefficients as published")]

use libm::log;

/// Uniform in (0, 1) from 64 random bits: the odd multiples of 2^-53. Neither end is possible, and
/// the values lie symmetrically about 1/2.
#[inline]
pub(crate) fn uniform(word: u64) -> f64 {
    ((word >> 11) | 1) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// Quantile of the standard normal distribution at `p` in (0, 1), relative accuracy a few 1e-16:
/// algorithm AS 241, PPND16 (M. J. Wichura, Applied Statistics 37 (1988) 477).
///
/// Only `+ - * /`, the square root and libm's logarithm: the same bits everywhere.
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-log(tail)).sqrt();
    let size = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    if q < 0.0 { -size } else { size }
}

/// Numerator and denominator, constant term first.
type Rational = [[f64; 8]; 2];

#[inline]
fn ratio(coefficients: &Rational, r: f64) -> f64 {
    let polynomial = |c: &[f64; 8]| {
        ((((((c[7] * r + c[6]) * r + c[5]) * r + c[4]) * r + c[3]) * r + c[2]) * r + c[1]) * r
            + c[0]
    };
    polynomial(&coefficients[0]) / polynomial(&coefficients[1])
}

/// |p - 1/2| <= 0.425.
#[rustfmt::skip]
const CENTRE: Rational = [
    [3.387_132_872_796_366_608, 1.331_416_678_917_843_774_5e2, 1.971_590_950_306_551_442_7e3,
     1.373_169_376_550_946_112_5e4, 4.592_195_393_154_987_145_7e4, 6.726_577_092_700_870_085_3e4,
     3.343_057_558_358_812_810_5e4, 2.509_080_928_730_122_672_7e3],
    [1.0, 4.231_333_070_160_091_125_2e1, 6.871_870_074_920_579_083e2,
     5.394_196_021_424_751_107_7e3, 2.121_379_430_158_659_586_7e4, 3.930_789_580_009_271_061e4,
     2.872_908_573_572_194_267_4e4, 5.226_495_278_852_854_561e3],
];

/// sqrt(-ln(tail)) <= 5.
#[rustfmt::skip]
const MIDDLE: Rational = [
    [1.423_437_110_749_683_577_34, 4.630_337_846_156_545_295_9, 5.769_497_221_460_691_405_5,
     3.647_848_324_763_204_605_04, 1.270_458_252_452_368_382_58, 2.417_807_251_774_506_117_7e-1,
     2.272_384_498_926_918_458_33e-2, 7.745_450_142_783_414_076_4e-4],
    [1.0, 2.053_191_626_637_758_821_87, 1.676_384_830_183_803_849_4,
     6.897_673_349_851_000_045_5e-1, 1.481_039_764_274_800_745_9e-1, 1.519_866_656_361_645_719_66e-2,
     5.475_938_084_995_344_946e-4, 1.050_750_071_644_416_843_24e-9],
];

/// Beyond.
#[rustfmt::skip]
const FAR: Rational = [
    [6.657_904_643_501_103_777_2, 5.463_784_911_164_114_369_9, 1.784_826_539_917_291_335_8,
     2.965_605_718_285_048_912_3e-1, 2.653_218_952_657_612_309_3e-2, 1.242_660_947_388_078_438_6e-3,
     2.711_555_568_743_487_578_15e-5, 2.010_334_399_292_288_132_65e-7],
    [1.0, 5.998_322_065_558_879_376_9e-1, 1.369_298_809_227_358_053_1e-1,
     1.487_536_129_085_061_485_25e-2, 7.868_691_311_456_132_591e-4, 1.846_318_317_510_054_681_8e-5,
     1.421_511_758_316_445_888_7e-7, 2.044_263_103_389_939_785_64e-15],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniforms_stay_inside() {
        assert!(uniform(0) > 0.0);
        assert!(uniform(u64::MAX) < 1.0);
        assert_eq!(uniform(0), 1.0 - uniform(u64::MAX));
    }

    /// Quantiles of the standard normal distribution from tables.
    #[test]
    fn known_quantiles() {
        let cases = [
            (0.5, 0.0),
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (1e-20, -9.262_340_089_798_408),
        ];
        for (p, expected) in cases {
            let error = (quantile(p) - expected).abs();
            assert!(error <= 1e-15 * f64::abs(expected), "{p}: {} {expected}", quantile(p));
        }
    }

    /// Phi(quantile(p)) = p, by libm's complementary error function.
    #[test]
    fn inverts_the_distribution() {
        for k in 1..2000 {
            for p in [f64::from(k) / 2000.0, 0.5f64.powi(k / 50) * 0.3] {
                let z = quantile(p);
                let back = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
                assert!((back - p).abs() <= 2e-14 * p, "{p} {z} {back}");
            }
        }
    }
}
