// The inverse curvature that all fits of a job share: a diagonal and a few columns, four to a tile, one
// set for each level of damping. `src/fit/inverse.rs` makes it, layout/ladder.rs lays it out.
//
// job_index, from n_parameters on, per level LEVEL words: tiles, then offsets in job_index of the tiles
// (rows from, rows, values), of the rows' parameters, and of the tiles per parameter (from; entries of
// tile, values), then offsets in job_numbers of the diagonal, the signs and the values.
#pragma once
#include "block.cuh"
#include "slot.cuh"

constexpr u32 LEVEL = 8;

// l_solved = mask * inverse curvature * l_direction
INLINE void solve_shared(const Header &h, const Slot &s, u32 damping, const u32 *job_index,
                         const double *job_numbers) {
  const u32 n = h.n_parameters;
  const u32 *level = job_index + n + LEVEL * damping;
  const u32 columns = 4 * level[0];
  const u32 *tiles = job_index + level[1];
  const u32 *parameters = job_index + level[2];
  const u32 *entries = job_index + level[3];
  const double *diagonal = job_numbers + level[4];
  const double *signs = job_numbers + level[5];
  ROLLED
  for (u32 c = threadIdx.x; c < columns; c += threads()) {
    const u32 *q = tiles + 3 * (c / 4);
    const u32 rows = q[1];
    const u32 *row = job_index + q[0];
    const double *values = job_numbers + q[2] + c % 4;
    double sum = 0.0;
    for (u32 i = 0; i < rows; i += 1) sum += s.lows[h.l_direction + row[i]] * values[4 * i];
    s.lows[h.l_coefficients + c] = sum * signs[c];
  }
  barrier();
  ROLLED
  for (u32 k = threadIdx.x; k < n; k += threads()) {
    const u32 last = parameters[k + 1];
    double to = s.lows[h.l_direction + k] * diagonal[k];
    for (u32 e = parameters[k]; e < last; e += 1) {
      const double *c = s.lows + h.l_coefficients + 4 * entries[2 * e];
      const double *v = job_numbers + entries[2 * e + 1];
      for (u32 i = 0; i < 4; i += 1) to += c[i] * v[i];
    }
    s.lows[h.l_solved + k] = s.lows[h.l_mask + k] * to;
  }
  barrier();
}
