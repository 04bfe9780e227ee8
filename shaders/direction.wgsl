// The next direction: which parameters may move, and the quasi-Newton step of those. The twin of
// `src/fit/direction.rs`. The two-loop recursion runs on the scalar products of the pairs, gathered in
// one go, so that a direction needs a handful of barriers instead of a reduction for every pair.

// [i, j] step_i . change_j for j no older than i, then step_i . g, step_i . step_i, change_i . change_i
const GRAM: u32 = MEMORY * (MEMORY + 3u);
var<workgroup> gram: array<low, GRAM>;
// coefficients of the changes in the first loop, of the steps in the second
var<workgroup> alpha: array<low, MEMORY>;
var<workgroup> weight: array<low, MEMORY>;
var<workgroup> masked_rho: array<low, MEMORY>;
var<workgroup> shares: array<low, W>;

// Parameters held at a bound, on a kink, or fixed have mask 0.
fn find_active(lid: u32, r: u32, l: u32) {
  for (var k = lid; k < header.n_parameters; k += W) {
    let x = reals[r + header.r_x + k];
    let g = lows[l + header.l_g + k];
    let low_bound = !r_less(numbers[header.f_lower + k], x) && g > low(0.0);
    let high_bound = !r_less(x, numbers[header.f_upper + k]) && g < low(0.0);
    let resting = header.kinked == 1u && header.index[header.i_parameters + 5u * k + 4u] == 1u
      && lows[l + header.l_side + k] == low(0.0);
    let held = job_index[k] == 1u || low_bound || high_bound || resting;
    lows[l + header.l_mask + k] = select(low(1.0), low(0.0), held);
  }
  storageBarrier();
}

// pair of age `a`, 0 the newest
fn pair_of_age(a: u32) -> u32 { return (lane.newest + MEMORY - a) % MEMORY; }

fn scalar_product(d: u32, l: u32) -> low {
  let n = header.n_parameters;
  let i = select((d - MEMORY * MEMORY) % MEMORY, d / MEMORY, d < MEMORY * MEMORY);
  if (rho[i] == low(0.0)) { return low(0.0); }
  var a = header.l_steps + i * n;
  var b = header.l_changes + (d % MEMORY) * n;
  if (d < MEMORY * MEMORY) {
    if (rho[d % MEMORY] == low(0.0)) { return low(0.0); }
  } else if (d < MEMORY * (MEMORY + 1u)) {
    b = header.l_g;
  } else if (d < MEMORY * (MEMORY + 2u)) {
    b = a;
  } else {
    a = header.l_changes + i * n;
    b = a;
  }
  var sum = low(0.0);
  for (var k = 0u; k < n; k += 1u) { sum += lows[l + header.l_mask + k] * lows[l + a + k] * lows[l + b + k]; }
  return sum;
}

// Two-loop recursion (Nocedal, Math. Comp. 35 (1980) 773) over the parameters that may move; leaves
// the step in l_solved, the distance to the minimum in edm, and may end the fit.
fn find_direction(lid: u32, l: u32) {
  let n = header.n_parameters;
  for (var d = lid; d < GRAM; d += W) { gram[d] = scalar_product(d, l); }
  workgroupBarrier();
  if (lid == 0u) { first_loop(); }
  workgroupBarrier();
  for (var k = lid; k < n; k += W) {
    var q = lows[l + header.l_g + k];
    for (var i = 0u; i < MEMORY; i += 1u) {
      if (alpha[i] != low(0.0)) { q -= alpha[i] * lows[l + header.l_changes + i * n + k]; }
    }
    lows[l + header.l_direction + k] = lows[l + header.l_mask + k] * q;
  }
  storageBarrier();
  if (header.stage == 0u) { solve_shared(lid, l); } else { solve_own(lid, l); }
  // change_i . solved and g . solved, in four shares each
  let d = lid % 16u;
  var sum = low(0.0);
  if (d <= MEMORY && (d == MEMORY || rho[d % MEMORY] != low(0.0))) {
    let v = select(header.l_changes + d * n, header.l_g, d == MEMORY);
    for (var k = lid / 16u; k < n; k += W / 16u) { sum += lows[l + v + k] * lows[l + header.l_solved + k]; }
  }
  shares[lid] = sum;
  workgroupBarrier();
  if (lid == 0u) { second_loop(); }
  workgroupBarrier();
  for (var k = lid; k < n; k += W) {
    var to = lows[l + header.l_solved + k];
    for (var i = 0u; i < MEMORY; i += 1u) {
      if (weight[i] != low(0.0)) {
        to += weight[i] * lows[l + header.l_mask + k] * lows[l + header.l_steps + i * n + k];
      }
    }
    lows[l + header.l_solved + k] = select(to, low(0.0), lane.phase == STAY);
  }
  barrier();
}

// not a descent direction: this point again, without the pairs
const STAY: u32 = 2u;

fn first_loop() {
  for (var a = 0u; a < MEMORY; a += 1u) {
    let i = pair_of_age(a);
    masked_rho[i] = low(0.0);
    alpha[i] = low(0.0);
    if (rho[i] == low(0.0)) { continue; }
    masked_rho[i] = reciprocal_if_curved(
      gram[i * MEMORY + i], gram[MEMORY * (MEMORY + 1u) + i], gram[MEMORY * (MEMORY + 2u) + i]);
    var product = gram[MEMORY * MEMORY + i];
    for (var younger = 0u; younger < a; younger += 1u) {
      let j = pair_of_age(younger);
      product -= alpha[j] * gram[i * MEMORY + j];
    }
    alpha[i] = masked_rho[i] * product;
  }
}

fn second_loop() {
  var twice_edm = shares[8] + shares[24] + shares[40] + shares[56];
  for (var age = MEMORY; age > 0u; age -= 1u) {
    let i = pair_of_age(age - 1u);
    weight[i] = low(0.0);
    if (masked_rho[i] == low(0.0)) { continue; }
    var product = shares[i] + shares[16u + i] + shares[32u + i] + shares[48u + i];
    for (var older = age; older < MEMORY; older += 1u) {
      let j = pair_of_age(older);
      product += weight[j] * gram[j * MEMORY + i];
    }
    weight[i] = alpha[i] - masked_rho[i] * product;
    twice_edm += weight[i] * gram[MEMORY * MEMORY + i];
  }
  let distance = low(0.5) * twice_edm;
  if (not_finite(distance) || distance < low(0.0)) {
    forget_pairs();
    lane.phase = STAY;
    return;
  }
  lane.phase = EVALUATE;
  edm = distance;
  // twice in a row: the estimate at a point where the pairs mislead is caught by the step
  let tolerance = low(bitcast<f32>(header.tolerance));
  let near = lane.level == 0u && distance < tolerance;
  if (near && (lane.close == 1u || distance < low(0.01) * tolerance)) {
    verdict = CONVERGED;
  } else {
    lane.close = u32(near);
  }
}
