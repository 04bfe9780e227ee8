//! Densities that are linear in their parameters: sums of basis functions.

use super::Window;
use super::density::{Output, finite};
use super::local::{Form, Functions, Local};
use crate::error::{Error, Result};
use crate::unbinned::packed::{place, row_and_column};

/// Functions of x on a window.
pub(super) trait Basis {
    /// How many parameters' functions there are.
    fn len(&self) -> usize;
    /// What is added to their sum.
    fn offset(&self) -> f64;
    /// Their values at x.
    fn values(&self, x: f64, out: &mut [f64]);
    /// Their means over the window.
    fn means(&self, out: &mut [f64]);
}

/// Points for each function at which a sum's sign is looked at.
const POINTS: usize = 8;
/// Negative values this small against their terms are rounding.
const ROUNDING: f64 = 1e-12;

/// `ln(S(x) / (width mean S))` with `S = offset + sum c_k f_k(x)`.
pub(super) fn evaluate(
    basis: &impl Basis,
    window: Window,
    c: &[f64],
    x: &[f64],
    mut out: Output<'_>,
) -> Result<()> {
    let Integral { means, mean, norm } = integral(basis, window, c)?;
    let mut values = vec![0.0; basis.len()];
    for (i, &x) in x.iter().enumerate() {
        if out.is_outside(window, i, x)? {
            continue;
        }
        basis.values(x, &mut values);
        let (s, size) = sum(basis, c, &values);
        if s < -ROUNDING * size {
            return Err(negative(s, x));
        }
        if s <= 0.0 {
            out.put(i, f64::NEG_INFINITY, |_| 0.0, |_| 0.0);
            continue;
        }
        let (a, b) = (1.0 / s, 1.0 / mean);
        let hessian = |at: usize| {
            let (j, k) = row_and_column(at);
            values.get(j).map_or(0.0, |v| means[j] * b * means[k] * b - v * a * values[k] * a)
        };
        out.put(i, libm::log(s) - norm, |k| values[k] * a - means[k] * b, hessian);
    }
    Ok(())
}

/// What a sum's events share.
struct Integral {
    /// Of the functions over the window, and of their sum.
    means: Vec<f64>,
    mean: f64,
    norm: f64,
}

fn integral(basis: &impl Basis, window: Window, c: &[f64]) -> Result<Integral> {
    c.iter().try_for_each(|c| finite("a coefficient", *c))?;
    let mut means = vec![0.0; basis.len()];
    basis.means(&mut means);
    let (mean, _) = sum(basis, c, &means);
    check_signs(basis, window, c)?;
    if !(mean > 0.0 && mean.is_finite()) {
        let message =
            format!("the integral over the window is {mean} times its width, not above 0");
        return Err(Error::Argument(message));
    }
    let norm = libm::log(mean) + libm::log(window.hi - window.lo);
    Ok(Integral { means, mean, norm })
}

/// For the kernel: a sum's second derivatives are those of its normaliser alone.
pub(super) fn local(
    basis: &impl Basis,
    functions: Functions,
    window: Window,
    c: &[f64],
    free: &[usize],
) -> Result<Option<Local>> {
    let Integral { means, mean, norm } = integral(basis, window, c)?;
    let k = free.len();
    let slopes: Vec<f64> = free.iter().map(|f| -means[*f] / mean).collect();
    let form = Form::Series {
        basis: functions,
        window: [window.lo, window.hi],
        c: c.to_vec(),
        free: free.to_vec(),
        norm,
    };
    let mut local = Local { form, curves: 0, products: false, ..Local::given(k) };
    local.bend = vec![0.0; (1 + k) * k * (k + 1) / 2];
    for a in 0..k {
        local.jacobian[a] = slopes[a];
        (0..=a).for_each(|b| local.bend[place(a, b)] = slopes[a] * slopes[b]);
    }
    Ok(local.checked())
}

/// The sum and that of its terms' sizes.
fn sum(basis: &impl Basis, c: &[f64], values: &[f64]) -> (f64, f64) {
    let offset = basis.offset();
    let terms = c.iter().zip(values).map(|(c, v)| c * v);
    terms.fold((offset, offset.abs()), |(sum, size), t| (sum + t, size + t.abs()))
}

/// A density that is negative somewhere would be normalised too small everywhere else: it is looked at where
/// a polynomial of this degree bends, and at the ends.
fn check_signs(basis: &impl Basis, window: Window, c: &[f64]) -> Result<()> {
    let mut values = vec![0.0; basis.len()];
    let n = POINTS * (basis.len() + 1);
    for i in 0..=n {
        let share = 0.5 - 0.5 * libm::cos(std::f64::consts::PI * i as f64 / n as f64);
        let x = window.lo + share * (window.hi - window.lo);
        basis.values(x, &mut values);
        let (s, size) = sum(basis, c, &values);
        if s < -ROUNDING * size {
            return Err(negative(s, x));
        }
    }
    Ok(())
}

fn negative(s: f64, x: f64) -> Error {
    Error::Argument(format!(
        "these coefficients make the density negative ({s} before normalisation at x = {x})"
    ))
}
