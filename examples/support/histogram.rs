//! Counts of t_mu in bins of equal width, and what chi2 with one degree of freedom expects there.

use neyman::infer::distributions::chi_square_tail;

/// A histogram from 0 to `bins * width`; what lies above is counted apart.
pub(crate) struct Histogram {
    pub(crate) width: f64,
    pub(crate) counts: Vec<u64>,
    pub(crate) above: u64,
    pub(crate) total: u64,
}

impl Histogram {
    pub(crate) fn new(width: f64, bins: usize) -> Self {
        Self { width, counts: vec![0; bins], above: 0, total: 0 }
    }

    /// Values a rounding error below 0 belong to the first bin.
    pub(crate) fn add(&mut self, x: f64) {
        if x.is_nan() {
            return;
        }
        self.total += 1;
        match self.counts.get_mut((x.max(0.0) / self.width) as usize) {
            Some(count) => *count += 1,
            None => self.above += 1,
        }
    }

    /// Lower edge of bin `i`.
    pub(crate) fn edge(&self, i: usize) -> f64 {
        i as f64 * self.width
    }

    /// Expected counts in bin `i`, integrated over the bin.
    pub(crate) fn expected(&self, i: usize) -> f64 {
        self.total as f64 * (above_chi2(self.edge(i)) - above_chi2(self.edge(i + 1)))
    }

    /// Bars beside the expectation, for a terminal; the length is the logarithm of the count.
    pub(crate) fn to_text(&self, width: usize) -> String {
        let highest = self.counts.iter().copied().max().unwrap_or(0).max(2) as f64;
        let length = |n: f64| {
            if n < 0.5 { 0.0 } else { (1.0 + n.log10()) / (1.0 + highest.log10()) * width as f64 }
        };
        let mut text = format!("{:>13}  {:<width$}  {:>8}  {:>9}\n", "t_mu", "", "toys", "chi2_1");
        for (i, &n) in self.counts.iter().enumerate() {
            let mut bar: Vec<char> = bar(length(n as f64), width);
            let expected = self.expected(i);
            let mark = (length(expected).round() as usize).clamp(1, width) - 1;
            bar[mark] = '│';
            let range = format!("{:.1} - {:.1}", self.edge(i), self.edge(i + 1));
            let bar: String = bar.into_iter().collect();
            text.push_str(&format!("{range:>13}  {bar}  {n:>8}  {expected:>9.1}\n"));
        }
        let tail = self.total as f64 * above_chi2(self.edge(self.counts.len()));
        let range = format!("> {:.1}", self.edge(self.counts.len()));
        text.push_str(&format!("{range:>13}  {:<width$}  {:>8}  {tail:>9.1}\n", "", self.above));
        text
    }
}

/// A bar of `length` characters in eighths, padded to `width`.
fn bar(length: f64, width: usize) -> Vec<char> {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (length * 8.0).round() as usize;
    let mut bar = vec!['█'; (eighths / 8).min(width)];
    if bar.len() < width {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar.resize(width, ' ');
    bar
}

/// Probability of chi2 with one degree of freedom above `x`.
pub(crate) fn above_chi2(x: f64) -> f64 {
    chi_square_tail(x, 1.0)
}

#[cfg(test)]
mod tests {
    use neyman::infer::distributions::chi_square_quantile;

    use super::*;

    #[test]
    fn expectations_are_those_of_chi2() {
        assert!((above_chi2(3.841_458_820_694_124) - 0.05).abs() < 1e-12);
        assert!((chi_square_quantile(0.05, 1.0) - 3.841_458_820_694_124).abs() < 1e-8);
        let mut histogram = Histogram::new(0.5, 40);
        (0..1000).for_each(|i| histogram.add(chi_square_quantile((i as f64 + 0.5) / 1000.0, 1.0)));
        for i in 0..40 {
            assert!((histogram.counts[i] as f64 - histogram.expected(i)).abs() < 1.0);
        }
        assert_eq!(histogram.total, 1000);
    }
}
