//! Control words that kernels and host share; twin of the constants in `shaders/fit.wgsl`.

use crate::accelerator::End;

/// Counters: next fit, fits done, levels wanted, unused.
pub(in crate::accelerator) const CONTROL: u32 = 4;
/// Words of a slot.
pub(in crate::accelerator) const SLOT: u32 = 8;
/// Words of a fit: how it stands, evaluations, distance to the minimum (f32 bits), first negative bin
/// plus one.
pub(in crate::accelerator) const RESULT: u32 = 4;

/// How a fit stands: `None` while it runs.
pub(in crate::accelerator) fn end(word: u32) -> Option<End> {
    match word {
        1 => Some(End::Converged),
        2 => Some(End::Straggler),
        3 => Some(End::NotFinite),
        _ => None,
    }
}
