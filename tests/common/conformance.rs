//! The comparison of a device with the oracle that `conformance.rs` asks every device to pass and
//! `sabotage.rs` expects every damaged program to fail.

use neyman::accelerator::{Accelerator, LaneBlock, LaneValues};
use neyman::model::toys::ToySampler;
use neyman::model::{Constraint, Data, Model, poisson};

use super::random::Random;

/// Agreement wanted of f64, relative to the size of the terms that are summed (see [`sizes`]).
pub(crate) const F64: f64 = 2e-13;

/// A rate smaller than this many tolerances of the NLL's terms may be zero up to rounding.
const DOUBT: f64 = 5.0;

/// A point to evaluate: parameters and data.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    pub(crate) data: Data,
}

/// What a device gives for one point, constants added.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) nll: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) jump: Vec<f64>,
    pub(crate) negative_bin: f64,
}

impl Answer {
    pub(crate) fn bits(&self) -> Vec<u64> {
        let scalars = [self.nll, self.negative_bin];
        scalars.iter().chain(&self.gradient).chain(&self.jump).map(|v| v.to_bits()).collect()
    }
}

/// `n` points around the initial one. Among them, on purpose: parameters exactly on the kinks 0
/// and +-1, factors of zero, a negative signal, empty bins, counts that are not whole.
pub(crate) fn points(model: &Model, n: usize, seed: u64) -> Vec<Point> {
    let mut random = Random::new(seed);
    (0..n).map(|i| point(model, i, &mut random)).collect()
}

fn point(model: &Model, i: usize, random: &mut Random) -> Point {
    let mut x = model.init();
    for (k, parameter) in model.parameters().iter().enumerate() {
        let special = random.below(12);
        let (lower, _) = parameter.bounds;
        x[k] = match parameter.constraint {
            // an alpha, or the luminosity
            Constraint::Gaussian { sigma, .. } if lower < 0.0 => match special {
                0 => 0.0,
                1 => 1.0,
                2 => -1.0,
                _ => parameter.init + sigma * random.uniform(-3.0, 3.0),
            },
            Constraint::Gaussian { sigma, .. } => {
                parameter.init * (1.0 + sigma.min(0.2) * random.uniform(-3.0, 3.0))
            }
            Constraint::Poisson { .. } => random.uniform(0.3, 2.0),
            Constraint::None if special == 0 => 0.0,
            Constraint::None if lower < 0.0 && special < 4 => random.uniform(lower.max(-1.0), 0.0),
            Constraint::None => random.uniform(0.1, 2.5),
        };
    }
    if i == 0 {
        x = model.init();
    }
    let mut data = model.observed().clone();
    for count in &mut data.main {
        *count = match random.below(8) {
            0 => 0.0,
            1 => *count + random.uniform(0.0, 1.0),
            2..5 => (*count * random.uniform(0.5, 1.7)).round(),
            _ => *count,
        };
    }
    if i == 1 {
        data.main.fill(0.0);
    }
    for value in &mut data.auxiliary {
        *value = if *value == 0.0 {
            random.uniform(-2.0, 2.0)
        } else {
            *value * random.uniform(0.8, 1.25)
        };
    }
    Point { x, data }
}

/// Evaluates points on a device, a block of lanes at a time; the last block repeats its last point.
pub(crate) fn evaluate(device: &dyn Accelerator, points: &[Point]) -> Vec<Answer> {
    let lanes = device.lanes();
    let mut answers = Vec::with_capacity(points.len());
    for block in points.chunks(lanes) {
        let filled: Vec<&Point> = (0..lanes).map(|l| &block[l.min(block.len() - 1)]).collect();
        answers.extend(evaluate_block(device, &filled).into_iter().take(block.len()));
    }
    answers
}

/// Evaluates one block: `points`, `[lanes]`.
pub(crate) fn evaluate_block(device: &dyn Accelerator, points: &[&Point]) -> Vec<Answer> {
    let (lanes, problem) = (device.lanes(), device.problem());
    let n = problem.n_parameters();
    let spread = |of: &dyn Fn(&Point) -> &[f64]| -> Vec<f64> {
        (0..of(points[0]).len()).flat_map(|k| points.iter().map(move |p| of(p)[k])).collect()
    };
    let (x, main) = (spread(&|p| &p.x), spread(&|p| &p.data.main));
    let auxiliary = spread(&|p| &p.data.auxiliary);
    let (mut nll, mut negative_bin) = (vec![f64::NAN; lanes], vec![f64::NAN; lanes]);
    let mut gradient = vec![f64::NAN; n * lanes];
    let mut jump = vec![f64::NAN; if problem.kinks().is_empty() { 0 } else { n * lanes }];
    let mut out = LaneValues {
        nll: &mut nll,
        gradient: &mut gradient,
        jump: &mut jump,
        negative_bin: &mut negative_bin,
    };
    let block = LaneBlock { parameters: &x, main: &main, auxiliary: &auxiliary };
    device.evaluate(&block, &mut out).expect("evaluation");
    let lane = |v: &[f64], l: usize| v.iter().skip(l).step_by(lanes).copied().collect();
    (0..lanes)
        .map(|l| Answer {
            nll: nll[l] + problem.constant(&points[l].data.main, &points[l].data.auxiliary),
            gradient: lane(&gradient, l),
            jump: lane(&jump, l),
            negative_bin: negative_bin[l],
        })
        .collect()
}

/// Sizes of the terms that make up the NLL and each component of the gradient: what their rounding
/// errors are in proportion to. A rate that is a small difference of large parts (`spread`) carries
/// the rounding of the parts.
pub(crate) fn sizes(model: &Model, point: &Point) -> (f64, Vec<f64>) {
    let (x, data) = (&point.x, &point.data);
    let jacobian = model.jacobian(x);
    // parts of the rate: samples and, as far as shapes cancel in them, nominal counts
    let mut parts = vec![0.0; model.n_bins()];
    for (sample, rates) in model.samples().iter().zip(model.expected_by_sample(x)) {
        let first = model.channels()[sample.channel].first_bin;
        for (b, rate) in rates.iter().enumerate() {
            let moved: f64 = sample
                .shapes
                .iter()
                .map(|s| (1.0 + x[s.parameter].abs()) * (s.hi[b] - s.lo[b]).abs())
                .sum();
            let nominal = sample.nominal[b].abs();
            parts[first + b] += rate.abs().max(nominal) + moved;
        }
    }
    let mut nll = 1.0;
    let mut gradient = vec![1e-3; x.len()];
    for (channel, derivatives) in model.channels().iter().zip(&jacobian.channels) {
        for b in 0..channel.n_bins {
            let bin = channel.first_bin + b;
            let (count, rate) = (data.main[bin], jacobian.rates[bin]);
            let steep = if count == 0.0 { 1.0 } else { (1.0 + count / rate.abs()).max(1.0) };
            // cancellation of the parts, and how much the slope feels it
            let spread = 1.0 + parts[bin] / rate.abs().max(1e-300);
            let log = if count > 0.0 { (count / rate.abs()).ln().abs() } else { 0.0 };
            nll += count * (1.0 + log) + steep * parts[bin];
            let felt = if count == 0.0 { 1.0 } else { spread };
            for (k, derivative) in derivatives.bin(b) {
                gradient[k] += steep * felt * derivative.abs() + steep * parts[bin] * 1e-1;
            }
        }
    }
    for (k, parameter) in model.parameters().iter().enumerate() {
        match parameter.constraint {
            Constraint::None => {}
            Constraint::Gaussian { sigma, auxiliary } => {
                let size = x[k].abs() + data.auxiliary[auxiliary].abs();
                nll += size * size / (sigma * sigma);
                gradient[k] += size / (sigma * sigma);
            }
            Constraint::Poisson { tau, auxiliary } => {
                let count = data.auxiliary[auxiliary];
                nll += tau * x[k].abs() + count * (2.0 + (count + 1.0).ln());
                gradient[k] += tau + count / x[k].abs();
            }
        }
    }
    (nll, gradient)
}

/// Everything a device says about `points` against the oracle `model`, to `tolerance` of the size of
/// the terms; `Err` names the first disagreement, `Ok` the largest that was let pass, in the same
/// measure.
pub(crate) fn compare(
    device: &dyn Accelerator,
    model: &Model,
    points: &[Point],
    tolerance: f64,
) -> Result<f64, String> {
    check_tables(device, model)?;
    let mut worst = 0.0f64;
    for (i, (point, answer)) in points.iter().zip(evaluate(device, points)).enumerate() {
        let seen = compare_point(device, model, point, &answer, tolerance)
            .map_err(|e| format!("point {i}: {e}"))?;
        worst = worst.max(seen);
    }
    Ok(worst)
}

fn check_tables(device: &dyn Accelerator, model: &Model) -> Result<(), String> {
    let problem = device.problem();
    let (lower, upper): (Vec<f64>, Vec<f64>) = model.bounds().into_iter().unzip();
    if problem.lower() != lower || problem.upper() != upper {
        return Err("bounds".into());
    }
    if problem.n_main() != model.n_bins() || problem.n_auxiliary() != model.n_auxiliary() {
        return Err("number of data".into());
    }
    Ok(())
}

fn compare_point(
    device: &dyn Accelerator,
    model: &Model,
    point: &Point,
    answer: &Answer,
    tolerance: f64,
) -> Result<f64, String> {
    let (x, data) = (&point.x, &point.data);
    let rates = model.expected_main(x);
    let (nll_size, gradient_sizes) = sizes(model, point);
    // a rate of zero up to rounding may fall on either side: nothing can be said of such a bin
    let doubtful =
        |bin: usize| rates[bin] != 0.0 && rates[bin].abs() < DOUBT * tolerance * nll_size;
    if (0..rates.len()).any(doubtful) {
        return Ok(0.0);
    }
    let negative = rates.iter().position(|v| *v < 0.0).map_or(-1.0, |b| b as f64);
    if answer.negative_bin != negative {
        return Err(format!("negative bin {} instead of {negative}", answer.negative_bin));
    }
    let nll = model.nll(x, data);
    if !nll.is_finite() {
        let agreed = answer.nll == nll;
        return if agreed { Ok(0.0) } else { Err(format!("nll {} instead of {nll}", answer.nll)) };
    }
    let mut worst = 0.0f64;
    let mut check = |what: &dyn Fn() -> String, told: f64, expected: f64, size: f64| {
        let by = (told - expected) / size;
        if by.abs() <= tolerance {
            worst = worst.max(by.abs());
            return Ok(());
        }
        Err(format!("{} {told} instead of {expected}: {by:e} of its size", what()))
    };
    check(&|| "nll".into(), answer.nll, nll, nll_size)?;
    let name = |k: usize| &model.parameters()[k].name;
    let gradient = model.gradient(x, data);
    for (k, (a, b)) in answer.gradient.iter().zip(&gradient).enumerate() {
        check(&|| format!("gradient of {}", name(k)), *a, *b, gradient_sizes[k])?;
    }
    let left_of = left_of_kinks(x);
    let left = model.gradient(&left_of, data);
    for k in 0..x.len() {
        let expected = if x[k] == 0.0 && left_of[k] != 0.0 { gradient[k] - left[k] } else { 0.0 };
        let told = if device.problem().kinks().contains(&k) { answer.jump[k] } else { 0.0 };
        check(&|| format!("jump of {}", name(k)), told, expected, 2.0 * gradient_sizes[k])?;
    }
    Ok(worst)
}

/// A step to the left from 0, too small to change anything but the branch of an interpolation.
fn left_of_kinks(x: &[f64]) -> Vec<f64> {
    x.iter().map(|v| if *v == 0.0 { -f64::MIN_POSITIVE } else { *v }).collect()
}

/// The same model with the quadratic continuation for rates below the floor.
pub(crate) fn floored(model: &Model) -> Model {
    model.clone().with_negative_rates(poisson::NegativeRates::Positive)
}

/// Toys of a model: main and auxiliary data, `[n, ...]`.
pub(crate) fn toys(model: &Model, n: u64) -> (Vec<f64>, Vec<f64>) {
    let sampler = ToySampler::new(model, &model.init()).expect("toys");
    let (mut main, mut auxiliary) = (Vec::new(), Vec::new());
    for toy in 0..n {
        let (mut m, mut a) = (vec![0.0; model.n_bins()], vec![0.0; model.n_auxiliary()]);
        sampler.draw(11, toy, &mut m, &mut a);
        main.extend(m);
        auxiliary.extend(a);
    }
    (main, auxiliary)
}
