//! Arithmetic with carry: `add.cc`, `addc`, `sub.cc`, `subc`, `mad.cc`, `madc`.

use crate::alu::{F3, Function, pure};
use crate::decode::Builder;
use crate::decode_inst::NO;
use crate::program::{Step, UNDEFINED};
use crate::syntax::Operand;
use crate::types::Ty;

impl Builder<'_> {
    /// `add{c}{.cc}`, `sub{c}{.cc}` or `mad{c}.{lo,hi}{.cc}`
    pub fn carry(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let takes = op[0].ends_with('c');
        let gives = op.contains(&"cc");
        let name = *op.last().ok_or(NO)?;
        let ty = Ty::parse(name).ok_or(NO)?;
        let mut a = a.iter();
        let d = self.destination(a.next().ok_or(NO)?)?.0;
        let mut x = self.source(a.next().ok_or(NO)?, ty)?;
        let mut y = self.source(a.next().ok_or(NO)?, ty)?;
        if op[0].starts_with("mad") {
            let half = if op[1] == "hi" { "hi" } else { "lo" };
            let Some(Function::Two(f)) = pure(&["mul", half, name]).map(|p| p.function) else {
                return Err(NO.into());
            };
            let product = self.slot(UNDEFINED)?;
            self.push(Step::Two { f, d: product, a: x, b: y });
            (x, y) = (product, self.source(a.next().ok_or(NO)?, ty)?);
        }
        let register = match self.carry {
            Some(s) => s,
            None => self.slot(UNDEFINED)?,
        };
        self.carry = Some(register);
        let c = if takes { register } else { self.constant(0)? };
        let (value, carry): (F3, F3) = match (op[0].starts_with("sub"), ty.size()) {
            (false, 4) => (|x, y, c| (x + y + c) as u32 as u64, |x, y, c| (x + y + c) >> 32),
            (false, 8) => (
                |x, y, c| x.wrapping_add(y).wrapping_add(c),
                |x, y, c| ((x as u128 + y as u128 + c as u128) >> 64) as u64,
            ),
            (true, 4) => (
                |x, y, c| x.wrapping_sub(y).wrapping_sub(c) as u32 as u64,
                |x, y, c| u64::from(x < y + c),
            ),
            (true, 8) => (
                |x, y, c| x.wrapping_sub(y).wrapping_sub(c),
                |x, y, c| u64::from((x as u128) < y as u128 + c as u128),
            ),
            _ => return Err(NO.into()),
        };
        let out = self.slot(UNDEFINED)?;
        if gives {
            self.push(Step::Three { f: carry, d: out, a: x, b: y, c });
        }
        self.push(Step::Three { f: value, d, a: x, b: y, c });
        if gives {
            self.push(Step::Move { d: register, a: out });
        }
        Ok(())
    }
}
