//! What blocks work with: how many threads one dataset gets, and where its working memory lies.

use std::sync::Arc;

use cudarc::driver::{CudaFunction, CudaSlice, CudaStream, LaunchConfig, sys};

use super::driver::{BLOCK, BLOCKS, Context};
use crate::Result;
use crate::accelerator::layout::Header;

/// Bits of what lies in shared memory: REALS_SHARED and LOWS_SHARED in `cuda/slot.cuh`.
const REALS: u32 = 1;
const LOWS: u32 = 2;

/// Threads of a block for a model: most of [`BLOCK`] have nothing to do in a small one, so that more datasets share a
/// multiprocessor. It hangs on the model alone, as the order of sums over a block does, and with it their bits.
fn threads(header: &Header) -> u32 {
    match header.n_parameters.max(header.n_cells) {
        ..=32 => 32,
        33..=96 => 64,
        _ => BLOCK,
    }
}

/// Blocks that a multiprocessor surely has room for.
fn blocks_at_once(threads: u32) -> u32 {
    BLOCKS * (BLOCK / threads)
}

/// What of a slot lies in shared memory with room for so many bytes, and its bytes: as much as can.
fn resident(reals: u64, lows: u64, room: u64) -> (u32, u64) {
    let all = [(REALS | LOWS, reals + lows), (REALS, reals), (LOWS, lows), (0, 0)];
    let fits = all.into_iter().filter(|(_, bytes)| *bytes <= room);
    fits.max_by_key(|(_, bytes)| *bytes).unwrap_or((0, 0))
}

/// Working memory of as many blocks as are in flight, a slot each.
pub(super) struct Working {
    /// What of a slot lies in shared memory.
    pub(super) resident: u32,
    pub(super) reals: CudaSlice<f64>,
    pub(super) lows: CudaSlice<f64>,
    /// How its kernel is launched.
    pub(super) launch: LaunchConfig,
}

impl Working {
    /// For the datasets and the layout of `header`, whose number of slots it sets; `more` numbers a slot lie elsewhere.
    ///
    /// # Errors
    /// Where the card has no memory for one slot.
    pub(super) fn new(
        context: &Context,
        stream: &Arc<CudaStream>,
        kernel: &CudaFunction,
        header: &mut Header,
        more: u32,
    ) -> Result<Self> {
        let threads = threads(header);
        let room = context.shared_room(kernel, blocks_at_once(threads))?;
        let bytes = |numbers: u32| 8 * u64::from(numbers);
        let (reals, lows) = (bytes(header.reals_slot), bytes(header.lows_slot));
        let (resident, shared) = resident(reals, lows, room);
        let elsewhere = reals + lows - shared + bytes(more);
        header.n_slots = context.slots(header.n_fits, elsewhere, blocks_at_once(threads))?;
        let place = |bit: u32, slot: u32| {
            let slots = if resident & bit == 0 { header.n_slots } else { 0 };
            context.room_on::<f64>(stream, "working memory", slots as usize * slot as usize)
        };
        let launch = LaunchConfig {
            grid_dim: (header.n_slots, 1, 1),
            block_dim: (threads, 1, 1),
            shared_mem_bytes: shared as u32,
        };
        let (reals, lows) = (place(REALS, header.reals_slot)?, place(LOWS, header.lows_slot)?);
        Ok(Self { resident, reals, lows, launch })
    }
}

impl Context {
    /// Bytes of dynamic shared memory for each of so many blocks of a kernel that a multiprocessor holds at once.
    fn shared_room(&self, kernel: &CudaFunction, blocks: u32) -> Result<u64> {
        let shared = &self.device.shared;
        let own = kernel
            .get_attribute(sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)
            .map_err(|e| self.error("a kernel", e))?;
        let part = (shared.multiprocessor / blocks).saturating_sub(shared.reserved);
        Ok(u64::from(part.min(shared.block).saturating_sub(own.max(0) as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_can_is_shared() {
        let found = [100, 29, 20, 19, 10, 9].map(|room| resident(10, 20, room));
        assert_eq!(found[0], (REALS | LOWS, 30));
        assert_eq!(found[1..3], [(LOWS, 20); 2]);
        assert_eq!(found[3..5], [(REALS, 10); 2]);
        assert_eq!(found[5], (0, 0));
        assert_eq!(resident(20, 10, 29), (REALS, 20));
    }

    #[test]
    fn a_multiprocessor_has_as_many_threads_whatever_the_model() {
        for n in [1, 32, 33, 96, 97, 5000] {
            let header = Header { n_parameters: n, ..Header::default() };
            let threads = threads(&header);
            assert_eq!(blocks_at_once(threads) * threads, BLOCKS * BLOCK, "{n}");
        }
    }
}
