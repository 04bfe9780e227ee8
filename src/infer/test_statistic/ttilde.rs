//! t~_mu (arXiv:1007.1727 eq. 11): as t_mu, with best fits below 0 replaced by the best one at 0.

use crate::infer::distributions::normal_tail;

pub(super) fn bounds(declared: (f64, f64)) -> (f64, f64) {
    super::qtilde::bounds(declared)
}

pub(super) fn value(t: f64) -> f64 {
    t
}

/// Eq. 43 with mu' = mu and with mu' = 0: best fits above `mu` on one side; on the other the form
/// changes where they reach 0.
pub(super) fn p_values(t: f64, t_asimov: f64) -> (f64, f64) {
    let (root, shift) = (t.sqrt(), t_asimov.sqrt());
    let (tested, alternative) = super::qtilde::scores(t, t_asimov);
    let above = (normal_tail(root), normal_tail(root + shift));
    (above.0 + normal_tail(tested), above.1 + normal_tail(alternative))
}
