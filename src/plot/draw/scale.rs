//! Values to places on the page, and round values to mark.

use super::number::fixed;
use super::text::Text;

/// Values from `low` to `high`, on the page from `from` to `to`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) log: bool,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// A mark at an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) long: bool,
    pub(crate) label: Option<Text>,
}

impl Scale {
    /// Where `value` is. On a logarithmic scale all below the smallest number is far below.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let part = if self.log {
            if value.is_nan() {
                return f64::NAN;
            }
            (value.max(f64::MIN_POSITIVE).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + part * (self.to - self.from)
    }

    /// Marks that are some `spacing` pixels apart.
    pub(crate) fn ticks(&self, spacing: f64) -> Vec<Tick> {
        let most = ((self.to - self.from).abs() / spacing).max(1.0);
        if self.log {
            return self.decades(most);
        }
        let ticks = self.steps(most);
        let named = ticks.iter().filter(|t| t.label.is_some()).count();
        // one number does not make a scale
        if named < 2 { self.steps(2.0 * most) } else { ticks }
    }

    fn steps(&self, most: f64) -> Vec<Tick> {
        let width = self.high - self.low;
        let rough = width / most;
        let decade = 10f64.powf(rough.log10().floor());
        let rounds = [(1.0, 5.0), (2.0, 4.0), (5.0, 5.0), (10.0, 5.0)];
        let (factor, parts) = rounds
            .into_iter()
            .find(|(f, _)| f * decade >= rough * (1.0 - 1e-9))
            .unwrap_or(rounds[3]);
        let step = factor * decade;
        let minor = step / parts;
        let first = (self.low / minor - 1e-6).ceil();
        let count = ((self.high / minor + 1e-6).floor() - first).clamp(0.0, 1000.0) as usize;
        let tick = |i: usize| {
            let index = first + i as f64;
            let long = (index / parts - (index / parts).round()).abs() < 1e-6;
            let value = index * minor;
            Tick {
                value,
                long,
                label: long.then(|| label(value, step, self.low.abs().max(self.high.abs()))),
            }
        };
        (0..=count).map(tick).collect()
    }

    fn decades(&self, most: f64) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let decades = self.high.log10() - self.low.log10();
        let every = (decades / most).ceil().max(1.0) as i32;
        let short = decades < 1.5;
        let inside = |v: f64| v >= self.low * (1.0 - 1e-9) && v <= self.high * (1.0 + 1e-9);
        let mut ticks = Vec::new();
        for exponent in first..=last {
            let decade = 10f64.powi(exponent);
            for digit in 1..10u8 {
                let value = f64::from(digit) * decade;
                if !inside(value) || (digit > 1 && every > 1) {
                    continue;
                }
                let round = digit == 1 && exponent.rem_euclid(every) == 0;
                let named = round || (short && matches!(digit, 2 | 5));
                ticks.push(Tick {
                    value,
                    long: digit == 1,
                    label: named.then(|| power(digit, exponent, short)),
                });
            }
        }
        ticks
    }
}

/// A value on a linear axis.
fn label(value: f64, step: f64, largest: f64) -> Text {
    if value.abs() < 1e-9 * step {
        return "0".into();
    }
    if largest >= 1e5 || step < 1e-4 {
        let exponent = largest.log10().floor() as i32;
        let unit = 10f64.powi(exponent);
        let decimals = (-(step / unit).log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
        let above = exponent.to_string().replace('-', "−");
        return Text::from(format!("{}×10", fixed(value / unit, decimals))).above(&above);
    }
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    fixed(value, decimals).into()
}

/// A value on a logarithmic axis.
fn power(digit: u8, exponent: i32, short: bool) -> Text {
    if (short || (0..=1).contains(&exponent)) && (-3..5).contains(&exponent) {
        let value = f64::from(digit) * 10f64.powi(exponent);
        return fixed(value, (-exponent).max(0) as usize).into();
    }
    let head = if digit == 1 { "10".to_owned() } else { format!("{digit}×10") };
    Text::from(head).above(&exponent.to_string().replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, log: bool) -> Vec<Text> {
        let scale = Scale { low, high, log, from: 0.0, to: 400.0 };
        scale.ticks(80.0).into_iter().filter_map(|t| t.label).collect()
    }

    fn texts(words: &[&str]) -> Vec<Text> {
        words.iter().map(|w| Text::from(*w)).collect()
    }

    #[test]
    fn linear_axes_have_round_numbers() {
        assert_eq!(labels(0.0, 10.0, false), texts(&["0", "2", "4", "6", "8", "10"]));
        assert_eq!(
            labels(-0.3, 0.3, false),
            texts(&["−0.2", "0.0", "0.2"].map(|s| if s == "0.0" { "0" } else { s }))
        );
        assert_eq!(labels(0.0, 3e6, false)[1], Text::from("1×10").above("6"));
        assert_eq!(labels(0.0, 2e-5, false)[1], Text::from("0.5×10").above("−5"));
    }

    #[test]
    fn logarithmic_axes_name_decades() {
        assert_eq!(labels(0.5, 2000.0, true)[..2], texts(&["1", "10"]));
        assert_eq!(labels(0.5, 2000.0, true)[2], Text::from("10").above("2"));
        assert_eq!(labels(1.0, 10.0, true), texts(&["1", "2", "5", "10"]));
        assert!(labels(1e-60, 1.0, true).len() <= 6);
    }

    #[test]
    fn values_have_places() {
        let scale = Scale { low: 1.0, high: 100.0, log: true, from: 0.0, to: 10.0 };
        assert_eq!(scale.at(10.0), 5.0);
        assert!(scale.at(0.0) < -100.0 && scale.at(f64::NAN).is_nan());
        assert_eq!(Scale { log: false, ..scale }.at(100.0), 10.0);
    }
}
