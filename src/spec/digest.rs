//! Digests of documents as pyhf computes them: the hash of Python's
//! `json.dumps(document, sort_keys=True, ensure_ascii=False)`.
//!
//! Two numbers cannot be told from their values and so hash differently from Python's: whole
//! numbers beyond 64 bits and the literal `-0`.

use std::fmt::Write as _;

use md5::Md5;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::text::quoted;
use crate::{Error, Result};

/// The digest of a document in hexadecimal; `algorithm` is `sha256` or `md5`.
pub fn digest(document: &Value, algorithm: &str) -> Result<String> {
    match algorithm {
        "sha256" => Ok(hash::<Sha256>(document)),
        "md5" => Ok(hash::<Md5>(document)),
        other => Err(Error::Unsupported(format!(
            "digests by {} are not supported; sha256 and md5 are",
            quoted(other)
        ))),
    }
}

fn hash<D: Digest>(document: &Value) -> String {
    let mut writer = Writer { hasher: D::new(), number: String::new() };
    writer.value(document);
    writer.hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Python's JSON text, fed to the hash piece by piece.
struct Writer<D> {
    hasher: D,
    number: String,
}

impl<D: Digest> Writer<D> {
    fn put(&mut self, text: &str) {
        self.hasher.update(text);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.put("null"),
            Value::Bool(true) => self.put("true"),
            Value::Bool(false) => self.put("false"),
            Value::Number(number) => {
                self.number.clear();
                python_number(number, &mut self.number);
                self.hasher.update(&self.number);
            }
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.put("[");
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.value(element);
                }
                self.put("]");
            }
            Value::Object(object) => {
                // the map is sorted unless another crate turns on `preserve_order`
                let mut entries: Vec<_> = object.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                self.put("{");
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.string(key);
                    self.put(": ");
                    self.value(value);
                }
                self.put("}");
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.put("\"");
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            self.put(&rest[..at]);
            // all of these are one byte
            match rest.as_bytes()[at] {
                b'"' => self.put("\\\""),
                b'\\' => self.put("\\\\"),
                b'\n' => self.put("\\n"),
                b'\r' => self.put("\\r"),
                b'\t' => self.put("\\t"),
                0x08 => self.put("\\b"),
                0x0c => self.put("\\f"),
                control => self.put(&format!("\\u{control:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.put(rest);
        self.put("\"");
    }
}

/// Python's `repr`: the shortest digits that read back the same, with an exponent below 1e-4 and
/// from 1e16 on.
fn python_number(number: &Number, out: &mut String) {
    let value = match number.as_f64() {
        Some(value) if number.is_f64() => value,
        _ => {
            let _ = write!(out, "{number}");
            return;
        }
    };
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        // `Debug` keeps the `.0` and takes an exponent at other places, but not in this range
        let _ = write!(out, "{value:?}");
        return;
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_print_as_in_python() {
        for (value, text) in [
            (json!(1), "1"),
            (json!(-7), "-7"),
            (json!(1.0), "1.0"),
            (json!(0.0), "0.0"),
            (json!(-0.0), "-0.0"),
            (json!(0.1), "0.1"),
            (json!(0.0001), "0.0001"),
            (json!(0.00001), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(123456789012345.6), "123456789012345.6"),
            (json!(9007199254740993.0), "9007199254740992.0"),
            (json!(1e15), "1000000000000000.0"),
            (json!(1e16), "1e+16"),
            (json!(1.25e22), "1.25e+22"),
            (json!(1.7976931348623157e308), "1.7976931348623157e+308"),
            (json!(5e-324), "5e-324"),
        ] {
            let mut shown = String::new();
            python_number(value.as_number().unwrap(), &mut shown);
            assert_eq!(shown, text);
        }
    }

    #[test]
    fn documents_hash_as_in_python() {
        // hashlib.sha256(json.dumps(.., sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        let document = json!({"b": [1, 1.0, 1e-5, true, null], "a": "µ\"\\\n\u{1}\u{7f}", "Z": {}});
        assert_eq!(
            digest(&document, "sha256").unwrap(),
            "d6182d66f408f09538afb4cb299d0b4be337aa9c3050bd0e98ccc850024017fd"
        );
        assert_eq!(digest(&document, "md5").unwrap(), "861692e3c6c5a2f32020befb50f79535");
        assert!(digest(&document, "sha1").unwrap_err().is_unsupported());
    }
}
