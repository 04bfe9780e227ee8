//! The shape of the Pavia 2019 analysis (arXiv:1912.07550, equations 2.41 and 2.42).

use super::{Form, WIDTHS, Widths};

/// `N / (x sigma) exp(-ln^2(x / alpha) / (2 sigma^2))` twice, and the weight lambda.
pub(super) fn widths(
    p: &[f64],
    x: f64,
    places: &[&[usize]; WIDTHS],
    jacobian: &mut [f64],
) -> Widths {
    let mut value = [0.0; WIDTHS];
    for ((value, places), row) in value.iter_mut().zip(places).zip(jacobian.chunks_mut(p.len())) {
        let [norm, alpha, sigma] = match **places {
            [norm, alpha, sigma] => [norm, alpha, sigma],
            [lambda, ..] => {
                row[lambda] = 1.0;
                *value = p[lambda];
                continue;
            }
            [] => continue,
        };
        let s = p[sigma];
        let log = libm::log(x / p[alpha]);
        let t = log / s;
        let base = libm::exp(-0.5 * t * t) / (x * s);
        let g = p[norm] * base;
        row[norm] = base;
        row[alpha] = g * t / (s * p[alpha]);
        row[sigma] = g * (t * t - 1.0) / s;
        *value = g;
    }
    Widths { form: Form::LorentzBell, scale: 1.0, value }
}
