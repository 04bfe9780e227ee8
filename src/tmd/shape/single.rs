//! Shapes of one bell.

use super::{CONSTANTS, Form, Kind, WIDTHS, Widths};

fn bell(width: f64) -> Widths {
    let mut value = [0.0; WIDTHS];
    value[0] = width;
    Widths { form: Form::Bell, scale: 1.0, value }
}

/// Width `lambda + g1 ln(1 / x)`.
pub(super) fn gauss(p: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
    let log = -libm::log(x);
    jacobian[0] = log;
    jacobian[1] = 1.0;
    bell(p[1] + p[0] * log)
}

/// What the width of [`simple`] is made of.
pub(super) fn power_bell(x: f64) -> (Kind, [f64; CONSTANTS]) {
    (Kind::PowerBell, [libm::log(x), 0.25 * (1.0 - x) * (1.0 - x), 0.0, 1.0])
}

/// Width `lambda_f^2 x^alpha (1 - x)^2 / 4`.
pub(super) fn simple(p: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
    let base = 0.25 * libm::pow(x, p[1]) * (1.0 - x) * (1.0 - x);
    let width = p[0] * p[0] * base;
    jacobian[0] = 2.0 * p[0] * base;
    jacobian[1] = width * libm::log(x);
    bell(width)
}
