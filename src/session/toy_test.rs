//! Hypothesis tests by toys: CLs and discovery.

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Session;
use super::ensemble::Ensemble;
use super::hypotest::STEPS;
use super::hypotheses::{FreeFit, Hypotheses, OBSERVED, within};
use super::likelihood::Likelihood;
use super::pending_test::PendingTest;
use super::place::Place;
use crate::fit::Tolerance;
use crate::infer::distributions::significance;
use crate::infer::{ExpectedToys, Fraction, TestStatistic, ToyCls};
use crate::model::Data;
use crate::{Error, Result};

/// Which test, and with how many toys.
#[derive(Debug, Clone)]
pub struct ToyTest {
    /// Parameter of interest; `None`: the model's.
    pub poi: Option<String>,
    /// Its tested value; 0 for a discovery.
    pub mu: f64,
    /// Test statistic.
    pub statistic: TestStatistic,
    /// Seed: toys of the tested hypothesis have it, those of the alternative the next [`stream`](super::stream).
    pub seed: u64,
    /// First of the two streams of the seed: even, 0 but for points of a scan.
    pub stream: u64,
    /// Toys of each hypothesis.
    pub range: Range<u64>,
    /// Stop at fewer toys, once the error of CLs (for q0 of p0) is smaller than this.
    pub error: Option<f64>,
    /// Also throw toys of the alternative. Without them there is no CLb and nothing is expected.
    pub alternative: bool,
    /// Keep each toy's value; without them nothing is expected, and memory does not grow with toys.
    pub keep_values: bool,
    /// Toys fitted together.
    pub chunk: usize,
    /// When a fit stops.
    pub tolerance: Tolerance,
}

/// One of the two hypotheses of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hypothesis {
    /// The parameter of interest at its tested value.
    Tested,
    /// At 0; at 1 where 0 is tested for a discovery.
    Alternative,
}

impl Hypothesis {
    /// Both, in the order in which their toys are thrown.
    pub const BOTH: [Self; 2] = [Self::Tested, Self::Alternative];
}

/// A [`PendingTest`] and the session that fits its toys.
pub struct PreparedTest<'a> {
    session: Place<'a, Session>,
    pending: PendingTest,
}

/// A test by toys.
#[derive(Debug, Clone)]
pub struct ToyHypotest {
    /// Parameter of interest.
    pub poi: String,
    /// Its tested value.
    pub mu: f64,
    /// Test statistic.
    pub statistic: TestStatistic,
    /// Its value for the data.
    pub test_statistic: f64,
    /// Best fit of the parameter of interest, within the statistic's bounds.
    pub mu_hat: f64,
    /// CLs+b and CLb: toys with values at or above that of the data.
    pub cls: ToyCls,
    /// What the alternative's toys give, from -2 to +2 sigma; NaN where values are not kept.
    pub expected: ExpectedToys,
    /// Toys of the tested hypothesis.
    pub tested: Ensemble,
    /// Toys of the alternative.
    pub alternative: Ensemble,
    /// False where the test was stopped before its toys were done.
    pub complete: bool,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// A discovery by toys.
#[derive(Debug, Clone)]
pub struct ToyDiscovery {
    /// Background-only toys at or above the data's q0.
    pub p0: Fraction,
    /// Significance of p0 (arXiv:1007.1727 eq. 1); infinite where no toy reaches q0.
    pub z: f64,
    /// Significances of the alternative's toys (mu = 1), rising, from -2 to +2 sigma.
    pub z_expected: [f64; 5],
    /// The test itself.
    pub test: ToyHypotest,
}

impl Session {
    /// Tests a value of a parameter by toys. Truths are the best fits to `data` with the parameter at
    /// its tested value and at that of the alternative, as in pyhf; each toy has auxiliary data of its own.
    /// `progress` hears how many toys of which hypothesis came to an end. Once `stop` is set it ends after
    /// the chunk in work, with what there is.
    ///
    /// # Errors
    /// Where the test does not fit the model, where a fit to the data does not converge, or what the
    /// device says. Failing fits of toys are none: they are counted.
    pub fn hypotest_toys(
        &self,
        test: &ToyTest,
        data: &Data,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Hypothesis, u64),
    ) -> Result<ToyHypotest> {
        hypotest_toys(self, test, data, stop, progress)
    }

    /// The same for the background-only hypothesis: `test` with q0 at mu = 0, whatever it says.
    ///
    /// # Errors
    /// As [`hypotest_toys`](Self::hypotest_toys).
    pub fn discovery_toys(
        &self,
        test: &ToyTest,
        data: &Data,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Hypothesis, u64),
    ) -> Result<ToyDiscovery> {
        let test = ToyTest { mu: 0.0, statistic: TestStatistic::Q0, ..test.clone() };
        Ok(self.hypotest_toys(&test, data, stop, progress)?.into())
    }

    /// The fits to the data that a test by toys begins with. For toys that are kept on disk, or come from
    /// there; else [`hypotest_toys`](Self::hypotest_toys) does it all.
    ///
    /// # Errors
    /// Where the test does not fit the model, or a fit does not converge.
    pub fn prepare_toy_test(&self, test: &ToyTest, data: &Data) -> Result<PreparedTest<'_>> {
        let (session, pending) = one(self, test, data)?;
        Ok(PreparedTest { session, pending })
    }
}

/// A test by toys of any likelihood.
pub(super) fn hypotest_toys<L: Likelihood>(
    likelihood: &L,
    test: &ToyTest,
    data: &L::Data,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Hypothesis, u64),
) -> Result<ToyHypotest> {
    let (place, pending) = one(likelihood, test, data)?;
    throw(&*place, pending, stop, progress)
}

/// What a test of one value begins with.
pub(super) fn one<'a, L: Likelihood>(
    likelihood: &'a L,
    test: &ToyTest,
    data: &L::Data,
) -> Result<(Place<'a, L>, PendingTest)> {
    let (place, mut pending) = pending(likelihood, test, &[test.mu], data)?;
    let none = || Error::Argument("there is no value to test".into());
    Ok((place, pending.pop().ok_or_else(none)?))
}

/// The fits to the data that tests of `values` by toys begin with, and where their toys are fitted.
pub(super) fn pending<'a, L: Likelihood>(
    likelihood: &'a L,
    test: &ToyTest,
    values: &[f64],
    data: &L::Data,
) -> Result<(Place<'a, L>, Vec<PendingTest>)> {
    let poi = likelihood.poi(test.poi.as_deref())?;
    let name = likelihood.name(poi);
    if let Some(mu) = values.iter().find(|mu| !mu.is_finite()) {
        return Err(Error::Argument(format!("{name} = {mu} is not a finite number")));
    }
    let statistic = test.statistic;
    let free = FreeFit::new(likelihood, data, poi, statistic, Tolerance::PARITY)?;
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (largest - statistic.alternative()) / STEPS as f64;
    let on_the_way = (1..STEPS).map(|i| statistic.alternative() + step * i as f64);
    let all: Vec<f64> = on_the_way.chain(values.iter().copied()).collect();
    let tests = Hypotheses::new(&free, poi, statistic, Tolerance::PARITY, &|_| all.clone())?;
    // toys get the bounds of the observed data's free fit, or wider ones
    let declared = likelihood.bounds(poi);
    let (_, seen) = free.place.bounds(poi);
    let wanted = statistic.bounds((declared.0, declared.1.max(seen)), largest);
    let (lower, upper) = within(likelihood, poi, wanted);
    let mut notes = tests.notes.clone();
    let place = Place::bounded(likelihood, poi, (lower, upper))?;
    if (lower, upper) != declared {
        notes.push(format!("the toys' free fits had {name} between {lower} and {upper}"));
    }
    let truth = |mu: f64| {
        tests.truth(mu).map(<[f64]>::to_vec).ok_or_else(|| {
            let message = format!("the fit with {name} held at {mu} did not converge");
            Error::Convergence(message)
        })
    };
    let pending = |(k, &mu): (usize, &f64)| {
        let at = tests.path.values().iter().position(|v| *v == mu);
        let q = at.map_or(f64::NAN, |i| tests.q(OBSERVED, i));
        let stream = test.stream + 2 * k as u64;
        Ok(PendingTest {
            test: ToyTest { mu, stream, ..test.clone() },
            poi,
            name: name.to_owned(),
            bounds: (lower, upper),
            test_statistic: q,
            mu_hat: tests.best[OBSERVED].0,
            notes: notes.clone(),
            truths: [truth(mu)?, truth(statistic.alternative())?],
            ensembles: None,
        })
    };
    let pending = values.iter().enumerate().map(pending).collect::<Result<_>>()?;
    Ok((place, pending))
}

impl Deref for PreparedTest<'_> {
    type Target = PendingTest;

    fn deref(&self) -> &PendingTest {
        &self.pending
    }
}

impl PreparedTest<'_> {
    /// The session whose model has the statistic's bounds: where these toys are fitted.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The test without the session, for toys that are thrown elsewhere.
    pub fn into_pending(self) -> PendingTest {
        self.pending
    }

    /// Throws the toys of both hypotheses, in steps where the test is adaptive.
    ///
    /// # Errors
    /// What the device says.
    pub fn throw(
        self,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Hypothesis, u64),
    ) -> Result<ToyHypotest> {
        throw(&*self.session, self.pending, stop, progress)
    }

    /// What the toys of both hypotheses say.
    pub fn conclude(self, tested: Ensemble, alternative: Ensemble) -> ToyHypotest {
        self.pending.conclude_of(tested, alternative)
    }
}

/// Throws the toys of both hypotheses in `place`, in steps where the test is adaptive.
pub(super) fn throw(
    place: &impl Likelihood,
    mut pending: PendingTest,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Hypothesis, u64),
) -> Result<ToyHypotest> {
    let (last, chunk) = (pending.test.range.end, pending.test.chunk);
    let stopped = || stop.load(Ordering::Relaxed);
    while !stopped() {
        let needed = pending.needed();
        if needed.is_empty() {
            break;
        }
        for (hypothesis, plan) in needed {
            if stopped() {
                break;
            }
            let part = place.ensemble(&plan, chunk, stop, &mut |n| progress(hypothesis, n))?;
            pending.take(hypothesis, &part)?;
        }
    }
    let whole = !stopped() || pending.end() == last;
    let done = pending.conclude();
    Ok(ToyHypotest { complete: whole && done.complete, ..done })
}

impl From<ToyHypotest> for ToyDiscovery {
    fn from(test: ToyHypotest) -> Self {
        let mut z_expected = test.expected.clsb.map(significance);
        // the smallest p-value is the largest significance
        z_expected.reverse();
        let p0 = test.cls.clsb;
        Self { p0, z: significance(p0.value()), z_expected, test }
    }
}
