//! `shapefactor`: an unconstrained factor per bin, shared by bin index between channels.

use super::{Requirement, Use};
use crate::error::{Error, Result};
use crate::model::Sample;

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    let components = uses.first().map_or(0, Use::n_bins);
    let other = uses.iter().find(|used| used.n_bins() != components);
    if let (Some(first), Some(other)) = (uses.first(), other) {
        // Told at the later place in the document.
        let (earlier, later) = if first.place < other.place {
            (first, other)
        } else {
            (other, first)
        };
        return Err(Error::specification(
            later.path(),
            format!(
                "a shapefactor name is shared bin by bin, but this channel has {} bins and the one of \
                 {} has {}; use different names",
                later.n_bins(),
                earlier.path(),
                earlier.n_bins()
            ),
        ));
    }
    Ok(Requirement::unconstrained(components, false))
}

pub(super) fn apply(first: usize, sample: &mut Sample) {
    sample.bin_factors.push(first);
}
