//! Names to slots: registers, constants, special registers and addresses.

use crate::decode::{Builder, Entity, bump};
use crate::memory::Space;
use crate::program::{Slot, Special, Step, UNDEFINED};
use crate::syntax::{Operand, literal};
use crate::types::Ty;

impl Builder<'_> {
    /// What `name` stands for here.
    pub fn entity(&mut self, name: &str) -> Option<Entity> {
        for k in (0..self.scopes.len()).rev() {
            if let Some(e) = self.scopes[k].get(name) {
                return Some(*e);
            }
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (base, number) = name.split_at(name.len() - digits);
            let in_range = |r: &&(String, usize, Ty)| {
                r.0 == base && number.parse::<usize>().is_ok_and(|n| n < r.1)
            };
            if let Some(ty) = self.ranges[k].iter().find(in_range).map(|r| r.2) {
                self.scopes[k].insert(name.into(), Entity::Register(ty, None));
                return Some(Entity::Register(ty, None));
            }
        }
        let v =
            self.text.vars.iter().find(|v| v.name == name && v.space == "shared" && v.bytes > 0)?;
        let e = Entity::Variable(Space::Shared, bump(&mut self.kernel.shared, v));
        self.scopes[0].insert(name.into(), e);
        Some(e)
    }

    /// The slot of a register, and its declared type.
    pub fn register(&mut self, name: &str) -> Result<(Slot, Ty), String> {
        match self.entity(name) {
            Some(Entity::Register(ty, Some(s))) => Ok((s, ty)),
            Some(Entity::Register(ty, None)) => {
                let s = self.slot(UNDEFINED)?;
                self.kernel.names.insert(s, name.into());
                let scope =
                    self.scopes.iter_mut().rev().find(|m| m.contains_key(name)).ok_or("scope")?;
                scope.insert(name.into(), Entity::Register(ty, Some(s)));
                Ok((s, ty))
            }
            _ => Err(format!("{name} is no register")),
        }
    }

    /// A new slot.
    pub fn slot(&mut self, initial: u64) -> Result<Slot, String> {
        self.kernel.template.push(initial);
        Slot::try_from(self.kernel.template.len() - 1)
            .map_err(|_| "more than 65536 registers and constants".into())
    }

    /// A slot that holds `v`.
    pub fn constant(&mut self, v: u64) -> Result<Slot, String> {
        if let Some(s) = self.constants.get(&v) {
            return Ok(*s);
        }
        let s = self.slot(v)?;
        self.constants.insert(v, s);
        Ok(s)
    }

    /// The slot of a special register.
    pub fn special(&mut self, special: Special) -> Result<Slot, String> {
        if let Some(s) = self.specials.get(&special) {
            return Ok(*s);
        }
        let s = self.slot(UNDEFINED)?;
        self.specials.insert(special, s);
        self.kernel.specials.push((s, special));
        Ok(s)
    }

    /// The slot of the address of a variable in its own state space, or of where dynamic shared memory begins.
    pub fn address(&mut self, name: &str) -> Result<(Space, Slot), String> {
        match self.entity(name) {
            Some(Entity::Variable(space, at)) => Ok((space, self.constant(at)?)),
            Some(Entity::Dynamic) => {
                if self.dynamic.is_none() {
                    self.dynamic = Some(self.slot(0)?);
                }
                Ok((Space::Shared, self.dynamic.unwrap_or(0)))
            }
            Some(Entity::Param(at)) => Ok((Space::Param, self.constant(at as u64)?)),
            _ => Err(format!("{name} is unknown")),
        }
    }

    /// The slot of a source operand used as a value of type `ty`.
    pub fn source(&mut self, o: &Operand, ty: Ty) -> Result<Slot, String> {
        match o {
            Operand::Number(n) => self.constant(literal(*n, ty)),
            Operand::Name(n) => match crate::special::parse(n) {
                Some(crate::special::Parsed::Fixed(s)) => self.special(s),
                Some(crate::special::Parsed::Clock) => {
                    let d = self.slot(UNDEFINED)?;
                    self.push(Step::Clock { d });
                    Ok(d)
                }
                None => match self.entity(n) {
                    Some(Entity::Register(..)) => Ok(self.register(n)?.0),
                    Some(_) => Ok(self.address(n)?.1),
                    None => Err(format!("operand {n}")),
                },
            },
            Operand::Not(n) => {
                let (a, _) = self.register(n)?;
                let d = self.slot(UNDEFINED)?;
                self.push(Step::One { f: |a| a ^ 1, d, a });
                Ok(d)
            }
            o => Err(format!("operand {o:?}")),
        }
    }

    /// The slot of a destination; `_` gets one that nobody reads.
    pub fn destination(&mut self, o: &Operand) -> Result<(Slot, Ty), String> {
        match o {
            Operand::Name(n) if n == "_" => Ok((self.slot(UNDEFINED)?, Ty::B64)),
            Operand::Name(n) => self.register(n),
            o => Err(format!("destination {o:?}")),
        }
    }
}
