//! Working memory of one slot, which is one workgroup's: how many numbers, and where each stands.

use super::header::Header;

/// BFGS pairs, as in `shaders/fit.wgsl`.
const MEMORY: u32 = 8;

/// Share of a binding that working memory may take, the rest being results.
pub(in crate::accelerator) const WORKING_SHARE: u64 = 2;

/// What a slot is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accelerator) enum Use {
    Evaluate,
    /// The first stage of fits.
    Shared,
    /// The second stage: each fit's own curvature.
    Own,
}

/// Set the offsets and sizes of a slot.
pub(in crate::accelerator) fn lay_out(h: &mut Header, purpose: Use) {
    let n = h.n_parameters;
    let mut next = 0;
    let mut take = |field: &mut u32, length: u32| {
        *field = next;
        next += length;
        next
    };
    take(&mut h.r_trial, n);
    take(&mut h.r_h, n);
    take(&mut h.r_factor, h.n_scalars);
    take(&mut h.r_scale, h.n_samples);
    take(&mut h.r_shape, h.n_cells);
    take(&mut h.r_rate, h.n_cells);
    take(&mut h.r_x, n);
    // with the first negative bin behind it
    h.reals_slot = take(&mut h.r_nll, 2);
    let mut next = 0;
    let mut take = |field: &mut u32, length: u32| {
        *field = next;
        next += length;
        next
    };
    take(&mut h.l_slope, n);
    take(&mut h.l_derivative, h.n_scalars);
    take(&mut h.l_others, h.n_scalars);
    take(&mut h.l_suffix, h.n_samples);
    take(&mut h.l_bins, h.n_cells);
    take(&mut h.l_adjoint, h.n_cells);
    take(&mut h.l_weight, h.n_main);
    take(&mut h.l_partial, 2 * h.n_chunks);
    take(&mut h.l_gradient, n);
    h.lows_slot = take(&mut h.l_jump, n);
    if purpose == Use::Evaluate {
        return;
    }
    take(&mut h.l_g, n);
    take(&mut h.l_mask, n);
    take(&mut h.l_side, n);
    take(&mut h.l_trial_side, n);
    take(&mut h.l_direction, n);
    take(&mut h.l_solved, n);
    take(&mut h.l_steps, MEMORY * n);
    take(&mut h.l_changes, MEMORY * n);
    // with the distance to the minimum behind it
    h.lows_slot = take(&mut h.l_rho, MEMORY + 1);
    match purpose {
        Use::Evaluate => {}
        // a column of any level's inverse curvature for each bin and each wide parameter at most
        Use::Shared => {
            let columns = (h.n_main + h.n_wide).next_multiple_of(4);
            h.lows_slot = take(&mut h.l_coefficients, columns);
        }
        Use::Own => {
            take(&mut h.l_wide, h.n_main * h.n_wide);
            take(&mut h.l_narrow, h.n_narrow);
            take(&mut h.l_root, h.n_main);
            take(&mut h.l_inverse, n);
            take(&mut h.l_factor, h.n_main * h.n_main);
            h.lows_slot = take(&mut h.l_bin, h.n_main);
        }
    }
}

/// Slots of this layout: `most`, or as many as working memory allows in bindings of `limit` bytes.
pub(in crate::accelerator) fn count(
    h: &Header,
    real_bytes: u64,
    low_bytes: u64,
    limit: u64,
    most: u32,
) -> u32 {
    let slot = (u64::from(h.reals_slot) * real_bytes).max(u64::from(h.lows_slot) * low_bytes);
    (limit / WORKING_SHARE / slot.max(1)).clamp(1, u64::from(most.max(1))) as u32
}
