//! The measurement chosen, against the parameters there are.

use super::parameters::{ParameterSet, ParameterSets, SetKind};
use super::text::{count, list, quoted, suggestion};
use super::{Measurement, ParameterConfig, Warning, Workspace};
use crate::{Error, Result};

impl Workspace {
    /// Index of the measurement of that name; of the first without a name.
    pub fn measurement(&self, name: Option<&str>) -> Result<usize> {
        let Some(name) = name else {
            return match self.measurements.is_empty() {
                false => Ok(0),
                true => Err(Error::Argument("the workspace has no measurement".into())),
            };
        };
        let names = || self.measurements.iter().map(|measurement| &*measurement.name);
        names().position(|known| known == name).ok_or_else(|| {
            Error::Argument(format!(
                "no measurement is named {}{}; there are {}",
                quoted(name),
                suggestion(name, names()),
                list(names())
            ))
        })
    }
}

/// Checks the measurement at `index` against the model: the parameter of interest exists and is one
/// parameter, and the configurations fit their parameters.
///
/// Only for the measurement used: background-only workspaces name a parameter of interest that
/// comes with the signal patch.
pub fn check_measurement(workspace: &Workspace, index: usize) -> Result<Vec<Warning>> {
    let Some(measurement) = workspace.measurements.get(index) else {
        let found = count(workspace.measurements.len(), "measurement");
        return Err(Error::Argument(format!("no measurement {index}: there are {found}")));
    };
    let sets = ParameterSets::of(workspace)?;
    let at = format!("/measurements/{index}/config");
    let mut warnings = Vec::new();
    check_poi(measurement, &sets, &at, &mut warnings)?;
    for (parameter, config) in measurement.parameters.iter().enumerate() {
        let at = format!("{at}/parameters/{parameter}");
        match sets.get(&config.name) {
            Some(set) => check_config(config, set, &at, &mut warnings)?,
            None => {
                let near = suggestion(&config.name, sets.names());
                let message = format!(
                    "no modifier uses a parameter {}: its configuration is ignored{near}",
                    quoted(&config.name)
                );
                warnings.push(Warning { path: format!("{at}/name"), message });
            }
        }
    }
    let configured = |name| measurement.parameters.iter().any(|config| config.name == name);
    if sets.get("lumi").is_some_and(|set| set.kind == SetKind::Lumi) && !configured("lumi") {
        let message = "lumi needs auxdata, sigmas, inits and bounds in the measurement: add an \
                       entry {\"name\": \"lumi\", ..}";
        return Err(Error::specification(format!("{at}/parameters"), message));
    }
    Ok(warnings)
}

fn check_poi(
    measurement: &Measurement,
    sets: &ParameterSets,
    at: &str,
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    let Some(poi) = measurement.poi.as_deref() else {
        return Ok(());
    };
    let path = format!("{at}/poi");
    let Some(set) = sets.get(poi) else {
        let message = format!(
            "the parameter of interest {} is in no modifier{}; a background-only workspace gets it \
             from its signal patch",
            quoted(poi),
            suggestion(poi, sets.names())
        );
        return Err(Error::specification(path, message));
    };
    if set.size > 1 {
        let message = format!(
            "the parameter of interest must be one parameter, but {} ({}) has {}",
            quoted(poi),
            set.kind.name(),
            count(set.size, "component")
        );
        return Err(Error::specification(path, message));
    }
    if set.kind.is_constrained() {
        let message = format!(
            "the parameter of interest {} is a constrained nuisance parameter ({}): hypotheses such \
             as 0 and 1 have no usual meaning for it",
            quoted(poi),
            set.kind.name()
        );
        warnings.push(Warning { path, message });
    }
    Ok(())
}

fn check_config(
    config: &ParameterConfig,
    set: &ParameterSet,
    at: &str,
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    let lengths = [
        ("inits", config.inits.as_ref().map(Vec::len)),
        ("bounds", config.bounds.as_ref().map(Vec::len)),
        ("auxdata", config.auxdata.as_ref().map(Vec::len)),
        ("factors", config.factors.as_ref().map(Vec::len)),
        ("sigmas", config.sigmas.as_ref().map(Vec::len)),
    ];
    let given = lengths.iter().filter_map(|(key, length)| length.map(|length| (*key, length)));
    for (key, length) in given {
        let fail = |message| Err(Error::specification(format!("{at}/{key}"), message));
        match usage(set.kind, key) {
            Usage::Refused => {
                return fail(format!(
                    "{} is a {}, which has no {key}",
                    quoted(&config.name),
                    set.kind.name()
                ));
            }
            Usage::Ignored => warnings.push(Warning {
                path: format!("{at}/{key}"),
                message: format!(
                    "the {key} of a {} follow from its data: these are ignored",
                    set.kind.name()
                ),
            }),
            Usage::Used => {}
        }
        if length != set.size {
            return fail(format!(
                "expected {} for {}, found {length}",
                count(set.size, "value"),
                quoted(&config.name)
            ));
        }
    }
    if set.kind == SetKind::Lumi {
        let needed = ["inits", "bounds", "auxdata", "sigmas"];
        let missing = |key: &&str| lengths.iter().any(|(k, length)| k == key && length.is_none());
        let missing: Vec<&str> = needed.into_iter().filter(missing).collect();
        if !missing.is_empty() {
            let message = format!("lumi needs {} in the measurement", missing.join(" and "));
            return Err(Error::specification(at, message));
        }
    }
    check_bounds(config, set, at, warnings)
}

fn check_bounds(
    config: &ParameterConfig,
    set: &ParameterSet,
    at: &str,
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    let (init, bounds) = set.kind.defaults().unzip();
    for component in 0..set.size {
        let given_init = config.inits.as_ref().and_then(|inits| inits.get(component)).copied();
        let given_bounds = config.bounds.as_ref().and_then(|bounds| bounds.get(component)).copied();
        let (Some(value), Some((lower, upper))) = (given_init.or(init), given_bounds.or(bounds))
        else {
            continue;
        };
        let bounds_path = || format!("{at}/bounds/{component}");
        if lower == upper && config.fixed != Some(true) {
            let message = format!("both bounds are {lower}: the parameter cannot move");
            warnings.push(Warning { path: bounds_path(), message });
        }
        if (lower..=upper).contains(&value) {
            continue;
        }
        let (path, which) = match given_init {
            Some(_) => (format!("{at}/inits/{component}"), "initial"),
            None => (bounds_path(), "default initial"),
        };
        let message = format!(
            "the {which} value {value} of {} is outside its bounds [{lower}, {upper}]",
            quoted(&config.name)
        );
        // a parameter held constant never meets its bounds
        if config.fixed == Some(true) {
            warnings.push(Warning { path, message });
        } else {
            return Err(Error::specification(path, message));
        }
    }
    Ok(())
}

enum Usage {
    Used,
    Ignored,
    Refused,
}

/// What pyhf does with a configured value; where it dies, we refuse.
fn usage(kind: SetKind, key: &str) -> Usage {
    use SetKind::{Alpha, Factor, FactorPerBin, Lumi, ShapeSys, StatError};
    match (kind, key) {
        (_, "inits" | "bounds") => Usage::Used,
        (Factor | FactorPerBin, _) => Usage::Refused,
        (Alpha | Lumi | StatError, "auxdata") | (Lumi, "sigmas") => Usage::Used,
        (StatError, "sigmas") | (ShapeSys, "auxdata" | "factors") => Usage::Ignored,
        _ => Usage::Refused,
    }
}
