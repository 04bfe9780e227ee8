//! Yields before and after a fit, with their uncertainties.

use super::{FitResult, Session};
use crate::model::{ChannelJacobian, Data};
use crate::{Error, Result};

/// Expected counts by channel and sample, before and after a fit.
///
/// Uncertainties are `sqrt(J C J')`, `J` the exact derivatives of the yields. After the fit `C` is its
/// covariance. Before the fit `C` is diagonal: the squared widths of the constraint terms, 0 for
/// unconstrained and fixed parameters. cabinetry's `yield_stdev` takes half the difference of the yields
/// with a parameter one uncertainty up and down instead of the derivative: the same where a yield is
/// linear in the parameter, as in gammas and free factors, and different by its third derivative
/// elsewhere. At a kink (interpolation codes 0 and 1 at 0) the derivative is the one to the right.
#[derive(Debug, Clone, PartialEq)]
pub struct Yields {
    /// Channel by channel, sorted by name.
    pub channels: Vec<ChannelYields>,
}

/// Of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelYields {
    /// Name.
    pub name: String,
    /// Observed counts, `[bins]`.
    pub observed: Vec<f64>,
    /// At the maximum of the constraint terms; unconstrained and fixed parameters at their initial
    /// values.
    pub prefit: Prediction,
    /// At the best fit.
    pub postfit: Prediction,
}

/// Of one channel at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Sorted by name.
    pub samples: Vec<SampleYields>,
    /// All samples together, correlations included.
    pub total: SampleYields,
}

/// Expected counts of a sample, or of all.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleYields {
    /// Name; `total` for all.
    pub name: String,
    /// Expected counts, `[bins]`.
    pub yields: Vec<f64>,
    /// Uncertainties, `[bins]`; `None` where the fit has no covariance.
    pub uncertainty: Option<Vec<f64>>,
    /// Uncertainty of the sum over bins, correlations included.
    pub total_uncertainty: Option<f64>,
}

/// What is known of the parameters' errors.
enum Errors<'a> {
    /// Uncorrelated, `[n_parameters]`.
    Diagonal(&'a [f64]),
    /// `[n_parameters, n_parameters]`; empty where there is none.
    Full(&'a [f64]),
}

impl Session {
    /// Yields of `data`'s best fit `fit`, and those before it.
    ///
    /// # Errors
    /// Where a length does not fit the model.
    pub fn yields(&self, data: &Data, fit: &FitResult) -> Result<Yields> {
        self.model.check_data(data)?;
        self.model.check_parameters(&fit.parameters)?;
        let n = self.model.n_parameters();
        if !matches!(fit.covariance.len(), len if len == 0 || len == n * n) || fit.fixed.len() != n
        {
            return Err(Error::Argument("the fit is one of another model".into()));
        }
        let (mut point, mut variance) = (self.model.init(), vec![0.0; n]);
        for (k, parameter) in self.model.parameters().iter().enumerate() {
            if fit.fixed[k] {
                // a parameter that this fit was told to hold is held before it, too
                point[k] = fit.parameters[k];
            } else if let Some((value, width)) = parameter.prefit(data) {
                point[k] = value;
                variance[k] = width * width;
            }
        }
        let mut prefit = self.predictions(&point, &Errors::Diagonal(&variance)).into_iter();
        let mut postfit =
            self.predictions(&fit.parameters, &Errors::Full(&fit.covariance)).into_iter();
        let channel = |channel: &crate::model::Channel| {
            let bins = channel.first_bin..channel.first_bin + channel.n_bins;
            Some(ChannelYields {
                name: channel.name.clone(),
                observed: data.main[bins].to_vec(),
                prefit: prefit.next()?,
                postfit: postfit.next()?,
            })
        };
        Ok(Yields { channels: self.model.channels().iter().filter_map(channel).collect() })
    }

    /// One per channel.
    fn predictions(&self, x: &[f64], errors: &Errors<'_>) -> Vec<Prediction> {
        let model = &self.model;
        let total = model.jacobian(x);
        let by_sample = model.jacobian_by_sample(x);
        let rates = model.expected_by_sample(x);
        let yields = |name: &str, rates: &[f64], jacobian: &ChannelJacobian| {
            let (uncertainty, total_uncertainty) = errors.propagate(jacobian, rates.len()).unzip();
            let (name, yields) = (name.to_owned(), rates.to_vec());
            SampleYields { name, yields, uncertainty, total_uncertainty }
        };
        let channel = |(c, channel): (usize, &crate::model::Channel)| {
            let bins = channel.first_bin..channel.first_bin + channel.n_bins;
            let samples = model.samples().iter().enumerate().filter(|(_, s)| s.channel == c);
            Prediction {
                samples: samples.map(|(i, s)| yields(&s.name, &rates[i], &by_sample[i])).collect(),
                total: yields("total", &total.rates[bins], &total.channels[c]),
            }
        };
        model.channels().iter().enumerate().map(channel).collect()
    }
}

impl Errors<'_> {
    /// Of each bin and of their sum.
    fn propagate(&self, jacobian: &ChannelJacobian, n_bins: usize) -> Option<(Vec<f64>, f64)> {
        if matches!(self, Self::Full([])) {
            return None;
        }
        let rows: Vec<Vec<(usize, f64)>> =
            (0..n_bins).map(|b| jacobian.bin(b).filter(|(_, d)| *d != 0.0).collect()).collect();
        let bins = rows.iter().map(|row| self.of(row)).collect();
        let whole = jacobian.parameters.iter().enumerate().map(|(i, &k)| {
            let step = jacobian.parameters.len();
            (k, (0..n_bins).map(|b| jacobian.derivatives[b * step + i]).sum())
        });
        let gammas = (0..n_bins).flat_map(|b| jacobian.bin(b).skip(jacobian.parameters.len()));
        let sum: Vec<(usize, f64)> = whole.chain(gammas).filter(|(_, d)| *d != 0.0).collect();
        Some((bins, self.of(&sum)))
    }

    /// `sqrt(g' C g)` of a gradient's elements.
    fn of(&self, gradient: &[(usize, f64)]) -> f64 {
        let variance: f64 = match self {
            Self::Diagonal(variance) => gradient.iter().map(|&(k, d)| d * d * variance[k]).sum(),
            Self::Full(covariance) => {
                let n = covariance.len().isqrt();
                let row = |&(k, d): &(usize, f64)| {
                    let row = &covariance[k * n..(k + 1) * n];
                    d * gradient.iter().map(|&(l, e)| e * row[l]).sum::<f64>()
                };
                gradient.iter().map(row).sum()
            }
        };
        // rounding can leave a variance that cancels just below 0
        variance.max(0.0).sqrt()
    }
}
