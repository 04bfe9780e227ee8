//! `neyman bench`: what this machine needs for a workspace's evaluations, fits and toys, in process.

use std::time::Instant;

use cpu_time::ProcessTime;
use neyman::Result;
use neyman::session::{FitOptions, ImpactOptions, LimitOptions, ScanOptions, Session, ToyPlan};
use serde_json::{Value, json};

use super::arguments::{Bench, Global};
use super::json::number;
use super::{Exit, Outcome, load, output};

pub(crate) fn run(global: &Global, arguments: &Bench) -> Outcome {
    let (_, session) = load::open(global, &arguments.workspace)?;
    load::say_device(global, session.device());
    let document = json!({
        "device": session.device().description,
        "parameters": session.model().n_parameters(),
        "evaluate": evaluate(&session, 1, arguments.repeats)?,
        "evaluate_many": evaluate(&session, arguments.points.max(1), arguments.repeats)?,
        "fit": fit(&session, arguments.repeats)?,
        "toys": toys(&session, arguments)?,
        "scan": if arguments.statements { scan(&session, arguments)? } else { Value::Null },
        "limit": if arguments.statements { limit(&session, arguments)? } else { Value::Null },
        "ranking": if arguments.statements { ranking(&session, arguments)? } else { Value::Null },
    });
    if arguments.json {
        output::json(&document)?;
        return Ok(Exit::Success);
    }
    let micro = |part: &str, key: &str| 1e6 * document[part][key].as_f64().unwrap_or(f64::NAN);
    let line = |what: &str, part: &str, unit: &str| {
        let cpu = micro(part, &format!("cpu_seconds_per_{unit}"));
        let wall = micro(part, &format!("seconds_per_{unit}"));
        format!("{what:<31}{cpu:>10.1} us cpu {wall:>10.1} us\n")
    };
    let toys = &document["toys"];
    let statements = match arguments.statements {
        false => String::new(),
        true => [
            line("scan of 21 values", "scan", "call"),
            line("limit, observed and expected", "limit", "call"),
            line("ranking of all parameters", "ranking", "call"),
        ]
        .concat(),
    };
    output::text(&format!(
        "{}\n{}{}{}{}{statements}toys on {} in {}, {:.2} evaluations each\n",
        session.device().description,
        line("NLL and gradient at one point", "evaluate", "call"),
        line(
            &format!("NLL and gradient at {} points", arguments.points.max(1)),
            "evaluate_many",
            "call"
        ),
        line("fit with covariance", "fit", "call"),
        line("toy, thrown and fitted", "toys", "fit"),
        toys["device"].as_str().unwrap_or_default(),
        toys["precision"].as_str().unwrap_or_default(),
        toys["evaluations_mean"].as_f64().unwrap_or(f64::NAN),
    ))?;
    Ok(Exit::Success)
}

/// Median over `repeats` of CPU and wall seconds of one call, each from enough calls to be seen by
/// the clock.
pub(super) fn time(repeats: usize, mut call: impl FnMut() -> Result<()>) -> Result<Value> {
    call()?;
    let mut calls = 1;
    loop {
        let start = Instant::now();
        (0..calls).try_for_each(|_| call())?;
        if start.elapsed().as_secs_f64() > 0.02 {
            break;
        }
        calls *= 2;
    }
    let mut seconds = Vec::new();
    for _ in 0..repeats.max(1) {
        let (cpu, wall) = (ProcessTime::now(), Instant::now());
        (0..calls).try_for_each(|_| call())?;
        let per_call = |s: f64| s / f64::from(calls);
        seconds
            .push((per_call(cpu.elapsed().as_secs_f64()), per_call(wall.elapsed().as_secs_f64())));
    }
    seconds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (cpu, wall) = seconds[seconds.len() / 2];
    Ok(json!({"cpu_seconds_per_call": number(cpu), "seconds_per_call": number(wall)}))
}

/// `n` points near the initial one in one call, on the device of the session.
fn evaluate(session: &Session, n: usize, repeats: usize) -> Result<Value> {
    let near =
        |i: usize| session.model().init().into_iter().map(move |x| x + 1e-3 * (i % 17) as f64);
    let points: Vec<f64> = (0..n).flat_map(near).collect();
    time(repeats, || {
        session.nll_and_gradient(&points, session.model().observed()).map(|r| {
            std::hint::black_box(r);
        })
    })
}

fn fit(session: &Session, repeats: usize) -> Result<Value> {
    time(repeats, || {
        session.fit(session.model().observed(), &FitOptions::default()).map(|r| {
            std::hint::black_box(r);
        })
    })
}

/// 21 values of the parameter of interest, `arguments.scan`.
fn scan(session: &Session, arguments: &Bench) -> Result<Value> {
    let (data, options) =
        (session.model().observed(), ScanOptions { levels: Vec::new(), ..Default::default() });
    time(arguments.repeats, || {
        session.scan(&arguments.scan.0, data, &options).map(|r| {
            std::hint::black_box(r);
        })
    })
}

fn limit(session: &Session, arguments: &Bench) -> Result<Value> {
    time(arguments.repeats, || {
        session.limit(session.model().observed(), &LimitOptions::default()).map(|r| {
            std::hint::black_box(r);
        })
    })
}

fn ranking(session: &Session, arguments: &Bench) -> Result<Value> {
    time(arguments.repeats, || {
        session.impacts(session.model().observed(), &ImpactOptions::default()).map(|r| {
            std::hint::black_box(r);
        })
    })
}

/// Toys of the initial parameters, the median of `repeats` batches of different toys.
fn toys(session: &Session, arguments: &Bench) -> Result<Value> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let n = arguments.toys.max(1);
    let (mut cpu_times, mut wall_times) = (Vec::new(), Vec::new());
    let (mut evaluations, mut converged) = (0u64, 0usize);
    let repeats = arguments.repeats.max(1) as u64;
    let mut device = session.device().clone();
    for repeat in 0..repeats {
        let plan = ToyPlan {
            truth: session.model().init(),
            seed: 0,
            range: repeat * n..(repeat + 1) * n,
            hold: Vec::new(),
            keep_data: false,
            tolerance: Default::default(),
        };
        // chosen, and opened, before the clock runs
        device = session.toy_device(&plan)?;
        let (cpu, wall) = (ProcessTime::now(), Instant::now());
        session.toys(&plan, 4096, &stop, &mut |chunk| {
            evaluations += chunk.fits.evaluations.iter().map(|e| u64::from(*e)).sum::<u64>();
            converged += chunk.fits.status.iter().filter(|s| s.is_converged()).count();
            Ok(())
        })?;
        cpu_times.push(cpu.elapsed().as_secs_f64() / n as f64);
        wall_times.push(wall.elapsed().as_secs_f64() / n as f64);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(json!({
        "device": device.name,
        "precision": device.precision,
        "toys": n * repeats,
        "converged": converged,
        "cpu_seconds_per_fit": number(median(&mut cpu_times)),
        "seconds_per_fit": number(median(&mut wall_times)),
        "evaluations_mean": number(evaluations as f64 / (n * repeats) as f64),
    }))
}
