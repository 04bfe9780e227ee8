// Flows that a library's model works out in the card's memory: from its rows to columns that `event_shares` reads. What
// the rows are `CardRows` in `src/accelerator/flows/columns.rs` says; the columns are those of `flow.cuh`.
#pragma once
#include "events.cuh"

// The call; the places of `words` in src/accelerator/cuda/columns.rs. Then the free places of the context.
constexpr u32 O_EVENTS = 0, O_BATCH = 1, O_STRIDE = 2, O_DOUBLE = 3, O_CONTEXT = 4, O_DIRECTIONS = 5, O_SECOND = 6,
              O_COLUMN = 7, O_FREE = 8;

INLINE double number_at(const void *__restrict__ numbers, u64 at, u32 is_double) {
  if (is_double == 1) return ((const double *)numbers)[at];
  return (double)((const float *)numbers)[at];
}

INLINE u64 row_of_event(const u32 *__restrict__ plan, u32 event) {
  return (u64)(event / plan[O_BATCH]) * plan[O_STRIDE] + event % plan[O_BATCH];
}

// inputs: [rows, width], of which `count` columns from `first` on become the context in each row
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    flow_context(u32 is_double, u32 rows, u32 width, u32 first, u32 count, const double *__restrict__ context,
                 void *inputs) {
  const u64 all = (u64)rows * count;
  ROLLED
  for (u64 i = (u64)blockIdx.x * W + threadIdx.x; i < all; i += (u64)gridDim.x * W) {
    const u64 row = i / count, at = i - row * count, to = row * width + first + at;
    if (is_double == 1) ((double *)inputs)[to] = context[at];
    else ((float *)inputs)[to] = __double2float_rn(context[at]);
  }
}

// plan: a call; middle: what logarithms are relative to; inside: of each event 1 where it lies in the support;
// log_prob, slopes, curves: the model's outputs, of which those wanted are there; data: columns of the events, of which
// one for each component is written, the logarithm NaN where a number is not finite
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    flow_outputs(const u32 *__restrict__ plan, double middle, const u32 *__restrict__ inside,
                 const void *__restrict__ log_prob, const void *__restrict__ slopes,
                 const void *__restrict__ curves, double *data) {
  const u32 n = plan[O_EVENTS], k = plan[O_CONTEXT], directions = plan[O_DIRECTIONS], wide = plan[O_DOUBLE];
  const u32 *__restrict__ places = plan + O_FREE;
  ROLLED
  for (u64 event = (u64)blockIdx.x * W + threadIdx.x; event < n; event += (u64)gridDim.x * W) {
    const u64 row = row_of_event(plan, (u32)event);
    const double value = number_at(log_prob, row, wide);
    const bool absent = inside[event] == 0 || value == -infinity();
    bool fine = !not_finite(value);
    double *out = data + (u64)plan[O_COLUMN] * n + event;
    double *next = out + n;
    ROLLED
    for (u32 a = 0; a < directions; a += 1) {
      const double x = number_at(slopes, row * k + places[a], wide);
      fine = fine && !not_finite(x);
      *next = absent ? 0.0 : x;
      next += n;
    }
    if (plan[O_SECOND] == 1) {
      ROLLED
      for (u32 a = 0; a < directions; a += 1) {
        ROLLED
        for (u32 b = 0; b <= a; b += 1) {
          const u32 p = places[a], q = places[b];
          const double x = number_at(curves, (row * k + p) * k + q, wide);
          const double y = number_at(curves, (row * k + q) * k + p, wide);
          const double mean = __dmul_rn(0.5, x + y);
          fine = fine && !not_finite(mean);
          *next = absent ? 0.0 : mean;
          next += n;
        }
      }
    }
    *out = absent ? ABSENT : fine ? value - middle : not_a_number();
  }
}

// Second derivatives as differences of first ones between two contexts that differ in direction a: both halves of the
// mean of those in a and b and in b and a, one with each call.
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    flow_change(const u32 *__restrict__ plan, u32 a, double distance, const void *__restrict__ low,
                const void *__restrict__ high, double *data) {
  const u32 n = plan[O_EVENTS], k = plan[O_CONTEXT], directions = plan[O_DIRECTIONS], wide = plan[O_DOUBLE];
  const u32 *__restrict__ places = plan + O_FREE;
  ROLLED
  for (u64 event = (u64)blockIdx.x * W + threadIdx.x; event < n; event += (u64)gridDim.x * W) {
    const u64 row = row_of_event(plan, (u32)event);
    double *out = data + (u64)plan[O_COLUMN] * n + event;
    const bool absent = is_absent(*out);
    bool fine = true;
    ROLLED
    for (u32 b = 0; b < directions; b += 1) {
      const u64 at = row * k + places[b];
      const double change = (number_at(high, at, wide) - number_at(low, at, wide)) / distance;
      const u32 larger = a > b ? a : b, smaller = a > b ? b : a;
      double *column = out + (u64)(1 + directions + larger * (larger + 1) / 2 + smaller) * n;
      const double half = __dmul_rn(0.5, change);
      // rows of the lower triangle before this one have had their first half
      const double x = a == b ? change : b < a ? *column + half : half;
      fine = fine && !not_finite(x);
      *column = absent ? 0.0 : x;
    }
    if (!absent && !fine) *out = not_a_number();
  }
}
