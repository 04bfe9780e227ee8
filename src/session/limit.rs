//! Upper limits by CLs, asymptotically: one profile of the observed data, one of the Asimov data, six
//! roots.

use super::Session;
use super::hypotest::TestOptions;
use super::hypotheses::{ASIMOV, FreeFit, Hypotheses, OBSERVED};
use super::likelihood::Likelihood;
use super::scan::part_of;
use crate::fit::Status;
use crate::infer::distributions::{normal_tail, significance};
use crate::infer::root::{Search, last_fall};
use crate::infer::{Asymptotic, Expected, TestStatistic};
use crate::model::Data;
use crate::{Error, Result};

/// Limits are found to this part of the width of best fits.
const PRECISION: f64 = 1e-6;
/// Values of the first scan, beside guesses of the limits.
const FIRST_SCAN: usize = 10;
/// Rounds of looking for roots: some five are needed, more where the way up is long.
const ROUNDS: usize = 60;
/// How far above the first scan limits are looked for, in its lengths.
const FURTHEST: f64 = 1e6;

/// What a limit may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitOptions {
    /// Parameter of interest, test statistic, tolerance.
    pub test: TestOptions,
    /// Confidence level.
    pub confidence_level: f64,
    /// Values to be tested beside those that the search needs.
    pub values: Vec<f64>,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self { test: TestOptions::default(), confidence_level: 0.95, values: Vec::new() }
    }
}

/// Upper limits on the parameter of interest.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Parameter of interest.
    pub poi: String,
    /// The test statistic.
    pub statistic: TestStatistic,
    /// Confidence level.
    pub confidence_level: f64,
    /// Best fit to the observed data, within the statistic's bounds.
    pub mu_hat: f64,
    /// Observed limit; `None` where CLs stays above 1 - confidence level as far as was looked.
    pub observed: Option<f64>,
    /// Limits expected under the alternative, from -2 to +2 sigma.
    pub expected: [Option<f64>; 5],
    /// All values tested on the way, rising.
    pub points: Vec<LimitPoint>,
    /// The worst of the fits.
    pub status: Status,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// CLs at one value of the parameter of interest.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitPoint {
    /// The value.
    pub mu: f64,
    /// Observed test statistic.
    pub q: f64,
    /// That of the Asimov data.
    pub q_asimov: f64,
    /// Observed p-values and CLs.
    pub observed: Asymptotic,
    /// Those expected, from -2 to +2 sigma.
    pub expected: Expected,
    /// The worse of the two fits.
    pub status: Status,
}

impl Session {
    /// Observed and expected upper limits by CLs, asymptotically (arXiv:1007.1727).
    ///
    /// The range to look in comes from the widths of the fits and grows until all limits are in it,
    /// beyond the declared bounds too. Each value's fits start from those of the values around it, until
    /// no fit gets lower: profiles with several branches are followed along the lowest. Of several
    /// crossings the last one is the limit.
    ///
    /// # Errors
    /// Where the test statistic is two-sided, the confidence level is not between 0 and 1, and as
    /// [`hypotest`](Self::hypotest).
    pub fn limit(&self, data: &Data, options: &LimitOptions) -> Result<Limit> {
        limit(self, data, options)
    }
}

pub(super) fn limit<L: Likelihood>(
    likelihood: &L,
    data: &L::Data,
    options: &LimitOptions,
) -> Result<Limit> {
    let TestOptions { poi, statistic, tolerance } = &options.test;
    let (statistic, tolerance) = (*statistic, *tolerance);
    let level = 1.0 - options.confidence_level;
    check(options)?;
    let poi = likelihood.poi(poi.as_deref())?;
    let free = FreeFit::new(likelihood, data, poi, statistic, tolerance)?;
    let declared = likelihood.bounds(poi);
    let targets = targets(level);
    let scan = |width: Option<f64>| {
        let width = width.unwrap_or_else(|| part_of(0.1, declared, free.fit.parameters[poi]));
        let mut values = guesses(&free.fit, poi, width, level, &targets);
        let end = 1.2 * values.iter().copied().fold(width, f64::max);
        values.extend((1..=FIRST_SCAN).map(|i| end * i as f64 / FIRST_SCAN as f64));
        values.extend(&options.values);
        values
    };
    let mut tests = Hypotheses::new(&free, poi, statistic, tolerance, &scan)?;
    let limits = search(&mut tests, level, &targets)?;
    let points: Vec<LimitPoint> = (0..tests.path.len()).map(|i| tests.limit_point(i)).collect();
    let name = likelihood.name(poi);
    tests.note_limits(name, declared.1, &limits, &points, level);
    Ok(Limit {
        poi: name.to_owned(),
        statistic,
        confidence_level: options.confidence_level,
        mu_hat: tests.best[OBSERVED].0,
        observed: limits[5],
        expected: std::array::from_fn(|k| limits[k]),
        points,
        status: tests.status(),
        notes: tests.notes,
    })
}

fn check(options: &LimitOptions) -> Result<()> {
    let statistic = options.test.statistic;
    if !matches!(statistic, TestStatistic::QMu | TestStatistic::QTilde) {
        return Err(Error::Argument(format!(
            "upper limits need qmu or qtilde as test statistic, not {statistic}"
        )));
    }
    let level = options.confidence_level;
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::Argument(format!(
            "confidence level {level}: between 0 and 1 is needed"
        )));
    }
    match options.values.iter().find(|v| !v.is_finite()) {
        Some(value) => Err(Error::Argument(format!("mu = {value} is not a finite number"))),
        None => Ok(()),
    }
}

/// Roots of the Asimov data's test statistic at which the expected CLs is `level`, from -2 to +2 sigma:
/// the tail above `s - n` is `level` times the tail above `-n`.
fn targets(level: f64) -> [f64; 5] {
    [-2.0, -1.0, 0.0, 1.0, 2.0].map(|n: f64| n + significance(level * normal_tail(-n)))
}

/// Where the limits would be if all were Gaussian: `width` is that of best fits.
fn guesses(
    fit: &super::FitResult,
    poi: usize,
    width: f64,
    level: f64,
    targets: &[f64; 5],
) -> Vec<f64> {
    let best = fit.parameters[poi];
    let own = fit.uncertainties.get(poi).copied().filter(|u| *u > 0.0).unwrap_or(width);
    let observed = best + own * significance(level * normal_tail(-best / own));
    let expected = targets.iter().map(|s| s * width);
    expected.chain([observed]).filter(|v| v.is_finite() && *v > 0.0).collect()
}

/// The five expected limits and the observed one.
fn search<L: Likelihood>(
    tests: &mut Hypotheses<'_, L>,
    level: f64,
    targets: &[f64; 5],
) -> Result<[Option<f64>; 6]> {
    let first_end = tests.path.values().last().copied().unwrap_or(1.0);
    let tolerance = PRECISION * tests.width.unwrap_or(first_end);
    let mut found = [None; 6];
    let mut missing = [true; 6];
    for _ in 0..ROUNDS {
        let mut next = Vec::new();
        let end = tests.path.values().last().copied().unwrap_or(1.0);
        for k in 0..6 {
            if !missing[k] {
                continue;
            }
            match last_fall(&tests.curve(k, level, targets), tolerance) {
                Search::Found(limit) => (found[k], missing[k]) = (Some(limit), false),
                Search::Next(value) => next.push(value),
                Search::Beyond if end < FURTHEST * first_end => next.push(2.0 * end),
                Search::Beyond => missing[k] = false,
            }
        }
        if next.is_empty() {
            break;
        }
        tests.extend(&next)?;
    }
    Ok(found)
}

impl<L: Likelihood> Hypotheses<'_, L> {
    /// What a reader of the limits should know.
    fn note_limits(
        &mut self,
        name: &str,
        upper: f64,
        limits: &[Option<f64>; 6],
        points: &[LimitPoint],
        level: f64,
    ) {
        if limits.iter().flatten().any(|l| *l > upper) {
            self.notes.push(format!(
                "there are limits above {upper}, the upper bound that is declared for {name}"
            ));
        }
        if limits.iter().any(Option::is_none) {
            let end = points.last().map_or(0.0, |p| p.mu);
            self.notes.push(format!(
                "CLs stays above {level:.3} up to {name} = {end:.4e}: there is no limit below"
            ));
        }
        let excluded: Vec<bool> = points.iter().map(|p| p.observed.cls < level).collect();
        if excluded.windows(2).any(|w| w[0] && !w[1]) {
            self.notes.push(
                "the observed CLs crosses the level several times; the limit is the last crossing"
                    .into(),
            );
        }
    }

    /// A function that falls through 0 at the limit `k`: the five expected ones, then the observed.
    /// All are nearly straight lines.
    fn curve(&self, k: usize, level: f64, targets: &[f64; 5]) -> Vec<(f64, f64)> {
        let alternative = self.statistic.alternative();
        let values = self.path.values();
        let above = (0..values.len()).filter(|&i| values[i] >= alternative);
        let f = |i: usize| match targets.get(k) {
            Some(target) => target - self.q(ASIMOV, i).sqrt(),
            // in standard deviations, too
            None => significance(level) - significance(self.p_values(i).0.cls.max(1e-300)),
        };
        above.map(|i| (values[i], f(i))).collect()
    }

    fn limit_point(&self, i: usize) -> LimitPoint {
        let (observed, expected) = self.p_values(i);
        let nodes = [self.path.node(OBSERVED, i), self.path.node(ASIMOV, i)];
        LimitPoint {
            mu: nodes[0].values[0],
            q: self.q(OBSERVED, i),
            q_asimov: self.q(ASIMOV, i),
            observed,
            expected,
            status: super::profile::worst(nodes.map(|n| n.status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected limits of a Gaussian measurement, in units of its width: pyhf gives the same for large
    /// counts.
    #[test]
    fn expected_limits_of_a_gaussian() {
        let found = targets(0.05);
        for (k, s) in found.into_iter().enumerate() {
            let cls = Expected::new(TestStatistic::QTilde, s * s).cls[k];
            assert!((cls - 0.05).abs() < 1e-12, "{k}: {cls}");
        }
        assert!((found[2] - 1.959_963_984_540_054).abs() < 1e-12);
        assert!(found.is_sorted());
    }
}
