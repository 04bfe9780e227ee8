// What a block works on: the model, its own working memory, one dataset.
#pragma once
#include "header.cuh"

struct Slot {
  // the model
  const u32 *index;
  const double *numbers;
  // yields of all cells before any modifier
  const double *nominal;
  // working memory of this block; r_* and l_* of the header are offsets into these. In shared memory or the card's: the
  // addresses are generic
  double *reals;
  double *lows;
  // the dataset
  const double *main;
  const double *auxiliary;
};

// whether the likelihood has a kink where this parameter is 0
INLINE bool has_kink(const Header &h, const Slot &s, u32 k) {
  return h.kinked == 1 && s.index[h.i_parameters + 5 * k + 4] == 1;
}

// what of a slot lies in shared memory
constexpr u32 REALS_SHARED = 1, LOWS_SHARED = 2;

// Finds this block's working memory: in shared memory as `resident` says, else its part of the card's.
INLINE void take_slot(const Header &h, Slot &s, u32 resident, double *reals, double *lows) {
  extern __shared__ double working[];
  double *next = working;
  s.reals = reals + (u64)blockIdx.x * h.reals_slot;
  s.lows = lows + (u64)blockIdx.x * h.lows_slot;
  if ((resident & REALS_SHARED) != 0) {
    s.reals = next;
    next += h.reals_slot;
  }
  if ((resident & LOWS_SHARED) != 0) s.lows = next;
}
