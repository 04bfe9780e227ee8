//! Nanoseconds of a thread instruction, for kernels of a few kinds.

use cuda::machine::Machine;
use std::time::Instant;

const HEAD: &str = ".version 7.0\n.target sm_60\n.address_size 64\n.visible .entry k(.param .u64 n, .param .u64 data)\n{\n\
    .reg .pred %p<4>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f64 %fd<16>;\n.shared .align 8 .b8 s[8192];\n\
    ld.param.u64 %rd1, [n]; ld.param.u64 %rd2, [data]; mov.u32 %r1, %tid.x; cvt.u32.u64 %r2, %rd1;\n\
    mul.wide.u32 %rd3, %r1, 8; add.s64 %rd4, %rd2, %rd3; mov.u64 %rd5, s; add.s64 %rd5, %rd5, %rd3; mov.u32 %r3, 0;\n\
    ld.global.f64 %fd1, [%rd4]; st.shared.f64 [%rd5], %fd1;\nL:\n";
const TAIL: &str = "add.s32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, %r2; @%p1 bra L;\nst.global.f64 [%rd4], %fd1;\nret;\n}\n";

fn main() {
    let bodies = [
        (
            "arithmetic",
            "fma.rn.f64 %fd2, %fd1, %fd1, %fd1; mul.f64 %fd3, %fd2, %fd1; add.f64 %fd4, %fd3, %fd2; shl.b32 %r5, %r3, 3; and.b32 %r6, %r5, 7; setp.eq.s32 %p2, %r6, 3; selp.f64 %fd5, %fd4, %fd3, %p2;\n",
        ),
        (
            "global loads",
            "ld.global.f64 %fd2, [%rd4]; ld.global.f64 %fd3, [%rd2+8184]; fma.rn.f64 %fd4, %fd2, %fd3, %fd2;\n",
        ),
        ("global stores", "st.global.f64 [%rd4], %fd1; ld.global.f64 %fd2, [%rd4];\n"),
        (
            "shared",
            "st.shared.f64 [%rd5], %fd1; ld.shared.f64 %fd2, [%rd5]; add.f64 %fd3, %fd2, %fd1;\n",
        ),
        (
            "barriers",
            "st.shared.f64 [%rd5], %fd1; bar.sync 0; ld.shared.f64 %fd2, [s+64]; bar.sync 0;\n",
        ),
        (
            "shuffles",
            "mov.b64 {%r4, %r5}, %fd1; shfl.sync.down.b32 %r6, %r4, 16, 31, -1; shfl.sync.down.b32 %r7, %r5, 16, 31, -1; mov.b64 %fd2, {%r6, %r7}; add.f64 %fd3, %fd1, %fd2;\n",
        ),
    ];
    for (name, body) in bodies {
        let mut m = Machine::load(&format!("{HEAD}{body}{TAIL}")).unwrap();
        let data = m.upload(&[1f64.to_bits(); 1024]);
        let began = Instant::now();
        m.launch("k", 1, 128, 0, &[20000, data]).unwrap();
        let n = m.instructions();
        println!(
            "{name:14} {n:10} thread instructions, {:.1} ns each",
            began.elapsed().as_nanos() as f64 / n as f64
        );
    }
}
