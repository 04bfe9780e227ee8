//! Barriers, shuffles, votes and calls.

use crate::decode::Builder;
use crate::decode_inst::NO;
use crate::program::{Barrier, Reduce, Special, Step, UNDEFINED, Warp, WarpKind};
use crate::syntax::Operand;
use crate::types::Ty;

impl Builder<'_> {
    /// `bar`, `barrier` and `bar.warp.sync`
    pub fn barrier(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        let mods: Vec<&str> =
            op[1..].iter().copied().filter(|m| !matches!(*m, "cta" | "aligned")).collect();
        let (id, count, reduce) = match (mods.as_slice(), a) {
            (["warp", "sync"], [mask]) => {
                let mask = self.source(mask, Ty::U32)?;
                let d = self.slot(UNDEFINED)?;
                return self.together(Warp {
                    kind: WarpKind::Sync,
                    d,
                    p: None,
                    a: mask,
                    b: mask,
                    c: mask,
                    mask,
                });
            }
            (["sync"], [id]) => (id, None, None),
            (["sync"], [id, n]) => (id, Some(n), None),
            (["red", what, _], [d, id, rest @ .., p]) if rest.len() < 2 => {
                let what = match *what {
                    "popc" => Reduce::Popc,
                    "and" => Reduce::And,
                    "or" => Reduce::Or,
                    _ => return Err(NO.into()),
                };
                let (p, not) = match p {
                    Operand::Not(p) => (p, true),
                    Operand::Name(p) => (p, false),
                    _ => return Err(NO.into()),
                };
                let p = self.register(p)?.0;
                (id, rest.first(), Some((self.destination(d)?.0, what, p, not)))
            }
            _ => return Err(NO.into()),
        };
        let id = self.source(id, Ty::U32)?;
        let count = count.map(|n| self.source(n, Ty::U32)).transpose()?;
        self.kernel.barriers.push(Barrier { id, count, reduce });
        self.push(Step::Barrier(self.kernel.barriers.len() as u32 - 1));
        Ok(())
    }

    fn together(&mut self, w: Warp) -> Result<(), String> {
        self.kernel.warps.push(w);
        self.push(Step::Warp(self.kernel.warps.len() as u32 - 1));
        Ok(())
    }

    /// `shfl.sync`, `vote.sync` and `activemask`
    pub fn warp(&mut self, op: &[&str], a: &[Operand]) -> Result<(), String> {
        match (op, a) {
            (["shfl", "sync", mode, "b32"], [d, x, b, c, mask]) => {
                let kind = match *mode {
                    "up" => WarpKind::Up,
                    "down" => WarpKind::Down,
                    "bfly" => WarpKind::Butterfly,
                    "idx" => WarpKind::Index,
                    _ => return Err(NO.into()),
                };
                let (d, p) = match d {
                    Operand::Pair(d, p) => (
                        self.destination(&Operand::Name(d.clone()))?.0,
                        Some(self.destination(&Operand::Name(p.clone()))?.0),
                    ),
                    d => (self.destination(d)?.0, None),
                };
                let (x, b) = (self.source(x, Ty::U32)?, self.source(b, Ty::U32)?);
                let (c, mask) = (self.source(c, Ty::U32)?, self.source(mask, Ty::U32)?);
                self.together(Warp { kind, d, p, a: x, b, c, mask })
            }
            (["vote", "sync", mode, "pred" | "b32"], [d, p, mask]) => {
                let kind = match *mode {
                    "ballot" => WarpKind::Ballot,
                    "any" => WarpKind::Any,
                    "all" => WarpKind::All,
                    "uni" => WarpKind::Uniform,
                    _ => return Err(NO.into()),
                };
                let p = self.source(p, Ty::Pred)?;
                let mask = self.source(mask, Ty::U32)?;
                let d = self.destination(d)?.0;
                self.together(Warp { kind, d, p: None, a: p, b: p, c: p, mask })
            }
            // Which lanes run together is never promised. Here each runs alone.
            (["activemask", "b32"], [d]) => {
                let a = self.special(Special::LaneMask(0))?;
                let (d, _) = self.destination(d)?;
                self.push(Step::Move { d, a });
                Ok(())
            }
            _ => Err(NO.into()),
        }
    }

    /// `call (results), function, (parameters)`
    pub fn call(&mut self, a: &[Operand]) -> Result<(), String> {
        let (returns, name, params): (&[Operand], &String, &[Operand]) = match a {
            [Operand::List(r), Operand::Name(n), Operand::List(p)] => (r, n, p),
            [Operand::Name(n), Operand::List(p)] => (&[], n, p),
            [Operand::List(r), Operand::Name(n)] => (r, n, &[]),
            [Operand::Name(n)] => (&[], n, &[]),
            _ => return Err("an indirect call".into()),
        };
        let text = self.text;
        let Some(f) = text.funcs.iter().find(|f| f.name == *name && f.body.is_some()) else {
            return Err(format!("the function {name} has no body"));
        };
        if f.params.iter().chain(&f.returns).any(|v| v.space != "param") {
            return Err("parameters in registers".into());
        }
        if reaches(text, name, name, &mut Vec::new()) {
            return Err(format!("{name} calls itself"));
        }
        let placed = self.place(f);
        if placed.params.len() != params.len() || placed.returns.len() != returns.len() {
            return Err(format!("{name} takes other parameters"));
        }
        for (p, (to, bytes)) in params.iter().zip(&placed.params) {
            let from = self.local(p)?;
            self.push(Step::CopyLocal { from, to: *to, bytes: *bytes });
        }
        self.queue.push(name.clone());
        self.calls.push((self.kernel.code.len(), name.clone()));
        self.push(Step::Call { to: 0 });
        for (r, (from, bytes)) in returns.iter().zip(&placed.returns) {
            let to = self.local(r)?;
            self.push(Step::CopyLocal { from: *from, to, bytes: *bytes });
        }
        Ok(())
    }

    fn local(&mut self, o: &Operand) -> Result<u32, String> {
        use crate::decode::Entity;
        use crate::memory::Space;
        match o {
            Operand::Name(n) => match self.entity(n) {
                Some(Entity::Variable(Space::Local, at)) => Ok(at as u32),
                _ => Err(format!("{n} is no parameter")),
            },
            o => Err(format!("operand {o:?}")),
        }
    }
}

/// Whether a call of `from` can come to `to` again.
fn reaches(text: &crate::syntax::Text, from: &str, to: &str, seen: &mut Vec<String>) -> bool {
    use crate::syntax::Stmt;
    let Some(f) = text.funcs.iter().find(|f| f.name == from && f.body.is_some()) else {
        return false;
    };
    for s in f.body.iter().flatten() {
        let Stmt::Inst(i) = s else { continue };
        if !i.op.starts_with("call") {
            continue;
        }
        for o in &i.args {
            if let Operand::Name(n) = o {
                if n == to {
                    return true;
                }
                if !seen.contains(n) {
                    seen.push(n.clone());
                    if reaches(text, n, to, seen) {
                        return true;
                    }
                }
            }
        }
    }
    false
}
