//! A kernel density estimate.

use super::Window;
use super::density::{Density, positive};
use super::dual::Dual;
use super::special::BellIntegral;
use crate::error::{Error, Result};
use crate::unbinned::sum::Sum;

/// Normal kernels of one bandwidth around weighted centres, each normalised on the window by itself.
#[derive(Debug, Clone)]
pub(super) struct Kde {
    /// Centre and logarithm of its factor, by centre.
    pub(super) kernels: Vec<(f64, f64)>,
    pub(super) bandwidth: f64,
    /// Kernels whose `t^2 / 2` exceeds the nearest one's by this change no digit.
    reach: f64,
}

/// Relative size, as a logarithm, of what is left out.
const NEGLIGIBLE: f64 = 45.0;

impl Kde {
    pub(super) fn new(
        window: Window,
        centers: &[f64],
        weights: Option<&[f64]>,
        bandwidth: f64,
    ) -> Result<Self> {
        let refuse = |message: String| Err(Error::Argument(format!("kde: {message}")));
        positive("bandwidth", bandwidth)?;
        let ones = vec![1.0; centers.len()];
        let weights = weights.unwrap_or(&ones);
        if weights.len() != centers.len() {
            return refuse(format!("{} weights for {} centres", weights.len(), centers.len()));
        }
        if let Some(i) = centers.iter().position(|c| !c.is_finite()) {
            return refuse(format!("centre {i} is {}, not a finite number", centers[i]));
        }
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return refuse(format!("weight {i} is {}, not a number of 0 or more", weights[i]));
        }
        let total = weights.iter().copied().collect::<Sum>().total();
        if !(total > 0.0 && total.is_finite()) {
            return refuse(format!("the weights of its centres sum to {total}"));
        }
        let middle = window.lo + 0.5 * (window.hi - window.lo);
        let half = Dual::<0, 0>::constant(0.5 * (window.hi - window.lo) / bandwidth);
        let used = centers.iter().zip(weights).filter(|(_, w)| **w > 0.0);
        let mut kernels: Vec<(f64, f64)> = used
            .map(|(center, weight)| {
                let place = Dual::constant((middle - center) / bandwidth);
                let inside = BellIntegral::new(place, half).total().v + libm::log(bandwidth);
                (*center, libm::log(*weight) - libm::log(total) - inside)
            })
            .collect();
        kernels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let logs = kernels.iter().map(|k| k.1);
        let spread =
            logs.clone().fold(f64::NEG_INFINITY, f64::max) - logs.fold(f64::INFINITY, f64::min);
        let reach = NEGLIGIBLE + spread + libm::log(kernels.len() as f64);
        Ok(Self { kernels, bandwidth, reach })
    }
}

impl Density<0> for Kde {
    fn ready<const K: usize, const H: usize>(
        &self,
        _: [Dual<K, H>; 0],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        Ok(move |x: f64| {
            let log = |(center, log): &(f64, f64)| {
                let t = (x - center) / self.bandwidth;
                log - 0.5 * t * t
            };
            let above = self.kernels.partition_point(|k| k.0 < x);
            let near = self.kernels[above.saturating_sub(1)..].iter().take(2);
            let nearest =
                near.map(|k| (k.0 - x).abs()).fold(f64::INFINITY, f64::min) / self.bandwidth;
            let reach = (nearest * nearest + 2.0 * self.reach).sqrt() * self.bandwidth;
            let first = self.kernels.partition_point(|k| k.0 < x - reach);
            let last = self.kernels.partition_point(|k| k.0 <= x + reach);
            let kernels = &self.kernels[first..last];
            let top = kernels.iter().map(log).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = kernels.iter().map(|k| libm::exp(log(k) - top)).sum();
            Dual::constant(top + libm::log(sum))
        })
    }
}
