//! `neyman tmd fit`.

use std::path::Path;
use std::sync::atomic::Ordering;

use clap::ValueEnum;
use nalgebra::DMatrix;
use neyman::fit::Tolerance;
use neyman::tmd::fit::{Data, Descent, FitOptions, Role, descend, fit_replicas, fit_while, judge};
use serde_json::{Value, json};

use super::super::arguments::Global;
use super::super::arguments::tmd::{Fit, Method};
use super::super::failure::Failure;
use super::super::json::{number, numbers};
use super::super::{Exit, Outcome, interrupt, load};
use super::report::{Replicas, Report};
use super::{Opened, Origin, check, check_json, check_table};

/// Parameters found again within this distance of the truth, relative, are a success.
const SUCCESS: f64 = 1e-2;
/// Lines that tell of progress.
const LINES: u32 = 10;

pub(super) fn run(global: &Global, arguments: &Fit) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let Opened { session, init, .. } = &opened;
    let plan = opened.plan();
    let (data, synthetic) = match (&arguments.data, &opened.origin) {
        (Some(file), _) => (read(file)?, false),
        (None, Origin::Tables(of)) => (of.data(plan)?, false),
        (None, Origin::Points(_)) => (Data::synthetic(plan.predict(init)?.values)?, true),
    };
    let roles = opened.roles.clone();
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
    let stop = interrupt::install()?;
    let go_on = || !stop.load(Ordering::Relaxed);
    let (found, history) = match arguments.method {
        Method::Lm => {
            let residuals = data.residuals(&plan.predict(&options.start)?.values);
            tell(0, residuals.iter().map(|r| r * r).sum());
            let found = fit_while(session, &data, &options, &mut |_, _| go_on())?;
            tell(found.evaluations, found.chi2);
            (found, None)
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
                go_on()
            };
            let epochs = arguments.epochs as usize;
            let walked = descend(session, &data, &options, method, epochs, &mut each)?;
            let (start, tolerance) = (walked.parameters, Tolerance::default());
            let end = FitOptions { start, tolerance, ..options.clone() };
            (judge(session, &data, &end)?, Some(walked.chi2))
        }
    };
    let bar = load::progress(global, arguments.replicas, "replicas");
    let again = FitOptions {
        start: found.parameters.clone(),
        tolerance: Tolerance::default(),
        ..options.clone()
    };
    let (n, seed) = (arguments.replicas, arguments.seed);
    let fits =
        fit_replicas(session, &data, &again, n, seed, &stop, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    let replicas = Replicas::of(fits?, init.len());
    let predictions = plan.predict(&found.parameters)?.values;
    let interrupted = !go_on();
    let report = Report {
        opened: &opened,
        options: &options,
        data: &data,
        found: &found,
        predictions,
        replicas,
        synthetic,
        interrupted,
        asked: n,
    };
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
    text.push_str(&format!("\n{}\n{}\n{}", report.table(), report.summary(), check_table(&checks)));
    let mut body = report.json();
    let method = arguments.method.to_possible_value();
    body["method"] = json!(method.map(|value| value.get_name().to_owned()));
    body["history"] = history.as_deref().map_or(Value::Null, numbers);
    body["gradients"] = check_json(&checks);
    body["distance"] = json!(
        distance.map(|(l2, relative)| json!({"l2": number(l2), "relative": number(relative)}))
    );
    let document = opened.source(Some(seed)).document("tmd_fit", body);
    document.write(&arguments.output, None, &text)?;
    Ok(if interrupted { Exit::Interrupted } else { Exit::of(found.status) })
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
