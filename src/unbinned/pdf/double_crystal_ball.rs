//! A bell with a power law on either side.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::local::Local;
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
        let [left, right] = sides(mu, [sigma; 2], ["sigma"; 2], [alpha_l, n_l], [alpha_r, n_r])?;
        Ok(left.and(right, mu, self.0))
    }
}

impl DoubleCrystalBall {
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        let all = Dual::<6, 21>::parameters([0, 1, 2, 3, 4, 5].map(|k| theta[k]));
        let [mu, sigma, alpha_l, n_l, alpha_r, n_r] = all;
        let [left, right] = sides(mu, [sigma; 2], ["sigma"; 2], [alpha_l, n_l], [alpha_r, n_r])?;
        let slots = [[0, 1, 2, 3], [0, 1, 4, 5]].map(|side| side.map(Some));
        Ok(left.local(right, mu, self.0, slots, free))
    }
}

impl Density<7> for AsymmetricCrystalBall {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma_l, sigma_r, alpha_l, n_l, alpha_r, n_r]: [Dual<K, H>; 7],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let (sigma, names) = ([sigma_l, sigma_r], ["sigma_l", "sigma_r"]);
        let [left, right] = sides(mu, sigma, names, [alpha_l, n_l], [alpha_r, n_r])?;
        Ok(left.and(right, mu, self.0))
    }
}

impl AsymmetricCrystalBall {
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        let all = Dual::<7, 28>::parameters([0, 1, 2, 3, 4, 5, 6].map(|k| theta[k]));
        let [mu, sigma_l, sigma_r, alpha_l, n_l, alpha_r, n_r] = all;
        let (sigma, names) = ([sigma_l, sigma_r], ["sigma_l", "sigma_r"]);
        let [left, right] = sides(mu, sigma, names, [alpha_l, n_l], [alpha_r, n_r])?;
        let slots = [[0, 1, 3, 4], [0, 2, 5, 6]].map(|side| side.map(Some));
        Ok(left.local(right, mu, self.0, slots, free))
    }
}

fn sides<const K: usize, const H: usize>(
    mu: Dual<K, H>,
    sigma: [Dual<K, H>; 2],
    names: [&str; 2],
    left: [Dual<K, H>; 2],
    right: [Dual<K, H>; 2],
) -> Result<[Side<K, H>; 2]> {
    positive(names[0], sigma[0].v)?;
    positive(names[1], sigma[1].v)?;
    finite("mu", mu.v)?;
    let left = Tail::new(left[0], left[1], ["alpha_l", "n_l"])?;
    let right = Tail::new(right[0], right[1], ["alpha_r", "n_r"])?;
    Ok([Side { sigma: sigma[0], tail: Some(left) }, Side { sigma: sigma[1], tail: Some(right) }])
}
