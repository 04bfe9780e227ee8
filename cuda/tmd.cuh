// Sums over nodes of products of two shapes, with the derivatives in all parameters: a warp a point at one row of
// parameters. The twin of `shaders/tmd.wgsl`; the oracle is `src/tmd`. Tables as `src/accelerator/tmd.rs` says.
#pragma once
#include "block.cuh"
#include "real.cuh"

// most widths of a shape, most parameters of a width
constexpr u32 WIDTHS = 5;
constexpr u32 PLACES = 4;
// numbers that a kind's widths are made of, the last multiplies b^2
constexpr u32 CONSTANTS = 4;

// how widths follow from parameters: Kind in src/accelerator/tmd.rs
constexpr u32 THREE_BELLS = 0;
constexpr u32 FRAGMENTATION = 1;
constexpr u32 LORENTZ_BELL = 2;
constexpr u32 LINEAR_BELL = 3;
constexpr u32 POWER_BELL = 4;
constexpr u32 NOTHING = 5;

// fewer than elsewhere: a thread has some 70 numbers at once
constexpr u32 TMD_BLOCKS = 3;

// the twin of Header in src/accelerator/tmd.rs
struct TmdHeader {
  u32 zero, n_points, n_parameters, n_items, n_groups, slopes, evolution;
  u32 i_points, i_terms, i_instances, i_places;
  u32 f_constants, f_ln_zeta, f_b2, f_factors, unused;
};

// with its derivatives in the parameters at its places
struct Width {
  double value;
  double slopes[PLACES];
};

INLINE Width width_of(u32 kind, u32 w, const double *__restrict__ p, const u32 *__restrict__ places,
                      const double *__restrict__ c) {
  Width width = {0.0, {0.0, 0.0, 0.0, 0.0}};
  double of[PLACES];
  for (u32 j = 0; j < PLACES; j += 1) of[j] = places[j] == NONE ? 0.0 : p[places[j]];
  if (kind == THREE_BELLS && w < 3) {
    const double base = exponential_of_any(of[2] * c[0] + of[1] * of[1] * c[1]);
    const double g = of[0] * base;
    width = {g, {base, g * 2.0 * of[1] * c[1], g * c[0], 0.0}};
  } else if (kind == THREE_BELLS) {
    width = {of[0] * of[0], {2.0 * of[0], 0.0, 0.0, 0.0}};
  } else if (kind == FRAGMENTATION && w < 2) {
    const double own = exponential_of_any(of[1] * c[0]);
    const double reference = exponential_of_any(of[1] * c[2]);
    const double above = own + of[2] * of[2];
    const double below = reference + of[2] * of[2];
    const double base = above / below * exponential_of_any(of[3] * of[3] * c[1]);
    const double g = of[0] * base;
    width = {g,
             {base, g * (own * c[0] / above - reference * c[2] / below),
              g * 2.0 * of[2] * (1.0 / above - 1.0 / below), g * 2.0 * of[3] * c[1]}};
  } else if (kind == FRAGMENTATION && w == 2) {
    width = {of[0] * c[3], {c[3], 0.0, 0.0, 0.0}};
  } else if (kind == LORENTZ_BELL && w < 2) {
    const double ratio = c[0] / of[1];
    // no logarithm: not a number, and so is all that follows
    const double log = ratio > 0.0 && ratio < infinity() ? logarithm(ratio) : infinity() - infinity();
    const double t = log / of[2];
    const double base = exponential_of_any(-0.5 * t * t) * c[1] / of[2];
    const double g = of[0] * base;
    width = {g, {base, g * t / (of[2] * of[1]), g * (t * t - 1.0) / of[2], 0.0}};
  } else if (kind == LORENTZ_BELL && w == 2) {
    width = {of[0], {1.0, 0.0, 0.0, 0.0}};
  } else if (kind == LINEAR_BELL && w == 0) {
    width = {of[1] + of[0] * c[0], {c[0], 1.0, 0.0, 0.0}};
  } else if (kind == POWER_BELL && w == 0) {
    const double base = c[1] * exponential_of_any(of[1] * c[0]);
    const double g = of[0] * of[0] * base;
    width = {g, {2.0 * of[0] * base, g * c[0], 0.0, 0.0}};
  }
  return width;
}

// (g1 e1 + a gB^2 (1 - gB u / 4) eB + c gC eC) / (g1 + a gB^2 + c gC), e = exp(-g u / 4), with its derivatives in
// g1, gB, gC, a, c; without the third bell gC is a
INLINE double bells(bool third, const double (&w)[WIDTHS], double u, double (&d)[WIDTHS]) {
  const double g1 = w[0];
  const double gb = w[1];
  const double gc = third ? w[2] : 0.0;
  const double a = third ? w[3] : w[2];
  const double c = third ? w[4] : 0.0;
  const double norm = 1.0 / (g1 + a * gb * gb + c * gc);
  const double quarter = 0.25 * u;
  const double e1 = exponential(-g1 * quarter);
  const double eb = exponential(-gb * quarter);
  const double ec = third ? exponential(-gc * quarter) : 0.0;
  const double tb = quarter * gb;
  const double low = 1.0 - tb;
  const double second = low * eb;
  const double v = (g1 * e1 + a * gb * gb * second + c * gc * ec) * norm;
  d[0] = ((1.0 - quarter * g1) * e1 - v) * norm;
  // of gB^2 (1 - t) e^-t, t = gB u / 4: gB e^-t (2 (1 - t) - t - t (1 - t))
  d[1] = (a * gb * ((2.0 * low - tb - tb * low) * eb) - 2.0 * a * gb * v) * norm;
  const double in_a = (gb * gb * second - gb * gb * v) * norm;
  d[2] = third ? (c * ((1.0 - quarter * gc) * ec) - c * v) * norm : in_a;
  d[3] = third ? in_a : 0.0;
  d[4] = third ? (gc * ec - gc * v) * norm : 0.0;
  return v;
}

// a shape at u, b^2 in its unit, with its derivatives in the widths
INLINE double shape_at(u32 kind, const double (&w)[WIDTHS], double u, double (&d)[WIDTHS]) {
  for (u32 i = 0; i < WIDTHS; i += 1) d[i] = 0.0;
  if (kind == THREE_BELLS || kind == FRAGMENTATION) return bells(kind == THREE_BELLS, w, u, d);
  if (kind == LORENTZ_BELL) {
    const double quarter = 0.25 * u;
    const double lorentz = 1.0 / (quarter * w[0] + 1.0);
    const double bell = exponential(-w[1] * quarter);
    const double rest = 1.0 - w[2];
    d[0] = -rest * quarter * (lorentz * lorentz);
    d[1] = -w[2] * (quarter * bell);
    d[2] = bell - lorentz;
    return rest * lorentz + w[2] * bell;
  }
  const double v = exponential(-w[0] * u);
  d[0] = -u * v;
  return v;
}

INLINE double of_lane(double v, u32 lane) { return __shfl_sync(ALL_LANES, v, lane); }
// the sum of all lanes, in every lane
INLINE double sum_of_lanes(double v) { return of_lane(warp_sum(v), 0); }

// parameters: [rows, n_parameters]; values: (sum, sum of absolute values) of [rows, n_points]; jacobian: [rows, n_points,
// n_parameters], untouched without slopes
extern "C" __global__ void __launch_bounds__(W, TMD_BLOCKS)
    tmd(TmdHeader h, const u32 *__restrict__ index, const double *__restrict__ numbers,
        const double *__restrict__ parameters, double *values, double *jacobian) {
  const u32 lane = threadIdx.x % WARP;
  const u32 n_evolution = h.evolution + 1;
  for (u32 item = blockIdx.x * WARPS + threadIdx.x / WARP; item < h.n_items; item += gridDim.x * WARPS) {
    const u32 point = item % h.n_points;
    const double *p = parameters + (u64)(item / h.n_points) * h.n_parameters;
    double *row = jacobian + (u64)item * h.n_parameters;
    if (h.slopes == 1) {
      ROLLED
      for (u32 k = lane; k < h.n_parameters; k += WARP) row[k] = 0.0;
    }
    double value = 0.0;
    double size = 0.0;
    const u32 last = index[h.i_points + point + 1];
    ROLLED
    for (u32 term = index[h.i_points + point]; term < last; term += 1) {
      // instances, first node, first factor, nodes
      const u32 *t = index + h.i_terms + 5 * term;
      const u32 *f = index + h.i_instances + 3 * t[0];
      const u32 *d = index + h.i_instances + 3 * t[1];
      // kind, first parameter, places
      const u32 kinds[2] = {f[0], d[0]};
      if (kinds[0] == NOTHING || kinds[1] == NOTHING) continue;
      // a width a lane
      const bool second = lane >= WIDTHS;
      const u32 *mine = second ? d : f;
      const u32 width = second ? lane - WIDTHS : lane;
      Width own = {0.0, {0.0, 0.0, 0.0, 0.0}};
      if (lane < 2 * WIDTHS) {
        own = width_of(mine[0], width, p + mine[1], index + h.i_places + mine[2] + PLACES * width,
                       numbers + h.f_constants + CONSTANTS * t[second ? 1 : 0]);
      }
      double w[2][WIDTHS];
      for (u32 i = 0; i < WIDTHS; i += 1) {
        w[0][i] = of_lane(own.value, i);
        w[1][i] = of_lane(own.value, WIDTHS + i);
      }
      const double scales[2] = {numbers[h.f_constants + CONSTANTS * t[0] + 3],
                                numbers[h.f_constants + CONSTANTS * t[1] + 3]};
      const double half = 0.5 * numbers[h.f_ln_zeta + term];
      const double decay = half * (h.evolution == 1 ? p[0] : p[0] * p[0]);
      const double decay_of_fourth = h.evolution == 1 ? half * p[1] : 0.0;
      const double *b2 = numbers + h.f_b2 + t[2];
      const double *k = numbers + h.f_factors + t[3];
      double sum = 0.0, sizes = 0.0, moment = 0.0, fourth = 0.0;
      double sums[2][WIDTHS] = {};
      ROLLED
      for (u32 n = lane; n < t[4]; n += WARP) {
        const double u = b2[n];
        double slopes[2][WIDTHS];
        const double v0 = shape_at(kinds[0], w[0], u * scales[0], slopes[0]);
        const double v1 = shape_at(kinds[1], w[1], u * scales[1], slopes[1]);
        const double weight = k[n] * exponential(u * (-decay_of_fourth * u - decay));
        const double ahead[2] = {weight * v1, weight * v0};
        const double of_node = ahead[0] * v0;
        sum += of_node;
        sizes += fabs(of_node);
        moment += of_node * u;
        fourth += of_node * u * u;
        for (u32 i = 0; i < WIDTHS; i += 1) {
          sums[0][i] += ahead[0] * slopes[0][i];
          sums[1][i] += ahead[1] * slopes[1][i];
        }
      }
      value += sum_of_lanes(sum);
      size += sum_of_lanes(sizes);
      if (h.slopes != 1) continue;
      moment = sum_of_lanes(moment);
      fourth = sum_of_lanes(fourth);
      // of the width that this lane has, then of its parameters
      double by_width = 0.0;
      for (u32 i = 0; i < WIDTHS; i += 1) {
        const double first = sum_of_lanes(sums[0][i]);
        const double other = sum_of_lanes(sums[1][i]);
        by_width = lane == i ? first : by_width;
        by_width = lane == WIDTHS + i ? other : by_width;
      }
      for (u32 j = 0; j < PLACES; j += 1) own.slopes[j] *= by_width;
      ROLLED
      for (u32 begin = 0; begin < h.n_parameters; begin += WARP) {
        const u32 parameter = begin + lane;
        double slope = 0.0;
        if (parameter < n_evolution) {
          if (h.evolution == 1) {
            slope = -half * (parameter == 0 ? moment : fourth);
          } else {
            slope = -2.0 * half * p[0] * moment;
          }
        }
        ROLLED
        for (u32 q = 0; q < 2 * WIDTHS; q += 1) {
          const u32 *side = q < WIDTHS ? f : d;
          const u32 *places = index + h.i_places + side[2] + PLACES * (q < WIDTHS ? q : q - WIDTHS);
          for (u32 j = 0; j < PLACES; j += 1) {
            const double part = of_lane(own.slopes[j], q);
            if (places[j] != NONE && side[1] + places[j] == parameter) slope += part;
          }
        }
        if (parameter < h.n_parameters) row[parameter] += slope;
      }
    }
    if (lane == 0) {
      values[2 * (u64)item] = value;
      values[2 * (u64)item + 1] = size;
    }
  }
}
