// Unbinned likelihoods: sums over events under a mixture of densities, which are worked out here. The twin of
// `shaders/events.wgsl`; the formulas are those of `src/unbinned/kernel/` (columns in which the logarithms of the
// densities are linear around the point), the table's places those of `src/accelerator/events.rs`. Shares of
// events are one block's each and are joined by their number: any number of blocks gives the same bits.
#pragma once
#include "block.cuh"
#include "real.cuh"
#include "reduce.cuh"

// most events of a share: SHARE in src/accelerator/cuda/events.rs
constexpr u32 EVENTS = 512;
// stands for minus infinity
constexpr double ABSENT = -1e37;
// sizes of logarithms beyond which the processor works them out
constexpr double MODERATE = 1e30;
// exponents that stay within f64
constexpr double HIGHEST = 600.0;
constexpr double LEAST_NORMAL = 2.2250738585072014e-308;
constexpr u32 H_PROCESSES = 1, H_EVENTS = 2, H_SHARES = 3, H_COLUMNS = 5, H_WEIGHTED = 6, H_TERMS = 8, H_SHAPES = 9,
              H_MOMENTS = 10, H_ROWS = 11, H_NUMBERS = 12, H_LIST = 13, H_WORDS = 14;
constexpr u32 P_FORM = 0, P_NUMBERS = 1, P_SLOPES = 2, P_CURVES = 3, P_TERM = 4, P_SHAPE = 5, P_KIND = 6,
              P_COUNT = 7, P_TABLE = 8, P_LOGARITHM = 9, P_WORDS = 10;
constexpr u32 FORM_GIVEN = 0, FORM_POWERS = 1, FORM_ARGUS = 2, FORM_CAUCHY = 3, FORM_PEAK = 4,
              FORM_COLUMNS = 6;
constexpr u32 CHEBYSHEV = 0, POWERS = 1;

INLINE double not_a_number() { return of_bits(0x7ff8000000000000ull); }

// One process: its words, the whole table, its numbers after its two levels, and where its columns of an event go.
struct Density {
  const u32 *__restrict__ p;
  const u32 *__restrict__ plan;
  const double *__restrict__ v;
  double *out;
};

INLINE void put(const Density &d, u32 column, double value) { d.out[(u64)column * EVENTS] = value; }

// ln(1 + x) for x >= 0, with all digits where x is small
INLINE double logarithm_of_one_and(double x) {
  const double q = 1.0 + x;
  return logarithm(q) + (x - (q - 1.0)) / q;
}

INLINE double event_powers(const Density &d, double t) {
  const double origin = d.v[0], inverse = d.v[1], c1 = d.v[2], c2 = d.v[3];
  const bool logarithmic = d.p[P_LOGARITHM] == 1;
  double log = t;
  if (logarithmic) {
    const double x = __fma_rn(t, d.v[5], d.v[4]);
    if (!(x >= LEAST_NORMAL)) return not_a_number();
    log = logarithm(x);
  }
  const double y = __dmul_rn(log - origin, inverse);
  if (d.p[P_SLOPES] > 0) {
    put(d, 0, y);
    if (d.p[P_KIND] == 2) put(d, 1, __dmul_rn(y, y));
  }
  const double s = __dmul_rn(__fma_rn(c2, y, c1), y);
  return logarithmic ? s - log : s;
}

INLINE double event_argus(const Density &d, double t) {
  const double m = d.v[0], q = d.v[1], k = d.v[2], p = d.v[3], c = d.v[4], pile = d.v[5];
  const double s = __dmul_rn(__dmul_rn(m - t, q + t), k);
  const double x = __fma_rn(t, d.v[7], d.v[6]);
  const bool inside = s >= LEAST_NORMAL && x >= LEAST_NORMAL;
  const double log = inside ? logarithm(s) : 0.0;
  const double beyond = inside ? s - pile : 0.0;
  if (d.p[P_SLOPES] > 0) {
    put(d, 0, log);
    put(d, 1, beyond);
  }
  if (!inside) return ABSENT;
  return __fma_rn(p, log, __dmul_rn(c, beyond)) + logarithm(x);
}

INLINE double event_cauchy(const Density &d, double t) {
  const double away = __dmul_rn(t - d.v[0], d.v[1]);
  const double q = __fma_rn(away, away, 1.0);
  if (d.p[P_SLOPES] > 0) {
    const double v = 1.0 / q;
    const double both = __dmul_rn(away, v);
    put(d, 0, both);
    put(d, 1, v);
    if (d.p[P_CURVES] > 0) {
      put(d, 2, __dmul_rn(v, v));
      put(d, 3, __dmul_rn(both, v));
    }
  }
  return -logarithm(q);
}

// A quantity of one side of a crystal ball, to where the table wants it.
INLINE void put_quantity(const Density &d, u32 quantity, u32 side, double value) {
  const u32 column = d.plan[d.p[P_TABLE] + 2 * quantity + side];
  if (column != NONE) put(d, column, value);
}

INLINE double event_peak(const Density &d, double t) {
  const u32 columns = d.p[P_SLOPES] + d.p[P_CURVES];
  ROLLED
  for (u32 k = 0; k < columns; k += 1) put(d, k, 0.0);
  const u32 side = t < d.v[0] ? 0 : 1;
  const double *v = d.v + 1 + 7 * side;
  const double alpha = v[1], n = v[2], inverse_n = v[3], ratio = v[4], inverse = v[5];
  const double sign = side == 0 ? -1.0 : 1.0;
  const double u = __dmul_rn(__dmul_rn(t - d.v[0], v[0]), sign);
  double log = __dmul_rn(-0.5, __dmul_rn(u, u));
  // first and second derivatives in u, alpha and n
  double f_u = -u, f_a = 0.0, f_n = 0.0, f_uu = -1.0, f_ua = 0.0, f_un = 0.0, f_aa = 0.0, f_an = 0.0, f_nn = 0.0;
  if (u > alpha) {
    const double delta = __dmul_rn(ratio, u - alpha);
    const double q_inverse = 1.0 / (1.0 + delta);
    const double ln_q = logarithm_of_one_and(delta);
    const double square = __dmul_rn(q_inverse, q_inverse);
    const double way = __dmul_rn(u - (alpha + alpha), q_inverse);
    const double share = __dmul_rn(delta, q_inverse);
    const double per_n = __dmul_rn(way, inverse_n);
    log = __fma_rn(-n, ln_q, v[6]);
    f_u = -__dmul_rn(alpha, q_inverse);
    f_a = -(alpha + way);
    f_n = share - ln_q;
    f_uu = __dmul_rn(__dmul_rn(alpha, ratio), square);
    f_ua = __dmul_rn(__dmul_rn(alpha, q_inverse), per_n) - q_inverse;
    f_un = -__dmul_rn(__dmul_rn(ratio, q_inverse), share);
    f_aa = (q_inverse + q_inverse - 1.0) + __dmul_rn(way, per_n);
    f_an = -__dmul_rn(per_n, share);
    f_nn = __dmul_rn(__dmul_rn(share, share), inverse_n);
  }
  if (d.p[P_SLOPES] == 0) return log;
  const double by_mu = -__dmul_rn(sign, inverse);
  const double by_sigma = -__dmul_rn(u, inverse);
  put_quantity(d, 0, side, __dmul_rn(f_u, by_mu));
  put_quantity(d, 1, side, __dmul_rn(f_u, by_sigma));
  put_quantity(d, 2, side, f_a);
  put_quantity(d, 3, side, f_n);
  if (d.p[P_CURVES] == 0) return log;
  const double two = __dmul_rn(inverse, inverse);
  put_quantity(d, 4, side, __dmul_rn(f_uu, two));
  put_quantity(d, 5, side, -__dmul_rn(__dmul_rn(__fma_rn(u, f_uu, f_u), by_mu), inverse));
  put_quantity(d, 6, side, __dmul_rn(__dmul_rn(__fma_rn(u, f_uu, f_u + f_u), u), two));
  put_quantity(d, 7, side, __dmul_rn(f_ua, by_mu));
  put_quantity(d, 8, side, __dmul_rn(f_ua, by_sigma));
  put_quantity(d, 9, side, f_aa);
  put_quantity(d, 10, side, __dmul_rn(f_un, by_mu));
  put_quantity(d, 11, side, __dmul_rn(f_un, by_sigma));
  put_quantity(d, 12, side, f_an);
  put_quantity(d, 13, side, f_nn);
  return log;
}

INLINE double whole_power(double x, u32 k) {
  double power = 1.0;
  ROLLED
  while (k > 0) {
    if ((k & 1) == 1) power = __dmul_rn(power, x);
    x = __dmul_rn(x, x);
    k >>= 1;
  }
  return power;
}

INLINE double event_series(const Density &d, double t) {
  const u32 basis = d.p[P_KIND], count = d.p[P_COUNT];
  // -1 .. 1 over the window
  const double u = __dmul_rn(t - d.v[0], d.v[1]);
  const double x = __fma_rn(t, d.v[3], d.v[2]);
  const double share = __fma_rn(0.5, u, 0.5), rest = __fma_rn(-0.5, u, 0.5);
  const bool wanted = d.p[P_SLOPES] > 0;
  double sum = basis == CHEBYSHEV ? 1.0 : 0.0;
  double before = 1.0, now = basis == CHEBYSHEV ? u : 1.0;
  ROLLED
  for (u32 k = 0; k < count; k += 1) {
    double f = now;
    if (basis == CHEBYSHEV) {
      const double next = __fma_rn(u + u, now, -before);
      before = now;
      now = next;
    } else if (basis == POWERS) {
      now = __dmul_rn(now, x);
    } else {
      f = __dmul_rn(d.v[4 + count + k], __dmul_rn(whole_power(share, k), whole_power(rest, count - 1 - k)));
    }
    sum = __fma_rn(d.v[4 + k], f, sum);
    const u32 column = d.plan[d.p[P_TABLE] + k];
    if (wanted && column != NONE) put(d, column, f);
  }
  const bool fine = sum >= LEAST_NORMAL && sum < 1e300;
  const double inverse = fine ? 1.0 / sum : 0.0;
  ROLLED
  for (u32 k = 0; k < d.p[P_SLOPES]; k += 1) put(d, k, __dmul_rn(d.out[(u64)k * EVENTS], inverse));
  return fine ? logarithm(sum) : not_a_number();
}

// What `flow_columns` made.
INLINE double event_columns(const Density &d, const double *__restrict__ data, u32 n_events, u64 event) {
  const double *column = data + (u64)d.p[P_KIND] * n_events + event;
  const u32 columns = d.p[P_SLOPES] + d.p[P_CURVES];
  ROLLED
  for (u32 k = 0; k < columns; k += 1) put(d, k, column[(u64)(1 + k) * n_events]);
  return column[0];
}

// The logarithm of a process' density but for what all events share, its columns put; ABSENT where it is 0.
INLINE double log_density_of(const Density &d, const double *__restrict__ data, u32 n_events, u64 event) {
  if (d.p[P_FORM] == FORM_GIVEN) return data[(u64)d.p[P_KIND] * n_events + event];
  if (d.p[P_FORM] == FORM_COLUMNS) return event_columns(d, data, n_events, event);
  const double t = data[event];
  if (d.p[P_FORM] == FORM_POWERS) return event_powers(d, t);
  if (d.p[P_FORM] == FORM_ARGUS) return event_argus(d, t);
  if (d.p[P_FORM] == FORM_CAUCHY) return event_cauchy(d, t);
  if (d.p[P_FORM] == FORM_PEAK) return event_peak(d, t);
  return event_series(d, t);
}

INLINE bool is_absent(double x) { return x < 0.5 * ABSENT; }

// plan: the table's words, then of each share its first event, its events and its point; numbers: the table's, of each
// point; data: [columns, n_events]; scratch: [blocks, columns, EVENTS];
// partials: (sum, lost) of [1 + moments, n_shares], the log-likelihood and sums of products; counts: (events
// without density, NONE or 0 where a number is beyond the formulas) of each share
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    event_shares(const u32 *__restrict__ plan, const double *__restrict__ all_numbers,
                 const double *__restrict__ data, double *scratch, double *partials, u32 *counts) {
  const u32 processes = plan[H_PROCESSES], n_events = plan[H_EVENTS], n_shares = plan[H_SHARES];
  const u32 terms = plan[H_TERMS], moments = plan[H_MOMENTS];
  double *slot = scratch + (u64)blockIdx.x * (1 + terms + plan[H_SHAPES]) * EVENTS;
  for (u32 share = blockIdx.x; share < n_shares; share += gridDim.x) {
    const u32 *here = plan + plan[H_LIST] + 3 * (u64)share;
    const u64 begin = here[0];
    const u32 n = here[1];
    const double *__restrict__ numbers = all_numbers + (u64)here[2] * plan[H_NUMBERS];
    Kept value = {0.0, 0.0};
    u32 empty = 0;
    u32 beyond = NONE;
    ROLLED
    for (u32 i = threadIdx.x; i < n; i += W) {
      double weight = plan[H_WEIGHTED] == 1 ? data[(u64)(plan[H_COLUMNS] - 1) * n_events + begin + i] : 1.0;
      double *column = slot + i;
      double top = ABSENT;
      u32 leader = 0;
      ROLLED
      for (u32 p = 0; p < processes; p += 1) {
        const u32 *words = plan + H_WORDS + p * P_WORDS;
        const double *levels = numbers + words[P_NUMBERS];
        const Density density = {words, plan, levels + 2, column + (u64)words[P_SHAPE] * EVENTS};
        const double log = log_density_of(density, data, n_events, begin + i);
        // also NaN
        if (!(fabs(log) < MODERATE || log == ABSENT)) beyond = 0;
        column[(u64)words[P_TERM] * EVENTS] = log;
        const double z = is_absent(log) || is_absent(levels[0]) ? ABSENT : log + levels[0];
        if (z > top) {
          top = z;
          leader = p;
        }
      }
      const bool possible = !is_absent(top);
      double inverse = 0.0;
      if (possible) {
        double rest = 0.0;
        ROLLED
        for (u32 p = 0; p < processes; p += 1) {
          const u32 *words = plan + H_WORDS + p * P_WORDS;
          const double level = numbers[words[P_NUMBERS]];
          const double log = column[(u64)words[P_TERM] * EVENTS];
          if (p != leader && !is_absent(log) && !is_absent(level)) rest += exponential(log + level - top);
        }
        keep(value, __dmul_rn(weight, top));
        keep(value, __dmul_rn(weight, logarithm_of_one_and(rest)));
        inverse = 1.0 / (1.0 + rest);
      } else {
        empty += weight > 0.0 ? 1 : 0;
        weight = 0.0;
      }
      column[0] = weight;
      ROLLED
      for (u32 p = 0; p < processes; p += 1) {
        const u32 *words = plan + H_WORDS + p * P_WORDS;
        double *term = column + (u64)words[P_TERM] * EVENTS;
        const double exponent = *term + numbers[words[P_NUMBERS] + 1] - top;
        const bool counts_here = possible && !is_absent(*term);
        if (counts_here && exponent > HIGHEST) beyond = 0;
        const double u = counts_here ? __dmul_rn(exponential(exponent), inverse) : 0.0;
        *term = u;
        const double *shape = column + (u64)words[P_SHAPE] * EVENTS;
        ROLLED
        for (u32 k = 0; k < words[P_SLOPES]; k += 1)
          term[(u64)(1 + k) * EVENTS] = __dmul_rn(u, shape[(u64)k * EVENTS]);
      }
    }
    value = kept_of_all(value);
    double empties = (double)empty;
    sum_of_all(empties, beyond);
    if (threadIdx.x == 0) {
      partials[2 * (u64)share] = value.sum;
      partials[2 * (u64)share + 1] = value.lost;
      counts[2 * (u64)share] = (u32)empties;
      counts[2 * (u64)share + 1] = beyond;
    }
    // what others wrote is there: the sums above end with a barrier
    ROLLED
    for (u32 m = threadIdx.x / WARP; m < moments; m += WARPS) {
      const u32 *pair = plan + plan[H_ROWS] + 2 * m;
      const double *left = slot + (u64)pair[0] * EVENTS;
      const double *right = slot + (u64)(pair[1] == NONE ? 0 : pair[1]) * EVENTS;
      double sum = 0.0;
      ROLLED
      for (u32 i = threadIdx.x % WARP; i < n; i += WARP) {
        const double weighted = __dmul_rn(slot[i], left[i]);
        sum = __fma_rn(weighted, pair[1] == NONE ? 1.0 : right[i], sum);
      }
      sum = warp_sum(sum);
      if (threadIdx.x % WARP == 0) {
        const u64 at = (u64)(1 + m) * n_shares + share;
        partials[2 * at] = sum;
        partials[2 * at + 1] = 0.0;
      }
    }
    barrier();
  }
}
