//! The `neyman` command as its users meet it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A directory of its own with a small workspace in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let scratch = Self(path);
        scratch.write("w.json", &workspace().to_string());
        scratch
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neyman"));
        command.current_dir(&self.0).args(line.split_whitespace()).stdin(Stdio::null());
        // what is kept of a machine's devices stays here
        command.env("XDG_CACHE_HOME", &self.0).env("HOME", &self.0).env("LOCALAPPDATA", &self.0);
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Standard output of a command that ends well.
    fn text(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(line)).unwrap()
    }

    /// Exit code and message of a command that does not.
    fn error(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        let message = stderr(&output);
        assert!(
            !message.contains("panicked") && !message.contains("mistake in neyman"),
            "{message}"
        );
        (output.status.code().unwrap(), message)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn workspace() -> Value {
    json!({
        "version": "1.0.0",
        "channels": [{"name": "SR", "samples": [
            {"name": "signal", "data": [5.0, 10.0], "modifiers": [
                {"name": "mu", "type": "normfactor", "data": null}]},
            {"name": "background", "data": [50.0, 60.0], "modifiers": [
                {"name": "xsec", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                {"name": "stat", "type": "shapesys", "data": [5.0, 12.0]}]},
        ]}],
        "observations": [{"name": "SR", "data": [52.0, 73.0]}],
        "measurements": [
            {"name": "fit", "config": {"poi": "mu", "parameters": []}},
            {"name": "other", "config": {"poi": "", "parameters": [
                {"name": "mu", "bounds": [[-1.0, 4.0]], "inits": [0.5], "fixed": true}]}},
        ],
    })
}

#[test]
fn help_names_commands_and_exit_codes() {
    let help = Scratch::new("help").text("--help");
    for line in [
        "  inspect    Show what a workspace holds",
        "  validate   Check a workspace; errors and warnings with their JSON pointers",
        "  toys       Throw toys and fit them",
        "  3    bad input: workspace, patch, data, points, unknown names",
    ] {
        assert!(help.contains(line), "{line}\n{help}");
    }
}

#[test]
fn inspect_shows_the_workspace() {
    let expected = "\
1 channel, 2 bins, 4 parameters, 3 auxiliary data

measurement fit (used): parameter of interest mu
measurement other: parameter of interest none
parameter of interest in use: mu

channel  bins  observed  samples
SR          2       125  signal background

modifier    names  uses
normfactor      1     1
normsys         1     1
shapesys        1     1

parameter  constraint  init  lower  upper
mu         none           1      0     10
xsec       gaussian       0     -5      5
stat[0]    poisson        1  1e-10     10
stat[1]    poisson        1  1e-10     10
";
    let scratch = Scratch::new("inspect");
    assert_eq!(scratch.text("inspect w.json"), expected);
    let other = scratch.json("inspect w.json --measurement other --json");
    assert_eq!(other["poi"], Value::Null);
    assert_eq!(other["channels"][0]["samples"], json!(["signal", "background"]));
    let mu = json!({"name": "mu", "constraint": "none", "init": 0.5, "bounds": [-1.0, 4.0], "fixed": true});
    assert_eq!(other["parameters"][0], mu);
}

#[test]
fn workspaces_come_from_stdin_and_patches_apply() {
    let scratch = Scratch::new("stdin");
    let patch = json!([{"op": "replace", "path": "/observations/0/data", "value": [1.0, 2.0]}]);
    scratch.write("patch.json", &patch.to_string());
    let mut command = scratch.command("inspect - --json --patch patch.json");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(workspace().to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["channels"][0]["observed"], 3.0);
}

#[test]
fn errors_say_where_and_what_in_a_line_or_two() {
    let scratch = Scratch::new("errors");
    let mut broken = workspace();
    broken["channels"][0]["samples"][1]["data"] = json!([1.0]);
    scratch.write("broken.json", &broken.to_string());
    scratch.write("text.json", "{\"channels\": [}");
    scratch.write("main.json", "[52, 73]");
    scratch.write("point.json", "[1, 0]");
    let cases = [
        ("validate broken.json", 3, "error: broken.json: /channels/0/samples/"),
        ("validate text.json", 3, "error: text.json: line 1, column 15"),
        ("fit missing.json", 5, "error: missing.json: "),
        (
            "fit w.json --device gup",
            4,
            "error: device gup: there is none of that name: did you mean gpu",
        ),
        ("fit missing.json --device gpu:x", 4, "a number must follow the colon, as in gpu:0"),
        ("fit w.json --device gpu:999", 4, "error: device gpu:999: "),
        ("fit w.json --device cuda:999", 4, "error: device cuda:999: "),
        ("fit w.json --precision f46", 4, "there is none: did you mean f64?"),
        (
            "toys w.json --toys 1 --device cpu --precision df64",
            4,
            "error: device cpu: it computes in f64",
        ),
        ("fit w.json --measurement none", 3, "error: w.json: "),
        ("fit w.json --poi nu", 3, "error: w.json: "),
        ("fit w.json --fix nu=1", 3, "error: "),
        ("fit w.json --fix mu", 2, "NAME=VALUE is needed"),
        ("fit w.json --data main.json", 3, "the auxiliary data are missing"),
        ("eval w.json --at point.json", 3, "has 2 numbers, but the model has 4 parameters"),
        ("toys w.json --toys 1 --measurement other --mu 1", 3, "hint: name one with --poi"),
        ("toys w.json --toys 1 -o no/such/x.npz", 5, "error: no/such/x.npz.part: "),
        ("fit w.json -o no/such/x.json", 5, "error: no/such/x.json: "),
        ("toys w.json", 2, "--toys <N>"),
    ];
    for (line, code, part) in cases {
        let (found, message) = scratch.error(line);
        assert_eq!(found, code, "{line}: {message}");
        assert!(message.contains(part), "{line}: {message}");
        assert!(code == 2 || message.lines().count() <= 2, "{line}: {message}");
    }
}

#[test]
fn validate_as_json_has_pointers() {
    let scratch = Scratch::new("validate");
    assert!(
        scratch.text("validate w.json").starts_with("w.json: valid: 1 channel, 2 bins, 4 param")
    );
    let mut broken = workspace();
    broken["observations"][0]["data"] = json!([1.0, -1.0]);
    scratch.write("broken.json", &broken.to_string());
    let output = scratch.run("validate broken.json --json");
    assert_eq!(output.status.code(), Some(3));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["valid"], false);
    assert_eq!(value["errors"][0]["path"], "/observations/0/data/1");
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let scratch = Scratch::new("names");
    let text = workspace().to_string().replace("xsec", "x\\u001b[2Jy");
    scratch.write("hostile.json", &text);
    for line in ["inspect hostile.json", "fit hostile.json", "validate hostile.json"] {
        let output = scratch.run(line);
        let printed = [output.stdout, output.stderr].concat();
        assert!(!printed.contains(&0x1b), "{line}");
    }
}

#[test]
fn eval_gives_likelihood_and_expectations() {
    let scratch = Scratch::new("eval");
    let value = scratch.json("eval w.json --at init");
    let point = &value["points"][0];
    assert_eq!(point["expected_main"], json!([55.0, 70.0]));
    assert_eq!(point["expected_aux"], json!([0.0, 100.0, 25.0]));
    assert_eq!(point["gradient"].as_array().unwrap().len(), 4);
    scratch.write("points.json", "[[1, 0, 1, 1], [2, 0.5, 1, 1]]");
    let several = scratch.json("eval w.json --at points.json");
    assert_eq!(&several["points"][0], point);
    // no events can come from a negative rate
    scratch.write("negative.json", "[-20, 0, 1, 1]");
    let negative = scratch.json("eval w.json --at negative.json");
    assert_eq!(negative["points"][0]["twice_nll"], "Infinity");
}

#[test]
fn fits_report_values_pulls_and_bounds() {
    let scratch = Scratch::new("fit");
    let asimov = scratch.json("fit w.json --asimov --mu 2 --json --covariance -o fit.json");
    assert_eq!(asimov["status"], "converged");
    let mu = asimov["parameters"][0]["value"].as_f64().unwrap();
    assert!((mu - 2.0).abs() < 1e-3, "{mu}");
    let variance = asimov["covariance"][0][0].as_f64().unwrap();
    let uncertainty = asimov["parameters"][0]["uncertainty"].as_f64().unwrap();
    assert!((variance.sqrt() - uncertainty).abs() < 1e-12);
    let written = fs::read_to_string(scratch.0.join("fit.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), asimov);

    let fixed = scratch.json("fit w.json --fix mu=0 --json");
    assert_eq!(
        (&fixed["parameters"][0]["value"], &fixed["parameters"][0]["fixed"]),
        (&json!(0.0), &json!(true))
    );
    let text = scratch.text("fit w.json --fix mu=0");
    assert!(text.starts_with("parameter   value  uncertainty   pull\nmu         0.0000"), "{text}");
    assert!(text.contains("fixed\n") && text.contains("converged: -2 log L = "), "{text}");

    // far fewer events than background: mu runs into its bound
    scratch.write("low.json", r#"{"main": [30, 30], "auxiliary": [0, 100, 25]}"#);
    let low = scratch.json("fit w.json --data low.json --json");
    assert_eq!(low["parameters"][0]["at_bound"], "lower");
}

#[test]
fn toys_are_the_same_however_they_are_run() {
    let scratch = Scratch::new("toys");
    let summary =
        scratch.json("toys w.json --toys 300 --seed 5 --conditional --json -o a.npz --chunk 64");
    assert_eq!((&summary["toys"], &summary["fits"]), (&json!(300), &json!(600)));
    let one_thread =
        "toys w.json --toys 300 --seed 5 --conditional -o b.npz --chunk 64 --threads 1";
    scratch.text(one_thread);
    let read = |name: &str| fs::read(scratch.0.join(name)).unwrap();
    assert!(read("a.npz") == read("b.npz"));
    scratch.text("toys w.json --toys 300 --seed 6 --conditional -o b.npz --chunk 64");
    assert!(read("a.npz") != read("b.npz"));
    let (code, message) = scratch.error("toys w.json --toys 300 --seed 5 -o a.npz --resume");
    assert_eq!((code, message.contains("nothing to resume")), (5, true), "{message}");
    assert_eq!(scratch.json("toys w.json --range 10:15 --json")["range"], json!([10, 15]));
}

/// One array of an archive: `shape` as its header says, and its numbers.
fn array(npz: &[u8], name: &str, shape: &str) -> Vec<f64> {
    let find = |what: &[u8], from: usize| {
        from + npz[from..].windows(what.len()).position(|w| w == what).expect("in the archive")
    };
    let member = format!("{name}.npy\u{93}NUMPY");
    let member: Vec<u8> = member.chars().map(|c| c as u8).collect();
    let header = find(shape.as_bytes(), find(&member, 0));
    let start = find(b"\n", header) + 1;
    let counts = shape.trim_matches(['(', ')', ',']).split(',').map(|n| n.trim().parse::<usize>());
    let n: usize = counts.map(|n| n.unwrap()).product();
    npz[start..start + 8 * n].as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
}

#[test]
fn toys_with_their_data_can_be_fitted_again() {
    let scratch = Scratch::new("data");
    scratch.text("toys w.json --toys 40 --seed 5 --with-data -o a.npz --chunk 16");
    scratch.text("toys w.json --toys 40 --seed 5 --with-data -o b.npz --chunk 16 --threads 1");
    scratch.text("toys w.json --toys 40 --seed 5 -o bare.npz --chunk 16");
    let read = |name: &str| fs::read(scratch.0.join(name)).unwrap();
    let file = read("a.npz");
    assert!(file == read("b.npz"));
    assert!(read("bare.npz").windows(8).all(|w| w != b"main.npy"));
    let main = array(&file, "main", "(40, 2)");
    let auxiliary = array(&file, "auxiliary", "(40, 3)");
    let nll = array(&file, "nll", "(40,)");
    for toy in [0, 17, 39] {
        let (main, auxiliary) = (&main[2 * toy..2 * toy + 2], &auxiliary[3 * toy..3 * toy + 3]);
        scratch.write("toy.json", &json!({"main": main, "auxiliary": auxiliary}).to_string());
        let fit = scratch.json("fit w.json --data toy.json --json --tolerance 1e-12");
        let above = 2.0 * nll[toy] - fit["twice_nll"].as_f64().unwrap();
        assert!(above.abs() < 1e-7, "toy {toy}: {above}");
    }
    let (code, message) = scratch.error("toys w.json --toys 40 --with-data");
    assert_eq!((code, message.contains("--output")), (2, true), "{message}");
}

#[test]
fn background_only_workspaces_are_fitted_without_a_poi() {
    let scratch = Scratch::new("no-poi");
    let text = workspace().to_string().replace(r#""poi":"mu""#, r#""poi":"mu_signal""#);
    assert!(text.contains("mu_signal"));
    scratch.write("background.json", &text);
    let (code, message) = scratch.error("fit background.json");
    assert_eq!((code, message.contains("hint: --no-poi")), (3, true), "{message}");
    let fit = scratch.json("fit background.json --no-poi --json");
    assert_eq!((&fit["status"], &fit["poi"]), (&json!("converged"), &Value::Null));
    let toys = scratch.json("toys background.json --no-poi --toys 5 --json");
    assert_eq!((&toys["converged"], &toys["poi"]), (&json!(5), &Value::Null));
    // any parameter can be named instead, a component of several too
    for name in ["mu", "stat[1]"] {
        let fit = scratch.json(&format!("fit background.json --poi {name} --json"));
        assert_eq!(fit["poi"], name);
    }
    assert_eq!(scratch.error("fit background.json --poi mu --no-poi").0, 2);
    let (code, message) = scratch.error("fit background.json --poi nu");
    assert_eq!((code, message.contains("\"nu\"")), (3, true), "{message}");
}

#[test]
fn negative_rates_at_the_truth_are_told() {
    let scratch = Scratch::new("negative");
    let mut hostile = workspace();
    hostile["channels"][0]["name"] = json!("S\u{1b}[2J\u{202e}R");
    hostile["observations"][0]["name"] = hostile["channels"][0]["name"].clone();
    hostile["measurements"][0]["config"]["parameters"] =
        json!([{"name": "mu", "bounds": [[-20.0, 10.0]]}]);
    scratch.write("hostile.json", &hostile.to_string());
    // 60 - 10 * 7 in the second bin
    let line = "toys hostile.json --toys 3 --mu -7 --max-unconverged 1";
    let output = scratch.run(line);
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    let expected = "negative in S\\u{1b}[2J\\u{202e}R bin 1: toys have 0 there";
    assert!(message.contains("warning: ") && message.contains(expected), "{message}");
    let printed = [output.stdout, output.stderr].concat();
    assert!(!printed.contains(&0x1b));
    let quiet = scratch.run(&format!("{line} --quiet --json"));
    assert_eq!(stderr(&quiet), "");
    let summary: Value = serde_json::from_slice(&quiet.stdout).unwrap();
    let warning = summary["warnings"].as_array().unwrap().last().unwrap();
    assert_eq!(warning["path"], Value::Null);
    assert!(warning["message"].as_str().unwrap().contains("bin 1: toys have 0 there"));
    // a fit that ends there says so, too
    let fit = scratch.run("fit hostile.json --fix mu=-7 --data low.json");
    assert!(![fit.stdout, fit.stderr].concat().contains(&0x1b));
}

#[test]
fn toys_start_from_the_fit_where_asked() {
    let scratch = Scratch::new("truth");
    let fit = scratch.json("fit w.json --json");
    let toys = scratch.json("toys w.json --toys 8 --truth fit --json");
    assert_eq!(toys["mu"], fit["parameters"][0]["value"]);
    let toys = scratch.json("toys w.json --toys 8 --truth fit --mu 0.5 --json");
    assert_eq!(toys["mu"], 0.5);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_file() {
    let scratch = Scratch::new("interrupt");
    let line = "toys w.json --toys 200000 --seed 1 --chunk 500 -q -o";
    let child = scratch.command(&format!("{line} cut.npz")).stdout(Stdio::null()).spawn().unwrap();
    let part = scratch.0.join("cut.npz.part");
    let chunk_there = || {
        fs::read_dir(&part).is_ok_and(|mut files| {
            files.any(|f| f.unwrap().path().extension().is_some_and(|e| e == "toys"))
        })
    };
    let mut child = child;
    while !chunk_there() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok());
    let code = child.wait().unwrap().code();
    // a machine may be fast enough to be done before
    if code != Some(0) {
        assert_eq!(code, Some(130));
        assert!(chunk_there() && !scratch.0.join("cut.npz").exists());
        let (code, message) = scratch.error(&format!("{line} cut.npz"));
        assert_eq!((code, message.contains("--resume")), (5, true), "{message}");
        let resumed = scratch.json(&format!("{line} cut.npz --resume --json"));
        assert!(resumed["resumed"].as_u64().unwrap() >= 500);
    }
    scratch.text(&format!("{line} whole.npz"));
    let read = |name: &str| fs::read(scratch.0.join(name)).unwrap();
    assert!(read("cut.npz") == read("whole.npz"));
    assert!(!part.exists());
}

#[test]
fn a_closed_pipe_is_quiet() {
    let scratch = Scratch::new("pipe");
    let mut command = scratch.command("inspect w.json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn results_are_drawn() {
    let scratch = Scratch::new("plot");
    scratch.text("fit w.json --covariance -o fit.json");
    assert_eq!(scratch.text("plot fit.json -o a.svg").trim(), "a.svg");
    scratch.text("plot fit.json --what correlation --label draft --size 400x300 -o b.png");
    let svg = fs::read_to_string(scratch.0.join("a.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("w.json"));
    let png = fs::read(scratch.0.join("b.png")).unwrap();
    // width and height stand at a fixed place
    assert_eq!(png[16..24], [0, 0, 3, 32, 0, 0, 2, 88]);
    scratch.text("yields w.json -o yields.json");
    scratch.text("plot yields.json --what prefit -o y.svg");

    let (code, message) = scratch.error("plot fit.json -o a.pdf");
    assert!(code == 2 && message.contains(".svg or .png"), "{code} {message}");
    let (code, message) = scratch.error("plot w.json -o c.svg");
    assert!(code == 3 && message.contains("w.json: /kind: is missing"), "{code} {message}");
    let (code, message) = scratch.error("plot fit.json --what prefit -o c.svg");
    assert!(code == 3 && message.contains("there are pulls, correlation"), "{code} {message}");
    assert_eq!(scratch.error("plot fit.json --size 10x -o c.svg").0, 2);
    assert!(!scratch.0.join("c.svg").exists());
}

#[test]
fn reports_say_what_can_be_said() {
    let scratch = Scratch::new("report");
    scratch.text("report w.json -o all.html");
    let page = fs::read_to_string(scratch.0.join("all.html")).unwrap();
    for heading in
        ["Fit", "Upper limit", "Discovery", "Impacts", "Goodness of fit", "Yields", "Provenance"]
    {
        assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
    }
    assert!(page.contains("report w.json -o all.html") && !page.contains("Left out"));
    scratch.text("report w.json --no-poi -o less.html");
    let page = fs::read_to_string(scratch.0.join("less.html")).unwrap();
    assert!(page.contains("has no parameter of interest"), "{page}");
}
