//! The Cauchy density, non-relativistic Breit-Wigner.

use super::Window;
use super::density::{Density, finite, positive};
use super::dual::Dual;
use super::local::{Form, Local, moderate};
use crate::error::Result;
use crate::unbinned::packed::place;

/// `1 / ((x - mu)^2 + gamma^2 / 4)`; gamma > 0 is the full width at half maximum.
#[derive(Debug, Clone, Copy)]
pub(super) struct BreitWigner(pub(super) Window);

impl Density<2> for BreitWigner {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, gamma]: [Dual<K, H>; 2],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let half = gamma * 0.5;
        let top = self.top(mu, half)?;
        Ok(move |x: f64| top - ((-mu + x).square() + half.square()).ln())
    }
}

impl BreitWigner {
    /// The logarithm of `half / angle`.
    fn top<const K: usize, const H: usize>(
        &self,
        mu: Dual<K, H>,
        half: Dual<K, H>,
    ) -> Result<Dual<K, H>> {
        finite("mu", mu.v)?;
        positive("gamma", 2.0 * half.v)?;
        let Window { lo, hi } = self.0;
        // the angle under which the window is seen from mu + i gamma / 2, without a difference of two
        let angle = (half * (hi - lo)).atan2(half.square() + (-mu + lo) * (-mu + hi));
        Ok(half.ln() - angle.ln())
    }

    /// With `d = (x - mu) / half` and `v = 1 / (1 + d^2)`, `ln v` has the slopes `2 d v` and `2 (1 - v)` in units
    /// of `1 / half`, and the second derivatives `2 v - 4 v^2`, `-4 d v^2` and `-2 - 2 v + 4 v^2`.
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        let [mu, gamma] = Dual::<2, 3>::parameters([theta[0], theta[1]]);
        let half = gamma * 0.5;
        let top = self.top(mu, half)? - half.ln() * 2.0;
        let inverse = 1.0 / half.v;
        if !moderate(self.0, mu.v, inverse, &[top.v]) {
            return Ok(None);
        }
        let form = Form::Cauchy { mu: mu.v, inverse, top: top.v };
        // gamma is twice half
        let unit = [inverse, 0.5 * inverse];
        let slopes = [[0.0, 2.0], [2.0, 0.0], [0.0, -2.0]];
        let curves =
            [[0.0, 0.0, -2.0], [0.0; 3], [2.0, 0.0, -2.0], [-4.0, 0.0, 4.0], [0.0, -4.0, 0.0]];
        let constant = |row: usize, value: f64| if row == 0 { value } else { 0.0 };
        let mut local = Local {
            form,
            slopes: 2,
            curves: 2,
            jacobian: Vec::new(),
            bend: Vec::new(),
            products: true,
        };
        for (row, slope) in slopes.iter().enumerate() {
            local
                .jacobian
                .extend(free.iter().map(|&a| slope[a] * unit[a] + constant(row, top.g[a])));
        }
        for (row, curve) in curves.iter().enumerate() {
            for (i, &a) in free.iter().enumerate() {
                local.bend.extend(free[..=i].iter().map(|&b| {
                    let at = place(a, b);
                    curve[at] * unit[a] * unit[b] + constant(row, top.h[at])
                }));
            }
        }
        Ok(local.checked())
    }
}
