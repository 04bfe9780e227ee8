//! Values with a form of their own.

use std::ops::Range;

use super::Grid;

use neyman::model::interpolation::{
    HistoSysInterpolation as HistoSys, Interpolation, NormSysInterpolation as NormSys,
};

pub(super) fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err("a finite number is needed".into()),
    }
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x > 0.0 && x.is_finite() => Ok(x),
        _ => Err("a positive number is needed".into()),
    }
}

/// A finite number of 0 or more.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x >= 0.0 && x.is_finite() => Ok(x),
        _ => Err("a number of 0 or more is needed".into()),
    }
}

/// `NAME=VALUE`; the last `=` counts, names may hold others.
pub(super) fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.rsplit_once('=').ok_or("NAME=VALUE is needed, e.g. mu=1")?;
    match value.trim().parse::<f64>() {
        Ok(x) if x.is_finite() => Ok((name.to_owned(), x)),
        _ => Err(format!("{value:?} is not a finite number")),
    }
}

pub(crate) fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once(':').and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    match parsed {
        Some(range) if range.start <= range.end => Ok(range),
        _ => Err("two whole numbers A:B with A <= B are needed, e.g. 0:1000".into()),
    }
}

/// `WxH`, as in 800x600.
pub(super) fn size(text: &str) -> Result<(f64, f64), String> {
    let parsed = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parsed.ok_or_else(|| "a width and a height are needed, e.g. 800x600".into())
}

/// `A:B:N`, N values from A to B.
pub(super) fn grid(text: &str) -> Result<Grid, String> {
    let form = || "expected FROM:TO:NUMBER, such as 0:2:21".to_owned();
    let [from, to, number] = text.split(':').collect::<Vec<_>>()[..] else { return Err(form()) };
    let end = |word: &str| word.trim().parse().ok().filter(|v: &f64| v.is_finite());
    let (Some(from), Some(to)) = (end(from), end(to)) else { return Err(form()) };
    let n: usize = number.trim().parse().map_err(|_| form())?;
    if n == 0 || n > 1_000_000 || n == 1 && from != to {
        return Err("two values at least, a million at most".into());
    }
    let step = if n > 1 { (to - from) / (n - 1) as f64 } else { 0.0 };
    let value = |i| if i + 1 == n { to } else { from + step * i as f64 };
    Ok(Grid((0..n).map(value).collect()))
}

/// `NAME=A:B:N`.
pub(super) fn named_grid(text: &str) -> Result<(String, Grid), String> {
    let (name, values) = text.rsplit_once('=').ok_or("expected NAME=FROM:TO:NUMBER")?;
    Ok((name.to_owned(), grid(values)?))
}

/// One or two of pyhf's codes or our own names, in any order: each belongs to one modifier type.
pub(super) fn interpolation(text: &str) -> Result<Interpolation, String> {
    let mut normsys = None;
    let mut histosys = None;
    for word in text.split(',') {
        let again = match word.trim() {
            "code1" | "piecewise-exponential" => {
                normsys.replace(NormSys::PiecewiseExponential).is_some()
            }
            "code4" | "polynomial-exponential" => {
                normsys.replace(NormSys::PolynomialExponential).is_some()
            }
            "code0" | "piecewise-linear" => histosys.replace(HistoSys::PiecewiseLinear).is_some(),
            "code2" | "quadratic-linear" => histosys.replace(HistoSys::QuadraticLinear).is_some(),
            "code4p" | "polynomial-linear" => {
                histosys.replace(HistoSys::PolynomialLinear).is_some()
            }
            _ => {
                return Err("known are, for normsys: code1 (piecewise-exponential), code4 \
                    (polynomial-exponential); for histosys: code0 (piecewise-linear), code2 \
                    (quadratic-linear), code4p (polynomial-linear)"
                    .into());
            }
        };
        if again {
            return Err("two codes for the same modifier type".into());
        }
    }
    Ok(Interpolation {
        normsys: normsys.unwrap_or_default(),
        histosys: histosys.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::Arguments;
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn interpolation_codes_find_their_modifier() {
        let expected = Interpolation {
            normsys: NormSys::PiecewiseExponential,
            histosys: HistoSys::PiecewiseLinear,
        };
        assert_eq!(interpolation("code1,code0"), Ok(expected));
        assert_eq!(interpolation("piecewise-linear, code1"), Ok(expected));
        assert_eq!(interpolation("code2").unwrap().normsys, NormSys::default());
        assert!(interpolation("code1,code4").is_err());
        assert!(interpolation("code3").is_err());
        assert!(interpolation("").is_err());
    }

    #[test]
    fn assignments_and_ranges() {
        assert_eq!(assignment("a=b=-1e2"), Ok(("a=b".into(), -100.0)));
        assert!(assignment("mu").is_err());
        assert!(assignment("mu=nan").is_err());
        assert_eq!(range("5:5"), Ok(5..5));
        assert!(range("7:5").is_err());
        assert!(range("-1:5").is_err());
        assert!(positive("0").is_err());
    }

    #[test]
    fn negative_values_and_conflicts() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("neyman toys w.json --toys 5 --mu -1 --device cpu").is_ok());
        assert!(parse("neyman toys w.json").is_err());
        assert!(parse("neyman toys w.json --toys 5 --range 0:4").is_err());
        assert!(parse("neyman toys w.json --toys 5 --resume").is_err());
        assert!(parse("neyman toys w.json --toys 5 --with-data").is_err());
        assert!(parse("neyman toys w.json --toys 5 --no-poi --mu 1").is_err());
        assert!(parse("neyman toys w.json --toys 5 --no-poi --conditional").is_err());
        assert!(parse("neyman toys w.json --toys 5 --conditional --test-mu 1").is_err());
        assert!(parse("neyman toys w.json --toys 5 --test-mu -0.5").is_ok());
        assert!(parse("neyman merge all.npz").is_err());
        assert!(parse("neyman fit w.json --no-poi --poi mu").is_err());
        assert!(parse("neyman fit w.json --no-poi").is_ok());
        assert!(parse("neyman fit w.json --mu 1").is_err());
        assert!(parse("neyman fit w.json --patch-name x").is_err());
        assert!(parse("neyman fit w.json --threads 0").is_err());
    }
}
