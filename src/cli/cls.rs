//! `neyman cls`: test of one value of the parameter of interest.

pub(crate) mod toys;

use neyman::session::{HypoTest, TestOptions};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Cls, Global};
use super::document::{Document, notes};
use super::json::{number, numbers};
use super::table::Table;
use super::{Exit, Outcome, load};

pub(crate) fn run(global: &Global, arguments: &Cls) -> Outcome {
    let statement = &arguments.statement;
    let by_toys = arguments.toys.wanted()?;
    let request = arguments.toys.request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    if by_toys {
        return toys::run(global, arguments, &loaded, &session, &data);
    }
    load::say_device(global, session.device());
    let options = TestOptions {
        poi: None,
        statistic: arguments.test_statistic,
        tolerance: statement.tolerance(),
    };
    let test = session.hypotest(arguments.mu, &data, &options)?;
    let document = Document::new("cls", &loaded, session.device(), None, body(&test));
    document.write(&statement.output, None, &text(&test))?;
    Ok(Exit::of(test.status))
}

pub(crate) fn body(test: &HypoTest) -> Value {
    json!({
        "poi": test.poi,
        "mu": number(test.mu),
        "statistic": test.statistic.as_str(),
        "test_statistic": number(test.q),
        "test_statistic_asimov": number(test.q_asimov),
        "muhat": number(test.mu_hat),
        "cls_observed": number(test.observed.cls),
        "clsb": number(test.observed.clsb),
        "clb": number(test.observed.clb),
        "cls_expected": numbers(&test.expected.cls),
        "status": test.status.as_str(),
        "notes": test.notes,
    })
}

pub(crate) fn text(test: &HypoTest) -> String {
    let mut table = Table::new(&["", "CLs", "CLs+b", "CLb"]);
    let number = |x: f64| format!("{x:.5}");
    table.row([
        "observed".into(),
        number(test.observed.cls),
        number(test.observed.clsb),
        number(test.observed.clb),
    ]);
    for (k, name) in BAND.iter().enumerate() {
        let (cls, clsb, clb) = (test.expected.cls[k], test.expected.clsb[k], test.expected.clb[k]);
        table.row([(*name).to_owned(), number(cls), number(clsb), number(clb)]);
    }
    let poi = display_name(&test.poi);
    format!(
        "{}\n{poi} = {}: {} = {:.6}, best fit {poi} = {:.5}\n{}",
        table.render(),
        test.mu,
        test.statistic,
        test.q,
        test.mu_hat,
        notes(&test.notes, test.status),
    )
}

/// Names of the expected values.
pub(crate) const BAND: [&str; 5] = [
    "expected -2 sigma",
    "expected -1 sigma",
    "expected",
    "expected +1 sigma",
    "expected +2 sigma",
];
