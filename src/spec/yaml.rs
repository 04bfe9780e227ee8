//! YAML as far as it is JSON in other clothes: one document, texts as keys, each key once, finite numbers; no
//! aliases, no tags.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};
use crate::spec::json::{MAX_BYTES, MAX_DEPTH};
use crate::spec::text::quoted;

/// The document in YAML or, where it begins with a brace, JSON.
pub(crate) fn parse_or_json(bytes: &[u8]) -> Result<Value> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if start.starts_with(b"{") { crate::spec::json::parse(bytes) } else { parse(bytes) }
}

/// A collection that is not at its end.
enum Open {
    Sequence(Vec<Value>),
    /// With the key whose value comes next.
    Mapping(Map<String, Value>, Option<String>),
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Value> {
    let refuse = |message: String| Error::Syntax { line: 1, column: 1, message };
    if bytes.len() > MAX_BYTES {
        let (given, most) = (bytes.len(), MAX_BYTES);
        return Err(refuse(format!("the document has {given} bytes, the limit is {most}")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        refuse(format!("this is no text: invalid UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut open, mut root): (Vec<Open>, Option<Value>) = (Vec::new(), None);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, Span { start: at, .. }) =
            event.map_err(|error| fault(*error.marker(), error.info()))?;
        let tag = match &event {
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, tag)
            | Event::MappingStart(_, tag) => tag.is_some(),
            _ => false,
        };
        if tag {
            return Err(fault(at, "tags (!name) are not read: leave it out"));
        }
        let whole = match event {
            Event::Alias(_) => {
                return Err(fault(at, "aliases (*name) are not read: write the value out"));
            }
            Event::Scalar(text, style, ..) => {
                if let Some(Open::Mapping(map, key @ None)) = open.last_mut() {
                    if map.contains_key(&*text) {
                        return Err(fault(at, format!("the key {} is there twice", quoted(&text))));
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                scalar(&text, style, at)?
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if matches!(open.last(), Some(Open::Mapping(_, None))) {
                    return Err(fault(at, "keys are texts"));
                }
                if open.len() == MAX_DEPTH {
                    return Err(fault(at, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                open.push(match event {
                    Event::SequenceStart(..) => Open::Sequence(Vec::new()),
                    _ => Open::Mapping(Map::new(), None),
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(values)) => Value::Array(values),
                Some(Open::Mapping(map, _)) => Value::Object(map),
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(fault(at, "a second document: one is read"));
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::Sequence(values)) => values.push(whole),
            Some(Open::Mapping(map, key)) => {
                map.extend(key.take().map(|key| (key, whole)));
            }
            None => root = Some(whole),
        }
    }
    Ok(root.unwrap_or(Value::Null))
}

fn fault(at: Marker, message: impl Into<String>) -> Error {
    Error::Syntax { line: at.line(), column: at.col() + 1, message: message.into() }
}

/// A value by the core schema of YAML 1.2.
fn scalar(text: &str, style: ScalarStyle, at: Marker) -> Result<Value> {
    if style != ScalarStyle::Plain {
        return Ok(text.into());
    }
    let digits = text.trim_start_matches(['+', '-']);
    let digits = if text.len() - digits.len() > 1 { "" } else { digits };
    let begins = digits.strip_prefix('.').unwrap_or(digits);
    let number = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(true.into()),
        "false" | "False" | "FALSE" => return Ok(false.into()),
        _ if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") => {
            let message = format!("{text} is no finite number; finite ones are read");
            return Err(fault(at, message));
        }
        _ if digits.starts_with("0x") || digits.starts_with("0o") => {
            let radix = if digits.starts_with("0x") { 16 } else { 8 };
            let whole = u64::from_str_radix(&digits[2..], radix).ok();
            whole.filter(|_| digits.len() == text.len()).map(Number::from)
        }
        _ if begins.starts_with(|c: char| c.is_ascii_digit()) => {
            let whole = text.strip_prefix('+').unwrap_or(text);
            let whole = whole.parse::<i64>().map(Number::from);
            match whole.or_else(|_| digits.parse::<u64>().map(Number::from)) {
                Ok(number) if text != "-0" => Some(number),
                _ => match text.parse::<f64>() {
                    Ok(value) => Some(Number::from_f64(value).ok_or_else(|| {
                        fault(at, format!("{text} is beyond the numbers that can be read"))
                    })?),
                    Err(_) => None,
                },
            }
        }
        _ => None,
    };
    Ok(number.map_or_else(|| text.into(), Value::Number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_the_core_schema() {
        let text = "a: 1\nb: [-2, +3, 1.5, .5, 1e3, -1.e-2, 0x1F, 0o17]\nc: {d: ~, e: true, f: no}\n\
                    g: '1'\nh: \"x\\ty\"\ni:\n- 1.2.3\n- -\n- --1\n- 1_000\nj: |\n  two\n  lines\nk: é\n\
                    l: -9007199254740993\nm: 18446744073709551615\n";
        let expected = json!({
            "a": 1, "b": [-2, 3, 1.5, 0.5, 1000.0, -0.01, 31, 15],
            "c": {"d": null, "e": true, "f": "no"}, "g": "1", "h": "x\ty",
            "i": ["1.2.3", [null], "--1", "1_000"], "j": "two\nlines\n", "k": "é",
            "l": -9007199254740993_i64, "m": 18446744073709551615_u64,
        });
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        assert_eq!(parse(b"").unwrap(), Value::Null);
        assert_eq!(parse(b"\xef\xbb\xbf--- # comment\n- 1\n...\n").unwrap(), json!([1]));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let refused = |text: &str, place: (usize, usize), says: &str| {
            let error = parse(text.as_bytes()).unwrap_err();
            let Error::Syntax { line, column, message } = &error else { panic!("{error}") };
            assert!(message.contains(says), "{error}");
            assert_eq!((*line, *column), place, "{error}");
        };
        refused("a: 1\nb: 2\na: 3\n", (3, 1), "the key \"a\" is there twice");
        refused("a: &x 1\nb: *x\n", (2, 4), "aliases");
        refused("a: !!str 1\n", (1, 4), "tags");
        refused("a: .inf\n", (1, 4), "no finite number");
        refused("a: 1e999\n", (1, 4), "beyond the numbers");
        refused("? [1]\n: 2\n", (1, 3), "keys are texts");
        assert!(parse(b"a: 1\n---\nb: 2\n").unwrap_err().to_string().contains("second document"));
        assert!(parse(b"a: [1, 2\n").is_err() && parse(b"a: 'x\n").is_err());
        assert!(parse(b"\xff\xfe").unwrap_err().to_string().contains("UTF-8"));
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(parse(deep.as_bytes()).unwrap_err().to_string().contains("deeper than 64"));
    }
}
