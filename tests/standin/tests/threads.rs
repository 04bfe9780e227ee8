//! Memory, control flow and everything that threads do together.

mod common;
use common::launch;

/// The address of this thread's number: `%rd5 = %rd2 + 8 tid`.
const OWN: &str = "mul.wide.u32 %rd4, %r1, 8; add.s64 %rd5, %rd2, %rd4;\n";

fn own(body: &str, threads: u32) -> Vec<u64> {
    launch(&format!("{OWN}{body}"), threads, &[1, 2, 3, 4])
        .unwrap_or_else(|e| panic!("{e}\n{body}"))
}

#[test]
fn loads_and_stores_of_every_size() {
    let out = launch(
        "ld.global.u8 %r2, [%rd1]; ld.global.s8 %r3, [%rd1+1]; ld.global.u16 %rs1, [%rd1+2]; ld.global.u32 %r4, [%rd1+4];\n\
         cvt.u64.u32 %rd10, %r2; st.global.u64 [%rd2], %rd10; cvt.u64.u32 %rd10, %r3; st.global.u64 [%rd2+8], %rd10;\n\
         st.global.u16 [%rd2+16], %rs1; st.global.u32 [%rd2+24], %r4; st.global.u8 [%rd2+33], %r2;\n\
         ld.global.v2.u32 {%r5, %r6}, [%rd1]; st.global.v2.u32 [%rd2+40], {%r6, %r5};\n\
         ld.global.v2.f64 {%fd1, %fd2}, [%rd1+16]; st.global.v2.f64 [%rd2+48], {%fd2, %fd1};\n\
         ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%rd1]; st.volatile.global.u32 [%rd2+64], %r8;",
        1,
        &[0x1122_3344_5566_ff80, 0xaaaa_bbbb_cccc_dddd, 1.5f64.to_bits(), 2.5f64.to_bits()],
    )
    .unwrap();
    assert_eq!(out[..3], [0x80, 0xffff_ffff, 0x5566]);
    assert_eq!(out[3..6], [0x1122_3344, 0x8000, 0x5566_ff80_1122_3344]);
    assert_eq!(out[6..9], [2.5f64.to_bits(), 1.5f64.to_bits(), 0xaaaa_bbbb]);
}

#[test]
fn generic_addresses_reach_all_spaces() {
    let out = launch(
        "mov.u64 %rd6, s; cvta.shared.u64 %rd7, %rd6; st.u64 [%rd7+8], 7; ld.shared.u64 %rd8, [s+8]; st.u64 [%rd2], %rd8;\n\
         mov.u64 %rd9, l; cvta.local.u64 %rd10, %rd9; st.local.u64 [%rd9], 8; ld.u64 %rd11, [%rd10]; st.global.u64 [%rd2+8], %rd11;\n\
         cvta.to.shared.u64 %rd12, %rd7; ld.shared.u64 %rd13, [%rd12+8]; st.global.u64 [%rd2+16], %rd13;\n\
         isspacep.shared %p1, %rd7; selp.u64 %rd14, 1, 0, %p1; st.global.u64 [%rd2+24], %rd14;\n\
         mov.u64 %rd15, dynamic; st.shared.u64 [%rd15+1016], 9; st.global.u64 [%rd2+32], %rd15;",
        1,
        &[0],
    )
    .unwrap();
    assert_eq!(out[..5], [7, 8, 7, 1, 4096]);
}

#[test]
fn branches_and_tables() {
    let out = own(
        "and.b32 %r2, %r1, 3;\nbrx.idx %r2, T;\nT: .branchtargets A, B, C, D;\n\
         A: mov.u64 %rd6, 100; bra.uni E;\nB: mov.u64 %rd6, 200; bra E;\nC: mov.u64 %rd6, 300; bra E;\nD: mov.u64 %rd6, 400;\n\
         E: setp.gt.u32 %p1, %r1, 5; @%p1 add.s64 %rd6, %rd6, 1; @!%p1 add.s64 %rd6, %rd6, 2; st.global.u64 [%rd5], %rd6;",
        8,
    );
    assert_eq!(out[..8], [102, 202, 302, 402, 102, 202, 301, 401]);
}

#[test]
fn loops_and_scopes() {
    let out = own(
        "mov.u32 %r2, 0; mov.u64 %rd6, 0;\nL: { .reg .b64 %t; cvt.u64.u32 %t, %r2; add.s64 %rd6, %rd6, %t; }\n\
         add.s32 %r2, %r2, 1; setp.le.u32 %p1, %r2, %r1; @%p1 bra L; st.global.u64 [%rd5], %rd6;",
        10,
    );
    assert_eq!(out[9], 45);
}

#[test]
fn functions_are_called_with_parameters() {
    let text = ".version 7.0\n.target sm_60\n.address_size 64\n\
        .func (.param .b64 r) half(.param .b64 x);\n\
        .func (.param .b64 r) twice(.param .b64 x, .param .b32 n) { .reg .f64 %a<4>; .reg .b32 %n;\n\
          ld.param.f64 %a1, [x]; ld.param.u32 %n, [n]; cvt.rn.f64.u32 %a2, %n; mul.f64 %a3, %a1, %a2;\n\
          { .param .b64 p; st.param.f64 [p+0], %a3; .param .b64 q; call.uni (q), half, (p); ld.param.f64 %a3, [q+0]; }\n\
          st.param.f64 [r+0], %a3; ret; }\n\
        .func (.param .b64 r) half(.param .b64 x) { .reg .f64 %a<3>; ld.param.f64 %a1, [x]; mul.f64 %a2, %a1, 0d3FE0000000000000; st.param.f64 [r], %a2; ret; }\n\
        .visible .entry k(.param .u64 out) { .reg .b64 %rd<9>; .reg .f64 %fd<9>; ld.param.u64 %rd1, [out]; mov.f64 %fd1, 0d3FF8000000000000;\n\
          { .reg .b32 temp; .param .b64 p0; st.param.f64 [p0+0], %fd1; .param .b32 p1; st.param.b32 [p1+0], 6; .param .b64 v;\n\
          call.uni (v),\n twice,\n (\n p0,\n p1\n );\n ld.param.f64 %fd2, [v+0]; }\n\
          st.global.f64 [%rd1], %fd2; ret; }\n";
    let mut m = cuda::machine::Machine::load(text).unwrap();
    let out = m.room(1);
    m.launch("k", 1, 1, 0, &[out]).unwrap();
    assert_eq!(f64::from_bits(m.download(out, 1)[0]), 4.5);
}

#[test]
fn shuffles() {
    let shuffle = |mode: &str, b: u32, c: u32| {
        own(
            &format!(
                "add.s32 %r2, %r1, 100; shfl.sync.{mode}.b32 %r3|%p1, %r2, {b}, {c}, -1; selp.b32 %r4, 1000, 0, %p1; add.s32 %r3, %r3, %r4; cvt.u64.u32 %rd6, %r3; st.global.u64 [%rd5], %rd6;"
            ),
            32,
        )
    };
    let down = shuffle("down", 4, 31);
    assert_eq!((down[0], down[27], down[28], down[31]), (1104, 1131, 128, 131));
    let up = shuffle("up", 4, 0);
    assert_eq!((up[0], up[3], up[4], up[31]), (100, 103, 1100, 1127));
    let butterfly = shuffle("bfly", 16, 31);
    assert_eq!((butterfly[0], butterfly[31]), (1116, 1115));
    let index = shuffle("idx", 3, 31);
    assert_eq!((index[0], index[31]), (1103, 1103));
    // segments of eight lanes
    let part = shuffle("down", 4, 31 | 24 << 8);
    assert_eq!((part[0], part[3], part[4], part[8]), (1104, 1107, 104, 1112));
    let some = own(
        "setp.lt.u32 %p1, %r1, 16; @!%p1 bra E; shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff; cvt.u64.u32 %rd6, %r2; st.global.u64 [%rd5], %rd6;\nE:",
        32,
    );
    assert_eq!(some[..4], [1, 0, 3, 2]);
}

#[test]
fn votes() {
    let out = own(
        "setp.lt.u32 %p1, %r1, 3; vote.sync.ballot.b32 %r2, %p1, -1; vote.sync.any.pred %p2, %p1, -1; vote.sync.all.pred %p3, %p1, -1; selp.b32 %r3, 256, 0, %p2; or.b32 %r2, %r2, %r3; selp.b32 %r3, 512, 0, %p3; or.b32 %r2, %r2, %r3; cvt.u64.u32 %rd6, %r2; st.global.u64 [%rd5], %rd6;",
        32,
    );
    assert!(out[..32].iter().all(|v| *v == 7 + 256));
}

#[test]
fn barriers_reduce_and_count() {
    let out = own(
        "setp.lt.u32 %p1, %r1, 40; bar.red.popc.u32 %r2, 0, %p1; cvt.u64.u32 %rd6, %r2; st.global.u64 [%rd5], %rd6;",
        64,
    );
    assert!(out[..64].iter().all(|v| *v == 40));
    // The first warp hands over to the second by a barrier of its own.
    let out = own(
        "setp.ge.u32 %p1, %r1, 64; @%p1 bra E; st.global.u64 [%rd5], %rd4; bar.sync 1, 64; xor.b32 %r2, %r1, 32; mul.wide.u32 %rd6, %r2, 8; add.s64 %rd6, %rd2, %rd6; ld.global.u64 %rd7, [%rd6]; bar.sync 1, 64; st.global.u64 [%rd5], %rd7;\nE: bar.sync 0;",
        96,
    );
    assert_eq!((out[0], out[32]), (256, 0));
}

#[test]
fn atomics() {
    let out = own(
        "atom.global.add.u32 %r2, [%rd2], 2; atom.global.add.f64 %fd1, [%rd2+8], 0d3FE0000000000000; atom.global.max.s32 %r3, [%rd2+16], %r1; atom.global.or.b32 %r4, [%rd2+24], %r1; red.global.add.u64 [%rd2+32], 3; atom.global.inc.u32 %r5, [%rd2+40], 6; atom.global.cas.b64 %rd7, [%rd2+48], 0, 77; atom.global.exch.b32 %r6, [%rd2+56], 5; atom.add.u64 %rd8, [%rd2+64], 1;",
        32,
    );
    assert_eq!(out[0], 64);
    assert_eq!(f64::from_bits(out[1]), 16.0);
    assert_eq!(out[2..9], [31, 31, 96, 4, 77, 5, 32]);
}

#[test]
fn persistent_blocks_share_a_queue() {
    let mut m = cuda::machine::Machine::load(&common::kernel(
        "N: setp.ne.u32 %p1, %r1, 0; @%p1 bra W; atom.global.add.u32 %r2, [%rd1], 1; st.shared.u32 [s], %r2;\n\
         W: bar.sync 0; ld.shared.u32 %r3, [s]; bar.sync 0; setp.ge.u32 %p2, %r3, 50; @%p2 bra E; @%p1 bra N;\n\
         mul.wide.u32 %rd6, %r3, 8; add.s64 %rd6, %rd2, %rd6; mov.u32 %r4, %ctaid.x; add.s32 %r4, %r4, 1; cvt.u64.u32 %rd7, %r4; st.global.u64 [%rd6], %rd7; bra N;\nE:",
    ))
    .unwrap();
    let queue = m.upload(&[0]);
    let out = m.room(50);
    m.launch("k", 2, 64, 0, &[queue, out]).unwrap();
    let out = m.download(out, 50);
    assert!(
        out.contains(&1) && out.contains(&2) && out.iter().all(|v| *v == 1 || *v == 2),
        "{out:?}"
    );
}

#[test]
fn threads_may_write_neighbouring_bytes() {
    let out = own("cvt.u64.u32 %rd6, %r1; add.s64 %rd7, %rd2, %rd6; st.global.u8 [%rd7], %r1;", 8);
    assert_eq!(out[0], 0x0706_0504_0302_0100);
}
