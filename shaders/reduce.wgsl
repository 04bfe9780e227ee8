// Mixtures of processes: sums over events of log-densities, a workgroup a share of at most SHARE events.
// The twin of `cuda/reduce.cuh`. What repeats for each event, logarithms of yields and the middle of each
// process' log-densities, the host keeps back in f64 as far as it can: see `src/accelerator/gpu/mixture.rs`.

struct Job {
  // 0, and unknown to the compiler
  zero: u32,
  processes: u32,
  n_events: u32,
  n_shares: u32,
  n_groups: u32,
  // 1: events have weights
  weighted: u32,
  // 1: slopes are wanted
  sloped: u32,
  unused: u32,
  // (first event, events, toy) of each
  shares: array<u32>,
}
@group(0) @binding(0) var<storage, read> job: Job;
fn runtime_zero() -> u32 { return job.zero; }

// [processes, n_events], ABSENT for a density of 0
@group(0) @binding(1) var<storage, read> log_p: array<real>;
@group(0) @binding(2) var<storage, read> weights: array<real>;
// [toys, 2, processes]: what is added to a process' log-densities in the mixture, ABSENT for a yield of 0; and
// in its own sum
@group(0) @binding(3) var<storage, read> factors: array<real>;
// [n_shares, 1 + processes]: the log-likelihood and a sum for each process
@group(0) @binding(4) var<storage, read_write> partials: array<real>;
// of each share: events without density, events whose sums leave the range of r_exp; then 1 where loops were cut
@group(0) @binding(5) var<storage, read_write> found: array<u32>;
// [processes, n_events]
@group(0) @binding(6) var<storage, read_write> slopes: array<real>;

// of each event: the largest term's exponent, and the sum of all in its units, 0 for those that do not count
var<workgroup> tops: array<real, SHARE>;
var<workgroup> sums: array<real, SHARE>;

fn weight_of(event: u32) -> real {
  if (job.weighted == 1u) { return weights[event]; }
  return R_1;
}

// Shares of an event: the exponent of a process, ABSENT where it has none.
fn exponent_of(factor: real, log: real) -> real {
  return r_sel(r_add(factor, log), r_from(ABSENT), is_absent(factor) || is_absent(log));
}

fn density_in_units(exponent: real, top: real) -> real {
  return r_sel(r_exp(r_sub(exponent, top)), R_0, is_absent(exponent));
}

@compute @workgroup_size(64)
fn reduce(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let processes = job.processes;
  for (var share = group.x; share < job.n_shares; share += job.n_groups) {
    let begin = job.shares[3u * share];
    let n = job.shares[3u * share + 1u];
    let mixed = job.shares[3u * share + 2u] * 2u * processes;
    let own = mixed + processes;
    var value = R_0;
    var empty = 0u;
    for (var i = lid; i < n; i += W) {
      let weight = weight_of(begin + i);
      var top = r_from(ABSENT);
      var leader = 0u;
      for (var p = 0u; p < processes; p += 1u) {
        let term = exponent_of(factors[mixed + p], log_p[p * job.n_events + begin + i]);
        if (r_less(top, term)) {
          top = term;
          leader = p;
        }
      }
      var sum = R_0;
      if (is_absent(top)) {
        empty += select(0u, 1u, r_hi(weight) > 0.0);
      } else {
        var rest = R_0;
        for (var p = 0u; p < processes; p += 1u) {
          let term = exponent_of(factors[mixed + p], log_p[p * job.n_events + begin + i]);
          rest = r_add(rest, r_sel(density_in_units(term, top), R_0, p == leader));
        }
        // one after the other: small logarithms would be rounded off large exponents
        value = r_add(value, r_mul(weight, top));
        value = r_add(value, r_mul(weight, log_of_one_and(rest)));
        sum = r_add(rest, R_1);
      }
      tops[i] = top;
      sums[i] = sum;
    }
    value = sum_of_lanes(lid, value);
    empty = count_of_lanes(lid, empty);
    var beyond = 0u;
    let at = share * (1u + processes);
    if (lid == 0u) { partials[at] = value; }
    for (var p = 0u; p < processes; p += 1u) {
      var first = R_0;
      for (var i = lid; i < n; i += W) {
        let weight = weight_of(begin + i);
        if (r_hi(sums[i]) > 0.0 && r_hi(weight) > 0.0) {
          let term = exponent_of(factors[own + p], log_p[p * job.n_events + begin + i]);
          beyond += select(0u, 1u, r_hi(r_sub(term, tops[i])) > LARGEST);
          first = r_add(first, r_mul(weight, r_div(density_in_units(term, tops[i]), sums[i])));
        }
      }
      first = sum_of_lanes(lid, first);
      if (lid == 0u) { partials[at + 1u + p] = first; }
    }
    beyond = count_of_lanes(lid, beyond);
    if (lid == 0u) {
      found[2u * share] = empty;
      found[2u * share + 1u] = beyond;
    }
    if (job.sloped == 1u) {
      for (var p = 0u; p < processes; p += 1u) {
        for (var i = lid; i < n; i += W) {
          var slope = R_0;
          if (r_hi(sums[i]) > 0.0) {
            let term = exponent_of(factors[mixed + p], log_p[p * job.n_events + begin + i]);
            slope = r_neg(r_mul(weight_of(begin + i), r_div(density_in_units(term, tops[i]), sums[i])));
          }
          slopes[p * job.n_events + begin + i] = slope;
        }
      }
    }
    workgroupBarrier();
  }
  if (loops_are_cut()) { found[2u * job.n_shares] = 1u; }
}
