// The lockstep minimizer: a block takes one fit after the other from the queue and leaves it when it is
// done. The twin of `src/fit/lockstep.rs`, where the method is described.
#pragma once
#include "direction.cuh"
#include "nll.cuh"

// share of the linear decrease that a step must reach
constexpr double SUFFICIENT = 1e-4;
// words of a fit's result, after the counters: how it stands, evaluations, distance to the minimum (f32
// bits; of a fit that waits, the level wanted), first negative bin plus one
constexpr u32 RESULT = 4;

// The next fit in line that this stage is for, of the first `budget`; NONE when there are no more.
INLINE u32 take_next(const Header &h, u32 *control) {
  __shared__ u32 taken;
  if (threadIdx.x == 0) {
    u32 next;
    bool wanted;
    do {
      next = atomicAdd(control, 1u);
      wanted = true;
      if (next < h.budget) {
        const u32 how = control[h.c_results + next * RESULT];
        wanted = h.stage == 0 ? how == RUNNING || how == WAITING : how == STRAGGLER;
      }
    } while (!wanted);
    taken = next < h.budget ? next : NONE;
  }
  barrier();
  const u32 next = taken;
  barrier();
  return next;
}

INLINE Lane load_start(const Header &h, const Slot &s, double *rho, const double *start) {
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const double x = start[k];
    s.reals[h.r_x + k] = x;
    s.reals[h.r_trial + k] = x;
    s.lows[h.l_g + k] = 0.0;
  }
  if (threadIdx.x == 0) forget_pairs(rho);
  Lane lane;
  lane.verdict = RUNNING;
  lane.evaluations = 0;
  lane.level = 0;
  lane.newest = 0;
  lane.negative_bin = 0;
  lane.start = true;
  lane.close = false;
  lane.pairs = false;
  lane.accepted = false;
  lane.nll = 0.0;
  lane.edm = 1e30;
  return lane;
}

// Where a parameter lies on a kink: the derivative to go by is that of the steeper side that leads down,
// or 0 where the likelihood rises to both.
INLINE void settle_kinks(const Header &h, const Slot &s) {
  if (h.kinked == 0) return;
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    if (!has_kink(h, s, k)) continue;
    const double x = s.reals[h.r_trial + k];
    double side = x < 0.0 ? -1.0 : 1.0;
    if (x == 0.0) {
      const double right = s.lows[h.l_gradient + k];
      const double left = right - s.lows[h.l_jump + k];
      double slope = 0.0;
      side = 0.0;
      if (right < 0.0 && -right >= left) {
        slope = right;
        side = 1.0;
      } else if (left > 0.0) {
        slope = left;
        side = -1.0;
      }
      s.lows[h.l_gradient + k] = slope;
    }
    s.lows[h.l_trial_side + k] = side;
  }
}

// Store the step from the accepted to the trial point.
INLINE void remember(const Header &h, const Slot &s, Lane &lane, double *rho, const Four &total) {
  lane.newest = (lane.newest + 1) % MEMORY;
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const u32 place = MEMORY * k + lane.newest;
    s.lows[h.l_steps + place] = s.reals[h.r_trial + k] - s.reals[h.r_x + k];
    s.lows[h.l_changes + place] = s.lows[h.l_gradient + k] - s.lows[h.l_g + k];
  }
  if (threadIdx.x == 0) rho[lane.newest] = reciprocal_if_curved(total.y, total.z, total.w);
}

// What becomes of a fit after its evaluation.
INLINE void decide(const Header &h, Lane &lane, double *rho) {
  const bool first = lane.start;
  lane.start = false;
  if (first && !lane.accepted) {
    lane.verdict = NOT_FINITE;
  } else if (lane.close && !lane.accepted) {
    // only rounding is left to gain
    lane.verdict = CONVERGED;
  } else if (lane.evaluations >= h.patience) {
    lane.verdict = STRAGGLER;
  } else if (lane.accepted) {
    if (!first) lane.pairs = true;
  } else if (lane.pairs) {
    // the pairs led astray: the next step is by the expected curvature alone
    lane.pairs = false;
    if (threadIdx.x == 0) forget_pairs(rho);
  } else if (lane.level + 1 < LEVELS) {
    lane.level += 1;
  } else {
    lane.verdict = STRAGGLER;
  }
}

// The trial point against the accepted one: is it good enough, and what becomes of the fit?
INLINE void accept_or_reject(const Header &h, const Slot &s, Lane &lane, double *rho, const Value &value) {
  // slope along the step, and the products of the pair it would make
  Four sum = {0.0, 0.0, 0.0, 0.0};
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const double g = s.lows[h.l_g + k];
    const double step = s.reals[h.r_trial + k] - s.reals[h.r_x + k];
    const double change = s.lows[h.l_gradient + k] - g;
    sum.x += g * step;
    sum.y += step * change;
    sum.z += step * step;
    sum.w += change * change;
  }
  const Four total = sums_of_all(sum);
  lane.evaluations += 1;
  lane.accepted = !not_finite(value.nll);
  if (!lane.start && lane.accepted) {
    const double change = value.nll - lane.nll;
    const double slack = (double)__uint_as_float(h.rounding) * (1.0 + fabs(lane.nll));
    const double expected = total.x < 0.0 ? total.x : 0.0;
    lane.accepted = change <= SUFFICIENT * expected + slack;
    if (lane.accepted && -change > -0.3 * total.x && lane.level > 0) lane.level -= 1;
  }
  if (lane.accepted) {
    if (!lane.start) remember(h, s, lane, rho, total);
    ROLLED
    for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
      s.reals[h.r_x + k] = s.reals[h.r_trial + k];
      s.lows[h.l_g + k] = s.lows[h.l_gradient + k];
      if (has_kink(h, s, k)) s.lows[h.l_side + k] = s.lows[h.l_trial_side + k];
    }
    lane.nll = value.nll;
    lane.negative_bin = value.negative_bin + 1;
  }
  decide(h, lane, rho);
  barrier();
}

// The next point to evaluate.
INLINE void step(const Header &h, const Slot &s, const u32 *job_index) {
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    if (job_index[k] == 1) continue;
    const double lower = s.numbers[h.f_lower + k], upper = s.numbers[h.f_upper + k];
    double to = s.reals[h.r_x + k] - s.lows[h.l_solved + k];
    to = to < lower ? lower : to;
    to = upper < to ? upper : to;
    if (has_kink(h, s, k)) {
      // a step across a kink ends on it
      const double side = s.lows[h.l_side + k];
      const bool across = side > 0.0 ? to < 0.0 : to > 0.0;
      if (side != 0.0 && across) to = 0.0;
    }
    s.reals[h.r_trial + k] = to;
  }
}

// Record how a fit ended, at the accepted point.
INLINE void store(const Header &h, const Slot &s, const Lane &lane, double *row, u32 *words) {
  const u32 n = h.n_parameters;
  ROLLED
  for (u32 k = threadIdx.x; k < n; k += threads()) row[k] = s.reals[h.r_x + k];
  if (threadIdx.x == 0) {
    row[n] = lane.nll;
    words[0] = lane.verdict;
    words[1] += lane.evaluations;
    words[2] = __float_as_uint((float)lane.edm);
    words[3] = lane.negative_bin;
  }
}

// One fit from its start to its end.
INLINE Lane minimize(const Header &h, const Slot &s, double *rho, const double *start, const u32 *job_index,
                     const double *job_numbers) {
  Lane lane = load_start(h, s, rho, start);
  while (true) {
    const Value value = likelihood(h, s);
    settle_kinks(h, s);
    accept_or_reject(h, s, lane, rho, value);
    if (lane.verdict != RUNNING) break;
    if (h.stage == 0 && lane.level >= h.levels) {
      lane.verdict = WAITING;
      break;
    }
    find_active(h, s, job_index);
    if (h.stage == 1) refresh_own(h, s, lane.accepted, lane.level);
    find_direction(h, s, lane, rho, job_index, job_numbers);
    if (lane.verdict != RUNNING) break;
    step(h, s, job_index);
  }
  return lane;
}

// control: the next fit in line, then from c_results on the results' words; results: parameters and NLL,
// [n_fits, n_parameters + 1]; job_index: fixed parameters, then the ladder (ladder.cuh)
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    fit(const Header h, u32 resident, const u32 *__restrict__ index, const double *__restrict__ numbers,
        const double *__restrict__ main, const double *__restrict__ auxiliary,
        const double *__restrict__ start, double *reals, double *lows, double *results, u32 *control,
        const u32 *__restrict__ job_index, const double *__restrict__ job_numbers) {
  // 1 / (step . change) of each pair, 0 for an empty one
  __shared__ double rho[MEMORY];
  Slot s;
  s.index = index;
  s.numbers = numbers;
  s.nominal = numbers + h.f_nominal;
  take_slot(h, s, resident, reals, lows);
  while (true) {
    const u32 number = take_next(h, control);
    if (number == NONE) break;
    s.main = main + (u64)number * h.n_main;
    s.auxiliary = auxiliary + (u64)number * h.n_auxiliary;
    double *row = results + (u64)number * (h.n_parameters + 1);
    u32 *words = control + h.c_results + number * RESULT;
    // the second stage goes on where the first one ended
    const double *from = h.stage == 0 ? start + (u64)number * h.start_stride : row;
    const Lane lane = minimize(h, s, rho, from, job_index, job_numbers);
    if (lane.verdict == WAITING) {
      if (threadIdx.x == 0) {
        words[0] = WAITING;
        words[2] = lane.level + 1;
      }
    } else {
      store(h, s, lane, row, words);
    }
  }
}
