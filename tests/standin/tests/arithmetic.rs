//! Every group of instructions against the same in Rust.

mod common;
use common::run;

fn r(v: i64) -> (&'static str, u64) {
    ("r", v as u32 as u64)
}
fn rd(v: i64) -> (&'static str, u64) {
    ("rd", v as u64)
}
fn fd(v: f64) -> (&'static str, u64) {
    ("fd", v.to_bits())
}
fn f(v: f32) -> (&'static str, u64) {
    ("f", v.to_bits().into())
}
fn rs(v: i64) -> (&'static str, u64) {
    ("rs", v as u16 as u64)
}
fn double(op: &str, from: &[(&str, u64)]) -> f64 {
    f64::from_bits(run(op, "fd", from))
}
fn single(op: &str, from: &[(&str, u64)]) -> f32 {
    f32::from_bits(run(op, "f", from) as u32)
}

#[test]
fn integers_32() {
    let (a, b) = (-123_456_789i64, 987_654_321i64);
    let (x, y) = (a as i32, b as i32);
    let u = |v: i32| v as u32 as u64;
    assert_eq!(run("add.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x.wrapping_add(y)));
    assert_eq!(run("sub.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x.wrapping_sub(y)));
    assert_eq!(run("add.s32 {d}, {0}, -1;", "r", &[r(0)]), u(-1));
    assert_eq!(run("mul.lo.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x.wrapping_mul(y)));
    assert_eq!(run("mul.hi.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(((a * b) >> 32) as i32));
    assert_eq!(
        run("mul.hi.u32 {d}, {0}, {1};", "r", &[r(a), r(b)]),
        (x as u32 as u64 * y as u32 as u64) >> 32
    );
    assert_eq!(
        run("mad.lo.s32 {d}, {0}, {1}, {2};", "r", &[r(a), r(b), r(7)]),
        u(x.wrapping_mul(y).wrapping_add(7))
    );
    assert_eq!(run("div.s32 {d}, {0}, {1};", "r", &[r(a), r(1000)]), u(x / 1000));
    assert_eq!(run("rem.s32 {d}, {0}, {1};", "r", &[r(a), r(1000)]), u(x % 1000));
    assert_eq!(run("div.u32 {d}, {0}, {1};", "r", &[r(a), r(1000)]), (x as u32 / 1000) as u64);
    assert_eq!(run("min.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x));
    assert_eq!(run("min.u32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(y));
    assert_eq!(run("max.s32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(y));
    assert_eq!(run("neg.s32 {d}, {0};", "r", &[r(a)]), u(-x));
    assert_eq!(run("abs.s32 {d}, {0};", "r", &[r(a)]), u(x.abs()));
    assert_eq!(run("shr.s32 {d}, {0}, 5;", "r", &[r(a)]), u(x >> 5));
    assert_eq!(run("shr.s32 {d}, {0}, 99;", "r", &[r(a)]), u(-1));
    assert_eq!(run("shr.u32 {d}, {0}, 5;", "r", &[r(a)]), (x as u32 >> 5) as u64);
    assert_eq!(run("shl.b32 {d}, {0}, 5;", "r", &[r(a)]), (x << 5) as u32 as u64);
    assert_eq!(run("shl.b32 {d}, {0}, 32;", "r", &[r(a)]), 0);
    assert_eq!(run("and.b32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x & y));
    assert_eq!(run("or.b32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x | y));
    assert_eq!(run("xor.b32 {d}, {0}, {1};", "r", &[r(a), r(b)]), u(x ^ y));
    assert_eq!(run("not.b32 {d}, {0};", "r", &[r(a)]), u(!x));
}

#[test]
fn integers_64_and_wide() {
    let (a, b) = (-1_234_567_890_123i64, 987_654_321_987i64);
    assert_eq!(run("add.s64 {d}, {0}, {1};", "rd", &[rd(a), rd(b)]), (a + b) as u64);
    assert_eq!(run("mul.lo.s64 {d}, {0}, {1};", "rd", &[rd(a), rd(b)]), a.wrapping_mul(b) as u64);
    assert_eq!(
        run("mul.hi.s64 {d}, {0}, {1};", "rd", &[rd(a), rd(b)]),
        ((a as i128 * b as i128) >> 64) as u64
    );
    assert_eq!(
        run("mul.hi.u64 {d}, {0}, {1};", "rd", &[rd(a), rd(b)]),
        ((a as u64 as u128 * b as u128) >> 64) as u64
    );
    assert_eq!(run("div.s64 {d}, {0}, {1};", "rd", &[rd(b), rd(77)]), (b / 77) as u64);
    assert_eq!(run("rem.u64 {d}, {0}, {1};", "rd", &[rd(b), rd(77)]), (b % 77) as u64);
    assert_eq!(
        run("mul.wide.s32 {d}, {0}, {1};", "rd", &[r(-5), r(7_000_000)]),
        (-35_000_000i64) as u64
    );
    assert_eq!(run("mul.wide.u32 {d}, {0}, {1};", "rd", &[r(-5), r(7)]), (u32::MAX as u64 - 4) * 7);
    assert_eq!(
        run("mad.wide.s32 {d}, {0}, {1}, {2};", "rd", &[r(-5), r(7), rd(1 << 40)]),
        ((1i64 << 40) - 35) as u64
    );
    assert_eq!(run("mul.wide.s16 {d}, {0}, {1};", "r", &[rs(-5), rs(7)]), (-35i32) as u32 as u64);
    assert_eq!(run("shr.s64 {d}, {0}, 9;", "rd", &[rd(a)]), (a >> 9) as u64);
    assert_eq!(run("shl.b64 {d}, {0}, 70;", "rd", &[rd(a)]), 0);
}

#[test]
fn bits() {
    let v = 0x1234_5678i64;
    assert_eq!(run("popc.b32 {d}, {0};", "r", &[r(v)]), 13);
    assert_eq!(run("popc.b64 {d}, {0};", "r", &[rd(-1)]), 64);
    assert_eq!(run("clz.b32 {d}, {0};", "r", &[r(v)]), 3);
    assert_eq!(run("clz.b64 {d}, {0};", "r", &[rd(v)]), 35);
    assert_eq!(run("brev.b32 {d}, {0};", "r", &[r(v)]), (v as u32).reverse_bits() as u64);
    assert_eq!(run("bfe.u32 {d}, {0}, 4, 8;", "r", &[r(v)]), 0x67);
    assert_eq!(run("bfe.s32 {d}, {0}, 4, 8;", "r", &[r(0x0f50)]), 0xffff_fff5);
    assert_eq!(run("bfi.b32 {d}, {0}, {1}, 8, 8;", "r", &[r(0xab), r(v)]), 0x1234_ab78);
    assert_eq!(run("prmt.b32 {d}, {0}, {1}, 0x5410;", "r", &[r(v), r(0x9abc_def0)]), 0xdef0_5678);
    assert_eq!(run("shf.l.wrap.b32 {d}, {0}, {1}, 8;", "r", &[r(v), r(0x9abc_def0)]), 0xbcde_f012);
    assert_eq!(run("shf.r.wrap.b32 {d}, {0}, {1}, 8;", "r", &[r(v), r(0x9abc_def0)]), 0xf012_3456);
    assert_eq!(
        run("lop3.b32 {d}, {0}, {1}, {2}, 0x96;", "r", &[r(5), r(9), r(v)]),
        (5 ^ 9 ^ v) as u64
    );
    assert_eq!(run("mov.b64 {{d}, %r8}, {0};", "r", &[rd(0x1122_3344_5566_7788)]), 0x5566_7788);
    assert_eq!(run("mov.b64 {%r8, {d}}, {0};", "r", &[fd(1.0)]), 0x3ff0_0000);
    assert_eq!(run("mov.b64 {d}, {{0}, {1}};", "rd", &[r(1), r(2)]), 0x2_0000_0001);
    assert_eq!(run("mov.b32 {d}, {{0}, {1}};", "r", &[rs(1), rs(2)]), 0x2_0001);
}

#[test]
fn carries() {
    let (a, b) = (0xffff_fff0_1234_5678u64 as i64, 0x0000_0020_ffff_ffffi64);
    let low = "mov.b64 {%r20, %r21}, {0}; mov.b64 {%r22, %r23}, {1};";
    let join = "mov.b64 {d}, {%r24, %r25};";
    let pair = |f: &str, g: &str| {
        run(
            &format!("{low} {f} %r24, %r20, %r22; {g} %r25, %r21, %r23; {join}"),
            "rd",
            &[rd(a), rd(b)],
        )
    };
    assert_eq!(pair("add.cc.u32", "addc.u32"), a.wrapping_add(b) as u64);
    assert_eq!(pair("sub.cc.u32", "subc.u32"), a.wrapping_sub(b) as u64);
    let product = format!(
        "{low} mul.lo.u32 %r24, %r20, %r22; mul.hi.u32 %r25, %r20, %r22; mad.lo.cc.u32 %r24, %r20, 1, %r24; madc.hi.u32 %r25, 0, 0, %r25; {join}"
    );
    let (x, y) = (a as u32 as u64, b as u32 as u64);
    assert_eq!(run(&product, "rd", &[rd(a), rd(b)]), x * y + x);
    assert_eq!(run("bfind.u32 {d}, {0};", "r", &[r(0x50)]), 6);
    assert_eq!(run("bfind.shiftamt.u32 {d}, {0};", "r", &[r(0x50)]), 25);
    let f3 = |m: &str| {
        single(&format!("fma.{m}.f32 {{d}}, {{0}}, {{1}}, {{2}};"), &[f(1.1), f(3.3), f(-1e-12)])
    };
    let near = 1.1f32.mul_add(3.3, -1e-12);
    assert!(
        f3("rm") <= near
            && f3("rp") >= near
            && f3("rp") == f3("rm").next_up()
            && f3("rz") == f3("rm")
    );
}

#[test]
fn doubles() {
    let (a, b, c) = (1.1, -2.7e-3, 5e10);
    assert_eq!(double("add.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a + b);
    assert_eq!(double("add.rn.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a + b);
    assert_eq!(double("sub.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a - b);
    assert_eq!(double("mul.rn.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a * b);
    assert_eq!(double("div.rn.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a / b);
    assert_eq!(double("fma.rn.f64 {d}, {0}, {1}, {2};", &[fd(a), fd(b), fd(c)]), a.mul_add(b, c));
    assert_eq!(
        double("fma.rn.f64 {d}, {0}, {0}, 0dBFF3333333333333;", &[fd(1.1)]),
        1.1f64.mul_add(1.1, -1.2)
    );
    assert_eq!(double("sqrt.rn.f64 {d}, {0};", &[fd(a)]), a.sqrt());
    assert_eq!(double("rcp.rn.f64 {d}, {0};", &[fd(a)]), 1.0 / a);
    assert_eq!(double("neg.f64 {d}, {0};", &[fd(a)]), -a);
    assert_eq!(double("abs.f64 {d}, {0};", &[fd(b)]), -b);
    assert_eq!(double("min.f64 {d}, {0}, {1};", &[fd(f64::NAN), fd(b)]), b);
    assert_eq!(double("max.f64 {d}, {0}, {1};", &[fd(a), fd(b)]), a);
    assert_eq!(double("copysign.f64 {d}, {0}, {1};", &[fd(b), fd(a)]), -a);
    assert!(double("min.f64 {d}, {0}, {1};", &[fd(0.0), fd(-0.0)]).is_sign_negative());
    let x: f64 = double("rcp.approx.ftz.f64 {d}, {0};", &[fd(3.0)]);
    assert!((x * 3.0 - 1.0).abs() < 1e-6 && x.to_bits() as u32 == 0);
    let x: f64 = double("rsqrt.approx.ftz.f64 {d}, {0};", &[fd(3.0)]);
    assert!((x * x * 3.0 - 1.0).abs() < 1e-5);
    assert_eq!(double("rsqrt.approx.f64 {d}, {0};", &[fd(3.0)]), 1.0 / 3f64.sqrt());
    let x: f64 = double("lg2.approx.ftz.f64 {d}, {0};", &[fd(8.0)]);
    assert_eq!(x, 3.0);
    assert_eq!(double("ex2.approx.ftz.f64 {d}, {0};", &[fd(3.0)]), 8.0);
    assert_eq!(double("selp.f64 {d}, {0}, {1}, {2};", &[fd(a), fd(b), ("p", 1)]), a);
    assert_eq!(double("selp.f64 {d}, {0}, {1}, {2};", &[fd(a), fd(b), ("p", 0)]), b);
}

#[test]
fn singles() {
    let (a, b) = (1.1f32, -2.7e-3f32);
    assert_eq!(single("add.f32 {d}, {0}, {1};", &[f(a), f(b)]), a + b);
    assert_eq!(single("mul.f32 {d}, {0}, {1};", &[f(a), f(b)]), a * b);
    assert_eq!(single("div.rn.f32 {d}, {0}, {1};", &[f(a), f(b)]), a / b);
    assert_eq!(single("fma.rn.f32 {d}, {0}, {1}, {0};", &[f(a), f(b)]), a.mul_add(b, a));
    assert_eq!(single("sqrt.rn.f32 {d}, {0};", &[f(a)]), a.sqrt());
    assert_eq!(single("abs.f32 {d}, {0};", &[f(b)]), -b);
    assert_eq!(single("ex2.approx.f32 {d}, {0};", &[f(4.0)]), 16.0);
    assert_eq!(single("mul.ftz.f32 {d}, {0}, {1};", &[f(1e-30), f(1e-10)]), 0.0);
    assert_eq!(single("max.f32 {d}, {0}, {1};", &[f(a), f(b)]), a);
}

#[test]
fn comparisons() {
    let yes = |op: &str, from: &[(&str, u64)]| run(op, "p", from) == 1;
    let nan = fd(f64::NAN);
    for (name, less, equal, unordered) in [
        ("lt", true, false, false),
        ("le", true, true, false),
        ("gt", false, false, false),
        ("ge", false, true, false),
        ("eq", false, true, false),
        ("ne", true, false, false),
        ("ltu", true, false, true),
        ("leu", true, true, true),
        ("gtu", false, false, true),
        ("geu", false, true, true),
        ("equ", false, true, true),
        ("neu", true, false, true),
        ("num", true, true, false),
        ("nan", false, false, true),
    ] {
        let op = format!("setp.{name}.f64 {{d}}, {{0}}, {{1}};");
        assert_eq!(yes(&op, &[fd(1.0), fd(2.0)]), less, "{name}");
        assert_eq!(yes(&op, &[fd(2.0), fd(2.0)]), equal, "{name}");
        assert_eq!(yes(&op, &[nan, fd(2.0)]), unordered, "{name}");
    }
    assert!(yes("setp.lt.s32 {d}, {0}, {1};", &[r(-1), r(1)]));
    assert!(!yes("setp.lt.u32 {d}, {0}, {1};", &[r(-1), r(1)]));
    assert!(yes("setp.hi.u32 {d}, {0}, {1};", &[r(-1), r(1)]));
    assert!(yes("setp.gt.s64 {d}, {0}, {1};", &[rd(1), rd(-1)]));
    assert!(yes("setp.eq.s16 {d}, {0}, -1;", &[rs(-1)]));
    assert!(yes("setp.lt.and.s32 {d}, {0}, {1}, {2};", &[r(1), r(2), ("p", 1)]));
    assert!(!yes("setp.lt.and.s32 {d}, {0}, {1}, !{2};", &[r(1), r(2), ("p", 1)]));
    assert!(yes("setp.lt.or.s32 %p8|{d}, {0}, {1}, {2};", &[r(1), r(2), ("p", 1)]));
    assert!(!yes("setp.lt.s32 %p8|{d}, {0}, {1};", &[r(1), r(2)]));
    assert_eq!(run("set.lt.u32.f64 {d}, {0}, {1};", "r", &[fd(1.0), fd(2.0)]), 0xffff_ffff);
    assert!(
        yes("and.pred {d}, {0}, {1};", &[("p", 1), ("p", 1)])
            && yes("not.pred {d}, {0};", &[("p", 0)])
    );
    assert!(yes("testp.notanumber.f64 {d}, {0};", &[nan]));
}

#[test]
fn conversions() {
    for v in [
        0.0,
        -0.5,
        0.5,
        1.5,
        2.5,
        -2.5,
        3.99,
        -3.99,
        1e9,
        -1e9,
        5e9,
        1e300,
        f64::NAN,
        f64::INFINITY,
    ] {
        assert_eq!(run("cvt.rzi.s32.f64 {d}, {0};", "r", &[fd(v)]), v as i32 as u32 as u64, "{v}");
        assert_eq!(
            run("cvt.rni.s32.f64 {d}, {0};", "r", &[fd(v)]),
            v.round_ties_even() as i32 as u32 as u64,
            "{v}"
        );
        assert_eq!(
            run("cvt.rmi.s64.f64 {d}, {0};", "rd", &[fd(v)]),
            v.floor() as i64 as u64,
            "{v}"
        );
        assert_eq!(run("cvt.rpi.u32.f64 {d}, {0};", "r", &[fd(v)]), v.ceil() as u32 as u64, "{v}");
        assert_eq!(
            single("cvt.rn.f32.f64 {d}, {0};", &[fd(v)]).to_bits(),
            (v as f32).to_bits(),
            "{v}"
        );
        if !v.is_nan() {
            assert_eq!(double("cvt.rmi.f64.f64 {d}, {0};", &[fd(v)]), v.floor());
            assert_eq!(double("cvt.sat.f64.f64 {d}, {0};", &[fd(v)]), v.clamp(0.0, 1.0));
        }
    }
    assert_eq!(double("cvt.f64.f32 {d}, {0};", &[f(1.1)]), f64::from(1.1f32));
    assert_eq!(double("cvt.rn.f64.s32 {d}, {0};", &[r(-7)]), -7.0);
    assert_eq!(double("cvt.rn.f64.u32 {d}, {0};", &[r(-7)]), f64::from(u32::MAX - 6));
    assert_eq!(double("cvt.rn.f64.u64 {d}, {0};", &[rd(-7)]), (u64::MAX - 6) as f64);
    assert_eq!(double("cvt.rn.f64.s64 {d}, {0};", &[rd(-7)]), -7.0);
    assert_eq!(run("cvt.s64.s32 {d}, {0};", "rd", &[r(-7)]), (-7i64) as u64);
    assert_eq!(run("cvt.u64.u32 {d}, {0};", "rd", &[r(-7)]), (u32::MAX - 6) as u64);
    assert_eq!(run("cvt.u32.u64 {d}, {0};", "r", &[rd(-7)]), (u32::MAX - 6) as u64);
    assert_eq!(run("cvt.s32.s8 {d}, {0};", "r", &[r(0xff)]), 0xffff_ffff);
    assert_eq!(run("cvt.u32.u8 {d}, {0};", "r", &[r(0x1ff)]), 0xff);
    assert_eq!(run("cvt.s8.s32 {d}, {0};", "r", &[r(0x1ff)]), 0xffff_ffff);
    assert_eq!(run("cvt.u16.u32 {d}, {0};", "rs", &[r(0x1_ffff)]), 0xffff);
    assert_eq!(run("cvt.sat.u8.s32 {d}, {0};", "r", &[r(-3)]), 0);
    assert_eq!(run("cvt.sat.s8.s32 {d}, {0};", "r", &[r(300)]), 127);
}
