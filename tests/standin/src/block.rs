//! One block: its threads run one after another, each to its next wait, and barriers open when all have come.

use crate::memory::{Area, Heap};
use crate::program::{Kernel, Reduce, Special, UNDEFINED};
use crate::race::{Order, stamp};
use crate::thread::{State, Thread};
use crate::warp::{Lanes, Met};

/// What a launch asks for.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Shape {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    /// Dynamic shared memory.
    pub shared: usize,
    pub multiprocessors: u32,
}

/// What all blocks of a launch share.
pub struct Launch<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Its parameters.
    pub params: &'a [u8],
    /// Its shape.
    pub shape: Shape,
    /// Device memory.
    pub heap: &'a mut Heap,
    /// Synchronisations so far, of all launches.
    pub syncs: &'a mut u32,
    /// How often each step was done.
    pub counts: &'a mut [u64],
    /// Jumps that the threads may still make.
    pub budget: u64,
}

/// What stopped a kernel: where, who, why.
pub struct Fault {
    /// The step.
    pub pc: u32,
    /// The block.
    pub block: [u32; 3],
    /// The thread, counted through the block.
    pub thread: usize,
    /// Why.
    pub why: String,
}

/// One block that runs.
pub struct Block {
    id: [u32; 3],
    number: u32,
    threads: usize,
    slots: Vec<u64>,
    pcs: Vec<u32>,
    states: Vec<State>,
    stacks: Vec<Vec<u32>>,
    shared: Area,
    local: Area,
    order: Order,
}

impl Block {
    /// A block before its first step.
    pub fn new(launch: &mut Launch, number: u32, began: u32, watched: bool) -> Block {
        let (k, s) = (launch.kernel, launch.shape);
        let threads = s.block.iter().product::<u32>() as usize;
        let id =
            [number % s.grid[0], number / s.grid[0] % s.grid[1], number / s.grid[0] / s.grid[1]];
        let mut slots = Vec::with_capacity(threads * k.template.len());
        for t in 0..threads as u32 {
            let at = slots.len();
            slots.extend_from_slice(&k.template);
            for (slot, special) in &k.specials {
                slots[at + *slot as usize] = value(*special, t, id, &s, k.shared);
            }
        }
        *launch.syncs += 1;
        let order = Order {
            launch: began,
            phase: *launch.syncs,
            warps: vec![0; threads.div_ceil(32)],
            events: Vec::new(),
        };
        Block {
            id,
            number,
            threads,
            slots,
            pcs: vec![0; threads],
            states: vec![State::Ready; threads],
            stacks: vec![Vec::new(); threads],
            shared: Area::new(k.shared + s.shared, watched),
            local: Area::new(k.local.next_multiple_of(8) * threads, false),
            order,
        }
    }

    /// Runs to the next barrier of the whole block; false at the end.
    pub fn phase(&mut self, launch: &mut Launch) -> Result<bool, Fault> {
        loop {
            for t in 0..self.threads {
                if self.states[t] == State::Ready {
                    self.thread(launch, t)?;
                }
            }
            if self.states.iter().all(|s| *s == State::Done) {
                return Ok(false);
            }
            if self.warps(launch)? {
                continue;
            }
            match self.barrier(launch)? {
                Opened::All => return Ok(true),
                Opened::Part => {}
                Opened::None => return Err(self.stuck(launch.kernel)),
            }
        }
    }

    fn thread(&mut self, launch: &mut Launch, t: usize) -> Result<(), Fault> {
        let n = launch.kernel.template.len();
        let thread = Thread {
            kernel: launch.kernel,
            params: launch.params,
            slots: &mut self.slots[t * n..(t + 1) * n],
            pc: &mut self.pcs[t],
            stack: &mut self.stacks[t],
            heap: launch.heap,
            shared: &mut self.shared,
            local: &mut self.local,
            local_base: (t * launch.kernel.local.next_multiple_of(8)) as u64,
            order: &self.order,
            now: stamp(*launch.syncs, self.number, t),
            counts: launch.counts,
            budget: &mut launch.budget,
        };
        match thread.run() {
            Ok(s) => {
                self.states[t] = s;
                Ok(())
            }
            Err(why) => Err(self.fault(t, why.text())),
        }
    }

    fn fault(&self, thread: usize, why: String) -> Fault {
        Fault { pc: self.pcs[thread], block: self.id, thread, why }
    }

    /// Lets groups of lanes go on; true if there was one.
    fn warps(&mut self, launch: &mut Launch) -> Result<bool, Fault> {
        if !self.states.iter().any(|s| matches!(s, State::Warp(_))) {
            return Ok(false);
        }
        let (mut moved, n) = (false, launch.kernel.template.len());
        for w in 0..self.threads.div_ceil(32) {
            let (from, to) = (32 * w, (32 * w + 32).min(self.threads));
            loop {
                let mut lanes = Lanes {
                    kernel: launch.kernel,
                    slots: &mut self.slots[from * n..to * n],
                    states: &mut self.states[from..to],
                    pcs: &mut self.pcs[from..to],
                };
                match lanes.meet() {
                    Err((l, why)) => return Err(self.fault(from + l, why)),
                    Ok(Met::Nothing) => break,
                    Ok(Met::Done { lanes, fence, all }) => {
                        moved = true;
                        if fence {
                            let mut members = [0; 16];
                            members[w / 2] = u64::from(lanes) << (32 * (w % 2));
                            *launch.syncs += 1;
                            self.order.meet(*launch.syncs, members, all.then_some(w));
                        }
                    }
                }
            }
        }
        Ok(moved)
    }

    /// Opens a barrier if all that it waits for have come.
    fn barrier(&mut self, launch: &mut Launch) -> Result<Opened, Fault> {
        let k = launch.kernel;
        let n = k.template.len();
        // Nearly always all threads are at the same plain one.
        if let State::Barrier(i) = self.states[0]
            && k.barriers[i as usize].count.is_none()
            && k.barriers[i as usize].reduce.is_none()
            && self.states.iter().all(|s| *s == self.states[0])
            && self.pcs.iter().all(|p| *p == self.pcs[0])
        {
            let id = k.barriers[i as usize].id as usize;
            if (0..self.threads).all(|t| self.slots[t * n + id] == self.slots[id]) {
                *launch.syncs += 1;
                self.order.barrier(*launch.syncs);
                self.pcs.iter_mut().for_each(|p| *p += 1);
                self.states.fill(State::Ready);
                return Ok(Opened::All);
            }
        }
        let Some(first) = self.states.iter().position(|s| matches!(s, State::Barrier(_))) else {
            return Ok(Opened::None);
        };
        // Every barrier number that somebody waits for, in the order of the threads.
        let mut ids: Vec<u64> = Vec::new();
        let number = |b: &Block, t: usize| match b.states[t] {
            State::Barrier(i) => Some(b.slots[t * n + k.barriers[i as usize].id as usize]),
            _ => None,
        };
        for t in first..self.threads {
            if let Some(id) = number(self, t).filter(|id| !ids.contains(id)) {
                ids.push(id);
            }
        }
        for id in ids {
            let here: Vec<usize> =
                (first..self.threads).filter(|t| number(self, *t) == Some(id)).collect();
            let State::Barrier(which) = self.states[here[0]] else { continue };
            let want = match k.barriers[which as usize].count {
                Some(c) => self.slots[here[0] * n + c as usize] as usize,
                None => self.threads,
            };
            if want == 0 || want % 32 != 0 && want != self.threads || id > 15 {
                return Err(self.fault(here[0], format!("barrier {id} for {want} threads")));
            }
            if here.len() > want {
                return Err(self.fault(
                    here[want],
                    format!("{} threads came to barrier {id}, which is for {want}", here.len()),
                ));
            }
            let counted = k.barriers[which as usize].count.is_some();
            if here.len() < want
                || !counted && here.iter().any(|t| self.pcs[*t] != self.pcs[here[0]])
            {
                continue;
            }
            self.reduce(k, &here);
            *launch.syncs += 1;
            let whole = here.len() == self.threads;
            if whole {
                self.order.barrier(*launch.syncs);
            } else {
                let mut members = [0; 16];
                here.iter().for_each(|t| members[t / 64] |= 1 << (t % 64));
                self.order.meet(*launch.syncs, members, None);
            }
            for t in here {
                self.pcs[t] += 1;
                self.states[t] = State::Ready;
            }
            return Ok(if whole { Opened::All } else { Opened::Part });
        }
        Ok(Opened::None)
    }

    fn reduce(&mut self, k: &Kernel, here: &[usize]) {
        let n = k.template.len();
        let what = |b: &Block, t: usize| match b.states[t] {
            State::Barrier(i) => k.barriers[i as usize].reduce,
            _ => None,
        };
        let yes = here
            .iter()
            .filter(|t| {
                what(self, **t)
                    .is_some_and(|(_, _, p, not)| (self.slots[**t * n + p as usize] != 0) != not)
            })
            .count();
        for &t in here {
            if let Some((d, r, ..)) = what(self, t) {
                let v = match r {
                    Reduce::Popc => yes as u64,
                    Reduce::And => u64::from(yes == here.len()),
                    Reduce::Or => u64::from(yes > 0),
                };
                self.slots[t * n + d as usize] = v;
            }
        }
    }

    /// Nobody can go on: says who waits where.
    fn stuck(&self, k: &Kernel) -> Fault {
        let line = |t: usize| k.lines[self.pcs[t] as usize];
        let waits = |t: &usize| self.states[*t] != State::Done;
        let first = (0..self.threads).find(waits).unwrap_or(0);
        let other =
            (0..self.threads).find(|t| self.states[*t] == State::Done || line(*t) != line(first));
        let why = match other {
            Some(t) if self.states[t] == State::Done => format!("thread {t} has ended"),
            Some(t) => format!("thread {t} waits at line {}", line(t)),
            None => "the threads name different barriers or masks".into(),
        };
        self.fault(first, format!("divergent barrier: thread {first} waits here, but {why}"))
    }
}

enum Opened {
    All,
    Part,
    None,
}

fn value(special: Special, t: u32, id: [u32; 3], s: &Shape, fixed: usize) -> u64 {
    let [x, y, _] = s.block;
    let tid = [t % x, t / x % y, t / x / y];
    let lane = t % 32;
    let v = match special {
        Special::Tid(a) => tid[a as usize],
        Special::Ntid(a) => s.block[a as usize],
        Special::Ctaid(a) => id[a as usize],
        Special::Nctaid(a) => s.grid[a as usize],
        Special::Lane => lane,
        Special::Warp => t / 32,
        Special::Warps => s.block.iter().product::<u32>().div_ceil(32),
        Special::Multiprocessor => id[0] % s.multiprocessors,
        Special::Multiprocessors => s.multiprocessors,
        Special::Zero => 0,
        Special::WarpSize => 32,
        Special::DynamicShared => s.shared as u32,
        Special::TotalShared => (s.shared + fixed) as u32,
        Special::LaneMask(0) => 1 << lane,
        Special::LaneMask(1) => (1 << lane) - 1,
        Special::LaneMask(2) => (1 << lane) | ((1 << lane) - 1),
        Special::LaneMask(3) => !((1 << lane) | ((1 << lane) - 1)),
        Special::LaneMask(_) => !((1 << lane) - 1),
    };
    debug_assert!(u64::from(v) != UNDEFINED);
    v.into()
}
