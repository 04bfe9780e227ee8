//! The shapes of the MAP collaboration (arXiv:2206.07598, equations 30 to 33; arXiv:2405.13833): sums of bells
//! whose widths are powers of x and 1 - x.

use super::{CONSTANTS, Form, Kind, WIDTHS, Widths};

/// Where the widths of distributions are the normalisations.
const X_HAT: f64 = 0.1;
/// The same for fragmentation functions.
const Z_HAT: f64 = 0.5;

/// Logarithms that widths of distributions are made of.
pub(super) fn three_bells(x: f64) -> (Kind, [f64; CONSTANTS]) {
    let (rise, fall) = (libm::log(x / X_HAT), libm::log((1.0 - x) / (1.0 - X_HAT)));
    (Kind::ThreeBells, [rise, fall, 0.0, 1.0])
}

/// The same of fragmentation functions, whose weight is in units of 1 / z^2.
pub(super) fn two_bells(z: f64) -> (Kind, [f64; CONSTANTS]) {
    let fall = libm::log((1.0 - z) / (1.0 - Z_HAT));
    (Kind::Fragmentation, [libm::log(z), fall, libm::log(Z_HAT), 1.0 / (z * z)])
}

/// Three bells of widths `N (x / xh)^sigma ((1 - x) / (1 - xh))^(alpha^2)`, the second and third weighted by squares.
pub(super) fn distribution(
    p: &[f64],
    x: f64,
    places: &[&[usize]; WIDTHS],
    jacobian: &mut [f64],
) -> Widths {
    let (_, [rise, fall, _, scale]) = three_bells(x);
    let mut value = [0.0; WIDTHS];
    for ((value, places), row) in value.iter_mut().zip(places).zip(jacobian.chunks_mut(p.len())) {
        *value = match **places {
            [norm, alpha, sigma] => {
                let a = p[alpha];
                let base = libm::exp(p[sigma] * rise + a * a * fall);
                let g = p[norm] * base;
                row[norm] = base;
                row[sigma] = g * rise;
                row[alpha] = g * 2.0 * a * fall;
                g
            }
            [lambda, ..] => {
                row[lambda] = 2.0 * p[lambda];
                p[lambda] * p[lambda]
            }
            [] => 0.0,
        };
    }
    Widths { form: Form::ThreeBells, scale, value }
}

/// Two bells in b / z, the second weighted by `lambdaF / z^2`.
pub(super) fn fragmentation(
    p: &[f64],
    z: f64,
    places: &[&[usize]; WIDTHS],
    jacobian: &mut [f64],
) -> Widths {
    let (_, [log, fall, log_hat, scale]) = two_bells(z);
    let mut value = [0.0; WIDTHS];
    for ((value, places), row) in value.iter_mut().zip(places).zip(jacobian.chunks_mut(p.len())) {
        let [norm, beta, delta, gamma] = match **places {
            [norm, beta, delta, gamma] => [norm, beta, delta, gamma],
            [lambda, ..] => {
                row[lambda] = scale;
                *value = p[lambda] * scale;
                continue;
            }
            [] => continue,
        };
        let (d, c) = (p[delta], p[gamma]);
        let (own, reference) = (libm::pow(z, p[beta]), libm::pow(Z_HAT, p[beta]));
        let (above, below) = (own + d * d, reference + d * d);
        let base = above / below * libm::exp(c * c * fall);
        let g = p[norm] * base;
        row[norm] = base;
        row[beta] = g * (own * log / above - reference * log_hat / below);
        row[delta] = g * 2.0 * d * (1.0 / above - 1.0 / below);
        row[gamma] = g * 2.0 * c * fall;
        *value = g;
    }
    Widths { form: Form::TwoBells, scale, value }
}
