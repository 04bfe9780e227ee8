// NLL and gradient at many points, a block a point.
#pragma once
#include "nll.cuh"

// per point: parameters; main and auxiliary data; then the answers: NLL, first negative bin, and gradient
// and jump, [n_fits, 2, n_parameters]
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    evaluate(const Header h, u32 resident, const u32 *__restrict__ index, const double *__restrict__ numbers,
             const double *__restrict__ main, const double *__restrict__ auxiliary,
             const double *__restrict__ start, double *reals, double *lows, double *nll, double *slopes,
             u32 *negative_bins) {
  Slot s;
  s.index = index;
  s.numbers = numbers;
  s.nominal = numbers + h.f_nominal;
  take_slot(h, s, resident, reals, lows);
  const u64 n = h.n_parameters;
  for (u32 point = blockIdx.x; point < h.n_fits; point += h.n_slots) {
    s.main = main + (u64)point * h.n_main;
    s.auxiliary = auxiliary + (u64)point * h.n_auxiliary;
    ROLLED
    for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) s.reals[h.r_trial + k] = start[point * n + k];
    const Value value = likelihood(h, s);
    double *row = slopes + 2 * point * n;
    ROLLED
    for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
      row[k] = s.lows[h.l_gradient + k];
      row[n + k] = s.lows[h.l_jump + k];
    }
    if (threadIdx.x == 0) {
      nll[point] = value.nll;
      negative_bins[point] = value.negative_bin;
    }
  }
}
