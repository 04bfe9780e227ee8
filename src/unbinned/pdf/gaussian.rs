//! The normal density, also far outside the window and much wider than it.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::special::BellIntegral;
use crate::error::Result;

/// `exp(-(x - mu)^2 / (2 sigma^2))`; sigma > 0, in the units of x.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gaussian(pub(super) Window);

impl Density<2> for Gaussian {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma]: [Dual<K, H>; 2],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        finite("mu", mu.v)?;
        positive("sigma", sigma.v)?;
        let Window { lo, hi } = self.0;
        let inverse = sigma.recip();
        let place = move |x: f64| (-mu + x) * inverse;
        let half = inverse * (0.5 * (hi - lo));
        let bell = BellIntegral::new(place(lo + 0.5 * (hi - lo)), half);
        let norm = sigma.ln() + bell.ln;
        // (t0^2 - t^2) / 2 in factors, the difference from positions: far out both squares are huge
        let anchor = bell.anchor.position(lo, hi);
        Ok(move |x: f64| {
            let t = place(x);
            match anchor {
                Some(anchor) => inverse * (anchor - x) * (place(anchor) + t) * 0.5 - norm,
                None => t.square() * -0.5 - norm,
            }
        })
    }
}
