//! Polynomials in x itself.

use super::Window;
use super::linear::Basis;

/// `sum a_k x^k`, k from 0, x in its own units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polynomial {
    pub(super) window: Window,
    pub(super) order: usize,
}

impl Basis for Polynomial {
    fn len(&self) -> usize {
        self.order + 1
    }

    fn offset(&self) -> f64 {
        0.0
    }

    fn values(&self, x: f64, out: &mut [f64]) {
        let mut power = 1.0;
        for out in out {
            *out = power;
            power *= x;
        }
    }

    fn means(&self, out: &mut [f64]) {
        let Window { lo, hi } = self.window;
        // (hi^(k+1) - lo^(k+1)) / (hi - lo) is the sum of lo^j hi^(k-j)
        let (mut sum, mut power) = (1.0, 1.0);
        for (k, out) in (1..).zip(out) {
            *out = sum / f64::from(k);
            power *= lo;
            sum = sum * hi + power;
        }
    }
}
