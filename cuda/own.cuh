// A fit's own inverse curvature at its accepted point, in bin space; the twin of `src/fit/own.rs`.
// With D the curvature of the constraint terms, J the Jacobian of the rates, W their weights and
// K = 1 + W^1/2 J D^-1 J' W^1/2: H^-1 = D^-1 - D^-1 J' W^1/2 K^-1 W^1/2 J D^-1.
#pragma once
#include "nll.cuh"

// share of their own information that unconstrained parameters get as D
constexpr double SOFT_CONSTRAINT = 0.02;

INLINE double damping(u32 level) {
  return level == 0 ? 0.0 : 0.01 * (double)((u64)1 << (3 * (level - 1)));
}

// d rate / d parameter k in bin b of its channel, from one entry
INLINE double entry_derivative(const Header &h, const Slot &s, const u32 *entry, u32 k, u32 b) {
  const u32 kind = entry[0], what = entry[1], i = entry[2];
  const u32 *q = sample_at(h, s, i);
  const u32 cell = q[2] + b;
  if (kind == 0) {
    const double outer = s.lows[h.l_others + what] * s.lows[h.l_derivative + what];
    return outer * s.lows[h.l_bins + cell] * s.reals[h.r_shape + cell];
  }
  const double scale = s.reals[h.r_scale + i];
  if (kind == 1) {
    const double slope = s.numbers[what + 2 * b] + s.lows[h.l_slope + k] * s.numbers[what + 2 * b + 1];
    return scale * s.lows[h.l_bins + cell] * slope;
  }
  return scale * s.reals[h.r_shape + cell] * other_bin_factors(h, s, q, what, b);
}

INLINE u32 first_bin_of(const Header &h, const Slot &s, const u32 *entry) {
  return sample_at(h, s, entry[2])[9];
}

INLINE void find_jacobian(const Header &h, const Slot &s) {
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_wide; i += threads()) {
    const u32 *q = s.index + h.i_wide + 3 * i;
    const u32 k = q[0], last = q[2];
    double *column = s.lows + h.l_wide + i;
    ROLLED
    for (u32 b = 0; b < h.n_main; b += 1) column[b * h.n_wide] = 0.0;
    ROLLED
    for (u32 e = q[1]; e < last; e += 1) {
      const u32 *entry = s.index + h.i_entries + 5 * e;
      const u32 first_bin = first_bin_of(h, s, entry);
      ROLLED
      for (u32 b = entry[3]; b < entry[4]; b += 1) {
        column[(first_bin + b) * h.n_wide] += entry_derivative(h, s, entry, k, b);
      }
    }
  }
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_narrow; i += threads()) {
    const u32 *q = s.index + h.i_narrow + 4 * i;
    const u32 k = q[0], last = q[2], bin = q[3];
    double sum = 0.0;
    ROLLED
    for (u32 e = q[1]; e < last; e += 1) {
      const u32 *entry = s.index + h.i_entries + 5 * e;
      const u32 first_bin = first_bin_of(h, s, entry);
      if (first_bin <= bin && bin - first_bin >= entry[3] && bin - first_bin < entry[4]) {
        sum += entry_derivative(h, s, entry, k, bin - first_bin);
      }
    }
    s.lows[h.l_narrow + i] = sum;
  }
}

// W^1/2: W is 1 / rate in filled bins, 0 in empty ones
INLINE void find_weights(const Header &h, const Slot &s) {
  const double lowest = s.numbers[h.f_floor];
  ROLLED
  for (u32 b = threadIdx.x; b < h.n_main; b += threads()) {
    const double rate = rate_of_bin(h, s, b);
    double curvature = 0.0;
    if (s.main[b] > 0.0) {
      if (rate > 0.0) curvature = 1.0 / rate;
    } else if (h.floored == 1 && rate < lowest) {
      curvature = 1.0 / lowest;
    }
    s.lows[h.l_root + b] = sqrt(curvature);
  }
}

INLINE double constraint_curvature(const Header &h, const Slot &s, u32 k) {
  const u32 *q = s.index + h.i_parameters + 5 * k;
  const u32 kind = q[2];
  const double strength = s.numbers[h.f_weights + k];
  if (kind != 2) return kind == 1 ? strength : 0.0;
  // n / x^2, and at least half of what is expected
  const double accepted = s.reals[h.r_x + k];
  const double x = accepted > 0.02 ? accepted : 0.02;
  const double count = s.auxiliary[q[3]];
  const double least = 0.5 * strength * x;
  return (count > least ? count : least) / (x * x);
}

// D^-1, 0 for parameters that may not move
INLINE void set_inverse(const Header &h, const Slot &s, u32 k, double information, double lambda) {
  const double constraint = constraint_curvature(h, s, k);
  double d = (SOFT_CONSTRAINT + lambda) * information;
  if (constraint > 0.0) d = (1.0 + lambda) * constraint;
  if (!(d > 0.0)) d = 1.0;
  s.lows[h.l_inverse + k] = s.lows[h.l_mask + k] / d;
}

INLINE void invert_diagonal(const Header &h, const Slot &s, double lambda) {
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) set_inverse(h, s, k, 0.0, lambda);
  barrier();
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_wide; i += threads()) {
    double information = 0.0;
    for (u32 b = 0; b < h.n_main; b += 1) {
      const double a = s.lows[h.l_wide + b * h.n_wide + i] * s.lows[h.l_root + b];
      information += a * a;
    }
    set_inverse(h, s, s.index[h.i_wide + 3 * i], information, lambda);
  }
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_narrow; i += threads()) {
    const u32 *q = s.index + h.i_narrow + 4 * i;
    const double a = s.lows[h.l_narrow + i] * s.lows[h.l_root + q[3]];
    set_inverse(h, s, q[0], a * a, lambda);
  }
}

// lower triangle of K
INLINE void fill_matrix(const Header &h, const Slot &s) {
  const u32 n = h.n_main;
  ROLLED
  for (u32 place = threadIdx.x; place < n * n; place += threads()) {
    const u32 i = place / n;
    const u32 j = place % n;
    if (j > i) continue;
    const double *row = s.lows + h.l_wide + i * h.n_wide;
    const double *other = s.lows + h.l_wide + j * h.n_wide;
    double sum = 0.0;
    for (u32 m = 0; m < h.n_wide; m += 1) {
      sum += s.lows[h.l_inverse + s.index[h.i_wide + 3 * m]] * row[m] * other[m];
    }
    if (i == j) {
      for (u32 m = 0; m < h.n_narrow; m += 1) {
        const u32 *q = s.index + h.i_narrow + 4 * m;
        if (q[3] == i) {
          const double a = s.lows[h.l_narrow + m];
          sum += s.lows[h.l_inverse + q[0]] * a * a;
        }
      }
    }
    sum *= s.lows[h.l_root + i] * s.lows[h.l_root + j];
    s.lows[h.l_factor + place] = i == j ? sum + 1.0 : sum;
  }
}

// Cholesky, column by column; the diagonal is kept inverted
INLINE void factorise(const Header &h, const Slot &s) {
  const u32 n = h.n_main;
  double *factor = s.lows + h.l_factor;
  ROLLED
  for (u32 j = 0; j < n; j += 1) {
    const double *other = factor + j * n;
    ROLLED
    for (u32 i = j + threadIdx.x; i < n; i += threads()) {
      double *row = factor + i * n;
      double sum = row[j];
      for (u32 m = 0; m < j; m += 1) sum -= row[m] * other[m];
      row[j] = sum;
    }
    barrier();
    // K >= 1
    const double pivot = other[j];
    const double inverse = 1.0 / sqrt(pivot > 0.5 ? pivot : 0.5);
    barrier();
    ROLLED
    for (u32 i = j + threadIdx.x; i < n; i += threads()) {
      double *place = factor + i * n + j;
      *place = i == j ? inverse : *place * inverse;
    }
    barrier();
  }
}

INLINE void refresh_own(const Header &h, const Slot &s, bool accepted, u32 level) {
  // after a rejected step the last evaluation was elsewhere, and the Jacobian at hand still holds
  if (accepted) {
    find_jacobian(h, s);
    find_weights(h, s);
    barrier();
  }
  invert_diagonal(h, s, damping(level));
  barrier();
  fill_matrix(h, s);
  barrier();
  factorise(h, s);
}

// l_solved = mask * own inverse curvature * l_direction
INLINE void solve_own(const Header &h, const Slot &s) {
  const u32 n = h.n_main;
  const double *factor = s.lows + h.l_factor;
  double *v = s.lows + h.l_bin;
  ROLLED
  for (u32 b = threadIdx.x; b < n; b += threads()) {
    const double *row = s.lows + h.l_wide + b * h.n_wide;
    double sum = 0.0;
    for (u32 m = 0; m < h.n_wide; m += 1) {
      const u32 k = s.index[h.i_wide + 3 * m];
      sum += row[m] * s.lows[h.l_inverse + k] * s.lows[h.l_direction + k];
    }
    for (u32 m = 0; m < h.n_narrow; m += 1) {
      const u32 *q = s.index + h.i_narrow + 4 * m;
      if (q[3] == b) {
        sum += s.lows[h.l_narrow + m] * s.lows[h.l_inverse + q[0]] * s.lows[h.l_direction + q[0]];
      }
    }
    v[b] = sum * s.lows[h.l_root + b];
  }
  barrier();
  ROLLED
  for (u32 j = 0; j < n; j += 1) {
    const double x = v[j] * factor[j * n + j];
    barrier();
    ROLLED
    for (u32 i = j + threadIdx.x; i < n; i += threads()) v[i] = i == j ? x : v[i] - factor[i * n + j] * x;
    barrier();
  }
  ROLLED
  for (u32 j = n; j > 0; j -= 1) {
    const double *row = factor + (j - 1) * n;
    const double x = v[j - 1] * row[j - 1];
    barrier();
    ROLLED
    for (u32 i = threadIdx.x; i < j; i += threads()) v[i] = i == j - 1 ? x : v[i] - row[i] * x;
    barrier();
  }
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    s.lows[h.l_solved + k] = s.lows[h.l_direction + k] * s.lows[h.l_inverse + k];
  }
  barrier();
  // no two of these are of one parameter
  ROLLED
  for (u32 m = threadIdx.x; m < h.n_wide; m += threads()) {
    const u32 k = s.index[h.i_wide + 3 * m];
    double sum = 0.0;
    for (u32 b = 0; b < n; b += 1) {
      sum += s.lows[h.l_wide + b * h.n_wide + m] * s.lows[h.l_root + b] * v[b];
    }
    s.lows[h.l_solved + k] -= s.lows[h.l_inverse + k] * sum;
  }
  ROLLED
  for (u32 m = threadIdx.x; m < h.n_narrow; m += threads()) {
    const u32 *q = s.index + h.i_narrow + 4 * m;
    const u32 k = q[0], b = q[3];
    const double product = s.lows[h.l_narrow + m] * s.lows[h.l_root + b] * v[b];
    s.lows[h.l_solved + k] -= s.lows[h.l_inverse + k] * product;
  }
  barrier();
}
