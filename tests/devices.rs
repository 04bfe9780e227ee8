//! Devices as their users meet them: the list, choice by name, automatic choice; and that whatever
//! stands in the environment, a command ends in results or in one plain error.

#[path = "common/place.rs"]
#[allow(dead_code, reason = "each test file uses a part of this")]
mod place;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const WORKSPACE: &str = r#"{
  "version": "1.0.0",
  "channels": [{"name": "SR", "samples": [
    {"name": "signal", "data": [5, 10],
     "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]},
    {"name": "background", "data": [50, 60],
     "modifiers": [{"name": "xsec", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}]}]}],
  "observations": [{"name": "SR", "data": [52, 73]}],
  "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}]
}"#;

/// Environments that must change nothing but which devices are found.
const ENVIRONMENTS: [&[(&str, &str)]; 7] = [
    &[],
    &[("VK_DRIVER_FILES", "/nonexistent")],
    &[("VK_DRIVER_FILES", "/dev/null"), ("VK_ICD_FILENAMES", "/dev/null")],
    &[("WGPU_BACKEND", "nonsense")],
    &[("WGPU_BACKEND", "gl")],
    &[("WGPU_ADAPTER_NAME", "nothing"), ("WGPU_POWER_PREF", "nonsense")],
    &[("WGPU_BACKEND", ""), ("WGPU_ADAPTER_NAME", "")],
];

fn folder(name: &str) -> PathBuf {
    let folder = place::scratch().join(format!("devices-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("w.json"), WORKSPACE).unwrap();
    folder
}

fn run(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(place::binary());
    command.current_dir(folder).args(line.split_whitespace()).stdin(Stdio::null());
    for name in ["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"] {
        command.env(name, folder);
    }
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    let message = stderr(&output);
    assert!(!message.contains("mistake in neyman") && !message.contains("panicked"), "{message}");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Value {
    let output = run(folder, line, environment);
    assert!(output.status.success(), "{line}: {environment:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(folder: &Path, line: &str) -> String {
    let output = run(folder, line, &[]);
    assert!(output.status.success(), "{line}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn devices(list: &Value) -> Vec<&Value> {
    list["devices"].as_array().unwrap().iter().collect()
}

#[test]
fn the_list_holds_the_processor_and_all_others_once() {
    let folder = folder("list");
    let list = json(&folder, "devices --json --no-test", &[]);
    let all = devices(&list);
    assert_eq!((&all[0]["device"], &all[0]["precisions"][0]), (&"cpu".into(), &"f64".into()));
    let (cuda, graphics): (Vec<&Value>, Vec<&Value>) =
        all.iter().skip(1).partition(|device| device["backend"] == "cuda");
    // two cards or more are listed once more, together
    let (together, cuda): (Vec<&Value>, Vec<&Value>) =
        cuda.into_iter().partition(|device| device["also"] == "cuda:all");
    assert_eq!(together.len(), usize::from(cuda.len() > 1));
    for (i, device) in cuda.iter().enumerate() {
        assert_eq!(device["device"], format!("cuda:{i}"));
        assert_eq!(device["precisions"], serde_json::json!(["f64"]));
    }
    for (i, device) in graphics.iter().enumerate() {
        assert_eq!(device["device"], format!("gpu:{i}"));
        let also = device["also"].as_str().unwrap();
        assert!(also.starts_with(device["backend"].as_str().unwrap()), "{also}");
        assert!(device["largest_buffer"].as_u64().unwrap() > 0 && device["self_test"].is_null());
    }
    assert!(list["auto"].as_str().unwrap().starts_with("auto: cpu"));
    let table = text(&folder, "devices --no-test");
    assert!(table.starts_with("device  "), "{table}");
    assert!(table.contains("\ncpu ") && table.contains("\n\nauto: cpu"), "{table}");
    assert!(!table.contains("self-test"));
    assert_eq!(table.lines().count(), all.len() + 3);
}

#[test]
fn self_tests_are_run_where_devices_are_listed() {
    let folder = folder("self-test");
    let list = json(&folder, "devices --json", &[]);
    for device in devices(&list).into_iter().skip(1) {
        // a card's driver may be refused; Mesa's software is known to be right
        let passed = device["self_test"]["passed"].as_bool().unwrap();
        assert!(passed || device["type"] != "software", "{device}");
    }
    for precision in ["f64", "df64", "f32"] {
        let line = format!("devices --json --precision {precision}");
        let named = json(&folder, &line, &[]);
        for device in devices(&named).into_iter().skip(1).filter(|d| d["backend"] != "cuda") {
            let test = &device["self_test"];
            assert_eq!(test["precision"], precision);
            let has = device["precisions"].as_array().unwrap().contains(&precision.into());
            assert!(test["passed"] == has || device["type"] != "software", "{device}");
        }
    }
}

#[test]
fn no_environment_breaks_the_list() {
    let folder = folder("environment");
    let usual = json(&folder, "devices --json --no-test", &[]);
    for environment in ENVIRONMENTS {
        let output = run(&folder, "devices --json --no-test", environment);
        assert_eq!(stderr(&output), "", "drivers talk: {environment:?}");
        let list = json(&folder, "devices --json --no-test", environment);
        assert_eq!(list["devices"][0], usual["devices"][0]);
        if environment.iter().all(|(name, _)| name.starts_with("WGPU")) {
            assert_eq!(list, usual, "{environment:?}");
        }
    }
}

#[cfg(all(feature = "gpu", target_os = "linux"))]
#[test]
fn without_a_driver_there_is_the_processor_and_advice() {
    let folder = folder("no-driver");
    let none = [("VK_DRIVER_FILES", "/nonexistent")];
    let list = json(&folder, "devices --json", &none);
    // CUDA has a driver of its own
    let cuda = devices(&list).iter().filter(|d| d["backend"] == "cuda").count();
    assert_eq!(devices(&list).len(), 1 + cuda);
    let advice = if cuda > 0 { "where they are faster" } else { "no graphics processor was found" };
    assert!(list["auto"].as_str().unwrap().contains(advice), "{}", list["auto"]);
    for (device, told) in [
        (
            "gpu",
            "error: device gpu: no graphics device: found none; install a driver, or use the device cpu",
        ),
        ("vulkan:1", "error: device vulkan:1: no Vulkan device of number 1: found none; install"),
        ("metal", "error: device metal: no Metal device: found none; Metal is Apple's"),
    ] {
        let output = run(&folder, &format!("fit w.json --device {device}"), &none);
        assert_eq!(output.status.code(), Some(4));
        assert!(stderr(&output).starts_with(told), "{}", stderr(&output));
    }
    // automatic choice needs none
    let fit = json(&folder, "fit w.json --json", &none);
    assert_eq!((&fit["status"], &fit["device"]), (&"converged".into(), &"cpu".into()));
}

#[test]
fn single_fits_and_small_batches_run_on_the_processor() {
    let folder = folder("small");
    let fit = json(&folder, "fit w.json --json", &[]);
    assert_eq!((&fit["device"], &fit["precision"]), (&"cpu".into(), &"f64".into()));
    let toys = json(&folder, "toys w.json --toys 50 --json", &[]);
    assert_eq!(toys["device"], "cpu");
    assert!(toys["device_reason"].as_str().unwrap().starts_with("auto: "));
    let named = json(&folder, "toys w.json --toys 50 --device cpu --json", &[]);
    assert_eq!(named["device_reason"], "asked for");
}

#[test]
fn large_batches_say_what_was_chosen_and_why() {
    let folder = folder("large");
    for environment in ENVIRONMENTS {
        let line = "toys w.json --toys 2000 --verbose --json";
        let output = run(&folder, line, environment);
        assert!(output.status.success(), "{}", stderr(&output));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let reason = summary["device_reason"].as_str().unwrap();
        assert!(reason.starts_with("auto: "), "{reason}");
        let device = summary["device"].as_str().unwrap();
        let said = stderr(&output);
        assert!(said.contains(&format!("device: {device}, ")) && said.contains(reason), "{said}");
    }
}

/// A run goes on where it began, whatever automatic choice would take now.
#[test]
fn resumed_runs_stay_on_their_device() {
    let folder = folder("resume");
    let line = "toys w.json --range 0:100 --chunk 10 --json -o";
    let whole = json(&folder, &format!("{line} whole.npz --device cpu"), &[]);
    assert_eq!(whole["device"], "cpu");
    // the identity alone: interrupted before the first chunk was done
    let part = folder.join("cut.npz.part");
    fs::create_dir(&part).unwrap();
    for (device, code) in [("cpu", 0), ("gpu:999", 4), ("none at all", 0)] {
        fs::create_dir_all(&part).unwrap();
        let _ = fs::remove_file(folder.join("cut.npz"));
        let run_json = format!(
            r#"{{"version": "0", "model": "", "names": [], "poi": null, "truth": [], "seed": 0,
                "first": 0, "end": 100, "held": [], "data": null, "edm": 1,
                "evaluations": 1, "chunk": 10, "device": "{device}", "precision": "f64"}}"#
        );
        fs::write(part.join("run.json"), run_json).unwrap();
        let output = run(&folder, &format!("{line} cut.npz --resume"), &[]);
        assert_eq!(output.status.code(), Some(code), "{device}: {}", stderr(&output));
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("whole.npz") == read("cut.npz"));
}

/// Every device by each of its names, in every precision: the toys of the processor, the same fits.
#[test]
fn devices_agree_on_toys() {
    let folder = folder("toys");
    let list = json(&folder, "devices --json", &[]);
    let toys = "toys w.json --toys 60 --conditional --chunk 25 --json";
    let expected = json(&folder, &format!("{toys} -o cpu.npz --device cpu"), &[]);
    for device in devices(&list).into_iter().skip(1) {
        if device["self_test"]["passed"] != true {
            eprintln!("skipped: {device}");
            continue;
        }
        for precision in device["precisions"].as_array().unwrap() {
            let precision = precision.as_str().unwrap();
            for name in [&device["device"], &device["also"]].into_iter().filter_map(Value::as_str) {
                let line =
                    format!("{toys} --device {name} --precision {precision} --no-host-fallback");
                let found = json(&folder, &line, &[]);
                assert_eq!(found["device"], device["device"]);
                assert_eq!((&found["precision"], &found["toys"]), (&precision.into(), &60.into()));
                assert_eq!(found["converged"], expected["converged"], "{found}");
                assert_eq!(found["missed_minima"], 0, "{found}");
                assert!(found["device_failure"].is_null(), "{found}");
            }
        }
    }
}
