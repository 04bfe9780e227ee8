//! The upper limit with its derivatives: where CLs(mu, yields) = 1 - confidence level,
//! d mu / d yields = -(d CLs / d yields) / (d CLs / d mu).

use std::sync::PoisonError;

use super::place::Place;
use super::statistic::{Alternative, LogCls, one_sided};
use super::{DataSource, Differentiable, Sourced};
use crate::accelerator::DeviceChoice;
use crate::infer::TestStatistic;
use crate::session::{LimitOptions, Session, TestOptions};
use crate::{Error, Result};

/// Steps of Newton's method in ln CLs: four are usual.
const STEPS: usize = 12;
/// Where it stops, relative to the limit.
const PRECISION: f64 = 1e-12;

/// An upper limit and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitSlopes {
    /// The limit.
    pub limit: f64,
    /// d limit / d yield, `[cells]`.
    pub yields: Vec<f64>,
}

/// What a limit is asked for.
struct Question {
    statistic: TestStatistic,
    quantile: Option<f64>,
    level: f64,
}

impl Differentiable {
    /// Upper limit by CLs, observed or, with `quantile`, expected under the alternative at so many sigma.
    /// Looked for by Newton's method from where the last one was, and, the first time or where that fails, by
    /// [`Session::limit`].
    ///
    /// # Errors
    /// Where there is no limit, and as [`cls`](Self::cls).
    pub fn limit(
        &self,
        yields: &[f64],
        confidence_level: f64,
        statistic: TestStatistic,
        quantile: Option<f64>,
        source: &DataSource,
    ) -> Result<LimitSlopes> {
        one_sided(statistic)?;
        if !(confidence_level > 0.0 && confidence_level < 1.0) {
            let told = format!("confidence_level = {confidence_level} is not between 0 and 1");
            return Err(Error::Argument(told));
        }
        let question = Question { statistic, quantile, level: 1.0 - confidence_level };
        self.with_place(yields, |place| {
            let sourced = self.source(place, source)?;
            let alternative = self.alternative(place, &sourced, statistic)?;
            let last = *self.last_limit.lock().unwrap_or_else(PoisonError::into_inner);
            let found = match last {
                Some(mu) => self.newton(place, &sourced, &alternative, &question, mu)?,
                None => None,
            };
            let found = match found {
                Some(found) => Some(found),
                None => {
                    let mu = self.search(yields, &sourced, &question)?;
                    self.newton(place, &sourced, &alternative, &question, mu)?
                }
            };
            let (limit, log) = found.ok_or_else(|| {
                let message = "CLs does not fall through the level where the limit was found: the \
                               profile has several branches, and the limit no derivative";
                Error::Convergence(message.into())
            })?;
            *self.last_limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(limit);
            let slopes = self.log_cls_slopes(place, &sourced, &alternative, &log)?;
            let yields = slopes.iter().map(|s| -s / log.mu).collect();
            Ok(LimitSlopes { limit, yields })
        })
    }

    /// The limit from nearby; none where Newton's method does not lead to one.
    fn newton(
        &self,
        place: &mut Place,
        sourced: &Sourced,
        alternative: &Alternative,
        question: &Question,
        mut mu: f64,
    ) -> Result<Option<(f64, LogCls)>> {
        let Question { statistic, quantile, level } = *question;
        let target = level.ln();
        let mut last = f64::INFINITY;
        for _ in 0..STEPS {
            let log = self.log_cls(place, sourced, alternative, mu, statistic, quantile)?;
            let usable = log.cls > 0.0 && log.mu.is_finite() && log.mu < 0.0;
            if !usable {
                return Ok(None);
            }
            let step = (target - log.cls.ln()) / log.mu;
            let size = step.abs();
            if size <= PRECISION * mu.abs() || size <= 1e-9 * mu.abs() && size >= 0.5 * last {
                return Ok(Some((mu, log)));
            }
            // ln CLs bends down: far away a step from the left can be too long
            mu = if mu > 0.0 { (mu + step).clamp(0.25 * mu, 4.0 * mu) } else { mu + step };
            last = size;
        }
        Ok(None)
    }

    /// The limit from nowhere.
    fn search(&self, yields: &[f64], sourced: &Sourced, question: &Question) -> Result<f64> {
        let Question { statistic, quantile, level } = *question;
        let model = self.model.with_yields(&self.cells, yields);
        let session = Session::new(model, DeviceChoice::Cpu)?;
        let poi = self.poi.map(|k| self.model.parameters()[k].name.clone());
        let test = TestOptions { poi, statistic, ..TestOptions::default() };
        let options = LimitOptions { test, confidence_level: 1.0 - level, values: Vec::new() };
        let limit = session.limit(&sourced.data, &options)?;
        let nearest = |n: f64| limit.expected[(n.round().clamp(-2.0, 2.0) + 2.0) as usize];
        let found = quantile.map_or(limit.observed, nearest);
        found.ok_or_else(|| {
            let reason = limit.notes.last().map_or(String::new(), |note| format!(": {note}"));
            Error::Convergence(format!("there is no upper limit{reason}"))
        })
    }
}
