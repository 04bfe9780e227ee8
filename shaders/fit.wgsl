// The lockstep minimizer: a workgroup takes one fit after the other, and a host that looks only now
// and then. The twin of `src/fit/lockstep.rs`, where the method is described. `low` is f32 or f64
// here, so it takes plain operators.

// job_index: fixed parameters [n_parameters], then the levels of the damping ladder (ladder.wgsl)
@group(0) @binding(6) var<storage, read> job_index: array<u32>;
@group(0) @binding(7) var<storage, read> job_numbers: array<low>;

// BFGS pairs kept
const MEMORY: u32 = 8u;
const LEVELS: u32 = 12u;
// share of the linear decrease that a step must reach
const SUFFICIENT: f32 = 1e-4;

// control: next fit, fits done, levels wanted, 1 where the driver ended loops early; slots of SLOT words; results of
// RESULT words
const SLOT: u32 = 8u;
const RESULT: u32 = 4u;

// how a fit stands: see `end` in src/accelerator/layout/results.rs
const RUNNING: u32 = 0u;
const CONVERGED: u32 = 1u;
const STRAGGLER: u32 = 2u;
const NOT_FINITE: u32 = 3u;

// what the slot does next
const EVALUATE: u32 = 0u;
const WAIT_FOR_LEVEL: u32 = 1u;

struct Lane {
  // fit in work, NONE without
  fit: u32,
  phase: u32,
  // the point in evaluation is the start
  start: u32,
  // the distance was below the tolerance before the step to the point in evaluation
  close: u32,
  evaluations: u32,
  // of damping
  level: u32,
  // BFGS pairs are held
  pairs: u32,
  // pair written last
  newest: u32,
}
var<workgroup> lane: Lane;
var<workgroup> lane_fit: u32;
var<workgroup> verdict: u32;
var<workgroup> paused: u32;
// the point in evaluation becomes the accepted one
var<workgroup> accepted: u32;
var<workgroup> edm: low;
// 1 / (step . change), 0 for an empty pair
var<workgroup> rho: array<low, MEMORY>;
var<workgroup> low_sums: array<vec4<low>, W>;

fn low_sum_of_all(lid: u32, value: vec4<low>) -> vec4<low> {
  low_sums[lid] = value;
  workgroupBarrier();
  for (var half = W / 2u; half > 0u; half /= 2u) {
    if (lid < half) { low_sums[lid] = low_sums[lid] + low_sums[lid + half]; }
    workgroupBarrier();
  }
  let total = low_sums[0];
  workgroupBarrier();
  return total;
}

// 1 / sy where the pair shows positive curvature worth the name, else 0
fn reciprocal_if_curved(sy: low, ss: low, yy: low) -> low {
  let one = low(1.0);
  if (sy > low(0.0) && sy * sy > low(1e-16) * ss * yy) { return one / sy; }
  return low(0.0);
}

fn not_finite(v: low) -> bool {
  return (bitcast<u32>(f32(v)) & 0x7f800000u) == 0x7f800000u;
}

fn barrier() {
  storageBarrier();
  workgroupBarrier();
}

@compute @workgroup_size(64)
fn fit(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let r = group.x * header.reals_slot;
  let l = group.x * header.lows_slot;
  let c = header.c_slots + group.x * SLOT;
  resume(lid, c, l);
  for (var i = 0u; i < header.budget; i += 1u) {
    if (workgroupUniformLoad(&lane_fit) == NONE) {
      take_next(lid);
      let next = workgroupUniformLoad(&lane_fit);
      if (next == NONE) { break; }
      load_start(lid, r, l, next);
    }
    let number = workgroupUniformLoad(&lane_fit);
    if (workgroupUniformLoad(&lane.phase) == EVALUATE) {
      let nll = likelihood(lid, r, l, number * (header.n_main + header.n_auxiliary));
      settle_kinks(lid, r, l);
      accept_or_reject(lid, r, l, nll);
    }
    if (workgroupUniformLoad(&verdict) == RUNNING) {
      if (lid == 0u) {
        paused = 0u;
        if (header.stage == 0u && lane.level >= header.levels) {
          paused = 1u;
          lane.phase = WAIT_FOR_LEVEL;
          atomicMax(&control[2], lane.level + 1u);
        }
      }
      if (workgroupUniformLoad(&paused) == 1u) { break; }
      find_active(lid, r, l);
      if (header.stage == 1u) { refresh_own(lid, r, l, number * (header.n_main + header.n_auxiliary)); }
      find_direction(lid, l);
    }
    let how = workgroupUniformLoad(&verdict);
    if (how == RUNNING) {
      step(lid, r, l);
    } else {
      store(lid, r, number, how);
    }
  }
  suspend(lid, c, l);
  if (loops_are_cut()) { atomicStore(&control[3], 1u); }
}

fn resume(lid: u32, c: u32, l: u32) {
  if (lid == 0u) {
    lane_fit = atomicLoad(&control[c]);
    lane.phase = atomicLoad(&control[c + 1u]);
    lane.start = atomicLoad(&control[c + 2u]);
    lane.close = atomicLoad(&control[c + 3u]);
    lane.evaluations = atomicLoad(&control[c + 4u]);
    lane.level = atomicLoad(&control[c + 5u]);
    lane.pairs = atomicLoad(&control[c + 6u]);
    lane.newest = atomicLoad(&control[c + 7u]);
    verdict = RUNNING;
    edm = lows[l + header.l_rho + MEMORY];
  }
  if (lid < MEMORY) { rho[lid] = lows[l + header.l_rho + lid]; }
  workgroupBarrier();
}

fn suspend(lid: u32, c: u32, l: u32) {
  workgroupBarrier();
  if (lid == 0u) {
    atomicStore(&control[c], lane_fit);
    atomicStore(&control[c + 1u], lane.phase);
    atomicStore(&control[c + 2u], lane.start);
    atomicStore(&control[c + 3u], lane.close);
    atomicStore(&control[c + 4u], lane.evaluations);
    atomicStore(&control[c + 5u], lane.level);
    atomicStore(&control[c + 6u], lane.pairs);
    atomicStore(&control[c + 7u], lane.newest);
    lows[l + header.l_rho + MEMORY] = edm;
  }
  if (lid < MEMORY) { lows[l + header.l_rho + lid] = rho[lid]; }
}

// The next fit in line; with own curvature, the next that the first stage left.
fn take_next(lid: u32) {
  if (lid == 0u) {
    var next = atomicAdd(&control[0], 1u);
    if (header.stage == 1u) {
      while (next < header.n_fits && atomicLoad(&control[header.c_results + next * RESULT]) != STRAGGLER) {
        next = atomicAdd(&control[0], 1u);
      }
    }
    lane_fit = select(NONE, next, next < header.n_fits);
  }
}

fn load_start(lid: u32, r: u32, l: u32, number: u32) {
  let n = header.n_parameters;
  for (var k = lid; k < n; k += W) {
    var x = data[header.d_start + number * header.start_stride + k];
    if (header.stage == 1u) { x = reals[header.r_results + number * (n + 1u) + k]; }
    reals[r + header.r_x + k] = x;
    reals[r + header.r_trial + k] = x;
    lows[l + header.l_g + k] = low(0.0);
  }
  if (lid == 0u) {
    lane.phase = EVALUATE;
    lane.start = 1u;
    lane.close = 0u;
    lane.evaluations = 0u;
    lane.level = 0u;
    lane.pairs = 0u;
    // where the ring of pairs begins decides the order of sums: not left to the fit before
    lane.newest = 0u;
    verdict = RUNNING;
    edm = low(1e30);
  }
  if (lid < MEMORY) { rho[lid] = low(0.0); }
  barrier();
}

// Derivative to go by at a kink, and the side to go to: the steeper one of those that lead down, or 0
// and 0 where the likelihood rises to both.
fn leave_kink(right: low, left: low) -> vec2<low> {
  if (right < low(0.0) && -right >= left) { return vec2<low>(right, low(1.0)); }
  if (left > low(0.0)) { return vec2<low>(left, low(-1.0)); }
  return vec2<low>(low(0.0), low(0.0));
}

fn settle_kinks(lid: u32, r: u32, l: u32) {
  if (header.kinked == 0u) { return; }
  for (var k = lid; k < header.n_parameters; k += W) {
    if (header.index[header.i_parameters + 5u * k + 4u] == 0u) { continue; }
    let x = reals[r + header.r_trial + k];
    var side = low(1.0);
    if (r_less(x, R_0)) { side = low(-1.0); }
    if (r_equal(x, R_0)) {
      let right = lows[l + header.l_gradient + k];
      let left = right - lows[l + header.l_jump + k];
      let choice = leave_kink(right, left);
      lows[l + header.l_gradient + k] = choice.x;
      side = choice.y;
    }
    lows[l + header.l_trial_side + k] = side;
  }
  storageBarrier();
}

// The trial point against the accepted one: is it good enough, and what becomes of the fit?
fn accept_or_reject(lid: u32, r: u32, l: u32, nll: real) {
  let n = header.n_parameters;
  // slope along the step, and the products of the pair it would make
  var sum = vec4<low>(low(0.0), low(0.0), low(0.0), low(0.0));
  for (var k = lid; k < n; k += W) {
    let g = lows[l + header.l_g + k];
    let s = l_of(r_sub(reals[r + header.r_trial + k], reals[r + header.r_x + k]));
    let y = lows[l + header.l_gradient + k] - g;
    sum += vec4<low>(g * s, s * y, s * s, y * y);
  }
  let total = low_sum_of_all(lid, sum);
  let first = workgroupUniformLoad(&lane.start) == 1u;
  if (lid == 0u) {
    let old = reals[r + header.r_nll];
    lane.evaluations += 1u;
    let bad = atomicLoad(&impossible) == 1u || r_bad(nll);
    var enough = first;
    if (!first) {
      let change = l_of(r_sub(nll, old));
      let slack = low(bitcast<f32>(header.rounding)) * (low(1.0) + abs(l_of(old)));
      enough = change <= low(SUFFICIENT) * min(total.x, low(0.0)) + slack;
      if (!bad && enough && -change > low(-0.3) * total.x) { lane.level = max(lane.level, 1u) - 1u; }
    }
    accepted = u32(!bad && enough);
  }
  if (workgroupUniformLoad(&accepted) == 1u) {
    if (!first) { remember(lid, r, l, total); }
    for (var k = lid; k < n; k += W) {
      reals[r + header.r_x + k] = reals[r + header.r_trial + k];
      lows[l + header.l_g + k] = lows[l + header.l_gradient + k];
      if (header.kinked == 1u) { lows[l + header.l_side + k] = lows[l + header.l_trial_side + k]; }
    }
    if (lid == 0u) {
      reals[r + header.r_nll] = nll;
      // r_nll + 1 holds the first negative bin, one more than it is
      reals[r + header.r_nll + 1u] = r_from(f32(atomicLoad(&negative_bin) + 1u));
    }
  }
  if (lid == 0u) { decide(first, accepted == 1u); }
  barrier();
}

// What becomes of a fit after its evaluation.
fn decide(first: bool, good: bool) {
  lane.start = 0u;
  if (first && !good) {
    verdict = NOT_FINITE;
  } else if (lane.close == 1u && !good) {
    // only rounding is left to gain
    verdict = CONVERGED;
  } else if (lane.evaluations >= header.patience) {
    verdict = STRAGGLER;
  } else if (good) {
    if (!first) { lane.pairs = 1u; }
  } else if (lane.pairs == 1u) {
    // the pairs led astray: the next step is by the expected curvature alone
    forget_pairs();
  } else if (lane.level + 1u < LEVELS) {
    lane.level += 1u;
  } else {
    verdict = STRAGGLER;
  }
}

fn forget_pairs() {
  lane.pairs = 0u;
  for (var i = 0u; i < MEMORY; i += 1u) { rho[i] = low(0.0); }
}

// Store the step from the accepted to the trial point.
fn remember(lid: u32, r: u32, l: u32, total: vec4<low>) {
  let n = header.n_parameters;
  let place = (workgroupUniformLoad(&lane.newest) + 1u) % MEMORY;
  for (var k = lid; k < n; k += W) {
    lows[l + header.l_steps + place * n + k] =
      l_of(r_sub(reals[r + header.r_trial + k], reals[r + header.r_x + k]));
    lows[l + header.l_changes + place * n + k] = lows[l + header.l_gradient + k] - lows[l + header.l_g + k];
  }
  if (lid == 0u) {
    lane.newest = place;
    rho[place] = reciprocal_if_curved(total.y, total.z, total.w);
  }
  barrier();
}

// The next point to evaluate.
fn step(lid: u32, r: u32, l: u32) {
  for (var k = lid; k < header.n_parameters; k += W) {
    if (job_index[k] == 1u) { continue; }
    var to = r_sub(reals[r + header.r_x + k], r_of(lows[l + header.l_solved + k]));
    to = r_min(r_max(to, numbers[header.f_lower + k]), numbers[header.f_upper + k]);
    if (header.kinked == 1u && header.index[header.i_parameters + 5u * k + 4u] == 1u) {
      // a step across a kink ends on it
      let side = lows[l + header.l_side + k];
      let across = select(r_less(R_0, to), r_less(to, R_0), side > low(0.0));
      if (side != low(0.0) && across) { to = R_0; }
    }
    reals[r + header.r_trial + k] = to;
  }
  if (lid == 0u) { lane.phase = EVALUATE; }
  barrier();
}

// Record how a fit ended, at the accepted point.
fn store(lid: u32, r: u32, number: u32, how: u32) {
  let n = header.n_parameters;
  let row = header.r_results + number * (n + 1u);
  for (var k = lid; k < n; k += W) {
    reals[row + k] = reals[r + header.r_x + k];
  }
  if (lid == 0u) {
    reals[row + n] = reals[r + header.r_nll];
    let place = header.c_results + number * RESULT;
    atomicStore(&control[place], how);
    atomicStore(&control[place + 1u], atomicLoad(&control[place + 1u]) + lane.evaluations);
    atomicStore(&control[place + 2u], bitcast<u32>(f32(edm)));
    atomicStore(&control[place + 3u], u32(r_hi(reals[r + header.r_nll + 1u])));
    atomicAdd(&control[1], 1u);
    lane_fit = NONE;
  }
  barrier();
}
