//! `neyman gof`: goodness of fit.

use serde_json::json;

use super::arguments::Global;
use super::arguments::gof::Gof;
use super::document::Document;
use super::failure::one_line;
use super::json::number;
use super::{Outcome, statement};

pub(crate) fn run(global: &Global, arguments: &Gof) -> Outcome {
    let (loaded, session) = statement::open(global, &arguments.statement)?;
    let data = statement::data(&arguments.data, &loaded, &session)?;
    let gof = session.goodness_of_fit(&data, &statement::options(&arguments.statement))?;
    let mut notes = Vec::new();
    if gof.p_value.is_none() {
        notes.push(format!(
            "no p-value: {} degrees of freedom (bins minus free unconstrained parameters)",
            gof.degrees_of_freedom
        ));
    }
    let body = json!({
        "status": gof.fit.status.as_str(),
        "statistic": "saturated",
        "test_statistic": number(gof.test_statistic),
        "degrees_of_freedom": gof.degrees_of_freedom,
        "p_value": gof.p_value.map(number),
        "twice_nll": number(gof.fit.twice_nll),
        "notes": notes,
    });
    let mut text = format!(
        "{}: -2 log (L / saturated) = {:.4}, {} degrees of freedom",
        statement::words(gof.fit.status),
        gof.test_statistic,
        gof.degrees_of_freedom
    );
    if let Some(p) = gof.p_value {
        text.push_str(&format!(", p-value {p:.4}"));
    }
    text.push('\n');
    notes.iter().for_each(|note| text.push_str(&format!("{}\n", one_line(note))));
    Document::new("gof", &loaded, session.fit_device(), None, body).write(
        &arguments.statement.output,
        None,
        &text,
    )?;
    Ok(statement::exit(gof.fit.status))
}
