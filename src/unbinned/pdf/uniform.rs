//! The flat density.

use super::Window;
use super::density::Density;
use super::dual::Dual;
use crate::error::Result;

/// The same everywhere in the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uniform(pub(super) Window);

impl Density<0> for Uniform {
    fn ready<const K: usize, const H: usize>(
        &self,
        _: [Dual<K, H>; 0],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let log = -libm::log(self.0.hi - self.0.lo);
        Ok(move |_| Dual::constant(log))
    }
}
