// Unbinned likelihoods: sums over events under a mixture of densities, a workgroup a share of at most SHARE events.
// The twin of `cuda/events.cuh`. Sums of shares are joined by the host, in f64. No loop over shares, so that
// the rounds of loops stay few (rounds.wgsl).

// [n_shares, 2 + moments]: the log-likelihood, what rounding took from it, sums of products
@group(0) @binding(4) var<storage, read_write> partials: array<real>;
// of each share: events without density, events with a number beyond the formulas; then 1 where loops were cut
@group(0) @binding(5) var<storage, read_write> found: array<u32>;

@compute @workgroup_size(64)
fn event_shares(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let processes = plan[H_PROCESSES];
  let n_events = plan[H_EVENTS];
  let moments = plan[H_MOMENTS];
  let split = is_split();
  let drifts = 1u + plan[H_TERMS] + plan[H_SHAPES];
  let columns = drifts + select(0u, processes, split);
  let slot = group.x * SHARE * columns;
  let share = plan[H_FIRST] + group.x;
  let listed = plan[H_LIST] + 3u * group.x;
  let begin = plan[listed];
  let n = plan[listed + 1u];
  let first_number = plan[listed + 2u] * plan[H_NUMBERS];
  var value = R_0;
  var lost = R_0;
  var empty = 0u;
  var faults = 0u;
  for (var i = lid; i < n; i += W) {
    let own = slot + i * columns;
    var weight = R_1;
    if (plan[H_WEIGHTED] == 1u) { weight = data[(plan[H_COLUMNS] - 1u) * n_events + begin + i]; }
    var top = r_from(ABSENT);
    var leader = 0u;
    for (var p = 0u; p < processes; p += 1u) {
      let words = H_WORDS + p * P_WORDS;
      let level = first_number + plan[words + P_NUMBERS];
      let density = Density(words, level + 2u, own + plan[words + P_SHAPE]);
      let here = log_density_of(density, begin + i);
      let absent = is_absent(here.log);
      faults += select(0u, 1u, r_bad(here.log) || (!absent && !(abs(r_hi(here.log)) < MODERATE)));
      scratch[own + plan[words + P_TERM]] = here.log;
      if (split) {
        // to the level as well
        scratch[own + drifts + p] = r_add(here.lost, numbers[2u * level + 1u]);
      }
      let z = r_add(here.log, numbers[2u * level]);
      if (!absent && !is_absent(numbers[2u * level]) && r_less(top, z)) {
        top = z;
        leader = p;
      }
    }
    let possible = !is_absent(top);
    var inverse = R_0;
    if (possible) {
      var rest = R_0;
      var drift = R_0;
      for (var p = 0u; p < processes; p += 1u) {
        let words = H_WORDS + p * P_WORDS;
        let level = numbers[2u * (first_number + plan[words + P_NUMBERS])];
        let log = scratch[own + plan[words + P_TERM]];
        if (is_absent(log) || is_absent(level)) { continue; }
        let e = r_sel(r_exp(r_sub(r_add(log, level), top)), R_1, p == leader);
        rest = r_add(rest, r_sel(e, R_0, p == leader));
        if (split) { drift = r_add(drift, r_mul(e, scratch[own + drifts + p])); }
      }
      inverse = r_div(R_1, r_add(R_1, rest));
      // one after the other: small logarithms would be rounded off large exponents
      value = r_add(value, r_mul(weight, top));
      value = r_add(value, r_mul(weight, log_of_one_and(rest)));
      lost = r_add(lost, r_mul(weight, r_mul(drift, inverse)));
    } else {
      empty += select(0u, 1u, r_hi(weight) > 0.0);
      weight = R_0;
    }
    scratch[own] = weight;
    for (var p = 0u; p < processes; p += 1u) {
      let words = H_WORDS + p * P_WORDS;
      let at = own + plan[words + P_TERM];
      let log = scratch[at];
      var u = R_0;
      if (possible && !is_absent(log)) {
        let exponent = r_sub(r_add(log, numbers[2u * (first_number + plan[words + P_NUMBERS]) + 2u]), top);
        faults += select(0u, 1u, r_hi(exponent) > LARGEST);
        u = r_mul(r_exp(exponent), inverse);
      }
      scratch[at] = u;
      let shape = own + plan[words + P_SHAPE];
      for (var k = 0u; k < plan[words + P_SLOPES]; k += 1u) {
        scratch[at + 1u + k] = r_mul(u, scratch[shape + k]);
      }
    }
  }
  value = sum_of_lanes(lid, value);
  lost = sum_of_lanes(lid, lost);
  empty = count_of_lanes(lid, empty);
  faults = count_of_lanes(lid, faults);
  let to = share * (2u + moments);
  if (lid == 0u) {
    partials[to] = value;
    partials[to + 1u] = lost;
    found[2u * share] = empty;
    found[2u * share + 1u] = faults;
  }
  storageBarrier();
  for (var m = lid; m < moments; m += W) {
    let left = plan[plan[H_ROWS] + 2u * m];
    let right = plan[plan[H_ROWS] + 2u * m + 1u];
    var sum = R_0;
    for (var i = 0u; i < n; i += 1u) {
      let own = slot + i * columns;
      var product = r_mul(scratch[own], scratch[own + left]);
      if (right != NONE) { product = r_mul(product, scratch[own + right]); }
      sum = r_add(sum, product);
    }
    partials[to + 2u + m] = sum;
  }
  if (loops_are_cut()) { found[2u * plan[H_SHARES]] = 1u; }
}
