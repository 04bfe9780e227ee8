//! Descent by gradients alone, for comparison with programs that fit like that.

use super::data::Data;
use super::{FitOptions, problem::LeastSquares};
use crate::accelerator::Problem;
use crate::error::Result;
use crate::tmd::Evaluate;

/// A way to go down by first derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Descent {
    /// Kingma and Ba, arXiv:1412.6980, with its usual decays.
    Adam {
        /// Step size.
        rate: f64,
    },
    /// Liu and Nocedal, Math. Program. 45 (1989) 503, with 10 pairs and halved steps.
    Lbfgs,
}

/// Where a descent stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Descended {
    /// `[n_parameters]`
    pub parameters: Vec<f64>,
    /// chi2 before the first and after each step.
    pub chi2: Vec<f64>,
}

/// Pairs that L-BFGS keeps.
const PAIRS: usize = 10;
/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;

/// `steps` steps; fewer where none goes down any more. `each` hears of every one and stops the descent by
/// returning false.
///
/// # Errors
///
/// As for [`super::fit`].
pub fn descend(
    from: &dyn Evaluate,
    data: &Data,
    options: &FitOptions,
    method: Descent,
    steps: usize,
    each: &mut dyn FnMut(usize, f64) -> bool,
) -> Result<Descended> {
    let free = super::checked(from.plan(), data, options)?;
    let problem = LeastSquares::new(from, data, &free, &options.start);
    problem.tell(&free.fitted(&options.start), Some(&super::at_start(from, options)?));
    let mut walk = Walk {
        problem: &problem,
        x: free.fitted(&options.start),
        value: 0.0,
        gradient: Vec::new(),
        pairs: Vec::new(),
        moments: [vec![0.0; free.own.len()], vec![0.0; free.own.len()]],
    };
    (walk.value, walk.gradient) = walk.at(&walk.x);
    let mut chi2 = vec![2.0 * walk.value];
    for step in 1..=steps {
        let moved = match method {
            Descent::Adam { rate } => walk.adam(rate, step),
            Descent::Lbfgs => walk.lbfgs(),
        };
        if !moved {
            break;
        }
        chi2.push(2.0 * walk.value);
        if !each(step, 2.0 * walk.value) {
            break;
        }
    }
    problem.failure()?;
    Ok(Descended { parameters: free.all(&options.start, &walk.x), chi2 })
}

struct Walk<'a> {
    problem: &'a LeastSquares<'a>,
    x: Vec<f64>,
    /// Half of chi2.
    value: f64,
    gradient: Vec<f64>,
    /// Steps and changes of the gradient, oldest first.
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
    moments: [Vec<f64>; 2],
}

impl Walk<'_> {
    fn at(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let at = self.problem.derivatives(x, &[], &[], false);
        (at.nll, at.gradient)
    }

    fn inside(&self, x: Vec<f64>) -> Vec<f64> {
        let bounds = self.problem.lower().iter().zip(self.problem.upper());
        x.into_iter().zip(bounds).map(|(x, (lower, upper))| x.clamp(*lower, *upper)).collect()
    }

    fn adam(&mut self, rate: f64, step: usize) -> bool {
        let step = step as f64;
        let mut to = self.x.clone();
        for (k, x) in to.iter_mut().enumerate() {
            // of chi2 itself, as it is printed
            let g = 2.0 * self.gradient[k];
            let [first, second] = &mut self.moments;
            first[k] = 0.9 * first[k] + 0.1 * g;
            second[k] = 0.999 * second[k] + 0.001 * g * g;
            let mean = first[k] / (1.0 - libm::pow(0.9, step));
            let square = second[k] / (1.0 - libm::pow(0.999, step));
            *x -= rate * mean / (square.sqrt() + 1e-8);
        }
        let to = self.inside(to);
        let (value, gradient) = self.at(&to);
        if !value.is_finite() {
            return false;
        }
        (self.x, self.value, self.gradient) = (to, value, gradient);
        true
    }

    fn lbfgs(&mut self) -> bool {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut direction: Vec<f64> = self.gradient.iter().map(|g| -g).collect();
        let mut parts = Vec::with_capacity(self.pairs.len());
        for (s, y) in self.pairs.iter().rev() {
            let part = dot(s, &direction) / dot(s, y);
            direction.iter_mut().zip(y).for_each(|(d, y)| *d -= part * y);
            parts.push(part);
        }
        let scale = match self.pairs.last() {
            Some((s, y)) => dot(s, y) / dot(y, y),
            None => 1.0 / dot(&self.gradient, &self.gradient).sqrt().max(1e-300),
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((s, y), part) in self.pairs.iter().zip(parts.iter().rev()) {
            let back = dot(y, &direction) / dot(s, y);
            direction.iter_mut().zip(s).for_each(|(d, s)| *d += (part - back) * s);
        }
        if dot(&direction, &self.gradient) >= 0.0 {
            direction = self.gradient.iter().map(|g| -g).collect();
            self.pairs.clear();
        }
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let to: Vec<f64> = self.x.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let to = self.inside(to);
            let step: Vec<f64> = to.iter().zip(&self.x).map(|(t, x)| t - x).collect();
            let (value, gradient) = self.at(&to);
            let slope = dot(&self.gradient, &step);
            if value.is_finite() && slope < 0.0 && value <= self.value + 1e-4 * slope {
                let change: Vec<f64> =
                    gradient.iter().zip(&self.gradient).map(|(a, b)| a - b).collect();
                if dot(&step, &change) > 0.0 {
                    self.pairs.push((step, change));
                    if self.pairs.len() > PAIRS {
                        self.pairs.remove(0);
                    }
                }
                (self.x, self.value, self.gradient) = (to, value, gradient);
                return true;
            }
            length *= 0.5;
        }
        false
    }
}
