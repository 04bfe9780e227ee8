// The next direction: which parameters may move, and the quasi-Newton step of those. The twin of
// `src/fit/direction.rs`. The two-loop recursion runs on the scalar products of the pairs, gathered in
// one go, so that a direction needs a handful of barriers instead of a reduction for every pair.
#pragma once
#include "ladder.cuh"
#include "lane.cuh"
#include "own.cuh"

// [i, j] step_i . change_j for j no older than i, then step_i . g, step_i . step_i, change_i . change_i
constexpr u32 GRAM = MEMORY * (MEMORY + 3);
// shares of each scalar product with the solved direction
INLINE u32 n_shares() { return threads() / 16; }

struct Recursion {
  double gram[GRAM];
  // coefficients of the changes in the first loop, of the steps in the second
  double alpha[MEMORY];
  double weight[MEMORY];
  double masked_rho[MEMORY];
  double shares[W];
  // what thread 0 has found
  double edm;
  u32 forget;
};

// Parameters held at a bound, on a kink, or fixed have mask 0.
INLINE void find_active(const Header &h, const Slot &s, const u32 *job_index) {
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const double x = s.reals[h.r_x + k];
    const double g = s.lows[h.l_g + k];
    const bool low_bound = !(s.numbers[h.f_lower + k] < x) && g > 0.0;
    const bool high_bound = !(x < s.numbers[h.f_upper + k]) && g < 0.0;
    const bool resting = has_kink(h, s, k) && s.lows[h.l_side + k] == 0.0;
    const bool held = job_index[k] == 1 || low_bound || high_bound || resting;
    s.lows[h.l_mask + k] = held ? 0.0 : 1.0;
  }
  barrier();
}

// pair of age `a`, 0 the newest
INLINE u32 pair_of_age(u32 newest, u32 a) { return (newest + MEMORY - a) % MEMORY; }

INLINE double scalar_product(const Header &h, const Slot &s, const double *rho, u32 d) {
  const u32 i = d < MEMORY * MEMORY ? d / MEMORY : d % MEMORY;
  const u32 j = d % MEMORY;
  if (rho[i] == 0.0 || rho[j] == 0.0) return 0.0;
  // parameters outside, pairs inside: neighbours in a warp read neighbours in memory
  const double *a = s.lows + h.l_steps + i;
  const double *b = s.lows + h.l_changes + j;
  u32 stride = MEMORY;
  if (d >= MEMORY * (MEMORY + 2)) {
    a = b;
  } else if (d >= MEMORY * (MEMORY + 1)) {
    b = a;
  } else if (d >= MEMORY * MEMORY) {
    b = s.lows + h.l_g;
    stride = 1;
  }
  double sum = 0.0;
  for (u32 k = 0; k < h.n_parameters; k += 1) {
    sum += s.lows[h.l_mask + k] * *a * *b;
    a += MEMORY;
    b += stride;
  }
  return sum;
}

INLINE void first_loop(Recursion &r, const double *rho, u32 newest) {
  ROLLED
  for (u32 a = 0; a < MEMORY; a += 1) {
    const u32 i = pair_of_age(newest, a);
    r.masked_rho[i] = 0.0;
    r.alpha[i] = 0.0;
    if (rho[i] == 0.0) continue;
    const double curved = reciprocal_if_curved(r.gram[i * MEMORY + i], r.gram[MEMORY * (MEMORY + 1) + i],
                                               r.gram[MEMORY * (MEMORY + 2) + i]);
    double product = r.gram[MEMORY * MEMORY + i];
    ROLLED
    for (u32 younger = 0; younger < a; younger += 1) {
      const u32 j = pair_of_age(newest, younger);
      product -= r.alpha[j] * r.gram[i * MEMORY + j];
    }
    r.masked_rho[i] = curved;
    r.alpha[i] = curved * product;
  }
}

// the share of each product that the groups of 16 threads found
INLINE double gather(const Recursion &r, u32 d) {
  double sum = r.shares[d];
  for (u32 i = 1; i < n_shares(); i += 1) sum += r.shares[16 * i + d];
  return sum;
}

INLINE void second_loop(Recursion &r, double *rho, u32 newest) {
  double twice_edm = gather(r, MEMORY);
  ROLLED
  for (u32 age = MEMORY; age > 0; age -= 1) {
    const u32 i = pair_of_age(newest, age - 1);
    double weight = 0.0;
    if (r.masked_rho[i] != 0.0) {
      double product = gather(r, i);
      ROLLED
      for (u32 older = age; older < MEMORY; older += 1) {
        const u32 j = pair_of_age(newest, older);
        product += r.weight[j] * r.gram[j * MEMORY + i];
      }
      weight = r.alpha[i] - r.masked_rho[i] * product;
      twice_edm += weight * r.gram[MEMORY * MEMORY + i];
    }
    r.weight[i] = weight;
  }
  const double distance = 0.5 * twice_edm;
  const bool uphill = not_finite(distance) || distance < 0.0;
  if (uphill) forget_pairs(rho);
  r.edm = distance;
  r.forget = uphill ? 1 : 0;
}

// Two-loop recursion (Nocedal, Math. Comp. 35 (1980) 773) over the parameters that may move; leaves the
// step in l_solved, the distance to the minimum in the lane, and may end the fit.
INLINE void find_direction(const Header &h, const Slot &s, Lane &lane, double *rho, const u32 *job_index,
                           const double *job_numbers) {
  __shared__ Recursion r;
  const u32 n = h.n_parameters;
  ROLLED
  for (u32 d = threadIdx.x; d < GRAM; d += threads()) r.gram[d] = scalar_product(h, s, rho, d);
  barrier();
  if (threadIdx.x == 0) first_loop(r, rho, lane.newest);
  barrier();
  ROLLED
  for (u32 k = threadIdx.x; k < n; k += threads()) {
    double q = s.lows[h.l_g + k];
    for (u32 i = 0; i < MEMORY; i += 1) {
      if (r.alpha[i] != 0.0) q -= r.alpha[i] * s.lows[h.l_changes + MEMORY * k + i];
    }
    s.lows[h.l_direction + k] = s.lows[h.l_mask + k] * q;
  }
  barrier();
  if (h.stage == 0) {
    solve_shared(h, s, lane.level, job_index, job_numbers);
  } else {
    solve_own(h, s);
  }
  // change_i . solved and g . solved
  const u32 d = threadIdx.x % 16;
  double sum = 0.0;
  if (d == MEMORY || (d < MEMORY && rho[d % MEMORY] != 0.0)) {
    const u32 stride = d == MEMORY ? 1 : MEMORY;
    const double *v = s.lows + (d == MEMORY ? h.l_g : h.l_changes + d);
    ROLLED
    for (u32 k = threadIdx.x / 16; k < n; k += n_shares()) sum += v[stride * k] * s.lows[h.l_solved + k];
  }
  r.shares[threadIdx.x] = sum;
  barrier();
  if (threadIdx.x == 0) second_loop(r, rho, lane.newest);
  barrier();
  const bool stay = r.forget == 1;
  ROLLED
  for (u32 k = threadIdx.x; k < n; k += threads()) {
    double to = s.lows[h.l_solved + k];
    for (u32 i = 0; i < MEMORY; i += 1) {
      if (r.weight[i] != 0.0) {
        to += r.weight[i] * s.lows[h.l_mask + k] * s.lows[h.l_steps + MEMORY * k + i];
      }
    }
    // not a descent direction: this point again, without the pairs
    s.lows[h.l_solved + k] = stay ? 0.0 : to;
  }
  if (stay) {
    lane.pairs = false;
    return;
  }
  lane.edm = r.edm;
  // twice in a row: the estimate at a point where the pairs mislead is caught by the step
  const double tolerance = (double)__uint_as_float(h.tolerance);
  const bool near = lane.level == 0 && lane.edm < tolerance;
  if (near && (lane.close || lane.edm < 0.01 * tolerance)) {
    lane.verdict = CONVERGED;
  } else {
    lane.close = near;
  }
}
