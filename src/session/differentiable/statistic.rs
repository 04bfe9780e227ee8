//! Test statistics and CLs with their derivatives in the yields.

use super::adjoint::{Adjoint, Difference};
use super::place::{Here, Place};
use super::{DataSource, Differentiable, Role, Sourced};
use crate::fit::Fit;
use crate::infer::{Asymptotic, Expected, TestStatistic};
use crate::model::Data;
use crate::session::hypotheses::WIDENINGS;
use crate::{Error, Result};

/// A test statistic and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSlopes {
    /// Its value.
    pub q: f64,
    /// Best fit of the parameter of interest, within the statistic's bounds.
    pub mu_hat: f64,
    /// d q / d yield, `[cells]`; 0 where the best fit is on the side that does not count.
    pub yields: Vec<f64>,
    /// d q / d mu.
    pub mu: f64,
}

/// CLs and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct ClsSlopes {
    /// Its value.
    pub cls: f64,
    /// d CLs / d yield, `[cells]`.
    pub yields: Vec<f64>,
    /// d CLs / d mu.
    pub mu: f64,
}

/// A point of the likelihood.
struct Point {
    x: Vec<f64>,
    here: Here,
}

/// The fits behind a test statistic.
struct Tested {
    free: Point,
    held: Point,
    q: f64,
    /// The best fit is on the side that counts.
    counts: bool,
}

impl Differentiable {
    /// A test statistic of `source` at `mu`, and its gradient by the envelope theorem: the parameters are at
    /// their best fits, so that only the yields' own share is left.
    ///
    /// # Errors
    /// Where a length does not fit, or a fit does not converge.
    pub fn test_statistic(
        &self,
        yields: &[f64],
        mu: f64,
        statistic: TestStatistic,
        source: &DataSource,
    ) -> Result<TestSlopes> {
        let poi = self.poi()?;
        check(mu)?;
        self.with_place(yields, |place| {
            let sourced = self.source(place, source)?;
            let tested = self.tested_source(place, &sourced, mu, statistic)?;
            let mut adjoint = self.adjoint();
            self.add_tested(&mut adjoint, place, &sourced.data, &tested, 1.0, sourced.at.is_some());
            Ok(TestSlopes {
                q: tested.q,
                mu_hat: tested.free.x[poi],
                yields: self.finish(adjoint, place, &sourced)?,
                mu: tested.slope_in_mu(poi),
            })
        })
    }

    /// CLs at `mu` by asymptotic formulas (arXiv:1007.1727), observed or, with `quantile`, expected under the
    /// alternative at so many sigma. The Asimov data of the alternative stand on the best fit to `source`
    /// there, and the derivatives know how that moves.
    ///
    /// # Errors
    /// As [`test_statistic`](Self::test_statistic), and for two-sided statistics.
    pub fn cls(
        &self,
        yields: &[f64],
        mu: f64,
        statistic: TestStatistic,
        quantile: Option<f64>,
        source: &DataSource,
    ) -> Result<ClsSlopes> {
        one_sided(statistic)?;
        check(mu)?;
        self.with_place(yields, |place| {
            let sourced = self.source(place, source)?;
            let alternative = self.alternative(place, &sourced, statistic)?;
            let log = self.log_cls(place, &sourced, &alternative, mu, statistic, quantile)?;
            let slopes = self.log_cls_slopes(place, &sourced, &alternative, &log)?;
            let cls = log.cls;
            Ok(ClsSlopes {
                cls,
                yields: slopes.iter().map(|s| cls * s).collect(),
                mu: cls * log.mu,
            })
        })
    }

    /// The two fits of a test of the statement's own data, the free one made only where it is not known.
    fn tested_source(
        &self,
        place: &mut Place,
        sourced: &Sourced,
        mu: f64,
        statistic: TestStatistic,
    ) -> Result<Tested> {
        let poi = self.poi()?;
        let bounds = statistic.bounds(self.model.parameters()[poi].bounds, mu);
        let known = self.known_best(sourced, Some((poi, bounds)));
        self.tested(place, &sourced.data, mu, statistic, known)
    }

    /// The two fits of a test; the free one may be known.
    fn tested(
        &self,
        place: &mut Place,
        data: &Data,
        mu: f64,
        statistic: TestStatistic,
        free: Option<&[f64]>,
    ) -> Result<Tested> {
        let poi = self.poi()?;
        let at =
            |place: &Place, x: Vec<f64>| Ok::<_, Error>(Point { here: place.at(&x, data)?, x });
        let known = free.is_some();
        let free = match free {
            Some(x) => x.to_vec(),
            None => self.free_fit(place, data, &self.model.init(), mu, statistic)?.parameters,
        };
        let role = if known { Role::Asimov } else { Role::Held };
        let held = self.held_fit(place, role, data, &free, mu)?.parameters;
        let (mut free, held) = (at(place, free)?, at(place, held)?);
        if !known && held.here.nll < free.here.nll {
            // the way to the held value led to a lower minimum
            let lower = self.free_fit(place, data, &held.x, mu, statistic)?.parameters;
            free = at(place, lower)?;
        }
        let difference = 2.0 * (held.here.nll - free.here.nll);
        let q = statistic.value(mu, free.x[poi], difference);
        Ok(Tested { counts: q > 0.0, q, free, held })
    }

    /// Best fit with the statistic's bounds, widened where it ends at the upper one.
    fn free_fit(
        &self,
        place: &mut Place,
        data: &Data,
        start: &[f64],
        mu: f64,
        statistic: TestStatistic,
    ) -> Result<Fit> {
        let poi = self.poi()?;
        let mut bounds = statistic.bounds(self.model.parameters()[poi].bounds, mu);
        let mut widened = 0;
        loop {
            let fit = place
                .bounded(poi, bounds, |p| self.minimum(p, Role::Free, data, start, &self.fixed))?;
            if fit.parameters[poi] < bounds.1 || widened == WIDENINGS {
                return Ok(fit);
            }
            widened += 1;
            bounds.1 = 2.0 * bounds.1.abs().max(1.0);
        }
    }

    /// Best fit with the parameter of interest held at `mu`.
    fn held_fit(
        &self,
        place: &Place,
        role: Role,
        data: &Data,
        from: &[f64],
        mu: f64,
    ) -> Result<Fit> {
        let poi = self.poi()?;
        let mut start = from.to_vec();
        start[poi] = mu;
        self.minimum(place, role, data, &start, &self.held(poi))
    }

    fn held(&self, poi: usize) -> Vec<bool> {
        let mut fixed = self.fixed.clone();
        fixed[poi] = true;
        fixed
    }

    fn add_tested(
        &self,
        to: &mut Adjoint,
        place: &Place,
        data: &Data,
        tested: &Tested,
        weight: f64,
        data_move: bool,
    ) {
        let (held, free) = (&tested.held, &tested.free);
        let difference =
            Difference { data, upper: (&held.x, &held.here), lower: (&free.x, &free.here) };
        let weight = if tested.counts { weight } else { 0.0 };
        self.add_difference(to, place, weight, &difference, data_move);
    }
}

impl Tested {
    /// d q / d mu: the other parameters are at their best fit.
    fn slope_in_mu(&self, poi: usize) -> f64 {
        if self.counts { 2.0 * self.held.here.gradient[poi] } else { 0.0 }
    }
}

/// The alternative hypothesis: its best fit to the data, and its Asimov data.
pub(super) struct Alternative {
    x: Vec<f64>,
    data: Data,
}

/// The logarithm of CLs and its derivatives.
pub(super) struct LogCls {
    pub(super) cls: f64,
    /// d ln CLs / d mu.
    pub(super) mu: f64,
    observed: Option<(Tested, f64)>,
    asimov: (Tested, f64),
}

impl Differentiable {
    pub(super) fn alternative(
        &self,
        place: &Place,
        sourced: &Sourced,
        statistic: TestStatistic,
    ) -> Result<Alternative> {
        let (poi, value) = (self.poi()?, statistic.alternative());
        let x = match self.known_best(sourced, Some((poi, (value, value)))) {
            Some(best) => best.to_vec(),
            None => {
                let (data, init) = (&sourced.data, self.model.init());
                self.held_fit(place, Role::Alternative, data, &init, value)?.parameters
            }
        };
        Ok(Alternative { data: place.expected(&x), x })
    }

    pub(super) fn log_cls(
        &self,
        place: &mut Place,
        sourced: &Sourced,
        alternative: &Alternative,
        mu: f64,
        statistic: TestStatistic,
        quantile: Option<f64>,
    ) -> Result<LogCls> {
        let poi = self.poi()?;
        let asimov = self.tested(place, &alternative.data, mu, statistic, Some(&alternative.x))?;
        let observed = match quantile {
            None => Some(self.tested_source(place, sourced, mu, statistic)?),
            Some(_) => None,
        };
        let (cls, by_q, by_asimov) = match (&observed, quantile) {
            (Some(observed), _) => {
                let (q, q_asimov) = (observed.q, asimov.q);
                let (by_q, by_asimov) = Asymptotic::log_slopes(statistic, q, q_asimov);
                (Asymptotic::new(statistic, q, q_asimov).cls, by_q, by_asimov)
            }
            (None, n) => {
                let n = n.unwrap_or(0.0);
                (Expected::cls_at(asimov.q, n), 0.0, Expected::log_slope(asimov.q, n))
            }
        };
        let of_observed = observed.as_ref().map_or(0.0, |o| by_q * o.slope_in_mu(poi));
        Ok(LogCls {
            cls,
            mu: of_observed + by_asimov * asimov.slope_in_mu(poi),
            observed: observed.map(|o| (o, by_q)),
            asimov: (asimov, by_asimov),
        })
    }

    /// d ln CLs / d yield, `[cells]`.
    pub(super) fn log_cls_slopes(
        &self,
        place: &Place,
        sourced: &Sourced,
        alternative: &Alternative,
        log: &LogCls,
    ) -> Result<Vec<f64>> {
        let poi = self.poi()?;
        let mut adjoint = self.adjoint();
        let data_move = sourced.at.is_some();
        if let Some((tested, weight)) = &log.observed {
            self.add_tested(&mut adjoint, place, &sourced.data, tested, *weight, data_move);
        }
        let (tested, weight) = &log.asimov;
        let mut of_asimov = self.adjoint();
        self.add_tested(&mut of_asimov, place, &alternative.data, tested, *weight, true);
        adjoint.yields.iter_mut().zip(&of_asimov.yields).for_each(|(a, b)| *a += b);
        let share = self.through_expected(&mut adjoint, place, &alternative.x, &of_asimov);
        let covariance = place.covariance(&sourced.data, &alternative.x, &self.held(poi))?;
        let fit = (&*covariance.matrix, &*share);
        self.through_fit(&mut adjoint, place, &sourced.data, &alternative.x, fit);
        self.finish(adjoint, place, sourced)
    }
}

pub(super) fn check(mu: f64) -> Result<()> {
    match mu.is_finite() {
        true => Ok(()),
        false => Err(Error::Argument(format!("mu = {mu} is not a finite number"))),
    }
}

pub(super) fn one_sided(statistic: TestStatistic) -> Result<()> {
    match statistic.is_one_sided() {
        true => Ok(()),
        false => {
            Err(Error::Argument(format!("CLs is made of one-sided statistics, not of {statistic}")))
        }
    }
}
