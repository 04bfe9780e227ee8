//! Many fits at once, one per SIMD lane, in lockstep: projected BFGS of small memory whose first
//! inverse Hessian is the expected one, either at the common start and shared by all lanes
//! ([`InverseCurvature`](crate::accelerator::InverseCurvature)), or each lane's own at its accepted point ([`OwnCurvature`]). A finished lane is refilled with the next dataset at once. Each lane's
//! course depends on its own data alone: its bits are the same in any company.

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

use super::ladder::{LEVELS, Ladder};
use super::leave_kink;
use super::own::OwnCurvature;
use super::vectors::{lane_mut, lane_of, reciprocal_if_curved};
use crate::accelerator::{Accelerator, End, FitJob, LaneBlock, LaneValues, Outcome};
use crate::aligned::Aligned;
use crate::{Error, Result};

/// BFGS pairs kept.
pub(super) const MEMORY: usize = 8;
/// Armijo's constant: share of the linear decrease that a step must reach.
const SUFFICIENT: f64 = 1e-4;
/// Rounding of the NLL, relative to 1 + |NLL|.
const ROUNDING: f64 = 1e-13;

/// A fit to be done: which dataset, from where.
pub(super) struct Task<'a> {
    pub(super) fit: usize,
    pub(super) start: &'a [f64],
}

/// The first inverse Hessian of the BFGS updates.
#[derive(Clone, Copy)]
pub(super) enum Preconditioner<'a> {
    Shared(&'a Ladder<'a>),
    Own,
}

/// Fits of a job, in the order of `tasks`.
pub(super) struct Run<'a> {
    pub(super) device: &'a dyn Accelerator,
    pub(super) job: &'a FitJob<'a>,
    pub(super) preconditioner: Preconditioner<'a>,
    pub(super) tasks: &'a [Task<'a>],
    /// A fit that needs more evaluations is left a straggler.
    pub(super) patience: u32,
    /// Distance to the minimum at which a fit has converged.
    pub(super) edm: f64,
}

impl WithSimd for Run<'_> {
    type Output = Result<Vec<Outcome>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        if self.device.lanes() != S::F64_LANES {
            return Err(Error::Unsupported(format!(
                "the {} evaluates {} lanes at a time and brings no minimizer of its own",
                self.device.info().name,
                self.device.lanes()
            )));
        }
        Lockstep::new(simd, self).run()
    }
}

/// What one lane is at.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    /// Index of the task, none once there are no more.
    pub(super) task: Option<usize>,
    /// The point in evaluation is the start.
    pub(super) start: bool,
    /// The distance was below the tolerance before the step to the point in evaluation.
    pub(super) last: bool,
    pub(super) evaluations: u32,
    /// Damping.
    pub(super) level: usize,
    /// BFGS pairs are held.
    pub(super) pairs: bool,
    pub(super) edm: f64,
}

pub(super) struct Lockstep<'a, S: Simd> {
    pub(super) simd: S,
    pub(super) run: Run<'a>,
    pub(super) lanes: Vec<Lane>,
    pub(super) next: usize,
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) own: Option<OwnCurvature<S>>,
    pub(super) kinks: &'a [usize],
    /// Accepted point, its gradient and NLL.
    pub(super) x: Aligned<S::f64s>,
    pub(super) g: Aligned<S::f64s>,
    pub(super) nll: S::f64s,
    /// Point in evaluation.
    pub(super) trial: Aligned<S::f64s>,
    pub(super) trial_g: Aligned<S::f64s>,
    pub(super) trial_nll: S::f64s,
    pub(super) negative_bin: S::f64s,
    pub(super) trial_negative_bin: S::f64s,
    pub(super) jump: Aligned<S::f64s>,
    /// Side of a kink on which the accepted and the trial point lie: -1, +1, or 0 on the kink.
    pub(super) side: Aligned<S::f64s>,
    pub(super) trial_side: Aligned<S::f64s>,
    pub(super) main: Aligned<S::f64s>,
    pub(super) auxiliary: Aligned<S::f64s>,
    /// 1 for parameters that may move, 0 for fixed ones and those held at a bound.
    pub(super) mask: Aligned<S::f64s>,
    pub(super) any_active: bool,
    /// Direction in work.
    pub(super) direction: Aligned<S::f64s>,
    pub(super) solved: Aligned<S::f64s>,
    pub(super) other: Aligned<S::f64s>,
    /// Pairs, a ring of `MEMORY` slots; slot `newest` was written last.
    pub(super) steps: Vec<Aligned<S::f64s>>,
    pub(super) changes: Vec<Aligned<S::f64s>>,
    /// 1 / (step . change), 0 for an empty slot.
    pub(super) rho: [S::f64s; MEMORY],
    pub(super) newest: usize,
}

impl<'a, S: Simd> Lockstep<'a, S> {
    fn new(simd: S, run: Run<'a>) -> Self {
        let problem = run.device.problem();
        let n = problem.n_parameters();
        let kinks = problem.kinks();
        let kinked = if kinks.is_empty() { 0 } else { n };
        let idle = Lane {
            task: None,
            start: true,
            last: false,
            evaluations: 0,
            level: 0,
            pairs: false,
            edm: f64::INFINITY,
        };
        let zero = S::f64s::zeroed();
        let mut lockstep = Self {
            simd,
            lanes: vec![idle; S::F64_LANES],
            next: 0,
            outcomes: run.tasks.iter().map(|_| None).collect(),
            own: match run.preconditioner {
                Preconditioner::Shared(_) => None,
                Preconditioner::Own => Some(OwnCurvature::new(simd, run.device)),
            },
            kinks,
            x: Aligned::new(n),
            g: Aligned::new(n),
            nll: zero,
            trial: Aligned::new(n),
            trial_g: Aligned::new(n),
            trial_nll: zero,
            negative_bin: zero,
            trial_negative_bin: zero,
            jump: Aligned::new(kinked),
            side: Aligned::new(kinks.len()),
            trial_side: Aligned::new(kinks.len()),
            main: Aligned::new(problem.n_main()),
            auxiliary: Aligned::new(problem.n_auxiliary()),
            mask: Aligned::new(n),
            any_active: false,
            direction: Aligned::new(n),
            solved: Aligned::new(n),
            other: Aligned::new(n),
            steps: (0..MEMORY).map(|_| Aligned::new(n)).collect(),
            changes: (0..MEMORY).map(|_| Aligned::new(n)).collect(),
            rho: [zero; MEMORY],
            newest: 0,
            run,
        };
        for l in 0..S::F64_LANES {
            if !lockstep.load(l) {
                // an idle lane repeats the first dataset so that its arithmetic stays ordinary
                lockstep.fill(l, 0);
            }
        }
        lockstep
    }

    /// Put the next dataset into a lane; false where there is none.
    fn load(&mut self, l: usize) -> bool {
        let lane = &mut self.lanes[l];
        lane.start = true;
        lane.last = false;
        lane.evaluations = 0;
        lane.level = 0;
        lane.pairs = false;
        lane.edm = f64::INFINITY;
        lane.task = (self.next < self.run.tasks.len()).then_some(self.next);
        let Some(task) = lane.task else { return false };
        self.next += 1;
        self.fill(l, task);
        true
    }

    fn fill(&mut self, l: usize, task: usize) {
        let (job, Task { fit, start }) = (self.run.job, &self.run.tasks[task]);
        let (n_main, n_auxiliary) = (self.main.len(), self.auxiliary.len());
        for (v, n) in self.main.iter_mut().zip(&job.main[fit * n_main..]) {
            *lane_mut::<S>(v, l) = *n;
        }
        for (v, a) in self.auxiliary.iter_mut().zip(&job.auxiliary[fit * n_auxiliary..]) {
            *lane_mut::<S>(v, l) = *a;
        }
        for (v, x) in self.trial.iter_mut().zip(*start) {
            *lane_mut::<S>(v, l) = *x;
        }
        for rho in &mut self.rho {
            *lane_mut::<S>(rho, l) = 0.0;
        }
    }

    /// Record how a lane ended, at the accepted point, and refill it.
    pub(super) fn finish(&mut self, l: usize, end: End) {
        let lane = self.lanes[l];
        if let Some(task) = lane.task {
            let point = if end == End::NotFinite { &self.trial } else { &self.x };
            self.outcomes[task] = Some(Outcome {
                parameters: point.iter().map(|v| lane_of::<S>(v, l)).collect(),
                nll: lane_of::<S>(&self.nll, l),
                edm: lane.edm,
                evaluations: lane.evaluations,
                negative_bin: lane_of::<S>(&self.negative_bin, l) as i32,
                end,
            });
        }
        self.load(l);
    }

    #[inline(always)]
    fn run(mut self) -> Result<Vec<Outcome>> {
        while self.lanes.iter().any(|l| l.task.is_some()) {
            self.evaluate()?;
            self.settle_kinks();
            self.accept_or_reject();
            self.find_active();
            self.refresh_own()?;
            self.find_direction();
            self.step();
        }
        Ok(self.outcomes.into_iter().flatten().collect())
    }

    fn evaluate(&mut self) -> Result<()> {
        let block = LaneBlock {
            parameters: bytemuck::cast_slice(&self.trial),
            main: bytemuck::cast_slice(&self.main),
            auxiliary: bytemuck::cast_slice(&self.auxiliary),
        };
        let mut values = LaneValues {
            nll: bytemuck::cast_slice_mut(std::slice::from_mut(&mut self.trial_nll)),
            gradient: bytemuck::cast_slice_mut(&mut self.trial_g),
            jump: bytemuck::cast_slice_mut(&mut self.jump),
            negative_bin: bytemuck::cast_slice_mut(std::slice::from_mut(
                &mut self.trial_negative_bin,
            )),
        };
        self.run.device.evaluate(&block, &mut values)
    }

    /// On a kink, choose the side that goes down, or stay: the likelihood is stationary where 0 lies
    /// between the derivatives of the two sides.
    fn settle_kinks(&mut self) {
        for (i, &k) in self.kinks.iter().enumerate() {
            for l in 0..S::F64_LANES {
                let x = lane_of::<S>(&self.trial[k], l);
                let g = lane_mut::<S>(&mut self.trial_g[k], l);
                let side = lane_mut::<S>(&mut self.trial_side[i], l);
                if x != 0.0 {
                    *side = x.signum();
                    continue;
                }
                let (right, left) = (*g, *g - lane_of::<S>(&self.jump[k], l));
                (*g, *side) = leave_kink(right, left);
            }
        }
    }

    #[inline(always)]
    fn accept_or_reject(&mut self) {
        let simd = self.simd;
        let zero = simd.splat_f64s(0.0);
        let mut slope = zero;
        for ((g, t), x) in self.g.iter().zip(&*self.trial).zip(&*self.x) {
            slope = simd.mul_add_f64s(*g, simd.sub_f64s(*t, *x), slope);
        }
        // 1 where the trial point becomes the accepted one, 1 where it also gives a pair
        let (mut accept, mut pair) = (zero, zero);
        for l in 0..S::F64_LANES {
            let (old, new) = (lane_of::<S>(&self.nll, l), lane_of::<S>(&self.trial_nll, l));
            let slope = lane_of::<S>(&slope, l);
            let lane = &mut self.lanes[l];
            lane.evaluations += 1;
            let slack = ROUNDING * (1.0 + old.abs());
            let enough = new <= old + SUFFICIENT * slope.min(0.0) + slack;
            if new.is_finite() && (lane.start || enough) {
                *lane_mut::<S>(&mut accept, l) = 1.0;
                if !lane.start {
                    *lane_mut::<S>(&mut pair, l) = 1.0;
                    if (old - new) > 0.6 * (-0.5 * slope) {
                        lane.level = lane.level.saturating_sub(1);
                    }
                }
            }
        }
        self.remember(pair);
        let take = simd.greater_than_f64s(accept, zero);
        for (x, t) in self.x.iter_mut().zip(&*self.trial) {
            *x = simd.select_f64s(take, *t, *x);
        }
        for (g, t) in self.g.iter_mut().zip(&*self.trial_g) {
            *g = simd.select_f64s(take, *t, *g);
        }
        for (s, t) in self.side.iter_mut().zip(&*self.trial_side) {
            *s = simd.select_f64s(take, *t, *s);
        }
        self.nll = simd.select_f64s(take, self.trial_nll, self.nll);
        self.negative_bin = simd.select_f64s(take, self.trial_negative_bin, self.negative_bin);
        for l in 0..S::F64_LANES {
            let accepted = lane_of::<S>(&accept, l) > 0.0;
            self.decide(l, accepted);
        }
    }

    /// What becomes of a lane after its evaluation.
    fn decide(&mut self, l: usize, accepted: bool) {
        let lane = &mut self.lanes[l];
        if lane.task.is_none() {
            return;
        }
        if lane.start && !accepted {
            return self.finish(l, End::NotFinite);
        }
        let had_start = std::mem::take(&mut lane.start);
        if lane.last && !accepted {
            // only rounding is left to gain
            return self.finish(l, End::Converged);
        }
        if lane.evaluations >= self.run.patience {
            return self.finish(l, End::Straggler);
        }
        if accepted {
            lane.pairs |= !had_start;
        } else if lane.pairs {
            // the pairs led astray: the next step is by the expected curvature alone
            lane.pairs = false;
            for rho in &mut self.rho {
                *lane_mut::<S>(rho, l) = 0.0;
            }
        } else if lane.level + 1 < LEVELS {
            lane.level += 1;
        } else {
            self.finish(l, End::Straggler);
        }
    }

    /// Store the step from the accepted to the trial point in the lanes where `pair` is 1; in the
    /// others the slot is empty.
    #[inline(always)]
    fn remember(&mut self, pair: S::f64s) {
        let simd = self.simd;
        let zero = simd.splat_f64s(0.0);
        let on = simd.greater_than_f64s(pair, zero);
        self.newest = (self.newest + 1) % MEMORY;
        let (steps, changes) = (&mut self.steps[self.newest], &mut self.changes[self.newest]);
        let (mut sy, mut ss, mut yy) = (zero, zero, zero);
        for k in 0..self.x.len() {
            let s = simd.select_f64s(on, simd.sub_f64s(self.trial[k], self.x[k]), zero);
            let y = simd.select_f64s(on, simd.sub_f64s(self.trial_g[k], self.g[k]), zero);
            steps[k] = s;
            changes[k] = y;
            sy = simd.mul_add_f64s(s, y, sy);
            ss = simd.mul_add_f64s(s, s, ss);
            yy = simd.mul_add_f64s(y, y, yy);
        }
        self.rho[self.newest] = reciprocal_if_curved(simd, sy, ss, yy);
    }

    /// The next points to evaluate; lanes at their start keep it.
    #[inline(always)]
    fn step(&mut self) {
        let simd = self.simd;
        let zero = simd.splat_f64s(0.0);
        let problem = self.run.device.problem();
        let (lower, upper) = (problem.lower(), problem.upper());
        let mut running = zero;
        for l in 0..S::F64_LANES {
            let go = self.lanes[l].task.is_some() && !self.lanes[l].start;
            *lane_mut::<S>(&mut running, l) = if go { 1.0 } else { 0.0 };
        }
        let running = simd.greater_than_f64s(running, zero);
        for k in 0..self.x.len() {
            if self.run.job.fixed[k] {
                continue;
            }
            let to = simd.sub_f64s(self.x[k], self.solved[k]);
            let to = simd.max_f64s(to, simd.splat_f64s(lower[k]));
            let to = simd.min_f64s(to, simd.splat_f64s(upper[k]));
            self.trial[k] = simd.select_f64s(running, to, self.trial[k]);
        }
        for (i, &k) in self.kinks.iter().enumerate() {
            // a step across a kink ends on it
            let across = simd.less_than_f64s(simd.mul_f64s(self.trial[k], self.side[i]), zero);
            let across = simd.and_m64s(across, running);
            self.trial[k] = simd.select_f64s(across, zero, self.trial[k]);
        }
    }
}
