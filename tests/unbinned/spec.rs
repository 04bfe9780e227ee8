//! Specifications: what is read, what is refused and where, and that the schema and the reader agree.

use std::path::{Path, PathBuf};

use neyman::Error;
use neyman::fit::Status;
use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::spec::{Specification, Version, load, parse};
use serde_json::{Value, json};

use crate::schema::is_valid;
use crate::{directory, goldens, number};

/// Every key and every density. The files need not be there.
const COMPLETE: &str = include_str!("complete.yaml");

fn complete() -> Value {
    parse(COMPLETE.as_bytes()).expect("YAML")
}

fn refused(value: &Value, path: &str, says: &str) {
    let error = Specification::new(value).expect_err("refused");
    let Error::Specification { path: found, message } = &error else { panic!("{error}") };
    assert!(message.contains(says), "{error}");
    assert_eq!(found, path, "{error}");
}

/// The complete document with another value at `path`; a key that is not there comes in.
fn with(path: &str, value: Value) -> Value {
    let mut document = complete();
    let (parent, key) = path.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("a place") {
        Value::Object(object) => drop(object.insert(key.into(), value)),
        Value::Array(list) => list[key.parse::<usize>().expect("an index")] = value,
        other => panic!("{parent} is {other}"),
    }
    document
}

#[test]
fn complete_documents_are_read() {
    Specification::new(&complete()).expect("a specification");
    // the same in JSON, with the same content
    let text = complete().to_string();
    assert_eq!(parse(text.as_bytes()).expect("JSON"), complete());
}

#[test]
fn what_is_wrong_has_its_place() {
    refused(&with("/chanels", json!([])), "/chanels", "did you mean \"channels\"");
    refused(&with("/schema_version", json!("v3")), "/schema_version", "not known");
    refused(&with("/model/poi", json!("mue")), "/model/poi", "did you mean \"mu\"");
    let first = "/model/parameters/0";
    refused(
        &with(&format!("{first}/init"), json!("1")),
        &format!("{first}/init"),
        "remove the quotes",
    );
    refused(&with(&format!("{first}/init"), json!(99)), first, "initial value 99");
    refused(
        &with(&format!("{first}/bounds"), json!([1])),
        &format!("{first}/bounds"),
        "two numbers",
    );
    refused(&with("/model/parameters/1/name", json!("mu")), "/model/parameters/1/name", "twice");
    let process = "/channels/0/processes/0";
    let at = |rest: &str| format!("{process}/{rest}");
    refused(&with(&at("pdf/type"), json!("gausian")), &at("pdf/type"), "did you mean \"gaussian\"");
    for kind in ["spline", "product", "flow", "conditional_flow", "dcr_surrogate"] {
        refused(&with(&at("pdf/type"), json!(kind)), &at("pdf/type"), "not supported yet");
    }
    for kind in ["histogram_from_tree", "kde_from_tree"] {
        refused(&with(&at("pdf/type"), json!(kind)), &at("pdf/type"), kind);
    }
    refused(
        &with(&at("pdf/params"), json!(["mean"])),
        &at("pdf/params"),
        "1 value for 2 parameters",
    );
    refused(
        &with(&at("pdf/params/1"), json!("widt")),
        &at("pdf/params/1"),
        "did you mean \"width\"",
    );
    refused(&with(&at("pdf/observable"), json!("pt2")), &at("pdf/observable"), "no observable");
    refused(
        &with(&at("pdf/observable"), json!("pt")),
        "/channels/0/processes/1/pdf/observable",
        "same observable",
    );
    refused(&with(&at("yield/base_yield"), json!(-1)), &at("yield/base_yield"), "0 or more");
    let modifier = at("yield/modifiers/0");
    refused(&with(&format!("{modifier}/lo"), json!(0)), &modifier, "above 0");
    refused(
        &with(&format!("{modifier}/interp_code"), json!("code0")),
        &format!("{modifier}/interp_code"),
        "code4",
    );
    let data = |rest: &str| format!("/channels/0/data/{rest}");
    refused(&with(&data("tree"), json!("events")), &data("tree"), "ROOT files are not supported");
    refused(&with(&data("format"), json!("root")), &data("format"), "ROOT files are not supported");
    refused(&with(&data("selection"), json!("abs(eta) < 1")), &data("selection"), "abs(eta) < 1");
    refused(
        &with("/channels/0/observables/0/expr", json!("m / 1000")),
        "/channels/0/observables/0/expr",
        "formulas",
    );
    refused(
        &with("/channels/0/observables/0/bounds", json!([9, 1])),
        "/channels/0/observables/0/bounds",
        "lower one first",
    );
    refused(
        &with("/channels/0/include_in_fit", json!("yes")),
        "/channels/0/include_in_fit",
        "true or false",
    );
    assert!(parse(b"{\"a\": 1, \"a\": 2}").is_err());
}

/// Every place of a document, as a pointer.
fn places(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                places(
                    value,
                    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| places(v, format!("{path}/{i}"), found));
        }
        _ => {}
    }
    found.push(path);
}

/// Keys taken out one by one, unknown ones put in everywhere, every value of every other type.
#[test]
fn schema_and_reader_agree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/unbinned_spec_v1.schema.json");
    let schema = std::fs::read_to_string(path).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let document = complete();
    assert!(is_valid(&schema, &schema, &document));
    let mut all = Vec::new();
    places(&document, String::new(), &mut all);
    assert!(all.len() > 250, "{}", all.len());
    let (mut good, mut bad) = (0, 0);
    let mut compare = |what: &str, path: &str, changed: &Value| {
        let read = Specification::new(changed);
        let valid = is_valid(&schema, &schema, changed);
        assert_eq!(
            valid,
            read.is_ok(),
            "{what} at {path}: {:?}",
            read.err().map(|e| e.to_string())
        );
        if valid { good += 1 } else { bad += 1 }
    };
    let others = [json!(null), json!(true), json!("text"), json!([]), json!({})];
    for path in &all {
        let mut changed = document.clone();
        if let Some(object) = changed.pointer_mut(path).and_then(Value::as_object_mut) {
            object.insert("surprise".into(), json!(1));
            compare("an unknown key", path, &changed);
        }
        let Some((parent, key)) = path.rsplit_once('/') else { continue };
        let mut changed = document.clone();
        if let Some(object) = changed.pointer_mut(parent).and_then(Value::as_object_mut) {
            object.remove(key);
            compare("a missing key", path, &changed);
        }
        for other in &others {
            // a text may name nothing, and a list be too short: the schema knows no names and no lengths
            // that depend on others
            if other.is_string()
                && document.pointer(path).is_some_and(|v| v.is_string() || v.is_number())
            {
                continue;
            }
            let mut changed = document.clone();
            *changed.pointer_mut(path).expect("a place") = other.clone();
            compare(&other.to_string(), path, &changed);
        }
    }
    assert!(good > 20 && bad > 1000, "{good} {bad}");
}

/// A folder of our own.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// What a user copies: the example fits, and it and the manual's specification are what the schema says.
#[test]
fn examples_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect(name);
    let manual = read("docs/cli.md");
    let block = manual.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let schema = parse(read("docs/unbinned_spec_v1.schema.json").as_bytes()).expect("JSON");
    for text in [block.expect("a specification"), &read("examples/unbinned/search.yaml")] {
        let value = parse(text.as_bytes()).expect("YAML");
        Specification::new(&value).expect("a specification");
        assert!(is_valid(&schema, &schema, &value));
    }
    let loaded = load(root.join("examples/unbinned/search.yaml")).expect("a model");
    let fitted = loaded.model.fit(&FitOptions::default()).expect("a fit");
    assert_eq!(fitted.status, Status::Converged);
    // as its events were made
    for (k, truth) in [1.0, 91.0, 2.5, -0.03, 600.0, 1400.0].into_iter().enumerate() {
        let (value, sigma) = (fitted.parameters[k], fitted.uncertainties[k]);
        assert!((value - truth).abs() < 3.0 * sigma, "{k}: {value} +- {sigma}");
    }
    for (channel, events) in loaded.model.channels().zip([750, 1750]) {
        let expected = |p: &neyman::unbinned::model::Process| {
            p.expected.at(&fitted.parameters, &mut [], &mut []).expect("a yield")
        };
        let sum: f64 = channel.processes.iter().map(expected).sum();
        assert_eq!(channel.events.n(), events);
        assert!((sum - events as f64).abs() < 10.0, "{sum}");
    }
}

fn peer_document(file: &Path) -> String {
    format!(
        "schema_version: nextstat_unbinned_spec_v0
model:
  poi: n
  parameters:
    - {{name: n, init: 900.0, bounds: [0.0, 5000.0]}}
    - {{name: c1, init: 0.0, bounds: [-0.9, 0.9]}}
    - {{name: alpha, init: 0.0, bounds: [-5, 5], constraint: {{type: gaussian, mean: 0, sigma: 1}}}}
channels:
  - name: SR
    data: {{file: {}}}
    observables: [{{name: mass, bounds: [-10000.0, 10000.0]}}]
    processes:
      - name: all
        pdf: {{type: chebyshev, observable: mass, params: [c1]}}
        yield:
          type: parameter
          name: n
          modifiers: [{{type: normsys, param: alpha, lo: 0.95, hi: 1.05}}]
",
        file.display()
    )
}

#[test]
fn events_come_from_parquet() {
    let Some(directory) = directory() else { return };
    let folder = scratch("unbinned_load");
    let path = folder.join("spec.yaml");
    let text = peer_document(&directory.join("ev_zstd.parquet"));
    std::fs::write(&path, &text).expect("a file");
    let loaded = load(&path).expect("a model");
    assert_eq!((loaded.version, loaded.poi), (Version::NextstatV0, Some(0)));
    let golden = goldens().expect("goldens")["parquet"]["columns"]["_weight"]["sum"].take();
    let events: Vec<_> = loaded.model.channels().collect();
    // the file's own weights
    assert!((events[0].events.sum_w() - number(&golden)).abs() < 1e-9);
    let fitted = loaded.model.fit(&FitOptions::default()).expect("a fit");
    assert_eq!(fitted.status, Status::Converged);
    assert!((fitted.parameters[0] - number(&golden)).abs() < 1e-4, "{fitted:?}");
    assert!(fitted.parameters[2].abs() < 1e-9, "{fitted:?}");

    let missing = |from: &str, to: &str, path_of: &str, says: &str| {
        std::fs::write(&path, text.replace(from, to)).expect("a file");
        let error = load(&path).expect_err("refused");
        let Error::Specification { path: found, message } = &error else { panic!("{error}") };
        assert!(message.contains(says), "{error}");
        assert_eq!(found, path_of, "{error}");
    };
    missing(
        "name: mass,",
        "name: mass, expr: mas,",
        "/channels/0/observables/0",
        "did you mean \"mass\"",
    );
    missing(
        "zstd.parquet",
        "zstd.parquet, weight: w",
        "/channels/0/data/weight",
        "no column \"w\"",
    );
    missing("zstd.parquet", "zstd.parquet, channel: SR", "/channels/0/data/channel", "_channel");
    missing(
        "zstd.parquet",
        "zstd.parquet, selection: q < 1",
        "/channels/0/data/selection",
        "no column \"q\"",
    );
    missing(
        "zstd.parquet}",
        "zstd.parquet}\n    include_in_fit: false",
        "/channels",
        "no channel is left",
    );
    std::fs::write(&path, text.replace("zstd.parquet", "nowhere.parquet")).expect("a file");
    assert!(load(&path).expect_err("refused").is_io());
    std::fs::write(&path, text.replace("10000.0, 10000.0", "1.0, 100.0")).expect("a file");
    assert!(load(&path).expect_err("refused").is_events());
    std::fs::remove_dir_all(folder).expect("ours");
}
