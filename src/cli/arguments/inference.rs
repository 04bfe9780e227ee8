//! What the statements on parameters accept.

use std::path::PathBuf;

use clap::Args;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;

use super::parse::{assignment, finite, grid, named_grid, positive};
use super::{OutputArguments, WorkspaceArguments};
use crate::cli::test_toys::{ScanToyArguments, TestToyArguments};

/// Values to be scanned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid(pub(crate) Vec<f64>);

/// What all statements take: a workspace, its data, when fits stop, where the result goes.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArguments,
    /// Hold a parameter at a value in all fits; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) fix: Vec<(String, f64)>,
    /// Data instead of the workspace's: main and auxiliary data in pyhf's order
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Estimated distance to the minimum of the NLL at which a fit has converged
    #[arg(long, value_name = "EDM", default_value_t = Tolerance::PARITY.edm, value_parser = positive)]
    pub(crate) tolerance: f64,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

impl TestArguments {
    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance { edm: self.tolerance, ..Tolerance::PARITY }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Cls {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Value of the parameter of interest to be tested
    #[arg(long, value_name = "MU", default_value_t = 1.0, allow_negative_numbers = true,
          value_parser = finite)]
    pub(crate) mu: f64,
    /// Test statistic: qtilde, qmu, tmu, ttilde
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::QTilde)]
    pub(crate) test_statistic: TestStatistic,
    #[command(flatten)]
    pub(crate) toys: TestToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Discovery {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    #[command(flatten)]
    pub(crate) toys: TestToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Limit {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Test statistic: qtilde, qmu
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::QTilde)]
    pub(crate) test_statistic: TestStatistic,
    /// Confidence level
    #[arg(long, value_name = "CL", default_value_t = 0.95)]
    pub(crate) confidence_level: f64,
    /// Values to be tested beside those that the search needs: from A to B, N of them
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true)]
    pub(crate) mu: Option<Grid>,
    /// The limit for every patch of the patchset given with --patch
    #[arg(long, requires = "patch", conflicts_with_all = ["patch_name", "data", "toys", "fix"])]
    pub(crate) all_patches: bool,
    #[command(flatten)]
    pub(crate) toys: ScanToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Interval {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Test statistic: ttilde, which knows no negative values, or tmu
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::TTilde)]
    pub(crate) test_statistic: TestStatistic,
    /// Confidence level
    #[arg(long, value_name = "CL", default_value_t = 0.95)]
    pub(crate) confidence_level: f64,
    /// Values to be tested, from A to B, N of them [default: 21 around the best fit]
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true)]
    pub(crate) mu: Option<Grid>,
    #[command(flatten)]
    pub(crate) toys: ScanToyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Values of the parameter of interest: from A to B, N of them
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true,
          required_unless_present = "parameter", conflicts_with = "parameter")]
    pub(crate) mu: Option<Grid>,
    /// Values of another parameter; given twice, of a pair of parameters
    #[arg(long, value_name = "NAME=A:B:N", value_parser = named_grid)]
    pub(crate) parameter: Vec<(String, Grid)>,
    /// Confidence levels of intervals or contours
    #[arg(long, value_name = "CL", value_delimiter = ',', default_values_t = [0.68, 0.95])]
    pub(crate) levels: Vec<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Minos {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Parameter; repeatable [default: all that are free]
    #[arg(long, value_name = "NAME")]
    pub(crate) parameter: Vec<String>,
}
