//! What the comparison with the processor asks of each precision.

use super::{Gpu, Precision};
use crate::Result;
use crate::accelerator::check::Comparison;
use crate::accelerator::{FitJob, Outcome};

impl Gpu {
    fn comparison(&self) -> Comparison<'_> {
        let precision = self.context.precision;
        Comparison {
            device: self,
            model: self.program.model(),
            name: &self.context.name,
            allowed: match precision {
                Precision::F64 => 1e-12,
                Precision::Df64 => 3e-11,
                Precision::F32 => 3e-6,
            },
            advice: match precision {
                Precision::F32 => "choose the device cpu",
                _ => {
                    "its driver does not keep this arithmetic: choose precision f32, or the device cpu"
                }
            },
        }
    }

    /// NLL and gradient at points around the initial one, against the processor.
    ///
    /// # Errors
    /// Where they differ by more than the precision allows.
    pub fn check(&self) -> Result<()> {
        self.comparison().points()
    }

    /// The NLL that the device gives for a few fits, against the processor's.
    ///
    /// # Errors
    /// Where they differ by more than the precision allows.
    pub(super) fn check_fits(&self, fits: &[Option<Outcome>], job: &FitJob<'_>) -> Result<()> {
        self.comparison().fits(fits, job)
    }
}
