//! Taylor polynomials of degree 2 along a line: a function's value, first derivative and half of its second.

use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

use super::interpolation::Derivatives;

/// `c[0] + c[1] t + c[2] t^2`, higher powers left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Jet(pub(super) [f64; 3]);

impl Jet {
    pub(super) const ONE: Self = Self::constant(1.0);

    pub(super) const fn constant(value: f64) -> Self {
        Self([value, 0.0, 0.0])
    }

    /// `value + slope t`.
    pub(super) fn line(value: f64, slope: f64) -> Self {
        Self([value, slope, 0.0])
    }

    /// A function of alpha where alpha moves by `slope t`, and its derivative in alpha there.
    pub(super) fn of(at: Derivatives, slope: f64) -> (Self, Self) {
        let half = 0.5 * slope * slope;
        let value = Self([at.value, at.first * slope, at.second * half]);
        (value, Self([at.first, at.second * slope, at.third * half]))
    }

    pub(super) fn recip(self) -> Self {
        let [a, b, c] = self.0;
        let inverse = 1.0 / a;
        let slope = -b * inverse * inverse;
        Self([inverse, slope, -(b * slope + c * inverse) * inverse])
    }

    pub(super) fn ln(self) -> Self {
        let [a, b, c] = self.0;
        let relative = b / a;
        Self([libm::log(a), relative, c / a - 0.5 * relative * relative])
    }
}

impl Add for Jet {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + o.0[i]))
    }
}

impl Sub for Jet {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - o.0[i]))
    }
}

impl AddAssign for Jet {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl Mul for Jet {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, o.0);
        Self([a * d, a * e + b * d, a * f + b * e + c * d])
    }
}

impl Mul<f64> for Jet {
    type Output = Self;
    fn mul(self, o: f64) -> Self {
        Self(self.0.map(|c| c * o))
    }
}

impl MulAssign for Jet {
    fn mul_assign(&mut self, o: Self) {
        *self = *self * o;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_a_line() {
        // x = 2 + 3 t: 1 / x and ln x by their own Taylor series
        let x = Jet::line(2.0, 3.0);
        let close = |a: Jet, b: [f64; 3]| {
            a.0.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{a} {b}"));
        };
        close(x.recip(), [0.5, -0.75, 1.125]);
        close(x.ln(), [2f64.ln(), 1.5, -1.125]);
        close(x * x * x.recip() - x, [0.0; 3]);
        close((x * x).recip() * (x * x), [1.0, 0.0, 0.0]);
    }
}
