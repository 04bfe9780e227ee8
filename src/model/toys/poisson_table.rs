//! Poisson counts by integer search in a table of cumulative probabilities.
//!
//! A table is made once per expected rate with `+ - * /` only, and a draw is a search of 64 random
//! bits among integers: the count for given bits is the same on every platform and device, and with a
//! guide table (Chen and Asau, J. Am. Stat. Assoc. 69 (1974) 163) it costs about one comparison.

/// Relative to the mode; what is left out weighs less than 2^-64.
const NEGLIGIBLE: f64 = 1e-22;

/// Inverse of one Poisson distribution.
#[derive(Debug, Clone)]
pub struct PoissonTable {
    /// Count of the first threshold.
    lowest: u64,
    /// `P(count <= lowest + k) * 2^64`, rounded down, ascending; the last is `u64::MAX`.
    thresholds: Vec<u64>,
    /// For each value of the leading bits the first threshold above all smaller numbers.
    guide: Vec<u32>,
    /// 64 minus the number of leading bits.
    shift: u32,
}

impl PoissonTable {
    /// The distribution with mean `rate` > 0 (finite; a table has about 20 sqrt(rate) entries).
    pub fn new(rate: f64) -> Self {
        let mode = rate.floor();
        // Probabilities relative to the mode: p(k+1) = p(k) rate / (k+1), p(k-1) = p(k) k / rate.
        let mut below = Vec::new();
        let (mut count, mut probability) = (mode, 1.0);
        while count > 0.0 {
            probability *= count / rate;
            if probability < NEGLIGIBLE {
                break;
            }
            count -= 1.0;
            below.push(probability);
        }
        let mut above = vec![1.0];
        let (mut next, mut probability) = (mode + 1.0, 1.0);
        loop {
            probability *= rate / next;
            if probability < NEGLIGIBLE {
                break;
            }
            next += 1.0;
            above.push(probability);
        }

        // Sums from the small ends, so that both tails keep their relative accuracy.
        let mut cumulative = 0.0;
        let left: Vec<f64> = (below.iter().rev())
            .map(|probability| {
                cumulative += probability;
                cumulative
            })
            .collect();
        let mut tail = 0.0;
        let mut right: Vec<f64> = (above.iter().rev())
            .map(|probability| {
                let beyond = tail;
                tail += probability;
                beyond
            })
            .collect();
        right.reverse();
        let total = cumulative + tail;
        const ALL: f64 = 18_446_744_073_709_551_616.0;
        // The casts saturate: a threshold of 2^64 becomes u64::MAX.
        let from_left = left.iter().map(|sum| (sum / total * ALL) as u64);
        let from_right = right
            .iter()
            .map(|sum| u64::MAX - (sum / total * ALL) as u64);
        let mut thresholds: Vec<u64> = from_left.chain(from_right).collect();
        for k in 1..thresholds.len() {
            thresholds[k] = thresholds[k].max(thresholds[k - 1]);
        }

        let bits = if thresholds.len() <= 256 { 8 } else { 10 };
        let shift = 64 - bits;
        let mut guide = Vec::with_capacity((1 << bits) + 1);
        let mut k = 0;
        for cell in 0..1u64 << bits {
            while thresholds[k] <= cell << shift && k + 1 < thresholds.len() {
                k += 1;
            }
            guide.push(k as u32);
        }
        guide.push(thresholds.len() as u32 - 1);
        Self {
            lowest: (mode - left.len() as f64) as u64,
            thresholds,
            guide,
            shift,
        }
    }

    /// The count for 64 random bits: the smallest with `word < P(<= count) * 2^64`.
    #[inline]
    pub fn draw(&self, word: u64) -> u64 {
        let cell = (word >> self.shift) as usize;
        let (low, high) = (self.guide[cell] as usize, self.guide[cell + 1] as usize);
        let inside = self.thresholds[low..high].partition_point(|&threshold| threshold <= word);
        self.lowest + (low + inside) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook formula.
    fn probability(count: u64, rate: f64) -> f64 {
        let count = count as f64;
        (count * rate.ln() - rate - libm::lgamma(count + 1.0)).exp()
    }

    /// Every threshold against a sum of textbook probabilities.
    #[test]
    fn thresholds_are_cumulative_probabilities() {
        for rate in [1e-9, 0.01, 0.5, 1.0, 3.7, 20.0, 150.25, 4000.5] {
            let table = PoissonTable::new(rate);
            let mut cumulative: f64 = (0..table.lowest).map(|n| probability(n, rate)).sum();
            for (k, &threshold) in table.thresholds.iter().enumerate() {
                cumulative += probability(table.lowest + k as u64, rate);
                let error = threshold as f64 / 18_446_744_073_709_551_616.0 - cumulative;
                // The textbook formula subtracts numbers of size rate * ln(rate).
                assert!(error.abs() < 1e-12 + 1e-15 * rate, "{rate} {k} {error}");
            }
            assert_eq!(*table.thresholds.last().expect("not empty"), u64::MAX);
        }
    }

    /// The guide changes nothing: a plain search gives the same, at and around every threshold.
    #[test]
    fn guided_search_equals_plain_search() {
        for rate in [1e-5, 0.3, 8.0, 1000.0, 1e6] {
            let table = PoissonTable::new(rate);
            let last = table.thresholds.len() - 1;
            let plain = |word: u64| {
                let k = table
                    .thresholds
                    .partition_point(|&threshold| threshold <= word);
                table.lowest + k.min(last) as u64
            };
            let near = |t: &u64| [t.saturating_sub(1), *t, t.saturating_add(1)];
            for word in table
                .thresholds
                .iter()
                .flat_map(near)
                .chain([0, 1, u64::MAX])
            {
                assert_eq!(table.draw(word), plain(word), "{rate} {word}");
            }
        }
    }
}
