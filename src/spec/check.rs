//! What must hold between the parts of a workspace: names once, lengths equal, data for all.

use std::collections::{HashMap, HashSet};

use super::parameters::ParameterSets;
use super::text::{count, list, quoted, suggestion};
use super::{Channel, ModifierKind, Sample, Warning, Workspace};
use crate::{Error, Result};

/// Everything that does not depend on the measurement chosen.
pub(super) fn check(workspace: &Workspace, warnings: &mut Vec<Warning>) -> Result<()> {
    unique(workspace.channels.iter().map(|channel| &*channel.name), "channel", |index| {
        format!("/channels/{index}/name")
    })?;
    for (index, channel) in workspace.channels.iter().enumerate() {
        check_channel(channel, index, warnings)?;
    }
    check_observations(workspace, warnings)?;
    unique(workspace.measurements.iter().map(|m| &*m.name), "measurement", |index| {
        format!("/measurements/{index}/name")
    })?;
    for (index, measurement) in workspace.measurements.iter().enumerate() {
        let names = measurement.parameters.iter().map(|config| &*config.name);
        unique(names, "configuration of a parameter", |parameter| {
            format!("/measurements/{index}/config/parameters/{parameter}/name")
        })?;
    }
    let sets = ParameterSets::of(workspace)?;
    sets.warn(warnings);
    Ok(())
}

fn unique<'a>(
    names: impl ExactSizeIterator<Item = &'a str>,
    what: &str,
    path: impl Fn(usize) -> String,
) -> Result<()> {
    let mut first = HashMap::with_capacity(names.len());
    for (index, name) in names.enumerate() {
        if let Some(earlier) = first.insert(name, index) {
            let message =
                format!("a second {what} named {}; the first is {}", quoted(name), path(earlier));
            return Err(Error::specification(path(index), message));
        }
    }
    Ok(())
}

fn check_channel(channel: &Channel, index: usize, warnings: &mut Vec<Warning>) -> Result<()> {
    unique(
        channel.samples.iter().map(|sample| &*sample.name),
        "sample in this channel",
        |sample| format!("/channels/{index}/samples/{sample}/name"),
    )?;
    let bins = channel.n_bins();
    for (sample_index, sample) in channel.samples.iter().enumerate() {
        let at = format!("/channels/{index}/samples/{sample_index}");
        expect_bins(sample.data.len(), bins, channel, || format!("{at}/data"))?;
        check_modifiers(channel, sample, &at)?;
        if let Some(bin) = sample.data.iter().position(|count| *count < 0.0) {
            let negative = sample.data.iter().filter(|count| **count < 0.0).count();
            warnings.push(Warning {
                path: format!("{at}/data/{bin}"),
                message: format!(
                    "sample {} of channel {} has a negative expected count ({} in bin {bin}; {} of \
                     this sample in all)",
                    quoted(&sample.name),
                    quoted(&channel.name),
                    sample.data[bin],
                    count(negative, "bin"),
                ),
            });
        }
    }
    Ok(())
}

fn check_modifiers(channel: &Channel, sample: &Sample, at: &str) -> Result<()> {
    let bins = channel.n_bins();
    let mut seen = HashSet::with_capacity(sample.modifiers.len());
    for (index, modifier) in sample.modifiers.iter().enumerate() {
        let at = |key: &str| format!("{at}/modifiers/{index}{key}");
        let expect = |length, key| expect_bins(length, bins, channel, || at(key));
        match &modifier.kind {
            ModifierKind::HistoSys { hi_data, lo_data } => {
                expect(hi_data.len(), "/data/hi_data")?;
                expect(lo_data.len(), "/data/lo_data")?;
            }
            ModifierKind::ShapeSys(data) | ModifierKind::StatError(data) => {
                expect(data.len(), "/data")?;
            }
            ModifierKind::NormFactor
            | ModifierKind::NormSys { .. }
            | ModifierKind::ShapeFactor
            | ModifierKind::Lumi => {}
        }
        if !seen.insert((&modifier.name, modifier.kind.type_name())) {
            let message = format!(
                "sample {} has a second {} named {}: combine the two or rename one",
                quoted(&sample.name),
                modifier.kind.type_name(),
                quoted(&modifier.name)
            );
            return Err(Error::specification(at(""), message));
        }
    }
    Ok(())
}

fn expect_bins(
    found: usize,
    expected: usize,
    channel: &Channel,
    path: impl Fn() -> String,
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!(
        "expected {}, as the first sample of channel {} has, found {found}",
        count(expected, "bin"),
        quoted(&channel.name),
    );
    Err(Error::specification(path(), message))
}

fn check_observations(workspace: &Workspace, warnings: &mut Vec<Warning>) -> Result<()> {
    unique(workspace.observations.iter().map(|o| &*o.name), "observation of a channel", |index| {
        format!("/observations/{index}/name")
    })?;
    let by_name: HashMap<&str, &Channel> =
        workspace.channels.iter().map(|channel| (&*channel.name, channel)).collect();
    let mut observed = HashSet::with_capacity(by_name.len());
    for (index, observation) in workspace.observations.iter().enumerate() {
        let Some(channel) = by_name.get(&*observation.name) else {
            let near = suggestion(&observation.name, by_name.keys().copied());
            let message = format!(
                "observation of {}, which is no channel: ignored{near}",
                quoted(&observation.name)
            );
            warnings.push(Warning { path: format!("/observations/{index}/name"), message });
            continue;
        };
        observed.insert(&*observation.name);
        expect_bins(observation.data.len(), channel.n_bins(), channel, || {
            format!("/observations/{index}/data")
        })?;
    }
    match workspace.channels.iter().position(|channel| !observed.contains(&*channel.name)) {
        None => Ok(()),
        Some(index) => {
            let message = format!(
                "channel {} has no observation; observed are {}",
                quoted(&workspace.channels[index].name),
                list(workspace.observations.iter().map(|observation| &*observation.name))
            );
            Err(Error::specification(format!("/channels/{index}"), message))
        }
    }
}
