use serde_json::json;

use super::*;

const SMALL: &str = include_str!("../../tests/data/all_modifiers.json");

fn document() -> Value {
    json::parse(SMALL.as_bytes()).unwrap()
}

/// Reads and checks the small workspace with one value replaced.
fn with(pointer: &str, value: Value) -> Result<Vec<Warning>> {
    let mut document = document();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    let (workspace, mut warnings) = workspace(&document)?;
    warnings.extend(check_measurement(&workspace, 0)?);
    Ok(warnings)
}

#[track_caller]
fn refused(pointer: &str, value: Value, at: &str, words: &str) {
    match with(pointer, value).unwrap_err() {
        crate::Error::Specification { path, message } => {
            assert_eq!(path, at, "{message}");
            assert!(message.contains(words), "{message}");
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn warned(pointer: &str, value: Value, at: &str, words: &str) {
    let warnings = with(pointer, value).unwrap();
    assert!(warnings.iter().any(|w| w.path == at && w.message.contains(words)), "{warnings:?}");
}

const SR: &str = "/channels/0/samples";
const CONFIG: &str = "/measurements/0/config";

#[test]
fn a_workspace_survives_writing() {
    let (read, warnings) = workspace(&document()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(workspace(&to_value(&read)).unwrap().0, read);
    assert_eq!(read.channels[1].samples[0].data, [210.0, 180.0]);
    assert_eq!(read.measurements[0].parameters[1].bounds, Some(vec![(-5.0, 20.0)]));
}

#[test]
fn only_the_measurement_used_is_held_against_the_model() {
    let load_named = |name: Option<&str>| {
        let measurement = name.map(str::to_owned);
        load(SMALL.as_bytes(), &LoadOptions { measurement, ..LoadOptions::default() })
    };
    assert_eq!(load_named(None).unwrap().measurement, 0);
    let error = load_named(Some("other")).unwrap_err().to_string();
    assert!(error.starts_with("/measurements/1/config/poi: "), "{error}");
    let error = load_named(Some("fot")).unwrap_err().to_string();
    assert_eq!(
        error,
        "no measurement is named \"fot\"; did you mean \"fit\"?; there are \"fit\", \"other\""
    );
}

#[test]
fn a_patch_can_bring_the_parameter_of_interest() {
    let patch = json!([
        {"op": "add", "path": "/channels/1/samples/-", "value": {
            "name": "new", "data": [1, 2],
            "modifiers": [{"name": "later", "type": "normfactor", "data": null},
                          {"name": "lumi", "type": "lumi", "data": null}]}},
        {"op": "copy", "from": "/measurements/0/config/parameters/0",
         "path": "/measurements/1/config/parameters/0"}
    ]);
    let mut options = LoadOptions {
        patches: vec![PatchSource::Patch(patch.to_string().into_bytes())],
        measurement: Some("other".into()),
        ..LoadOptions::default()
    };
    let loaded = load(SMALL.as_bytes(), &options).unwrap();
    assert_eq!(loaded.workspace.channels[1].samples.len(), 2);
    assert_ne!(loaded.digest, digest::digest(&document(), "sha256").unwrap());

    options.patches.push(PatchSource::Patch(b"[{\"op\": \"remove\", \"path\": \"/x\"}]".to_vec()));
    let error = load(SMALL.as_bytes(), &options).unwrap_err().to_string();
    assert!(error.starts_with("/0/path: in patch 2: no key \"x\" at the root"), "{error}");
}

#[test]
fn fields_are_of_their_type() {
    let data = &format!("{SR}/0/data");
    refused(&format!("{data}/0"), json!("3.5"), &format!("{data}/0"), "remove the quotes");
    refused(
        &format!("{data}/1"),
        json!(true),
        &format!("{data}/1"),
        "expected a number, found true",
    );
    refused(data, json!(null), data, "expected an array, found null");
    refused(data, json!([]), data, "must not be empty");
    refused("", json!([1]), "", "expected an object at the root");
    refused("/version", json!("2.0.0"), "/version", "1.0.0");
    let modifier = format!("{SR}/0/modifiers/2");
    refused(
        &format!("{modifier}/type"),
        json!("normsyst"),
        &format!("{modifier}/type"),
        "did you mean \"normsys\"",
    );
    refused(
        &format!("{modifier}/data"),
        json!({"hi": 1.0}),
        &format!("{modifier}/data"),
        "\"lo\" is missing",
    );
    refused(
        &format!("{modifier}/data/lo"),
        json!(0),
        &format!("{modifier}/data/lo"),
        "greater than 0",
    );
    refused(&modifier, json!({"name": "a", "type": "normsys"}), &modifier, "\"data\" is missing");
    refused(
        &modifier,
        json!({"name": "a", "type": "normfactor", "data": 1}),
        &format!("{modifier}/data"),
        "expected null",
    );
    refused(
        &modifier,
        json!({"name": "a", "type": "lumi", "data": null}),
        &format!("{modifier}/name"),
        "must be named \"lumi\"",
    );
    refused(
        &modifier,
        json!({"name": "a", "type": "lumi", "data": null, "x\u{1b}": 1}),
        &format!("{modifier}/x\\u{{1b}}"),
        "unknown key \"x\\u{1b}\"",
    );
    warned(
        &format!("{modifier}/data"),
        json!({"hi": 1, "lo": 1, "mid": 1}),
        &format!("{modifier}/data/mid"),
        "ignored",
    );
}

#[test]
fn other_formats_are_refused_by_name() {
    refused(
        "",
        json!({"distributions": [{"axes": [{"nbins": 1_000_000_000}]}]}),
        "/distributions",
        "HS3",
    );
    refused("", json!({"patches": [], "metadata": {}}), "", "patchset");
    refused("", json!([{"op": "add"}]), "", "JSON patch");
}

#[test]
fn lengths_names_and_counts_agree() {
    let control = "/channels/1/samples/0";
    refused(&format!("{SR}/1/data"), json!([1, 2, 3]), &format!("{SR}/1/data"), "expected 2 bins");
    refused(
        &format!("{SR}/1/modifiers/0/data/hi_data"),
        json!([1]),
        &format!("{SR}/1/modifiers/0/data/hi_data"),
        "found 1",
    );
    refused(
        &format!("{control}/modifiers/0/data"),
        json!([1]),
        &format!("{control}/modifiers/0/data"),
        "found 1",
    );
    refused(
        &format!("{control}/modifiers/0/data/1"),
        json!(-1),
        &format!("{control}/modifiers/0/data/1"),
        "negative",
    );
    refused("/channels/1/name", json!("signal region"), "/channels/1/name", "a second channel");
    refused(&format!("{SR}/1/name"), json!("signal"), &format!("{SR}/1/name"), "a second sample");
    refused("/measurements/1/name", json!("fit"), "/measurements/1/name", "a second measurement");
    refused(
        &format!("{SR}/0/modifiers/2"),
        json!({"name": "mu", "type": "normfactor", "data": null}),
        &format!("{SR}/0/modifiers/2"),
        "a second normfactor",
    );
    refused(
        "/observations/1/name",
        json!("signal region"),
        "/observations/1/name",
        "a second observation",
    );
    refused("/observations/0/data", json!([1]), "/observations/0/data", "expected 2 bins");
    refused("/observations/0/data/1", json!(-1), "/observations/0/data/1", "negative");
    refused(
        "/observations",
        json!([{"name": "signal region", "data": [1, 2]}]),
        "/channels/1",
        "no observation",
    );
    warned(&format!("{SR}/0/data/1"), json!(-0.5), &format!("{SR}/0/data/1"), "negative");
}

#[test]
fn one_name_means_one_thing() {
    let control = "/channels/1/samples/0/modifiers";
    let modifier =
        |name: &str, kind: &str, data: Value| json!({"name": name, "type": kind, "data": data});
    refused(
        &format!("{control}/0"),
        modifier("scale", "shapesys", json!([1, 1])),
        &format!("{control}/0"),
        "constrained by a Poisson",
    );
    refused(
        &format!("{control}/0"),
        modifier("scale", "normfactor", json!(null)),
        &format!("{control}/0"),
        "unconstrained",
    );
    refused(
        &format!("{SR}/1/modifiers/1"),
        modifier("own", "shapesys", json!([1, 1])),
        &format!("{SR}/1/modifiers/1"),
        "/channels/1/samples/0/modifiers/0",
    );
    warned(
        &format!("{control}/0"),
        modifier("stat", "staterror", json!([1, 1])),
        &format!("{SR}/1/modifiers/1"),
        "nothing is correlated",
    );
    warned(
        &format!("{SR}/0/modifiers/2/name"),
        json!("stat[1]"),
        &format!("{SR}/0/modifiers/2/name"),
        "prints like component 1",
    );
    assert!(with(&format!("{SR}/0/modifiers/2/name"), json!("stat[2]")).unwrap().is_empty());
    let mut three = document();
    three["channels"][1] = json!({"name": "control region", "samples": [
        {"name": "b", "data": [1, 1, 1], "modifiers": [modifier("free", "shapefactor", json!(null))]}]});
    three["observations"][1]["data"] = json!([1, 1, 1]);
    let error = workspace(&three).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{control}/0: shapefactor \"free\" has 3 bins here but 2")),
        "{error}"
    );
}

#[test]
fn configurations_fit_their_parameters() {
    let parameter = format!("{CONFIG}/parameters/1");
    let config = |rest: Value| {
        let mut config = json!({"name": "mu"});
        config.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        config
    };
    let refused = |rest: Value, at: &str, words: &str| {
        refused(&parameter, config(rest), &format!("{parameter}{at}"), words);
    };
    refused(json!({"inits": [1, 2]}), "/inits", "expected 1 value");
    refused(json!({"inits": [11]}), "/inits/0", "outside its bounds [0, 10]");
    refused(json!({"bounds": [[2, 3]]}), "/bounds/0", "default initial value 1");
    refused(json!({"bounds": [[3, 2]]}), "/bounds/0", "above");
    refused(json!({"bounds": [0, 1]}), "/bounds/0", "pair [lower, upper]");
    refused(json!({"bounds": [[0, 1, 2]]}), "/bounds/0", "found 3 elements");
    refused(json!({"auxdata": [1]}), "/auxdata", "is a normfactor, which has no auxdata");
    refused(json!({"sigmas": [0]}), "/sigmas/0", "greater than 0");
    refused(json!({"fixed": 1}), "/fixed", "expected true or false");
    refused(json!({"name": "lumi"}), "/name", "a second configuration");
    refused(json!({"init": [1]}), "/init", "did you mean \"inits\"?");
    warned(
        &parameter,
        config(json!({"inits": [11], "fixed": true})),
        &format!("{parameter}/inits/0"),
        "outside",
    );
    warned(
        &parameter,
        config(json!({"bounds": [[1, 1]]})),
        &format!("{parameter}/bounds/0"),
        "cannot move",
    );
    warned(
        &parameter,
        config(json!({"name": "muu"})),
        &format!("{parameter}/name"),
        "did you mean \"mu\"?",
    );
    warned(
        &parameter,
        config(json!({"name": "own", "auxdata": [1, 1]})),
        &format!("{parameter}/auxdata"),
        "ignored",
    );
}

#[test]
fn lumi_needs_its_configuration() {
    let parameters = format!("{CONFIG}/parameters");
    refused(&parameters, json!([]), &parameters, "lumi needs auxdata, sigmas, inits and bounds");
    let bare = json!([{"name": "lumi", "inits": [1], "bounds": [[0, 2]]}]);
    refused(&parameters, bare, &format!("{parameters}/0"), "lumi needs auxdata and sigmas");
}

#[test]
fn the_parameter_of_interest_is_one_parameter() {
    let poi = &format!("{CONFIG}/poi");
    refused(poi, json!("mu_signal"), poi, "is in no modifier");
    refused(poi, json!("stat"), poi, "has 2 components");
    warned(poi, json!("scale"), poi, "constrained nuisance parameter");
    assert!(with(poi, json!("")).unwrap().is_empty());
}
