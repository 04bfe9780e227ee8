//! The shape of the Pavia 2019 analysis (arXiv:1912.07550, equations 2.41 and 2.42).

use super::{Form, WIDTHS, Widths};

/// `N / (x sigma) exp(-ln^2(x / alpha) / (2 sigma^2))` twice, and the weight lambda.
pub(super) fn widths(p: &[f64], x: f64, jacobian: &mut [f64]) -> Widths {
    let n = p.len();
    let mut value = [0.0; WIDTHS];
    for (k, [norm, alpha, sigma]) in [[0, 1, 2], [4, 5, 6]].into_iter().enumerate() {
        let row = &mut jacobian[k * n..(k + 1) * n];
        let s = p[sigma];
        let log = libm::log(x / p[alpha]);
        let t = log / s;
        let base = libm::exp(-0.5 * t * t) / (x * s);
        let g = p[norm] * base;
        row[norm] = base;
        row[alpha] = g * t / (s * p[alpha]);
        row[sigma] = g * (t * t - 1.0) / s;
        value[k] = g;
    }
    value[2] = p[3];
    jacobian[2 * n + 3] = 1.0;
    Widths { form: Form::LorentzBell, scale: 1.0, value }
}
