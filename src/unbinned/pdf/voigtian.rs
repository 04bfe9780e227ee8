//! A Breit-Wigner seen with a normal resolution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::sync::OnceLock;

use nalgebra::Complex;

use super::Window;
use super::density::{Density, finite, outside, positive};
use super::dual::Dual;
use super::faddeeva::faddeeva;
use super::special::LN_SQRT_2PI;
use crate::error::Result;
use crate::legendre::gauss_legendre;

/// The convolution of a Cauchy density of half width gamma at half maximum with a normal one of width sigma,
/// `Re w(z) / (sigma sqrt(2 pi))` with `z = (x - mu + i gamma) / (sigma sqrt 2)`; sigma, gamma > 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voigtian(pub(super) Window);

impl Density<3> for Voigtian {
    fn ready<const K: usize, const H: usize>(
        &self,
        [mu, sigma, gamma]: [Dual<K, H>; 3],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        finite("mu", mu.v)?;
        positive("sigma", sigma.v)?;
        positive("gamma", gamma.v)?;
        let inverse = sigma.recip() * FRAC_1_SQRT_2;
        let b = gamma * inverse;
        if !(b.v.is_finite() && b.v <= FARTHEST) {
            return Err(outside("gamma / sigma", gamma.v / sigma.v, "below 1e8; see breit_wigner"));
        }
        let place = move |x: f64| (-mu + x) * inverse;
        let (from, to) = (place(self.0.lo), place(self.0.hi));
        if !(from.v.is_finite() && to.v.is_finite()) {
            return Err(outside("sigma", sigma.v, "wide enough to count the way to mu in it"));
        }
        // the integral of Re w from one edge to the other: its derivatives are w at the edges
        let edge = |a: Dual<K, H>, value: f64| {
            let [w, first, _] = faddeeva(Complex::new(a.v, b.v));
            Dual::map2(a, b, value, [w.re, -w.im], [first.re, -first.im, -first.re])
        };
        let total = edge(to, integral(from.v, to.v, b.v)) - edge(from, 0.0);
        // sigma sqrt(2 pi) of the density, 1 / sqrt pi of its integral
        let norm = total.ln() + sigma.ln() + (LN_SQRT_2PI - 0.5 * libm::log(PI));
        Ok(move |x: f64| {
            let a = place(x);
            let [w, first, second] = faddeeva(Complex::new(a.v, b.v));
            let shape =
                Dual::map2(a, b, w.re, [first.re, -first.im], [second.re, -second.im, -second.re]);
            shape.ln() - norm
        })
    }
}

/// Widest ratio of both widths.
const FARTHEST: f64 = 1e8;
/// Nodes of the quadrature on each panel.
const NODES: usize = 20;

/// The integral of `Re w(a + i b)` over `from <= a <= to`, by panels that grow with the distance from the
/// peak. All terms are positive, so that nothing cancels.
fn integral(from: f64, to: f64, b: f64) -> f64 {
    let scale = b.max(1.0);
    let mut total = 0.0;
    // w is symmetric: the part below 0 mirrored
    for (near, far) in [((-to).max(0.0), (-from).max(0.0)), (from.max(0.0), to.max(0.0))] {
        let (mut left, mut edge) = (near, (near / scale).floor());
        while left < far {
            // the edge counts, not the place: that could be rounded to where it was
            edge = if edge < 8.0 { edge + 1.0 } else { 2.0 * edge };
            let right = (edge * scale).clamp(left, far);
            let (middle, half) = (0.5 * (left + right), 0.5 * (right - left));
            for (node, weight) in rule() {
                let [w, ..] = faddeeva(Complex::new(middle + half * node, b));
                total += half * weight * w.re;
            }
            left = right;
        }
    }
    total
}

/// Nodes and weights of a panel.
fn rule() -> &'static [(f64, f64); NODES] {
    static RULE: OnceLock<[(f64, f64); NODES]> = OnceLock::new();
    RULE.get_or_init(|| std::array::from_fn(|i| gauss_legendre(NODES, i)))
}
