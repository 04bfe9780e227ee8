//! What people read: errors at once, and at the end of the process what was executed.

use super::{STATES, State};
use crate::module::Module;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::io::Write;

/// What was executed of one kernel, over all modules that held it.
#[derive(Default)]
pub struct Executed {
    launches: u64,
    /// For each line: how often its instruction began, and whether it ever did something.
    lines: BTreeMap<u32, (u64, bool)>,
}

unsafe extern "C" {
    fn atexit(f: extern "C" fn()) -> c_int;
}

/// Has the report written when the process ends.
pub fn at_exit() {
    // SAFETY: the function stays loaded: nobody closes the driver's library.
    unsafe { atexit(finish) };
}

extern "C" fn finish() {
    // A test that hangs in a launch holds the lock: no report then.
    let mut executed: BTreeMap<String, Executed> = BTreeMap::new();
    for s in STATES.iter() {
        let Ok(mut s) = s.try_lock() else { return };
        for m in std::mem::take(&mut s.modules).into_iter().flatten() {
            s.account(&m);
        }
        for (name, of) in std::mem::take(&mut s.executed) {
            executed.entry(name).or_default().add(of);
        }
    }
    let mut out = String::new();
    for (name, e) in &executed {
        if e.launches == 0 {
            continue;
        }
        let total: u64 = e.lines.values().map(|l| l.0).sum();
        let never: Vec<u32> = e.lines.iter().filter(|l| !l.1.1).map(|l| *l.0).collect();
        let (all, did) = (e.lines.len(), e.lines.len() - never.len());
        out += &format!(
            "kernel {name}: {} launches, {total} thread instructions, {did} of {all} lines executed\n",
            e.launches
        );
        if !never.is_empty() {
            out += &format!("kernel {name}: never executed: lines {}\n", ranges(&never, &e.lines));
        }
    }
    super::first().write(&out);
}

impl Executed {
    fn add(&mut self, other: Executed) {
        self.launches += other.launches;
        for (line, (n, did)) in other.lines {
            let sum = self.lines.entry(line).or_default();
            *sum = (sum.0 + n, sum.1 | did);
        }
    }
}

/// `3-7, 12`: numbers that follow each other among the lines that hold instructions.
fn ranges(never: &[u32], all: &BTreeMap<u32, (u64, bool)>) -> String {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for &n in never {
        match out.last_mut() {
            Some((_, to)) if all.range(*to + 1..n).next().is_none() => *to = n,
            _ => out.push((n, n)),
        }
    }
    let words: Vec<String> =
        out.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect();
    words.join(", ")
}

impl State {
    /// An error message: to the standard error output and to the report.
    pub(super) fn say(&self, message: &str) {
        let text: String = message.lines().map(|l| format!("PTX stand-in: {l}\n")).collect();
        if !self.env.quiet {
            eprint!("{text}");
        }
        self.write(&text);
    }

    /// Appends to the report, in one piece: several processes may write to it.
    fn write(&self, text: &str) {
        let Some(path) = self.env.report.as_ref().filter(|_| !text.is_empty()) else { return };
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(e) = file.and_then(|mut f| f.write_all(text.as_bytes())) {
            eprintln!("PTX stand-in: {path}: {e}");
        }
    }

    /// Adds what a module's kernels did.
    pub(super) fn account(&mut self, m: &Module) {
        for l in &m.kernels {
            let e = self.executed.entry(l.kernel.name.clone()).or_default();
            e.launches += l.launches;
            for (i, (first, last)) in l.kernel.bounds.iter().enumerate() {
                if !first && !last {
                    continue;
                }
                let line = e.lines.entry(l.kernel.lines[i]).or_default();
                line.0 += if *first { l.counts[i] } else { 0 };
                line.1 |= *last && l.counts[i] > 0;
            }
        }
    }
}

/// Total of thread instructions so far, for measurements.
#[unsafe(no_mangle)]
pub extern "C" fn neyman_standin_instructions() -> u64 {
    let of = |m: &Module| {
        m.kernels
            .iter()
            .map(|l| {
                l.counts.iter().zip(&l.kernel.bounds).filter(|b| b.1.0).map(|b| b.0).sum::<u64>()
            })
            .sum::<u64>()
    };
    let device = |s: &State| {
        let past: u64 = s.executed.values().flat_map(|e| e.lines.values()).map(|l| l.0).sum();
        past + s.modules.iter().flatten().map(of).sum::<u64>()
    };
    (0..STATES.len()).filter_map(super::state_of).map(|s| device(&s)).sum()
}
