//! The exponential density, rising, falling or flat.

use super::Window;
use super::density::{Density, finite};
use super::dual::Dual;
use super::special::ln_sinhc;
use crate::error::Result;

/// `exp(lambda x)`; lambda in 1 / units of x, of either sign, 0 included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exponential(pub(super) Window);

impl Density<1> for Exponential {
    fn ready<const K: usize, const H: usize>(
        &self,
        [lambda]: [Dual<K, H>; 1],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        finite("lambda", lambda.v)?;
        let Window { lo, hi } = self.0;
        let width = hi - lo;
        let half = lambda * (0.5 * width);
        // the integral seen from the window's middle, or from the end where it piles up
        let (origin, norm) = if half.v.abs() <= 1.0 {
            (lo + 0.5 * width, ln_sinhc(half) + libm::log(width))
        } else {
            let steep = if lambda.v < 0.0 { -lambda } else { lambda };
            let norm = (-(steep * -width).exp()).ln_1p() - steep.ln();
            (if lambda.v < 0.0 { lo } else { hi }, norm)
        };
        Ok(move |x: f64| lambda * (x - origin) - norm)
    }
}
