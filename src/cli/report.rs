//! `neyman report`: everything that can be said about a workspace, on one page.

use std::path::Path;

use neyman::model::Data;
use neyman::plot::{Section, report};
use neyman::session::{FitOptions, ImpactOptions, Limit, LimitOptions, Session, TestOptions};

use super::arguments::{Global, Report};
use super::document::Document;
use super::failure::{Failure, display_file, one_line};
use super::load::Loaded;
use super::{Exit, Outcome, discovery, fit, gof, impacts, limit, load, output, yields};

pub(crate) fn run(global: &Global, arguments: &Report) -> Outcome {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.fit_device());
    let data = loaded.model.observed().clone();
    let options = FitOptions { fix: Vec::new(), tolerance: arguments.tolerance.get() };
    let parts = Parts { loaded: &loaded, session: &session, data: &data, options: &options };
    let result = session.fit(&data, &options)?;
    let mut sections =
        vec![Section::Result(fit::document(&loaded, &session, &data, &result, true).into_value())];
    let section = |title: &str, part: Result<Document, Failure>| match part {
        Ok(document) => Section::Result(document.into_value()),
        Err(failure) => {
            Section::Missing { title: title.into(), reason: one_line(failure.message()) }
        }
    };
    let poi = fit::poi(&loaded).map(|_| ());
    let with_poi = |part: &dyn Fn() -> Result<Document, Failure>| match &poi {
        Ok(()) => part(),
        Err(failure) => Err(Failure::input(failure.message())),
    };
    sections.push(section("Upper limit", with_poi(&|| parts.limit())));
    sections.push(section("Discovery", with_poi(&|| parts.discovery())));
    sections.push(section("Impacts", with_poi(&|| parts.impacts())));
    sections.push(section("Goodness of fit", parts.goodness()));
    let found = session.yields(&data, &result).map_err(Failure::from);
    let found = found.map(|y| yields::document(&loaded, &session, &y, &result));
    sections.push(section("Yields", found));

    let command: Vec<String> = std::env::args().map(|a| quoted(&a)).collect();
    let path = &arguments.workspace.workspace;
    let file = display_file(path.file_name().map_or(path.as_path(), Path::new));
    let page = report(&sections, &one_line(&file), &command.join(" "))?;
    output::file(&arguments.output, page.as_bytes())?;
    let converged = result.status.is_converged();
    Ok(if converged { Exit::Success } else { Exit::NotConverged })
}

/// What the parts of a report are made from.
struct Parts<'a> {
    loaded: &'a Loaded,
    session: &'a Session,
    data: &'a Data,
    options: &'a FitOptions,
}

impl Parts<'_> {
    /// The search finds the limits; a grid up to beyond them draws the curves.
    fn limit(&self) -> Result<Document, Failure> {
        const POINTS: usize = 25;
        let search = self.session.limit(self.data, &LimitOptions::default())?;
        let options = match farthest(&search) {
            Some(end) => LimitOptions {
                values: (0..POINTS).map(|i| end * i as f64 / (POINTS - 1) as f64).collect(),
                ..LimitOptions::default()
            },
            None => LimitOptions::default(),
        };
        let found = self.session.limit(self.data, &options)?;
        let body = limit::body(&found);
        Ok(Document::new("limit", self.loaded, self.session.device(), None, body))
    }

    fn discovery(&self) -> Result<Document, Failure> {
        let found = self.session.discovery(self.data, &TestOptions::default())?;
        let body = discovery::body(&found);
        Ok(Document::new("discovery", self.loaded, self.session.device(), None, body))
    }

    fn impacts(&self) -> Result<Document, Failure> {
        let options = ImpactOptions {
            poi: None,
            parameters: Vec::new(),
            groups: Vec::new(),
            global: false,
            fit: self.options.clone(),
        };
        let found = self.session.impacts(self.data, &options)?;
        Ok(impacts::document(self.loaded, self.session, &found))
    }

    fn goodness(&self) -> Result<Document, Failure> {
        let found = self.session.goodness_of_fit(self.data, self.options)?;
        Ok(gof::document(self.loaded, self.session, &found))
    }
}

/// Somewhat beyond the largest limit.
fn farthest(limit: &Limit) -> Option<f64> {
    let all = limit.expected.iter().chain([&limit.observed]).flatten();
    let largest = all.copied().filter(|l| l.is_finite()).fold(0.0, f64::max);
    (largest > 0.0).then_some(1.15 * largest)
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
