//! Profile likelihoods of one parameter: scans, and intervals where they cross a level.

use rayon::prelude::*;

use super::likelihood::{Likelihood, check_free};
use super::profile::{LOWER_MINIMUM, Node, Path, Profiler, explore, tangents, worst};
use super::{FitResult, Session};
use crate::fit::{Status, Tolerance};
use crate::infer::distributions::chi_square_quantile;
use crate::infer::root::{Search, last_fall};
use crate::model::Data;
use crate::{Error, Result};

/// Crossings are found to this part of the parameter's uncertainty.
const PRECISION: f64 = 1e-6;
/// Rounds of looking for crossings.
const ROUNDS: usize = 40;

/// What a scan may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanOptions {
    /// Parameter, by name; the measurement's parameter of interest where there is none.
    pub parameter: Option<String>,
    /// Confidence levels of the intervals.
    pub levels: Vec<f64>,
    /// When fits stop.
    pub tolerance: Tolerance,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { parameter: None, levels: vec![0.68, 0.95], tolerance: Tolerance::PARITY }
    }
}

/// A profile likelihood.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The parameter.
    pub parameter: String,
    /// Its best fit.
    pub best: f64,
    /// -2 log likelihood of the best fit.
    pub twice_nll: f64,
    /// The values asked for, rising.
    pub points: Vec<ScanPoint>,
    /// Intervals at the levels asked for.
    pub intervals: Vec<Interval>,
    /// The worst of the fits.
    pub status: Status,
    /// What was done beside what was asked.
    pub notes: Vec<String>,
}

/// One point of a profile likelihood.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanPoint {
    /// The parameter's value.
    pub value: f64,
    /// -2 ln (L(value) / L(best fit)), the other parameters at their best.
    pub delta_twice_nll: f64,
    /// The best values of all parameters, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// How the fit ended.
    pub status: Status,
}

/// Where a profile likelihood crosses the chi-square quantile of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Confidence level.
    pub level: f64,
    /// Lower end; `None` where the profile stays below the level up to the parameter's bound.
    pub lower: Option<f64>,
    /// Upper end, likewise.
    pub upper: Option<f64>,
}

/// Asymmetric uncertainties of one parameter (MINOS: F. James and M. Roos, Comput. Phys. Commun. 10 (1975)
/// 343): where -2 log likelihood is 1 above its minimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Minos {
    /// The parameter.
    pub parameter: String,
    /// Its best fit.
    pub value: f64,
    /// Its uncertainty by the Hessian; `None` where there is none.
    pub uncertainty: Option<f64>,
    /// Distance to the upper crossing; `None` where the profile stays below up to the bound.
    pub up: Option<f64>,
    /// Distance to the lower crossing, negative, likewise.
    pub down: Option<f64>,
    /// The worst of the fits.
    pub status: Status,
}

impl Session {
    /// Profile likelihood at `values` of one parameter, all in one batch, and its intervals.
    ///
    /// Each fit starts along the valley from the best fit, then from its neighbours, as long as any gets
    /// lower. Values outside the bounds may be asked for; intervals end at the bounds.
    ///
    /// # Errors
    /// Where there is no such parameter or it is fixed, a value is not finite, a level is not between 0
    /// and 1, or the free fit does not converge.
    pub fn scan(&self, values: &[f64], data: &Data, options: &ScanOptions) -> Result<Scan> {
        scan(self, values, data, options)
    }

    /// Asymmetric uncertainties of the parameters of these names, or of all that are free.
    ///
    /// # Errors
    /// Where a name is unknown or fixed, or the free fit does not converge.
    pub fn minos(
        &self,
        names: &[String],
        data: &Data,
        tolerance: Tolerance,
    ) -> Result<(FitResult, Vec<Minos>)> {
        minos(self, names, data, tolerance)
    }
}

pub(super) fn scan<L: Likelihood>(
    likelihood: &L,
    values: &[f64],
    data: &L::Data,
    options: &ScanOptions,
) -> Result<Scan> {
    let k = likelihood.poi(options.parameter.as_deref())?;
    check_values(values)?;
    check_free(likelihood, k)?;
    let levels = options.levels.iter().map(|&l| quantile(l, 1.0)).collect::<Result<Vec<_>>>()?;
    let (fit, dataset) = explore(likelihood, data, &[k], options.tolerance)?;
    must_converge(&fit)?;
    let datasets = vec![dataset];
    let profiler = Profiler { likelihood, held: vec![k], datasets, tolerance: options.tolerance };
    let mut path = Path::new(1);
    path.extend(&profiler, values, false)?;
    let (mut best, mut twice_nll, mut notes) = (fit.parameters[k], fit.twice_nll, Vec::new());
    if let Some(found) = profiler.lower_minimum(path.of(0), twice_nll)? {
        (best, twice_nll) = (found.0[k], found.1);
        notes.push(LOWER_MINIMUM.into());
    }
    let width = fit.uncertainties.get(k).copied().filter(|u| *u > 0.0);
    let crossings = crossings(&profiler, &mut path, (best, twice_nll), width, &levels)?;
    let asked = path.of(0).iter().filter(|n| values.contains(&n.values[0]));
    Ok(Scan {
        parameter: likelihood.name(k).to_owned(),
        best,
        twice_nll,
        points: asked.map(|node| point(node, twice_nll)).collect(),
        intervals: options
            .levels
            .iter()
            .zip(crossings)
            .map(|(&level, (lower, upper))| Interval { level, lower, upper })
            .collect(),
        status: worst(path.of(0).iter().map(|n| n.status)),
        notes,
    })
}

pub(super) fn minos<L: Likelihood>(
    likelihood: &L,
    names: &[String],
    data: &L::Data,
    tolerance: Tolerance,
) -> Result<(FitResult, Vec<Minos>)> {
    let wanted: Vec<usize> = match names {
        [] => (0..likelihood.fixed().len()).filter(|&k| !likelihood.fixed()[k]).collect(),
        _ => names.iter().map(|name| likelihood.parameter(name)).collect::<Result<_>>()?,
    };
    wanted.iter().try_for_each(|&k| check_free(likelihood, k))?;
    let (fit, dataset) = explore(likelihood, data, &[], tolerance)?;
    must_converge(&fit)?;
    let one = |&k: &usize| {
        let datasets = vec![super::profile::Dataset {
            data: data.clone(),
            starts: dataset.starts.clone(),
            tangents: tangents(&fit.covariance, &[k], fit.parameters.len()),
        }];
        let profiler = Profiler { likelihood, held: vec![k], datasets, tolerance };
        let (mut path, value) = (Path::new(1), fit.parameters[k]);
        let width = fit.uncertainties.get(k).copied().filter(|u| *u > 0.0);
        let found = crossings(&profiler, &mut path, (value, fit.twice_nll), width, &[1.0])?;
        let (lower, upper) = found.first().copied().unwrap_or((None, None));
        Ok(Minos {
            parameter: likelihood.name(k).to_owned(),
            value,
            uncertainty: width,
            up: upper.map(|u| u - value),
            down: lower.map(|l| l - value),
            status: worst(path.of(0).iter().map(|n| n.status)),
        })
    };
    let all = wanted.par_iter().map(one).collect::<Result<_>>()?;
    Ok((fit, all))
}

impl Scan {
    /// Scans of the same parameter and data at other values, as one. Heights are above the lowest minimum
    /// that any of them found, and intervals are those around it.
    ///
    /// # Errors
    /// Where there are none, or they are of different parameters.
    pub fn join(parts: Vec<Self>) -> Result<Self> {
        let lowest = parts.iter().min_by(|a, b| a.twice_nll.total_cmp(&b.twice_nll));
        let Some(lowest) = lowest.cloned() else {
            return Err(Error::Argument("there are no scans to be joined".into()));
        };
        if parts.iter().any(|part| part.parameter != lowest.parameter) {
            return Err(Error::Argument("these are scans of different parameters".into()));
        }
        let (mut points, mut notes) = (Vec::new(), Vec::<String>::new());
        let status = worst(parts.iter().map(|part| part.status));
        for part in parts {
            let higher = part.twice_nll - lowest.twice_nll;
            points.extend(part.points.into_iter().map(|point| ScanPoint {
                delta_twice_nll: point.delta_twice_nll + higher,
                ..point
            }));
            notes.extend(part.notes);
        }
        points.sort_by(|a, b| a.value.total_cmp(&b.value));
        notes.sort();
        notes.dedup();
        Ok(Self { points, status, notes, ..lowest })
    }
}

fn point(node: &Node, twice_nll: f64) -> ScanPoint {
    ScanPoint {
        value: node.values[0],
        delta_twice_nll: node.twice_nll - twice_nll,
        parameters: node.parameters.clone(),
        status: node.status,
    }
}

/// Where the profile crosses each of the levels on both sides of the best fit, within the bounds.
fn crossings<L: Likelihood>(
    profiler: &Profiler<'_, L>,
    path: &mut Path,
    (best, twice_nll): (f64, f64),
    width: Option<f64>,
    levels: &[f64],
) -> Result<Vec<(Option<f64>, Option<f64>)>> {
    let k = profiler.held[0];
    let bounds = profiler.likelihood.bounds(k);
    let width = width.unwrap_or_else(|| part_of(0.05, bounds, best));
    let tolerance = PRECISION * width;
    // +1 looks up, -1 down
    let sides = [-1.0, 1.0];
    let mut found = vec![[None; 2]; levels.len()];
    let mut missing = vec![[true; 2]; levels.len()];
    let end = |side: f64| if side > 0.0 { bounds.1 } else { bounds.0 };
    let mut next: Vec<f64> = Vec::new();
    for &level in levels {
        next.extend(sides.map(|s| (best + s * level.sqrt() * width).clamp(bounds.0, bounds.1)));
    }
    for _ in 0..ROUNDS {
        next.retain(|v| *v != best);
        path.extend(profiler, &next, true)?;
        next.clear();
        for (i, &level) in levels.iter().enumerate() {
            for (j, side) in sides.into_iter().enumerate() {
                if !missing[i][j] {
                    continue;
                }
                let mut points: Vec<(f64, f64)> = path
                    .of(0)
                    .iter()
                    .filter(|n| side * (n.values[0] - best) > 0.0 && inside(n, bounds))
                    .map(|n| (side * n.values[0], height(n, twice_nll, level)))
                    .chain([(side * best, level.sqrt())])
                    .collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let furthest = points.last().map_or(best, |p| side * p.0);
                match last_fall(&points, tolerance) {
                    Search::Found(x) => (found[i][j], missing[i][j]) = (Some(side * x), false),
                    Search::Next(x) => next.push(side * x),
                    Search::Beyond if furthest == end(side) => missing[i][j] = false,
                    Search::Beyond => {
                        let further = best + 2.0 * (furthest - best);
                        let further = if furthest == best { best + side * width } else { further };
                        next.push(further.clamp(bounds.0, bounds.1));
                    }
                }
            }
        }
        if next.is_empty() {
            break;
        }
    }
    Ok(found.into_iter().map(|[lower, upper]| (lower, upper)).collect())
}

/// A part of the range between bounds; where that is infinite, of a value's size.
pub(super) fn part_of(part: f64, (lower, upper): (f64, f64), value: f64) -> f64 {
    let range = upper - lower;
    part * if range.is_finite() { range } else { value.abs().max(1.0) }
}

/// How far below the level the profile is: nearly a straight line.
fn height(node: &Node, twice_nll: f64, level: f64) -> f64 {
    match node.status.is_converged() {
        true => level.sqrt() - (node.twice_nll - twice_nll).max(0.0).sqrt(),
        false => f64::NAN,
    }
}

fn inside(node: &Node, bounds: (f64, f64)) -> bool {
    (bounds.0..=bounds.1).contains(&node.values[0])
}

/// Height of the profile likelihood at a confidence level, for `degrees` parameters.
pub(super) fn quantile(level: f64, degrees: f64) -> Result<f64> {
    if level > 0.0 && level < 1.0 {
        return Ok(chi_square_quantile(1.0 - level, degrees));
    }
    Err(Error::Argument(format!("confidence level {level}: between 0 and 1 is needed")))
}

pub(super) fn check_values(values: &[f64]) -> Result<()> {
    match values.iter().find(|v| !v.is_finite()) {
        _ if values.is_empty() => Err(Error::Argument("a scan needs values".into())),
        Some(value) => Err(Error::Argument(format!("the value {value} is not a finite number"))),
        None => Ok(()),
    }
}

pub(super) fn must_converge(fit: &FitResult) -> Result<()> {
    if fit.status.is_converged() {
        return Ok(());
    }
    let status = fit.status.as_str().replace('_', " ");
    Err(Error::Convergence(format!("the free fit ended as {status}")))
}
