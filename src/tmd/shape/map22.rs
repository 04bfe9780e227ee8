//! The shapes of the MAP collaboration (arXiv:2206.07598, equations 30 to 33; arXiv:2405.13833): sums of bells
//! whose widths are powers of x and 1 - x.

use super::{Form, WIDTHS, Widths};

/// Where the widths of distributions are the normalisations.
const X_HAT: f64 = 0.1;
/// The same for fragmentation functions.
const Z_HAT: f64 = 0.5;

/// Places of a width's parameters in the vector of all.
struct Places {
    n: usize,
    alpha: usize,
    sigma: usize,
}

/// `N (x / xh)^sigma ((1 - x) / (1 - xh))^(alpha^2)` with its derivatives in a row.
fn width(p: &[f64], at: &Places, x: f64, row: &mut [f64]) -> f64 {
    let (rise, fall) = (libm::log(x / X_HAT), libm::log((1.0 - x) / (1.0 - X_HAT)));
    let alpha = p[at.alpha];
    let base = libm::exp(p[at.sigma] * rise + alpha * alpha * fall);
    row[at.n] += base;
    let g = p[at.n] * base;
    row[at.sigma] += g * rise;
    row[at.alpha] += g * 2.0 * alpha * fall;
    g
}

/// Three bells, their weights the squares of `lambdas`.
fn three(p: &[f64], x: f64, places: [Places; 3], lambdas: [usize; 2], j: &mut [f64]) -> Widths {
    let n = p.len();
    let mut value = [0.0; WIDTHS];
    for (k, at) in places.iter().enumerate() {
        value[k] = width(p, at, x, &mut j[k * n..(k + 1) * n]);
    }
    for (k, at) in (3..).zip(lambdas) {
        value[k] = p[at] * p[at];
        j[k * n + at] = 2.0 * p[at];
    }
    Widths { form: Form::ThreeBells, scale: 1.0, value }
}

pub(super) fn distribution(p: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
    let places = [
        Places { n: 0, alpha: 1, sigma: 2 },
        Places { n: 4, alpha: 7, sigma: 9 },
        Places { n: 5, alpha: 8, sigma: 10 },
    ];
    three(p, x, places, [3, 6], jacobian)
}

pub(super) fn flavour(p: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
    let places = [
        Places { n: 0, alpha: 3, sigma: 6 },
        Places { n: 1, alpha: 4, sigma: 7 },
        Places { n: 2, alpha: 5, sigma: 7 },
    ];
    three(p, x, places, [8, 9], jacobian)
}

/// Two bells in b / z, the second weighted by `lambdaF / z^2`.
pub(super) fn fragmentation(p: &[f64], z: f64, jacobian: &mut [f64]) -> Widths {
    let n = p.len();
    let mut value = [0.0; WIDTHS];
    for (k, [norm, beta, delta, gamma]) in [[0, 1, 2, 3], [5, 6, 7, 8]].into_iter().enumerate() {
        let row = &mut jacobian[k * n..(k + 1) * n];
        let fall = libm::log((1.0 - z) / (1.0 - Z_HAT));
        let (d, c) = (p[delta], p[gamma]);
        let (own, reference) = (libm::pow(z, p[beta]), libm::pow(Z_HAT, p[beta]));
        let (above, below) = (own + d * d, reference + d * d);
        let base = above / below * libm::exp(c * c * fall);
        let g = p[norm] * base;
        row[norm] = base;
        row[beta] = g * (own * libm::log(z) / above - reference * libm::log(Z_HAT) / below);
        row[delta] = g * 2.0 * d * (1.0 / above - 1.0 / below);
        row[gamma] = g * 2.0 * c * fall;
        value[k] = g;
    }
    let scale = 1.0 / (z * z);
    value[2] = p[4] * scale;
    jacobian[2 * n + 4] = scale;
    Widths { form: Form::TwoBells, scale, value }
}
