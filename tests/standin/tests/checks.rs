//! Every check: what it must find, and that the message says where.

mod common;
use common::{fails, kernel, launch};
use cuda::machine::Machine;

fn says(message: &str, all: &[&str]) {
    for w in all {
        assert!(message.contains(w), "{w:?} is missing in: {message}");
    }
}

/// Shared memory: `%rd5` is this thread's place, `%rd6` its neighbour's.
const PLACES: &str = "mul.wide.u32 %rd4, %r1, 8; mov.u64 %rd7, s; add.s64 %rd5, %rd7, %rd4; xor.b32 %r2, %r1, 33; mul.wide.u32 %rd6, %r2, 8; add.s64 %rd6, %rd6, %rd7;\n";

#[test]
fn a_race_in_shared_memory() {
    let write_read = "st.shared.u64 [%rd5], 1; BAR ld.shared.u64 %rd8, [%rd6];";
    let read_write = "st.shared.u64 [%rd5], 1; bar.sync 0; ld.shared.u64 %rd8, [%rd6]; BAR st.shared.u64 [%rd5], 2;";
    let write_write = "st.shared.u64 [%rd5], 1; BAR st.shared.u64 [%rd6], 2;";
    for body in [write_read, read_write, write_write] {
        let with = format!("{PLACES}{}", body.replace("BAR", "bar.sync 0;"));
        launch(&with, 64, &[]).unwrap();
        let without = fails(&format!("{PLACES}{}", body.replace("BAR", "")), 64);
        if body == read_write || body == write_write || without.contains("race") {
            says(&without, &["race", "k: line", "block (0,0,0)", "no barrier lies between"]);
        } else {
            // the neighbour has not run yet: what it should have written is not there
            says(&without, &["never written"]);
        }
    }
}

#[test]
fn a_race_in_global_memory() {
    let m = fails("st.global.u32 [%rd2], %r1;", 2);
    says(&m, &["race", "thread 1", "thread 0 wrote it too", "(global)"]);
    let m = fails(
        "setp.eq.u32 %p1, %r1, 1; @!%p1 atom.global.add.u32 %r2, [%rd2], 1; @%p1 ld.global.u32 %r3, [%rd2];",
        2,
    );
    says(&m, &["race", "did an atomic"]);
}

#[test]
fn a_race_between_blocks() {
    let mut m = Machine::load(&kernel("st.global.u32 [%rd2], 1;")).unwrap();
    let out = m.upload(&[0]);
    says(
        &m.launch("k", 2, 1, 0, &[out, out]).unwrap_err(),
        &["race", "of block 0", "block (1,0,0)"],
    );
    m.launch("k", 1, 1, 0, &[out, out]).unwrap();
    m.launch("k", 1, 1, 0, &[out, out]).unwrap();
}

#[test]
fn a_warp_needs_its_own_barrier() {
    let body = "mul.wide.u32 %rd4, %r1, 8; mov.u64 %rd7, s; add.s64 %rd5, %rd7, %rd4; xor.b32 %r2, %r1, 1; mul.wide.u32 %rd6, %r2, 8; add.s64 %rd6, %rd6, %rd7;\n\
        st.shared.u64 [%rd5], 1; bar.warp.sync -1; ld.shared.u64 %rd8, [%rd6]; BAR st.shared.u64 [%rd5], 2;";
    launch(&body.replace("BAR", "bar.warp.sync -1;"), 64, &[]).unwrap();
    says(&fails(&body.replace("BAR", ""), 64), &["race", "wrote it too"]);
    // A shuffle waits, but orders no memory.
    says(&fails(&body.replace("BAR", "shfl.sync.idx.b32 %r3, %r1, 0, 31, -1;"), 64), &["race"]);
    // Another warp's barrier does not help.
    let other = body.replace("%r1, 1;", "%r1, 32;").replace("BAR", "bar.warp.sync -1;");
    fails(&other, 64);
}

#[test]
fn divergent_barriers() {
    let m = fails("setp.gt.u32 %p1, %r1, 3; @%p1 bra E; bar.sync 0;\nE:", 32);
    says(&m, &["divergent barrier", "thread 4 has ended", "bar.sync 0"]);
    let m =
        fails("setp.gt.u32 %p1, %r1, 3; @%p1 bra B;\nbar.sync 0;\nbra E;\nB: bar.sync 0;\nE:", 32);
    says(&m, &["divergent barrier", "thread 4 waits at line"]);
    let m = fails(
        "setp.gt.u32 %p1, %r1, 3; @%p1 bra B;\nshfl.sync.idx.b32 %r2, %r1, 0, 31, -1;\nB: bar.sync 0;",
        32,
    );
    says(&m, &["thread 4 waits at line"]);
    says(
        &fails(
            "setp.gt.u32 %p1, %r1, 3; @%p1 bra E; shfl.sync.down.b32 %r2, %r1, 2, 31, -1;\nE:",
            32,
        ),
        &["lane 4", "takes no part"],
    );
}

#[test]
fn undefined_registers() {
    let m = fails("add.s32 %r2, %r3, 1;", 1);
    says(&m, &["%r3 is undefined here"]);
    // only on one of two paths, and only for the threads that take it
    let body = "setp.eq.u32 %p1, %r1, 7; @%p1 bra E; mov.f64 %fd1, 0d0000000000000000;\nE: add.f64 %fd2, %fd1, %fd1;";
    launch(body, 7, &[]).unwrap();
    says(&fails(body, 8), &["%fd1 is undefined here", "thread 7"]);
}

#[test]
fn undefined_memory() {
    says(&fails("ld.shared.f64 %fd1, [s];", 1), &["never written", "(shared)"]);
    says(&fails("st.local.u32 [l], 1; ld.local.u64 %rd3, [l];", 1), &["never written", "(local)"]);
    let mut m = Machine::load(&kernel("ld.global.u64 %rd3, [%rd1+8]; st.global.u64 [%rd2], %rd3;"))
        .unwrap();
    let (a, b) = (m.room(2), m.room(1));
    says(&m.launch("k", 1, 1, 0, &[a, b]).unwrap_err(), &["never written", "(global)"]);
    // each byte counts
    says(&fails("st.shared.u8 [s], 1; ld.shared.u16 %r2, [s];", 1), &["never written"]);
}

#[test]
fn addresses() {
    says(
        &fails("ld.global.u64 %rd3, [%rd1+32];", 1),
        &["load of 8 bytes at 0x", "out of bounds: offset 32 of 32 bytes"],
    );
    says(&fails("ld.global.u64 %rd3, [%rd1+-8];", 1), &["out of bounds"]);
    says(&fails("st.global.u64 [0], %rd1;", 1), &["out of bounds"]);
    says(&fails("ld.shared.u64 %rd3, [s+5120];", 1), &["out of bounds: offset 5120 of 5120 bytes"]);
    says(&fails("st.local.u64 [l+64], %rd1;", 1), &["out of bounds"]);
    says(&fails("ld.global.u64 %rd3, [%rd1+4];", 1), &["misaligned: offset 4 is no multiple of 8"]);
    says(&fails("ld.global.v2.u64 {%rd3, %rd4}, [%rd1+8];", 1), &["misaligned"]);
    let mut m = Machine::load(&kernel("ld.global.u64 %rd3, [%rd1];")).unwrap();
    let a = m.upload(&[1]);
    assert!(m.heap.free(a) && !m.heap.free(a));
    says(&m.launch("k", 1, 1, 0, &[a, a]).unwrap_err(), &["freed"]);
}

#[test]
fn what_is_read_as_constant_stays() {
    let m = fails("st.global.u64 [%rd1], 5; ld.global.nc.u64 %rd3, [%rd1];", 1);
    says(&m, &["written during this launch"]);
}

#[test]
fn traps_and_endless_loops() {
    says(&fails("trap;", 1), &["trap"]);
    let mut m = Machine::load(&kernel(
        "L: ld.volatile.global.u64 %rd3, [%rd1]; setp.eq.u64 %p1, %rd3, 0; @%p1 bra L;",
    ))
    .unwrap();
    m.settings.budget = 10_000;
    let a = m.upload(&[0]);
    says(&m.launch("k", 1, 1, 0, &[a, a]).unwrap_err(), &["on and on"]);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let text = kernel(
        "bra E;\nadd.rz.f64 %fd1, %fd1, %fd1;\nE: mov.u32 %r2, 1;\nwmma.load.a.sync.aligned %r2;\ncvt.rm.f64.s64 %fd1, %rd1;",
    );
    let Err(m) = Machine::load(&text) else { panic!("loaded") };
    says(
        &m,
        &[
            "add.rz.f64: not supported",
            "wmma.load.a.sync.aligned: not supported",
            "cvt.rm.f64.s64: not supported",
        ],
    );
    let line = text.lines().position(|l| l.contains("add.rz")).unwrap() + 1;
    says(&m, &[&format!("line {line}: add.rz.f64")]);
    for op in [
        "dp4a.u32.u32 %r2, %r2, %r2, %r2;",
        "tex.1d.v4.f32.s32 {%f1}, [%rd1];",
        "ld.global.b128 %rd3, [%rd1];",
        "mov.u32 %r2, %nosuch;",
        "call foo, ();",
    ] {
        assert!(Machine::load(&kernel(op)).is_err(), "{op}");
    }
    let newer = kernel("").replace(".version 7.0", ".version 9.0");
    assert!(Machine::load(&newer).is_err());
}

/// A sum over the block by a tree in shared memory, with a warp's part at its end, and its result used by all.
const REDUCTION: &str = "\
mul.wide.u32 %rd4, %r1, 8; mov.u64 %rd7, s; add.s64 %rd5, %rd7, %rd4;
cvt.rn.f64.u32 %fd1, %r1; st.shared.f64 [%rd5], %fd1;
mov.u32 %r5, 64; mov.u32 %r9, 0;
L:
bar.sync 0;
setp.ge.u32 %p1, %r1, %r5; @%p1 bra S;
add.s32 %r6, %r1, %r5; mul.wide.u32 %rd8, %r6, 8; add.s64 %rd8, %rd8, %rd7; ld.shared.f64 %fd2, [%rd8]; ld.shared.f64 %fd3, [%rd5]; add.f64 %fd3, %fd3, %fd2; st.shared.f64 [%rd5], %fd3;
S: shr.u32 %r5, %r5, 1; setp.gt.u32 %p2, %r5, 0; @%p2 bra L;
bar.sync 0;
ld.shared.f64 %fd4, [s];
bar.sync 0;
st.shared.f64 [%rd5], %fd4;
bar.sync 0;
xor.b32 %r6, %r1, 127; mul.wide.u32 %rd8, %r6, 8; add.s64 %rd8, %rd8, %rd7; ld.shared.f64 %fd5, [%rd8];
add.s64 %rd9, %rd2, %rd4; st.global.f64 [%rd9], %fd5;";

#[test]
fn each_barrier_of_a_reduction_matters() {
    let out = launch(REDUCTION, 128, &[]).unwrap();
    assert!(out[..128].iter().all(|v| f64::from_bits(*v) == 127.0 * 64.0));
    let barriers = REDUCTION.matches("bar.sync 0;").count();
    assert_eq!(barriers, 4);
    for drop in 0..barriers {
        let mut n = 0;
        let text: String = REDUCTION
            .lines()
            .map(|l| {
                if l == "bar.sync 0;" {
                    n += 1;
                    if n - 1 == drop {
                        return "\n".into();
                    }
                }
                format!("{l}\n")
            })
            .collect();
        let m = fails(&text, 128);
        assert!(m.contains("race") || m.contains("never written"), "{m}");
    }
}
