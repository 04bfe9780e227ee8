//! A bell with a power law below it (Crystal Ball).

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::local::Local;
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
        let [left, right] = sides(mu, sigma, alpha, n)?;
        Ok(left.and(right, mu, self.0))
    }
}

fn sides<const K: usize, const H: usize>(
    mu: Dual<K, H>,
    sigma: Dual<K, H>,
    alpha: Dual<K, H>,
    n: Dual<K, H>,
) -> Result<[Side<K, H>; 2]> {
    finite("mu", mu.v)?;
    positive("sigma", sigma.v)?;
    let tail = Some(Tail::new(alpha, n, ["alpha", "n"])?);
    Ok([Side { sigma, tail }, Side { sigma, tail: None }])
}

impl CrystalBall {
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        let [mu, sigma, alpha, n] = Dual::<4, 10>::parameters([0, 1, 2, 3].map(|k| theta[k]));
        let [left, right] = sides(mu, sigma, alpha, n)?;
        let slots = [[Some(0), Some(1), Some(2), Some(3)], [Some(0), Some(1), None, None]];
        Ok(left.local(right, mu, self.0, slots, free))
    }
}
