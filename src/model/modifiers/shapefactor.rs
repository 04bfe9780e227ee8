//! `shapefactor`: an unconstrained factor per bin, shared by bin index between channels.

use super::{Requirement, Use};
use crate::error::{Error, Result};
use crate::model::Sample;

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    let components = uses.first().map_or(0, Use::n_bins);
    if let Some(other) = uses.iter().find(|used| used.n_bins() != components) {
        return Err(Error::specification(
            other.path(),
            format!(
                "a shapefactor name is shared bin by bin, but this channel has {} bins and another \
                 that uses the name has {components}; use different names",
                other.n_bins()
            ),
        ));
    }
    Ok(Requirement::unconstrained(components, false))
}

pub(super) fn apply(first: usize, sample: &mut Sample) {
    sample.bin_factors.push(first);
}
