//! What the statements on parameters accept.

use std::path::PathBuf;

use clap::Args;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::session::{IntervalOptions, LimitOptions, ScanOptions, TestOptions, ToyTest};

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
    #[command(flatten)]
    pub(crate) sought: SoughtLimit,
    /// The limit for every patch of the patchset given with --patch
    #[arg(long, requires = "patch", conflicts_with_all = ["patch_name", "data", "toys", "fix"])]
    pub(crate) all_patches: bool,
}

/// Which limit: of binned models and of single events.
#[derive(Debug, Args)]
pub(crate) struct SoughtLimit {
    /// Test statistic: qtilde, qmu
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::QTilde)]
    test_statistic: TestStatistic,
    /// Confidence level
    #[arg(long, value_name = "CL", default_value_t = 0.95)]
    pub(crate) confidence_level: f64,
    /// Values to be tested beside those that the search needs, with toys those alone: from A to B, N of them
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true)]
    mu: Option<Grid>,
    #[command(flatten)]
    toys: ScanToyArguments,
}

impl SoughtLimit {
    pub(crate) fn options(&self, tolerance: Tolerance) -> LimitOptions {
        LimitOptions {
            test: TestOptions { poi: None, statistic: self.test_statistic, tolerance },
            confidence_level: self.confidence_level,
            values: values(self.mu.as_ref()),
        }
    }

    /// The test at each value, where toys are wanted.
    pub(crate) fn by_toys(&self, tolerance: Tolerance) -> Option<ToyTest> {
        let toys = Some(self.toys.toys?);
        Some(self.toys.test(self.test_statistic, tolerance, toys))
    }
}

fn values(grid: Option<&Grid>) -> Vec<f64> {
    grid.map_or_else(Vec::new, |grid| grid.0.clone())
}

#[derive(Debug, Args)]
pub(crate) struct Interval {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    #[command(flatten)]
    pub(crate) sought: SoughtInterval,
}

/// Toys of each value where no number is given.
const TOYS_OF_INTERVALS: u64 = 1000;

/// Which interval: of binned models and of single events.
#[derive(Debug, Args)]
pub(crate) struct SoughtInterval {
    /// Test statistic: ttilde, which knows no negative values, or tmu
    #[arg(long, value_name = "NAME", default_value_t = TestStatistic::TTilde)]
    test_statistic: TestStatistic,
    /// Confidence level
    #[arg(long, value_name = "CL", default_value_t = 0.95)]
    confidence_level: f64,
    /// Values to be tested, from A to B, N of them [default: 21 around the best fit]
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true)]
    mu: Option<Grid>,
    #[command(flatten)]
    toys: ScanToyArguments,
}

impl SoughtInterval {
    pub(crate) fn options(&self) -> IntervalOptions {
        let values = values(self.mu.as_ref());
        IntervalOptions { confidence_level: self.confidence_level, values }
    }

    /// The test at each value.
    pub(crate) fn test(&self, tolerance: Tolerance) -> ToyTest {
        let toys = self.toys.toys.unwrap_or(TOYS_OF_INTERVALS);
        self.toys.test(self.test_statistic, tolerance, Some(toys))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    #[command(flatten)]
    pub(crate) scanned: Scanned,
}

/// What is scanned: of binned models and of single events.
#[derive(Debug, Args)]
pub(crate) struct Scanned {
    /// Values of the parameter of interest: from A to B, N of them
    #[arg(long, value_name = "A:B:N", value_parser = grid, allow_hyphen_values = true,
          required_unless_present = "parameter", conflicts_with = "parameter")]
    mu: Option<Grid>,
    /// Values of another parameter; given twice, of a pair of parameters
    #[arg(long, value_name = "NAME=A:B:N", value_parser = named_grid)]
    pub(crate) parameter: Vec<(String, Grid)>,
    /// Confidence levels of intervals or contours
    #[arg(long, value_name = "CL", value_delimiter = ',', default_values_t = [0.68, 0.95])]
    levels: Vec<f64>,
}

impl Scanned {
    pub(crate) fn options(&self, tolerance: Tolerance) -> ScanOptions {
        let parameter = self.parameter.first().map(|(name, _)| name.clone());
        ScanOptions { parameter, levels: self.levels.clone(), tolerance }
    }

    /// Values of one parameter.
    pub(crate) fn values(&self) -> &[f64] {
        let named = self.parameter.first().map(|(_, grid)| grid);
        self.mu.as_ref().or(named).map_or(&[], |grid| &grid.0)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Minos {
    #[command(flatten)]
    pub(crate) statement: TestArguments,
    /// Parameter; repeatable [default: all that are free]
    #[arg(long, value_name = "NAME")]
    pub(crate) parameter: Vec<String>,
}
