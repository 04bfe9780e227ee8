//! `neyman eval`: the likelihood at given points.

use serde_json::{Value, json};

use super::arguments::{Eval, Global};
use super::json::{number, numbers};
use super::{Exit, Outcome, input, load, output};

pub(crate) fn run(global: &Global, arguments: &Eval) -> Outcome {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.fit_device());
    let data = input::data(arguments.data.as_deref(), &loaded.model)?;
    let points = input::points(&arguments.at, &loaded.model)?;
    let evaluate = |point: &Vec<f64>| {
        let e = session.evaluate(point, &data)?;
        Ok(json!({
            "twice_nll": number(e.twice_nll),
            "gradient": numbers(&e.gradient),
            "expected_main": numbers(&e.expected_main),
            "expected_aux": numbers(&e.expected_auxiliary),
        }))
    };
    let points = points.iter().map(evaluate).collect::<neyman::Result<Vec<Value>>>()?;
    let document = json!({"points": points});
    match &arguments.output {
        Some(path) => output::json_file(path, &document)?,
        None => output::json(&document)?,
    }
    Ok(Exit::Success)
}
