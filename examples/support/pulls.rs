//! Are the fits unbiased and their uncertainties right? Mean and width of
//! (fit - truth) / uncertainty, per group of parameters.

use neyman::fit::FitBatch;

/// Sums over toys per parameter.
pub(crate) struct Pulls {
    truth: Vec<f64>,
    sigma: Vec<f64>,
    toys: u64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) parameters: usize,
    pub(crate) mean: f64,
    pub(crate) width: f64,
    /// The parameter whose mean is furthest from 0, and that mean.
    pub(crate) extreme: (usize, f64),
}

impl Pulls {
    pub(crate) fn new(truth: &[f64], sigma: &[f64]) -> Self {
        let zeros = vec![0.0; truth.len()];
        let (truth, sigma) = (truth.to_vec(), sigma.to_vec());
        Self { truth, sigma, toys: 0, sum: zeros.clone(), squares: zeros }
    }

    /// Takes in the converged fits of a batch.
    pub(crate) fn add(&mut self, fits: &FitBatch) {
        for i in (0..fits.len()).filter(|&i| fits.status[i].is_converged()) {
            self.toys += 1;
            for (p, &value) in fits.parameters_of(i).iter().enumerate() {
                if self.sigma[p] > 0.0 {
                    let pull = (value - self.truth[p]) / self.sigma[p];
                    self.sum[p] += pull;
                    self.squares[p] += pull * pull;
                }
            }
        }
    }

    pub(crate) fn toys(&self) -> u64 {
        self.toys
    }

    /// Group by group in order of first appearance; `group` names that of each parameter.
    pub(crate) fn rows(&self, group: &[&'static str]) -> Vec<Row> {
        let mut order: Vec<&'static str> = Vec::new();
        group.iter().for_each(|g| {
            if !order.contains(g) {
                order.push(g)
            }
        });
        order.into_iter().filter_map(|name| self.row(name, group)).collect()
    }

    fn row(&self, name: &'static str, group: &[&'static str]) -> Option<Row> {
        let members: Vec<usize> =
            (0..group.len()).filter(|&p| group[p] == name && self.sigma[p] > 0.0).collect();
        let toys = self.toys as f64;
        let mean = |p: usize| self.sum[p] / toys;
        let variance = |p: usize| (self.squares[p] / toys - mean(p) * mean(p)).max(0.0);
        let extreme =
            members.iter().copied().max_by(|&a, &b| mean(a).abs().total_cmp(&mean(b).abs()))?;
        let n = members.len() as f64;
        Some(Row {
            group: name,
            parameters: members.len(),
            mean: members.iter().map(|&p| mean(p)).sum::<f64>() / n,
            width: (members.iter().map(|&p| variance(p)).sum::<f64>() / n).sqrt(),
            extreme: (extreme, mean(extreme)),
        })
    }
}
