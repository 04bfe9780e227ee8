//! `neyman yields`: expected counts before and after the fit.

use neyman::session::{ChannelYields, FitResult, Prediction, SampleYields, Session, Yields};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::yields::Yields as Arguments;
use super::document::Document;
use super::failure::one_line;
use super::json::{number, numbers};
use super::load::Loaded;
use super::table::{Table, to_precision};
use super::{Outcome, statement};

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Outcome {
    let (loaded, session) = statement::open(global, &arguments.statement)?;
    let data = statement::data(&arguments.data, &loaded, &session)?;
    let fit = session.fit(&data, &statement::options(&arguments.statement))?;
    let yields = session.yields(&data, &fit)?;
    let notes = notes(&fit);
    let document = document(&loaded, &session, &yields, &fit);
    let mut text = as_text(&yields);
    if !fit.status.is_converged() {
        text.push_str(&format!("the fit: {}\n", statement::words(fit.status)));
    }
    notes.iter().for_each(|note| text.push_str(&format!("{}\n", one_line(note))));
    document.write(&arguments.statement.output, None, &text)?;
    Ok(statement::exit(fit.status))
}

fn notes(fit: &FitResult) -> Vec<String> {
    let problem = fit.covariance_problem.iter();
    problem.map(|problem| format!("no uncertainties after the fit: {problem}")).collect()
}

/// The yields as a result document.
pub(crate) fn document(
    loaded: &Loaded,
    session: &Session,
    yields: &Yields,
    fit: &FitResult,
) -> Document {
    let body = json!({
        "status": fit.status.as_str(),
        "channels": yields.channels.iter().map(channel).collect::<Vec<_>>(),
        "notes": notes(fit),
    });
    Document::new("yields", loaded, session.fit_device(), None, body)
}

fn channel(channel: &ChannelYields) -> Value {
    json!({
        "name": channel.name,
        "bins": channel.observed.len(),
        "observed": numbers(&channel.observed),
        "prefit": prediction(&channel.prefit),
        "postfit": prediction(&channel.postfit),
    })
}

fn prediction(of: &Prediction) -> Value {
    let uncertainty = |s: &SampleYields| s.uncertainty.as_deref().map(numbers);
    let sample = |s: &SampleYields| {
        json!({
            "name": s.name,
            "yields": numbers(&s.yields),
            "uncertainty": uncertainty(s),
            "total_uncertainty": s.total_uncertainty.map(number),
        })
    };
    json!({
        "samples": of.samples.iter().map(sample).collect::<Vec<_>>(),
        "total": numbers(&of.total.yields),
        "uncertainty": uncertainty(&of.total),
        "total_uncertainty": of.total.total_uncertainty.map(number),
    })
}

/// A table per channel and point: samples down, bins across, then the sum over bins.
fn as_text(yields: &Yields) -> String {
    let mut parts = Vec::new();
    for channel in &yields.channels {
        for (when, of) in [("before", &channel.prefit), ("after", &channel.postfit)] {
            let bins = channel.observed.len();
            let names: Vec<String> = (0..bins).map(|b| format!("bin {b}")).collect();
            let mut header = vec!["sample"];
            header.extend(names.iter().map(|n| &**n));
            header.push("sum");
            let mut table = Table::new(&header);
            of.samples.iter().chain([&of.total]).for_each(|s| table.row(row(s)));
            let observed = &channel.observed;
            let sum = observed.iter().sum::<f64>();
            let counts = observed.iter().chain([&sum]).map(f64::to_string);
            table.row(std::iter::once("observed".to_owned()).chain(counts));
            let name = display_name(&channel.name);
            parts.push(format!("{name}, {when} the fit\n{}", table.render()));
        }
    }
    let mut text = parts.join("\n");
    if text.is_empty() {
        text.push('\n');
    }
    text
}

fn row(of: &SampleYields) -> Vec<String> {
    let cell = |value: f64, uncertainty: Option<f64>| match uncertainty {
        Some(u) => format!("{} +- {}", to_precision(value, u), to_precision(u, u)),
        None => to_precision(value, 0.0),
    };
    let uncertainty = |b: usize| of.uncertainty.as_ref().map(|u| u[b]);
    let bins = of.yields.iter().enumerate().map(|(b, &y)| cell(y, uncertainty(b)));
    std::iter::once(display_name(&of.name))
        .chain(bins)
        .chain([cell(of.yields.iter().sum(), of.total_uncertainty)])
        .collect()
}
