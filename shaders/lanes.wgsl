// What sums over single events have in common: a workgroup a share of events.

const W: u32 = 64u;
// most events of a share
const SHARE: u32 = 256u;
// stands for minus infinity, which compilers may suppose not to exist
const ABSENT: f32 = -1e37;
// r_exp saturates above
const LARGEST: f32 = 85.0;

var<workgroup> lanes: array<real, W>;
var<workgroup> counts: array<u32, W>;

fn is_absent(x: real) -> bool { return r_hi(x) < 0.5 * ABSENT; }

// ln(1 + x) for x >= 0, with all digits where x is small
fn log_of_one_and(x: real) -> real {
  let s = r_div(x, r_add(x, r_from(2.0)));
  if (r_hi(s) < 0.17) {
    let z = r_mul(s, s);
    return r_scale(r_adds(s, r_mul(r_mul(atanh_tail(z), z), s)), 2.0);
  }
  return r_log(r_add(x, R_1));
}

// The sum over the workgroup, in invocation 0.
fn sum_of_lanes(lid: u32, value: real) -> real {
  lanes[lid] = value;
  workgroupBarrier();
  for (var half = W / 2u; half > 0u; half /= 2u) {
    if (lid < half) { lanes[lid] = r_add(lanes[lid], lanes[lid + half]); }
    workgroupBarrier();
  }
  let total = lanes[0];
  workgroupBarrier();
  return total;
}

fn count_of_lanes(lid: u32, value: u32) -> u32 {
  counts[lid] = value;
  workgroupBarrier();
  var total = 0u;
  for (var i = 0u; i < W; i += 1u) { total += counts[i]; }
  workgroupBarrier();
  return total;
}
