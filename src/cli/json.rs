//! Numbers in our JSON: to the last bit, and strings where JSON has no number.

use serde_json::Value;

/// A number, or `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub(crate) fn number(x: f64) -> Value {
    let word = if x.is_nan() {
        "NaN"
    } else if x > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    serde_json::Number::from_f64(x).map_or_else(|| word.into(), Value::Number)
}

/// A list of numbers.
pub(crate) fn numbers(x: &[f64]) -> Value {
    x.iter().copied().map(number).collect()
}

/// The inverse of [`number`].
pub(crate) fn parse_number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        for x in [0.1 + 0.2, -0.0, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let text = number(x).to_string();
            let back = parse_number(&serde_json::from_str(&text).unwrap()).unwrap();
            assert!(back.to_bits() == x.to_bits() || (x.is_nan() && back.is_nan()), "{text}");
        }
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(parse_number(&"one".into()), None);
    }
}
