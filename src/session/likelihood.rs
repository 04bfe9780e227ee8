//! What statements ask of a likelihood. Binned and unbinned models answer; what is made of the answers (profiles,
//! tests, limits, rankings) is one code for both.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::{Ensemble, EnsemblePlan, FitOptions, FitResult, Session, ToyChunk, ToyPlan};
use crate::accelerator::Accelerator;
use crate::fit::{self, FitBatch, FitJob, Tolerance};
use crate::model::{Constraint, Data};
use crate::{Error, Result};

/// Fits that share one curvature on the processor: neighbours, and lanes enough to be filled.
const SHARE: usize = 16;

/// Asimov data.
pub(super) struct Expected<D> {
    pub(super) data: D,
    /// Where they are not what is expected, and why.
    pub(super) note: Option<String>,
}

/// A likelihood of parameters that have names and bounds, for data that are given with each call.
pub(super) trait Likelihood: Sized + Send + Sync {
    /// Main and auxiliary data.
    type Data: Clone + Send + Sync;

    /// Index of the parameter of that name, or of the model's parameter of interest.
    fn poi(&self, name: Option<&str>) -> Result<usize>;
    /// Index of a parameter, where there is one of that name.
    fn index(&self, name: &str) -> Option<usize>;
    /// Index of a parameter.
    fn parameter(&self, name: &str) -> Result<usize>;
    /// A parameter's name.
    fn name(&self, k: usize) -> &str;
    /// A parameter's bounds.
    fn bounds(&self, k: usize) -> (f64, f64);
    /// Beyond these values of a parameter there is no likelihood, whatever its bounds.
    fn domain(&self, _: usize) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
    /// Whether a parameter has a constraint term.
    fn is_constrained(&self, k: usize) -> bool;
    /// Whether a parameter stands for the statistical uncertainty of a simulation.
    fn is_simulation(&self, _: usize) -> bool {
        false
    }
    /// Where a constraint term has its maximum, and its width.
    fn prefit(&self, k: usize, data: &Self::Data) -> Option<(f64, f64)>;
    /// Parameters held constant, `[n_parameters]`.
    fn fixed(&self) -> &[bool];
    /// Initial values, `[n_parameters]`.
    fn init(&self) -> Vec<f64>;
    /// Points to start from where nothing else is known, `[n_parameters]` each.
    fn starts(&self, fixed: &[bool]) -> Vec<Vec<f64>>;
    /// The same with other bounds of a parameter.
    fn with_bounds(&self, k: usize, bounds: (f64, f64)) -> Result<Self>;
    /// The free fit, and the points of all distinct minima met, the lowest first.
    fn fit_all_minima(
        &self,
        data: &Self::Data,
        options: &FitOptions,
    ) -> Result<(FitResult, Vec<Vec<f64>>)>;
    /// Fits of many datasets, each from its own start, in one batch or several; in their order.
    fn fits(
        &self,
        tasks: &[(&Self::Data, &[f64])],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Vec<FitBatch>>;
    /// Fits of one dataset from several starts, `[n_fits, n_parameters]`, on the processor.
    fn refits(
        &self,
        data: &Self::Data,
        starts: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<FitBatch>;
    /// NLL with all constants that [`fits`](Self::fits) have.
    fn nll(&self, at: &[f64], data: &Self::Data) -> Result<f64>;
    /// Data expected at a point, auxiliary data included.
    fn asimov(&self, at: &[f64]) -> Result<Expected<Self::Data>>;
    /// Covariance at a minimum, `[n_parameters, n_parameters]`; empty where there is none.
    fn covariance(&self, at: &[f64], data: &Self::Data) -> Result<Vec<f64>>;
    /// Precision of the device that fits toys.
    fn toy_precision(&self, _: &ToyPlan) -> Result<String> {
        Ok("f64".into())
    }
    /// Throws and fits toys in chunks; each finished one goes to `sink`. Once `stop` is set it ends after the chunk in
    /// work.
    fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64>;
    /// The toys of one hypothesis, fitted with these bounds; `progress` hears how many came to an end.
    fn ensemble(
        &self,
        plan: &EnsemblePlan,
        chunk: usize,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Ensemble> {
        let toys = plan.toys();
        let mut ensemble = Ensemble::new(plan, &self.toy_precision(&toys)?);
        self.toys(&toys, chunk, stop, &mut |toys| {
            ensemble.take(&toys);
            progress(toys.fits.len() as u64);
            Ok(())
        })?;
        Ok(ensemble)
    }
}

impl Likelihood for Session {
    type Data = Data;

    fn poi(&self, name: Option<&str>) -> Result<usize> {
        Self::poi(self, name)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.model.parameter_index(name)
    }

    fn parameter(&self, name: &str) -> Result<usize> {
        Self::parameter(self, name)
    }

    fn name(&self, k: usize) -> &str {
        &self.model.parameters()[k].name
    }

    fn bounds(&self, k: usize) -> (f64, f64) {
        self.model.parameters()[k].bounds
    }

    fn is_constrained(&self, k: usize) -> bool {
        self.model.parameters()[k].constraint != Constraint::None
    }

    fn is_simulation(&self, k: usize) -> bool {
        self.model.is_simulation(k)
    }

    fn prefit(&self, k: usize, data: &Data) -> Option<(f64, f64)> {
        self.model.parameters()[k].prefit(data)
    }

    fn fixed(&self) -> &[bool] {
        &self.fixed
    }

    fn init(&self) -> Vec<f64> {
        self.model.init()
    }

    fn starts(&self, fixed: &[bool]) -> Vec<Vec<f64>> {
        let thrown = Self::starts(self, &self.model.init(), fixed);
        thrown.chunks(self.model.n_parameters().max(1)).map(<[f64]>::to_vec).collect()
    }

    fn with_bounds(&self, k: usize, bounds: (f64, f64)) -> Result<Self> {
        Self::with_bounds(self, k, bounds)
    }

    fn fit_all_minima(
        &self,
        data: &Data,
        options: &FitOptions,
    ) -> Result<(FitResult, Vec<Vec<f64>>)> {
        Self::fit_all_minima(self, data, options)
    }

    fn fits(
        &self,
        tasks: &[(&Data, &[f64])],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Vec<FitBatch>> {
        // the session's device, unless its arithmetic is too coarse for differences of likelihoods
        let main = self.main_device();
        let device: &dyn Accelerator =
            if main.info().precision == "f32" { &*self.host } else { main };
        let run = |tasks: &[(&Data, &[f64])]| {
            let concatenated = |of: fn(&Data) -> &Vec<f64>| -> Vec<f64> {
                tasks.iter().flat_map(|(data, _)| of(data).iter().copied()).collect()
            };
            let job = FitJob {
                main: &concatenated(|d| &d.main),
                auxiliary: &concatenated(|d| &d.auxiliary),
                n_fits: tasks.len(),
                start: &tasks
                    .iter()
                    .flat_map(|(_, start)| start.iter().copied())
                    .collect::<Vec<_>>(),
                fixed,
                tolerance,
            };
            fit::minimize(device, &job)
        };
        match self.device.is_some() {
            true => Ok(vec![run(tasks)?]),
            false => tasks.par_chunks(SHARE).map(run).collect(),
        }
    }

    fn refits(
        &self,
        data: &Data,
        starts: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<FitBatch> {
        let n_fits = starts.len() / fixed.len().max(1);
        let job = FitJob {
            main: &data.main.repeat(n_fits),
            auxiliary: &data.auxiliary.repeat(n_fits),
            n_fits,
            start: starts,
            fixed,
            tolerance,
        };
        fit::minimize(&*self.host, &job)
    }

    fn nll(&self, at: &[f64], data: &Data) -> Result<f64> {
        Ok(self.model.nll(at, data))
    }

    fn asimov(&self, at: &[f64]) -> Result<Expected<Data>> {
        let model = &self.model;
        let mut data =
            Data { main: model.expected_main(at), auxiliary: model.expected_auxiliary(at) };
        let negative: Vec<usize> = (0..data.main.len()).filter(|&b| data.main[b] < 0.0).collect();
        negative.iter().for_each(|&b| data.main[b] = 0.0);
        let note = negative.first().map(|&bin| {
            format!("the Asimov data have 0 where less is expected: {}", model.bin_name(bin))
        });
        Ok(Expected { data, note })
    }

    fn covariance(&self, at: &[f64], data: &Data) -> Result<Vec<f64>> {
        let problem = self.host.problem();
        Ok(fit::covariance(problem, at, &data.main, &data.auxiliary, &self.fixed).matrix)
    }

    fn toy_precision(&self, plan: &ToyPlan) -> Result<String> {
        Ok(self.toy_device(plan)?.precision)
    }

    fn toys(
        &self,
        plan: &ToyPlan,
        chunk: usize,
        stop: &AtomicBool,
        sink: &mut dyn FnMut(ToyChunk) -> Result<()>,
    ) -> Result<u64> {
        Self::toys(self, plan, chunk, stop, sink)
    }
}

/// An error where the parameter is held constant: nothing can be said about it.
pub(super) fn check_free(likelihood: &impl Likelihood, parameter: usize) -> Result<()> {
    if likelihood.fixed()[parameter] {
        let name = likelihood.name(parameter);
        return Err(Error::Unsupported(format!("{name} is held constant")));
    }
    Ok(())
}
