//! `neyman impacts`.

use clap::{Args, ValueEnum};

use super::statement::{DataArguments, StatementArguments};

#[derive(Debug, Args)]
pub(crate) struct Impacts {
    #[command(flatten)]
    pub(crate) statement: StatementArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    /// Rank these parameters only; * stands for anything; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub(crate) parameter: Vec<String>,
    /// Uncertainty of these parameters together, * standing for anything; repeatable
    #[arg(long, value_name = "NAME=PATTERN[,PATTERN]", value_parser = group)]
    pub(crate) group: Vec<(String, Vec<String>)>,
    /// How: by holding parameters, or also by shifting the auxiliary data
    #[arg(long, value_enum, default_value_t = Method::Ranking, value_name = "METHOD")]
    pub(crate) method: Method,
    /// Rows of the table for people
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Hold each parameter one uncertainty from its best fit
    Ranking,
    /// Also shift each auxiliary datum by its uncertainty: these impacts add in quadrature
    Global,
}

/// The first `=` counts: patterns may hold others.
pub(crate) fn group(text: &str) -> Result<(String, Vec<String>), String> {
    let wrong = || "NAME=PATTERN[,PATTERN] is needed, e.g. jets=jet_*".to_owned();
    let (name, patterns) = text.split_once('=').ok_or_else(wrong)?;
    let patterns: Vec<String> = patterns.split(',').map(str::to_owned).collect();
    if name.is_empty() || patterns.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok((name.to_owned(), patterns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        let parsed = group("jets=jet_*,b[3]").unwrap();
        assert_eq!(parsed, ("jets".into(), vec!["jet_*".into(), "b[3]".into()]));
        assert!(["jets", "=a", "jets=", "jets=a,"].iter().all(|text| group(text).is_err()));
    }
}
