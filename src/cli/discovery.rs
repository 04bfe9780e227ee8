//! `neyman discovery`: significance of an excess.

pub(crate) mod toys;

use neyman::session::{Discovery as Found, TestOptions};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Discovery, Global};
use super::document::{Document, notes};
use super::json::{number, numbers};
use super::{Exit, Outcome, load};

pub(crate) fn run(global: &Global, arguments: &Discovery) -> Outcome {
    let statement = &arguments.statement;
    let by_toys = arguments.toys.wanted()?;
    let request = arguments.toys.request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    if by_toys {
        return toys::run(global, arguments, &loaded, &session, &data);
    }
    load::say_device(global, session.device());
    let options = TestOptions { tolerance: statement.tolerance(), ..TestOptions::default() };
    let found = session.discovery(&data, &options)?;
    let document = Document::new("discovery", &loaded, session.device(), None, body(&found));
    document.write(&statement.output, None, &text(&found))?;
    Ok(Exit::of(found.status))
}

pub(crate) fn body(found: &Found) -> Value {
    json!({
        "poi": found.poi,
        "q0": number(found.q0),
        "muhat": number(found.mu_hat),
        "p0_observed": number(found.p0),
        "z_observed": number(found.z),
        "z_expected": number(found.z_expected),
        "z_expected_band": numbers(&found.z_band),
        "status": found.status.as_str(),
        "notes": found.notes,
    })
}

pub(crate) fn text(found: &Found) -> String {
    let poi = display_name(&found.poi);
    format!(
        "observed: {:.3} sigma, p0 = {:.4e}, q0 = {:.6}, best fit {poi} = {:.5}\n\
         expected for {poi} = 1: {:.3} sigma ({:.2} to {:.2} at one sigma)\n{}",
        found.z,
        found.p0,
        found.q0,
        found.mu_hat,
        found.z_expected,
        found.z_band[1],
        found.z_band[3],
        notes(&found.notes, found.status),
    )
}
