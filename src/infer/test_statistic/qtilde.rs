//! q~_mu (arXiv:1007.1727 eq. 16): as q_mu, with best fits below 0 replaced by the best one at 0,
//! which is what the free fit finds with a lower bound of 0.

/// From 0 on, whatever the model declares: the alternative is mu = 0.
pub(super) fn bounds((_, upper): (f64, f64)) -> (f64, f64) {
    (0.0, if upper > 0.0 { upper } else { 1.0 })
}

pub(super) fn value(mu: f64, mu_hat: f64, t: f64) -> f64 {
    super::qmu::value(mu, mu_hat, t)
}

/// Eq. 64 with mu' = mu and with mu' = 0: the form changes where the best fit reaches 0.
pub(super) fn scores(q: f64, q_asimov: f64) -> (f64, f64) {
    if q <= q_asimov || q_asimov <= 0.0 {
        return super::qmu::scores(q, q_asimov);
    }
    let width = 2.0 * q_asimov.sqrt();
    ((q + q_asimov) / width, (q - q_asimov) / width)
}

/// Derivatives of [`scores`].
pub(super) fn score_slopes(q: f64, q_asimov: f64) -> ([f64; 2], [f64; 2]) {
    if q <= q_asimov || q_asimov <= 0.0 {
        return super::qmu::score_slopes(q, q_asimov);
    }
    let root = q_asimov.sqrt();
    let by_q = 0.5 / root;
    let (sum, difference) = (q + q_asimov, q - q_asimov);
    let by_asimov = |numerator: f64, sign: f64| by_q * (sign - numerator / (2.0 * q_asimov));
    ([by_q, by_asimov(sum, 1.0)], [by_q, by_asimov(difference, -1.0)])
}
