//! The gradient of the NLL in everything it depends on, along a straight line of parameters and yields: its
//! derivatives at 0 are products of the Hessian with a direction, and of the third derivatives with two. All
//! that differentiates a fit is made of them.

use super::build::bins;
use super::interpolation::{Derivatives, histosys_slopes};
use super::jet::Jet;
use super::poisson::{NegativeRates, RATE_FLOOR};
use super::yields::{CellRun, Cells, Side};
use super::{Constraint, Data, Factor, Model, Sample};

/// Gradient of the NLL, or one of its derivatives along a line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FullGradient {
    /// In the parameters, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// In the nominal counts of the cells, `[cells]`.
    pub yields: Vec<f64>,
    /// In the main data, up to terms of the data alone, `[n_bins]`.
    pub main: Vec<f64>,
    /// In the auxiliary data, up to terms of the data alone, `[n_auxiliary]`.
    pub auxiliary: Vec<f64>,
}

/// Directions of the line.
#[derive(Debug, Clone, Copy)]
pub struct Direction<'a> {
    /// In the parameters, `[n_parameters]`.
    pub parameters: &'a [f64],
    /// In the yields, `[cells]`; empty: they stay.
    pub yields: &'a [f64],
}

/// How a sample's templates move, per bin.
struct SampleMoves {
    nominal: Vec<f64>,
    /// Per shape, the moves of `S` and `A` (see [`histosys_slopes`]).
    shapes: Vec<(Vec<f64>, Vec<f64>)>,
}

impl SampleMoves {
    fn new(sample: &Sample, index: usize, cells: &Cells, direction: &[f64]) -> Self {
        let zeros = || vec![0.0; sample.nominal.len()];
        let of = |variation| cells.run(index, variation).map(|r| r.of(direction));
        let nominal = of(None).map_or_else(zeros, <[f64]>::to_vec);
        let shape = |shape: usize| {
            let less = |a: &[f64], b: &[f64]| -> Vec<f64> {
                a.iter().zip(b).map(|(a, b)| a - b).collect()
            };
            // a variation that is no cell moves with the nominal counts
            let up = of(Some((shape, Side::Hi))).map_or_else(zeros, |hi| less(hi, &nominal));
            let down = of(Some((shape, Side::Lo))).map_or_else(zeros, |lo| less(&nominal, lo));
            let pairs = || up.iter().zip(&down);
            let symmetric = pairs().map(|(up, down)| 0.5 * (up + down)).collect();
            (symmetric, pairs().map(|(up, down)| (up - down) / 16.0).collect())
        };
        Self { shapes: (0..sample.shapes.len()).map(shape).collect(), nominal }
    }
}

/// One sample along the line.
struct SampleLine {
    /// Parameter of each scalar factor, its derivative, the product of the others.
    factors: Vec<(usize, Jet, Jet)>,
    scale: Jet,
    /// Nominal counts plus histosys changes, `[n_bins]`.
    counts: Vec<Jet>,
    shapes: Vec<ShapeLine>,
    /// Product of the factors per bin, `[n_bins]`.
    gammas: Vec<Jet>,
}

/// One shape along the line: `delta = alpha S + bend A`.
struct ShapeLine {
    alpha: Jet,
    bend: Jet,
    /// d bend / d alpha.
    slope: Jet,
    /// `S` and `A` of each bin.
    templates: Vec<(Jet, Jet)>,
}

impl SampleLine {
    fn new(
        model: &Model,
        index: usize,
        (x, along): (&[f64], &[f64]),
        moves: Option<&SampleMoves>,
    ) -> Self {
        let sample = &model.samples[index];
        let values: Vec<(usize, Jet, Jet)> = sample
            .factors
            .iter()
            .zip(&model.curves[index])
            .map(|(factor, curve)| {
                let k = factor.parameter();
                let at = match factor {
                    Factor::Linear { .. } => Derivatives::linear(x[k]),
                    Factor::NormSys { .. } => curve.at(x[k]),
                };
                let (value, slope) = Jet::of(at, along[k]);
                (k, value, slope)
            })
            .collect();
        // products of all others from both ends: no division, which a factor of zero forbids
        let mut factors = Vec::with_capacity(values.len());
        let mut scale = Jet::ONE;
        for &(k, value, slope) in &values {
            factors.push((k, slope, scale));
            scale *= value;
        }
        let mut after = Jet::ONE;
        for (factor, (_, value, _)) in factors.iter_mut().zip(&values).rev() {
            factor.2 *= after;
            after *= *value;
        }
        let moved = |b: usize| moves.map_or(0.0, |m| m.nominal[b]);
        let nominal = sample.nominal.iter().enumerate();
        let mut counts: Vec<Jet> = nominal.map(|(b, n)| Jet::line(*n, moved(b))).collect();
        let mut shapes = Vec::with_capacity(sample.shapes.len());
        for (i, shape) in sample.shapes.iter().enumerate() {
            let k = shape.parameter;
            let alpha = Jet::line(x[k], along[k]);
            let (bend, slope) = Jet::of(model.interpolation.histosys.bend(x[k]), along[k]);
            let moved =
                |b: usize| moves.map_or((0.0, 0.0), |m| (m.shapes[i].0[b], m.shapes[i].1[b]));
            let template = |b: usize| {
                let (s, a) = histosys_slopes(sample.nominal[b], shape.lo[b], shape.hi[b]);
                let (s_moved, a_moved) = moved(b);
                (Jet::line(s, s_moved), Jet::line(a, a_moved))
            };
            let templates: Vec<(Jet, Jet)> = (0..counts.len()).map(template).collect();
            for (count, (s, a)) in counts.iter_mut().zip(&templates) {
                *count += alpha * *s + bend * *a;
            }
            shapes.push(ShapeLine { alpha, bend, slope, templates });
        }
        let mut gammas = vec![Jet::ONE; counts.len()];
        for &first in &sample.bin_factors {
            for (b, gamma) in gammas.iter_mut().enumerate() {
                *gamma *= Jet::line(x[first + b], along[first + b]);
            }
        }
        Self { factors, scale, counts, shapes, gammas }
    }

    /// Adds `sum_b slopes[b] d rate[b]` to the gradient in the parameters.
    fn add_gradient(
        &self,
        sample: &Sample,
        (x, along): (&[f64], &[f64]),
        slopes: &[Jet],
        gradient: &mut [Jet],
    ) {
        let mut unscaled = Jet::default();
        for ((slope, count), gamma) in slopes.iter().zip(&self.counts).zip(&self.gammas) {
            unscaled += *slope * *count * *gamma;
        }
        for &(k, slope, others) in &self.factors {
            gradient[k] += slope * others * unscaled;
        }
        for (shape, line) in sample.shapes.iter().zip(&self.shapes) {
            let mut sum = Jet::default();
            for ((slope, gamma), (s, a)) in slopes.iter().zip(&self.gammas).zip(&line.templates) {
                sum += *slope * *gamma * (*s + line.slope * *a);
            }
            gradient[shape.parameter] += self.scale * sum;
        }
        for (i, &first) in sample.bin_factors.iter().enumerate() {
            for (b, (slope, count)) in slopes.iter().zip(&self.counts).enumerate() {
                let mut others = self.scale;
                for (_, &other) in sample.bin_factors.iter().enumerate().filter(|(j, _)| *j != i) {
                    others *= Jet::line(x[other + b], along[other + b]);
                }
                gradient[first + b] += *slope * *count * others;
            }
        }
    }
}

impl SampleLine {
    /// d counts / d the cells of a run, as [`Model::yield_factors`] has it.
    fn weight(&self, cells: &Cells, run: &CellRun) -> Jet {
        let weight = |shape: usize, side: Side| {
            let ShapeLine { alpha, bend, .. } = self.shapes[shape];
            match side {
                Side::Hi => alpha * 0.5 + bend * (1.0 / 16.0),
                Side::Lo => bend * (1.0 / 16.0) - alpha * 0.5,
            }
        };
        match run.variation {
            Some((shape, side)) => weight(shape, side),
            None => {
                let chosen = cells.runs().iter().filter(|r| r.sample == run.sample);
                let variations = chosen.filter_map(|r| r.variation);
                variations.fold(Jet::ONE, |sum, (shape, side)| sum - weight(shape, side))
            }
        }
    }
}

/// d NLL / d rate of a bin along a line.
fn slope(count: f64, rate: Jet, policy: NegativeRates) -> Jet {
    if count != 0.0 {
        return Jet::ONE - rate.recip() * count;
    }
    match policy {
        NegativeRates::Positive if rate.0[0] < RATE_FLOOR => rate * RATE_FLOOR.recip(),
        _ => Jet::ONE,
    }
}

/// d NLL / d count of a bin along a line, up to a term of the count alone.
fn count_slope(count: f64, rate: Jet) -> Jet {
    // an empty bin that expects nothing: moving its count is impossible, and nobody asks
    if count == 0.0 && rate.0[0] <= 0.0 { Jet::default() } else { Jet::default() - rate.ln() }
}

impl Model {
    /// Gradient of the NLL at `x` for `data`, and its first and second derivative along a line.
    pub fn gradient_along(
        &self,
        x: &[f64],
        data: &Data,
        cells: &Cells,
        direction: Direction<'_>,
    ) -> [FullGradient; 3] {
        let along = direction.parameters;
        let line = |(index, sample): (usize, &Sample)| {
            let chosen = cells.runs().iter().any(|r| r.sample == index);
            let moves = (chosen && !direction.yields.is_empty())
                .then(|| SampleMoves::new(sample, index, cells, direction.yields));
            SampleLine::new(self, index, (x, along), moves.as_ref())
        };
        let lines: Vec<SampleLine> = self.samples.iter().enumerate().map(line).collect();
        let mut rates = vec![Jet::default(); self.n_bins()];
        for (sample, line) in self.samples.iter().zip(&lines) {
            let target = &mut rates[bins(&self.channels[sample.channel])];
            for ((rate, count), gamma) in target.iter_mut().zip(&line.counts).zip(&line.gammas) {
                *rate += line.scale * *count * *gamma;
            }
        }
        let pairs = || data.main.iter().zip(&rates);
        let slopes: Vec<Jet> = pairs().map(|(n, v)| slope(*n, *v, self.negative_rates)).collect();
        let main: Vec<Jet> = pairs().map(|(n, v)| count_slope(*n, *v)).collect();
        let (mut parameters, auxiliary) = self.constraints_along(x, along, data);
        for (sample, line) in self.samples.iter().zip(&lines) {
            let slopes = &slopes[bins(&self.channels[sample.channel])];
            line.add_gradient(sample, (x, along), slopes, &mut parameters);
        }
        let mut yields = Vec::with_capacity(cells.len());
        for run in cells.runs() {
            let line = &lines[run.sample];
            let slopes = &slopes[run.first_bin..run.first_bin + run.n_bins];
            let scale = line.scale * line.weight(cells, run);
            let pairs = slopes.iter().zip(&line.gammas);
            yields.extend(pairs.map(|(slope, gamma)| *slope * scale * *gamma));
        }
        let pick = |jets: &[Jet], i: usize| -> Vec<f64> {
            let times = if i == 2 { 2.0 } else { 1.0 };
            jets.iter().map(|j| times * j.0[i]).collect()
        };
        std::array::from_fn(|i| FullGradient {
            parameters: pick(&parameters, i),
            yields: pick(&yields, i),
            main: pick(&main, i),
            auxiliary: pick(&auxiliary, i),
        })
    }

    /// The constraint terms' gradient in the parameters and in the auxiliary data.
    fn constraints_along(&self, x: &[f64], along: &[f64], data: &Data) -> (Vec<Jet>, Vec<Jet>) {
        let mut slopes = vec![Jet::default(); x.len()];
        let mut data_slopes = vec![Jet::default(); data.auxiliary.len()];
        for (k, parameter) in self.parameters.iter().enumerate() {
            let value = Jet::line(x[k], along[k]);
            match parameter.constraint {
                Constraint::None => {}
                Constraint::Gaussian { sigma, auxiliary } => {
                    let weight = 1.0 / (sigma * sigma);
                    slopes[k] = (value - Jet::constant(data.auxiliary[auxiliary])) * weight;
                    data_slopes[auxiliary] = Jet::default() - slopes[k];
                }
                Constraint::Poisson { tau, auxiliary } => {
                    let count = data.auxiliary[auxiliary];
                    slopes[k] = slope(count, value * tau, NegativeRates::Linear) * tau;
                    data_slopes[auxiliary] = count_slope(count, value * tau);
                }
            }
        }
        (slopes, data_slopes)
    }
}
