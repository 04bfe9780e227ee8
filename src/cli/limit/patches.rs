//! Limits for every patch of a patchset.

use indicatif::ProgressBar;
use neyman::session::{Limit as Found, limits_of_patches};
use neyman::spec::patchset::PatchValue;
use neyman::spec::{PatchedWorkspaces, display_name};
use serde_json::{Map, Value, json};

use super::{options, shown};
use crate::cli::arguments::{Global, Limit};
use crate::cli::document::Source;
use crate::cli::failure::{Failure, one_line};
use crate::cli::json::number;
use crate::cli::table::{Table, count_of};
use crate::cli::{Exit, Outcome, interrupt, load};

/// What is known of one patch.
type Row = Option<neyman::Result<Found>>;

pub(super) fn run(global: &Global, arguments: &Limit) -> Outcome {
    let workspaces = load::patched(&arguments.statement.workspace)?;
    let set = workspaces.patchset();
    let stop = interrupt::install()?;
    let bar = load::progress(global, set.patches.len() as u64, "patches");
    let request = load::request(global)?;
    let compile = |loaded: &_| load::model(loaded, &arguments.statement.workspace);
    let all = 0..set.patches.len();
    let done = |_, _: &_| ProgressBar::inc(&bar, 1);
    let rows =
        limits_of_patches(&workspaces, all, &compile, &request, &options(arguments), &stop, &done);
    bar.finish_and_clear();
    if rows.iter().flatten().all(Result::is_err) {
        // nothing came out: say why as for a single workspace
        if let Some(Some(Err(error))) = rows.into_iter().next() {
            return Err(Failure::in_file(&arguments.statement.workspace.workspace, error));
        }
        return Ok(Exit::Interrupted);
    }
    let body = body(&workspaces, &rows, arguments);
    let source = Source::of_patches(&workspaces, &arguments.statement.workspace, &request)?;
    source.document("limits", body).write(
        &arguments.statement.output,
        None,
        &text(&workspaces, &rows),
    )?;
    let failed = |row: &Row| !matches!(row, Some(Ok(limit)) if limit.status.is_converged());
    Ok(match () {
        () if rows.iter().any(Option::is_none) => Exit::Interrupted,
        () if rows.iter().any(failed) => Exit::NotConverged,
        () => Exit::Success,
    })
}

fn body(workspaces: &PatchedWorkspaces, rows: &[Row], arguments: &Limit) -> Value {
    let set = workspaces.patchset();
    let points = set.patches.iter().zip(rows).map(|(patch, row)| {
        let values: Vec<Value> = patch.values.iter().map(value).collect();
        let mut point = json!({"name": patch.name, "values": values, "status": status(row)});
        if let (Some(Ok(limit)), Some(point)) = (row, point.as_object_mut()) {
            point.extend(found(limit));
        }
        point
    });
    let poi = rows.iter().flatten().flatten().next().map(|limit| &limit.poi);
    json!({
        "poi": poi,
        "labels": set.labels,
        "confidence_level": number(arguments.sought.confidence_level),
        "points": points.collect::<Vec<_>>(),
    })
}

fn found(limit: &Found) -> Map<String, Value> {
    let expected: Vec<_> = limit.expected.iter().map(|l| l.map(number)).collect();
    let fields = [
        ("observed", json!(limit.observed.map(number))),
        ("expected", json!(expected)),
        ("notes", json!(limit.notes)),
    ];
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn value(of: &PatchValue) -> Value {
    match of {
        PatchValue::Number(number) => number.clone().into(),
        PatchValue::Text(text) => text.clone().into(),
    }
}

fn status(row: &Row) -> String {
    match row {
        Some(Ok(limit)) => limit.status.as_str().to_owned(),
        Some(Err(error)) => error.to_string(),
        None => "interrupted".to_owned(),
    }
}

fn text(workspaces: &PatchedWorkspaces, rows: &[Row]) -> String {
    let set = workspaces.patchset();
    let mut table = Table::new(&[
        "patch", "observed", "-2 sigma", "-1 sigma", "expected", "+1 sigma", "+2 sigma", "",
    ])
    .left(7);
    for (patch, row) in set.patches.iter().zip(rows) {
        let mut cells = vec![display_name(&patch.name)];
        match row {
            Some(Ok(limit)) => {
                cells.push(shown(limit.observed));
                cells.extend(limit.expected.map(shown));
                let converged = limit.status.is_converged();
                cells.push(if converged { String::new() } else { status(row) });
            }
            _ => {
                cells.extend(std::iter::repeat_n(String::new(), 6));
                cells.push(one_line(&status(row)));
            }
        }
        table.row(cells);
    }
    format!("{}\n{}\n", table.render(), count_of(rows.len(), "patch", "patches"))
}
