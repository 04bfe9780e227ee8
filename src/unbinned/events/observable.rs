//! What is measured of an event, and in which window.

use crate::error::{Error, Result};
use crate::spec::text::{display_name, quoted};

/// A quantity measured in each event, and the window that densities are normalised on.
#[derive(Debug, Clone, PartialEq)]
pub struct Observable {
    name: String,
    lo: f64,
    hi: f64,
}

impl Observable {
    /// An observable in the window `lo <= x <= hi`, in the units of its column.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the name is empty, a bound is not finite or `lo >= hi`.
    pub fn new(name: impl Into<String>, lo: f64, hi: f64) -> Result<Self> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::Argument("an observable needs a name".into()));
        }
        if !lo.is_finite() || !hi.is_finite() || lo >= hi || !(hi - lo).is_finite() {
            return Err(Error::Argument(format!(
                "observable {}: its window goes from {lo} to {hi}; both bounds must be finite, the \
                 lower one first",
                quoted(&name)
            )));
        }
        Ok(Self { name, lo, hi })
    }

    /// Its name, which is that of its column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lower bound of the window.
    pub fn lo(&self) -> f64 {
        self.lo
    }

    /// Upper bound of the window.
    pub fn hi(&self) -> f64 {
        self.hi
    }

    /// Width of the window.
    pub fn width(&self) -> f64 {
        self.hi - self.lo
    }

    /// Whether `x` lies in the window, bounds included.
    pub fn contains(&self, x: f64) -> bool {
        (self.lo <= x) & (x <= self.hi)
    }

    /// `mass in [60, 120]`
    pub(crate) fn describe(&self) -> String {
        format!("{} in [{}, {}]", display_name(&self.name), self.lo, self.hi)
    }
}

/// What becomes of events outside an observable's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutOfBounds {
    /// They are an error, which names the first one.
    #[default]
    Error,
    /// They are left out; [`EventTable::dropped`](super::EventTable::dropped) counts them.
    Drop,
}
