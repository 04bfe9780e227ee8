// Elementary functions in f64: operation for operation those of `src/accelerator/cpu/math.rs`, so that
// neither a compiler's library nor its version decides the last bit.
#pragma once
#include "header.cuh"

constexpr double LN2_HIGH = 6.931471803691238e-1;
constexpr double LN2_LOW = 1.9082149292705877e-10;
constexpr double LOG2_E = 1.4426950408889634;
// 1.5 * 2^52: adding it rounds to an integer in the low bits
constexpr double ROUND = 6755399441055744.0;
// (sqrt 2 - 1) / (sqrt 2 + 1)
constexpr double ATANH_RANGE = 0.1715728752538099;
constexpr u64 ROOT_HALF = 0x3fe6a09e667f3bcdull;

INLINE u64 bits_of(double x) { return (u64)__double_as_longlong(x); }
INLINE double of_bits(u64 bits) { return __longlong_as_double((long long)bits); }
INLINE double infinity() { return of_bits(0x7ff0000000000000ull); }
// NaN or infinite
INLINE bool not_finite(double x) { return (__double2hiint(x) & 0x7ff00000) == 0x7ff00000; }

INLINE double horner(double, double last) { return last; }
// first + x (next + x (..))
template <class... Rest>
INLINE double horner(double x, double first, double next, Rest... rest) {
  return __fma_rn(horner(x, next, rest...), x, first);
}

// e^x for |x| < 700, saturating beyond
INLINE double exponential(double x) {
  x = x < -700.0 ? -700.0 : x;
  x = x > 700.0 ? 700.0 : x;
  const double shifted = __fma_rn(x, LOG2_E, ROUND);
  const double k = shifted - ROUND;
  double r = __fma_rn(k, -LN2_HIGH, x);
  r = __fma_rn(k, -LN2_LOW, r);
  const double p = horner(r, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0,
                          1.0 / 40320.0, 1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800.0,
                          1.0 / 479001600.0, 1.0 / 6227020800.0);
  const double tail = __fma_rn(__dmul_rn(r, r), p, r);
  const double scale = of_bits((bits_of(shifted) + 1023) << 52);
  return __fma_rn(scale, tail, scale);
}

// e^x for every x: 0 and infinity beyond the range of f64
INLINE double exponential_of_any(double x) {
  const bool far = fabs(x) > 700.0;
  const double e = exponential(far ? 0.5 * x : x);
  return far ? __dmul_rn(e, e) : e;
}

// (atanh s - s) / s^3 for z = s^2, |s| below ATANH_RANGE
INLINE double atanh_tail(double z) {
  return horner(z, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0,
                1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0, 1.0 / 23.0);
}

// of positive, normal numbers
INLINE double logarithm(double x) {
  const u64 shifted = bits_of(x) - ROOT_HALF;
  const double k = (double)(int)((long long)shifted >> 52);
  const double mantissa = of_bits((shifted & 0x000fffffffffffffull) + ROOT_HALF);
  const double s = (mantissa - 1.0) / (mantissa + 1.0);
  const double z = __dmul_rn(s, s);
  const double cube = __dmul_rn(__dmul_rn(z, s), atanh_tail(z));
  double low = __fma_rn(k, LN2_LOW, __dmul_rn(2.0, cube));
  low = __fma_rn(2.0, s, low);
  return __fma_rn(k, LN2_HIGH, low);
}

// nu - n - n ln(nu / n) for n > 0, nu > 0
INLINE double deviance(double nu, double n) {
  const double difference = nu - n;
  const double s = difference / (nu + n);
  if (fabs(s) < ATANH_RANGE) {
    const double z = __dmul_rn(s, s);
    const double cube = __dmul_rn(__dmul_rn(z, s), atanh_tail(z));
    return __dmul_rn(s, difference) - __dmul_rn(__dmul_rn(2.0, n), cube);
  }
  return __fma_rn(-n, logarithm(nu / n), difference);
}
