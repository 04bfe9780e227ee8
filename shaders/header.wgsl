// What the host tells a kernel: one uniform of u32. `src/accelerator/gpu/layout.rs` holds its twin; a
// test compares the two member by member.
struct Header {
  // 0, and unknown to the compiler: see real_df64.wgsl
  zero: u32,
}
@group(0) @binding(0) var<uniform> header: Header;
fn runtime_zero() -> u32 { return header.zero; }
