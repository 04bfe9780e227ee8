// Densities of single events: the formulas of `src/unbinned/kernel/` and `cuda/events.cuh`. Each gives the logarithm
// but for what all events share, its columns (slopes, then curves) to working memory, and, where numbers are f32,
// what rounding took from its numbers and from the event, to first order.

// The table, in words; its places are those of `src/accelerator/events.rs`. The first is 0, and unknown to the
// compiler.
@group(0) @binding(0) var<storage, read> plan: array<u32>;
fn runtime_zero() -> u32 { return plan[0]; }
// a number, what rounding left of it, and so on
@group(0) @binding(1) var<storage, read> numbers: array<real>;
// [columns, n_events]: the observable, log-densities, weights; in f32 then what rounding left of all but weights
@group(0) @binding(2) var<storage, read> data: array<real>;
// [groups, SHARE, columns]: weight, terms, shapes, and in f32 what rounding took from each process
@group(0) @binding(3) var<storage, read_write> scratch: array<real>;

const H_PROCESSES: u32 = 1u;
const H_EVENTS: u32 = 2u;
const H_SHARES: u32 = 3u;
const H_FIRST: u32 = 4u;
const H_COLUMNS: u32 = 5u;
const H_WEIGHTED: u32 = 6u;
const H_SPLIT: u32 = 7u;
const H_TERMS: u32 = 8u;
const H_SHAPES: u32 = 9u;
const H_MOMENTS: u32 = 10u;
const H_ROWS: u32 = 11u;
const H_NUMBERS: u32 = 12u;
const H_LIST: u32 = 13u;
const H_WORDS: u32 = 14u;
const P_FORM: u32 = 0u;
const P_NUMBERS: u32 = 1u;
const P_SLOPES: u32 = 2u;
const P_CURVES: u32 = 3u;
const P_TERM: u32 = 4u;
const P_SHAPE: u32 = 5u;
const P_KIND: u32 = 6u;
const P_COUNT: u32 = 7u;
const P_TABLE: u32 = 8u;
const P_LOGARITHM: u32 = 9u;
const P_WORDS: u32 = 10u;
const FORM_GIVEN: u32 = 0u;
const FORM_POWERS: u32 = 1u;
const FORM_ARGUS: u32 = 2u;
const FORM_CAUCHY: u32 = 3u;
const FORM_PEAK: u32 = 4u;
const FORM_COLUMNS: u32 = 6u;
const CHEBYSHEV: u32 = 0u;
const POWERS: u32 = 1u;
const NONE: u32 = 0xffffffffu;
// logarithms and arguments beyond these are left to the processor
const MODERATE: f32 = 1e30;
const FARTHEST: f32 = 1e15;
const LEAST: f32 = 1e-30;

struct Value {
  log: real,
  // what rounding took
  lost: real,
}

// Where a process stands: its words, its numbers after its two levels, its columns of an event.
struct Density {
  p: u32,
  v: u32,
  out: u32,
}

// An event's observable, and what rounding left of it.
struct Place {
  t: real,
  rest: real,
}

fn number(d: Density, k: u32) -> real { return numbers[2u * (d.v + k)]; }
fn number_rest(d: Density, k: u32) -> real { return numbers[2u * (d.v + k) + 1u]; }
fn word(d: Density, at: u32) -> u32 { return plan[d.p + at]; }
fn put(d: Density, column: u32, value: real) { scratch[d.out + column] = value; }
fn is_split() -> bool { return plan[H_SPLIT] == 1u; }
fn beyond() -> Value { return Value(r_from(2.0 * MODERATE), R_0); }
fn twice(x: real) -> real { return r_scale(x, 2.0); }

// origin and unit of an argument (at - origin) unit, and what rounding took of it
fn argument(d: Density, k: u32, at: real) -> real { return r_mul(r_sub(at, number(d, k)), number(d, k + 1u)); }
fn argument_lost(d: Density, k: u32, at: real, at_lost: real) -> real {
  let moved = r_mul(r_sub(at_lost, number_rest(d, k)), number(d, k + 1u));
  return r_add(moved, r_mul(r_sub(at, number(d, k)), number_rest(d, k + 1u)));
}

// the observable itself, middle and half of its window being numbers k and k + 1
fn observable(d: Density, k: u32, e: Place) -> real { return r_add(number(d, k), r_mul(number(d, k + 1u), e.t)); }
fn observable_lost(d: Density, k: u32, e: Place) -> real {
  let moved = r_add(r_mul(number(d, k + 1u), e.rest), r_mul(number_rest(d, k + 1u), e.t));
  return r_add(number_rest(d, k), moved);
}

fn powers(d: Density, e: Place) -> Value {
  let logarithmic = word(d, P_LOGARITHM) == 1u;
  var log = e.t;
  var log_lost = e.rest;
  if (logarithmic) {
    let x = observable(d, 4u, e);
    if (!(r_hi(x) > LEAST)) { return beyond(); }
    log = r_log(x);
    if (is_split()) { log_lost = r_div(observable_lost(d, 4u, e), x); }
  }
  let y = argument(d, 0u, log);
  if (!(abs(r_hi(y)) < FARTHEST)) { return beyond(); }
  let square = r_mul(y, y);
  if (word(d, P_SLOPES) > 0u) {
    put(d, 0u, y);
    if (word(d, P_KIND) == 2u) { put(d, 1u, square); }
  }
  let c1 = number(d, 2u);
  let c2 = number(d, 3u);
  var value = r_mul(r_add(r_mul(c2, y), c1), y);
  var lost = R_0;
  if (is_split()) {
    let slope = r_add(c1, twice(r_mul(c2, y)));
    lost = r_mul(slope, argument_lost(d, 0u, log, log_lost));
    lost = r_add(lost, r_add(r_mul(number_rest(d, 2u), y), r_mul(number_rest(d, 3u), square)));
  }
  if (logarithmic) {
    value = r_sub(value, log);
    lost = r_sub(lost, log_lost);
  }
  return Value(value, lost);
}

fn argus(d: Density, e: Place) -> Value {
  let a = r_sub(number(d, 0u), e.t);
  let b = r_add(number(d, 1u), e.t);
  let k = number(d, 2u);
  let s = r_mul(r_mul(a, b), k);
  let x = observable(d, 6u, e);
  let inside = r_hi(s) > LEAST && r_hi(x) > LEAST;
  let slopes = word(d, P_SLOPES) > 0u;
  if (!inside) {
    if (slopes) {
      put(d, 0u, R_0);
      put(d, 1u, R_0);
    }
    return Value(r_from(ABSENT), R_0);
  }
  let log = r_log(s);
  let past = r_sub(s, number(d, 5u));
  if (slopes) {
    put(d, 0u, log);
    put(d, 1u, past);
  }
  let p = number(d, 3u);
  let c = number(d, 4u);
  let value = r_add(r_add(r_mul(p, log), r_mul(c, past)), r_log(x));
  var lost = R_0;
  if (is_split()) {
    let a_lost = r_sub(number_rest(d, 0u), e.rest);
    let b_lost = r_add(number_rest(d, 1u), e.rest);
    var s_lost = r_mul(k, r_add(r_mul(a_lost, b), r_mul(a, b_lost)));
    s_lost = r_add(s_lost, r_mul(number_rest(d, 2u), r_mul(a, b)));
    lost = r_add(r_mul(number_rest(d, 3u), log), r_mul(number_rest(d, 4u), past));
    lost = r_add(lost, r_mul(p, r_div(s_lost, s)));
    lost = r_add(lost, r_mul(c, r_sub(s_lost, number_rest(d, 5u))));
    lost = r_add(lost, r_div(observable_lost(d, 6u, e), x));
  }
  return Value(value, lost);
}

fn cauchy(d: Density, e: Place) -> Value {
  let away = argument(d, 0u, e.t);
  if (!(abs(r_hi(away)) < FARTHEST)) { return beyond(); }
  let square = r_mul(away, away);
  let v = r_div(R_1, r_add(R_1, square));
  let both = r_mul(away, v);
  if (word(d, P_SLOPES) > 0u) {
    put(d, 0u, both);
    put(d, 1u, v);
    if (word(d, P_CURVES) > 0u) {
      put(d, 2u, r_mul(v, v));
      put(d, 3u, r_mul(both, v));
    }
  }
  var lost = R_0;
  if (is_split()) { lost = r_neg(twice(r_mul(both, argument_lost(d, 0u, e.t, e.rest)))); }
  return Value(r_neg(log_of_one_and(square)), lost);
}

// A quantity of one side of a crystal ball, to where the table wants it.
fn put_quantity(d: Density, quantity: u32, side: u32, value: real) {
  let column = plan[word(d, P_TABLE) + 2u * quantity + side];
  if (column != NONE) { put(d, column, value); }
}

fn peak(d: Density, e: Place) -> Value {
  let columns = word(d, P_SLOPES) + word(d, P_CURVES);
  for (var k = 0u; k < columns; k += 1u) { put(d, k, R_0); }
  let away = r_sub(e.t, number(d, 0u));
  let side = select(1u, 0u, r_less(away, R_0));
  let sign = select(1.0, -1.0, side == 0u);
  let at = 1u + 7u * side;
  let alpha = number(d, at + 1u);
  let n = number(d, at + 2u);
  let inverse_n = number(d, at + 3u);
  let ratio = number(d, at + 4u);
  let inverse = number(d, at + 5u);
  let u = r_scale(r_mul(away, number(d, at)), sign);
  if (!(r_hi(u) < FARTHEST)) { return beyond(); }
  let u_lost = r_scale(r_add(r_mul(r_sub(e.rest, number_rest(d, 0u)), number(d, at)),
                             r_mul(away, number_rest(d, at))), sign);
  var value = r_scale(r_mul(u, u), -0.5);
  var lost = r_neg(r_mul(u, u_lost));
  // first and second derivatives in u, alpha and n
  var f_u = r_neg(u);
  var f_a = R_0;
  var f_n = R_0;
  var f_uu = r_neg(R_1);
  var f_ua = R_0;
  var f_un = R_0;
  var f_aa = R_0;
  var f_an = R_0;
  var f_nn = R_0;
  if (r_less(alpha, u)) {
    let past = r_sub(u, alpha);
    let delta = r_mul(ratio, past);
    let q = r_div(R_1, r_add(R_1, delta));
    let ln_q = log_of_one_and(delta);
    let way = r_mul(r_sub(past, alpha), q);
    let share = r_mul(delta, q);
    let per_n = r_mul(way, inverse_n);
    value = r_sub(number(d, at + 6u), r_mul(n, ln_q));
    if (is_split()) {
      let moved = r_add(r_mul(number_rest(d, at + 4u), past),
                        r_mul(ratio, r_sub(u_lost, number_rest(d, at + 1u))));
      lost = r_sub(number_rest(d, at + 6u), r_mul(number_rest(d, at + 2u), ln_q));
      lost = r_sub(lost, r_mul(r_mul(n, q), moved));
    }
    f_u = r_neg(r_mul(alpha, q));
    f_a = r_neg(r_add(alpha, way));
    f_n = r_sub(share, ln_q);
    f_uu = r_mul(r_mul(alpha, ratio), r_mul(q, q));
    f_ua = r_sub(r_mul(r_mul(alpha, q), per_n), q);
    f_un = r_neg(r_mul(r_mul(ratio, q), share));
    f_aa = r_add(r_sub(twice(q), R_1), r_mul(way, per_n));
    f_an = r_neg(r_mul(per_n, share));
    f_nn = r_mul(r_mul(share, share), inverse_n);
  }
  let all = Value(value, r_sel(R_0, lost, is_split()));
  if (word(d, P_SLOPES) == 0u) { return all; }
  let by_mu = r_scale(inverse, -sign);
  let by_sigma = r_neg(r_mul(u, inverse));
  put_quantity(d, 0u, side, r_mul(f_u, by_mu));
  put_quantity(d, 1u, side, r_mul(f_u, by_sigma));
  put_quantity(d, 2u, side, f_a);
  put_quantity(d, 3u, side, f_n);
  if (word(d, P_CURVES) == 0u) { return all; }
  let two = r_mul(inverse, inverse);
  let steep = r_mul(u, f_uu);
  put_quantity(d, 4u, side, r_mul(f_uu, two));
  put_quantity(d, 5u, side, r_neg(r_mul(r_mul(r_add(steep, f_u), by_mu), inverse)));
  put_quantity(d, 6u, side, r_mul(r_mul(r_add(steep, twice(f_u)), u), two));
  put_quantity(d, 7u, side, r_mul(f_ua, by_mu));
  put_quantity(d, 8u, side, r_mul(f_ua, by_sigma));
  put_quantity(d, 9u, side, f_aa);
  put_quantity(d, 10u, side, r_mul(f_un, by_mu));
  put_quantity(d, 11u, side, r_mul(f_un, by_sigma));
  put_quantity(d, 12u, side, f_an);
  put_quantity(d, 13u, side, f_nn);
  return all;
}

fn whole_power(base: real, exponent: u32) -> real {
  var power = R_1;
  var x = base;
  for (var k = exponent; k > 0u; k >>= 1u) {
    if ((k & 1u) == 1u) { power = r_mul(power, x); }
    x = r_mul(x, x);
  }
  return power;
}

fn series(d: Density, e: Place) -> Value {
  let basis = word(d, P_KIND);
  let count = word(d, P_COUNT);
  let wanted = word(d, P_SLOPES);
  let split = is_split();
  // -1 .. 1 over the window
  let u = argument(d, 0u, e.t);
  let x = observable(d, 2u, e);
  let low = r_scale(r_add(R_1, u), 0.5);
  let high = r_scale(r_sub(R_1, u), 0.5);
  var sum = r_from(select(0.0, 1.0, basis == CHEBYSHEV));
  var before = R_1;
  var now = r_sel(R_1, u, basis == CHEBYSHEV);
  // derivatives, in u or x, of what stands beside them
  var slope_before = R_0;
  var slope_now = r_from(select(0.0, 1.0, basis == CHEBYSHEV));
  var slope = R_0;
  var rests = R_0;
  for (var k = 0u; k < count; k += 1u) {
    let c = number(d, 4u + k);
    var f = now;
    var f_slope = slope_now;
    if (basis == CHEBYSHEV) {
      let next = r_sub(twice(r_mul(u, now)), before);
      let slope_next = r_sub(twice(r_add(now, r_mul(u, slope_now))), slope_before);
      before = now;
      slope_before = slope_now;
      now = next;
      slope_now = slope_next;
    } else if (basis == POWERS) {
      slope_now = r_add(r_mul(slope_now, x), now);
      now = r_mul(now, x);
    } else {
      let rest = count - 1u - k;
      let product = r_mul(whole_power(low, k), whole_power(high, rest));
      let choices = number(d, 4u + count + k);
      f = r_mul(choices, product);
      if (split) {
        rests = r_add(rests, r_mul(c, r_mul(number_rest(d, 4u + count + k), product)));
        f_slope = R_0;
        if (k > 0u) {
          f_slope = r_mulf(r_mul(whole_power(low, k - 1u), whole_power(high, rest)), 0.5 * f32(k));
        }
        if (rest > 0u) {
          let falls = r_mul(whole_power(low, k), whole_power(high, rest - 1u));
          f_slope = r_sub(f_slope, r_mulf(falls, 0.5 * f32(rest)));
        }
        f_slope = r_mul(choices, f_slope);
      }
    }
    sum = r_add(sum, r_mul(c, f));
    if (split) {
      slope = r_add(slope, r_mul(c, f_slope));
      rests = r_add(rests, r_mul(number_rest(d, 4u + k), f));
    }
    let column = plan[word(d, P_TABLE) + k];
    if (wanted > 0u && column != NONE) { put(d, column, f); }
  }
  if (!(r_hi(sum) > LEAST && r_hi(sum) < MODERATE)) { return beyond(); }
  let inverse = r_div(R_1, sum);
  for (var k = 0u; k < wanted; k += 1u) { put(d, k, r_mul(scratch[d.out + k], inverse)); }
  var lost = R_0;
  if (split) {
    let moved = r_sel(argument_lost(d, 0u, e.t, e.rest), observable_lost(d, 2u, e), basis == POWERS);
    lost = r_mul(r_add(r_mul(slope, moved), rests), inverse);
  }
  return Value(r_log(sum), lost);
}

// What `flow_columns` made.
fn columns_of(d: Density, event: u32) -> Value {
  let n_events = plan[H_EVENTS];
  let at = word(d, P_KIND) * n_events + event;
  let columns = word(d, P_SLOPES) + word(d, P_CURVES);
  for (var k = 0u; k < columns; k += 1u) { put(d, k, data[at + (1u + k) * n_events]); }
  return Value(data[at], R_0);
}

// The logarithm of a process' density but for what all events share; ABSENT where it is 0.
fn log_density_of(d: Density, event: u32) -> Value {
  let n_events = plan[H_EVENTS];
  let form = word(d, P_FORM);
  if (form == FORM_COLUMNS) { return columns_of(d, event); }
  var column = 0u;
  if (form == FORM_GIVEN) { column = word(d, P_KIND); }
  let at = column * n_events + event;
  var e = Place(data[at], R_0);
  if (is_split()) { e.rest = data[plan[H_COLUMNS] * n_events + at]; }
  if (form == FORM_GIVEN) { return Value(e.t, e.rest); }
  if (form == FORM_POWERS) { return powers(d, e); }
  if (form == FORM_ARGUS) { return argus(d, e); }
  if (form == FORM_CAUCHY) { return cauchy(d, e); }
  if (form == FORM_PEAK) { return peak(d, e); }
  return series(d, e);
}
