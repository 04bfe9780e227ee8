//! Chebyshev polynomials of the first kind on the window.

use super::Window;
use super::linear::Basis;

/// `1 + sum c_k T_k(u)`, k from 1, where u goes from -1 to 1 over the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chebyshev {
    pub(super) window: Window,
    pub(super) order: usize,
}

impl Basis for Chebyshev {
    fn len(&self) -> usize {
        self.order
    }

    fn offset(&self) -> f64 {
        1.0
    }

    fn values(&self, x: f64, out: &mut [f64]) {
        let Window { lo, hi } = self.window;
        let u = ((x - lo) - (hi - x)) / (hi - lo);
        let (mut before, mut now) = (1.0, u);
        for out in out {
            *out = now;
            (before, now) = (now, 2.0 * u * now - before);
        }
    }

    fn means(&self, out: &mut [f64]) {
        for (k, out) in (1..).zip(out) {
            *out = if k % 2 == 1 { 0.0 } else { 1.0 / (1.0 - (k * k) as f64) };
        }
    }
}
