// Every function of a prelude on pairs of numbers, for `src/accelerator/gpu/selftest.rs` to compare
// with f64 of the host: whether a device's compiler has left the arithmetic as it is written.

// pairs a, b
@group(0) @binding(1) var<storage, read> inputs: array<real>;
// OUTPUTS numbers for each pair, in the order of `FUNCTIONS` in selftest.rs
@group(0) @binding(2) var<storage, read_write> outputs: array<real>;
const OUTPUTS: u32 = 14u;

// The argument of exp: a where that is small, else scaled down.
fn exponent(a: real) -> real {
  return r_sel(r_scale(a, 1.4901161193847656e-8), a, abs(r_hi(a)) < 60.0);
}

// The argument of log: |a|, large and small ones moved further out by 2^60.
fn log_argument(a: real) -> real {
  let x = r_abs(a);
  let far = r_sel(r_scale(x, 8.673617379884035e-19), r_scale(x, 1152921504606846976.0), r_hi(x) > 1.0);
  return r_sel(x, far, r_hi(x) < 9.5367431640625e-07 || r_hi(x) > 1048576.0);
}

// Answers of the comparisons, one bit each.
fn comparisons(a: real, b: real) -> u32 {
  let infinite = r_from(bitcast<f32>(0x7f800000u ^ runtime_zero()));
  let nan = r_from(bitcast<f32>(0x7fc00000u ^ runtime_zero()));
  // beyond f32, in f64 too by what r_bad means there
  let huge = r_from(bitcast<f32>(0x7e800000u ^ runtime_zero()));
  return select(0u, 1u, r_less(a, b))
    | select(0u, 2u, r_less(b, a))
    | select(0u, 4u, r_equal(a, b))
    | select(0u, 8u, r_bad(a) || r_bad(b))
    | select(0u, 16u, r_bad(infinite) && r_bad(r_neg(infinite)))
    | select(0u, 32u, r_bad(nan))
    | select(0u, 64u, r_bad(r_mul(huge, huge)));
}

@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3<u32>) {
  let pair = id.x;
  if (pair >= arrayLength(&inputs) / 2u) { return; }
  let a = inputs[2u * pair];
  let b = inputs[2u * pair + 1u];
  let at = OUTPUTS * pair;
  outputs[at] = two_sum(r_hi(a), r_hi(b));
  outputs[at + 1u] = two_prod(r_hi(a), r_hi(b));
  outputs[at + 2u] = r_add(a, b);
  outputs[at + 3u] = r_sub(a, b);
  outputs[at + 4u] = r_adds(a, b);
  outputs[at + 5u] = r_mul(a, b);
  outputs[at + 6u] = r_mulf(a, r_hi(b));
  outputs[at + 7u] = r_div(a, b);
  outputs[at + 8u] = r_exp(exponent(a));
  outputs[at + 9u] = r_log(log_argument(a));
  outputs[at + 10u] = r_deviance(r_abs(a), r_abs(b));
  outputs[at + 11u] = r_sub(r_max(a, b), r_min(a, b));
  outputs[at + 12u] = r_of(l_add(l_mul(l_of(a), l_of(a)), l_div(l_of(b), l_of(b))));
  outputs[at + 13u] = r_from(f32(comparisons(a, b)));
}
