//! `neyman unbinned`: likelihoods of single events.

mod statements;
mod toys;

use std::path::{Path, PathBuf};

use neyman::spec::display_name;
use neyman::unbinned::fit::{FitOptions, FitResult};
use neyman::unbinned::model::{Channel, Parameter};
use neyman::unbinned::spec::{self, Loaded};
use neyman::unbinned::toys::Histogram;
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::unbinned::{Fit, Unbinned, What};
use super::document::Source;
use super::failure::{Failure, one_line};
use super::fit::{bound_name, bound_note, covariance_rows, parameter_row};
use super::json::number;
use super::table::{Table, count};
use super::{Exit, Outcome};

pub(crate) fn run(global: &Global, arguments: &Unbinned) -> Outcome {
    if !matches!(&*global.device, "auto" | "cpu") {
        let message = format!("--device {}: unbinned fits run on the processor", global.device);
        return Err(Failure::usage(message));
    }
    match &arguments.what {
        What::Fit(arguments) => fit(arguments),
        What::Scan(arguments) => statements::scan(arguments),
        What::Minos(arguments) => statements::minos(arguments),
        What::Hypotest(arguments) => statements::hypotest(global, arguments),
        What::Discovery(arguments) => statements::discovery(global, arguments),
        What::Limit(arguments) => statements::limit(arguments),
        What::Ranking(arguments) => statements::ranking(arguments),
        What::Toys(arguments) => toys::run(global, arguments),
    }
}

/// Reads a specification and its events.
fn load(file: &Path) -> Result<Loaded, Failure> {
    spec::load(file).map_err(|error| match error.is_specification() {
        true => Failure::in_file(file, error),
        // of events: the file is named in the message
        false => error.into(),
    })
}

fn fit(arguments: &Fit) -> Outcome {
    let file = &arguments.specification;
    let loaded = load(file)?;
    let options = FitOptions { fix: arguments.fix.clone(), tolerance: arguments.tolerance.get() };
    let fit = loaded.model.fit(&options).map_err(|error| Failure::in_file(file, error))?;
    let report = Report { loaded: &loaded, fit: &fit };
    let body = report.json(arguments.covariance, arguments.bins)?;
    let document = Source::of_events(&loaded, file).document("unbinned_fit", body);
    document.write(&arguments.output, None, &report.text()?)?;
    Ok(Exit::of(fit.status))
}

struct Report<'a> {
    loaded: &'a Loaded,
    fit: &'a FitResult,
}

impl Report<'_> {
    fn parameters(&self) -> impl Iterator<Item = (usize, &Parameter)> {
        self.loaded.model.parameters().iter().enumerate()
    }

    fn uncertainty(&self, i: usize) -> Option<f64> {
        self.fit.uncertainties.get(i).copied()
    }

    /// Distance from the auxiliary measurement in units of its uncertainty.
    fn pull(&self, i: usize) -> Option<f64> {
        let constraint = self.loaded.model.parameters()[i].constraint;
        let constraint = constraint.filter(|_| !self.fit.fixed[i]);
        constraint.map(|c| (self.fit.parameters[i] - c.center) / c.sigma)
    }

    /// Channels, with names of processes and numbers of events expected of them.
    fn yields(&self) -> Result<Vec<(&Channel, Vec<(&str, f64)>)>, Failure> {
        let model = &self.loaded.model;
        let expected = model.expected(&self.fit.parameters)?;
        let all = model.channels().zip(expected).map(|(channel, expected)| {
            let names = channel.processes.iter().map(|process| &*process.name);
            (channel, names.zip(expected).collect())
        });
        Ok(all.collect())
    }

    fn json(&self, covariance: bool, bins: Option<usize>) -> Result<Value, Failure> {
        let fit = self.fit;
        let parameter = |(i, p): (usize, &Parameter)| {
            json!({
                "name": p.name,
                "value": number(fit.parameters[i]),
                "uncertainty": self.uncertainty(i).map(number),
                "fixed": fit.fixed[i],
                "at_bound": bound_name(fit.at_bound[i]),
                "constraint": if p.constraint.is_some() { "gaussian" } else { "none" },
                "pull": self.pull(i).map(number),
                "prefit_value": p.constraint.map(|c| number(c.center)),
                "prefit_uncertainty": p.constraint.map(|c| number(c.sigma)),
            })
        };
        let yields = self.yields()?;
        let channel = |((channel, yields), file): (&(&Channel, Vec<(&str, f64)>), &PathBuf)| {
            let process =
                |(name, events): &(&str, f64)| json!({"name": name, "yield": number(*events)});
            json!({
                "name": channel.name,
                "file": file.display().to_string(),
                "events": channel.events.n(),
                "sum_of_weights": number(channel.events.sum_w()),
                "effective_events": number(channel.events.n_eff()),
                "dropped": channel.events.dropped(),
                "processes": yields.iter().map(process).collect::<Vec<_>>(),
            })
        };
        let channels = yields.iter().zip(&self.loaded.files).map(channel);
        let mut document = json!({
            "status": fit.status.as_str(),
            "twice_nll": number(2.0 * fit.nll),
            "edm": number(fit.edm),
            "evaluations": fit.evaluations,
            "thinned_evaluations": fit.thinned_evaluations,
            "parameters": self.parameters().map(parameter).collect::<Vec<_>>(),
            "channels": channels.collect::<Vec<_>>(),
            "left_out": self.loaded.left_out,
            "notes": self.loaded.model.notes(),
            "covariance_problem": fit.covariance_problem,
        });
        if let Some(bins) = bins {
            let histograms = self.loaded.model.histograms(bins, &fit.parameters)?;
            for (k, (channel, histogram)) in
                self.loaded.model.channels().zip(histograms).enumerate()
            {
                document["channels"][k]["histogram"] =
                    histogram.map_or(Value::Null, |histogram| binned(channel, &histogram));
            }
        }
        if covariance {
            document["covariance"] = covariance_rows(&fit.covariance, fit.parameters.len());
        }
        Ok(document)
    }

    fn text(&self) -> Result<String, Failure> {
        let fit = self.fit;
        let mut table = Table::new(&["parameter", "value", "uncertainty", "pull", ""]).left(4);
        for (i, p) in self.parameters() {
            let note = bound_note(fit.fixed[i], fit.at_bound[i]);
            table.row(parameter_row(
                &p.name,
                fit.parameters[i],
                self.uncertainty(i),
                self.pull(i),
                note,
            ));
        }
        let mut text = table.render();
        for (channel, yields) in self.yields()? {
            let events = &channel.events;
            let weighted = events.weights().map_or(String::new(), |_| {
                format!(
                    ", weights sum to {:.2}, as good as {:.1} events",
                    events.sum_w(),
                    events.n_eff()
                )
            });
            let dropped = match events.dropped() {
                0 => String::new(),
                n => format!(", {} outside the bounds dropped", count(n, "event")),
            };
            let name = display_name(&channel.name);
            let n = count(events.n(), "event");
            text.push_str(&format!("\n{name}: {n}{weighted}{dropped}\n"));
            let mut table = Table::new(&["process", "yield"]);
            for (name, events) in yields {
                table.row([display_name(name), format!("{events:.2}")]);
            }
            text.push_str(&table.render());
        }
        text.push_str(&format!(
            "\n{}: -2 log L = {:.6}, distance to the minimum {:.1e}, {} evaluations\n",
            fit.status.as_str().replace('_', " "),
            2.0 * fit.nll,
            fit.edm,
            fit.evaluations,
        ));
        if let Some(problem) = &fit.covariance_problem {
            text.push_str(&format!("no uncertainties: {problem}\n"));
        }
        let notes = self.loaded.model.notes();
        notes.iter().for_each(|note| text.push_str(&format!("note: {}\n", one_line(note))));
        if !self.loaded.left_out.is_empty() {
            let names: Vec<_> = self.loaded.left_out.iter().map(|n| display_name(n)).collect();
            text.push_str(&format!("left out as the specification says: {}\n", names.join(", ")));
        }
        Ok(text)
    }
}

/// Events and expectation in bins.
fn binned(channel: &Channel, of: &Histogram) -> Value {
    let numbers = |values: &[f64]| values.iter().map(|v| number(*v)).collect::<Vec<_>>();
    let names = channel.processes.iter().map(|process| &process.name);
    let processes = names
        .zip(&of.expected)
        .map(|(name, expected)| json!({"name": name, "expected": numbers(expected)}));
    json!({
        "observable": of.observable,
        "edges": numbers(&of.edges),
        "observed": numbers(&of.observed),
        "uncertainty": of.uncertainty.as_ref().map(|u| numbers(u)),
        "processes": processes.collect::<Vec<_>>(),
    })
}
