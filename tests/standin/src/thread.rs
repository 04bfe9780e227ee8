//! One thread, run until it has to wait.

use crate::alu::Function;
use crate::memory::{Area, Heap, LOCAL_WINDOW, OFFSET_BITS, SHARED_WINDOW, Space, WINDOW};
use crate::program::{Kernel, Reach, Step, UNDEFINED};
use crate::race::{Order, Stamp};
use crate::types::Problem;

/// Why a thread stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It can go on.
    Ready,
    /// At a shuffle, a vote or `bar.warp.sync`: which.
    Warp(u32),
    /// At a barrier: which.
    Barrier(u32),
    /// Ended.
    Done,
}

/// What a thread needs while it runs.
pub struct Thread<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Its parameters.
    pub params: &'a [u8],
    /// Its slots: as many as the kernel's template.
    pub slots: &'a mut [u64],
    /// Where it stands.
    pub pc: &'a mut u32,
    /// Return addresses.
    pub stack: &'a mut Vec<u32>,
    /// Device memory.
    pub heap: &'a mut Heap,
    /// Shared memory of its block.
    pub shared: &'a mut Area,
    /// Local memory of all threads of its block, and where its own begins.
    pub local: &'a mut Area,
    /// Where its own local memory begins.
    pub local_base: u64,
    /// What its block has synchronised.
    pub order: &'a Order,
    /// Its stamp now.
    pub now: Stamp,
    /// How often each step was done.
    pub counts: &'a mut [u64],
    /// Jumps that it may still make.
    pub budget: &'a mut u64,
}

impl Thread<'_> {
    /// Runs to the next wait or the end. On an error `pc` is at the step that failed.
    pub fn run(mut self) -> Result<State, Problem> {
        let k = self.kernel;
        assert!(self.slots.len() == k.template.len() && self.counts.len() == k.code.len());
        let mut pc = *self.pc as usize;
        let code = k.code.as_slice();
        let slots = std::mem::take(&mut self.slots);
        // SAFETY of both: the builder hands out slots below the template's length, which is the length of
        // `slots`, as asserted.
        macro_rules! get {
            ($s:expr) => {
                unsafe { *slots.get_unchecked($s as usize) }
            };
        }
        macro_rules! set {
            ($s:expr, $v:expr) => {{
                let v = $v;
                unsafe { *slots.get_unchecked_mut($s as usize) = v }
            }};
        }
        macro_rules! stop {
            ($e:expr) => {{
                *self.pc = pc as u32;
                return $e;
            }};
        }
        let counts = std::mem::take(&mut self.counts);
        loop {
            // SAFETY: jumps go to steps of `code`, and its last step ends the thread; `counts` is as long.
            let mut step = unsafe {
                *counts.get_unchecked_mut(pc) += 1;
                *code.get_unchecked(pc)
            };
            if let Step::Checked(i) = step {
                let c = &k.checked[i as usize];
                for (s, name) in &c.slots {
                    if get!(*s) == UNDEFINED {
                        stop!(Err(Problem::from(format!("{name} is undefined here"))));
                    }
                }
                step = c.step;
            }
            match step {
                Step::Move { d, a } => set!(d, get!(a)),
                Step::AddF64 { d, a, b } => {
                    set!(d, (f64::from_bits(get!(a)) + f64::from_bits(get!(b))).to_bits())
                }
                Step::MulF64 { d, a, b } => {
                    set!(d, (f64::from_bits(get!(a)) * f64::from_bits(get!(b))).to_bits())
                }
                Step::Add64 { d, a, b } => set!(d, get!(a).wrapping_add(get!(b))),
                Step::Add32 { d, a, b } => {
                    set!(d, u64::from((get!(a) as u32).wrapping_add(get!(b) as u32)))
                }
                Step::Shl64 { d, a, b } => {
                    set!(d, get!(a).checked_shl(get!(b) as u32).unwrap_or(0))
                }
                Step::One { f, d, a } => set!(d, f(get!(a))),
                Step::Two { f, d, a, b } => set!(d, f(get!(a), get!(b))),
                Step::Three { f, d, a, b, c } => set!(d, f(get!(a), get!(b), get!(c))),
                Step::Four(i) => {
                    let x = &k.fours[i as usize];
                    set!(x.d, (x.f)(get!(x.s[0]), get!(x.s[1]), get!(x.s[2]), get!(x.s[3])));
                }
                Step::Jump { to } => {
                    if *self.budget == 0 {
                        stop!(Err("it runs on and on: the limit of jumps is reached".into()));
                    }
                    *self.budget -= 1;
                    pc = to as usize;
                    continue;
                }
                Step::Branch { p, not, to } => {
                    if (get!(p) != 0) != not {
                        if *self.budget == 0 {
                            stop!(Err("it runs on and on: the limit of jumps is reached".into()));
                        }
                        *self.budget -= 1;
                        pc = to as usize;
                        continue;
                    }
                }
                Step::Table(i) => {
                    let t = &k.tables[i as usize];
                    match t.to.get(get!(t.a) as usize) {
                        Some(to) => pc = *to as usize,
                        None => stop!(Err("the index is past the table of branches".into())),
                    }
                    continue;
                }
                Step::Load { reach, d, a, offset } => {
                    let at = get!(a).wrapping_add(offset as i64 as u64);
                    match self.load(reach, at) {
                        Ok(v) => set!(d, v),
                        Err(e) => {
                            stop!(Err(self.memory_error("load", reach.space, reach.size, at, e)))
                        }
                    }
                }
                Step::Store { reach, a, v, offset } => {
                    let at = get!(a).wrapping_add(offset as i64 as u64);
                    if let Err(e) = self.store(reach, at, get!(v)) {
                        stop!(Err(self.memory_error("store", reach.space, reach.size, at, e)));
                    }
                }
                Step::Param { d, offset, size } => {
                    let mut b = [0; 8];
                    b[..size as usize]
                        .copy_from_slice(&self.params[offset as usize..][..size as usize]);
                    set!(d, u64::from_le_bytes(b));
                }
                Step::Atomic(i) => {
                    let x = k.atomics[i as usize];
                    let at = get!(x.a).wrapping_add(x.offset as i64 as u64);
                    let (b, c) = (get!(x.b), get!(x.c));
                    let change = |old| match x.f {
                        Function::Two(f) => f(old, b),
                        Function::Three(f) => f(old, b, c),
                        _ => old,
                    };
                    let (now, order) = (self.now, self.order);
                    let done = match self.area(x.space, at) {
                        Ok((area, offset)) => {
                            area.atomic(offset, x.size.into(), now, order, change)
                        }
                        Err(e) => Err(e),
                    };
                    match (done, x.d) {
                        (Ok(old), Some(d)) => set!(d, old),
                        (Ok(_), None) => {}
                        (Err(e), _) => {
                            stop!(Err(self.memory_error("atomic", x.space, x.size, at, e)))
                        }
                    }
                }
                Step::CopyLocal { from, to, bytes } => {
                    let part = self
                        .local
                        .snapshot((self.local_base + u64::from(from)) as usize, bytes as usize);
                    self.local.copy((self.local_base + u64::from(to)) as usize, &part);
                }
                Step::Call { to } => {
                    self.stack.push(pc as u32 + 1);
                    pc = to as usize;
                    continue;
                }
                Step::Return => match self.stack.pop() {
                    Some(to) => {
                        pc = to as usize;
                        continue;
                    }
                    None => stop!(Ok(State::Done)),
                },
                Step::Exit => stop!(Ok(State::Done)),
                Step::Clock { d } => set!(d, u64::MAX / 2 - *self.budget),
                Step::Trap => stop!(Err("trap".into())),
                Step::Warp(i) => stop!(Ok(State::Warp(i))),
                Step::Barrier(i) => stop!(Ok(State::Barrier(i))),
                Step::Checked(_) => unreachable!("a checked step holds a plain one"),
            }
            pc += 1;
        }
    }

    #[inline]
    fn load(&mut self, r: Reach, at: u64) -> Result<u64, Problem> {
        let (now, order) = (self.now, self.order);
        let (size, align) = (r.size as usize, r.align as usize);
        match r.space {
            Space::Constant => {
                let (area, offset) = self.heap.find(at)?;
                area.load_constant(offset, size, align, now, order)
            }
            Space::Shared => self.shared.load(at, size, align, now, order),
            Space::Local => {
                self.own(at, size)?;
                self.local.load(at + self.local_base, size, align, now, order)
            }
            Space::Param => {
                let from = at as usize;
                let bytes =
                    self.params.get(from..from.wrapping_add(size)).ok_or("past the parameters")?;
                if !from.is_multiple_of(align) {
                    return Err(Problem::from(format!(
                        "misaligned: offset {from} is no multiple of {align}"
                    )));
                }
                let mut b = [0; 8];
                b[..size].copy_from_slice(bytes);
                Ok(u64::from_le_bytes(b))
            }
            space => {
                let (area, offset) = self.area(space, at)?;
                area.load(offset, size, align, now, order)
            }
        }
    }

    #[inline]
    fn store(&mut self, r: Reach, at: u64, v: u64) -> Result<(), Problem> {
        let (now, order) = (self.now, self.order);
        let (size, align) = (r.size as usize, r.align as usize);
        match r.space {
            Space::Shared => self.shared.store(at, size, align, v, now, order),
            Space::Local => {
                self.own(at, size)?;
                self.local.store(at + self.local_base, size, align, v, now, order)
            }
            space => {
                let (area, offset) = self.area(space, at)?;
                area.store(offset, size, align, v, now, order)
            }
        }
    }

    fn own(&self, at: u64, size: usize) -> Result<(), Problem> {
        let n = self.kernel.local as u64;
        if at.checked_add(size as u64).is_none_or(|end| end > n) {
            return Err(Problem::from(format!("out of bounds: offset {at} of {n} bytes")));
        }
        Ok(())
    }

    /// The memory behind an address.
    #[inline]
    fn area(&mut self, space: Space, at: u64) -> Result<(&mut Area, u64), Problem> {
        match space {
            Space::Shared => Ok((self.shared, at)),
            Space::Generic if at >> OFFSET_BITS == 0 => {
                if (SHARED_WINDOW..SHARED_WINDOW + WINDOW).contains(&at) {
                    return Ok((self.shared, at - SHARED_WINDOW));
                }
                if (LOCAL_WINDOW..LOCAL_WINDOW + WINDOW).contains(&at) {
                    self.own(at - LOCAL_WINDOW, 1)?;
                    let base = self.local_base;
                    return Ok((self.local, at - LOCAL_WINDOW + base));
                }
                Err("out of bounds: no such allocation".into())
            }
            _ => self.heap.find(at),
        }
    }

    #[cold]
    fn memory_error(&self, what: &str, space: Space, size: u8, at: u64, why: Problem) -> Problem {
        let space = format!("{space:?}").to_lowercase();
        format!("{what} of {size} bytes at {at:#x} ({space}): {}", why.text()).into()
    }
}
