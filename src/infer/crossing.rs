//! Where p-values with Monte Carlo errors fall through a level.

use std::f64::consts::PI;

use nalgebra::{Matrix3, Vector3};

use super::distributions::significance;

/// Points around the crossing that are looked at.
const NEAR: usize = 4;

/// A p-value at one value of the parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The parameter.
    pub x: f64,
    /// The p-value.
    pub p: f64,
    /// Its standard deviation.
    pub error: f64,
}

/// Where the p-values of `points`, with rising `x`, fall through `level` for the last time going up, and
/// its standard deviation. `None` where they do not.
///
/// A parabola through the significances of the nearest four points, by weighted least squares: they are
/// nearly on a straight line where best fits are nearly normal. With fewer points a straight line between
/// the two at the crossing. The first point where no toy counts stands at half its error, and those after
/// it are passed over, as is where all count: they have no significance.
pub fn crossing(points: &[Point], level: f64) -> Option<(f64, f64)> {
    let finite = |p: &Point| p.p.is_finite() && p.error > 0.0 && p.error.is_finite();
    let mut known: Vec<Point> = points.iter().copied().filter(finite).collect();
    let above = known.iter().rposition(|p| p.p > level)?;
    let after = &mut known[above + 1..];
    if let Some(zero) = after.iter().position(|p| p.p <= 0.0) {
        after[zero].p = 0.5 * after[zero].error;
        known.truncate(above + 1 + zero + 1);
    }
    let mut known: Vec<Significance> = known.iter().filter_map(Significance::of).collect();
    known.sort_by(|a, b| a.x.total_cmp(&b.x));
    let level = significance(level);
    let above = known.iter().rposition(|p| p.z < level)?;
    let (left, right) = (known[above], *known.get(above + 1)?);
    let first = (above + 1).saturating_sub(NEAR / 2);
    let near = &known[first..known.len().min(first + NEAR)];
    let parabola = if near.len() >= 4 { parabola(near, level, left.x, right.x) } else { None };
    Some(parabola.unwrap_or_else(|| line(left, right, level)))
}

/// A point's p-value as a significance.
#[derive(Clone, Copy)]
struct Significance {
    x: f64,
    z: f64,
    error: f64,
}

impl Significance {
    /// `None` for 0 and 1.
    fn of(point: &Point) -> Option<Self> {
        let z = significance(point.p);
        let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
        let error = point.error / density;
        (z.is_finite() && error.is_finite()).then_some(Self { x: point.x, z, error })
    }
}

fn line(left: Significance, right: Significance, level: f64) -> (f64, f64) {
    let (width, rise) = (right.x - left.x, right.z - left.z);
    let part = (level - left.z) / rise;
    let error = width / rise * ((1.0 - part) * left.error).hypot(part * right.error);
    (left.x + part * width, error)
}

/// `None` where it does not rise through the level near `left..right`.
fn parabola(points: &[Significance], level: f64, left: f64, right: f64) -> Option<(f64, f64)> {
    // in units of the gap from its middle: well conditioned
    let (middle, width) = (0.5 * (left + right), right - left);
    let row = |x: f64| Vector3::new(1.0, x, x * x);
    let (mut normal, mut moment) = (Matrix3::zeros(), Vector3::zeros());
    for point in points {
        let v = row((point.x - middle) / width);
        let weight = point.error.powi(-2);
        normal += v * v.transpose() * weight;
        moment += v * ((point.z - level) * weight);
    }
    let covariance = normal.try_inverse()?;
    let c: Vector3<f64> = covariance * moment;
    // Newton's method from the middle; errors may put the crossing a little outside of the gap
    let mut x = 0.0;
    for _ in 0..50 {
        x -= c.dot(&row(x)) / (c[1] + 2.0 * c[2] * x);
    }
    let slope = c[1] + 2.0 * c[2] * x;
    let settled = c.dot(&row(x)).abs() < 1e-9 && x.abs() <= 1.5 && slope > 0.0;
    let error = (row(x).transpose() * covariance * row(x))[0].sqrt() / slope;
    (settled && error.is_finite()).then_some((middle + width * x, width * error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::distributions::{normal_tail, significance};

    fn at(xs: &[f64], p: impl Fn(f64) -> f64) -> Vec<Point> {
        xs.iter().map(|&x| Point { x, p: p(x), error: 0.05 * p(x) }).collect()
    }

    #[test]
    fn normal_tails_are_crossed_where_they_are() {
        let xs = [0.8, 1.1, 1.4, 1.7, 2.0, 2.3];
        let (x, error) = crossing(&at(&xs, normal_tail), 0.05).expect("a crossing");
        assert!((x - 1.644_853_6).abs() < 1e-6, "{x}");
        assert!((0.005..0.03).contains(&error), "{error}");
        let (x, _) = crossing(&at(&xs[2..4], normal_tail), 0.05).expect("a crossing");
        assert!((x - 1.644_853_6).abs() < 1e-6, "{x}");
    }

    #[test]
    fn where_nothing_falls_there_is_no_crossing() {
        assert_eq!(crossing(&at(&[0.0, 1.0], |_| 0.5), 0.05), None);
        assert_eq!(crossing(&at(&[0.0, 1.0], |_| 0.01), 0.05), None);
        assert_eq!(crossing(&[], 0.05), None);
    }

    #[test]
    fn no_toys_at_all_are_less_than_one() {
        let none = |x| Point { x, p: 0.0, error: 0.02 };
        let points = [Point { x: 0.0, p: 0.25, error: 0.01 }, none(1.0), none(2.0)];
        let (x, error) = crossing(&points, 0.05).expect("a crossing");
        assert!((0.5..0.7).contains(&x) && error > 0.15, "{x} {error}");
        // known too badly to say that it is below
        let rough = Point { error: 0.2, ..none(1.0) };
        assert_eq!(crossing(&[points[0], rough], 0.05), None);
    }

    /// Points moved by their errors move the crossing by what is said.
    #[test]
    fn the_error_is_the_spread() {
        let xs = [0.9, 1.2, 1.5, 1.8, 2.1];
        let n = 400;
        let found: Vec<(f64, f64)> = (0..n)
            .map(|i| {
                let mut points = at(&xs, normal_tail);
                for (k, point) in points.iter_mut().enumerate() {
                    // golden-ratio sequences, one a point
                    let u = (f64::from(i) * 0.618_034 * (1.0 + 0.37 * k as f64)).fract();
                    point.p += point.error * significance((u * 0.998) + 0.001);
                }
                crossing(&points, 0.05).expect("a crossing")
            })
            .collect();
        let n = f64::from(n);
        let mean = found.iter().map(|f| f.0).sum::<f64>() / n;
        let spread = (found.iter().map(|f| (f.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
        let quoted = found.iter().map(|f| f.1).sum::<f64>() / n;
        assert!((0.8..1.25).contains(&(quoted / spread)), "{quoted} {spread}");
    }
}
