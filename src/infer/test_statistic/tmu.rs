//! t_mu (arXiv:1007.1727 eq. 8): the difference itself, whichever side the best fit is on.

use crate::infer::distributions::normal_tail;

pub(super) fn bounds(declared: (f64, f64)) -> (f64, f64) {
    super::qmu::bounds(declared)
}

pub(super) fn value(t: f64) -> f64 {
    t
}

/// Eq. 35 with mu' = mu and with mu' = 0.
pub(super) fn p_values(t: f64, t_asimov: f64) -> (f64, f64) {
    let (root, shift) = (t.sqrt(), t_asimov.sqrt());
    (2.0 * normal_tail(root), normal_tail(root + shift) + normal_tail(root - shift))
}
