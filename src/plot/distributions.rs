//! Test statistics of toys under both hypotheses, with the asymptotic formulas and the observed value.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::histogram::{Histogram, quantile, steps};
use super::{Figure, Options};
use crate::infer::TestStatistic;
use crate::infer::distributions::significance;
use crate::{Error, Result};

const BINS: usize = 40;

/// A hypothesis with its toys.
struct Hypothesis {
    words: &'static str,
    values: Vec<f64>,
    colour: &'static str,
    /// The one that is tested, whose p-value decides.
    tested: bool,
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let Some(toys) = document.maybe("distributions") else {
        return Err(Error::Unsupported(
            "the result has no distributions: they are in the file (-o) of a run with toys".into(),
        ));
    };
    let discovery = document.word("kind")? == "discovery";
    let statistic: TestStatistic = match document.maybe("statistic") {
        Some(node) => node.text()?.parse().map_err(|e: Error| node.error(e.to_string()))?,
        None => TestStatistic::Q0,
    };
    let observed = document.real(if discovery { "q0" } else { "test_statistic" })?;
    // null where only the tested hypothesis had toys
    let values = |key: &str| {
        let node = toys.get(key)?;
        if node.is_null() { Ok(Vec::new()) } else { node.numbers() }
    };
    let hypotheses = [
        Hypothesis {
            words: "Background",
            values: values("background")?,
            colour: BLUE,
            tested: discovery,
        },
        Hypothesis {
            words: "Signal + background",
            values: values("signal_background")?,
            colour: RED,
            tested: !discovery,
        },
    ];
    let q_asimov = if discovery {
        document.real_or_nan("z_expected")?.powi(2)
    } else {
        // the median of the alternative has CLb = 1/2
        document.band("cls_expected").map_or(f64::NAN, |band| significance(0.5 * band[2]).powi(2))
    };

    let ends = hypotheses.iter().filter_map(|h| quantile(&h.values, 5e-4));
    let end = extent(ends.chain([1.15 * observed])).map_or(1.0, |(_, high)| high.max(1.0));
    let filled: Vec<_> =
        hypotheses.iter().map(|h| Histogram::new(&h.values, 0.0, end, BINS)).collect();
    let density = |h: &Histogram| -> Vec<f64> {
        let scale = 1.0 / (h.total.max(1) as f64 * h.width);
        h.counts.iter().map(|n| *n as f64 * scale).collect()
    };
    let heights: Vec<Vec<f64>> = filled.iter().map(density).collect();
    let (low, high) =
        extent(heights.iter().flatten().copied().filter(|y| *y > 0.0)).unwrap_or((0.1, 1.0));
    // room for the legend
    let (floor, top) = (0.4 * low, high * (high / low).powf(0.5).max(8.0));

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Test statistic of toys");
    let y = Axis::log("Probability density", floor, top);
    let name = name(statistic);
    let mut panel = Panel::fitted(canvas.area, Axis::linear(name.clone(), 0.0, end), y);
    let svg = &mut canvas.svg;
    let mut legend = Legend::new().columns(2);
    for (h, (histogram, heights)) in hypotheses.iter().zip(filled.iter().zip(&heights)) {
        let edges = histogram.edges();
        let shade = Paint::fill(h.colour).opacity(if h.tested { 0.45 } else { 0.18 });
        let tail = beyond(&edges, heights, observed, 0.1 * floor);
        let corners: Vec<_> = tail.iter().map(|p| panel.at(*p)).collect();
        svg.clipped(panel.area, |svg| svg.polygons([corners.as_slice()], &shade));
        let stroke = Stroke::new(h.colour, 1.6);
        panel.line(svg, &steps(&edges, heights, 0.1 * floor), &stroke);
        legend.add(Handle::Line(stroke), format!("{}, {} toys", h.words, histogram.total));
        let tails = tails(statistic, h.tested, q_asimov, &edges);
        if tails.iter().all(|t| t.is_finite()) {
            let expected: Vec<f64> =
                tails.windows(2).map(|t| (t[0] - t[1]) / histogram.width).collect();
            let dashed = Stroke::new(h.colour, 1.6).dashed("3 3");
            panel.line(svg, &steps(&edges, &expected, 0.1 * floor), &dashed);
            legend.add(Handle::Line(dashed), "asymptotic formula");
        } else {
            legend.add(Handle::Text, "");
        }
    }
    let line = Stroke::new(BLACK, 2.0);
    panel.line(svg, &[(observed, floor), (observed, high * 1.4)], &line);
    panel.frame(svg);
    legend.add(
        Handle::Line(line),
        Text::from("Observed ").then(name).plain(&format!(" = {}", fixed(observed, 2))),
    );
    legend.add(Handle::Text, verdict(document, discovery)?);
    // by rows: each hypothesis beside its formula
    panel.legend(svg, &legend.by_rows());
    Ok(vec![canvas.finish("distributions")])
}

/// The steps right of `x`.
fn beyond(edges: &[f64], heights: &[f64], x: f64, floor: f64) -> Vec<(f64, f64)> {
    let first = edges.iter().position(|e| *e > x).unwrap_or(edges.len());
    if first == 0 || first >= edges.len() {
        return if first == 0 { steps(edges, heights, floor) } else { Vec::new() };
    }
    let mut cut = edges[first - 1..].to_vec();
    cut[0] = x;
    steps(&cut, &heights[first - 1..], floor)
}

/// Probabilities above each edge by the asymptotic formulas; NaN where they do not say.
fn tails(statistic: TestStatistic, tested: bool, q_asimov: f64, edges: &[f64]) -> Vec<f64> {
    let needs_asimov =
        !tested || matches!(statistic, TestStatistic::QTilde | TestStatistic::TTilde);
    if needs_asimov && !q_asimov.is_finite() {
        return vec![f64::NAN];
    }
    let q_asimov = if needs_asimov { q_asimov } else { 1.0 };
    let tail = |(i, q): (usize, &f64)| {
        // the half of all toys that have exactly 0 belongs to the first bin
        if i == 0 {
            return 1.0;
        }
        let (p, alternative) = statistic.p_values(*q, q_asimov);
        if tested { p } else { alternative }
    };
    edges.iter().enumerate().map(tail).collect()
}

fn verdict(document: &Node<'_>, discovery: bool) -> Result<Text> {
    let (key, name) = if discovery {
        ("p0_observed", Text::default().italic("p").below("0"))
    } else {
        ("cls_observed", super::limit::cls())
    };
    let value = document.real(key)?;
    let error = document.real_or_nan(&format!("{key}_error"))?;
    let text = name.plain(" = ").then(significant(value, 3));
    Ok(if error > 0.0 { text.plain(" ± ").then(significant(error, 2)) } else { text })
}

/// As in arXiv:1007.1727.
pub(super) fn name(statistic: TestStatistic) -> Text {
    let letter = |letter: &str, index: &str| Text::default().italic(letter).below(index);
    match statistic {
        TestStatistic::Q0 => letter("q", "0"),
        TestStatistic::QMu => letter("q", "μ"),
        TestStatistic::QTilde => letter("q\u{303}", "μ"),
        TestStatistic::TMu => letter("t", "μ"),
        TestStatistic::TTilde => letter("t\u{303}", "μ"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_begin_at_the_observed_value() {
        let (edges, heights) = ([0.0, 1.0, 2.0, 3.0], [5.0, 4.0, 3.0]);
        assert_eq!(beyond(&edges, &heights, 1.5, 0.0)[..2], [(1.5, 0.0), (1.5, 4.0)]);
        assert_eq!(beyond(&edges, &heights, 1.5, 0.0).len(), 6);
        assert!(beyond(&edges, &heights, 3.0, 0.0).is_empty());
        assert_eq!(beyond(&edges, &heights, -1.0, 0.0).len(), 8);
        assert!(beyond(&edges, &heights, f64::NAN, 0.0).is_empty());
    }

    #[test]
    fn all_of_a_formula_is_shown() {
        for statistic in TestStatistic::ALL {
            let tails = tails(statistic, true, 4.0, &[0.0, 1.0, 100.0]);
            assert!(tails[0] == 1.0 && tails[1] < 0.5 && tails[2] < 1e-3, "{statistic} {tails:?}");
        }
        assert!(super::tails(TestStatistic::QTilde, false, f64::NAN, &[0.0, 1.0])[0].is_nan());
    }
}
