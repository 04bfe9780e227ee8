//! Numbers as they are printed: a real minus sign, powers of ten instead of `e`.

use super::text::Text;

/// With a number of decimals.
pub(crate) fn fixed(x: f64, decimals: usize) -> String {
    if x.is_nan() {
        return "–".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "∞".to_owned() } else { "−∞".to_owned() };
    }
    let text = format!("{x:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// With a number of significant digits; as a power of ten where it is very large or small.
pub(crate) fn significant(x: f64, digits: usize) -> Text {
    if !x.is_finite() || x == 0.0 {
        return fixed(x, 0).into();
    }
    let text = format!("{x:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-3..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return fixed(x, decimals).into();
    }
    let mantissa = mantissa.replace('-', "−");
    Text::from(format!("{mantissa}×10")).above(&exponent.to_string().replace('-', "−"))
}

/// `1.23 ± 0.45`: the uncertainty with two digits, the value to the same decimal.
pub(crate) fn value_and_uncertainty(value: f64, uncertainty: f64) -> String {
    if !(uncertainty > 0.0 && uncertainty.is_finite()) {
        return fixed(value, 2);
    }
    let decimals = decimals(uncertainty);
    format!("{} ± {}", fixed(value, decimals), fixed(uncertainty, decimals))
}

/// Decimals that show two digits of `x`.
pub(crate) fn decimals(x: f64) -> usize {
    if x > 0.0 && x.is_finite() { (1.0 - x.log10().floor()).clamp(0.0, 9.0) as usize } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_in_a_journal() {
        assert_eq!(fixed(-1.25, 1), "−1.2");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(f64::NAN, 2), "–");
        assert_eq!(fixed(f64::NEG_INFINITY, 2), "−∞");
        assert_eq!(significant(0.012345, 3), Text::from("0.0123"));
        assert_eq!(significant(1234.5, 3), Text::from("1234"));
        assert_eq!(significant(-1.5e-7, 2), Text::from("−1.5×10").above("−7"));
        assert_eq!(value_and_uncertainty(1.2345, 0.123), "1.23 ± 0.12");
        assert_eq!(value_and_uncertainty(1234.0, 56.0), "1234 ± 56");
        assert_eq!(value_and_uncertainty(1.0, f64::NAN), "1.00");
    }
}
