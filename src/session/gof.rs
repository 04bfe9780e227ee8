//! Goodness of fit against the saturated model.

use super::{FitOptions, FitResult, Session};
use crate::Result;
use crate::infer::distributions::chi_square_tail;
use crate::model::poisson;
use crate::model::{Constraint, Data};

/// How well the model describes the data.
#[derive(Debug, Clone)]
pub struct Gof {
    /// The fit.
    pub fit: FitResult,
    /// `-2 log (L / L_saturated)` at the best fit: [`Session::saturated_statistic`].
    pub test_statistic: f64,
    /// Bins minus free unconstrained parameters: each constrained one brings an auxiliary datum of its
    /// own. May be 0 or below.
    pub degrees_of_freedom: i64,
    /// Probability of a chi-square variable with as many degrees of freedom above the statistic; `None`
    /// without a degree of freedom.
    pub p_value: Option<f64>,
}

impl Session {
    /// Twice the NLL of the saturated model for `data`: each bin expects what was observed, and each
    /// constraint term is at its maximum.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn saturated_twice_nll(&self, data: &Data) -> Result<f64> {
        self.model.check_data(data)?;
        let main: f64 = data.main.iter().map(|&count| poisson::saturated(count)).sum();
        let init = self.model.init();
        let parameters = self.model.parameters().iter().zip(&init);
        let best: Vec<f64> =
            parameters.map(|(p, init)| p.prefit(data).map_or(*init, |(value, _)| value)).collect();
        Ok(2.0 * (main + self.model.nll_constraints(&best, data)))
    }

    /// The test statistic of the saturated model (R. D. Cousins, "Generalization of chisquare
    /// goodness-of-fit test for binned data using saturated models", 2013; cabinetry's
    /// `goodness_of_fit`) for `data` and the least twice NLL that a fit to them found.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn saturated_statistic(&self, data: &Data, twice_nll: f64) -> Result<f64> {
        Ok(twice_nll - self.saturated_twice_nll(data)?)
    }

    /// Fits `data` and compares with the saturated model. The statistic follows a chi-square
    /// distribution (S. S. Wilks, 1938) where the bins are well filled; toys know better elsewhere.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn goodness_of_fit(&self, data: &Data, options: &FitOptions) -> Result<Gof> {
        let fit = self.fit(data, options)?;
        let test_statistic = self.saturated_statistic(data, fit.twice_nll)?;
        let degrees_of_freedom = self.degrees_of_freedom(&fit.fixed);
        let p_value = (degrees_of_freedom > 0)
            .then(|| chi_square_tail(test_statistic, degrees_of_freedom as f64));
        Ok(Gof { fit, test_statistic, degrees_of_freedom, p_value })
    }

    /// Bins minus unconstrained parameters that are not `fixed`.
    fn degrees_of_freedom(&self, fixed: &[bool]) -> i64 {
        let parameters = self.model.parameters().iter().zip(fixed);
        let free = parameters.filter(|(p, fixed)| !**fixed && p.constraint == Constraint::None);
        self.model.n_bins() as i64 - free.count() as i64
    }
}
