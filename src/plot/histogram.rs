//! Counts of toys in bins of equal width.

use crate::infer::distributions::chi_square_quantile;

/// A histogram from 0.
pub(super) struct Histogram {
    pub(super) low: f64,
    pub(super) width: f64,
    pub(super) counts: Vec<u64>,
    /// All values, those above the last bin as well.
    pub(super) total: u64,
}

impl Histogram {
    /// Values below the first bin by rounding belong to it; those that are no numbers nowhere.
    pub(super) fn new(values: &[f64], low: f64, high: f64, bins: usize) -> Self {
        let width = (high - low) / bins as f64;
        let mut counts = vec![0; bins];
        let mut total = 0;
        for value in values.iter().filter(|v| !v.is_nan()) {
            total += 1;
            if let Some(count) = counts.get_mut(((value - low).max(0.0) / width) as usize) {
                *count += 1;
            }
        }
        Self { low, width, counts, total }
    }

    pub(super) fn edge(&self, i: usize) -> f64 {
        self.low + i as f64 * self.width
    }

    pub(super) fn edges(&self) -> Vec<f64> {
        (0..=self.counts.len()).map(|i| self.edge(i)).collect()
    }
}

/// The corners of steps of these heights between `edges`, each side standing on `floor`.
pub(super) fn steps(edges: &[f64], heights: &[f64], floor: f64) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Vec::new() };
    let mut corners = vec![(*first, floor)];
    for (pair, height) in edges.windows(2).zip(heights) {
        corners.extend([(pair[0], *height), (pair[1], *height)]);
    }
    corners.push((*last, floor));
    corners
}

/// The smallest value that all but the fraction `above` do not exceed.
pub(super) fn quantile(values: &[f64], above: f64) -> Option<f64> {
    let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let index = ((1.0 - above) * finite.len() as f64) as usize;
    finite.get(index.min(finite.len().saturating_sub(1))).copied()
}

/// Central interval of one sigma for a Poisson count (F. Garwood, Biometrika 28 (1936) 437).
pub(super) fn poisson_interval(n: f64) -> (f64, f64) {
    const TAIL: f64 = 0.158_655_253_931_457_05;
    if !(n >= 0.0 && n.is_finite()) {
        return (n, n);
    }
    // beyond, the two agree to 1e-5 of the interval
    if n > 1e6 {
        return (n - n.sqrt(), n + (n + 1.0).sqrt());
    }
    let low = if n > 0.0 { 0.5 * chi_square_quantile(1.0 - TAIL, 2.0 * n) } else { 0.0 };
    (low, 0.5 * chi_square_quantile(TAIL, 2.0 * n + 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted() {
        let histogram =
            Histogram::new(&[-1e-9, 0.4, 0.5, 9.0, f64::NAN, f64::INFINITY], 0.0, 1.0, 2);
        assert_eq!((histogram.counts.as_slice(), histogram.total), (&[2, 1][..], 5));
        assert_eq!(histogram.edges(), [0.0, 0.5, 1.0]);
        assert_eq!(
            steps(&[0.0, 1.0], &[3.0], 0.5),
            [(0.0, 0.5), (0.0, 3.0), (1.0, 3.0), (1.0, 0.5)]
        );
        assert!(steps(&[], &[], 0.0).is_empty());
        assert_eq!(quantile(&[1.0, 2.0, 3.0, f64::NAN], 0.0), Some(3.0));
        assert_eq!(quantile(&[], 0.1), None);
    }

    #[test]
    fn intervals_are_garwoods() {
        // scipy.stats.chi2.ppf
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-4, "{a} {b}");
        close(poisson_interval(0.0).1, 1.84102);
        close(poisson_interval(1.0).0, 0.17275);
        close(poisson_interval(1.0).1, 3.29953);
        close(poisson_interval(10.0).0, 6.89131);
        close(poisson_interval(10.0).1, 14.26695);
        assert_eq!(poisson_interval(-1.0), (-1.0, -1.0));
    }
}
