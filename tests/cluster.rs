//! `examples/cluster`: the scripts that jobs run, without a scheduler.
#![cfg(all(unix, feature = "cli"))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use common::place;
use common::scratch::{Scratch, stderr};

const TOYS: &str = "1001";

/// A copy of the example and its workspace.
fn example(name: &str) -> Scratch {
    let folder = place::sources().join("examples");
    let search = fs::read_to_string(folder.join("search.json")).unwrap();
    let scratch = Scratch::new(name, &serde_json::from_str(&search).unwrap());
    fs::write(scratch.0.join("search.json"), search).unwrap();
    for entry in fs::read_dir(folder.join("cluster")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, scratch.0.join(path.file_name().unwrap())).unwrap();
    }
    scratch
}

/// One of its scripts with four parts, and `neyman` where it looks for programs.
fn script(scratch: &Scratch, name: &str, arguments: &[&str]) -> Output {
    let binary = place::binary();
    let path = format!(
        "{}:{}:{}",
        scratch.0.display(),
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = Command::new(scratch.0.join(name));
    command.args(arguments).current_dir("/").env("PATH", path);
    command.env("TOYS", TOYS).env("PARTS", "4").env("HOME", &scratch.0);
    command.output().unwrap()
}

#[track_caller]
fn runs(scratch: &Scratch, name: &str, arguments: &[&str]) {
    let output = script(scratch, name, arguments);
    assert!(output.status.success(), "{name} {arguments:?}: {}", stderr(&output));
}

/// The file of one long run.
fn whole(scratch: &Scratch) -> Vec<u8> {
    scratch.text(&format!(
        "toys search.json --toys {TOYS} --seed 1 --mu 1 --test-mu 0 --device cpu -o whole.npz"
    ));
    scratch.read("whole.npz")
}

#[test]
fn parts_make_the_whole_to_the_bit() {
    let scratch = example("cluster-parts");
    for index in ["3", "0", "1"] {
        runs(&scratch, "part.sh", &[index]);
    }
    let early = script(&scratch, "merge.sh", &[]);
    assert!(!early.status.success() && stderr(&early).contains("part-2.npz is missing"));
    runs(&scratch, "part.sh", &["2", "2"]);
    // tried again, as one of many
    runs(&scratch, "part.sh", &["2"]);
    runs(&scratch, "merge.sh", &[]);
    assert_eq!(scratch.read("toys/toys.npz"), whole(&scratch));
    for index in ["4", "-1", "x", ""] {
        let refused = script(&scratch, "part.sh", &[index]);
        assert!(stderr(&refused).contains("there is no part"), "{}", stderr(&refused));
    }
}

#[test]
fn slurm_is_given_an_array_and_a_job_that_waits_for_it() {
    let scratch = example("cluster-slurm");
    // in place of Slurm: runs what it is given at once, an array in reverse
    let sbatch = r#"#!/usr/bin/env bash
set -euo pipefail
echo "$*" >> sbatch.log
export SLURM_SUBMIT_DIR=$PWD SLURM_CPUS_PER_TASK=1
case "$*" in
    *--array=0-3*) for i in 3 2 1 0; do SLURM_ARRAY_TASK_ID=$i bash "${@: -1}" > /dev/null; done; echo "42;farm" ;;
    *--dependency=afterok:42\ *) bash "${@: -1}" ;;
    *) exit 1 ;;
esac
"#;
    scratch.write("sbatch", sbatch);
    let path = scratch.0.join("sbatch");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    runs(&scratch, "slurm.sh", &["--account=physics"]);
    assert_eq!(scratch.read("toys/toys.npz"), whole(&scratch));
    let log = String::from_utf8(scratch.read("sbatch.log")).unwrap();
    assert!(log.lines().count() == 2 && log.lines().all(|l| l.contains("--account=physics")));
}
