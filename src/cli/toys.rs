//! `neyman toys`: throw toys, fit them, keep the results.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neyman::Error;
use neyman::results::{ToyRun, ToyStore, ToySummary};
use neyman::session::{FitOptions, Session, ToyPlan};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Toys, Truth};
use super::failure::Failure;
use super::fit::{initial, poi};
use super::json::number;
use super::load::{self, Loaded};
use super::table::count;
use super::{Exit, Outcome, interrupt, output};

pub(crate) fn run(global: &Global, arguments: &Toys) -> Outcome {
    let (loaded, session) = load::open(global, &arguments.workspace)?;
    let plan = plan(arguments, &loaded, &session)?;
    let mut summary = ToySummary::default();
    let mut store = store(global, arguments, &session, &plan, &mut summary)?;
    let resumed = summary.clone();

    let stop = interrupt::install()?;
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let bar = progress(global, plan.range.end - plan.range.start);
    bar.set_position(resumed.toys);
    let missing = store.as_ref().map_or_else(|| vec![plan.range.clone()], ToyStore::missing);
    let done = throw(arguments, &session, &plan, &missing, &stop, |chunk| {
        summary.add(&chunk, plan.tolerance.edm);
        bar.inc(chunk.fits.len() as u64);
        store.as_mut().map_or(Ok(()), |s| s.put(&chunk))
    });
    bar.finish_and_clear();
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
        session: &session,
        plan: &plan,
        truth: loaded
            .model
            .poi()
            .map(|i| (loaded.model.parameters()[i].name.clone(), plan.truth[i])),
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

fn plan(arguments: &Toys, loaded: &Loaded, session: &Session) -> Result<ToyPlan, Failure> {
    let tolerance = arguments.tolerance.get();
    if arguments.conditional {
        poi(loaded)?;
    }
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
    let (seed, conditional) = (arguments.seed, arguments.conditional);
    Ok(ToyPlan { truth, seed, range, conditional, tolerance })
}

/// The run's files; chunks that are already there go into `summary`.
fn store(
    global: &Global,
    arguments: &Toys,
    session: &Session,
    plan: &ToyPlan,
    summary: &mut ToySummary,
) -> Result<Option<ToyStore>, Failure> {
    let Some(output) = &arguments.output else { return Ok(None) };
    let run = ToyRun::new(session.model(), session.device(), plan, arguments.chunk.get());
    if !arguments.resume {
        return Ok(Some(ToyStore::create(output, run)?));
    }
    let store = ToyStore::resume(output, run, &mut |chunk| summary.add(chunk, plan.tolerance.edm))?;
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

/// A bar on stderr; indicatif itself stays silent where that is no terminal.
fn progress(global: &Global, toys: u64) -> ProgressBar {
    let target =
        if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(toys), target);
    let template = "{wide_bar} {human_pos}/{human_len} toys  {per_sec}  {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

struct Report<'a> {
    arguments: &'a Toys,
    session: &'a Session,
    plan: &'a ToyPlan,
    /// Name and true value of the parameter of interest.
    truth: Option<(String, f64)>,
    summary: ToySummary,
    /// What an earlier process had done.
    resumed: ToySummary,
    wall: Duration,
    cpu: Duration,
    complete: bool,
}

impl Report<'_> {
    fn exit(&self) -> Exit {
        let unconverged = self.summary.unconverged.len() as f64;
        if !self.complete {
            Exit::Interrupted
        } else if unconverged > self.arguments.max_unconverged * self.summary.toys as f64 {
            Exit::NotConverged
        } else {
            Exit::Success
        }
    }

    /// Fits of this process per second of `time`.
    fn rate(&self, time: Duration) -> f64 {
        let fits = (self.summary.fits - self.resumed.fits) as f64;
        if fits > 0.0 { fits / time.as_secs_f64().max(1e-9) } else { 0.0 }
    }

    fn json(&self) -> Value {
        let device = self.session.device();
        json!({
            "toys": self.summary.toys,
            "converged": self.summary.converged,
            "unconverged": self.summary.unconverged,
            "seconds": number(self.wall.as_secs_f64()),
            "cpu_seconds": number(self.cpu.as_secs_f64()),
            "fits": self.summary.fits,
            "fits_per_second": number(self.rate(self.wall)),
            "fits_per_cpu_second": number(self.rate(self.cpu)),
            "evaluations": self.summary.evaluations,
            "negative_rates": self.summary.negative,
            "missed_minima": self.summary.missed,
            "device": device.name,
            "precision": device.precision,
            "seed": self.plan.seed,
            "range": [self.plan.range.start, self.plan.range.end],
            "poi": self.truth.as_ref().map(|(name, _)| name),
            "mu": self.truth.as_ref().map(|&(_, mu)| number(mu)),
            "resumed": self.resumed.toys,
            "interrupted": !self.complete,
            "output": self.arguments.output.as_ref().map(|p| p.display().to_string()),
        })
    }

    fn text(&self) -> String {
        let summary = &self.summary;
        let mut text = format!(
            "{} of {} toys converged, {:.2} s ({:.2} s cpu), {:.0} fits per second on {}\n",
            summary.converged,
            summary.toys,
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.rate(self.wall),
            self.session.device().name,
        );
        if let Some((name, mu)) = &self.truth {
            text.push_str(&format!(
                "thrown at {} = {mu}, seed {}\n",
                display_name(name),
                self.plan.seed
            ));
        }
        if !summary.unconverged.is_empty() {
            let shown: Vec<_> = summary.unconverged.iter().take(10).map(u64::to_string).collect();
            let more = if summary.unconverged.len() > 10 { ", ..." } else { "" };
            text.push_str(&format!("not converged: {}{more}\n", shown.join(", ")));
        }
        if summary.negative > 0 {
            let toys = count(summary.negative as usize, "toy");
            text.push_str(&format!("negative expected rates at the minimum of {toys}\n"));
        }
        if summary.missed > 0 {
            let toys = count(summary.missed as usize, "toy");
            text.push_str(&format!("free fit worse than the conditional one in {toys}\n"));
        }
        if let Some(path) = &self.arguments.output {
            let path = path.display();
            text.push_str(&if self.complete {
                format!("written to {path}\n")
            } else {
                format!("interrupted: {path}.part holds them; the same command with --resume continues\n")
            });
        } else if !self.complete {
            text.push_str("interrupted: with -o FILE.npz a run can be resumed\n");
        }
        text
    }
}
