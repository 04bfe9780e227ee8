//! The same by toys.

use neyman::infer::Fraction;
use neyman::model::Data;
use neyman::session::{Session, ToyHypotest};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::BAND;
use crate::cli::Outcome;
use crate::cli::arguments::{Cls, Global};
use crate::cli::document::{Document, notes};
use crate::cli::json::number;
use crate::cli::load::Loaded;
use crate::cli::table::Table;
use crate::cli::test_toys::{self, all_known, known, plus_minus};

pub(super) fn run(
    global: &Global,
    arguments: &Cls,
    loaded: &Loaded,
    session: &Session,
    data: &Data,
) -> Outcome {
    let statement = &arguments.statement;
    let toys = &arguments.toys;
    let test = toys.test(arguments.mu, arguments.test_statistic, statement.tolerance());
    let (found, device) = toys.run(global, session, &test, data)?;
    let seed = Some(found.tested.seed);
    let document = Document::new("cls", loaded, &device, seed, body(&found));
    document.write(
        &statement.output,
        test_toys::distributions(&statement.output, &found),
        &text(&found),
    )?;
    Ok(test_toys::exit(&found))
}

pub(crate) fn body(test: &ToyHypotest) -> Value {
    let body = json!({
        "poi": test.poi,
        "mu": number(test.mu),
        "statistic": test.statistic.as_str(),
        "test_statistic": number(test.test_statistic),
        "muhat": number(test.mu_hat),
        "cls_observed": known(test.cls.cls()),
        "cls_observed_error": known(test.cls.error()),
        "clsb": number(test.cls.clsb.value()),
        "clsb_error": number(test.cls.clsb.error()),
        "clb": known(test.cls.clb.value()),
        "clb_error": known(test.cls.clb.error()),
        "cls_expected": all_known(&test.expected.cls),
        "cls_expected_error": all_known(&test.expected.cls_error),
        "status": "converged",
        "notes": test.notes,
    });
    test_toys::with_counts(body, test)
}

pub(crate) fn text(test: &ToyHypotest) -> String {
    let mut table = Table::new(&["", "CLs", "CLs+b", "CLb"]);
    let of = |f: Fraction| plus_minus(f.value(), f.error());
    table.row([
        "observed".into(),
        plus_minus(test.cls.cls(), test.cls.error()),
        of(test.cls.clsb),
        of(test.cls.clb),
    ]);
    let band = if test.expected.cls[2].is_nan() { &[][..] } else { &BAND[..] };
    for (k, name) in band.iter().enumerate() {
        let band = &test.expected;
        table.row([
            (*name).to_owned(),
            plus_minus(band.cls[k], band.cls_error[k]),
            plus_minus(band.clsb[k], band.clsb_error[k]),
            format!("{:.5}", band.clb[k]),
        ]);
    }
    let poi = display_name(&test.poi);

    format!(
        "{}\n{poi} = {}: {} = {:.6}, best fit {poi} = {:.5}\n{}{}",
        table.render(),
        test.mu,
        test.statistic,
        test.test_statistic,
        test.mu_hat,
        test_toys::said(test),
        notes(&test.notes, neyman::fit::Status::Converged),
    )
}
