//! Names from files, made safe to print, and suggestions for misspelt ones.

use std::fmt::Write as _;

/// Characters of a name that are printed before it is cut.
const MAX_NAME: usize = 80;
/// Names listed in a message before the rest is counted.
const MAX_LISTED: usize = 12;
/// Distances are not worth their time beyond this many candidates.
const MAX_CANDIDATES: usize = 10_000;

/// A name from a file as it may be printed: control characters (and those that reorder or hide
/// text) escaped as `\u{..}`, very long names cut with their size said.
pub fn display_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len().min(2 * MAX_NAME));
    for (count, character) in name.chars().enumerate() {
        if count == MAX_NAME {
            let _ = write!(shown, "... ({} bytes)", name.len());
            break;
        }
        if is_unsafe(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// [`display_name`] in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", display_name(name))
}

/// `"a", "b" and 3 more`
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(MAX_LISTED).map(quoted).collect();
    match names.count() {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// `; did you mean "x"?` where a candidate is near enough, else nothing.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    if name.len() > MAX_NAME {
        return String::new();
    }
    // a third of the letters wrong is another word
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len() <= MAX_NAME && *candidate != name)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| format!("; did you mean {}?", quoted(candidate)))
        .unwrap_or_default()
}

fn distance(a: &str, b: &str) -> usize {
    strsim::levenshtein(&a.to_lowercase(), &b.to_lowercase())
}

/// `1 bin`, `2 bins`
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_print_harmlessly() {
        assert_eq!(display_name("bkg\0\x1b[31mnorm"), "bkg\\u{0}\\u{1b}[31mnorm");
        assert_eq!(display_name("a\u{202e}b"), "a\\u{202e}b");
        let long = display_name(&"x".repeat(1_000_000));
        assert!(long.len() < 120 && long.ends_with("(1000000 bytes)"), "{long}");
        assert_eq!(display_name("Größe μ"), "Größe μ");
    }

    #[test]
    fn suggestions_are_near() {
        let known = ["histosys", "normsys", "normfactor"];
        assert_eq!(suggestion("normsyst", known), "; did you mean \"normsys\"?");
        assert_eq!(suggestion("gaussian", known), "");
    }
}
