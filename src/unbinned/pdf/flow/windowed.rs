//! Flows as densities on windows.

use std::sync::Arc;

use super::{Directions, Flow};
use crate::error::{Error, Result};
use crate::spec::text::{count, list, quoted};
use crate::unbinned::events::Observable;
use crate::unbinned::pdf::density::Output;
use crate::unbinned::sum::Sum;

/// A flow whose integral over the window is 1 for any context.
#[derive(Debug, Clone)]
pub(in crate::unbinned::pdf) struct Windowed {
    pub(super) flow: Arc<Flow>,
    pub(super) windows: Vec<Observable>,
    /// Logarithm of its integral over the windows.
    pub(super) norm: f64,
}

/// Nodes and weights of the quadrature of four points from -1 to 1.
const NODES: [(f64, f64); 4] = [
    (-0.861_136_311_594_052_6, 0.347_854_845_137_453_86),
    (-0.339_981_043_584_856_26, 0.652_145_154_862_546_1),
    (0.339_981_043_584_856_26, 0.652_145_154_862_546_1),
    (0.861_136_311_594_052_6, 0.347_854_845_137_453_86),
];
/// Two quadratures, one with twice the intervals, agree to this part.
const AGREEMENT: f64 = 1e-8;
/// Most intervals an axis, by the number of axes.
const INTERVALS: [usize; 2] = [1 << 15, 1 << 7];

impl Windowed {
    pub(in crate::unbinned::pdf) fn new(
        flow: Arc<Flow>,
        observables: &[Observable],
    ) -> Result<Self> {
        let refuse = |message: String| Err(Error::Argument(format!("flow: {message}")));
        let names = || flow.observables.iter().map(String::as_str);
        if observables.len() != flow.observables.len() {
            let given = count(observables.len(), "observable");
            return refuse(format!("{given} for those of the flow: {}", list(names())));
        }
        let name = |i: usize| observables[i].name();
        if let Some(i) = (1..observables.len()).find(|i| (0..*i).any(|j| name(j) == name(*i))) {
            return refuse(format!("two of its observables are {}", quoted(name(i))));
        }
        if let Some(support) = &flow.support {
            for (observable, (lo, hi)) in observables.iter().zip(support) {
                if (observable.lo(), observable.hi()) != (*lo, *hi) {
                    return refuse(format!(
                        "it is normalised from {lo} to {hi} of {}, but the window goes from {} to {}",
                        quoted(observable.name()),
                        observable.lo(),
                        observable.hi()
                    ));
                }
            }
            return Ok(Self { flow, windows: observables.to_vec(), norm: 0.0 });
        }
        let end = "give it a first layer \"logit\" with the ends of the windows, and train it so";
        if !flow.context.is_empty() {
            return refuse(format!(
                "it is normalised on all numbers, and its integral over the window depends on the context: {end}"
            ));
        }
        if observables.len() > INTERVALS.len() {
            return refuse(format!(
                "it is normalised on all numbers, and its integral over the window is worked out for two \
                 observables at most: {end}"
            ));
        }
        let norm = integral(&flow, observables)?;
        match norm {
            Some(norm) => Ok(Self { flow, windows: observables.to_vec(), norm: libm::log(norm) }),
            None => refuse(format!(
                "its integral over the window cannot be told to {AGREEMENT:e}, or is 0: {end}"
            )),
        }
    }

    /// Names of the context's numbers.
    pub(in crate::unbinned::pdf) fn parameter_names(&self) -> Vec<String> {
        self.flow.context.clone()
    }

    pub(in crate::unbinned::pdf) fn kind(&self) -> &'static str {
        if self.flow.context.is_empty() { "flow" } else { "conditional_flow" }
    }

    pub(in crate::unbinned::pdf) fn evaluate(
        &self,
        theta: &[f64],
        x: &[&[f64]],
        mut out: Output<'_>,
    ) -> Result<()> {
        let again = Output {
            value: &mut *out.value,
            gradient: out.gradient.as_deref_mut(),
            hessian: out.hessian.as_deref_mut(),
        };
        self.flow.evaluate(theta, x, Directions::Context, again)?;
        if self.flow.support.is_some() {
            return Ok(());
        }
        for i in 0..out.value.len() {
            match self.windows.iter().zip(x).all(|(window, x)| window.contains(x[i])) {
                true => out.value[i] -= self.norm,
                false => out.put(i, f64::NEG_INFINITY, |_| 0.0, |_| 0.0),
            }
        }
        Ok(())
    }
}

/// The integral over the windows of a flow without context, by Gauss and Legendre on ever more intervals; `None` if
/// these do not agree.
fn integral(flow: &Flow, windows: &[Observable]) -> Result<Option<f64>> {
    let (mut before, mut intervals) = (f64::NAN, 4);
    while intervals <= INTERVALS[windows.len() - 1] {
        let axis = |window: &Observable| -> Vec<(f64, f64)> {
            let half = 0.5 * window.width() / intervals as f64;
            let points = (0..2 * intervals).step_by(2).flat_map(|i| {
                NODES.map(|(node, weight)| {
                    (window.lo() + half * (i as f64 + 1.0 + node), half * weight)
                })
            });
            points.collect()
        };
        let mut total = Sum::default();
        // an axis that is not there has one point
        let rows = windows.get(1).map_or(vec![(0.0, 1.0)], axis);
        let points = axis(&windows[0]);
        let x: Vec<f64> = points.iter().map(|p| p.0).collect();
        let mut logs = vec![0.0; x.len()];
        for (y, weight) in rows {
            let y = vec![y; x.len()];
            let columns = [&x[..], &y[..]];
            let out = Output { value: &mut logs, gradient: None, hessian: None };
            flow.evaluate(&[], &columns[..windows.len()], Directions::Context, out)?;
            points.iter().zip(&logs).for_each(|(p, log)| total.add(weight * p.1 * libm::exp(*log)));
        }
        let total = total.total();
        if (total - before).abs() <= AGREEMENT * total && total > 0.0 {
            return Ok(Some(total));
        }
        (before, intervals) = (total, 2 * intervals);
    }
    Ok(None)
}
