//! Specifications: what is read, what is refused and where, and that the schema and the reader agree.

use std::path::{Path, PathBuf};

use neyman::Error;
use neyman::fit::Status;
use neyman::unbinned::events::ReadOptions;
use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::spec::{Specification, Version, load, parse};
use neyman::unbinned::{EventTable, Observable};
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
    refused(&with(&at("pdf/type"), json!("dcr_surrogate")), &at("pdf/type"), "not supported yet");
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
        "need the same observables",
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

#[test]
fn what_is_wrong_with_a_density_has_its_place() {
    let second = "/channels/1/processes";
    let component = |rest: &str| format!("{second}/0/pdf/components/{rest}");
    let refused_at = |path: &str, value: Value, says: &str| refused(&with(path, value), path, says);
    refused_at(
        &component("1/observable"),
        json!("mass"),
        "another density of this product is one of \"mass\"",
    );
    refused_at(&component("1/observable"), json!("mas"), "did you mean \"mass\"");
    refused_at(&component("1/type"), json!("dcr_surrogate"), "not supported yet");
    refused_at(&component("1/params/0"), json!("slop"), "did you mean \"slope\"");
    let one = json!([{"type": "uniform", "observable": "pt"}]);
    refused_at(
        &format!("{second}/1/pdf/components"),
        one,
        "all processes of a channel need the same",
    );
    let first = complete();
    let processes = first["channels"][0]["processes"].as_array().expect("processes");
    let of = |kind: &str| {
        let at = processes.iter().position(|p| p["pdf"]["type"] == kind).expect(kind);
        move |rest: &str| format!("/channels/0/processes/{at}/pdf/{rest}")
    };
    let spline = of("spline");
    let from = spline("");
    let pdf = from.trim_end_matches('/');
    refused(&with(&spline("knots_y/1"), json!(-2)), pdf, "the value at knot 1 is -2");
    refused(&with(&spline("knots_x/1"), json!(60)), pdf, "knot 1 = 60 must be above");
    refused(&with(&spline("knots_x"), json!([60, 120])), pdf, "4 values for 2 knots");
    let histogram = of("histogram_from_tree");
    refused(
        &with(&histogram("bin_edges/0"), json!(50)),
        &histogram("bin_edges"),
        "from 50 to 120, the observable's bounds from 60 to 120",
    );
    refused_at(&histogram("bin_edges"), json!([60, 100, 80, 120]), "must be above edge");
    refused_at(&histogram("pseudo_count"), json!(-1), "0 or more");
    refused_at(&histogram("max_events"), json!(1.5), "whole number");
    refused_at(&histogram("max_events"), json!(0), "whole number");
    refused_at(&histogram("weight_systematics"), json!([{}]), "not supported yet");
    refused_at(&histogram("horizontal_systematics"), json!([{}]), "not supported yet");
    refused_at(&histogram("source/tree"), json!("nominal"), "ROOT files are not supported");
    refused_at(&histogram("source/selection"), json!("abs(pt) > 1"), "no comparison");
    refused_at(
        &histogram("source/out_of_bounds"),
        json!("clip"),
        "known here are \"error\", \"drop\"",
    );
    refused_at(&of("kde_from_tree")("bandwidth"), json!(-1), "bandwidth = -1");
    // not in the peer's version
    let mut old = complete();
    old["schema_version"] = json!("nextstat_unbinned_spec_v0");
    refused(&old, "/channels/0/processes/16/pdf/source/out_of_bounds", "unknown key");
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
    let histfactory = json!({
        "workspace": "w.json",
        "measurement": "m",
        "patch": ["patch.json", {"file": "set.json", "name": "a point"}],
    });
    let joint = with("/model/histfactory", histfactory);
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
    for document in [complete(), joint] {
        assert!(is_valid(&schema, &schema, &document));
        let mut all = Vec::new();
        places(&document, String::new(), &mut all);
        assert!(all.len() > 250, "{}", all.len());
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

/// Densities of simulated events are what the same events make by hand, and events outside are counted.
#[test]
fn simulated_events_make_densities() {
    let Some(directory) = directory() else { return };
    let folder = scratch("unbinned_simulated");
    let path = folder.join("spec.yaml");
    let file = directory.join("ev_zstd.parquet");
    let process = |pdf: &str| {
        format!("      - {{name: \"{pdf}\", yield: {{type: fixed, value: 500}}, pdf: {{{pdf}}}}}\n")
    };
    let file = file.display();
    let source = format!("source: {{file: {file}, out_of_bounds: drop}}");
    let histogram = format!(
        "type: histogram_from_tree, observable: m, bin_edges: [66, 72, 90, 110], pseudo_count: 0.5, {source}"
    );
    let kde =
        format!("type: kde_from_tree, observable: m, bandwidth: 2.5, max_events: 300, {source}");
    let head = format!(
        "schema_version: neyman_unbinned_spec_v1
model:
  parameters: [{{name: a, init: 0.0, bounds: [0.0, 0.0]}}]
channels:
  - name: SR
    data: {{file: {file}, out_of_bounds: drop}}
    observables: [{{name: m, expr: mass, bounds: [66.0, 110.0]}}, {{name: pt, bounds: [0, 1e6]}}]
    processes:
"
    );
    let write = |text: String| std::fs::write(&path, text).expect("a file");
    write(head.clone() + &process(&histogram) + &process(&kde));
    let loaded = load(&path).expect("a model");
    let channel = loaded.model.channels().next().expect("a channel");
    // by hand
    let all = Observable::new("mass", -1e9, 1e9).expect("a window");
    let options = ReadOptions { weight: Some("_weight".into()), ..ReadOptions::default() };
    let raw = EventTable::from_parquet(directory.join("ev_zstd.parquet"), &[all], &options);
    let raw = raw.expect("events");
    let pairs = raw.column("mass").expect("mass").iter().zip(raw.weights().expect("weights"));
    let inside: Vec<(f64, f64)> =
        pairs.filter(|(x, _)| (66.0..=110.0).contains(*x)).map(|(x, w)| (*x, *w)).collect();
    assert_eq!(channel.events.n(), inside.len());
    assert_eq!(channel.events.dropped(), 1000 - inside.len());
    let sum = |lo: f64, hi: f64| -> f64 {
        inside.iter().filter(|(x, _)| lo <= *x && *x < hi).map(|(_, w)| w).sum()
    };
    let contents = [sum(66.0, 72.0), sum(72.0, 90.0), sum(90.0, 110.1)].map(|c| c + 0.5);
    let window = Observable::new("mass", 66.0, 110.0).expect("a window");
    let (x, w): (Vec<f64>, Vec<f64>) = inside[..300].iter().copied().unzip();
    let by_hand = [
        Pdf::histogram(&window, &[66.0, 72.0, 90.0, 110.0], &contents).expect("bins"),
        Pdf::kde(&window, &x, Some(&w), 2.5).expect("kernels"),
    ];
    let points: Vec<f64> = (0..=44).map(|i| 66.0 + f64::from(i)).collect();
    let logs = |pdf: &Pdf| {
        let mut out = vec![0.0; points.len()];
        pdf.log_prob(&[], &[&points], &mut out).expect("values");
        out
    };
    for (process, pdf) in channel.processes.iter().zip(&by_hand) {
        for (a, b) in logs(&process.pdf).iter().zip(logs(pdf)) {
            assert!((a - b).abs() < 1e-12, "{}: {a} {b}", process.name);
        }
    }
    let refused = |text: String, pointer: &str, says: &str| {
        write(text);
        let error = load(&path).expect_err("refused");
        let Error::Specification { path: found, message } = &error else { panic!("{error}") };
        assert!(message.contains(says), "{error}");
        assert_eq!(found, pointer, "{error}");
    };
    let pdf = "/channels/0/processes/0/pdf";
    let changed = |from: &str, to: &str| head.clone() + &process(&kde.replace(from, to));
    refused(
        changed("drop}", "drop, selection: massa < 80}"),
        &format!("{pdf}/source/selection"),
        "did you mean \"mass\"",
    );
    refused(
        changed("drop}", "drop, selection: mass < 1}"),
        &format!("{pdf}/source"),
        "has no event for this density",
    );
    refused(
        changed("drop}", "drop, weight: w}"),
        &format!("{pdf}/source/weight"),
        "no column \"w\"",
    );
    write(changed(", out_of_bounds: drop", ""));
    assert!(load(&path).expect_err("refused").is_events());
    write(changed("zstd", "nowhere"));
    assert!(load(&path).expect_err("refused").is_io());
    std::fs::remove_dir_all(folder).expect("ours");
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
