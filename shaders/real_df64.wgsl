// `real` is double-float: the unevaluated sum of two f32, |low| <= ulp(high) / 2, some 48 bits.
//
// The guard. WGSL lets a compiler reassociate and fuse, and no backend of wgpu forbids it: drivers
// that treat sums as algebra reduce every error term below to 0, and Metal compiles with fast math.
// So each f32 result whose exact rounding matters passes through `guarded`: an XOR with a zero that
// only the host knows, which stops algebra. It must stay a number in a buffer: the compiler sees
// through a constant. Multiplying by a hidden 1.0 is not enough, fast math reassociates across it.
// Products are split by an integer mask, not by fma, which need not be fused.
//
// Largest relative errors seen, for 2^-100 < |x| < 2^126 (below, the low word may be flushed to 0):
// sum and difference 9e-15 also where they cancel, product 1.7e-14, quotient, exp and log 1.1e-14,
// deviance 1e-13. Whether a device keeps to them is for `src/accelerator/gpu/selftest.rs` to say.

alias real = vec2<f32>;
const R_0: real = vec2<f32>(0.0, 0.0);
const R_1: real = vec2<f32>(1.0, 0.0);

fn guarded(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ runtime_zero()); }
fn g_add(a: f32, b: f32) -> f32 { return guarded(a + b); }
fn g_sub(a: f32, b: f32) -> f32 { return guarded(a - b); }
fn g_mul(a: f32, b: f32) -> f32 { return guarded(a * b); }

// ---- error-free transforms: high + low is the exact result

// Knuth: any order
fn two_sum(a: f32, b: f32) -> real {
  let s = g_add(a, b);
  let bb = g_sub(s, a);
  let da = g_sub(a, g_sub(s, bb));
  let db = g_sub(b, bb);
  return vec2<f32>(s, g_add(da, db));
}

// Dekker: |a| >= |b|
fn quick_two_sum(a: f32, b: f32) -> real {
  let s = g_add(a, b);
  return vec2<f32>(s, g_sub(b, g_sub(s, a)));
}

// The 12 leading bits; the rest is exact in f32, and so are products of such halves.
fn leading(a: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a) & 0xfffff000u); }

fn two_prod(a: f32, b: f32) -> real {
  let p = g_mul(a, b);
  let ah = leading(a);
  let al = g_sub(a, ah);
  let bh = leading(b);
  let bl = g_sub(b, bh);
  let e1 = g_sub(g_mul(ah, bh), p);
  let e2 = g_add(e1, g_mul(al, bh));
  let e3 = g_add(e2, g_mul(ah, bl));
  return vec2<f32>(p, g_add(e3, g_mul(al, bl)));
}

// ---- conversions and comparisons

fn r_from(x: f32) -> real { return vec2<f32>(x, 0.0); }
fn r_hi(a: real) -> f32 { return a.x; }
fn r_neg(a: real) -> real { return -a; }
fn r_sel(f: real, t: real, c: bool) -> real { return select(f, t, c); }
fn r_less(a: real, b: real) -> bool { return a.x < b.x || (a.x == b.x && a.y < b.y); }
fn r_equal(a: real, b: real) -> bool { return a.x == b.x && a.y == b.y; }
fn r_min(a: real, b: real) -> real { return select(a, b, r_less(b, a)); }
fn r_max(a: real, b: real) -> real { return select(a, b, r_less(a, b)); }
fn r_abs(a: real) -> real { return select(a, -a, a.x < 0.0); }

// NaN or infinite. On bits, since fast math drops float tests; guarded, since a compiler may turn
// the bare bit test back into one. A NaN or an overflow in a low word reaches the high one.
fn r_bad(a: real) -> bool {
  return (bitcast<u32>(guarded(a.x)) & 0x7f800000u) == 0x7f800000u;
}

// ---- arithmetic

// Relative error 3 * 2^-48 even where a and b cancel (Joldes, Muller, Popescu 2017, algorithm 6).
fn r_add(a: real, b: real) -> real {
  let s = two_sum(a.x, b.x);
  let t = two_sum(a.y, b.y);
  let v = quick_two_sum(s.x, g_add(s.y, t.x));
  return quick_two_sum(v.x, g_add(t.y, v.y));
}
fn r_sub(a: real, b: real) -> real { return r_add(a, -b); }

// Fast sum: error relative to |a| + |b|.
fn r_adds(a: real, b: real) -> real {
  let s = two_sum(a.x, b.x);
  return quick_two_sum(s.x, g_add(s.y, g_add(a.y, b.y)));
}

fn r_mul(a: real, b: real) -> real {
  let p = two_prod(a.x, b.x);
  return quick_two_sum(p.x, guarded(p.y + (a.x * b.y + a.y * b.x)));
}
fn r_mulf(a: real, b: f32) -> real {
  let p = two_prod(a.x, b);
  return quick_two_sum(p.x, guarded(p.y + a.y * b));
}

// p is a power of two
fn r_scale(a: real, p: f32) -> real { return vec2<f32>(a.x * p, a.y * p); }

// Three digits: an f32 quotient may be wrong by several ulp.
fn r_div(a: real, b: real) -> real {
  let q1 = guarded(a.x / b.x);
  let r1 = r_sub(a, r_mulf(b, q1));
  let q2 = guarded(r1.x / b.x);
  let r2 = r_sub(r1, r_mulf(b, q2));
  let q3 = guarded(r2.x / b.x);
  let q = quick_two_sum(q1, q2);
  return quick_two_sum(q.x, g_add(q.y, q3));
}

// ---- elementary functions

// 2^k, -126 <= k <= 127
fn pow2(k: i32) -> f32 { return bitcast<f32>(u32(k + 127) << 23u); }

// exp of x clamped to [-104, 89]: x = k ln 2 + r, |r| <= 0.347; terms 1 to 7 of the series in df64,
// 8 to 13 in f32.
fn r_exp(x: real) -> real {
  var a = select(x, r_from(-104.0), x.x < -104.0);
  a = select(a, r_from(89.0), x.x > 89.0);
  let kf = round(a.x * 1.44269502);
  // ln 2 in three parts, the first two of 12 bits: their products with k are exact
  var r = r_add(a, quick_two_sum(g_mul(kf, -0.693115234375), g_mul(kf, -3.193318843841553e-05)));
  r = r_adds(r, two_prod(kf, -1.2996506981721723e-08));
  let h = r.x;
  var t = 1.6059044e-10 * h + 2.0876757e-09;
  t = t * h + 2.5052108e-08;
  t = t * h + 2.755732e-07;
  t = t * h + 2.7557319e-06;
  t = t * h + 2.4801588e-05;
  var s = quick_two_sum(0.00019841270113829523, guarded(t * h - 2.725596874933456e-12));
  s = r_adds(r_mul(s, r), vec2<f32>(0.0013888889225199819, -3.3631094437103215e-11));
  s = r_adds(r_mul(s, r), vec2<f32>(0.008333333767950535, -4.34617203337595e-10));
  s = r_adds(r_mul(s, r), vec2<f32>(0.0416666679084301, -1.2417634698280722e-09));
  s = r_adds(r_mul(s, r), vec2<f32>(0.1666666716337204, -4.967053879312289e-09));
  s = r_adds(r_mul(s, r), vec2<f32>(0.5, 0.0));
  s = r_adds(r_mul(s, r), R_1);
  s = r_adds(r_mul(s, r), R_1);
  let k = i32(kf);
  let half = k / 2;
  return r_scale(r_scale(s, pow2(half)), pow2(k - half));
}

// 1/3 + z/5 + z^2/7 + .. for 0 <= z <= 0.0295: atanh s = s + s z P(z) with z = s^2
fn atanh_tail(z: real) -> real {
  let h = z.x;
  var t = 0.04761905 * h + 0.05263158;
  t = t * h + 0.05882353;
  t = t * h + 0.06666667;
  t = t * h + 0.07692308;
  t = t * h + 0.09090909;
  var p = quick_two_sum(0.1111111119389534, guarded(t * h - 8.278422947149977e-10));
  p = r_adds(r_mul(p, z), vec2<f32>(0.1428571492433548, -6.38621200366174e-09));
  p = r_adds(r_mul(p, z), vec2<f32>(0.20000000298023224, -2.9802322831784522e-09));
  return r_adds(r_mul(p, z), vec2<f32>(0.3333333432674408, -9.934107758624577e-09));
}

// The k that brings 2^-k x into [sqrt(1/2), sqrt(2)), for normal x > 0.
fn log_exponent(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  let k = i32((bits >> 23u) & 0xffu) - 127;
  return select(k, k + 1, (bits & 0x7fffffu) > 0x3504f3u);
}

// log of a normal x > 0: x = 2^k m, log m = 2 atanh((m - 1) / (m + 1)).
fn r_log(x: real) -> real {
  let k = log_exponent(x.x);
  let half = -k / 2;
  let m = r_scale(r_scale(x, pow2(half)), pow2(-k - half));
  let s = r_div(r_add(m, r_from(-1.0)), r_adds(m, R_1));
  let z = r_mul(s, s);
  let log_m = r_scale(r_adds(s, r_mul(r_mul(atanh_tail(z), z), s)), 2.0);
  let kf = f32(k);
  let k_ln2 = r_adds(
    quick_two_sum(g_mul(kf, 0.693115234375), g_mul(kf, 3.193318843841553e-05)),
    two_prod(kf, 1.2996506981721723e-08),
  );
  return r_add(k_ln2, log_m);
}

// Poisson deviance nu - n - n ln(nu/n) for n > 0, nu > 0; nu for n = 0. Near nu = n a series in
// s = (nu - n) / (nu + n) keeps it relatively accurate: D = s (nu - n) - 2 n s^3 P(s^2).
fn r_deviance(nu: real, n: real) -> real {
  if (n.x == 0.0) { return nu; }
  let d = r_sub(nu, n);
  let s = r_div(d, r_adds(nu, n));
  if (abs(s.x) < 0.17) {
    let z = r_mul(s, s);
    let tail = r_mul(r_scale(n, 2.0), r_mul(r_mul(s, z), atanh_tail(z)));
    return r_adds(r_mul(s, d), -tail);
  }
  return r_sub(d, r_mul(n, r_log(r_div(nu, n))));
}
