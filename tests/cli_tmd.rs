//! `neyman tmd` as its users meet it. Without `NEYMAN_DATA` there are no files, and the tests say so.

mod common;

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

/// A table of an invented experiment: two qT, three nodes, one Q and two rapidities.
const TABLE: &str = "
name: invented
process: 0
CME: 20.0
qTintegrated: false
qT_bounds: [0.4, 0.8]
bin_factors: [2.0, 0.5]
prefactor: 0.25
Ogata_coordinates: [0.2, 0.9, 1.7]
Qgrid: [5.0]
xigrid: [0.8, 1.25]
PS_reduction_factor: {0.4: [[0.9, 0.7]], 0.8: [[0.8, 0.6]]}
weights:
  0.4: [[[1.0, 2.0]], [[3.0, 1.5]], [[-0.5, 0.25]]]
  0.8: [[[2.0, 1.0]], [[1.0, 0.5]], [[-0.25, 0.75]]]
";
const MEASURED: &str = "
dependent_variables:
- qualifiers: [{name: Q, low: 4.5, high: 5.5}]
  values:
  - {value: 2.0, errors: [{label: unc, value: 0.1}, {label: mult, value: 0.05}]}
  - {value: 0.5, errors: [{label: unc, value: 0.05}, {label: mult, value: 0.05}]}
independent_variables:
- values: [{value: 0.4}, {value: 0.8}]
";
const GAUSS: &str = "zeta: Q2
evolution: {form: pv19, init_g2: 0.1, init_g2B: 0.01, free_mask: [false, false]}
flavors: {u: {shape: gauss, init_params: [0.05, 0.1], free_mask: [false, true]}}
";

#[test]
fn tables_of_drell_yan() {
    let scratch = Scratch::new("tmd_tables", &json!({}));
    std::fs::create_dir_all(scratch.0.join("tables/empty")).unwrap();
    scratch.write("tables/one.table.yaml", TABLE);
    scratch.write("tables/one.data.yaml", MEASURED);
    scratch.write("fnp.yaml", GAUSS);
    let document = scratch.json("-q tmd xsec --tables tables fnp.yaml --json");
    let weights = [[[1.0, 2.0], [3.0, 1.5], [-0.5, 0.25]], [[2.0, 1.0], [1.0, 0.5], [-0.25, 0.75]]];
    let phase = [[0.9, 0.7], [0.8, 0.6]];
    for (i, (qt, factor)) in [(0.4, 2.0), (0.8, 0.5)].into_iter().enumerate() {
        let mut sum = 0.0;
        for (n, z) in [0.2, 0.9, 1.7].into_iter().enumerate() {
            for (k, xi) in [0.8, 1.25].into_iter().enumerate() {
                let b2 = f64::powi(z / qt, 2);
                let shape = |x: f64| (-(0.1 + 0.05 * (1.0 / x).ln()) * b2).exp();
                let decay = (-0.5 * (0.1 + 0.01 * b2) * b2 * f64::ln(25.0)).exp();
                let (x1, x2) = (0.25 * xi, 0.25 / xi);
                sum += weights[i][n][k] * phase[i][k] * shape(x1) * shape(x2) * decay;
            }
        }
        let point = &document["points"][i];
        let found = point["cross_section"].as_f64().unwrap();
        assert!((found / (0.25 * factor * sum) - 1.0).abs() < 1e-13, "{found} {sum}");
        assert_eq!((&point["table"], &point["qT"]), (&json!("invented"), &json!(qt)));
    }
    let text = scratch.text("-q tmd xsec --tables tables fnp.yaml");
    assert!(text.contains("invented") && text.contains("nodes of the tables"), "{text}");
    let text = scratch.text("-q tmd gradcheck --tables tables --fnp fnp.yaml");
    assert!(text.contains("f.lambda") && !text.contains("DIFFERS"), "{text}");
    let timed = "--rows 2 --repeats 1 --device cpu --json";
    let document = scratch.json(&format!("-q tmd bench --tables tables fnp.yaml {timed}"));
    assert_eq!(document["points"], 2);
    let rows = &document["devices"][0]["rows"]["evaluations_per_second"];
    assert!(rows.as_f64().unwrap() > 0.0, "{document}");
    scratch.write("config.yaml", "qToQcut: 0.1\nluminosity: ll1\n");
    let all = "--tables tables/one.table.yaml config.yaml fnp.yaml";
    let document = scratch.json(&format!("-q tmd fit {all} --json"));
    assert_eq!((&document["n_points"], &document["synthetic"]), (&json!(1), &json!(false)));
    let told = document["warnings"].to_string();
    assert!(told.contains("1 of 2 points pass qT/Q < 0.1"), "{told}");
    assert!(told.contains("without effect on tables") && told.contains("luminosity"), "{told}");
    let document = scratch.json("tmd fit --tables tables --fnp fnp.yaml --replicas 40 --json");
    assert_eq!(document["status"], "converged", "{document}");
    check_document(&document);
    assert_eq!(document["parameters"][2]["name"], "f.g1");
    let files = document["provenance"]["files"].to_string();
    assert!(files.contains("one.table.yaml") && files.contains("one.data.yaml"), "{files}");

    let fails = |arguments: &str, code: i32, says: &str| {
        let (found, told) = scratch.error(&format!("tmd {arguments}"));
        assert_eq!(found, code, "{told}");
        assert!(told.contains(says), "{says}\n{told}");
    };
    fails("xsec --tables tables", 2, "the file of --fnp is missing: tables need shapes");
    fails("xsec --tables tables a b c", 2, "two files more at most");
    fails("nodes --tables tables fnp.yaml", 2, "tables have nodes of their own");
    fails("xsec --tables tables fnp.yaml --points 3", 2, "--points");
    fails("xsec --tables tables fnp.yaml --quadrature ogata", 2, "--quadrature");
    fails("fit --tables tables fnp.yaml --data fit.json", 2, "--data");
    fails("xsec --tables nothing fnp.yaml", 5, "nothing");
    fails("xsec --tables tables/empty fnp.yaml", 3, "no file in it ends with .table.yaml");
    fails("xsec --tables fnp.yaml fnp.yaml", 3, "fnp.yaml: a table's file ends with .table.yaml");
    let twice = "xsec --tables tables --tables tables/one.table.yaml fnp.yaml";
    fails(twice, 3, "this table is there twice");
    scratch.write("alone.table.yaml", TABLE);
    fails("xsec --tables alone.table.yaml fnp.yaml", 3, "alone.data.yaml with what was measured");
    scratch.write(
        "both.yaml",
        &format!("{GAUSS}fragmentation: {{shape: gauss, init_params: [1, 1]}}\n"),
    );
    fails("xsec --tables tables both.yaml", 3, "both.yaml: /fragmentation: Drell-Yan");
}

/// E288 and E605 with the published table of N3LL luminosities.
#[test]
fn real_tables_are_fitted() {
    let Some(files) = files() else { return };
    let tables = PathBuf::from(&files).parent().unwrap().join("dy_n3ll").display().to_string();
    let scratch = Scratch::new("tmd_real_tables", &json!({}));
    let goldens = std::fs::read(PathBuf::from(&tables).with_file_name("dy_goldens.json")).unwrap();
    let goldens: Value = serde_json::from_slice(&goldens).unwrap();
    let of = |value: &Value| -> Vec<f64> {
        let text = |v: &Value| v.as_f64().or_else(|| v.as_str()?.parse().ok()).unwrap();
        value.as_array().unwrap().iter().map(text).collect()
    };
    // g2B stands last there
    let t0 = of(&goldens["meta"]["t0_params"]);
    let (shape, last) = (&t0[1..8], t0[8]);
    let bounds = "[0.001, 10]";
    scratch.write(
        "fnp.yaml",
        &format!(
            "zeta: Q2\nevolution: {{form: pv19, init_g2: {}, init_g2B: {last}, bounds: [{bounds}, {bounds}]}}\n\
             flavors: {{u: {{shape: pv19x, init_params: {shape:?}, bounds: [{}]}}}}\n",
            t0[0],
            [bounds; 7].join(", ")
        ),
    );
    let document = scratch.json(&format!("-q tmd xsec --tables {tables} fnp.yaml --json"));
    let points = document["points"].as_array().unwrap();
    assert_eq!(points.len(), 180);
    for (name, recorded) in goldens["results"]["pv19x_t0"]["datasets"].as_object().unwrap() {
        let own = points.iter().filter(|point| point["table"] == **name);
        let found: Vec<f64> = own.map(|p| p["cross_section"].as_f64().unwrap()).collect();
        let want = of(&recorded["pred"]);
        assert_eq!(found.len(), want.len(), "{name}");
        for (a, b) in found.iter().zip(want) {
            assert!((a / b - 1.0).abs() < 1e-12, "{name}: {a} {b}");
        }
    }
    let line = format!("-q tmd fit --tables {tables} fnp.yaml --replicas 2 -o fit.json");
    let text = scratch.text(&line);
    assert!(text.contains("180 points and 9 parameters"), "{text}");
    assert!(text.contains("2 of 2 replicas converged") && !text.contains("DIFFERS"), "{text}");
    let document: Value = serde_json::from_slice(&scratch.read("fit.json")).unwrap();
    check_document(&document);
    let per_point = document["chi2"].as_f64().unwrap() / 180.0;
    assert!((0.7..0.943).contains(&per_point), "{per_point}");
}

/// What is finished when Ctrl-C comes is told, and nothing else is lost.
#[cfg(unix)]
#[test]
fn an_interrupted_fit_says_what_is_finished() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let scratch = Scratch::new("tmd_interrupt", &json!({}));
    std::fs::create_dir_all(scratch.0.join("tables")).unwrap();
    scratch.write("tables/one.table.yaml", TABLE);
    scratch.write("tables/one.data.yaml", MEASURED);
    scratch.write("fnp.yaml", GAUSS);
    let line = "tmd fit --tables tables fnp.yaml --replicas 100000000 --json -o fit.json";
    // a signal before the command listens ends it without a word
    for wait in [200, 1000, 5000, 20_000] {
        let mut child = scratch.command(line).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let Some(code) = child.wait().unwrap().code() else { continue };
        assert_eq!(code, 130);
        let document: Value = serde_json::from_slice(&scratch.read("fit.json")).unwrap();
        assert_eq!(document["interrupted"], true);
        assert_eq!(document["status"], "converged", "{}", document["status"]);
        let n = document["replicas"]["n"].as_u64().unwrap_or(0);
        assert!(n < 100_000_000);
        return;
    }
    panic!("the command never listened");
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
