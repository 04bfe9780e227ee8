//! Half a bell with or without a power law outside: what crystal balls are made of.

use super::Window;
use super::density::positive;
use super::dual::Dual;
use super::local::{Form, Local, Peak, PeakSide, moderate};
use super::special::{BellIntegral, ln_mean_exp};
use crate::error::Result;

/// From the distance `alpha` (in sigma) on, `(1 + alpha (u - alpha) / n)^-n exp(-alpha^2 / 2)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail<const K: usize, const H: usize> {
    alpha: Dual<K, H>,
    n: Dual<K, H>,
    ratio: Dual<K, H>,
    /// `-alpha^2 / 2`
    top: Dual<K, H>,
}

impl<const K: usize, const H: usize> Tail<K, H> {
    pub(super) fn new(alpha: Dual<K, H>, n: Dual<K, H>, names: [&str; 2]) -> Result<Self> {
        positive(names[0], alpha.v)?;
        positive(names[1], n.v)?;
        Ok(Self { alpha, n, ratio: alpha / n, top: alpha.square() * -0.5 })
    }

    fn at(&self, u: Dual<K, H>) -> Dual<K, H> {
        self.top - self.n * (self.ratio * (u - self.alpha)).ln_1p()
    }

    /// Logarithm of the integral over `from <= u <= to`, both beyond alpha. With `q = ln(1 + alpha s / n)`,
    /// `s = u - alpha`, it is `n / alpha` times that of `exp((1 - n) q)`, which has no pole at n = 1 and forms
    /// no `(n / alpha)^n`.
    fn integral(&self, from: Dual<K, H>, to: Dual<K, H>) -> Dual<K, H> {
        let start = self.ratio * (from - self.alpha);
        let q = (self.ratio * (to - from) / (start + 1.0)).ln_1p();
        let power = -self.n + 1.0;
        self.top - self.ratio.ln() + q.ln() + power * start.ln_1p() + ln_mean_exp(power * q)
    }
}

/// One side of the peak, in distances `u >= 0` of it in units of sigma.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<const K: usize, const H: usize> {
    pub(super) sigma: Dual<K, H>,
    pub(super) tail: Option<Tail<K, H>>,
}

impl<const K: usize, const H: usize> Side<K, H> {
    fn at(&self, u: Dual<K, H>) -> Dual<K, H> {
        match &self.tail {
            Some(tail) if u.v > tail.alpha.v => tail.at(u),
            _ => u.square() * -0.5,
        }
    }

    /// Logarithm of the integral over distances `near..far` of the peak, in the units of x.
    fn integral(&self, near: Dual<K, H>, far: Dual<K, H>) -> Option<Dual<K, H>> {
        if far.v <= 0.0 {
            return None;
        }
        // a limit that only touches the peak still moves with it
        let near = if near.v >= 0.0 { near / self.sigma } else { Dual::constant(0.0) };
        let far = far / self.sigma;
        let bell =
            |a: Dual<K, H>, b: Dual<K, H>| BellIntegral::new((a + b) * 0.5, (b - a) * 0.5).total();
        let total = match &self.tail {
            Some(tail) if near.v >= tail.alpha.v => tail.integral(near, far),
            Some(tail) if far.v > tail.alpha.v => {
                bell(near, tail.alpha).log_add(tail.integral(tail.alpha, far))
            }
            _ => bell(near, far),
        };
        Some(total + self.sigma.ln())
    }

    /// The density with this side below `mu` and `right` above.
    pub(super) fn and(
        self,
        right: Self,
        mu: Dual<K, H>,
        window: Window,
    ) -> impl Fn(f64) -> Dual<K, H> {
        let norm = self.norm(&right, mu, window);
        let inverses = (self.sigma.recip(), right.sigma.recip());
        move |x: f64| {
            let shape = if x < mu.v {
                self.at((mu - x) * inverses.0)
            } else {
                right.at((-mu + x) * inverses.1)
            };
            shape - norm
        }
    }

    /// Logarithm of the integral over the window with this side below `mu` and `right` above.
    fn norm(&self, right: &Self, mu: Dual<K, H>, Window { lo, hi }: Window) -> Dual<K, H> {
        let below = self.integral(mu - hi, mu - lo);
        let above = right.integral(-mu + lo, -mu + hi);
        match (below, above) {
            (Some(a), Some(b)) => a.log_add(b),
            (one, other) => one.or(other).unwrap_or(Dual::constant(f64::NAN)),
        }
    }

    /// The same density for the kernel. `slots` tell which parameters mu, sigma, alpha and n of each side are.
    pub(super) fn local(
        self,
        right: Self,
        mu: Dual<K, H>,
        window: Window,
        slots: [[Option<usize>; 4]; 2],
        free: &[usize],
    ) -> Option<Local> {
        let norm = self.norm(&right, mu, window);
        let side = |side: &Self| {
            let (alpha, n) = side.tail.map_or((f64::INFINITY, 1.0), |t| (t.alpha.v, t.n.v));
            let ratio = if alpha.is_finite() { alpha / n } else { 1.0 };
            let inverse = 1.0 / side.sigma.v;
            let farthest = (mu.v - window.lo).abs().max((window.hi - mu.v).abs()) * inverse;
            // squares and products of these stay finite
            let fine = moderate(window, mu.v, inverse, &[ratio, ratio.recip(), ratio * farthest]);
            (PeakSide { sigma: side.sigma.v, alpha, n }, fine && n.recip().is_finite())
        };
        let sides = [side(&self), side(&right)];
        if !(norm.v.is_finite() && sides.iter().all(|(_, fine)| *fine)) {
            return None;
        }
        let sides = sides.map(|(side, _)| side);
        let outputs = Peak::outputs(slots, free);
        let peak = Peak { mu: mu.v, norm: norm.v, sides, outputs };
        Local::with_constant(Form::Peak(Box::new(peak)), -norm, free)
    }
}
