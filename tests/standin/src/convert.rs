//! `cvt`: every conversion as a chain of one to four functions, each applied to the result of the last.

use crate::alu::F1;
use crate::types::Ty::{self, *};

/// The chain for `cvt` with these modifiers, `cvt.rzi.s32.f64` being `["rzi"], S32, F64`.
pub fn convert(mods: &[&str], to: Ty, from: Ty) -> Option<Vec<F1>> {
    let (mut round, mut ftz, mut sat) = (None, false, false);
    for m in mods {
        match *m {
            "ftz" => ftz = true,
            "sat" => sat = true,
            r if round.is_none() => round = Some(r),
            _ => return None,
        }
    }
    let (to, from) = (to.untyped(), from.untyped());
    let mut chain: Vec<F1> = Vec::new();
    match (to.float(), from.float()) {
        (false, false) => {
            if round.is_some() {
                return None;
            }
            chain.push(extend(from));
            if sat {
                chain.push(clamp(to, from)?);
            }
            chain.push(cut(to));
        }
        (true, false) => {
            // A 64-bit integer rounds; rounding other than to nearest is refused.
            if round != Some("rn") || sat {
                return None;
            }
            chain.push(extend(from));
            chain.push(match (to, from.signed()) {
                (F64, true) => |x| (x as i64 as f64).to_bits(),
                (F64, false) => |x| (x as f64).to_bits(),
                (_, true) => |x| u64::from((x as i64 as f32).to_bits()),
                (_, false) => |x| u64::from((x as f32).to_bits()),
            });
        }
        (false, true) => {
            chain.push(widen(from, ftz));
            chain.push(integral(round?)?);
            // `as` clamps to the range and sends NaN to 0, as the instruction does.
            chain.push(match to {
                U8 => |x| f64::from_bits(x) as u8 as u64,
                S8 => |x| f64::from_bits(x) as i8 as u8 as u64,
                U16 => |x| f64::from_bits(x) as u16 as u64,
                S16 => |x| f64::from_bits(x) as i16 as u16 as u64,
                U32 => |x| f64::from_bits(x) as u32 as u64,
                S32 => |x| f64::from_bits(x) as i32 as u32 as u64,
                U64 => |x| f64::from_bits(x) as u64,
                S64 => |x| f64::from_bits(x) as i64 as u64,
                _ => return None,
            });
        }
        (true, true) => {
            chain.push(widen(from, ftz));
            match round {
                Some("rn") if from == F64 && to == F32 => {}
                None if from == F32 && to == F64 || from == to => {}
                Some(r) if from == to => chain.push(integral(r)?),
                _ => return None,
            }
            if sat {
                // not `clamp`: NaN becomes 0
                #[allow(clippy::manual_clamp)]
                chain.push(|x| f64::from_bits(x).max(0.0).min(1.0).to_bits());
            }
            if to == F32 {
                chain.push(|x| u64::from((f64::from_bits(x) as f32).to_bits()));
                if ftz {
                    chain.push(|x| {
                        if f32::from_bits(x as u32).is_subnormal() { x & 0x8000_0000 } else { x }
                    });
                }
            }
        }
    }
    Some(chain)
}

/// To 64 bits by the source's sign.
pub fn extend(from: Ty) -> F1 {
    match from {
        U8 => |x| x as u8 as u64,
        S8 => |x| x as i8 as u64,
        U16 => |x| x as u16 as u64,
        S16 => |x| x as i16 as u64,
        U32 => |x| x as u32 as u64,
        S32 => |x| x as i32 as u64,
        _ => |x| x,
    }
}

/// The low bits that the destination keeps.
pub fn cut(to: Ty) -> F1 {
    match to.size() {
        1 => |x| x as u8 as u64,
        2 => |x| x as u16 as u64,
        4 => |x| x as u32 as u64,
        _ => |x| x,
    }
}

fn clamp(to: Ty, from: Ty) -> Option<F1> {
    macro_rules! to {
        ($t:ty) => {
            if from.signed() {
                |x| (x as i64).clamp(<$t>::MIN as i64, <$t>::MAX as i64) as u64
            } else {
                |x| x.min(<$t>::MAX as u64)
            }
        };
    }
    Some(match to {
        U8 => to!(u8),
        S8 => to!(i8),
        U16 => to!(u16),
        S16 => to!(i16),
        U32 => to!(u32),
        S32 => to!(i32),
        U64 if from.signed() => |x| (x as i64).max(0) as u64,
        S64 if !from.signed() => |x| x.min(i64::MAX as u64),
        U64 | S64 => |x| x,
        _ => return None,
    })
}

fn widen(from: Ty, ftz: bool) -> F1 {
    match (from, ftz) {
        (F32, false) => |x| f64::from(f32::from_bits(x as u32)).to_bits(),
        (F32, true) => |x| {
            let v = f32::from_bits(x as u32);
            f64::from(if v.is_subnormal() { 0f32.copysign(v) } else { v }).to_bits()
        },
        _ => |x| x,
    }
}

fn integral(round: &str) -> Option<F1> {
    Some(match round {
        "rni" => |x| f64::from_bits(x).round_ties_even().to_bits(),
        "rzi" => |x| f64::from_bits(x).trunc().to_bits(),
        "rmi" => |x| f64::from_bits(x).floor().to_bits(),
        "rpi" => |x| f64::from_bits(x).ceil().to_bits(),
        _ => return None,
    })
}
