//! Impacts by shifting the auxiliary data.

use super::{Around, Session};
use crate::Result;
use crate::fit::{self, FitJob, Status};
use crate::model::Constraint;

/// Uncertainty of the parameter of interest by its sources (A. Pinto et al., arXiv:2307.04007): each
/// datum fluctuates on its own, so the squares of all sources add to the square of the total, which the
/// impacts of a ranking do not.
///
/// A constrained parameter's source is its auxiliary datum: it is moved by its standard deviation
/// (`sigma`; the root of the count for Poisson terms), and everything is fitted again. The source of
/// the rest is the main data: `statistical^2 = sum_b n_b (d mu / d n_b)^2`, by the response of the best
/// fit, `C J' / rate`. In a linear Gaussian model the sum is exact, elsewhere it is off by what the
/// responses bend.
#[derive(Debug, Clone)]
pub struct GlobalImpacts {
    /// Sorted by size, downwards.
    pub parameters: Vec<GlobalImpact>,
    /// Contribution of the main data.
    pub statistical: f64,
    /// All in quadrature; `None` where a refit did not converge.
    pub sum: Option<f64>,
}

/// What the auxiliary datum of one parameter adds.
#[derive(Debug, Clone)]
pub struct GlobalImpact {
    /// Index of the parameter.
    pub parameter: usize,
    /// Its name.
    pub name: String,
    /// Half the difference of `up` and `down`; `None` where one of them is.
    pub impact: Option<f64>,
    /// Change of the parameter of interest with the datum one standard deviation up.
    pub up: Option<f64>,
    /// And down. A Poisson datum below 1 goes down to 0 only; `impact` is then per standard deviation.
    pub down: Option<f64>,
    /// The change to be expected by the covariance of the best fit.
    pub linear: f64,
    /// Of the two refits.
    pub status: Status,
}

/// An auxiliary datum to be moved.
struct Source {
    parameter: usize,
    auxiliary: usize,
    deviation: f64,
    /// How far it goes down.
    down: f64,
    /// Derivative of the parameters in the datum, in units of their row of the covariance.
    response: f64,
}

impl Around<'_, Session> {
    pub(super) fn shifted_auxiliary(&self, notes: &mut Vec<String>) -> Result<GlobalImpacts> {
        let sources = self.sources(notes);
        let n = self.fit.parameters.len();
        let fits = 2 * sources.len();
        let mut start = Vec::with_capacity(fits * n);
        let mut auxiliary = self.data.auxiliary.repeat(fits);
        let n_auxiliary = self.data.auxiliary.len();
        for (i, source) in sources.iter().enumerate() {
            for (j, step) in [source.deviation, -source.down].into_iter().enumerate() {
                start.extend(self.along(source.parameter, source.response * step));
                auxiliary[(2 * i + j) * n_auxiliary + source.auxiliary] += step;
            }
        }
        let job = FitJob {
            main: &self.data.main.repeat(fits),
            auxiliary: &auxiliary,
            n_fits: fits,
            start: &start,
            fixed: &self.fit.fixed,
            tolerance: self.tolerance,
        };
        let batch = if fits == 0 {
            fit::FitBatch::default()
        } else {
            fit::minimize(&*self.likelihood.host, &job)?
        };
        let change = |i: usize| {
            let value = batch.parameters_of(i)[self.poi] - self.fit.parameters[self.poi];
            batch.status[i].is_converged().then_some(value)
        };
        let mut parameters: Vec<GlobalImpact> = Vec::with_capacity(sources.len());
        for (i, source) in sources.iter().enumerate() {
            let (up, down) = (change(2 * i), change(2 * i + 1));
            let per_deviation = source.deviation / (source.deviation + source.down);
            let covariance = self.fit.covariance[self.poi * n + source.parameter];
            parameters.push(GlobalImpact {
                parameter: source.parameter,
                name: self.likelihood.model.parameters()[source.parameter].name.clone(),
                impact: up.zip(down).map(|(up, down)| (up - down) * per_deviation),
                up,
                down,
                linear: covariance * source.response * source.deviation,
                status: super::worst([batch.status[2 * i], batch.status[2 * i + 1]]),
            });
        }
        let size = |g: &GlobalImpact| g.impact.map_or(f64::INFINITY, f64::abs);
        parameters.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let statistical = self.statistical();
        let squares = parameters.iter().map(|g| g.impact.map(|i| i * i)).sum::<Option<f64>>();
        let sum = squares.map(|s| (statistical * statistical + s).sqrt());
        Ok(GlobalImpacts { parameters, statistical, sum })
    }

    /// Auxiliary data of free parameters: of a fixed one the fit does not see it.
    fn sources(&self, notes: &mut Vec<String>) -> Vec<Source> {
        let mut sources = Vec::new();
        for (k, parameter) in self.likelihood.model.parameters().iter().enumerate() {
            if self.fit.fixed[k] {
                continue;
            }
            match parameter.constraint {
                Constraint::None => {}
                // of NLL, d2 / d parameter d datum = -1 / sigma^2
                Constraint::Gaussian { sigma, auxiliary } => sources.push(Source {
                    parameter: k,
                    auxiliary,
                    deviation: sigma,
                    down: sigma,
                    response: 1.0 / (sigma * sigma),
                }),
                // -1 / parameter
                Constraint::Poisson { auxiliary, .. } => {
                    let count = self.data.auxiliary[auxiliary];
                    let deviation = count.max(0.0).sqrt();
                    if deviation == 0.0 {
                        let name = &parameter.name;
                        notes.push(format!("{name}: its auxiliary count is 0 and is not moved"));
                        continue;
                    }
                    sources.push(Source {
                        parameter: k,
                        auxiliary,
                        deviation,
                        down: deviation.min(count),
                        response: 1.0 / self.fit.parameters[k],
                    });
                }
            }
        }
        sources
    }

    /// Uncertainty of the parameter of interest by the main data alone.
    fn statistical(&self) -> f64 {
        let n = self.fit.parameters.len();
        let row = &self.fit.covariance[self.poi * n..(self.poi + 1) * n];
        let model = &self.likelihood.model;
        let jacobian = model.jacobian(&self.fit.parameters);
        let mut variance = 0.0;
        for (channel, derivatives) in model.channels().iter().zip(&jacobian.channels) {
            for b in 0..channel.n_bins {
                let bin = channel.first_bin + b;
                let (count, rate) = (self.data.main[bin], jacobian.rates[bin]);
                if count > 0.0 && rate > 0.0 {
                    let response: f64 = derivatives.bin(b).map(|(k, d)| row[k] * d).sum();
                    variance += count * (response / rate).powi(2);
                }
            }
        }
        variance.sqrt()
    }
}
