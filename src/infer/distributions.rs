//! The normal and the chi-square distribution, tails included.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use statrs::function::erf::erfc_inv;
use statrs::function::gamma::gamma_ur;

/// Below this, 1 minus the normal distribution is not a number of full precision any more.
const FAR: f64 = 37.0;

/// Probability of a standard normal variable above `z`.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// Its logarithm, also where the probability itself is too small for a number.
pub fn log_normal_tail(z: f64) -> f64 {
    if z < FAR {
        return normal_tail(z).ln();
    }
    // Abramowitz and Stegun 26.2.12: the next term is below 1e-7 of it
    let t = 1.0 / (z * z);
    let series = 1.0 - t * (1.0 - 3.0 * t * (1.0 - 5.0 * t));
    -0.5 * z * z - (z * (2.0 * PI).sqrt()).ln() + series.ln()
}

/// The `z` above which a standard normal variable has probability `p`: the significance of a
/// p-value. -inf for 1, +inf for 0.
pub fn significance(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::INFINITY } else { f64::NEG_INFINITY };
    }
    let mut z = erfc_inv(2.0 * p) * std::f64::consts::SQRT_2;
    // one step of Newton's method in the logarithm, exact far out as well
    for _ in 0..2 {
        let slope = -(-0.5 * z * z - 0.5 * (2.0 * PI).ln() - log_normal_tail(z)).exp();
        z -= (log_normal_tail(z) - p.ln()) / slope;
    }
    z
}

/// Probability of a chi-square variable with `degrees` of freedom above `x`.
pub fn chi_square_tail(x: f64, degrees: f64) -> f64 {
    if x.is_nan() || !degrees.is_finite() || degrees <= 0.0 {
        f64::NAN
    } else if x <= 0.0 {
        1.0
    } else if x.is_infinite() {
        0.0
    } else {
        gamma_ur(0.5 * degrees, 0.5 * x)
    }
}

/// The `x` above which a chi-square variable with `degrees` of freedom has probability `p`, for
/// `0 < p < 1`.
pub fn chi_square_quantile(p: f64, degrees: f64) -> f64 {
    let mut high = degrees.max(1.0);
    while chi_square_tail(high, degrees) > p && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    // to the last digit
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if chi_square_tail(middle, degrees) > p { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, relative: f64) {
        assert!((a - b).abs() <= relative * b.abs(), "{a} {b}");
    }

    #[test]
    fn tails_of_the_normal_distribution() {
        // scipy.stats.norm.sf, logsf, isf
        close(normal_tail(0.0), 0.5, 0.0);
        close(normal_tail(1.0), 0.158_655_253_931_457_05, 1e-15);
        close(normal_tail(5.0), 2.866_515_718_791_939e-7, 1e-14);
        close(log_normal_tail(40.0), -804.608_442_013_754, 1e-12);
        close(log_normal_tail(FAR - 1e-12), log_normal_tail(FAR), 1e-9);
        close(significance(2.866_515_718_791_939e-7), 5.0, 1e-14);
        close(significance(0.05), 1.644_853_626_951_472_2, 1e-14);
        close(significance(0.975), -1.959_963_984_540_054, 1e-13);
        close(significance(1e-300), 37.047_096_299_361_2, 1e-13);
        assert_eq!(significance(0.0), f64::INFINITY);
        assert!(significance(1.5).is_nan());
    }

    #[test]
    fn tails_of_chi_square() {
        // scipy.stats.chi2.sf, isf
        close(chi_square_tail(3.841_458_820_694_124, 1.0), 0.05, 1e-13);
        close(chi_square_tail(10.0, 4.0), 0.040_427_681_994_512_8, 1e-13);
        assert_eq!(chi_square_tail(-1.0, 3.0), 1.0);
        close(chi_square_quantile(0.05, 2.0), 5.991_464_547_107_979, 1e-13);
        close(chi_square_quantile(0.32, 1.0), 0.988_946_481_478_023_3, 1e-12);
    }
}
