//! `normfactor`: an unconstrained scale factor.

use super::{Requirement, Use};
use crate::error::Result;
use crate::model::{Factor, Sample};

pub(super) fn requirement(_uses: &[Use<'_>]) -> Result<Requirement> {
    Ok(Requirement::unconstrained(1, true))
}

pub(super) fn apply(parameter: usize, sample: &mut Sample) {
    sample.factors.push(Factor::Linear { parameter });
}
