//! What the command accepts.

pub(super) mod gof;
pub(super) mod impacts;
mod inference;
pub(crate) mod merge;
pub(crate) mod parse;
pub(super) mod prune;
pub(super) mod statement;
#[cfg(feature = "tmd")]
pub(super) mod tmd;
#[cfg(feature = "parquet")]
pub(super) mod unbinned;
pub(super) mod yields;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use neyman::fit::Tolerance;
use neyman::model::interpolation::Interpolation;
use neyman::model::poisson::NegativeRates;
use neyman::plot::What;

use super::document::OutputArguments;
pub(crate) use inference::{Cls, Discovery, Grid, Interval, Limit, Minos, Scan, TestArguments};
use parse::{assignment, grid, interpolation, positive, range, size};
pub(crate) use statement::DataArguments;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    a fit did not converge, or too many toys did not (--max-unconverged)
  2    wrong usage
  3    bad input: workspace, patch, data, points, unknown names
  4    the device cannot be used
  5    a file cannot be read or written, or holds other results
  130  interrupted; toys written so far can be continued with --resume";

/// HistFactory likelihood fits and toys.
#[derive(Debug, Parser)]
#[command(name = "neyman", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where to compute: auto, cpu, gpu, vulkan, metal, dx12; gpu:0 and so on as `devices` lists them
    #[arg(long, global = true, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Arithmetic of graphics processors: auto, f64, df64, f32
    #[arg(long, global = true, default_value = "auto", value_name = "PRECISION")]
    pub(crate) precision: String,
    /// Leave fits that a graphics processor cannot finish as they are, instead of finishing them on
    /// the processor
    #[arg(long, global = true)]
    pub(crate) no_host_fallback: bool,
    /// Number of threads [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Say more on stderr
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// No warnings, no progress bar
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what a workspace holds
    Inspect(Inspect),
    /// Check a workspace; errors and warnings with their JSON pointers
    Validate(Validate),
    /// Likelihood, gradient and expected data at given parameter points, as JSON
    Eval(Eval),
    /// Maximum-likelihood fit with uncertainties
    Fit(Fit),
    /// What each parameter does to the parameter of interest, and its uncertainty by groups
    Impacts(impacts::Impacts),
    /// Goodness of fit against the saturated model
    Gof(gof::Gof),
    /// Yields per channel and sample before and after the fit
    Yields(yields::Yields),
    /// Drop small systematics; what that does to the fit
    Prune(prune::Prune),
    /// Test a value of the parameter of interest: CLs, observed and expected
    Cls(Cls),
    /// Upper limits, observed and expected
    Limit(Limit),
    /// Confidence interval by toys, after Feldman and Cousins
    Interval(Interval),
    /// Significance of an excess, observed and expected
    Discovery(Discovery),
    /// Profile likelihood of one parameter or two, with intervals or contours
    Scan(Scan),
    /// Asymmetric uncertainties
    Minos(Minos),
    /// Throw toys and fit them
    Toys(Toys),
    /// Join files of toys whose runs differ in --range alone
    Merge(merge::Merge),
    /// Draw a result document
    Plot(Plot),
    /// A page with everything that can be said about a workspace
    Report(Report),
    /// Transverse-momentum-dependent distributions
    #[cfg(feature = "tmd")]
    Tmd(tmd::Tmd),
    /// Likelihoods of single events
    #[cfg(feature = "parquet")]
    Unbinned(unbinned::Unbinned),
    /// List the devices this build can use
    Devices(Devices),
    /// Time evaluations, fits and toys of a workspace on this machine
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct WorkspaceArguments {
    /// Workspace (pyhf JSON); - reads stdin
    #[arg(value_name = "WORKSPACE")]
    pub(crate) workspace: PathBuf,
    /// Measurement [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) measurement: Option<String>,
    /// Parameter of interest [default: the measurement's]
    #[arg(long, value_name = "NAME")]
    pub(crate) poi: Option<String>,
    /// No parameter of interest, whatever the measurement says: for background-only workspaces
    #[arg(long, conflicts_with = "poi")]
    pub(crate) no_poi: bool,
    /// JSON patch, or patchset together with --patch-name; repeatable, applied in order
    #[arg(long, value_name = "FILE")]
    pub(crate) patch: Vec<PathBuf>,
    /// Patch to take from a patchset
    #[arg(long, value_name = "NAME", requires = "patch")]
    pub(crate) patch_name: Option<String>,
    /// Apply a patchset although its digest names another workspace
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Interpolation of normsys and histosys, e.g. code1,code0 [default: code4,code4p]
    #[arg(long, value_name = "CODES", value_parser = interpolation, default_value = "code4,code4p",
          hide_default_value = true)]
    pub(crate) interpolation: Interpolation,
    /// What an empty bin says about a negative expected rate
    #[arg(long, value_enum, default_value_t = Negative::Linear, value_name = "RULE")]
    pub(crate) negative_rates: Negative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Negative {
    /// It is rewarded, as in pyhf
    Linear,
    /// It is not: fits stay positive
    Positive,
}

impl From<Negative> for NegativeRates {
    fn from(rule: Negative) -> Self {
        match rule {
            Negative::Linear => Self::Linear,
            Negative::Positive => Self::Positive,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// JSON file with one parameter vector or a list of them (the order is that of `inspect`), or
    /// the word init
    #[arg(long, value_name = "POINTS")]
    pub(crate) at: String,
    /// Data instead of the workspace's: main and auxiliary data in pyhf's order
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Write there instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Fit {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// Hold a parameter at a value; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    /// Put the covariance into the JSON
    #[arg(long)]
    pub(crate) covariance: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Truth {
    /// The initial parameters
    Init,
    /// The best fit to the observed data
    Fit,
}

#[derive(Debug, Args)]
pub(crate) struct Toys {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    #[command(flatten)]
    pub(crate) run: ToyRunArguments,
    /// True parameter of interest [default: its initial value; with --truth fit its best fit]
    #[arg(long, value_name = "MU", allow_negative_numbers = true, conflicts_with = "no_poi")]
    pub(crate) mu: Option<f64>,
    /// Fit each toy also with the parameter of interest at its true value: gives t_mu
    #[arg(long, conflicts_with = "no_poi")]
    pub(crate) conditional: bool,
    /// The same with the parameter of interest at this value
    #[arg(long, value_name = "MU", allow_negative_numbers = true,
          conflicts_with_all = ["no_poi", "conditional"])]
    pub(crate) test_mu: Option<f64>,
    /// Write the toys' data, too: what was fitted, in pyhf's order
    #[arg(long, requires = "output")]
    pub(crate) with_data: bool,
}

/// What runs of toys take, whatever their model.
#[derive(Debug, Args)]
pub(crate) struct ToyRunArguments {
    /// Number of toys
    #[arg(long, value_name = "N", required_unless_present = "range", conflicts_with = "range")]
    pub(crate) toys: Option<u64>,
    /// Toys A up to B-1 instead of all from 0: toy i is the same in every range
    #[arg(long, value_name = "A:B", value_parser = range)]
    pub(crate) range: Option<Range<u64>>,
    /// Seed
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// Where toys are thrown from; with fit and --mu the best fit at that value
    #[arg(long, value_enum, default_value_t = Truth::Init)]
    pub(crate) truth: Truth,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    /// Toys fitted together; Ctrl-C waits for them
    #[arg(long, value_name = "N", default_value = "4096")]
    pub(crate) chunk: NonZeroUsize,
    /// Fraction of unconverged toys beyond which the exit code is 1
    #[arg(long, value_name = "FRACTION", default_value_t = 0.01)]
    pub(crate) max_unconverged: f64,
    /// The summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write all toys to a NumPy .npz file; chunks go to FILE.part/ until it is complete
    #[arg(short, long, value_name = "FILE.npz")]
    pub(crate) output: Option<PathBuf>,
    /// Continue the interrupted run in FILE.part/, or begin it
    #[arg(long, requires = "output")]
    pub(crate) resume: bool,
}

impl ToyRunArguments {
    /// The toys asked for.
    pub(crate) fn asked(&self) -> Range<u64> {
        self.range.clone().unwrap_or(0..self.toys.unwrap_or(0))
    }
}

#[derive(Debug, Args)]
pub(crate) struct ToleranceArguments {
    /// Estimated distance to the minimum of the NLL at which a fit has converged
    #[arg(long = "tolerance", value_name = "EDM", default_value_t = Tolerance::default().edm,
          value_parser = positive)]
    edm: f64,
    /// Evaluations after which a fit gives up
    #[arg(long = "max-evaluations", value_name = "N",
          default_value_t = Tolerance::default().evaluations)]
    evaluations: u32,
}

impl ToleranceArguments {
    pub(crate) fn get(&self) -> Tolerance {
        Tolerance { edm: self.edm, evaluations: self.evaluations }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// Toys per repeat
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) toys: u64,
    /// Points that are evaluated at once
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) points: usize,
    /// Repeats; the median is given
    #[arg(long, value_name = "R", default_value_t = 5)]
    pub(crate) repeats: usize,
    /// Time a scan, the limits and the ranking, too
    #[arg(long)]
    pub(crate) statements: bool,
    /// Values of that scan: from A to B, N of them
    #[arg(long, value_name = "A:B:N", value_parser = grid, default_value = "0:5:21",
          allow_hyphen_values = true)]
    pub(crate) scan: Grid,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plot {
    /// Result document, as the other commands write it with -o; - reads stdin
    #[arg(value_name = "RESULT.json")]
    pub(crate) result: PathBuf,
    /// Where the figure goes, .svg or .png; of several, NAME of FIG-NAME.svg says which is which
    #[arg(short, long, value_name = "FIG.svg")]
    pub(crate) output: PathBuf,
    /// Which drawing, where there are several: pulls, correlation (of a fit), postfit, prefit (of
    /// yields)
    #[arg(long, value_name = "DRAWING")]
    pub(crate) what: Option<What>,
    /// Parameters in a ranking
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// Correlations: parameters with at least this one [default: as many as can be read]
    #[arg(long, value_name = "RHO")]
    pub(crate) threshold: Option<f64>,
    /// This channel of yields alone
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// A title of your own
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// A status beside the title, such as "work in progress"
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Width and height; a PNG has twice as many pixels [default: as the drawing needs]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(crate) size: Option<(f64, f64)>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    /// Where the page goes
    #[arg(short, long, value_name = "REPORT.html")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// List them without running anything on them
    #[arg(long)]
    pub(crate) no_test: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
