//! A bell with a power law below it (Crystal Ball).

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::tails::{Side, Tail};
use crate::error::Result;

/// `exp(-t^2/2)` for `t = (x - mu) / sigma > -alpha`, below it `(1 + alpha (-t - alpha) / n)^-n exp(-alpha^2/2)`;
/// sigma, alpha, n > 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrystalBall(pub(super) Window);

impl Density<4> for CrystalBall {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma, alpha, n]: [Dual<K, H>; 4],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        finite("mu", mu.v)?;
        positive("sigma", sigma.v)?;
        let left = Side { sigma, tail: Some(Tail::new(alpha, n, ["alpha", "n"])?) };
        Ok(left.and(Side { sigma, tail: None }, mu, self.0))
    }
}
