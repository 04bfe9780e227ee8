//! What a density is, and how it is evaluated at many events.

use super::Window;
use super::dual::Dual;
use crate::error::{Error, Result};

/// A density with `N` parameters, normalised on its window. The formula stands once, for plain numbers and
/// for those with derivatives.
pub(super) trait Density<const N: usize> {
    /// `ln p(x)` as a function of x, with all that events share worked out.
    ///
    /// # Errors
    ///
    /// A parameter outside its domain: [`outside`].
    fn ready<const K: usize, const H: usize>(
        &self,
        parameters: [Dual<K, H>; N],
    ) -> Result<impl Fn(f64) -> Dual<K, H>>;
}

/// Where results go: one value an event, derivatives parameter after parameter.
pub(super) struct Output<'a> {
    pub(super) value: &'a mut [f64],
    pub(super) gradient: Option<&'a mut [f64]>,
    pub(super) hessian: Option<&'a mut [f64]>,
}

impl Output<'_> {
    /// Whether an event lies outside the window, where the density is 0 whatever the parameters.
    pub(super) fn is_outside(&mut self, window: Window, i: usize, x: f64) -> Result<bool> {
        if x.is_nan() {
            return Err(Error::Argument(format!("event {i}: x is NaN")));
        }
        if (window.lo..=window.hi).contains(&x) {
            return Ok(false);
        }
        self.put(i, f64::NEG_INFINITY, |_| 0.0, |_| 0.0);
        Ok(true)
    }

    /// One event's results.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        i: usize,
        value: f64,
        gradient: impl Fn(usize) -> f64,
        hessian: impl Fn(usize) -> f64,
    ) {
        let n = self.value.len();
        self.value[i] = value;
        if let Some(out) = self.gradient.as_deref_mut() {
            out.iter_mut().skip(i).step_by(n).enumerate().for_each(|(k, out)| *out = gradient(k));
        }
        if let Some(out) = self.hessian.as_deref_mut() {
            out.iter_mut().skip(i).step_by(n).enumerate().for_each(|(k, out)| *out = hessian(k));
        }
    }
}

/// Evaluates with as many derivatives as `out` asks for. `H` is `N (N + 1) / 2`.
pub(super) fn evaluate<const N: usize, const H: usize>(
    density: &impl Density<N>,
    window: Window,
    theta: &[f64],
    x: &[f64],
    out: Output<'_>,
) -> Result<()> {
    const { assert!(H == N * (N + 1) / 2) };
    let theta: [f64; N] = theta.try_into().expect("as many values as parameters");
    match (&out.gradient, &out.hessian) {
        (_, Some(_)) => each(density.ready(Dual::<N, H>::parameters(theta))?, window, x, out),
        (Some(_), None) => each(density.ready(Dual::<N, 0>::parameters(theta))?, window, x, out),
        (None, None) => each(density.ready(Dual::<0, 0>::parameters(theta))?, window, x, out),
    }
}

fn each<const K: usize, const H: usize>(
    log_p: impl Fn(f64) -> Dual<K, H>,
    window: Window,
    x: &[f64],
    mut out: Output<'_>,
) -> Result<()> {
    for (i, &x) in x.iter().enumerate() {
        if out.is_outside(window, i, x)? {
            continue;
        }
        let y = log_p(x);
        let any_nan = y.g.iter().chain(&y.h).any(|d| d.is_nan());
        if y.v.is_nan() || y.v == f64::INFINITY || any_nan {
            return Err(Error::Argument(format!(
                "event {i}: the logarithm of the density at x = {x}, {}, or a derivative is not a number; \
                 the parameters are beyond what f64 can normalise",
                y.v
            )));
        }
        out.put(i, y.v, |k| y.g[k], |k| y.h[k]);
    }
    Ok(())
}

/// A parameter outside its domain.
pub(super) fn outside(name: &str, value: f64, must: &str) -> Error {
    Error::Argument(format!("{name} = {value}, which must be {must}"))
}

pub(super) fn positive(name: &str, value: f64) -> Result<()> {
    // 1 / x of the rest overflows
    if value.is_finite() && value >= f64::MIN_POSITIVE {
        return Ok(());
    }
    Err(outside(name, value, "above 0 and finite"))
}

pub(super) fn finite(name: &str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(outside(name, value, "finite")) }
}
