// NLL without the terms of the data alone, and its gradient, of one dataset: a workgroup goes forward
// from parameters to rates and backward to the gradient. The twin of `src/accelerator/cpu/kernel.rs`.
// Every sum has a fixed order, so the same bits come out every time.

var<workgroup> sums: array<real, W>;
// a filled bin expects no events
var<workgroup> impossible: atomic<u32>;
// first bin with a negative rate
var<workgroup> negative_bin: atomic<u32>;

// sum over the workgroup, in every invocation
fn sum_of_all(lid: u32, value: real) -> real {
  sums[lid] = value;
  workgroupBarrier();
  for (var half = W / 2u; half > 0u; half /= 2u) {
    if (lid < half) { sums[lid] = r_add(sums[lid], sums[lid + half]); }
    workgroupBarrier();
  }
  let total = sums[0];
  workgroupBarrier();
  return total;
}

// a Poisson term as a deviance, and its derivative with respect to the rate
struct Term { value: real, slope: low, impossible: bool }
fn poisson(count: real, rate: real, floored: bool) -> Term {
  if (!r_less(R_0, count)) {
    let lowest = numbers[header.f_floor];
    if (floored && r_less(rate, lowest)) {
      let scaled = r_div(rate, lowest);
      return Term(r_scale(r_adds(r_mul(rate, scaled), lowest), 0.5), l_of(scaled), false);
    }
    return Term(rate, L_1, false);
  }
  if (!r_less(R_0, rate)) { return Term(R_0, L_0, true); }
  let difference = l_of(r_sub(rate, count));
  return Term(r_deviance(rate, count), l_div(difference, l_of(rate)), false);
}

// At the trial point of the slot with working memory at reals[r..] and lows[l..]; data row at data[row..].
// Gradient and jumps at kinks go to lows, the NLL is returned in every invocation.
fn likelihood(lid: u32, r: u32, l: u32, row: u32) -> real {
  let x = r + header.r_trial;
  if (lid == 0u) {
    atomicStore(&impossible, 0u);
    atomicStore(&negative_bin, NONE);
  }
  forward(lid, r, l);
  workgroupBarrier();
  var total = R_0;
  for (var b = lid; b < header.n_main; b += W) {
    let q = header.i_bins + 3u * b;
    let last = header.index[q + 1u];
    let offset = header.index[q + 2u];
    var rate = R_0;
    for (var i = header.index[q]; i < last; i += 1u) {
      rate = r_adds(rate, reals[r + header.r_rate + header.index[header.i_samples + 10u * i + 2u] + offset]);
    }
    let term = poisson(data[row + b], rate, header.floored == 1u);
    if (term.impossible) { atomicStore(&impossible, 1u); }
    if (r_less(rate, R_0)) { atomicMin(&negative_bin, b); }
    lows[l + header.l_weight + b] = term.slope;
    total = r_add(total, term.value);
  }
  storageBarrier();
  backward(lid, r, l);
  for (var k = lid; k < header.n_parameters; k += W) {
    let q = header.i_parameters + 5u * k;
    var g = L_0;
    var jump = L_0;
    for (var c = header.index[q]; c < header.index[q + 1u]; c += 1u) {
      g = l_add(g, lows[l + header.l_partial + 2u * c]);
      jump = l_add(jump, lows[l + header.l_partial + 2u * c + 1u]);
    }
    let constraint = header.index[q + 2u];
    if (constraint != 0u) {
      let datum = data[row + header.n_main + header.index[q + 3u]];
      let weight = numbers[header.f_weights + k];
      if (constraint == 1u) {
        let pull = r_sub(reals[x + k], datum);
        let slope = r_mul(pull, weight);
        total = r_add(total, r_scale(r_mul(pull, slope), 0.5));
        g = l_add(g, l_of(slope));
      } else {
        let term = poisson(datum, r_mul(weight, reals[x + k]), false);
        if (term.impossible) { atomicStore(&impossible, 1u); }
        total = r_add(total, term.value);
        g = l_add(g, l_mul(l_of(weight), term.slope));
      }
    }
    lows[l + header.l_gradient + k] = g;
    lows[l + header.l_jump + k] = jump;
  }
  storageBarrier();
  return sum_of_all(lid, total);
}

// from the trial point to the rate of every sample in every bin
fn forward(lid: u32, r: u32, l: u32) {
  let x = r + header.r_trial;
  for (var k = lid; k < header.n_parameters; k += W) {
    let shape = shape_function(reals[x + k]);
    reals[r + header.r_h + k] = shape.value;
    lows[l + header.l_slope + k] = shape.slope;
  }
  for (var e = lid; e < header.n_scalars; e += W) {
    let q = header.i_scalars + 2u * e;
    let a = reals[x + header.index[q]];
    let c = header.index[q + 1u];
    var factor = Factor(a, L_1);
    if (c != NONE) { factor = normsys(c, a); }
    reals[r + header.r_factor + e] = factor.value;
    lows[l + header.l_derivative + e] = factor.slope;
  }
  storageBarrier();
  // products of each sample's factors: all, and for each factor those of the others (0 is an ordinary
  // value, so nothing is divided)
  for (var i = lid; i < header.n_samples; i += W) {
    let q = header.i_samples + 10u * i;
    let begin = header.index[q];
    let to = header.index[q + 1u];
    var product = R_1;
    var before = L_1;
    for (var e = begin; e < to; e += 1u) {
      let f = reals[r + header.r_factor + e];
      lows[l + header.l_others + e] = before;
      before = l_mul(before, l_of(f));
      product = r_mul(product, f);
    }
    reals[r + header.r_scale + i] = product;
    var after = L_1;
    for (var e = to; e > begin; e -= 1u) {
      let place = l + header.l_others + e - 1u;
      lows[place] = l_mul(lows[place], after);
      after = l_mul(after, l_of(reals[r + header.r_factor + e - 1u]));
    }
  }
  storageBarrier();
  for (var j = lid; j < header.n_cells; j += W) {
    let i = header.index[header.i_cells + j];
    let q = header.i_samples + 10u * i;
    let b = j - header.index[q + 2u];
    let stride = 2u * header.index[q + 3u];
    let last = header.index[q + 5u];
    var place = header.index[q + 8u] + 2u * b;
    var shape = numbers[header.f_nominal + j];
    for (var s = header.index[q + 4u]; s < last; s += 1u) {
      let k = header.index[header.i_shapes + s];
      let linear = r_mul(reals[x + k], numbers[place]);
      shape = r_adds(shape, r_adds(linear, r_mul(reals[r + header.r_h + k], numbers[place + 1u])));
      place += stride;
    }
    var bins = R_1;
    for (var f = header.index[q + 6u]; f < header.index[q + 7u]; f += 1u) {
      bins = r_mul(bins, reals[x + header.index[header.i_bin_factors + f] + b]);
    }
    reals[r + header.r_shape + j] = shape;
    lows[l + header.l_bins + j] = l_of(bins);
    reals[r + header.r_rate + j] = r_mul(r_mul(reals[r + header.r_scale + i], bins), shape);
  }
  storageBarrier();
}

// from d NLL / d rate of every bin to the gradient's partial sums
fn backward(lid: u32, r: u32, l: u32) {
  for (var j = lid; j < header.n_cells; j += W) {
    let i = header.index[header.i_cells + j];
    let q = header.i_samples + 10u * i;
    let b = j - header.index[q + 2u];
    lows[l + header.l_adjoint + j] =
      l_mul(lows[l + header.l_weight + header.index[q + 9u] + b], lows[l + header.l_bins + j]);
  }
  storageBarrier();
  for (var i = lid; i < header.n_samples; i += W) {
    let q = header.i_samples + 10u * i;
    let begin = header.index[q + 2u];
    let to = begin + header.index[q + 3u];
    var sum = L_0;
    for (var j = begin; j < to; j += 1u) {
      sum = l_add(sum, l_mul(lows[l + header.l_adjoint + j], l_of(reals[r + header.r_shape + j])));
    }
    lows[l + header.l_suffix + i] = sum;
  }
  storageBarrier();
  for (var c = lid; c < header.n_chunks; c += W) {
    let q = header.i_chunks + 4u * c;
    let k = header.index[q];
    let last = header.index[q + 2u];
    let at_kink = header.kinked == 1u && r_equal(reals[r + header.r_trial + k], R_0);
    var g = L_0;
    var jump = L_0;
    for (var e = header.index[q + 1u]; e < last; e += 1u) {
      let share = entry_slope(header.i_entries + 5u * e, k, r, l, at_kink);
      g = l_add(g, share.slope);
      jump = l_add(jump, share.jump);
    }
    let place = l + header.l_partial + 2u * header.index[q + 3u];
    lows[place] = g;
    lows[place + 1u] = jump;
  }
  storageBarrier();
}

// What one entry adds to the gradient and, at a kink, to the difference of the two derivatives.
struct Share { slope: low, jump: low }
fn entry_slope(entry: u32, k: u32, r: u32, l: u32, at_kink: bool) -> Share {
  let kind = header.index[entry];
  let what = header.index[entry + 1u];
  let i = header.index[entry + 2u];
  if (kind == 0u) {
    let outer = l_mul(lows[l + header.l_suffix + i], lows[l + header.l_others + what]);
    let c = header.index[header.i_scalars + 2u * what + 1u];
    var jump = L_0;
    if (at_kink && c != NONE && header.piecewise_normsys == 1u) {
      jump = l_mul(outer, l_of(r_sub(numbers[c + 6u], numbers[c + 7u])));
    }
    return Share(l_mul(outer, lows[l + header.l_derivative + what]), jump);
  }
  let q = header.i_samples + 10u * i;
  let cell = header.index[q + 2u];
  let scale = l_of(reals[r + header.r_scale + i]);
  let begin = header.index[entry + 3u];
  let to = header.index[entry + 4u];
  if (kind == 1u) {
    var linear = L_0;
    var curved = L_0;
    for (var b = begin; b < to; b += 1u) {
      let adjoint = lows[l + header.l_adjoint + cell + b];
      linear = l_add(linear, l_mul(adjoint, l_of(numbers[what + 2u * b])));
      curved = l_add(curved, l_mul(adjoint, l_of(numbers[what + 2u * b + 1u])));
    }
    var jump = L_0;
    if (at_kink && header.histosys == 0u) { jump = l_mul(scale, l_mul(curved, l_from(16.0))); }
    let slope = l_add(linear, l_mul(lows[l + header.l_slope + k], curved));
    return Share(l_mul(scale, slope), jump);
  }
  // a bin factor: the product of the others is taken anew
  let others = other_bin_factors(q, what, begin, r);
  let weight = lows[l + header.l_weight + header.index[q + 9u] + begin];
  let shape = l_of(reals[r + header.r_shape + cell + begin]);
  return Share(l_mul(l_mul(scale, weight), l_mul(shape, others)), L_0);
}

// product of the bin factors of sample `q` in bin b, without number `what`
fn other_bin_factors(q: u32, what: u32, b: u32, r: u32) -> low {
  var others = L_1;
  for (var f = header.index[q + 6u]; f < header.index[q + 7u]; f += 1u) {
    if (f != what) {
      others = l_mul(others, l_of(reals[r + header.r_trial + header.index[header.i_bin_factors + f] + b]));
    }
  }
  return others;
}
