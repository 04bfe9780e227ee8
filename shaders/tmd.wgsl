// Sums over nodes of products of two shapes, with the derivatives in all parameters: a workgroup a point at one row
// of parameters. The twin of `cuda/tmd.cuh`; the oracle is `src/tmd`. Tables as `src/accelerator/tmd.rs` says.

struct Job {
  // 0, and unknown to the compiler
  zero: u32,
  n_points: u32,
  n_parameters: u32,
  n_items: u32,
  n_groups: u32,
  // 1: derivatives are wanted
  slopes: u32,
  // 0: exp(-g2^2 b^2 ln(zeta) / 4); 1: exp(-(g2 + g2B b^2) b^2 ln(zeta) / 4)
  evolution: u32,
  i_points: u32,
  i_terms: u32,
  i_instances: u32,
  i_places: u32,
  f_constants: u32,
  f_ln_zeta: u32,
  f_b2: u32,
  f_factors: u32,
  unused: u32,
  index: array<u32>,
}
@group(0) @binding(0) var<storage, read> job: Job;
fn runtime_zero() -> u32 { return job.zero; }

@group(0) @binding(1) var<storage, read> numbers: array<real>;
// [rows, n_parameters]
@group(0) @binding(2) var<storage, read> parameters: array<real>;
// (sum, sum of absolute values) of [rows, n_points]
@group(0) @binding(3) var<storage, read_write> values: array<real>;
// [rows, n_points, n_parameters]
@group(0) @binding(4) var<storage, read_write> jacobian: array<real>;
// of each row and point: how many exponents left the range of r_exp; then 1 where loops were cut
@group(0) @binding(5) var<storage, read_write> found: array<u32>;

const W: u32 = 64u;
const NONE: u32 = 0xffffffffu;
// most widths of a shape, most parameters of a width, numbers that widths are made of
const WIDTHS: u32 = 5u;
const PLACES: u32 = 4u;
const CONSTANTS: u32 = 4u;
// how widths follow from parameters: Kind in src/accelerator/tmd.rs
const THREE_BELLS: u32 = 0u;
const FRAGMENTATION: u32 = 1u;
const LORENTZ_BELL: u32 = 2u;
const LINEAR_BELL: u32 = 3u;
const POWER_BELL: u32 = 4u;
const NOTHING: u32 = 5u;
// r_exp saturates above
const LARGEST: f32 = 85.0;
// of a term: value, size, two moments, a derivative for each width of both shapes
const SUMS: u32 = 14u;

var<workgroup> widths: array<real, 10>;
// [2 * WIDTHS, PLACES]
var<workgroup> width_slopes: array<real, 40>;
// [SUMS, W]
var<workgroup> sums: array<real, 896>;
var<workgroup> counts: array<u32, W>;
// exponents of this invocation that r_exp does not have
var<private> beyond: u32;

fn exponential(x: real) -> real {
  beyond += select(0u, 1u, r_hi(x) > LARGEST);
  return r_exp(x);
}

struct Width {
  value: real,
  slopes: array<real, 4>,
}

fn width_of(kind: u32, w: u32, first: u32, places: u32, constants: u32) -> Width {
  var own = Width(R_0, array<real, 4>(R_0, R_0, R_0, R_0));
  var p = array<real, 4>(R_0, R_0, R_0, R_0);
  for (var j = 0u; j < PLACES; j += 1u) {
    let place = job.index[places + j];
    if (place != NONE) { p[j] = parameters[first + place]; }
  }
  let c0 = numbers[constants];
  let c1 = numbers[constants + 1u];
  let c2 = numbers[constants + 2u];
  let c3 = numbers[constants + 3u];
  if (kind == THREE_BELLS && w < 3u) {
    let base = exponential(r_add(r_mul(p[2], c0), r_mul(r_mul(p[1], p[1]), c1)));
    let g = r_mul(p[0], base);
    own.value = g;
    own.slopes[0] = base;
    own.slopes[1] = r_scale(r_mul(r_mul(g, p[1]), c1), 2.0);
    own.slopes[2] = r_mul(g, c0);
  } else if (kind == THREE_BELLS) {
    own.value = r_mul(p[0], p[0]);
    own.slopes[0] = r_scale(p[0], 2.0);
  } else if (kind == FRAGMENTATION && w < 2u) {
    let power = exponential(r_mul(p[1], c0));
    let reference = exponential(r_mul(p[1], c2));
    let square = r_mul(p[2], p[2]);
    let above = r_add(power, square);
    let below = r_add(reference, square);
    let base = r_mul(r_div(above, below), exponential(r_mul(r_mul(p[3], p[3]), c1)));
    let g = r_mul(p[0], base);
    own.value = g;
    own.slopes[0] = base;
    own.slopes[1] = r_mul(g, r_sub(r_div(r_mul(power, c0), above), r_div(r_mul(reference, c2), below)));
    own.slopes[2] = r_scale(r_mul(r_mul(g, p[2]), r_sub(r_div(R_1, above), r_div(R_1, below))), 2.0);
    own.slopes[3] = r_scale(r_mul(r_mul(g, p[3]), c1), 2.0);
  } else if (kind == FRAGMENTATION && w == 2u) {
    own.value = r_mul(p[0], c3);
    own.slopes[0] = c3;
  } else if (kind == LORENTZ_BELL && w < 2u) {
    let ratio = r_div(c0, p[1]);
    let positive = r_hi(ratio) > 0.0;
    // no logarithm, no value
    beyond += select(1u, 0u, positive);
    let t = r_div(r_log(r_sel(R_1, ratio, positive)), p[2]);
    let square = r_mul(t, t);
    let base = r_div(r_mul(exponential(r_scale(square, -0.5)), c1), p[2]);
    let g = r_mul(p[0], base);
    own.value = g;
    own.slopes[0] = base;
    own.slopes[1] = r_div(r_mul(g, t), r_mul(p[2], p[1]));
    own.slopes[2] = r_div(r_mul(g, r_sub(square, R_1)), p[2]);
  } else if (kind == LORENTZ_BELL && w == 2u) {
    own.value = p[0];
    own.slopes[0] = R_1;
  } else if (kind == LINEAR_BELL && w == 0u) {
    own.value = r_add(p[1], r_mul(p[0], c0));
    own.slopes[0] = c0;
    own.slopes[1] = R_1;
  } else if (kind == POWER_BELL && w == 0u) {
    let base = r_mul(c1, exponential(r_mul(p[1], c0)));
    let g = r_mul(r_mul(p[0], p[0]), base);
    own.value = g;
    own.slopes[0] = r_scale(r_mul(p[0], base), 2.0);
    own.slopes[1] = r_mul(g, c0);
  }
  return own;
}

// A shape with its derivatives in the widths.
struct Shape {
  value: real,
  slopes: array<real, 5>,
}

// (g1 e1 + a gB^2 (1 - gB u / 4) eB + c gC eC) / (g1 + a gB^2 + c gC), e = exp(-g u / 4), with its derivatives in
// g1, gB, gC, a, c; without the third bell gC is a
fn bells(third: bool, at: u32, u: real) -> Shape {
  let g1 = widths[at];
  let gb = widths[at + 1u];
  let gc = r_sel(R_0, widths[at + 2u], third);
  let a = r_sel(widths[at + 2u], widths[at + 3u], third);
  let c = r_sel(R_0, widths[at + 4u], third);
  let agb = r_mul(a, gb);
  let weight = r_mul(agb, gb);
  let norm = r_div(R_1, r_add(r_add(g1, weight), r_mul(c, gc)));
  let quarter = r_scale(u, 0.25);
  let t1 = r_mul(quarter, g1);
  let tb = r_mul(quarter, gb);
  let e1 = exponential(r_neg(t1));
  let eb = exponential(r_neg(tb));
  let low = r_sub(R_1, tb);
  let second = r_mul(low, eb);
  var v = r_add(r_mul(g1, e1), r_mul(weight, second));
  var tc = R_0;
  var ec = R_0;
  if (third) {
    tc = r_mul(quarter, gc);
    ec = exponential(r_neg(tc));
    v = r_add(v, r_mul(r_mul(c, gc), ec));
  }
  v = r_mul(v, norm);
  let in_a = r_mul(r_mul(r_mul(gb, gb), r_sub(second, v)), norm);
  // of gB^2 (1 - t) e^-t, t = gB u / 4: gB e^-t (2 (1 - t) - t - t (1 - t))
  let inner = r_sub(r_sub(r_scale(low, 2.0), tb), r_mul(tb, low));
  var shape = Shape(v, array<real, 5>(R_0, R_0, R_0, R_0, R_0));
  shape.slopes[0] = r_mul(r_sub(r_mul(r_sub(R_1, t1), e1), v), norm);
  shape.slopes[1] = r_mul(r_mul(agb, r_sub(r_mul(inner, eb), r_scale(v, 2.0))), norm);
  if (third) {
    shape.slopes[2] = r_mul(r_mul(c, r_sub(r_mul(r_sub(R_1, tc), ec), v)), norm);
    shape.slopes[3] = in_a;
    shape.slopes[4] = r_mul(r_mul(gc, r_sub(ec, v)), norm);
  } else {
    shape.slopes[2] = in_a;
  }
  return shape;
}

// of the widths from `at` on, at u, b^2 in the unit of the shape
fn shape_at(kind: u32, at: u32, u: real) -> Shape {
  if (kind == THREE_BELLS || kind == FRAGMENTATION) { return bells(kind == THREE_BELLS, at, u); }
  var shape = Shape(R_0, array<real, 5>(R_0, R_0, R_0, R_0, R_0));
  if (kind == LORENTZ_BELL) {
    let quarter = r_scale(u, 0.25);
    let lorentz = r_div(R_1, r_add(r_mul(quarter, widths[at]), R_1));
    let bell = exponential(r_neg(r_mul(widths[at + 1u], quarter)));
    let rest = r_sub(R_1, widths[at + 2u]);
    shape.slopes[0] = r_neg(r_mul(r_mul(rest, quarter), r_mul(lorentz, lorentz)));
    shape.slopes[1] = r_neg(r_mul(widths[at + 2u], r_mul(quarter, bell)));
    shape.slopes[2] = r_sub(bell, lorentz);
    shape.value = r_add(r_mul(rest, lorentz), r_mul(widths[at + 2u], bell));
    return shape;
  }
  shape.value = exponential(r_neg(r_mul(widths[at], u)));
  shape.slopes[0] = r_neg(r_mul(u, shape.value));
  return shape;
}

// The sums of a term over the workgroup, at sums[W * i]; those behind the first `n` are left alone.
fn add_lanes(lid: u32, n: u32) {
  workgroupBarrier();
  for (var half = W / 2u; half > 0u; half /= 2u) {
    for (var i = lid; i < n * half; i += W) {
      let at = i / half * W + i % half;
      sums[at] = r_add(sums[at], sums[at + half]);
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(64)
fn tmd(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let n_evolution = job.evolution + 1u;
  for (var item = group.x; item < job.n_items; item += job.n_groups) {
    beyond = 0u;
    let point = item % job.n_points;
    let p = item / job.n_points * job.n_parameters;
    let row = item * job.n_parameters;
    if (job.slopes == 1u) {
      for (var k = lid; k < job.n_parameters; k += W) { jacobian[row + k] = R_0; }
    }
    var value = R_0;
    var size = R_0;
    let last = job.index[job.i_points + point + 1u];
    for (var term = job.index[job.i_points + point]; term < last; term += 1u) {
      // instances, first node, first factor, nodes
      let t = job.i_terms + 5u * term;
      let nodes = job.index[t + 4u];
      // of each instance: kind, first parameter, places
      let f = job.i_instances + 3u * job.index[t];
      let d = job.i_instances + 3u * job.index[t + 1u];
      let kind_f = job.index[f];
      let kind_d = job.index[d];
      if (kind_f == NOTHING || kind_d == NOTHING) { continue; }
      let constants_f = job.f_constants + CONSTANTS * job.index[t];
      let constants_d = job.f_constants + CONSTANTS * job.index[t + 1u];
      // a width an invocation
      if (lid < 2u * WIDTHS) {
        let second = lid >= WIDTHS;
        let width = select(lid, lid - WIDTHS, second);
        let instance = select(f, d, second);
        let places = job.i_places + job.index[instance + 2u] + PLACES * width;
        let constants = select(constants_f, constants_d, second);
        let own = width_of(job.index[instance], width, p + job.index[instance + 1u], places, constants);
        widths[lid] = own.value;
        for (var j = 0u; j < PLACES; j += 1u) { width_slopes[PLACES * lid + j] = own.slopes[j]; }
      }
      workgroupBarrier();
      let half_log = r_scale(numbers[job.f_ln_zeta + term], 0.5);
      var decay = R_0;
      var decay_of_fourth = R_0;
      if (job.evolution == 1u) {
        decay = r_mul(half_log, parameters[p]);
        decay_of_fourth = r_mul(half_log, parameters[p + 1u]);
      } else {
        decay = r_mul(half_log, r_mul(parameters[p], parameters[p]));
      }
      for (var i = lid; i < SUMS * W; i += W) { sums[i] = R_0; }
      for (var n = lid; n < nodes; n += W) {
        let u = numbers[job.f_b2 + job.index[t + 2u] + n];
        let shape_f = shape_at(kind_f, 0u, r_mul(u, numbers[constants_f + 3u]));
        let shape_d = shape_at(kind_d, WIDTHS, r_mul(u, numbers[constants_d + 3u]));
        let exponent = r_mul(u, r_add(r_mul(decay_of_fourth, u), decay));
        let weight = r_mul(numbers[job.f_factors + job.index[t + 3u] + n], exponential(r_neg(exponent)));
        let ahead_f = r_mul(weight, shape_d.value);
        let ahead_d = r_mul(weight, shape_f.value);
        let of_node = r_mul(ahead_f, shape_f.value);
        let moment = r_mul(of_node, u);
        sums[lid] = r_add(sums[lid], of_node);
        sums[W + lid] = r_add(sums[W + lid], r_abs(of_node));
        if (job.slopes == 1u) {
          sums[2u * W + lid] = r_add(sums[2u * W + lid], moment);
          sums[3u * W + lid] = r_add(sums[3u * W + lid], r_mul(moment, u));
          for (var i = 0u; i < WIDTHS; i += 1u) {
            let at_f = (4u + i) * W + lid;
            let at_d = (4u + WIDTHS + i) * W + lid;
            sums[at_f] = r_add(sums[at_f], r_mul(ahead_f, shape_f.slopes[i]));
            sums[at_d] = r_add(sums[at_d], r_mul(ahead_d, shape_d.slopes[i]));
          }
        }
      }
      add_lanes(lid, select(2u, SUMS, job.slopes == 1u));
      value = r_add(value, sums[0]);
      size = r_add(size, sums[W]);
      if (job.slopes == 1u) {
        for (var k = lid; k < job.n_parameters; k += W) {
          var slope = R_0;
          if (k < n_evolution) {
            if (job.evolution == 1u) {
              slope = r_neg(r_mul(half_log, sums[(2u + k) * W]));
            } else {
              slope = r_scale(r_mul(r_mul(half_log, parameters[p]), sums[2u * W]), -2.0);
            }
          }
          for (var q = 0u; q < 2u * WIDTHS; q += 1u) {
            let second = q >= WIDTHS;
            let instance = select(f, d, second);
            let places = job.i_places + job.index[instance + 2u] + PLACES * select(q, q - WIDTHS, second);
            for (var j = 0u; j < PLACES; j += 1u) {
              let place = job.index[places + j];
              if (place != NONE && job.index[instance + 1u] + place == k) {
                slope = r_add(slope, r_mul(sums[(4u + q) * W], width_slopes[PLACES * q + j]));
              }
            }
          }
          jacobian[row + k] = r_add(jacobian[row + k], slope);
        }
      }
      // the next term's widths and sums
      workgroupBarrier();
    }
    counts[lid] = beyond;
    workgroupBarrier();
    if (lid == 0u) {
      values[2u * item] = value;
      values[2u * item + 1u] = size;
      var total = 0u;
      for (var i = 0u; i < W; i += 1u) { total += counts[i]; }
      found[item] = total;
    }
    workgroupBarrier();
  }
  if (loops_are_cut()) { found[job.n_items] = 1u; }
}
