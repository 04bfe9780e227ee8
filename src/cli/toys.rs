//! `neyman toys`: throw toys, fit them, keep the results.

mod report;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use neyman::Error;
use neyman::accelerator::DeviceInfo;
use neyman::results::{ToyRun, ToyStore, ToySummary};
use neyman::session::{FitOptions, Session, ToyChunk, ToyPlan};

use super::arguments::{Global, ToyRunArguments, Toys, Truth};
use super::failure::{Failure, one_line};
use super::fit::{initial, poi};
use super::load::{self, Loaded};
use super::table::count;
use super::{Outcome, interrupt, output};
pub(crate) use report::Report;

pub(crate) fn run(global: &Global, arguments: &Toys) -> Outcome {
    let run = &arguments.run;
    let begun = || run.output.as_deref().filter(|_| run.resume).and_then(ToyStore::begun);
    let request = load::request_of_begun(load::request(global)?, begun);
    let (loaded, session) = load::open_on(&request, global, &arguments.workspace)?;
    let plan = plan(arguments, &loaded, &session)?;
    let device = session.toy_device(&plan)?;
    load::say_device(global, &device);
    if global.verbose {
        session.notes().iter().for_each(|note| output::note(&one_line(&format!("note: {note}"))));
    }
    let warnings = session.toy_warnings(&plan.truth)?;
    load::warn_lines(global, &warnings, "", "shown with --verbose or --json");
    let chunk = run.chunk.get();
    let identity = ToyRun::new(session.model(), &device, &plan, chunk);
    let done = execute(global, run, (&plan, &device, identity), &mut |part, stop, sink| {
        session.toys(part, chunk, stop, sink)
    })?;
    let report = Report {
        run,
        device: &device,
        plan: &plan,
        truth: loaded
            .model
            .poi()
            .map(|i| (loaded.model.parameters()[i].name.clone(), plan.truth[i])),
        of_workspace: &loaded.warnings,
        warnings,
        done,
    };
    report.write()
}

/// What came of a run.
pub(crate) struct Done {
    summary: ToySummary,
    /// What an earlier process had done.
    resumed: ToySummary,
    wall: Duration,
    cpu: Duration,
    complete: bool,
}

/// Toys of a part of the plan, each finished chunk to the sink.
type Throw<'a> = dyn FnMut(
        &ToyPlan,
        &AtomicBool,
        &mut dyn FnMut(ToyChunk) -> neyman::Result<()>,
    ) -> neyman::Result<u64>
    + 'a;

/// Throws the toys that are missing and keeps them where that is asked for.
pub(crate) fn execute(
    global: &Global,
    run: &ToyRunArguments,
    (plan, device, identity): (&ToyPlan, &DeviceInfo, ToyRun),
    throw: &mut Throw<'_>,
) -> Result<Done, Failure> {
    let mut summary = ToySummary::default();
    let uncertain = uncertain(device, plan);
    let mut store = store(global, run, identity, &mut |chunk| summary.add(chunk, uncertain))?;
    let resumed = summary.clone();

    let stop = interrupt::install()?;
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let bar = load::progress(global, plan.range.end - plan.range.start, "toys");
    bar.set_position(resumed.toys);
    let missing = store.as_ref().map_or_else(|| vec![plan.range.clone()], ToyStore::missing);
    let mut sink = |chunk: ToyChunk| {
        summary.add(&chunk, uncertain);
        bar.inc(chunk.fits.len() as u64);
        store.as_mut().map_or(Ok(()), |s| s.put(chunk))
    };
    let mut part = |range: Range<u64>| match stop.load(Ordering::SeqCst) {
        true => Ok(()),
        false => throw(&ToyPlan { range, ..plan.clone() }, &stop, &mut sink).map(drop),
    };
    let done = missing.into_iter().try_for_each(&mut part);
    bar.finish_and_clear();
    // whatever stopped the run, finished toys are kept
    let done = store.as_mut().map_or(Ok(()), ToyStore::flush).and(done);
    done.map_err(|e| keep_hint(e, store.as_ref()))?;

    let complete = summary.toys == plan.range.end - plan.range.start;
    if complete && let Some(store) = store {
        let directory = store.directory().to_owned();
        store.finish().map_err(|e| {
            let kept = format!("all toys are kept in {}; --resume joins them", directory.display());
            Failure::from(e).hint(kept)
        })?;
    }
    Ok(Done { summary, resumed, wall: wall.elapsed(), cpu: cpu.elapsed(), complete })
}

/// By how much an NLL may be wrong: the tolerance, or single precision.
fn uncertain(device: &DeviceInfo, plan: &ToyPlan) -> f64 {
    if device.precision == "f32" { plan.tolerance.edm.max(1e-3) } else { plan.tolerance.edm }
}

fn plan(arguments: &Toys, loaded: &Loaded, session: &Session) -> Result<ToyPlan, Failure> {
    let tolerance = arguments.run.tolerance.get();
    let tested = match arguments.conditional || arguments.test_mu.is_some() {
        true => Some(poi(loaded)?),
        false => None,
    };
    let truth = match arguments.run.truth {
        Truth::Init => initial(loaded, arguments.mu)?,
        Truth::Fit => {
            let name = |i: usize| loaded.model.parameters()[i].name.clone();
            let fix = match arguments.mu {
                Some(mu) => vec![(name(poi(loaded)?), mu)],
                None => Vec::new(),
            };
            let fit = session.fit(loaded.model.observed(), &FitOptions { fix, tolerance })?;
            if !fit.status.is_converged() {
                let status = fit.status.as_str().replace('_', " ");
                let message = format!("the fit to the observed data ended as {status}");
                return Err(Error::Convergence(message).into());
            }
            fit.parameters
        }
    };
    let hold = tested.map(|i| (i, arguments.test_mu.unwrap_or(truth[i]))).into_iter().collect();
    let (seed, range) = (arguments.run.seed, arguments.run.asked());
    let keep_data = arguments.with_data;
    Ok(ToyPlan { truth, seed, range, hold, keep_data, tolerance })
}

/// The run's files; chunks that are already there go to `seen`.
fn store(
    global: &Global,
    run: &ToyRunArguments,
    identity: ToyRun,
    seen: &mut dyn FnMut(&ToyChunk),
) -> Result<Option<ToyStore>, Failure> {
    let Some(output) = &run.output else { return Ok(None) };
    if !run.resume {
        return Ok(Some(ToyStore::create(output, identity)?));
    }
    let store = ToyStore::resume(output, identity, seen)?;
    if store.damaged() > 0 && !global.quiet {
        let chunks = count(store.damaged(), "damaged chunk");
        output::note(&format!("warning: {}: {chunks} done again", store.directory().display()));
    }
    Ok(Some(store))
}

fn keep_hint(error: Error, store: Option<&ToyStore>) -> Failure {
    match store {
        Some(store) if store.finished() > 0 => {
            let toys = count(store.finished() as usize, "toy");
            let place = store.directory().display();
            Failure::from(error).hint(format!("{toys} are kept in {place}; --resume continues"))
        }
        _ => error.into(),
    }
}
