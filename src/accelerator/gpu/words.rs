//! Numbers as a kernel's `real` and `low` hold them, in words of 32 bits.

use super::shaders::Arithmetic;

/// How one number is written.
#[derive(Clone, Copy)]
enum Form {
    /// One f32.
    Single,
    /// The nearest f32, then the nearest f32 of what is left.
    Pair,
    /// An f64, low word first.
    Double,
}

fn real(arithmetic: Arithmetic) -> Form {
    match arithmetic {
        Arithmetic::F32 => Form::Single,
        Arithmetic::Df64 | Arithmetic::Mixed => Form::Pair,
        Arithmetic::F64 => Form::Double,
    }
}

fn low(arithmetic: Arithmetic) -> Form {
    match arithmetic {
        Arithmetic::Mixed => Form::Single,
        _ => real(arithmetic),
    }
}

/// Appends numbers as `real`. What is finite stays finite: beyond f32 it becomes f32's largest.
pub fn encode_real(
    arithmetic: Arithmetic,
    values: impl IntoIterator<Item = f64>,
    out: &mut Vec<u32>,
) {
    encode(real(arithmetic), values, out);
}

/// Appends numbers as `low`; see [`encode_real`].
pub fn encode_low(
    arithmetic: Arithmetic,
    values: impl IntoIterator<Item = f64>,
    out: &mut Vec<u32>,
) {
    encode(low(arithmetic), values, out);
}

/// Numbers of an array of `real`. Words that make no whole number at the end are left out.
pub fn decode_real(arithmetic: Arithmetic, words: &[u32]) -> Vec<f64> {
    decode(real(arithmetic), words)
}

/// Numbers of an array of `low`; see [`decode_real`].
pub fn decode_low(arithmetic: Arithmetic, words: &[u32]) -> Vec<f64> {
    decode(low(arithmetic), words)
}

fn encode(form: Form, values: impl IntoIterator<Item = f64>, out: &mut Vec<u32>) {
    for x in values {
        match form {
            Form::Single => out.push((saturated(x) as f32).to_bits()),
            Form::Pair => {
                let x = saturated(x);
                let high = x as f32;
                // nothing is left of infinity and NaN
                let left = if x.is_finite() { (x - f64::from(high)) as f32 } else { 0.0 };
                out.extend([high.to_bits(), left.to_bits()]);
            }
            Form::Double => out.extend([x.to_bits() as u32, (x.to_bits() >> 32) as u32]),
        }
    }
}

fn decode(form: Form, words: &[u32]) -> Vec<f64> {
    let single = |word: u32| f64::from(f32::from_bits(word));
    match form {
        Form::Single => words.iter().map(|w| single(*w)).collect(),
        Form::Pair => words.chunks_exact(2).map(|w| single(w[0]) + single(w[1])).collect(),
        Form::Double => words
            .chunks_exact(2)
            .map(|w| f64::from_bits(u64::from(w[0]) | (u64::from(w[1]) << 32)))
            .collect(),
    }
}

/// f32's largest number for what is finite and larger.
fn saturated(x: f64) -> f64 {
    let limit = f64::from(f32::MAX);
    if x.is_finite() { x.clamp(-limit, limit) } else { x }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(arithmetic: Arithmetic, x: f64) -> f64 {
        let mut words = Vec::new();
        encode_real(arithmetic, [x], &mut words);
        assert_eq!(words.len() as u64, arithmetic.real_words());
        decode_real(arithmetic, &words)[0]
    }

    proptest! {
        #[test]
        fn finite_stays_finite(x in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            for arithmetic in Arithmetic::ALL {
                let back = there_and_back(arithmetic, x);
                prop_assert!(back.is_finite(), "{x:e} became {back} in {}", arithmetic.as_str());
            }
        }

        #[test]
        fn as_near_as_the_words_allow(mantissa in 1.0..2.0f64, exponent in -100..127i32, minus: bool) {
            let x = mantissa * f64::from(exponent).exp2() * if minus { -1.0 } else { 1.0 };
            let error = |arithmetic| (there_and_back(arithmetic, x) / x - 1.0).abs();
            prop_assert!(error(Arithmetic::F32) <= (-24f64).exp2());
            prop_assert!(error(Arithmetic::Df64) <= (-48f64).exp2());
            prop_assert_eq!(there_and_back(Arithmetic::F64, x).to_bits(), x.to_bits());
        }

        #[test]
        fn pairs_are_normalised(x in -1e30..1e30f64) {
            let mut words = Vec::new();
            encode_real(Arithmetic::Df64, [x], &mut words);
            let (high, left) = (f32::from_bits(words[0]), f32::from_bits(words[1]));
            prop_assert_eq!(high + left, high);
            prop_assert_eq!(high, x as f32);
        }
    }

    #[test]
    fn extremes() {
        let largest = f64::from(f32::MAX);
        for arithmetic in Arithmetic::ALL {
            for x in [0.0, -0.0, 1.0, -1.0, largest, -largest] {
                assert_eq!(there_and_back(arithmetic, x), x, "{}", arithmetic.as_str());
            }
            for x in [f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(there_and_back(arithmetic, x), x, "{}", arithmetic.as_str());
            }
            assert!(there_and_back(arithmetic, f64::NAN).is_nan());
        }
        for arithmetic in [Arithmetic::F32, Arithmetic::Df64, Arithmetic::Mixed] {
            for x in [f64::MAX, 1e39, largest * (1.0 + 1e-12)] {
                assert_eq!(there_and_back(arithmetic, x), largest);
                assert_eq!(there_and_back(arithmetic, -x), -largest);
            }
        }
        assert_eq!(there_and_back(Arithmetic::F64, f64::MAX), f64::MAX);
    }

    #[test]
    fn low_is_one_word_where_it_only_steers() {
        for arithmetic in Arithmetic::ALL {
            let mut words = Vec::new();
            encode_low(arithmetic, [0.1, -7.0], &mut words);
            assert_eq!(words.len() as u64, 2 * arithmetic.low_words());
            let back = decode_low(arithmetic, &words);
            assert!((back[0] - 0.1).abs() < 1e-8);
            assert_eq!(back[1], -7.0);
        }
    }
}
