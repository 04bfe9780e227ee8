// What a block works on: the model, its own working memory, one dataset.
#pragma once
#include "header.cuh"

struct Slot {
  // the model
  const u32 *index;
  const double *numbers;
  // yields of all cells before any modifier
  const double *nominal;
  // working memory of this block; r_* and l_* of the header are offsets into these
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
