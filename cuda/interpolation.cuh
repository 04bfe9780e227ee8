// Interpolation in alpha; the twin of `src/accelerator/cpu/interpolation.rs`.
#pragma once
#include "real.cuh"
#include "slot.cuh"

struct Factor {
  double value, slope;
};

// h(alpha), with which a histosys adds alpha * symmetric + h * asymmetric
INLINE Factor shape_function(const Header &h, double a) {
  const double magnitude = fabs(a);
  const bool outside = magnitude > 1.0;
  const double sign = a < 0.0 ? -1.0 : 1.0;
  if (h.histosys == 0) return {8.0 * magnitude, 8.0 * sign};
  if (h.histosys == 1) {
    // 8 a^2 inside, 8 (2 |a| - 1) outside
    if (outside) return {16.0 * magnitude - 8.0, 16.0 * sign};
    return {8.0 * (a * a), 16.0 * a};
  }
  // a^2 (15 - 10 a^2 + 3 a^4) inside, 8 |a| outside
  if (outside) return {8.0 * magnitude, 8.0 * sign};
  const double t = a * a;
  const double q = (3.0 * t - 10.0) * t + 15.0;
  const double dq = (18.0 * t - 40.0) * t + 30.0;
  return {t * q, a * dq};
}

// a normsys factor; c: six polynomial coefficients, ln hi, -ln lo
INLINE Factor normsys(const Header &h, const double *c, double a) {
  if (h.piecewise_normsys == 0 && fabs(a) < 1.0) {
    double f = c[5];
    double d = 6.0 * f;
#pragma unroll
    for (u32 i = 5; i > 0; i -= 1) {
      f = f * a + c[i - 1];
      d = d * a + (double)i * c[i - 1];
    }
    return {f * a + 1.0, d};
  }
  // hi^a = e^(a ln hi), lo^-a = e^(a (-ln lo))
  const double rate = a < 0.0 ? c[7] : c[6];
  const double f = exponential(a * rate);
  return {f, rate * f};
}
