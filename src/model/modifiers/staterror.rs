//! `staterror`: a Gaussian-constrained factor per bin, shared by the samples of a channel that carry
//! it (the light-weight Beeston-Barlow treatment, CERN-OPEN-2012-016, section 4.2), with the relative
//! width sqrt(sum of uncertainty^2) / (sum of nominal counts) over those samples.
//!
//! A bin whose width comes out zero has its gamma fixed at 1 and the width replaced by 1 (pyhf keeps
//! the constant term). One name over several channels has gammas of its own in each, in channel
//! order: nothing is correlated between them (pyhf issue 2565).

use super::{Requirement, SetConstraint, Use};
use crate::error::{Error, Result};
use crate::model::Sample;
use crate::spec::ModifierKind;

pub(super) fn requirement(uses: &[Use<'_>]) -> Result<Requirement> {
    let mut sigmas = Vec::new();
    let mut first_of_channel = Vec::new();
    for in_channel in uses.chunk_by(|a, b| a.channel == b.channel) {
        let Some(used) = in_channel.first() else {
            continue;
        };
        first_of_channel.push((used.channel, sigmas.len()));
        let mut total = vec![0.0; used.n_bins()];
        for used in in_channel {
            for (sum, nominal) in total.iter_mut().zip(&used.sample.data) {
                *sum += nominal;
            }
        }
        let mut squares = vec![0.0; used.n_bins()];
        for used in in_channel {
            let ModifierKind::StatError(uncertainties) = &used.modifier.kind else {
                continue;
            };
            super::check_length(used, "/data", uncertainties.len())?;
            for (bin, &uncertainty) in uncertainties.iter().enumerate() {
                super::check_uncertainty(used, bin, uncertainty)?;
                if total[bin] > 0.0 {
                    let relative = uncertainty / total[bin];
                    squares[bin] += relative * relative;
                }
            }
        }
        if let Some(bin) = squares.iter().position(|square| !square.is_finite()) {
            return Err(Error::specification(
                format!("{}/data/{bin}", used.path()),
                "the relative uncertainty of this bin is not a finite number",
            ));
        }
        sigmas.extend(squares.into_iter().map(f64::sqrt));
    }
    let fixed: Vec<bool> = sigmas.iter().map(|&sigma| sigma == 0.0).collect();
    for (sigma, &fixed) in sigmas.iter_mut().zip(&fixed) {
        if fixed {
            *sigma = 1.0;
        }
    }
    let constraint = SetConstraint::Gaussian {
        auxiliary: Some(vec![1.0; sigmas.len()]),
        sigmas: Some(sigmas),
        configurable_sigmas: true,
    };
    Ok(Requirement {
        first_of_channel,
        ..Requirement::gammas(fixed, constraint)
    })
}

pub(super) fn apply(first: usize, sample: &mut Sample) {
    sample.bin_factors.push(first);
}
