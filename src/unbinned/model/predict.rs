//! What a model says of events that are not its own: how many there are, and where.

use std::sync::Arc;

use super::channel::{Compiled, shape};
use super::evaluate::expected;
use super::{Process, UnbinnedModel, check_point};
use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::unbinned::kernel::Order;

impl UnbinnedModel {
    /// Expected numbers of events at `theta`, `[n_parameters]`: of each channel, one a process.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a value that is not finite, a yield below 0.
    pub fn expected(&self, theta: &[f64]) -> Result<Vec<Vec<f64>>> {
        check_point(&self.parameters, theta)?;
        let of = |channel: &Arc<Compiled>| {
            let yields = expected(channel, theta, Order::Value)?;
            Ok(yields.into_iter().map(|e| e.value).collect())
        };
        self.channels.iter().map(of).collect()
    }

    /// `ln p(x_i)` of a process for other events than the channel's, as
    /// [`Pdf::log_prob`](crate::unbinned::pdf::Pdf::log_prob) has it; `x` has a slice for each of the density's
    /// observables, all of one length.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: an index beyond the end, no slice of values, and as for `Pdf::log_prob`.
    pub fn log_prob(
        &self,
        channel: usize,
        process: usize,
        theta: &[f64],
        x: &[&[f64]],
    ) -> Result<Vec<f64>> {
        check_point(&self.parameters, theta)?;
        let of = self.channels().nth(channel).and_then(|c| Some((c, c.processes.get(process)?)));
        let (Some((channel, process)), Some(first)) = (of, x.first()) else {
            let message = format!("there is no process {process} in a channel {channel}, or no x");
            return Err(Error::Argument(message));
        };
        let Process { name, pdf, .. } = process;
        let mut out = vec![0.0; first.len()];
        pdf.log_prob(&shape(process, theta), x, &mut out).map_err(|error| {
            let (channel, process) = (quoted(&channel.name), quoted(name));
            Error::Argument(format!("channel {channel}, process {process}: {error}"))
        })?;
        Ok(out)
    }
}
