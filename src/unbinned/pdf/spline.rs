//! A density through given points.

use super::Window;
use super::density::Density;
use super::dual::Dual;
use crate::error::{Error, Result};
use crate::unbinned::sum::Sum;

/// Cubics between knots with the slopes of Fritsch and Carlson (SIAM J. Numer. Anal. 17 (1980) 238): monotone
/// where the values are, so never below 0. 0 outside the knots.
#[derive(Debug, Clone)]
pub(super) struct Spline {
    pub(super) knots: Vec<f64>,
    values: Vec<f64>,
    slopes: Vec<f64>,
    /// Logarithm of the integral over the window.
    norm: f64,
}

/// Node of the quadrature of two points, which is exact for cubics, on an interval from -1 to 1.
const NODE: f64 = 0.577_350_269_189_625_8;

impl Spline {
    pub(super) fn new(window: Window, knots: &[f64], values: &[f64]) -> Result<Self> {
        let refuse = |message: String| Err(Error::Argument(format!("spline: {message}")));
        if knots.len() != values.len() || knots.len() < 2 {
            let (knots, values) = (knots.len(), values.len());
            return refuse(format!("{values} values for {knots} knots; 2 or more are needed"));
        }
        if let Some(i) = knots.windows(2).position(|k| !(k[0] < k[1] && (k[1] - k[0]).is_finite()))
        {
            return refuse(format!(
                "knot {} = {} must be above knot {i} = {} and finite",
                i + 1,
                knots[i + 1],
                knots[i]
            ));
        }
        if let Some(i) = values.iter().position(|y| !(y.is_finite() && *y >= 0.0)) {
            return refuse(format!(
                "the value at knot {i} is {}, not a number of 0 or more",
                values[i]
            ));
        }
        let slopes = slopes(knots, values);
        let mut spline = Self { knots: knots.to_vec(), values: values.to_vec(), slopes, norm: 0.0 };
        let pieces = knots.windows(2).enumerate().flat_map(|(i, knots)| {
            let (lo, hi) = (knots[0].max(window.lo), knots[1].min(window.hi));
            let (middle, half) = (0.5 * lo + 0.5 * hi, (0.5 * hi - 0.5 * lo).max(0.0));
            [-NODE, NODE].map(|node| half * spline.piece(i, middle + half * node))
        });
        let total = pieces.collect::<Sum>().total();
        if !(total > 0.0 && total.is_finite()) {
            return refuse(format!("its integral over the window is {total}, which is no density"));
        }
        spline.norm = libm::log(total);
        Ok(spline)
    }

    /// The cubic above knot `i` at x, which lies there.
    fn piece(&self, i: usize, x: f64) -> f64 {
        let h = self.knots[i + 1] - self.knots[i];
        let (t, rest) = ((x - self.knots[i]) / h, (self.knots[i + 1] - x) / h);
        let left = (1.0 + 2.0 * t) * self.values[i] + t * h * self.slopes[i];
        let right = (1.0 + 2.0 * rest) * self.values[i + 1] - rest * h * self.slopes[i + 1];
        // rounding alone is below 0
        (rest * rest * left + t * t * right).max(0.0)
    }
}

fn slopes(knots: &[f64], values: &[f64]) -> Vec<f64> {
    let secants: Vec<f64> = knots
        .windows(2)
        .zip(values.windows(2))
        .map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0]))
        .collect();
    let last = secants.len() - 1;
    let mut slopes = vec![secants[0]];
    slopes.extend(secants.windows(2).map(|d| {
        let turns = d[0] == 0.0 || d[1] == 0.0 || (d[0] < 0.0) != (d[1] < 0.0);
        if turns { 0.0 } else { 0.5 * d[0] + 0.5 * d[1] }
    }));
    slopes.push(secants[last]);
    for (i, secant) in secants.iter().enumerate() {
        if *secant == 0.0 {
            continue;
        }
        let (a, b) = (slopes[i] / secant, slopes[i + 1] / secant);
        let size = a.hypot(b);
        // steeper slopes would overshoot
        if size > 3.0 {
            slopes[i] = 3.0 / size * a * secant;
            slopes[i + 1] = 3.0 / size * b * secant;
        }
    }
    slopes
}

impl Density<0> for Spline {
    fn ready<const K: usize, const H: usize>(
        &self,
        _: [Dual<K, H>; 0],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let last = self.knots.len() - 1;
        Ok(move |x: f64| {
            let outside = x < self.knots[0] || x > self.knots[last];
            let above = self.knots.partition_point(|knot| *knot <= x);
            let piece = above.saturating_sub(1).min(last - 1);
            let y = if outside { 0.0 } else { self.piece(piece, x) };
            Dual::constant(libm::log(y) - self.norm)
        })
    }
}
