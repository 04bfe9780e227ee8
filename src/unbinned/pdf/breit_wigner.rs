//! The Cauchy density, non-relativistic Breit-Wigner.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use crate::error::Result;

/// `1 / ((x - mu)^2 + gamma^2 / 4)`; gamma > 0 is the full width at half maximum.
#[derive(Debug, Clone, Copy)]
pub(super) struct BreitWigner(pub(super) Window);

impl Density<2> for BreitWigner {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, gamma]: [Dual<K, H>; 2],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        finite("mu", mu.v)?;
        positive("gamma", gamma.v)?;
        let Window { lo, hi } = self.0;
        let half = gamma * 0.5;
        // the angle under which the window is seen from mu + i gamma / 2, without a difference of two
        let angle = (half * (hi - lo)).atan2(half.square() + (-mu + lo) * (-mu + hi));
        let top = half.ln() - angle.ln();
        Ok(move |x: f64| top - ((-mu + x).square() + half.square()).ln())
    }
}
