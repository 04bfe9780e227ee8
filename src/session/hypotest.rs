//! One hypothesis test, by asymptotic formulas.

use super::Session;
use super::hypotheses::{ASIMOV, FreeFit, Hypotheses, OBSERVED};
use super::likelihood::Likelihood;
use crate::fit::{Status, Tolerance};
use crate::infer::distributions::significance;
use crate::infer::{Asymptotic, Expected, TestStatistic};
use crate::model::Data;
use crate::{Error, Result};

/// Values between the alternative and the tested one, to follow the profile on: a likelihood may have
/// several minima.
pub(super) const STEPS: usize = 4;

/// What a test may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct TestOptions {
    /// Parameter of interest, by name; the measurement's where there is none.
    pub poi: Option<String>,
    /// The test statistic.
    pub statistic: TestStatistic,
    /// When fits stop. Test statistics are differences of likelihoods, hence closer than elsewhere.
    pub tolerance: Tolerance,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self { poi: None, statistic: TestStatistic::default(), tolerance: Tolerance::PARITY }
    }
}

/// A hypothesis test of one value of the parameter of interest.
#[derive(Debug, Clone, PartialEq)]
pub struct HypoTest {
    /// Parameter of interest.
    pub poi: String,
    /// The tested value.
    pub mu: f64,
    /// The test statistic.
    pub statistic: TestStatistic,
    /// Best fit to the observed data, within the statistic's bounds.
    pub mu_hat: f64,
    /// The test statistic's observed value.
    pub q: f64,
    /// Its value for the Asimov data of the alternative.
    pub q_asimov: f64,
    /// Observed p-values and CLs.
    pub observed: Asymptotic,
    /// Those expected under the alternative, from -2 to +2 sigma.
    pub expected: Expected,
    /// The worst of the fits.
    pub status: Status,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// The significance of an excess over mu = 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// Parameter of interest.
    pub poi: String,
    /// Best fit to the observed data.
    pub mu_hat: f64,
    /// The observed q0.
    pub q0: f64,
    /// Its p-value.
    pub p0: f64,
    /// Its significance: of a best fit below 0, 0.
    pub z: f64,
    /// Median significance expected for mu = 1, the nuisance parameters at their best fit there.
    pub z_expected: f64,
    /// The same from -2 to +2 sigma.
    pub z_band: [f64; 5],
    /// The worst of the fits.
    pub status: Status,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

impl Session {
    /// Test of the parameter of interest at `mu` with `data`: CLs, its parts and its expected band by
    /// asymptotic formulas (arXiv:1007.1727), as pyhf's `hypotest`. Values outside the declared bounds
    /// may be tested.
    ///
    /// # Errors
    /// Where there is no such parameter or it is fixed, `mu` is not finite, or the fits that everything
    /// stands on do not converge.
    pub fn hypotest(&self, mu: f64, data: &Data, options: &TestOptions) -> Result<HypoTest> {
        hypotest(self, mu, data, options)
    }

    /// Significance of an excess: q0 with its p-value, and what is expected for mu = 1
    /// (arXiv:1007.1727 eq. 52, 53, 73).
    ///
    /// # Errors
    /// As [`hypotest`](Self::hypotest).
    pub fn discovery(&self, data: &Data, options: &TestOptions) -> Result<Discovery> {
        discovery(self, data, options)
    }
}

pub(super) fn hypotest<L: Likelihood>(
    likelihood: &L,
    mu: f64,
    data: &L::Data,
    options: &TestOptions,
) -> Result<HypoTest> {
    let poi = likelihood.poi(options.poi.as_deref())?;
    if !mu.is_finite() {
        return Err(Error::Argument(format!("mu = {mu} is not a finite number")));
    }
    let statistic = options.statistic;
    let free = FreeFit::new(likelihood, data, poi, statistic, options.tolerance)?;
    let alternative = statistic.alternative();
    let step = (mu - alternative) / STEPS as f64;
    let between =
        |_| (1..=STEPS).map(|i| if i == STEPS { mu } else { alternative + step * i as f64 });
    let mut tests =
        Hypotheses::new(&free, poi, statistic, options.tolerance, &|w| between(w).collect())?;
    let (lower, upper) = likelihood.bounds(poi);
    if mu < lower || mu > upper {
        tests.notes.push(format!("{mu} is outside the declared bounds {lower} and {upper}"));
    }
    let i = tests.path.values().iter().position(|v| *v == mu).unwrap_or(0);
    let (observed, expected) = tests.p_values(i);
    Ok(HypoTest {
        poi: likelihood.name(poi).to_owned(),
        mu,
        statistic,
        mu_hat: tests.best[OBSERVED].0,
        q: tests.q(OBSERVED, i),
        q_asimov: tests.q(ASIMOV, i),
        observed,
        expected,
        status: tests.status(),
        notes: tests.notes,
    })
}

pub(super) fn discovery<L: Likelihood>(
    likelihood: &L,
    data: &L::Data,
    options: &TestOptions,
) -> Result<Discovery> {
    let options = TestOptions { statistic: TestStatistic::Q0, ..options.clone() };
    let test = hypotest(likelihood, 0.0, data, &options)?;
    let expected = test.q_asimov.sqrt();
    Ok(Discovery {
        poi: test.poi,
        mu_hat: test.mu_hat,
        q0: test.q,
        p0: test.observed.clsb,
        z: significance(test.observed.clsb).max(0.0),
        z_expected: expected,
        z_band: [-2.0, -1.0, 0.0, 1.0, 2.0].map(|n| (expected + n).max(0.0)),
        status: test.status,
        notes: test.notes,
    })
}
