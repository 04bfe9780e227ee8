//! `neyman merge`: files of toys of one run that was divided.

use neyman::results;
use serde_json::json;

use super::arguments::merge::Merge;
use super::table::count;
use super::{Exit, Outcome, output};

pub(crate) fn run(arguments: &Merge) -> Outcome {
    let run = results::merge(&arguments.output, &arguments.parts)?;
    let toys = run.end - run.first;
    if arguments.json {
        output::json(&json!({
            "toys": toys,
            "range": [run.first, run.end],
            "seed": run.seed,
            "parts": arguments.parts.len(),
            "output": arguments.output.display().to_string(),
        }))?;
    } else {
        output::text(&format!(
            "{} of {} written to {}\n",
            count(toys as usize, "toy"),
            count(arguments.parts.len(), "file"),
            arguments.output.display()
        ))?;
    }
    Ok(Exit::Success)
}
