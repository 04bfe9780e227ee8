//! A model as the minimizer sees it: no bins, no auxiliary data, parameters in units of their own width.

use std::sync::{Mutex, PoisonError};

use nalgebra::DMatrix;

use crate::accelerator::{Curvature, Derivatives, Problem};
use crate::error::{Error, Result};
use crate::fit::{Covariance, Fit, FitJob, Tolerance, newton};
use crate::spec::text::{count, display_name};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::kernel::Order;
use crate::unbinned::model::{Evaluation, Task};

/// Values of a point that a message names.
const SHOWN: usize = 12;

/// The likelihood around a start. The minimizer's NLL is relative to the start's, so that it has the digits
/// that tell two points near the minimum apart.
pub(super) struct Scaled<'a> {
    model: &'a UnbinnedModel,
    /// Powers of two, so that no value is rounded on its way in or out.
    units: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    kinks: Vec<usize>,
    nll: f64,
    /// The point asked for last, in the minimizer's units: a gradient is hardly cheaper than a Hessian with it, and
    /// where one is asked for, the other soon is.
    last: Mutex<(Vec<f64>, Evaluation)>,
    /// Of the device.
    failure: Mutex<Option<Error>>,
}

impl<'a> Scaled<'a> {
    /// The likelihood around `start`, where it must be finite.
    pub(super) fn new(model: &'a UnbinnedModel, start: &[f64]) -> Result<Self> {
        Self::around(model, start, model.evaluate(start, Order::Hessian, 0.0)?)
    }

    /// The same where the likelihood at the start is known with its Hessian.
    pub(super) fn around(
        model: &'a UnbinnedModel,
        start: &[f64],
        mut at: Evaluation,
    ) -> Result<Self> {
        if at.zero_density > 0 {
            return Err(impossible(model, start, &at));
        }
        if !at.nll.is_finite() {
            let message = format!("the likelihood at the start is {}", at.nll);
            return Err(Error::Argument(message));
        }
        let n = start.len();
        let units: Vec<f64> = (0..n).map(|k| unit(model, k, at.information[k])).collect();
        let bound = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            model.parameters().iter().zip(&units).map(|(p, unit)| of(&p.bounds) / unit).collect()
        };
        let nll = at.nll;
        at.nll = at.rest;
        let x = start.iter().zip(&units).map(|(x, unit)| x / unit).collect();
        Ok(Self {
            model,
            lower: bound(|b| b.0),
            upper: bound(|b| b.1),
            kinks: model.kinks(),
            nll,
            last: Mutex::new((x, at)),
            failure: Mutex::new(None),
            units,
        })
    }

    /// NLL at the start.
    pub(super) fn nll(&self) -> f64 {
        self.nll
    }

    /// What 1 is in the model's units, `[n_parameters]`.
    pub(super) fn units(&self) -> &[f64] {
        &self.units
    }

    pub(super) fn to_scaled(&self, theta: &[f64]) -> Vec<f64> {
        theta.iter().zip(&self.units).map(|(x, unit)| x / unit).collect()
    }

    /// In the model's units; those that are not `fixed` on the bounds rather than beyond.
    pub(super) fn to_model(&self, x: &[f64], fixed: &[bool]) -> Vec<f64> {
        let theta = x.iter().zip(&self.units).map(|(x, unit)| x * unit);
        let parameters = theta.zip(self.model.parameters()).zip(fixed);
        parameters
            .map(|((theta, p), fixed)| match fixed {
                true => theta,
                false => theta.clamp(p.bounds.0, p.bounds.1),
            })
            .collect()
    }

    /// With Hessian; +inf where a yield would be negative, or a parameter outside a density's domain.
    fn at(&self, x: &[f64]) -> Evaluation {
        if !self.knows(x) {
            let Task { model, theta, constant } = self.task(x);
            let said = model.evaluate(&theta, Order::Hessian, constant);
            let said = said.map_err(|error| {
                if error.is_device() {
                    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                }
            });
            self.tell(x, said.ok());
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Whether an evaluation at `x` is at hand.
    pub(super) fn knows(&self, x: &[f64]) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).0 == x
    }

    /// What to evaluate, with Hessian, to know of `x`.
    pub(super) fn task(&self, x: &[f64]) -> Task<'a> {
        let theta = x.iter().zip(&self.units).map(|(x, unit)| x * unit).collect();
        Task { model: self.model, theta, constant: -self.nll }
    }

    /// What an evaluation of that said, if anything.
    pub(super) fn tell(&self, x: &[f64], said: Option<Evaluation>) {
        let n = x.len();
        let nowhere = || Evaluation {
            nll: f64::INFINITY,
            zero_density: 0,
            gradient: vec![0.0; n],
            hessian: vec![0.0; n * n],
            jump: vec![0.0; n],
            information: vec![0.0; n],
            rest: 0.0,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (x.to_vec(), said.unwrap_or_else(nowhere));
    }

    /// How the device failed, where it did on the way.
    pub(super) fn failure(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }
}

impl Scaled<'_> {
    /// The minimum from `start`, which is in the model's units, in those of the minimizer.
    pub(super) fn minimize(&self, start: &[f64], fixed: &[bool], tolerance: Tolerance) -> Fit {
        let start = self.to_scaled(start);
        newton(self, &job(&start, fixed, self.tolerance(tolerance)), 0, &start)
    }

    /// Slopes in f32 show no distance below a hundredth of what the likelihood's noise is.
    pub(super) fn tolerance(&self, asked: Tolerance) -> Tolerance {
        Tolerance { edm: asked.edm.max(0.01 * self.noise()), ..asked }
    }

    /// One step more from a minimum, by its slope alone: rounding hides from the likelihood what the slope still
    /// shows. Not from a kink, nor across a bound.
    pub(super) fn polish(&self, x: &mut Vec<f64>, covariance: &[f64]) {
        if self.kinks().iter().any(|&k| x[k] == 0.0) {
            return;
        }
        let gradient = self.derivatives(x, &[], &[], false).gradient;
        let step = |row: &[f64]| row.iter().zip(&gradient).map(|(c, g)| c * g).sum::<f64>();
        let moved: Vec<f64> =
            x.iter().zip(covariance.chunks(x.len())).map(|(x, row)| x - step(row)).collect();
        let inside = |(k, to): (usize, &f64)| {
            *to == x[k] || (self.lower()[k]..=self.upper()[k]).contains(to)
        };
        if moved.iter().enumerate().all(inside) {
            *x = moved;
        }
    }

    /// A covariance in the model's units.
    pub(super) fn unscale(&self, covariance: &mut Covariance) {
        let units = self.units();
        let n = units.len();
        for (at, element) in covariance.matrix.iter_mut().enumerate() {
            *element *= units[at / n] * units[at % n];
        }
        covariance.uncertainties.iter_mut().zip(units).for_each(|(sigma, unit)| *sigma *= unit);
    }
}

/// What the minimizer is to do from `start`, which is in its units.
pub(super) fn job<'a>(start: &'a [f64], fixed: &'a [bool], tolerance: Tolerance) -> FitJob<'a> {
    let (main, auxiliary) = (&[][..], &[][..]);
    FitJob { main, auxiliary, n_fits: 1, start, fixed, tolerance }
}

/// The power of two nearest to a parameter's width, or to what else is known of its size.
fn unit(model: &UnbinnedModel, k: usize, information: f64) -> f64 {
    let parameter = &model.parameters()[k];
    let (lower, upper) = parameter.bounds;
    let candidates = [1.0 / information.sqrt(), upper - lower, parameter.init.abs()];
    let width = candidates.into_iter().find(|w| w.is_normal()).unwrap_or(1.0);
    // far from where powers of two, or their squares, end
    libm::exp2(libm::log2(width).round().clamp(-400.0, 400.0))
}

fn scaled(information: &[f64], units: &[f64]) -> Vec<f64> {
    information.iter().zip(units).map(|(i, unit)| i * unit * unit).collect()
}

fn impossible(model: &UnbinnedModel, start: &[f64], at: &Evaluation) -> Error {
    let values = model.parameters().iter().zip(start).take(SHOWN);
    let values: Vec<String> =
        values.map(|(p, x)| format!("{} = {x}", display_name(&p.name))).collect();
    Error::Argument(format!(
        "{} where no process has any density at the start ({}{}): give other initial values, or a \
         process that can make them",
        count(at.zero_density, "event"),
        values.join(", "),
        if start.len() > SHOWN { ", ..." } else { "" }
    ))
}

impl Problem for Scaled<'_> {
    fn n_parameters(&self) -> usize {
        self.units.len()
    }

    fn lower(&self) -> &[f64] {
        &self.lower
    }

    fn upper(&self) -> &[f64] {
        &self.upper
    }

    fn kinks(&self) -> &[usize] {
        &self.kinks
    }

    fn noise(&self) -> f64 {
        self.model.noise()
    }

    /// Without bins, what events say of each parameter stands with the constraints.
    fn curvature(&self, parameters: &[f64]) -> Curvature {
        let n = self.n_parameters();
        let constraint = scaled(&self.at(parameters).information, &self.units);
        Curvature { constraint, jacobian: vec![Vec::new(); n], weight: Vec::new() }
    }

    /// Where a yield would be negative, or a parameter outside a density's domain, the NLL is +inf: no step goes
    /// there.
    fn derivatives(&self, parameters: &[f64], _: &[f64], _: &[f64], hessian: bool) -> Derivatives {
        let n = self.n_parameters();
        let at = self.at(parameters);
        let scaled = |values: &[f64], k: usize| values[k] * self.units[k];
        Derivatives {
            nll: at.nll,
            gradient: (0..n).map(|k| scaled(&at.gradient, k)).collect(),
            jump: self.kinks.iter().map(|&k| scaled(&at.jump, k)).collect(),
            hessian: hessian.then(|| {
                DMatrix::from_fn(n, n, |i, j| at.hessian[i * n + j] * self.units[i] * self.units[j])
            }),
        }
    }
}
