//! Loads, stores, atomics and conversions between address spaces.

use crate::alu::{F1, Function, pure};
use crate::convert::{cut, extend};
use crate::decode::{Builder, Entity};
use crate::decode_inst::NO;
use crate::memory::{LOCAL_WINDOW, SHARED_WINDOW, Space, WINDOW};
use crate::program::{Atomic, Reach, Slot, Step};
use crate::syntax::Operand;
use crate::types::Ty;

/// What the dots after `ld`, `st` and `atom` say.
struct Access {
    space: Space,
    param: bool,
    vector: usize,
    ty: Ty,
    rest: Vec<String>,
}

fn access(mods: &[&str]) -> Result<Access, String> {
    let (ty, mods) = mods.split_last().ok_or(NO)?;
    let mut a = Access {
        space: Space::Generic,
        param: false,
        vector: 1,
        ty: Ty::parse(ty).ok_or(NO)?,
        rest: Vec::new(),
    };
    let mut constant = false;
    for m in mods {
        match *m {
            "global" => a.space = Space::Global,
            "shared" => a.space = Space::Shared,
            "local" => a.space = Space::Local,
            "const" => (a.space, constant) = (Space::Global, true),
            "param" => a.param = true,
            "nc" => constant = true,
            "v2" => a.vector = 2,
            "v4" => a.vector = 4,
            // Order and caches: memory here is one and in order.
            "weak" | "volatile" | "relaxed" | "acquire" | "release" | "acq_rel" | "cta" | "gpu"
            | "sys" => {}
            "ca" | "cg" | "cs" | "lu" | "cv" | "wb" | "wt" => {}
            m => a.rest.push(m.into()),
        }
    }
    if constant && a.space == Space::Global {
        a.space = Space::Constant;
    }
    Ok(a)
}

impl Builder<'_> {
    /// The slot and offset of `[base+offset]`; a variable's own space wins over a generic access.
    fn place_of(&mut self, o: &Operand, space: &mut Space) -> Result<(Slot, i32), String> {
        let Operand::Address(base, offset) = o else { return Err(NO.into()) };
        let offset = i32::try_from(*offset).map_err(|_| "an offset beyond 32 bits")?;
        match &**base {
            Operand::Name(n) if !matches!(self.entity(n), Some(Entity::Register(..))) => {
                let (own, slot) = self.address(n)?;
                if *space == Space::Generic || own == Space::Local {
                    *space = own;
                }
                Ok((slot, offset))
            }
            base => Ok((self.source(base, Ty::U64)?, offset)),
        }
    }

    /// `ld`
    pub fn load(&mut self, mods: &[&str], a: &[Operand]) -> Result<(), String> {
        let x = access(mods)?;
        let [to, from] = a else { return Err(NO.into()) };
        if !x.rest.is_empty() {
            return Err(NO.into());
        }
        let targets = match to {
            Operand::Vector(v) => v.clone(),
            o => vec![o.clone()],
        };
        let size = x.ty.size();
        if targets.len() != x.vector {
            return Err("the vector has another length".into());
        }
        if let (true, Operand::Address(base, offset)) = (x.param, from)
            && let Operand::Name(n) = &**base
            && let Some(Entity::Param(at)) = self.entity(n)
        {
            for (k, t) in targets.iter().enumerate() {
                let (d, width) = self.destination(t)?;
                let place = at as i64 + offset + (k * size) as i64;
                if place < 0 || place as usize + size > self.kernel.param_bytes {
                    return Err("reads past the parameters".into());
                }
                self.push(Step::Param { d, offset: place as u32, size: size as u8 });
                self.widen(x.ty, d, width);
            }
            return Ok(());
        }
        let mut space = match (x.param, self.entry) {
            (true, true) => Space::Param,
            (true, false) => Space::Local,
            _ => x.space,
        };
        let (a, offset) = self.place_of(from, &mut space)?;
        // The address may be overwritten by the first element.
        for (k, t) in targets.iter().enumerate() {
            let (d, width) = self.destination(t)?;
            if d == a && k + 1 < targets.len() {
                return Err("a vector load into its own address".into());
            }
            let align = if k == 0 { size * x.vector } else { size };
            let reach = Reach { space, size: size as u8, align: align as u8 };
            self.push(Step::Load { reach, d, a, offset: offset + (k * size) as i32 });
            self.widen(x.ty, d, width);
        }
        Ok(())
    }

    fn widen(&mut self, ty: Ty, d: Slot, width: Ty) {
        if ty.signed() && width.size() > ty.size() {
            self.one(extend(ty), d, d);
            self.one(cut(width), d, d);
        }
    }

    /// `st`
    pub fn store(&mut self, mods: &[&str], a: &[Operand]) -> Result<(), String> {
        let x = access(mods)?;
        let [to, from] = a else { return Err(NO.into()) };
        if !x.rest.is_empty() || x.space == Space::Constant {
            return Err(NO.into());
        }
        let sources = match from {
            Operand::Vector(v) => v.clone(),
            o => vec![o.clone()],
        };
        if sources.len() != x.vector {
            return Err("the vector has another length".into());
        }
        let size = x.ty.size();
        let mut space = if x.param { Space::Local } else { x.space };
        let (a, offset) = self.place_of(to, &mut space)?;
        for (k, s) in sources.iter().enumerate() {
            let v = self.source(s, x.ty)?;
            let align = if k == 0 { size * x.vector } else { size };
            let reach = Reach { space, size: size as u8, align: align as u8 };
            self.push(Step::Store { reach, a, v, offset: offset + (k * size) as i32 });
        }
        Ok(())
    }

    /// `atom` and `red`
    pub fn atomic(&mut self, mods: &[&str], a: &[Operand], returns: bool) -> Result<(), String> {
        let x = access(mods)?;
        let [name] = x.rest.as_slice() else { return Err(NO.into()) };
        if x.param
            || x.vector > 1
            || !matches!(x.space, Space::Global | Space::Shared | Space::Generic)
            || x.ty.size() < 4
        {
            return Err(NO.into());
        }
        let wide = x.ty.size() == 8;
        let f = match (name.as_str(), wide) {
            ("exch", _) => Function::Two(|_, b| b),
            ("cas", _) => Function::Three(|old, b, c| if old == b { c } else { old }),
            ("inc", false) => Function::Two(|old, b| if old >= b { 0 } else { old + 1 }),
            ("dec", false) => Function::Two(|old, b| if old == 0 || old > b { b } else { old - 1 }),
            ("and", _) => Function::Two(|old, b| old & b),
            ("or", _) => Function::Two(|old, b| old | b),
            ("xor", _) => Function::Two(|old, b| old ^ b),
            ("add" | "min" | "max", _) => pure(&[name, mods[mods.len() - 1]]).ok_or(NO)?.function,
            _ => return Err(NO.into()),
        };
        let (d, rest) = match (returns, a) {
            (true, [d, rest @ ..]) => (Some(self.destination(d)?.0), rest),
            (_, rest) => (None, rest),
        };
        let mut space = x.space;
        let (at, offset) = self.place_of(rest.first().ok_or(NO)?, &mut space)?;
        let b = self.source(rest.get(1).ok_or(NO)?, x.ty)?;
        let c = match (rest.get(2), name.as_str()) {
            (Some(c), "cas") => self.source(c, x.ty)?,
            (None, n) if n != "cas" => b,
            _ => return Err(NO.into()),
        };
        self.kernel.atomics.push(Atomic {
            space,
            size: x.ty.size() as u8,
            f,
            d,
            a: at,
            b,
            c,
            offset,
        });
        self.push(Step::Atomic(self.kernel.atomics.len() as u32 - 1));
        Ok(())
    }

    /// `cvta` and `isspacep`
    pub fn window(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let [d, s] = a else { return Err(NO.into()) };
        let s = self.source(s, Ty::U64)?;
        let (d, _) = self.destination(d)?;
        let f: F1 = match op {
            ["cvta", "shared", "u64"] => |x| x + SHARED_WINDOW,
            ["cvta", "to", "shared", "u64"] => |x| x.wrapping_sub(SHARED_WINDOW),
            ["cvta", "local", "u64"] => |x| x + LOCAL_WINDOW,
            ["cvta", "to", "local", "u64"] => |x| x.wrapping_sub(LOCAL_WINDOW),
            ["cvta", "global" | "const", "u64"] | ["cvta", "to", "global" | "const", "u64"] => {
                |x| x
            }
            ["isspacep", "shared"] => {
                |x| u64::from((SHARED_WINDOW..SHARED_WINDOW + WINDOW).contains(&x))
            }
            ["isspacep", "local"] => {
                |x| u64::from((LOCAL_WINDOW..LOCAL_WINDOW + WINDOW).contains(&x))
            }
            ["isspacep", "global"] => |x| u64::from(x >> crate::memory::OFFSET_BITS != 0),
            _ => return Err(NO.into()),
        };
        self.one(f, d, s);
        Ok(())
    }
}
