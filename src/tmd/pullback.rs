//! What others than a fit of this library ask of a plan: slopes of a function of its predictions, and its shapes.

use pulp::Arch;
use rayon::prelude::*;

use super::kernel::{Columns, Fill, padded};
use super::plan::{Plan, SHARE, Work};
use super::shape::Form;
use crate::error::{Error, Result};
use crate::spec::text::{count, list, quoted, suggestion};

impl Plan {
    /// `sum_i weights_i d pred_i / d parameter`, `[n_parameters]`, for `weights` of `[n_points]`: the slopes of a
    /// function of the predictions whose slopes in these are the weights. No matrix of derivatives is made; the
    /// bits do not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// As for [`Plan::predict`]; [`Error::Argument`] for a wrong number of weights or one that is not finite.
    pub fn pullback(&self, parameters: &[f64], weights: &[f64]) -> Result<Vec<f64>> {
        self.check_parameters(parameters)?;
        if weights.len() != self.n_points() {
            let (given, needed) = (count(weights.len(), "weight"), count(self.n_points(), "point"));
            return Err(Error::Argument(format!("{given} for {needed}")));
        }
        if let Some(i) = weights.iter().position(|weight| !weight.is_finite()) {
            return Err(Error::Argument(format!("the weight of point {i} is {}", weights[i])));
        }
        let instances = self.instances(parameters);
        let share = |(i, weights): (usize, &[f64])| {
            let mut work = Work::new(self, &instances, parameters);
            let mut row = vec![0.0; parameters.len()];
            let points = weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
            for (j, weight) in points {
                work.point(i * SHARE + j, *weight, &mut row);
            }
            row
        };
        let shares: Vec<Vec<f64>> = match weights.len() <= SHARE {
            true => vec![share((0, weights))],
            false => weights.par_chunks(SHARE).enumerate().map(share).collect(),
        };
        let mut all = vec![0.0; parameters.len()];
        for share in &shares {
            all.iter_mut().zip(share).for_each(|(all, share)| *all += share);
        }
        match all.iter().position(|slope| !slope.is_finite()) {
            None => Ok(all),
            Some(k) => Err(Error::Argument(format!(
                "the slope in {} is not a number: the shapes have no value at these parameters",
                quoted(&self.parameter_names()[k])
            ))),
        }
    }

    /// Names of the distributions, in the order of their parameters.
    pub fn distribution_names(&self) -> impl Iterator<Item = &str> {
        // every shape has a parameter, and its name stands before the last dot
        let own = |(_, offset): &(_, usize)| self.parameters[*offset].rsplit_once('.');
        self.distributions.iter().filter_map(own).map(|(name, _)| name)
    }

    /// A distribution with its evolution, `f(x, b) E(b, zeta)`, at momentum fraction `x`, scale `zeta` (GeV^2) and
    /// each of `b` (1/GeV).
    ///
    /// # Errors
    ///
    /// As for [`Plan::predict`]; [`Error::Argument`] for a distribution that is none, and for `x`, `zeta` or a `b`
    /// that is not finite or too small: the first two are above 0, `b` may be 0.
    pub fn shape(
        &self,
        distribution: &str,
        x: f64,
        zeta: f64,
        b: &[f64],
        parameters: &[f64],
    ) -> Result<Vec<f64>> {
        self.check_parameters(parameters)?;
        let names = || self.distribution_names();
        let at = names().position(|name| name == distribution).ok_or_else(|| {
            let near = suggestion(distribution, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            Error::Argument(format!("there is no distribution {}{near}", quoted(distribution)))
        })?;
        for (name, value) in [("x", x), ("zeta", zeta)] {
            if !(value > 0.0 && value.is_finite()) {
                let message = format!("{name} = {value} must be above 0 and finite");
                return Err(Error::Argument(message));
            }
        }
        if let Some(bad) = b.iter().find(|b| !(**b >= 0.0 && b.is_finite())) {
            return Err(Error::Argument(format!("b = {bad} must be 0 or more and finite")));
        }
        let widths = self.instance(at, x, parameters).widths;
        if widths.form == Form::Nothing {
            return Ok(vec![0.0; b.len()]);
        }
        let b2 = padded(b.iter().map(|b| b * b));
        let mut columns = Columns::default();
        Arch::new().dispatch(Fill { widths: &widths, b2: &b2, slopes: false, out: &mut columns });
        // of both shapes of a term, hence the half
        let (decay, _) = self.evolution.decay(parameters, libm::log(zeta));
        let at = |(f, u): (&f64, &f64)| f * libm::exp(-0.5 * u * (decay[0] + decay[1] * u));
        let values: Vec<f64> = columns.value.iter().zip(&b2).map(at).take(b.len()).collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(n) => Err(Error::Argument(format!(
                "{} at b = {} is not a number: the shape has no value at these parameters",
                quoted(distribution),
                b[n]
            ))),
        }
    }
}
