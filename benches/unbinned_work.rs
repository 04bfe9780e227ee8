//! Our side of `unbinned.py`: fits of events in a file of f64, timed in process, as JSON on one line.
//!
//!     unbinned_work MODEL EVENTS REPEATS START...
//!     unbinned_work MODEL EVENTS REPEATS START... --toys COUNTS
//!
//! COUNTS, a file of u64, divides the events into toys, each fitted once in a repeat, from START alone as the library
//! fits toys; as many toys of its own are then thrown there and fitted. The time of a fit is from events in memory to
//! parameters with errors: it includes the table's checks and the making of the model.

#![allow(missing_docs, reason = "a program")]

#[path = "unbinned/models.rs"]
mod models;

use std::time::Instant;

use cpu_time::ProcessTime;
use neyman::fit::{Status, Tolerance};
use neyman::unbinned::fit::{FitOptions, FitResult};
use serde_json::json;

fn read<T>(path: &str, each: fn([u8; 8]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes.chunks_exact(8).map(|c| each(c.try_into().expect("eight bytes"))).collect()
}

fn main() {
    // cargo adds a flag of its own
    let arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let mut arguments = arguments.peekable();
    if arguments.peek().is_none() {
        // `cargo test --all-targets` starts it, too
        eprintln!("benches/unbinned.py says what to do");
        return;
    }
    let mut next = |what: &str| arguments.next().unwrap_or_else(|| panic!("no {what}"));
    let (name, file) = (next("model"), next("file of events"));
    let repeats: usize = next("repeats").parse().expect("a number of repeats");
    let mut rest: Vec<String> = arguments.collect();
    let events = read(&file, f64::from_le_bytes);
    let counts = match rest.iter().position(|a| a == "--toys") {
        Some(at) => {
            let counts = read(&rest[at + 1], u64::from_le_bytes);
            rest.truncate(at);
            counts.into_iter().map(|n| n as usize).collect()
        }
        None => vec![events.len()],
    };
    let start: Vec<f64> = rest.iter().map(|a| a.parse().expect("a start value")).collect();
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    let mut fits: Vec<FitResult> = Vec::new();
    for _ in 0..repeats {
        let mut from = 0;
        let toys: Vec<Vec<f64>> = counts
            .iter()
            .map(|n| {
                from += n;
                events[from - n..from].to_vec()
            })
            .collect();
        fits.clear();
        let (clock, used) = (Instant::now(), ProcessTime::now());
        for toy in toys {
            let model = models::model(&name, toy, &start);
            let options = FitOptions::default();
            let fit = if counts.len() > 1 { model.fit_once(&options) } else { model.fit(&options) };
            fits.push(fit.expect("a fit"));
        }
        cpu.push(used.elapsed().as_secs_f64());
        wall.push(clock.elapsed().as_secs_f64());
    }
    let thrown = (counts.len() > 1).then(|| {
        let model = models::model(&name, events[..counts[0]].to_vec(), &start);
        let used = ProcessTime::now();
        let toys = 0..counts.len() as u64;
        model.fit_toys(&start, toys, 1, &[], Tolerance::default()).expect("toys");
        used.elapsed().as_secs_f64()
    });
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let first = |of: fn(&FitResult) -> &[f64]| fits.iter().map(|f| of(f)[0]).collect::<Vec<_>>();
    let last = fits.last().expect("at least one fit");
    let out = json!({
        "cpu": least(&cpu),
        "thrown": thrown,
        "wall": least(&wall),
        "parameters": last.parameters,
        "errors": last.uncertainties,
        "evaluations": [last.thinned_evaluations, last.evaluations],
        "converged": fits.iter().filter(|f| f.status == Status::Converged).count(),
        "n_sig": first(|f| &f.parameters),
        "n_sig_errors": first(|f| &f.uncertainties),
    });
    #[allow(clippy::print_stdout, reason = "what it is for")]
    {
        println!("{out}");
    }
}
