// Whether the driver has ended loops of this invocation before their time. Mesa's software rasterizer does so after
// 65535 rounds of all loops together and says nothing (LP_MAX_TGSI_LOOP_ITERATIONS in lp_bld_limits.h): from then on
// no loop makes more than one round, and what the kernel wrote may be anything. The host asks after every call.
fn loops_are_cut() -> bool {
  var rounds = 0u;
  for (var i = 0u; i < 2u + runtime_zero(); i += 1u) { rounds += 1u; }
  return rounds < 2u;
}
