// A fit's own inverse curvature at its accepted point, in bin space; the twin of `src/fit/own.rs`.
// With D the curvature of the constraint terms, J the Jacobian of the rates, W their weights and
// K = 1 + W^1/2 J D^-1 J' W^1/2: H^-1 = D^-1 - D^-1 J' W^1/2 K^-1 W^1/2 J D^-1.

// share of their own information that unconstrained parameters get as D
const SOFT_CONSTRAINT: f32 = 0.02;

fn damping(level: u32) -> low {
  if (level == 0u) { return low(0.0); }
  return low(0.01) * low(f32(1u << (3u * (level - 1u))));
}

fn refresh_own(lid: u32, r: u32, l: u32, row: u32) {
  // after a rejected step the last evaluation was elsewhere, and the Jacobian at hand still holds
  if (workgroupUniformLoad(&accepted) == 1u) {
    find_jacobian(lid, r, l);
    find_weights(lid, r, l, row);
    storageBarrier();
  }
  invert_diagonal(lid, r, l, row);
  storageBarrier();
  fill_matrix(lid, l);
  storageBarrier();
  factorise(lid, l);
}

// d rate / d parameter k in bin b of its channel, from one entry
fn entry_derivative(entry: u32, k: u32, b: u32, r: u32, l: u32) -> low {
  let kind = header.index[entry];
  let what = header.index[entry + 1u];
  let i = header.index[entry + 2u];
  let q = header.i_samples + 10u * i;
  let cell = header.index[q + 2u] + b;
  if (kind == 0u) {
    let outer = lows[l + header.l_others + what] * lows[l + header.l_derivative + what];
    return outer * lows[l + header.l_bins + cell] * l_of(reals[r + header.r_shape + cell]);
  }
  let scale = l_of(reals[r + header.r_scale + i]);
  if (kind == 1u) {
    let slope = l_of(numbers[what + 2u * b]) + lows[l + header.l_slope + k] * l_of(numbers[what + 2u * b + 1u]);
    return scale * lows[l + header.l_bins + cell] * slope;
  }
  return scale * l_of(reals[r + header.r_shape + cell]) * other_bin_factors(q, what, b, r);
}

fn find_jacobian(lid: u32, r: u32, l: u32) {
  for (var i = lid; i < header.n_wide; i += W) {
    let q = header.i_wide + 3u * i;
    let k = header.index[q];
    for (var b = 0u; b < header.n_main; b += 1u) { lows[l + header.l_wide + b * header.n_wide + i] = low(0.0); }
    for (var e = header.index[q + 1u]; e < header.index[q + 2u]; e += 1u) {
      let entry = header.i_entries + 5u * e;
      let first_bin = header.index[header.i_samples + 10u * header.index[entry + 2u] + 9u];
      for (var b = header.index[entry + 3u]; b < header.index[entry + 4u]; b += 1u) {
        lows[l + header.l_wide + (first_bin + b) * header.n_wide + i] += entry_derivative(entry, k, b, r, l);
      }
    }
  }
  for (var i = lid; i < header.n_narrow; i += W) {
    let q = header.i_narrow + 4u * i;
    let bin = header.index[q + 3u];
    var sum = low(0.0);
    for (var e = header.index[q + 1u]; e < header.index[q + 2u]; e += 1u) {
      let entry = header.i_entries + 5u * e;
      let first_bin = header.index[header.i_samples + 10u * header.index[entry + 2u] + 9u];
      for (var b = header.index[entry + 3u]; b < header.index[entry + 4u]; b += 1u) {
        if (first_bin + b == bin) { sum += entry_derivative(entry, header.index[q], b, r, l); }
      }
    }
    lows[l + header.l_narrow + i] = sum;
  }
}

// W^1/2: W is 1 / rate in filled bins, 0 in empty ones
fn find_weights(lid: u32, r: u32, l: u32, row: u32) {
  for (var b = lid; b < header.n_main; b += W) {
    let q = header.i_bins + 3u * b;
    let offset = header.index[q + 2u];
    var rate = low(0.0);
    for (var i = header.index[q]; i < header.index[q + 1u]; i += 1u) {
      rate += l_of(reals[r + header.r_rate + header.index[header.i_samples + 10u * i + 2u] + offset]);
    }
    let lowest = l_of(numbers[header.f_floor]);
    var curvature = low(0.0);
    if (r_less(R_0, data[row + b])) {
      if (rate > low(0.0)) { curvature = low(1.0) / rate; }
    } else if (header.floored == 1u && rate < lowest) {
      curvature = low(1.0) / lowest;
    }
    lows[l + header.l_root + b] = sqrt(curvature);
  }
}

fn constraint_curvature(k: u32, r: u32, row: u32) -> low {
  let q = header.i_parameters + 5u * k;
  let kind = header.index[q + 2u];
  let strength = l_of(numbers[header.f_weights + k]);
  if (kind != 2u) { return select(low(0.0), strength, kind == 1u); }
  // n / x^2, and at least half of what is expected
  let x = max(l_of(reals[r + header.r_x + k]), low(0.02));
  let count = l_of(data[row + header.n_main + header.index[q + 3u]]);
  return max(count, low(0.5) * strength * x) / (x * x);
}

// D^-1, 0 for parameters that may not move
fn set_inverse(k: u32, information: low, r: u32, l: u32, row: u32) {
  let lambda = damping(lane.level);
  let constraint = constraint_curvature(k, r, row);
  var d = (low(SOFT_CONSTRAINT) + lambda) * information;
  if (constraint > low(0.0)) { d = (low(1.0) + lambda) * constraint; }
  if (!(d > low(0.0))) { d = low(1.0); }
  lows[l + header.l_inverse + k] = lows[l + header.l_mask + k] / d;
}

fn invert_diagonal(lid: u32, r: u32, l: u32, row: u32) {
  for (var k = lid; k < header.n_parameters; k += W) { set_inverse(k, low(0.0), r, l, row); }
  storageBarrier();
  for (var i = lid; i < header.n_wide; i += W) {
    var information = low(0.0);
    for (var b = 0u; b < header.n_main; b += 1u) {
      let a = lows[l + header.l_wide + b * header.n_wide + i] * lows[l + header.l_root + b];
      information += a * a;
    }
    set_inverse(header.index[header.i_wide + 3u * i], information, r, l, row);
  }
  for (var i = lid; i < header.n_narrow; i += W) {
    let q = header.i_narrow + 4u * i;
    let a = lows[l + header.l_narrow + i] * lows[l + header.l_root + header.index[q + 3u]];
    set_inverse(header.index[q], a * a, r, l, row);
  }
}

// lower triangle of K
fn fill_matrix(lid: u32, l: u32) {
  let n = header.n_main;
  for (var place = lid; place < n * n; place += W) {
    let i = place / n;
    let j = place % n;
    if (j > i) { continue; }
    var sum = low(0.0);
    for (var m = 0u; m < header.n_wide; m += 1u) {
      let inverse = lows[l + header.l_inverse + header.index[header.i_wide + 3u * m]];
      sum += inverse * lows[l + header.l_wide + i * header.n_wide + m]
        * lows[l + header.l_wide + j * header.n_wide + m];
    }
    if (i == j) {
      for (var m = 0u; m < header.n_narrow; m += 1u) {
        let q = header.i_narrow + 4u * m;
        if (header.index[q + 3u] == i) {
          let a = lows[l + header.l_narrow + m];
          sum += lows[l + header.l_inverse + header.index[q]] * a * a;
        }
      }
    }
    sum *= lows[l + header.l_root + i] * lows[l + header.l_root + j];
    lows[l + header.l_factor + place] = select(sum, sum + low(1.0), i == j);
  }
}

// Cholesky, column by column; the diagonal is kept inverted
fn factorise(lid: u32, l: u32) {
  let n = header.n_main;
  for (var j = 0u; j < n; j += 1u) {
    for (var i = j + lid; i < n; i += W) {
      let row = l + header.l_factor + i * n;
      let other = l + header.l_factor + j * n;
      var sum = lows[row + j];
      for (var m = 0u; m < j; m += 1u) { sum -= lows[row + m] * lows[other + m]; }
      lows[row + j] = sum;
    }
    storageBarrier();
    // K >= 1
    let inverse = low(1.0) / sqrt(max(lows[l + header.l_factor + j * n + j], low(0.5)));
    storageBarrier();
    for (var i = j + lid; i < n; i += W) {
      let place = l + header.l_factor + i * n + j;
      lows[place] = select(lows[place] * inverse, inverse, i == j);
    }
    storageBarrier();
  }
}

// l_solved = mask * own inverse curvature * l_direction
fn solve_own(lid: u32, l: u32) {
  let n = header.n_main;
  let v = l + header.l_bin;
  for (var b = lid; b < n; b += W) {
    var sum = low(0.0);
    for (var m = 0u; m < header.n_wide; m += 1u) {
      let k = header.index[header.i_wide + 3u * m];
      sum += lows[l + header.l_wide + b * header.n_wide + m] * lows[l + header.l_inverse + k]
        * lows[l + header.l_direction + k];
    }
    for (var m = 0u; m < header.n_narrow; m += 1u) {
      let q = header.i_narrow + 4u * m;
      if (header.index[q + 3u] == b) {
        let k = header.index[q];
        sum += lows[l + header.l_narrow + m] * lows[l + header.l_inverse + k] * lows[l + header.l_direction + k];
      }
    }
    lows[v + b] = sum * lows[l + header.l_root + b];
  }
  storageBarrier();
  for (var j = 0u; j < n; j += 1u) {
    let x = lows[v + j] * lows[l + header.l_factor + j * n + j];
    storageBarrier();
    for (var i = j + lid; i < n; i += W) {
      lows[v + i] = select(lows[v + i] - lows[l + header.l_factor + i * n + j] * x, x, i == j);
    }
    storageBarrier();
  }
  for (var j = n; j > 0u; j -= 1u) {
    let row = l + header.l_factor + (j - 1u) * n;
    let x = lows[v + j - 1u] * lows[row + j - 1u];
    storageBarrier();
    for (var i = lid; i < j; i += W) {
      lows[v + i] = select(lows[v + i] - lows[row + i] * x, x, i == j - 1u);
    }
    storageBarrier();
  }
  for (var k = lid; k < header.n_parameters; k += W) {
    lows[l + header.l_solved + k] = lows[l + header.l_direction + k] * lows[l + header.l_inverse + k];
  }
  storageBarrier();
  for (var m = lid; m < header.n_wide; m += W) {
    let k = header.index[header.i_wide + 3u * m];
    var sum = low(0.0);
    for (var b = 0u; b < n; b += 1u) {
      sum += lows[l + header.l_wide + b * header.n_wide + m] * lows[l + header.l_root + b] * lows[v + b];
    }
    lows[l + header.l_solved + k] -= lows[l + header.l_inverse + k] * sum;
  }
  for (var m = lid; m < header.n_narrow; m += W) {
    let q = header.i_narrow + 4u * m;
    let k = header.index[q];
    let b = header.index[q + 3u];
    let product = lows[l + header.l_narrow + m] * lows[l + header.l_root + b] * lows[v + b];
    lows[l + header.l_solved + k] -= lows[l + header.l_inverse + k] * product;
  }
  storageBarrier();
}
