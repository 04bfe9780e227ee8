//! Figures and reports from result documents (`docs/results.md`). A document is drawn as its `kind`
//! says, in SVG; [`to_png`] makes pictures of that. The same document gives the same bytes.

mod canvas;
mod correlation;
mod coverage;
mod cross_sections;
mod distributions;
mod document;
mod draw;
mod gof;
mod histogram;
mod impacts;
mod interval;
mod limit;
mod limits;
mod limits_grid;
mod minos;
mod options;
mod png;
mod pulls;
mod report;
mod rows;
mod scan;
mod scan2d;
mod t_mu;
mod yields;

use serde_json::Value;

use document::Node;

pub use options::{Options, What};
pub use png::to_png;
pub use report::{Section, report};
pub use t_mu::t_mu;

use crate::{Error, Result};

/// A drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it shows, in a word that can be part of a file's name.
    pub name: String,
    /// The drawing.
    pub svg: String,
}

/// The figures of a document: several where it has several channels, or more parameters than fit into
/// one.
pub fn draw(document: &Value, options: &Options) -> Result<Vec<Figure>> {
    options.check()?;
    let node = Node::new(document);
    let kind = node.get("kind")?;
    let word = kind.text()?;
    let choices = choices(word).ok_or_else(|| {
        kind.error(format!("there is no drawing of {word:?}; there are {}", KINDS.join(", ")))
    })?;
    let what = match options.what {
        None => choices.first().copied(),
        Some(what) if choices.contains(&what) => Some(what),
        Some(what) => {
            let words: Vec<_> = choices.iter().map(|w| w.as_str()).collect();
            let others = match words[..] {
                [] => "there is only one drawing".to_owned(),
                _ => format!("there are {}", words.join(", ")),
            };
            let message = format!("a result of kind {word} has no drawing {what}: {others}");
            return Err(Error::Argument(message));
        }
    };
    match (word, what) {
        ("fit", Some(What::Correlation)) => correlation::draw(&node, options),
        ("fit", _) => pulls::draw(&node, options),
        ("limit", _) => limit::draw(&node, options),
        ("limits", _) => limits::draw(&node, options),
        ("impacts", _) => impacts::draw(&node, options),
        ("yields", _) => yields::draw(&node, options),
        ("unbinned_fit", _) => yields::draw_events(&node, options),
        ("tmd_fit", _) => cross_sections::draw(&node, options),
        ("scan", _) => scan::draw(&node, options),
        ("scan2d", _) => scan2d::draw(&node, options),
        ("gof", _) => gof::draw(&node, options),
        ("interval", _) => interval::draw(&node, options),
        ("coverage", _) => coverage::draw(&node, options),
        ("minos", _) => minos::draw(&node, options),
        _ => distributions::draw(&node, options),
    }
}

/// Documents that can be drawn.
const KINDS: [&str; 15] = [
    "fit",
    "unbinned_fit",
    "tmd_fit",
    "limit",
    "limits",
    "impacts",
    "yields",
    "scan",
    "scan2d",
    "cls",
    "discovery",
    "gof",
    "interval",
    "minos",
    "coverage",
];

/// Drawings of a kind of document, where there are several; the first one by default.
fn choices(kind: &str) -> Option<&'static [What]> {
    match kind {
        "fit" => Some(&[What::Pulls, What::Correlation]),
        "yields" => Some(&[What::Postfit, What::Prefit]),
        kind => KINDS.contains(&kind).then_some(&[]),
    }
}

#[cfg(test)]
mod tests;
