//! The toys of a hypothesis test on disk: thrown there, resumed there, read from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ToyFile, ToyRun, ToyStore};
use crate::infer::TestStatistic;
use crate::session::{Ensemble, EnsemblePlan, Hypothesis, PreparedTest, ToyHypotest, ToyPlan};
use crate::{Error, Result};

/// Toys read at once.
const CHUNK: usize = 4096;
/// By how much, relative to themselves or 1, truths may differ: two machines may fit the data to other
/// last digits.
const SAME_TRUTH: f64 = 1e-6;

/// The file of one hypothesis: `signal_background.npz` or `background.npz`. Limits test the former, a
/// discovery the latter.
pub fn ensemble_file(
    directory: &Path,
    statistic: TestStatistic,
    hypothesis: Hypothesis,
) -> PathBuf {
    let signal = (hypothesis == Hypothesis::Tested) != (statistic == TestStatistic::Q0);
    directory.join(if signal { "signal_background.npz" } else { "background.npz" })
}

/// Throws the toys of a test and keeps them in `directory`, which is made where it is not there. With
/// `resume` it goes on with what it finds; files that are complete are read. Where `stop` ends it,
/// finished chunks stay and the result says that it is not complete.
///
/// # Errors
/// Where files cannot be written, or hold other toys; what the device says. An adaptive test has no
/// range to keep: it is refused.
pub fn throw_to_disk(
    prepared: PreparedTest<'_>,
    directory: &Path,
    resume: bool,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Hypothesis, u64),
) -> Result<ToyHypotest> {
    if prepared.test().error.is_some() {
        let message = "toys that are kept need a fixed number: leave out the error to be reached";
        return Err(Error::Unsupported(message.into()));
    }
    if !directory.is_dir() {
        fs::create_dir(directory)
            .map_err(|source| Error::Io { path: directory.to_owned(), source })?;
    }
    let mut one = |hypothesis| {
        let output = ensemble_file(directory, prepared.test().statistic, hypothesis);
        let mut heard = |n| progress(hypothesis, n);
        throw(&prepared, &prepared.plan(hypothesis), &output, resume, stop, &mut heard)
    };
    let tested = one(Hypothesis::Tested)?;
    let alternative = one(Hypothesis::Alternative)?;
    Ok(prepared.conclude(tested, alternative))
}

fn throw(
    prepared: &PreparedTest<'_>,
    plan: &EnsemblePlan,
    output: &Path,
    resume: bool,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Ensemble> {
    let (session, toys, chunk) = (prepared.session(), plan.toys(), prepared.test().chunk);
    let device = session.toy_device(&toys)?;
    let mut ensemble = Ensemble::new(plan, &device.precision);
    if plan.range.is_empty() || stop.load(Ordering::Relaxed) {
        return Ok(ensemble);
    }
    let run = ToyRun::new(session.model(), &device, &toys, chunk);
    let complete = output.is_file() && !ToyStore::directory_of(output).exists();
    if complete && resume {
        let mut file = ToyFile::open(output)?;
        let differences = run.differences(file.run());
        if !differences.is_empty() {
            let message = format!("holds another run: {}", differences.join("; "));
            return Err(Error::Results { path: output.to_owned(), message });
        }
        file.chunks(CHUNK, &mut |toys| {
            progress(toys.fits.len() as u64);
            ensemble.take(&toys);
            Ok(())
        })?;
        return Ok(ensemble);
    }
    if complete {
        let message =
            "is there already: --resume takes it as it is, another folder begins anew".into();
        return Err(Error::Results { path: output.to_owned(), message });
    }
    let mut store = match resume {
        true => ToyStore::resume(output, run, &mut |toys| {
            progress(toys.fits.len() as u64);
            ensemble.take(toys);
        })?,
        false => ToyStore::create(output, run)?,
    };
    let mut done = Ok(());
    for range in store.missing() {
        let part = ToyPlan { range, ..toys.clone() };
        done = session
            .toys(&part, chunk, stop, &mut |toys| {
                progress(toys.fits.len() as u64);
                ensemble.take(&toys);
                store.put(toys)
            })
            .map(|_| ());
        if done.is_err() || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    // whatever stopped the run, finished toys are kept
    store.flush().and(done)?;
    if ensemble.is_complete() {
        store.finish()?;
    }
    Ok(ensemble)
}

/// What the toys in `directory` say: those of [`throw_to_disk`], or shards of them that were
/// [merged](super::merge).
///
/// # Errors
/// Where files are missing or damaged, or hold toys of another model, another truth or another test.
pub fn read_from_disk(prepared: PreparedTest<'_>, directory: &Path) -> Result<ToyHypotest> {
    let one = |hypothesis| {
        let path = ensemble_file(directory, prepared.test().statistic, hypothesis);
        read(&prepared, &prepared.plan(hypothesis), &path)
    };
    let tested = one(Hypothesis::Tested)?;
    let alternative = match prepared.test().alternative {
        true => one(Hypothesis::Alternative)?,
        false => Ensemble::new(&prepared.plan(Hypothesis::Alternative), "f64"),
    };
    if tested.seed == alternative.seed && alternative.finished > 0 {
        return Err(Error::Results {
            path: directory.to_owned(),
            message: format!(
                "both hypotheses have toys of seed {}: the same random numbers",
                tested.seed
            ),
        });
    }
    Ok(prepared.conclude(tested, alternative))
}

fn read(prepared: &PreparedTest<'_>, plan: &EnsemblePlan, path: &Path) -> Result<Ensemble> {
    let session = prepared.session();
    let mut file = ToyFile::open(path)?;
    let run = file.run();
    let expected = ToyRun {
        // these are the file's own business
        version: run.version.clone(),
        seed: run.seed,
        first: run.first,
        end: run.end,
        data: run.data,
        events: run.events,
        chunk: run.chunk,
        device: run.device.clone(),
        precision: run.precision.clone(),
        edm: run.edm,
        evaluations: run.evaluations,
        ..ToyRun::new(session.model(), session.device(), &plan.toys(), 1)
    };
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= SAME_TRUTH * a.abs().max(1.0);
    let same_truth =
        run.truth.len() == expected.truth.len() && run.truth.iter().zip(&expected.truth).all(close);
    let expected = match same_truth {
        true => ToyRun { truth: run.truth.clone(), ..expected },
        false => expected,
    };
    let differences = expected.differences(run);
    if !differences.is_empty() {
        let message = format!("holds toys of another test: {}", differences.join("; "));
        return Err(Error::Results { path: path.to_owned(), message });
    }
    let tolerance = crate::fit::Tolerance { edm: run.edm, evaluations: run.evaluations };
    let plan =
        EnsemblePlan { seed: run.seed, range: run.first..run.end, tolerance, ..plan.clone() };
    let mut ensemble = Ensemble::new(&plan, &run.precision.clone());
    file.chunks(CHUNK, &mut |toys| {
        ensemble.take(&toys);
        Ok(())
    })?;
    Ok(ensemble)
}

/// The run that was begun or finished in `directory`: a resumed one goes on where it began.
pub fn begun_in(directory: &Path) -> Option<ToyRun> {
    let statistic = TestStatistic::default();
    [Hypothesis::Tested, Hypothesis::Alternative].into_iter().find_map(|hypothesis| {
        let path = ensemble_file(directory, statistic, hypothesis);
        ToyStore::begun(&path).or_else(|| Some(ToyFile::open(&path).ok()?.run().clone()))
    })
}
