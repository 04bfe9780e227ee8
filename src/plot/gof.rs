//! Goodness of fit: the saturated test statistic among those of toys, and chi-square.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::histogram::{Histogram, poisson_interval, quantile, steps};
use super::{Figure, Options};
use crate::Result;
use crate::infer::distributions::{chi_square_quantile, chi_square_tail};

const BINS: usize = 40;

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let observed = document.real("test_statistic")?;
    let degrees = document.real("degrees_of_freedom")?;
    let toys = match document.maybe("distribution") {
        Some(node) => node.numbers()?,
        None => Vec::new(),
    };
    let known = degrees > 0.0 && degrees < 1e9;
    let chi = |p: f64| if known { chi_square_quantile(p, degrees) } else { f64::NAN };
    let lows = [chi(0.9995), quantile(&toys, 1.0).unwrap_or(f64::NAN), 0.97 * observed];
    let highs = [chi(5e-4), quantile(&toys, 1e-3).unwrap_or(f64::NAN), 1.05 * observed];
    let low = extent(lows).map_or(0.0, |(low, _)| low.max(0.0));
    let high = extent(highs).map_or(low + 1.0, |(_, high)| high.max(low + 1e-6));
    let histogram = Histogram::new(&toys, low, high, BINS);
    // without toys the curve is a density
    let total = if histogram.total > 0 { histogram.total as f64 } else { 1.0 / histogram.width };
    let edges = histogram.edges();
    let tails: Vec<f64> =
        edges.iter().map(|x| if known { chi_square_tail(*x, degrees) } else { f64::NAN }).collect();
    let expected: Vec<f64> = tails.windows(2).map(|t| total * (t[0] - t[1])).collect();
    let counts = histogram.counts.iter().map(|n| *n as f64);
    let top = extent(expected.iter().copied().chain(counts.clone())).map_or(1.0, |(_, t)| t);

    let mut canvas = Canvas::new(document, options, (640.0, 480.0), "Goodness of fit");
    let title =
        if toys.is_empty() { Text::from("Probability density") } else { Text::from("Toys / bin") };
    let x = Axis::linear("Saturated test statistic", low, high);
    let mut panel = Panel::fitted(canvas.area, x, Axis::linear(title, 0.0, 1.45 * top));
    let svg = &mut canvas.svg;
    let mut legend = Legend::new();
    if known {
        let curve = Stroke::new(BLUE, 1.8);
        let tail: Vec<_> = edges
            .windows(2)
            .zip(&expected)
            .filter(|(pair, _)| pair[1] > observed)
            .map(|(pair, height)| ([pair[0].max(observed), pair[1]], *height))
            .collect();
        for (pair, height) in tail {
            let area = panel.between((pair[0], 0.0), (pair[1], height));
            svg.rect(area, &Paint::fill(BLUE).opacity(0.3));
        }
        panel.line(svg, &steps(&edges, &expected, 0.0), &curve);
        let text = Text::from("χ")
            .above("2")
            .plain(&format!(", {} degrees of freedom", fixed(degrees, 0)));
        legend.add(Handle::Line(curve), text);
    }
    let data = Stroke::new(BLACK, 1.2);
    for (i, n) in histogram.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let x = histogram.edge(i) + 0.5 * histogram.width;
        panel.point(svg, (x, *n as f64), poisson_interval(*n as f64), &data, 2.6);
    }
    if !toys.is_empty() {
        legend.add(Handle::Data(data), format!("{} toys", histogram.total));
    }
    let line = Stroke::new(RED, 2.0);
    panel.line(svg, &[(observed, 0.0), (observed, 1.08 * top)], &line);
    panel.frame(svg);
    legend.add(Handle::Line(line), format!("Observed: {}", fixed(observed, 1)));
    let p = Text::default().italic("p").plain(" = ");
    let by_formula = document.real_or_nan("p_value")?;
    if by_formula.is_finite() {
        let text = p.clone().then(significant(by_formula, 2)).plain(" (χ").above("2").plain(")");
        legend.add(Handle::Text, text);
    }
    let by_toys = document.real_or_nan("p_value_toys")?;
    if by_toys.is_finite() {
        let error = document.real_or_nan("p_value_toys_error")?;
        let text = p.plain(&value_and_uncertainty(by_toys, error)).plain(" (toys)");
        legend.add(Handle::Text, text);
    }
    panel.legend(svg, &legend);
    Ok(vec![canvas.finish("gof")])
}
