// Normalising flows of layers, an event an invocation: the logarithm of a density and its derivatives in the context, to
// columns that `event_shares` reads. The formulas of `src/unbinned/pdf/flow/`, by the instructions that
// `src/accelerator/flows.rs` writes; the twin of `cuda/flow.cuh`. The host gives a call some events and some of the
// instructions: what these leave stays in working memory for the next call.

// The call, its instructions, then lists of rows; places as `head` in src/accelerator/flows.rs has them. The first word is
// 0, and unknown to the compiler.
@group(0) @binding(0) var<storage, read> plan: array<u32>;
fn runtime_zero() -> u32 { return plan[0]; }
// what the layers have: weights, biases, ends of splines
@group(0) @binding(1) var<storage, read> numbers: array<real>;
// of each number of the context: its value as networks take it, the inverse of its unit
@group(0) @binding(2) var<storage, read> context: array<real>;
// [1 + observables, n_events]: the Jacobian's logarithm before the first coupling, then what enters it
@group(0) @binding(3) var<storage, read> inputs: array<real>;
// columns of the events, of which one for each component is written
@group(0) @binding(4) var<storage, read_write> data: array<real>;
// [rows, components, stride]: of each quantity the value, first derivatives, second ones (lower triangle)
@group(0) @binding(5) var<storage, read_write> scratch: array<real>;
// 1 where loops were cut
@group(0) @binding(6) var<storage, read_write> found: array<u32>;

const F_EVENTS: u32 = 1u;
const F_BEGIN: u32 = 2u;
const F_COUNT: u32 = 3u;
const F_FIRST: u32 = 4u;
const F_LAST: u32 = 5u;
const F_COMPONENTS: u32 = 6u;
const F_DIRECTIONS: u32 = 7u;
const F_SECOND: u32 = 8u;
const F_COLUMN: u32 = 9u;
const F_STRIDE: u32 = 10u;
const F_OBSERVABLES: u32 = 11u;
const F_CONTEXT: u32 = 12u;
const F_PLACES: u32 = 13u;
const F_WORDS: u32 = 16u;
const STEP_WORDS: u32 = 8u;
const STEP_LOAD: u32 = 0u;
const STEP_SCALE: u32 = 1u;
const STEP_GATHER: u32 = 2u;
const STEP_DENSE: u32 = 3u;
const STEP_AFFINE: u32 = 4u;
const STEP_RATIONAL: u32 = 5u;
const STEP_BASE: u32 = 6u;
const TANH: u32 = 1u;
const RELU: u32 = 2u;
// outputs of a dense layer worked out together: TILE in src/unbinned/pdf/flow/network.rs
const TILE: u32 = 4u;
const NONE: u32 = 0xffffffffu;
// logarithms beyond are left to the processor
const MODERATE: f32 = 1e30;

var<private> me: u32;

// A quantity with its derivatives in two directions, and the second one in both.
struct Pair {
  v: real,
  a: real,
  b: real,
  ab: real,
}

fn constant(v: real) -> Pair { return Pair(v, R_0, R_0, R_0); }
fn plus(x: Pair, y: Pair) -> Pair {
  return Pair(r_add(x.v, y.v), r_add(x.a, y.a), r_add(x.b, y.b), r_add(x.ab, y.ab));
}
fn minus(x: Pair, y: Pair) -> Pair {
  return Pair(r_sub(x.v, y.v), r_sub(x.a, y.a), r_sub(x.b, y.b), r_sub(x.ab, y.ab));
}
fn scaled(x: Pair, f: real) -> Pair {
  return Pair(r_mul(x.v, f), r_mul(x.a, f), r_mul(x.b, f), r_mul(x.ab, f));
}
fn times(x: Pair, y: Pair) -> Pair {
  let mixed = r_add(r_mul(x.a, y.b), r_mul(x.b, y.a));
  return Pair(
    r_mul(x.v, y.v),
    r_add(r_mul(x.a, y.v), r_mul(x.v, y.a)),
    r_add(r_mul(x.b, y.v), r_mul(x.v, y.b)),
    r_add(r_mul(x.ab, y.v), r_add(r_mul(x.v, y.ab), mixed)),
  );
}
// f(x) with f, f' and f''
fn composed(x: Pair, f: real, f1: real, f2: real) -> Pair {
  return Pair(f, r_mul(f1, x.a), r_mul(f1, x.b), r_add(r_mul(f1, x.ab), r_mul(f2, r_mul(x.a, x.b))));
}
fn inverse_of(x: Pair) -> Pair {
  let r = r_div(R_1, x.v);
  let square = r_mul(r, r);
  return composed(x, r, r_neg(square), r_scale(r_mul(square, r), 2.0));
}
fn logarithm_of(x: Pair) -> Pair {
  let r = r_div(R_1, x.v);
  // what has no logarithm is the processor's to tell
  let log = r_sel(r_from(4.0 * MODERATE), r_log(x.v), r_hi(x.v) > 1e-37);
  return composed(x, log, r, r_neg(r_mul(r, r)));
}
fn tangent_of(x: Pair) -> Pair {
  let e = r_exp(r_scale(x.v, 2.0));
  let t = r_sub(R_1, r_div(r_from(2.0), r_add(e, R_1)));
  let f1 = r_sub(R_1, r_mul(t, t));
  return composed(x, t, f1, r_mul(r_scale(t, -2.0), f1));
}

fn row_of(row: u32) -> u32 { return row * plan[F_COMPONENTS] * plan[F_STRIDE] + me; }
fn part(c: u32) -> u32 { return c * plan[F_STRIDE]; }
fn second_of(a: u32, b: u32) -> u32 { return part(1u + plan[F_DIRECTIONS] + a * (a + 1u) / 2u + b); }

fn load(row: u32, a: u32, b: u32) -> Pair {
  let r = row_of(row);
  var x = constant(scratch[r]);
  if (plan[F_DIRECTIONS] > 0u) {
    x.a = scratch[r + part(1u + a)];
    x.b = scratch[r + part(1u + b)];
    if (plan[F_SECOND] == 1u) { x.ab = scratch[r + second_of(a, b)]; }
  }
  return x;
}

// What later pairs still read stays: these come with a falling, b rising to a.
fn store(row: u32, a: u32, b: u32, x: Pair) {
  let r = row_of(row);
  if (plan[F_SECOND] == 1u) { scratch[r + second_of(a, b)] = x.ab; }
  if (a == b && plan[F_DIRECTIONS] > 0u) { scratch[r + part(1u + a)] = x.a; }
  if (a == 0u) { scratch[r] = x.v; }
}

// The first pair of directions, the next one; there is one where there are no directions.
struct Directions {
  a: u32,
  b: u32,
}
fn first_directions() -> Directions {
  let a = max(plan[F_DIRECTIONS], 1u) - 1u;
  return Directions(a, select(a, 0u, plan[F_SECOND] == 1u));
}
fn next_directions(d: Directions) -> Directions {
  if (d.b < d.a) { return Directions(d.a, d.b + 1u); }
  // beyond the last one a is NONE
  let a = d.a - 1u;
  return Directions(a, select(a, 0u, plan[F_SECOND] == 1u));
}

fn load_event(event: u32) {
  let d = plan[F_OBSERVABLES];
  for (var row = 0u; row <= d; row += 1u) {
    let r = row_of(row);
    for (var c = 1u; c < plan[F_COMPONENTS]; c += 1u) { scratch[r + part(c)] = R_0; }
    // after the state the logarithm of the Jacobian, whose first part is the first input
    var value = R_0;
    if (row < d) { value = inputs[(1u + row) * plan[F_EVENTS] + event]; }
    scratch[r] = value;
  }
}

fn scale(p: u32) {
  let r = row_of(plan[p + 1u]);
  let unit = numbers[plan[p + 2u] + 1u];
  scratch[r] = r_sub(scratch[r], numbers[plan[p + 2u]]);
  for (var c = 0u; c < plan[F_COMPONENTS]; c += 1u) {
    scratch[r + part(c)] = r_div(scratch[r + part(c)], unit);
  }
}

fn gather(p: u32) {
  let count = plan[p + 2u];
  let components = plan[F_COMPONENTS];
  let first = plan[F_OBSERVABLES] + 1u;
  for (var i = 0u; i < count; i += 1u) {
    let from_row = row_of(plan[plan[p + 1u] + i]);
    let r = row_of(first + i);
    for (var c = 0u; c < components; c += 1u) { scratch[r + part(c)] = scratch[from_row + part(c)]; }
  }
  for (var i = 0u; i < plan[F_CONTEXT]; i += 1u) {
    let r = row_of(first + count + i);
    let direction = plan[plan[F_PLACES] + i];
    scratch[r] = context[2u * i];
    for (var c = 1u; c < components; c += 1u) {
      let own = c <= plan[F_DIRECTIONS] && c - 1u == direction;
      scratch[r + part(c)] = r_sel(R_0, context[2u * i + 1u], own);
    }
  }
}

fn activate(row: u32, activation: u32) {
  for (var d = first_directions(); d.a != NONE; d = next_directions(d)) {
    let x = load(row, d.a, d.b);
    var y = x;
    if (activation == TANH) {
      y = tangent_of(x);
    } else if (activation == RELU) {
      let on = r_sel(R_0, R_1, r_less(R_0, x.v));
      y = composed(x, r_mul(x.v, on), on, R_0);
    } else {
      let s = r_div(R_1, r_add(R_1, r_exp(r_neg(x.v))));
      let rest = r_sub(R_1, s);
      let f2 = r_mul(r_mul(s, rest), r_add(r_from(2.0), r_mul(x.v, r_sub(R_1, r_scale(s, 2.0)))));
      y = composed(x, r_mul(x.v, s), r_mul(s, r_add(R_1, r_mul(x.v, rest))), f2);
    }
    store(row, d.a, d.b, y);
  }
}

fn dense(p: u32) {
  let n = plan[p + 3u];
  let row = part(plan[F_COMPONENTS]);
  for (var tile = 0u; tile < plan[p + 6u]; tile += 1u) {
    let bias = plan[p + 5u] + TILE * tile;
    let weights = plan[p + 4u] + TILE * n * tile;
    let to = plan[p + 2u] + TILE * tile;
    for (var c = 0u; c < plan[F_COMPONENTS]; c += 1u) {
      var s0 = R_0;
      var s1 = R_0;
      var s2 = R_0;
      var s3 = R_0;
      if (c == 0u) {
        s0 = numbers[bias];
        s1 = numbers[bias + 1u];
        s2 = numbers[bias + 2u];
        s3 = numbers[bias + 3u];
      }
      let from_row = row_of(plan[p + 1u]) + part(c);
      for (var i = 0u; i < n; i += 1u) {
        let x = scratch[from_row + i * row];
        let w = weights + TILE * i;
        s0 = r_add(s0, r_mul(numbers[w], x));
        s1 = r_add(s1, r_mul(numbers[w + 1u], x));
        s2 = r_add(s2, r_mul(numbers[w + 2u], x));
        s3 = r_add(s3, r_mul(numbers[w + 3u], x));
      }
      let out = row_of(to) + part(c);
      scratch[out] = s0;
      scratch[out + row] = s1;
      scratch[out + 2u * row] = s2;
      scratch[out + 3u * row] = s3;
    }
    if (plan[p + 7u] > 0u) {
      for (var t = 0u; t < TILE; t += 1u) { activate(to + t, plan[p + 7u]); }
    }
  }
}

fn add_to_jacobian(d: Directions, x: Pair) {
  let row = plan[F_OBSERVABLES];
  store(row, d.a, d.b, plus(load(row, d.a, d.b), x));
}

fn affine(p: u32) {
  let subtract = plan[p + 4u] == 1u;
  for (var d = first_directions(); d.a != NONE; d = next_directions(d)) {
    var s = load(plan[p + 2u], d.a, d.b);
    if (plan[p + 5u] != NONE) {
      let limit = numbers[plan[p + 5u]];
      s = scaled(tangent_of(scaled(s, r_div(R_1, limit))), limit);
    }
    if (subtract) { s = scaled(s, r_neg(R_1)); }
    let e = r_exp(s.v);
    // where the exponential ends the processor goes on
    if (!(abs(r_hi(s.v)) < LARGEST)) { s.v = r_from(4.0 * MODERATE); }
    add_to_jacobian(d, s);
    let factor = composed(s, e, e, e);
    let shift = load(plan[p + 3u], d.a, d.b);
    let x = load(plan[p + 1u], d.a, d.b);
    var y = plus(times(x, factor), shift);
    if (subtract) { y = times(minus(x, shift), factor); }
    store(plan[p + 1u], d.a, d.b, y);
  }
}

// Outputs of a network as parts of an interval, in place of their values.
fn softmax(first: u32, bins: u32) {
  var top = scratch[row_of(first)];
  for (var j = 1u; j < bins; j += 1u) { top = r_max(top, scratch[row_of(first + j)]); }
  var total = R_0;
  for (var j = 0u; j < bins; j += 1u) {
    let u = row_of(first + j);
    scratch[u] = r_exp(r_sub(scratch[u], top));
    total = r_add(total, scratch[u]);
  }
  for (var j = 0u; j < bins; j += 1u) {
    let u = row_of(first + j);
    scratch[u] = r_div(scratch[u], total);
  }
}

// Lower end and size of a bin.
struct Bin {
  lower: Pair,
  width: Pair,
}

// ends: number of the interval's two ends; q: of the least size and of what is left for parts.
fn bin_of(first: u32, bins: u32, at: u32, ends: u32, q: u32, d: Directions) -> Bin {
  let least = numbers[q];
  let spare = numbers[q + 1u];
  var left = numbers[ends];
  var mean_a = R_0;
  var mean_b = R_0;
  for (var j = 0u; j < bins; j += 1u) {
    let u = load(first + j, d.a, d.b);
    if (j < at) { left = r_add(left, r_add(least, r_mul(spare, u.v))); }
    mean_a = r_add(mean_a, r_mul(u.v, u.a));
    mean_b = r_add(mean_b, r_mul(u.v, u.b));
  }
  // second derivatives before their mean is taken off: of all, of those below, of this one
  var bend = R_0;
  var below = constant(R_0);
  var here = constant(R_0);
  for (var j = 0u; j < bins; j += 1u) {
    let u = load(first + j, d.a, d.b);
    let to_a = r_sub(u.a, mean_a);
    let to_b = r_sub(u.b, mean_b);
    let bent = r_add(u.ab, r_mul(to_a, to_b));
    let own = Pair(u.v, r_mul(u.v, to_a), r_mul(u.v, to_b), r_mul(u.v, bent));
    bend = r_add(bend, own.ab);
    if (j < at) { below = plus(below, own); }
    if (j == at) { here = own; }
  }
  below.ab = r_sub(below.ab, r_mul(bend, below.v));
  here.ab = r_sub(here.ab, r_mul(bend, here.v));
  var bin = Bin(scaled(below, spare), scaled(here, spare));
  bin.lower.v = left;
  bin.width.v = r_sel(r_add(bin.width.v, least), r_sub(numbers[ends + 1u], left), at + 1u == bins);
  return bin;
}

fn derivative_at(p: u32, knot: u32, d: Directions) -> Pair {
  let bins = plan[p + 3u];
  let tails = plan[p + 4u] == 1u;
  if (tails && (knot == 0u || knot == bins)) { return constant(R_1); }
  let u = load(plan[p + 2u] + 2u * bins + select(knot, knot - 1u, tails), d.a, d.b);
  let tail = r_exp(r_neg(r_abs(u.v)));
  let f1 = r_div(r_sel(R_1, tail, r_less(u.v, R_0)), r_add(R_1, tail));
  let value = r_add(r_add(numbers[plan[p + 5u] + 6u], r_max(u.v, R_0)), log_of_one_and(tail));
  return composed(u, value, f1, r_mul(f1, r_sub(R_1, f1)));
}

fn rational(p: u32) {
  let first = plan[p + 2u];
  let bins = plan[p + 3u];
  let ends = plan[p + 5u];
  var at_x = scratch[row_of(plan[p + 1u])];
  if (plan[p + 4u] == 0u) { at_x = r_min(r_max(at_x, numbers[ends]), numbers[ends + 1u]); }
  if (r_bad(at_x) || r_less(at_x, numbers[ends]) || r_less(numbers[ends + 1u], at_x)) { return; }
  softmax(first, bins);
  softmax(first + bins, bins);
  var at = 0u;
  var left = numbers[ends];
  for (; at + 1u < bins; at += 1u) {
    left = r_add(left, r_add(numbers[ends + 2u], r_mul(numbers[ends + 3u], scratch[row_of(first + at)])));
    if (r_less(at_x, left)) { break; }
  }
  for (var d = first_directions(); d.a != NONE; d = next_directions(d)) {
    var x = load(plan[p + 1u], d.a, d.b);
    x.v = at_x;
    let along = bin_of(first, bins, at, ends, ends + 2u, d);
    let up = bin_of(first + bins, bins, at, ends, ends + 4u, d);
    let d0 = derivative_at(p, at, d);
    let d1 = derivative_at(p, at + 1u, d);
    let by_width = inverse_of(along.width);
    let s = times(up.width, by_width);
    let t = times(minus(x, along.lower), by_width);
    let rest = times(minus(plus(along.lower, along.width), x), by_width);
    let both = times(t, rest);
    let square = times(t, t);
    let below = plus(s, times(minus(plus(d1, d0), scaled(s, r_from(2.0))), both));
    let above = times(up.width, plus(times(s, square), times(d0, both)));
    let y = plus(up.lower, times(above, inverse_of(below)));
    let slope = plus(plus(times(d1, square), scaled(times(s, both), r_from(2.0))), times(d0, times(rest, rest)));
    let ratio = scaled(minus(logarithm_of(s), logarithm_of(below)), r_from(2.0));
    add_to_jacobian(d, plus(logarithm_of(slope), ratio));
    store(plan[p + 1u], d.a, d.b, y);
  }
}

fn base(p: u32) {
  for (var d = first_directions(); d.a != NONE; d = next_directions(d)) {
    let x = load(plan[p + 1u], d.a, d.b);
    add_to_jacobian(d, composed(x, r_scale(r_mul(x.v, x.v), -0.5), r_neg(x.v), r_neg(R_1)));
  }
}

fn store_event(event: u32) {
  let r = row_of(plan[F_OBSERVABLES]);
  let n = plan[F_EVENTS];
  let out = plan[F_COLUMN] * n + event;
  let before = inputs[event];
  let absent = is_absent(before);
  var log = r_add(before, scratch[r]);
  if (r_bad(log) || !(abs(r_hi(log)) < MODERATE)) { log = r_from(4.0 * MODERATE); }
  data[out] = r_sel(log, r_from(ABSENT), absent);
  for (var c = 1u; c < plan[F_COMPONENTS]; c += 1u) {
    data[out + c * n] = r_sel(scratch[r + part(c)], R_0, absent);
  }
}

@compute @workgroup_size(64)
fn flow_columns(@builtin(global_invocation_id) id: vec3<u32>) {
  me = id.x;
  if (me < plan[F_COUNT]) {
    let event = plan[F_BEGIN] + me;
    for (var k = plan[F_FIRST]; k < plan[F_LAST]; k += 1u) {
      let p = F_WORDS + k * STEP_WORDS;
      let code = plan[p];
      if (code == STEP_LOAD) {
        load_event(event);
      } else if (code == STEP_SCALE) {
        scale(p);
      } else if (code == STEP_GATHER) {
        gather(p);
      } else if (code == STEP_DENSE) {
        dense(p);
      } else if (code == STEP_AFFINE) {
        affine(p);
      } else if (code == STEP_RATIONAL) {
        rational(p);
      } else if (code == STEP_BASE) {
        base(p);
      } else {
        store_event(event);
      }
    }
  }
  if (loops_are_cut()) { found[0] = 1u; }
}
