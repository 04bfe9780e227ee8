//! What `docs/ARCHITECTURE.md` promises of the sources: dependencies point one way, what stands left
//! of the session neither prints nor reads the environment nor picks a device, files stay short.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A module may use those that stand before it, and itself.
const ORDER: [&str; 11] = [
    "error",
    "spec",
    "model",
    "accelerator",
    "fit",
    "unbinned",
    "tmd",
    "infer",
    "session",
    "results",
    "plot",
];
/// Arrows that would point the right way and are not wanted, save in inline tests: the minimizer
/// knows no HistFactory, devices no files.
const UNWANTED: [(&str, &str); 3] = [("fit", "model"), ("fit", "spec"), ("accelerator", "spec")];
/// What every module may use.
const FOR_ALL: [&str; 2] = ["aligned", "legendre"];
/// The command: a crate of its own, which uses the library as anybody does.
const COMMAND: [&str; 2] = ["cli", "main"];
/// Longest file, in lines without its tests.
const LONGEST: usize = 500;
/// Longer ones, to be divided: a name whose file is short enough again must go from here.
const TOO_LONG: [&str; 0] = [];

/// What no module left of the session may do, as it would be written.
const FORBIDDEN: [(&str, &str); 9] = [
    ("println!", "prints"),
    ("eprintln!", "prints"),
    ("print!", "prints"),
    ("eprint!", "prints"),
    ("dbg!", "prints"),
    ("stdout(", "prints"),
    ("stderr(", "prints"),
    ("std::env", "reads the environment"),
    ("env::var", "reads the environment"),
];
/// The same, for those that are not the devices themselves.
const DEVICES: [&str; 3] = ["DeviceChoice", "accelerator::open", "Cpu::new"];

/// One file of `src/`.
struct Source {
    /// Path below `src/`, with `/`.
    path: String,
    /// Its text without comments, line by line.
    code: Vec<String>,
    /// Whether each line belongs to an inline test module, which ends at the first `}` at the margin.
    test: Vec<bool>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut inside = false;
        let mut test = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            let next = lines.get(i + 1).unwrap_or(&"");
            inside |= *line == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{');
            test.push(inside);
            inside &= *line != "}";
        }
        let code = lines.iter().map(|line| without_comment(line).to_owned()).collect();
        Self { path: path.to_owned(), code, test }
    }

    /// `fit` of `fit/own.rs` and of `fit/mod.rs`.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super` lead from here to the crate: 1 for `session.rs` and `fit/mod.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// The modules of this crate that line names: after `crate::`, in the braces of `crate::{..}`, and
    /// after enough `super::`.
    fn uses(&self, with_tests: bool) -> BTreeSet<String> {
        let lines = self.code.iter().zip(&self.test).filter(|(_, test)| with_tests || !**test);
        let text = lines.map(|(line, _)| &**line).collect::<Vec<_>>().join("\n");
        let supers = "super::".repeat(self.depth());
        let mut found = BTreeSet::new();
        for root in ["crate::", &supers] {
            for (at, _) in text.match_indices(root) {
                let before = &text[..at];
                if before.ends_with("super::") || before.ends_with(is_name) {
                    continue;
                }
                let mut names = first_names(&text[at + root.len()..]);
                // `super::*` of an inline module is its own file
                names.retain(|name| root == "crate::" || !name.is_empty());
                found.extend(names);
            }
        }
        // the crate's own two re-exports
        found
            .into_iter()
            .map(|n| if n == "Error" || n == "Result" { "error".into() } else { n })
            .collect()
    }

    /// Everything that breaks a promise.
    fn violations(&self) -> Vec<String> {
        let (path, module) = (&self.path, self.module());
        let mut found = Vec::new();
        let lines = self.test.iter().filter(|test| !**test).count();
        let long = lines > LONGEST && !self.is_test();
        match (long, TOO_LONG.contains(&&**path)) {
            (true, false) => found.push(format!("{path}: {lines} lines")),
            (false, true) => found.push(format!("{path}: short again, take it from TOO_LONG")),
            _ => {}
        }
        if COMMAND.contains(&module) || module == "lib" {
            return found;
        }
        let Some(place) = ORDER.iter().position(|m| *m == module) else {
            if !FOR_ALL.contains(&module) {
                found.push(format!("{path}: give the module {module} a place in ORDER"));
            }
            return found;
        };
        for used in self.uses(true) {
            let allowed = FOR_ALL.contains(&&*used) || ORDER[..=place].contains(&&*used);
            if !allowed {
                found.push(format!("{path}: {module} must not use {used}"));
            }
        }
        for (_, used) in UNWANTED.iter().filter(|(from, _)| *from == module && !self.is_test()) {
            if self.uses(false).contains(*used) {
                found.push(format!("{path}: {module} must know nothing of {used}"));
            }
        }
        let left_of_session = ORDER[..place].iter().all(|m| *m != "session") && module != "session";
        if !left_of_session || self.is_test() {
            return found;
        }
        for (i, line) in self.code.iter().enumerate().filter(|(i, _)| !self.test[*i]) {
            for (what, says) in FORBIDDEN {
                let whole = |(at, _): (usize, _)| !line[..at].ends_with(is_name);
                if line.match_indices(what).any(whole) {
                    found.push(format!("{path}:{}: {says}: {what}", i + 1));
                }
            }
            for what in
                DEVICES.iter().filter(|what| module != "accelerator" && line.contains(**what))
            {
                found.push(format!("{path}:{}: picks a device: {what}", i + 1));
            }
        }
        found
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A line without its comment. Two slashes in a text literal are kept by the space asked for.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.find(" // ").map_or(line, |at| &line[..at])
}

/// The first names of the paths that follow `crate::`: one, or those in braces.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| is_name(*c)).collect::<String>();
    let Some(inside) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&inside[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|n| !n.is_empty() && n != "self");
    names
}

/// All of `src/`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of src") {
            let path = entry.expect("an entry of src").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(&root).expect("below src");
                let parts: Vec<_> = below.iter().map(|p| p.to_string_lossy()).collect();
                found.push(Source::new(
                    &parts.join("/"),
                    &fs::read_to_string(&path).expect("a source"),
                ));
            }
        }
    }
    found
}

#[test]
fn sources_keep_the_architecture() {
    let sources = sources();
    for module in ORDER.iter().chain(&FOR_ALL) {
        assert!(sources.iter().any(|s| s.module() == *module), "there is no module {module}");
    }
    for path in TOO_LONG {
        assert!(
            sources.iter().any(|s| s.path == path),
            "TOO_LONG names {path}, which is not there"
        );
    }
    let found: Vec<String> = sources.iter().flat_map(Source::violations).collect();
    assert!(found.is_empty(), "docs/ARCHITECTURE.md is broken:\n{}", found.join("\n"));
}

/// Arrows that exist are seen, or the test above would hold of anything.
#[test]
fn arrows_are_seen() {
    let sources = sources();
    let uses = |module: &str| -> BTreeSet<String> {
        sources.iter().filter(|s| s.module() == module).flat_map(|s| s.uses(true)).collect()
    };
    let arrows = [("spec", "error"), ("model", "spec"), ("accelerator", "model")];
    let more = [("fit", "accelerator"), ("session", "fit"), ("results", "session")];
    for (from, to) in arrows.into_iter().chain(more) {
        assert!(uses(from).contains(to), "{from} uses {to}, unseen");
    }
}

#[test]
fn each_broken_promise_is_told() {
    let long = "\n".repeat(LONGEST + 1);
    let cases = [
        ("model/mod.rs", "use crate::fit;", "model must not use fit"),
        (
            "model/build.rs",
            "use crate::{\n    Error,\n    spec::{self, A},\n    session::B,\n};",
            "use session",
        ),
        ("model/mod.rs", "use super::accelerator::Cpu;", "model must not use accelerator"),
        ("fit/own.rs", "    let x = super::super::session::X;", "fit must not use session"),
        ("session.rs", "use crate::results::ToyStore;", "session must not use results"),
        ("spec/mod.rs", "pub(in crate::model) fn f() {}", "spec must not use model"),
        ("fit/own.rs", "use crate::model::Model;", "fit must know nothing of model"),
        ("spec/mod.rs", "use crate::*;", "spec must not use"),
        ("unfold/mod.rs", "", "give the module unfold a place"),
        ("fit/mod.rs", "println!(\"x\");", "fit/mod.rs:1: prints"),
        ("fit/mod.rs", "    x // why\n\n    ; eprintln!()", "fit/mod.rs:3: prints"),
        ("accelerator/mod.rs", "use std::env;", "reads the environment"),
        ("fit/mod.rs", "crate::accelerator::open(&c, p)", "picks a device"),
        ("spec/mod.rs", &long, "spec/mod.rs: 501 lines"),
        ("cli/fit.rs", &long, "cli/fit.rs: 501 lines"),
    ];
    for (path, text, told) in cases {
        let found = Source::new(path, text).violations();
        assert!(found.iter().any(|v| v.contains(told)), "{path}: {text:?}: {told}: {found:?}");
    }
    let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\nprintln!();\n{long}}}\n");
    let after = format!("{tests}fn g() {{\n    print!();\n}}");
    assert_eq!(Source::new("fit/mod.rs", &after).violations(), ["fit/mod.rs:508: prints: print!"]);
    let fine = [
        (
            "fit/mod.rs",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::model::Model;\n}",
        ),
        ("fit/mod.rs", "use crate::{Error, Result};\nuse crate::accelerator::{self, Problem};"),
        ("fit/own.rs", "use crate::aligned::Aligned;\nuse super::inverse::session;"),
        ("model/mod.rs", "/// See [`crate::fit`] and `println!`.\nfn f() {} // crate::fit"),
        ("spec/mod.rs", "use other_crate::fit;\nmy_println!();"),
        ("session.rs", "let d = DeviceChoice::Auto;"),
        ("spec/tests.rs", "std::env::temp_dir()"),
        ("model/mod.rs", &tests),
    ];
    for (path, text) in fine {
        assert_eq!(Source::new(path, text).violations(), Vec::<String>::new(), "{path}: {text:?}");
    }
}
