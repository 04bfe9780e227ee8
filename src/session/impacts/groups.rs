//! The uncertainty of the parameter of interest by groups of parameters.

use nalgebra::{DMatrix, DVector};

use crate::session::FitResult;
use crate::session::likelihood::Likelihood;
use crate::{Error, Result};

/// Parameters that are held together, and what they add to the uncertainty of the parameter of interest.
///
/// `uncertainty^2 = sigma^2 - sigma'^2`, `sigma'` the uncertainty with the group fixed at its best-fit
/// values. The best fit then stays what it is, so nothing is fitted again: with the covariance `C` the
/// difference is `c' inv(C_gg) c`, `C_gg` the group's block and `c` its covariances with the parameter
/// of interest (the Schur complement of the Hessian without the group).
///
/// Groups overlap as their parameters correlate: their squares do not add to the total.
///
/// Automatic groups: `syst`, the free constrained parameters; `stat`, what is left of the total without
/// `syst` in quadrature, that is with all constrained parameters fixed and free normalisations fitted;
/// `mc_stat`, the free parameters of staterror and shapesys; `normalisation`, the free unconstrained
/// ones other than the parameter of interest. Those without a parameter are left out, except `stat` and
/// `syst`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// What it adds to the uncertainty of the parameter of interest; `None` where its block of the
    /// covariance cannot be inverted.
    pub uncertainty: Option<f64>,
    /// Indices of its parameters, rising; fixed ones count as 0. For `stat` the unconstrained ones.
    pub parameters: Vec<usize>,
}

const AUTOMATIC: [&str; 4] = ["stat", "syst", "mc_stat", "normalisation"];

pub(super) fn groups(
    likelihood: &impl Likelihood,
    asked: &[(String, Vec<String>)],
    poi: usize,
    fit: &FitResult,
) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, patterns) in asked {
        if AUTOMATIC.contains(&&**name) || groups.iter().any(|g| g.name == *name) {
            return Err(Error::Argument(format!("group {name}: there is one of that name")));
        }
        let parameters = matching(likelihood, patterns, poi)?;
        groups.push(group(name, parameters, poi, fit));
    }
    let free = |k: &usize| *k != poi && !fit.fixed[*k];
    let constrained = |k: &usize| likelihood.is_constrained(*k);
    let all = || (0..fit.fixed.len()).filter(free);
    let syst = group("syst", all().filter(constrained).collect(), poi, fit);
    let total = fit.uncertainties[poi];
    // the parameter of interest may itself be constrained
    let rest = |s: f64| (total * total - s * s).max(0.0).sqrt();
    groups.push(Group {
        name: "stat".into(),
        uncertainty: syst.uncertainty.map(rest),
        parameters: all().filter(|k| !constrained(k)).collect(),
    });
    groups.push(syst);
    let gammas = |k: &usize| likelihood.is_simulation(*k);
    groups.push(group("mc_stat", all().filter(gammas).collect(), poi, fit));
    let normalisation = all().filter(|k| !constrained(k)).collect();
    groups.push(group("normalisation", normalisation, poi, fit));
    let always = |g: &Group| !g.parameters.is_empty() || AUTOMATIC[..2].contains(&&*g.name);
    groups.retain(always);
    Ok(groups)
}

/// Parameters other than `poi` that some pattern names, rising.
pub(super) fn matching(
    likelihood: &impl Likelihood,
    patterns: &[String],
    poi: usize,
) -> Result<Vec<usize>> {
    let mut found = vec![false; likelihood.fixed().len()];
    for pattern in patterns {
        let mut any = false;
        for (k, found) in found.iter_mut().enumerate().filter(|(k, _)| *k != poi) {
            // sets of one answer to their own name, as everywhere
            let named = matches_pattern(pattern, likelihood.name(k))
                || likelihood.index(pattern) == Some(k);
            if named {
                *found = true;
                any = true;
            }
        }
        if !any {
            let name = likelihood.name(poi);
            return Err(Error::Argument(format!(
                "the model has no parameter {pattern} beside {name}, the parameter of interest"
            )));
        }
    }
    Ok((0..found.len()).filter(|&k| found[k]).collect())
}

/// Does `name` match `pattern`, in which `*` stands for any characters, or none?
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        // the first place is as good as any later one
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

fn group(name: &str, parameters: Vec<usize>, poi: usize, fit: &FitResult) -> Group {
    let n = fit.parameters.len();
    // fixed parameters and those at a bound have no variance to give
    let of: Vec<usize> =
        parameters.iter().copied().filter(|k| fit.covariance[k * n + k] > 0.0).collect();
    let width: Vec<f64> = of.iter().map(|k| fit.uncertainties[*k]).collect();
    let block = DMatrix::from_fn(of.len(), of.len(), |i, j| {
        fit.covariance[of[i] * n + of[j]] / (width[i] * width[j])
    });
    let with_poi = DVector::from_fn(of.len(), |i, _| fit.covariance[poi * n + of[i]] / width[i]);
    let uncertainty = if of.is_empty() {
        Some(0.0)
    } else {
        block.cholesky().map(|c| with_poi.dot(&c.solve(&with_poi)).max(0.0).sqrt())
    };
    Group { name: name.to_owned(), uncertainty, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name) in [
            ("a", "a"),
            ("*", ""),
            ("*", "x"),
            ("jet*", "jet_1"),
            ("*[3]", "gamma[3]"),
            ("a*b*c", "a_b_b_c"),
            ("a**c", "ac"),
            ("*ab", "aab"),
        ] {
            assert!(matches_pattern(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("", "a"), ("a*b*c", "a_c_b"), ("aa*aa", "aaa"), ("*[3]", "gamma[3]x")]
        {
            assert!(!matches_pattern(pattern, name), "{pattern} {name}");
        }
    }
}
