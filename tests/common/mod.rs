//! Test data: the directory in NEYMAN_DATA, with `workspaces/*.json` and `goldens/*.json`.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::{Path, PathBuf};

use neyman::spec::{
    Channel, Measurement, Modifier, ModifierKind, Observation, ParameterConfig, Sample, Workspace,
};
use serde_json::Value;

/// The data directory; tests that need it are skipped, aloud, without.
pub(crate) fn data_directory() -> Option<PathBuf> {
    let directory = std::env::var_os("NEYMAN_DATA").map(PathBuf::from);
    if directory.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    directory
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A number of a golden file, where non-finite ones are strings.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value
            .as_f64()
            .unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {value}"))
        .iter()
        .map(number)
        .collect()
}

/// Reads a workspace with as little as the goldens need.
pub(crate) fn load_workspace(path: &Path) -> Workspace {
    let document = read_json(path);
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let modifier = |value: &Value| Modifier {
        name: string(&value["name"]),
        kind: match value["type"].as_str().expect("a type") {
            "normfactor" => ModifierKind::NormFactor,
            "normsys" => ModifierKind::NormSys {
                hi: number(&value["data"]["hi"]),
                lo: number(&value["data"]["lo"]),
            },
            "histosys" => ModifierKind::HistoSys {
                hi_data: numbers(&value["data"]["hi_data"]),
                lo_data: numbers(&value["data"]["lo_data"]),
            },
            "shapefactor" => ModifierKind::ShapeFactor,
            "shapesys" => ModifierKind::ShapeSys(numbers(&value["data"])),
            "staterror" => ModifierKind::StatError(numbers(&value["data"])),
            "lumi" => ModifierKind::Lumi,
            other => panic!("modifier type {other}"),
        },
    };
    let sample = |value: &Value| Sample {
        name: string(&value["name"]),
        data: numbers(&value["data"]),
        modifiers: list(&value["modifiers"]).iter().map(modifier).collect(),
    };
    let pair = |value: &Value| (number(&value[0]), number(&value[1]));
    let config = |value: &Value| ParameterConfig {
        name: string(&value["name"]),
        inits: value.get("inits").map(numbers),
        bounds: value
            .get("bounds")
            .map(|bounds| list(bounds).iter().map(pair).collect()),
        auxdata: value.get("auxdata").map(numbers),
        factors: value.get("factors").map(numbers),
        sigmas: value.get("sigmas").map(numbers),
        fixed: value.get("fixed").and_then(Value::as_bool),
    };
    Workspace {
        channels: list(&document["channels"])
            .iter()
            .map(|value| Channel {
                name: string(&value["name"]),
                samples: list(&value["samples"]).iter().map(sample).collect(),
            })
            .collect(),
        observations: list(&document["observations"])
            .iter()
            .map(|value| Observation {
                name: string(&value["name"]),
                data: numbers(&value["data"]),
            })
            .collect(),
        measurements: list(&document["measurements"])
            .iter()
            .map(|value| Measurement {
                name: string(&value["name"]),
                poi: value["config"]["poi"]
                    .as_str()
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned),
                parameters: list(&value["config"]["parameters"])
                    .iter()
                    .map(config)
                    .collect(),
            })
            .collect(),
    }
}
