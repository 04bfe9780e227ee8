//! pyhf's order of channels, samples, modifiers and parameter sets.

use std::collections::HashMap;

use super::Channel;
use super::modifiers::{ModifierType, Requirement, Use};
use super::warnings::shown;
use crate::error::{Error, Result};
use crate::spec::Workspace;

/// Channels and samples in pyhf's order: sorted by name (code points), with the observed counts.
pub(super) struct Sorted {
    pub(super) channels: Vec<Channel>,
    pub(super) observed: Vec<f64>,
    /// Document indices: channel, and its samples.
    pub(super) order: Vec<(usize, Vec<usize>)>,
}

impl Sorted {
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
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
pub(super) struct Group<'a> {
    pub(super) kind: ModifierType,
    pub(super) name: &'a str,
    pub(super) uses: Vec<Use<'a>>,
}

impl<'a> Group<'a> {
    /// All groups in the order of their parameters: by type, then by first appearance walking the
    /// sorted channels, samples and modifiers; staterror by name (pyhf makes its list of all names
    /// before it looks at samples).
    pub(super) fn collect(workspace: &'a Workspace, sorted: &Sorted) -> Result<Vec<Self>> {
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
pub(super) struct SetBuilder<'a> {
    pub(super) name: &'a str,
    pub(super) types: Vec<ModifierType>,
    pub(super) requirement: Requirement,
}

impl<'a> SetBuilder<'a> {
    /// The sets of sorted groups. Types share a name only if they require the same parameters.
    pub(super) fn collect(groups: &[Group<'a>]) -> Result<Vec<Self>> {
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
                // The rarer use is likely the mistaken one; of equals, the later in the document.
                let earlier = groups.iter().find(|other| other.name == group.name);
                let rarer = earlier.into_iter().chain([group]).min_by_key(|group| {
                    let place = group.uses.first().map(|used| used.place);
                    (group.uses.len(), std::cmp::Reverse(place))
                });
                let used = rarer.and_then(|group| group.uses.first());
                let path = used.map_or(String::new(), Use::path);
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
