//! Kernels in the form that runs: a flat list of steps over numbered slots.
//!
//! Constants and special registers are slots too, so a step never asks what its operand is. One PTX
//! instruction becomes one step or a few; a guard becomes a branch around them.

use crate::alu::{F1, F2, F3, F4, Function};
use crate::memory::Space;
use std::collections::HashMap;

/// The number of a slot in a thread's register file.
pub type Slot = u16;

/// How a load or store reaches memory.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Reach {
    pub space: Space,
    pub size: u8,
    pub align: u8,
}

/// One step of a thread.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Step {
    Move {
        d: Slot,
        a: Slot,
    },
    One {
        f: F1,
        d: Slot,
        a: Slot,
    },
    Two {
        f: F2,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Three {
        f: F3,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Four(u32),
    // The most frequent ones, spared the call.
    AddF64 {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    MulF64 {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Add64 {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Add32 {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Shl64 {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Jump {
        to: u32,
    },
    Branch {
        p: Slot,
        not: bool,
        to: u32,
    },
    Table(u32),
    Load {
        reach: Reach,
        d: Slot,
        a: Slot,
        offset: i32,
    },
    Store {
        reach: Reach,
        a: Slot,
        v: Slot,
        offset: i32,
    },
    Param {
        d: Slot,
        offset: u32,
        size: u8,
    },
    Atomic(u32),
    Warp(u32),
    Barrier(u32),
    CopyLocal {
        from: u32,
        to: u32,
        bytes: u32,
    },
    Call {
        to: u32,
    },
    Return,
    Exit,
    Clock {
        d: Slot,
    },
    Trap,
    /// Some source may be undefined: look, then do the step in the table.
    Checked(u32),
}

/// A step with four sources.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Four {
    pub f: F4,
    pub d: Slot,
    pub s: [Slot; 4],
}

/// An atomic: `old` goes to `d`, `f(old, b)` or `f(old, b, c)` to memory.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Atomic {
    pub space: Space,
    pub size: u8,
    pub f: Function,
    pub d: Option<Slot>,
    pub a: Slot,
    pub b: Slot,
    pub c: Slot,
    pub offset: i32,
}

/// What the lanes of a warp do together.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum WarpKind {
    Up,
    Down,
    Butterfly,
    Index,
    Ballot,
    Any,
    All,
    Uniform,
    Sync,
}

/// A shuffle, a vote or `bar.warp.sync`.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Warp {
    pub kind: WarpKind,
    pub d: Slot,
    pub p: Option<Slot>,
    pub a: Slot,
    pub b: Slot,
    pub c: Slot,
    pub mask: Slot,
}

/// What a barrier computes besides waiting.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Reduce {
    Popc,
    And,
    Or,
}

/// A barrier of the block.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Barrier {
    pub id: Slot,
    pub count: Option<Slot>,
    /// Result, what, predicate, whether the predicate is negated.
    pub reduce: Option<(Slot, Reduce, Slot, bool)>,
}

/// `brx.idx`.
#[allow(missing_docs)]
pub struct Table {
    pub a: Slot,
    pub to: Vec<u32>,
}

/// A step that may see undefined registers: which slots to look at, and their names.
#[allow(missing_docs)]
pub struct Checked {
    pub step: Step,
    pub slots: Vec<(Slot, String)>,
}

/// A special register that is the same as long as a thread lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Special {
    Tid(u8),
    Ntid(u8),
    Ctaid(u8),
    Nctaid(u8),
    Lane,
    Warp,
    Warps,
    Multiprocessor,
    Multiprocessors,
    Zero,
    WarpSize,
    DynamicShared,
    TotalShared,
    /// 0 `eq`, 1 `lt`, 2 `le`, 3 `gt`, 4 `ge`.
    LaneMask(u8),
}

/// A register that holds nothing yet. No 32-bit value looks like it, and no double that is computed.
pub const UNDEFINED: u64 = 0x7ff4_dead_beef_babe;

/// A kernel with the functions it calls.
#[derive(Default)]
#[allow(missing_docs)]
pub struct Kernel {
    pub name: String,
    pub code: Vec<Step>,
    /// For each step its line in the PTX.
    pub lines: Vec<u32>,
    /// For each step whether it is the first of its instruction, and the last.
    pub bounds: Vec<(bool, bool)>,
    /// What every thread's slots hold at first.
    pub template: Vec<u64>,
    pub specials: Vec<(Slot, Special)>,
    pub names: HashMap<Slot, String>,
    pub fours: Vec<Four>,
    pub atomics: Vec<Atomic>,
    pub warps: Vec<Warp>,
    pub barriers: Vec<Barrier>,
    pub tables: Vec<Table>,
    pub checked: Vec<Checked>,
    /// Offset and bytes of each parameter.
    pub params: Vec<(usize, usize)>,
    pub param_bytes: usize,
    /// Static shared memory, and bytes of local memory for each thread.
    pub shared: usize,
    pub local: usize,
    pub max_threads: u32,
    /// Entry points: the kernel's first, then the functions it calls.
    pub roots: Vec<u32>,
}

impl Kernel {
    /// Slots that `step` reads.
    pub fn reads(&self, step: &Step) -> Vec<Slot> {
        match *step {
            Step::Move { a, .. } | Step::One { a, .. } | Step::Load { a, .. } => vec![a],
            Step::Two { a, b, .. } | Step::AddF64 { a, b, .. } | Step::MulF64 { a, b, .. } => {
                vec![a, b]
            }
            Step::Add64 { a, b, .. } | Step::Add32 { a, b, .. } | Step::Shl64 { a, b, .. } => {
                vec![a, b]
            }
            Step::Three { a, b, c, .. } => vec![a, b, c],
            Step::Four(i) => self.fours[i as usize].s.to_vec(),
            Step::Branch { p, .. } => vec![p],
            Step::Table(i) => vec![self.tables[i as usize].a],
            Step::Store { a, v, .. } => vec![a, v],
            Step::Atomic(i) => {
                let x = &self.atomics[i as usize];
                vec![x.a, x.b, x.c]
            }
            Step::Warp(i) => {
                let x = &self.warps[i as usize];
                vec![x.a, x.b, x.c, x.mask]
            }
            Step::Barrier(i) => {
                let x = &self.barriers[i as usize];
                let mut v = vec![x.id];
                v.extend(x.count);
                v.extend(x.reduce.map(|r| r.2));
                v
            }
            Step::Checked(i) => self.reads(&self.checked[i as usize].step),
            _ => Vec::new(),
        }
    }

    /// Slots that `step` writes.
    pub fn writes(&self, step: &Step) -> Vec<Slot> {
        match *step {
            Step::Move { d, .. }
            | Step::One { d, .. }
            | Step::Two { d, .. }
            | Step::Three { d, .. } => vec![d],
            Step::AddF64 { d, .. }
            | Step::MulF64 { d, .. }
            | Step::Add64 { d, .. }
            | Step::Add32 { d, .. } => vec![d],
            Step::Shl64 { d, .. }
            | Step::Load { d, .. }
            | Step::Param { d, .. }
            | Step::Clock { d } => vec![d],
            Step::Four(i) => vec![self.fours[i as usize].d],
            Step::Atomic(i) => self.atomics[i as usize].d.into_iter().collect(),
            Step::Warp(i) => {
                let x = &self.warps[i as usize];
                if x.kind == WarpKind::Sync {
                    vec![]
                } else {
                    std::iter::once(x.d).chain(x.p).collect()
                }
            }
            Step::Barrier(i) => self.barriers[i as usize].reduce.map(|r| r.0).into_iter().collect(),
            Step::Checked(i) => self.writes(&self.checked[i as usize].step),
            _ => Vec::new(),
        }
    }

    /// Where `step` at `pc` may go next, within its function.
    pub fn next(&self, pc: usize) -> Vec<usize> {
        match self.code[pc] {
            Step::Jump { to } => vec![to as usize],
            Step::Branch { to, .. } => vec![pc + 1, to as usize],
            Step::Table(i) => self.tables[i as usize].to.iter().map(|t| *t as usize).collect(),
            Step::Return | Step::Exit | Step::Trap => vec![],
            _ => vec![pc + 1],
        }
    }
}
