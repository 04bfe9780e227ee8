// NLL and gradient at many points, a workgroup a point.

@compute @workgroup_size(64)
fn evaluate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let r = group.x * header.reals_slot;
  let l = group.x * header.lows_slot;
  let n = header.n_parameters;
  for (var point = group.x; point < header.n_fits; point += header.n_slots) {
    for (var k = lid; k < n; k += W) {
      reals[r + header.r_trial + k] = data[header.d_start + point * n + k];
    }
    storageBarrier();
    let nll = likelihood(lid, r, l, point * (header.n_main + header.n_auxiliary));
    for (var k = lid; k < n; k += W) {
      lows[header.l_results + 2u * point * n + k] = lows[l + header.l_gradient + k];
      lows[header.l_results + (2u * point + 1u) * n + k] = lows[l + header.l_jump + k];
    }
    if (lid == 0u) {
      reals[header.r_results + point] = nll;
      atomicStore(&control[header.c_results + 2u * point], atomicLoad(&impossible));
      atomicStore(&control[header.c_results + 2u * point + 1u], atomicLoad(&negative_bin));
    }
    storageBarrier();
    workgroupBarrier();
  }
  if (loops_are_cut()) { atomicStore(&control[header.c_results + 2u * header.n_fits], 1u); }
}
