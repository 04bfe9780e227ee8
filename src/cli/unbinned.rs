//! `neyman unbinned`: likelihoods of single events.

mod convert;
mod statements;
mod toys;

use std::path::{Path, PathBuf};

use neyman::Error;
use neyman::accelerator::DeviceInfo;
use neyman::spec::display_name;
use neyman::unbinned::fit::{FitOptions, FitResult};
use neyman::unbinned::model::{BinnedChannel, Channel, Parameter};
use neyman::unbinned::spec::{self, Loaded};
use neyman::unbinned::toys::Histogram;
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::unbinned::{Fit, Unbinned, What};
use super::document::Source;
use super::failure::{Failure, display_file, one_line};
use super::fit::{bound_name, bound_note, covariance_rows, other_minima, parameter_row};
use super::json::{number, numbers};
use super::load::{request, say_device, warn};
use super::table::{Table, count};
use super::{Exit, Outcome};

pub(crate) fn run(global: &Global, arguments: &Unbinned) -> Outcome {
    #[cfg(feature = "onnx")]
    onnx(global)?;
    match &arguments.what {
        What::Convert(arguments) => convert::run(global, arguments),
        What::Fit(arguments) => fit(global, arguments),
        What::Scan(arguments) => statements::scan(global, arguments),
        What::Minos(arguments) => statements::minos(global, arguments),
        What::Hypotest(arguments) => statements::hypotest(global, arguments),
        What::Discovery(arguments) => statements::discovery(global, arguments),
        What::Limit(arguments) => statements::limit(global, arguments),
        What::Interval(arguments) => statements::interval(global, arguments),
        What::Ranking(arguments) => statements::ranking(global, arguments),
        What::Toys(arguments) => toys::run(global, arguments),
    }
}

/// What flows in ONNX are run with: with `--device cpu` the processor alone.
#[cfg(feature = "onnx")]
fn onnx(global: &Global) -> Result<(), Failure> {
    use neyman::unbinned::pdf::flow::{EpKind, onnx};
    let mut settings = onnx::settings();
    let library = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    settings.library = library.map(PathBuf::from);
    if global.device == "cpu" {
        settings.providers = vec![EpKind::Cpu];
    }
    Ok(onnx::configure(settings)?)
}

/// Reads a specification and its events, and warns of its workspace.
fn load(global: &Global, file: &Path) -> Result<Loaded, Failure> {
    let loaded = spec::load(file).map_err(|error| match error.is_specification() {
        true => Failure::in_file(file, error),
        // of events: the file is named in the message
        false => error.into(),
    })?;
    if let Some(binned) = &loaded.binned {
        warn(global, &binned.workspace, &binned.warnings);
    }
    Ok(loaded)
}

/// With the events on the device that the command line asks for, and what runs.
fn on_device(global: &Global, file: &Path, loaded: &mut Loaded) -> Result<DeviceInfo, Failure> {
    let placed = loaded.model.on_device(&request(global)?).map_err(|error| match error {
        Error::Unsupported(_) => Failure::in_file(file, error),
        // of the device, which the message names
        other => other.into(),
    });
    let (model, device) = placed?;
    loaded.model = model;
    say_device(global, &device);
    Ok(device)
}

fn fit(global: &Global, arguments: &Fit) -> Outcome {
    let file = &arguments.specification;
    let mut loaded = load(global, file)?;
    let device = on_device(global, file, &mut loaded)?;
    let options = FitOptions { fix: arguments.fix.clone(), tolerance: arguments.tolerance.get() };
    let fit = loaded.model.fit(&options).map_err(|error| Failure::in_file(file, error))?;
    let report = Report { loaded: &loaded, fit: &fit };
    let body = report.json(arguments.covariance, arguments.bins)?;
    let document = Source::of_events(&loaded, file, &device).document("unbinned_fit", body);
    document.write(&arguments.output, None, &report.text()?)?;
    Ok(Exit::of(fit.status))
}

/// Names of processes and numbers of events expected of them.
type Yields<'a> = Vec<(&'a str, f64)>;

struct Report<'a> {
    loaded: &'a Loaded,
    fit: &'a FitResult,
}

impl Report<'_> {
    fn parameters(&self) -> impl Iterator<Item = (usize, &Parameter)> {
        self.loaded.model.parameters().iter().enumerate()
    }

    /// -2 log L of all minima met.
    fn minima(&self) -> Vec<f64> {
        self.fit.minima.iter().map(|nll| 2.0 * nll).collect()
    }

    fn uncertainty(&self, i: usize) -> Option<f64> {
        self.fit.uncertainties.get(i).copied()
    }

    /// Where the constraint has its maximum, and its width.
    fn prefit(&self, i: usize) -> Option<(f64, f64)> {
        self.loaded.model.prefit(i)
    }

    /// Distance from the auxiliary measurement in units of its uncertainty.
    fn pull(&self, i: usize) -> Option<f64> {
        let prefit = self.prefit(i).filter(|_| !self.fit.fixed[i]);
        prefit.map(|(center, sigma)| (self.fit.parameters[i] - center) / sigma)
    }

    /// Channels, with names of processes and numbers of events expected of them.
    fn yields(&self) -> Result<Vec<(&Channel, Yields<'_>)>, Failure> {
        let model = &self.loaded.model;
        let expected = model.expected(&self.fit.parameters)?;
        let all = model.channels().zip(expected).map(|(channel, expected)| {
            let names = channel.processes.iter().map(|process| &*process.name);
            (channel, names.zip(expected).collect())
        });
        Ok(all.collect())
    }

    /// Sums over the binned channels, where there are some.
    fn binned(&self) -> Result<Vec<BinnedChannel>, Failure> {
        let Some(binned) = self.loaded.model.binned() else { return Ok(Vec::new()) };
        Ok(binned.channels(&self.fit.parameters)?)
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
                "constraint": match self.prefit(i) {
                    None => "none",
                    Some(_) if p.constraint.is_some() => "gaussian",
                    Some(_) => "poisson",
                },
                "pull": self.pull(i).map(number),
                "prefit_value": self.prefit(i).map(|(center, _)| number(center)),
                "prefit_uncertainty": self.prefit(i).map(|(_, sigma)| number(sigma)),
            })
        };
        let yields = self.yields()?;
        let channel = |((channel, yields), file): (&(&Channel, Yields<'_>), &PathBuf)| {
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
            "minima": numbers(&self.minima()),
            "parameters": self.parameters().map(parameter).collect::<Vec<_>>(),
            "channels": channels.collect::<Vec<_>>(),
            "left_out": self.loaded.left_out,
            "notes": self.loaded.model.notes(),
            "covariance_problem": fit.covariance_problem,
        });
        if let Some(source) = &self.loaded.binned {
            let channel = |c: BinnedChannel| {
                json!({
                    "name": c.name,
                    "bins": c.bins,
                    "observed": number(c.observed),
                    "expected": number(c.expected),
                })
            };
            document["binned"] = json!({
                "workspace": source.workspace.display().to_string(),
                "measurement": source.measurement,
                "digest": source.digest,
                "channels": self.binned()?.into_iter().map(channel).collect::<Vec<_>>(),
            });
        }
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
        if let Some(source) = &self.loaded.binned {
            let (file, measurement) =
                (display_file(&source.workspace), display_name(&source.measurement));
            text.push_str(&format!("\n{file}, measurement {measurement}\n"));
            let mut table = Table::new(&["binned channel", "bins", "observed", "expected"]);
            for channel in self.binned()? {
                table.row([
                    display_name(&channel.name),
                    channel.bins.to_string(),
                    format!("{:.2}", channel.observed),
                    format!("{:.2}", channel.expected),
                ]);
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
        text.push_str(&other_minima(&self.minima()));
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
