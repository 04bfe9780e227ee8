// Interpolation in alpha; the twin of `src/accelerator/cpu/interpolation.rs`.

struct Shape { value: real, slope: low }

// h(alpha), with which a histosys adds alpha * symmetric + h * asymmetric
fn shape_function(a: real) -> Shape {
  let negative = r_less(a, R_0);
  let magnitude = r_abs(a);
  let outside = r_less(R_1, magnitude);
  let low_a = l_of(a);
  var sign = L_1;
  if (negative) { sign = l_neg(L_1); }
  if (header.histosys == 0u) {
    return Shape(r_scale(magnitude, 8.0), l_mul(sign, l_from(8.0)));
  }
  if (header.histosys == 1u) {
    // 8 a^2 inside, 8 (2 |a| - 1) outside
    if (outside) {
      return Shape(r_sub(r_scale(magnitude, 16.0), r_from(8.0)), l_mul(sign, l_from(16.0)));
    }
    return Shape(r_scale(r_mul(a, a), 8.0), l_mul(low_a, l_from(16.0)));
  }
  // a^2 (15 - 10 a^2 + 3 a^4) inside, 8 |a| outside
  if (outside) { return Shape(r_scale(magnitude, 8.0), l_mul(sign, l_from(8.0))); }
  let t = r_mul(a, a);
  let q = r_adds(r_mul(r_adds(r_mulf(t, 3.0), r_from(-10.0)), t), r_from(15.0));
  let u = l_of(t);
  let dq = l_add(l_mul(l_add(l_mul(u, l_from(18.0)), l_from(-40.0)), u), l_from(30.0));
  return Shape(r_mul(t, q), l_mul(low_a, dq));
}

struct Factor { value: real, slope: low }

// a normsys factor; c: six polynomial coefficients, ln hi, -ln lo
fn normsys(c: u32, a: real) -> Factor {
  if (header.piecewise_normsys == 0u && r_less(r_abs(a), R_1)) {
    var f = numbers[c + 5u];
    for (var i = 5u; i > 0u; i -= 1u) { f = r_adds(r_mul(f, a), numbers[c + i - 1u]); }
    f = r_adds(r_mul(f, a), R_1);
    let low_a = l_of(a);
    var d = l_mul(l_of(numbers[c + 5u]), l_from(6.0));
    for (var i = 5u; i > 0u; i -= 1u) {
      d = l_add(l_mul(d, low_a), l_mul(l_of(numbers[c + i - 1u]), l_from(f32(i))));
    }
    return Factor(f, d);
  }
  // hi^a = e^(a ln hi), lo^-a = e^(a (-ln lo))
  var rate = numbers[c + 6u];
  if (r_less(a, R_0)) { rate = numbers[c + 7u]; }
  let f = r_exp(r_mul(a, rate));
  return Factor(f, l_mul(l_of(rate), l_of(f)));
}
