//! An unbinned model and the statements about it: the same as about binned models, by the same code.

mod likelihood;
mod toys;

use std::sync::atomic::AtomicBool;

use super::{
    Discovery, FitOptions, FitResult, HypoTest, Hypothesis, ImpactOptions, Impacts,
    IntervalOptions, Limit, LimitOptions, Minos, Scan, Scan2d, ScanOptions, TestOptions,
    ToyDiscovery, ToyHypotest, ToyInterval, ToyLimit, ToyPlan, ToyTest,
};
use super::{feldman_cousins, hypotest, impacts, limit, limit_toys, scan, scan2d, toy_test};
use crate::accelerator::{DeviceInfo, DeviceRequest};
use crate::fit::Tolerance;
use crate::infer::TestStatistic;
use crate::unbinned::{UnbinnedModel, fit};
use crate::{Error, Result};

/// An unbinned model, the data being its own events and auxiliary measurements; for others see
/// [`UnbinnedModel::with_events`]. Fits to the model's own events and to toys run on the session's device; those to other
/// data (Asimov data) on the processor.
///
/// Numbers of events cannot be negative: where a test statistic asks for best fits below 0 of a parameter that scales
/// a yield, they stop at 0, and a note says so.
#[derive(Debug, Clone)]
pub struct UnbinnedSession {
    model: UnbinnedModel,
    poi: Option<usize>,
    fixed: Vec<bool>,
    device: DeviceInfo,
}

impl From<fit::FitResult> for FitResult {
    fn from(fit: fit::FitResult) -> Self {
        Self {
            status: fit.status,
            parameters: fit.parameters,
            uncertainties: fit.uncertainties,
            covariance: fit.covariance,
            covariance_problem: fit.covariance_problem,
            fixed: fit.fixed,
            at_bound: fit.at_bound,
            twice_nll: 2.0 * fit.nll,
            edm: fit.edm,
            evaluations: fit.evaluations,
            negative_bins: Vec::new(),
            minima: fit.minima.iter().map(|nll| 2.0 * nll).collect(),
        }
    }
}

impl UnbinnedSession {
    /// A session of `model`, with the index of its parameter of interest, wherever the model's events lie
    /// ([`UnbinnedModel::device`]).
    ///
    /// # Errors
    /// Where there is no such parameter.
    pub fn new(model: UnbinnedModel, poi: Option<usize>) -> Result<Self> {
        let device = model.device();
        Self::of(model, poi, device)
    }

    /// The same with the model's events on the device asked for: [`UnbinnedModel::on_device`].
    ///
    /// # Errors
    /// Where there is no such parameter, and as there.
    pub fn with_device(
        model: UnbinnedModel,
        poi: Option<usize>,
        request: &DeviceRequest,
    ) -> Result<Self> {
        let (model, device) = model.on_device(request)?;
        Self::of(model, poi, device)
    }

    fn of(model: UnbinnedModel, poi: Option<usize>, device: DeviceInfo) -> Result<Self> {
        let n = model.parameters().len();
        if let Some(poi) = poi.filter(|k| *k >= n) {
            let message = format!("parameter {poi} is to be of interest, and the model has {n}");
            return Err(Error::Argument(message));
        }
        Ok(Self { fixed: model.fixed(), model, poi, device })
    }

    /// What runs, and why.
    pub fn device(&self) -> &DeviceInfo {
        &self.device
    }

    /// The same with a parameter held at a value in everything that is done.
    ///
    /// # Errors
    /// Where there is no such parameter, or the value is not finite.
    pub fn with_fixed(&self, name: &str, value: f64) -> Result<Self> {
        let k = self.model.parameter_index(name)?;
        if !value.is_finite() {
            return Err(Error::Argument(format!("{name} = {value} is not a finite number")));
        }
        self.with_bounds(k, (value, value))
    }

    /// The model.
    pub fn model(&self) -> &UnbinnedModel {
        &self.model
    }

    /// Index of the parameter of that name, or of the model's parameter of interest.
    ///
    /// # Errors
    /// Where there is none.
    pub fn poi(&self, name: Option<&str>) -> Result<usize> {
        match name {
            Some(name) => self.model.parameter_index(name),
            None => self.poi.ok_or_else(|| {
                Error::Unsupported(
                    "the model names no parameter of interest, and none was given".into(),
                )
            }),
        }
    }

    /// Maximum-likelihood fit with covariance: [`UnbinnedModel::fit`].
    ///
    /// # Errors
    /// As there.
    pub fn fit(&self, options: &FitOptions) -> Result<FitResult> {
        self.model.fit(options).map(FitResult::from)
    }

    /// Profile likelihood at `values` of one parameter and its intervals, as [`Session::scan`](super::Session::scan).
    ///
    /// # Errors
    /// As there.
    pub fn scan(&self, values: &[f64], options: &ScanOptions) -> Result<Scan> {
        scan::scan(self, values, &self.model, options)
    }

    /// Profile likelihood at all pairs of values of two parameters, as
    /// [`Session::scan2d`](super::Session::scan2d).
    ///
    /// # Errors
    /// As there.
    pub fn scan2d(
        &self,
        names: [&str; 2],
        x: &[f64],
        y: &[f64],
        options: &ScanOptions,
    ) -> Result<Scan2d> {
        scan2d::scan2d(self, names, (x, y), &self.model, options)
    }

    /// Asymmetric uncertainties, as [`Session::minos`](super::Session::minos).
    ///
    /// # Errors
    /// As there.
    pub fn minos(&self, names: &[String], tolerance: Tolerance) -> Result<(FitResult, Vec<Minos>)> {
        scan::minos(self, names, &self.model, tolerance)
    }

    /// CLs of one value of the parameter of interest by asymptotic formulas, as
    /// [`Session::hypotest`](super::Session::hypotest); Asimov data are [`UnbinnedModel::asimov`].
    ///
    /// # Errors
    /// As there.
    pub fn hypotest(&self, mu: f64, options: &TestOptions) -> Result<HypoTest> {
        hypotest::hypotest(self, mu, &self.model, options)
    }

    /// Significance of an excess, as [`Session::discovery`](super::Session::discovery): what is expected is for a
    /// parameter of interest of 1.
    ///
    /// # Errors
    /// As there.
    pub fn discovery(&self, options: &TestOptions) -> Result<Discovery> {
        hypotest::discovery(self, &self.model, options)
    }

    /// Upper limits, as [`Session::limit`](super::Session::limit).
    ///
    /// # Errors
    /// As there.
    pub fn limit(&self, options: &LimitOptions) -> Result<Limit> {
        limit::limit(self, &self.model, options)
    }

    /// What each parameter does to the parameter of interest, as [`Session::impacts`](super::Session::impacts).
    ///
    /// # Errors
    /// As there; [`Error::Unsupported`] where impacts of shifted auxiliary data are asked for.
    pub fn ranking(&self, options: &ImpactOptions) -> Result<Impacts> {
        if options.global {
            let message = "impacts of shifted auxiliary data are there for binned models alone";
            return Err(Error::Unsupported(message.into()));
        }
        impacts::impacts(self, &self.model, options)
    }

    /// A test by toys, as [`Session::hypotest_toys`](super::Session::hypotest_toys).
    ///
    /// # Errors
    /// As there, and where no toys can be thrown: [`Thrower::new`](crate::unbinned::toys::Thrower::new).
    pub fn hypotest_toys(
        &self,
        test: &ToyTest,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Hypothesis, u64),
    ) -> Result<ToyHypotest> {
        toy_test::hypotest_toys(self, test, &self.model, stop, progress)
    }

    /// The same for the background-only hypothesis: `test` with q0 at mu = 0, whatever it says.
    ///
    /// # Errors
    /// As [`hypotest_toys`](Self::hypotest_toys).
    pub fn discovery_toys(
        &self,
        test: &ToyTest,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Hypothesis, u64),
    ) -> Result<ToyDiscovery> {
        let test = ToyTest { mu: 0.0, statistic: TestStatistic::Q0, ..test.clone() };
        Ok(self.hypotest_toys(&test, stop, progress)?.into())
    }

    /// Upper limits by toys, as [`Session::limit_toys`](super::Session::limit_toys).
    ///
    /// # Errors
    /// As [`limit`](Self::limit) and [`hypotest_toys`](Self::hypotest_toys).
    pub fn limit_toys(
        &self,
        test: &ToyTest,
        options: &LimitOptions,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, Hypothesis, u64),
    ) -> Result<ToyLimit> {
        limit_toys::limit_toys(self, test, options, &self.model, stop, progress)
    }

    /// A confidence interval by toys, as [`Session::feldman_cousins`](super::Session::feldman_cousins).
    ///
    /// # Errors
    /// As there, and as [`hypotest_toys`](Self::hypotest_toys).
    pub fn feldman_cousins(
        &self,
        test: &ToyTest,
        options: &IntervalOptions,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, u64),
    ) -> Result<ToyInterval> {
        feldman_cousins::feldman_cousins(self, test, options, &self.model, stop, progress)
    }
}
