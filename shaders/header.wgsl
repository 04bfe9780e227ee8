// What the host tells a kernel: sizes and offsets, then the model's indices. The twin of
// `src/accelerator/layout/header.rs`; a test compares the two member by member. Prefixes say where an
// offset points: i_ index, f_ numbers, d_ data, r_ reals (within a slot), l_ lows (within a slot),
// c_ control.
//
// Not a uniform: lavapipe compiles a kernel anew for the values of uniforms that steer loops. That
// took half a minute for each model, and showed the compiler the guard's zero (real_df64.wgsl), so
// that double-float fell to f32.
struct Header {
  // 0, and unknown to the compiler
  zero: u32,

  // the model
  n_parameters: u32,
  n_main: u32,
  n_auxiliary: u32,
  n_samples: u32,
  n_scalars: u32,
  n_cells: u32,
  n_chunks: u32,
  n_wide: u32,
  n_narrow: u32,
  // h(alpha) of the shapes: 0 piecewise linear, 1 quadratic and linear, 2 polynomial and linear
  histosys: u32,
  // 1: normsys factors are exponential from alpha = 0 on
  piecewise_normsys: u32,
  // 1: some parameter has a kink at 0
  kinked: u32,
  // 1: empty bins are continued quadratically below numbers[f_floor]
  floored: u32,
  // per scalar factor (parameter, coefficients in numbers or NONE)
  i_scalars: u32,
  // per sample (scalars from, to, first cell, bins, shapes from, to, bin factors from, to,
  // templates in numbers, first bin)
  i_samples: u32,
  // parameter of each shape
  i_shapes: u32,
  // first parameter of each bin factor
  i_bin_factors: u32,
  // sample of each cell
  i_cells: u32,
  // per bin (samples from, to, bin of the channel)
  i_bins: u32,
  // what moves with a parameter: (kind, what, sample, bins from, to)
  i_entries: u32,
  // shares of a gradient sum (parameter, entries from, to, place of the partial sum)
  i_chunks: u32,
  // per parameter (partial sums from, to, constraint, auxiliary datum, kink)
  i_parameters: u32,
  // per wide parameter (parameter, entries from, to)
  i_wide: u32,
  // per narrow parameter (parameter, entries from, to, bin)
  i_narrow: u32,
  f_normsys: u32,
  f_nominal: u32,
  f_templates: u32,
  f_weights: u32,
  f_lower: u32,
  f_upper: u32,
  f_floor: u32,

  // working memory of a slot
  reals_slot: u32,
  r_x: u32,
  r_trial: u32,
  r_h: u32,
  r_factor: u32,
  r_scale: u32,
  r_shape: u32,
  r_rate: u32,
  r_nll: u32,
  lows_slot: u32,
  l_slope: u32,
  l_derivative: u32,
  l_others: u32,
  l_suffix: u32,
  l_bins: u32,
  l_adjoint: u32,
  l_weight: u32,
  l_partial: u32,
  l_gradient: u32,
  l_jump: u32,
  l_g: u32,
  l_mask: u32,
  l_side: u32,
  l_trial_side: u32,
  l_direction: u32,
  l_solved: u32,
  l_steps: u32,
  l_changes: u32,
  l_rho: u32,
  l_coefficients: u32,
  l_wide: u32,
  l_narrow: u32,
  l_root: u32,
  l_inverse: u32,
  l_factor: u32,
  l_bin: u32,

  // the job
  n_fits: u32,
  n_slots: u32,
  // where fits start: 0 or n_parameters from one to the next
  start_stride: u32,
  d_start: u32,
  // results in reals, [n_fits, n_parameters + 1]: parameters, NLL
  r_results: u32,
  // of an evaluation: gradient and jump in lows, [n_fits, 2, n_parameters]
  l_results: u32,
  c_slots: u32,
  c_results: u32,
  // 0: one inverse curvature for all; 1: each fit its own
  stage: u32,
  // levels of the damping ladder at hand
  levels: u32,
  // iterations before the kernel returns
  budget: u32,
  // evaluations before a fit is left to the next stage
  patience: u32,
  // f32 bits: distance to the minimum at which a fit has converged, rounding of the NLL relative to
  // 1 + |NLL|
  tolerance: u32,
  rounding: u32,

  index: array<u32>,
}
@group(0) @binding(0) var<storage, read> header: Header;
fn runtime_zero() -> u32 { return header.zero; }
