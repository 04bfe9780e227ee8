//! `neyman prune`: small systematics dropped.

use neyman::model::prune::Dropped;
use neyman::session::{FitBrief, PruneOptions, Pruning};
use neyman::spec::{display_name, to_value};
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::prune::Prune;
use super::document::Document;
use super::json::number;
use super::load::Loaded;
use super::table::{Table, count};
use super::{Exit, Outcome, output, statement};

pub(crate) fn run(global: &Global, arguments: &Prune) -> Outcome {
    let (loaded, session) = statement::open(global, &arguments.statement)?;
    let fit = statement::options(&arguments.statement);
    let options = PruneOptions { threshold: arguments.threshold, fit };
    let pruning = session.prune(&loaded.workspace, loaded.measurement, &options)?;
    if let Some(path) = &arguments.write {
        output::json_file(path, &to_value(&pruning.pruned.workspace))?;
    }
    let (before, after) = (&pruning.before, &pruning.after);
    let status = if before.status.is_converged() { after.status } else { before.status };
    let body = json!({
        "status": status.as_str(),
        "threshold": number(arguments.threshold),
        "dropped": pruning.pruned.dropped.iter().map(dropped).collect::<Vec<_>>(),
        "kept": pruning.pruned.kept,
        "before": brief(before),
        "after": brief(after),
    });
    let text = as_text(&loaded, &pruning);
    Document::new("prune", &loaded, session.fit_device(), None, body).write(
        &arguments.statement.output,
        None,
        &text,
    )?;
    Ok(Exit::of(status))
}

fn dropped(of: &Dropped) -> Value {
    json!({
        "channel": of.channel,
        "sample": of.sample,
        "modifier": of.modifier,
        "type": of.kind,
        "effect": number(of.effect.bin),
        "norm": number(of.effect.norm),
        "shape": number(of.effect.shape),
    })
}

fn brief(of: &FitBrief) -> Value {
    json!({
        "value": of.value.map(number),
        "uncertainty": of.uncertainty.map(number),
        "twice_nll": number(of.twice_nll),
        "parameters": of.n_parameters,
        "status": of.status.as_str(),
    })
}

fn as_text(loaded: &Loaded, pruning: &Pruning) -> String {
    let pruned = &pruning.pruned;
    let mut table = Table::new(&["channel", "sample", "modifier", "type", "bin", "norm", "shape"])
        .left(1)
        .left(2)
        .left(3);
    let percent = |x: f64| format!("{:.3}%", 100.0 * x);
    for d in &pruned.dropped {
        let [channel, sample, modifier] =
            [&d.channel, &d.sample, &d.modifier].map(|n| display_name(n));
        let effect = [d.effect.bin, d.effect.norm, d.effect.shape].map(percent);
        table.row([channel, sample, modifier, d.kind.to_owned()].into_iter().chain(effect));
    }
    let mut text = if pruned.dropped.is_empty() { String::new() } else { table.render() + "\n" };
    text.push_str(&format!(
        "{} dropped, {} kept\n",
        count(pruned.dropped.len(), "modifier"),
        pruned.kept
    ));
    for (when, of) in [("before", &pruning.before), ("after", &pruning.after)] {
        let parameters = count(of.n_parameters, "parameter");
        text.push_str(&format!("{when}: {parameters}, -2 log L = {:.6}", of.twice_nll));
        if let (Some(value), Some(poi)) = (of.value, loaded.model.poi()) {
            let name = &loaded.model.parameters()[poi].name;
            text.push_str(&format!(
                ", {}",
                statement::with_uncertainty(name, value, of.uncertainty)
            ));
        }
        if !of.status.is_converged() {
            text.push_str(&format!(", {}", statement::words(of.status)));
        }
        text.push('\n');
    }
    text
}
