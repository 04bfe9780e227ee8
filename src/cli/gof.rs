//! `neyman gof`: goodness of fit.

use neyman::model::Data;
use neyman::session::{FitOptions, Gof as Found, GofToys, Session, ToyGof};
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::gof::Gof;
use super::document::Document;
use super::failure::{Failure, one_line};
use super::json::number;
use super::load::Loaded;
use super::table::count;
use super::test_toys::{ScanToyArguments, known, plus_minus, scan_exit};
use super::{Outcome, interrupt, load, statement};

pub(crate) fn run(global: &Global, arguments: &Gof) -> Outcome {
    let (loaded, session) = statement::open(global, &arguments.statement)?;
    let data = statement::data(&arguments.data, &loaded, &session)?;
    let options = statement::options(&arguments.statement);
    let toys = match arguments.toys.toys {
        Some(n) => Some(by_toys(global, &arguments.toys, n, &session, &data, &options)?),
        None => None,
    };
    let gof = match &toys {
        Some(toys) => toys.gof.clone(),
        None => session.goodness_of_fit(&data, &options)?,
    };
    let (notes, mut body) = (notes(&gof), body(&gof));
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
    let mut distribution = None;
    if let Some(toys) = &toys {
        let (p, error, n) = (toys.p_value.value(), toys.p_value.error(), toys.values.len());
        body["p_value_toys"] = known(p);
        body["p_value_toys_error"] = known(error);
        body["toys"] = n.into();
        body["failed"] = toys.failed.len().into();
        body["failed_toys"] = toys.failed.clone().into();
        body["interrupted"] = (!toys.complete).into();
        text.push_str(&format!("p-value by {n} toys: {}", plus_minus(p, error)));
        text.push_str(&match toys.failed.len() {
            0 => "\n".into(),
            failed => format!(", {} left out\n", count(failed, "failed fit")),
        });
        let values: Value = toys.values.iter().copied().map(known).collect();
        distribution =
            arguments.statement.output.output.as_ref().map(|_| json!({"distribution": values}));
    }
    notes.iter().for_each(|note| text.push_str(&format!("{}\n", one_line(note))));
    let seed = toys.as_ref().map(|_| arguments.toys.seed);
    Document::new("gof", &loaded, session.fit_device(), seed, body).write(
        &arguments.statement.output,
        distribution,
        &text,
    )?;
    Ok(match toys {
        Some(toys) => scan_exit(toys.complete, toys.values.len() as u64, toys.failed.len() as u64),
        None => statement::exit(gof.fit.status),
    })
}

fn by_toys(
    global: &Global,
    arguments: &ScanToyArguments,
    n: u64,
    session: &Session,
    data: &Data,
    options: &FitOptions,
) -> Result<ToyGof, Failure> {
    let toys = GofToys { seed: arguments.seed, range: 0..n, chunk: arguments.chunk.get() };
    let (stop, bar) = (interrupt::install()?, load::progress(global, n, "toys"));
    let done = session.goodness_of_fit_toys(&toys, data, options, &stop, &mut |toys| bar.inc(toys));
    bar.finish_and_clear();
    Ok(done?)
}

fn notes(gof: &Found) -> Vec<String> {
    if gof.p_value.is_some() {
        return Vec::new();
    }
    vec![format!(
        "no p-value: {} degrees of freedom (bins minus free unconstrained parameters)",
        gof.degrees_of_freedom
    )]
}

fn body(gof: &Found) -> Value {
    json!({
        "status": gof.fit.status.as_str(),
        "statistic": "saturated",
        "test_statistic": number(gof.test_statistic),
        "degrees_of_freedom": gof.degrees_of_freedom,
        "p_value": gof.p_value.map(number),
        "twice_nll": number(gof.fit.twice_nll),
        "notes": notes(gof),
    })
}

/// The test as a result document.
pub(crate) fn document(loaded: &Loaded, session: &Session, gof: &Found) -> Document {
    Document::new("gof", loaded, session.fit_device(), None, body(gof))
}
