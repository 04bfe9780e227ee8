// Sums over a block, in a fixed order: in each warp by halves, then the warps one after the other.
#pragma once
#include "header.cuh"

// at most
constexpr u32 WARPS = W / WARP;

// Of this block. A small model has fewer than W: with four times the blocks, fewer threads have nothing to do.
INLINE u32 threads() { return blockDim.x; }
INLINE u32 warps() { return blockDim.x / WARP; }

INLINE void barrier() { __syncthreads(); }

INLINE double warp_sum(double v) {
  for (u32 half = WARP / 2; half > 0; half /= 2) v += __shfl_down_sync(ALL_LANES, v, half);
  return v;
}

INLINE u32 warp_least(u32 v) {
  for (u32 half = WARP / 2; half > 0; half /= 2) {
    const u32 other = __shfl_down_sync(ALL_LANES, v, half);
    v = other < v ? other : v;
  }
  return v;
}

// The sum of `value` and the least `number`, in every thread.
INLINE void sum_of_all(double &value, u32 &number) {
  __shared__ double sums[WARPS];
  __shared__ u32 least[WARPS];
  const double sum = warp_sum(value);
  const u32 first = warp_least(number);
  if (threadIdx.x % WARP == 0) {
    sums[threadIdx.x / WARP] = sum;
    least[threadIdx.x / WARP] = first;
  }
  barrier();
  value = sums[0];
  number = least[0];
  for (u32 i = 1; i < warps(); i += 1) {
    value += sums[i];
    number = least[i] < number ? least[i] : number;
  }
  barrier();
}

struct Four {
  double x, y, z, w;
};

// Four sums at once, in every thread.
INLINE Four sums_of_all(Four v) {
  __shared__ double sums[4 * WARPS];
  v.x = warp_sum(v.x);
  v.y = warp_sum(v.y);
  v.z = warp_sum(v.z);
  v.w = warp_sum(v.w);
  if (threadIdx.x % WARP == 0) {
    const u32 at = threadIdx.x / WARP;
    sums[at] = v.x;
    sums[WARPS + at] = v.y;
    sums[2 * WARPS + at] = v.z;
    sums[3 * WARPS + at] = v.w;
  }
  barrier();
  Four total = {sums[0], sums[WARPS], sums[2 * WARPS], sums[3 * WARPS]};
  for (u32 i = 1; i < warps(); i += 1) {
    total.x += sums[i];
    total.y += sums[WARPS + i];
    total.z += sums[2 * WARPS + i];
    total.w += sums[3 * WARPS + i];
  }
  barrier();
  return total;
}
