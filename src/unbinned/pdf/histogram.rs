//! A density that is constant in bins.

use super::Window;
use super::density::Density;
use super::dual::Dual;
use crate::error::{Error, Result};
use crate::unbinned::sum::Sum;

/// Constant in each bin, proportional to the bin's content; 0 outside the edges.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    pub(super) edges: Vec<f64>,
    /// Logarithm of the density in each bin.
    pub(super) logs: Vec<f64>,
}

impl Histogram {
    pub(super) fn new(window: Window, edges: &[f64], contents: &[f64]) -> Result<Self> {
        let refuse = |message: String| Err(Error::Argument(format!("histogram: {message}")));
        if edges.len() != contents.len() + 1 || contents.is_empty() {
            return refuse(format!("{} edges for {} bins", edges.len(), contents.len()));
        }
        if let Some(i) = edges.windows(2).position(|e| !(e[0] < e[1] && (e[1] - e[0]).is_finite()))
        {
            return refuse(format!(
                "edge {} = {} must be above edge {i} = {} and finite",
                i + 1,
                edges[i + 1],
                edges[i]
            ));
        }
        if let Some(i) = contents.iter().position(|c| !(c.is_finite() && *c >= 0.0)) {
            return refuse(format!("bin {i} holds {}, not a number of 0 or more", contents[i]));
        }
        let heights: Vec<f64> =
            contents.iter().zip(edges.windows(2)).map(|(c, e)| c / (e[1] - e[0])).collect();
        // bins that stick out count with the part inside
        let inside = |e: &[f64]| (e[1].min(window.hi) - e[0].max(window.lo)).max(0.0);
        let parts = heights.iter().zip(edges.windows(2)).map(|(h, e)| h * inside(e));
        let total = parts.collect::<Sum>().total();
        if !(total > 0.0 && total.is_finite()) {
            return refuse(format!("its content in the window is {total}, which is no density"));
        }
        let logs = heights.iter().map(|h| libm::log(*h) - libm::log(total)).collect();
        Ok(Self { edges: edges.to_vec(), logs })
    }
}

impl Density<0> for Histogram {
    fn ready<const K: usize, const H: usize>(
        &self,
        _: [Dual<K, H>; 0],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        Ok(move |x: f64| {
            // an inner edge belongs to the bin above, the last one to the last bin
            let above = self.edges.partition_point(|edge| *edge <= x);
            let last = x == self.edges[self.logs.len()];
            let bin = if last { self.logs.len() - 1 } else { above.wrapping_sub(1) };
            Dual::constant(self.logs.get(bin).copied().unwrap_or(f64::NEG_INFINITY))
        })
    }
}
