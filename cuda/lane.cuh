// How a fit stands. Every thread of the block holds the same: decisions follow from sums that all threads
// have, so nothing needs to be told around.
#pragma once
#include "block.cuh"

// BFGS pairs kept
constexpr u32 MEMORY = 8;
// of the damping ladder
constexpr u32 LEVELS = 12;

// how a fit ends: see `end` in src/accelerator/layout/results.rs
constexpr u32 RUNNING = 0;
constexpr u32 CONVERGED = 1;
constexpr u32 STRAGGLER = 2;
constexpr u32 NOT_FINITE = 3;
// a level of the ladder is missing: to be fitted again when it is there
constexpr u32 WAITING = 4;

struct Lane {
  u32 verdict;
  u32 evaluations;
  // of damping
  u32 level;
  // pair written last
  u32 newest;
  // first bin with a negative rate at the accepted point, plus one
  u32 negative_bin;
  // the point in evaluation is the start
  bool start;
  // the distance was below the tolerance before the step to the point in evaluation
  bool close;
  // BFGS pairs are held
  bool pairs;
  // the last evaluation became the accepted point
  bool accepted;
  // at the accepted point
  double nll;
  double edm;
};

// 1 / sy where the pair shows positive curvature worth the name, else 0
INLINE double reciprocal_if_curved(double sy, double ss, double yy) {
  return sy > 0.0 && sy * sy > 1e-16 * ss * yy ? 1.0 / sy : 0.0;
}

// by one thread
INLINE void forget_pairs(double *rho) {
  ROLLED
  for (u32 i = 0; i < MEMORY; i += 1) rho[i] = 0.0;
}
