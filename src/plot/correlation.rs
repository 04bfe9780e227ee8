//! Correlations of fitted parameters, of those that have any worth showing.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::{Figure, Options};
use crate::{Error, Result};

/// Parameters that can be read in one figure.
const MOST: usize = 28;
const NAME: f64 = 150.0;
const BAR: f64 = 70.0;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let nodes = document.elements("parameters")?;
    let names = nodes.iter().map(|n| n.word("name")).collect::<Result<Vec<_>>>()?;
    let Some(covariance) = document.maybe("covariance") else {
        return Err(Error::Unsupported(
            "the result has no covariance: `fit` writes it with --covariance".into(),
        ));
    };
    let rows = covariance.list()?;
    if rows.len() != names.len() {
        let message = format!("expected {} rows, found {}", names.len(), rows.len());
        return Err(covariance.error(message));
    }
    let matrix = rows.iter().map(|r| r.vector(names.len())).collect::<Result<Vec<_>>>()?;
    let correlation = |i: usize, j: usize| {
        let rho = matrix[i][j] / (matrix[i][i] * matrix[j][j]).sqrt();
        if rho.is_finite() { rho.clamp(-1.0, 1.0) } else { 0.0 }
    };
    let free: Vec<usize> = (0..names.len()).filter(|&i| matrix[i][i] > 0.0).collect();
    let largest: Vec<f64> = free
        .iter()
        .map(|&i| {
            free.iter().filter(|&&j| j != i).map(|&j| correlation(i, j).abs()).fold(0.0, f64::max)
        })
        .collect();
    let threshold = options.threshold.unwrap_or_else(|| readable(&largest));
    let shown: Vec<usize> =
        free.iter().zip(&largest).filter(|(_, l)| **l >= threshold).map(|(i, _)| *i).collect();

    let n = shown.len();
    let subject = if n == free.len() {
        "Correlations".to_owned()
    } else {
        let dropped = free.len() - n;
        format!("Correlations; {dropped} parameters below {} not shown", fixed(threshold, 2))
    };
    let side = (740.0 / n.max(1) as f64).clamp(17.0, 46.0);
    let label = |i: usize| Text::name(names[i], NAME, size::SMALL);
    let room = shown.iter().map(|&i| label(i).width(size::SMALL)).fold(20.0, f64::max) + 12.0;
    let width = room + n as f64 * side + BAR + 24.0;
    let height = room + n as f64 * side + 54.0;
    let mut canvas =
        Canvas::new(document, options, (width.max(460.0), height.max(160.0)), &subject);
    let area = Area {
        left: canvas.area.left + room,
        right: canvas.area.right - BAR,
        top: canvas.area.top + 4.0,
        bottom: canvas.area.bottom - room,
    };
    let side = (area.width() / n.max(1) as f64).min(area.height() / n.max(1) as f64).max(1.0);
    let svg = &mut canvas.svg;
    for (a, &i) in shown.iter().enumerate() {
        for (b, &j) in shown.iter().enumerate() {
            let rho = if i == j { 1.0 } else { correlation(i, j) };
            let (left, top) = (area.left + b as f64 * side, area.top + a as f64 * side);
            let cell = Area { left, top, right: left + side, bottom: top + side };
            svg.rect(cell, &Paint::fill(&diverging(rho)).with_outline(Stroke::new("#ffffff", 0.6)));
            let text = Text::from(fixed(rho, 2));
            let letters = (0.34 * side).min(size::SMALL);
            if letters >= 8.0 && (rho.abs() >= 0.01 || i == j) {
                let ink = if rho.abs() > 0.6 { "#ffffff" } else { BLACK };
                let at = (left + 0.5 * side, top + 0.5 * side + 0.35 * letters);
                svg.text(at, &text, letters, Anchor::Middle, ink);
            }
        }
        let middle = (a as f64 + 0.5) * side;
        let at = (area.left - 6.0, area.top + middle + 4.0);
        svg.text(at, &label(i), size::SMALL, Anchor::End, BLACK);
        let at = (area.left + middle + 4.0, area.top + n as f64 * side + 6.0);
        svg.turned_text(at, &label(i), size::SMALL, Anchor::End, BLACK, -90.0);
    }
    let end = n as f64 * side;
    let frame = Area { right: area.left + end, bottom: area.top + end, ..area };
    svg.rect(frame, &Paint::outline(Stroke::new(BLACK, 1.0)));
    bar(svg, frame);
    Ok(vec![canvas.finish("correlation")])
}

/// The threshold that leaves as many parameters as can be read.
fn readable(largest: &[f64]) -> f64 {
    if largest.len() <= MOST {
        return 0.0;
    }
    let mut sorted = largest.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // rounded up to what the figure says
    (sorted[MOST] * 100.0 + 1e-9).floor() / 100.0 + 0.01
}

/// What the colours mean.
fn bar(svg: &mut Svg, frame: Area) {
    const STEPS: usize = 40;
    let bottom = frame.bottom.min(frame.top + 240.0);
    let area = Area { left: frame.right + 14.0, right: frame.right + 28.0, bottom, ..frame };
    let at = |rho: f64| area.bottom - 0.5 * (rho + 1.0) * area.height();
    for i in 0..STEPS {
        let low = 2.0 * i as f64 / STEPS as f64 - 1.0;
        let high = low + 2.0 / STEPS as f64;
        let strip = Area { top: at(high), bottom: at(low), ..area };
        svg.rect(strip, &Paint::fill(&diverging(0.5 * (low + high))));
    }
    svg.rect(area, &Paint::outline(Stroke::new(BLACK, 1.0)));
    let labels: &[f64] =
        if area.height() > 90.0 { &[-1.0, -0.5, 0.0, 0.5, 1.0] } else { &[-1.0, 1.0] };
    for rho in labels {
        let text = fixed(*rho, usize::from(labels.len() > 2));
        svg.text(
            (area.right + 5.0, at(*rho) + 4.0),
            &text.into(),
            size::SMALL,
            Anchor::Start,
            BLACK,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_leave_what_can_be_read() {
        let many: Vec<f64> = (0..200).map(|i| i as f64 / 200.0).collect();
        let threshold = readable(&many);
        let left = many.iter().filter(|l| **l >= threshold).count();
        assert!((MOST - 2..=MOST).contains(&left), "{left}");
        assert_eq!(readable(&many[..5]), 0.0);
    }
}
