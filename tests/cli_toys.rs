//! Tests by toys, as their users meet them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A directory of its own with a small workspace in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-toys-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("w.json"), workspace().to_string()).unwrap();
        Self(path)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neyman"));
        command.current_dir(&self.0).args(line.split_whitespace()).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", &self.0).env("HOME", &self.0).env("LOCALAPPDATA", &self.0);
        command
    }

    /// Standard output of a command that ends well.
    fn text(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(line)).unwrap()
    }

    /// Exit code and message of a command that does not.
    fn error(&self, line: &str) -> (i32, String) {
        let output = self.command(line).output().unwrap();
        let message = stderr(&output);
        assert!(!message.contains("mistake in neyman"), "{message}");
        (output.status.code().unwrap(), message)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn workspace() -> Value {
    json!({
        "version": "1.0.0",
        "channels": [{"name": "SR", "samples": [
            {"name": "signal", "data": [12.0, 11.0], "modifiers": [
                {"name": "mu", "type": "normfactor", "data": null}]},
            {"name": "background", "data": [50.0, 52.0], "modifiers": [
                {"name": "own", "type": "shapesys", "data": [3.0, 7.0]}]},
        ]}],
        "observations": [{"name": "SR", "data": [51.0, 48.0]}],
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
    })
}

/// What differs between two ways to the same toys.
fn statement(mut document: Value) -> Value {
    let object = document.as_object_mut().unwrap();
    ["provenance", "notes", "warnings"].iter().for_each(|key| drop(object.remove(*key)));
    document
}

#[test]
fn cls_by_toys_says_what_the_documents_promise() {
    let scratch = Scratch::new("cls");
    let cls = scratch.json("cls w.json --toys 2000 --seed 3 --json -o cls.json");
    assert_eq!(
        (&cls["kind"], &cls["toys"], &cls["failed"]),
        (&"cls".into(), &2000.into(), &0.into())
    );
    assert_eq!(cls["provenance"]["seed"], 3);
    assert!(cls.get("distributions").is_none());
    let number = |key: &str| cls[key].as_f64().unwrap();
    // asymptotically 0.0525; pyhf's toys 0.053
    let off = (number("cls_observed") - 0.0527).abs();
    assert!(off < 5.0 * number("cls_observed_error"), "{cls}");
    let ratio = number("clsb") / number("clb");
    assert!((ratio - number("cls_observed")).abs() < 1e-12);
    for key in ["cls_expected", "cls_expected_error"] {
        assert_eq!(cls[key].as_array().unwrap().len(), 5, "{key}");
    }
    let file: Value = serde_json::from_slice(&scratch.read("cls.json")).unwrap();
    let values = |side: &str| file["distributions"][side].as_array().unwrap().clone();
    assert_eq!((values("signal_background").len(), values("background").len()), (2000, 2000));
    let above = |v: &Value| v.as_f64().unwrap() >= number("test_statistic");
    let passing = values("signal_background").iter().filter(|v| above(v)).count();
    assert_eq!(passing as f64 / 2000.0, number("clsb"));
    // the same bits again, and none without a seed of its own
    let again = scratch.json("cls w.json --toys 2000 --seed 3 --json --chunk 100 --threads 1");
    assert_eq!(statement(again), statement(cls.clone()));
    let other = scratch.json("cls w.json --toys 2000 --seed 4 --json");
    assert_ne!(other["clsb"], cls["clsb"]);
    let text = scratch.text("cls w.json --toys 200");
    assert!(text.contains("+-") && text.contains("200 and 200 of the alternative"), "{text}");
}

#[test]
fn discovery_by_toys() {
    let scratch = Scratch::new("discovery");
    let found = scratch.json("discovery w.json --toys 1000 --json -o d.json");
    assert_eq!((&found["kind"], &found["toys"]), (&"discovery".into(), &1000.into()));
    let p0 = found["p0_observed"].as_f64().unwrap();
    let error = found["p0_observed_error"].as_f64().unwrap();
    let formula = scratch.json("discovery w.json --json");
    // a deficit: q0 = 0, which every toy reaches
    assert_eq!((p0, &found["q0"]), (1.0, &formula["q0"]));
    assert!(error > 0.0 && error < 0.01);
    assert_eq!(found["z_expected_band"].as_array().unwrap().len(), 5);
    // background alone is what is tested: stream 0
    assert_eq!(found["ensembles"]["background"]["seed"], 0);
    assert_ne!(found["ensembles"]["signal_background"]["seed"], 0);
    let short = scratch.json("discovery w.json --toys 1000 --observed-only --json");
    assert_eq!(
        (&short["p0_observed"], &short["z_expected"]),
        (&found["p0_observed"], &Value::Null)
    );
    assert_eq!(short["ensembles"]["signal_background"]["toys"], 0);
}

#[test]
fn an_error_asked_for_is_reached() {
    let scratch = Scratch::new("adaptive");
    let cls = scratch.json("cls w.json --toys 100000 --cls-error 0.01 --json");
    assert!(cls["cls_observed_error"].as_f64().unwrap() < 0.01, "{cls}");
    assert!((1000..20_000).contains(&cls["toys"].as_u64().unwrap()), "{cls}");
    assert_eq!(scratch.error("cls w.json --cls-error 0.01").0, 2);
    assert_eq!(scratch.error("cls w.json --toys 9 --cls-error 0.01 --save-toys d").0, 2);
}

#[test]
fn toys_of_shards_are_joined_and_read() {
    let scratch = Scratch::new("shards");
    let whole = scratch.json("cls w.json --range 0:300 --save-toys whole --json");
    scratch.text("cls w.json --range 0:120 --save-toys a");
    scratch.text("cls w.json --range 120:300 --save-toys b");
    fs::create_dir(scratch.0.join("both")).unwrap();
    for file in ["signal_background.npz", "background.npz"] {
        let joined = scratch.json(&format!("merge both/{file} b/{file} a/{file} --json"));
        assert_eq!((&joined["toys"], &joined["range"]), (&300.into(), &json!([0, 300])));
        assert!(scratch.read(&format!("both/{file}")) == scratch.read(&format!("whole/{file}")));
    }
    let read = scratch.json("cls w.json --from-toys both --json");
    assert_eq!(statement(read), statement(whole));
    // toys of another value, of another statement, of nothing
    let (code, message) = scratch.error("cls w.json --mu 2 --from-toys both");
    assert_eq!((code, message.contains("held mu = 1 there, mu = 2 here")), (5, true), "{message}");
    assert_eq!(scratch.error("discovery w.json --from-toys both").0, 5);
    assert_eq!(scratch.error("cls w.json --from-toys nowhere").0, 5);
    let (code, message) =
        scratch.error("merge both/x.npz a/background.npz b/signal_background.npz");
    assert_eq!((code, message.contains("seed")), (5, true), "{message}");
    assert_eq!(scratch.error("cls w.json --save-toys c").0, 2);
    let (code, message) = scratch.error("cls w.json --toys 300 --save-toys whole");
    assert_eq!((code, message.contains("there already")), (5, true), "{message}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_test_goes_on() {
    let scratch = Scratch::new("interrupt");
    let line = "cls w.json --toys 100000 --chunk 200 -q --save-toys";
    let mut child = scratch.command(&format!("{line} cut")).stdout(Stdio::null()).spawn().unwrap();
    let part = scratch.0.join("cut/signal_background.npz.part");
    let chunk_there = || {
        fs::read_dir(&part).is_ok_and(|mut files| {
            files.any(|f| f.unwrap().path().extension().is_some_and(|e| e == "toys"))
        })
    };
    while !chunk_there() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().is_ok());
    // a machine may be fast enough to be done before
    if child.wait().unwrap().code() != Some(0) {
        let (code, message) = scratch.error(&format!("{line} cut"));
        assert_eq!((code, message.contains("--resume")), (5, true), "{message}");
    }
    let resumed = scratch.json(&format!("{line} cut --resume --json"));
    let whole = scratch.json(&format!("{line} whole --json"));
    assert_eq!(statement(resumed), statement(whole));
    for file in ["signal_background.npz", "background.npz"] {
        assert!(scratch.read(&format!("cut/{file}")) == scratch.read(&format!("whole/{file}")));
    }
}

#[test]
fn a_failing_toy_can_be_thrown_again_by_its_number() {
    let scratch = Scratch::new("replay");
    let cls = scratch.json("cls w.json --toys 50 --json -o cls.json");
    let seed = cls["ensembles"]["background"]["seed"].as_u64().unwrap();
    let line = format!(
        "toys w.json --truth fit --mu 0 --test-mu 1 --seed {seed} --range 17:18 -o one.npz"
    );
    scratch.text(&line);
    let mut file = neyman::results::ToyFile::open(&scratch.0.join("one.npz")).unwrap();
    let mut t = Vec::new();
    file.chunks(1, &mut |chunk| {
        t.extend(chunk.t_mu().map(|t| (t, chunk.fits.parameters_of(0)[0])));
        Ok(())
    })
    .unwrap();
    let document: Value = serde_json::from_slice(&scratch.read("cls.json")).unwrap();
    let kept = document["distributions"]["background"][17].as_f64().unwrap();
    let (t, mu_hat) = t[0];
    let value = neyman::infer::TestStatistic::QTilde.value(1.0, mu_hat, t);
    assert!((value - kept).abs() < 1e-6, "{value} {kept}");
}

#[test]
fn limits_and_intervals_by_toys() {
    let scratch = Scratch::new("limit");
    let limit = scratch.json("limit w.json --toys 1500 --json");
    assert_eq!((&limit["kind"], &limit["failed"]), (&"limit".into(), &0.into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let (found, error) = (number(&limit["observed"]), number(&limit["observed_error"]));
    let formula = number(&limit["asymptotic"]["observed"]);
    assert!((found - formula).abs() < 5.0 * error + 0.05 * formula, "{limit}");
    assert_eq!(limit["expected_error"].as_array().unwrap().len(), 5);
    let point = &limit["points"][3];
    assert!(point["cls_observed_error"].as_f64().unwrap() > 0.0, "{point}");
    let interval = scratch.json("interval w.json --toys 300 --confidence-level 0.9 --json");
    assert_eq!((&interval["kind"], &interval["lower"]), (&"interval".into(), &0.0.into()));
    assert!((0.3..1.5).contains(&number(&interval["upper"])), "{interval}");
    assert_eq!(interval["points"][0]["toys"], 300);
    assert_eq!(scratch.error("interval w.json --test-statistic qtilde").0, 3);
    assert_eq!(scratch.error("interval w.json --confidence-level 2").0, 3);
}
