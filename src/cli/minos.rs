//! `neyman minos`: asymmetric uncertainties.

use neyman::fit::Status;
use neyman::session::{FitResult, Minos as Asymmetric};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Minos};
use super::document::{Document, notes};
use super::json::number;
use super::table::{Table, to_precision};
use super::{Exit, Outcome, load};

pub(crate) fn run(global: &Global, arguments: &Minos) -> Outcome {
    let statement = &arguments.statement;
    let request = load::request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    load::say_device(global, session.device());
    let (fit, all) = session.minos(&arguments.parameter, &data, statement.tolerance())?;
    let status = worst(&fit, &all);
    let document = Document::new("minos", &loaded, session.device(), None, body(&all, status));
    document.write(&statement.output, None, &text(&all, status))?;
    Ok(Exit::of(status))
}

/// How the worst of the fits ended.
pub(crate) fn worst(fit: &FitResult, all: &[Asymmetric]) -> Status {
    let failed = all.iter().map(|m| m.status).find(|s| !s.is_converged());
    failed.unwrap_or(fit.status)
}

pub(crate) fn body(all: &[Asymmetric], status: Status) -> Value {
    let end = |m: &Asymmetric, distance: Option<f64>| match distance {
        _ if !m.status.is_converged() => m.status.as_str(),
        Some(_) => "converged",
        None => "at_bound",
    };
    let parameter = |m: &Asymmetric| {
        json!({
            "name": m.parameter,
            "value": number(m.value),
            "uncertainty": m.uncertainty.map(number),
            "minos_up": m.up.map(number),
            "minos_down": m.down.map(number),
            "status_up": end(m, m.up),
            "status_down": end(m, m.down),
        })
    };
    json!({
        "parameters": all.iter().map(parameter).collect::<Vec<_>>(),
        "status": status.as_str(),
    })
}

pub(crate) fn text(all: &[Asymmetric], status: Status) -> String {
    let mut table = Table::new(&["parameter", "value", "uncertainty", "down", "up"]);
    for m in all {
        let width = m.uncertainty.or(m.up).unwrap_or(0.0);
        let side = |d: Option<f64>| d.map_or("bound".into(), |d| format!("{d:+.4}"));
        table.row([
            display_name(&m.parameter),
            to_precision(m.value, width),
            m.uncertainty.map_or(String::new(), |u| to_precision(u, u)),
            side(m.down),
            side(m.up),
        ]);
    }
    table.render() + &notes(&[], status)
}
