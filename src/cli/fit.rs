//! `neyman fit`: one fit with its uncertainties.

use neyman::model::{Data, Parameter};
use neyman::session::{FitOptions, FitResult, Session};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Fit, Global};
use super::document::Document;
use super::failure::Failure;
use super::inspect::constraint_name;
use super::json::{number, numbers};
use super::load::{self, Loaded};
use super::table::{Table, to_precision};
use super::{Exit, Outcome, statement};

pub(crate) fn run(global: &Global, arguments: &Fit) -> Outcome {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.fit_device());
    let data = statement::data(&arguments.data, &loaded, &session)?;
    let options = FitOptions { fix: arguments.fix.clone(), tolerance: arguments.tolerance.get() };
    let fit = session.fit(&data, &options)?;
    let report = Report { loaded: &loaded, session: &session, data: &data, fit: &fit };
    document(&loaded, &session, &data, &fit, arguments.covariance).write(
        &arguments.output,
        None,
        &report.text(),
    )?;
    Ok(Exit::of(fit.status))
}

/// The fit as a result document.
pub(crate) fn document(
    loaded: &Loaded,
    session: &Session,
    data: &Data,
    fit: &FitResult,
    covariance: bool,
) -> Document {
    let body = Report { loaded, session, data, fit }.json(covariance);
    Document::new("fit", loaded, session.fit_device(), None, body)
}

/// Expected data at the initial parameters, with the parameter of interest at `mu`.
pub(crate) fn asimov(loaded: &Loaded, session: &Session, mu: Option<f64>) -> Result<Data, Failure> {
    let point = initial(loaded, mu)?;
    let expected = session.evaluate(&point, loaded.model.observed())?;
    Ok(Data { main: expected.expected_main, auxiliary: expected.expected_auxiliary })
}

/// The initial parameters, with the parameter of interest at `mu`.
pub(crate) fn initial(loaded: &Loaded, mu: Option<f64>) -> Result<Vec<f64>, Failure> {
    let mut point: Vec<f64> = loaded.model.parameters().iter().map(|p| p.init).collect();
    if let Some(mu) = mu {
        point[poi(loaded)?] = mu;
    }
    Ok(point)
}

/// Index of the parameter of interest.
pub(crate) fn poi(loaded: &Loaded) -> Result<usize, Failure> {
    loaded.model.poi().ok_or_else(|| {
        let name = display_name(&loaded.measurement().name);
        Failure::input(format!("measurement {name} has no parameter of interest"))
            .hint("name one with --poi")
    })
}

struct Report<'a> {
    loaded: &'a Loaded,
    session: &'a Session,
    data: &'a Data,
    fit: &'a FitResult,
}

impl Report<'_> {
    fn parameters(&self) -> &[Parameter] {
        self.loaded.model.parameters()
    }

    fn uncertainty(&self, i: usize) -> Option<f64> {
        self.fit.uncertainties.get(i).copied()
    }

    /// Distance from the auxiliary datum in units of the constraint's width.
    fn pull(&self, i: usize) -> Option<f64> {
        let prefit = self.parameters()[i].prefit(self.data).filter(|_| !self.fit.fixed[i]);
        prefit.map(|(value, width)| (self.fit.parameters[i] - value) / width)
    }

    /// Names of the bins with a negative rate.
    fn negative_bins(&self) -> Vec<String> {
        self.fit.negative_bins.iter().map(|&b| self.loaded.model.bin_name(b)).collect()
    }

    fn json(&self, covariance: bool) -> Value {
        let fit = self.fit;
        let parameter = |(i, p): (usize, &Parameter)| {
            let prefit = p.prefit(self.data);
            json!({
                "name": p.name,
                "value": number(fit.parameters[i]),
                "uncertainty": self.uncertainty(i).map(number),
                "fixed": fit.fixed[i],
                "at_bound": bound_name(fit.at_bound[i]),
                "constraint": constraint_name(p),
                "pull": self.pull(i).map(number),
                "prefit_value": prefit.map(|(value, _)| number(value)),
                "prefit_uncertainty": prefit.map(|(_, width)| number(width)),
            })
        };
        let mut document = json!({
            "status": fit.status.as_str(),
            "twice_nll": number(fit.twice_nll),
            "edm": number(fit.edm),
            "evaluations": fit.evaluations,
            "device": self.session.fit_device().name,
            "precision": self.session.fit_device().precision,
            "measurement": self.loaded.measurement().name,
            "parameters": self.parameters().iter().enumerate().map(parameter).collect::<Vec<_>>(),
            "negative_bins": self.negative_bins(),
            "covariance_problem": fit.covariance_problem,
            "minima": numbers(&fit.minima),
        });
        if covariance {
            document["covariance"] = covariance_rows(&fit.covariance, fit.parameters.len());
        }
        document
    }

    fn text(&self) -> String {
        let fit = self.fit;
        let mut table = Table::new(&["parameter", "value", "uncertainty", "pull", ""]).left(4);
        for (i, p) in self.parameters().iter().enumerate() {
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
        text.push_str(&format!(
            "\n{}: -2 log L = {:.6}, distance to the minimum {:.1e}, {} evaluations, {}\n",
            fit.status.as_str().replace('_', " "),
            fit.twice_nll,
            fit.edm,
            fit.evaluations,
            self.session.fit_device().name,
        ));
        if let Some(problem) = &fit.covariance_problem {
            text.push_str(&format!("no uncertainties: {problem}\n"));
        }
        text.push_str(&other_minima(&fit.minima));
        let negative: Vec<_> = self.negative_bins().iter().map(|n| display_name(n)).collect();
        if !negative.is_empty() {
            text.push_str(&format!("negative expected rates in {}\n", negative.join(", ")));
        }
        text
    }
}

/// What a table says of a parameter that did not move freely.
pub(crate) fn bound_note(fixed: bool, at: i8) -> &'static str {
    match (fixed, at) {
        (true, _) => "fixed",
        (_, -1) => "at lower bound",
        (_, 1) => "at upper bound",
        _ => "",
    }
}

pub(crate) fn bound_name(at: i8) -> Value {
    match at {
        0 => Value::Null,
        1.. => "upper".into(),
        _ => "lower".into(),
    }
}

/// What is said of -2 log L of all minima but the first.
pub(super) fn other_minima(minima: &[f64]) -> String {
    if minima.len() < 2 {
        return String::new();
    }
    let above: Vec<_> = minima[1..].iter().map(|m| format!("{:.3}", m - minima[0])).collect();
    format!("other local minima, higher in -2 log L by {}\n", above.join(", "))
}

/// A parameter in the table of a fit: name, value, uncertainty, pull, what is to be said of it.
pub(super) fn parameter_row(
    name: &str,
    value: f64,
    uncertainty: Option<f64>,
    pull: Option<f64>,
    note: &str,
) -> [String; 5] {
    let uncertainty = uncertainty.unwrap_or(0.0);
    let known = uncertainty > 0.0;
    [
        display_name(name),
        to_precision(value, uncertainty),
        if known { to_precision(uncertainty, uncertainty) } else { String::new() },
        pull.map_or(String::new(), |pull| format!("{pull:+.2}")),
        note.to_owned(),
    ]
}

/// A covariance `[n, n]` as rows; null where there is none.
pub(super) fn covariance_rows(covariance: &[f64], n: usize) -> Value {
    let rows: Vec<Value> = covariance.chunks(n.max(1)).map(numbers).collect();
    if rows.is_empty() { Value::Null } else { Value::Array(rows) }
}
