//! `shapesys`: a Poisson-constrained factor per bin of one sample. The auxiliary measurement has the
//! size tau = (nominal / uncertainty)^2, not necessarily whole: Poisson(tau | tau * gamma).
//!
//! A bin with no nominal counts or no uncertainty has no such measurement: its gamma exists, but is
//! fixed at 1, with tau = 1 (pyhf keeps the constant term).

use super::{Requirement, SetConstraint, Use};
use crate::error::{Error, Result};
use crate::model::Sample;
use crate::spec::ModifierKind;

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    if let [first, second, ..] = uses {
        // The place worth naming is the later one in the document.
        let later = if first.place > second.place {
            first
        } else {
            second
        };
        let earlier = if first.place > second.place {
            second
        } else {
            first
        };
        return Err(Error::specification(
            later.path(),
            format!(
                "a shapesys name may serve one sample only, this one is also at {}",
                earlier.path()
            ),
        ));
    }
    let mut taus = Vec::new();
    let mut fixed = Vec::new();
    for used in uses {
        let ModifierKind::ShapeSys(uncertainties) = &used.modifier.kind else {
            continue;
        };
        super::check_length(used, "/data", uncertainties.len())?;
        for (bin, (&nominal, &uncertainty)) in
            used.sample.data.iter().zip(uncertainties).enumerate()
        {
            super::check_uncertainty(used, bin, uncertainty)?;
            let constrained = nominal > 0.0 && uncertainty > 0.0;
            let tau = nominal * nominal / (uncertainty * uncertainty);
            if constrained && !(tau > 0.0 && tau.is_finite()) {
                return Err(Error::specification(
                    format!("{}/data/{bin}", used.path()),
                    format!("(nominal / uncertainty)^2 = {tau} is not a usable number"),
                ));
            }
            taus.push(if constrained { tau } else { 1.0 });
            fixed.push(!constrained);
        }
    }
    Ok(Requirement::gammas(fixed, SetConstraint::Poisson { taus }))
}

pub(super) fn apply(first: usize, sample: &mut Sample) {
    sample.bin_factors.push(first);
}
