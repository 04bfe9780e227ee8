// Normalising flows of layers, an event a thread: the logarithm of a density and its derivatives in the context, to
// columns that `event_shares` reads. The formulas of `src/unbinned/pdf/flow/`, by the instructions that
// `src/accelerator/flows.rs` writes; the twin of `shaders/flows.wgsl`.
#pragma once
#include "events.cuh"

// The call, its instructions, then lists of rows; the places of `head` in src/accelerator/flows.rs.
constexpr u32 F_EVENTS = 1, F_BEGIN = 2, F_COUNT = 3, F_FIRST = 4, F_LAST = 5, F_COMPONENTS = 6, F_DIRECTIONS = 7,
              F_SECOND = 8, F_COLUMN = 9, F_OBSERVABLES = 11, F_CONTEXT = 12, F_PLACES = 13, F_WORDS = 16;
constexpr u32 STEP_WORDS = 8;
constexpr u32 STEP_LOAD = 0, STEP_SCALE = 1, STEP_GATHER = 2, STEP_DENSE = 3, STEP_AFFINE = 4, STEP_RATIONAL = 5,
              STEP_BASE = 6;
constexpr u32 TANH = 1, RELU = 2;
// outputs of a dense layer worked out together: TILE in src/unbinned/pdf/flow/network.rs
constexpr u32 TILE = 4;

// A quantity with its derivatives in two directions, and the second one in both.
struct Pair {
  double v, a, b, ab;
};

INLINE Pair constant(double v) { return {v, 0.0, 0.0, 0.0}; }
INLINE Pair plus(const Pair &x, const Pair &y) { return {x.v + y.v, x.a + y.a, x.b + y.b, x.ab + y.ab}; }
INLINE Pair minus(const Pair &x, const Pair &y) { return {x.v - y.v, x.a - y.a, x.b - y.b, x.ab - y.ab}; }
INLINE Pair times(const Pair &x, double f) {
  return {__dmul_rn(x.v, f), __dmul_rn(x.a, f), __dmul_rn(x.b, f), __dmul_rn(x.ab, f)};
}
INLINE Pair times(const Pair &x, const Pair &y) {
  const double mixed = __fma_rn(x.a, y.b, __dmul_rn(x.b, y.a));
  return {__dmul_rn(x.v, y.v), __fma_rn(x.a, y.v, __dmul_rn(x.v, y.a)), __fma_rn(x.b, y.v, __dmul_rn(x.v, y.b)),
          __fma_rn(x.ab, y.v, __fma_rn(x.v, y.ab, mixed))};
}
// f(x) with f, f' and f''
INLINE Pair composed(const Pair &x, double f, double f1, double f2) {
  return {f, __dmul_rn(f1, x.a), __dmul_rn(f1, x.b), __fma_rn(f1, x.ab, __dmul_rn(f2, __dmul_rn(x.a, x.b)))};
}
INLINE Pair inverse_of(const Pair &x) {
  const double r = 1.0 / x.v, square = __dmul_rn(r, r);
  return composed(x, r, -square, __dmul_rn(square, r + r));
}
INLINE Pair logarithm_of(const Pair &x) {
  const double r = 1.0 / x.v;
  return composed(x, x.v >= LEAST_NORMAL ? logarithm(x.v) : not_a_number(), r, -__dmul_rn(r, r));
}
INLINE double hyperbolic_tangent(double x) { return 1.0 - 2.0 / (exponential(x + x) + 1.0); }
INLINE Pair tangent_of(const Pair &x) {
  const double t = hyperbolic_tangent(x.v), f1 = 1.0 - __dmul_rn(t, t);
  return composed(x, t, f1, __dmul_rn(-2.0 * t, f1));
}

// An event's working memory: rows of quantities, each a value, first derivatives, second ones (lower triangle).
struct Flow {
  const u32 *__restrict__ plan;
  const double *__restrict__ numbers;
  const double *__restrict__ context;
  const double *__restrict__ inputs;
  double *own;
  u64 stride;
  u32 components, directions;
  bool second;
};

INLINE double *row_of(const Flow &f, u32 row) { return f.own + (u64)row * f.components * f.stride; }
INLINE u32 place_of(u32 a, u32 b) { return a * (a + 1) / 2 + b; }

INLINE Pair load(const Flow &f, u32 row, u32 a, u32 b) {
  const double *r = row_of(f, row);
  if (f.directions == 0) return constant(r[0]);
  return {r[0], r[(1 + a) * f.stride], r[(1 + b) * f.stride],
          f.second ? r[(1 + f.directions + place_of(a, b)) * f.stride] : 0.0};
}

// What later pairs still read stays: these come with a falling, b rising to a.
INLINE void store(const Flow &f, u32 row, u32 a, u32 b, const Pair &x) {
  double *r = row_of(f, row);
  if (f.second) r[(1 + f.directions + place_of(a, b)) * f.stride] = x.ab;
  if (a == b && f.directions > 0) r[(1 + a) * f.stride] = x.a;
  if (a == 0) r[0] = x.v;
}

// `body(a, b)` of each pair of directions; once where there are none.
template <class Body>
INLINE void each_pair(const Flow &f, Body body) {
  ROLLED
  for (u32 a = f.directions > 1 ? f.directions : 1; a-- > 0;) {
    ROLLED
    for (u32 b = f.second ? 0 : a; b <= a; b += 1) body(a, b);
  }
}

INLINE void flow_load(const Flow &f, u64 event) {
  const u32 d = f.plan[F_OBSERVABLES];
  const u64 n = f.plan[F_EVENTS];
  ROLLED
  for (u32 row = 0; row <= d; row += 1) {
    double *r = row_of(f, row);
    ROLLED
    for (u32 c = 1; c < f.components; c += 1) r[c * f.stride] = 0.0;
    // after the state the logarithm of the Jacobian, whose first part is the first input
    r[0] = row < d ? f.inputs[(1 + row) * n + event] : 0.0;
  }
}

INLINE void flow_scale(const Flow &f, const u32 *step) {
  double *r = row_of(f, step[1]);
  const double shift = f.numbers[step[2]], scale = f.numbers[step[2] + 1];
  r[0] -= shift;
  ROLLED
  for (u32 c = 0; c < f.components; c += 1) r[c * f.stride] /= scale;
}

INLINE void flow_gather(const Flow &f, const u32 *step) {
  const u32 count = step[2];
  u32 to = f.plan[F_OBSERVABLES] + 1;
  ROLLED
  for (u32 i = 0; i < count; i += 1, to += 1) {
    const double *from = row_of(f, f.plan[step[1] + i]);
    double *r = row_of(f, to);
    ROLLED
    for (u32 c = 0; c < f.components; c += 1) r[c * f.stride] = from[c * f.stride];
  }
  ROLLED
  for (u32 i = 0; i < f.plan[F_CONTEXT]; i += 1, to += 1) {
    double *r = row_of(f, to);
    const u32 direction = f.plan[f.plan[F_PLACES] + i];
    r[0] = f.context[2 * i];
    ROLLED
    for (u32 c = 1; c < f.components; c += 1)
      r[c * f.stride] = c <= f.directions && c == 1 + direction ? f.context[2 * i + 1] : 0.0;
  }
}

INLINE void activate(const Flow &f, u32 row, u32 activation) {
  each_pair(f, [&](u32 a, u32 b) {
    const Pair x = load(f, row, a, b);
    Pair y;
    if (activation == TANH) {
      y = tangent_of(x);
    } else if (activation == RELU) {
      const double on = x.v > 0.0 ? 1.0 : 0.0;
      y = composed(x, __dmul_rn(x.v, on), on, 0.0);
    } else {
      const double s = 1.0 / (1.0 + exponential(-x.v)), rest = 1.0 - s;
      const double f2 = __dmul_rn(__dmul_rn(s, rest), __fma_rn(x.v, 1.0 - (s + s), 2.0));
      y = composed(x, __dmul_rn(x.v, s), __dmul_rn(s, __fma_rn(x.v, rest, 1.0)), f2);
    }
    store(f, row, a, b, y);
  });
}

INLINE void flow_dense(const Flow &f, const u32 *step) {
  const u32 n = step[3], activation = step[7];
  const double *weights = f.numbers + step[4];
  const double *bias = f.numbers + step[5];
  const u64 row = (u64)f.components * f.stride;
  ROLLED
  for (u32 tile = 0; tile < step[6]; tile += 1) {
    ROLLED
    for (u32 c = 0; c < f.components; c += 1) {
      const double *x = row_of(f, step[1]) + c * f.stride;
      double sums[TILE];
      for (u32 t = 0; t < TILE; t += 1) sums[t] = c == 0 ? bias[TILE * tile + t] : 0.0;
      ROLLED
      for (u32 i = 0; i < n; i += 1, x += row) {
        for (u32 t = 0; t < TILE; t += 1) sums[t] = __fma_rn(weights[TILE * i + t], *x, sums[t]);
      }
      double *out = row_of(f, step[2] + TILE * tile) + c * f.stride;
      for (u32 t = 0; t < TILE; t += 1) out[t * row] = sums[t];
    }
    weights += TILE * n;
    if (activation > 0) {
      ROLLED
      for (u32 t = 0; t < TILE; t += 1) activate(f, step[2] + TILE * tile + t, activation);
    }
  }
}

INLINE void flow_affine(const Flow &f, const u32 *step) {
  const u32 log_det = f.plan[F_OBSERVABLES];
  const bool subtract = step[4] == 1;
  each_pair(f, [&](u32 a, u32 b) {
    Pair s = load(f, step[2], a, b);
    if (step[5] != NONE) {
      const double limit = f.numbers[step[5]];
      s = times(tangent_of(times(s, 1.0 / limit)), limit);
    }
    if (subtract) s = times(s, -1.0);
    store(f, log_det, a, b, plus(load(f, log_det, a, b), s));
    const double e = exponential(s.v);
    const Pair factor = composed(s, e, e, e);
    const Pair shift = load(f, step[3], a, b), x = load(f, step[1], a, b);
    store(f, step[1], a, b, subtract ? times(minus(x, shift), factor) : plus(times(x, factor), shift));
  });
}

// Outputs of a network as parts of an interval, in place of their values.
INLINE void softmax(const Flow &f, u32 first, u32 bins) {
  double top = *row_of(f, first);
  ROLLED
  for (u32 j = 1; j < bins; j += 1) top = fmax(top, *row_of(f, first + j));
  double total = 0.0;
  ROLLED
  for (u32 j = 0; j < bins; j += 1) {
    double *u = row_of(f, first + j);
    *u = exponential(*u - top);
    total += *u;
  }
  ROLLED
  for (u32 j = 0; j < bins; j += 1) *row_of(f, first + j) /= total;
}

// Lower end and size of a bin.
struct Bin {
  Pair lower, width;
};

// q: least size, what is left for parts; ends: of the interval.
INLINE Bin bin_of(const Flow &f, u32 first, u32 bins, u32 at, const double *ends, const double *q, u32 a, u32 b) {
  double left = ends[0], mean_a = 0.0, mean_b = 0.0;
  ROLLED
  for (u32 j = 0; j < bins; j += 1) {
    const Pair u = load(f, first + j, a, b);
    if (j < at) left += __fma_rn(q[1], u.v, q[0]);
    mean_a = __fma_rn(u.v, u.a, mean_a);
    mean_b = __fma_rn(u.v, u.b, mean_b);
  }
  // second derivatives before their mean is taken off: of all, of those below, of this one
  double bend = 0.0;
  Pair below = constant(0.0), here = constant(0.0);
  ROLLED
  for (u32 j = 0; j < bins; j += 1) {
    const Pair u = load(f, first + j, a, b);
    const double to_a = u.a - mean_a, to_b = u.b - mean_b;
    const Pair part = {u.v, __dmul_rn(u.v, to_a), __dmul_rn(u.v, to_b),
                       __dmul_rn(u.v, __fma_rn(to_a, to_b, u.ab))};
    bend += part.ab;
    if (j < at) below = plus(below, part);
    if (j == at) here = part;
  }
  below.ab = __fma_rn(-bend, below.v, below.ab);
  here.ab = __fma_rn(-bend, here.v, here.ab);
  Bin bin = {times(below, q[1]), times(here, q[1])};
  bin.lower.v = left;
  bin.width.v = at + 1 == bins ? ends[1] - left : bin.width.v + q[0];
  return bin;
}

INLINE Pair derivative_at(const Flow &f, u32 first, u32 bins, u32 knot, bool tails, double least, u32 a, u32 b) {
  if (tails && (knot == 0 || knot == bins)) return constant(1.0);
  const Pair u = load(f, first + 2 * bins + (tails ? knot - 1 : knot), a, b);
  const double tail = exponential(-fabs(u.v));
  const double f1 = (u.v >= 0.0 ? 1.0 : tail) / (1.0 + tail);
  const double value = least + fmax(u.v, 0.0) + logarithm_of_one_and(tail);
  return composed(u, value, f1, __dmul_rn(f1, 1.0 - f1));
}

INLINE void flow_rational(const Flow &f, const u32 *step) {
  const u32 first = step[2], bins = step[3], log_det = f.plan[F_OBSERVABLES];
  const bool tails = step[4] == 1;
  const double *ends = f.numbers + step[5];
  double at_x = *row_of(f, step[1]);
  if (!tails) at_x = fmin(fmax(at_x, ends[0]), ends[1]);
  if (!(at_x >= ends[0] && at_x <= ends[1])) return;
  softmax(f, first, bins);
  softmax(f, first + bins, bins);
  u32 at = 0;
  double left = ends[0];
  ROLLED
  while (at + 1 < bins) {
    left += __fma_rn(ends[3], *row_of(f, first + at), ends[2]);
    if (!(left <= at_x)) break;
    at += 1;
  }
  each_pair(f, [&](u32 a, u32 b) {
    Pair x = load(f, step[1], a, b);
    x.v = at_x;
    const Bin along = bin_of(f, first, bins, at, ends, ends + 2, a, b);
    const Bin up = bin_of(f, first + bins, bins, at, ends, ends + 4, a, b);
    const Pair d0 = derivative_at(f, first, bins, at, tails, ends[6], a, b);
    const Pair d1 = derivative_at(f, first, bins, at + 1, tails, ends[6], a, b);
    const Pair by_width = inverse_of(along.width);
    const Pair s = times(up.width, by_width);
    const Pair t = times(minus(x, along.lower), by_width);
    const Pair rest = times(minus(plus(along.lower, along.width), x), by_width);
    const Pair both = times(t, rest), square = times(t, t);
    const Pair below = plus(s, times(minus(plus(d1, d0), times(s, 2.0)), both));
    const Pair above = times(up.width, plus(times(s, square), times(d0, both)));
    const Pair y = plus(up.lower, times(above, inverse_of(below)));
    const Pair slope = plus(plus(times(d1, square), times(times(s, both), 2.0)), times(d0, times(rest, rest)));
    const Pair log = plus(logarithm_of(slope), times(minus(logarithm_of(s), logarithm_of(below)), 2.0));
    store(f, log_det, a, b, plus(load(f, log_det, a, b), log));
    store(f, step[1], a, b, y);
  });
}

INLINE void flow_base(const Flow &f, const u32 *step) {
  const u32 log_det = f.plan[F_OBSERVABLES];
  each_pair(f, [&](u32 a, u32 b) {
    const Pair x = load(f, step[1], a, b);
    const Pair log = composed(x, __dmul_rn(-0.5, __dmul_rn(x.v, x.v)), -x.v, -1.0);
    store(f, log_det, a, b, plus(load(f, log_det, a, b), log));
  });
}

INLINE void flow_store(const Flow &f, double *data, u64 event) {
  const double *r = row_of(f, f.plan[F_OBSERVABLES]);
  const u64 n = f.plan[F_EVENTS];
  double *out = data + f.plan[F_COLUMN] * n + event;
  const double before = f.inputs[event];
  const bool absent = is_absent(before);
  out[0] = absent ? ABSENT : before + r[0];
  ROLLED
  for (u32 c = 1; c < f.components; c += 1) out[c * n] = absent ? 0.0 : r[c * f.stride];
}

// plan: a call; numbers: what its layers have; context: values and their units' inverses; inputs: [1 + observables,
// n_events], the Jacobian's logarithm before the first coupling and what enters it; data: columns of the events, of which
// one for each component is written; scratch: [rows, components, threads]
extern "C" __global__ void __launch_bounds__(W, BLOCKS)
    flow_columns(const u32 *__restrict__ plan, const double *__restrict__ numbers,
                 const double *__restrict__ context, const double *__restrict__ inputs, double *data,
                 double *scratch) {
  const u64 stride = (u64)gridDim.x * W, me = (u64)blockIdx.x * W + threadIdx.x;
  const Flow f = {plan,   numbers, context, inputs, scratch + me, stride, plan[F_COMPONENTS], plan[F_DIRECTIONS],
                  plan[F_SECOND] == 1};
  ROLLED
  for (u64 i = me; i < plan[F_COUNT]; i += stride) {
    const u64 event = plan[F_BEGIN] + i;
    ROLLED
    for (u32 k = plan[F_FIRST]; k < plan[F_LAST]; k += 1) {
      const u32 *step = plan + F_WORDS + k * STEP_WORDS;
      const u32 code = step[0];
      if (code == STEP_LOAD) flow_load(f, event);
      else if (code == STEP_SCALE) flow_scale(f, step);
      else if (code == STEP_GATHER) flow_gather(f, step);
      else if (code == STEP_DENSE) flow_dense(f, step);
      else if (code == STEP_AFFINE) flow_affine(f, step);
      else if (code == STEP_RATIONAL) flow_rational(f, step);
      else if (code == STEP_BASE) flow_base(f, step);
      else flow_store(f, data, event);
    }
  }
}
