//! `neyman inspect`: what a workspace holds.

use std::collections::{BTreeMap, BTreeSet};

use neyman::model::{Constraint, Parameter};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Inspect};
use super::json::number;
use super::load::{self, Loaded};
use super::table::{Table, count, short};
use super::{Exit, Outcome, output};

pub(crate) fn run(global: &Global, arguments: &Inspect) -> Outcome {
    let loaded = load::load(&arguments.workspace)?;
    if arguments.json {
        output::json(&as_json(&loaded))?;
    } else {
        output::text(&as_text(&loaded))?;
        load::warn(global, &arguments.workspace.workspace, &loaded.warnings);
    }
    Ok(Exit::Success)
}

/// Per modifier type: number of names, number of uses.
fn modifier_counts(loaded: &Loaded) -> BTreeMap<&'static str, (usize, usize)> {
    let mut names: BTreeMap<_, (BTreeSet<&str>, usize)> = BTreeMap::new();
    let samples = loaded.workspace.channels.iter().flat_map(|c| &c.samples);
    for modifier in samples.flat_map(|s| &s.modifiers) {
        let (set, uses) = names.entry(modifier.kind.type_name()).or_default();
        set.insert(&modifier.name);
        *uses += 1;
    }
    names.into_iter().map(|(kind, (set, uses))| (kind, (set.len(), uses))).collect()
}

pub(crate) fn constraint_name(parameter: &Parameter) -> &'static str {
    match parameter.constraint {
        Constraint::None => "none",
        Constraint::Gaussian { .. } => "gaussian",
        Constraint::Poisson { .. } => "poisson",
    }
}

fn as_json(loaded: &Loaded) -> Value {
    let workspace = &loaded.workspace;
    let channel = |c: &neyman::spec::Channel| {
        let observed = workspace.observations.iter().find(|o| o.name == c.name);
        json!({
            "name": c.name,
            "bins": c.n_bins(),
            "observed": observed.map(|o| number(o.data.iter().sum())),
            "samples": c.samples.iter().map(|s| &s.name).collect::<Vec<_>>(),
        })
    };
    let parameter = |p: &Parameter| {
        json!({
            "name": p.name,
            "constraint": constraint_name(p),
            "init": number(p.init),
            "bounds": [number(p.bounds.0), number(p.bounds.1)],
            "fixed": p.fixed,
        })
    };
    let modifiers: serde_json::Map<_, _> = modifier_counts(loaded)
        .into_iter()
        .map(|(kind, (names, uses))| (kind.to_owned(), json!({"names": names, "uses": uses})))
        .collect();
    let poi = loaded.model.poi().map(|i| &loaded.model.parameters()[i].name);
    json!({
        "channels": workspace.channels.iter().map(channel).collect::<Vec<_>>(),
        "modifiers": modifiers,
        "parameters": loaded.model.parameters().iter().map(parameter).collect::<Vec<_>>(),
        "measurements": workspace.measurements.iter()
            .map(|m| json!({"name": m.name, "poi": m.poi})).collect::<Vec<_>>(),
        "measurement": loaded.measurement().name,
        "poi": poi,
        "auxiliary_data": loaded.model.observed().auxiliary.len(),
        "warnings": loaded.warnings.iter()
            .map(|w| json!({"path": w.path, "message": w.message})).collect::<Vec<_>>(),
    })
}

fn as_text(loaded: &Loaded) -> String {
    let (workspace, model) = (&loaded.workspace, &loaded.model);
    let mut text = format!(
        "{}, {}, {}, {} auxiliary data\n\n",
        count(workspace.channels.len(), "channel"),
        count(model.observed().main.len(), "bin"),
        count(model.parameters().len(), "parameter"),
        model.observed().auxiliary.len(),
    );
    for (i, measurement) in workspace.measurements.iter().enumerate() {
        let used = if i == loaded.measurement { " (used)" } else { "" };
        let poi = measurement.poi.as_deref().map_or("none".into(), display_name);
        let name = display_name(&measurement.name);
        text.push_str(&format!("measurement {name}{used}: parameter of interest {poi}\n"));
    }
    if let Some(poi) = model.poi() {
        let name = display_name(&model.parameters()[poi].name);
        text.push_str(&format!("parameter of interest in use: {name}\n"));
    }
    let mut channels = Table::new(&["channel", "bins", "observed", "samples"]).left(3);
    for channel in &workspace.channels {
        let observed = workspace.observations.iter().find(|o| o.name == channel.name);
        let samples: Vec<_> = channel.samples.iter().map(|s| display_name(&s.name)).collect();
        channels.row([
            display_name(&channel.name),
            channel.n_bins().to_string(),
            observed.map_or(String::new(), |o| o.data.iter().sum::<f64>().to_string()),
            samples.join(" "),
        ]);
    }
    let mut modifiers = Table::new(&["modifier", "names", "uses"]);
    for (kind, (names, uses)) in modifier_counts(loaded) {
        modifiers.row([kind.to_owned(), names.to_string(), uses.to_string()]);
    }
    let mut parameters =
        Table::new(&["parameter", "constraint", "init", "lower", "upper", ""]).left(1).left(5);
    for p in model.parameters() {
        parameters.row([
            display_name(&p.name),
            constraint_name(p).to_owned(),
            short(p.init),
            short(p.bounds.0),
            short(p.bounds.1),
            if p.fixed { "fixed".into() } else { String::new() },
        ]);
    }
    for table in [channels, modifiers, parameters] {
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}
