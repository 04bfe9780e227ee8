//! CLs and p-values by the asymptotic formulas (arXiv:1007.1727; CLs: A. L. Read, J. Phys. G 28 (2002)
//! 2693), as pyhf's `hypotest` gives them.

use super::distributions::{log_normal_tail, normal_tail};
use super::test_statistic::TestStatistic;

/// A test statistic's p-values under the tested hypothesis (signal plus background) and under the
/// alternative (background only).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asymptotic {
    /// p-value of the tested hypothesis, CLs+b.
    pub clsb: f64,
    /// p-value of the alternative, CLb.
    pub clb: f64,
    /// CLsb / CLb.
    pub cls: f64,
}

/// The same at the quantiles of the alternative's distribution, from -2 to +2 sigma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// CLs+b.
    pub clsb: [f64; 5],
    /// CLb.
    pub clb: [f64; 5],
    /// CLs.
    pub cls: [f64; 5],
}

impl Asymptotic {
    /// From the observed value `q` and that of the alternative's Asimov data, `q_asimov`.
    ///
    /// Where the two hypotheses cannot be told apart (`q_asimov` = 0, as at mu = 0), CLs is 1.
    pub fn new(statistic: TestStatistic, q: f64, q_asimov: f64) -> Self {
        if q_asimov <= 0.0 && !q.is_nan() {
            let (p, _) = statistic.p_values(q, 0.0);
            return Self { clsb: p, clb: p, cls: 1.0 };
        }
        let (clsb, clb) = statistic.p_values(q, q_asimov);
        let cls = if statistic.is_one_sided() {
            let (tested, alternative) = statistic.scores(q, q_asimov);
            ratio(tested, alternative)
        } else {
            clsb / clb
        };
        Self { clsb, clb, cls }
    }
}

impl Expected {
    /// The values that background-only data give at their -2, -1, 0, +1, +2 sigma quantiles.
    pub fn new(statistic: TestStatistic, q_asimov: f64) -> Self {
        let mut band = Self { clsb: [0.0; 5], clb: [0.0; 5], cls: [0.0; 5] };
        for (i, n) in [-2.0, -1.0, 0.0, 1.0, 2.0].into_iter().enumerate() {
            // -2 sigma is background that looks least like signal: the smallest CLs
            let point = if statistic.is_one_sided() {
                let (tested, alternative) = (q_asimov.sqrt() - n, -n);
                let clb = normal_tail(alternative);
                let clsb = normal_tail(tested);
                Asymptotic {
                    clsb,
                    clb,
                    cls: if q_asimov > 0.0 { ratio(tested, alternative) } else { 1.0 },
                }
            } else {
                let t = quantile(statistic, q_asimov, normal_tail(-n));
                Asymptotic::new(statistic, t, q_asimov)
            };
            (band.clsb[i], band.clb[i], band.cls[i]) = (point.clsb, point.clb, point.cls);
        }
        band
    }
}

/// Ratio of two normal tails, also where both are too small for numbers.
fn ratio(above: f64, below: f64) -> f64 {
    (log_normal_tail(above) - log_normal_tail(below)).exp()
}

/// The value that the alternative exceeds with probability `p`.
fn quantile(statistic: TestStatistic, q_asimov: f64, p: f64) -> f64 {
    let tail = |t: f64| statistic.p_values(t, q_asimov).1;
    let mut high = 1.0;
    while tail(high) > p && high < 1e6 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if tail(middle) > p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    }

    /// pyhf 0.7.6, discovery example of NextStat: qtilde at mu = 1 with the best fit above it.
    #[test]
    fn cls_and_band_as_pyhf_gives_them() {
        let q_asimov = 1.654_251_789_363_565_3f64.powi(2);
        let observed = Asymptotic::new(TestStatistic::QTilde, 0.0, q_asimov);
        close(observed.clsb, 0.5);
        close(observed.clb, 0.950_961_817_951_438_7);
        close(observed.cls, 0.525_783_465_288_963_6);
        let band = Expected::new(TestStatistic::QTilde, q_asimov);
        close(band.cls[0], 0.005_668_825_394_877_431);
        close(band.cls[2], 0.098_076_364_097_122_46);
        close(band.cls[4], 0.650_022_114_241_044_3);
        close(band.clb[0], 0.022_750_131_948_179_195);
        close(band.clsb[4], 0.635_234_025_372_826_1);
    }

    #[test]
    fn hypotheses_that_are_one_are_not_excluded() {
        for statistic in TestStatistic::ALL {
            assert_eq!(Asymptotic::new(statistic, 0.0, 0.0).cls, 1.0);
            assert_eq!(Expected::new(statistic, 0.0).cls, [1.0; 5]);
        }
        assert!(Asymptotic::new(TestStatistic::QTilde, f64::NAN, 1.0).cls.is_nan());
    }

    #[test]
    fn tails_too_small_for_numbers_keep_their_ratio() {
        let far = Asymptotic::new(TestStatistic::QMu, 1e4, 40.0f64.powi(2));
        assert!(far.cls.is_finite() && far.clsb == 0.0);
    }

    #[test]
    fn bands_rise() {
        for statistic in TestStatistic::ALL {
            let band = Expected::new(statistic, 4.0);
            assert!(band.cls.is_sorted() && band.cls[0] < band.cls[4], "{statistic} {band:?}");
        }
    }
}
