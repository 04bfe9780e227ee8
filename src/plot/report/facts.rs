//! What a page says first, and what it says last.

use serde_json::Value;

use super::super::document::Node;
use super::super::draw::{fixed, significant, value_and_uncertainty};
use super::super::limit::percent;
use super::heading;
use super::html::{Page, escaped};
use crate::Result;

/// The results in a line each.
pub(super) fn summary(page: &mut Page, documents: &[&Value]) -> Result<()> {
    let mut facts = Vec::new();
    if let Some(first) = documents.first() {
        let node = Node::new(first);
        if let Some(poi) = node.maybe("poi") {
            facts.push(("Parameter of interest".to_owned(), escaped(poi.text()?)));
        }
    }
    for document in documents {
        let node = Node::new(document);
        let kind = node.word("kind")?;
        let line = match kind {
            "fit" => fit(&node)?,
            "discovery" => Some(discovery(&node)?),
            "cls" => {
                let mu = significant(node.real("mu")?, 4).html();
                let cls = significant(node.real("cls_observed")?, 3).html();
                Some(format!("CL<sub>s</sub> = {cls} at {} = {mu}", escaped(node.poi())))
            }
            "limit" => Some(limit(&node)?),
            "gof" => Some(goodness(&node)?),
            "interval" => {
                let level = percent(node.real("confidence_level")?);
                let ends = [node.real("lower")?, node.real("upper")?];
                let [low, high] = ends.map(|e| significant(e, 3).html());
                Some(format!(
                    "{} in {low} to {high} ({level} CL)",
                    escaped(node.word("parameter")?)
                ))
            }
            _ => None,
        };
        if let Some(line) = line {
            facts.push((heading(kind).to_owned(), line));
        }
    }
    page.facts(&facts);
    Ok(())
}

fn fit(node: &Node<'_>) -> Result<Option<String>> {
    let parameters = node.elements("parameters")?;
    let status = escaped(&node.word("status")?.replace('_', " "));
    for p in &parameters {
        if node.maybe("poi").is_some() && p.word("name")? == node.poi() {
            let value = value_and_uncertainty(p.real("value")?, p.real("uncertainty")?);
            return Ok(Some(format!("{} = {value} ({status})", escaped(node.poi()))));
        }
    }
    Ok(Some(format!("{} parameters ({status})", parameters.len())))
}

fn discovery(node: &Node<'_>) -> Result<String> {
    let p0 = significant(node.real("p0_observed")?, 3).html();
    let (z, expected) = (node.real("z_observed")?, node.real_or_nan("z_expected")?);
    let mut text = format!("{} σ (<i>p</i><sub>0</sub> = {p0})", fixed(z, 2));
    if expected.is_finite() {
        text.push_str(&format!(", expected {} σ", fixed(expected, 2)));
    }
    Ok(text)
}

fn limit(node: &Node<'_>) -> Result<String> {
    let level = percent(node.real("confidence_level")?);
    let observed = node.real("observed")?;
    let [_, low, median, high, _] = node.band("expected")?.map(|x| significant(x, 3).html());
    let poi = escaped(node.poi());
    let observed =
        if observed.is_nan() { "–".to_owned() } else { significant(observed, 3).html() };
    Ok(format!("{poi} &lt; {observed} ({level} CL), expected {median} (68 %: {low} to {high})"))
}

fn goodness(node: &Node<'_>) -> Result<String> {
    let mut text = format!(
        "{} for {} degrees of freedom",
        fixed(node.real("test_statistic")?, 1),
        fixed(node.real("degrees_of_freedom")?, 0)
    );
    let by_formula = node.real_or_nan("p_value")?;
    if by_formula.is_finite() {
        text.push_str(&format!(", <i>p</i> = {} (χ²)", significant(by_formula, 2).html()));
    }
    let by_toys = node.real_or_nan("p_value_toys")?;
    if by_toys.is_finite() {
        let error = node.real_or_nan("p_value_toys_error")?;
        text.push_str(&format!(", <i>p</i> = {} (toys)", value_and_uncertainty(by_toys, error)));
    }
    Ok(text)
}

/// Warnings and notes of all documents, each once.
pub(super) fn remarks(page: &mut Page, documents: &[&Value]) -> Result<()> {
    let mut lines: Vec<String> = Vec::new();
    for document in documents {
        let node = Node::new(document);
        if let Some(warnings) = node.maybe("warnings") {
            for warning in warnings.list()? {
                let path = warning.word_or_empty("path");
                let message = escaped(warning.word("message")?);
                let place = if path.is_empty() {
                    String::new()
                } else {
                    format!("<code>{}</code>: ", escaped(path))
                };
                lines.push(format!("{place}{message}"));
            }
        }
        if let Some(notes) = node.maybe("notes") {
            for note in notes.list()? {
                let kind = heading(node.word("kind")?).to_owned();
                lines.push(format!("{}: {}", escaped(&kind), escaped(note.text()?)));
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    if !lines.is_empty() {
        page.heading("Warnings and notes");
        let items: String = lines.iter().map(|line| format!("<li>{line}</li>\n")).collect();
        page.add(&format!("<ul>\n{items}</ul>\n"));
    }
    Ok(())
}

/// Where the results come from: what is the same for all documents once, the rest with its document.
pub(super) fn provenance(page: &mut Page, documents: &[&Value], command: &str) -> Result<()> {
    const WORDS: [(&str, &str); 9] = [
        ("workspace", "Workspace"),
        ("digest", "SHA-256"),
        ("measurement", "Measurement"),
        ("interpolation", "Interpolation"),
        ("version", "Version of neyman"),
        ("device", "Device"),
        ("device_description", "Hardware"),
        ("precision", "Precision"),
        ("seed", "Seed"),
    ];
    page.heading("Provenance");
    let mut facts = Vec::new();
    if !command.is_empty() {
        facts.push(("Command".to_owned(), format!("<code>{}</code>", escaped(command))));
    }
    for (key, word) in WORDS {
        let mut found: Vec<(String, &str)> = Vec::new();
        for document in documents {
            let node = Node::new(document);
            let Some(value) = node.maybe("provenance").and_then(|p| p.maybe(key)) else { continue };
            found.push((value.plain(), heading(node.word("kind")?)));
        }
        let Some((first, _)) = found.first().cloned() else { continue };
        let shown = |text: &str| {
            if key == "digest" { format!("<code>{}</code>", escaped(text)) } else { escaped(text) }
        };
        if found.iter().all(|(value, _)| *value == first) {
            facts.push((word.to_owned(), shown(&first)));
        } else {
            let each =
                found.iter().map(|(value, of)| format!("{} ({})", shown(value), escaped(of)));
            facts.push((word.to_owned(), each.collect::<Vec<_>>().join("<br>")));
        }
    }
    page.facts(&facts);
    Ok(())
}
