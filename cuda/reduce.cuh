// Mixtures of processes: sums over events of log-densities that lie in device memory, in the caller's f64
// or f32. Any number of blocks gives the same bits: a share of events is one block's, shares are joined by
// their number.
#pragma once
#include "block.cuh"
#include "real.cuh"

// most events of a share: SHARE in src/accelerator/cuda/mixture.rs
constexpr u32 SHARE = 1024;
// a fault: event of the share, then 0 for its weight, or process plus one
constexpr u32 FAULT_EVENT = 1u << 22;

// A compensated sum: what each addition rounds off is kept and added at the end.
struct Kept {
  double sum, lost;
};

// Knuth's two-sum. The term must be rounded already: the compiler would fuse a product into the first sum alone.
INLINE void keep(Kept &kept, double term) {
  const double sum = kept.sum + term;
  const double part = sum - kept.sum;
  kept.lost += (kept.sum - (sum - part)) + (term - part);
  kept.sum = sum;
}

INLINE void keep(Kept &kept, double sum, double lost) {
  keep(kept, sum);
  kept.lost += lost;
}

// The sum of all threads, in every thread.
INLINE Kept kept_of_all(Kept v) {
  __shared__ double sums[2 * WARPS];
  for (u32 half = WARP / 2; half > 0; half /= 2) {
    const double sum = __shfl_down_sync(ALL_LANES, v.sum, half);
    const double lost = __shfl_down_sync(ALL_LANES, v.lost, half);
    keep(v, sum, lost);
  }
  if (threadIdx.x % WARP == 0) {
    sums[threadIdx.x / WARP] = v.sum;
    sums[WARPS + threadIdx.x / WARP] = v.lost;
  }
  barrier();
  Kept total = {sums[0], sums[WARPS]};
  for (u32 i = 1; i < WARPS; i += 1) keep(total, sums[i], sums[WARPS + i]);
  barrier();
  return total;
}

INLINE double log_density(const void *__restrict__ log_p, u64 at, u32 single) {
  if (single == 1) return (double)((const float *)log_p)[at];
  return ((const double *)log_p)[at];
}

// log_p: [processes, n_events]; weights: [n_events] or null; slopes: as log_p, or null; shares: (first event,
// events, toy) of each; log_yields: [toys, processes]; partials: (sum, lost) of [1 + processes, n_shares], the
// log-likelihood and the derivatives in the yields; counts: (events without density, first fault) of each share
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    reduce_shares(u32 single, u32 processes, u32 n_events, u32 n_shares, u32 gradient,
                  const void *__restrict__ log_p, const double *__restrict__ weights, void *__restrict__ slopes,
                  const u32 *__restrict__ shares, const double *__restrict__ log_yields, double *partials,
                  u32 *counts) {
  // of each event: the largest nu f, and 1 over the sum of all in its units, 0 for events that do not count;
  // a thread reads what it wrote
  __shared__ double tops[SHARE];
  __shared__ double inverses[SHARE];
  for (u32 share = blockIdx.x; share < n_shares; share += gridDim.x) {
    const u64 begin = shares[3 * (u64)share];
    const u32 n = shares[3 * (u64)share + 1];
    const double *a = log_yields + (u64)shares[3 * (u64)share + 2] * processes;
    Kept value = {0.0, 0.0};
    u32 empty = 0;
    u32 fault = NONE;
    ROLLED
    for (u32 i = threadIdx.x; i < n; i += W) {
      const double weight = weights == nullptr ? 1.0 : weights[begin + i];
      u32 wrong = not_finite(weight) || weight < 0.0 ? 0 : NONE;
      double top = -infinity();
      ROLLED
      for (u32 p = 0; p < processes; p += 1) {
        const double log = log_density(log_p, (u64)p * n_events + begin + i, single);
        // also NaN
        if (!(log < infinity()) && wrong == NONE) wrong = p + 1;
        const double term = a[p] + log;
        top = term > top ? term : top;
      }
      double inverse = 0.0;
      if (wrong != NONE) {
        const u32 here = i * FAULT_EVENT + wrong;
        fault = here < fault ? here : fault;
      } else if (top == -infinity()) {
        empty += weight > 0.0 ? 1 : 0;
      } else {
        double sum = 0.0;
        ROLLED
        for (u32 p = 0; p < processes; p += 1) {
          const double log = log_density(log_p, (u64)p * n_events + begin + i, single);
          sum += exponential_of_any(a[p] + log - top);
        }
        keep(value, __dmul_rn(weight, top + logarithm(sum)));
        inverse = 1.0 / sum;
      }
      tops[i] = top;
      inverses[i] = inverse;
    }
    value = kept_of_all(value);
    double empties = (double)empty;
    sum_of_all(empties, fault);
    if (threadIdx.x == 0) {
      partials[2 * (u64)share] = value.sum;
      partials[2 * (u64)share + 1] = value.lost;
      counts[2 * (u64)share] = (u32)empties;
      counts[2 * (u64)share + 1] = fault;
    }
    if (gradient == 1) {
      ROLLED
      for (u32 p = 0; p < processes; p += 1) {
        Kept first = {0.0, 0.0};
        ROLLED
        for (u32 i = threadIdx.x; i < n; i += W) {
          const double weight = weights == nullptr ? 1.0 : weights[begin + i];
          if (!(inverses[i] > 0.0 && weight > 0.0)) continue;
          // defined where the yield is 0
          const double log = log_density(log_p, (u64)p * n_events + begin + i, single);
          keep(first, __dmul_rn(weight, __dmul_rn(exponential_of_any(log - tops[i]), inverses[i])));
        }
        first = kept_of_all(first);
        if (threadIdx.x == 0) {
          const u64 at = (u64)(1 + p) * n_shares + share;
          partials[2 * at] = first.sum;
          partials[2 * at + 1] = first.lost;
        }
      }
    }
    if (slopes == nullptr) continue;
    ROLLED
    for (u32 p = 0; p < processes; p += 1) {
      ROLLED
      for (u32 i = threadIdx.x; i < n; i += W) {
        const double weight = weights == nullptr ? 1.0 : weights[begin + i];
        const u64 at = (u64)p * n_events + begin + i;
        double slope = 0.0;
        if (inverses[i] > 0.0) {
          const double part = exponential_of_any(a[p] + log_density(log_p, at, single) - tops[i]);
          slope = -__dmul_rn(weight, __dmul_rn(part, inverses[i]));
        }
        if (single == 1) {
          ((float *)slopes)[at] = (float)slope;
        } else {
          ((double *)slopes)[at] = slope;
        }
      }
    }
  }
}

// What the shares of each toy add up to. first_share: of each toy and after the last; sums: [toys, 1 + processes];
// found: (events without density, first share with a fault, the fault) of each toy
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    reduce_toys(u32 processes, u32 n_toys, u32 n_shares, u32 gradient, const u32 *__restrict__ first_share,
                const double *__restrict__ partials, const u32 *__restrict__ counts, double *sums, u32 *found) {
  const u32 terms = gradient == 1 ? 1 + processes : 1;
  for (u32 toy = blockIdx.x; toy < n_toys; toy += gridDim.x) {
    const u32 from = first_share[toy];
    const u32 to = first_share[toy + 1];
    ROLLED
    for (u32 k = 0; k < terms; k += 1) {
      Kept total = {0.0, 0.0};
      ROLLED
      for (u32 share = from + threadIdx.x; share < to; share += W) {
        const u64 at = (u64)k * n_shares + share;
        keep(total, partials[2 * at], partials[2 * at + 1]);
      }
      total = kept_of_all(total);
      // an infinite sum lost NaN
      const double all = not_finite(total.sum) ? total.sum : total.sum + total.lost;
      if (threadIdx.x == 0) sums[(u64)toy * (1 + processes) + k] = all;
    }
    u32 empty = 0;
    u32 faulty = NONE;
    ROLLED
    for (u32 share = from + threadIdx.x; share < to; share += W) {
      empty += counts[2 * (u64)share];
      if (counts[2 * (u64)share + 1] != NONE && faulty == NONE) faulty = share;
    }
    double empties = (double)empty;
    sum_of_all(empties, faulty);
    if (threadIdx.x == 0) {
      found[3 * (u64)toy] = (u32)empties;
      found[3 * (u64)toy + 1] = faulty;
      found[3 * (u64)toy + 2] = faulty == NONE ? NONE : counts[2 * (u64)faulty + 1];
    }
  }
}
