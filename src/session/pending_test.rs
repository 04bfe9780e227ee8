//! A test by toys apart from who fits them: which toys it needs next, and what they say.

use std::ops::Range;

use super::ensemble::{Ensemble, EnsemblePlan, stream};
use super::toy_test::{Hypothesis, ToyHypotest, ToyTest};
use crate::infer::{Empirical, ExpectedToys, TestStatistic, ToyCls};
use crate::{Error, Result};

/// Toys after which an adaptive test looks for the first time.
const FIRST_LOOK: u64 = 1000;

/// A test whose fits to the data are done. Until [`needed`](Self::needed) is empty its toys are thrown,
/// by whomever, and [taken](Self::take) in; [`conclude`](Self::conclude) says what they say.
#[derive(Debug, Clone)]
pub struct PendingTest {
    pub(super) test: ToyTest,
    pub(super) poi: usize,
    pub(super) name: String,
    /// Bounds of the parameter of interest in the toys' free fits.
    pub bounds: (f64, f64),
    /// Test statistic of the data.
    pub test_statistic: f64,
    /// Best fit of the parameter of interest, within the statistic's bounds.
    pub mu_hat: f64,
    /// What was done beside what was asked: other bounds.
    pub notes: Vec<String>,
    /// Best fits to the data under the tested hypothesis and the alternative.
    pub(super) truths: [Vec<f64>; 2],
    /// The toys so far; none until the first are needed.
    pub(super) ensembles: Option<[Ensemble; 2]>,
}

impl PendingTest {
    /// The test.
    pub fn test(&self) -> &ToyTest {
        &self.test
    }

    /// The toys of one hypothesis.
    pub fn plan(&self, hypothesis: Hypothesis) -> EnsemblePlan {
        let (i, test) = (hypothesis as usize, &self.test);
        let thrown = hypothesis == Hypothesis::Tested || test.alternative;
        EnsemblePlan {
            statistic: test.statistic,
            poi: self.poi,
            mu: test.mu,
            truth: self.truths[i].clone(),
            seed: stream(test.seed, test.stream + i as u64),
            range: if thrown { test.range.clone() } else { test.range.start..test.range.start },
            tolerance: test.tolerance,
            threshold: Some(self.test_statistic),
            keep_values: test.keep_values,
        }
    }

    /// Toys to be thrown before it can be said which others are; all at once unless the test is adaptive.
    /// Empty once it needs no more. Those needed before must have been taken in.
    pub fn needed(&mut self) -> Vec<(Hypothesis, EnsemblePlan)> {
        let plans = Hypothesis::BOTH.map(|h| self.plan(h));
        let range = self.test.range.clone();
        let before = self.end();
        let end = match (&self.ensembles, self.test.error) {
            (None, None) => range.end,
            (None, Some(_)) => range.end.min(range.start + FIRST_LOOK),
            // not many at once: the error of few toys is itself not known well
            (Some(_), _) => {
                let most = 9 * (before - range.start);
                range.end.min(before + self.more_toys().min(most))
            }
        };
        let ensembles = self.ensembles.get_or_insert_with(|| plans.each_ref().map(nothing));
        let mut needed = Vec::new();
        for ((hypothesis, plan), ensemble) in Hypothesis::BOTH.into_iter().zip(plans).zip(ensembles)
        {
            let range = ensemble.range.end..end.min(plan.range.end);
            if !range.is_empty() {
                ensemble.extend_to(range.end, plan.keep_values);
                needed.push((hypothesis, EnsemblePlan { range, ..plan }));
            }
        }
        needed
    }

    /// The toy after the last one thrown or needed.
    pub(super) fn end(&self) -> u64 {
        let tested = self.ensembles.as_ref().map(|e| e[Hypothesis::Tested as usize].range.end);
        tested.unwrap_or(self.test.range.start)
    }

    /// Takes in finished toys that were needed, in any order.
    ///
    /// # Errors
    /// Where they are not those of this hypothesis, or are there already.
    pub fn take(&mut self, hypothesis: Hypothesis, part: &Ensemble) -> Result<()> {
        let missing = || Error::Argument("toys came in that were not asked for".into());
        let ensembles = self.ensembles.as_mut().ok_or_else(missing)?;
        ensembles[hypothesis as usize].join(part)
    }

    /// Toys that an adaptive test still needs; 0 where no error was asked for.
    fn more_toys(&self) -> u64 {
        let (Some(wish), Some(ensembles)) = (self.test.error, &self.ensembles) else { return 0 };
        let [clsb, clb] = ensembles.each_ref().map(Ensemble::p_value);
        match self.test.statistic {
            TestStatistic::Q0 => clsb.more_toys(wish),
            _ => ToyCls { clsb, clb }.more_toys(wish),
        }
    }

    /// What the toys taken in say.
    pub fn conclude(mut self) -> ToyHypotest {
        let ensembles = self.ensembles.take();
        let [tested, alternative] =
            ensembles.unwrap_or_else(|| Hypothesis::BOTH.map(|h| nothing(&self.plan(h))));
        self.conclude_of(tested, alternative)
    }

    /// What these toys of both hypotheses say.
    pub(super) fn conclude_of(self, tested: Ensemble, alternative: Ensemble) -> ToyHypotest {
        let empirical = |e: &Ensemble| match self.test.keep_values {
            true => e.distribution(),
            false => Empirical::default(),
        };
        ToyHypotest {
            poi: self.name,
            mu: self.test.mu,
            statistic: self.test.statistic,
            test_statistic: self.test_statistic,
            mu_hat: self.mu_hat,
            cls: ToyCls { clsb: tested.p_value(), clb: alternative.p_value() },
            expected: ExpectedToys::new(&empirical(&tested), &empirical(&alternative)),
            complete: tested.is_complete() && alternative.is_complete(),
            tested,
            alternative,
            notes: self.notes,
        }
    }
}

/// No toys yet, in exact arithmetic until a device says otherwise.
fn nothing(plan: &EnsemblePlan) -> Ensemble {
    let Range { start, .. } = plan.range;
    Ensemble::new(&EnsemblePlan { range: start..start, ..plan.clone() }, "f64")
}
