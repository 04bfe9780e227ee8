//! Whether a device computes what its kernels say: the production kernels, on the model at hand, against
//! the processor. A driver that breaks the arithmetic shows here, whatever it does to a smaller kernel.

use super::points::evaluate;
use super::{Accelerator, FitJob, Outcome};
use crate::model::{Constraint, Model};
use crate::{Error, Result};

/// Fits of a job that are looked at.
const LOOKED_AT: usize = 4;

/// A device to be compared with the processor.
pub(in crate::accelerator) struct Comparison<'a> {
    /// The device, with the processor behind it.
    pub(in crate::accelerator) device: &'a dyn Accelerator,
    pub(in crate::accelerator) model: &'a Model,
    /// As messages name it.
    pub(in crate::accelerator) name: &'a str,
    /// What rounding may do to an NLL, relative to one plus its size and that of the counts.
    pub(in crate::accelerator) allowed: f64,
    /// What to do where it differs by more.
    pub(in crate::accelerator) advice: &'a str,
}

impl Comparison<'_> {
    fn refuse(&self, what: &str, device: f64, host: f64) -> Error {
        Error::Device {
            device: self.name.to_owned(),
            message: format!(
                "{what} is {device:e} in {} where the processor has {host:e}; {}",
                self.device.info().precision,
                self.advice
            ),
        }
    }

    /// NLL and gradient at points around the initial one, against the processor.
    ///
    /// # Errors
    /// Where they differ by more than the precision allows.
    pub(in crate::accelerator) fn points(&self) -> Result<()> {
        let model = self.model;
        let (n, data) = (model.n_parameters(), model.observed());
        let points: Vec<f64> = (0..self.device.lanes()).flat_map(|l| self.point(l)).collect();
        let (nll, gradient) = evaluate(self.device, &points, &data.main, &data.auxiliary)?;
        let (host_nll, host_gradient) =
            evaluate(self.device.host(), &points, &data.main, &data.auxiliary)?;
        let counts: f64 = data.main.iter().chain(&data.auxiliary).map(|v| v.abs()).sum();
        for (l, (device, host)) in nll.iter().zip(&host_nll).enumerate() {
            if !host.is_finite() {
                continue;
            }
            let room = self.allowed * (1.0 + host.abs() + counts);
            if !within(*device, *host, room) {
                return Err(self.refuse("the NLL of a test point", *device, *host));
            }
            let row = l * n..(l + 1) * n;
            let largest = host_gradient[row.clone()].iter().fold(1.0f64, |m, g| m.max(g.abs()));
            for (device, host) in gradient[row.clone()].iter().zip(&host_gradient[row]) {
                let room = 10.0 * self.allowed * (largest + counts);
                if !within(*device, *host, room) {
                    return Err(self.refuse("a derivative at a test point", *device, *host));
                }
            }
        }
        Ok(())
    }

    /// The initial point, then others within a width of it.
    fn point(&self, number: usize) -> Vec<f64> {
        let model = self.model;
        let parameters = model.parameters().iter().enumerate();
        parameters
            .map(|(k, p)| {
                let width = match p.constraint {
                    Constraint::Gaussian { sigma, .. } => sigma,
                    Constraint::Poisson { tau, .. } => tau.sqrt().recip().min(0.3),
                    Constraint::None => 0.3 * p.init.abs().max(0.1),
                };
                // no two parameters alike, none of them round
                let phase = (1.0 + k as f64) * (0.618_033_988_75 * number as f64);
                (p.init + 1.3 * width * libm::sin(phase)).clamp(p.bounds.0, p.bounds.1)
            })
            .collect()
    }

    /// The NLL that the device gives for a few fits, against the processor's at the same parameters.
    ///
    /// # Errors
    /// Where they differ by more than the precision allows.
    pub(in crate::accelerator) fn fits(
        &self,
        fits: &[Option<Outcome>],
        job: &FitJob<'_>,
    ) -> Result<()> {
        let finished = fits.iter().enumerate().filter_map(|(i, o)| Some((i, o.as_ref()?)));
        for (i, fit) in finished.filter(|(_, o)| o.nll.is_finite()).take(LOOKED_AT) {
            let (main, auxiliary) = (job.main_of(i), job.auxiliary_of(i));
            let host = evaluate(self.device.host(), &fit.parameters, main, auxiliary)?.0[0];
            let counts: f64 = main.iter().chain(auxiliary).map(|v| v.abs()).sum();
            if !within(fit.nll, host, self.allowed * (1.0 + host.abs() + counts)) {
                return Err(self.refuse("the NLL of a fit", fit.nll, host));
            }
        }
        Ok(())
    }
}

/// Whether two numbers are so close; NaN never is.
fn within(a: f64, b: f64, room: f64) -> bool {
    (a - b).abs() <= room
}
