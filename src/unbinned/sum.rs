//! Sums whose rounding does not grow with the number of terms.

/// Events summed at a time. Chunks are joined in their order, so threads change no bit.
pub(super) const CHUNK: usize = 4096;
/// Fewer events than this are not worth a second thread.
pub(super) const PARALLEL: usize = 1 << 15;

/// A compensated sum (Neumaier, ZAMM 54 (1974) 39): what each addition rounds off is kept and added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let (large, small) =
            if self.sum.abs() >= term.abs() { (self.sum, term) } else { (term, self.sum) };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    /// Adds another sum with what it lost.
    pub(super) fn join(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// With the other sign.
    pub(super) fn negative(self) -> Self {
        Self { sum: -self.sum, lost: -self.lost }
    }

    /// What the total rounds off.
    pub(super) fn rest(self) -> f64 {
        (self.sum - self.total()) + self.lost
    }

    pub(super) fn total(self) -> f64 {
        // an infinite sum lost NaN
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let sum = |terms: &[f64]| terms.iter().copied().collect::<Sum>().total();
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[1e16, 1.0, 1.0, 1.0, -1e16]), 3.0);
        assert_eq!(sum(&[1.0, f64::INFINITY, 2.0]), f64::INFINITY);
        let mut halves: Sum = [1e16, 1.0].into_iter().collect();
        halves.join([1.0, -1e16].into_iter().collect());
        assert_eq!(halves.total(), 2.0);
        let third: Sum = [1.0, 1e-20].into_iter().collect();
        assert_eq!((third.total(), third.rest()), (1.0, 1e-20));
    }
}
