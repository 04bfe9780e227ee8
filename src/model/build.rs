//! From a workspace and a measurement to a [`Model`], in pyhf's order of everything.

use std::collections::HashMap;
use std::ops::Range;

use super::configuration::{ConfiguredConstraint, configure};
use super::interpolation::{Interpolation, NormSysCurve};
use super::order::{Group, SetBuilder, Sorted};
use super::poisson::NegativeRates;
use super::warnings::shown;
use super::{Channel, Constraint, Data, Factor, Model, Parameter, ParameterSet, Sample};
use crate::error::{Error, Result};
use crate::spec::{Measurement, Workspace};

/// How to compile a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelOptions {
    /// The parameter of interest.
    pub poi: PoiChoice,
    /// Interpolation of normsys and histosys.
    pub interpolation: Interpolation,
}

/// Which parameter is of interest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PoiChoice {
    /// The one the measurement names, if any.
    #[default]
    FromMeasurement,
    /// None, whatever the measurement says.
    None,
    /// This one: a parameter's printed name, or the name of a set with one component.
    Named(String),
}

impl Model {
    /// Compiles `workspace` for its measurement number `measurement`.
    ///
    /// Errors in the document carry the JSON pointer to the place; legal but suspicious things are
    /// kept in [`Model::warnings`].
    pub fn new(workspace: &Workspace, measurement: usize, options: &ModelOptions) -> Result<Self> {
        let number = measurement;
        let measurement = workspace.measurements.get(number).ok_or_else(|| {
            Error::Argument(format!(
                "measurement {number} does not exist, the workspace has {}",
                workspace.measurements.len()
            ))
        })?;
        let sorted = Sorted::new(workspace)?;
        let groups = Group::collect(workspace, &sorted)?;
        let sets = SetBuilder::collect(&groups)?;

        let mut model = Self {
            parameters: Vec::new(),
            channels: sorted.channels,
            samples: Vec::new(),
            auxiliary: Vec::new(),
            poi: None,
            interpolation: options.interpolation,
            observed: Data {
                main: sorted.observed,
                auxiliary: Vec::new(),
            },
            sets: Vec::new(),
            negative_rates: NegativeRates::default(),
            warnings: Vec::new(),
            curves: Vec::new(),
        };
        let first_of_set = model.add_parameters(&sets, number, measurement)?;
        model.add_samples(workspace, &sorted.order, &groups, &sets, &first_of_set);
        model.poi = model.find_poi(&options.poi, number, measurement)?;
        model.warnings = super::warnings::collect(&model, workspace, number, &sorted.order);
        Ok(model)
    }

    /// Appends the parameters of all sets and their auxiliary data; returns each set's first index.
    fn add_parameters(
        &mut self,
        sets: &[SetBuilder<'_>],
        number: usize,
        measurement: &Measurement,
    ) -> Result<Vec<usize>> {
        let list = format!("/measurements/{number}/config/parameters");
        let mut configs = HashMap::new();
        for (index, config) in measurement.parameters.iter().enumerate() {
            if configs
                .insert(config.name.as_str(), (index, config))
                .is_some()
            {
                return Err(Error::specification(
                    format!("{list}/{index}/name"),
                    format!("{} is configured twice", shown(&config.name)),
                ));
            }
        }
        let mut first_of_set = Vec::with_capacity(sets.len());
        for set in sets {
            let config = configs.get(set.name);
            let path = config.map_or(list.clone(), |(index, _)| format!("{list}/{index}"));
            let configured = configure(
                set.name,
                &set.requirement,
                config.map(|(_, config)| *config),
                &path,
            )?;
            let first = self.parameters.len();
            first_of_set.push(first);
            for component in 0..set.requirement.components {
                let auxiliary = self.observed.auxiliary.len();
                let (constraint, datum) = match &configured.constraint {
                    ConfiguredConstraint::None => (Constraint::None, None),
                    ConfiguredConstraint::Gaussian {
                        auxiliary: data,
                        sigmas,
                    } => {
                        let sigma = sigmas[component];
                        (
                            Constraint::Gaussian { sigma, auxiliary },
                            Some(data[component]),
                        )
                    }
                    ConfiguredConstraint::Poisson {
                        auxiliary: data,
                        taus,
                    } => {
                        let tau = taus[component];
                        (
                            Constraint::Poisson { tau, auxiliary },
                            Some(data[component]),
                        )
                    }
                };
                if let Some(datum) = datum {
                    self.auxiliary.push(first + component);
                    self.observed.auxiliary.push(datum);
                }
                self.parameters.push(Parameter {
                    name: if set.requirement.scalar {
                        set.name.to_owned()
                    } else {
                        format!("{}[{component}]", set.name)
                    },
                    set: set.name.to_owned(),
                    init: configured.inits[component],
                    bounds: configured.bounds[component],
                    fixed: configured.fixed[component],
                    constraint,
                });
            }
            self.sets.push(ParameterSet {
                name: set.name.to_owned(),
                types: set.types.clone(),
                first,
                components: set.requirement.components,
                scalar: set.requirement.scalar,
            });
        }
        Ok(first_of_set)
    }

    fn add_samples(
        &mut self,
        workspace: &Workspace,
        order: &[(usize, Vec<usize>)],
        groups: &[Group<'_>],
        sets: &[SetBuilder<'_>],
        first_of_set: &[usize],
    ) {
        let mut index_of_place = HashMap::new();
        for (channel, (c, samples)) in order.iter().enumerate() {
            for &s in samples {
                let sample = &workspace.channels[*c].samples[s];
                index_of_place.insert((*c, s), self.samples.len());
                self.samples.push(Sample {
                    name: sample.name.clone(),
                    channel,
                    nominal: sample.data.clone(),
                    factors: Vec::new(),
                    shapes: Vec::new(),
                    bin_factors: Vec::new(),
                });
            }
        }
        let set_of_name: HashMap<&str, usize> = sets
            .iter()
            .enumerate()
            .map(|(index, set)| (set.name, index))
            .collect();
        for group in groups {
            let set = set_of_name[group.name];
            for used in &group.uses {
                let component = sets[set].requirement.first_component(used.channel);
                let sample = index_of_place[&(used.place.0, used.place.1)];
                let first = first_of_set[set] + component;
                group
                    .kind
                    .apply(used.modifier, first, &mut self.samples[sample]);
            }
        }
        let normsys = self.interpolation.normsys;
        let curves_of = |sample: &Sample| {
            let curve = |factor: &Factor| match *factor {
                Factor::NormSys { lo, hi, .. } => NormSysCurve::new(normsys, lo, hi),
                // A place holder: `Factor::Linear` needs no curve.
                Factor::Linear { .. } => NormSysCurve::new(normsys, 1.0, 1.0),
            };
            sample.factors.iter().map(curve).collect()
        };
        self.curves = self.samples.iter().map(curves_of).collect();
    }

    fn find_poi(
        &self,
        choice: &PoiChoice,
        number: usize,
        measurement: &Measurement,
    ) -> Result<Option<usize>> {
        let (name, path) = match choice {
            PoiChoice::None => return Ok(None),
            PoiChoice::Named(name) => (name, None),
            PoiChoice::FromMeasurement => match &measurement.poi {
                None => return Ok(None),
                Some(name) if name.is_empty() => return Ok(None),
                Some(name) => (name, Some(format!("/measurements/{number}/config/poi"))),
            },
        };
        let refuse = |message: String| match &path {
            Some(path) => Error::specification(path, message),
            None => Error::Argument(message),
        };
        if let Some(set) = self.sets.iter().find(|set| set.name == *name) {
            return match set.components {
                1 => Ok(Some(set.first)),
                n => Err(refuse(format!(
                    "the parameter of interest must be one number, but {} has {n} components",
                    shown(name)
                ))),
            };
        }
        match self.parameter_index(name) {
            Some(index) => Ok(Some(index)),
            None => Err(refuse(format!(
                "the parameter of interest {} is not a parameter of the model (a background-only \
                 workspace gets it with a signal patch)",
                shown(name)
            ))),
        }
    }
}

/// Bins of a channel in the main data.
pub(super) fn bins(channel: &Channel) -> Range<usize> {
    channel.first_bin..channel.first_bin + channel.n_bins
}
