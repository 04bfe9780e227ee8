//! Expected numbers of events as functions of the parameters, and weights of events that systematic
//! uncertainties change. The interpolations are those of binned models.

use super::packed::place;
use crate::error::{Error, Result};
use crate::model::interpolation::{
    Derivatives, HistoSysInterpolation, NormSysCurve, NormSysInterpolation,
};
use crate::spec::text::count;

/// What a yield is without systematic uncertainties. Parameters are indices into the vector of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Base {
    /// A number of events.
    Fixed(f64),
    /// A parameter that is the number of events.
    Parameter(usize),
    /// A number of events times a parameter.
    Scaled {
        /// Number of events where the parameter is 1.
        base: f64,
        /// The parameter.
        parameter: usize,
    },
}

/// A factor that follows a nuisance parameter alpha: `lo` at -1, 1 at 0, `hi` at +1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modifier {
    parameter: usize,
    curve: Curve,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Curve {
    NormSys(NormSysCurve),
    WeightSys(HistoSysInterpolation, f64, f64),
}

impl Modifier {
    /// A multiplicative one, above 0 everywhere.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] unless `lo` and `hi` are above 0 and finite.
    pub fn normsys(
        parameter: usize,
        lo: f64,
        hi: f64,
        interpolation: NormSysInterpolation,
    ) -> Result<Self> {
        if !(lo > 0.0 && hi > 0.0 && lo.is_finite() && hi.is_finite()) {
            let message = format!("normsys: lo = {lo} and hi = {hi} must be above 0 and finite");
            return Err(Error::Argument(message));
        }
        Ok(Self { parameter, curve: Curve::NormSys(NormSysCurve::new(interpolation, lo, hi)) })
    }

    /// An additive one, the rate of events whose weights change. Far out it can fall below 0.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] unless `lo` and `hi` are 0 or more and finite.
    pub fn weightsys(
        parameter: usize,
        lo: f64,
        hi: f64,
        interpolation: HistoSysInterpolation,
    ) -> Result<Self> {
        if !(lo >= 0.0 && hi >= 0.0 && lo.is_finite() && hi.is_finite()) {
            let message =
                format!("weightsys: lo = {lo} and hi = {hi} must be 0 or more and finite");
            return Err(Error::Argument(message));
        }
        Ok(Self { parameter, curve: Curve::WeightSys(interpolation, lo, hi) })
    }

    /// The parameter alpha that it follows.
    pub fn parameter(&self) -> usize {
        self.parameter
    }

    /// Right minus left derivative at alpha = 0.
    pub fn jump(&self) -> f64 {
        match self.curve {
            Curve::NormSys(curve) => curve.jump(),
            Curve::WeightSys(interpolation, lo, hi) => interpolation.jump() * bend(1.0, lo, hi),
        }
    }

    /// The factor with its derivatives in alpha; at a kink, those of the side alpha >= 0.
    pub fn at(&self, alpha: f64) -> Derivatives {
        match self.curve {
            Curve::NormSys(curve) => curve.at(alpha),
            Curve::WeightSys(interpolation, lo, hi) => {
                let mut at = shift(interpolation, alpha, 1.0, lo, hi);
                at.value += 1.0;
                at
            }
        }
    }
}

/// What a variation from `nominal` to `lo` and `hi` adds at alpha.
fn shift(
    interpolation: HistoSysInterpolation,
    alpha: f64,
    nominal: f64,
    lo: f64,
    hi: f64,
) -> Derivatives {
    let (up, down) = (hi - nominal, nominal - lo);
    let (line, bend) = (0.5 * (up + down), bend(nominal, lo, hi));
    let h = interpolation.bend(alpha);
    Derivatives {
        value: alpha * line + h.value * bend,
        first: line + h.first * bend,
        second: h.second * bend,
        third: h.third * bend,
    }
}

/// How much of an interpolation's bend is in a variation from `nominal` to `lo` and `hi`.
fn bend(nominal: f64, lo: f64, hi: f64) -> f64 {
    ((hi - nominal) - (nominal - lo)) / 16.0
}

/// The expected number of events of a process: a base times its modifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Yield {
    /// Without modifiers.
    pub base: Base,
    /// Factors; several may follow one parameter.
    pub modifiers: Vec<Modifier>,
}

impl Yield {
    /// The yield at `theta`, all parameters. `gradient` (one a parameter) and `hessian` (packed rows of the lower
    /// triangle) are overwritten; either may be empty where it is not wanted. Exact where factors are 0, too.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a parameter that `theta` lacks or that is not finite, lengths that do not fit, a
    /// yield below 0 or not finite.
    pub fn at(&self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> Result<f64> {
        let n = theta.len();
        for (what, given, needed) in
            [("gradient", gradient.len(), n), ("Hessian", hessian.len(), n * (n + 1) / 2)]
        {
            if given != 0 && given != needed {
                let parameters = count(n, "parameter");
                let message =
                    format!("room for {given} numbers of a {what}; {parameters} need {needed}");
                return Err(Error::Argument(message));
            }
        }
        let factors = self.factors(theta)?;
        let without = |skip: &[usize]| -> f64 {
            let others = factors.iter().enumerate().filter(|(i, _)| !skip.contains(i));
            others.map(|(_, (_, factor))| factor.value).product()
        };
        let value = without(&[]);
        if !(value.is_finite() && value >= 0.0) {
            return Err(Error::Argument(format!(
                "the expected number of events is {value}, not a number of 0 or more"
            )));
        }
        gradient.fill(0.0);
        hessian.fill(0.0);
        for (i, (p, f)) in factors.iter().enumerate() {
            let Some(p) = *p else { continue };
            if let Some(out) = gradient.get_mut(p) {
                *out += f.first * without(&[i]);
            }
            if hessian.is_empty() {
                continue;
            }
            hessian[place(p, p)] += f.second * without(&[i]);
            for (j, (q, g)) in factors.iter().enumerate().take(i) {
                let Some(q) = *q else { continue };
                // both orders of two factors of one parameter
                let twice = if p == q { 2.0 } else { 1.0 };
                hessian[place(p, q)] += twice * f.first * g.first * without(&[i, j]);
            }
        }
        Ok(value)
    }

    /// The parameters that it follows, some of them twice.
    pub fn parameters(&self) -> impl Iterator<Item = usize> {
        let base = match self.base {
            Base::Fixed(_) => None,
            Base::Parameter(p) | Base::Scaled { parameter: p, .. } => Some(p),
        };
        base.into_iter().chain(self.modifiers.iter().map(Modifier::parameter))
    }

    /// Each factor, and the parameter that it follows.
    fn factors(&self, theta: &[f64]) -> Result<Vec<(Option<usize>, Derivatives)>> {
        let parameter = |p: usize| match theta.get(p) {
            Some(value) if value.is_finite() => Ok(*value),
            Some(value) => Err(Error::Argument(format!("parameter {p} is {value}"))),
            None => {
                let given = count(theta.len(), "parameter");
                Err(Error::Argument(format!(
                    "a yield follows parameter {p}, but {given} were given"
                )))
            }
        };
        let constant = |value| Derivatives { value, ..Derivatives::default() };
        let (base, follows) = match self.base {
            Base::Fixed(events) => (events, None),
            Base::Parameter(p) => (1.0, Some(p)),
            Base::Scaled { base, parameter } => (base, Some(parameter)),
        };
        let mut factors = vec![(None, constant(base))];
        if let Some(p) = follows {
            factors.push((Some(p), Derivatives::linear(parameter(p)?)));
        }
        for modifier in &self.modifiers {
            let p = modifier.parameter;
            factors.push((Some(p), modifier.at(parameter(p)?)));
        }
        Ok(factors)
    }
}

/// Weights of simulated events with systematic variations: at each alpha, the nominal weight plus what every
/// systematic uncertainty adds.
#[derive(Debug, Clone, Copy)]
pub struct WeightMorph<'a> {
    /// Nominal weights of N events.
    pub nominal: &'a [f64],
    /// Of each systematic uncertainty, the weights at alpha = -1 and at +1.
    pub variations: &'a [(&'a [f64], &'a [f64])],
    /// How they are interpolated.
    pub interpolation: HistoSysInterpolation,
}

impl WeightMorph<'_> {
    /// Weights at `alphas`, one a systematic uncertainty, to `out`; `gradient[k * N + i]` is the derivative of
    /// event i's in alpha k, or `gradient` is empty. Weights can fall below 0 far out.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for lengths that do not fit.
    pub fn at(&self, alphas: &[f64], out: &mut [f64], gradient: &mut [f64]) -> Result<()> {
        let (n, k) = (self.nominal.len(), self.variations.len());
        let fits = alphas.len() == k
            && out.len() == n
            && (gradient.is_empty() || gradient.len() == n * k)
            && self.variations.iter().all(|(lo, hi)| lo.len() == n && hi.len() == n);
        if !fits {
            return Err(Error::Argument(format!(
                "{} and {} need as many alphas, and as many weights in every variation and result",
                count(n, "event"),
                count(k, "variation")
            )));
        }
        out.copy_from_slice(self.nominal);
        for (k, ((lo, hi), alpha)) in self.variations.iter().zip(alphas).enumerate() {
            for i in 0..n {
                let add = shift(self.interpolation, *alpha, self.nominal[i], lo[i], hi[i]);
                out[i] += add.value;
                if let Some(slope) = gradient.get_mut(k * n + i) {
                    *slope = add.first;
                }
            }
        }
        Ok(())
    }
}
