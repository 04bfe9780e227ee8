//! The density of a quantity whose logarithm is normal.

use super::Window;
use super::density::Density;
use super::dual::Dual;
use super::gaussian::Gaussian;
use super::local::Local;
use crate::error::{Error, Result};

/// `exp(-(ln x - mu)^2 / (2 sigma^2)) / x`; mu and sigma > 0 are those of ln x.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lognormal(Gaussian);

impl Lognormal {
    pub(super) fn new(window: Window) -> Result<Self> {
        if window.lo < 0.0 {
            let message = format!("a lognormal has x > 0, but the window begins at {}", window.lo);
            return Err(Error::Argument(message));
        }
        // no normal number lies between 0 and this one
        let lo = window.lo.max(f64::MIN_POSITIVE);
        Ok(Self(Gaussian(Window { lo: libm::log(lo), hi: libm::log(window.hi) })))
    }

    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        self.0.local(theta, free, true)
    }
}

impl Density<2> for Lognormal {
    fn ready<const K: usize, const H: usize>(
        &self,
        parameters: [Dual<K, H>; 2],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let bell = self.0.ready(parameters)?;
        Ok(move |x: f64| {
            if x <= 0.0 {
                return Dual::constant(f64::NEG_INFINITY);
            }
            let y = libm::log(x);
            bell(y) - y
        })
    }
}
