//! One fit, with its uncertainties.

use super::Session;
pub use crate::fit::FitOptions;
use crate::fit::{self, FitBatch, FitJob, Status};
use crate::model::{Constraint, Data, Model};
use crate::{Error, Result};

/// A single fit starts here as well as at the initial parameters, and keeps the lowest minimum:
/// one-sided systematics can give a likelihood several. They ride in lanes that would be idle.
pub(super) const STARTS: usize = 8;
/// Minima closer than this in twice the NLL are one.
const SAME_MINIMUM: f64 = 1e-5;

/// One fit with its uncertainties.
#[derive(Debug, Clone)]
pub struct FitResult {
    /// How it ended.
    pub status: Status,
    /// Best-fit values, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// Square roots of the covariance's diagonal, `[n_parameters]`: 0 for fixed parameters and for
    /// those at a bound. Empty where the Hessian is not positive definite.
    pub uncertainties: Vec<f64>,
    /// Covariance from the inverse observed Hessian over the free parameters,
    /// `[n_parameters, n_parameters]`, rows of fixed or bound parameters 0. Empty as above.
    pub covariance: Vec<f64>,
    /// Why there are no uncertainties, where there are none.
    pub covariance_problem: Option<String>,
    /// Held constant, `[n_parameters]`.
    pub fixed: Vec<bool>,
    /// Held back by the lower (-1) or upper (+1) bound, or not (0), `[n_parameters]`.
    pub at_bound: Vec<i8>,
    /// -2 log likelihood at the minimum, all constants in.
    pub twice_nll: f64,
    /// Estimated vertical distance to the minimum of the NLL.
    pub edm: f64,
    /// Evaluations used.
    pub evaluations: u32,
    /// Bins with a negative expected rate at the minimum.
    pub negative_bins: Vec<usize>,
    /// -2 log likelihood of every distinct local minimum met, rising; the first is this fit.
    pub minima: Vec<f64>,
}

impl FitResult {
    /// Correlations of the free parameters, `[n_parameters, n_parameters]`: the covariance over the
    /// uncertainties, 1 on the diagonal and 0 elsewhere for fixed and bound ones. Empty without a
    /// covariance.
    pub fn correlation(&self) -> Vec<f64> {
        let (n, sigma) = (self.uncertainties.len(), &self.uncertainties);
        let element = |(at, c): (usize, &f64)| match (at / n, at % n) {
            (i, j) if i == j => 1.0,
            (i, j) if sigma[i] > 0.0 && sigma[j] > 0.0 => c / (sigma[i] * sigma[j]),
            _ => 0.0,
        };
        self.covariance.iter().enumerate().map(element).collect()
    }
}

impl Session {
    /// Maximum-likelihood fit to `data` with covariance.
    ///
    /// Starts at the initial parameters and at seven points around them, and keeps the lowest
    /// minimum. Uncertainties are those of the inverse observed Hessian.
    ///
    /// # Errors
    /// Where a length or a name does not fit the model. A fit that does not converge is no error:
    /// its status says so.
    pub fn fit(&self, data: &Data, options: &FitOptions) -> Result<FitResult> {
        Ok(self.fit_all_minima(data, options)?.0)
    }

    /// The same, with the points of all distinct minima met, `[n_parameters]` each, the lowest first.
    pub(super) fn fit_all_minima(
        &self,
        data: &Data,
        options: &FitOptions,
    ) -> Result<(FitResult, Vec<Vec<f64>>)> {
        self.model.check_data(data)?;
        let mut fixed = self.fixed.clone();
        let mut init = self.model.init();
        for (name, value) in &options.fix {
            let k = self.parameter(name)?;
            if !value.is_finite() {
                return Err(Error::Argument(format!("{name} = {value} is not a finite number")));
            }
            fixed[k] = true;
            init[k] = *value;
        }
        let start = self.starts(&init, &fixed);
        let repeat = |v: &[f64]| v.repeat(STARTS);
        let job = FitJob {
            main: &repeat(&data.main),
            auxiliary: &repeat(&data.auxiliary),
            n_fits: STARTS,
            start: &start,
            fixed: &fixed,
            tolerance: options.tolerance,
        };
        let batch = fit::minimize(&*self.host, &job)?;
        let fit = self.conclude(data, &job, &batch);
        let mut others: Vec<usize> = (0..batch.len())
            .filter(|&i| batch.status[i].is_converged() && batch.nll[i].is_finite())
            .filter(|&i| 2.0 * batch.nll[i] > fit.twice_nll + SAME_MINIMUM)
            .collect();
        others.sort_by(|&i, &j| batch.nll[i].total_cmp(&batch.nll[j]));
        others.dedup_by(|j, i| 2.0 * (batch.nll[*j] - batch.nll[*i]) < SAME_MINIMUM);
        let others = others.into_iter().map(|i| batch.parameters_of(i).to_vec());
        let points = std::iter::once(fit.parameters.clone()).chain(others).collect();
        Ok((fit, points))
    }

    /// [`starts`] of this session's model.
    pub(super) fn starts(&self, init: &[f64], fixed: &[bool]) -> Vec<f64> {
        starts(&self.model, init, fixed)
    }

    /// Best of the starts, with its uncertainties.
    fn conclude(&self, data: &Data, job: &FitJob<'_>, batch: &FitBatch) -> FitResult {
        let better = |i: usize, j: usize| {
            let rounding = 1e-12 * (1.0 + batch.nll[j].abs());
            match (batch.status[i].is_converged(), batch.status[j].is_converged()) {
                (true, true) => batch.nll[i] < batch.nll[j] - rounding,
                (converged, _) => converged,
            }
        };
        let best = (1..batch.len()).fold(0, |best, i| if better(i, best) { i } else { best });
        // the last digits, and the distance to the minimum, by the observed Hessian
        let mut fit = fit::refine(&*self.host, job, best, batch.parameters_of(best));
        let found = batch.nll[best];
        if fit.nll > found || !fit.status.is_converged() && batch.status[best].is_converged() {
            fit.parameters = batch.parameters_of(best).to_vec();
            fit.nll = found;
            fit.status = batch.status[best];
            fit.edm = batch.edm[best];
        }
        if !fit.nll.is_finite() {
            fit.status = Status::NotFinite;
        }
        let evaluations = batch.evaluations[best] + fit.evaluations;
        let parameters = fit.parameters;
        let mut minima: Vec<f64> = (0..batch.len())
            .filter(|&i| batch.status[i].is_converged() && batch.nll[i].is_finite())
            .map(|i| 2.0 * batch.nll[i])
            .filter(|m| *m > 2.0 * fit.nll + SAME_MINIMUM)
            .chain([2.0 * fit.nll])
            .collect();
        minima.sort_by(f64::total_cmp);
        minima.dedup_by(|b, a| *b - *a < SAME_MINIMUM);
        let problem = self.host.problem();
        let covariance =
            fit::covariance(problem, &parameters, &data.main, &data.auxiliary, job.fixed);
        let covariance_problem = covariance.problem(|k| self.model.parameters()[k].name.clone());
        let rates = self.model.expected_main(&parameters);
        FitResult {
            status: fit.status,
            uncertainties: covariance.uncertainties,
            covariance: covariance.matrix,
            covariance_problem,
            fixed: job.fixed.to_vec(),
            at_bound: covariance.at_bound,
            twice_nll: 2.0 * fit.nll,
            edm: fit.edm,
            evaluations,
            negative_bins: (0..rates.len()).filter(|&b| rates[b] < 0.0).collect(),
            minima,
            parameters,
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Result<usize> {
        self.model
            .parameter_index(name)
            .ok_or_else(|| Error::Argument(format!("the model has no parameter {name}")))
    }
}

/// The initial parameters, then points thrown around them by a fixed recipe: constrained
/// parameters by their constraint, free ones by a tenth of their range at most.
pub(super) fn starts(model: &Model, init: &[f64], fixed: &[bool]) -> Vec<f64> {
    let mut all = init.repeat(STARTS);
    let n = init.len();
    for (i, x) in all.chunks_mut(n.max(1)).enumerate().skip(1) {
        for (k, parameter) in model.parameters().iter().enumerate() {
            let (lower, upper) = parameter.bounds;
            let width = match parameter.constraint {
                Constraint::Gaussian { sigma, .. } => sigma,
                Constraint::Poisson { tau, .. } => tau.sqrt().recip().min(0.5),
                Constraint::None => (0.3 * init[k].abs().max(1.0)).min(0.1 * (upper - lower)),
            };
            if !fixed[k] {
                let z = crate::model::toys::standard_normal(0, i as u64, k as u32);
                x[k] = (x[k] + width * z).clamp(lower, upper);
            }
        }
    }
    all
}
