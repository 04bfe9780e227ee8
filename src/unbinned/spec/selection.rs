//! Selections of events that are ranges of columns: `60 <= mass && mass < 120 && pt > 25`.

use serde_json::Value;

use crate::error::Result;
use crate::spec::fields::string;
use crate::spec::place::Place;
use crate::spec::text::quoted;
use crate::unbinned::events::Range;

/// Longest first: `<` begins `<=`.
const COMPARISONS: [&str; 5] = ["<=", ">=", "==", "<", ">"];

/// A text that is the name of a column and no formula.
pub(super) fn column(value: &Value, place: &Place) -> Result<String> {
    let text = string(value, place)?.trim();
    if is_column(text) {
        return Ok(text.to_owned());
    }
    Err(place.error(format!(
        "{} is no column's name; formulas are not evaluated: write the result into the file as a column",
        quoted(text)
    )))
}

fn is_column(text: &str) -> bool {
    let rest = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(rest)
}

/// One range a column, in the order in which columns are named.
pub(super) fn read(value: &Value, place: &Place) -> Result<Vec<Range>> {
    let text = string(value, place)?;
    let mut ranges: Vec<Range> = Vec::new();
    for part in text.split("&&") {
        let Some((column, lo, hi)) = comparison(part) else {
            return Err(place.error(format!(
                "{} is no comparison of a column with a number; selections are such comparisons joined by &&, \
                 all else is not supported: write the decision into the file as a column",
                quoted(part.trim())
            )));
        };
        let at = ranges.iter().position(|r| r.column == column).unwrap_or_else(|| {
            let (lo, hi) = (f64::NEG_INFINITY, f64::INFINITY);
            ranges.push(Range { column: column.to_owned(), lo, hi });
            ranges.len() - 1
        });
        let range = &mut ranges[at];
        (range.lo, range.hi) = (range.lo.max(lo), range.hi.min(hi));
        if range.lo > range.hi {
            let message = format!("no value of {} passes this selection", quoted(column));
            return Err(place.error(message));
        }
    }
    Ok(ranges)
}

/// Column, smallest and largest value of `column < number` or the like; strict limits are the numbers next to
/// them.
fn comparison(text: &str) -> Option<(&str, f64, f64)> {
    let text = text.trim();
    let text = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
    let (at, sign) = COMPARISONS.iter().find_map(|sign| text.find(sign).map(|at| (at, *sign)))?;
    let (left, right) = (text[..at].trim(), text[at + sign.len()..].trim());
    let number = |text: &str| text.parse::<f64>().ok().filter(|x| x.is_finite());
    let (column, limit, above) = match (number(left), number(right)) {
        (None, Some(limit)) => (left, limit, sign.starts_with('>')),
        (Some(limit), None) => (right, limit, sign.starts_with('<')),
        _ => return None,
    };
    let (lo, hi) = match (sign, above) {
        ("==", _) => (limit, limit),
        ("<=" | ">=", true) => (limit, f64::INFINITY),
        ("<=" | ">=", false) => (f64::NEG_INFINITY, limit),
        (_, true) => (limit.next_up(), f64::INFINITY),
        (_, false) => (f64::NEG_INFINITY, limit.next_down()),
    };
    is_column(column).then_some((column, lo, hi))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<(String, f64, f64)>> {
        let ranges = read(&text.into(), &Place::ROOT)?;
        Ok(ranges.into_iter().map(|r| (r.column, r.lo, r.hi)).collect())
    }

    #[test]
    fn comparisons_are_ranges() {
        let inf = f64::INFINITY;
        let two = vec![
            ("mass".into(), 60.0, 120.0_f64.next_down()),
            ("pt".into(), 25.0_f64.next_up(), inf),
        ];
        assert_eq!(of("60 <= mass && (mass < 120.) && 2.5e1<pt").unwrap(), two);
        assert_eq!(of("n == 2").unwrap(), [("n".into(), 2.0, 2.0)]);
        assert_eq!(of("jet.eta >= -1.5").unwrap(), [("jet.eta".into(), -1.5, inf)]);
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "abs(eta) < 2.5",
            "a < b",
            "1 < 2",
            "mass",
            "",
            "pt > 1 || pt < 0",
            "0 < x < 1",
            "x != 1",
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains("no comparison of a column"), "{text}: {error}");
        }
        assert!(of("x < 1 && x > 1").unwrap_err().to_string().contains("no value of \"x\""));
    }
}
