//! `neyman tmd` as its users meet it. Without `NEYMAN_DATA` there are no files, and the tests say so.

#[path = "../common/mod.rs"]
mod common;
mod tables;

use std::path::PathBuf;

use common::scratch::Scratch;
use serde_json::{Value, json};

fn files() -> Option<String> {
    let data = std::env::var_os("NEYMAN_DATA");
    if data.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    Some(PathBuf::from(data?).join("tmd/fixtures").display().to_string())
}

#[test]
fn files_of_other_programs_run_unchanged() {
    let Some(files) = files() else { return };
    let scratch = Scratch::new("tmd", &json!({}));
    let all = format!("{files}/config.yaml {files}/kinematics.yaml {files}/fNPconfig.yaml");
    // one point: the fit reaches it, the parameters it does not determine
    let text = scratch.text(&format!("-q tmd fit {all} --seed 1"));
    for says in [
        "Epoch    0/500  chi2 = 2.3691e+00",
        "Param L2 diff: ",
        "WARNING: Parameters",
        "not determined",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let document = scratch.json(&format!("-q tmd fit {all} --seed 1 --json"));
    assert_eq!(document["kind"], "tmd_fit");
    assert_eq!(
        (&document["n_points"], &document["parameters"][0]["fixed"]),
        (&json!(1), &json!(true))
    );
    assert!(document["warnings"][0]["message"].as_str().unwrap().contains("zeta=1"));
    let nodes = scratch.json(&format!("-q tmd nodes {all} --quadrature ogata --nodes 40 --json"));
    assert_eq!(nodes["points"][0]["b"].as_array().unwrap().len(), 40);
    let checked = scratch.text(&format!("-q tmd gradcheck {all}"));
    assert!(checked.contains("pdf.N1") && checked.contains("agrees"), "{checked}");
    assert!(checked.contains("no effect") && !checked.contains("DIFFERS"), "{checked}");
}

/// Points, chi2, pulls, means and spreads of a fit's document fit together.
fn check_document(document: &Value) {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let (points, replicas) = (list(&document["points"]), &document["replicas"]);
    assert_eq!(points.len() as u64, document["n_points"].as_u64().unwrap());
    let mut independent = 0.0;
    for point in &points {
        let number = |key: &str| point[key].as_f64().unwrap();
        let pull = (number("measured") - number("prediction")) / number("error");
        assert!((number("pull") - pull).abs() < 1e-9 * pull.abs().max(1.0), "{point}");
        assert!(number("qT") > 0.0, "{point}");
        independent += pull * pull;
    }
    // of tables they are correlated
    if document["synthetic"] == true {
        assert!((independent - document["chi2"].as_f64().unwrap()).abs() < 1e-6, "{document}");
    }
    let (rows, chi2) = (list(&replicas["values"]), list(&replicas["chi2"]));
    let parameters = list(&document["parameters"]);
    assert_eq!((rows.len() as u64, rows.len()), (replicas["n"].as_u64().unwrap(), chi2.len()));
    for (k, parameter) in parameters.iter().enumerate() {
        let n = rows.len() as f64;
        let column: Vec<f64> = rows.iter().map(|row| row[k].as_f64().unwrap()).collect();
        let mean = column.iter().sum::<f64>() / n;
        let square = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        for (key, want) in [("replica_mean", mean), ("replica_spread", square.sqrt())] {
            let found = parameter[key].as_f64().unwrap();
            assert!((found - want).abs() < 1e-12 * want.abs().max(1.0), "{parameter}");
        }
    }
}

#[test]
fn parameters_are_found_again() {
    let Some(files) = files() else { return };
    let scratch = Scratch::new("tmd_fit", &json!({}));
    scratch.write(
        "config.yaml",
        "qToQcut: 0.8\nluminosity: ll1\nquadrature: {rule: sinh-gl, nodes: 64}\n",
    );
    scratch.write(
        "fnp.yaml",
        "zeta: Q2
evolution: {init_g2: 0.25, free_mask: [true]}
flavors:
  u: {shape: simple, init_params: [1.0, 0.3]}
fragmentation:
  shape: gauss
  init_params: [0.2, 0.3]
  free_mask: [true, true]
",
    );
    let all = format!("config.yaml {files}/kinematics_hermes_pip.yaml fnp.yaml --points 200");
    let document = scratch.json(&format!(
        "-q tmd fit {all} --perturbation 0.1 --seed 3 --replicas 20 --json -o fit.json"
    ));
    assert_eq!(document["status"], "converged", "{document}");
    assert!(document["distance"]["relative"].as_f64().unwrap() < 1e-5, "{document}");
    let replicas = &document["replicas"];
    assert_eq!((&replicas["n"], &replicas["converged"]), (&json!(20), &json!(20)));
    assert_eq!(replicas["statuses"], json!(vec!["converged"; 20]));
    check_document(&document);
    let file: Value = serde_json::from_slice(&scratch.read("fit.json")).unwrap();
    assert_eq!(file, document);
    for parameter in document["parameters"].as_array().unwrap() {
        let number = |key: &str| parameter[key].as_f64().unwrap();
        if number("uncertainty") > 0.2 * number("init") {
            // far from linear over its own uncertainty
            continue;
        }
        let ratio = number("replica_spread") / number("uncertainty");
        assert!((0.5..1.7).contains(&ratio), "{parameter}");
    }
    let slow = format!("-q tmd fit {all} --perturbation 0.1 --method adam --epochs 40");
    let output = scratch.run(&slow);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Epoch   40/40  chi2 = "), "{text}");
    assert_eq!(output.status.code(), Some(1), "{text}");
    let text = scratch.text(&format!("-q tmd fit {all} --perturbation 0.1 --method lbfgs"));
    assert!(text.contains("SUCCESS: Parameters converged"), "{text}");
    let text = scratch.text(&format!("-q tmd xsec {all}"));
    assert!(text.contains("cross section"), "{text}");
}

/// Values of a luminosity from a file are those of the same luminosity built in.
#[test]
fn luminosities_from_elsewhere() {
    let Some(files) = files() else { return };
    let scratch = Scratch::new("tmd_luminosity", &json!({}));
    let shared = format!("{files}/kinematics.yaml {files}/fNPconfig.yaml");
    scratch.write("config.yaml", "{}");
    let mut nodes = scratch.json(&format!("-q tmd nodes config.yaml {shared} --json"));
    assert_eq!(nodes["points"].as_array().unwrap().len(), 7);
    for point in nodes["points"].as_array_mut().unwrap() {
        let (q2, z) = (point["Q2"].as_f64().unwrap(), point["z"].as_f64().unwrap());
        let fall = 0.05 + 0.02 * (1.0 + q2.sqrt()).ln() + 0.01 / z;
        let b = point["b"].as_array().unwrap().iter().map(|b| b.as_f64().unwrap());
        let values: Vec<f64> = b.map(|b| (-fall * b * b).exp()).collect();
        point["luminosity"] = json!(values);
    }
    scratch.write("toy.json", &nodes.to_string());
    scratch.write("from_file.yaml", "luminosity: {file: toy.json}");
    let values = |config: &str| -> Vec<f64> {
        let document = scratch.json(&format!("-q tmd xsec {config} {shared} --json"));
        let points = document["points"].as_array().unwrap().iter();
        points.map(|p| p["cross_section"].as_f64().unwrap()).collect()
    };
    for (a, b) in values("config.yaml").iter().zip(values("from_file.yaml")) {
        assert!((a / b - 1.0).abs() < 1e-13, "{a} {b}");
    }
    let (code, told) =
        scratch.error(&format!("tmd xsec from_file.yaml {shared} --quadrature ogata"));
    assert_eq!(code, 3);
    assert!(told.contains("toy.json: /points/0/b: these are not the nodes"), "{told}");
}

/// Luminosities of a file by flavour: their sum, with the shapes of each.
#[test]
fn luminosities_by_flavour() {
    let scratch = Scratch::new("tmd_flavours", &json!({}));
    scratch.write(
        "kinematics.yaml",
        "header: {Vs: 17.4}\ndata: {PhT: [0.1, 0.3], x: [0.05, 0.1], z: [0.4, 0.5], Q2: [3, 4]}\n",
    );
    let shapes = |flavours: &str| format!("zeta: Q2\nevolution: {{init_g2: 0.25}}\n{flavours}\n");
    let u = "{shape: simple, init_params: [1.1, 0.3]}";
    let d = "{shape: gauss, init_params: [0.2, 0.3]}";
    scratch.write("u.yaml", &shapes(&format!("flavors: {{u: {u}}}")));
    scratch.write("d.yaml", &shapes(&format!("flavors: {{u: {d}}}")));
    scratch.write("both.yaml", &shapes(&format!("flavors: {{u: {u}, d: {d}}}")));
    scratch.write("config.yaml", "{}");
    let nodes = scratch.json("-q tmd nodes config.yaml kinematics.yaml u.yaml --json");
    let with = |luminosity: &dyn Fn(&[f64]) -> Value| {
        let mut nodes = nodes.clone();
        for point in nodes["points"].as_array_mut().unwrap() {
            let b: Vec<f64> =
                point["b"].as_array().unwrap().iter().map(|b| b.as_f64().unwrap()).collect();
            point["luminosity"] = luminosity(&b);
        }
        nodes
    };
    let bell = |b: &[f64], a: f64| json!(b.iter().map(|b| (-a * b * b).exp()).collect::<Vec<_>>());
    let both = with(&|b| json!({"u": bell(b, 0.1), "d": bell(b, 0.3)}));
    scratch.write("both.json", &both.to_string());
    scratch.write("u.json", &with(&|b| bell(b, 0.1)).to_string());
    scratch.write("d.json", &with(&|b| bell(b, 0.3)).to_string());
    for name in ["u", "d", "both"] {
        scratch
            .write(&format!("{name}.config.yaml"), &format!("luminosity: {{file: {name}.json}}"));
    }
    let values = |name: &str| -> Vec<f64> {
        let line = format!("-q tmd xsec {name}.config.yaml kinematics.yaml {name}.yaml --json");
        let document = scratch.json(&line);
        assert_eq!(document["points"][0]["quadrature_error"], Value::Null);
        let points = document["points"].as_array().unwrap().iter();
        points.map(|p| p["cross_section"].as_f64().unwrap()).collect()
    };
    let (u, d, sum) = (values("u"), values("d"), values("both"));
    for i in 0..2 {
        assert!((sum[i] / (u[i] + d[i]) - 1.0).abs() < 1e-13, "{sum:?} {u:?} {d:?}");
    }
    let line = "-q tmd gradcheck both.config.yaml kinematics.yaml both.yaml";
    let checked = scratch.text(line);
    assert!(checked.contains("pdf_d.g1") && !checked.contains("DIFFERS"), "{checked}");

    let fails = |name: &str, document: &Value, says: &str| {
        scratch.write("bad.json", &document.to_string());
        scratch.write("bad.yaml", "luminosity: {file: bad.json}");
        let (code, told) =
            scratch.error(&format!("-q tmd xsec bad.yaml kinematics.yaml {name}.yaml"));
        assert_eq!(code, 3);
        assert!(told.contains(says), "{says}\n{told}");
    };
    fails("u", &both, "u.yaml: /flavors: the flavour \"d\" is needed");
    let only = with(&|b| json!({"u": bell(b, 0.1)}));
    fails("both", &only, "both.yaml: /flavors/d: the flavour \"d\" has a shape and no luminosity");
    let mut mixed = both.clone();
    mixed["points"][1]["luminosity"] = bell(&[1.0; 64], 1.0);
    fails("both", &mixed, "bad.json: /points/1/luminosity: the luminosities of the first point");
    let mut short = both.clone();
    short["points"][0]["luminosity"]["d"] = json!([1.0]);
    fails("both", &short, "bad.json: /points/0/luminosity/d: 1 values for 64 nodes");
    let mut other = both.clone();
    other["points"][0]["luminosity"]["top"] = json!([1.0]);
    fails("both", &other, "bad.json: /points/0/luminosity/top: there is no flavour \"top\"");
    let mut few = both.clone();
    few["points"].as_array_mut().unwrap().pop();
    fails("both", &few, "bad.json: /points: 1 points, 2 are needed");
}

#[test]
fn mistakes_are_told() {
    let Some(files) = files() else { return };
    let scratch = Scratch::new("tmd_bad", &json!({}));
    let fails = |arguments: &str, code: i32, says: &str| {
        let output = scratch.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(says), "{says}\n{told}");
    };
    fails("tmd fit", 2, "the file of --config is missing");
    let all = |kinematics: &str| {
        format!("{files}/config.yaml {files}/{kinematics} {files}/fNPconfig.yaml")
    };
    fails(
        &format!("tmd xsec {}", all("bad/kin_q2_negative.yaml")),
        3,
        "kin_q2_negative.yaml: /data/Q2/0",
    );
    fails(&format!("tmd xsec {}", all("bad/kin_all_cut.yaml")), 3, "no points left");
    fails(&format!("tmd xsec {}", all("nothing.yaml")), 5, "nothing.yaml");
    let good = all("kinematics.yaml");
    for verb in ["gradcheck", "nodes"] {
        let line = format!("--device gpu tmd {verb} {good}");
        fails(&line, 2, "--device gpu: fit, xsec and bench run on devices");
    }
    fails(&format!("--device cuda:999 tmd xsec {good}"), 4, "device cuda:999: ");
    fails(&format!("--device gpu:999 tmd fit {good}"), 4, "device gpu:999: ");
    fails(&format!("--device gup tmd bench {good}"), 4, "did you mean gpu?");
    fails(&format!("--device cpu --precision f32 tmd fit {good}"), 4, "it computes in f64");
    scratch.write("data.json", r#"{"values": [1.0, 2.0], "errors": [0.1, 0.1]}"#);
    fails(
        &format!("tmd fit {} --data data.json", all("kinematics.yaml")),
        3,
        "2 values for 1 points",
    );
    scratch.write("data.json", r#"{"values": [1.0]}"#);
    fails(
        &format!("tmd fit {} --data data.json", all("kinematics.yaml")),
        3,
        "errors or covariance",
    );
}

/// Two shapes of few parameters at points of an experiment, as arguments.
fn simple(scratch: &Scratch, files: &str) -> String {
    scratch.write("config.yaml", "qToQcut: 0.8\nluminosity: ll1\n");
    scratch.write(
        "fnp.yaml",
        "zeta: Q2
evolution: {init_g2: 0.25, free_mask: [true]}
flavors: {u: {shape: simple, init_params: [1.0, 0.3]}}
fragmentation: {shape: gauss, init_params: [0.2, 0.3]}
",
    );
    format!("config.yaml {files}/kinematics_hermes_pip.yaml fnp.yaml")
}

/// What runs is told, and times of it.
#[test]
fn devices_are_timed() {
    let Some(files) = files() else { return };
    let scratch = Scratch::new("tmd_bench", &json!({}));
    let all = simple(&scratch, &files);
    let timed = "--points 3 --rows 4 --repeats 1 --device cpu";
    let document = scratch.json(&format!("-q tmd bench {all} {timed} --json"));
    assert_eq!((&document["kind"], &document["points"]), (&json!("tmd_bench"), &json!(3)));
    let device = &document["devices"][0];
    assert_eq!((&device["device"], &device["precision"]), (&json!("cpu"), &json!("f64")));
    for figure in ["value", "derivatives", "rows"] {
        assert!(device[figure]["evaluations_per_second"].as_f64().unwrap() > 0.0, "{document}");
    }
    let text = scratch.text(&format!("-q tmd bench {all} {timed}"));
    assert!(text.contains("4 rows with derivatives") && text.contains("cpu"), "{text}");
    let document = scratch.json(&format!("-q tmd xsec {all} --device cpu --json"));
    assert_eq!(document["provenance"]["device"], "cpu");
    assert_eq!(document["provenance"]["device_reason"], "asked for");
}

/// A graphics processor finds what the processor finds, and says that it did.
#[cfg(feature = "gpu")]
#[test]
fn graphics_processors_fit() {
    use neyman::accelerator::gpu::Precision;

    let Some(files) = files() else { return };
    // drivers are quicker to compile f64 than pairs of f32
    if common::gpu::adapter(Precision::F64).is_none() {
        return;
    }
    let scratch = Scratch::new("tmd_gpu", &json!({}));
    let all = simple(&scratch, &files);
    let device = "--device gpu --precision f64";
    let line =
        format!("-q tmd fit {all} --points 200 --perturbation 0.1 --seed 3 --replicas 3 --json");
    let [there, here] = [device, "--device cpu"].map(|on| scratch.json(&format!("{line} {on}")));
    assert_eq!(there["provenance"]["precision"], "f64");
    assert!(there["provenance"]["device"].as_str().unwrap().starts_with("gpu:"), "{there}");
    assert_eq!(there["status"], here["status"]);
    for key in ["n", "converged", "finished_on_processor", "statuses"] {
        assert_eq!(there["replicas"][key], here["replicas"][key]);
    }
    for (a, b) in (0..3).map(|i| (&there["replicas"]["chi2"][i], &here["replicas"]["chi2"][i])) {
        assert!((a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 1e-9, "{a} {b}");
    }
    for document in [&there, &here] {
        assert!(document["distance"]["relative"].as_f64().unwrap() < 1e-5, "{document}");
    }
    let line = format!("-q tmd xsec {all} --json");
    let [there, here] = [device, "--device cpu"].map(|on| scratch.json(&format!("{line} {on}")));
    let both = [&there, &here].map(|d| d["points"].as_array().unwrap().clone());
    for (a, b) in both[0].iter().zip(&both[1]) {
        let [a, b] = [a, b].map(|p| p["cross_section"].as_f64().unwrap());
        assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
    }
}
