//! One fit by Newton's method with the observed Hessian: Levenberg damping until it is positive
//! definite and the step goes down, bounds by fixing what a step would carry across. For the few
//! fits of a batch that the lockstep minimizer gives up.

use nalgebra::{DMatrix, DVector};

use super::leave_kink;
use crate::accelerator::{Derivatives, Fit, FitJob, Problem, Status};

/// Less damping leaves the estimated distance to the minimum as it is.
const UNDAMPED: f64 = 1e-6;
/// Damping below this is none.
const LEAST_DAMPING: f64 = 1e-10;
/// Rounds of fixing parameters at bounds within one step.
const ROUNDS: usize = 12;

/// A fit on its way. It stands before evaluations at [`Search::wanted`], so that many fits can be taken along side
/// by side, their points evaluated together.
pub(crate) struct Search<'a> {
    problem: &'a dyn Problem,
    job: &'a FitJob<'a>,
    main: &'a [f64],
    auxiliary: &'a [f64],
    /// Largest information of each parameter on the way, Fisher's at the start: the scale of the damping.
    scale: Vec<f64>,
    evaluations: u32,
    point: Point,
    damping: f64,
    /// Damping of the last step that went down: where to go on after one that did not, so that a curved
    /// valley is followed at its own pace.
    sufficient: f64,
    edm: f64,
    /// Steps within rounding.
    tiny: u32,
    /// Where the next evaluation is, while there is one.
    trial: Vec<f64>,
    ended: Option<Status>,
}

/// A point with what Newton needs of it.
struct Point {
    x: Vec<f64>,
    nll: f64,
    /// With the side chosen at kinks.
    gradient: Vec<f64>,
    /// 0 for parameters that rest on a kink, else the side to stay on, per kink.
    side: Vec<f64>,
    /// Empty until the point is accepted.
    hessian: DMatrix<f64>,
}

impl<'a> Search<'a> {
    /// The fit of dataset `fit` of the job: evaluates the start, and knows the first step.
    pub(crate) fn new(
        problem: &'a dyn Problem,
        job: &'a FitJob<'a>,
        fit: usize,
        start: &[f64],
    ) -> Self {
        let curvature = problem.curvature(start);
        let scale = (0..start.len())
            .map(|k| (curvature.constraint[k] + curvature.information(k)).max(1e-8))
            .collect();
        let (lower, upper) = (problem.lower(), problem.upper());
        let x = (0..start.len())
            .map(|k| if job.fixed[k] { start[k] } else { start[k].clamp(lower[k], upper[k]) })
            .collect();
        let nowhere = Point {
            x: Vec::new(),
            nll: f64::INFINITY,
            gradient: Vec::new(),
            side: Vec::new(),
            hessian: DMatrix::zeros(0, 0),
        };
        let mut search = Self {
            problem,
            job,
            main: job.main_of(fit),
            auxiliary: job.auxiliary_of(fit),
            scale,
            evaluations: 0,
            point: nowhere,
            damping: 0.0,
            sufficient: 1e-3,
            edm: f64::INFINITY,
            tiny: 0,
            trial: Vec::new(),
            ended: None,
        };
        let point = search.evaluate(x);
        search.accept(point);
        match search.point.nll.is_finite() {
            true => search.propose(),
            false => search.ended = Some(Status::NotFinite),
        }
        search
    }

    /// Where the likelihood is evaluated next; `None` at the end.
    pub(crate) fn wanted(&self) -> Option<&[f64]> {
        self.ended.is_none().then_some(&*self.trial)
    }

    /// Evaluations so far, and the lowest NLL of them.
    pub(crate) fn stands(&self) -> (u32, f64) {
        (self.evaluations, self.point.nll)
    }

    /// The fit, at its end; ended early it is one that reached the limit of evaluations.
    pub(crate) fn finish(self) -> Fit {
        let Self { problem, point, edm, evaluations, ended, .. } = self;
        let negative_bin = problem.first_negative(&point.x).map_or(-1, |b| b as i32);
        Fit {
            parameters: point.x,
            nll: point.nll,
            edm,
            evaluations,
            status: ended.unwrap_or(Status::EvaluationLimit),
            negative_bin,
        }
    }

    fn accept(&mut self, mut point: Point) {
        self.add_hessian(&mut point);
        self.point = point;
    }

    /// Finds a step from the point, or the end.
    fn propose(&mut self) {
        loop {
            if self.evaluations >= self.job.tolerance.evaluations {
                self.ended = Some(Status::EvaluationLimit);
                return;
            }
            let damping = |k: usize| self.damping * self.scale[k];
            let Some(step) = self.find_step(&self.point, damping) else {
                self.damping = (self.damping * 10.0).max(self.sufficient).max(LEAST_DAMPING);
                if self.damping > 1e12 {
                    self.ended = Some(Status::Stalled);
                    return;
                }
                continue;
            };
            let point = &self.point;
            self.trial = self.bounded(point, &step);
            let linear: f64 = point.gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
            self.edm = -0.5 * linear;
            if self.trial == point.x {
                self.rest();
            }
            return;
        }
    }

    /// Ends where steps gain no more than rounding loses: at a minimum, or stuck. The step that tells has no damping
    /// or, since the curvature of least squares vanishes where a parameter enters squared and is 0, so much as to
    /// make each parameter's curvature the largest one seen, but at most 1.
    fn rest(&mut self) {
        let Point { gradient, nll, .. } = &self.point;
        let near = self.job.tolerance.edm.max(1e-12 * (1.0 + nll.abs()));
        let distance = |more: f64| {
            let step = self.find_step(&self.point, |k| more * self.scale[k].min(1.0))?;
            let linear: f64 = gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
            Some((-0.5 * linear).max(0.0))
        };
        let told: Vec<f64> = [0.0, 1.0].into_iter().filter_map(distance).collect();
        let there = told.iter().copied().find(|distance| *distance < near);
        self.edm = there.or(told.first().copied()).unwrap_or(self.edm.max(0.0));
        self.ended = Some(if there.is_some() { Status::Converged } else { Status::Stalled });
    }

    /// Evaluates where it wants to, and decides.
    pub(crate) fn advance(&mut self) {
        let trial = std::mem::take(&mut self.trial);
        let next = self.evaluate(trial);
        let point = &self.point;
        let tolerance = self.job.tolerance.edm;
        if self.damping <= UNDAMPED && self.edm.abs() < tolerance {
            if next.nll < point.nll {
                self.point = next;
            }
            self.ended = Some(Status::Converged);
            return;
        }
        let moved: Vec<f64> = next.x.iter().zip(&point.x).map(|(t, x)| t - x).collect();
        let change = DVector::from_column_slice(&moved);
        let predicted = -(change.dot(&DVector::from_column_slice(&point.gradient))
            + 0.5 * change.dot(&(&point.hessian * &change)));
        let ratio = (point.nll - next.nll) / predicted.max(1e-300);
        let fall = point.nll - next.nll;
        let within_rounding =
            fall.abs() <= 1e-12 * (1.0 + point.nll.abs()) && self.edm.abs() < tolerance;
        // neither tells the likelihood whether such a step goes down, nor would it matter if it did not
        let within_noise = predicted > 0.0 && predicted.max(fall.abs()) <= self.problem.noise();
        if next.nll.is_finite()
            && (predicted > 0.0 && ratio > 1e-4 || within_rounding || within_noise)
        {
            self.accept(next);
            self.sufficient = self.damping;
            if ratio > 0.75 || within_noise {
                self.damping = if self.damping < LEAST_DAMPING { 0.0 } else { self.damping / 5.0 };
            } else if ratio < 0.25 {
                self.damping = (self.damping * 4.0).max(LEAST_DAMPING);
            }
            if within_rounding {
                self.tiny += 1;
                if self.tiny > 2 {
                    self.rest();
                    return;
                }
            }
        } else {
            self.damping = (self.damping * 8.0).max(self.sufficient).max(LEAST_DAMPING);
            if self.damping > 1e12 {
                self.rest();
                return;
            }
        }
        self.propose();
    }

    fn evaluate(&mut self, x: Vec<f64>) -> Point {
        self.evaluations += 1;
        let Derivatives { nll, mut gradient, jump, .. } =
            self.problem.derivatives(&x, self.main, self.auxiliary, false);
        let mut side = Vec::new();
        for (&k, jump) in self.problem.kinks().iter().zip(jump) {
            if x[k] != 0.0 {
                side.push(x[k].signum());
                continue;
            }
            let (right, left) = (gradient[k], gradient[k] - jump);
            let (g, s) = leave_kink(right, left);
            gradient[k] = g;
            side.push(s);
        }
        Point { x, nll, gradient, side, hessian: DMatrix::zeros(0, 0) }
    }

    fn add_hessian(&mut self, point: &mut Point) {
        let at = self.problem.derivatives(&point.x, self.main, self.auxiliary, true);
        let n = point.x.len();
        point.hessian = at.hessian.unwrap_or_else(|| DMatrix::zeros(n, n));
        // the largest curvature seen (More, Lecture Notes in Mathematics 630 (1978) 105): a parameter that the
        // start knows nothing of would run away
        for (k, scale) in self.scale.iter_mut().enumerate() {
            *scale = scale.max(point.hessian[(k, k)]);
        }
    }

    /// Minimum of the damped quadratic model inside the bounds; `None` where it has none.
    fn find_step(&self, point: &Point, damping: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
        let (lower, upper) = (self.problem.lower(), self.problem.upper());
        let n = point.x.len();
        let g = &point.gradient;
        let mut held: Vec<bool> = (0..n)
            .map(|k| {
                self.job.fixed[k]
                    || point.x[k] <= lower[k] && g[k] > 0.0
                    || point.x[k] >= upper[k] && g[k] < 0.0
            })
            .collect();
        for (&k, side) in self.problem.kinks().iter().zip(&point.side) {
            held[k] |= *side == 0.0;
        }
        let mut step = vec![0.0; n];
        for _ in 0..ROUNDS {
            let free: Vec<usize> = (0..n).filter(|&k| !held[k]).collect();
            let m = free.len();
            let mut matrix = DMatrix::from_fn(m, m, |i, j| point.hessian[(free[i], free[j])]);
            let mut right = DVector::<f64>::zeros(m);
            for (i, &k) in free.iter().enumerate() {
                // positive where the curvature is, but for rounding; what was large elsewhere says nothing here
                let least = 1e-13 * matrix[(i, i)].max(self.scale[k].min(1.0));
                matrix[(i, i)] += damping(k) + least;
                let pulled: f64 = (0..n)
                    .filter(|&l| held[l] && step[l] != 0.0)
                    .map(|l| point.hessian[(k, l)] * step[l])
                    .sum();
                right[i] = -g[k] - pulled;
            }
            let solution = matrix.cholesky()?.solve(&right);
            let mut inside = true;
            for (i, &k) in free.iter().enumerate() {
                let to = point.x[k] + solution[i];
                step[k] = to.clamp(lower[k], upper[k]) - point.x[k];
                if to < lower[k] || to > upper[k] {
                    held[k] = true;
                    inside = false;
                }
            }
            if inside {
                break;
            }
        }
        step.iter().all(|s| s.is_finite()).then_some(step)
    }

    /// The point reached, on bounds and kinks rather than beyond.
    fn bounded(&self, point: &Point, step: &[f64]) -> Vec<f64> {
        let (lower, upper) = (self.problem.lower(), self.problem.upper());
        let mut to: Vec<f64> = (0..step.len())
            .map(|k| match step[k] {
                0.0 => point.x[k],
                s => (point.x[k] + s).clamp(lower[k], upper[k]),
            })
            .collect();
        for (&k, side) in self.problem.kinks().iter().zip(&point.side) {
            if to[k] * side < 0.0 {
                to[k] = 0.0;
            }
        }
        to
    }
}
