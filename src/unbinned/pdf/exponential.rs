//! The exponential density, rising, falling or flat.

use super::Window;
use super::density::{Density, finite};
use super::dual::Dual;
use super::local::{Form, Local, moderate};
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
        let (origin, norm) = self.norm(lambda)?;
        Ok(move |x: f64| lambda * (x - origin) - norm)
    }
}

impl Exponential {
    /// Logarithm of the integral seen from the window's middle, or from the end where it piles up.
    fn norm<const K: usize, const H: usize>(
        &self,
        lambda: Dual<K, H>,
    ) -> Result<(f64, Dual<K, H>)> {
        finite("lambda", lambda.v)?;
        let Window { lo, hi } = self.0;
        let width = hi - lo;
        let half = lambda * (0.5 * width);
        if half.v.abs() <= 1.0 {
            return Ok((lo + 0.5 * width, ln_sinhc(half) + libm::log(width)));
        }
        let steep = if lambda.v < 0.0 { -lambda } else { lambda };
        let norm = (-(steep * -width).exp()).ln_1p() - steep.ln();
        Ok((if lambda.v < 0.0 { lo } else { hi }, norm))
    }

    /// A line.
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        let [lambda] = Dual::<1, 1>::parameters([theta[0]]);
        let (origin, norm) = self.norm(lambda)?;
        let width = self.0.hi - self.0.lo;
        let (c, inverse) = ([-norm, lambda * width], 1.0 / width);
        if !moderate(self.0, origin, inverse, &[c[0].v, c[1].v]) {
            return Ok(None);
        }
        let values = [c[0].v, c[1].v, 0.0];
        let form = Form::Powers { origin, inverse, c: values, columns: 1, logarithm: false };
        Ok(Local::linear(form, &c, free))
    }
}
