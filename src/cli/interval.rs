//! `neyman interval`: confidence interval by toys, after Feldman and Cousins.

use neyman::fit::Status;
use neyman::session::{ToyInterval, ToyIntervalPoint};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Interval};
use super::document::{Document, notes};
use super::json::number;
use super::table::Table;
use super::test_toys::{Bar, plus_minus, scan_exit};
use super::{Exit, Outcome, interrupt, load};

pub(crate) fn run(global: &Global, arguments: &Interval) -> Outcome {
    let statement = &arguments.statement;
    let request = load::request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    load::say_device(global, session.device());
    let test = arguments.sought.test(statement.tolerance());
    let options = arguments.sought.options();
    let (stop, mut bar) = (interrupt::install()?, Bar::new(global));
    let found = session.feldman_cousins(&test, &options, &data, &stop, &mut |left, n| {
        bar.heard(left, n, test.range.end);
    });
    bar.clear();
    let found = found?;
    let document =
        Document::new("interval", &loaded, session.device(), Some(test.seed), body(&found));
    document.write(&statement.output, None, &text(&found))?;
    Ok(exit(&found))
}

/// How the command ends.
pub(crate) fn exit(interval: &ToyInterval) -> Exit {
    let toys = interval.points.iter().map(|p| p.toys).sum();
    let failed = interval.points.iter().map(|p| p.failed.len() as u64).sum();
    scan_exit(interval.complete, toys, failed)
}

pub(crate) fn body(interval: &ToyInterval) -> Value {
    let point = |p: &ToyIntervalPoint| {
        json!({
            "mu": number(p.mu),
            "test_statistic": number(p.test_statistic),
            "critical": number(p.critical),
            "p_value": number(p.p_value.value()),
            "p_value_error": number(p.p_value.error()),
            "toys": p.toys,
            "failed": p.failed.len(),
            "seed": p.seed,
        })
    };
    json!({
        "poi": interval.parameter,
        "parameter": interval.parameter,
        "confidence_level": number(interval.confidence_level),
        "lower": interval.lower.map(number),
        "upper": interval.upper.map(number),
        "points": interval.points.iter().map(point).collect::<Vec<_>>(),
        "interrupted": !interval.complete,
        "status": Status::Converged.as_str(),
        "notes": interval.notes,
    })
}

pub(crate) fn text(interval: &ToyInterval) -> String {
    let name = display_name(&interval.parameter);
    let mut table = Table::new(&[&name, "t", "critical", "p-value"]);
    for p in &interval.points {
        table.row([
            format!("{:.5}", p.mu),
            format!("{:.4}", p.test_statistic),
            format!("{:.4}", p.critical),
            plus_minus(p.p_value.value(), p.p_value.error()),
        ]);
    }
    let end = |x: Option<f64>| x.map_or("beyond the values tested".into(), |x| format!("{x:.5}"));
    format!(
        "{}\n{} % interval of {name}: from {} to {}\n{}",
        table.render(),
        100.0 * interval.confidence_level,
        end(interval.lower),
        end(interval.upper),
        notes(&interval.notes, Status::Converged),
    )
}
