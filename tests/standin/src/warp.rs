//! What the lanes of a warp do together: shuffles, votes and their own barrier.

use crate::program::{Kernel, Warp, WarpKind};
use crate::thread::State;

/// The lanes of one warp, as `meet` sees them.
pub struct Lanes<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Slots of all the warp's threads, one after another.
    pub slots: &'a mut [u64],
    /// Their states.
    pub states: &'a mut [State],
    /// Where they stand.
    pub pcs: &'a mut [u32],
}

/// What came of a look at a warp.
pub enum Met {
    /// No lane waits for its warp, or not all that are named have come.
    Nothing,
    /// These lanes went on; whether they synchronised memory, and whether they are all the live ones.
    Done { lanes: u32, fence: bool, all: bool },
}

impl Lanes<'_> {
    /// Lets one group of lanes that wait for each other go on.
    pub fn meet(&mut self) -> Result<Met, (usize, String)> {
        let n = self.states.len();
        let live = (0..n).filter(|l| self.states[*l] != State::Done).fold(0u32, |m, l| m | 1 << l);
        let mut tried = 0u32;
        for first in 0..n {
            let State::Warp(which) = self.states[first] else { continue };
            if tried >> first & 1 == 1 {
                continue;
            }
            let w = self.kernel.warps[which as usize];
            let mask = self.slot(first, w.mask) as u32;
            if mask >> first & 1 == 0 {
                return Err((first, format!("the mask {mask:#010x} leaves out the lane itself")));
            }
            let here = |l: usize| {
                self.pcs[l] == self.pcs[first]
                    && self.states[l] == self.states[first]
                    && self.slot(l, w.mask) as u32 == mask
            };
            let group =
                (0..n).filter(|l| mask >> l & 1 == 1 && here(*l)).fold(0u32, |m, l| m | 1 << l);
            tried |= group;
            if group != mask & live {
                continue;
            }
            self.perform(&w, group)?;
            for l in (0..n).filter(|l| group >> l & 1 == 1) {
                self.pcs[l] += 1;
                self.states[l] = State::Ready;
            }
            return Ok(Met::Done {
                lanes: group,
                fence: w.kind == WarpKind::Sync,
                all: group == live,
            });
        }
        Ok(Met::Nothing)
    }

    fn slot(&self, lane: usize, s: u16) -> u64 {
        self.slots[lane * self.kernel.template.len() + s as usize]
    }
    fn set(&mut self, lane: usize, s: u16, v: u64) {
        self.slots[lane * self.kernel.template.len() + s as usize] = v;
    }

    fn perform(&mut self, w: &Warp, group: u32) -> Result<(), (usize, String)> {
        let lanes = (0..32usize).filter(|l| group >> l & 1 == 1);
        match w.kind {
            WarpKind::Sync => Ok(()),
            WarpKind::Ballot | WarpKind::Any | WarpKind::All | WarpKind::Uniform => {
                let ballot =
                    lanes.clone().fold(0u32, |m, l| m | ((self.slot(l, w.a) & 1) as u32) << l);
                let v = match w.kind {
                    WarpKind::Ballot => ballot,
                    WarpKind::Any => u32::from(ballot != 0),
                    WarpKind::All => u32::from(ballot == group),
                    _ => u32::from(ballot == 0 || ballot == group),
                };
                lanes.for_each(|l| self.set(l, w.d, v.into()));
                Ok(())
            }
            _ => {
                let mut out = Vec::with_capacity(32);
                for l in lanes.clone() {
                    let (from, inside) = source(
                        w.kind,
                        l as u32,
                        self.slot(l, w.b) as u32,
                        self.slot(l, w.c) as u32,
                    );
                    if group >> from & 1 == 0 {
                        return Err((
                            l,
                            format!("the shuffle reads lane {from}, which takes no part in it"),
                        ));
                    }
                    out.push((l, self.slot(from as usize, w.a), inside));
                }
                for (l, v, inside) in out {
                    self.set(l, w.d, v);
                    if let Some(p) = w.p {
                        self.set(l, p, inside.into());
                    }
                }
                Ok(())
            }
        }
    }
}

/// The lane that a shuffle reads, and whether it lies in range; the lane itself if it does not.
fn source(kind: WarpKind, lane: u32, b: u32, c: u32) -> (u32, bool) {
    let (clamp, segments) = (c & 31, c >> 8 & 31);
    let b = b & 31;
    let highest = lane & segments | clamp & !segments & 31;
    let lowest = lane & segments;
    let (j, inside) = match kind {
        WarpKind::Up => {
            let j = lane as i32 - b as i32;
            (j, j >= highest as i32)
        }
        WarpKind::Down => (lane as i32 + b as i32, lane + b <= highest),
        WarpKind::Butterfly => ((lane ^ b) as i32, lane ^ b <= highest),
        _ => {
            let j = lowest | b & !segments & 31;
            (j as i32, j <= highest)
        }
    };
    if inside { (j as u32, true) } else { (lane, false) }
}
