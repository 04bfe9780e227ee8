//! The test statistic t_mu of toys at their true value, against its asymptotic form.

use super::canvas::Canvas;
use super::distributions::name;
use super::draw::*;
use super::histogram::{Histogram, poisson_interval, quantile, steps};
use super::{Figure, Options};
use crate::infer::TestStatistic;
use crate::infer::distributions::chi_square_tail;

const BINS: usize = 30;
const RATIO: f64 = 0.27;
const DATA: Stroke = Stroke::new(BLACK, 1.3);

/// The distribution of t_mu in toys of a true mu, beside chi-square with one degree of freedom
/// (arXiv:1007.1727 eq. 35), and the ratio of both. `caption` stands above on the right.
pub fn t_mu(values: &[f64], title: &str, caption: &str) -> Figure {
    // the axis ends where some three toys are above
    let end = quantile(values, 3.0 / values.len().max(4) as f64).unwrap_or(4.0).clamp(4.0, 40.0);
    // bins as wide as a multiple of 0.05
    let end = BINS as f64 * 0.05 * (end / (0.05 * BINS as f64)).ceil();
    let histogram = Histogram::new(values, 0.0, end, BINS);
    let edges = histogram.edges();
    let tails: Vec<f64> = edges.iter().map(|t| chi_square_tail(*t, 1.0)).collect();
    let total = histogram.total as f64;
    let expected: Vec<f64> = tails.windows(2).map(|t| total * (t[0] - t[1])).collect();
    let high = extent(expected.iter().copied()).map_or(1.0, |(_, high)| high.max(1.0));
    let low = extent(expected.iter().copied()).map_or(0.1, |(low, _)| (0.5 * low).max(0.05));

    let mut canvas = Canvas::of(caption, &Options::default(), (640.0, 600.0), title);
    let x = Axis::linear(name(TestStatistic::TMu), 0.0, end);
    let foot = Panel::below(&x);
    let room = canvas.area.height() - foot;
    let y = Axis::log(format!("Toys / {}", fixed(histogram.width, 2)), low, high * 4.0);
    let ratio = Axis::linear(Text::from("Toys / χ").above("2"), 0.42, 1.58);
    let upper = (1.0 - RATIO) * room - 5.0;
    let top = Area {
        left: canvas.area.left + y.room(upper).max(ratio.room(RATIO * room)),
        right: canvas.area.right - 16.0,
        top: canvas.area.top,
        bottom: canvas.area.top + upper,
    };
    let bottom = Area { top: top.bottom + 10.0, bottom: canvas.area.bottom - foot, ..top };
    let svg = &mut canvas.svg;
    let mut panel = Panel::new(top, Axis::linear("", 0.0, end).labels_off(), y);
    let curve = Stroke::new(RED, 1.8);
    panel.line(svg, &steps(&edges, &expected, 0.1 * low), &curve);
    let points: Vec<(f64, f64, f64)> = histogram
        .counts
        .iter()
        .zip(&expected)
        .enumerate()
        .filter(|(_, (n, _))| **n > 0)
        .map(|(i, (n, e))| (histogram.edge(i) + 0.5 * histogram.width, *n as f64, *e))
        .collect();
    for (x, n, _) in &points {
        panel.point(svg, (*x, *n), poisson_interval(*n), &DATA, 2.8);
    }
    panel.frame(svg);
    let mut legend = Legend::new();
    let formula = Text::from("χ").above("2").plain(", 1 degree of freedom (asymptotic form)");
    legend.add(Handle::Line(curve), formula);
    legend.add(Handle::Data(DATA), format!("{} toys", histogram.total));
    panel.legend(svg, &legend);

    let mut panel = Panel::new(bottom, x, ratio);
    panel.horizontal(svg, 1.0, &curve);
    for (x, n, e) in &points {
        let (low, high) = poisson_interval(*n);
        panel.point(svg, (*x, n / e), (low / e, high / e), &DATA, 2.8);
        super::yields::beyond(svg, &panel, (*x, n / e));
    }
    panel.frame(svg);
    canvas.finish("t_mu")
}
