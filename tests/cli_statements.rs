//! The verbs that take a fit apart, as their users meet them.

mod common;

use common::scratch::Scratch;
use std::fs;

use serde_json::{Value, json};

fn workspace() -> Value {
    json!({
        "version": "1.0.0",
        "channels": [{"name": "SR", "samples": [
            {"name": "signal", "data": [5.0, 10.0], "modifiers": [
                {"name": "mu", "type": "normfactor", "data": null}]},
            {"name": "background", "data": [50.0, 60.0], "modifiers": [
                {"name": "xsec", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                {"name": "tiny", "type": "normsys", "data": {"hi": 1.001, "lo": 0.999}},
                {"name": "stat", "type": "shapesys", "data": [5.0, 12.0]}]},
        ]}],
        "observations": [{"name": "SR", "data": [52.0, 73.0]}],
        "measurements": [
            {"name": "fit", "config": {"poi": "mu", "parameters": []}},
            {"name": "none", "config": {"poi": "", "parameters": []}}],
    })
}

/// What every document has.
#[track_caller]
fn common(document: &Value, kind: &str) {
    assert_eq!(document["kind"], kind);
    assert_eq!(document["poi"], "mu");
    assert_eq!(document["status"], "converged");
    assert!(document["notes"].is_array() && document["warnings"].is_array());
    // fits run on the host, whatever device is asked for
    assert_eq!(document["provenance"]["device"], "cpu");
    assert_eq!(document["provenance"]["precision"], "f64");
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect()
}

#[test]
fn impacts() {
    let scratch = Scratch::new("statements-impacts", &workspace());
    let line = "impacts w.json --method global --group both=xs*,tiny";
    let document = scratch.json(&format!("{line} --json -o i.json"));
    common(&document, "impacts");
    let file: Value = serde_json::from_slice(&fs::read(scratch.0.join("i.json")).unwrap()).unwrap();
    assert_eq!(file, document);
    let fit = scratch.json("fit w.json --json");
    let mu = &fit["parameters"].as_array().unwrap()[0];
    assert_eq!((&document["value"], &document["uncertainty"]), (&mu["value"], &mu["uncertainty"]));
    assert_eq!(names(&document["groups"]), ["both", "stat", "syst", "mc_stat"]);
    assert_eq!(document["groups"][0]["parameters"], json!(["tiny", "xsec"]));
    let parameters = document["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 4);
    assert_eq!(parameters[0]["name"], "stat[1]");
    for key in [
        "value",
        "uncertainty",
        "prefit_value",
        "prefit_uncertainty",
        "pull",
        "constraint",
        "impact_up",
        "impact_down",
        "impact_prefit_up",
        "impact_prefit_down",
    ] {
        assert!(parameters.iter().all(|p| p[key].is_number()), "{key}");
    }
    assert!(parameters[0]["impact_up"].as_f64().unwrap() < 0.0);
    assert_eq!(document["global"].as_array().unwrap().len(), 4);
    assert!(document["global"].as_array().unwrap().iter().all(|g| g["impact"].is_number()));
    let plain = scratch.json("impacts w.json --json --parameter xsec");
    assert!(plain.get("global").is_none());
    assert_eq!(names(&plain["parameters"]), ["xsec"]);

    let text = scratch.text(&format!("{line} --top 2"));
    assert!(text.starts_with("mu = "), "{text}");
    for part in ["2 more parameters", "both ", "total ", "main data", "all in quadrature"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let asimov = scratch.json("impacts w.json --json --asimov --mu 2");
    assert!((asimov["value"].as_f64().unwrap() - 2.0).abs() < 1e-4);
}

#[test]
fn bad_input_is_told() {
    let scratch = Scratch::new("statements-bad", &workspace());
    for (line, code, told) in [
        ("impacts w.json --parameter jet*", 3, "no parameter jet*"),
        ("impacts w.json --group jets=jet*", 3, "no parameter jet*"),
        ("impacts w.json --group jets", 2, "NAME=PATTERN"),
        ("impacts w.json --measurement none", 3, "parameter of interest"),
        ("impacts w.json --fix mu=1", 3, "mu is fixed"),
        ("impacts w.json --max-evaluations 1", 1, "no minimum"),
        ("gof w.json --fix nothing=1", 3, "no parameter nothing"),
        ("gof w.json --toys 0", 2, "not in 1.."),
        ("cls w.json --toys 0", 2, "not in 1.."),
        ("prune w.json --threshold=-1", 2, "0 or more"),
    ] {
        let (found, message) = scratch.error(line);
        assert_eq!(found, code, "{line}: {message}");
        assert!(message.contains(told), "{line}: {message}");
    }
}

#[test]
fn goodness_of_fit() {
    let scratch = Scratch::new("statements-gof", &workspace());
    let document = scratch.json("gof w.json --json");
    common(&document, "gof");
    assert_eq!(document["statistic"], "saturated");
    assert_eq!(document["degrees_of_freedom"], 1);
    let (q, p) = (&document["test_statistic"], &document["p_value"]);
    assert!(q.as_f64().unwrap() > 0.0 && (0.5..1.0).contains(&p.as_f64().unwrap()), "{q} {p}");
    assert!(scratch.text("gof w.json").contains("1 degrees of freedom, p-value 0."));
}

#[test]
fn yields() {
    let scratch = Scratch::new("statements-yields", &workspace());
    let document = scratch.json("yields w.json --json");
    common(&document, "yields");
    let channel = &document["channels"][0];
    assert_eq!((&channel["name"], &channel["bins"]), (&json!("SR"), &json!(2)));
    assert_eq!(channel["observed"], json!([52.0, 73.0]));
    assert_eq!(channel["prefit"]["total"], json!([55.0, 70.0]));
    assert_eq!(names(&channel["postfit"]["samples"]), ["background", "signal"]);
    for when in ["prefit", "postfit"] {
        let of = &channel[when];
        assert_eq!(of["uncertainty"].as_array().unwrap().len(), 2);
        assert!(of["total_uncertainty"].is_number());
        assert!(of["samples"][1]["total_uncertainty"].is_number());
        assert_eq!(of["samples"][0]["uncertainty"].as_array().unwrap().len(), 2);
    }
    let text = scratch.text("yields w.json");
    for part in ["SR, before the fit\n", "SR, after the fit\n", "observed", "bin 1", "+-"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn pruning() {
    let scratch = Scratch::new("statements-prune", &workspace());
    let document = scratch.json("prune w.json --threshold 0.01 -w small.json --json");
    common(&document, "prune");
    assert_eq!(document["threshold"], 0.01);
    assert_eq!(document["kept"], 3);
    let dropped = document["dropped"].as_array().unwrap();
    assert_eq!(dropped.len(), 1);
    let expected = ["SR", "background", "tiny", "normsys"];
    let found = ["channel", "sample", "modifier", "type"].map(|key| dropped[0][key].clone());
    assert_eq!(found, expected.map(Value::from));
    assert!((dropped[0]["effect"].as_f64().unwrap() - 0.001).abs() < 1e-12);
    // the workspace that was written is the one that was fitted
    let fit = scratch.json("fit small.json --json");
    assert_eq!(document["after"]["twice_nll"], fit["twice_nll"]);
    assert_eq!(document["after"]["value"], fit["parameters"][0]["value"]);
    assert_eq!(fit["parameters"].as_array().unwrap().len(), 4);
    let text = scratch.text("prune w.json --threshold 0.01");
    for part in ["1 modifier dropped, 3 kept", "before: 5 parameters", "after: 4 parameters"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(scratch.text("prune w.json --threshold 0").contains("0 modifiers dropped, 4 kept"));
}

/// Five numbers that rise.
#[track_caller]
fn band(value: &Value) -> Vec<f64> {
    let band: Vec<f64> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(band.len() == 5 && band.is_sorted() && band[0] < band[4], "{band:?}");
    band
}

#[test]
fn cls_and_discovery() {
    let scratch = Scratch::new("statements-cls", &workspace());
    let cls = scratch.json("cls w.json --mu 1 --json -o c.json");
    common(&cls, "cls");
    assert_eq!(cls["mu"], 1.0);
    assert_eq!(cls["statistic"], "qtilde");
    let number = |key: &str| cls[key].as_f64().unwrap();
    assert!((number("cls_observed") - number("clsb") / number("clb")).abs() < 1e-12);
    assert!(number("test_statistic") >= 0.0);
    band(&cls["cls_expected"]);
    let two_sided = scratch.json("cls w.json --mu 3 --test-statistic tmu --json");
    assert_eq!(two_sided["statistic"], "tmu");
    assert!(two_sided["notes"][0].as_str().unwrap().contains("instead of 0 and 10"));
    // another parameter of interest, a value beyond its bounds
    let other = scratch.json("cls w.json --poi xsec --mu 6 --test-statistic qmu --json");
    assert_eq!(other["poi"], "xsec");
    let discovery = scratch.json("discovery w.json --json");
    common(&discovery, "discovery");
    for key in ["q0", "p0_observed", "z_observed", "z_expected", "muhat"] {
        assert!(discovery[key].is_number(), "{key}");
    }
    band(&discovery["z_expected_band"]);
    assert!(scratch.text("cls w.json").contains("expected -2 sigma"));
    assert!(scratch.text("discovery w.json").contains("sigma, p0 = "));

    let (code, message) = scratch.error("cls w.json --measurement none");
    assert!(code == 3 && message.contains("no parameter of interest"), "{message}");
    let (code, message) = scratch.error("cls w.json --mu nan");
    assert!(code == 2 && message.contains("finite number"), "{message}");
    let (code, message) = scratch.error("cls w.json --test-statistic best");
    assert!(code == 2 && message.contains("qtilde"), "{message}");
}

#[test]
fn limits() {
    let scratch = Scratch::new("statements-limit", &workspace());
    let limit = scratch.json("limit w.json --mu 0.5:1.5:3 --json");
    common(&limit, "limit");
    band(&limit["expected"]);
    assert!(limit["observed"].as_f64().unwrap() > 0.0);
    let points = limit["points"].as_array().unwrap();
    let values: Vec<f64> = points.iter().map(|p| p["mu"].as_f64().unwrap()).collect();
    assert!(values.is_sorted() && [0.5, 1.0, 1.5].iter().all(|v| values.contains(v)));
    for point in points {
        assert!(point["cls_observed"].is_number() && point["status"] == "converged");
        assert_eq!(point["cls_expected"].as_array().unwrap().len(), 5);
    }
    let held = scratch.json("limit w.json --fix xsec=0 --fix stat[0]=1 --json");
    assert!(held["expected"][2].as_f64().unwrap() < limit["expected"][2].as_f64().unwrap());
    let text = scratch.text("limit w.json --confidence-level 0.9");
    assert!(text.starts_with("90 % upper limit on mu"), "{text}");
    let (code, message) = scratch.error("limit w.json --confidence-level 2");
    assert!(code == 3 && message.contains("between 0 and 1"), "{message}");

    let patch = |name: &str, n: f64| {
        json!({"metadata": {"name": name, "values": [n]}, "patch": [
            {"op": "replace", "path": "/channels/0/samples/0/data", "value": [n, 2.0 * n]}]})
    };
    let set = json!({
        "version": "1.0.0", "patches": [patch("light", 10.0), patch("heavy", 2.5)],
        "metadata": {"description": "d", "labels": ["mass"], "references": {"hepdata": "x"},
            "digests": {"sha256": "0"}},
    });
    fs::write(scratch.0.join("set.json"), set.to_string()).unwrap();
    let line = "limit w.json --patch set.json --all-patches";
    let (code, message) = scratch.error(line);
    assert!(code == 3 && message.contains("--no-verify"), "{message}");
    let all = scratch.json(&format!("{line} --no-verify --json"));
    assert_eq!((&all["kind"], &all["labels"]), (&json!("limits"), &json!(["mass"])));
    assert_eq!(names(&all["points"]), ["light", "heavy"]);
    for (point, scale) in all["points"].as_array().unwrap().iter().zip([0.5, 2.0]) {
        let ratio = point["observed"].as_f64().unwrap() / limit["observed"].as_f64().unwrap();
        assert!((ratio - scale).abs() < 1e-4, "{ratio}");
    }
}

#[test]
fn scans_and_minos() {
    let scratch = Scratch::new("statements-scan", &workspace());
    let scan = scratch.json("scan w.json --mu -1:3:5 --json");
    assert_eq!((&scan["kind"], &scan["parameter"]), (&json!("scan"), &json!("mu")));
    let points = scan["points"].as_array().unwrap();
    assert_eq!(points.len(), 5);
    assert!(points.iter().all(|p| p["status"] == "converged" && p["delta_twice_nll"].is_number()));
    assert_eq!(scan["intervals"][0]["level"], 0.68);
    let pair = scratch.json("scan w.json --parameter mu=0:3:4 --parameter xsec=-2:2:5 --json");
    assert_eq!(pair["kind"], "scan2d");
    assert_eq!(pair["delta_twice_nll"].as_array().unwrap().len(), 5);
    assert_eq!(pair["delta_twice_nll"][0].as_array().unwrap().len(), 4);
    assert!(pair["contours"][0]["lines"].is_array());
    let minos = scratch.json("minos w.json --parameter mu --parameter xsec --json");
    assert_eq!(names(&minos["parameters"]), ["mu", "xsec"]);
    let xsec = &minos["parameters"][1];
    assert!(xsec["minos_up"].as_f64().unwrap() > 0.0 && xsec["minos_down"].as_f64().unwrap() < 0.0);
    assert_eq!(xsec["status_up"], "converged");

    for (line, told) in [
        ("scan w.json", "--mu"),
        ("scan w.json --mu 0:1", "FROM:TO:NUMBER"),
        ("scan w.json --mu 0:1:0", "two values at least"),
        ("scan w.json --parameter nu=0:1:3", "no parameter nu"),
        ("scan w.json --mu 0:1:3 --levels 68", "between 0 and 1"),
        ("minos w.json --parameter nu", "no parameter nu"),
        ("limit w.json --fix nu=1", "no parameter nu"),
        ("limit w.json --fix mu=1", "mu is held constant"),
    ] {
        let (code, message) = scratch.error(line);
        assert!(matches!(code, 2 | 3) && message.contains(told), "{line}: {message}");
    }
}
