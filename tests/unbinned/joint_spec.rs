//! `model.histfactory` of specifications: what is read, what is left to the workspace, what is refused and where.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use neyman::Error;
use neyman::unbinned::fit::FitOptions;
use neyman::unbinned::spec::{GivenEvents, Loaded, Specification, build};
use serde_json::{Value, json};

/// A folder with a workspace of one channel, a patch of it, and a patchset that is for another.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let normsys = json!({"name": "scale", "type": "normsys", "data": {"lo": 0.95, "hi": 1.06}});
    let mu = json!({"name": "mu", "type": "normfactor", "data": null});
    let measurement = |name: &str, poi: &str, fixed: bool| {
        json!({"name": name, "config": {"poi": poi, "parameters": [
            {"name": "mu", "bounds": [[0.0, 7.0]], "inits": [0.5], "fixed": fixed}]}})
    };
    let workspace = json!({
        "channels": [{"name": "CR", "samples": [
            {"name": "signal", "data": [5.0, 2.0], "modifiers": [mu]},
            {"name": "background", "data": [50.0, 60.0], "modifiers": [normsys]}]}],
        "observations": [{"name": "CR", "data": [57.0, 61.0]}], "version": "1.0.0",
        "measurements": [measurement("free", "mu", false), measurement("held", "mu", true)]
    });
    let patch = json!([{"op": "replace", "path": "/observations/0/data", "value": [71.0, 40.0]}]);
    let write = |name: &str, value: &Value| {
        std::fs::write(folder.join(name), value.to_string()).expect("a file");
    };
    write("w.json", &workspace);
    write("patch.json", &patch);
    folder
}

fn document(histfactory: Value) -> Value {
    json!({
        "schema_version": "neyman_unbinned_spec_v1",
        "model": {"histfactory": histfactory, "parameters": [
            {"name": "mu"},
            {"name": "scale", "bounds": [-3, 3]},
            {"name": "nu", "init": 10, "bounds": [0, 100]},
        ]},
        "channels": [{
            "name": "SR",
            "observables": [{"name": "mass", "bounds": [60, 120]}],
            "processes": [
                {"name": "signal", "pdf": {"type": "gaussian", "observable": "mass", "params": [90, 2.5]},
                 "yield": {"type": "scaled", "base_yield": 4, "scale": "mu"}},
                {"name": "background", "pdf": {"type": "uniform", "observable": "mass"},
                 "yield": {"type": "parameter", "name": "nu",
                           "modifiers": [{"type": "normsys", "param": "scale", "lo": 0.9, "hi": 1.1}]}},
            ],
        }],
    })
}

fn built(value: &Value, folder: &Path) -> neyman::Result<Loaded> {
    let mass = vec![62.0, 71.0, 88.0, 89.0, 90.5, 92.0, 101.0, 117.0];
    let columns = vec![("mass".to_owned(), mass)].into_iter().collect();
    build(value, folder, HashMap::from([("SR".into(), GivenEvents { columns, weights: None })]))
}

#[test]
fn what_is_not_stated_is_the_workspaces() {
    let folder = folder("joint_spec_read");
    let loaded = built(&document(json!({"workspace": "w.json"})), &folder).expect("a model");
    let parameters = loaded.model.parameters();
    assert_eq!((parameters[0].init, parameters[0].bounds), (0.5, (0.0, 7.0)));
    assert_eq!((parameters[1].init, parameters[1].bounds), (0.0, (-3.0, 3.0)));
    assert_eq!(loaded.model.prefit(1), Some((0.0, 1.0)));
    assert_eq!(parameters.len(), 3);
    assert_eq!(loaded.poi, Some(0));
    let source = loaded.binned.expect("a source");
    assert_eq!((&*source.measurement, source.digest.len()), ("free", 64));
    assert_eq!(source.workspace, folder.join("w.json"));
    assert!(loaded.model.fit(&FitOptions::default()).expect("a fit").status.is_converged());

    let held = json!({"workspace": "w.json", "measurement": "held", "patch": "patch.json"});
    let loaded = built(&document(held.clone()), &folder).expect("a model");
    assert_eq!(loaded.model.parameters()[0].bounds, (0.5, 0.5));
    assert_eq!(loaded.model.binned().expect("bins").data().main, [71.0, 40.0]);
    let mut stated = document(held);
    stated["model"]["parameters"][0] = json!({"name": "mu", "init": 2, "bounds": [0, 4]});
    stated["model"]["poi"] = json!("scale");
    let loaded = built(&stated, &folder).expect("a model");
    assert_eq!(loaded.model.parameters()[0].bounds, (0.0, 4.0));
    assert_eq!(loaded.poi, Some(1));
    let many = json!({"workspace": "w.json", "patch": ["patch.json"]});
    assert!(built(&document(many), &folder).is_ok());
    std::fs::remove_dir_all(folder).expect("ours");
}

#[test]
fn what_is_wrong_has_its_place() {
    let folder = folder("joint_spec_refused");
    let refused = |value: &Value, path: &str, says: &str| {
        let error = built(value, &folder).expect_err("refused");
        let Error::Specification { path: found, message } = &error else { panic!("{error}") };
        assert!(message.contains(says), "{error}");
        assert_eq!(found, path, "{error}");
    };
    let place = "/model/histfactory";
    let of = |key: &str, value: Value| {
        let mut histfactory = json!({"workspace": "w.json"});
        histfactory[key] = value;
        document(histfactory)
    };
    let at = |key: &str| format!("{place}/{key}");
    refused(&of("mesurement", json!("m")), &at("mesurement"), "did you mean \"measurement\"");
    refused(&of("measurement", json!("fre")), &at("measurement"), "did you mean \"free\"");
    refused(&of("workspace", json!("")), &at("workspace"), "empty");
    refused(&of("workspace", json!("patch.json")), &at("workspace"), "patch.json");
    refused(&of("patch", json!("w.json")), &at("patch"), "no list of operations");
    let named = json!([{"file": "patch.json", "name": "x"}]);
    refused(&of("patch", named), &at("patch/0"), "no names");
    refused(&document(json!({})), place, "workspace");
    assert!(built(&of("workspace", json!("none.json")), &folder).expect_err("refused").is_io());

    let with = |path: &str, value: Value| {
        let mut document = document(json!({"workspace": "w.json"}));
        let (parent, key) = path.rsplit_once('/').expect("a pointer");
        match document.pointer_mut(parent).expect("a place") {
            Value::Array(list) => list[key.parse::<usize>().expect("an index")] = value,
            place => place[key] = value,
        }
        document
    };
    let first = "/model/parameters/0";
    refused(&with("/model/poi", json!("mue")), "/model/poi", "did you mean \"mu\"");
    let lost = json!({"name": "nu", "init": 3});
    refused(&with("/model/parameters/2", lost), "/model/parameters/2", "has no parameter \"nu\"");
    // the workspace starts at 0.5
    refused(&with(first, json!({"name": "mu", "bounds": [1, 4]})), first, "initial value 0.5");
    let other = json!({"type": "gaussian", "mean": 0, "sigma": 2});
    refused(
        &with("/model/parameters/1/constraint", other),
        place,
        "parameter \"scale\": constrained to 0 +- 2",
    );
    refused(&with("/schema_version", json!("nextstat_unbinned_spec_v0")), place, "unknown key");
    // without a workspace all is to be stated
    let mut alone = document(json!(null));
    let error = Specification::new(&alone).expect_err("refused").to_string();
    assert!(error.contains("init"), "{error}");
    alone["channels"][0]["name"] = json!("CR");
    alone["model"]["histfactory"] = json!({"workspace": "w.json"});
    let columns = vec![("mass".to_owned(), vec![90.0])].into_iter().collect();
    let given = HashMap::from([("CR".into(), GivenEvents { columns, weights: None })]);
    let error = build(&alone, &folder, given).expect_err("refused").to_string();
    assert!(error.contains("channel \"CR\" is there twice"), "{error}");
    std::fs::remove_dir_all(folder).expect("ours");
}
