// NLL without the terms of the data alone, and its gradient, of one dataset: a block goes forward from
// parameters to rates and backward to the gradient. The twin of `src/accelerator/cpu/kernel.rs`.
// Every sum has a fixed order, so the same bits come out every time.
#pragma once
#include "block.cuh"
#include "interpolation.cuh"

// a Poisson term as a deviance, and its derivative with respect to the rate
INLINE Factor poisson(double count, double rate, bool floored, double lowest) {
  if (!(count > 0.0)) {
    if (floored && rate < lowest) {
      const double scaled = rate / lowest;
      return {0.5 * (rate * scaled + lowest), scaled};
    }
    return {rate, 1.0};
  }
  // a filled bin that expects no events
  if (!(rate > 0.0)) return {infinity(), 0.0};
  return {deviance(rate, count), (rate - count) / rate};
}

INLINE const u32 *sample_at(const Header &h, const Slot &s, u32 i) {
  return s.index + h.i_samples + 10 * i;
}

INLINE double rate_of_bin(const Header &h, const Slot &s, u32 b) {
  const u32 *q = s.index + h.i_bins + 3 * b;
  const u32 last = q[1], offset = q[2];
  double rate = 0.0;
  for (u32 i = q[0]; i < last; i += 1) rate += s.reals[h.r_rate + sample_at(h, s, i)[2] + offset];
  return rate;
}

// from the trial point to the rate of every sample in every bin
INLINE void forward(const Header &h, const Slot &s) {
  const double *x = s.reals + h.r_trial;
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const Factor shape = shape_function(h, x[k]);
    s.reals[h.r_h + k] = shape.value;
    s.lows[h.l_slope + k] = shape.slope;
  }
  ROLLED
  for (u32 e = threadIdx.x; e < h.n_scalars; e += threads()) {
    const u32 *q = s.index + h.i_scalars + 2 * e;
    const double a = x[q[0]];
    const u32 c = q[1];
    Factor factor = {a, 1.0};
    if (c != NONE) factor = normsys(h, s.numbers + c, a);
    s.reals[h.r_factor + e] = factor.value;
    s.lows[h.l_derivative + e] = factor.slope;
  }
  barrier();
  // products of each sample's factors: all, and for each factor those of the others (0 is an ordinary
  // value, so nothing is divided)
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_samples; i += threads()) {
    const u32 *q = sample_at(h, s, i);
    const u32 begin = q[0], to = q[1];
    double product = 1.0;
    ROLLED
    for (u32 e = begin; e < to; e += 1) {
      s.lows[h.l_others + e] = product;
      product *= s.reals[h.r_factor + e];
    }
    s.reals[h.r_scale + i] = product;
    double after = 1.0;
    ROLLED
    for (u32 e = to; e > begin; e -= 1) {
      s.lows[h.l_others + e - 1] *= after;
      after *= s.reals[h.r_factor + e - 1];
    }
  }
  barrier();
  ROLLED
  for (u32 j = threadIdx.x; j < h.n_cells; j += threads()) {
    const u32 i = s.index[h.i_cells + j];
    const u32 *q = sample_at(h, s, i);
    const u32 b = j - q[2];
    const u32 stride = 2 * q[3];
    const u32 last_shape = q[5], last_factor = q[7];
    const double *templates = s.numbers + q[8] + 2 * b;
    double shape = s.nominal[j];
    for (u32 t = q[4]; t < last_shape; t += 1) {
      const u32 k = s.index[h.i_shapes + t];
      shape += x[k] * templates[0] + s.reals[h.r_h + k] * templates[1];
      templates += stride;
    }
    double bins = 1.0;
    ROLLED
    for (u32 f = q[6]; f < last_factor; f += 1) bins *= x[s.index[h.i_bin_factors + f] + b];
    s.reals[h.r_shape + j] = shape;
    s.lows[h.l_bins + j] = bins;
    s.reals[h.r_rate + j] = s.reals[h.r_scale + i] * bins * shape;
  }
  barrier();
}

// product of the bin factors of sample `q` in bin b, without number `what`
INLINE double other_bin_factors(const Header &h, const Slot &s, const u32 *q, u32 what, u32 b) {
  const double *x = s.reals + h.r_trial;
  const u32 last = q[7];
  double others = 1.0;
  ROLLED
  for (u32 f = q[6]; f < last; f += 1) {
    if (f != what) others *= x[s.index[h.i_bin_factors + f] + b];
  }
  return others;
}

// What one entry adds to the gradient and, at a kink, to the difference of the two derivatives.
INLINE void add_entry(const Header &h, const Slot &s, const u32 *entry, u32 k, bool at_kink, double &g,
                      double &jump) {
  const u32 kind = entry[0], what = entry[1], i = entry[2];
  if (kind == 0) {
    const double outer = s.lows[h.l_suffix + i] * s.lows[h.l_others + what];
    const u32 c = s.index[h.i_scalars + 2 * what + 1];
    if (at_kink && c != NONE && h.piecewise_normsys == 1) {
      jump += outer * (s.numbers[c + 6] - s.numbers[c + 7]);
    }
    g += outer * s.lows[h.l_derivative + what];
    return;
  }
  const u32 *q = sample_at(h, s, i);
  const u32 cell = q[2];
  const double scale = s.reals[h.r_scale + i];
  const u32 begin = entry[3], to = entry[4];
  if (kind == 1) {
    double linear = 0.0;
    double curved = 0.0;
    for (u32 b = begin; b < to; b += 1) {
      const double adjoint = s.lows[h.l_adjoint + cell + b];
      linear += adjoint * s.numbers[what + 2 * b];
      curved += adjoint * s.numbers[what + 2 * b + 1];
    }
    if (at_kink && h.histosys == 0) jump += scale * (16.0 * curved);
    g += scale * (linear + s.lows[h.l_slope + k] * curved);
    return;
  }
  // a bin factor: the product of the others is taken anew
  const double others = other_bin_factors(h, s, q, what, begin);
  const double weight = s.lows[h.l_weight + q[9] + begin];
  g += scale * weight * (s.reals[h.r_shape + cell + begin] * others);
}

// from d NLL / d rate of every bin to the gradient's partial sums
INLINE void backward(const Header &h, const Slot &s) {
  ROLLED
  for (u32 j = threadIdx.x; j < h.n_cells; j += threads()) {
    const u32 *q = sample_at(h, s, s.index[h.i_cells + j]);
    s.lows[h.l_adjoint + j] = s.lows[h.l_weight + q[9] + (j - q[2])] * s.lows[h.l_bins + j];
  }
  barrier();
  ROLLED
  for (u32 i = threadIdx.x; i < h.n_samples; i += threads()) {
    const u32 *q = sample_at(h, s, i);
    const u32 begin = q[2];
    const u32 to = begin + q[3];
    double sum = 0.0;
    for (u32 j = begin; j < to; j += 1) sum += s.lows[h.l_adjoint + j] * s.reals[h.r_shape + j];
    s.lows[h.l_suffix + i] = sum;
  }
  barrier();
  ROLLED
  for (u32 c = threadIdx.x; c < h.n_chunks; c += threads()) {
    const u32 *q = s.index + h.i_chunks + 4 * c;
    const u32 k = q[0], last = q[2];
    const bool at_kink = h.kinked == 1 && s.reals[h.r_trial + k] == 0.0;
    double g = 0.0;
    double jump = 0.0;
    ROLLED
    for (u32 e = q[1]; e < last; e += 1) {
      add_entry(h, s, s.index + h.i_entries + 5 * e, k, at_kink, g, jump);
    }
    double *place = s.lows + h.l_partial + 2 * q[3];
    place[0] = g;
    place[1] = jump;
  }
  barrier();
}

struct Value {
  double nll;
  // first bin with a negative rate, or NONE
  u32 negative_bin;
};

// At the trial point of the slot; gradient and jumps at kinks go to working memory, the value comes back
// in every thread.
INLINE Value likelihood(const Header &h, const Slot &s) {
  const double *x = s.reals + h.r_trial;
  barrier();
  forward(h, s);
  Value total = {0.0, NONE};
  const bool floored = h.floored == 1;
  const double lowest = s.numbers[h.f_floor];
  ROLLED
  for (u32 b = threadIdx.x; b < h.n_main; b += threads()) {
    const double rate = rate_of_bin(h, s, b);
    const Factor term = poisson(s.main[b], rate, floored, lowest);
    if (rate < 0.0 && b < total.negative_bin) total.negative_bin = b;
    s.lows[h.l_weight + b] = term.slope;
    total.nll += term.value;
  }
  barrier();
  backward(h, s);
  ROLLED
  for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
    const u32 *q = s.index + h.i_parameters + 5 * k;
    const u32 last = q[1], constraint = q[2];
    double g = 0.0;
    double jump = 0.0;
    ROLLED
    for (u32 c = q[0]; c < last; c += 1) {
      g += s.lows[h.l_partial + 2 * c];
      jump += s.lows[h.l_partial + 2 * c + 1];
    }
    if (constraint != 0) {
      const double datum = s.auxiliary[q[3]];
      const double weight = s.numbers[h.f_weights + k];
      if (constraint == 1) {
        const double pull = x[k] - datum;
        const double slope = pull * weight;
        total.nll += 0.5 * (pull * slope);
        g += slope;
      } else {
        const Factor term = poisson(datum, weight * x[k], false, lowest);
        total.nll += term.value;
        g += weight * term.slope;
      }
    }
    s.lows[h.l_gradient + k] = g;
    s.lows[h.l_jump + k] = jump;
  }
  sum_of_all(total.nll, total.negative_bin);
  return total;
}
