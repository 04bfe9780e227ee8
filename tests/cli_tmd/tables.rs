//! Tables of Drell-Yan cross sections in the command, and fits that are interrupted.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::scratch::Scratch;
use crate::{check_document, files};

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
