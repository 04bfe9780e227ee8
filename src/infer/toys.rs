//! p-values and CLs from the test statistic of toys, with their Monte Carlo errors, as pyhf's
//! `EmpiricalDistribution` and `ToyCalculator` give them.

use super::distributions::normal_tail;

/// A fraction of toys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fraction {
    /// Toys that count.
    pub passing: u64,
    /// All of them.
    pub toys: u64,
}

impl Fraction {
    /// The fraction; NaN without toys.
    pub fn value(self) -> f64 {
        self.passing as f64 / self.toys as f64
    }

    /// Its standard deviation, `sqrt(p (1 - p) / n)`. Where no toy counts, or each one does, that is 0,
    /// which it is not: then the length of Wilson's interval of one standard deviation, `1 / (n + 1)`
    /// (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209). NaN without toys.
    pub fn error(self) -> f64 {
        let (n, p) = (self.toys as f64, self.value());
        if self.toys > 0 && (self.passing == 0 || self.passing >= self.toys) {
            return 1.0 / (n + 1.0);
        }
        (p * (1.0 - p) / n).sqrt()
    }

    /// Toys that make the error smaller than `wish`, beyond those at hand, as far as those can tell; 0
    /// where it is.
    pub fn more_toys(self, wish: f64) -> u64 {
        more_toys(self.error(), self.passing > 0, self.toys, wish)
    }
}

/// CLs+b, CLb and their ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToyCls {
    /// Toys of the tested hypothesis at or above the observed value.
    pub clsb: Fraction,
    /// The same of the alternative.
    pub clb: Fraction,
}

impl ToyCls {
    /// CLs+b / CLb; NaN where no toy of either hypothesis reaches the observed value.
    pub fn cls(self) -> f64 {
        self.clsb.value() / self.clb.value()
    }

    /// Standard deviation of CLs by propagation; the two sets of toys are independent.
    pub fn error(self) -> f64 {
        let (a, b) = (self.clsb.value(), self.clb.value());
        (self.clsb.error() / b).hypot(a * self.clb.error() / (b * b))
    }

    /// Toys per hypothesis that make the error of CLs smaller than `wish`, beyond those at hand, as far
    /// as those can tell; 0 where it is.
    pub fn more_toys(self, wish: f64) -> u64 {
        let n = self.clsb.toys.min(self.clb.toys);
        more_toys(self.error(), self.clsb.passing > 0, n, wish)
    }
}

/// Errors shrink as 1 / sqrt(n); while nothing is known: as many again.
fn more_toys(error: f64, known: bool, n: u64, wish: f64) -> u64 {
    if error < wish {
        return 0;
    }
    // a tenth more, so that the next look is the last as a rule
    let factor = if known && error.is_finite() { 1.1 * (error / wish).powi(2) } else { 2.0 };
    let total = (n.max(1) as f64 * factor).ceil() as u64;
    total.saturating_sub(n).max(n / 10).max(1)
}

/// Values of a test statistic over toys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Empirical {
    /// Rising.
    values: Vec<f64>,
    tie: f64,
}

/// The quantiles of the alternative's toys, from -2 to +2 sigma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedToys {
    /// CLs+b.
    pub clsb: [f64; 5],
    /// Its error.
    pub clsb_error: [f64; 5],
    /// CLb.
    pub clb: [f64; 5],
    /// CLs.
    pub cls: [f64; 5],
    /// Its error.
    pub cls_error: [f64; 5],
}

impl Empirical {
    /// The distribution of `values`; those that are NaN are left out. Values closer than `tie` are one:
    /// fits end within their tolerance, and counts without auxiliary data give the same value often.
    pub fn new(values: &[f64], tie: f64) -> Self {
        let mut values: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        Self { values, tie }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// No values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The fraction of toys with values of `q` and above.
    pub fn p_value(&self, q: f64) -> Fraction {
        let below = self.values.partition_point(|v| *v < q - self.tie);
        Fraction { passing: (self.values.len() - below) as u64, toys: self.values.len() as u64 }
    }

    /// The value that a part `place` of the toys stays below, linear between neighbours; NaN of none.
    pub fn quantile(&self, place: f64) -> f64 {
        percentile(&self.values, place)
    }
}

impl ExpectedToys {
    /// p-values of the `alternative`'s toys, each taken for the data, and of these the quantiles at the
    /// normal probabilities of -2, ..., +2, linear between neighbours: pyhf's
    /// `ToyCalculator.expected_pvalues`. NaN without toys of either hypothesis.
    ///
    /// The errors have two parts: CLs+b at a value is a fraction of toys, and the value is a quantile of
    /// toys, known to `sqrt(p (1 - p) / n)` in its place.
    pub fn new(tested: &Empirical, alternative: &Empirical) -> Self {
        let nan = [f64::NAN; 5];
        let mut band = Self { clsb: nan, clsb_error: nan, clb: nan, cls: nan, cls_error: nan };
        if tested.is_empty() || alternative.is_empty() {
            return band;
        }
        let of = |p: &dyn Fn(f64) -> f64| {
            let mut values: Vec<f64> = alternative.values.iter().map(|q| p(*q)).collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let clsb = |q: f64| tested.p_value(q).value();
        let clb = |q: f64| alternative.p_value(q).value();
        let (all_clsb, all_clb, all_cls) = (of(&clsb), of(&clb), of(&|q| clsb(q) / clb(q)));
        let n = alternative.len() as f64;
        for (i, sigmas) in [-2.0, -1.0, 0.0, 1.0, 2.0].into_iter().enumerate() {
            let place = normal_tail(-sigmas);
            band.clsb[i] = percentile(&all_clsb, place);
            band.clb[i] = percentile(&all_clb, place);
            band.cls[i] = percentile(&all_cls, place);
            // large values are small p-values
            let at = |shift: f64| alternative.quantile(1.0 - place + shift);
            let off = (place * (1.0 - place) / n).sqrt();
            let by_quantile = 0.5 * (clsb(at(-off)) - clsb(at(off)));
            band.clsb_error[i] = by_quantile.hypot(tested.p_value(at(0.0)).error());
            band.cls_error[i] = band.clsb_error[i] / band.clb[i];
        }
        band
    }
}

/// The value at `place` in [0, 1] of rising `values`, linear between neighbours, as
/// `numpy.percentile`; NaN of none.
fn percentile(values: &[f64], place: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let x = place.clamp(0.0, 1.0) * last as f64;
    let below = (x.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let part = x - below as f64;
    if part == 0.0 { values[below] } else { values[below] + part * (values[above] - values[below]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, off: f64) {
        assert!((a - b).abs() <= off, "{a} {b}");
    }

    /// Values that fill the unit interval evenly, transformed.
    fn spread(n: u32, of: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..n).map(|i| of((f64::from(i * 7919 % n) + 0.5) / f64::from(n))).collect()
    }

    #[test]
    fn fractions_have_errors_at_their_ends() {
        let error = |passing, toys| Fraction { passing, toys }.error();
        close(error(25, 100), 0.043_301_270_189, 1e-12);
        assert_eq!((error(0, 99), error(99, 99)), (0.01, 0.01));
        assert!(error(0, 0).is_nan() && Fraction { passing: 0, toys: 0 }.value().is_nan());
    }

    #[test]
    fn cls_propagates_both_errors() {
        let cls = ToyCls {
            clsb: Fraction { passing: 50, toys: 1000 },
            clb: Fraction { passing: 500, toys: 1000 },
        };
        close(cls.cls(), 0.1, 1e-15);
        // relative errors sqrt(0.95 / 50) and sqrt(0.5 / 500)
        close(cls.error(), 0.1 * (0.95f64 / 50.0 + 0.5 / 500.0).sqrt(), 1e-15);
        let none = ToyCls { clb: Fraction { passing: 0, toys: 10 }, ..cls };
        assert!(none.cls().is_infinite() && none.more_toys(0.01) > 0);
    }

    #[test]
    fn more_toys_are_asked_for_until_the_error_is_small() {
        let cls = |n: u64| ToyCls {
            clsb: Fraction { passing: n / 20, toys: n },
            clb: Fraction { passing: n / 2, toys: n },
        };
        let wish = 0.002;
        let mut n = 400;
        let mut looks = 0;
        while cls(n).more_toys(wish) > 0 {
            n += cls(n).more_toys(wish);
            looks += 1;
        }
        assert!(cls(n).error() < wish && looks <= 2, "{n} {looks}");
        // not far more than needed
        assert!(cls(n * 4 / 5).error() > wish, "{n}");
        let blind = ToyCls { clsb: Fraction { passing: 0, toys: 100 }, ..cls(100) };
        assert_eq!(blind.more_toys(1e-3), 100);
    }

    #[test]
    fn values_at_the_threshold_count() {
        let toys = Empirical::new(&[3.0, 1.0, f64::NAN, 2.0, 2.0 - 1e-9], 1e-6);
        assert_eq!(toys.len(), 4);
        let passing = |q| toys.p_value(q).passing;
        assert_eq!([passing(2.0), passing(2.1), passing(0.0), passing(3.5)], [3, 1, 4, 0]);
    }

    /// pyhf 0.7.6, `ToyCalculator.expected_pvalues` of the same two sets.
    #[test]
    fn the_band_is_pyhfs() {
        let tested = Empirical::new(&spread(400, |u| 9.0 * u * u * u), 0.0);
        let alternative = Empirical::new(&spread(400, |u| 9.0 * u), 0.0);
        let band = ExpectedToys::new(&tested, &alternative);
        for (found, expected) in [(band.clsb, PYHF[0]), (band.clb, PYHF[1]), (band.cls, PYHF[2])] {
            found.iter().zip(expected).for_each(|(a, b)| close(*a, b, 1e-8));
        }
        assert!(band.cls_error.iter().all(|e| *e > 0.0 && *e < 0.2), "{band:?}");
    }

    /// u = ((np.arange(400) * 7919 % 400) + 0.5) / 400, EmpiricalDistribution of 9 u**3 and of 9 u:
    /// CLs+b, CLb, CLs.
    const PYHF: [[f64; 5]; 3] = [
        [0.00769325657025, 0.05575861576525002, 0.20625, 0.45674138423475, 0.7117269737190003],
        [0.02519325657025, 0.16075861576525002, 0.50125, 0.84174138423475, 0.9773067434297501],
        [
            0.32151762975587556,
            0.3529411764705882,
            0.41191250369494525,
            0.5426140072493695,
            0.7282518849672774,
        ],
    ];

    #[test]
    fn without_toys_there_is_no_band() {
        let some = Empirical::new(&[1.0], 0.0);
        let none = Empirical::default();
        assert!(none.is_empty());
        for band in [ExpectedToys::new(&none, &some), ExpectedToys::new(&some, &none)] {
            assert!(band.cls.iter().chain(&band.cls_error).all(|x| x.is_nan()));
        }
        assert_eq!(ExpectedToys::new(&some, &some).cls, [1.0; 5]);
    }

    /// The quoted error of the band is the spread of bands over independent sets of toys.
    #[test]
    fn errors_of_the_band_are_its_spread() {
        let sets: Vec<ExpectedToys> = (0..60)
            .map(|set| {
                let of = |k: u32, shift: f64| {
                    let values = (0..500).map(|toy| (deviate(set, toy, k) + shift).max(0.0));
                    Empirical::new(&values.collect::<Vec<_>>(), 0.0)
                };
                ExpectedToys::new(&of(0, 0.0), &of(1, 1.5))
            })
            .collect();
        for i in 1..4 {
            let n = sets.len() as f64;
            let mean = sets.iter().map(|s| s.cls[i]).sum::<f64>() / n;
            let spread =
                (sets.iter().map(|s| (s.cls[i] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let quoted = sets.iter().map(|s| s.cls_error[i]).sum::<f64>() / n;
            assert!((0.7..1.4).contains(&(quoted / spread)), "{i}: {quoted} {spread}");
        }
    }

    /// A standard normal number of its arguments: SplitMix64 and the inverse of the distribution.
    fn deviate(set: u64, toy: u64, k: u32) -> f64 {
        let mut z = (set << 40 | u64::from(k) << 32 | toy).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        -crate::infer::distributions::significance(((z >> 11) as f64 + 0.5) / (1u64 << 53) as f64)
    }
}
