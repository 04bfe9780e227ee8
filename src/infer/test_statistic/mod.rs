//! Test statistics of the profile likelihood (Cowan, Cranmer, Gross, Vitells, Eur. Phys. J. C 71
//! (2011) 1554, arXiv:1007.1727): one file each. All are made of two fits, one with the parameter
//! of interest held at `mu` and a free one, and differ in the bounds of the free fit and in the side
//! that counts.

mod q0;
mod qmu;
mod qtilde;
mod tmu;
mod ttilde;

use std::fmt;
use std::str::FromStr;

use super::distributions::normal_tail;
use crate::Error;

/// A test statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestStatistic {
    /// Discovery: excesses count against mu = 0.
    Q0,
    /// Upper limits, best fits of any sign.
    QMu,
    /// Upper limits, best fits at or above 0.
    #[default]
    QTilde,
    /// Two-sided, best fits of any sign.
    TMu,
    /// Two-sided, best fits at or above 0.
    TTilde,
}

impl TestStatistic {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Q0, Self::QMu, Self::QTilde, Self::TMu, Self::TTilde];

    /// Its name: `q0`, `qmu`, `qtilde`, `tmu`, `ttilde`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Q0 => "q0",
            Self::QMu => "qmu",
            Self::QTilde => "qtilde",
            Self::TMu => "tmu",
            Self::TTilde => "ttilde",
        }
    }

    /// Its value from `difference` = -2 ln(L(mu) / L(mu_hat)), the conditional minus the free fit's
    /// -2 log likelihood; below 0 by rounding counts as 0.
    pub fn value(self, mu: f64, mu_hat: f64, difference: f64) -> f64 {
        let t = if difference < 0.0 { 0.0 } else { difference };
        match self {
            Self::Q0 => q0::value(mu, mu_hat, t),
            Self::QMu => qmu::value(mu, mu_hat, t),
            Self::QTilde => qtilde::value(mu, mu_hat, t),
            Self::TMu => tmu::value(t),
            Self::TTilde => ttilde::value(t),
        }
    }

    /// Bounds of the parameter of interest in the free fit, where the model declares `declared` and
    /// values up to `largest` are tested: the free fit must be able to end on either side of those.
    pub fn bounds(self, declared: (f64, f64), largest: f64) -> (f64, f64) {
        let (lower, upper) = match self {
            Self::Q0 => declared,
            Self::QMu => qmu::bounds(declared),
            Self::QTilde => qtilde::bounds(declared),
            Self::TMu => tmu::bounds(declared),
            Self::TTilde => ttilde::bounds(declared),
        };
        (lower, if largest < upper { upper } else { 2.0 * largest.abs().max(upper.abs()) })
    }

    /// True value of the parameter of interest in the alternative hypothesis: 1 for a discovery,
    /// else 0.
    pub fn alternative(self) -> f64 {
        if self == Self::Q0 { 1.0 } else { 0.0 }
    }

    /// Asymptotic p-values `(p_mu, p_alternative)` of the value `q`: under the tested hypothesis, and
    /// under the alternative, for which the Asimov data give the value `q_asimov`.
    pub fn p_values(self, q: f64, q_asimov: f64) -> (f64, f64) {
        let (tested, alternative) = self.scores(q, q_asimov);
        match self {
            Self::Q0 | Self::QMu | Self::QTilde => (normal_tail(tested), normal_tail(alternative)),
            Self::TMu => tmu::p_values(q, q_asimov),
            Self::TTilde => ttilde::p_values(q, q_asimov),
        }
    }

    /// For the one-sided statistics, what is normal with mean 0 and width 1 under the tested and
    /// under the alternative hypothesis.
    pub(super) fn scores(self, q: f64, q_asimov: f64) -> (f64, f64) {
        match self {
            Self::QTilde | Self::TTilde => qtilde::scores(q, q_asimov),
            Self::Q0 | Self::QMu | Self::TMu => qmu::scores(q, q_asimov),
        }
    }

    /// Derivatives of both [`scores`](Self::scores) in `q` and in `q_asimov`; 0 in `q` where that is 0.
    pub(super) fn score_slopes(self, q: f64, q_asimov: f64) -> ([f64; 2], [f64; 2]) {
        match self {
            Self::QTilde | Self::TTilde => qtilde::score_slopes(q, q_asimov),
            Self::Q0 | Self::QMu | Self::TMu => qmu::score_slopes(q, q_asimov),
        }
    }

    /// One-sided: CLs and upper limits are made of these.
    pub fn is_one_sided(self) -> bool {
        matches!(self, Self::Q0 | Self::QMu | Self::QTilde)
    }
}

impl fmt::Display for TestStatistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TestStatistic {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|s| s.as_str() == word);
        // pyhf's word
        known.or((word == "q").then_some(Self::QMu)).ok_or_else(|| {
            Error::Argument(format!(
                "there is no test statistic {word:?}; there are q0, qmu, qtilde, tmu, ttilde"
            ))
        })
    }
}

#[cfg(test)]
mod tests;
