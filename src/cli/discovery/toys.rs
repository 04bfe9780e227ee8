//! The same by toys.

use neyman::fit::Status;
use neyman::infer::TestStatistic;
use neyman::model::Data;
use neyman::session::{Session, ToyDiscovery};
use neyman::spec::display_name;
use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::arguments::{Discovery, Global};
use crate::cli::document::{Document, notes};
use crate::cli::json::number;
use crate::cli::load::Loaded;
use crate::cli::test_toys::{self, all_known, known, sigmas};

pub(super) fn run(
    global: &Global,
    arguments: &Discovery,
    loaded: &Loaded,
    session: &Session,
    data: &Data,
) -> Outcome {
    let statement = &arguments.statement;
    let test = arguments.toys.test(0.0, TestStatistic::Q0, statement.tolerance());
    let (found, device) = arguments.toys.run(global, session, &test, data)?;
    let found = ToyDiscovery::from(found);
    let seed = Some(found.test.tested.seed);
    let document = Document::new("discovery", loaded, &device, seed, body(&found));
    let distributions = test_toys::distributions(&statement.output, &found.test);
    document.write(&statement.output, distributions, &text(&found))?;
    Ok(test_toys::exit(&found.test))
}

pub(crate) fn body(found: &ToyDiscovery) -> Value {
    let body = json!({
        "poi": found.test.poi,
        "q0": number(found.test.test_statistic),
        "muhat": number(found.test.mu_hat),
        "p0_observed": number(found.p0.value()),
        "p0_observed_error": number(found.p0.error()),
        "z_observed": number(found.z),
        "z_expected": known(found.z_expected[2]),
        "z_expected_band": all_known(&found.z_expected),
        "status": "converged",
        "notes": found.test.notes,
    });
    test_toys::with_counts(body, &found.test)
}

pub(crate) fn text(found: &ToyDiscovery) -> String {
    let (test, p0) = (&found.test, found.p0);
    let poi = display_name(&test.poi);
    let observed = match p0.passing {
        0 => format!("no toy of {} reaches the data: p0 below {:.2e}", p0.toys, p0.error()),
        _ => format!(
            "{} sigma, p0 = {:.4e} +- {:.1e}",
            sigmas(found.z, p0.toys),
            p0.value(),
            p0.error()
        ),
    };
    let expected = match found.z_expected[2].is_nan() {
        true => String::new(),
        false => {
            let [_, low, median, high, _] = found.z_expected.map(|z| sigmas(z, p0.toys));
            format!("expected for {poi} = 1: {median} sigma ({low} to {high} at one sigma)\n")
        }
    };
    format!(
        "observed: {observed}, q0 = {:.6}, best fit {poi} = {:.5}\n{expected}{}{}",
        test.test_statistic,
        test.mu_hat,
        test_toys::said(test),
        notes(&test.notes, Status::Converged),
    )
}
