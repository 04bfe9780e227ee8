//! Forward-mode automatic differentiation: a value with its whole gradient.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number and its derivatives, `[n_parameters]` (empty for constants).
#[derive(Debug, Clone)]
pub(crate) struct Dual {
    pub(crate) value: f64,
    pub(crate) slopes: Vec<f64>,
}

impl Dual {
    pub(crate) fn constant(value: f64) -> Self {
        Self { value, slopes: Vec::new() }
    }

    /// The `k`-th of `n` variables.
    pub(crate) fn variable(value: f64, k: usize, n: usize) -> Self {
        let mut slopes = vec![0.0; n];
        slopes[k] = 1.0;
        Self { value, slopes }
    }

    /// f(self) where f has this value and slope.
    fn chain(&self, value: f64, slope: f64) -> Self {
        Self { value, slopes: self.slopes.iter().map(|s| s * slope).collect() }
    }

    pub(crate) fn exp(&self) -> Self {
        self.chain(self.value.exp(), self.value.exp())
    }

    pub(crate) fn ln(&self) -> Self {
        self.chain(self.value.ln(), 1.0 / self.value)
    }

    pub(crate) fn scale(&self, factor: f64) -> Self {
        self.chain(self.value * factor, factor)
    }

    fn combine(&self, other: &Self, value: f64, (a, b): (f64, f64)) -> Self {
        let n = self.slopes.len().max(other.slopes.len());
        let at = |d: &Self, k: usize| d.slopes.get(k).copied().unwrap_or(0.0);
        Self { value, slopes: (0..n).map(|k| a * at(self, k) + b * at(other, k)).collect() }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.combine(&other, self.value + other.value, (1.0, 1.0))
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.combine(&other, self.value - other.value, (1.0, -1.0))
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.combine(&other, self.value * other.value, (other.value, self.value))
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        self.combine(&other, quotient, (1.0 / other.value, -quotient / other.value))
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        self.scale(-1.0)
    }
}
