//! A bell with a power law on either side.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::tails::{Side, Tail};
use crate::error::Result;

/// The crystal ball's shape on both sides, of one width.
#[derive(Debug, Clone, Copy)]
pub(super) struct DoubleCrystalBall(pub(super) Window);

/// The same with a width of its own on each side.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsymmetricCrystalBall(pub(super) Window);

impl Density<6> for DoubleCrystalBall {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma, alpha_l, n_l, alpha_r, n_r]: [Dual<K, H>; 6],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        positive("sigma", sigma.v)?;
        both(self.0, mu, [sigma, sigma], [alpha_l, n_l], [alpha_r, n_r])
    }
}

impl Density<7> for AsymmetricCrystalBall {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma_l, sigma_r, alpha_l, n_l, alpha_r, n_r]: [Dual<K, H>; 7],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        positive("sigma_l", sigma_l.v)?;
        positive("sigma_r", sigma_r.v)?;
        both(self.0, mu, [sigma_l, sigma_r], [alpha_l, n_l], [alpha_r, n_r])
    }
}

fn both<const K: usize, const H: usize>(
    window: Window,
    mu: Dual<K, H>,
    sigma: [Dual<K, H>; 2],
    left: [Dual<K, H>; 2],
    right: [Dual<K, H>; 2],
) -> Result<impl Fn(f64) -> Dual<K, H>> {
    finite("mu", mu.v)?;
    let left = Tail::new(left[0], left[1], ["alpha_l", "n_l"])?;
    let right = Tail::new(right[0], right[1], ["alpha_r", "n_r"])?;
    let right = Side { sigma: sigma[1], tail: Some(right) };
    Ok(Side { sigma: sigma[0], tail: Some(left) }.and(right, mu, window))
}
