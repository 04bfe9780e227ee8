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
                let (clsb, clb) = (normal_tail(q_asimov.sqrt() - n), normal_tail(-n));
                Asymptotic { clsb, clb, cls: Self::cls_at(q_asimov, n) }
            } else {
                let t = quantile(statistic, q_asimov, normal_tail(-n));
                Asymptotic::new(statistic, t, q_asimov)
            };
            (band.clsb[i], band.clb[i], band.cls[i]) = (point.clsb, point.clb, point.cls);
        }
        band
    }
}

impl Asymptotic {
    /// d ln CLs / d `q` and / d `q_asimov` of [`new`](Self::new), one-sided statistics only. With
    /// `phi / tail` the hazard `h` of the normal distribution, `d ln CLs = -h(a) da + h(b) db` for the scores
    /// `a` and `b`. 0 where a root has no derivative: at `q` = 0, which q keeps as long as the best fit is on
    /// the side that does not count.
    pub fn log_slopes(statistic: TestStatistic, q: f64, q_asimov: f64) -> (f64, f64) {
        if q_asimov <= 0.0 {
            return (0.0, 0.0);
        }
        let (a, b) = statistic.scores(q, q_asimov);
        let ([a_q, a_asimov], [b_q, b_asimov]) = statistic.score_slopes(q, q_asimov);
        let (above, below) = (-hazard(a), hazard(b));
        (above * a_q + below * b_q, above * a_asimov + below * b_asimov)
    }
}

impl Expected {
    /// d ln CLs / d `q_asimov` at the quantile of `n` sigma of the alternative's distribution.
    pub fn log_slope(q_asimov: f64, n: f64) -> f64 {
        let root = q_asimov.sqrt();
        if root > 0.0 { -hazard(root - n) / (2.0 * root) } else { 0.0 }
    }

    /// CLs at the quantile of `n` sigma; one-sided statistics only.
    pub fn cls_at(q_asimov: f64, n: f64) -> f64 {
        if q_asimov > 0.0 { ratio(q_asimov.sqrt() - n, -n) } else { 1.0 }
    }
}

/// Density over tail probability of the standard normal distribution.
fn hazard(z: f64) -> f64 {
    let log_density = -0.5 * z * z - 0.5 * (2.0 * std::f64::consts::PI).ln();
    (log_density - log_normal_tail(z)).exp()
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
    fn slopes_are_differences() {
        let h = 1e-6;
        for statistic in [TestStatistic::QMu, TestStatistic::QTilde, TestStatistic::Q0] {
            for (q, a) in [(0.3, 2.0), (2.5, 2.0), (9.0, 0.7), (40.0, 30.0)] {
                let ln = |q: f64, a: f64| Asymptotic::new(statistic, q, a).cls.ln();
                let (by_q, by_a) = Asymptotic::log_slopes(statistic, q, a);
                let want = [ln(q + h, a) - ln(q - h, a), ln(q, a + h) - ln(q, a - h)];
                assert!((by_q - want[0] / (2.0 * h)).abs() < 1e-7, "{statistic} {q} {a}");
                assert!((by_a - want[1] / (2.0 * h)).abs() < 1e-7, "{statistic} {q} {a}");
                let ln = |a: f64| Expected::cls_at(a, 1.3).ln();
                let want = (ln(a + h) - ln(a - h)) / (2.0 * h);
                assert!((Expected::log_slope(a, 1.3) - want).abs() < 1e-7, "{a}");
            }
        }
        assert_eq!(Asymptotic::log_slopes(TestStatistic::QTilde, 0.0, 0.0), (0.0, 0.0));
        assert!(Asymptotic::log_slopes(TestStatistic::QTilde, 0.0, 4.0).1.is_finite());
    }

    #[test]
    fn bands_rise() {
        for statistic in TestStatistic::ALL {
            let band = Expected::new(statistic, 4.0);
            assert!(band.cls.is_sorted() && band.cls[0] < band.cls[4], "{statistic} {band:?}");
        }
    }
}
