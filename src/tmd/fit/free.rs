//! Which parameters a fit moves, and what they carry along.

use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::tmd::Plan;

/// What a parameter of the plan is in a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// It is fitted, between bounds that may be infinite.
    Free {
        /// Lower bound.
        lower: f64,
        /// Upper bound.
        upper: f64,
    },
    /// It keeps its start value.
    Fixed,
    /// It is `factor` times another one, which must be free.
    Linked {
        /// Index of the other one.
        to: usize,
        /// Factor.
        factor: f64,
    },
}

impl Role {
    /// Free without bounds.
    pub const FREE: Self = Self::Free { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
}

/// The fitted parameters among all.
#[derive(Debug, Clone)]
pub(super) struct Free {
    /// Of each parameter of the plan: place among the fitted ones, and factor.
    from: Vec<Option<(usize, f64)>>,
    /// Of each fitted one, its index in the plan.
    pub(super) own: Vec<usize>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl Free {
    pub(super) fn new(plan: &Plan, roles: &[Role], start: &[f64]) -> Result<Self> {
        let names = plan.parameter_names();
        if roles.len() != names.len() || start.len() != names.len() {
            return Err(Error::Argument(format!(
                "{} start values and {} roles for {} parameters",
                start.len(),
                roles.len(),
                names.len()
            )));
        }
        let mut free =
            Self { from: vec![None; roles.len()], own: vec![], lower: vec![], upper: vec![] };
        for (k, role) in roles.iter().enumerate() {
            let refuse = |message: String| {
                Err(Error::Argument(format!("parameter {}: {message}", names[k])))
            };
            if !start[k].is_finite() {
                return refuse(format!("its start value is {}", start[k]));
            }
            let Role::Free { lower, upper } = *role else { continue };
            if lower.is_nan() || upper.is_nan() || lower >= upper {
                return refuse(format!("its bounds {lower} and {upper} do not rise"));
            }
            if !(lower..=upper).contains(&start[k]) {
                return refuse(format!(
                    "its start value {} is not between its bounds, {lower} and {upper}",
                    start[k]
                ));
            }
            free.from[k] = Some((free.own.len(), 1.0));
            free.own.push(k);
            free.lower.push(lower);
            free.upper.push(upper);
        }
        for (k, role) in roles.iter().enumerate() {
            let Role::Linked { to, factor } = *role else { continue };
            let target = free.own.iter().position(|own| *own == to);
            match target {
                Some(place) if factor.is_finite() => free.from[k] = Some((place, factor)),
                Some(_) => {
                    return Err(Error::Argument(format!(
                        "parameter {} is linked by the factor {factor}",
                        names[k]
                    )));
                }
                None => {
                    let other = names.get(to).map_or("one that is not there", String::as_str);
                    return Err(Error::Argument(format!(
                        "parameter {} is linked to {}, which is not free",
                        names[k],
                        quoted(other)
                    )));
                }
            }
        }
        Ok(free)
    }

    /// All parameters, the others as in `start`.
    pub(super) fn all(&self, start: &[f64], fitted: &[f64]) -> Vec<f64> {
        let one = |(k, start): (usize, &f64)| match self.from[k] {
            Some((place, factor)) => factor * fitted[place],
            None => *start,
        };
        start.iter().enumerate().map(one).collect()
    }

    /// A row of derivatives in all parameters as one in the fitted ones.
    pub(super) fn pull_back(&self, row: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (slope, from) in row.iter().zip(&self.from) {
            if let Some((place, factor)) = from {
                out[*place] += factor * slope;
            }
        }
    }

    /// Values of the fitted ones.
    pub(super) fn fitted(&self, all: &[f64]) -> Vec<f64> {
        self.own.iter().map(|k| all[*k]).collect()
    }

    /// Of each parameter of the plan, its place among the fitted ones and its factor.
    pub(super) fn place(&self, k: usize) -> Option<(usize, f64)> {
        self.from[k]
    }
}
