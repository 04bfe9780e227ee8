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
    let mut alone = scratch.json("unbinned fit spec.yaml --json --covariance --threads 1");
    let threads = alone["provenance"]["device_description"].as_str().unwrap();
    assert!(threads.contains("1 threads"), "{threads}");
    alone["provenance"]["device_description"] =
        document["provenance"]["device_description"].clone();
    assert_eq!(alone, document);
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
    assert_eq!(scratch.error("unbinned").0, 2);
}

/// A graphics processor fits toys as the processor does, and says that it did.
#[cfg(feature = "gpu")]
#[test]
fn toys_on_a_graphics_processor() {
    use neyman::accelerator::gpu::Precision;

    // drivers are quicker to compile f64 than pairs of f32
    if common::gpu::adapter(Precision::F64).is_none() {
        return;
    }
    let scratch = example("unbinned_gpu");
    let line = "unbinned toys search.yaml --toys 6 --seed 2 --test-mu 1.1 --chunk 4 --json";
    let [there, here] = ["--device gpu --precision f64", "--device cpu"]
        .map(|on| scratch.json(&format!("{line} {on}")));
    assert_eq!((&there["precision"], &there["finished_on_processor"]), (&json!("f64"), &json!(0)));
    assert!(there["device"].as_str().unwrap().starts_with("gpu:"), "{there}");
    assert_eq!((&here["device"], &there["toys"]), (&json!("cpu"), &json!(6)));
    assert_eq!((&there["converged"], &there["fits"]), (&here["converged"], &here["fits"]));
    assert_eq!(there["missed_minima"], here["missed_minima"]);
}

/// The example with its events beside it.
fn example(name: &str) -> Scratch {
    let scratch = Scratch::new(name, &json!({}));
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/unbinned");
    for file in ["search.yaml", "events.parquet"] {
        std::fs::copy(folder.join(file), scratch.0.join(file)).unwrap();
    }
    scratch
}

fn of<'a>(document: &'a Value, kind: &str) -> &'a Value {
    assert_eq!(document["kind"], kind, "{document}");
    assert_eq!(document["status"], "converged", "{document}");
    assert_eq!(document["provenance"]["specification"], "search.yaml");
    document
}

#[test]
fn devices_are_told_and_what_they_lack() {
    let scratch = example("unbinned_devices");
    let provenance = |document: Value| document["provenance"].clone();
    let chosen = provenance(scratch.json("unbinned fit search.yaml --json"));
    assert_eq!((&chosen["device"], &chosen["precision"]), (&json!("cpu"), &json!("f64")));
    assert!(chosen["device_reason"].as_str().unwrap().starts_with("auto: "), "{chosen}");
    let asked = provenance(scratch.json("unbinned fit search.yaml --device cpu --json"));
    assert_eq!(asked["device_reason"], "asked for");
    for line in ["limit search.yaml", "toys search.yaml --toys 2"] {
        let (code, message) = scratch.error(&format!("unbinned {line} --device gpu:999"));
        assert!(code == 4 && message.contains("device gpu:999"), "{message}");
    }
    let (code, message) = scratch.error("unbinned fit search.yaml --device cpu --precision f32");
    assert!(code == 4 && message.contains("it computes in f64"), "{message}");
    let path = scratch.0.join("search.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let gaussian = "type: gaussian, observable: mass, params: [mass, width]";
    assert!(text.contains(gaussian));
    let voigtian = "type: voigtian, observable: mass, params: [mass, width, 0.5]";
    std::fs::write(&path, text.replace(gaussian, voigtian)).unwrap();
    let (_, message) = scratch.error("unbinned scan search.yaml --mu 0:1:2 --device gpu");
    let told = "search.yaml: channel \"2015\", process \"signal\": devices have no formula for the \
                density voigtian";
    assert!(message.contains(told), "{message}");
}

#[test]
fn statements_are_told_as_those_of_workspaces() {
    let scratch = example("unbinned_statements");
    let fit = scratch.json("unbinned fit search.yaml --json");
    let mu = fit["parameters"][0]["value"].as_f64().unwrap();
    let sigma = fit["parameters"][0]["uncertainty"].as_f64().unwrap();

    let scan = scratch.json("unbinned scan search.yaml --mu 0.6:1.4:5 --json -o scan.json");
    let scan = of(&scan, "scan");
    assert_eq!(scan["points"].as_array().unwrap().len(), 5);
    assert!((scan["best"].as_f64().unwrap() - mu).abs() < 1e-5 * sigma);
    let upper = scan["intervals"][0]["upper"].as_f64().unwrap();
    assert!((upper - mu - 0.9945 * sigma).abs() < 0.1 * sigma, "{upper} {mu} {sigma}");
    scratch.text("plot scan.json -o scan.svg");
    let pair = "unbinned scan search.yaml --parameter mu=0.5:1.5:4 --parameter lumi=-1:1:3 --json";
    assert_eq!(of(&scratch.json(pair), "scan2d")["delta_twice_nll"].as_array().unwrap().len(), 3);

    let minos = scratch.json("unbinned minos search.yaml --parameter mu --json");
    let up = of(&minos, "minos")["parameters"][0]["minos_up"].as_f64().unwrap();
    assert!((up / sigma - 1.0).abs() < 0.1, "{up} {sigma}");

    let test = scratch.json("unbinned hypotest search.yaml --mu 1.3 --json");
    let cls = of(&test, "cls")["cls_observed"].as_f64().unwrap();
    let toys = scratch
        .json("unbinned hypotest search.yaml --mu 1.3 --toys 60 --seed 4 --json -o toys.json");
    assert_eq!((of(&toys, "cls")["toys"].as_u64(), &toys["failed"]), (Some(60), &json!(0)));
    assert_eq!(toys["provenance"]["seed"], 4);
    let by_toys = toys["cls_observed"].as_f64().unwrap();
    let error = toys["cls_observed_error"].as_f64().unwrap();
    assert!((by_toys - cls).abs() < 5.0 * error.max(0.01), "{by_toys} +- {error}, {cls}");
    scratch.text("plot toys.json -o toys.svg");

    let limit = scratch.json("unbinned limit search.yaml --json -o limit.json");
    let observed = of(&limit, "limit")["observed"].as_f64().unwrap();
    assert!(observed > mu + sigma && observed < mu + 3.0 * sigma, "{observed} {mu} {sigma}");
    scratch.text("plot limit.json -o limit.svg");
    let line =
        "unbinned limit search.yaml --mu 1.06:1.2:3 --toys 60 --seed 4 --json -o by_toys.json";
    let limit = scratch.json(line);
    let by_toys = of(&limit, "limit")["observed"].as_f64().unwrap();
    let error = limit["observed_error"].as_f64().unwrap();
    assert!((by_toys - observed).abs() < 5.0 * error, "{by_toys} +- {error}, {observed}");
    assert_eq!((&limit["failed"], &limit["provenance"]["seed"]), (&json!(0), &json!(4)));
    scratch.text("plot by_toys.json -o by_toys.svg");
    let line =
        "unbinned interval search.yaml --mu 0.8:1.2:5 --toys 40 --confidence-level 0.9 --json";
    let interval = scratch.json(line);
    let ends = of(&interval, "interval");
    assert!(ends["lower"].as_f64().unwrap() < mu && ends["upper"].as_f64().unwrap() > mu);
    let discovery = scratch.json("unbinned discovery search.yaml --json");
    assert!(of(&discovery, "discovery")["z_observed"].as_f64().unwrap() > 5.0);
    let ranking = scratch.json("unbinned ranking search.yaml --json -o ranking.json");
    let ranked = of(&ranking, "impacts")["parameters"].as_array().unwrap().len();
    assert_eq!(ranked, 6);
    scratch.text("plot ranking.json -o ranking.svg");
    // tables for people
    for (line, says) in [
        ("scan search.yaml --mu 0.6:1.4:3", "95 % interval"),
        ("hypotest search.yaml", "expected -2 sigma"),
        ("limit search.yaml", "95 % upper limit on mu"),
        ("ranking search.yaml", "lumi"),
        ("discovery search.yaml", "sigma, p0 ="),
        ("minos search.yaml --fix slope=-0.03", "background_2016"),
    ] {
        let text = scratch.text(&format!("unbinned {line}"));
        assert!(text.contains(says), "{line}: {text}");
    }
}

#[test]
fn toys_are_kept_and_joined() {
    let scratch = example("unbinned_toys");
    let line = "unbinned toys search.yaml --truth fit --seed 3 --test-mu 1 --chunk 4";
    let whole = scratch.json(&format!("{line} --toys 10 -o whole.npz --json"));
    assert_eq!((&whole["toys"], &whole["fits"]), (&json!(10), &json!(20)));
    assert_eq!((&whole["poi"], &whole["interrupted"]), (&json!("mu"), &json!(false)));
    scratch.json(&format!("{line} --range 0:6 -o a.npz --json"));
    scratch.json(&format!("{line} --range 6:10 -o b.npz --json --threads 1"));
    scratch.text("merge joined.npz a.npz b.npz");
    assert_eq!(scratch.read("whole.npz"), scratch.read("joined.npz"));
    let names = String::from_utf8_lossy(&scratch.read("whole.npz")).into_owned();
    assert!(names.contains("uncertainties.npy") && names.contains("events.npy"));
    // what is there is not thrown again, and nothing else is taken for it
    let (code, message) =
        scratch.error("unbinned toys search.yaml --toys 10 -o whole.npz --resume");
    assert_eq!(code, 5);
    assert!(message.contains("nothing to resume"), "{message}");
    let (code, message) = scratch.error("unbinned toys search.yaml --toys 3 --mu -5");
    assert_eq!(code, 3);
    assert!(message.contains("the expected number of events is"), "{message}");
    let text = scratch.text("unbinned toys search.yaml --toys 3");
    assert!(text.contains("3 of 3 toys converged"), "{text}");
}

#[test]
fn wrong_statements_are_refused() {
    let scratch = example("unbinned_refused");
    for (line, code, says) in [
        ("scan search.yaml", 2, "--mu"),
        ("scan search.yaml --mu 0:1:3 --poi nu", 3, "there is no parameter \"nu\""),
        ("limit search.yaml --fix mu=1", 3, "mu is held constant"),
        ("limit search.yaml --test-statistic tmu", 3, "qmu or qtilde"),
        ("interval search.yaml --test-statistic qmu --toys 1", 3, "tmu or ttilde"),
        ("ranking search.yaml --parameter nothing", 3, "nothing"),
        ("toys search.yaml", 2, "--toys"),
        ("hypotest search.yaml --mu nan", 2, "nan"),
        ("hypotest nowhere.yaml", 5, "nowhere.yaml"),
    ] {
        let (found, message) = scratch.error(&format!("unbinned {line}"));
        assert_eq!(found, code, "{line}: {message}");
        assert!(message.contains(says), "{line}: {message}");
    }
}

/// A workspace beside the events: one parameter of either side's name, and what each has for itself.
#[test]
fn joint_fits_tell_the_binned_channels() {
    let Some(events) = events() else { return };
    let workspace = json!({
        "channels": [{"name": "CR", "samples": [{"name": "all", "data": [300.0, 200.0], "modifiers": [
            {"name": "alpha", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}},
            {"name": "own", "type": "shapesys", "data": [10.0, 8.0]}]}]}],
        "observations": [{"name": "CR", "data": [331.0, 216.0]}], "version": "1.0.0",
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}]
    });
    let scratch = Scratch::new("unbinned_joint", &workspace);
    let alone = specification(&events);
    let joint = alone.replace("  poi: n\n", "  poi: n\n  histfactory: {workspace: w.json}\n");
    scratch.write("joint.yaml", &joint);
    scratch.write("alone.yaml", &alone);
    let text = scratch.text("unbinned fit joint.yaml");
    for says in ["binned channel", "CR", "547.00", "w.json, measurement m", "own[1]"] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let document = scratch.json("unbinned fit joint.yaml --json");
    let channel = &document["binned"]["channels"][0];
    assert_eq!(
        (&channel["name"], &channel["bins"], &channel["observed"]),
        (&json!("CR"), &json!(2), &json!(547.0))
    );
    let expected = channel["expected"].as_f64().unwrap();
    assert!((500.0..550.0).contains(&expected), "{document}");
    let named = |name: &str| {
        let parameters = document["parameters"].as_array().unwrap();
        parameters.iter().find(|p| p["name"] == name).unwrap().clone()
    };
    assert_eq!(named("alpha")["constraint"], "gaussian");
    assert_eq!(named("own[0]")["constraint"], "poisson");
    assert!(named("own[0]")["pull"].is_number());
    assert_eq!(document["provenance"]["workspace"], "w.json");
    assert_eq!(document["provenance"]["measurement"], "m");
    // counts pull what the events leave where it is
    let held = scratch.json("unbinned fit alone.yaml --json")["parameters"][2].clone();
    assert!(held["value"].as_f64().unwrap().abs() < 1e-6);
    assert!(named("alpha")["value"].as_f64().unwrap() > 0.3, "{document}");
    assert!(named("alpha")["uncertainty"].as_f64() < held["uncertainty"].as_f64());
    // what else there is works without more
    let scan = scratch.json("unbinned scan joint.yaml --parameter alpha=-0.5:1:4 --json");
    assert_eq!(
        (&scan["status"], &scan["points"][0]["status"]),
        (&json!("converged"), &json!("converged"))
    );
    let ranking = scratch.json("unbinned ranking joint.yaml --json");
    assert_eq!(ranking["parameters"][0]["name"], "alpha");
    scratch.text("unbinned toys joint.yaml --toys 6 --seed 2 -o toys.npz");
    assert!(scratch.0.join("toys.npz").exists());
    scratch.write("bad.yaml", &joint.replace("w.json}", "w.json, measurement: n}"));
    let (code, message) = scratch.error("unbinned fit bad.yaml");
    assert_eq!(code, 3);
    assert!(message.contains("/model/histfactory/measurement"), "{message}");
}

/// A bell over a falling exponential in HS3, with weights.
fn hs3() -> Value {
    json!({
        "metadata": {"hs3_version": "0.2.9"},
        "distributions": [
            {"name": "sig", "type": "gaussian_dist", "x": "m", "mean": "mu", "sigma": 2},
            {"name": "bkg", "type": "exponential_dist", "x": "m", "c": 0.03},
            {"name": "SR", "type": "mixture_dist", "summands": ["sig", "bkg"],
             "coefficients": ["ns", "nb"], "extended": true},
        ],
        "data": [{
            "name": "d", "type": "unbinned", "weights": [1, 0.5, 2, 1.5, 1],
            "entries": [[61.0], [90.0], [91.5], [100.0], [89]],
            "axes": [{"name": "m", "min": 60, "max": 120}],
        }],
        "likelihoods": [{"name": "L", "distributions": ["SR"], "data": ["d"]}],
        "domains": [{"name": "dom", "type": "product_domain", "axes": [
            {"name": "mu", "min": 80, "max": 100},
            {"name": "ns", "min": 0, "max": 100},
            {"name": "nb", "min": 0, "max": 100},
        ]}],
        "parameter_points": [{"name": "start", "parameters": [
            {"name": "mu", "value": 90.5}, {"name": "ns", "value": 3}, {"name": "nb", "value": 3},
        ]}],
        "analyses": [{"name": "a", "likelihood": "L", "domain": "dom", "init": "start"}],
    })
}

#[test]
fn hs3_is_converted_there_and_back() {
    let scratch = Scratch::new("unbinned_hs3", &json!({}));
    scratch.write("in.json", &hs3().to_string());
    let (code, message) = scratch.error("unbinned fit in.json");
    assert_eq!(code, 3, "{message}");
    assert!(message.contains("neyman unbinned convert --to neyman"), "{message}");
    let text = scratch.text("unbinned convert in.json spec.json --to neyman");
    assert!(text.contains("with 5 events") && text.contains("spec_SR.parquet"), "{text}");
    let fit = scratch.json("unbinned fit spec.json --json");
    assert_eq!(fit["channels"][0]["sum_of_weights"], 6.0);
    // nothing is replaced unasked
    let (code, message) = scratch.error("unbinned convert in.json spec.json --to neyman");
    assert_eq!(code, 5, "{message}");
    assert!(message.contains("is there already") && message.contains("--force"), "{message}");
    scratch.text("unbinned convert in.json spec.json --to neyman --force");
    let told = scratch.json("unbinned convert spec.json out.json --to hs3 --json");
    assert_eq!((&told["events"], &told["files"]), (&json!(5), &json!([])));
    let out: Value = serde_json::from_slice(&scratch.read("out.json")).unwrap();
    assert_eq!(out["data"][0]["entries"], json!([[61.0], [90.0], [91.5], [100.0], [89.0]]));
    scratch.text("unbinned convert out.json again.json --to neyman");
    let again = scratch.json("unbinned fit again.json --json");
    assert_eq!(again["parameters"], fit["parameters"]);
    assert_eq!(again["twice_nll"], fit["twice_nll"]);
}

#[test]
fn conversions_refuse_with_a_place() {
    let scratch = Scratch::new("unbinned_hs3_refused", &json!({}));
    let mut document = hs3();
    document["distributions"][0] =
        json!({"name": "sig", "type": "generic_dist", "expression": "m"});
    scratch.write("in.json", &document.to_string());
    let (code, message) = scratch.error("unbinned convert in.json out.json --to neyman");
    assert_eq!(code, 3, "{message}");
    assert!(
        message.contains("/distributions/0/type") && message.contains("generic_dist"),
        "{message}"
    );
    assert!(!scratch.0.join("out.json").exists());
    let (code, message) = scratch.error("unbinned convert in.json out.json --to hs3");
    assert!(code == 3 && message.contains("already"), "{message}");
    scratch.write("spec.yaml", &specification("none.parquet"));
    let (code, message) = scratch.error("unbinned convert spec.yaml out.json --to neyman");
    assert!(code == 3 && message.contains("already"), "{message}");
    let (code, message) =
        scratch.error("unbinned convert spec.yaml out.json --to neyman --analysis a");
    assert!(code == 2 && message.contains("--analysis"), "{message}");
}

#[test]
fn version_0_becomes_ours_with_its_interpolations() {
    let Some(events) = events() else { return };
    let scratch = Scratch::new("unbinned_v0", &json!({}));
    let v0 = specification(&events).replace("neyman_unbinned_spec_v1", "nextstat_unbinned_spec_v0");
    scratch.write("v0.yaml", &v0);
    scratch.text("unbinned convert v0.yaml v1.json --to neyman");
    let v1: Value = serde_json::from_slice(&scratch.read("v1.json")).unwrap();
    assert_eq!(v1["schema_version"], "neyman_unbinned_spec_v1");
    let modifier = &v1["channels"][0]["processes"][0]["yield"]["modifiers"][0];
    assert_eq!(modifier["interp_code"], "code1");
    let fits =
        ["v0.yaml", "v1.json"].map(|file| scratch.json(&format!("unbinned fit {file} --json")));
    assert_eq!(fits[0]["twice_nll"], fits[1]["twice_nll"]);
    assert_eq!(fits[0]["parameters"], fits[1]["parameters"]);
    // HS3 has no normsys
    let (code, message) = scratch.error("unbinned convert v1.json hs3.json --to hs3");
    assert!(
        code == 3 && message.contains("normsys") && message.contains("process \"all\""),
        "{message}"
    );
}

/// A specification whose one density is a flow in ONNX; `models` are those of its manifest.
#[cfg(any(not(feature = "onnx"), target_os = "linux"))]
fn with_exported_flow(name: &str, events: &str, models: &Value) -> Scratch {
    let scratch = Scratch::new(name, &json!({}));
    let flow = "pdf: {type: flow, manifest: flow.json}";
    let chebyshev = "pdf: {type: chebyshev, observable: mass, params: [c1]}";
    scratch.write("spec.yaml", &specification(events).replace(chebyshev, flow));
    let manifest = json!({
        "schema_version": "neyman_flow_v1",
        "observable_names": ["mass"],
        "support": [[-10000.0, 10000.0]],
        "models": models,
    });
    scratch.write("flow.json", &manifest.to_string());
    scratch.write("flow.onnx", "not looked at without a library");
    scratch
}

#[cfg(not(feature = "onnx"))]
#[test]
fn builds_without_onnx_say_so() {
    let Some(events) = events() else { return };
    let scratch = with_exported_flow("unbinned_onnx", &events, &json!({"log_prob": "flow.onnx"}));
    let (code, message) = scratch.error("unbinned fit spec.yaml");
    assert_eq!(code, 3, "{message}");
    assert!(message.contains("build it with the feature \"onnx\""), "{message}");
}

/// A library that says it is of this version; `None` where there is no compiler to make it with.
#[cfg(all(feature = "onnx", target_os = "linux"))]
fn library_of_version(scratch: &Scratch, version: &str) -> Option<PathBuf> {
    let source = format!(
        "#[repr(C)] pub struct Base {{ api: extern \"C\" fn(u32) -> *const u8, version: extern \"C\" fn() -> *const u8 }}
        extern \"C\" fn api(_: u32) -> *const u8 {{ std::ptr::null() }}
        extern \"C\" fn version() -> *const u8 {{ c\"{version}\".as_ptr().cast() }}
        static BASE: Base = Base {{ api, version }};
        #[unsafe(no_mangle)] pub extern \"C\" fn OrtGetApiBase() -> *const Base {{ &BASE }}"
    );
    scratch.write("old.rs", &source);
    let mut compile = std::process::Command::new("rustc");
    compile.current_dir(&scratch.0).args(["--edition=2024", "--crate-type=cdylib", "-o", "old.so"]);
    match compile.arg("old.rs").status() {
        Ok(status) => {
            assert!(status.success());
            Some(scratch.0.join("old.so"))
        }
        Err(_) => {
            eprintln!("skipped: there is no rustc");
            None
        }
    }
}

#[cfg(all(feature = "onnx", target_os = "linux"))]
#[test]
fn without_onnxruntime_the_remedy_is_told() {
    let Some(events) = events() else { return };
    let scratch = with_exported_flow("unbinned_onnx", &events, &json!({"log_prob": "flow.onnx"}));
    let mut cases = vec![
        (PathBuf::from("/nowhere/libonnxruntime.so"), "/nowhere/libonnxruntime.so is not there"),
        (scratch.0.join("flow.onnx"), "failed to load"),
        (PathBuf::from("libc.so.6"), "does not export `OrtGetApiBase`"),
    ];
    cases.extend(library_of_version(&scratch, "1.9.0").map(|file| (file, "but got '1.9.0'")));
    for (library, told) in cases {
        let mut command = scratch.command("unbinned fit spec.yaml");
        let output = command.env("ORT_DYLIB_PATH", &library).output().unwrap();
        let message = common::scratch::stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        assert!(message.contains("device onnxruntime: ") && message.contains(told), "{message}");
        assert!(message.contains("pip install onnxruntime"), "{message}");
    }
    // a model that is not there needs no library
    let missing =
        with_exported_flow("unbinned_onnx_file", &events, &json!({"log_prob": "none.onnx"}));
    let (_, message) = missing.error("unbinned fit spec.yaml");
    assert!(message.contains("none.onnx"), "{message}");
}
