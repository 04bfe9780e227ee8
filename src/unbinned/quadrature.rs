//! Integrals of smooth functions to near machine precision: Gauss-Legendre panels, halved until the last terms of
//! a Legendre series through their nodes are negligible. A panel with a jump ends up so small that it counts for
//! nothing.

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::legendre::gauss_legendre;

/// Nodes of a panel.
pub(super) const NODES: usize = 16;
/// What a panel's last terms may be, of integrals of 1.
const NEGLIGIBLE: f64 = 1e-14;
/// More panels than this are not made.
const MOST: usize = 100_000;
/// A panel that was halved this often is not halved again.
const DEPTH: u32 = 60;

/// Nodes in (-1, 1), rising, and weights, which sum to 2.
pub(super) struct Rule {
    pub(super) nodes: [f64; NODES],
    pub(super) weights: [f64; NODES],
}

/// The rule of a panel.
pub(super) fn rule() -> &'static Rule {
    static RULE: OnceLock<Rule> = OnceLock::new();
    RULE.get_or_init(|| {
        let rule: [_; NODES] = std::array::from_fn(|i| gauss_legendre(NODES, i));
        Rule { nodes: rule.map(|(t, _)| t), weights: rule.map(|(_, w)| w) }
    })
}

/// A part of a window.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) lo: f64,
    pub(super) hi: f64,
    /// Of each function, its values at the nodes.
    pub(super) values: Vec<[f64; NODES]>,
    depth: u32,
}

impl Panel {
    /// Where the nodes are.
    pub(super) fn points(lo: f64, hi: f64) -> [f64; NODES] {
        let half = 0.5 * (hi - lo);
        rule().nodes.map(|t| (lo + half * (1.0 + t)).clamp(lo, hi))
    }

    /// Weights of the nodes.
    pub(super) fn weights(&self) -> [f64; NODES] {
        rule().weights.map(|w| 0.5 * (self.hi - self.lo) * w)
    }

    /// The integral of function `f`.
    pub(super) fn integral(&self, f: usize) -> f64 {
        self.weights().iter().zip(&self.values[f]).map(|(w, v)| w * v).sum()
    }

    /// Function `f` as a Legendre series: `sum c_k P_k(t)`.
    pub(super) fn series(&self, f: usize) -> [f64; NODES] {
        let mut series = [0.0; NODES];
        for ((t, w), value) in rule().nodes.iter().zip(&rule().weights).zip(&self.values[f]) {
            let (mut before, mut now) = (0.0, 1.0);
            for (k, c) in series.iter_mut().enumerate() {
                *c += (k as f64 + 0.5) * w * value * now;
                let k = k as f64;
                (before, now) = (now, ((2.0 * k + 1.0) * t * now - k * before) / (k + 1.0));
            }
        }
        series
    }

    fn is_resolved(&self) -> bool {
        let tail = |f: usize| {
            let series = self.series(f);
            (self.hi - self.lo) * series[NODES - 3..].iter().map(|c| c.abs()).sum::<f64>()
        };
        (0..self.values.len()).all(|f| tail(f) <= NEGLIGIBLE)
    }
}

/// One function at the nodes of a panel.
type Values = Result<[f64; NODES]>;

/// Panels between `breaks`, which rise, on which all of `n` functions are resolved. `at(f, x)` has the values of
/// function `f` at some places; integrals should be of the size of 1.
///
/// # Errors
///
/// What `at` says, and where the functions would need too many panels.
pub(super) fn panels(
    breaks: &[f64],
    n: usize,
    at: &dyn Fn(usize, &[f64; NODES]) -> Values,
) -> Result<Vec<Panel>> {
    let panel = |lo: f64, hi: f64, depth: u32| {
        let points = Panel::points(lo, hi);
        let values = (0..n).map(|f| at(f, &points)).collect::<Result<_>>()?;
        Ok::<_, Error>(Panel { lo, hi, values, depth })
    };
    let (mut done, mut open) = (Vec::new(), Vec::new());
    for pair in breaks.windows(2).rev().filter(|pair| pair[0] < pair[1]) {
        open.push(panel(pair[0], pair[1], 0)?);
    }
    while let Some(next) = open.pop() {
        let middle = next.lo + 0.5 * (next.hi - next.lo);
        let divisible = next.depth < DEPTH && next.lo < middle && middle < next.hi;
        if !divisible || next.is_resolved() {
            done.push(next);
            continue;
        }
        if done.len() + open.len() >= MOST {
            let message = format!(
                "densities vary too much between {} and {} to be integrated",
                breaks[0],
                breaks[breaks.len() - 1]
            );
            return Err(Error::Unsupported(message));
        }
        open.push(panel(middle, next.hi, next.depth + 1)?);
        open.push(panel(next.lo, middle, next.depth + 1)?);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integral(breaks: &[f64], f: fn(f64) -> f64) -> f64 {
        let panels = panels(breaks, 1, &|_, x| Ok(x.map(f))).unwrap();
        panels.iter().map(|p| p.integral(0)).sum()
    }

    #[test]
    fn smooth_functions_and_jumps() {
        assert!((rule().weights.iter().sum::<f64>() - 2.0).abs() < 1e-14);
        assert!((integral(&[0.0, 1.0], |x| 32.0 * x.powi(31)) - 1.0).abs() < 1e-14);
        assert!((integral(&[0.0, 3.0], |x| (-x).exp()) - (1.0 - (-3.0f64).exp())).abs() < 1e-14);
        // a peak of width 1e-4, of which breaks tell
        let peak = |x: f64| (-0.5 * ((x - 0.3) / 1e-4).powi(2)).exp() / 1e-4;
        let exact = (2.0 * std::f64::consts::PI).sqrt();
        assert!((integral(&[0.0, 0.299, 0.3, 0.301, 1.0], peak) - exact).abs() < 1e-12);
        // a jump and a root that nobody told of
        let jump = |x: f64| if x < 1.0 / 3.0 { 1.0 } else { 2.0 };
        assert!((integral(&[0.0, 1.0], jump) - 5.0 / 3.0).abs() < 1e-13);
        assert!((integral(&[0.0, 1.0], f64::sqrt) - 2.0 / 3.0).abs() < 1e-13);
    }
}
