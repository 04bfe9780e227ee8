//! Memory that checks every access: device allocations, shared memory, the windows of generic addresses.
//!
//! A device address is `slot << 36 | offset`, and a slot is used once: an index out of range or a
//! freed pointer can never land in another allocation, and no device address is a host address.

use crate::race::{Order, Stamp, Word};
use crate::types::Problem;

/// Bits of an offset within one allocation.
pub const OFFSET_BITS: u32 = 36;
/// Where shared memory stands among generic addresses.
pub const SHARED_WINDOW: u64 = 0x1000_0000;
/// Where a thread's local memory stands among generic addresses.
pub const LOCAL_WINDOW: u64 = 0x2000_0000;
/// The size of either window.
pub const WINDOW: u64 = 0x1000_0000;

/// A state space, or any of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Space {
    Global,
    /// Read-only for the whole launch: `ld.global.nc`, `ld.const`.
    Constant,
    Shared,
    Local,
    /// The kernel's parameters, by offset.
    Param,
    Generic,
}

/// One allocation, or the shared memory of one block.
pub struct Area {
    data: Vec<u64>,
    words: Vec<Word>,
    /// Bytes.
    pub len: usize,
    /// Whether races are looked for.
    pub watched: bool,
}

impl Area {
    /// Undefined memory: all NaN, and no byte of it written.
    pub fn new(len: usize, watched: bool) -> Area {
        Area {
            data: vec![u64::MAX; len.div_ceil(8)],
            words: vec![Word::default(); len.div_ceil(4)],
            len,
            watched,
        }
    }

    /// The bytes as the host sees them.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `data` holds at least `len` bytes, and a u64 may be read as bytes.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().cast(), self.len) }
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_mut_ptr().cast(), self.len) }
    }

    /// A write by the host, which is ordered before every later launch.
    pub fn put(&mut self, offset: usize, from: &[u8]) {
        self.bytes_mut()[offset..offset + from.len()].copy_from_slice(from);
        self.define(offset, from.len(), |_| true);
    }

    /// Where bytes lie that somebody else writes as well, and keeps to the order of launches.
    pub fn reach(&mut self, offset: usize, n: usize) -> *mut u8 {
        self.define(offset, n, |_| true);
        self.bytes_mut()[offset..offset + n].as_mut_ptr()
    }

    /// Copies bytes within or between areas; what was undefined stays undefined.
    pub fn copy(&mut self, offset: usize, from: &(Vec<u8>, Vec<bool>)) {
        self.bytes_mut()[offset..offset + from.0.len()].copy_from_slice(&from.0);
        self.define(offset, from.0.len(), |i| from.1[i]);
    }

    /// Bytes and which of them are defined, for `copy`.
    pub fn snapshot(&self, offset: usize, n: usize) -> (Vec<u8>, Vec<bool>) {
        let defined =
            (offset..offset + n).map(|i| self.words[i / 4].writer >> (i % 4) & 1 == 1).collect();
        (self.bytes()[offset..offset + n].to_vec(), defined)
    }

    fn define(&mut self, offset: usize, n: usize, yes: impl Fn(usize) -> bool) {
        for i in 0..n {
            let (word, bit) = (&mut self.words[(offset + i) / 4].writer, 1 << ((offset + i) % 4));
            if yes(i) {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }

    /// Forgets who touched what, when the count of synchronisations starts again.
    pub fn forget(&mut self) {
        for w in &mut self.words {
            *w = Word { writer: w.writer & 15, ..Word::default() };
        }
    }

    #[inline]
    fn place(&self, offset: u64, size: usize, align: usize) -> Result<usize, Problem> {
        if offset.checked_add(size as u64).is_none_or(|end| end > self.len as u64) {
            return Err(Problem::from(format!(
                "out of bounds: offset {offset} of {} bytes",
                self.len
            )));
        }
        if offset & (align as u64 - 1) != 0 {
            return Err(Problem::from(format!(
                "misaligned: offset {offset} is no multiple of {align}"
            )));
        }
        Ok(offset as usize)
    }

    /// Loads `size` bytes, zero-extended.
    #[inline]
    pub fn load(
        &mut self,
        offset: u64,
        size: usize,
        align: usize,
        now: Stamp,
        order: &Order,
    ) -> Result<u64, Problem> {
        let at = self.place(offset, size, align)?;
        match size {
            8 => {
                let watched = self.watched;
                both(&mut self.words, at, |w| w.reads(15, now, order, watched))?;
                Ok(self.data[at / 8])
            }
            _ => {
                let need = ((1 << size) - 1) << (at % 4);
                self.words[at / 4].reads(need, now, order, self.watched && size == 4)?;
                Ok(self.data[at / 8] >> (at % 8 * 8) & crate::types::mask(size))
            }
        }
    }

    /// A load from memory that must not change during the launch.
    #[inline]
    pub fn load_constant(
        &mut self,
        offset: u64,
        size: usize,
        align: usize,
        now: Stamp,
        order: &Order,
    ) -> Result<u64, Problem> {
        let at = self.place(offset, size, align)?;
        let w = self.words[at / 4].writer;
        if w >> 32 >= u64::from(order.launch) {
            return Err("written during this launch, yet read as constant".into());
        }
        self.load(offset, size, align, now, order)
    }

    /// Stores the low `size` bytes of `value`.
    #[inline]
    pub fn store(
        &mut self,
        offset: u64,
        size: usize,
        align: usize,
        value: u64,
        now: Stamp,
        order: &Order,
    ) -> Result<(), Problem> {
        let at = self.place(offset, size, align)?;
        match size {
            8 => {
                let watched = self.watched;
                both(&mut self.words, at, |w| w.writes(15, now, order, watched))?;
                self.data[at / 8] = value;
            }
            _ => {
                let (gives, shift) = (((1 << size) - 1) << (at % 4), at % 8 * 8);
                self.words[at / 4].writes(gives, now, order, self.watched && size == 4)?;
                let m = crate::types::mask(size) << shift;
                self.data[at / 8] = self.data[at / 8] & !m | value << shift & m;
            }
        }
        Ok(())
    }

    /// Reads, changes and writes `size` bytes at once; returns what was there.
    pub fn atomic(
        &mut self,
        offset: u64,
        size: usize,
        now: Stamp,
        order: &Order,
        f: impl FnOnce(u64) -> u64,
    ) -> Result<u64, Problem> {
        let at = self.place(offset, size, size)?;
        for w in &self.words[at / 4..(at + size) / 4] {
            if w.writer & 15 != 15 {
                return Err("it was never written".into());
            }
        }
        let old = self.data[at / 8] >> (at % 8 * 8) & crate::types::mask(size);
        self.store(offset, size, size, f(old), now | crate::race::ATOMIC, order)?;
        Ok(old)
    }
}

/// Does `f` to the two words of eight bytes: once, where their histories are the same.
#[inline]
fn both(
    words: &mut [Word],
    at: usize,
    f: impl Fn(&mut Word) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let Some([a, b]) = words.get_mut(at / 4..at / 4 + 2) else {
        return Err("out of bounds".into());
    };
    if a == b {
        f(a)?;
        *b = *a;
        return Ok(());
    }
    f(a)?;
    f(b)
}

impl Word {
    #[inline]
    fn reads(
        &mut self,
        need: u64,
        now: Stamp,
        order: &Order,
        watched: bool,
    ) -> Result<(), Problem> {
        if watched {
            self.read(need, now, order)
        } else if self.writer & need != need {
            Err("it was never written".into())
        } else {
            Ok(())
        }
    }
    #[inline]
    fn writes(
        &mut self,
        gives: u64,
        now: Stamp,
        order: &Order,
        watched: bool,
    ) -> Result<(), Problem> {
        if watched {
            return self.write(gives, now, order);
        }
        self.writer |= gives;
        Ok(())
    }
}

/// Device memory.
#[derive(Default)]
pub struct Heap {
    slots: Vec<Option<Area>>,
    /// Of the first slot: devices have addresses of their own.
    base: u64,
    /// Bytes in use.
    pub used: usize,
    watched: bool,
}

impl Heap {
    /// Empty memory; `watched` tells whether races between threads are looked for in it.
    pub fn new(watched: bool) -> Heap {
        Heap { watched, ..Heap::default() }
    }

    /// The same for device `number`.
    pub fn of_device(number: usize, watched: bool) -> Heap {
        Heap { base: (number as u64) << 16, ..Heap::new(watched) }
    }

    fn slot(&self, address: u64) -> usize {
        (address >> OFFSET_BITS).wrapping_sub(self.base) as usize
    }

    /// Allocates undefined memory and returns its address.
    pub fn allocate(&mut self, len: usize) -> u64 {
        if self.slots.is_empty() {
            self.slots.push(None); // slot 0 holds null and the windows
        }
        self.slots.push(Some(Area::new(len, self.watched)));
        self.used += len;
        (self.base + (self.slots.len() - 1) as u64) << OFFSET_BITS
    }

    /// Frees what `allocate` returned; false if it did not.
    pub fn free(&mut self, address: u64) -> bool {
        let slot = self.slot(address);
        let whole = address & ((1 << OFFSET_BITS) - 1) == 0;
        match self.slots.get_mut(slot).filter(|_| whole).and_then(Option::take) {
            Some(a) => {
                self.used -= a.len;
                true
            }
            None => false,
        }
    }

    /// The allocation around an address, and the offset in it.
    #[inline]
    pub fn find(&mut self, address: u64) -> Result<(&mut Area, u64), Problem> {
        let slot = self.slot(address);
        match self.slots.get_mut(slot) {
            Some(Some(area)) => Ok((area, address & ((1 << OFFSET_BITS) - 1))),
            Some(None) if slot > 0 => Err("freed: the allocation is gone".into()),
            _ => Err("out of bounds: no such allocation".into()),
        }
    }

    /// The same for `n` bytes that the host reads or writes.
    pub fn range(&mut self, address: u64, n: usize) -> Result<(&mut Area, usize), Problem> {
        let (area, offset) = self.find(address)?;
        if offset + n as u64 > area.len as u64 {
            return Err(Problem::from(format!(
                "{n} bytes at offset {offset} of {} bytes",
                area.len
            )));
        }
        Ok((area, offset as usize))
    }

    /// Forgets who touched what.
    pub fn forget(&mut self) {
        self.slots.iter_mut().flatten().for_each(Area::forget);
    }
}
