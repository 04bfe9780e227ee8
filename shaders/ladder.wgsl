// The inverse curvature that all fits of a job share: a diagonal and a few columns, four to a tile,
// one set for each level of damping. `src/fit/inverse.rs` makes it, layout/ladder.rs lays it out.
//
// job_index, from n_parameters on, per level LEVEL words: tiles, then offsets in job_index of the
// tiles (rows from, rows, values), of the rows' parameters, and of the tiles per parameter (from;
// entries of tile, values), then offsets in job_numbers of the diagonal, the signs and the values.
const LEVEL: u32 = 8u;

// l_solved = mask * inverse curvature * l_direction
fn solve_shared(lid: u32, l: u32) {
  let n = header.n_parameters;
  let level = n + LEVEL * lane.level;
  let columns = 4u * job_index[level];
  let tiles = job_index[level + 1u];
  let parameters = job_index[level + 2u];
  let entries = job_index[level + 3u];
  let diagonal = job_index[level + 4u];
  let signs = job_index[level + 5u];
  for (var c = lid; c < columns; c += W) {
    let q = tiles + 3u * (c / 4u);
    let rows = job_index[q + 1u];
    let begin = job_index[q];
    let values = job_index[q + 2u] + c % 4u;
    var sum = low(0.0);
    for (var i = 0u; i < rows; i += 1u) {
      sum += lows[l + header.l_direction + job_index[begin + i]] * job_numbers[values + 4u * i];
    }
    lows[l + header.l_coefficients + c] = sum * job_numbers[signs + c];
  }
  storageBarrier();
  for (var k = lid; k < n; k += W) {
    var to = lows[l + header.l_direction + k] * job_numbers[diagonal + k];
    for (var e = job_index[parameters + k]; e < job_index[parameters + k + 1u]; e += 1u) {
      let c = l + header.l_coefficients + 4u * job_index[entries + 2u * e];
      let v = job_index[entries + 2u * e + 1u];
      for (var i = 0u; i < 4u; i += 1u) { to += lows[c + i] * job_numbers[v + i]; }
    }
    lows[l + header.l_solved + k] = lows[l + header.l_mask + k] * to;
  }
  storageBarrier();
}
