//! An unbinned model as statements see it. Data are a model, of which events and auxiliary measurements count;
//! bounds are the session's.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::UnbinnedSession;
use crate::Result;
use crate::fit::{Fit, FitBatch, Tolerance};
use crate::session::likelihood::{Expected, Likelihood};
use crate::session::{FitOptions, FitResult, ToyChunk, ToyPlan};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::toys::failed;

impl Likelihood for UnbinnedSession {
    type Data = UnbinnedModel;

    fn poi(&self, name: Option<&str>) -> Result<usize> {
        Self::poi(self, name)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.model.parameters().iter().position(|p| p.name == name)
    }

    fn parameter(&self, name: &str) -> Result<usize> {
        self.model.parameter_index(name)
    }

    fn name(&self, k: usize) -> &str {
        &self.model.parameters()[k].name
    }

    fn bounds(&self, k: usize) -> (f64, f64) {
        self.model.parameters()[k].bounds
    }

    fn domain(&self, k: usize) -> (f64, f64) {
        self.model.domain(k)
    }

    fn is_constrained(&self, k: usize) -> bool {
        self.model.prefit(k).is_some()
    }

    fn is_simulation(&self, k: usize) -> bool {
        self.model.binned().is_some_and(|binned| {
            let own = binned.places().iter().position(|place| *place == k);
            own.is_some_and(|own| binned.model().is_simulation(own))
        })
    }

    fn prefit(&self, k: usize, data: &UnbinnedModel) -> Option<(f64, f64)> {
        data.prefit(k)
    }

    fn fixed(&self) -> &[bool] {
        &self.fixed
    }

    fn init(&self) -> Vec<f64> {
        self.model.init()
    }

    /// The initial values alone: a fit of many events is no small thing.
    fn starts(&self, _: &[bool]) -> Vec<Vec<f64>> {
        vec![self.model.init()]
    }

    fn with_bounds(&self, k: usize, bounds: (f64, f64)) -> Result<Self> {
        Self::with_bounds(self, k, bounds)
    }

    fn fit_all_minima(
        &self,
        data: &UnbinnedModel,
        options: &FitOptions,
    ) -> Result<(FitResult, Vec<Vec<f64>>)> {
        let (fit, points) = self.model.with_data_of(data).fit_all_minima(options)?;
        Ok((fit.into(), points))
    }

    fn fits(
        &self,
        tasks: &[(&UnbinnedModel, &[f64])],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<Vec<FitBatch>> {
        let one = |(data, start): &(&UnbinnedModel, &[f64])| {
            let found = self.model.with_data_of(data).minimum(start, fixed, tolerance);
            // no likelihood there: a yield below 0, a width of 0
            found.unwrap_or_else(|_| failed(start))
        };
        let found: Vec<Fit> = tasks.par_iter().map(one).collect();
        let mut batch = FitBatch::with_capacity(found.len(), fixed.len());
        found.iter().for_each(|fit| batch.push(fit));
        Ok(vec![batch])
    }

    fn refits(
        &self,
        data: &UnbinnedModel,
        starts: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<FitBatch> {
        let tasks: Vec<_> = starts.chunks(fixed.len().max(1)).map(|start| (data, start)).collect();
        Ok(self.fits(&tasks, fixed, tolerance)?.pop().unwrap_or_default())
    }

    fn nll(&self, at: &[f64], data: &UnbinnedModel) -> Result<f64> {
        Ok(data.nll(at)?.nll)
    }

    fn asimov(&self, at: &[f64]) -> Result<Expected<UnbinnedModel>> {
        Ok(Expected { data: self.model.asimov(at)?, note: None })
    }

    fn covariance(&self, at: &[f64], data: &UnbinnedModel) -> Result<Vec<f64>> {
        let model = self.model.with_data_of(data);
        Ok(model.covariance_at(at, &self.fixed)?.matrix)
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
