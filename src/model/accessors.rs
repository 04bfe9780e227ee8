//! Read access.

use super::{Channel, Data, Model, Parameter};

impl Model {
    /// Parameters in pyhf's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Channels, sorted by name.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Index of the parameter of interest.
    pub fn poi(&self) -> Option<usize> {
        self.poi
    }

    /// Observed data.
    pub fn observed(&self) -> &Data {
        &self.observed
    }
}
