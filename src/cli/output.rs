//! The only place that prints.

use std::io::{self, Write};
use std::path::Path;

use neyman::results::atomic;
use serde_json::Value;

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
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    text(&render(value))
}

/// A JSON document to a file, all of it or none.
pub(crate) fn json_file(path: &Path, value: &Value) -> Result<(), Failure> {
    Ok(atomic::write(path, |file| file.write_all(render(value).as_bytes()))?)
}

/// Anything to a file, all of it or none.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Ok(atomic::write(path, |file| file.write_all(bytes))?)
}

/// Indented, but lists of plain values on one line: vectors are long.
fn render(value: &Value) -> String {
    let mut text = String::new();
    render_at(value, 0, &mut text);
    text.push('\n');
    text
}

fn render_at(value: &Value, depth: usize, text: &mut String) {
    let plain = |v: &Value| !v.is_array() && !v.is_object();
    let (open, close, items): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Array(list) if !list.iter().all(plain) => {
            ("[", "]", list.iter().map(|v| (None, v)).collect())
        }
        Value::Object(map) if !map.is_empty() => {
            ("{", "}", map.iter().map(|(k, v)| (Some(k), v)).collect())
        }
        _ => return text.push_str(&value.to_string()),
    };
    // a record of plain values (a parameter) is one line, too
    let inline = depth > 1 && value.is_object() && items.iter().all(|(_, v)| plain(v));
    let line = |depth: usize| match inline {
        true => String::new(),
        false => format!("\n{}", "  ".repeat(depth)),
    };
    text.push_str(open);
    for (i, (key, value)) in items.into_iter().enumerate() {
        text.push_str(match (i, inline) {
            (0, _) => "",
            (_, true) => ", ",
            (_, false) => ",",
        });
        text.push_str(&line(depth + 1));
        if let Some(key) = key {
            text.push_str(&format!("{}: ", Value::from(key.as_str())));
        }
        render_at(value, depth + 1, text);
    }
    text.push_str(&line(depth));
    text.push_str(close);
}

/// A line to stderr. Where that is closed there is nobody to tell.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_readable_and_the_same() {
        let value =
            json!({"a": [1.5, "NaN"], "b": [{"x": 1, "y": null}], "c": {}, "d": [[1], [2]]});
        let text = render(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(text.contains("    {\"x\": 1, \"y\": null}\n"), "{text}");
        assert!(text.contains("  \"a\": [1.5,\"NaN\"],\n"), "{text}");
    }
}
