//! `neyman tmd fit`.

use std::path::Path;

use nalgebra::DMatrix;
use neyman::fit::{Status, Tolerance};
use neyman::tmd::fit::{Data, Descent, FitOptions, FitResult, Role, descend, fit, fit_all, judge};
use serde_json::{Value, json};

use super::super::arguments::Global;
use super::super::arguments::tmd::{Fit, Method};
use super::super::failure::Failure;
use super::super::fit::{bound_name, bound_note, covariance_rows};
use super::super::json::number;
use super::super::table::{Table, to_precision};
use super::super::{Exit, Outcome};
use super::{Opened, check, check_json, check_table, on};

/// Parameters found again within this distance of the truth, relative, are a success.
const SUCCESS: f64 = 1e-2;
/// Lines that tell of progress.
const LINES: u32 = 10;
/// More undetermined directions than this are counted, not listed.
const LISTED: usize = 3;

pub(super) fn run(global: &Global, arguments: &Fit) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let Opened { inputs, session, init, .. } = &opened;
    let plan = opened.plan();
    let synthetic = arguments.data.is_none();
    let data = match &arguments.data {
        Some(file) => read(file)?,
        None => Data::synthetic(plan.predict(init)?.values)?,
    };
    let roles = inputs.roles();
    let start = match synthetic {
        true => perturbed(init, &roles, arguments)?,
        false => init.clone(),
    };
    let tolerance = Tolerance { evaluations: arguments.epochs, ..Tolerance::default() };
    let tolerance = if synthetic { Tolerance { edm: 1e-16, ..tolerance } } else { tolerance };
    let options = FitOptions { start, roles, tolerance };
    let mut text = String::new();
    let mut tell = |epoch: u32, chi2: f64| {
        let chi2 = scientific(chi2);
        text.push_str(&format!("Epoch {epoch:4}/{}  chi2 = {chi2}\n", arguments.epochs));
    };
    let found = match arguments.method {
        Method::Lm => {
            let residuals = data.residuals(&plan.predict(&options.start)?.values);
            tell(0, residuals.iter().map(|r| r * r).sum());
            let found = fit(session, &data, &options)?;
            tell(found.evaluations, found.chi2);
            found
        }
        Method::Adam | Method::Lbfgs => {
            let method = match arguments.method {
                Method::Adam => Descent::Adam { rate: arguments.lr },
                _ => Descent::Lbfgs,
            };
            let every = (arguments.epochs / LINES).max(1);
            let mut each = |epoch: usize, chi2: f64| {
                let epoch = epoch as u32;
                if epoch.is_multiple_of(every) || epoch == arguments.epochs {
                    tell(epoch, chi2);
                }
                true
            };
            let epochs = arguments.epochs as usize;
            let walked = descend(session, &data, &options, method, epochs, &mut each)?;
            let (start, tolerance) = (walked.parameters, Tolerance::default());
            judge(session, &data, &FitOptions { start, tolerance, ..options.clone() })?
        }
    };
    let replicas = replicas(&opened, &data, &options, &found, arguments)?;
    let report = Report { opened: &opened, options: &options, found: &found, synthetic };
    let distance = synthetic.then(|| report.distance());
    if let Some((absolute, relative)) = distance {
        let (l2, rel) = (scientific(absolute), scientific(relative));
        text.push_str(&format!("Param L2 diff: {l2} (rel {rel})\n"));
        text.push_str(match relative < SUCCESS {
            true => "SUCCESS: Parameters converged to the truth.\n",
            false => {
                "WARNING: Parameters did not fully converge. Try more epochs, another method or \
                 more points.\n"
            }
        });
    }
    let checks = check(plan, &found.parameters)?;
    text.push_str(&format!(
        "\n{}\n{}\n{}",
        report.table(&replicas),
        report.summary(&data),
        check_table(&checks)
    ));
    let mut body = report.json(&data, &replicas);
    body["gradients"] = check_json(&checks);
    body["distance"] = json!(
        distance.map(|(l2, relative)| json!({"l2": number(l2), "relative": number(relative)}))
    );
    let document = opened.source(Some(arguments.seed)).document("tmd_fit", body);
    document.write(&arguments.output, None, &text)?;
    Ok(Exit::of(found.status))
}

/// As programs in Python and C write it: `1.2345e+01`.
fn scientific(x: f64) -> String {
    let text = format!("{x:.4e}");
    match text.split_once('e').map(|(digits, power)| (digits, power.parse::<i32>())) {
        Some((digits, Ok(power))) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        _ => text,
    }
}

/// Start values around the truth, of the fitted parameters.
fn perturbed(init: &[f64], roles: &[Role], arguments: &Fit) -> Result<Vec<f64>, Failure> {
    let n = init.len();
    let unit = Data::independent(vec![0.0; n], vec![1.0; n])?.replica(arguments.seed, 0);
    let moved = init.iter().zip(unit.values()).zip(roles).map(|((x, z), role)| match role {
        Role::Free { lower, upper } => (x + arguments.perturbation * z).clamp(*lower, *upper),
        _ => *x,
    });
    Ok(moved.collect())
}

/// Values with errors or a covariance.
fn read(file: &Path) -> Result<Data, Failure> {
    let bytes = std::fs::read(file)
        .map_err(|source| neyman::Error::Io { path: file.to_owned(), source })?;
    let named = |message: String| Failure::input(format!("{}: {message}", file.display()));
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| named(error.to_string()))?;
    let list = |key: &str, value: &Value| -> Result<Vec<f64>, Failure> {
        let numbers = value.as_array().and_then(|all| all.iter().map(Value::as_f64).collect());
        numbers.ok_or_else(|| named(format!("{key} must be a list of numbers")))
    };
    let values = list("values", &value["values"])?;
    let data = match (&value["errors"], &value["covariance"]) {
        (Value::Null, Value::Array(rows)) => {
            let rows: Vec<Vec<f64>> =
                rows.iter().map(|row| list("covariance", row)).collect::<Result<_, Failure>>()?;
            let n = values.len();
            if rows.len() != n || rows.iter().any(|row| row.len() != n) {
                return Err(named(format!("covariance must have {n} rows of {n} numbers")));
            }
            Data::correlated(values, vec![DMatrix::from_fn(n, n, |i, j| rows[i][j])])
        }
        (errors @ Value::Array(_), Value::Null) => {
            Data::independent(values, list("errors", errors)?)
        }
        _ => return Err(named("errors or covariance are needed, one of them".into())),
    };
    data.map_err(|error| Failure::in_file(file, error))
}

/// Means and standard deviations over fits of replicas, with how many converged.
struct Replicas {
    n: usize,
    converged: usize,
    /// Which a device left to the processor.
    on_processor: usize,
    mean: Vec<f64>,
    spread: Vec<f64>,
}

fn replicas(
    opened: &Opened,
    data: &Data,
    options: &FitOptions,
    found: &FitResult,
    arguments: &Fit,
) -> Result<Option<Replicas>, Failure> {
    if arguments.replicas == 0 {
        return Ok(None);
    }
    let all: Vec<Data> =
        (0..arguments.replicas).map(|r| data.replica(arguments.seed, 1 + r)).collect();
    let start = found.parameters.clone();
    let options = FitOptions { start, tolerance: Tolerance::default(), ..options.clone() };
    let fits = fit_all(&opened.session, &all, &options)?;
    let good: Vec<&FitResult> = fits.iter().filter(|fit| fit.status == Status::Converged).collect();
    let count = good.len() as f64;
    let n = opened.init.len();
    let mean: Vec<f64> =
        (0..n).map(|k| good.iter().map(|fit| fit.parameters[k]).sum::<f64>() / count).collect();
    let square = |k: usize| {
        good.iter().map(|fit| (fit.parameters[k] - mean[k]).powi(2)).sum::<f64>() / (count - 1.0)
    };
    let spread = (0..n).map(|k| square(k).sqrt()).collect();
    let on_processor = fits.iter().filter(|fit| fit.on_processor).count();
    Ok(Some(Replicas { n: fits.len(), converged: good.len(), on_processor, mean, spread }))
}

struct Report<'a> {
    opened: &'a Opened,
    options: &'a FitOptions,
    found: &'a FitResult,
    synthetic: bool,
}

impl Report<'_> {
    fn is_fitted(&self, k: usize) -> bool {
        matches!(self.options.roles[k], Role::Free { .. })
    }

    /// Distance of the fitted parameters from the truth, and relative to it; signs without meaning left out.
    fn distance(&self) -> (f64, f64) {
        let size = |k: usize, x: f64| if self.opened.plan().is_even(k) { x.abs() } else { x };
        let (mut apart, mut all) = (0.0, 0.0);
        for (k, truth) in self.opened.init.iter().enumerate().filter(|(k, _)| self.is_fitted(*k)) {
            apart += (size(k, self.found.parameters[k]) - size(k, *truth)).powi(2);
            all += truth * truth;
        }
        (apart.sqrt(), (apart / all).sqrt())
    }

    fn uncertainty(&self, k: usize) -> Option<f64> {
        self.found.uncertainties.get(k).copied().filter(|u| *u > 0.0)
    }

    fn table(&self, replicas: &Option<Replicas>) -> String {
        let first = if self.synthetic { "true" } else { "start" };
        let mut header = vec!["parameter", first, "fit", "error", "pull"];
        if replicas.is_some() {
            header.extend(["mean", "spread"]);
        }
        header.push("");
        let mut table = Table::new(&header).left(header.len() - 1);
        for (k, name) in self.opened.plan().parameter_names().iter().enumerate() {
            let (value, error) = (self.found.parameters[k], self.uncertainty(k));
            let digits = |x: f64| to_precision(x, error.unwrap_or(0.0));
            let pull = error.map(|error| (value - self.opened.init[k]) / error);
            let mut row = vec![
                name.clone(),
                digits(self.opened.init[k]),
                digits(value),
                error.map_or(String::new(), |e| to_precision(e, e)),
                pull.filter(|_| self.synthetic).map_or(String::new(), |p| format!("{p:+.2}")),
            ];
            if let Some(replicas) = replicas {
                row.extend([
                    to_precision(replicas.mean[k], replicas.spread[k]),
                    to_precision(replicas.spread[k], replicas.spread[k]),
                ]);
            }
            row.push(match self.options.roles[k] {
                Role::Linked { to, factor } => {
                    format!("{factor} * {}", self.opened.plan().parameter_names()[to])
                }
                role => bound_note(role == Role::Fixed, self.found.at_bound[k]).into(),
            });
            table.row(row);
        }
        let mut text = table.render();
        if let Some(replicas) = replicas {
            text.push_str(&format!("{} of {} replicas converged", replicas.converged, replicas.n));
            if replicas.on_processor > 0 {
                text.push_str(&format!(", {} finished on the processor", replicas.on_processor));
            }
            text.push('\n');
        }
        text
    }

    fn summary(&self, data: &Data) -> String {
        let fitted = (0..self.opened.init.len()).filter(|k| self.is_fitted(*k)).count();
        let n = data.values().len();
        let mut text = format!(
            "{}: chi2 = {:.6e} for {n} points and {fitted} parameters, distance to the minimum {:.1e}, {} \
             evaluations\n{}{}; {}\n",
            self.found.status.as_str().replace('_', " "),
            self.found.chi2,
            self.found.edm,
            self.found.evaluations,
            on(self.opened.session.info()),
            if self.found.on_processor { ", finished on the processor" } else { "" },
            self.opened.rule()
        );
        if self.found.weak.len() > LISTED {
            text.push_str(&format!(
                "not determined: {} of {fitted} directions\n",
                self.found.weak.len()
            ));
            return text;
        }
        for weak in &self.found.weak {
            let parts: Vec<String> = weak
                .parts
                .iter()
                .map(|(k, part)| format!("{part:+.2} {}", self.opened.plan().parameter_names()[*k]))
                .collect();
            text.push_str(&format!(
                "not determined (strength {:.1e}): {}\n",
                weak.strength,
                parts.join(" ")
            ));
        }
        text
    }

    fn json(&self, data: &Data, replicas: &Option<Replicas>) -> Value {
        let found = self.found;
        let names = self.opened.plan().parameter_names();
        let parameter = |(k, name): (usize, &String)| {
            json!({
                "name": name,
                "init": number(self.opened.init[k]),
                "start": number(self.options.start[k]),
                "value": number(found.parameters[k]),
                "uncertainty": self.uncertainty(k).map(number),
                "fixed": !self.is_fitted(k),
                "at_bound": bound_name(found.at_bound[k]),
                "sign_matters": !self.opened.plan().is_even(k),
                "replica_mean": replicas.as_ref().map(|r| number(r.mean[k])),
                "replica_spread": replicas.as_ref().map(|r| number(r.spread[k])),
            })
        };
        let weak = |weak: &neyman::tmd::fit::WeakDirection| {
            let part = |(k, part): &(usize, f64)| json!({"name": names[*k], "part": number(*part)});
            json!({
                "strength": number(weak.strength),
                "parts": weak.parts.iter().map(part).collect::<Vec<_>>(),
            })
        };
        json!({
            "status": found.status.as_str(),
            "synthetic": self.synthetic,
            "chi2": number(found.chi2),
            "n_points": data.values().len(),
            "edm": number(found.edm),
            "evaluations": found.evaluations,
            "parameters": names.iter().enumerate().map(parameter).collect::<Vec<_>>(),
            "covariance": covariance_rows(&found.covariance, names.len()),
            "weak_directions": found.weak.iter().map(weak).collect::<Vec<_>>(),
            "finished_on_processor": found.on_processor,
            "replicas": replicas.as_ref().map(|r| {
                let left = r.on_processor;
                json!({"n": r.n, "converged": r.converged, "finished_on_processor": left})
            }),
            "quadrature": self.opened.rule(),
            "quadrature_error": number(self.opened.worst_error()),
        })
    }
}
