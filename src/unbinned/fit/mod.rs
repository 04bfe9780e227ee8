//! Maximum likelihood of a model: Newton's method with the exact Hessian, first on a part of the events.

mod lockstep;
mod problem;
mod starts;

use crate::error::{Error, Result};
pub use crate::fit::FitOptions;
use crate::fit::{Covariance, Fit, Status, Tolerance, covariance};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::kernel::Order;
use problem::Scaled;

/// Of channels with many events one of every `STRIDE` at first: most steps are taken there.
const STRIDE: usize = 16;
/// Fewer events than this are fitted together at once.
const MANY: usize = 1024 * STRIDE;

/// A fit with its uncertainties.
#[derive(Debug, Clone, PartialEq)]
pub struct FitResult {
    /// How it ended.
    pub status: Status,
    /// Best-fit values, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// Square roots of the covariance's diagonal, `[n_parameters]`: 0 for fixed parameters and for those at a
    /// bound. Empty where the Hessian is not positive definite.
    pub uncertainties: Vec<f64>,
    /// Covariance from the inverse observed Hessian over the free parameters, `[n_parameters, n_parameters]`,
    /// rows of fixed or bound parameters 0. Empty as above.
    pub covariance: Vec<f64>,
    /// Why there are no uncertainties, where there are none.
    pub covariance_problem: Option<String>,
    /// Held constant, `[n_parameters]`.
    pub fixed: Vec<bool>,
    /// Held back by the lower (-1) or upper (+1) bound, or not (0), `[n_parameters]`.
    pub at_bound: Vec<i8>,
    /// NLL at the minimum, as [`UnbinnedModel::nll`] gives it.
    pub nll: f64,
    /// Estimated vertical distance to the minimum of the NLL.
    pub edm: f64,
    /// Evaluations of all events.
    pub evaluations: u32,
    /// Evaluations of the part that was fitted first.
    pub thinned_evaluations: u32,
    /// NLL of every distinct local minimum met, rising; the first is this fit.
    pub minima: Vec<f64>,
}

impl UnbinnedModel {
    /// Maximum-likelihood fit with covariance, from the initial values. Three points around them are tried on a 256th
    /// of the events (256 events at least); where one leads to another minimum, that is fitted as well, and
    /// the lowest is kept. Where it ends depends neither on the
    /// number of threads nor on the units of parameters. For event weights other than 1 the covariance is that
    /// of the weighted likelihood as it stands.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: an unknown name in [`FitOptions::fix`] or a value that is not finite; at the start, a
    /// yield below 0, a parameter outside a density's domain, or events that no process can make. A fit that does
    /// not converge is no error: its status says so.
    pub fn fit(&self, options: &FitOptions) -> Result<FitResult> {
        Ok(self.fit_all_minima(options)?.0)
    }

    /// The same from the initial values alone.
    ///
    /// # Errors
    ///
    /// As for [`UnbinnedModel::fit`].
    pub fn fit_once(&self, options: &FitOptions) -> Result<FitResult> {
        let (start, fixed) = self.begin(options)?;
        self.fit_from(&start, &fixed, options.tolerance)
    }

    /// [`UnbinnedModel::fit`] with the points of all distinct minima met, `[n_parameters]` each, the lowest first.
    pub(crate) fn fit_all_minima(
        &self,
        options: &FitOptions,
    ) -> Result<(FitResult, Vec<Vec<f64>>)> {
        let (start, fixed) = self.begin(options)?;
        let mut found = self.minima(&start, &fixed, options.tolerance)?;
        let best = self.conclude(found.remove(0), &fixed)?;
        let mut points = vec![best.parameters.clone()];
        points.extend(
            found.iter().map(|other| other.problem.to_model(&other.found.parameters, &fixed)),
        );
        let minima = [best.nll].into_iter().chain(found.iter().map(Search::nll)).collect();
        Ok((FitResult { minima, ..best }, points))
    }

    /// The start, and what is held.
    fn begin(&self, options: &FitOptions) -> Result<(Vec<f64>, Vec<bool>)> {
        let (mut fixed, mut start) = (self.fixed(), self.init());
        for (name, value) in &options.fix {
            let k = self.parameter_index(name)?;
            if !value.is_finite() {
                return Err(Error::Argument(format!("{name} = {value} is not a finite number")));
            }
            fixed[k] = true;
            start[k] = *value;
        }
        Ok((start, fixed))
    }

    /// Parameters whose bounds are equal, `[n_parameters]`.
    pub(crate) fn fixed(&self) -> Vec<bool> {
        self.parameters().iter().map(|p| p.bounds.0 == p.bounds.1).collect()
    }

    /// [`UnbinnedModel::fit_once`] from another start, with those `fixed` held there.
    pub(crate) fn fit_from(
        &self,
        start: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<FitResult> {
        self.conclude(self.search(start, fixed, tolerance)?, fixed)
    }

    /// A minimum with its uncertainties.
    fn conclude(&self, search: Search<'_>, fixed: &[bool]) -> Result<FitResult> {
        let Ended { found, parameters, covariance } = search.ended(fixed);
        search.problem.failure()?;
        let name = |k: usize| self.parameters()[k].name.clone();
        let nll = self.evaluate(&parameters, Order::Value, 0.0)?.nll;
        Ok(FitResult {
            status: found.status,
            nll,
            minima: vec![nll],
            parameters,
            covariance_problem: covariance.problem(name),
            uncertainties: covariance.uncertainties,
            covariance: covariance.matrix,
            fixed: fixed.to_vec(),
            at_bound: covariance.at_bound,
            edm: found.edm,
            evaluations: found.evaluations,
            thinned_evaluations: search.thinned_evaluations,
        })
    }

    /// The same without uncertainties, for fits of which only the height is asked.
    pub(crate) fn minimum(
        &self,
        start: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Fit> {
        let Search { problem, mut found, .. } = self.search(start, fixed, tolerance)?;
        found.parameters = problem.to_model(&found.parameters, fixed);
        found.nll = self.evaluate(&found.parameters, Order::Value, 0.0)?.nll;
        Ok(found)
    }

    /// The covariance at a minimum. Parameters that nothing depends on there (the shape of what has a yield of 0) count
    /// as held.
    pub(crate) fn covariance_at(&self, at: &[f64], fixed: &[bool]) -> Result<Covariance> {
        let problem = Scaled::new(self, at)?;
        let information = self.evaluate(at, Order::Hessian, 0.0)?.information;
        let idle = |(k, fixed): (usize, &bool)| *fixed || information[k] == 0.0;
        let held: Vec<bool> = fixed.iter().enumerate().map(idle).collect();
        let mut covariance = covariance(&problem, &problem.to_scaled(at), &[], &[], &held);
        problem.unscale(&mut covariance);
        Ok(covariance)
    }

    /// Fits of one data set each, with those `fixed` held at their starts: [`UnbinnedModel::fit_from`] where `widths` are
    /// asked for, else [`UnbinnedModel::minimum`], and then no uncertainties. Where events lie on a device, all take
    /// their steps together, there, from all events at once. `None` for a fit that cannot begin.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails.
    pub(crate) fn fits_from(
        tasks: &[(&Self, &[f64])],
        fixed: &[bool],
        tolerance: Tolerance,
        widths: bool,
    ) -> Result<Vec<Option<Found>>> {
        if tasks.iter().any(|(model, _)| model.lies_on_device().is_some()) {
            return lockstep::fits_from(tasks, fixed, tolerance, widths);
        }
        let one = |(model, start): &(&Self, &[f64])| {
            let found = match widths {
                true => model.fit_from(start, fixed, tolerance).map(Found::from),
                false => model
                    .minimum(start, fixed, tolerance)
                    .map(|fit| Found { fit, uncertainties: Vec::new() }),
            };
            found.ok()
        };
        Ok(tasks.iter().map(one).collect())
    }

    fn search(&self, start: &[f64], fixed: &[bool], tolerance: Tolerance) -> Result<Search<'_>> {
        let part = self.part(fixed)?;
        let reached = part.as_ref().and_then(|part| part.reach(start, fixed, tolerance));
        self.search_on(start, reached, fixed, tolerance)
    }

    /// The events that are fitted first, unless there are few, or nothing is free.
    fn part(&self, fixed: &[bool]) -> Result<Option<Self>> {
        if fixed.iter().all(|f| *f) {
            return Ok(None);
        }
        self.thinned(|n| if n >= MANY { STRIDE } else { 1 })
    }

    /// Where a fit of a part of the events ends; `None` where it cannot begin.
    fn reach(&self, start: &[f64], fixed: &[bool], tolerance: Tolerance) -> Option<Reached> {
        let problem = Scaled::new(self, start).ok()?;
        let found = problem.minimize(start, fixed, tolerance);
        Some(Reached {
            point: problem.to_model(&found.parameters, fixed),
            nll: problem.nll() + found.nll,
            evaluations: found.evaluations,
            converged: found.status.is_converged(),
        })
    }

    /// The minimum from where a part of the events led to, or from the start where the part misleads.
    fn search_on(
        &self,
        start: &[f64],
        reached: Option<Reached>,
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Search<'_>> {
        let (mut problem, mut start) = (None, start.to_vec());
        let mut thinned_evaluations = 0;
        if let Some(reached) = reached
            && let here = self.evaluate(&start, Order::Value, 0.0)?.nll
            && here.is_finite()
        {
            thinned_evaluations = reached.evaluations;
            problem = Scaled::new(self, &reached.point).ok().filter(|better| better.nll() < here);
            if problem.is_some() {
                start = reached.point;
            }
        }
        let problem = match problem {
            Some(problem) => problem,
            None => Scaled::new(self, &start)?,
        };
        let found = problem.minimize(&start, fixed, tolerance);
        problem.failure()?;
        Ok(Search { problem, found, thinned_evaluations })
    }
}

/// A fit of which little is kept.
pub(crate) struct Found {
    pub(crate) fit: Fit,
    /// As in [`FitResult`].
    pub(crate) uncertainties: Vec<f64>,
}

impl From<FitResult> for Found {
    fn from(fit: FitResult) -> Self {
        let FitResult { parameters, nll, edm, evaluations, status, uncertainties, .. } = fit;
        let fit = Fit { parameters, nll, edm, evaluations, status, negative_bin: -1 };
        Self { fit, uncertainties }
    }
}

/// Where a fit of a part of the events ended, in the model's units.
struct Reached {
    point: Vec<f64>,
    /// Of the part.
    nll: f64,
    evaluations: u32,
    converged: bool,
}

/// A minimum in the model's units, but for the NLL.
struct Ended {
    found: Fit,
    parameters: Vec<f64>,
    covariance: Covariance,
}

/// A minimum in the minimizer's units.
struct Search<'m> {
    problem: Scaled<'m>,
    found: Fit,
    thinned_evaluations: u32,
}

impl Search<'_> {
    /// With uncertainties and, from them, its last digits.
    fn ended(&self, fixed: &[bool]) -> Ended {
        let Self { problem, found, .. } = self;
        let mut x = found.parameters.clone();
        let mut covariance = covariance(problem, &x, &[], &[], fixed);
        if found.status == Status::Converged && !covariance.matrix.is_empty() {
            problem.polish(&mut x, &covariance.matrix);
        }
        problem.unscale(&mut covariance);
        Ended { found: found.clone(), parameters: problem.to_model(&x, fixed), covariance }
    }

    /// NLL there.
    fn nll(&self) -> f64 {
        self.problem.nll() + self.found.nll
    }

    fn converged(&self) -> bool {
        self.found.status.is_converged()
    }
}
