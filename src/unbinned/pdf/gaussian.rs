//! The normal density, also far outside the window and much wider than it.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::local::{Form, Local, moderate};
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
        let Normal { inverse, norm, anchor } = self.normal(mu, sigma)?;
        let place = move |x: f64| (-mu + x) * inverse;
        // (t0^2 - t^2) / 2 in factors, the difference from positions: far out both squares are huge
        Ok(move |x: f64| {
            let t = place(x);
            match anchor {
                Some(anchor) => inverse * (anchor - x) * (place(anchor) + t) * 0.5 - norm,
                None => t.square() * -0.5 - norm,
            }
        })
    }
}

/// What a normal density's events share.
struct Normal<const K: usize, const H: usize> {
    inverse: Dual<K, H>,
    /// Logarithm of the normaliser, counted from the anchor.
    norm: Dual<K, H>,
    /// Where exponents are counted from, unless from the peak.
    anchor: Option<f64>,
}

impl Gaussian {
    fn normal<const K: usize, const H: usize>(
        &self,
        mu: Dual<K, H>,
        sigma: Dual<K, H>,
    ) -> Result<Normal<K, H>> {
        finite("mu", mu.v)?;
        positive("sigma", sigma.v)?;
        let Window { lo, hi } = self.0;
        let inverse = sigma.recip();
        let half = inverse * (0.5 * (hi - lo));
        let bell = BellIntegral::new((-mu + (lo + 0.5 * (hi - lo))) * inverse, half);
        let norm = sigma.ln() + bell.ln;
        Ok(Normal { inverse, norm, anchor: bell.anchor.position(lo, hi) })
    }

    /// A square in the distance from the anchor, of x or of its `logarithm`.
    pub(super) fn local(
        &self,
        theta: &[f64],
        free: &[usize],
        logarithm: bool,
    ) -> Result<Option<Local>> {
        let [mu, sigma] = Dual::<2, 3>::parameters([theta[0], theta[1]]);
        let Normal { inverse, norm, anchor } = self.normal(mu, sigma)?;
        let origin = anchor.unwrap_or(mu.v);
        let (from, unit) = ((-mu + origin) * inverse, inverse * sigma.v);
        let peak = if anchor.is_none() { from.square() * -0.5 } else { Dual::constant(0.0) };
        let c = [peak - norm, -(from * unit), unit.square() * -0.5];
        let (c_values, inverse) = (c.map(|c| c.v), inverse.v);
        if !moderate(self.0, origin, inverse, &c_values) {
            return Ok(None);
        }
        let form = Form::Powers { origin, inverse, c: c_values, columns: 2, logarithm };
        Ok(Local::linear(form, &c, free))
    }
}
