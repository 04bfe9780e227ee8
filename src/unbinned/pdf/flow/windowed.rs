//! Flows as densities on windows.

use std::sync::Arc;

use super::{Directions, Flow, Source};
use crate::accelerator::flows::{CardModel, FlowEvents};
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
/// Points at a time.
const POINTS: usize = 4096;
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
        if let Some(support) = flow.support() {
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
            let many = observables.len() > INTERVALS.len();
            if flow.is_normalised() || !flow.context.is_empty() || many {
                return Ok(Self { flow, windows: observables.to_vec(), norm: 0.0 });
            }
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
        let windows: Vec<_> = observables.iter().map(|o| (o.lo(), o.hi())).collect();
        let agreement = flow.agreement();
        match integral(&flow, &[], &windows, agreement)? {
            Some(norm) => Ok(Self { flow, windows: observables.to_vec(), norm: libm::log(norm) }),
            None => refuse(format!(
                "its integral over the window cannot be told to {agreement:e}, or is 0: {end}"
            )),
        }
    }

    /// Names of the context's numbers.
    pub(in crate::unbinned::pdf) fn parameter_names(&self) -> Vec<String> {
        self.flow.context.clone()
    }

    pub(in crate::unbinned::pdf) fn provenance(&self) -> Option<String> {
        self.flow.provenance()
    }

    pub(in crate::unbinned::pdf) fn kind(&self) -> &'static str {
        if self.flow.context.is_empty() { "flow" } else { "conditional_flow" }
    }

    /// At these events as devices take it, with derivatives in the context's places `free`, where it is of layers and
    /// normalised by what it is made of.
    pub(in crate::unbinned::pdf) fn on_device(
        &self,
        x: &[&[f64]],
        free: &[usize],
    ) -> Result<Option<FlowEvents>> {
        match &self.flow.source {
            Source::Layers(layered) if self.norm == 0.0 => layered.on_device(x, free),
            _ => Ok(None),
        }
    }

    /// Models in ONNX make its columns.
    pub(in crate::unbinned::pdf) fn is_exported(&self) -> bool {
        self.flow.ep_kind().is_some() && self.norm == 0.0
    }

    /// That it is a density in this context.
    pub(in crate::unbinned::pdf) fn check(&self, context: &[f64]) -> Result<()> {
        self.flow.check_context(context)?;
        self.flow.check_integral(context)
    }

    /// Its models at these events, where they run on this card.
    pub(in crate::unbinned::pdf) fn on_card(
        &self,
        x: &[&[f64]],
        free: &[usize],
        card: usize,
    ) -> Result<Vec<Box<dyn CardModel>>> {
        self.flow.on_card(x, free, card)
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
        self.flow.check_integral(theta)?;
        self.flow.evaluate(theta, x, Directions::Context, again)?;
        if self.flow.support().is_some() && self.norm == 0.0 {
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

/// The integral over the windows, one or two, of a flow in a context, by Gauss and Legendre on ever more intervals until
/// two agree to this part; `None` if these do not.
pub(super) fn integral(
    flow: &Flow,
    context: &[f64],
    windows: &[(f64, f64)],
    agreement: f64,
) -> Result<Option<f64>> {
    let (mut before, mut intervals) = (f64::NAN, 4);
    while intervals <= INTERVALS[windows.len() - 1] {
        let axis = |&(lo, hi): &(f64, f64)| -> Vec<(f64, f64)> {
            let half = 0.5 * (hi - lo) / intervals as f64;
            let points = (0..2 * intervals).step_by(2).flat_map(|i| {
                NODES.map(|(node, weight)| (lo + half * (i as f64 + 1.0 + node), half * weight))
            });
            points.collect()
        };
        // an axis that is not there has one point
        let (first, second) = (axis(&windows[0]), windows.get(1).map_or(vec![(0.0, 1.0)], axis));
        let mut total = Sum::default();
        // many rows at a time: a model in ONNX takes whole batches
        for rows in second.chunks((POINTS / first.len()).max(1)) {
            let pairs = || rows.iter().flat_map(|row| first.iter().map(move |p| (p, row)));
            let x: Vec<f64> = pairs().map(|(p, _)| p.0).collect();
            let y: Vec<f64> = pairs().map(|(_, row)| row.0).collect();
            let mut logs = vec![0.0; x.len()];
            let out = Output { value: &mut logs, gradient: None, hessian: None };
            let columns = [&x[..], &y[..]];
            flow.evaluate(context, &columns[..windows.len()], Directions::Context, out)?;
            for ((p, row), log) in pairs().zip(&logs) {
                total.add(row.1 * p.1 * libm::exp(*log));
            }
        }
        let total = total.total();
        if (total - before).abs() <= agreement * total && total > 0.0 {
            return Ok(Some(total));
        }
        (before, intervals) = (total, 2 * intervals);
    }
    Ok(None)
}
