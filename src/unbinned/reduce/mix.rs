//! One event under a mixture of processes.

/// `ln sum_p nu_p f_p` of one event from the logarithms of yields and densities, or `None` where no process can
/// make it. `shares` get `nu_p f_p` over the sum, the probability that it is of process p.
#[inline]
pub(super) fn mix(
    log_yields: &[f64],
    log_p: impl Fn(usize) -> f64,
    shares: &mut [f64],
) -> Option<f64> {
    let mut top = f64::NEG_INFINITY;
    for (p, (share, log_nu)) in shares.iter_mut().zip(log_yields).enumerate() {
        *share = log_nu + log_p(p);
        top = top.max(*share);
    }
    if top == f64::NEG_INFINITY {
        shares.fill(0.0);
        return None;
    }
    let mut sum = 0.0;
    for share in shares.iter_mut() {
        *share = libm::exp(*share - top);
        sum += *share;
    }
    shares.iter_mut().for_each(|share| *share /= sum);
    Some(top + libm::log(sum))
}
