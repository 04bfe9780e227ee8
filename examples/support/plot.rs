//! The distribution of t_mu against its asymptotic form, as SVG.

use std::error::Error;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::histogram::{Histogram, poisson_interval};

const SIZE: (u32, u32) = (840, 720);
const RATIO_HEIGHT: u32 = 220;
const ASYMPTOTIC: RGBColor = RGBColor(190, 30, 45);
const BAND: RGBColor = RGBColor(247, 222, 222);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Draws the histogram; `caption` stands in the upper right corner, line by line.
pub(crate) fn draw(histogram: &Histogram, caption: &[String]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (upper, lower) = root.split_vertically(SIZE.1 - RATIO_HEIGHT);
        spectrum(&upper, histogram, caption)?;
        ratio(&lower, histogram)?;
        root.present()?;
    }
    Ok(subscripts(&svg))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn end(histogram: &Histogram) -> f64 {
    histogram.edge(histogram.counts.len())
}

fn spectrum(area: &Area, histogram: &Histogram, caption: &[String]) -> Result<(), Box<dyn Error>> {
    let bins = histogram.counts.len();
    let highest = (0..bins).map(|i| histogram.expected(i).max(histogram.counts[i] as f64));
    // room for the legend above the first bin
    let top = highest.fold(1.0, f64::max) * 6.0;
    let bottom = (0..bins).map(|i| histogram.expected(i)).fold(top, f64::min).clamp(0.05, 0.5);
    let mut chart = ChartBuilder::on(area)
        .margin_top(16)
        .margin_right(24)
        .margin_left(10)
        .x_label_area_size(8)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..end(histogram), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|_| String::new())
        .y_label_formatter(&power_of_ten)
        .y_desc(format!("Toys / {}", histogram.width))
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 19))
        .draw()?;

    let steps: Vec<(f64, f64)> = (0..bins)
        .flat_map(|i| {
            let y = histogram.expected(i).max(bottom);
            [(histogram.edge(i), y), (histogram.edge(i + 1), y)]
        })
        .collect();
    chart.draw_series(AreaSeries::new(steps.iter().copied(), bottom, BAND))?;
    chart
        .draw_series(LineSeries::new(steps, ASYMPTOTIC.stroke_width(2)))?
        .label("χ² with 1 degree of freedom (asymptotic form)")
        .legend(|(x, y)| Rectangle::new([(x, y - 6), (x + 24, y + 6)], ASYMPTOTIC.stroke_width(2)));
    let points = points(histogram, bottom);
    chart
        .draw_series(error_bars(&points, histogram.width))?
        .label(format!("{} toys", thousands(histogram.total)))
        .legend(|(x, y)| {
            EmptyElement::at((x + 12, y))
                + PathElement::new([(-12, 0), (12, 0)], BLACK.stroke_width(1))
                + PathElement::new([(0, -7), (0, 7)], BLACK.stroke_width(1))
                + Circle::new((0, 0), 3, BLACK.filled())
        });
    chart.draw_series(points.iter().map(|p| Circle::new((p.x, p.y), 3, BLACK.filled())))?;
    frame(&mut chart, (0.0, bottom), (end(histogram), top))?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::Coordinate(250, 14))
        .legend_area_size(34)
        .label_font(("sans-serif", 17))
        .draw()?;
    for (i, line) in caption.iter().enumerate() {
        let style = ("sans-serif", 15).into_font().color(&RGBColor(70, 70, 70));
        area.draw(&Text::new(line.clone(), (388, 88 + 21 * i as i32), style))?;
    }
    Ok(())
}

fn ratio(area: &Area, histogram: &Histogram) -> Result<(), Box<dyn Error>> {
    let (low, high) = (0.0, 2.0);
    let mut chart = ChartBuilder::on(area)
        .margin_top(6)
        .margin_right(24)
        .margin_left(10)
        .x_label_area_size(56)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..end(histogram), low..high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .y_labels(5)
        .x_labels(10)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .x_desc("t_μ")
        .y_desc("Toys / χ²")
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 19))
        .draw()?;
    chart.draw_series(LineSeries::new(
        [(0.0, 1.0), (end(histogram), 1.0)],
        ASYMPTOTIC.stroke_width(2),
    ))?;
    let points: Vec<Point> = points(histogram, 0.0)
        .into_iter()
        .map(|p| {
            let scale = |y: f64| (y / p.expected).clamp(low, high);
            Point { y: p.y / p.expected, low: scale(p.low), high: scale(p.high), ..p }
        })
        .collect();
    chart.draw_series(error_bars(&points, histogram.width))?;
    let inside = points.iter().filter(|p| p.y <= high);
    chart.draw_series(inside.map(|p| Circle::new((p.x, p.y), 3, BLACK.filled())))?;
    // points above the frame leave an arrow at its edge
    let outside = points.iter().filter(|p| p.y > high);
    chart
        .draw_series(outside.map(|p| TriangleMarker::new((p.x, high - 0.08), 5, BLACK.filled())))?;
    frame(&mut chart, (0.0, low), (end(histogram), high))
}

/// Lines on all four sides.
fn frame<Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<RangedCoordf64, Y>>,
    low: (f64, f64),
    high: (f64, f64),
) -> Result<(), Box<dyn Error>>
where
    Y: Ranged<ValueType = f64>,
{
    chart.draw_series([Rectangle::new([low, high], BLACK.stroke_width(1))])?;
    Ok(())
}

/// A bin's count with its 68 % interval.
struct Point {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
    expected: f64,
}

/// Bins with toys; intervals end at `floor`.
fn points(histogram: &Histogram, floor: f64) -> Vec<Point> {
    let filled = (0..histogram.counts.len()).filter(|&i| histogram.counts[i] > 0);
    filled
        .map(|i| {
            let n = histogram.counts[i];
            let (low, high) = poisson_interval(n);
            Point {
                x: histogram.edge(i) + 0.5 * histogram.width,
                y: n as f64,
                low: low.max(floor),
                high,
                expected: histogram.expected(i),
            }
        })
        .collect()
}

/// Vertical bars over the interval, horizontal ones over the bin.
fn error_bars(points: &[Point], width: f64) -> impl Iterator<Item = PathElement<(f64, f64)>> + '_ {
    points.iter().flat_map(move |p| {
        let style = BLACK.stroke_width(1);
        let vertical = PathElement::new([(p.x, p.low), (p.x, p.high)], style);
        let (left, right) = (p.x - 0.5 * width, p.x + 0.5 * width);
        // a point outside of the frame has no place for its horizontal bar
        let horizontal = PathElement::new([(left, p.y), (right, p.y)], style);
        [Some(vertical), (p.y < p.high || p.low < p.y).then_some(horizontal)].into_iter().flatten()
    })
}

fn power_of_ten(y: &f64) -> String {
    let exponent = y.log10().round();
    if exponent == 0.0 || exponent == 1.0 {
        return y.round().to_string();
    }
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let sign = if exponent < 0.0 { "⁻" } else { "" };
    let digits = (exponent.abs() as u64).to_string();
    let digits: String = digits.bytes().map(|b| DIGITS[usize::from(b - b'0')]).collect();
    format!("10{sign}{digits}")
}

/// `10 000`, with a thin space.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// The drawing library knows no subscripts; SVG does.
fn subscripts(svg: &str) -> String {
    let subscript = "<tspan font-style=\"italic\">t</tspan><tspan dy=\"4\" font-size=\"75%\">μ</tspan>\
                     <tspan dy=\"-4\">\u{200b}</tspan>";
    svg.replace("t_μ", subscript)
}
