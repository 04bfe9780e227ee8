//! Texts with italics, subscripts and superscripts.

use super::font;

/// How far sub- and superscripts are from the line, and how large they are.
const DOWN: f64 = 0.22;
const UP: f64 = -0.36;
const SCRIPT: f64 = 0.72;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Upright,
    Italic,
    Bold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    Below,
    Above,
}

#[derive(Debug, Clone, PartialEq)]
struct Run {
    text: String,
    style: Style,
    place: Place,
}

/// A line of text, built from left to right.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Text {
    runs: Vec<Run>,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::default().plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl Text {
    fn run(mut self, text: &str, style: Style, place: Place) -> Self {
        let text: String = text.chars().map(printable).collect();
        if !text.is_empty() {
            self.runs.push(Run { text, style, place });
        }
        self
    }

    pub(crate) fn plain(self, text: &str) -> Self {
        self.run(text, Style::Upright, Place::Line)
    }

    pub(crate) fn italic(self, text: &str) -> Self {
        self.run(text, Style::Italic, Place::Line)
    }

    pub(crate) fn bold(self, text: &str) -> Self {
        self.run(text, Style::Bold, Place::Line)
    }

    pub(crate) fn below(self, text: &str) -> Self {
        self.run(text, Style::Upright, Place::Below)
    }

    pub(crate) fn above(self, text: &str) -> Self {
        self.run(text, Style::Upright, Place::Above)
    }

    pub(crate) fn then(mut self, other: Self) -> Self {
        self.runs.extend(other.runs);
        self
    }

    /// A name of the user's, at most `width` wide at `size`. The middle is left out of longer ones:
    /// names often differ in their ends.
    pub(crate) fn name(name: &str, width: f64, size: f64) -> Self {
        let name = if name == "mu" { "μ" } else { name };
        let whole = Self::from(name);
        if whole.width(size) <= width {
            return whole;
        }
        let letters: Vec<char> = name.chars().collect();
        let mut kept = letters.len().saturating_sub(1);
        loop {
            let (head, tail) = (kept.div_ceil(2), kept / 2);
            let text: String = letters[..head]
                .iter()
                .chain(&['…'])
                .chain(&letters[letters.len() - tail..])
                .collect();
            let text = Self::from(text);
            if kept <= 1 || text.width(size) <= width {
                return text;
            }
            kept -= 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Width at `size`.
    pub(crate) fn width(&self, size: f64) -> f64 {
        let run = |run: &Run| {
            let scale = if run.place == Place::Line { 1.0 } else { SCRIPT };
            scale * font::width(&run.text, run.style as usize)
        };
        size * self.runs.iter().map(run).sum::<f64>()
    }

    /// As HTML.
    pub(crate) fn html(&self) -> String {
        let run = |run: &Run| {
            let text = escape(&run.text);
            let text = match run.style {
                Style::Upright => text,
                Style::Italic => format!("<i>{text}</i>"),
                Style::Bold => format!("<b>{text}</b>"),
            };
            match run.place {
                Place::Line => text,
                Place::Below => format!("<sub>{text}</sub>"),
                Place::Above => format!("<sup>{text}</sup>"),
            }
        };
        self.runs.iter().map(run).collect()
    }

    /// The inside of an SVG `text` element.
    pub(super) fn spans(&self, size: f64) -> String {
        let mut svg = String::new();
        let mut at = 0.0;
        for run in &self.runs {
            let (shift, scale) = match run.place {
                Place::Line => (0.0, 1.0),
                Place::Below => (DOWN * size, SCRIPT),
                Place::Above => (UP * size, SCRIPT),
            };
            let mut attributes = String::new();
            if shift != at {
                attributes.push_str(&format!(" dy=\"{}\"", super::svg::short(shift - at)));
            }
            if scale != 1.0 {
                attributes.push_str(&format!(" font-size=\"{}\"", super::svg::short(scale * size)));
            }
            match run.style {
                Style::Upright => {}
                Style::Italic => attributes.push_str(" font-style=\"italic\""),
                Style::Bold => attributes.push_str(" font-weight=\"bold\""),
            }
            at = shift;
            let text = escape(&run.text);
            if attributes.is_empty() {
                svg.push_str(&text);
            } else {
                svg.push_str(&format!("<tspan{attributes}>{text}</tspan>"));
            }
        }
        svg
    }
}

/// Controls are not allowed in XML, and marks that turn the direction of writing would turn the text
/// beside them.
fn printable(c: char) -> char {
    let hidden = matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    if c.is_control() || hidden { '\u{fffd}' } else { c }
}

/// For XML and HTML, in texts and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().map(printable) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        let short = Text::name("staterror_signal_region_bin_17", 100.0, 12.0);
        assert!(short.width(12.0) <= 100.0);
        let text = &short.runs[0].text;
        assert!(text.starts_with("stat") && text.ends_with("17") && text.contains('…'), "{text}");
        assert_eq!(Text::name("mu", 100.0, 12.0), Text::from("μ"));
        assert_eq!(Text::name("", 100.0, 12.0), Text::default());
        assert_eq!(Text::name("WW", 1.0, 12.0).runs[0].text, "W…");
    }

    #[test]
    fn nothing_gets_out_of_a_name() {
        assert_eq!(escape("<&\"'>\u{1}\u{202e}"), "&lt;&amp;&quot;&#39;&gt;\u{fffd}\u{fffd}");
    }

    #[test]
    fn scripts_come_back_to_the_line() {
        let text = Text::from("CL").below("s").plain(" at");
        let spans = text.spans(10.0);
        assert_eq!(
            spans,
            "CL<tspan dy=\"2.2\" font-size=\"7.2\">s</tspan><tspan dy=\"-2.2\"> at</tspan>"
        );
    }
}
