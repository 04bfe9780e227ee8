//! `normsys`: a factor interpolated between `lo` at alpha = -1, 1 at 0 and `hi` at +1.

use super::{Requirement, Use};
use crate::error::{Error, Result};
use crate::model::{Factor, Sample};
use crate::spec::{Modifier, ModifierKind};

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    for used in uses {
        if let ModifierKind::NormSys { hi, lo } = used.modifier.kind {
            for (key, value) in [("hi", hi), ("lo", lo)] {
                if !(value > 0.0 && value.is_finite()) {
                    return Err(Error::specification(
                        format!("{}/data/{key}", used.path()),
                        format!(
                            "a normsys factor must be above 0 (its logarithm is interpolated), \
                             got {value}; a 100 % uncertainty is better a small positive number"
                        ),
                    ));
                }
            }
        }
    }
    Ok(Requirement::alpha())
}

pub(super) fn apply(modifier: &Modifier, parameter: usize, sample: &mut Sample) {
    if let ModifierKind::NormSys { hi, lo } = modifier.kind {
        sample.factors.push(Factor::NormSys { parameter, lo, hi });
    }
}
