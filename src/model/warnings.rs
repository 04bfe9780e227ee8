//! Legal but suspicious things in a model, each with its place.

use std::collections::HashSet;

use super::{Constraint, Model, ModifierType};
use crate::spec::{Warning, Workspace};

/// A name as messages show it: control characters escaped (a name may hold terminal sequences), and
/// not longer than a line.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.escape_debug().take(80).collect();
    if name.escape_debug().nth(80).is_some() {
        text.push_str("...");
    }
    format!("\"{text}\"")
}

/// All warnings about a compiled model. `order`: document indices of the channels and samples.
pub(super) fn collect(
    model: &Model,
    workspace: &Workspace,
    measurement: usize,
    order: &[(usize, Vec<usize>)],
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    negative_yields(workspace, &mut warnings);
    rates_at_the_start(model, order, &mut warnings);
    shared_staterror(workspace, &mut warnings);
    colliding_names(model, workspace, &mut warnings);
    configuration(model, workspace, measurement, &mut warnings);
    warnings
}

fn warn(warnings: &mut Vec<Warning>, path: impl Into<String>, message: impl Into<String>) {
    warnings.push(Warning {
        path: path.into(),
        message: message.into(),
    });
}

fn negative_yields(workspace: &Workspace, warnings: &mut Vec<Warning>) {
    for (c, channel) in workspace.channels.iter().enumerate() {
        for (s, sample) in channel.samples.iter().enumerate() {
            for (bin, count) in sample
                .data
                .iter()
                .enumerate()
                .filter(|(_, count)| **count < 0.0)
            {
                let path = format!("/channels/{c}/samples/{s}/data/{bin}");
                warn(warnings, path, format!("negative yield {count}"));
            }
        }
    }
}

/// Bins that expect a negative count at the initial point, or can only expect 0 and observe more.
fn rates_at_the_start(model: &Model, order: &[(usize, Vec<usize>)], warnings: &mut Vec<Warning>) {
    let rates = model.expected_main(&model.init());
    let mut possible = vec![false; model.n_bins()];
    for sample in &model.samples {
        let first = model.channels[sample.channel].first_bin;
        for (b, nominal) in sample.nominal.iter().enumerate() {
            possible[first + b] |= *nominal != 0.0
                || sample
                    .shapes
                    .iter()
                    .any(|shape| shape.lo[b] != 0.0 || shape.hi[b] != 0.0);
        }
    }
    for (bin, rate) in rates.iter().enumerate() {
        let (channel, _) = model.locate_bin(bin);
        let path = format!("/channels/{}", order[channel].0);
        let name = shown_bin(model, bin);
        let observed = model.observed.main[bin];
        if *rate < 0.0 {
            let message =
                format!("expected rate {rate} is negative in {name} at the initial point");
            warn(warnings, path, message);
        } else if !rate.is_finite() {
            let message = format!("expected rate is not finite in {name} at the initial point");
            warn(warnings, path, message);
        } else if !possible[bin] && observed > 0.0 {
            let message = format!(
                "observed {observed} in {name}, where the model can only predict 0: the likelihood \
                 is 0 everywhere"
            );
            warn(warnings, path, message);
        }
    }
}

fn shown_bin(model: &Model, bin: usize) -> String {
    let (channel, b) = model.locate_bin(bin);
    format!("{} bin {b}", shown(&model.channels[channel].name))
}

fn shared_staterror(workspace: &Workspace, warnings: &mut Vec<Warning>) {
    let mut first_channel = std::collections::HashMap::new();
    let mut told = HashSet::new();
    for (c, channel) in workspace.channels.iter().enumerate() {
        for (s, sample) in channel.samples.iter().enumerate() {
            for (m, modifier) in sample.modifiers.iter().enumerate() {
                if ModifierType::of(&modifier.kind) != ModifierType::StatError {
                    continue;
                }
                let first = *first_channel.entry(&modifier.name).or_insert(c);
                if first != c && told.insert(&modifier.name) {
                    let message = format!(
                        "staterror {} stands in several channels: each channel has gammas of its \
                         own under this name, they are not correlated",
                        shown(&modifier.name)
                    );
                    let path = format!("/channels/{c}/samples/{s}/modifiers/{m}");
                    warn(warnings, path, message);
                }
            }
        }
    }
}

/// A scalar called `unc[0]` prints like component 0 of `unc`.
fn colliding_names(model: &Model, workspace: &Workspace, warnings: &mut Vec<Warning>) {
    let components: HashSet<&str> = model
        .sets
        .iter()
        .filter(|set| !set.scalar)
        .flat_map(|set| &model.parameters[set.first..set.first + set.components])
        .map(|parameter| parameter.name.as_str())
        .collect();
    for set in model
        .sets
        .iter()
        .filter(|set| components.contains(set.name.as_str()))
    {
        let uses = workspace
            .channels
            .iter()
            .enumerate()
            .flat_map(|(c, channel)| {
                channel
                    .samples
                    .iter()
                    .enumerate()
                    .flat_map(move |(s, sample)| {
                        let modifiers = sample.modifiers.iter().enumerate();
                        modifiers.map(move |(m, modifier)| ((c, s, m), &modifier.name))
                    })
            });
        let mut uses = uses.filter(|(_, name)| **name == set.name);
        if let Some(((c, s, m), _)) = uses.next() {
            let message = format!(
                "parameter {} prints like a component of another parameter",
                shown(&set.name)
            );
            warn(
                warnings,
                format!("/channels/{c}/samples/{s}/modifiers/{m}/name"),
                message,
            );
        }
    }
}

fn configuration(
    model: &Model,
    workspace: &Workspace,
    measurement: usize,
    warnings: &mut Vec<Warning>,
) {
    let path = format!("/measurements/{measurement}/config");
    if let Some(poi) = model.poi.map(|index| &model.parameters[index])
        && poi.constraint != Constraint::None
    {
        let message = format!(
            "the parameter of interest {} is a constrained nuisance parameter",
            shown(&poi.name)
        );
        warn(warnings, format!("{path}/poi"), message);
    }
    let names: HashSet<&str> = model.sets.iter().map(|set| set.name.as_str()).collect();
    let Some(measurement) = workspace.measurements.get(measurement) else {
        return;
    };
    for (index, config) in measurement.parameters.iter().enumerate() {
        if !names.contains(config.name.as_str()) {
            let message = format!("{} is not a parameter of the model", shown(&config.name));
            warn(warnings, format!("{path}/parameters/{index}/name"), message);
        } else if config.fixed == Some(false) {
            frees_empty_bins(
                model,
                &config.name,
                &format!("{path}/parameters/{index}"),
                warnings,
            );
        }
    }
}

/// `fixed: false` on a set of gammas also frees those of bins without an uncertainty (as in pyhf).
fn frees_empty_bins(model: &Model, name: &str, path: &str, warnings: &mut Vec<Warning>) {
    let Some(set) = model
        .sets
        .iter()
        .find(|set| set.name == name && !set.scalar)
    else {
        return;
    };
    let constrained = |parameter: &super::Parameter| match parameter.constraint {
        // The marks of an empty bin: no measured uncertainty is exactly this.
        Constraint::Gaussian { sigma, .. } => sigma == 1.0,
        Constraint::Poisson { tau, .. } => tau == 1.0,
        Constraint::None => false,
    };
    if model.parameters[set.first..set.first + set.components]
        .iter()
        .any(constrained)
    {
        let message = format!(
            "fixed: false frees all of {}, also the factors of bins that have no uncertainty",
            shown(name)
        );
        warn(warnings, format!("{path}/fixed"), message);
    }
}
