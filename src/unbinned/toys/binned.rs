//! What a model expects in bins: integrals of its densities over them.

use super::throw::{in_process, shape};
use crate::error::{Error, Result};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::model::check_point;
use crate::unbinned::pdf::check_integral;
use crate::unbinned::quadrature::panels;

impl UnbinnedModel {
    /// Expected numbers of events of each process of a channel between rising `edges`, at `theta` `[n_parameters]`:
    /// `[n_processes][n_bins]`, to 1e-8 of the process's yield. Parts of bins outside the window have none.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: no such channel; fewer than two edges, or such that do not rise; a value that is not
    /// finite or outside a density's domain, a yield below 0. [`Error::Unsupported`]: densities of several
    /// observables, or such that cannot be integrated.
    pub fn binned(&self, channel: usize, edges: &[f64], theta: &[f64]) -> Result<Vec<Vec<f64>>> {
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
