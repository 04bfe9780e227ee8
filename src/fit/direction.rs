//! The lockstep's next direction: which parameters may move, and the quasi-Newton step of those.

use bytemuck::Zeroable;
use pulp::Simd;

use super::ladder::{LEVELS, lambda};
use super::lockstep::{Lane, Lockstep, MEMORY, Preconditioner};
use super::vectors::{apply, dot, lane_mut, lane_of, reciprocal_if_curved, subtract};
use crate::Result;
use crate::accelerator::{Damping, End, LaneBlock};

impl<S: Simd> Lockstep<'_, S> {
    /// Parameters held at a bound, on a kink, or fixed.
    #[inline(always)]
    pub(super) fn find_active(&mut self) {
        let simd = self.simd;
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
        let problem = self.run.device.problem();
        let (lower, upper) = (problem.lower(), problem.upper());
        let mut active = one;
        for k in 0..self.x.len() {
            if self.run.job.fixed[k] {
                self.mask[k] = zero;
                continue;
            }
            let low = simd.less_than_or_equal_f64s(self.x[k], simd.splat_f64s(lower[k]));
            let low = simd.and_m64s(low, simd.greater_than_f64s(self.g[k], zero));
            let high = simd.greater_than_or_equal_f64s(self.x[k], simd.splat_f64s(upper[k]));
            let high = simd.and_m64s(high, simd.less_than_f64s(self.g[k], zero));
            self.mask[k] = simd.select_f64s(simd.or_m64s(low, high), zero, one);
            active = simd.min_f64s(active, self.mask[k]);
        }
        for (i, &k) in self.kinks.iter().enumerate() {
            let resting = simd.equal_f64s(self.side[i], zero);
            self.mask[k] = simd.select_f64s(resting, zero, self.mask[k]);
            active = simd.min_f64s(active, self.mask[k]);
        }
        self.any_active = (0..S::F64_LANES).any(|l| lane_of::<S>(&active, l) == 0.0);
    }

    /// Two-loop recursion (Nocedal, Math. Comp. 35 (1980) 773) over the parameters that may move.
    #[inline(always)]
    pub(super) fn find_direction(&mut self) {
        let simd = self.simd;
        let zero = simd.splat_f64s(0.0);
        for ((q, g), m) in self.direction.iter_mut().zip(&*self.g).zip(&*self.mask) {
            *q = simd.mul_f64s(*g, *m);
        }
        let rho = if self.any_active { self.masked_rho() } else { self.rho };
        let mut alpha = [zero; MEMORY];
        for i in 0..MEMORY {
            let slot = (self.newest + MEMORY - i) % MEMORY;
            alpha[slot] = simd.mul_f64s(rho[slot], dot(simd, &self.steps[slot], &self.direction));
            subtract(simd, &mut self.direction, alpha[slot], &self.changes[slot], &self.mask);
        }
        self.solve();
        for i in (0..MEMORY).rev() {
            let slot = (self.newest + MEMORY - i) % MEMORY;
            let beta = simd.mul_f64s(rho[slot], dot(simd, &self.changes[slot], &self.solved));
            let weight = simd.sub_f64s(beta, alpha[slot]);
            subtract(simd, &mut self.solved, weight, &self.steps[slot], &self.mask);
        }
        let twice_edm = dot(simd, &self.g, &self.solved);
        for l in 0..S::F64_LANES {
            let lane = &mut self.lanes[l];
            if lane.task.is_none() || lane.start {
                continue;
            }
            let edm = 0.5 * lane_of::<S>(&twice_edm, l);
            let tolerance = self.run.edm;
            if edm.is_nan() || edm < 0.0 {
                // not a descent direction: evaluate this point again without the pairs
                lane.pairs = false;
                for k in 0..self.solved.len() {
                    *lane_mut::<S>(&mut self.solved[k], l) = 0.0;
                }
                for rho in &mut self.rho {
                    *lane_mut::<S>(rho, l) = 0.0;
                }
                continue;
            }
            lane.edm = edm;
            // twice in a row: the estimate at a point where the pairs mislead is caught by the step
            let close = lane.level == 0 && edm < tolerance;
            if close && (lane.last || edm < 0.01 * tolerance) {
                self.finish(l, End::Converged);
            } else {
                lane.last = close;
            }
        }
    }

    /// 1 / (step . change) over the parameters that may move.
    #[inline(always)]
    fn masked_rho(&self) -> [S::f64s; MEMORY] {
        let simd = self.simd;
        let zero = simd.splat_f64s(0.0);
        let mut all = [zero; MEMORY];
        for (slot, out) in all.iter_mut().enumerate() {
            let (mut sy, mut ss, mut yy) = (zero, zero, zero);
            for k in 0..self.mask.len() {
                let s = simd.mul_f64s(self.steps[slot][k], self.mask[k]);
                let y = simd.mul_f64s(self.changes[slot][k], self.mask[k]);
                sy = simd.mul_add_f64s(s, y, sy);
                ss = simd.mul_add_f64s(s, s, ss);
                yy = simd.mul_add_f64s(y, y, yy);
            }
            let masked = reciprocal_if_curved(simd, sy, ss, yy);
            let held = simd.greater_than_f64s(self.rho[slot], zero);
            *out = simd.select_f64s(held, masked, zero);
        }
        all
    }

    /// `solved = H0(level)^-1 direction` in each lane, masked.
    #[inline(always)]
    fn solve(&mut self) {
        let simd = self.simd;
        if let Some(own) = &mut self.own {
            own.apply(self.run.device, &self.direction, &mut self.solved);
        } else {
            self.solve_shared();
        }
        for (s, m) in self.solved.iter_mut().zip(&*self.mask) {
            *s = simd.mul_f64s(*s, *m);
        }
    }

    /// Each lane's own curvature at its accepted point, where that is the preconditioner.
    #[inline(always)]
    pub(super) fn refresh_own(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else { return Ok(()) };
        let mut damping = S::f64s::zeroed();
        for (l, lane) in self.lanes.iter().enumerate() {
            *lane_mut::<S>(&mut damping, l) = lambda(lane.level);
        }
        let block = LaneBlock {
            parameters: bytemuck::cast_slice(&self.x),
            main: bytemuck::cast_slice(&self.main),
            auxiliary: bytemuck::cast_slice(&self.auxiliary),
        };
        own.refresh(self.run.device, &block, &self.mask, damping)
    }

    #[inline(always)]
    fn solve_shared(&mut self) {
        let simd = self.simd;
        let Preconditioner::Shared(ladder) = self.run.preconditioner else { return };
        let needed = |l: &Lane| l.task.is_some() && !l.start;
        let first = self.lanes.iter().find(|l| needed(l)).map_or(0, |l| l.level);
        apply(simd, ladder.at(first), &self.direction, &mut self.solved);
        for level in 0..LEVELS {
            if level == first || !self.lanes.iter().any(|l| needed(l) && l.level == level) {
                continue;
            }
            apply(simd, ladder.at(level), &self.direction, &mut self.other);
            for l in (0..S::F64_LANES).filter(|&l| self.lanes[l].level == level) {
                for (s, o) in self.solved.iter_mut().zip(&*self.other) {
                    *lane_mut::<S>(s, l) = lane_of::<S>(o, l);
                }
            }
        }
    }
}
