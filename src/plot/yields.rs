//! Data and expectation of a channel: stacked samples with the band of their uncertainty, and the
//! ratio of both. Fits of single events have the same in bins of their observable.

use super::canvas::Canvas;
use super::document::Node;
use super::draw::*;
use super::histogram::{poisson_interval, steps};
use super::{Figure, Options, What};
use crate::{Error, Result};

/// Height of the lower panel.
const RATIO: f64 = 0.27;
const HATCH: Stroke = Stroke::new("#3c3c3c", 1.0);
const DATA: Stroke = Stroke::new(BLACK, 1.4);

/// One channel.
struct Channel<'a> {
    /// Of the bins; their numbers are in the middle of those that have none of an observable.
    edges: Vec<f64>,
    observable: Option<&'a str>,
    /// NaN where there are none.
    observed: Vec<f64>,
    /// What is around the data.
    intervals: Vec<(f64, f64)>,
    samples: Vec<Sample<'a>>,
    total: Vec<f64>,
    uncertainty: Vec<f64>,
}

struct Sample<'a> {
    name: &'a str,
    yields: Vec<f64>,
    colour: &'a str,
}

pub(super) fn draw(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (node, name) in channels(document, options)? {
        let postfit = match options.what {
            Some(What::Prefit) => false,
            Some(_) => true,
            None => node.maybe("postfit").is_some(),
        };
        let channel = Channel::read(&node, postfit)?;
        let words = if postfit { "post-fit" } else { "pre-fit" };
        let subject = format!("{name}, {words}");
        let canvas = Canvas::new(document, options, (640.0, 600.0), &subject);
        figures.push(channel.draw(canvas).finish(&format!("{name}-{words}")));
    }
    Ok(figures)
}

/// Fits of single events, whose document has them in bins.
pub(super) fn draw_events(document: &Node<'_>, options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (node, name) in channels(document, options)? {
        let Some(histogram) = node.maybe("histogram") else { continue };
        let channel = Channel::read_events(&histogram)?;
        let canvas = Canvas::new(document, options, (640.0, 600.0), name);
        figures.push(channel.draw(canvas).finish(name));
    }
    if figures.is_empty() && !document.elements("channels")?.is_empty() {
        let message = "no channel has events in bins, which would be drawn: fit with --bins N (in Python bins=N); \
                       channels of several observables have none";
        return Err(document.get("channels")?.error(message));
    }
    Ok(figures)
}

/// The channels that are asked for, with their names.
fn channels<'a>(document: &Node<'a>, options: &Options) -> Result<Vec<(Node<'a>, &'a str)>> {
    let all = document.elements("channels")?;
    let names = all.iter().map(|c| c.word("name")).collect::<Result<Vec<_>>>()?;
    if let Some(wanted) = &options.channel
        && !names.contains(&wanted.as_str())
    {
        let message = format!("there is no channel {wanted:?}; there are {}", names.join(", "));
        return Err(Error::Argument(message));
    }
    let asked = |name: &str| options.channel.as_deref().is_none_or(|wanted| wanted == name);
    Ok(all.into_iter().zip(names).filter(|(_, name)| asked(name)).collect())
}

impl<'a> Channel<'a> {
    fn read(node: &Node<'a>, postfit: bool) -> Result<Self> {
        let stage = node.get(if postfit { "postfit" } else { "prefit" })?;
        let total = stage.get("total")?.numbers()?;
        let bins = total.len();
        let mut samples = Vec::new();
        for sample in stage.elements("samples")? {
            samples.push(Sample {
                name: sample.word("name")?,
                yields: sample.get("yields")?.vector(bins)?,
                colour: LIGHT,
            });
        }
        let observed = match node.maybe("observed") {
            Some(observed) => observed.vector(bins)?,
            None => vec![f64::NAN; bins],
        };
        Ok(Self {
            edges: numbered(bins),
            observable: None,
            intervals: observed.iter().map(|n| poisson_interval(*n)).collect(),
            observed,
            samples: merged(samples, bins),
            // null where the fit has no covariance
            uncertainty: match stage.maybe("uncertainty") {
                Some(uncertainty) => uncertainty.vector(bins)?,
                None => vec![f64::NAN; bins],
            },
            total,
        })
    }

    fn read_events(histogram: &Node<'a>) -> Result<Self> {
        let mut observable = Some(histogram.word("observable")?);
        let mut edges = histogram.get("edges")?.numbers()?;
        let bins = edges.len().saturating_sub(1);
        let rise = edges.windows(2).all(|pair| pair[0] < pair[1]);
        // bins without an axis are numbered
        if bins == 0 || !rise || edges.iter().any(|edge| !edge.is_finite()) {
            observable = None;
            edges = numbered(bins);
        }
        let observed = histogram.get("observed")?.vector(bins)?;
        let intervals = match histogram.maybe("uncertainty") {
            Some(uncertainty) => {
                let pairs = observed.iter().zip(uncertainty.vector(bins)?);
                pairs.map(|(n, u)| (n - u, n + u)).collect()
            }
            None => observed.iter().map(|n| poisson_interval(*n)).collect(),
        };
        let mut total = vec![0.0; bins];
        let mut samples = Vec::new();
        for process in histogram.elements("processes")? {
            let yields = process.get("expected")?.vector(bins)?;
            total.iter_mut().zip(&yields).for_each(|(sum, events)| *sum += events);
            samples.push(Sample { name: process.word("name")?, yields, colour: LIGHT });
        }
        Ok(Self {
            edges,
            observable,
            observed,
            intervals,
            samples: merged(samples, bins),
            total,
            uncertainty: vec![f64::NAN; bins],
        })
    }

    fn draw(&self, mut canvas: Canvas) -> Canvas {
        let (bins, edges) = (self.total.len(), &self.edges);
        let blind = self.observed.iter().all(|n| n.is_nan());
        let mut legend = Legend::new().columns(if self.samples.len() > 6 { 3 } else { 2 });
        if !blind {
            legend.add(Handle::Data(DATA), "Data");
        }
        for sample in &self.samples {
            let paint = Paint::fill(sample.colour);
            legend.add(Handle::Fill(paint), Text::name(sample.name, 150.0, size::LABEL));
        }
        // bins of an observable have none
        if self.observable.is_none() {
            legend.add(Handle::Hatch(HATCH), "Uncertainty");
        }

        let height = canvas.area.height();
        let title = self
            .observable
            .map_or_else(|| "Bin".into(), |name| Text::name(name, 300.0, size::LABEL));
        let foot = Panel::below(&Axis::linear(title.clone(), 0.0, 1.0));
        let upper = (1.0 - RATIO) * (height - foot) - 5.0;
        let y = self.axis((legend.height() + 26.0) / upper);
        let (low, high) = self.ratio_range();
        let ratio = Axis::linear(if blind { "Relative" } else { "Data / exp." }, low, high);
        let left = canvas.area.left + y.room(upper).max(ratio.room(RATIO * (height - foot)));
        let top = Area {
            left,
            right: canvas.area.right - 16.0,
            top: canvas.area.top,
            bottom: canvas.area.top + upper,
        };
        let bottom = Area { top: top.bottom + 10.0, bottom: canvas.area.bottom - foot, ..top };
        // a channel without bins has an axis, too
        let ends = (edges[0], if bins == 0 { edges[0] + 1.0 } else { edges[bins] });
        let x = |words: Text| Axis::linear(words, ends.0, ends.1);
        let floor = if y.log { y.low } else { y.low.min(0.0) };
        let mut panel = Panel::new(top, self.marks(x("".into())).labels_off(), y);
        let svg = &mut canvas.svg;

        let middle = |i: usize| 0.5 * (edges[i] + edges[i + 1]);
        // so that many points do not become a band
        let mark = if bins > 60 { 2.0 } else { 3.4 };
        // from the last sample at the bottom to the first on top, as the legend lists them
        let mut below = vec![0.0; bins];
        for sample in self.samples.iter().rev() {
            let above: Vec<f64> = below.iter().zip(&sample.yields).map(|(b, y)| b + y).collect();
            let outer = steps(edges, &above, floor);
            let inner = steps(edges, &below, floor);
            let corners: Vec<_> = outer[1..outer.len().max(2) - 1]
                .iter()
                .chain(inner[1..inner.len().max(2) - 1].iter().rev())
                .map(|p| panel.at(*p))
                .collect();
            let paint = Paint::fill(sample.colour).with_outline(Stroke::new(BLACK, 0.5));
            svg.clipped(panel.area, |svg| svg.polygons([corners.as_slice()], &paint));
            below = above;
        }
        for (i, (total, u)) in self.total.iter().zip(&self.uncertainty).enumerate() {
            let (x0, x1) = (edges[i], edges[i + 1]);
            svg.hatch(panel.between((x0, total - u), (x1, total + u)), &HATCH);
        }
        panel.line(svg, &steps(edges, &self.total, floor), &Stroke::new(BLACK, 1.2));
        for (i, n) in self.observed.iter().enumerate().filter(|(_, n)| !n.is_nan()) {
            panel.point(svg, (middle(i), *n), self.intervals[i], &DATA, mark);
        }
        panel.frame(svg);
        legend.draw_at(svg, (top.left + 16.0, top.top + 12.0));

        let mut panel = Panel::new(bottom, self.marks(x(title)), ratio);
        for (i, (total, u)) in self.total.iter().zip(&self.uncertainty).enumerate() {
            let part = u / total;
            if part.is_finite() {
                let area = panel.between((edges[i], 1.0 - part), (edges[i + 1], 1.0 + part));
                svg.hatch(area, &HATCH);
            }
        }
        panel.horizontal(svg, 1.0, &Stroke::new(BLACK, 1.0));
        for (i, (n, total)) in self.observed.iter().zip(&self.total).enumerate() {
            let (low, high) = self.intervals[i];
            let value = (middle(i), n / total);
            if value.1.is_finite() {
                panel.point(svg, value, (low / total, high / total), &DATA, mark);
                beyond(svg, &panel, value);
            }
        }
        panel.frame(svg);
        canvas
    }

    /// The upper panel's axis, with a fraction `head` free above all that is drawn.
    fn axis(&self, head: f64) -> Axis {
        let data = self.intervals.iter().map(|(_, high)| *high);
        let band = self.total.iter().zip(&self.uncertainty).map(|(t, u)| t + u);
        let high = extent(data.chain(band)).map_or(1.0, |(_, high)| high);
        let high = if high > 0.0 { high } else { 1.0 };
        let lowest =
            extent(self.total.iter().copied().filter(|t| *t > 0.0)).map_or(high, |(l, _)| l);
        let head = head.clamp(0.05, 0.7);
        if high > 300.0 * lowest {
            let low = 0.3 * lowest.max(1e-6 * high);
            // the same fraction of decades
            return Axis::log("Events / bin", low, low * (high / low).powf(1.0 / (1.0 - head)));
        }
        let low = extent(self.total.iter().copied()).map_or(0.0, |(low, _)| low.min(0.0));
        Axis::linear("Events / bin", low, low + (high - low) / (1.0 - head))
    }

    /// As far as data and band go, up to a factor of 2.
    fn ratio_range(&self) -> (f64, f64) {
        let data = self.observed.iter().zip(&self.total);
        let far = data.map(|(n, t)| (n / t - 1.0).abs() + 0.5 * n.max(1.0).sqrt() / t);
        let band = self.total.iter().zip(&self.uncertainty).map(|(t, u)| (u / t).abs());
        let far = extent(far.chain(band)).map_or(0.5, |(_, far)| far);
        let half = [0.08, 0.16, 0.28, 0.55, 0.95].into_iter().find(|h| *h >= far).unwrap_or(0.95);
        (1.0 - half, 1.0 + half)
    }

    /// Marks in the middle of bins, numbered as in the names of parameters.
    fn marks(&self, axis: Axis) -> Axis {
        let bins = self.total.len();
        if bins > 12 || self.observable.is_some() {
            return axis;
        }
        let labels = (0..bins).map(|i| (i as f64, Text::from(i.to_string()))).collect();
        axis.labels(Labels::Given(labels, true))
    }
}

/// Edges of bins whose numbers are in the middle.
fn numbered(bins: usize) -> Vec<f64> {
    (0..=bins).map(|i| i as f64 - 0.5).collect()
}

/// At most as many samples as there are colours: the smallest become one.
fn merged<'a>(mut samples: Vec<Sample<'a>>, bins: usize) -> Vec<Sample<'a>> {
    let sum = |s: &Sample<'_>| s.yields.iter().filter(|y| y.is_finite()).sum::<f64>();
    if samples.len() > SAMPLES.len() {
        let mut sums: Vec<f64> = samples.iter().map(sum).collect();
        sums.sort_by(|a, b| b.total_cmp(a));
        let least = sums[SAMPLES.len() - 2];
        let mut kept = 0;
        let (large, small): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| {
            kept += usize::from(sum(s) >= least);
            sum(s) >= least && kept < SAMPLES.len()
        });
        samples = large;
        let mut yields = vec![0.0; bins];
        for sample in &small {
            yields.iter_mut().zip(&sample.yields).for_each(|(y, add)| *y += add);
        }
        samples.push(Sample { name: "other samples", yields, colour: LIGHT });
    }
    for (sample, colour) in samples.iter_mut().zip(SAMPLES) {
        sample.colour = colour;
    }
    samples
}

/// A triangle at the edge above or below which a point is.
pub(super) fn beyond(svg: &mut Svg, panel: &Panel, value: (f64, f64)) {
    let (x, y) = panel.at(value);
    let Area { top, bottom, .. } = panel.area;
    let (tip, back) = if y < top {
        (top + 1.0, top + 8.0)
    } else if y > bottom {
        (bottom - 1.0, bottom - 8.0)
    } else {
        return;
    };
    let corners = [(x, tip), (x - 4.5, back), (x + 4.5, back)];
    svg.polygons([corners.as_slice()], &Paint::fill(BLACK));
}
