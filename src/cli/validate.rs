//! `neyman validate`: is it a workspace, and is anything in it suspicious?

use serde_json::json;

use super::arguments::Validate;
use super::failure::{Failure, display_file, one_line};
use super::table::count;
use super::{Exit, Outcome, load, output};

pub(crate) fn run(arguments: &Validate) -> Outcome {
    match load::load(&arguments.workspace) {
        Ok(loaded) => valid(arguments, &loaded),
        Err(failure) if arguments.json && failure.is_input() => invalid(&failure),
        Err(failure) => Err(failure),
    }
}

fn valid(arguments: &Validate, loaded: &load::Loaded) -> Outcome {
    if arguments.json {
        let warnings: Vec<_> =
            loaded.warnings.iter().map(|w| json!({"path": w.path, "message": w.message})).collect();
        output::json(&json!({"valid": true, "errors": [], "warnings": warnings}))?;
        return Ok(Exit::Success);
    }
    let mut text = format!(
        "{}: valid: {}, {}, {}, {}\n",
        display_file(&arguments.workspace.workspace),
        count(loaded.workspace.channels.len(), "channel"),
        count(loaded.model.observed().main.len(), "bin"),
        count(loaded.model.parameters().len(), "parameter"),
        count(loaded.warnings.len(), "warning"),
    );
    for warning in &loaded.warnings {
        text.push_str(&one_line(&format!("warning: {}: {}", warning.path, warning.message)));
        text.push('\n');
    }
    output::text(&text)?;
    Ok(Exit::Success)
}

fn invalid(failure: &Failure) -> Outcome {
    let errors = json!([{"path": failure.path(), "message": failure.message()}]);
    output::json(&json!({"valid": false, "errors": errors, "warnings": []}))?;
    Ok(Exit::Input)
}
