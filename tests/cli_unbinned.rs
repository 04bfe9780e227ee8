//! `neyman unbinned` as its users meet it. Without `NEYMAN_DATA` there are no events, and the tests on them do
//! nothing and say so.

mod common;

use std::path::PathBuf;

use common::scratch::Scratch;
use serde_json::{Value, json};

fn specification(file: &str) -> String {
    format!(
        "schema_version: neyman_unbinned_spec_v1
model:
  poi: n
  parameters:
    - {{name: n, init: 900.0, bounds: [0.0, 5000.0]}}
    - {{name: c1, init: 0.0, bounds: [-0.9, 0.9]}}
    - {{name: alpha, init: 0.0, bounds: [-5, 5], constraint: {{type: gaussian, mean: 0, sigma: 1}}}}
channels:
  - name: SR
    data: {{file: {file}}}
    observables: [{{name: mass, bounds: [-10000.0, 10000.0]}}]
    processes:
      - name: all
        pdf: {{type: chebyshev, observable: mass, params: [c1]}}
        yield: {{type: parameter, name: n, modifiers: [{{type: normsys, param: alpha, lo: 0.95, hi: 1.05}}]}}
"
    )
}

fn events() -> Option<String> {
    let data = std::env::var_os("NEYMAN_DATA");
    if data.is_none() {
        eprintln!("skipped: NEYMAN_DATA is not set");
    }
    Some(PathBuf::from(data?).join("unbinned/ev_zstd.parquet").display().to_string())
}

#[test]
fn fits_are_told_as_tables_and_documents() {
    let Some(events) = events() else { return };
    let scratch = Scratch::new("unbinned", &json!({}));
    scratch.write("spec.yaml", &specification(&events));
    let text = scratch.text("unbinned fit spec.yaml --threads 2");
    for says in [
        "parameter",
        "alpha",
        "SR: 1000 events, weights sum to",
        "converged: -2 log L =",
        "note: events are weighted in SR",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let document = scratch.json("unbinned fit spec.yaml --json --covariance -o fit.json");
    let file: Value = serde_json::from_slice(&scratch.read("fit.json")).unwrap();
    assert_eq!(document, file);
    assert_eq!(
        (&document["kind"], &document["status"], &document["poi"]),
        (&json!("unbinned_fit"), &json!("converged"), &json!("n"))
    );
    // an extended fit expects what was counted
    let channel = &document["channels"][0];
    let n = document["parameters"][0]["value"].as_f64().unwrap();
    assert!((n - channel["sum_of_weights"].as_f64().unwrap()).abs() < 1e-4, "{document}");
    assert!((channel["processes"][0]["yield"].as_f64().unwrap() - n).abs() < 1e-6);
    assert_eq!(channel["events"], 1000);
    assert_eq!(document["parameters"][2]["constraint"], "gaussian");
    let sigma = document["parameters"][0]["uncertainty"].as_f64().unwrap();
    assert!((document["covariance"][0][0].as_f64().unwrap().sqrt() / sigma - 1.0).abs() < 1e-12);
    let provenance = &document["provenance"];
    assert_eq!(provenance["specification"], "spec.yaml");
    assert_eq!(provenance["schema_version"], "neyman_unbinned_spec_v1");
    assert_eq!(provenance["digest"].as_str().map(str::len), Some(64));
    assert_eq!(provenance["files"], json!([events]));
    // the same whoever looks, and with a parameter held
    assert_eq!(scratch.json("unbinned fit spec.yaml --json --covariance --threads 1"), document);
    let held = scratch.json("unbinned fit spec.yaml --json --fix n=900");
    assert_eq!(
        (&held["parameters"][0]["fixed"], &held["parameters"][0]["value"]),
        (&json!(true), &json!(900.0))
    );
    assert!(held["twice_nll"].as_f64() > document["twice_nll"].as_f64());
    // not converged is an exit code
    let output = scratch.run("unbinned fit spec.yaml --max-evaluations 1");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("evaluation limit"));
    let (code, message) = scratch.error("unbinned fit spec.yaml --fix m=1");
    assert_eq!(code, 3);
    assert!(message.contains("there is no parameter \"m\""), "{message}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let scratch = Scratch::new("unbinned_mistakes", &json!({}));
    let text = specification("nowhere.parquet");
    let told = |text: &str, code: i32, says: &str| {
        scratch.write("spec.yaml", text);
        let (found, message) = scratch.error("unbinned fit spec.yaml");
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says), "{message}");
    };
    told(&text, 5, "nowhere.parquet");
    let at = "spec.yaml: /channels/0/processes/0/pdf/type: ";
    told(
        &text.replace("chebyshev", "chebishev"),
        3,
        &format!("{at}there is no density \"chebishev\"; did you"),
    );
    told(
        &text.replace("chebyshev", "dcr_surrogate"),
        3,
        "densities of type \"dcr_surrogate\" are not supported yet",
    );
    told(
        &text.replace("poi: n", "poi: x"),
        3,
        "spec.yaml: /model/poi: there is no parameter \"x\"",
    );
    told(&text.replace("poi: n", "poi: [n"), 3, "spec.yaml: line ");
    told(&text.replace("nowhere.parquet", "nowhere.root"), 3, "ROOT files are not supported yet");
    let (code, message) = scratch.error("unbinned fit spec.yaml --device gpu");
    assert_eq!(code, 2);
    assert!(message.contains("run on the processor"), "{message}");
    assert_eq!(scratch.error("unbinned").0, 2);
}
