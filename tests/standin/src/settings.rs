//! What the environment asks for: the shape of the device, the checks, and faults on purpose.

use crate::module::Settings;
use std::env::var;

/// Bytes of a multiprocessor's shared memory that the system keeps for each block.
pub const SHARED_KEPT: usize = 1024;

/// A failure that a test asks for, `NEYMAN_STANDIN_FAULT`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// `no_device`: the driver is there, a card is not (error 100).
    NoDevice,
    /// `old_driver`: CUDA 10.2, whose PTX is older than ours.
    OldDriver,
    /// `refuse_ptx`: error 222 for every text.
    RefusePtx,
    /// `out_of_memory`, or `out_of_memory=N`: error 2 beyond N bytes.
    OutOfMemory(usize),
    /// `lost_after=N`, or `lost_after=N:CODE`: after N launches everything fails (700, or the code).
    LostAfter(u64, i32),
}

/// Everything the environment says.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Environment {
    pub run: Settings,
    pub global_races: bool,
    pub capability: (i32, i32),
    pub memory: usize,
    /// Of a multiprocessor.
    pub shared: usize,
    pub failure: Option<Failure>,
    /// The only device that fails.
    pub failing: Option<usize>,
    pub devices: usize,
    pub report: Option<String>,
    pub quiet: bool,
    /// A line of every PTX to leave out: what a test of tests changes.
    pub omit: Option<usize>,
}

impl Environment {
    /// Shared memory that a block may ask for.
    pub fn opt_in(&self) -> usize {
        self.shared.saturating_sub(SHARED_KEPT)
    }

    /// Reads it. What cannot be understood stops the process: a misspelt fault would make a test pass.
    pub fn read() -> Environment {
        let number = |name: &str, otherwise: u64| match var(name) {
            Ok(v) => v.parse().unwrap_or_else(|_| wrong(name, &v)),
            Err(_) => otherwise,
        };
        let multiprocessors = number("NEYMAN_STANDIN_SMS", 2) as u32;
        let races = var("NEYMAN_STANDIN_RACES").unwrap_or_else(|_| "all".into());
        let (shared_races, global_races) = match races.as_str() {
            "all" => (true, true),
            "shared" => (true, false),
            "none" => (false, false),
            v => wrong("NEYMAN_STANDIN_RACES", v),
        };
        let capability = var("NEYMAN_STANDIN_CC").unwrap_or_else(|_| "9.0".into());
        let capability = match capability.split_once('.').map(|(a, b)| (a.parse(), b.parse())) {
            Some((Ok(a), Ok(b))) => (a, b),
            _ => wrong("NEYMAN_STANDIN_CC", &capability),
        };
        let fault = var("NEYMAN_STANDIN_FAULT").ok().filter(|v| !v.is_empty());
        let (fault, failing) = match fault.as_deref().and_then(|v| v.split_once('@')) {
            Some((v, d)) => {
                let d = d.parse().unwrap_or_else(|_| wrong("NEYMAN_STANDIN_FAULT", v));
                (Some(v.to_owned()), Some(d))
            }
            None => (fault, None),
        };
        Environment {
            run: Settings {
                shared_races,
                multiprocessors,
                budget: number("NEYMAN_STANDIN_JUMPS", 20_000_000_000),
                resident: number("NEYMAN_STANDIN_RESIDENT", multiprocessors.into()) as usize,
            },
            global_races,
            capability,
            memory: number("NEYMAN_STANDIN_MEMORY", 4 << 30) as usize,
            shared: number("NEYMAN_STANDIN_SHARED", 233_472) as usize,
            failure: fault.map(|v| failure(&v)),
            failing,
            devices: number("NEYMAN_STANDIN_DEVICES", 1).clamp(1, 64) as usize,
            report: var("NEYMAN_STANDIN_REPORT").ok().filter(|v| !v.is_empty()),
            quiet: var("NEYMAN_STANDIN_QUIET").is_ok(),
            omit: Some(number("NEYMAN_STANDIN_OMIT", 0) as usize).filter(|n| *n > 0),
        }
    }
}

fn failure(v: &str) -> Failure {
    let (name, n) = v.split_once('=').unwrap_or((v, ""));
    match (name, n) {
        ("no_device", "") => Failure::NoDevice,
        ("old_driver", "") => Failure::OldDriver,
        ("refuse_ptx", "") => Failure::RefusePtx,
        ("out_of_memory", "") => Failure::OutOfMemory(0),
        ("out_of_memory", n) => {
            Failure::OutOfMemory(n.parse().unwrap_or_else(|_| wrong("NEYMAN_STANDIN_FAULT", v)))
        }
        ("lost_after", n) => {
            let (n, code) = n.split_once(':').unwrap_or((n, "700"));
            match (n.parse(), code.parse()) {
                (Ok(n), Ok(code)) => Failure::LostAfter(n, code),
                _ => wrong("NEYMAN_STANDIN_FAULT", v),
            }
        }
        _ => wrong("NEYMAN_STANDIN_FAULT", v),
    }
}

fn wrong(name: &str, v: &str) -> ! {
    eprintln!("PTX stand-in: {name}={v} is not understood");
    std::process::abort()
}
