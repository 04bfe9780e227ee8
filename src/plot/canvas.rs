//! A figure's page: a line above with what it shows and where it comes from, and room below.

use super::document::Node;
use super::draw::{Anchor, Area, BLACK, GREY, Svg, Text, size};
use super::{Figure, Options};

/// Height of the line above.
const HEAD: f64 = 34.0;
const SIDE: f64 = 14.0;

/// A page.
pub(crate) struct Canvas {
    pub(crate) svg: Svg,
    /// Where frames and their labels may be.
    pub(crate) area: Area,
    title: String,
}

impl Canvas {
    /// A page of the size that the options ask for, or of `size`, with `subject` above unless the
    /// options have a title.
    pub(crate) fn new(
        document: &Node<'_>,
        options: &Options,
        size: (f64, f64),
        subject: &str,
    ) -> Self {
        Self::of(&document.origin(), options, size, subject)
    }

    /// The same for what comes from `origin`.
    pub(crate) fn of(origin: &str, options: &Options, size: (f64, f64), subject: &str) -> Self {
        let (width, height) = options.size.unwrap_or(size);
        let mut svg = Svg::new(width, height);
        let room = width - 2.0 * SIDE;
        let mut head = Text::default();
        if let Some(label) = &options.label {
            head = head.bold(label).plain("\u{a0}\u{a0}\u{a0}");
        }
        let shown = options.title.as_deref().unwrap_or(subject);
        let left = (0.66 * room - head.width(size::LABEL)).max(60.0);
        let head = head.then(Text::name(shown, left, size::LABEL));
        let rest = (room - head.width(size::LABEL) - 20.0).max(0.0);
        svg.text((SIDE, 21.0), &head, size::LABEL, Anchor::Start, BLACK);
        let caption = Text::name(origin, rest, size::CAPTION);
        svg.text((width - SIDE - 2.0, 21.0), &caption, size::CAPTION, Anchor::End, GREY);
        let area = Area { left: SIDE, top: HEAD, right: width, bottom: height - 10.0 };
        let words = [options.title.as_deref().unwrap_or(subject), origin];
        let words = words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>();
        Self { svg, area, title: words.join(", ") }
    }

    /// The figure, called `name`.
    pub(crate) fn finish(self, name: &str) -> Figure {
        Figure { name: name.to_owned(), svg: self.svg.finish(&self.title) }
    }
}
