//! Several devices of one kind as one: the fits of a job are shared out in pieces, and a device that is
//! done with one takes the next. What a fit comes to depends on its own data and on the curvature that all
//! fits of the job share, so it is the same whichever device had it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::cpu::Cpu;
use super::{
    Accelerator, DeviceFits, DeviceInfo, FitJob, LaneBlock, LaneValues, Outcome, Problem, Program,
    Stages,
};
use crate::{Error, Result};

#[cfg(test)]
mod tests;

/// Fits that keep a device busy: a job is cut no finer.
const PIECE: usize = 512;
/// Pieces per device at most: enough that a slower one does not hold up the others.
const PIECES: usize = 4;

/// A device, and whether it has failed: it is left out from then on.
struct Member {
    device: Box<dyn Accelerator>,
    failed: AtomicBool,
}

/// Devices that share the fits of a job. Each of them must say what it cannot do, by an error.
pub(super) struct Several {
    members: Vec<Member>,
    host: Cpu,
    info: DeviceInfo,
    /// What no device could finish is finished on the processor.
    host_fallback: bool,
}

/// What came of a job so far.
struct Shared<'a> {
    pieces: Vec<Range<usize>>,
    outcomes: &'a mut [Option<Outcome>],
    failures: Vec<Error>,
}

impl Several {
    pub(super) fn new(
        devices: Vec<Box<dyn Accelerator>>,
        info: DeviceInfo,
        program: Arc<Program>,
        host_fallback: bool,
    ) -> Self {
        let member = |device| Member { device, failed: AtomicBool::new(false) };
        let host = Cpu::new(program, "finishes what the devices leave");
        Self { members: devices.into_iter().map(member).collect(), host, info, host_fallback }
    }

    /// Those that work.
    fn well(&self) -> Vec<&Member> {
        self.members.iter().filter(|m| !m.failed.load(Ordering::Relaxed)).collect()
    }

    fn fit(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Result<DeviceFits> {
        let mut fits = DeviceFits {
            outcomes: vec![None; job.n_fits],
            own_stage: stages.own_patience.is_some(),
            failure: None,
        };
        let shared = Mutex::new(Shared {
            pieces: pieces(job.n_fits, self.well().len()),
            outcomes: &mut fits.outcomes,
            failures: Vec::new(),
        });
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |member: &Member| {
            loop {
                let Some(piece) = lock().pieces.pop() else { return };
                let done = member.run(job, piece.clone(), stages);
                let mut shared = lock();
                match done {
                    Ok(outcomes) => shared.outcomes[piece].clone_from_slice(&outcomes),
                    Err(error) => {
                        member.failed.store(true, Ordering::Relaxed);
                        // all of it, so that the device that takes over comes to the same bits
                        shared.pieces.push(piece);
                        shared.failures.push(error);
                        return;
                    }
                }
            }
        };
        // again where a device failed when the others had gone home
        loop {
            let well = self.well();
            if lock().pieces.is_empty() || well.is_empty() {
                break;
            }
            match &well[..] {
                [one] => work(one),
                all => std::thread::scope(|scope| {
                    for &member in all {
                        let work = &work;
                        scope.spawn(move || work(member));
                    }
                }),
            }
        }
        let Shared { pieces, failures, .. } =
            shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.ended(fits, pieces.is_empty(), failures)
    }

    /// What to return where `failures` were met, and either everything is `done` or no device is left.
    fn ended(&self, mut fits: DeviceFits, done: bool, failures: Vec<Error>) -> Result<DeviceFits> {
        let mut told = Vec::new();
        for error in failures {
            match error {
                Error::Device { device, message } => told.push(format!("{device}: {message}")),
                // not the device's fault: no other one does better
                error => return Err(error),
            }
        }
        if !done && told.is_empty() {
            told.push("all of them have failed before".into());
        }
        if !done && !self.host_fallback {
            return Err(Error::Device { device: self.info.name.clone(), message: told.join("; ") });
        }
        fits.own_stage &= done;
        fits.failure = (!told.is_empty()).then(|| {
            let who = if done { "other devices" } else { "the processor" };
            format!("{} ({who} took over)", told.join("; "))
        });
        Ok(fits)
    }
}

impl Member {
    /// The fits `piece` of a job; all of them, or why not.
    fn run(
        &self,
        job: &FitJob<'_>,
        piece: Range<usize>,
        stages: &Stages<'_>,
    ) -> Result<Vec<Option<Outcome>>> {
        let n = job.n_fits;
        let rows = |all: &[f64]| {
            let one = all.len() / n;
            piece.start * one..piece.end * one
        };
        let one_start = job.start.len() == job.fixed.len();
        let part = FitJob {
            main: &job.main[rows(job.main)],
            auxiliary: &job.auxiliary[rows(job.auxiliary)],
            n_fits: piece.len(),
            start: if one_start { job.start } else { &job.start[rows(job.start)] },
            ..*job
        };
        let device = &self.device;
        let Some(fits) = device.minimize(&part, stages) else {
            return Err(Error::Unsupported(format!("{} has no minimizer", device.info().name)));
        };
        let DeviceFits { outcomes, failure, .. } = fits?;
        match failure {
            None => Ok(outcomes),
            Some(message) => Err(Error::Device { device: device.info().name.clone(), message }),
        }
    }
}

/// A job of `n` fits cut for so many devices.
fn pieces(n: usize, devices: usize) -> Vec<Range<usize>> {
    let devices = devices.max(1);
    let each = (n / (devices * PIECE)).clamp(1, PIECES);
    let size = n.div_ceil(devices * each).max(1);
    (0..n).step_by(size).map(|first| first..(first + size).min(n)).rev().collect()
}

impl Accelerator for Several {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn problem(&self) -> &dyn Problem {
        self.host.problem()
    }

    fn lanes(&self) -> usize {
        self.members.iter().map(|m| m.device.lanes()).sum()
    }

    fn host(&self) -> &dyn Accelerator {
        &self.host
    }

    /// Each device takes lanes of its own.
    fn evaluate(&self, block: &LaneBlock<'_>, out: &mut LaneValues<'_>) -> Result<()> {
        let all = self.lanes();
        let mut first = 0;
        let parts: Vec<Lanes> = self
            .members
            .iter()
            .map(|m| {
                let lanes = first..first + m.device.lanes();
                first = lanes.end;
                Lanes::of(block, out, all, lanes)
            })
            .collect();
        let run =
            |(member, mut part): (&Member, Lanes)| part.evaluate(&*member.device).map(|()| part);
        let done: Vec<Result<Lanes>> = std::thread::scope(|scope| {
            let started: Vec<_> =
                self.members.iter().zip(parts).map(|work| scope.spawn(move || run(work))).collect();
            let lost = || {
                let device = self.info.name.clone();
                Err(Error::Device { device, message: "a thread ended without an answer".into() })
            };
            started.into_iter().map(|t| t.join().unwrap_or_else(|_| lost())).collect()
        });
        for part in done {
            part?.give(out, all);
        }
        Ok(())
    }

    fn minimize(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Option<Result<DeviceFits>> {
        Some(self.fit(job, stages))
    }
}

/// Some lanes of a block, in memory of their own.
struct Lanes {
    lanes: Range<usize>,
    parameters: Vec<f64>,
    main: Vec<f64>,
    auxiliary: Vec<f64>,
    nll: Vec<f64>,
    gradient: Vec<f64>,
    jump: Vec<f64>,
    negative_bin: Vec<f64>,
}

impl Lanes {
    /// `lanes` of a block of `all`.
    fn of(block: &LaneBlock<'_>, out: &LaneValues<'_>, all: usize, lanes: Range<usize>) -> Self {
        let take = |v: &[f64]| -> Vec<f64> {
            v.chunks(all).flat_map(|row| row.get(lanes.clone()).unwrap_or(&[])).copied().collect()
        };
        Self {
            parameters: take(block.parameters),
            main: take(block.main),
            auxiliary: take(block.auxiliary),
            nll: take(out.nll),
            gradient: take(out.gradient),
            jump: take(out.jump),
            negative_bin: take(out.negative_bin),
            lanes,
        }
    }

    fn evaluate(&mut self, device: &dyn Accelerator) -> Result<()> {
        let block = LaneBlock {
            parameters: &self.parameters,
            main: &self.main,
            auxiliary: &self.auxiliary,
        };
        let mut out = LaneValues {
            nll: &mut self.nll,
            gradient: &mut self.gradient,
            jump: &mut self.jump,
            negative_bin: &mut self.negative_bin,
        };
        device.evaluate(&block, &mut out)
    }

    /// Put the answers where they belong in a block of `all` lanes.
    fn give(self, out: &mut LaneValues<'_>, all: usize) {
        let put = |from: &[f64], to: &mut [f64]| {
            for (from, to) in from.chunks(self.lanes.len()).zip(to.chunks_mut(all)) {
                if let Some(to) = to.get_mut(self.lanes.clone()) {
                    to.copy_from_slice(from);
                }
            }
        };
        put(&self.nll, out.nll);
        put(&self.gradient, out.gradient);
        put(&self.jump, out.jump);
        put(&self.negative_bin, out.negative_bin);
    }
}
