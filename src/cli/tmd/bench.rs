//! `neyman tmd bench`: evaluations of all points a second, on each device of this machine.

use std::hint::black_box;

use neyman::accelerator::{DeviceChoice, DeviceInfo, DeviceRequest, PrecisionChoice};
use neyman::session::list_devices;
use neyman::tmd::{Plan, PlanSession};
use serde_json::{Value, json};

use super::super::arguments::Global;
use super::super::arguments::tmd::Bench;
use super::super::bench::time;
use super::super::failure::one_line;
use super::super::table::Table;
use super::super::{Exit, Outcome, load};
use super::Opened;

/// The figures of a device, in the order of the table.
const FIGURES: [&str; 3] = ["value", "derivatives", "rows"];

pub(crate) fn run(global: &Global, arguments: &Bench) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let asked = load::request(global)?;
    let requests = match asked.device {
        DeviceChoice::Auto => all(&asked),
        _ => vec![asked],
    };
    let devices: Vec<Value> =
        requests.iter().map(|request| one(&opened, arguments, request)).collect();
    let (points, n) = (opened.plan().n_points(), arguments.rows.get());
    let rows = format!("{n} rows with derivatives");
    let header = ["device", "precision", "value", "with derivatives", &rows, ""];
    let mut table = Table::new(&header).left(5);
    for device in &devices {
        let word = |key: &str| device[key].as_str().unwrap_or_default().to_owned();
        let mut row = vec![word("device"), word("precision")];
        row.extend(FIGURES.map(|figure| rate(&device[figure])));
        row.push(one_line(&word(if device["error"].is_null() { "description" } else { "error" })));
        table.row(row);
    }
    let text = format!(
        "evaluations a second of {points} points, {} nodes and {} parameters; a row of parameters is one\n{}",
        opened.plan().n_terms(),
        opened.plan().parameter_names().len(),
        table.render()
    );
    let body = json!({
        "points": points,
        "nodes": opened.plan().n_terms(),
        "parameters": opened.plan().parameter_names().len(),
        "rows": n,
        "devices": devices,
        "quadrature": opened.rule(),
    });
    opened.source(None).document("tmd_bench", body).write(&arguments.output, None, &text)?;
    Ok(Exit::Success)
}

/// Each device in each of its precisions, or in the one asked for. Several cards are no device of a plan.
fn all(asked: &DeviceRequest) -> Vec<DeviceRequest> {
    let mut requests = Vec::new();
    for listed in list_devices(asked, false) {
        let Ok(device) = listed.device.parse::<DeviceChoice>() else { continue };
        if matches!(device, DeviceChoice::CudaSeveral { .. }) {
            continue;
        }
        for precision in listed.precisions {
            let Ok(precision) = precision.parse::<PrecisionChoice>() else { continue };
            if [PrecisionChoice::Auto, precision].contains(&asked.precision) {
                requests.push(DeviceRequest { device, precision, ..*asked });
            }
        }
    }
    requests
}

fn one(opened: &Opened, arguments: &Bench, request: &DeviceRequest) -> Value {
    timed(opened.plan(), &opened.init, arguments, request).unwrap_or_else(|error| {
        json!({
            "device": request.device.to_string(),
            "precision": request.precision.to_string(),
            "error": error.to_string(),
        })
    })
}

/// Evaluations at points near the start values.
fn timed(
    plan: &Plan,
    init: &[f64],
    arguments: &Bench,
    request: &DeviceRequest,
) -> neyman::Result<Value> {
    let session = PlanSession::open(plan.clone(), request)?;
    let n = arguments.rows.get();
    let near = |i: usize| init.iter().map(move |x| x * (1.0 + 1e-4 * (i % 17) as f64));
    let rows: Vec<f64> = (0..n).flat_map(near).collect();
    let measure = |rows: &[f64], slopes: bool| -> neyman::Result<Value> {
        let n = rows.len() / init.len();
        let mut of = time(arguments.repeats, || {
            let found = if slopes { session.jacobian(rows) } else { session.predict(rows) };
            black_box(found?);
            Ok(())
        })?;
        let seconds = of["seconds_per_call"].as_f64().unwrap_or(f64::NAN);
        of["evaluations_per_second"] = json!(n as f64 / seconds);
        Ok(of)
    };
    let DeviceInfo { name, description, precision, .. } = session.info();
    Ok(json!({
        "device": name,
        "description": description,
        "precision": precision,
        "value": measure(init, false)?,
        "derivatives": measure(init, true)?,
        "rows": measure(&rows, true)?,
    }))
}

/// Three digits.
fn rate(figure: &Value) -> String {
    match figure["evaluations_per_second"].as_f64() {
        Some(rate) if rate >= 100.0 => format!("{rate:.0}"),
        Some(rate) => format!("{rate:.3}"),
        None => String::new(),
    }
}
