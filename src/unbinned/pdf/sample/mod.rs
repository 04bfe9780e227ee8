//! Random values of densities, each from one uniform number an observable: products of each factor by itself, flows of
//! their base distribution and back through their layers. The same bits everywhere.

mod breaks;
mod line;

use super::{Kind, Pdf, flow};
use crate::error::Result;
pub(in crate::unbinned) use breaks::check_integral;
use line::Line;

/// A density at its parameters, ready to be drawn from.
#[derive(Debug, Clone)]
pub(in crate::unbinned) struct Sampler {
    /// Of consecutive observables.
    factors: Vec<Factor>,
}

#[derive(Debug, Clone)]
enum Factor {
    Line(Line),
    Flow(flow::Draws),
}

impl Pdf {
    /// Draws at these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`](crate::error::Error::Argument): a parameter outside its domain.
    /// [`Error::Unsupported`](crate::error::Error::Unsupported): a density of one observable that cannot be integrated
    /// numerically, a flow of which too little lies in its windows.
    pub(in crate::unbinned) fn sampler(&self, theta: &[f64]) -> Result<Sampler> {
        let factor = |(pdf, theta): (&Self, &[f64])| match &pdf.kind {
            Kind::Flow(flow) => {
                flow.draws(theta).map(Factor::Flow).map_err(|error| pdf.named(error))
            }
            _ => pdf.line(theta).map(Factor::Line),
        };
        let factors = self.factors_at(theta).into_iter().map(factor).collect::<Result<_>>()?;
        Ok(Sampler { factors })
    }

    /// What it is a product of, itself if it is none, each with its parameters; in the order of the observables.
    pub(in crate::unbinned) fn factors_at<'a>(
        &'a self,
        mut theta: &'a [f64],
    ) -> Vec<(&'a Self, &'a [f64])> {
        let with_own = |factor: &'a Self| {
            let own;
            (own, theta) = theta.split_at(factor.parameter_names().len());
            (factor, own)
        };
        self.factors().iter().map(with_own).collect()
    }
}

impl Sampler {
    /// Appends `n` events to `out`, a column an observable. `uniform(d)` gives numbers in (0, 1) for observable d, one
    /// an event, for events that a window rejects as well.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`](crate::error::Error::Argument): a flow that leads to numbers that are not finite.
    pub(in crate::unbinned) fn fill<U: FnMut() -> f64>(
        &self,
        n: usize,
        uniform: impl Fn(usize) -> U,
        out: &mut [Vec<f64>],
    ) -> Result<()> {
        let mut first = 0;
        for factor in &self.factors {
            match factor {
                Factor::Line(line) => {
                    line.fill(n, uniform(first), &mut out[first]);
                    first += 1;
                }
                Factor::Flow(flow) => {
                    let own = first..first + flow.dimensions();
                    let mut numbers: Vec<U> = own.clone().map(&uniform).collect();
                    flow.fill(n, &mut numbers, &mut out[own.clone()])?;
                    first = own.end;
                }
            }
        }
        Ok(())
    }
}
