//! Bernstein polynomials on the window.

use super::Window;
use super::linear::Basis;

/// `sum c_k binomial(n, k) u^k (1 - u)^(n - k)`, k from 0 to n, where u goes from 0 to 1 over the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bernstein {
    pub(super) window: Window,
    pub(super) order: usize,
}

impl Basis for Bernstein {
    fn len(&self) -> usize {
        self.order + 1
    }

    fn offset(&self) -> f64 {
        0.0
    }

    fn values(&self, x: f64, out: &mut [f64]) {
        let Window { lo, hi } = self.window;
        let (u, rest) = ((x - lo) / (hi - lo), (hi - x) / (hi - lo));
        // those of each degree from the one before
        out.fill(0.0);
        out[0] = 1.0;
        for degree in 1..=self.order {
            for k in (0..=degree).rev() {
                let below = if k > 0 { out[k - 1] } else { 0.0 };
                out[k] = out[k] * rest + below * u;
            }
        }
    }

    fn means(&self, out: &mut [f64]) {
        out.fill(1.0 / (self.order + 1) as f64);
    }
}
