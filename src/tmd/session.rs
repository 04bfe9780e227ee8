//! Plans on devices.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::plan::{Plan, Prediction};
use crate::accelerator::tmd::{Opened, TmdDevice, open};
use crate::accelerator::{DeviceInfo, DeviceRequest, cpu};
use crate::error::{Error, Result};
use crate::spec::text::count;

/// What evaluates a plan: the plan itself, on the processor, or a [`PlanSession`].
pub trait Evaluate: Send + Sync {
    /// The plan.
    fn plan(&self) -> &Plan;

    /// What runs.
    fn info(&self) -> DeviceInfo;

    /// Predictions at several points of parameter space, `[rows, n_parameters]`, with their exact derivatives if
    /// `slopes`. A row in which the shapes have no value is an error of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for numbers that make no rows, [`Error::Device`] where the device fails.
    fn rows(&self, parameters: &[f64], slopes: bool) -> Result<Vec<Result<Prediction>>>;

    /// Whether many rows at once are worth more than one by one on as many threads.
    fn takes_many(&self) -> bool {
        false
    }

    /// Whether the processor goes on where a fit here does not converge, for want of digits.
    fn finishes_on_processor(&self) -> bool {
        false
    }
}

impl Evaluate for Plan {
    fn plan(&self) -> &Plan {
        self
    }

    fn info(&self) -> DeviceInfo {
        cpu::describe(cpu::lanes(), "plans evaluate themselves on the processor")
    }

    fn rows(&self, parameters: &[f64], slopes: bool) -> Result<Vec<Result<Prediction>>> {
        let one = |row| if slopes { self.jacobian(row) } else { self.predict(row) };
        Ok(parameters.chunks(check_rows(self, parameters)?).map(one).collect())
    }
}

impl<T: Evaluate + ?Sized> Evaluate for std::sync::Arc<T> {
    fn plan(&self) -> &Plan {
        (**self).plan()
    }

    fn info(&self) -> DeviceInfo {
        (**self).info()
    }

    fn rows(&self, parameters: &[f64], slopes: bool) -> Result<Vec<Result<Prediction>>> {
        (**self).rows(parameters, slopes)
    }

    fn takes_many(&self) -> bool {
        (**self).takes_many()
    }

    fn finishes_on_processor(&self) -> bool {
        (**self).finishes_on_processor()
    }
}

/// Length of a row.
fn check_rows(plan: &Plan, parameters: &[f64]) -> Result<usize> {
    let n = plan.parameter_names().len();
    match parameters.len().is_multiple_of(n) {
        true => Ok(n),
        false => Err(Error::Argument(format!(
            "{} for rows of {}",
            count(parameters.len(), "value"),
            count(n, "parameter")
        ))),
    }
}

/// A plan on a device: all but the parameters is copied there once. A row's results are the same bits alone and in
/// any company. [`fit`](super::fit::fit) and its like take a session as they take a plan.
///
/// Devices compute in f64 as the processor does, within 1e-12; in pairs of f32 (df64) within 2e-12 of a sum's terms,
/// in f32 within 2e-6, derivatives 2e-5 of a point's largest: how often larger the terms are than their sum,
/// [`Prediction::cancellation`] says. `docs/parity.md` has what was measured. The first row that a device works out
/// is compared with the processor's.
pub struct PlanSession {
    plan: Plan,
    info: DeviceInfo,
    /// None for the processor.
    device: Option<Box<dyn TmdDevice>>,
    host_fallback: bool,
    /// A row has been compared.
    tried: AtomicBool,
}

impl PlanSession {
    /// Opens the device asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where it, or its precision, cannot be used; [`Error::Argument`] for plans of 2^32 nodes.
    pub fn open(plan: Plan, request: impl Into<DeviceRequest>) -> Result<Self> {
        let request = request.into();
        let host_fallback = request.host_fallback;
        let (info, device) = match open(&request, || plan.tables())? {
            Opened::Processor(info) => (info, None),
            Opened::Device(device) => (device.info().clone(), Some(device)),
        };
        Ok(Self { plan, info, device, host_fallback, tried: AtomicBool::new(false) })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What runs.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Predictions at rows of parameters, `[rows, n_parameters]`.
    ///
    /// # Errors
    ///
    /// As for [`Plan::predict`], with the row; [`Error::Device`] where the device fails.
    pub fn predict(&self, parameters: &[f64]) -> Result<Vec<Prediction>> {
        self.all(parameters, false)
    }

    /// With the exact derivatives.
    ///
    /// # Errors
    ///
    /// As for [`PlanSession::predict`].
    pub fn jacobian(&self, parameters: &[f64]) -> Result<Vec<Prediction>> {
        self.all(parameters, true)
    }

    /// Compares a row with the processor's, the first time.
    fn try_row(&self, row: &[f64], found: &Result<Prediction>) -> Result<()> {
        let Ok(found) = found else { return Ok(()) };
        if self.tried.load(Ordering::Relaxed) {
            return Ok(());
        }
        let within = match &*self.info.precision {
            "f32" => 1e-4,
            "df64" => 1e-9,
            _ => 1e-10,
        };
        match distance(found, &self.plan.predict(row)?) {
            Some((point, apart)) if apart.is_nan() || apart > within => Err(Error::Device {
                device: self.info.name.clone(),
                message: format!(
                    "the prediction of point {point} is {apart:.1e} of its terms away from the \
                     processor's, and {within:.0e} is allowed; choose another precision, or the \
                     device cpu"
                ),
            }),
            _ => {
                self.tried.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn all(&self, parameters: &[f64], slopes: bool) -> Result<Vec<Prediction>> {
        let rows = self.rows(parameters, slopes)?;
        let many = rows.len() > 1;
        let named = |(i, row): (usize, Result<Prediction>)| match row {
            Err(Error::Argument(message)) if many => {
                Err(Error::Argument(format!("row {i}: {message}")))
            }
            row => row,
        };
        rows.into_iter().enumerate().map(named).collect()
    }
}

impl Evaluate for PlanSession {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn info(&self) -> DeviceInfo {
        self.info.clone()
    }

    fn rows(&self, parameters: &[f64], slopes: bool) -> Result<Vec<Result<Prediction>>> {
        let n = self.plan.n_points();
        let Some(device) = self.device.as_ref().filter(|_| n > 0) else {
            return self.plan.rows(parameters, slopes);
        };
        let p = check_rows(&self.plan, parameters)?;
        let checks: Vec<Result<()>> =
            parameters.chunks(p).map(|row| self.plan.check_parameters(row)).collect();
        // numbers alone go to a device; what it makes of these rows is not looked at
        let clean = parameters.iter().map(|x| if x.is_finite() { *x } else { 0.0 });
        let sums = device.sums(&clean.collect::<Vec<_>>(), slopes)?;
        let row = |(i, check): (usize, Result<()>)| -> Result<Prediction> {
            check?;
            let of = i * n..(i + 1) * n;
            let jacobian = if slopes { i * n * p..(i + 1) * n * p } else { 0..0 };
            let values = sums.values[of.clone()].to_vec();
            let sizes = sums.sizes[of].iter().zip(&values);
            self.plan.checked(Prediction {
                cancellation: sizes.map(|(size, value)| size / value.abs()).collect(),
                jacobian: sums.jacobian[jacobian].to_vec(),
                values,
            })
        };
        let rows: Vec<_> = checks.into_par_iter().enumerate().map(row).collect();
        let first = parameters.chunks(p).zip(&rows).find(|(_, row)| row.is_ok());
        first.map_or(Ok(()), |(parameters, row)| self.try_row(parameters, row))?;
        Ok(rows)
    }

    fn takes_many(&self) -> bool {
        self.device.is_some()
    }

    fn finishes_on_processor(&self) -> bool {
        self.device.is_some() && self.host_fallback && self.info.precision != "f64"
    }
}

/// The point where predictions differ most, in units of its terms' sizes.
fn distance(found: &Prediction, want: &Prediction) -> Option<(usize, f64)> {
    let points = found.values.iter().zip(&want.values).zip(&want.cancellation);
    let apart =
        points.map(|((a, b), lost)| if a == b { 0.0 } else { (a - b).abs() / (b.abs() * lost) });
    // also NaN
    apart.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_most_is_found() {
        let at = |values: &[f64]| Prediction {
            values: values.to_vec(),
            jacobian: Vec::new(),
            cancellation: vec![1.0, 4.0, f64::NAN],
        };
        let want = at(&[1.0, 2.0, 0.0]);
        assert_eq!(distance(&want, &want), Some((2, 0.0)));
        assert_eq!(distance(&at(&[1.0, 3.0, 0.0]), &want), Some((1, 0.125)));
        assert_eq!(distance(&at(&[1.5, 3.0, 0.0]), &want), Some((0, 0.5)));
        let (point, apart) = distance(&at(&[1.5, f64::NAN, 0.0]), &want).expect("points");
        assert!(point == 1 && apart.is_nan());
    }
}
