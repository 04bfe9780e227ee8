//! Tests by toys: the arguments that verbs share, and what is done with them.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use neyman::accelerator::{DeviceInfo, DeviceRequest};
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::infer::distributions::significance;
use neyman::model::Data;
use neyman::results;
use neyman::session::{Ensemble, Hypothesis, Session, ToyHypotest, ToyTest};
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::parse::{positive, range};
use super::document::OutputArguments;
use super::failure::Failure;
use super::json::number;
use super::table::count;
use super::{Exit, interrupt, load, output};

#[derive(Debug, Args)]
#[command(next_help_heading = "Toys")]
pub(crate) struct TestToyArguments {
    /// p-values from N toys of each hypothesis instead of asymptotic formulas
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) toys: Option<u64>,
    /// Toys A up to B-1: a part, to be joined with others by `merge`
    #[arg(long, value_name = "A:B", value_parser = range, conflicts_with = "toys")]
    pub(crate) range: Option<Range<u64>>,
    /// Seed
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// Stop at fewer than N toys, once the error of the p-value (CLs, p0) is smaller than this
    #[arg(long, value_name = "ERROR", value_parser = positive, requires = "toys",
          conflicts_with = "save_toys")]
    pub(crate) cls_error: Option<f64>,
    /// Keep the toys: signal_background.npz and background.npz in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) save_toys: Option<PathBuf>,
    /// Continue the interrupted run in the folder of --save-toys, or begin it
    #[arg(long, requires = "save_toys")]
    pub(crate) resume: bool,
    /// Take the toys from this folder instead of throwing them
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["toys", "range", "seed", "cls_error", "save_toys"])]
    pub(crate) from_toys: Option<PathBuf>,
    /// Only what is observed: nothing expected, for a discovery no toys of mu = 1. Memory does not grow with
    /// N then
    #[arg(long)]
    pub(crate) observed_only: bool,
    /// Toys fitted together; Ctrl-C waits for them
    #[arg(long, value_name = "N", default_value = "4096")]
    pub(crate) chunk: NonZeroUsize,
}

impl TestToyArguments {
    /// Whether toys are wanted at all. --seed and --chunk alone want none.
    pub(crate) fn wanted(&self) -> Result<bool, Failure> {
        let wanted = self.toys.is_some() || self.range.is_some() || self.from_toys.is_some();
        match self.save_toys.is_some() && !wanted {
            true => Err(Failure::usage("--save-toys needs --toys N or --range A:B")),
            false => Ok(wanted),
        }
    }

    /// Device of the session: a resumed run goes on where it began.
    pub(crate) fn request(&self, global: &Global) -> neyman::Result<DeviceRequest> {
        let directory = self.save_toys.as_deref().filter(|_| self.resume);
        let asked = load::request(global)?;
        Ok(load::request_of_begun(asked, || directory.and_then(results::begun_in)))
    }

    /// The test that these arguments make.
    pub(crate) fn test(&self, mu: f64, statistic: TestStatistic, tolerance: Tolerance) -> ToyTest {
        ToyTest {
            poi: None,
            mu,
            statistic,
            seed: self.seed,
            stream: 0,
            range: self.range.clone().unwrap_or(0..self.toys.unwrap_or(0)),
            error: self.cls_error,
            alternative: !(self.observed_only && statistic == TestStatistic::Q0),
            keep_values: !self.observed_only,
            chunk: self.chunk.get(),
            // toys need not be as close as the data themselves, unless that is asked for
            tolerance: if tolerance == Tolerance::PARITY {
                Tolerance::default()
            } else {
                tolerance
            },
        }
    }

    /// Throws the toys of `test`, or reads them, and keeps them where that is asked for. Also what fitted
    /// them.
    pub(crate) fn run(
        &self,
        global: &Global,
        session: &Session,
        test: &ToyTest,
        data: &Data,
    ) -> Result<(ToyHypotest, DeviceInfo), Failure> {
        let prepared = session.prepare_toy_test(test, data)?;
        let plan = prepared.plan(Hypothesis::Tested);
        let device = match self.from_toys {
            Some(_) => session.device().clone(),
            None => prepared.session().toy_device(&plan.toys())?,
        };
        load::say_device(global, &device);
        if let Some(directory) = &self.from_toys {
            return Ok((results::read_from_disk(prepared, directory)?, device));
        }
        let warnings = prepared.session().toy_warnings(&plan.truth)?;
        load::warn_lines(global, &warnings, "", "shown with --verbose");
        let stop = interrupt::install()?;
        let hypotheses = if test.alternative { 2 } else { 1 };
        let toys = hypotheses * (test.range.end - test.range.start);
        let bar = load::progress(global, toys, "toys");
        let mut heard = |_, toys| bar.inc(toys);
        let done = match &self.save_toys {
            Some(directory) => {
                results::throw_to_disk(prepared, directory, self.resume, &stop, &mut heard)
            }
            None => prepared.throw(&stop, &mut heard),
        };
        bar.finish_and_clear();
        let done = done?;
        if !done.complete {
            output::note(&match &self.save_toys {
                Some(directory) => format!(
                    "interrupted: {} holds the toys; the same command with --resume continues",
                    directory.display()
                ),
                None => "interrupted: with --save-toys DIR a run can be resumed".into(),
            });
        }
        Ok((done, device))
    }
}

/// Toys at several values: they are not kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Toys")]
pub(crate) struct ScanToyArguments {
    /// p-values from N toys of each hypothesis at each value
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) toys: Option<u64>,
    /// Seed
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// Toys fitted together; Ctrl-C waits for them
    #[arg(long, value_name = "N", default_value = "4096")]
    pub(crate) chunk: NonZeroUsize,
}

impl ScanToyArguments {
    /// The test at each value, which itself is given later.
    pub(crate) fn test(
        &self,
        statistic: TestStatistic,
        tolerance: Tolerance,
        toys: Option<u64>,
    ) -> ToyTest {
        TestToyArguments {
            toys,
            range: None,
            seed: self.seed,
            cls_error: None,
            save_toys: None,
            resume: false,
            from_toys: None,
            observed_only: false,
            chunk: self.chunk,
        }
        .test(0.0, statistic, tolerance)
    }
}

/// The progress of a test at several values, whose number is known once it runs.
pub(crate) struct Bar<'a> {
    global: &'a Global,
    bar: Option<ProgressBar>,
}

impl<'a> Bar<'a> {
    pub(crate) fn new(global: &'a Global) -> Self {
        Self { global, bar: None }
    }

    /// `n` toys more; `left` values are to come after this one, with `each` toys.
    pub(crate) fn heard(&mut self, left: usize, n: u64, each: u64) {
        let all = (left as u64 + 1) * each;
        self.bar.get_or_insert_with(|| load::progress(self.global, all, "toys")).inc(n);
    }

    pub(crate) fn clear(self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Toys that failed, as a part of all, beyond which the exit code says so.
const MOST_FAILED: f64 = 0.01;

/// How the command ends.
pub(crate) fn exit(test: &ToyHypotest) -> Exit {
    let both = [&test.tested, &test.alternative];
    let failed: usize = both.iter().map(|e| e.failed.len()).sum();
    let toys: u64 = both.iter().map(|e| e.finished).sum();
    scan_exit(test.complete, toys, failed as u64)
}

/// The same for toys at several values.
pub(crate) fn scan_exit(complete: bool, toys: u64, failed: u64) -> Exit {
    if !complete {
        Exit::Interrupted
    } else if failed as f64 > MOST_FAILED * toys as f64 {
        Exit::NotConverged
    } else {
        Exit::Success
    }
}

/// A number, or null where it could not be computed.
pub(crate) fn known(x: f64) -> Value {
    if x.is_nan() { Value::Null } else { number(x) }
}

/// A list of them; null where none could be computed.
pub(crate) fn all_known(x: &[f64]) -> Value {
    if x.iter().all(|x| x.is_nan()) { Value::Null } else { x.iter().copied().map(known).collect() }
}

/// A significance by toys; where none reaches so far, what they exclude.
pub(crate) fn sigmas(z: f64, toys: u64) -> String {
    match z == f64::INFINITY {
        true => format!("> {:.2}", significance(1.0 / (toys as f64 + 1.0))),
        false => format!("{z:.3}"),
    }
}

/// `0.05123 +- 0.00071`.
pub(crate) fn plus_minus(value: f64, error: f64) -> String {
    format!("{value:.5} +- {error:.5}")
}

/// The test statistic of each toy, for the document's file; `None` where there is no file or no values.
pub(crate) fn distributions(to: &OutputArguments, test: &ToyHypotest) -> Option<Value> {
    if to.output.is_none() || test.tested.values.is_empty() {
        return None;
    }
    let list =
        |ensemble: &Ensemble| -> Value { ensemble.values.iter().copied().map(known).collect() };
    let (tested, alternative) = (list(&test.tested), list(&test.alternative));
    let (signal, background) = match test.statistic {
        TestStatistic::Q0 => (alternative, tested),
        _ => (tested, alternative),
    };
    Some(json!({"distributions": {"signal_background": signal, "background": background}}))
}

/// With how many toys there were, which ones failed, and the seeds that throw them again.
pub(crate) fn with_counts(mut body: Value, test: &ToyHypotest) -> Value {
    let (signal, background) = match test.statistic {
        TestStatistic::Q0 => (&test.alternative, &test.tested),
        _ => (&test.tested, &test.alternative),
    };
    let side = |e: &Ensemble| {
        json!({"toys": e.finished, "failed": e.failed, "seed": e.seed,
               "range": [e.range.start, e.range.end]})
    };
    body["toys"] = test.tested.finished.into();
    body["failed"] = (signal.failed.len() + background.failed.len()).into();
    body["interrupted"] = (!test.complete).into();
    body["ensembles"] = json!({"signal_background": side(signal), "background": side(background)});
    body
}

/// What a table says of the toys below.
pub(crate) fn said(test: &ToyHypotest) -> String {
    let failed = test.tested.failed.len() + test.alternative.failed.len();
    let toys =
        format!("{} and {} of the alternative", test.tested.finished, test.alternative.finished);
    match failed {
        0 => format!("toys: {toys}\n"),
        n => format!("toys: {toys}; {} failed, left out\n", count(n, "fit")),
    }
}
