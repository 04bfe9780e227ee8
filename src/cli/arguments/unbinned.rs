//! `neyman unbinned`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;

use super::impacts::group;
use super::inference::{Scanned, SoughtInterval, SoughtLimit};
use super::parse::{assignment, finite, positive};
use super::{OutputArguments, ToleranceArguments, ToyRunArguments};
use crate::cli::test_toys::ScanToyArguments;

#[derive(Debug, Args)]
pub(crate) struct Unbinned {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Maximum-likelihood fit with uncertainties
    Fit(Fit),
    /// Profile likelihood of one parameter or two, with intervals or contours
    Scan(Scan),
    /// Asymmetric uncertainties
    Minos(Minos),
    /// Test a value of the parameter of interest: CLs, observed and expected
    Hypotest(Hypotest),
    /// Significance of an excess, observed and expected
    Discovery(Discovery),
    /// Upper limits, observed and expected
    Limit(Limit),
    /// Confidence interval by toys, after Feldman and Cousins
    Interval(Interval),
    /// What each parameter does to the parameter of interest, and its uncertainty by groups
    Ranking(Ranking),
    /// Throw toys and fit them
    Toys(Toys),
    /// Specification to HS3, or HS3 and other versions to a specification of ours
    Convert(Convert),
}

/// What to convert to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// HS3, the HEP Statistics Serialization Standard
    Hs3,
    /// neyman_unbinned_spec_v1
    Neyman,
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// Specification (YAML or JSON) or HS3 document
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// JSON; events of HS3 documents go to Parquet files beside it
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: Format,
    /// Analysis of an HS3 document that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) analysis: Option<String>,
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Tell what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What all statements but a plain fit take.
#[derive(Debug, Args)]
pub(crate) struct Statement {
    /// Specification (YAML or JSON); files of events are found from where it lies
    #[arg(value_name = "SPEC")]
    pub(crate) specification: PathBuf,
    /// Parameter of interest [default: the specification's]
    #[arg(long, value_name = "NAME")]
    pub(crate) poi: Option<String>,
    /// Hold a parameter at a value in all fits; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
}

/// When fits of a test stop, and where the result goes.
#[derive(Debug, Args)]
pub(crate) struct Ends {
    /// Estimated distance to the minimum of the NLL at which a fit has converged
    #[arg(long, value_name = "EDM", default_value_t = Tolerance::PARITY.edm, value_parser = positive)]
    tolerance: f64,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

impl Ends {
    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance { edm: self.tolerance, ..Tolerance::PARITY }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    #[command(flatten)]
    pub(crate) scanned: Scanned,
}

#[derive(Debug, Args)]
pub(crate) struct Minos {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    /// Parameter; repeatable [default: all that are free]
    #[arg(long, value_name = "NAME")]
    pub(crate) parameter: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Hypotest {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    /// Value of the parameter of interest to be tested
    #[arg(long, value_name = "MU", default_value_t = 1.0, allow_negative_numbers = true,
          value_parser = finite)]
    pub(crate) mu: f64,
    /// Test statistic: qtilde, qmu, tmu, ttilde
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::QTilde)]
    pub(crate) test_statistic: TestStatistic,
    #[command(flatten)]
    pub(crate) toys: ScanToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Discovery {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    #[command(flatten)]
    pub(crate) toys: ScanToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Limit {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    #[command(flatten)]
    pub(crate) sought: SoughtLimit,
}

#[derive(Debug, Args)]
pub(crate) struct Interval {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) ends: Ends,
    #[command(flatten)]
    pub(crate) sought: SoughtInterval,
}

#[derive(Debug, Args)]
pub(crate) struct Ranking {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Rank these parameters only; * stands for anything; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub(crate) parameter: Vec<String>,
    /// Uncertainty of these parameters together, * standing for anything; repeatable
    #[arg(long, value_name = "NAME=PATTERN[,PATTERN]", value_parser = group)]
    pub(crate) group: Vec<(String, Vec<String>)>,
    /// Rows of the table for people
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Toys {
    #[command(flatten)]
    pub(crate) statement: Statement,
    #[command(flatten)]
    pub(crate) run: ToyRunArguments,
    /// True parameter of interest [default: its initial value; with --truth fit its best fit]
    #[arg(long, value_name = "MU", allow_negative_numbers = true)]
    pub(crate) mu: Option<f64>,
    /// Fit each toy also with the parameter of interest at its true value: gives t_mu
    #[arg(long)]
    pub(crate) conditional: bool,
    /// The same with the parameter of interest at this value
    #[arg(long, value_name = "MU", allow_negative_numbers = true, conflicts_with = "conditional")]
    pub(crate) test_mu: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Fit {
    /// Specification (YAML or JSON); files of events are found from where it lies
    #[arg(value_name = "SPEC")]
    pub(crate) specification: PathBuf,
    /// Hold a parameter at a value; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArguments,
    /// Put the covariance into the JSON
    #[arg(long)]
    pub(crate) covariance: bool,
    /// Put events and expectation in so many bins into the JSON: what `neyman plot` draws
    #[arg(long, value_name = "N")]
    pub(crate) bins: Option<usize>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
