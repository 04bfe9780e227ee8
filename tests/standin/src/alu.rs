//! What each arithmetic instruction computes: a table from its name to a plain Rust function.
//!
//! The functions see registers as `u64` and keep them zero-extended (`types`). A name that is not in
//! the table is refused when the module is loaded. The few approximate instructions are replaced by
//! correctly rounded ones; the card's own results differ from those in the last bits, as the
//! instruction set allows, so no test may ask for more than the instruction promises.

use crate::alu_float::float;
use crate::types::Ty::{self, *};

/// A function of one register.
pub type F1 = fn(u64) -> u64;
/// A function of two registers.
pub type F2 = fn(u64, u64) -> u64;
/// A function of three registers.
pub type F3 = fn(u64, u64, u64) -> u64;
/// A function of four registers.
pub type F4 = fn(u64, u64, u64, u64) -> u64;

/// A function of as many registers as the instruction has sources.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Function {
    One(F1),
    Two(F2),
    Three(F3),
    Four(F4),
}

/// An instruction without side effects: its function and the types of what goes in and comes out.
pub struct Pure {
    /// What it computes.
    pub function: Function,
    /// Type of the result.
    pub to: Ty,
    /// Types of the sources.
    pub from: [Ty; 4],
}

/// One closure for every integer type: `int2!(ty, |a, b| a.wrapping_add(b))`.
macro_rules! int1 {
    ($t:expr, |$a:ident| $e:expr) => {{
        let f: Option<F1> = match $t {
            U16 => Some(|x| {
                let $a = x as u16;
                ($e) as u16 as u64
            }),
            S16 => Some(|x| {
                let $a = x as i16;
                ($e) as u16 as u64
            }),
            U32 => Some(|x| {
                let $a = x as u32;
                ($e) as u32 as u64
            }),
            S32 => Some(|x| {
                let $a = x as i32;
                ($e) as u32 as u64
            }),
            U64 => Some(|x| {
                let $a = x;
                ($e) as u64
            }),
            S64 => Some(|x| {
                let $a = x as i64;
                ($e) as u64
            }),
            _ => None,
        };
        f.map(Function::One)
    }};
}
macro_rules! int2 {
    ($t:expr, |$a:ident, $b:ident| $e:expr) => {{
        let f: Option<F2> = match $t {
            U16 => Some(|x, y| {
                let ($a, $b) = (x as u16, y as u16);
                ($e) as u16 as u64
            }),
            S16 => Some(|x, y| {
                let ($a, $b) = (x as i16, y as i16);
                ($e) as u16 as u64
            }),
            U32 => Some(|x, y| {
                let ($a, $b) = (x as u32, y as u32);
                ($e) as u32 as u64
            }),
            S32 => Some(|x, y| {
                let ($a, $b) = (x as i32, y as i32);
                ($e) as u32 as u64
            }),
            U64 => Some(|x, y| {
                let ($a, $b) = (x, y);
                ($e) as u64
            }),
            S64 => Some(|x, y| {
                let ($a, $b) = (x as i64, y as i64);
                ($e) as u64
            }),
            _ => None,
        };
        f.map(Function::Two)
    }};
}
macro_rules! int3 {
    ($t:expr, |$a:ident, $b:ident, $c:ident| $e:expr) => {{
        let f: Option<F3> = match $t {
            U16 => Some(|x, y, z| {
                let ($a, $b, $c) = (x as u16, y as u16, z as u16);
                ($e) as u16 as u64
            }),
            S16 => Some(|x, y, z| {
                let ($a, $b, $c) = (x as i16, y as i16, z as i16);
                ($e) as u16 as u64
            }),
            U32 => Some(|x, y, z| {
                let ($a, $b, $c) = (x as u32, y as u32, z as u32);
                ($e) as u32 as u64
            }),
            S32 => Some(|x, y, z| {
                let ($a, $b, $c) = (x as i32, y as i32, z as i32);
                ($e) as u32 as u64
            }),
            U64 => Some(|x, y, z| {
                let ($a, $b, $c) = (x, y, z);
                ($e) as u64
            }),
            S64 => Some(|x, y, z| {
                let ($a, $b, $c) = (x as i64, y as i64, z as i64);
                ($e) as u64
            }),
            _ => None,
        };
        f.map(Function::Three)
    }};
}

/// The instruction `op`, split at its dots, if it is one of these.
pub fn pure(op: &[&str]) -> Option<Pure> {
    let ty = Ty::parse(op.last()?)?.untyped();
    let mods = &op[1..op.len() - 1];
    let same = |f: Function| Pure { function: f, to: ty, from: [ty; 4] };
    if ty.float() && !matches!(op[0], "selp" | "setp" | "set" | "mov") {
        return float(op[0], mods, ty);
    }
    if ty == Pred {
        let f = match (op[0], mods) {
            ("and", []) => Function::Two(|a, b| a & b),
            ("or", []) => Function::Two(|a, b| a | b),
            ("xor", []) => Function::Two(|a, b| a ^ b),
            ("not", []) => Function::One(|a| a ^ 1),
            ("mov", []) => Function::One(|a| a),
            _ => return None,
        };
        return Some(same(f));
    }
    let bits = matches!(op.last()?.as_bytes()[0], b'b');
    let f = match (op[0], mods) {
        ("mov", []) => Function::One(|a| a),
        ("add", []) => int2!(ty, |a, b| a.wrapping_add(b))?,
        ("sub", []) => int2!(ty, |a, b| a.wrapping_sub(b))?,
        ("add", ["sat"]) if ty == S32 => int2!(ty, |a, b| a.saturating_add(b))?,
        ("sub", ["sat"]) if ty == S32 => int2!(ty, |a, b| a.saturating_sub(b))?,
        ("mul", ["lo"]) => int2!(ty, |a, b| a.wrapping_mul(b))?,
        ("mad", ["lo"]) => int3!(ty, |a, b, c| a.wrapping_mul(b).wrapping_add(c))?,
        ("mul", ["hi"]) => Function::Two(high(ty)?),
        ("mad", ["hi"]) => Function::Three(match ty {
            U32 => |a, b, c| ((a * b) >> 32).wrapping_add(c) as u32 as u64,
            S32 => |a, b, c| {
                (((a as i32 as i64 * b as i32 as i64) >> 32) as u32).wrapping_add(c as u32) as u64
            },
            U64 => |a, b, c| (((a as u128 * b as u128) >> 64) as u64).wrapping_add(c),
            S64 => |a, b, c| (((a as i64 as i128 * b as i64 as i128) >> 64) as u64).wrapping_add(c),
            _ => return None,
        }),
        ("mul", ["wide"]) => {
            let f: F2 = match ty {
                U16 => |a, b| a * b,
                S16 => |a, b| (a as i16 as i32 * b as i16 as i32) as u32 as u64,
                U32 => |a, b| a * b,
                S32 => |a, b| (a as i32 as i64 * b as i32 as i64) as u64,
                _ => return None,
            };
            return Some(Pure { function: Function::Two(f), to: wider(ty), from: [ty; 4] });
        }
        ("mad", ["wide"]) => {
            let f: F3 = match ty {
                U16 => |a, b, c| (a * b).wrapping_add(c) as u32 as u64,
                S16 => |a, b, c| {
                    ((a as i16 as i32 * b as i16 as i32) as u32).wrapping_add(c as u32) as u64
                },
                U32 => |a, b, c| (a * b).wrapping_add(c),
                S32 => |a, b, c| ((a as i32 as i64 * b as i32 as i64) as u64).wrapping_add(c),
                _ => return None,
            };
            return Some(Pure {
                function: Function::Three(f),
                to: wider(ty),
                from: [ty, ty, wider(ty), ty],
            });
        }
        // Division by zero is undefined; all ones is what the cards give.
        ("div", []) => int2!(ty, |a, b| if b == 0 { !b } else { a.wrapping_div(b) })?,
        ("rem", []) => int2!(ty, |a, b| if b == 0 { a } else { a.wrapping_rem(b) })?,
        ("min", []) => int2!(ty, |a, b| a.min(b))?,
        ("max", []) => int2!(ty, |a, b| a.max(b))?,
        ("neg", []) if ty.signed() => int1!(ty, |a| a.wrapping_neg())?,
        ("abs", []) if ty.signed() => Function::One(match ty {
            S16 => |a| (a as i16).wrapping_abs() as u16 as u64,
            S32 => |a| (a as i32).wrapping_abs() as u32 as u64,
            _ => |a| (a as i64).wrapping_abs() as u64,
        }),
        ("and", []) if bits => Function::Two(|a, b| a & b),
        ("or", []) if bits => Function::Two(|a, b| a | b),
        ("xor", []) if bits => Function::Two(|a, b| a ^ b),
        ("not", []) if bits => int1!(ty, |a| !a)?,
        ("cnot", []) if bits => int1!(ty, |a| (a == 0) as u8)?,
        ("shl", []) if bits => {
            let f: F2 = match ty {
                U16 => |a, n| if n as u32 > 15 { 0 } else { (a << n) as u16 as u64 },
                U32 => |a, n| if n as u32 > 31 { 0 } else { (a << n) as u32 as u64 },
                _ => |a, n| if n as u32 > 63 { 0 } else { a << n },
            };
            return Some(Pure { function: Function::Two(f), to: ty, from: [ty, U32, U32, U32] });
        }
        ("shr", []) => {
            let f: F2 = match ty {
                U16 | U32 | U64 => |a, n| if n as u32 > 63 { 0 } else { a >> n },
                S16 => |a, n| ((a as i16) >> (n as u32).min(15)) as u16 as u64,
                S32 => |a, n| ((a as i32) >> (n as u32).min(31)) as u32 as u64,
                S64 => |a, n| ((a as i64) >> (n as u32).min(63)) as u64,
                _ => return None,
            };
            return Some(Pure { function: Function::Two(f), to: ty, from: [ty, U32, U32, U32] });
        }
        ("popc", []) if bits => {
            return Some(Pure { function: int1!(ty, |a| a.count_ones())?, to: U32, from: [ty; 4] });
        }
        ("clz", []) if bits => {
            return Some(Pure {
                function: int1!(ty, |a| a.leading_zeros())?,
                to: U32,
                from: [ty; 4],
            });
        }
        ("bfind", ["shiftamt"] | []) => {
            let f: F1 = match (ty, mods.is_empty()) {
                (U32, true) => |a| 31u32.wrapping_sub((a as u32).leading_zeros()) as u64,
                (U64, true) => |a| 63u32.wrapping_sub(a.leading_zeros()) as u64,
                (U32, false) => {
                    |a| if a == 0 { u32::MAX as u64 } else { (a as u32).leading_zeros() as u64 }
                }
                (U64, false) => |a| if a == 0 { u32::MAX as u64 } else { a.leading_zeros() as u64 },
                _ => return None,
            };
            return Some(Pure { function: Function::One(f), to: U32, from: [ty; 4] });
        }
        ("brev", []) if bits => int1!(ty, |a| a.reverse_bits())?,
        ("bfe", []) => {
            let f: F3 = match ty {
                U32 => |a, p, n| extract(a, p, n, 32, false),
                S32 => |a, p, n| extract(a as i32 as i64 as u64, p, n, 32, true) as u32 as u64,
                U64 => |a, p, n| extract(a, p, n, 64, false),
                S64 => |a, p, n| extract(a, p, n, 64, true),
                _ => return None,
            };
            return Some(Pure { function: Function::Three(f), to: ty, from: [ty, U32, U32, U32] });
        }
        ("bfi", []) if bits => {
            let f: F4 = match ty {
                U32 => |a, b, p, n| insert(a, b, p, n, 32) as u32 as u64,
                _ => |a, b, p, n| insert(a, b, p, n, 64),
            };
            return Some(Pure { function: Function::Four(f), to: ty, from: [ty, ty, U32, U32] });
        }
        ("prmt", []) if ty == U32 && bits => Function::Three(permute),
        ("shf", ["l", "wrap"]) if bits => {
            Function::Three(|a, b, n| (((b << 32 | a) << (n & 31)) >> 32) as u32 as u64)
        }
        ("shf", ["r", "wrap"]) if bits => {
            Function::Three(|a, b, n| ((b << 32 | a) >> (n & 31)) as u32 as u64)
        }
        ("shf", ["l", "clamp"]) if bits => {
            Function::Three(|a, b, n| (((b << 32 | a) << n.min(32)) >> 32) as u32 as u64)
        }
        ("shf", ["r", "clamp"]) if bits => {
            Function::Three(|a, b, n| ((b << 32 | a) >> n.min(32)) as u32 as u64)
        }
        ("selp", []) => {
            return Some(Pure {
                function: Function::Three(|a, b, p| if p != 0 { a } else { b }),
                to: ty,
                from: [ty, ty, Pred, Pred],
            });
        }
        _ => return None,
    };
    Some(same(f))
}

/// The comparison `name` for values of type `ty`: 0 or 1.
pub fn compare(name: &str, ty: Ty) -> Option<F2> {
    let name = match (name, ty.float(), ty.signed()) {
        ("lo", false, false) => "lt",
        ("ls", false, false) => "le",
        ("hi", false, false) => "gt",
        ("hs", false, false) => "ge",
        (n, false, _) if n.len() > 2 => return None,
        (n, _, _) => n,
    };
    macro_rules! all {
        ($ty:expr, $($name:literal |$a:ident, $b:ident| $e:expr;)*) => {
            let f: Option<F2> = match name {
                $($name => match $ty {
                    U16 => Some(|x, y| { let ($a, $b) = (x as u16, y as u16); ($e) as u64 }),
                    S16 => Some(|x, y| { let ($a, $b) = (x as i16, y as i16); ($e) as u64 }),
                    U32 => Some(|x, y| { let ($a, $b) = (x as u32, y as u32); ($e) as u64 }),
                    S32 => Some(|x, y| { let ($a, $b) = (x as i32, y as i32); ($e) as u64 }),
                    U64 => Some(|x, y| { let ($a, $b) = (x, y); ($e) as u64 }),
                    S64 => Some(|x, y| { let ($a, $b) = (x as i64, y as i64); ($e) as u64 }),
                    F32 => Some(|x, y| { let ($a, $b) = (f32::from_bits(x as u32), f32::from_bits(y as u32)); ($e) as u64 }),
                    F64 => Some(|x, y| { let ($a, $b) = (f64::from_bits(x), f64::from_bits(y)); ($e) as u64 }),
                    _ => None,
                },)*
                _ => None,
            };
            f
        };
    }
    // For the unordered ones `!(a < b)` is not `a >= b`.
    #[allow(clippy::neg_cmp_op_on_partial_ord, clippy::eq_op, clippy::nonminimal_bool)]
    {
        all! { ty,
            "eq" |a, b| a == b;
            "ne" |a, b| (a < b) | (a > b);
            "lt" |a, b| a < b;
            "le" |a, b| a <= b;
            "gt" |a, b| a > b;
            "ge" |a, b| a >= b;
            "equ" |a, b| !((a < b) | (a > b));
            "neu" |a, b| a != b;
            "ltu" |a, b| !(a >= b);
            "leu" |a, b| !(a > b);
            "gtu" |a, b| !(a <= b);
            "geu" |a, b| !(a < b);
            "num" |a, b| (a == a) & (b == b);
            "nan" |a, b| (a != a) | (b != b);
        }
    }
}

fn high(ty: Ty) -> Option<F2> {
    Some(match ty {
        U16 => |a, b| (a * b) >> 16,
        S16 => |a, b| ((a as i16 as i32 * b as i16 as i32) >> 16) as u16 as u64,
        U32 => |a, b| (a * b) >> 32,
        S32 => |a, b| ((a as i32 as i64 * b as i32 as i64) >> 32) as u32 as u64,
        U64 => |a, b| ((a as u128 * b as u128) >> 64) as u64,
        S64 => |a, b| ((a as i64 as i128 * b as i64 as i128) >> 64) as u64,
        _ => return None,
    })
}

fn wider(ty: Ty) -> Ty {
    match ty {
        U16 => U32,
        S16 => S32,
        S32 => S64,
        _ => U64,
    }
}

fn extract(a: u64, p: u64, n: u64, width: u64, signed: bool) -> u64 {
    let (p, n) = (p & 0xff, n & 0xff);
    if n == 0 {
        return 0;
    }
    let top = (p + n - 1).min(width - 1);
    let sign = signed && a >> top & 1 == 1;
    let mut out = 0;
    for i in 0..width {
        let bit = if i < n && p + i < width { a >> (p + i) & 1 == 1 } else { sign };
        out |= u64::from(bit) << i;
    }
    out
}

fn insert(a: u64, b: u64, p: u64, n: u64, width: u64) -> u64 {
    let (p, n) = (p & 0xff, n & 0xff);
    let mut out = b;
    for i in 0..n {
        if p + i < width {
            out = out & !(1 << (p + i)) | (a >> i & 1) << (p + i);
        }
    }
    out
}

fn permute(a: u64, b: u64, select: u64) -> u64 {
    let bytes = (b << 32 | a).to_le_bytes();
    (0..4).fold(0, |out, i| {
        let s = select >> (4 * i) & 15;
        let byte = bytes[(s & 7) as usize];
        let byte = if s & 8 != 0 { 0u8.wrapping_sub(byte >> 7) } else { byte };
        out | u64::from(byte) << (8 * i)
    })
}
