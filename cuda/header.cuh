// What the host tells a kernel: sizes and offsets. The twin of `src/accelerator/layout/header.rs` and of
// `shaders/header.wgsl`, which says what each one means; a test compares the three name by name.
//
// Passed by value: the constant bank serves it to all threads at once.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

// most threads of a block: all work on one dataset
constexpr u32 W = 128;
constexpr u32 WARP = 32;
constexpr u32 NONE = 0xffffffffu;
constexpr u32 ALL_LANES = 0xffffffffu;
// blocks of as many threads that a multiprocessor must have room for: bounds the registers of a thread
constexpr u32 BLOCKS = 4;

#define INLINE static __device__ __forceinline__
// for loops whose bodies are long or whose counts are small: copies of them would only lengthen the text
#define ROLLED _Pragma("unroll 1")

struct Header {
  u32 zero;
  u32 n_parameters, n_main, n_auxiliary, n_samples, n_scalars, n_cells, n_chunks, n_wide, n_narrow;
  u32 histosys, piecewise_normsys, kinked, floored;
  u32 i_scalars, i_samples, i_shapes, i_bin_factors, i_cells, i_bins, i_entries, i_chunks, i_parameters;
  u32 i_wide, i_narrow;
  u32 f_normsys, f_nominal, f_templates, f_weights, f_lower, f_upper, f_floor;
  u32 reals_slot, r_x, r_trial, r_h, r_factor, r_scale, r_shape, r_rate, r_nll;
  u32 lows_slot, l_slope, l_derivative, l_others, l_suffix, l_bins, l_adjoint, l_weight, l_partial;
  u32 l_gradient, l_jump, l_g, l_mask, l_side, l_trial_side, l_direction, l_solved, l_steps, l_changes, l_rho;
  u32 l_coefficients, l_wide, l_narrow, l_root, l_inverse, l_factor, l_bin;
  u32 n_fits, n_slots, start_stride, d_start, r_results, l_results, c_slots, c_results;
  u32 stage, levels, budget, patience, tolerance, rounding;
};
