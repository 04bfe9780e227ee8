//! `neyman limit`: upper limits, for one workspace or for all patches of a set.

mod patches;
pub(crate) mod toys;

use neyman::session::{Limit as Found, LimitOptions, LimitPoint};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Limit};
use super::cls::BAND;
use super::document::{Document, notes};
use super::json::{number, numbers};
use super::table::Table;
use super::{Exit, Outcome, load};

pub(crate) fn run(global: &Global, arguments: &Limit) -> Outcome {
    if arguments.all_patches {
        return patches::run(global, arguments);
    }
    let statement = &arguments.statement;
    let request = load::request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    if let Some(test) = arguments.sought.by_toys(statement.tolerance()) {
        return toys::run(global, arguments, &test, &loaded, &session, &data);
    }
    load::say_device(global, session.device());
    let limit = session.limit(&data, &options(arguments))?;
    let document = Document::new("limit", &loaded, session.device(), None, body(&limit));
    document.write(&statement.output, None, &text(&limit))?;
    Ok(Exit::of(limit.status))
}

fn options(arguments: &Limit) -> LimitOptions {
    arguments.sought.options(arguments.statement.tolerance())
}

pub(crate) fn body(limit: &Found) -> Value {
    let point = |p: &LimitPoint| {
        json!({
            "mu": number(p.mu),
            "test_statistic": number(p.q),
            "cls_observed": number(p.observed.cls),
            "cls_expected": numbers(&p.expected.cls),
            "status": p.status.as_str(),
        })
    };
    json!({
        "poi": limit.poi,
        "statistic": limit.statistic.as_str(),
        "confidence_level": number(limit.confidence_level),
        "muhat": number(limit.mu_hat),
        "observed": limit.observed.map(number),
        "expected": limit.expected.iter().map(|l| l.map(number)).collect::<Vec<_>>(),
        "points": limit.points.iter().map(point).collect::<Vec<_>>(),
        "status": limit.status.as_str(),
        "notes": limit.notes,
    })
}

pub(crate) fn text(limit: &Found) -> String {
    let name = display_name(&limit.poi);
    let title = format!("{} % upper limit on {name}", 100.0 * limit.confidence_level);
    let mut table = Table::new(&[&title, ""]);
    table.row(["observed".into(), shown(limit.observed)]);
    for (band, expected) in BAND.iter().zip(limit.expected) {
        table.row([(*band).to_owned(), shown(expected)]);
    }
    format!(
        "{}\n{}, {} values tested, best fit {name} = {:.5}\n{}",
        table.render(),
        limit.statistic,
        limit.points.len(),
        limit.mu_hat,
        notes(&limit.notes, limit.status),
    )
}

/// A limit, or that there is none.
fn shown(limit: Option<f64>) -> String {
    limit.map_or("none".into(), |l| format!("{l:.5}"))
}
