//! Who touched a word, and whether something came between.
//!
//! Every access carries a stamp: thread, block, and the number of synchronisations that the machine
//! had seen by then. Two accesses by different threads, at least one a write, need a synchronisation
//! between them that both threads took part in, directly or by a chain. Blocks of one launch are
//! never synchronised with each other: between them only atomics may meet.

use crate::types::Problem;

/// Who accesses, and when: `sync number << 32 | block << 15 | atomic << 14 | thread << 4`.
/// The low four bits are free; in a word's writer they tell which of its bytes are defined.
pub type Stamp = u64;
/// Set in the stamp of an atomic access.
pub const ATOMIC: Stamp = 1 << 14;
const THREAD: Stamp = 0x3ff << 4;
const BLOCK: Stamp = 0x1_ffff << 15;

/// The stamp of a thread now.
pub fn stamp(sync: u32, block: u32, thread: usize) -> Stamp {
    u64::from(sync) << 32 | u64::from(block & 0x1_ffff) << 15 | (thread as u64) << 4
}
/// The thread in a stamp.
pub fn thread_of(s: Stamp) -> usize {
    ((s & THREAD) >> 4) as usize
}
/// The block in a stamp.
pub fn block_of(s: Stamp) -> u64 {
    (s & BLOCK) >> 15
}

/// Four bytes of memory: last writer and two readers.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Word {
    /// Last writer, and in the low four bits which bytes hold something.
    pub writer: Stamp,
    /// Latest reader.
    pub reader: Stamp,
    /// Another thread that read, if there was one.
    pub other: Stamp,
}

/// What has been synchronised, as one block sees it.
pub struct Order {
    /// Synchronisations when the launch began.
    pub launch: u32,
    /// The last barrier of the whole block.
    pub phase: u32,
    /// For each warp, its last synchronisation of all its lanes.
    pub warps: Vec<u32>,
    /// Synchronisations of parts of the block since the last barrier of all: number and members.
    pub events: Vec<(u32, [u64; 16])>,
}

impl Order {
    /// True when `then` certainly happened before what the thread of `now` does next.
    #[inline]
    pub fn before(&self, then: Stamp, now: Stamp) -> bool {
        let sync = (then >> 32) as u32;
        if sync < self.launch || (then ^ now) & (THREAD | BLOCK) == 0 {
            return true;
        }
        (then ^ now) & BLOCK == 0 && (sync < self.phase || self.within_block(then, now))
    }

    #[cold]
    fn within_block(&self, then: Stamp, now: Stamp) -> bool {
        let sync = (then >> 32) as u32;
        let (a, b) = (thread_of(then), thread_of(now));
        if a / 32 == b / 32 && sync < self.warps[a / 32] {
            return true;
        }
        let mut reached = [0u64; 16];
        reached[a / 64] |= 1 << (a % 64);
        for (n, members) in &self.events {
            if *n > sync && members.iter().zip(&reached).any(|(m, r)| m & r != 0) {
                reached.iter_mut().zip(members).for_each(|(r, m)| *r |= m);
            }
        }
        reached[b / 64] >> (b % 64) & 1 == 1
    }

    /// The whole block met: nothing before matters any more.
    pub fn barrier(&mut self, sync: u32) {
        self.phase = sync;
        self.events.clear();
    }

    /// These threads met; `whole_warp` when they are all the live lanes of one warp.
    pub fn meet(&mut self, sync: u32, members: [u64; 16], whole_warp: Option<usize>) {
        if let Some(w) = whole_warp {
            self.warps[w] = sync;
        }
        self.events.push((sync, members));
    }
}

/// The other access of a race, in words.
pub fn describe(then: Stamp, now: Stamp, did: &str) -> String {
    let how = if then & ATOMIC != 0 { "did an atomic on" } else { did };
    if block_of(then) == block_of(now) {
        format!("thread {} {how} it too, and no barrier lies between", thread_of(then))
    } else {
        format!(
            "thread {} of block {} {how} it in the same launch",
            thread_of(then),
            block_of(then)
        )
    }
}

impl Word {
    /// A read of the bytes `need` of this word.
    #[inline]
    pub fn read(&mut self, need: u64, now: Stamp, order: &Order) -> Result<(), Problem> {
        if self.writer & need != need {
            return Err("it was never written".into());
        }
        if !order.before(self.writer, now) {
            return Err(Problem::from(format!("race: {}", describe(self.writer, now, "wrote"))));
        }
        if self.reader != now {
            if (self.reader ^ now) & (THREAD | BLOCK) != 0
                && !replaceable(self.reader, self.other, now)
            {
                self.other = self.reader;
            }
            self.reader = now;
        }
        Ok(())
    }

    /// A write of the bytes `gives` of this word.
    #[inline]
    pub fn write(&mut self, gives: u64, now: Stamp, order: &Order) -> Result<(), Problem> {
        if !order.before(self.writer, now) && self.writer & now & ATOMIC == 0 {
            return Err(Problem::from(format!("race: {}", describe(self.writer, now, "wrote"))));
        }
        for r in [self.reader, self.other] {
            if !order.before(r, now) {
                return Err(Problem::from(format!("race: {}", describe(r, now, "read"))));
            }
        }
        self.writer = now | self.writer & 15 | gives;
        Ok(())
    }
}

/// Two readers are remembered. One of the newcomer's own warp gives way before one of another warp:
/// a warp's own synchronisation may order the first, never the second.
fn replaceable(reader: Stamp, other: Stamp, now: Stamp) -> bool {
    let warp = |s: Stamp| (s & BLOCK, thread_of(s) / 32);
    warp(reader) == warp(now) && warp(other) != warp(now) && other >> 32 >= reader >> 32
}
