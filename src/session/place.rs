//! A likelihood, or one like it with other bounds.

use std::ops::Deref;
use std::sync::Arc;

use super::likelihood::Likelihood;
use crate::Result;

/// The likelihood itself, or one with other bounds.
pub(super) enum Place<'a, L> {
    Here(&'a L),
    Own(Arc<L>),
}

impl<L> Clone for Place<'_, L> {
    fn clone(&self) -> Self {
        match self {
            Self::Here(likelihood) => Self::Here(likelihood),
            Self::Own(likelihood) => Self::Own(Arc::clone(likelihood)),
        }
    }
}

impl<L> Deref for Place<'_, L> {
    type Target = L;

    fn deref(&self) -> &L {
        match self {
            Self::Here(likelihood) => likelihood,
            Self::Own(likelihood) => likelihood,
        }
    }
}

impl<'a, L: Likelihood> Place<'a, L> {
    /// Where parameter `index` has these bounds: in `likelihood`, or in one that is made for it.
    pub(super) fn bounded(likelihood: &'a L, index: usize, bounds: (f64, f64)) -> Result<Self> {
        Ok(match bounds == likelihood.bounds(index) {
            true => Self::Here(likelihood),
            false => Self::Own(Arc::new(likelihood.with_bounds(index, bounds)?)),
        })
    }
}
