//! What a model expects in bins, integrals of its densities over them, beside its events.

use super::throw::{in_process, shape};
use crate::error::{Error, Result};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::model::{Channel, check_point};
use crate::unbinned::pdf::check_integral;
use crate::unbinned::quadrature::panels;

/// Events of a channel in bins of equal width over the window, and what is expected there.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Name of the observable.
    pub observable: String,
    /// Rising, `[n_bins + 1]`.
    pub edges: Vec<f64>,
    /// Sums of the events' weights, `[n_bins]`.
    pub observed: Vec<f64>,
    /// Square roots of the sums of squared weights, `[n_bins]`; `None` where events have none.
    pub uncertainty: Option<Vec<f64>>,
    /// Of each process, `[n_bins]`.
    pub expected: Vec<Vec<f64>>,
}

impl UnbinnedModel {
    /// Each channel's events in `bins` bins and what is expected there at `theta`, `[n_parameters]`; `None` of a channel
    /// whose densities are of several observables.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for no bins or more than a million; as for [`UnbinnedModel::binned`].
    pub fn histograms(&self, bins: usize, theta: &[f64]) -> Result<Vec<Option<Histogram>>> {
        if !(1..=1_000_000).contains(&bins) {
            return Err(Error::Argument(format!("{bins} bins; 1 to 1000000 can be made")));
        }
        let one = |(k, channel): (usize, &Channel)| {
            let [observable] = channel.processes[0].pdf.observables() else { return Ok(None) };
            let (lo, hi) = (observable.lo(), observable.hi());
            let edge =
                |i: usize| if i == bins { hi } else { lo + (hi - lo) * (i as f64 / bins as f64) };
            let edges: Vec<f64> = (0..=bins).map(edge).collect();
            let expected = self.expected_in_bins(k, &edges, theta)?;
            let (mut observed, mut squares) = (vec![0.0; bins], vec![0.0; bins]);
            let weights = channel.events.weights();
            for (i, x) in channel.events.column(observable.name())?.iter().enumerate() {
                // the last bin has its upper end
                let after = edges.partition_point(|edge| edge <= x);
                let bin = after.saturating_sub(1).min(bins - 1);
                let weight = weights.map_or(1.0, |w| w[i]);
                observed[bin] += weight;
                squares[bin] += weight * weight;
            }
            let uncertainty = weights.map(|_| squares.iter().map(|s| s.sqrt()).collect());
            let observable = observable.name().to_owned();
            Ok(Some(Histogram { observable, edges, observed, uncertainty, expected }))
        };
        self.channels().enumerate().map(one).collect()
    }

    /// Expected numbers of events of each process of a channel between rising `edges`, at `theta` `[n_parameters]`:
    /// `[n_processes][n_bins]`, to 1e-8 of the process's yield. Parts of bins outside the window have none.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: no such channel; fewer than two edges, or such that do not rise; a value that is not
    /// finite or outside a density's domain, a yield below 0. [`Error::Unsupported`]: densities of several
    /// observables, or such that cannot be integrated.
    pub fn expected_in_bins(
        &self,
        channel: usize,
        edges: &[f64],
        theta: &[f64],
    ) -> Result<Vec<Vec<f64>>> {
        check_point(self.parameters(), theta)?;
        let Some(here) = self.channels().nth(channel) else {
            return Err(Error::Argument(format!("there is no channel {channel}")));
        };
        let rise = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if edges.len() < 2 || !rise || edges.iter().any(|edge| !edge.is_finite()) {
            return Err(Error::Argument("edges: two or more rising numbers are needed".into()));
        }
        let mut found = Vec::with_capacity(here.processes.len());
        for (process, events) in here.processes.iter().zip(&self.expected(theta)?[channel]) {
            let pdf = &process.pdf;
            let named = |error| in_process(here, process, error);
            let [observable] = pdf.observables() else {
                let message = "its density is of several observables, and bins are of one";
                return Err(named(Error::Unsupported(message.into())));
            };
            let shape = shape(process, theta);
            let window = (observable.lo(), observable.hi());
            let mut breaks = pdf.breaks(&shape);
            breaks.extend(edges.iter().filter(|edge| window.0 < **edge && **edge < window.1));
            breaks.sort_by(f64::total_cmp);
            breaks.dedup();
            let panels = panels(&breaks, 1, &|_, x| pdf.density_at(&shape, x)).map_err(named)?;
            let mut bins = vec![0.0; edges.len() - 1];
            let mut total = 0.0;
            for panel in &panels {
                let integral = panel.integral(0);
                total += integral;
                // edges are ends of panels
                let after = edges.partition_point(|edge| *edge <= panel.lo);
                if let Some(bin) = after.checked_sub(1).and_then(|bin| bins.get_mut(bin)) {
                    *bin += integral * events;
                }
            }
            check_integral(pdf.kind(), total).map_err(named)?;
            found.push(bins);
        }
        Ok(found)
    }
}
