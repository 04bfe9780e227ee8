//! A model without its small systematics, and what that does to the fit.

use super::{FitOptions, FitResult, Session};
use crate::fit::Status;
use crate::model::prune::{Pruned, prune};
use crate::model::{Model, ModelOptions, PoiChoice};
use crate::spec::Workspace;
use crate::{Error, Result};

/// What is to be dropped.
#[derive(Debug, Clone)]
pub struct PruneOptions {
    /// Systematics that change no bin by this fraction of their sample go: [`prune`].
    pub threshold: f64,
    /// Of the fits before and after.
    pub fit: FitOptions,
}

/// What was dropped, and what the fit to the observed data says of it.
#[derive(Debug, Clone)]
pub struct Pruning {
    /// The workspace that is left.
    pub pruned: Pruned,
    /// The fit with all systematics.
    pub before: FitBrief,
    /// The fit without the small ones.
    pub after: FitBrief,
}

/// A fit in a few words.
#[derive(Debug, Clone, PartialEq)]
pub struct FitBrief {
    /// How it ended.
    pub status: Status,
    /// Parameter of interest; `None` where there is none.
    pub value: Option<f64>,
    /// Its uncertainty; `None` also where the fit has none.
    pub uncertainty: Option<f64>,
    /// -2 log likelihood at the minimum.
    pub twice_nll: f64,
    /// Number of parameters of the model.
    pub n_parameters: usize,
}

impl Session {
    /// Prunes `workspace`, which this session's model was compiled from with its measurement number
    /// `measurement`, and fits the observed data before and after. Parameters held by the options that
    /// are no longer there are left out of the second fit.
    ///
    /// # Errors
    /// Where the threshold is not a number of 0 or more, or the workspace is another one.
    pub fn prune(
        &self,
        workspace: &Workspace,
        measurement: usize,
        options: &PruneOptions,
    ) -> Result<Pruning> {
        let threshold = options.threshold;
        if !(threshold >= 0.0 && threshold.is_finite()) {
            return Err(Error::Argument(format!("threshold {threshold}: 0 or more is needed")));
        }
        let pruned = prune(workspace, threshold);
        let poi = match self.model.poi() {
            Some(poi) => PoiChoice::Named(self.model.parameters()[poi].name.clone()),
            None => PoiChoice::None,
        };
        let model_options = ModelOptions { poi, interpolation: self.model.interpolation() };
        let compile = |workspace| {
            let model = Model::new(workspace, measurement, &model_options)?;
            Ok::<_, Error>(model.with_negative_rates(self.model.negative_rates()))
        };
        let names = |model: &Model| -> Vec<String> {
            model.parameters().iter().map(|p| p.name.clone()).collect()
        };
        if names(&compile(workspace)?) != names(&self.model) {
            return Err(Error::Argument("the workspace is not the one of this session".into()));
        }
        let before = self.fit(self.model.observed(), &options.fit)?;
        let session =
            Self::new(compile(&pruned.workspace)?, crate::accelerator::DeviceChoice::Cpu)?;
        let mut fit = options.fit.clone();
        fit.fix.retain(|(name, _)| session.model.parameter_index(name).is_some());
        let after = session.fit(session.model.observed(), &fit)?;
        Ok(Pruning { pruned, before: self.brief(&before), after: session.brief(&after) })
    }

    fn brief(&self, fit: &FitResult) -> FitBrief {
        let poi = self.model.poi();
        FitBrief {
            status: fit.status,
            value: poi.map(|k| fit.parameters[k]),
            uncertainty: poi.and_then(|k| fit.uncertainties.get(k).copied()),
            twice_nll: fit.twice_nll,
            n_parameters: fit.parameters.len(),
        }
    }
}
