//! From a workspace and a measurement to a [`Model`], in pyhf's order of everything.

use std::collections::HashMap;
use std::ops::Range;

use super::configuration::{ConfiguredConstraint, configure};
use super::interpolation::{Interpolation, NormSysCurve};
use super::modifiers::{ModifierType, Requirement, Use};
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

/// Channels and samples in pyhf's order: sorted by name (code points), with the observed counts.
struct Sorted {
    channels: Vec<Channel>,
    observed: Vec<f64>,
    /// Document indices: channel, and its samples.
    order: Vec<(usize, Vec<usize>)>,
}

impl Sorted {
    fn new(workspace: &Workspace) -> Result<Self> {
        let mut observations = HashMap::new();
        for (index, observation) in workspace.observations.iter().enumerate() {
            observations
                .entry(observation.name.as_str())
                .or_insert((index, observation));
        }
        let mut indices: Vec<usize> = (0..workspace.channels.len()).collect();
        indices.sort_by(|&a, &b| workspace.channels[a].name.cmp(&workspace.channels[b].name));
        let mut sorted = Self {
            channels: Vec::new(),
            observed: Vec::new(),
            order: Vec::new(),
        };
        for c in indices {
            let channel = &workspace.channels[c];
            if sorted
                .channels
                .last()
                .is_some_and(|last: &Channel| last.name == channel.name)
            {
                let message = format!("two channels are called {}", shown(&channel.name));
                return Err(Error::specification(format!("/channels/{c}/name"), message));
            }
            let n_bins = channel
                .samples
                .first()
                .map_or(0, |sample| sample.data.len());
            if n_bins == 0 {
                let message = format!("{} has no samples or no bins", shown(&channel.name));
                return Err(Error::specification(format!("/channels/{c}"), message));
            }
            let Some((o, observation)) = observations.get(channel.name.as_str()) else {
                let message = format!("there is no observation for {}", shown(&channel.name));
                return Err(Error::specification(format!("/channels/{c}"), message));
            };
            if observation.data.len() != n_bins {
                let message = format!(
                    "{} has {n_bins} bins, but {} counts are observed",
                    shown(&channel.name),
                    observation.data.len()
                );
                return Err(Error::specification(
                    format!("/observations/{o}/data"),
                    message,
                ));
            }
            for (bin, &count) in observation.data.iter().enumerate() {
                if !(count >= 0.0 && count.is_finite()) {
                    let message = format!("an observed count must not be below 0, got {count}");
                    let path = format!("/observations/{o}/data/{bin}");
                    return Err(Error::specification(path, message));
                }
            }
            let mut samples: Vec<usize> = (0..channel.samples.len()).collect();
            samples.sort_by(|&a, &b| channel.samples[a].name.cmp(&channel.samples[b].name));
            check_samples(c, channel, &samples, n_bins)?;
            let first_bin = sorted.observed.len();
            sorted.channels.push(Channel {
                name: channel.name.clone(),
                first_bin,
                n_bins,
            });
            sorted.observed.extend(&observation.data);
            sorted.order.push((c, samples));
        }
        Ok(sorted)
    }
}

/// Samples of one channel (`order`: sorted by name) have different names and the same bins.
fn check_samples(
    c: usize,
    channel: &crate::spec::Channel,
    order: &[usize],
    n_bins: usize,
) -> Result<()> {
    for pair in order.windows(2) {
        if channel.samples[pair[0]].name == channel.samples[pair[1]].name {
            return Err(Error::specification(
                format!("/channels/{c}/samples/{}/name", pair[1]),
                format!(
                    "two samples are called {}",
                    shown(&channel.samples[pair[1]].name)
                ),
            ));
        }
    }
    for (s, sample) in channel.samples.iter().enumerate() {
        let path = format!("/channels/{c}/samples/{s}/data");
        if sample.data.len() != n_bins {
            let message = format!(
                "expected {n_bins} bins as in sample 0, got {}",
                sample.data.len()
            );
            return Err(Error::specification(path, message));
        }
        if let Some(bin) = sample.data.iter().position(|count| !count.is_finite()) {
            let message = "a count must be a finite number";
            return Err(Error::specification(format!("{path}/{bin}"), message));
        }
    }
    Ok(())
}

/// All uses of one name by one modifier type.
struct Group<'a> {
    kind: ModifierType,
    name: &'a str,
    uses: Vec<Use<'a>>,
}

impl<'a> Group<'a> {
    /// All groups in the order of their parameters: by type, then by first appearance walking the
    /// sorted channels, samples and modifiers; staterror by name (pyhf makes its list of all names
    /// before it looks at samples).
    fn collect(workspace: &'a Workspace, sorted: &Sorted) -> Result<Vec<Self>> {
        let mut groups: Vec<Self> = Vec::new();
        let mut index: HashMap<(ModifierType, &str), usize> = HashMap::new();
        for (channel, (c, samples)) in sorted.order.iter().enumerate() {
            for &s in samples {
                let sample = &workspace.channels[*c].samples[s];
                let key = |m: &usize| {
                    let modifier = &sample.modifiers[*m];
                    (modifier.name.as_str(), ModifierType::of(&modifier.kind))
                };
                let mut modifiers: Vec<usize> = (0..sample.modifiers.len()).collect();
                modifiers.sort_by_key(key);
                for (position, m) in modifiers.iter().enumerate() {
                    let (name, kind) = key(m);
                    let modifier = &sample.modifiers[*m];
                    let used = Use {
                        channel,
                        place: (*c, s, *m),
                        sample,
                        modifier,
                    };
                    if position > 0 && key(&modifiers[position - 1]) == (name, kind) {
                        return Err(Error::specification(
                            used.path(),
                            format!(
                                "this sample has a {} called {} already",
                                kind.as_str(),
                                shown(name)
                            ),
                        ));
                    }
                    let at = *index.entry((kind, name)).or_insert_with(|| {
                        groups.push(Self {
                            kind,
                            name,
                            uses: Vec::new(),
                        });
                        groups.len() - 1
                    });
                    groups[at].uses.push(used);
                }
            }
        }
        groups.sort_by(|a, b| {
            a.kind.cmp(&b.kind).then_with(|| match a.kind {
                ModifierType::StatError => a.name.cmp(b.name),
                _ => std::cmp::Ordering::Equal,
            })
        });
        Ok(groups)
    }
}

/// One parameter set: what all modifier types that use its name require of it.
struct SetBuilder<'a> {
    name: &'a str,
    types: Vec<ModifierType>,
    requirement: Requirement,
}

impl<'a> SetBuilder<'a> {
    /// The sets of sorted groups. Types share a name only if they require the same parameters.
    fn collect(groups: &[Group<'a>]) -> Result<Vec<Self>> {
        let mut sets: Vec<Self> = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        for group in groups {
            let requirement = group.kind.requirement(&group.uses)?;
            let Some(&at) = index.get(group.name) else {
                index.insert(group.name, sets.len());
                sets.push(Self {
                    name: group.name,
                    types: vec![group.kind],
                    requirement,
                });
                continue;
            };
            let set = &mut sets[at];
            if set.requirement != requirement {
                let earlier = groups.iter().find(|other| other.name == group.name);
                let places = earlier
                    .iter()
                    .flat_map(|other| &other.uses)
                    .chain(&group.uses);
                // The later use in the document is the one that breaks it.
                let path = places
                    .max_by_key(|used| used.place)
                    .map_or(String::new(), Use::path);
                return Err(Error::specification(
                    path,
                    format!(
                        "{} is used by {} and by {}, whose parameters differ in number, range or \
                         constraint; use different names",
                        shown(group.name),
                        set.types[0].as_str(),
                        group.kind.as_str()
                    ),
                ));
            }
            set.types.push(group.kind);
        }
        Ok(sets)
    }
}

/// Bins of a channel in the main data.
pub(super) fn bins(channel: &Channel) -> Range<usize> {
    channel.first_bin..channel.first_bin + channel.n_bins
}
