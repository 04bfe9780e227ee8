// df64: double-float arithmetic in WGSL (value = hi + lo, two f32, about 48 significant bits).
//
// Contract. Concatenate this file with a kernel written only against `real` and the r_* functions.
// The host binds `guard_buf` with zero = 0u. It must stay a runtime buffer: as a const, an `override`
// or a literal the compiler sees through it and every error term below becomes 0.
//
// Why the guard: WGSL lets an implementation reassociate and fuse, and naga 30 emits neither NoContraction
// (SPIR-V) nor `precise` (HLSL), and wgpu-hal 30 leaves Metal's fast math on. Unguarded two_sum is wrong on
// lavapipe, in DXC's DXIL and under clang -ffast-math. Rule: the result of every f32 operation whose exact rounded
// value matters goes through g(); the XOR with a runtime zero stops algebra across it.
// Multiplying by a runtime 1.0 is NOT enough (breaks under -ffast-math, and on lavapipe in the full kernel).
// two_prod uses an integer-mask split, not fma(): fma is not fused on lavapipe, nor in naga's HLSL (mad).
//
// Tested (wgpu/naga 30.0.1; 400k random pairs in each of four ranges, against f64), max relative error:
//   r_add, r_sub 8.5e-15 also under cancellation | r_adds 7.2e-15 of |a|+|b| | r_mul 1.7e-14 | r_div 9.9e-15
//   r_exp 1.0e-14 for |x| < 60 | r_log 1.5e-14, also near x = 1
//   on lavapipe, Mesa 22.3.6 and 25.0.7. naga's MSL output of these functions and of the full HistFactory kernel, compiled as
//   C++ by clang 16 with -O3, -ffast-math and -ffast-math -march=native, gives the same errors.
//   r_div keeps its bound when each f32 quotient is off by a further 3e-7 (5 ulp).
//   NOT yet run on a real Metal, DX12 or Vulkan GPU: run the self-test at device creation, refuse df64 if it fails.
// Range: full accuracy for 2^-100 < |x| < 2^126 (below, the low word is subnormal and may be flushed to zero);
// no Inf/NaN semantics; r_log wants a normal x > 0; r_exp clamps to [-104, 89].



fn g(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ runtime_zero()); }

fn e_add(a: f32, b: f32) -> f32 { return g(a + b); }
fn e_sub(a: f32, b: f32) -> f32 { return g(a - b); }
fn e_mul(a: f32, b: f32) -> f32 { return g(a * b); }

// hi: 12 leading bits by integer mask (no float algebra to break, no overflow); all partial products are exact
fn split_hi(a: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a) & 0xfffff000u); }
fn two_prod(a: f32, b: f32) -> vec2<f32> {
  let p = e_mul(a, b);
  let ah = split_hi(a); let al = e_sub(a, ah);
  let bh = split_hi(b); let bl = e_sub(b, bh);
  let e1 = e_sub(e_mul(ah, bh), p);
  let e2 = e_add(e1, e_mul(al, bh));
  let e3 = e_add(e2, e_mul(ah, bl));
  return vec2<f32>(p, e_add(e3, e_mul(al, bl)));
}

// Knuth: any order; Dekker: needs |a| >= |b|
fn two_sum(a: f32, b: f32) -> vec2<f32> {
  let s = e_add(a, b);
  let bb = e_sub(s, a);
  let da = e_sub(a, e_sub(s, bb));
  let db = e_sub(b, bb);
  return vec2<f32>(s, e_add(da, db));
}
fn quick_two_sum(a: f32, b: f32) -> vec2<f32> {
  let s = e_add(a, b);
  let z = e_sub(s, a);
  return vec2<f32>(s, e_sub(b, z));
}

// ---- df64 arithmetic: value = .x (hi) + .y (lo), |lo| <= ulp(hi)/2, unevaluated sum of two f32.
alias real = vec2<f32>;
const R_0: real = vec2<f32>(0.0, 0.0);
const R_1: real = vec2<f32>(1.0, 0.0);
fn r_from(x: f32) -> real { return vec2<f32>(x, 0.0); }
fn r_hi(a: real) -> f32 { return a.x; }
fn r_neg(a: real) -> real { return -a; }
fn r_sel(f: real, t: real, c: bool) -> real { return select(f, t, c); }

// accurate sum: relative error <= 3*2^-48 even under cancellation (Joldes, Muller, Popescu 2017, Alg. 6)
fn r_add(a: real, b: real) -> real {
  let s = two_sum(a.x, b.x);
  let t = two_sum(a.y, b.y);
  let v = quick_two_sum(s.x, e_add(s.y, t.x));
  return quick_two_sum(v.x, e_add(t.y, v.y));
}
fn r_sub(a: real, b: real) -> real { return r_add(a, -b); }
// fast sum: error <= c*2^-48*(|a|+|b|); relative accuracy is lost when a and b cancel
fn r_adds(a: real, b: real) -> real {
  let s = two_sum(a.x, b.x);
  return quick_two_sum(s.x, e_add(s.y, e_add(a.y, b.y)));
}
fn r_mul(a: real, b: real) -> real {
  let p = two_prod(a.x, b.x);
  return quick_two_sum(p.x, g(p.y + (a.x * b.y + a.y * b.x)));
}
fn r_mulf(a: real, b: f32) -> real {
  let p = two_prod(a.x, b);
  return quick_two_sum(p.x, g(p.y + a.y * b));
}
// exact scaling by a power of two
fn r_scale(a: real, p: f32) -> real { return vec2<f32>(a.x * p, a.y * p); }
// robust to an f32 division of 2.5 ulp or worse: three quotient digits
fn r_div(a: real, b: real) -> real {
  let q1 = g(a.x / b.x);
  let r1 = r_sub(a, r_mulf(b, q1));
  let q2 = g(r1.x / b.x);
  let r2 = r_sub(r1, r_mulf(b, q2));
  let q3 = g(r2.x / b.x);
  let q = quick_two_sum(q1, q2);
  return quick_two_sum(q.x, e_add(q.y, q3));
}
fn pow2i(k: i32) -> f32 { return bitcast<f32>(u32(k + 127) << 23u); } // -126 <= k <= 127

// exp: x = k ln2 + r, |r| <= 0.347; Taylor, terms 1..7 in df64, 8..13 in f32
fn r_exp(x: real) -> real {
  let kf = round(clamp(x.x, -104.0, 89.0) * 1.44269502);
  // ln2 in three parts, the first two with 12 significant bits: products with |k| < 4096 are exact
  var r = r_add(x, quick_two_sum(g(kf * -0.693115234375), g(kf * -3.193318843841553e-05)));
  r = r_adds(r, two_prod(kf, -1.2996506981721723e-08));
  let h = r.x;
  let tail = ((((1.6059044e-10 * h + 2.0876757e-09) * h + 2.5052108e-08) * h + 2.755732e-07) * h + 2.7557319e-06) * h + 2.4801588e-05;
  var s = quick_two_sum(0.00019841270113829523, g(tail * h - 2.725596874933456e-12));
  s = r_adds(r_mul(s, r), vec2<f32>(0.0013888889225199819, -3.3631094437103215e-11));
  s = r_adds(r_mul(s, r), vec2<f32>(0.008333333767950535, -4.34617203337595e-10));
  s = r_adds(r_mul(s, r), vec2<f32>(0.0416666679084301, -1.2417634698280722e-09));
  s = r_adds(r_mul(s, r), vec2<f32>(0.1666666716337204, -4.967053879312289e-09));
  s = r_adds(r_mul(s, r), vec2<f32>(0.5, 0.0));
  s = r_adds(r_mul(s, r), R_1);
  s = r_adds(r_mul(s, r), R_1);
  let k = i32(kf);
  let k1 = k / 2;
  return r_scale(r_scale(s, pow2i(k1)), pow2i(k - k1));
}
// P(z) = 1/3 + z/5 + z^2/7 + ..., 0 <= z <= 0.0295: atanh(s) = s + s z P(z), z = s^2
fn atanh_tail(z: real) -> real {
  let h = z.x;
  let tail = ((((0.04761905 * h + 0.05263158) * h + 0.05882353) * h + 0.06666667) * h + 0.07692308) * h + 0.09090909;
  var p = quick_two_sum(0.1111111119389534, g(tail * h - 8.278422947149977e-10));
  p = r_adds(r_mul(p, z), vec2<f32>(0.1428571492433548, -6.38621200366174e-09));
  p = r_adds(r_mul(p, z), vec2<f32>(0.20000000298023224, -2.9802322831784522e-09));
  p = r_adds(r_mul(p, z), vec2<f32>(0.3333333432674408, -9.934107758624577e-09));
  return p;
}
// log, x > 0 and normal: x = 2^k m, m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m-1)/(m+1))
fn r_log(x: real) -> real {
  var k = i32((bitcast<u32>(x.x) >> 23u) & 0xffu) - 127;
  if ((bitcast<u32>(x.x) & 0x7fffffu) > 0x3504f3u) { k = k + 1; }
  let k1 = -k / 2;
  let m = r_scale(r_scale(x, pow2i(k1)), pow2i(-k - k1));
  let s = r_div(r_add(m, vec2<f32>(-1.0, 0.0)), r_adds(m, R_1));
  let z = r_mul(s, s);
  var p = atanh_tail(z);
  p = r_mul(r_mul(p, z), s);
  let lm = r_scale(r_adds(s, p), 2.0);
  let kf = f32(k);
  let kl = r_adds(quick_two_sum(g(kf * 0.693115234375), g(kf * 3.193318843841553e-05)), two_prod(kf, 1.2996506981721723e-08));
  return r_add(kl, lm);
}
// Poisson deviance nu - n - n log(nu/n) >= 0 without cancellation: s = (nu-n)/(nu+n), D = s (nu-n) - 2 n s^3 P(s^2)
fn r_dev(nu: real, n: real) -> real {
  if (n.x == 0.0) { return nu; }
  let d = r_sub(nu, n);
  let s = r_div(d, r_adds(nu, n));
  if (abs(s.x) < 0.17) { let z = r_mul(s, s); return r_adds(r_mul(s, d), r_neg(r_mul(r_scale(n, 2.0), r_mul(r_mul(s, z), atanh_tail(z))))); }
  return r_sub(d, r_mul(n, r_log(r_div(nu, n))));
}
