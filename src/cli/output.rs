//! The only place that prints.

use std::io::{self, Write};
use std::path::Path;

use neyman::results::atomic;

use super::failure::Failure;

/// Text to stdout. A closed pipe ends the command without a word.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::quiet()),
        Err(source) => Err(neyman::Error::Io { path: "stdout".into(), source }.into()),
    }
}

/// A JSON document to stdout.
pub(crate) fn json(value: &serde_json::Value) -> Result<(), Failure> {
    text(&render(value))
}

/// A JSON document to a file, all of it or none.
pub(crate) fn json_file(path: &Path, value: &serde_json::Value) -> Result<(), Failure> {
    Ok(atomic::write(path, |file| file.write_all(render(value).as_bytes()))?)
}

fn render(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// A line to stderr. Where that is closed there is nobody to tell.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
