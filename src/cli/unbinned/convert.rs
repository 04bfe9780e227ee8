//! `neyman unbinned convert`: HS3 documents and specifications of other versions.

use std::path::{Path, PathBuf};

use neyman::spec::display_name;
use neyman::unbinned::events::parquet_bytes;
use neyman::unbinned::hs3;
use neyman::unbinned::spec::{self, GivenEvents, Version};
use serde_json::{Value, json};

use super::super::arguments::Global;
use super::super::arguments::unbinned::{Convert, Format};
use super::super::failure::{Failure, one_line};
use super::super::table::count;
use super::super::{Exit, Outcome, output};
use super::load;

/// What is to be written, and what to say of it.
#[derive(Default)]
struct Converted {
    document: Value,
    /// Parquet files beside the document.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// How many, where they were read.
    events: Option<usize>,
    notes: Vec<String>,
}

pub(super) fn run(global: &Global, arguments: &Convert) -> Outcome {
    let (input, output) = (&arguments.input, &arguments.output);
    let bytes =
        std::fs::read(input).map_err(|source| neyman::Error::Io { path: input.clone(), source })?;
    let value = spec::parse(&bytes).map_err(|error| Failure::in_file(input, error))?;
    let is_hs3 = hs3::is_hs3(&value);
    if arguments.analysis.is_some() && !is_hs3 {
        return Err(Failure::usage("--analysis is for HS3 documents, which have analyses"));
    }
    let already =
        |what: &str| Err(Failure::input(format!("{}: this is {what} already", input.display())));
    let converted = match (is_hs3, arguments.to) {
        (true, Format::Hs3) => return already("an HS3 document"),
        (true, Format::Neyman) => from_hs3(arguments, &value)?,
        (false, Format::Hs3) => to_hs3(global, input)?,
        (false, Format::Neyman) if value["schema_version"] == Version::V1.as_str() => {
            return already(&format!("a {}", Version::V1.as_str()));
        }
        (false, Format::Neyman) => to_v1(arguments, &value)?,
    };
    let names = || converted.files.iter().map(|(file, _)| file).chain([output]);
    if !arguments.force
        && let Some(there) = names().find(|file| file.exists())
    {
        let message = format!("{} is there already", there.display());
        return Err(Failure::files(message).hint("--force replaces it"));
    }
    for (file, bytes) in &converted.files {
        output::file(file, bytes)?;
    }
    output::json_file(output, &converted.document)?;
    tell(arguments, &converted)?;
    Ok(Exit::Success)
}

fn tell(arguments: &Convert, converted: &Converted) -> Result<(), Failure> {
    let files: Vec<String> =
        converted.files.iter().map(|(file, _)| file.display().to_string()).collect();
    if arguments.json {
        return output::json(&json!({
            "output": arguments.output.display().to_string(),
            "files": files,
            "events": converted.events,
            "notes": converted.notes,
        }));
    }
    let with = match files.is_empty() {
        true => String::new(),
        false => format!(", which are in {}", files.join(", ")),
    };
    let events = converted.events.map_or(String::new(), |n| format!(" with {}", count(n, "event")));
    let mut text = format!("written to {}{events}{with}\n", arguments.output.display());
    for note in &converted.notes {
        text.push_str(&format!("note: {}\n", one_line(note)));
    }
    output::text(&text)
}

/// A specification, and the events of each channel in a file beside it.
fn from_hs3(arguments: &Convert, value: &Value) -> Result<Converted, Failure> {
    let told = |error| Failure::in_file(&arguments.input, error);
    let imported = hs3::import(value, arguments.analysis.as_deref()).map_err(told)?;
    // nothing is written of what cannot be read
    imported.clone().build().map_err(told)?;
    let hs3::Imported { mut document, mut events, notes } = imported;
    let n = events.values().map(|e| e.columns.first().map_or(0, |(_, c)| c.len())).sum();
    let mut converted = Converted { notes, events: Some(n), ..Converted::default() };
    let stem = arguments.output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for channel in document["channels"].as_array_mut().into_iter().flatten() {
        let name = channel["name"].as_str().unwrap_or_default().to_owned();
        let GivenEvents { columns, weights } = events.remove(&name).unwrap_or_default();
        let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let mut file = format!("{stem}_{}", name.chars().map(plain).collect::<String>());
        while converted.files.iter().any(|(other, _)| other.file_stem() == Some(file.as_ref())) {
            file.push('_');
        }
        file.push_str(".parquet");
        channel["data"] = json!({"file": file});
        let mut table: Vec<(&str, &[f64])> =
            columns.iter().map(|(name, column)| (&**name, &**column)).collect();
        let mut weight = "_weight".to_owned();
        while table.iter().any(|(name, _)| *name == weight) {
            weight.push('_');
        }
        if let Some(weights) = &weights {
            channel["data"]["weight"] = weight.as_str().into();
            table.push((&weight, weights));
        } else if weight != "_weight" {
            // a column of that name would be taken for weights
            return Err(Failure::in_file(
                &arguments.input,
                neyman::Error::specification("/data", "an axis cannot be named \"_weight\""),
            ));
        }
        let bytes = parquet_bytes(&table).map_err(told)?;
        converted.files.push((arguments.output.with_file_name(file), bytes));
    }
    converted.document = document;
    Ok(converted)
}

fn to_hs3(global: &Global, input: &Path) -> Result<Converted, Failure> {
    let loaded = load(global, input)?;
    let document =
        hs3::export(&loaded.model, loaded.poi).map_err(|error| Failure::in_file(input, error))?;
    let mut notes = Vec::new();
    for name in &loaded.left_out {
        let name = display_name(name);
        notes.push(format!("channel {name} is left out as the specification says"));
    }
    for channel in loaded.model.channels().filter(|channel| channel.events.dropped() > 0) {
        let (name, dropped) = (display_name(&channel.name), channel.events.dropped());
        let dropped = count(dropped, "event");
        notes.push(format!("channel {name}: {dropped} outside the bounds are not written"));
    }
    Ok(Converted { document, events: Some(loaded.model.n_events()), notes, ..Converted::default() })
}

/// Files of events stay where they are.
fn to_v1(arguments: &Convert, value: &Value) -> Result<Converted, Failure> {
    let directory = |file: &Path| {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        std::fs::canonicalize(parent)
            .map_err(|source| neyman::Error::Io { path: parent.to_owned(), source })
    };
    let (from, to) = (directory(&arguments.input)?, directory(&arguments.output)?);
    let rebase = |name: &str| match from == to {
        true => name.to_owned(),
        false => from.join(name).display().to_string(),
    };
    let document =
        spec::to_v1(value, rebase).map_err(|error| Failure::in_file(&arguments.input, error))?;
    Ok(Converted { document, ..Converted::default() })
}
