//! `neyman toys`: throw toys, fit them, keep the results.

mod report;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cpu_time::ProcessTime;
use neyman::Error;
use neyman::accelerator::{DeviceChoice, DeviceInfo, DeviceRequest};
use neyman::results::{ToyRun, ToyStore, ToySummary};
use neyman::session::{FitOptions, Session, ToyPlan};

use super::arguments::{Global, Toys, Truth};
use super::failure::{Failure, one_line};
use super::fit::{initial, poi};
use super::load::{self, Loaded};
use super::table::count;
use super::{Outcome, interrupt, output};
use report::Report;

pub(crate) fn run(global: &Global, arguments: &Toys) -> Outcome {
    let request = request(global, arguments)?;
    let (loaded, session) = load::open_on(&request, global, &arguments.workspace)?;
    let plan = plan(arguments, &loaded, &session)?;
    let device = session.toy_device(&plan)?;
    load::say_device(global, &device);
    if global.verbose {
        session.notes().iter().for_each(|note| output::note(&one_line(&format!("note: {note}"))));
    }
    let warnings = session.toy_warnings(&plan.truth)?;
    load::warn_lines(global, &warnings, "", "shown with --verbose or --json");
    let mut summary = ToySummary::default();
    let mut store = store(global, arguments, &session, &device, &plan, &mut summary)?;
    let resumed = summary.clone();

    let stop = interrupt::install()?;
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let bar = load::progress(global, plan.range.end - plan.range.start, "toys");
    bar.set_position(resumed.toys);
    let missing = store.as_ref().map_or_else(|| vec![plan.range.clone()], ToyStore::missing);
    let done = throw(arguments, &session, &plan, &missing, &stop, |chunk| {
        summary.add(&chunk, uncertain(&device, &plan));
        bar.inc(chunk.fits.len() as u64);
        store.as_mut().map_or(Ok(()), |s| s.put(chunk))
    });
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
    let report = Report {
        arguments,
        device: &device,
        plan: &plan,
        truth: loaded
            .model
            .poi()
            .map(|i| (loaded.model.parameters()[i].name.clone(), plan.truth[i])),
        loaded: &loaded,
        warnings,
        summary,
        resumed,
        wall: wall.elapsed(),
        cpu: cpu.elapsed(),
        complete,
    };
    if arguments.json {
        output::json(&report.json())?;
    } else {
        output::text(&report.text())?;
    }
    Ok(report.exit())
}

/// A run that goes on does so on the device where it began: automatic choice goes by timings, which
/// differ from time to time, and devices differ in the last digits.
fn request(global: &Global, arguments: &Toys) -> neyman::Result<DeviceRequest> {
    let asked = load::request(global)?;
    let begun = match (&arguments.output, arguments.resume, asked.device) {
        (Some(output), true, DeviceChoice::Auto) => ToyStore::begun(output),
        _ => None,
    };
    let Some(run) = begun else { return Ok(asked) };
    Ok(match (run.device.parse(), run.precision.parse()) {
        (Ok(device), Ok(precision)) => DeviceRequest { device, precision, ..asked },
        // a damaged file; the store says so
        _ => asked,
    })
}

/// By how much an NLL may be wrong: the tolerance, or single precision.
fn uncertain(device: &DeviceInfo, plan: &ToyPlan) -> f64 {
    if device.precision == "f32" { plan.tolerance.edm.max(1e-3) } else { plan.tolerance.edm }
}

fn plan(arguments: &Toys, loaded: &Loaded, session: &Session) -> Result<ToyPlan, Failure> {
    let tolerance = arguments.tolerance.get();
    let tested = match arguments.conditional || arguments.test_mu.is_some() {
        true => Some(poi(loaded)?),
        false => None,
    };
    let truth = match arguments.truth {
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
    let range = match (&arguments.range, arguments.toys) {
        (Some(range), _) => range.clone(),
        (None, toys) => 0..toys.unwrap_or(0),
    };
    let hold = tested.map(|i| (i, arguments.test_mu.unwrap_or(truth[i]))).into_iter().collect();
    let (seed, keep_data) = (arguments.seed, arguments.with_data);
    Ok(ToyPlan { truth, seed, range, hold, keep_data, tolerance })
}

/// The run's files; chunks that are already there go into `summary`.
fn store(
    global: &Global,
    arguments: &Toys,
    session: &Session,
    device: &DeviceInfo,
    plan: &ToyPlan,
    summary: &mut ToySummary,
) -> Result<Option<ToyStore>, Failure> {
    let Some(output) = &arguments.output else { return Ok(None) };
    let run = ToyRun::new(session.model(), device, plan, arguments.chunk.get());
    if !arguments.resume {
        return Ok(Some(ToyStore::create(output, run)?));
    }
    let store =
        ToyStore::resume(output, run, &mut |chunk| summary.add(chunk, uncertain(device, plan)))?;
    if store.damaged() > 0 && !global.quiet {
        let chunks = count(store.damaged(), "damaged chunk");
        output::note(&format!("warning: {}: {chunks} done again", store.directory().display()));
    }
    Ok(Some(store))
}

fn throw(
    arguments: &Toys,
    session: &Session,
    plan: &ToyPlan,
    missing: &[Range<u64>],
    stop: &AtomicBool,
    mut sink: impl FnMut(neyman::session::ToyChunk) -> neyman::Result<()>,
) -> neyman::Result<()> {
    for range in missing {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let part = ToyPlan { range: range.clone(), ..plan.clone() };
        session.toys(&part, arguments.chunk.get(), stop, &mut sink)?;
    }
    Ok(())
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
