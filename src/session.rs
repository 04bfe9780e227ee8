//! A model on a device: every statement about it is one call here. The command line and Python add
//! nothing to what stands in this file.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::accelerator::{self, Accelerator, DeviceChoice, DeviceInfo, Program};
use crate::fit::{self, FitBatch, FitJob, Status, Tolerance};
use crate::model::toys::ToySampler;
use crate::model::{Constraint, Data, Model};
use crate::{Error, Result};

/// A single fit starts here as well as at the initial parameters, and keeps the lowest minimum:
/// one-sided systematics can give a likelihood several. They ride in lanes that would be idle.
const STARTS: usize = 8;
/// Minima closer than this in twice the NLL are one.
const SAME_MINIMUM: f64 = 1e-5;

/// A model on a device.
pub struct Session {
    model: Arc<Model>,
    device: Box<dyn Accelerator>,
    fixed: Vec<bool>,
}

/// One point evaluated with all constants, in f64 on the host.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// -2 log likelihood.
    pub twice_nll: f64,
    /// Gradient of the NLL (not twice), `[n_parameters]`.
    pub gradient: Vec<f64>,
    /// Expected main data, `[n_bins]`.
    pub expected_main: Vec<f64>,
    /// Expected auxiliary data, `[n_auxiliary]`.
    pub expected_auxiliary: Vec<f64>,
}

/// What one fit may be told.
#[derive(Debug, Clone, Default)]
pub struct FitOptions {
    /// Parameters held at a value, by name, in addition to those the measurement fixes.
    pub fix: Vec<(String, f64)>,
    /// When to stop.
    pub tolerance: Tolerance,
}

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

/// Which toys to throw and how to fit them.
#[derive(Debug, Clone)]
pub struct ToyPlan {
    /// Toys are thrown from the model at this point, `[n_parameters]`.
    pub truth: Vec<f64>,
    /// Seed of the counter-based generator.
    pub seed: u64,
    /// Toy *i* is the same data whatever the range it is part of.
    pub range: Range<u64>,
    /// Fit each toy a second time with the parameter of interest held at its true value, which
    /// gives the test statistic t_mu (arXiv:1007.1727 eq. 8).
    pub conditional: bool,
    /// Hand out the toys' data along with their fits.
    pub keep_data: bool,
    /// When a fit stops.
    pub tolerance: Tolerance,
}

/// Results of consecutive toys.
#[derive(Debug, Clone, Default)]
pub struct ToyChunk {
    /// Number of the first toy.
    pub first: u64,
    /// Free fits, one per toy.
    pub fits: FitBatch,
    /// Fits with the POI at its true value, where the plan asks for them.
    pub conditional: Option<FitBatch>,
    /// What was fitted, where the plan asks for it.
    pub data: Option<ToyData>,
}

/// Data of consecutive toys, in the model's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToyData {
    /// Main data, `[n_toys, n_bins]`.
    pub main: Vec<f64>,
    /// Auxiliary data, `[n_toys, n_auxiliary]`.
    pub auxiliary: Vec<f64>,
}

impl Session {
    /// A session of `model` on the device asked for.
    ///
    /// # Errors
    /// Where that device cannot be used.
    pub fn new(model: Model, device: &DeviceChoice) -> Result<Self> {
        let model = Arc::new(model);
        let device = accelerator::open(device, Arc::new(Program::new(Arc::clone(&model))))?;
        let fixed = model.fixed();
        Ok(Self { model, device, fixed })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What runs, and why it was chosen.
    pub fn device(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Likelihood, gradient and expected data at `parameters` for `data`.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn evaluate(&self, parameters: &[f64], data: &Data) -> Result<Evaluation> {
        self.model.check_data(data)?;
        self.model.check_parameters(parameters)?;
        Ok(Evaluation {
            twice_nll: 2.0 * self.model.nll(parameters, data),
            gradient: self.model.gradient(parameters, data),
            expected_main: self.model.expected_main(parameters),
            expected_auxiliary: self.model.expected_auxiliary(parameters),
        })
    }

    /// NLL with all constants, `[n_points]`, and its gradient, `[n_points, n_parameters]`, at
    /// `points`, `[n_points, n_parameters]`, on the session's device.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn nll_and_gradient(&self, points: &[f64], data: &Data) -> Result<(Vec<f64>, Vec<f64>)> {
        self.model.check_data(data)?;
        fit::evaluate(&*self.device, points, &data.main, &data.auxiliary)
    }

    /// Maximum-likelihood fit to `data` with covariance.
    ///
    /// Starts at the initial parameters and at seven points around them, and keeps the lowest
    /// minimum. Uncertainties are those of the inverse observed Hessian.
    ///
    /// # Errors
    /// Where a length or a name does not fit the model. A fit that does not converge is no error:
    /// its status says so.
    pub fn fit(&self, data: &Data, options: &FitOptions) -> Result<FitResult> {
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
        let batch = fit::minimize(&*self.device, &job)?;
        Ok(self.conclude(data, &job, &batch))
    }

    /// The initial parameters, then points thrown around them by a fixed recipe: constrained
    /// parameters by their constraint, free ones by a tenth of their range at most.
    fn starts(&self, init: &[f64], fixed: &[bool]) -> Vec<f64> {
        let mut all = init.repeat(STARTS);
        let n = init.len();
        for (i, x) in all.chunks_mut(n.max(1)).enumerate().skip(1) {
            for (k, parameter) in self.model.parameters().iter().enumerate() {
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
        let mut fit = fit::refine(&*self.device, job, best, batch.parameters_of(best));
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
        let problem = self.device.problem();
        let covariance =
            fit::covariance(problem, &parameters, &data.main, &data.auxiliary, job.fixed);
        let covariance_problem = covariance.matrix.is_empty().then(|| match covariance.flat {
            Some(k) => format!(
                "the likelihood does not rise along {}: no uncertainty can be given",
                self.model.parameters()[k].name
            ),
            None => "there is no Hessian".to_string(),
        });
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

    /// Throw and fit toys in chunks of at most `chunk`; each finished chunk goes to `sink`, in order
    /// of toy number. Stops early, after the chunk in work, once `stop` is set. Returns the number
    /// of toys finished.
    ///
    /// # Errors
    /// Where the plan does not fit the model, or what `sink` returns.
    pub fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64> {
        let sampler = ToySampler::new(&self.model, &plan.truth)?;
        let start: Vec<f64> = (0..plan.truth.len())
            .map(|k| {
                let (lower, upper) = self.model.parameters()[k].bounds;
                if self.fixed[k] { plan.truth[k] } else { plan.truth[k].clamp(lower, upper) }
            })
            .collect();
        let poi_fixed = match (plan.conditional, self.model.poi()) {
            (false, _) => None,
            (true, None) => {
                return Err(Error::Unsupported(
                    "conditional fits need a parameter of interest, and the measurement names none"
                        .into(),
                ));
            }
            (true, Some(poi)) => {
                let mut fixed = self.fixed.clone();
                fixed[poi] = true;
                let mut start = start.clone();
                start[poi] = plan.truth[poi];
                Some((fixed, start))
            }
        };
        let mut first = plan.range.start;
        while first < plan.range.end && !stop.load(Ordering::Relaxed) {
            let n = (plan.range.end - first).min(chunk.max(1) as u64) as usize;
            let (main, auxiliary) = self.throw(&sampler, plan.seed, first, n);
            let job = |fixed, start| FitJob {
                main: &main,
                auxiliary: &auxiliary,
                n_fits: n,
                start,
                fixed,
                tolerance: plan.tolerance,
            };
            let fits = fit::minimize(&*self.device, &job(&self.fixed, &start))?;
            let conditional = match &poi_fixed {
                None => None,
                Some((fixed, start)) => Some(fit::minimize(&*self.device, &job(fixed, start))?),
            };
            let data = plan.keep_data.then_some(ToyData { main, auxiliary });
            sink(ToyChunk { first, fits, conditional, data })?;
            first += n as u64;
        }
        Ok(first - plan.range.start)
    }

    /// What is to be said about toys thrown from `truth`, `[n_parameters]`: bins whose expected rate
    /// is negative, so that every toy has 0 there. Names in it are as in the file: escape them
    /// before they go to a terminal.
    ///
    /// # Errors
    /// Where no toys can be thrown from there.
    pub fn toy_warnings(&self, truth: &[f64]) -> Result<Vec<String>> {
        Ok(ToySampler::new(&self.model, truth)?.warnings().to_vec())
    }

    /// Data of `n` toys from `first` on: main `[n, n_bins]`, auxiliary `[n, n_auxiliary]`.
    fn throw(&self, sampler: &ToySampler, seed: u64, first: u64, n: usize) -> (Vec<f64>, Vec<f64>) {
        let (n_main, n_auxiliary) = (self.model.n_bins(), self.model.n_auxiliary());
        let mut main = vec![0.0; n * n_main];
        let mut auxiliary = vec![0.0; n * n_auxiliary];
        // either may be empty, so rows are counted by hand
        let rows: Vec<(usize, &mut [f64], &mut [f64])> = {
            let (mut m, mut a) = (&mut main[..], &mut auxiliary[..]);
            (0..n)
                .map(|i| {
                    let (row, rest) = std::mem::take(&mut m).split_at_mut(n_main);
                    m = rest;
                    let (auxiliary_row, rest) = std::mem::take(&mut a).split_at_mut(n_auxiliary);
                    a = rest;
                    (i, row, auxiliary_row)
                })
                .collect()
        };
        rows.into_par_iter().for_each(|(i, main, auxiliary)| {
            sampler.draw(seed, first + i as u64, main, auxiliary);
        });
        (main, auxiliary)
    }

    fn parameter(&self, name: &str) -> Result<usize> {
        self.model
            .parameter_index(name)
            .ok_or_else(|| Error::Argument(format!("the model has no parameter {name}")))
    }
}
