//! `neyman report`: everything that can be said about a workspace, on one page.

use neyman::plot::{Section, report};
use neyman::session::FitOptions;

use super::arguments::{Global, Report};
use super::failure::{display_file, one_line};
use super::{Exit, Outcome, fit, load, output};

pub(crate) fn run(global: &Global, arguments: &Report) -> Outcome {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.fit_device());
    let options = FitOptions { fix: Vec::new(), tolerance: arguments.tolerance.get() };
    let data = loaded.model.observed().clone();
    let result = session.fit(&data, &options)?;
    let sections =
        [Section::Result(fit::document(&loaded, &session, &data, &result, true).into_value())];
    let command: Vec<String> = std::env::args().map(|a| quoted(&a)).collect();
    let file = display_file(&arguments.workspace.workspace);
    let page = report(&sections, &one_line(&file), &command.join(" "))?;
    output::file(&arguments.output, page.as_bytes())?;
    let converged = result.status.is_converged();
    Ok(if converged { Exit::Success } else { Exit::NotConverged })
}

/// As a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_run_again() {
        assert_eq!(quoted("search.json"), "search.json");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
