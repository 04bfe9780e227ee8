//! Strict JSON: one document, every key once, every number finite, bounded in size and depth.
//!
//! `serde_json` parses; the seed below only adds what it leaves open (duplicate keys, the path of
//! an error, our own nesting limit), and [`explain`] says what a person can do about an error.

mod explain;

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place::{push_index, push_key};
use crate::{Error, Result};

/// Largest document read. Large ATLAS combinations have some 10 MB; the worst document of this
/// size (`[0,0,..`) takes 16 times as much memory.
pub const MAX_BYTES: usize = 256 << 20;

/// Deepest nesting read. A workspace needs 11 levels.
pub const MAX_DEPTH: usize = 64;

/// Reads one JSON document.
///
/// Numbers must fit an f64 (those too small become 0); whole numbers stay whole up to 64 bits, for
/// digests distinguish `1` from `1.0`. A leading byte order mark is skipped.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    parse_limited(bytes, MAX_BYTES)
}

/// [`parse`] with another limit on the size.
pub fn parse_limited(bytes: &[u8], max_bytes: usize) -> Result<Value> {
    let text = explain::text(bytes, max_bytes)?;
    let trace = RefCell::new(Trace::default());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Seed { trace: &trace, depth: 0 };
    let result = seed.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    result.map_err(|error| {
        let trace = trace.into_inner();
        explain::error(text, &error, trace.pointer(), trace.problem)
    })
}

/// What the seeds learnt about an error on the way out.
#[derive(Default)]
struct Trace {
    /// Steps from the offending place up to the root.
    steps: Vec<Step>,
    problem: Option<Problem>,
}

enum Step {
    Key(String),
    Index(usize),
}

/// Errors of ours, which reach us back through `serde_json`.
enum Problem {
    DuplicateKey(String),
    TooDeep,
}

impl Trace {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) => push_key(&mut pointer, key),
                Step::Index(index) => push_index(&mut pointer, *index),
            }
        }
        pointer
    }
}

#[derive(Clone, Copy)]
struct Seed<'t> {
    trace: &'t RefCell<Trace>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(Problem::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn fail<E: serde::de::Error>(self, problem: Problem) -> E {
        self.trace.borrow_mut().problem = Some(problem);
        E::custom("")
    }

    fn leave(self, step: Step) {
        self.trace.borrow_mut().steps.push(step);
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut array = Vec::new();
        loop {
            match elements.next_element_seed(seed) {
                Ok(Some(value)) => array.push(value),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.leave(Step::Index(array.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                self.leave(Step::Key(key.clone()));
                return Err(self.fail(Problem::DuplicateKey(key)));
            }
            match entries.next_value_seed(seed) {
                Ok(value) => object.insert(key, value),
                Err(error) => {
                    self.leave(Step::Key(key));
                    return Err(error);
                }
            };
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
