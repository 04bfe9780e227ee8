//! Floating-point arithmetic. Rounding is to nearest even throughout: the other modes are refused.

use crate::alu::{F1, F2, F3, Function, Pure};
use crate::types::Ty::{self, *};

fn f(b: u64) -> f64 {
    f64::from_bits(b)
}
fn g(b: u64) -> f32 {
    f32::from_bits(b as u32)
}
fn b64(v: f64) -> u64 {
    v.to_bits()
}
fn b32(v: f32) -> u64 {
    u64::from(v.to_bits())
}
/// Subnormal singles become zeros, as `.ftz` asks.
fn z(v: f32) -> f32 {
    if v.is_subnormal() { 0f32.copysign(v) } else { v }
}
/// What the double-precision approximations see: the upper word of the operand, no subnormals.
fn upper(b: u64) -> f64 {
    let v = f(b & !0xffff_ffff);
    if v.is_subnormal() { 0f64.copysign(v) } else { v }
}
/// What they give: the upper word of the result.
fn rough(v: f64) -> u64 {
    let v = if v.is_subnormal() { 0f64.copysign(v) } else { v };
    if v.is_nan() { 0x7fff_ffff_0000_0000 } else { v.to_bits() & !0xffff_ffff }
}
fn least(a: f64, b: f64) -> f64 {
    if a == b { if a.is_sign_negative() { a } else { b } } else { a.min(b) }
}
fn most(a: f64, b: f64) -> f64 {
    if a == b { if a.is_sign_negative() { b } else { a } } else { a.max(b) }
}

/// A fused multiply-add by the processor's own instruction where it has one.
pub fn fused() -> F3 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        #[target_feature(enable = "fma")]
        fn inner(a: f64, b: f64, c: f64) -> f64 {
            a.mul_add(b, c)
        }
        // SAFETY: the processor has the instruction, as was just asked.
        return |a, b, c| b64(unsafe { inner(f(a), f(b), f(c)) });
    }
    |a, b, c| b64(f(a).mul_add(f(b), f(c)))
}

/// The instruction `name` with these modifiers on `f32` or `f64`.
pub fn float(name: &str, mods: &[&str], ty: Ty) -> Option<Pure> {
    if let (F32, "fma", ["rm" | "rp" | "rz"]) = (ty, name, mods) {
        let h: F3 = match mods[0] {
            "rm" => |a, b, c| b32(directed(g(a), g(b), g(c), |exact| exact < 0.0)),
            "rp" => |a, b, c| b32(directed(g(a), g(b), g(c), |exact| exact > 0.0)),
            _ => |a, b, c| b32(towards_zero(g(a), g(b), g(c))),
        };
        return Some(Pure { function: Function::Three(h), to: ty, from: [ty; 4] });
    }
    let ftz = mods.contains(&"ftz");
    let sat = mods.contains(&"sat");
    let approx = mods.iter().any(|m| matches!(*m, "approx" | "full"));
    let known = |m: &&str| matches!(*m, "rn" | "ftz" | "sat" | "approx" | "full");
    if !mods.iter().all(known) || sat {
        return if name == "testp" { testp(mods, ty) } else { None };
    }
    let one = |h: F1| Some(Function::One(h));
    let two = |h: F2| Some(Function::Two(h));
    let three = |h: F3| Some(Function::Three(h));
    let function = match (ty, ftz, approx, name) {
        (F64, false, false, "add") => two(|a, b| b64(f(a) + f(b))),
        (F64, false, false, "sub") => two(|a, b| b64(f(a) - f(b))),
        (F64, false, false, "mul") => two(|a, b| b64(f(a) * f(b))),
        (F64, false, false, "div") => two(|a, b| b64(f(a) / f(b))),
        (F64, false, false, "fma" | "mad") => three(fused()),
        (F64, false, false, "min") => two(|a, b| b64(least(f(a), f(b)))),
        (F64, false, false, "max") => two(|a, b| b64(most(f(a), f(b)))),
        (F64, false, false, "neg") => one(|a| a ^ 1 << 63),
        (F64, false, false, "abs") => one(|a| a & !(1 << 63)),
        (F64, false, false, "sqrt") => one(|a| b64(f(a).sqrt())),
        (F64, false, false, "rcp") => one(|a| b64(1.0 / f(a))),
        (F64, false, false, "copysign") => two(|a, b| b64(f(b).copysign(f(a)))),
        (F64, true, true, "rcp") => one(|a| rough(1.0 / upper(a))),
        // without `ftz` the card refines it: what `rsqrt()` of the library is
        (F64, false, true, "rsqrt") => one(|a| b64(1.0 / f(a).sqrt())),
        (F64, true, true, "rsqrt") => one(|a| rough(1.0 / upper(a).sqrt())),
        (F64, true, true, "ex2") => one(|a| rough(upper(a).exp2())),
        (F64, true, true, "lg2") => one(|a| rough(upper(a).log2())),
        (F32, false, false, "add") => two(|a, b| b32(g(a) + g(b))),
        (F32, false, false, "sub") => two(|a, b| b32(g(a) - g(b))),
        (F32, false, false, "mul") => two(|a, b| b32(g(a) * g(b))),
        (F32, false, false, "fma" | "mad") => three(|a, b, c| b32(g(a).mul_add(g(b), g(c)))),
        (F32, true, false, "add") => two(|a, b| b32(z(z(g(a)) + z(g(b))))),
        (F32, true, false, "sub") => two(|a, b| b32(z(z(g(a)) - z(g(b))))),
        (F32, true, false, "mul") => two(|a, b| b32(z(z(g(a)) * z(g(b))))),
        (F32, true, false, "fma" | "mad") => {
            three(|a, b, c| b32(z(z(g(a)).mul_add(z(g(b)), z(g(c))))))
        }
        (F32, false, _, "div") => two(|a, b| b32(g(a) / g(b))),
        (F32, true, _, "div") => two(|a, b| b32(z(z(g(a)) / z(g(b))))),
        (F32, false, false, "min") => two(|a, b| b32(least(g(a).into(), g(b).into()) as f32)),
        (F32, false, false, "max") => two(|a, b| b32(most(g(a).into(), g(b).into()) as f32)),
        (F32, false, false, "neg") => one(|a| a ^ 1 << 31),
        (F32, false, false, "abs") => one(|a| a & !(1 << 31)),
        (F32, true, false, "neg") => one(|a| b32(-z(g(a)))),
        (F32, true, false, "abs") => one(|a| b32(z(g(a)).abs())),
        (F32, false, false, "copysign") => two(|a, b| b32(g(b).copysign(g(a)))),
        (F32, false, _, "sqrt") => one(|a| b32(g(a).sqrt())),
        (F32, false, _, "rcp") => one(|a| b32(1.0 / g(a))),
        (F32, false, true, "rsqrt") => one(|a| b32((1.0 / f64::from(g(a)).sqrt()) as f32)),
        (F32, false, true, "ex2") => one(|a| b32(f64::from(g(a)).exp2() as f32)),
        (F32, false, true, "lg2") => one(|a| b32(f64::from(g(a)).log2() as f32)),
        (F32, false, true, "sin") => one(|a| b32(f64::from(g(a)).sin() as f32)),
        (F32, false, true, "cos") => one(|a| b32(f64::from(g(a)).cos() as f32)),
        (F32, true, _, "sqrt") => one(|a| b32(z(z(g(a)).sqrt()))),
        (F32, true, _, "rcp") => one(|a| b32(z(1.0 / z(g(a))))),
        (F32, true, true, "rsqrt") => one(|a| b32(z((1.0 / f64::from(z(g(a))).sqrt()) as f32))),
        (F32, true, true, "ex2") => one(|a| b32(z(f64::from(z(g(a))).exp2() as f32))),
        (F32, true, true, "lg2") => one(|a| b32(z(f64::from(z(g(a))).log2() as f32))),
        _ => None,
    }?;
    Some(Pure { function, to: ty, from: [ty; 4] })
}

/// `a * b + c` as a double and what it lacks: together exact, for singles.
fn exact(a: f32, b: f32, c: f32) -> (f64, f64) {
    let (p, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let s = p + c;
    let t = s - p;
    (s, (p - (s - t)) + (c - t))
}

/// Rounded to the nearest single, then one step on where `further` says so of what is missing.
fn directed(a: f32, b: f32, c: f32, further: fn(f64) -> bool) -> f32 {
    let (s, rest) = exact(a, b, c);
    let near = s as f32;
    let missing = (s - f64::from(near)) + rest;
    match further(missing) {
        true if missing < 0.0 => near.next_down(),
        true => near.next_up(),
        false => near,
    }
}

fn towards_zero(a: f32, b: f32, c: f32) -> f32 {
    let (s, _) = exact(a, b, c);
    if s < 0.0 { directed(a, b, c, |m| m > 0.0) } else { directed(a, b, c, |m| m < 0.0) }
}

fn testp(mods: &[&str], ty: Ty) -> Option<Pure> {
    let h: F1 = match (mods, ty) {
        (["finite"], F64) => |a| f(a).is_finite().into(),
        (["infinite"], F64) => |a| f(a).is_infinite().into(),
        (["number"], F64) => |a| (!f(a).is_nan()).into(),
        (["notanumber"], F64) => |a| f(a).is_nan().into(),
        (["normal"], F64) => |a| f(a).is_normal().into(),
        (["subnormal"], F64) => |a| f(a).is_subnormal().into(),
        (["finite"], F32) => |a| g(a).is_finite().into(),
        (["infinite"], F32) => |a| g(a).is_infinite().into(),
        (["number"], F32) => |a| (!g(a).is_nan()).into(),
        (["notanumber"], F32) => |a| g(a).is_nan().into(),
        _ => return None,
    };
    Some(Pure { function: Function::One(h), to: Pred, from: [ty; 4] })
}
