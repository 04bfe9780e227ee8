//! Typed access to JSON values, with errors that say what was found instead.

use serde_json::{Map, Value};

use super::Warning;
use super::place::Place;
use super::text::{list, quoted, suggestion};
use crate::Result;

pub(crate) fn string<'v>(value: &'v Value, place: &Place) -> Result<&'v str> {
    value.as_str().ok_or_else(|| place.error(format!("expected a string, found {}", kind(value))))
}

/// One of the words `known`, as an index.
pub(crate) fn word(value: &Value, place: &Place, known: &[&str]) -> Result<usize> {
    let word = string(value, place)?;
    known.iter().position(|k| *k == word).ok_or_else(|| {
        let near = suggestion(word, known.iter().copied());
        place.error(format!(
            "{} is not known{near}; known here are {}",
            quoted(word),
            list(known.iter().copied())
        ))
    })
}

pub(crate) fn number(value: &Value, place: &Place) -> Result<f64> {
    // a downstream crate may turn on arbitrary precision: infinities are possible then
    match value.as_f64() {
        Some(number) if number.is_finite() => Ok(number),
        _ => {
            let hint = match value {
                Value::String(text) if text.trim().parse::<f64>().is_ok() => ": remove the quotes",
                _ => "",
            };
            Err(place.error(format!("expected a number, found {}{hint}", kind(value))))
        }
    }
}

pub(crate) fn numbers(value: &Value, place: &Place) -> Result<Vec<f64>> {
    non_empty(value, place, number)
}

pub(crate) fn elements<T>(
    value: &Value,
    place: &Place,
    mut read: impl FnMut(&Value, &Place) -> Result<T>,
) -> Result<Vec<T>> {
    let Value::Array(array) = value else {
        return Err(place.error(format!("expected an array, found {}", kind(value))));
    };
    array.iter().enumerate().map(|(index, value)| read(value, &place.index(index))).collect()
}

pub(crate) fn non_empty<T>(
    value: &Value,
    place: &Place,
    read: impl FnMut(&Value, &Place) -> Result<T>,
) -> Result<Vec<T>> {
    let elements = elements(value, place, read)?;
    if elements.is_empty() {
        return Err(place.error("this array must not be empty"));
    }
    Ok(elements)
}

/// An object with all of `required`, and nothing but these and `optional`.
pub(crate) fn fields<'v>(
    value: &'v Value,
    place: &Place,
    required: &[&str],
    optional: &[&str],
) -> Result<&'v Map<String, Value>> {
    let object = required_fields(value, place, required)?;
    let known = || required.iter().chain(optional).copied();
    match object.keys().find(|key| !known().any(|known| known == *key)) {
        None => Ok(object),
        Some(key) => Err(place.key(key).error(format!(
            "unknown key {}{}; known here are {}",
            quoted(key),
            suggestion(key, known()),
            list(known())
        ))),
    }
}

/// The schema leaves the data of normsys and histosys open to other keys; nothing reads them.
pub(crate) fn open_fields<'v>(
    value: &'v Value,
    place: &Place,
    required: [&str; 2],
    warnings: &mut Vec<Warning>,
) -> Result<&'v Map<String, Value>> {
    let object = required_fields(value, place, &required)?;
    if let Some(key) = object.keys().find(|key| !required.contains(&key.as_str())) {
        warnings.push(place.key(key).warning(format!("unknown key {} is ignored", quoted(key))));
    }
    Ok(object)
}

pub(crate) fn required_fields<'v>(
    value: &'v Value,
    place: &Place,
    required: &[&str],
) -> Result<&'v Map<String, Value>> {
    let Value::Object(object) = value else {
        return Err(place.error(format!("expected an object, found {}", kind(value))));
    };
    match required.iter().find(|key| !object.contains_key(**key)) {
        None => Ok(object),
        Some(key) => {
            let near = suggestion(key, object.keys().map(String::as_str));
            let near = near.replace("did you mean", "is it").replace('?', "");
            Err(place.error(format!("the key {} is missing{near}", quoted(key))))
        }
    }
}

/// `the string "50.0"`, `an object`: what was found instead.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}
