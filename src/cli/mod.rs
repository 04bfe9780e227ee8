//! The command line: arguments in, tables and JSON out. All statements about a model are calls of
//! [`neyman::session::Session`].

mod arguments;
mod bench;
mod cache;
mod cls;
mod devices;
mod discovery;
mod document;
mod evaluate;
mod failure;
mod fit;
mod gof;
mod impacts;
mod input;
mod inspect;
mod interrupt;
mod interval;
mod json;
mod limit;
mod load;
mod merge;
mod minos;
mod output;
mod plot;
mod prune;
mod report;
mod scan;
mod statement;
mod table;
mod test_toys;
#[cfg(feature = "tmd")]
mod tmd;
mod toys;
#[cfg(feature = "parquet")]
mod unbinned;
mod validate;
mod yields;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;

/// What a command ends with when nothing went wrong on the way.
type Outcome = Result<Exit, Failure>;

/// Exit codes; the table in `docs/cli.md` and `--help` says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Success = 0,
    NotConverged = 1,
    Usage = 2,
    Input = 3,
    Device = 4,
    Files = 5,
    Internal = 101,
    Interrupted = 130,
}

impl Exit {
    /// That of a statement whose worst fit ended like this.
    fn of(status: neyman::fit::Status) -> Self {
        if status.is_converged() { Self::Success } else { Self::NotConverged }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    quiet_drivers();
    if std::env::var_os("NEYMAN_DISABLE_ACCELERATE").is_some_and(|v| v == "1") {
        neyman::accelerator::cpu::set_accelerate(false);
    }
    std::panic::set_hook(Box::new(|panic| {
        output::note(&format!("error: a mistake in neyman itself, please report it: {panic}"));
    }));
    let run = || match Arguments::try_parse() {
        Ok(arguments) => run(&arguments),
        Err(error) => usage(&error),
    };
    let outcome = std::panic::catch_unwind(run).unwrap_or(Ok(Exit::Internal));
    outcome.unwrap_or_else(|failure| failure.tell()).into()
}

/// Mesa's Vulkan layer that puts a desktop's main card first prints to stderr where there is no desktop.
/// Our order is our own: the layer is told to stay away, unless somebody has told it something.
fn quiet_drivers() {
    const LAYER: &str = "NODEVICE_SELECT";
    if cfg!(target_os = "linux") && std::env::var_os(LAYER).is_none() {
        // SAFETY: the first statement of the process; no other thread is there to read the environment
        unsafe { std::env::set_var(LAYER, "1") };
    }
}

/// Help and version go to stdout, mistakes to stderr.
fn usage(error: &clap::Error) -> Outcome {
    if !error.use_stderr() {
        output::text(&error.render().to_string())?;
        return Ok(Exit::Success);
    }
    // a closed stderr leaves nobody to tell
    let _ = error.print();
    Ok(Exit::Usage)
}

fn run(arguments: &Arguments) -> Outcome {
    let global = &arguments.global;
    if let Some(threads) = global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
        pool.build_global().map_err(|e| Failure::usage(format!("--threads {threads}: {e}")))?;
    }
    match &arguments.command {
        Command::Inspect(a) => inspect::run(global, a),
        Command::Validate(a) => validate::run(a),
        Command::Eval(a) => evaluate::run(global, a),
        Command::Fit(a) => fit::run(global, a),
        Command::Impacts(a) => impacts::run(global, a),
        Command::Gof(a) => gof::run(global, a),
        Command::Yields(a) => yields::run(global, a),
        Command::Prune(a) => prune::run(global, a),
        Command::Cls(a) => cls::run(global, a),
        Command::Limit(a) => limit::run(global, a),
        Command::Interval(a) => interval::run(global, a),
        Command::Discovery(a) => discovery::run(global, a),
        Command::Scan(a) => scan::run(global, a),
        Command::Minos(a) => minos::run(global, a),
        Command::Toys(a) => toys::run(global, a),
        Command::Merge(a) => merge::run(a),
        Command::Plot(a) => plot::run(a),
        Command::Report(a) => report::run(global, a),
        #[cfg(feature = "tmd")]
        Command::Tmd(a) => tmd::run(global, a),
        #[cfg(feature = "parquet")]
        Command::Unbinned(a) => unbinned::run(global, a),
        Command::Devices(a) => devices::run(global, a),
        Command::Bench(a) => bench::run(global, a),
    }
}
