//! Numbers of the documents as tables.

use super::super::document::Node;
use super::super::draw::{fixed, significant, value_and_uncertainty};
use super::html::{Page, escaped};
use crate::Result;

pub(super) fn parameters(page: &mut Page, node: &Node<'_>) -> Result<()> {
    let mut rows = Vec::new();
    for p in node.elements("parameters")? {
        let (value, uncertainty) = (p.real("value")?, p.real("uncertainty")?);
        let pull = p.real_or_nan("pull")?;
        let constraint = uncertainty / p.real_or_nan("prefit_uncertainty")?;
        let note = if p.is("fixed") {
            "fixed".to_owned()
        } else {
            p.maybe("at_bound")
                .map_or(Ok(String::new()), |b| Ok(format!("at {} bound", b.text()?)))?
        };
        rows.push(vec![
            escaped(p.word("name")?),
            value_and_uncertainty(value, uncertainty),
            blank_or(pull, |x| fixed(x, 2)),
            blank_or(constraint, |x| fixed(x, 2)),
            escaped(&note),
        ]);
    }
    page.table("Parameters", &["Parameter", "Value", "Pull", "Post-fit / pre-fit", ""], &rows);
    Ok(())
}

pub(super) fn impacts(page: &mut Page, node: &Node<'_>) -> Result<()> {
    let mut rows = Vec::new();
    for p in node.elements("parameters")? {
        let number = |key: &str| -> Result<String> { Ok(blank_or(p.real(key)?, signed)) };
        rows.push(vec![
            escaped(p.word("name")?),
            number("impact_up")?,
            number("impact_down")?,
            number("impact_prefit_up")?,
            number("impact_prefit_down")?,
            blank_or(p.real("pull")?, |x| fixed(x, 2)),
        ]);
    }
    let head = ["Parameter", "Post-fit +", "Post-fit −", "Pre-fit +", "Pre-fit −", "Pull"];
    page.table("Impacts", &head, &rows);
    let mut rows = Vec::new();
    if let Some(groups) = node.maybe("groups") {
        for group in groups.list()? {
            let uncertainty = group.real("uncertainty")?;
            rows.push(vec![
                escaped(group.word("name")?),
                blank_or(uncertainty, |x| significant(x, 3).html()),
            ]);
        }
    }
    page.table("Groups", &["Group", "Uncertainty"], &rows);
    Ok(())
}

pub(super) fn yields(page: &mut Page, node: &Node<'_>) -> Result<()> {
    for channel in node.elements("channels")? {
        let name = channel.word("name")?;
        let mut rows = Vec::new();
        let mut column = |stage: &str, column: usize| -> Result<()> {
            let Some(stage) = channel.maybe(stage) else { return Ok(()) };
            let samples = stage.elements("samples")?;
            for (i, sample) in samples.iter().enumerate() {
                let sum: f64 = sample.get("yields")?.numbers()?.iter().sum();
                let text = value_and_uncertainty(sum, sample.real_or_nan("total_uncertainty")?);
                put(&mut rows, i, column, sample.word("name")?, text);
            }
            let sum: f64 = stage.get("total")?.numbers()?.iter().sum();
            let text = value_and_uncertainty(sum, stage.real_or_nan("total_uncertainty")?);
            put(&mut rows, samples.len(), column, "Total", text);
            Ok(())
        };
        column("prefit", 1)?;
        column("postfit", 2)?;
        if let Some(observed) = channel.maybe("observed") {
            let sum: f64 = observed.numbers()?.iter().sum();
            let text = fixed(sum, usize::from(sum.fract() != 0.0));
            rows.push(vec!["Data".to_owned(), text, String::new()]);
        }
        page.add(&format!("<h3>{}</h3>\n", escaped(name)));
        page.table(&format!("Yields of {name}"), &["Sample", "Pre-fit", "Post-fit"], &rows);
    }
    Ok(())
}

/// A cell; rows are made when they are first needed.
fn put(rows: &mut Vec<Vec<String>>, row: usize, column: usize, name: &str, text: String) {
    while rows.len() <= row {
        rows.push(vec![escaped(name), String::new(), String::new()]);
    }
    rows[row][column] = text;
}

/// Heads of columns with CLs.
const BAND: [&str; 7] = ["Tested", "CLs observed", "Expected −2σ", "−1σ", "median", "+1σ", "+2σ"];

pub(super) fn limit(page: &mut Page, node: &Node<'_>) -> Result<()> {
    let mut rows = Vec::new();
    for p in node.elements("points")? {
        let band = p.band("cls_expected")?;
        let mut row = vec![significant(p.real("mu")?, 4).html()];
        row.push(significant(p.real("cls_observed")?, 3).html());
        row.extend(band.iter().map(|x| significant(*x, 3).html()));
        rows.push(row);
    }
    page.table("Points", &BAND, &rows);
    Ok(())
}

pub(super) fn discovery(page: &mut Page, node: &Node<'_>) -> Result<()> {
    let number = |key: &str, digits| -> Result<String> {
        Ok(significant(node.real_or_nan(key)?, digits).html())
    };
    let [_, low, _, high, _] = node.band("z_expected_band")?.map(|z| fixed(z, 2));
    let poi = escaped(node.poi());
    page.facts(&[
        ("Best fit".into(), format!("{poi} = {}", number("muhat", 4)?)),
        ("Test statistic".into(), format!("<i>q</i><sub>0</sub> = {}", number("q0", 4)?)),
        ("Observed".into(), format!("{} σ", fixed(node.real("z_observed")?, 2))),
        (
            "Expected".into(),
            format!("{} σ (68 %: {low} to {high})", fixed(node.real("z_expected")?, 2)),
        ),
    ]);
    Ok(())
}

pub(super) fn cls(page: &mut Page, node: &Node<'_>) -> Result<()> {
    let mut row = vec![significant(node.real("mu")?, 4).html()];
    row.push(significant(node.real("cls_observed")?, 3).html());
    row.extend(node.band("cls_expected")?.iter().map(|x| significant(*x, 3).html()));
    page.table("Test", &BAND, &[row]);
    Ok(())
}

/// Nothing where there is no number.
fn blank_or(x: f64, show: impl Fn(f64) -> String) -> String {
    if x.is_nan() { String::new() } else { show(x) }
}

fn signed(x: f64) -> String {
    let text = significant(x, 2).html();
    if x > 0.0 { format!("+{text}") } else { text }
}
