//! Aligned columns for people.

/// Rows under a header; the first column is text, the others are set to the right unless all their
/// cells are words.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns set to the left.
    left: Vec<usize>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&h| h.to_owned()).collect()], left: vec![0] }
    }

    /// Sets column `column` to the left.
    pub(crate) fn left(mut self, column: usize) -> Self {
        self.left.push(column);
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| {
            self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (c, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - cell.chars().count());
                let separator = if c == 0 { "" } else { "  " };
                let (before, after) =
                    if self.left.contains(&c) { ("", &*gap) } else { (&*gap, "") };
                line.extend([separator, before, cell, after]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A value to the digits its uncertainty makes meaningful (two of the uncertainty).
pub(crate) fn to_precision(x: f64, uncertainty: f64) -> String {
    if !x.is_finite() || !uncertainty.is_finite() {
        return x.to_string();
    }
    let digits = if uncertainty > 0.0 { 1 - uncertainty.log10().floor() as i64 } else { 4 };
    let (digits, size) = (digits.clamp(0, 12) as usize, x.abs());
    if size >= 1e9 || (uncertainty > 0.0 && uncertainty < 1e-8) {
        return format!("{x:.6e}");
    }
    // no minus sign on a zero
    let text = format!("{x:.digits$}");
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// A bound: infinite ones are rare and long.
pub(crate) fn short(x: f64) -> String {
    if x != 0.0 && (x.abs() >= 1e6 || x.abs() < 1e-4) { format!("{x:e}") } else { x.to_string() }
}

/// `1 toy`, `2 toys`.
pub(crate) fn count(n: usize, what: &str) -> String {
    count_of(n, what, &format!("{what}s"))
}

/// The same for other plurals.
pub(crate) fn count_of(n: usize, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "value", "note"]).left(2);
        table.row(["mu".into(), "1.5".into(), "fixed".into()]);
        table.row(["très_long".into(), "-10.25".into(), String::new()]);
        let expected = "\
name        value  note
mu            1.5  fixed
très_long  -10.25
";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn digits_follow_the_uncertainty() {
        assert_eq!(to_precision(1.23456, 0.0321), "1.235");
        assert_eq!(to_precision(-0.0001, 0.5), "0.00");
        assert_eq!(to_precision(1234.5, 56.0), "1234");
        assert_eq!(to_precision(0.5, 0.0), "0.5000");
        assert_eq!(to_precision(f64::NAN, 0.1), "NaN");
    }
}
