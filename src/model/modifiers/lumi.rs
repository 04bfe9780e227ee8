//! `lumi`: the luminosity. The parameter itself multiplies, and is constrained by
//! Normal(auxiliary | lumi, sigma); nothing has a default, the measurement gives all of it.

use super::{Requirement, SetConstraint, Use};
use crate::error::Result;
use crate::model::{Factor, Sample};

pub(super) fn requirement(_uses: &[Use<'_>]) -> Result<Requirement> {
    Ok(Requirement {
        components: 1,
        scalar: true,
        inits: None,
        bounds: None,
        fixed: vec![false],
        constraint: SetConstraint::Gaussian {
            auxiliary: None,
            sigmas: None,
            configurable_sigmas: true,
        },
        first_of_channel: Vec::new(),
    })
}

pub(super) fn apply(parameter: usize, sample: &mut Sample) {
    sample.factors.push(Factor::Linear { parameter });
}
