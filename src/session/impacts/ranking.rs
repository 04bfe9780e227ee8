//! Impacts by holding one parameter after the other.

use rayon::prelude::*;

use super::{Around, worst};
use crate::Result;
use crate::fit::{FitBatch, Status};
use crate::session::likelihood::Likelihood;

/// A refit lower than the best fit by more than this, in twice the NLL, shows that there is a better one.
const LOWER: f64 = 1e-5;

/// What one parameter does to the parameter of interest.
#[derive(Debug, Clone)]
pub struct Impact {
    /// Index of the parameter.
    pub parameter: usize,
    /// Its name.
    pub name: String,
    /// Best-fit value.
    pub value: f64,
    /// Post-fit uncertainty; 0 where a bound holds it.
    pub uncertainty: f64,
    /// Where its constraint term has its maximum, and the term's width; `None` where unconstrained.
    pub prefit: Option<(f64, f64)>,
    /// Parameter held one post-fit uncertainty above its best fit.
    pub up: Shift,
    /// One below.
    pub down: Shift,
    /// One pre-fit width above its best fit; 0 where unconstrained.
    pub prefit_up: Shift,
    /// One below.
    pub prefit_down: Shift,
}

/// The change of the parameter of interest when a parameter is held elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Its value in the refit minus that in the best fit; `None` where the refit did not converge. 0,
    /// without a refit, where the parameter would not move.
    pub impact: Option<f64>,
    /// How the refit ended.
    pub status: Status,
}

impl Impact {
    /// (value - pre-fit value) / pre-fit width.
    pub fn pull(&self) -> Option<f64> {
        self.prefit.map(|(value, width)| (self.value - value) / width)
    }

    /// Post-fit over pre-fit uncertainty.
    pub fn constraint(&self) -> Option<f64> {
        self.prefit.map(|(_, width)| self.uncertainty / width)
    }

    /// The larger of the two post-fit impacts, without sign; `None` where none is known.
    pub fn largest(&self) -> Option<f64> {
        let known = [self.up, self.down].into_iter().filter_map(|s| s.impact);
        known.map(f64::abs).reduce(f64::max)
    }

    /// Converged, or the first other status among its refits.
    pub fn status(&self) -> Status {
        worst([self.up, self.down, self.prefit_up, self.prefit_down].map(|s| s.status))
    }
}

/// A parameter held at a value, the others fitted.
struct Refit {
    shift: Shift,
    /// What the fit says of the best fit.
    note: Option<String>,
}

impl<L: Likelihood> Around<'_, L> {
    /// Impacts of `parameters`, sorted.
    pub(super) fn ranking(
        &self,
        parameters: &[usize],
        notes: &mut Vec<String>,
    ) -> Result<Vec<Impact>> {
        let one = |&k: &usize| self.impact_of(k);
        let ranked = parameters.par_iter().map(one).collect::<Result<Vec<_>>>()?;
        let mut impacts = Vec::with_capacity(ranked.len());
        for (impact, said) in ranked {
            impacts.push(impact);
            notes.extend(said);
        }
        // unknown ones first: they ask for attention
        let size = |i: &Impact| i.largest().unwrap_or(f64::INFINITY);
        impacts.sort_by(|a, b| size(b).total_cmp(&size(a)));
        Ok(impacts)
    }

    fn impact_of(&self, k: usize) -> Result<(Impact, Option<String>)> {
        let (value, uncertainty) = (self.fit.parameters[k], self.fit.uncertainties[k]);
        let prefit = self.likelihood.prefit(k, self.data);
        let width = prefit.map_or(0.0, |(_, width)| width);
        let steps = [uncertainty, -uncertainty, width, -width];
        let moved: Vec<f64> = steps.into_iter().filter(|s| *s != 0.0).collect();
        let mut refits = self.refits(k, &moved)?.into_iter();
        let still = Shift { impact: Some(0.0), status: Status::Converged };
        let mut note = None;
        let [up, down, prefit_up, prefit_down] = steps.map(|step| {
            let Some(refit) = (step != 0.0).then(|| refits.next()).flatten() else { return still };
            note = note.take().or(refit.note);
            refit.shift
        });
        let name = self.likelihood.name(k).to_owned();
        let impact = Impact {
            parameter: k,
            name,
            value,
            uncertainty,
            prefit,
            up,
            down,
            prefit_up,
            prefit_down,
        };
        Ok((impact, note))
    }

    /// Fits with parameter `k` moved from its best fit by each of `steps` and held there.
    ///
    /// They share one job, since they have the same free parameters: one curvature, one lane each. They
    /// start where the linear response of the best fit puts them; those that fail begin again at the
    /// best fit itself.
    fn refits(&self, k: usize, steps: &[f64]) -> Result<Vec<Refit>> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let n = self.fit.parameters.len();
        let variance = self.fit.covariance[k * n + k];
        let held = |mut x: Vec<f64>, step: f64| {
            // beyond its bounds, too, as cabinetry does: it is held, not fitted
            x[k] = self.fit.parameters[k] + step;
            x
        };
        let near = |&step: &f64| {
            let response = if variance > 0.0 { step / variance } else { 0.0 };
            held(self.along(k, response), step)
        };
        let batch = self.minimize(k, steps.iter().flat_map(near).collect())?;
        let mut refits: Vec<Refit> =
            steps.iter().enumerate().map(|(i, &step)| self.judge(k, step, &batch, i)).collect();
        let failed: Vec<usize> =
            (0..steps.len()).filter(|&i| !batch.status[i].is_converged()).collect();
        if !failed.is_empty() {
            let start = failed.iter().flat_map(|&i| held(self.fit.parameters.clone(), steps[i]));
            let again = self.minimize(k, start.collect())?;
            for (j, &i) in failed.iter().enumerate() {
                if again.status[j].is_converged() {
                    refits[i] = self.judge(k, steps[i], &again, j);
                }
            }
        }
        Ok(refits)
    }

    /// Fits from every row of `start` with parameter `k` held.
    fn minimize(&self, k: usize, start: Vec<f64>) -> Result<FitBatch> {
        let mut fixed = self.fit.fixed.clone();
        fixed[k] = true;
        self.likelihood.refits(self.data, &start, &fixed, self.tolerance)
    }

    /// What fit `i` of the batch says, with parameter `k` moved by `step`.
    fn judge(&self, k: usize, step: f64, batch: &FitBatch, i: usize) -> Refit {
        let status = batch.status[i];
        let impact = batch.parameters_of(i)[self.poi] - self.fit.parameters[self.poi];
        let shift = Shift { impact: status.is_converged().then_some(impact), status };
        let held = self.fit.parameters[k] + step;
        let (lower, upper) = self.likelihood.bounds(k);
        let inside = (lower..=upper).contains(&held);
        let lower = self.fit.twice_nll - 2.0 * batch.nll[i];
        let note = (inside && lower > LOWER).then(|| {
            format!(
                "with {} = {held} the likelihood is better than at the best fit, by {lower:.3e} in \
                 -2 log L: there is another minimum, below the one that was taken apart",
                self.likelihood.name(k)
            )
        });
        Refit { shift, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator::DeviceChoice;
    use crate::fit::Tolerance;
    use crate::model::{Model, ModelOptions};
    use crate::session::{FitOptions, Session};
    use crate::spec::{self, LoadOptions};

    const WORKSPACE: &str = r#"{
      "channels": [{"name": "SR", "samples": [
        {"name": "signal", "data": [5, 10],
         "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]},
        {"name": "background", "data": [50, 60],
         "modifiers": [{"name": "gamma", "type": "shapesys", "data": [5, 12]},
                       {"name": "xsec", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}]}]}],
      "observations": [{"name": "SR", "data": [52, 71]}],
      "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
      "version": "1.0.0"
    }"#;

    /// The ranking after the best fit and the tolerance were tampered with.
    fn ranking(lift: f64, tolerance: Tolerance) -> (Vec<Impact>, Vec<String>) {
        let loaded = spec::load(WORKSPACE.as_bytes(), &LoadOptions::default()).unwrap();
        let model =
            Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default()).unwrap();
        let session = Session::new(model, DeviceChoice::Cpu).unwrap();
        let data = session.model().observed();
        let mut fit = session.fit(data, &FitOptions::default()).unwrap();
        fit.twice_nll += lift;
        let poi = session.poi(None).unwrap();
        let around = Around { likelihood: &session, data, fit: &fit, poi, tolerance };
        let others: Vec<usize> = (0..fit.parameters.len()).filter(|k| *k != poi).collect();
        let mut notes = Vec::new();
        (around.ranking(&others, &mut notes).unwrap(), notes)
    }

    #[test]
    fn lower_minima_are_told() {
        let (impacts, notes) = ranking(0.0, Tolerance::default());
        assert_eq!((impacts.len(), notes), (3, Vec::new()));
        // as if the fit had missed the minimum by more than a refit loses
        let (_, notes) = ranking(3.0, Tolerance::default());
        assert_eq!(notes.len(), 3);
        assert!(notes[0].contains("there is another minimum"), "{}", notes[0]);
    }

    #[test]
    fn refits_that_give_up_have_a_status_and_no_number() {
        let (impacts, _) = ranking(0.0, Tolerance { edm: 1e-11, evaluations: 1 });
        for impact in impacts {
            assert_eq!(impact.status(), Status::EvaluationLimit, "{}", impact.name);
            assert_eq!((impact.up.impact, impact.prefit_down.impact), (None, None));
            assert_eq!(impact.largest(), None);
        }
    }
}
