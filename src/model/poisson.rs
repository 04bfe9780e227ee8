//! The Poisson term of one bin, `-log Poisson(n | rate)`, its derivatives, and what happens at rates
//! that are not positive.

use libm::{lgamma, log, log1p};

/// Below this rate [`NegativeRates::Positive`] bends the term of an empty bin.
pub const RATE_FLOOR: f64 = 1e-3;

/// What an empty bin (no event observed) says about a rate at or below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NegativeRates {
    /// `-log Poisson(0 | rate) = rate` for every rate, as pyhf's `xlogy(0, rate) = 0` has it: a
    /// negative rate is rewarded.
    #[default]
    Linear,
    /// Below [`RATE_FLOOR`] = e the parabola `(rate^2 / e + e) / 2`, which continues value and slope
    /// and has its minimum at rate 0: fits are not pulled to negative rates.
    Positive,
}

/// `-log Poisson(count | rate)` for real `count >= 0`, all constants included.
///
/// An empty bin follows `policy`; a count above zero with a rate that is not positive is impossible:
/// `+inf`. Never NaN.
///
/// Written as `count * (t - ln(1 + t))`, `t = rate / count - 1`, plus the value at `rate = count`:
/// `count ln(rate) - rate - lnGamma(count + 1)` subtracts numbers of size `count ln(count)` from each
/// other and loses as many digits.
pub fn term(count: f64, rate: f64, policy: NegativeRates) -> f64 {
    if rate.is_nan() || count < 0.0 {
        return f64::INFINITY;
    }
    if count == 0.0 {
        return match policy {
            NegativeRates::Positive if rate < RATE_FLOOR => {
                0.5 * (rate * rate / RATE_FLOOR + RATE_FLOOR)
            }
            _ => rate,
        };
    }
    if rate <= 0.0 || rate == f64::INFINITY {
        return f64::INFINITY;
    }
    let excess = (rate - count) / count;
    let deviance = if excess.abs() < 0.5 {
        count * (excess - log1p(excess))
    } else {
        rate - count - count * (log(rate) - log(count))
    };
    deviance + saturated(count)
}

/// First derivative of [`term`] in the rate.
pub fn slope(count: f64, rate: f64, policy: NegativeRates) -> f64 {
    if count != 0.0 {
        return 1.0 - count / rate;
    }
    match policy {
        NegativeRates::Positive if rate < RATE_FLOOR => rate / RATE_FLOOR,
        _ => 1.0,
    }
}

/// Second derivative of [`term`] in the rate.
pub fn curvature(count: f64, rate: f64, policy: NegativeRates) -> f64 {
    if count != 0.0 {
        return count / (rate * rate);
    }
    match policy {
        NegativeRates::Positive if rate < RATE_FLOOR => 1.0 / RATE_FLOOR,
        _ => 0.0,
    }
}

/// The least value of [`term`] for this count, `-log Poisson(count | count)`: the saturated model.
pub fn saturated(count: f64) -> f64 {
    if count == 0.0 {
        return 0.0;
    }
    if count < 32.0 {
        return lgamma(count + 1.0) - count * log(count) + count;
    }
    // Stirling's series; the first term left out is 1/(1188 n^9) < 3e-17.
    let inverse = 1.0 / count;
    let square = inverse * inverse;
    let series =
        1.0 / 12.0 + square * (-1.0 / 360.0 + square * (1.0 / 1260.0 - square * (1.0 / 1680.0)));
    0.5 * log(2.0 * std::f64::consts::PI * count) + inverse * series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook formula.
    fn twin(count: f64, rate: f64) -> f64 {
        rate - count * log(rate) + lgamma(count + 1.0)
    }

    #[test]
    fn equals_the_textbook_formula() {
        for count in [0.3, 1.0, 7.0, 31.9, 32.0, 32.1, 150.5, 4000.0] {
            for ratio in [1e-3, 0.49, 0.51, 0.9, 1.0, 1.1, 1.6, 40.0] {
                let (fast, slow) = (
                    term(count, ratio * count, NegativeRates::Linear),
                    twin(count, ratio * count),
                );
                assert!(
                    (fast - slow).abs() < 1e-11 + 1e-14 * count * 10.0,
                    "{count} {ratio} {fast} {slow}"
                );
            }
        }
    }

    #[test]
    fn rates_that_are_not_positive() {
        for policy in [NegativeRates::Linear, NegativeRates::Positive] {
            assert_eq!(term(3.0, 0.0, policy), f64::INFINITY);
            assert_eq!(term(3.0, -1.0, policy), f64::INFINITY);
            assert_eq!(term(3.0, f64::NAN, policy), f64::INFINITY);
            assert_eq!(term(3.0, f64::INFINITY, policy), f64::INFINITY);
        }
        assert_eq!(term(0.0, 0.0, NegativeRates::Linear), 0.0);
        assert_eq!(term(0.0, -2.0, NegativeRates::Linear), -2.0);
        assert_eq!(slope(0.0, 0.0, NegativeRates::Linear), 1.0);
        assert!(term(0.0, -2.0, NegativeRates::Positive) > 0.0);
    }

    #[test]
    fn the_floor_continues_value_and_slope() {
        let (below, above) = (RATE_FLOOR * (1.0 - 1e-12), RATE_FLOOR);
        let policy = NegativeRates::Positive;
        assert!((term(0.0, below, policy) - term(0.0, above, policy)).abs() < 1e-14);
        assert!((slope(0.0, below, policy) - slope(0.0, above, policy)).abs() < 1e-11);
    }
}
