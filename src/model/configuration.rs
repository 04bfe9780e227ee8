//! What the measurement changes of a parameter set: initial values, bounds, constancy, auxiliary data
//! and constraint widths. Rules are those of pyhf's `reduce_paramsets_requirements`, except that what
//! cannot work (reversed bounds, a start outside the bounds) is an error with its place.

use super::modifiers::{Requirement, SetConstraint};
use crate::error::{Error, Result};
use crate::spec::ParameterConfig;

/// A parameter set after the measurement had its say; all `[components]`.
pub(super) struct Configured {
    pub(super) inits: Vec<f64>,
    pub(super) bounds: Vec<(f64, f64)>,
    pub(super) fixed: Vec<bool>,
    pub(super) constraint: ConfiguredConstraint,
}

pub(super) enum ConfiguredConstraint {
    None,
    Gaussian {
        auxiliary: Vec<f64>,
        sigmas: Vec<f64>,
    },
    Poisson {
        auxiliary: Vec<f64>,
        taus: Vec<f64>,
    },
}

/// Merges defaults and configuration. `path` is the JSON pointer of `config`, or of the list it is
/// missing from.
pub(super) fn configure(
    name: &str,
    requirement: &Requirement,
    config: Option<&ParameterConfig>,
    path: &str,
) -> Result<Configured> {
    let none = ParameterConfig::default();
    let set = Set {
        name,
        path,
        components: requirement.components,
    };
    let given = config.unwrap_or(&none);

    let inits = set.choose("inits", given.inits.as_ref(), requirement.inits.as_ref())?;
    let bounds = set.choose("bounds", given.bounds.as_ref(), requirement.bounds.as_ref())?;
    // One truth value for the whole set, as pyhf has it: `false` also frees gammas of empty bins.
    let fixed = match given.fixed {
        Some(fixed) => vec![fixed; requirement.components],
        None => requirement.fixed.clone(),
    };
    set.check_finite("inits", &inits)?;
    set.check_bounds(&bounds, &inits, given)?;

    let constraint = match &requirement.constraint {
        SetConstraint::None => {
            set.refuse("auxdata", given.auxdata.is_some(), "it is unconstrained")?;
            set.refuse("sigmas", given.sigmas.is_some(), "it is unconstrained")?;
            set.refuse("factors", given.factors.is_some(), "it is unconstrained")?;
            ConfiguredConstraint::None
        }
        SetConstraint::Gaussian {
            auxiliary,
            sigmas,
            configurable_sigmas,
        } => {
            set.refuse(
                "factors",
                given.factors.is_some(),
                "its constraint is not Poisson",
            )?;
            if !configurable_sigmas {
                let why = "the constraint of a normsys or histosys has width 1 by definition";
                set.refuse("sigmas", given.sigmas.is_some(), why)?;
            }
            let auxiliary = set.choose("auxdata", given.auxdata.as_ref(), auxiliary.as_ref())?;
            let sigmas = set.choose("sigmas", given.sigmas.as_ref(), sigmas.as_ref())?;
            set.check_finite("auxdata", &auxiliary)?;
            set.check_positive("sigmas", &sigmas)?;
            ConfiguredConstraint::Gaussian { auxiliary, sigmas }
        }
        SetConstraint::Poisson { taus } => {
            set.refuse(
                "sigmas",
                given.sigmas.is_some(),
                "its constraint is Poisson",
            )?;
            let auxiliary = set.choose("auxdata", given.auxdata.as_ref(), Some(taus))?;
            let taus = set.choose("factors", given.factors.as_ref(), Some(taus))?;
            set.check_positive("factors", &taus)?;
            set.check_finite("auxdata", &auxiliary)?;
            if let Some(index) = auxiliary.iter().position(|&count| count < 0.0) {
                let message = "auxiliary data of a Poisson constraint must not be below 0";
                return Err(Error::specification(
                    format!("{path}/auxdata/{index}"),
                    message,
                ));
            }
            ConfiguredConstraint::Poisson { auxiliary, taus }
        }
    };
    Ok(Configured {
        inits,
        bounds,
        fixed,
        constraint,
    })
}

/// The set being configured, for messages.
struct Set<'a> {
    name: &'a str,
    path: &'a str,
    components: usize,
}

impl Set<'_> {
    /// The given values if there are any, else the default; their number must fit.
    fn choose<T: Clone>(
        &self,
        key: &str,
        given: Option<&Vec<T>>,
        default: Option<&Vec<T>>,
    ) -> Result<Vec<T>> {
        let Some(given) = given else {
            return default.cloned().ok_or_else(|| {
                Error::specification(
                    self.path,
                    format!(
                        "{} needs {key} in the measurement's parameters (lumi has no defaults: give \
                         auxdata, sigmas, inits and bounds)",
                        super::warnings::shown(self.name)
                    ),
                )
            });
        };
        if given.len() != self.components {
            return Err(Error::specification(
                format!("{}/{key}", self.path),
                format!(
                    "{} has {} component(s), but {} {key} are given",
                    super::warnings::shown(self.name),
                    self.components,
                    given.len()
                ),
            ));
        }
        Ok(given.clone())
    }

    fn refuse(&self, key: &str, given: bool, why: &str) -> Result<()> {
        if !given {
            return Ok(());
        }
        let name = super::warnings::shown(self.name);
        Err(Error::specification(
            format!("{}/{key}", self.path),
            format!("{name} takes no {key}: {why}"),
        ))
    }

    fn check_finite(&self, key: &str, values: &[f64]) -> Result<()> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(index) => Err(Error::specification(
                format!("{}/{key}/{index}", self.path),
                "must be a finite number",
            )),
        }
    }

    fn check_positive(&self, key: &str, values: &[f64]) -> Result<()> {
        match values
            .iter()
            .position(|&value| !(value > 0.0 && value.is_finite()))
        {
            None => Ok(()),
            Some(index) => Err(Error::specification(
                format!("{}/{key}/{index}", self.path),
                format!("must be above 0, got {}", values[index]),
            )),
        }
    }

    fn check_bounds(
        &self,
        bounds: &[(f64, f64)],
        inits: &[f64],
        given: &ParameterConfig,
    ) -> Result<()> {
        for (index, (&(lower, upper), &init)) in bounds.iter().zip(inits).enumerate() {
            if !(lower <= upper) {
                return Err(Error::specification(
                    format!("{}/bounds/{index}", self.path),
                    format!("the lower bound {lower} is above the upper bound {upper}"),
                ));
            }
            if init < lower || init > upper {
                let key = if given.inits.is_some() {
                    "inits"
                } else {
                    "bounds"
                };
                return Err(Error::specification(
                    format!("{}/{key}/{index}", self.path),
                    format!("the initial value {init} is outside the bounds ({lower}, {upper})"),
                ));
            }
        }
        Ok(())
    }
}
