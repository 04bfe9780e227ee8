//! Files of named arrays in the format safetensors (version 0.3 and later): the header's length, u64, least byte
//! first; a header in JSON, name to `dtype`, `shape` and `data_offsets`; the values.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::spec::json;
use crate::spec::text::{list, quoted, suggestion};

/// An array, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// The arrays of a file by their names.
#[derive(Debug)]
pub(super) struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    /// Reads all arrays, or says what is wrong.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "this is no whole safetensors file".to_owned();
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        let (header, data) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let header = json::parse(header).map_err(|error| format!("its header: {error}"))?;
        let header = header.as_object().ok_or_else(damaged)?;
        let arrays = header.iter().filter(|(name, _)| *name != "__metadata__");
        let arrays = arrays.map(|(name, value)| {
            let tensor = tensor(value, data).map_err(|why| format!("{}: {why}", quoted(name)))?;
            Ok((name.clone(), tensor))
        });
        Ok(Self(arrays.collect::<Result<_, String>>()?))
    }

    pub(super) fn get(&self, name: &str) -> Result<&Tensor, String> {
        self.0.get(name).ok_or_else(|| {
            let names = || self.0.keys().map(String::as_str);
            let near = suggestion(name, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            format!("there is no array {}{near}", quoted(name))
        })
    }

    /// The numbers N for which there is an array `PREFIX.N.weight`, in order.
    pub(super) fn numbered(&self, prefix: &str) -> Vec<usize> {
        let number = |name: &String| {
            let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
            rest.strip_suffix(".weight")?.parse().ok()
        };
        let mut numbers: Vec<usize> = self.0.keys().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn tensor(value: &Value, data: &[u8]) -> Result<Tensor, String> {
    let sizes = |key: &str| -> Option<Vec<usize>> {
        let list = value.get(key)?.as_array()?;
        list.iter().map(|n| usize::try_from(n.as_u64()?).ok()).collect()
    };
    let shape = sizes("shape").ok_or("its shape is not there")?;
    let offsets = sizes("data_offsets").ok_or("its data_offsets are not there")?;
    let width = match value.get("dtype").and_then(Value::as_str) {
        Some("F64") => 8,
        Some("F32") => 4,
        other => {
            let other = other.map_or("missing".into(), quoted);
            return Err(format!("its dtype is {other}; F64 and F32 are read"));
        }
    };
    let n = shape.iter().try_fold(width, |n: usize, size| n.checked_mul(*size));
    let [start, end] = offsets[..] else { return Err("its data_offsets are not two".into()) };
    let bytes = data.get(start..end).filter(|bytes| Some(bytes.len()) == n);
    let bytes = bytes.ok_or("its data_offsets do not fit its shape, or the file is cut short")?;
    let values: Vec<f64> = match width {
        8 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8"))).collect(),
        _ => bytes
            .chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes(b.try_into().expect("4"))))
            .collect(),
    };
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("its value {at} is {}, not a finite number", values[at])),
        None => Ok(Tensor { shape, values }),
    }
}
