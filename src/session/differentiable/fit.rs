//! The best fit with its derivatives in the yields, by the implicit function theorem.

use super::{DataSource, Differentiable, Role, Sourced};
use crate::{Error, Result};

/// A best fit, and what its derivatives are made of.
#[derive(Debug, Clone)]
pub struct ProfiledFit {
    /// Best-fit values, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// By the inverse observed Hessian, `[n_parameters]`: 0 for parameters that are fixed, at a bound or at
    /// rest on a kink.
    pub uncertainties: Vec<f64>,
    /// `[n_parameters, n_parameters]`, rows of those 0.
    pub covariance: Vec<f64>,
    /// -2 log likelihood there.
    pub twice_nll: f64,
    yields: Vec<f64>,
    source: DataSource,
}

/// d number / d what a fit gives.
#[derive(Debug, Clone, Default)]
pub struct FitSlopes {
    /// In the best-fit values, `[n_parameters]`; empty: 0.
    pub parameters: Vec<f64>,
    /// In the uncertainties, `[n_parameters]`; empty: 0.
    pub uncertainties: Vec<f64>,
    /// In twice the NLL at the minimum.
    pub twice_nll: f64,
}

impl Differentiable {
    /// Fit `source`.
    ///
    /// # Errors
    /// Where a length does not fit, the fit does not converge, or the likelihood is flat along a parameter.
    pub fn fit(&self, yields: &[f64], source: &DataSource) -> Result<ProfiledFit> {
        self.with_place(yields, |place| {
            let sourced = self.source(place, source)?;
            let mut parameters = match self.known_best(&sourced, None) {
                Some(best) => best.to_vec(),
                None => {
                    let init = self.model.init();
                    self.minimum(place, Role::Free, &sourced.data, &init, &self.fixed)?.parameters
                }
            };
            let covariance = place.covariance(&sourced.data, &parameters, &self.fixed)?;
            // one step of Newton's method with the curvature at hand, for the last digits
            let here = place.at(&parameters, &sourced.data)?;
            let n = parameters.len();
            for (x, row) in parameters.iter_mut().zip(covariance.matrix.chunks(n)) {
                *x -= row.iter().zip(&here.gradient).map(|(c, g)| c * g).sum::<f64>();
            }
            Ok(ProfiledFit {
                parameters,
                uncertainties: covariance.uncertainties,
                covariance: covariance.matrix,
                twice_nll: 2.0 * here.nll,
                yields: yields.to_vec(),
                source: source.clone(),
            })
        })
    }

    /// d number / d yield, `[cells]`, from its derivatives in what the fit gave: the vector-Jacobian product
    /// of [`fit`](Self::fit).
    ///
    /// # Errors
    /// Where a length does not fit.
    pub fn fit_pullback(&self, fit: &ProfiledFit, slopes: &FitSlopes) -> Result<Vec<f64>> {
        let n = fit.parameters.len();
        for (what, of) in
            [("parameters", &slopes.parameters), ("uncertainties", &slopes.uncertainties)]
        {
            if of.len() != n && !of.is_empty() {
                let told = format!("slopes in {what}: {n} values are needed, not {}", of.len());
                return Err(Error::Argument(told));
            }
        }
        self.with_place(&fit.yields, |place| {
            let sourced = self.source(place, &fit.source)?;
            let Sourced { data, at, .. } = &sourced;
            let (x, covariance) = (&*fit.parameters, &*fit.covariance);
            let mut adjoint = self.adjoint();
            if slopes.parameters.iter().any(|s| *s != 0.0) {
                let of = (covariance, &*slopes.parameters);
                self.through_fit(&mut adjoint, place, data, x, of);
            }
            for (k, slope) in slopes.uncertainties.iter().enumerate() {
                let sigma = fit.uncertainties[k];
                if *slope != 0.0 && sigma > 0.0 {
                    // sigma^2 = e' H^-1 e, d sigma = -u' dH u / (2 sigma) with u = H^-1 e
                    let column = &covariance[k * n..(k + 1) * n];
                    let of = (column, -0.5 * slope / sigma);
                    self.add_curvature(&mut adjoint, place, (data, x), of, covariance);
                }
            }
            if slopes.twice_nll != 0.0 {
                let here = place.at(x, data)?;
                let direct = place.yield_slopes(&self.cells, x, &here);
                let weight = 2.0 * slopes.twice_nll;
                adjoint.yields.iter_mut().zip(direct).for_each(|(a, d)| *a += weight * d);
                if at.is_some() {
                    let rates = place.model().expected_main(x);
                    for ((main, n), rate) in adjoint.main.iter_mut().zip(&data.main).zip(rates) {
                        *main += weight * super::count_slope(*n, rate);
                    }
                }
            }
            self.finish(adjoint, place, &sourced)
        })
    }
}
