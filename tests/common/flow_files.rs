//! Flows of smooth numbers, written as files and read again, that tests share.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use neyman::unbinned::pdf::flow::Flow;
use serde_json::{Value, json};

/// A file of arrays, in f64 or f32.
pub(crate) fn safetensors(arrays: &[(String, Vec<usize>, Vec<f64>)], single: bool) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in arrays {
        let start = data.len();
        for x in values {
            match single {
                true => data.extend((*x as f32).to_le_bytes()),
                false => data.extend(x.to_le_bytes()),
            }
        }
        let kind = if single { "F32" } else { "F64" };
        let entry = json!({"dtype": kind, "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), entry);
    }
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(data);
    file
}

pub(crate) type Arrays = Vec<(String, Vec<usize>, Vec<f64>)>;

/// A network of smooth numbers that other implementations can make as well: `scale sin(1 + 1.7 i + 0.9 j + seed)`.
pub(crate) fn network(name: &str, sizes: &[usize], seed: f64, scale: f64) -> Arrays {
    let mut arrays = Vec::new();
    for (n, size) in sizes.windows(2).enumerate() {
        let of = |i: usize, j: usize| {
            scale * (1.0 + 1.7 * i as f64 + 0.9 * j as f64 + seed + n as f64).sin()
        };
        let weights = (0..size[1]).flat_map(|i| (0..size[0]).map(move |j| of(i, j))).collect();
        arrays.push((format!("{name}.{}.weight", 2 * n), vec![size[1], size[0]], weights));
        let bias = (0..size[1]).map(|i| of(i, size[0])).collect();
        arrays.push((format!("{name}.{}.bias", 2 * n), vec![size[1]], bias));
    }
    arrays
}

/// A folder of our own with a manifest and its weights.
pub(crate) fn write(name: &str, manifest: &Value, arrays: &Arrays, single: bool) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // of this call alone: tests run beside each other
    let own = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = format!("flow_{name}_{}_{}", own.0, own.1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("weights.safetensors"), safetensors(arrays, single))
        .expect("a file");
    let path = folder.join("flow.json");
    std::fs::write(&path, manifest.to_string()).expect("a file");
    path
}

pub(crate) fn load(name: &str, manifest: &Value, arrays: &Arrays) -> Flow {
    let path = write(name, manifest, arrays, false);
    let flow = Flow::from_manifest(&path).unwrap_or_else(|e| panic!("{e}"));
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("ours");
    flow
}

pub(crate) fn manifest(observables: &[&str], context: &[&str], layers: Value) -> Value {
    json!({
        "schema_version": "neyman_flow_v1",
        "observable_names": observables,
        "context_names": context,
        "weights": "weights.safetensors",
        "layers": layers,
    })
}
