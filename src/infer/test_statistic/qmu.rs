//! q_mu (arXiv:1007.1727 eq. 14): `t_mu` where the best fit is below `mu`, else 0. The best fit may be
//! negative.

/// Symmetric about 0 where the model declares no negative values.
pub(super) fn bounds((lower, upper): (f64, f64)) -> (f64, f64) {
    (lower.min(-upper.abs()), upper)
}

pub(super) fn value(mu: f64, mu_hat: f64, t: f64) -> f64 {
    if mu_hat > mu { 0.0 } else { t }
}

/// Eq. 57 with mu' = mu, and with the mu' of the alternative: `sqrt(q_asimov) = |mu - mu'| / sigma`.
pub(super) fn scores(q: f64, q_asimov: f64) -> (f64, f64) {
    (q.sqrt(), q.sqrt() - q_asimov.sqrt())
}

/// Derivatives of [`scores`].
pub(super) fn score_slopes(q: f64, q_asimov: f64) -> ([f64; 2], [f64; 2]) {
    let of_root = |q: f64| if q > 0.0 { 0.5 / q.sqrt() } else { 0.0 };
    ([of_root(q), 0.0], [of_root(q), -of_root(q_asimov)])
}
