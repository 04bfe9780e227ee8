//! What may be asked of a drawing.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// Which drawing, where a document has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Of a fit: pulls and uncertainties.
    Pulls,
    /// Of a fit: correlations.
    Correlation,
    /// Of yields: before the fit.
    Prefit,
    /// Of yields: after the fit.
    Postfit,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pulls, Self::Correlation, Self::Prefit, Self::Postfit];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pulls => "pulls",
            Self::Correlation => "correlation",
            Self::Prefit => "prefit",
            Self::Postfit => "postfit",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for What {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|w| w.as_str() == word);
        let words = Self::ALL.map(Self::as_str).join(", ");
        known.ok_or_else(|| Error::Argument(format!("no drawing {word:?}; there are {words}")))
    }
}

/// How a document is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Which drawing; the first of its kind by default.
    pub what: Option<What>,
    /// Parameters in a ranking.
    pub top: usize,
    /// Correlations: parameters that have at least this one with another. By default as many as can
    /// be read.
    pub threshold: Option<f64>,
    /// This channel alone.
    pub channel: Option<String>,
    /// A title of your own.
    pub title: Option<String>,
    /// A status, such as "work in progress".
    pub label: Option<String>,
    /// Width and height in SVG's units.
    pub size: Option<(f64, f64)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            what: None,
            top: 20,
            threshold: None,
            channel: None,
            title: None,
            label: None,
            size: None,
        }
    }
}

impl Options {
    /// Sizes a figure can have.
    const SIZES: std::ops::RangeInclusive<f64> = 200.0..=10_000.0;

    pub(super) fn check(&self) -> Result<()> {
        if let Some((width, height)) = self.size
            && !(Self::SIZES.contains(&width) && Self::SIZES.contains(&height))
        {
            return Err(Error::Argument(format!(
                "a figure of {width} x {height}: both are to be between 200 and 10000"
            )));
        }
        if let Some(threshold) = self.threshold
            && !(0.0..=1.0).contains(&threshold)
        {
            return Err(Error::Argument(format!("the threshold {threshold} is not in 0 to 1")));
        }
        if self.top == 0 {
            return Err(Error::Argument("a ranking needs at least one parameter".into()));
        }
        Ok(())
    }
}
