//! One instruction to its steps: arithmetic, comparison, conversion, moves and branches.

use crate::alu::{F1, F2, Function, compare, pure};
use crate::convert::{convert, cut, extend};
use crate::decode::Builder;
use crate::program::{Four, Slot, Step, Table, UNDEFINED};
use crate::syntax::{Inst, Operand};
use crate::types::Ty;

/// The reason for refusing an instruction by its name alone.
pub(crate) const NO: &str = "not supported";

impl Builder<'_> {
    /// Appends the steps of `i`; a guarded branch comes with its guard.
    pub fn decode(&mut self, i: &Inst, guard: Option<(Slot, bool)>) -> Result<(), String> {
        let op: Vec<&str> = i.op.split('.').collect();
        let a = &i.args;
        match op[0] {
            "bra" => self.branch(a, guard),
            "brx" => self.table(a),
            "exit" => {
                self.push(Step::Exit);
                Ok(())
            }
            "ret" => {
                self.push(if self.entry { Step::Exit } else { Step::Return });
                Ok(())
            }
            "trap" | "brkpt" => {
                self.push(Step::Trap);
                Ok(())
            }
            "membar" | "fence" | "prefetch" | "prefetchu" | "nanosleep" | "pmevent" => Ok(()),
            "ld" | "ldu" => self.load(&op[1..], a),
            "st" => self.store(&op[1..], a),
            "atom" => self.atomic(&op[1..], a, true),
            "red" => self.atomic(&op[1..], a, false),
            "cvta" | "isspacep" => self.window(&op, a),
            "bar" | "barrier" => self.barrier(&op, a),
            "shfl" | "vote" | "activemask" => self.warp(&op, a),
            "call" => self.call(a),
            "mov" => self.mov(&op, a),
            "cvt" => self.cvt(&op[1..], a),
            "setp" => self.setp(&op[1..], a),
            "set" => self.set(&op[1..], a),
            "addc" | "subc" | "madc" => self.carry(&op, a),
            "add" | "sub" | "mad" if op.contains(&"cc") => self.carry(&op, a),
            "lop3" if op == ["lop3", "b32"] => self.lop3(a),
            _ => self.arithmetic(&op, a),
        }
    }

    fn arithmetic(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let p = pure(op).ok_or(NO)?;
        let n = match p.function {
            Function::One(_) => 1,
            Function::Two(_) => 2,
            Function::Three(_) => 3,
            Function::Four(_) => 4,
        };
        if a.len() != n + 1 {
            return Err(format!("{} operands", a.len()));
        }
        let mut s = [0; 4];
        for k in 0..n {
            s[k] = self.source(&a[k + 1], p.from[k])?;
        }
        let (d, _) = self.destination(&a[0])?;
        let (a, b) = (s[0], s[1]);
        match op {
            ["add", "f64"] | ["add", "rn", "f64"] => self.push(Step::AddF64 { d, a, b }),
            ["mul", "f64"] | ["mul", "rn", "f64"] => self.push(Step::MulF64 { d, a, b }),
            ["add", "s64" | "u64"] => self.push(Step::Add64 { d, a, b }),
            ["add", "s32" | "u32"] => self.push(Step::Add32 { d, a, b }),
            ["shl", "b64"] => self.push(Step::Shl64 { d, a, b }),
            ["mov", _] => self.push(Step::Move { d, a }),
            _ => self.push_function(p.function, d, s),
        }
        Ok(())
    }

    fn push_function(&mut self, f: Function, d: Slot, s: [Slot; 4]) {
        match f {
            Function::One(f) => self.push(Step::One { f, d, a: s[0] }),
            Function::Two(f) => self.push(Step::Two { f, d, a: s[0], b: s[1] }),
            Function::Three(f) => self.push(Step::Three { f, d, a: s[0], b: s[1], c: s[2] }),
            Function::Four(f) => {
                self.kernel.fours.push(Four { f, d, s });
                self.push(Step::Four(self.kernel.fours.len() as u32 - 1));
            }
        }
    }

    /// Applies `f` to `a`.
    pub(crate) fn one(&mut self, f: F1, d: Slot, a: Slot) {
        self.push(Step::One { f, d, a });
    }
    fn two(&mut self, f: F2, d: Slot, a: Slot, b: Slot) {
        self.push(Step::Two { f, d, a, b });
    }

    fn branch(&mut self, a: &[Operand], guard: Option<(Slot, bool)>) -> Result<(), String> {
        let [Operand::Name(label)] = a else { return Err(NO.into()) };
        self.jumps.push((self.kernel.code.len(), label.clone()));
        self.push(match guard {
            None => Step::Jump { to: 0 },
            Some((p, not)) => Step::Branch { p, not, to: 0 },
        });
        Ok(())
    }

    fn table(&mut self, a: &[Operand]) -> Result<(), String> {
        let [index, Operand::Name(name)] = a else { return Err(NO.into()) };
        let labels = self
            .table_labels
            .get(name)
            .cloned()
            .ok_or_else(|| format!("no branch targets {name}"))?;
        let a = self.source(index, Ty::U32)?;
        self.kernel.tables.push(Table { a, to: Vec::new() });
        let at = self.kernel.code.len();
        self.jumps.extend(labels.into_iter().map(|l| (at, l)));
        self.push(Step::Table(self.kernel.tables.len() as u32 - 1));
        Ok(())
    }

    fn mov(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let [_, ty] = op else { return Err(NO.into()) };
        let ty = Ty::parse(ty).ok_or(NO)?;
        match a {
            [Operand::Vector(parts), from] => {
                let a = self.source(from, ty)?;
                let width = ty.size() / parts.len();
                for (k, part) in parts.iter().enumerate() {
                    let (d, _) = self.destination(part)?;
                    let f: F1 = match (width, k) {
                        (4, 0) => |x| x as u32 as u64,
                        (4, 1) => |x| x >> 32,
                        (2, 0) => |x| x as u16 as u64,
                        (2, 1) => |x| (x >> 16) as u16 as u64,
                        (2, 2) => |x| (x >> 32) as u16 as u64,
                        (2, 3) => |x| x >> 48,
                        (1, 0) => |x| x as u8 as u64,
                        (1, 1) => |x| (x >> 8) as u8 as u64,
                        _ => return Err(NO.into()),
                    };
                    self.one(f, d, a);
                }
                Ok(())
            }
            [to, Operand::Vector(parts)] => {
                let width = ty.size() / parts.len();
                let part = match width {
                    4 => Ty::B32,
                    2 => Ty::B16,
                    _ => return Err(NO.into()),
                };
                let s =
                    parts.iter().map(|p| self.source(p, part)).collect::<Result<Vec<_>, _>>()?;
                let (d, _) = self.destination(to)?;
                match (width, s.as_slice()) {
                    (4, [x, y]) => self.two(|x, y| x | y << 32, d, *x, *y),
                    (2, [x, y]) => self.two(|x, y| x | y << 16, d, *x, *y),
                    (2, &[x, y, z, w]) => {
                        self.kernel.fours.push(Four {
                            f: |x, y, z, w| x | y << 16 | z << 32 | w << 48,
                            d,
                            s: [x, y, z, w],
                        });
                        self.push(Step::Four(self.kernel.fours.len() as u32 - 1));
                    }
                    _ => return Err(NO.into()),
                }
                Ok(())
            }
            [to, from] => {
                let a = self.source(from, ty)?;
                let (d, width) = self.destination(to)?;
                // `%clock64` and special registers wider than the move
                if width.size() < 8
                    && matches!(from, Operand::Name(n) if n.starts_with("%clock") || n.starts_with("%globaltimer"))
                {
                    self.one(|x| x as u32 as u64, d, a);
                } else {
                    self.push(Step::Move { d, a });
                }
                Ok(())
            }
            _ => Err(NO.into()),
        }
    }

    fn cvt(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let [mods @ .., to, from] = op else { return Err(NO.into()) };
        let (to, from) = (Ty::parse(to).ok_or(NO)?, Ty::parse(from).ok_or(NO)?);
        let [d, s] = a else { return Err(NO.into()) };
        let from_operand = s.clone();
        let mut chain = convert(mods, to, from).ok_or(NO)?;
        let s = self.source(s, from)?;
        let (d, width) = self.destination(d)?;
        if to.signed() && width.size() > to.size() {
            chain.push(extend(to));
            chain.push(cut(width));
        }
        // The usual ones need one step only.
        if !to.float() && !from.float() && mods.is_empty() && width.size() == to.size() {
            chain = match (to.size(), from.size()) {
                (t, f) if t <= f => vec![cut(to)],
                (8, _) => vec![extend(from)],
                _ => chain,
            };
        }
        // Registers are zero-extended already, unless the source is wider than what is taken of it.
        let exact = matches!(&from_operand, Operand::Name(n) if self.register(n).is_ok_and(|r| r.1.size() == from.size()));
        let unsigned = [to, from].iter().all(|t| !t.float() && !t.signed());
        if exact && unsigned && mods.is_empty() && from.size() < to.size() {
            self.push(Step::Move { d, a: s });
            return Ok(());
        }
        let mut a = s;
        for f in chain {
            self.one(f, d, a);
            a = d;
        }
        Ok(())
    }

    fn setp(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let (name, combine, ty) = match op {
            [name, ty] => (*name, None, *ty),
            [name, c @ ("and" | "or" | "xor"), ty] => (*name, Some(*c), *ty),
            _ => return Err(NO.into()),
        };
        let ty = Ty::parse(ty).ok_or(NO)?.untyped();
        let f = compare(name, ty).ok_or(NO)?;
        let (x, y) = (self.source(&a[1], ty)?, self.source(&a[2], ty)?);
        let (p, q) = match &a[0] {
            Operand::Pair(p, q) => (Operand::Name(p.clone()), Some(Operand::Name(q.clone()))),
            o => (o.clone(), None),
        };
        let p = self.destination(&p)?.0;
        let q = q.map(|q| self.destination(&q)).transpose()?.map(|q| q.0);
        let Some(c) = combine else {
            self.two(f, p, x, y);
            if let Some(q) = q {
                self.one(|x| x ^ 1, q, p);
            }
            return Ok(());
        };
        let c_slot = self.source(&a[3], Ty::Pred)?;
        let (yes, no): (F2, F2) = match c {
            "and" => (|x, y| x & y, |x, y| (x ^ 1) & y),
            "or" => (|x, y| x | y, |x, y| (x ^ 1) | y),
            _ => (|x, y| x ^ y, |x, y| x ^ 1 ^ y),
        };
        let t = self.slot(UNDEFINED)?;
        self.two(f, t, x, y);
        if let Some(q) = q {
            // before p, which may be the predicate that is combined
            let keep = self.slot(UNDEFINED)?;
            self.two(no, keep, t, c_slot);
            self.two(yes, p, t, c_slot);
            self.push(Step::Move { d: q, a: keep });
        } else {
            self.two(yes, p, t, c_slot);
        }
        Ok(())
    }

    fn set(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let [name, to, from] = op else { return Err(NO.into()) };
        let (to, from) = (Ty::parse(to).ok_or(NO)?, Ty::parse(from).ok_or(NO)?.untyped());
        let f = compare(name, from).ok_or(NO)?;
        let (x, y) = (self.source(&a[1], from)?, self.source(&a[2], from)?);
        let (d, _) = self.destination(&a[0])?;
        self.two(f, d, x, y);
        let spread: F1 = match to {
            Ty::U32 | Ty::S32 | Ty::B32 => |x| x * 0xffff_ffff,
            Ty::F32 => |x| x * 0x3f80_0000,
            _ => return Err(NO.into()),
        };
        self.one(spread, d, d);
        Ok(())
    }

    /// Any function of three bits, given as a table: built from the minterms it contains.
    fn lop3(&mut self, a: &[Operand]) -> Result<(), String> {
        let [d, x, y, z, Operand::Number(crate::lex::Number::Int(_))] = a else {
            return Err(NO.into());
        };
        let table = self.source(&a[4], Ty::U32)?;
        let s =
            [self.source(x, Ty::U32)?, self.source(y, Ty::U32)?, self.source(z, Ty::U32)?, table];
        let (d, _) = self.destination(d)?;
        let f: crate::alu::F4 = |x, y, z, table| {
            (0..8).filter(|k| table >> k & 1 == 1).fold(0, |out, k: u32| {
                let pick = |v: u64, bit: u32| if k >> bit & 1 == 1 { v } else { !v };
                out | pick(x, 2) & pick(y, 1) & pick(z, 0)
            }) as u32 as u64
        };
        self.push_function(Function::Four(f), d, s);
        Ok(())
    }
}
