//! One page of result documents, with nothing outside of it: figures, tables, where all comes from.

mod facts;
mod html;
mod tables;

use serde_json::Value;

use super::document::Node;
use super::{Options, What, draw};
use crate::{Error, Result};
use facts::{provenance, remarks, summary};
use html::{Page, escaped};

/// A part of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum Section {
    /// A result document.
    Result(Value),
    /// What is not there, and why.
    Missing {
        /// What it would have been.
        title: String,
        /// Why it is not there.
        reason: String,
    },
}

/// A page in HTML with the sections in their order. `title` stands above; `command` is how to make the
/// page again.
pub fn report(sections: &[Section], title: &str, command: &str) -> Result<String> {
    let mut page = Page::new(title);
    let documents: Vec<&Value> = sections.iter().filter_map(Section::document).collect();
    summary(&mut page, &documents)?;
    for section in sections {
        match section {
            Section::Result(document) => one(&mut page, document)?,
            Section::Missing { title, reason } => {
                page.heading(title);
                page.add(&format!("<p class=\"quiet\">Left out: {}.</p>\n", escaped(reason)));
            }
        }
    }
    remarks(&mut page, &documents)?;
    provenance(&mut page, &documents, command)?;
    Ok(page.finish())
}

impl Section {
    fn document(&self) -> Option<&Value> {
        match self {
            Self::Result(document) => Some(document),
            Self::Missing { .. } => None,
        }
    }
}

/// Headings of documents by their kind.
fn heading(kind: &str) -> &str {
    match kind {
        "fit" | "unbinned_fit" | "tmd_fit" => "Fit",
        "cls" => "Hypothesis test",
        "discovery" => "Discovery",
        "limit" => "Upper limit",
        "limits" => "Upper limits",
        "scan" | "scan2d" => "Likelihood scan",
        "minos" => "Profile-likelihood uncertainties",
        "interval" => "Feldman–Cousins interval",
        "impacts" => "Impacts",
        "gof" => "Goodness of fit",
        "yields" => "Yields",
        "prune" => "Pruning",
        other => other,
    }
}

fn one(page: &mut Page, document: &Value) -> Result<()> {
    let node = Node::new(document);
    let kind = node.word("kind")?;
    page.heading(heading(kind));
    let status = node.word_or_empty("status");
    if !matches!(status, "" | "converged" | "nothing_free") {
        let words = escaped(&status.replace('_', " "));
        page.add(&format!("<p class=\"bad\">Status: {words}.</p>\n"));
    }
    let whats: &[Option<What>] = match kind {
        "fit" => &[Some(What::Pulls)],
        "unbinned_fit" if !has(&node, "histogram") => &[],
        "yields" if has(&node, "postfit") => &[Some(What::Postfit), Some(What::Prefit)],
        "yields" => &[Some(What::Prefit)],
        "prune" => &[],
        _ => &[None],
    };
    for what in whats {
        figures(page, document, *what)?;
    }
    match kind {
        "fit" => {
            tables::parameters(page, &node)?;
            if node.maybe("covariance").is_some() {
                page.heading("Correlations");
                figures(page, document, Some(What::Correlation))?;
            }
        }
        "unbinned_fit" | "tmd_fit" => tables::parameters(page, &node)?,
        "impacts" => tables::impacts(page, &node)?,
        "yields" => tables::yields(page, &node)?,
        "limit" => tables::limit(page, &node)?,
        "discovery" => tables::discovery(page, &node)?,
        "cls" => tables::cls(page, &node)?,
        _ => {}
    }
    Ok(())
}

/// Whether the channels of yields have a stage, those of single events a histogram.
fn has(node: &Node<'_>, stage: &str) -> bool {
    let channels = node.elements("channels").unwrap_or_default();
    channels.iter().any(|c| c.maybe(stage).is_some())
}

/// Drawings of a document; none where it lacks what only a longer run has.
fn figures(page: &mut Page, document: &Value, what: Option<What>) -> Result<()> {
    match draw(document, &Options { what, ..Options::default() }) {
        Ok(figures) => {
            for figure in figures {
                page.add(&format!("<figure>{}</figure>\n", figure.svg));
            }
            Ok(())
        }
        Err(Error::Unsupported(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
