//! What is wrong with a text that is not JSON, and what to do.

use serde_json::error::Category;

use super::{Error, MAX_DEPTH, Problem, Result};
use crate::spec::text::quoted;

/// The document as text: size, encoding, and formats that are plainly something else.
pub(super) fn text(bytes: &[u8], max_bytes: usize) -> Result<&str> {
    if bytes.len() > max_bytes {
        let message = format!("the document has {} bytes, the limit is {max_bytes}", bytes.len());
        return Err(syntax(1, 1, message));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let other = match bytes {
        [0x1f, 0x8b, ..] => Some("this is gzip: decompress it first (gunzip)"),
        [b'P', b'K', 3, 4, ..] => Some("this is a zip archive: extract it first"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("this is UTF-16: convert it to UTF-8"),
        [b'r', b'o', b'o', b't', 0, ..] => {
            Some("this is a ROOT file: the workspace must be JSON (pyhf xml2json converts)")
        }
        _ => None,
    };
    if let Some(message) = other {
        return Err(syntax(1, 1, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let (line, column) = position(&bytes[..offset]);
        let byte = bytes.get(offset).copied().unwrap_or_default();
        syntax(line, column, format!("invalid UTF-8 at byte offset {offset} (0x{byte:02x})"))
    })?;
    let start = text.trim_start();
    if start.is_empty() {
        return Err(syntax(1, 1, "empty input: expected a JSON document"));
    }
    if start.starts_with('<') {
        let (line, column) = position(&bytes[..text.len() - start.len()]);
        let message = "this is XML or HTML: HistFactory XML is not read yet, convert it with \
                       `pyhf xml2json`";
        return Err(syntax(line, column, message));
    }
    Ok(text)
}

/// Line and column, from 1, of the byte after `before`.
fn position(before: &[u8]) -> (usize, usize) {
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = before[..line_start].iter().filter(|byte| **byte == b'\n').count();
    (lines + 1, before.len() - line_start + 1)
}

/// The reader's error with its place and, where the cause is a known one, the remedy.
pub(super) fn error(
    text: &str,
    error: &serde_json::Error,
    pointer: String,
    problem: Option<Problem>,
) -> Error {
    let (line, column) = (error.line().max(1), error.column().max(1));
    match problem {
        Some(Problem::DuplicateKey(key)) => {
            let message = format!(
                "line {line}, column {column}: the key {} stands twice in this object; keep one",
                quoted(&key)
            );
            return Error::specification(pointer, message);
        }
        Some(Problem::TooDeep) => {
            return syntax(
                line,
                column,
                format!(
                    "nested deeper than {MAX_DEPTH} levels (a workspace needs 11), at {pointer}"
                ),
            );
        }
        None => {}
    }
    // `serde_json` has no code to match on: its own words up to the position
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    if words == "number out of range" {
        let message = format!(
            "line {line}, column {column}: the number is out of range (the largest is \
             1.7976931348623157e308)"
        );
        return Error::specification(pointer, message);
    }
    let mut message = match error.classify() {
        Category::Eof => format!("unexpected end of file ({})", words.replace("EOF ", "")),
        _ => remedy(text, line, column).map_or_else(|| words.to_owned(), str::to_owned),
    };
    if words == "trailing characters" {
        message = format!("{words} after the end of the document: a file holds one JSON value");
    } else if words.contains("surrogate") {
        message = format!("{words}: \\ud800 to \\udfff must come in pairs");
    }
    if !pointer.is_empty() {
        message = format!("{message}, at {pointer}");
    }
    syntax(line, column, message)
}

/// Known things that are not JSON, by the text at the reported place.
fn remedy(text: &str, line: usize, column: usize) -> Option<&'static str> {
    let line = text.as_bytes().split(|byte| *byte == b'\n').nth(line - 1)?;
    // the reader may have gone some letters into a word: start where it starts
    let at = column.saturating_sub(1).min(line.len());
    let word_start = line[..at].iter().rposition(|byte| !byte.is_ascii_alphabetic());
    let rest = &line[word_start.map_or(0, |before| before + 1)..];
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    const KNOWN: &[(&str, &str)] = &[
        ("NaN", "NaN is not a JSON number: give a finite number"),
        ("nan", "nan is not a JSON number: give a finite number"),
        ("Infinity", "Infinity is not a JSON number: give a finite number"),
        ("inf", "inf is not a JSON number: give a finite number"),
        ("//", "JSON has no comments: remove this one"),
        ("/*", "JSON has no comments: remove this one"),
        ("#", "JSON has no comments: remove this one"),
        ("'", "JSON strings stand in double quotes"),
        ("None", "None is Python: JSON has null"),
        ("True", "True is Python: JSON has true"),
        ("False", "False is Python: JSON has false"),
    ];
    let (_, remedy) = KNOWN.iter().find(|(start, _)| rest.starts_with(start.as_bytes()))?;
    Some(remedy)
}

fn syntax(line: usize, column: usize, message: impl Into<String>) -> Error {
    Error::Syntax { line, column, message: message.into() }
}
