//! `neyman impacts`: what each parameter does to the parameter of interest.

use neyman::session::{
    GlobalImpact, GlobalImpacts, Group, Impact, ImpactOptions, Impacts as Ranking, Session, Shift,
};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::impacts::{Impacts, Method};
use super::document::Document;
use super::failure::one_line;
use super::fit::bound_name;
use super::json::number;
use super::load::Loaded;
use super::table::{Table, count, to_precision};
use super::{Exit, Outcome, statement};

pub(crate) fn run(global: &Global, arguments: &Impacts) -> Outcome {
    let (loaded, session) = statement::open(global, &arguments.statement)?;
    let data = statement::data(&arguments.data, &loaded, &session)?;
    let options = ImpactOptions {
        poi: None,
        parameters: arguments.parameter.clone(),
        groups: arguments.group.clone(),
        global: arguments.method == Method::Global,
        fit: statement::options(&arguments.statement),
    };
    let impacts = session.impacts(&data, &options)?;
    let names = names(&loaded);
    let report = Report { names: &names, impacts: &impacts };
    document(&loaded, &session, &impacts).write(
        &arguments.statement.output,
        None,
        &report.text(arguments.top),
    )?;
    Ok(Exit::of(impacts.status()))
}

/// The ranking as a result document.
pub(crate) fn document(loaded: &Loaded, session: &Session, impacts: &Ranking) -> Document {
    let body = Report { names: &names(loaded), impacts }.json();
    Document::new("impacts", loaded, session.fit_device(), None, body)
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.model.parameters().iter().map(|p| &*p.name).collect()
}

pub(crate) struct Report<'a> {
    /// Names of all parameters.
    pub(crate) names: &'a [&'a str],
    pub(crate) impacts: &'a Ranking,
}

impl Report<'_> {
    fn name(&self, k: usize) -> &str {
        self.names[k]
    }

    pub(crate) fn json(&self) -> Value {
        let impacts = self.impacts;
        let (value, uncertainty) = impacts.value();
        let group = |g: &Group| {
            json!({
                "name": g.name,
                "uncertainty": g.uncertainty.map(number),
                "parameters": g.parameters.iter().map(|&k| self.name(k)).collect::<Vec<_>>(),
            })
        };
        let mut body = json!({
            "status": impacts.status().as_str(),
            "value": number(value),
            "uncertainty": number(uncertainty),
            "at_bound": bound_name(impacts.fit.at_bound[impacts.poi]),
            "twice_nll": number(impacts.fit.twice_nll),
            "parameters": impacts.parameters.iter().map(parameter).collect::<Vec<_>>(),
            "groups": impacts.groups.iter().map(group).collect::<Vec<_>>(),
            "notes": impacts.notes,
        });
        if let Some(global) = &impacts.global {
            body["global"] = global.parameters.iter().map(shifted).collect();
            body["global_statistical"] = number(global.statistical);
            body["global_sum"] = global.sum.map_or(Value::Null, number);
        }
        body
    }

    pub(crate) fn text(&self, top: usize) -> String {
        let (value, uncertainty) = self.impacts.value();
        let poi = self.name(self.impacts.poi);
        let mut text = statement::with_uncertainty(poi, value, Some(uncertainty));
        text.push_str("\n\n");
        text.push_str(&self.ranking(top, uncertainty));
        text.push('\n');
        text.push_str(&self.groups(uncertainty));
        if let Some(global) = &self.impacts.global {
            text.push('\n');
            text.push_str(&shifted_table(global, top, uncertainty));
        }
        for note in &self.impacts.notes {
            text.push_str(&format!("{}\n", one_line(note)));
        }
        text
    }

    fn ranking(&self, top: usize, sigma: f64) -> String {
        let header =
            ["parameter", "impact up", "down", "pre-fit up", "down", "pull", "constraint", ""];
        let mut table = Table::new(&header).left(7);
        let all = &self.impacts.parameters;
        for i in all.iter().take(top) {
            let [up, down] = [i.up, i.down].map(|s| shift(s, sigma));
            let [before_up, before_down] = [i.prefit_up, i.prefit_down].map(|s| match i.prefit {
                Some(_) => shift(s, sigma),
                None => String::new(),
            });
            let status = i.status();
            table.row([
                display_name(&i.name),
                up,
                down,
                before_up,
                before_down,
                i.pull().map_or(String::new(), |p| format!("{p:+.2}")),
                i.constraint().map_or(String::new(), |c| format!("{c:.2}")),
                if status.is_converged() { String::new() } else { statement::words(status) },
            ]);
        }
        let mut text = table.render();
        if all.len() > top {
            let more = count(all.len() - top, "more parameter");
            text.push_str(&format!("{more}: --top shows more, --json has all\n"));
        }
        text
    }

    fn groups(&self, sigma: f64) -> String {
        let mut table = Table::new(&["group", "uncertainty", "parameters"]);
        for g in &self.impacts.groups {
            let uncertainty =
                g.uncertainty.map_or(String::new(), |u| to_precision(u, sigma / 10.0));
            table.row([display_name(&g.name), uncertainty, g.parameters.len().to_string()]);
        }
        table.row(["total".into(), to_precision(sigma, sigma / 10.0), String::new()]);
        table.render()
    }
}

/// To a thousandth of the uncertainty.
fn shift(shift: Shift, sigma: f64) -> String {
    shift.impact.map_or("?".into(), |i| to_precision(i, sigma / 10.0))
}

fn parameter(of: &Impact) -> Value {
    let impact = |s: Shift| s.impact.map(number);
    json!({
        "name": of.name,
        "value": number(of.value),
        "uncertainty": number(of.uncertainty),
        "prefit_value": of.prefit.map(|(value, _)| number(value)),
        "prefit_uncertainty": of.prefit.map(|(_, width)| number(width)),
        "pull": of.pull().map(number),
        "constraint": of.constraint().map(number),
        "impact_up": impact(of.up),
        "impact_down": impact(of.down),
        "impact_prefit_up": impact(of.prefit_up),
        "impact_prefit_down": impact(of.prefit_down),
        "status": of.status().as_str(),
    })
}

fn shifted(of: &GlobalImpact) -> Value {
    json!({
        "name": of.name,
        "impact": of.impact.map(number),
        "impact_up": of.up.map(number),
        "impact_down": of.down.map(number),
        "linear": number(of.linear),
        "status": of.status.as_str(),
    })
}

fn shifted_table(global: &GlobalImpacts, top: usize, sigma: f64) -> String {
    let digits = |x: f64| to_precision(x, sigma / 10.0);
    let known = |x: Option<f64>| x.map_or("?".into(), digits);
    let mut table = Table::new(&["auxiliary datum of", "impact", "up", "down"]);
    for g in global.parameters.iter().take(top) {
        table.row([display_name(&g.name), known(g.impact), known(g.up), known(g.down)]);
    }
    table.row(
        ["main data".into(), digits(global.statistical)]
            .into_iter()
            .chain([String::new(), String::new()]),
    );
    table.row(["all in quadrature".into(), known(global.sum), String::new(), String::new()]);
    table.render()
}
