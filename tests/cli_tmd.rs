//! `neyman tmd` as its users meet it. Without `NEYMAN_DATA` there are no files, and the tests say so.

mod common;

use std::path::PathBuf;

use common::scratch::Scratch;
use serde_json::json;

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
    assert_eq!(document["replicas"], json!({"n": 20, "converged": 20, "finished_on_processor": 0}));
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
    for key in ["status", "replicas"] {
        assert_eq!(there[key], here[key]);
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
