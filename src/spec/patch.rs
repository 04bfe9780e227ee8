//! JSON patches (RFC 6902) within bounds on memory, depth and number of operations, and with errors
//! that say what was there instead.

mod pointer;

use serde_json::{Map, Value};

use super::json::MAX_DEPTH;
use super::place::Place;
use super::pyhf::{elements, required_fields, string};
use super::text::quoted;
use crate::{Error, Result};
use pointer::Pointer;

/// Memory that the copy operations of one patch may take, roughly. Repeated copies double a document
/// each: 40 of them would fill any machine.
pub const MAX_COPIED_BYTES: usize = 64 << 20;

/// Operations in one patch.
pub const MAX_OPERATIONS: usize = 100_000;

/// The document with the patch applied. The document itself stays as it is, also on failure; paths
/// in errors are those of the patch.
pub fn apply(document: &Value, patch: &Value) -> Result<Value> {
    let mut patched = document.clone();
    apply_in_place(&mut patched, patch, &Place::ROOT)?;
    Ok(patched)
}

/// On failure the document is left half patched. `place` is the patch's in its file.
pub(super) fn apply_in_place(document: &mut Value, patch: &Value, place: &Place) -> Result<()> {
    if patch.get("patches").is_some() {
        return Err(place.error("this is a patchset, not a patch: name one of its patches"));
    }
    if let Some(operations) = patch.as_array()
        && operations.len() > MAX_OPERATIONS
    {
        let message = format!("{} operations, the limit is {MAX_OPERATIONS}", operations.len());
        return Err(place.error(message));
    }
    let mut copied = 0;
    elements(patch, place, |operation, place| {
        apply_operation(document, operation, place, &mut copied)
    })?;
    Ok(())
}

fn apply_operation(
    document: &mut Value,
    operation: &Value,
    place: &Place,
    copied: &mut usize,
) -> Result<()> {
    let object = required_fields(operation, place, &["op", "path"])?;
    let path = pointer_at(object, place, "path")?;
    let at_path = |message: String| place.key("path").error(message);
    let value = || required_fields(operation, place, &["value"]).map(|object| &object["value"]);
    match string(&object["op"], &place.key("op"))? {
        "add" => add(document, &path, value()?.clone(), place),
        "remove" => path.remove(document).map(drop).map_err(at_path),
        "replace" => {
            let value = value()?.clone();
            check_depth(&path, &value, place)?;
            *path.find_mut(document).map_err(at_path)? = value;
            Ok(())
        }
        "test" => {
            let found = path.find_mut(document).map_err(at_path)?;
            if equal(found, value()?) {
                return Ok(());
            }
            Err(place.error(format!("the test failed: {} holds another value", path.quoted())))
        }
        "move" => {
            let from = pointer_at(object, place, "from")?;
            if from.contains(&path) {
                let message = format!("{} cannot be moved into itself", from.quoted());
                return Err(place.key("path").error(message));
            }
            let value =
                from.remove(document).map_err(|message| place.key("from").error(message))?;
            add(document, &path, value, place)
        }
        "copy" => {
            let from = pointer_at(object, place, "from")?;
            let source =
                from.find_mut(document).map_err(|message| place.key("from").error(message))?;
            *copied = copied.saturating_add(weight(source));
            if *copied > MAX_COPIED_BYTES {
                let limit = MAX_COPIED_BYTES >> 20;
                let message = format!("size limit: this patch copies more than {limit} MiB");
                return Err(place.error(message));
            }
            let value = source.clone();
            add(document, &path, value, place)
        }
        other => Err(place.key("op").error(format!(
            "unknown operation {}; there are add, remove, replace, move, copy, test",
            quoted(other)
        ))),
    }
}

fn pointer_at<'p>(
    object: &'p Map<String, Value>,
    place: &Place,
    key: &'static str,
) -> Result<Pointer<'p>> {
    let Some(value) = object.get(key) else {
        return Err(place.error(format!("the key \"{key}\" is missing")));
    };
    let place = place.key(key);
    Pointer::parse(string(value, &place)?).map_err(|message| place.error(message))
}

fn add(document: &mut Value, path: &Pointer, value: Value, place: &Place) -> Result<()> {
    check_depth(path, &value, place)?;
    path.add(document, value).map_err(|message| place.key("path").error(message))
}

/// A document that is read is not deep; it must not become so by patches.
fn check_depth(path: &Pointer, value: &Value, place: &Place) -> Result<(), Error> {
    if path.depth() + depth(value) <= MAX_DEPTH {
        return Ok(());
    }
    Err(place.error(format!("the patched document would be nested deeper than {MAX_DEPTH} levels")))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Memory of a value, roughly.
fn weight(value: &Value) -> usize {
    let node = size_of::<Value>();
    node + match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| node + key.len() + weight(value)).sum()
        }
        _ => 0,
    }
}

/// Equality as the RFC has it: `1` equals `1.0`.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y || ((x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64())
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
