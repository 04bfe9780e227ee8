//! `neyman tmd`: fits of transverse-momentum-dependent distributions.

mod bench;
mod fit;
mod opened;
mod report;

use neyman::accelerator::DeviceInfo;
use neyman::spec::display_name;
use neyman::tmd::Plan;
use neyman::tmd::quadrature::Nodes as Quadrature;
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::tmd::{Gradcheck, Nodes, Tmd, What, Xsec};
use super::failure::Failure;
use super::json::number;
use super::table::Table;
use super::{Exit, Outcome};
use opened::{Opened, Origin};

/// Difference of parameters of a derivative's check, relative.
const STEP: f64 = 1e-5;
/// Largest distance of a derivative from the difference, relative to the largest of the parameter.
const AGREE: f64 = 1e-6;

pub(crate) fn run(global: &Global, arguments: &Tmd) -> Outcome {
    let checks = matches!(&arguments.what, What::Gradcheck(_) | What::Nodes(_));
    if checks && !matches!(&*global.device, "auto" | "cpu") {
        let message = format!("--device {}: fit, xsec and bench run on devices", global.device);
        return Err(Failure::usage(message));
    }
    match &arguments.what {
        What::Bench(arguments) => bench::run(global, arguments),
        What::Fit(arguments) => fit::run(global, arguments),
        What::Xsec(arguments) => xsec(global, arguments),
        What::Gradcheck(arguments) => gradcheck(global, arguments),
        What::Nodes(arguments) => nodes(global, arguments),
    }
}

/// What ran, in a line.
fn on(info: &DeviceInfo) -> String {
    match &*info.name {
        "cpu" => format!("processor, {}", info.precision),
        name => format!("{name}, {}, {}", info.description, info.precision),
    }
}

fn xsec(global: &Global, arguments: &Xsec) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let at = &opened.session.predict(&opened.init)?[0];
    let mut points = opened.places();
    for (i, point) in points.iter_mut().enumerate() {
        point["cross_section"] = number(at.values[i]);
        point["quadrature_error"] =
            opened.quadrature_error.as_ref().map_or(Value::Null, |errors| number(errors[i]));
        point["cancellation"] = number(at.cancellation[i]);
    }
    let mut table = match &opened.origin {
        Origin::Points(_) => {
            Table::new(&["point", "x", "z", "Q2", "PhT", "qT/Q", "cross section", "quadrature"])
        }
        Origin::Tables(_) => Table::new(&["point", "qT", "cross section", "measured", ""]).left(4),
    };
    match &opened.origin {
        Origin::Points(sidis) => {
            for (i, point) in sidis.points.iter().enumerate() {
                let error = opened.quadrature_error.as_ref().map_or(f64::NAN, |errors| errors[i]);
                table.row([
                    i.to_string(),
                    point.x.to_string(),
                    point.z.to_string(),
                    point.q2.to_string(),
                    point.pht.to_string(),
                    format!("{:.3}", point.qt() / point.q()),
                    format!("{:.10e}", at.values[i]),
                    format!("{error:.1e}"),
                ]);
            }
        }
        Origin::Tables(of) => {
            let (qt, measured) = (of.tables.qt(), of.tables.values());
            for (name, range) in of.tables.names() {
                for i in range {
                    points[i]["measured"] = number(measured[i]);
                    table.row([
                        i.to_string(),
                        qt[i].to_string(),
                        format!("{:.10e}", at.values[i]),
                        measured[i].to_string(),
                        display_name(name).to_string(),
                    ]);
                }
            }
        }
    }
    let body = json!({ "points": points, "quadrature": opened.rule() });
    let text = format!("{}\n{}; {}\n", table.render(), on(opened.session.info()), opened.rule());
    opened.source(None).document("tmd_cross_sections", body).write(
        &arguments.output,
        None,
        &text,
    )?;
    Ok(Exit::Success)
}

/// A parameter's derivatives against differences.
struct Check {
    name: String,
    /// Of the sum of all cross sections.
    analytic: f64,
    difference: f64,
    /// Largest distance of a point's, relative to the largest derivative.
    worst: f64,
    verdict: &'static str,
}

/// Central differences of all points in each parameter, against the Jacobian.
fn check(plan: &Plan, parameters: &[f64]) -> Result<Vec<Check>, Failure> {
    let at = plan.jacobian(parameters)?;
    let n = parameters.len();
    let mut checks = Vec::with_capacity(n);
    for (k, name) in plan.parameter_names().iter().enumerate() {
        let step = STEP * parameters[k].abs().max(1e-2);
        let shifted = |by: f64| {
            let mut moved = parameters.to_vec();
            moved[k] += by;
            plan.predict(&moved).map(|at| at.values)
        };
        let (up, down) = (shifted(step)?, shifted(-step)?);
        let column: Vec<f64> = at.jacobian.iter().skip(k).step_by(n).copied().collect();
        let slopes: Vec<f64> =
            up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * step)).collect();
        let largest = column.iter().map(|c| c.abs()).fold(0.0, f64::max);
        let apart = column.iter().zip(&slopes).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let worst = if apart == 0.0 { 0.0 } else { apart / largest };
        let verdict = match () {
            () if largest == 0.0 && apart == 0.0 => "no effect",
            () if worst < AGREE => "agrees",
            () => "DIFFERS",
        };
        checks.push(Check {
            name: name.clone(),
            analytic: column.iter().sum(),
            difference: slopes.iter().sum(),
            worst,
            verdict,
        });
    }
    Ok(checks)
}

fn check_table(checks: &[Check]) -> String {
    let mut table =
        Table::new(&["parameter", "derivative", "difference", "largest distance", ""]).left(4);
    for check in checks {
        table.row([
            check.name.clone(),
            format!("{:.8e}", check.analytic),
            format!("{:.8e}", check.difference),
            format!("{:.1e}", check.worst),
            check.verdict.to_owned(),
        ]);
    }
    table.render()
}

fn check_json(checks: &[Check]) -> Value {
    let one = |check: &Check| {
        json!({
            "name": check.name,
            "derivative": number(check.analytic),
            "difference": number(check.difference),
            "largest_distance": number(check.worst),
            "verdict": check.verdict,
        })
    };
    checks.iter().map(one).collect()
}

fn gradcheck(global: &Global, arguments: &Gradcheck) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let checks = check(opened.plan(), &opened.init)?;
    let agrees = checks.iter().all(|check| check.verdict != "DIFFERS");
    let body = json!({ "parameters": check_json(&checks), "quadrature": opened.rule() });
    let text = format!("{}\n{}\n", check_table(&checks), opened.rule());
    opened.source(None).document("tmd_gradients", body).write(&arguments.output, None, &text)?;
    Ok(if agrees { Exit::Success } else { Exit::NotConverged })
}

fn nodes(global: &Global, arguments: &Nodes) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let Origin::Points(sidis) = &opened.origin else {
        return Err(Failure::usage("--tables: tables have nodes of their own"));
    };
    let (mut text, mut points) = (String::new(), opened.places());
    for (i, (point, Quadrature { b, .. })) in points.iter_mut().zip(sidis.nodes()?).enumerate() {
        let words: Vec<String> = b.iter().map(f64::to_string).collect();
        text.push_str(&format!("{i} {}\n", words.join(" ")));
        point["b"] = b.into();
    }
    let body = json!({ "points": points, "quadrature": opened.rule() });
    opened.source(None).document("tmd_nodes", body).write(&arguments.output, None, &text)?;
    Ok(Exit::Success)
}
