// NLL and its derivative with respect to the yields of chosen cells, for many histograms that a caller
// holds in device memory: what a differentiable analysis propagates through.
#pragma once
#include "nll.cuh"

INLINE double caller_number(const void *base, u64 at, bool single) {
  if (single) return (double)((const float *)base)[at];
  return ((const double *)base)[at];
}

INLINE void to_caller(void *base, u64 at, bool single, double value) {
  if (single) {
    ((float *)base)[at] = (float)value;
  } else {
    ((double *)base)[at] = value;
  }
}

// The caller's, all f32 where `single_precision` is 1: yields before any modifier, [n_fits, n_yields], and the answers
// slopes, [n_fits, n_yields], and nll, [n_fits].
// cells: the cell of each yield; constants: terms of the NLL that depend on the data alone, per row of
// main data; strides in numbers, 0 for one row that serves all; own_nominal: [n_slots, n_cells]
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    signal_gradient(const Header h, u32 resident, const void *yields, void *slopes, void *nll, u32 n_yields,
                    u32 single_precision, u32 main_stride, u32 auxiliary_stride, const u32 *__restrict__ index,
                    const double *__restrict__ numbers, const u32 *__restrict__ cells,
                    const double *__restrict__ main, const double *__restrict__ auxiliary,
                    const double *__restrict__ constants, const double *__restrict__ start, double *reals,
                    double *lows, double *own_nominal) {
  double *nominal = own_nominal + (u64)blockIdx.x * h.n_cells;
  Slot s;
  s.index = index;
  s.numbers = numbers;
  s.nominal = nominal;
  take_slot(h, s, resident, reals, lows);
  const bool single = single_precision == 1;
  ROLLED
  for (u32 j = threadIdx.x; j < h.n_cells; j += threads()) nominal[j] = numbers[h.f_nominal + j];
  for (u32 number = blockIdx.x; number < h.n_fits; number += h.n_slots) {
    const u64 row = (u64)number * n_yields;
    s.main = main + (u64)number * main_stride;
    s.auxiliary = auxiliary + (u64)number * auxiliary_stride;
    // those of the histogram before have been read, and the model's own are there
    barrier();
    ROLLED
    for (u32 i = threadIdx.x; i < n_yields; i += threads()) {
      nominal[cells[i]] = caller_number(yields, row + i, single);
    }
    ROLLED
    for (u32 k = threadIdx.x; k < h.n_parameters; k += threads()) {
      s.reals[h.r_trial + k] = start[(u64)number * h.start_stride + k];
    }
    const Value value = likelihood(h, s);
    ROLLED
    for (u32 i = threadIdx.x; i < n_yields; i += threads()) {
      const u32 j = cells[i];
      const double slope = s.lows[h.l_adjoint + j] * s.reals[h.r_scale + index[h.i_cells + j]];
      to_caller(slopes, row + i, single, slope);
    }
    if (threadIdx.x == 0) {
      to_caller(nll, number, single, value.nll + constants[main_stride == 0 ? 0 : number]);
    }
  }
}
