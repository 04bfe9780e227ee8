//! q0 (arXiv:1007.1727 eq. 12): `t_0` where the best fit is above 0, else 0. Its asymptotic p-value is
//! `1 - Phi(sqrt q0)` (eq. 52); under the alternative mu' the distribution is that of eq. 49.

pub(super) fn value(mu: f64, mu_hat: f64, t: f64) -> f64 {
    if mu_hat < mu { 0.0 } else { t }
}
