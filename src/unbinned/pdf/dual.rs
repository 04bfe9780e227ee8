//! Numbers that carry their first and second derivatives in K parameters (forward mode, exact).

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::unbinned::packed::place;

/// A value, its gradient in `K` parameters and, where `H` is `K (K + 1) / 2`, its Hessian, row after row of
/// the lower triangle. `Dual<K, 0>` has no Hessian, `Dual<0, 0>` is a plain number: formulas stand once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dual<const K: usize, const H: usize> {
    pub(super) v: f64,
    pub(super) g: [f64; K],
    pub(super) h: [f64; H],
}

impl<const K: usize, const H: usize> Dual<K, H> {
    pub(super) const fn constant(v: f64) -> Self {
        Self { v, g: [0.0; K], h: [0.0; H] }
    }

    /// The parameters themselves; a plain number has none to carry.
    pub(super) fn parameters<const N: usize>(values: [f64; N]) -> [Self; N] {
        from_fn(|i| {
            let mut x = Self::constant(values[i]);
            if let Some(g) = x.g.get_mut(i) {
                *g = 1.0;
            }
            x
        })
    }

    /// `f(self)` from `f`, `f'` and `f''` there.
    #[inline(always)]
    pub(super) fn map(self, f: f64, f1: f64, f2: f64) -> Self {
        let mut out = Self { v: f, g: self.g.map(|g| f1 * g), h: [0.0; H] };
        if H > 0 {
            for i in 0..K {
                for j in 0..=i {
                    let at = place(i, j);
                    out.h[at] = f1 * self.h[at] + f2 * self.g[i] * self.g[j];
                }
            }
        }
        out
    }

    /// `f(a, b)` from its value, `[f_a, f_b]` and `[f_aa, f_ab, f_bb]`.
    #[inline(always)]
    pub(super) fn map2(a: Self, b: Self, f: f64, f1: [f64; 2], f2: [f64; 3]) -> Self {
        let mut out = Self { v: f, g: from_fn(|i| f1[0] * a.g[i] + f1[1] * b.g[i]), h: [0.0; H] };
        if H > 0 {
            for i in 0..K {
                for j in 0..=i {
                    let at = place(i, j);
                    out.h[at] = f1[0] * a.h[at]
                        + f1[1] * b.h[at]
                        + f2[0] * a.g[i] * a.g[j]
                        + f2[1] * (a.g[i] * b.g[j] + b.g[i] * a.g[j])
                        + f2[2] * b.g[i] * b.g[j];
                }
            }
        }
        out
    }

    pub(super) fn exp(self) -> Self {
        let e = libm::exp(self.v);
        self.map(e, e, e)
    }

    pub(super) fn ln(self) -> Self {
        let r = 1.0 / self.v;
        self.map(libm::log(self.v), r, -r * r)
    }

    pub(super) fn ln_1p(self) -> Self {
        let r = 1.0 / (1.0 + self.v);
        self.map(libm::log1p(self.v), r, -r * r)
    }

    pub(super) fn recip(self) -> Self {
        let r = 1.0 / self.v;
        self.map(r, -r * r, 2.0 * r * r * r)
    }

    #[inline(always)]
    pub(super) fn square(self) -> Self {
        self.map(self.v * self.v, 2.0 * self.v, 2.0)
    }

    /// The angle of the point (x, y), `y` being `self`.
    pub(super) fn atan2(self, x: Self) -> Self {
        let (y, r) = (self, 1.0 / (self.v * self.v + x.v * x.v));
        let (fy, fx) = (x.v * r, -y.v * r);
        let (fyy, fxy) = (2.0 * fy * fx, fx * fx - fy * fy);
        Self::map2(y, x, libm::atan2(y.v, x.v), [fy, fx], [fyy, fxy, -fyy])
    }

    /// `ln(exp(self) + exp(other))`.
    pub(super) fn log_add(self, other: Self) -> Self {
        let (a, b) = if self.v >= other.v { (self, other) } else { (other, self) };
        if b.v == f64::NEG_INFINITY {
            return a;
        }
        a + (b - a).exp().ln_1p()
    }
}

impl<const K: usize, const H: usize> Add for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Self {
            v: self.v + o.v,
            g: from_fn(|i| self.g[i] + o.g[i]),
            h: from_fn(|i| self.h[i] + o.h[i]),
        }
    }
}

impl<const K: usize, const H: usize> Sub for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Self {
            v: self.v - o.v,
            g: from_fn(|i| self.g[i] - o.g[i]),
            h: from_fn(|i| self.h[i] - o.h[i]),
        }
    }
}

impl<const K: usize, const H: usize> Neg for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self * -1.0
    }
}

impl<const K: usize, const H: usize> Mul for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        Self::map2(self, o, self.v * o.v, [o.v, self.v], [0.0, 1.0, 0.0])
    }
}

impl<const K: usize, const H: usize> Div for Dual<K, H> {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let mut quotient = self * o.recip();
        // one rounding less
        quotient.v = self.v / o.v;
        quotient
    }
}

impl<const K: usize, const H: usize> Mul<f64> for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: f64) -> Self {
        Self { v: self.v * o, g: self.g.map(|x| x * o), h: self.h.map(|x| x * o) }
    }
}

impl<const K: usize, const H: usize> Add<f64> for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: f64) -> Self {
        Self { v: self.v + o, ..self }
    }
}

impl<const K: usize, const H: usize> Sub<f64> for Dual<K, H> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: f64) -> Self {
        self + -o
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_two_variables() {
        // f = atan2(x y, ln x) + exp(x) / y + ln(1 + x^2), against differences of its own gradient
        let f = |p: [f64; 2]| {
            let [x, y] = Dual::<2, 3>::parameters(p);
            (x * y).atan2(x.ln()) + x.exp() / y + x.square().ln_1p() + x.log_add(y)
        };
        let (p, step) = ([1.7, -0.6], 1e-6);
        let at = f(p);
        for i in 0..2 {
            let (mut up, mut down) = (p, p);
            up[i] += step;
            down[i] -= step;
            let (up, down) = (f(up), f(down));
            assert!(((up.v - down.v) / (2.0 * step) - at.g[i]).abs() < 1e-8);
            for j in 0..2 {
                let slope = (up.g[j] - down.g[j]) / (2.0 * step);
                assert!((slope - at.h[place(i, j)]).abs() < 1e-7);
            }
        }
        // the same formulas on plain numbers
        assert_eq!(Dual::<0, 0>::constant(2.0).exp().v, at.map(2f64.exp(), 0.0, 0.0).v);
    }
}
