//! `neyman tmd`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::OutputArguments;

#[derive(Debug, Args)]
pub(crate) struct Tmd {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Fit shapes to cross sections: measured ones, or synthetic ones at the start values
    Fit(Fit),
    /// Cross sections at the start values
    Xsec(Xsec),
    /// Analytic derivatives against differences
    Gradcheck(Gradcheck),
    /// Nodes b of each point, for luminosities from elsewhere
    Nodes(Nodes),
    /// Time evaluations on each device: of all, or of the one asked for
    Bench(Bench),
}

/// The files of a run; they may also stand without their names, in this order. With tables there are no kinematics,
/// and settings may be left out.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Settings, kinematics and shapes
    #[arg(value_name = "CONFIG KINEMATICS FNP", num_args = 0..=3)]
    pub(crate) files: Vec<PathBuf>,
    /// Settings (YAML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Kinematics (YAML)
    #[arg(long, value_name = "FILE")]
    pub(crate) kinematics: Option<PathBuf>,
    /// Shapes (YAML)
    #[arg(long, value_name = "FILE")]
    pub(crate) fnp: Option<PathBuf>,
    /// NangaParbat's tables of Drell-Yan cross sections, with what was measured: a folder of NAME.table.yaml and
    /// NAME.data.yaml, both may be in gzip, or one table; may be given more than once
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["kinematics", "points", "quadrature"])]
    pub(crate) tables: Vec<PathBuf>,
    /// First so many points below the cut [default: 20; of tables all]
    #[arg(long, value_name = "N")]
    pub(crate) points: Option<usize>,
    /// How the integral over b is done, instead of what the settings say
    #[arg(long, value_enum)]
    pub(crate) quadrature: Option<Quadrature>,
    /// Number of its nodes
    #[arg(long, value_name = "N", requires = "quadrature")]
    pub(crate) nodes: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quadrature {
    /// Gauss-Legendre nodes, stretched by sinh
    SinhGl,
    /// Ogata's, at each qT
    Ogata,
    /// Trapezoids over the settings' bgrid
    Trapezoid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Levenberg-Marquardt
    Lm,
    /// Adam, for comparison
    Adam,
    /// L-BFGS, for comparison
    Lbfgs,
}

#[derive(Debug, Args)]
pub(crate) struct Fit {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Measured values: {"values": [..], "errors": [..]} or with "covariance"
    #[arg(long, value_name = "FILE", conflicts_with = "tables")]
    pub(crate) data: Option<PathBuf>,
    /// How the minimum is found
    #[arg(long, value_enum, default_value_t = Method::Lm)]
    pub(crate) method: Method,
    /// Steps, at most
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) epochs: u32,
    /// Step size of Adam
    #[arg(long, value_name = "RATE", default_value_t = 5e-2)]
    pub(crate) lr: f64,
    /// Seed of the start values around the truth, and of replicas
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How far from the truth a synthetic fit starts: standard deviation, absolute
    #[arg(long, value_name = "SIZE", default_value_t = 0.3)]
    pub(crate) perturbation: f64,
    /// Fits of so many data with their errors added once more
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replicas: u64,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Xsec {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Gradcheck {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Nodes {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Rows of parameters that go together, as replicas do
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) rows: NonZeroUsize,
    /// Timings of which the median is told
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) repeats: usize,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
