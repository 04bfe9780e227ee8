//! The same by toys.

use neyman::model::Data;
use neyman::session::{Session, ToyHypotest, ToyLimit, ToyTest};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::options;
use crate::cli::arguments::{Global, Limit};
use crate::cli::cls::BAND;
use crate::cli::document::{Document, notes};
use crate::cli::json::number;
use crate::cli::load::Loaded;
use crate::cli::table::Table;
use crate::cli::test_toys::{Bar, all_known, known, plus_minus, scan_exit};
use crate::cli::{Exit, Outcome, interrupt, load};

pub(super) fn run(
    global: &Global,
    arguments: &Limit,
    test: &ToyTest,
    loaded: &Loaded,
    session: &Session,
    data: &Data,
) -> Outcome {
    let statement = &arguments.statement;
    let (options, stop) = (options(arguments), interrupt::install()?);
    load::say_device(global, session.device());
    let mut bar = Bar::new(global);
    let found = session.limit_toys(test, &options, data, &stop, &mut |left, _, n| {
        bar.heard(left, n, 2 * (test.range.end - test.range.start));
    });
    bar.clear();
    let found = found?;
    let document = Document::new("limit", loaded, session.device(), Some(test.seed), body(&found));
    document.write(&statement.output, None, &text(&found))?;
    Ok(exit(&found))
}

/// How the command ends.
pub(crate) fn exit(limit: &ToyLimit) -> Exit {
    let (toys, failed) = totals(&limit.points);
    scan_exit(limit.complete, toys, failed)
}

/// All toys of all points, and those that failed.
fn totals(points: &[ToyHypotest]) -> (u64, u64) {
    let ensembles = || points.iter().flat_map(|p| [&p.tested, &p.alternative]);
    (ensembles().map(|e| e.finished).sum(), ensembles().map(|e| e.failed.len() as u64).sum())
}

pub(crate) fn body(limit: &ToyLimit) -> Value {
    let point = |p: &ToyHypotest| {
        json!({
            "mu": number(p.mu),
            "test_statistic": number(p.test_statistic),
            "cls_observed": known(p.cls.cls()),
            "cls_observed_error": known(p.cls.error()),
            "cls_expected": all_known(&p.expected.cls),
            "cls_expected_error": all_known(&p.expected.cls_error),
            "toys": p.tested.finished,
            "failed": p.tested.failed.len() + p.alternative.failed.len(),
            "seeds": [p.tested.seed, p.alternative.seed],
            "status": "converged",
        })
    };
    let (toys, failed) = totals(&limit.points);
    let values = |of: &dyn Fn(&(f64, f64)) -> f64| -> Value {
        limit.expected.iter().map(|l| l.as_ref().map(|l| number(of(l)))).collect()
    };
    json!({
        "poi": limit.asymptotic.poi,
        "statistic": limit.asymptotic.statistic.as_str(),
        "confidence_level": number(limit.asymptotic.confidence_level),
        "muhat": number(limit.asymptotic.mu_hat),
        "observed": limit.observed.map(|l| number(l.0)),
        "observed_error": limit.observed.map(|l| number(l.1)),
        "expected": values(&|l| l.0),
        "expected_error": values(&|l| l.1),
        "asymptotic": {
            "observed": limit.asymptotic.observed.map(number),
            "expected": limit.asymptotic.expected.iter().map(|l| l.map(number))
                .collect::<Vec<_>>(),
        },
        "points": limit.points.iter().map(point).collect::<Vec<_>>(),
        "toys": toys,
        "failed": failed,
        "interrupted": !limit.complete,
        "status": limit.asymptotic.status.as_str(),
        "notes": limit.notes,
    })
}

pub(crate) fn text(limit: &ToyLimit) -> String {
    let asymptotic = &limit.asymptotic;
    let name = display_name(&asymptotic.poi);
    let title = format!("{} % upper limit on {name}", 100.0 * asymptotic.confidence_level);
    let mut table = Table::new(&[&title, "toys", "asymptotic"]);
    let shown = |l: Option<(f64, f64)>| l.map_or("none".into(), |(l, e)| plus_minus(l, e));
    let formula = |l: Option<f64>| l.map_or("none".into(), |l| format!("{l:.5}"));
    table.row(["observed".into(), shown(limit.observed), formula(asymptotic.observed)]);
    for (k, band) in BAND.iter().enumerate() {
        let formula = formula(asymptotic.expected[k]);
        table.row([(*band).to_owned(), shown(limit.expected[k]), formula]);
    }
    let (toys, failed) = totals(&limit.points);
    format!(
        "{}\n{}, {} values tested with {toys} toys, {failed} of them failed\n{}",
        table.render(),
        asymptotic.statistic,
        limit.points.len(),
        notes(&limit.notes, asymptotic.status),
    )
}
