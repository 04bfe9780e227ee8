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
