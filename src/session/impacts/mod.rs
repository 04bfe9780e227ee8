//! What each nuisance parameter does to the parameter of interest, and what its uncertainty is made of.

mod global;
mod groups;
mod ranking;

pub use global::{GlobalImpact, GlobalImpacts};
pub use groups::{Group, matches_pattern};
pub use ranking::{Impact, Shift};

use super::likelihood::Likelihood;
use super::{FitOptions, FitResult, Session};
use crate::fit::{Status, Tolerance};
use crate::model::Data;
use crate::{Error, Result};

/// Refits end this close to their minimum, or closer where the options say so: an impact is a
/// difference of two fits, wrong by `sqrt(2 edm)` uncertainties of the parameter of interest at most.
const REFIT_EDM: f64 = 1e-11;

/// What a ranking may be told.
#[derive(Debug, Clone, Default)]
pub struct ImpactOptions {
    /// Parameter of interest; `None`: the model's.
    pub poi: Option<String>,
    /// Names of the parameters to rank, `*` standing for anything; fixed ones are left out. Empty: all
    /// free ones.
    pub parameters: Vec<String>,
    /// Groups by name, each a list of such patterns, in addition to the automatic ones ([`Group`]).
    pub groups: Vec<(String, Vec<String>)>,
    /// Shift the auxiliary data, too: [`GlobalImpacts`].
    pub global: bool,
    /// Of the fit whose result is taken apart, and of all others.
    pub fit: FitOptions,
}

/// A fit taken apart.
#[derive(Debug, Clone)]
pub struct Impacts {
    /// Index of the parameter of interest.
    pub poi: usize,
    /// The fit.
    pub fit: FitResult,
    /// Sorted by the largest post-fit impact, downwards.
    pub parameters: Vec<Impact>,
    /// The user's groups, then the automatic ones.
    pub groups: Vec<Group>,
    /// By shifted auxiliary data, where asked for.
    pub global: Option<GlobalImpacts>,
    /// Conspicuous things: minima below the best fit, a parameter of interest at its bound.
    pub notes: Vec<String>,
}

impl Impacts {
    /// Best-fit value of the parameter of interest and its uncertainty.
    pub fn value(&self) -> (f64, f64) {
        (self.fit.parameters[self.poi], self.fit.uncertainties[self.poi])
    }

    /// Converged, or the first other status among all fits.
    pub fn status(&self) -> Status {
        let global = self.global.iter().flat_map(|g| &g.parameters);
        worst(
            [self.fit.status]
                .into_iter()
                .chain(self.parameters.iter().map(Impact::status))
                .chain(global.map(|g| g.status)),
        )
    }
}

impl Session {
    /// Fits `data` and takes the uncertainty of the parameter of interest apart.
    ///
    /// *Ranking* ([`Impact`]): each free parameter is held at its best-fit value plus and minus its
    /// uncertainty, all others are fitted again, and the change of the parameter of interest is the
    /// impact; as cabinetry's `fit.ranking` does. *Groups* ([`Group`]) come from the covariance.
    /// *Shifted auxiliary data* ([`GlobalImpacts`]) where asked for.
    ///
    /// # Errors
    /// Where a name, a pattern or a length does not fit the model, the parameter of interest is fixed,
    /// or the fit has no minimum or no uncertainties to take apart. Refits that do not converge are no
    /// error: their impact is `None` and has a status.
    pub fn impacts(&self, data: &Data, options: &ImpactOptions) -> Result<Impacts> {
        let mut impacts = impacts(self, data, options)?;
        if options.global {
            let Impacts { poi, fit, notes, .. } = &mut impacts;
            let around = Around::new(self, data, fit, *poi, options);
            impacts.global = Some(around.shifted_auxiliary(notes)?);
        }
        Ok(impacts)
    }
}

/// All but what shifted auxiliary data do.
pub(super) fn impacts<L: Likelihood>(
    likelihood: &L,
    data: &L::Data,
    options: &ImpactOptions,
) -> Result<Impacts> {
    let poi = likelihood.poi(options.poi.as_deref())?;
    let name = likelihood.name(poi);
    let (fit, _) = likelihood.fit_all_minima(data, &options.fit)?;
    if fit.fixed[poi] {
        return Err(Error::Argument(format!("{name} is fixed: nothing has an impact on it")));
    }
    if !fit.status.is_converged() {
        let why = fit.status.as_str().replace('_', " ");
        return Err(Error::Convergence(format!("the fit has no minimum to start from: {why}")));
    }
    if let Some(problem) = &fit.covariance_problem {
        return Err(Error::Convergence(format!("the fit has no uncertainties: {problem}")));
    }
    let ranked = ranked(likelihood, &options.parameters, poi, &fit)?;
    let groups = groups::groups(likelihood, &options.groups, poi, &fit)?;
    let mut notes = Vec::new();
    if fit.at_bound[poi] != 0 {
        notes.push(format!(
            "{name} is at its {} bound: its uncertainty counts as 0, and it cannot follow further",
            if fit.at_bound[poi] < 0 { "lower" } else { "upper" }
        ));
    }
    let parameters =
        Around::new(likelihood, data, &fit, poi, options).ranking(&ranked, &mut notes)?;
    Ok(Impacts { poi, parameters, groups, global: None, notes, fit })
}

/// Free parameters that a pattern names, all of them without one.
fn ranked(
    likelihood: &impl Likelihood,
    patterns: &[String],
    poi: usize,
    fit: &FitResult,
) -> Result<Vec<usize>> {
    let free = |k: &usize| !fit.fixed[*k];
    if patterns.is_empty() {
        return Ok((0..fit.fixed.len()).filter(free).filter(|k| *k != poi).collect());
    }
    let found = groups::matching(likelihood, patterns, poi)?;
    Ok(found.into_iter().filter(free).collect())
}

/// A best fit, and what is needed for others around it.
struct Around<'a, L: Likelihood> {
    likelihood: &'a L,
    data: &'a L::Data,
    fit: &'a FitResult,
    poi: usize,
    tolerance: Tolerance,
}

impl<'a, L: Likelihood> Around<'a, L> {
    fn new(
        likelihood: &'a L,
        data: &'a L::Data,
        fit: &'a FitResult,
        poi: usize,
        options: &ImpactOptions,
    ) -> Self {
        let edm = options.fit.tolerance.edm.min(REFIT_EDM);
        let tolerance = Tolerance { edm, ..options.fit.tolerance };
        Self { likelihood, data, fit, poi, tolerance }
    }

    /// `x` plus `step` times a row of the covariance, no free parameter beyond its bounds.
    fn along(&self, row: usize, step: f64) -> Vec<f64> {
        let n = self.fit.parameters.len();
        let row = &self.fit.covariance[row * n..(row + 1) * n];
        let bounds = (0..n).map(|k| self.likelihood.bounds(k));
        let moved = self.fit.parameters.iter().zip(row).zip(bounds).zip(&self.fit.fixed);
        moved
            .map(
                |(((x, c), (lower, upper)), fixed)| {
                    if *fixed { *x } else { (x + step * c).clamp(lower, upper) }
                },
            )
            .collect()
    }
}

/// Converged, or the first status that is not.
fn worst(statuses: impl IntoIterator<Item = Status>) -> Status {
    statuses.into_iter().find(|s| !s.is_converged()).unwrap_or(Status::Converged)
}
