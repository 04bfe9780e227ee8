//! What kernels say of fits: control words and results, and the host's reading of them. Twin of the
//! constants in `shaders/fit.wgsl` and `cuda/fit.cuh`.

use std::ops::Range;

use crate::accelerator::{DeviceFits, End, FitJob, Outcome, Program};

/// Counters: next fit, fits done, levels wanted, and, in WGSL, 1 where the driver ended loops early.
pub(in crate::accelerator) const CONTROL: u32 = 4;
/// Words of a slot.
#[cfg(feature = "gpu")]
pub(in crate::accelerator) const SLOT: u32 = 8;
/// Words of a fit: how it stands, evaluations, distance to the minimum (f32 bits), first negative bin
/// plus one.
pub(in crate::accelerator) const RESULT: u32 = 4;

/// How a fit stands: `None` while it runs.
fn end(word: u32) -> Option<End> {
    match word {
        1 => Some(End::Converged),
        2 => Some(End::Straggler),
        3 => Some(End::NotFinite),
        _ => None,
    }
}

/// Put what is done of `range` into `fits`: rows of parameters and NLL, `[n, n_parameters + 1]`, and
/// words, `[n, RESULT]`. Returns the number of stragglers.
pub(in crate::accelerator) fn collect(
    program: &Program,
    job: &FitJob<'_>,
    range: Range<usize>,
    rows: &[f64],
    words: &[u32],
    fits: &mut DeviceFits,
) -> u32 {
    let n = job.fixed.len();
    let results = rows.chunks_exact(n + 1).zip(words.chunks_exact(RESULT as usize));
    let mut stragglers = 0;
    for (fit, (row, words)) in range.zip(results) {
        let Some(end) = end(words[0]) else { continue };
        stragglers += u32::from(end == End::Straggler);
        let mut parameters = row[..n].to_vec();
        for (k, value) in parameters.iter_mut().enumerate() {
            // fixed values as they were given, not as the device rounds them
            *value = match job.fixed[k] {
                true => job.start_of(fit)[k],
                false => value.clamp(program.lower[k], program.upper[k]),
            };
        }
        fits.outcomes[fit] = Some(Outcome {
            parameters,
            nll: row[n],
            edm: f64::from(f32::from_bits(words[2])),
            evaluations: words[1],
            negative_bin: words[3] as i32 - 1,
            end,
        });
    }
    stragglers
}
