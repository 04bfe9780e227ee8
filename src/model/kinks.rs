//! Where piecewise interpolations have a kink, alpha = 0, and how far derivatives jump there.

use super::{Data, Model};

impl Model {
    /// Parameters whose interpolation has a kink at 0, ascending.
    pub fn kinks(&self) -> Vec<usize> {
        let mut kinks = Vec::new();
        for (sample, curves) in self.samples.iter().zip(&self.curves) {
            let kinked = sample.factors.iter().zip(curves).filter(|(_, c)| c.jump() != 0.0);
            kinks.extend(kinked.map(|(factor, _)| factor.parameter()));
            if self.interpolation.histosys.jump() != 0.0 {
                kinks.extend(sample.shapes.iter().map(|shape| shape.parameter));
            }
        }
        kinks.sort_unstable();
        kinks.dedup();
        kinks
    }

    /// Right minus left derivative of the NLL in each of `kinks`, 0 where `x` is not at the kink; `gradient` is
    /// that at `x`.
    pub fn jumps(&self, x: &[f64], data: &Data, gradient: &[f64], kinks: &[usize]) -> Vec<f64> {
        if kinks.iter().all(|&k| x[k] != 0.0) {
            return vec![0.0; kinks.len()];
        }
        // a step to the left too small to change anything but the branch
        let mut left = x.to_vec();
        for &k in kinks.iter().filter(|&&k| x[k] == 0.0) {
            left[k] = -f64::MIN_POSITIVE;
        }
        let left = self.gradient(&left, data);
        let jump = |&k: &usize| if x[k] == 0.0 { gradient[k] - left[k] } else { 0.0 };
        kinks.iter().map(jump).collect()
    }
}
