//! What multiplies the shapes at each b: the part of a cross section that a fit of shapes leaves alone.

use std::f64::consts::PI;

use crate::error::{Error, Result};

/// 2 exp(-Euler's gamma): the scale of b is `C1 / mu`.
pub const C1: f64 = 1.122_918_967_133_770_3;
/// Casimir factor of quarks.
const CF: f64 = 4.0 / 3.0;
/// The coupling's Landau pole for four flavours, GeV.
const LAMBDA: f64 = 0.25;
/// Its first coefficient, `(33 - 2 n_f) / (12 pi)`.
const BETA0: f64 = 25.0 / (12.0 * PI);

/// A luminosity as a function of b (1/GeV), Q (GeV) and z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luminosity {
    /// `exp(-(0.05 + 0.02 ln(1 + Q) + 0.01 / max(z, 1e-3)) b^2)`, with no physics in it.
    Toy,
    /// `exp(-S)`, S the one-loop Sudakov exponent at [`b_star`].
    OneLoop,
}

impl Luminosity {
    /// Its value.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for one-loop at Q below 1 GeV, where the coupling cannot be trusted.
    pub fn at(self, b: f64, q: f64, z: f64) -> Result<f64> {
        match self {
            Self::Toy => {
                let fall = 0.05 + 0.02 * libm::log(1.0 + q) + 0.01 / z.max(1e-3);
                Ok(libm::exp(-fall * b * b))
            }
            Self::OneLoop => Ok(libm::exp(-sudakov(b, q)?)),
        }
    }
}

/// b between `C1 / Q` and `C1 / GeV` (Collins, Soper, Sterman, Nucl. Phys. B 250 (1985) 199, in the form of
/// Bacchetta et al., JHEP 06 (2017) 081): `b_max ((1 - exp(-(b / b_max)^4)) / (1 - exp(-(b / b_min)^4)))^(1/4)`,
/// all in 1/GeV.
pub fn b_star(b: f64, q: f64) -> f64 {
    C1 / q * libm::exp(0.5 * span(b, q))
}

/// `ln(Q^2 b*^2 / C1^2)`. With y = (b / b_max)^4 and (b / b_min)^4 and phi(y) = (1 - exp(-y)) / y, b*^4 is
/// b_min^4 phi(y_max) / phi(y_min): no digits are lost where b* is close to b_min.
fn span(b: f64, q: f64) -> f64 {
    let ln_phi = |scale: f64| {
        let r2 = (b / scale) * (b / scale);
        let y = r2 * r2;
        match y < 0.1 {
            // -y / 2 + ln(sinh(y / 2) / (y / 2))
            true => {
                let h = 0.25 * y * y;
                let series = 1.0 / 2835.0 - h * (1.0 / 37_800.0 - h / 467_775.0);
                -0.5 * y + h * (1.0 / 6.0 - h * (1.0 / 180.0 - h * series))
            }
            false => libm::log(-libm::expm1(-y) / y),
        }
    };
    0.5 * (ln_phi(C1) - ln_phi(C1 / q))
}

/// The Sudakov exponent with the first coefficients of A and B and the one-loop coupling of four flavours,
/// `C_F / pi` times the integral of `alpha_s(mu) (ln(Q^2 / mu^2) - 3/2)` over `ln mu^2` from `C1 / b*` to Q.
///
/// # Errors
///
/// [`Error::Argument`] for Q below 1 GeV.
pub fn sudakov(b: f64, q: f64) -> Result<f64> {
    if q < 1.0 {
        return Err(Error::Argument(format!(
            "Q = {q} GeV: the one-loop luminosity begins at 1 GeV; leave the point out"
        )));
    }
    let top = 2.0 * libm::log(q / LAMBDA);
    let span = span(b, q);
    let ratio = -libm::log1p(-span / top);
    Ok(CF / (PI * BETA0) * (top * ratio - span - 1.5 * ratio))
}
