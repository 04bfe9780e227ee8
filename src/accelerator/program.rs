//! The compiled model: flat tables, the same for every device.
//!
//! Channels own runs of samples; a sample owns runs of linear factors, normsys factors, shapes and
//! bin factors. Every run is a range into one array per quantity, so a device needs no pointers.

use std::ops::Range;
use std::sync::Arc;

use super::problem::{Curvature, Derivatives, Problem, Structure};
use crate::model::interpolation::{
    HistoSysInterpolation, NormSysCurve, NormSysInterpolation, histosys_slopes,
};
use crate::model::poisson::{NegativeRates, RATE_FLOOR, saturated};
use crate::model::{CellRun, Cells, Constraint, Data, Factor, Model};

/// Doubles per normsys entry: six polynomial coefficients, ln hi, -ln lo.
pub const NORMSYS_STRIDE: usize = 8;

/// Flat tables of a model.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) model: Arc<Model>,
    /// Lower bounds, `[n_parameters]`.
    pub lower: Vec<f64>,
    /// Upper bounds, `[n_parameters]`.
    pub upper: Vec<f64>,
    /// Gaussian constraints.
    pub gaussian: Vec<GaussianTerm>,
    /// Poisson constraints.
    pub poisson: Vec<PoissonTerm>,
    /// Parameters that move a histosys: `h(alpha)` is evaluated once for each.
    pub shape_parameters: Vec<u32>,
    /// Parameters that move a normsys.
    pub normsys_parameters: Vec<u32>,
    /// |alpha| beyond which a normsys is exponential: 1, or 0 for the piecewise exponential.
    pub normsys_threshold: f64,
    /// `h(alpha)` of the shapes.
    pub histosys: HistoSysInterpolation,
    /// Parameters with a kink at 0.
    pub kinks: Vec<usize>,
    /// Channels in bin order.
    pub channels: Vec<ChannelRun>,
    /// Samples, channel after channel.
    pub samples: Vec<SampleRun>,
    /// Nominal counts, sample after sample.
    pub nominal: Vec<f64>,
    /// Parameter of each linear factor.
    pub linear: Vec<u32>,
    /// Parameter of each normsys factor.
    pub normsys: Vec<u32>,
    /// Coefficients of each normsys factor, `[n_normsys, NORMSYS_STRIDE]`.
    pub normsys_coefficients: Vec<f64>,
    /// Parameter of each shape.
    pub shapes: Vec<u32>,
    /// `(up + down) / 2` of each shape and bin, where up = hi - nominal, down = nominal - lo.
    pub shape_symmetric: Vec<f64>,
    /// `(up - down) / 16` of each shape and bin.
    pub shape_asymmetric: Vec<f64>,
    /// First parameter of each bin factor.
    pub bin_factors: Vec<u32>,
    /// Below this rate the term of an empty bin is continued quadratically; -inf: never.
    pub floor: f64,
    /// Normalisation of the Gaussian constraints: sum of ln(sigma sqrt(2 pi)).
    gaussian_constant: f64,
    saturated: SaturatedTable,
    structure: Structure,
}

/// `-log Poisson(n | n)`, tabulated for the counts of ordinary bins.
#[derive(Debug, Clone)]
struct SaturatedTable(Vec<f64>);

impl SaturatedTable {
    fn new() -> Self {
        Self((0..4096).map(|n| saturated(f64::from(n))).collect())
    }

    fn of(&self, n: f64) -> f64 {
        match self.0.get(n as usize) {
            Some(v) if n.fract() == 0.0 && n >= 0.0 => *v,
            _ => saturated(n),
        }
    }
}

/// Normal(auxiliary | parameter, sigma).
#[derive(Debug, Clone, Copy)]
pub struct GaussianTerm {
    /// Parameter index.
    pub parameter: u32,
    /// Index of the auxiliary datum.
    pub auxiliary: u32,
    /// 1 / sigma^2.
    pub weight: f64,
}

/// Poisson(auxiliary | tau parameter).
#[derive(Debug, Clone, Copy)]
pub struct PoissonTerm {
    /// Parameter index.
    pub parameter: u32,
    /// Index of the auxiliary datum.
    pub auxiliary: u32,
    /// Rate at parameter = 1.
    pub tau: f64,
}

/// A channel's bins and samples.
#[derive(Debug, Clone)]
pub struct ChannelRun {
    /// Bins in the main data.
    pub bins: Range<usize>,
    /// Into `samples`.
    pub samples: Range<usize>,
}

/// A sample's entries.
#[derive(Debug, Clone)]
pub struct SampleRun {
    /// Start in `nominal`.
    pub nominal: usize,
    /// Into `linear`.
    pub linear: Range<usize>,
    /// Into `normsys`.
    pub normsys: Range<usize>,
    /// Into `shapes`.
    pub shapes: Range<usize>,
    /// Start of the sample's coefficients in `shape_symmetric` and `shape_asymmetric`,
    /// `[n_shapes, n_bins]`.
    pub templates: usize,
    /// Into `bin_factors`.
    pub bin_factors: Range<usize>,
}

impl Program {
    /// Compile a model.
    pub fn new(model: Arc<Model>) -> Self {
        let interpolation = model.interpolation;
        let mut p = Self {
            lower: model.parameters.iter().map(|p| p.bounds.0).collect(),
            upper: model.parameters.iter().map(|p| p.bounds.1).collect(),
            gaussian: Vec::new(),
            poisson: Vec::new(),
            shape_parameters: Vec::new(),
            normsys_parameters: Vec::new(),
            normsys_threshold: match interpolation.normsys {
                NormSysInterpolation::PiecewiseExponential => 0.0,
                NormSysInterpolation::PolynomialExponential => 1.0,
            },
            histosys: interpolation.histosys,
            kinks: Vec::new(),
            channels: Vec::new(),
            samples: Vec::new(),
            nominal: Vec::new(),
            linear: Vec::new(),
            normsys: Vec::new(),
            normsys_coefficients: Vec::new(),
            shapes: Vec::new(),
            shape_symmetric: Vec::new(),
            shape_asymmetric: Vec::new(),
            bin_factors: Vec::new(),
            floor: match model.negative_rates {
                NegativeRates::Linear => f64::NEG_INFINITY,
                NegativeRates::Positive => RATE_FLOOR,
            },
            gaussian_constant: 0.0,
            saturated: SaturatedTable::new(),
            structure: Structure::default(),
            model: Arc::clone(&model),
        };
        p.add_constraints(&model);
        for (c, channel) in model.channels.iter().enumerate() {
            let first = p.samples.len();
            for sample in model.samples.iter().filter(|s| s.channel == c) {
                p.add_sample(sample, interpolation.normsys);
            }
            let bins = channel.first_bin..channel.first_bin + channel.n_bins;
            p.channels.push(ChannelRun { bins, samples: first..p.samples.len() });
        }
        p.shape_parameters = distinct(&p.shapes);
        p.normsys_parameters = distinct(&p.normsys);
        let mut kinks = Vec::new();
        if interpolation.normsys == NormSysInterpolation::PiecewiseExponential {
            kinks.extend(&p.normsys);
        }
        if interpolation.histosys == HistoSysInterpolation::PiecewiseLinear {
            kinks.extend(&p.shapes);
        }
        p.kinks = distinct(&kinks).into_iter().map(|k| k as usize).collect();
        p.structure = p.find_structure();
        p
    }

    /// Other counts in some cells, `[cells]`, as [`Model::with_yields`]; `base` is the model that all numbers
    /// came from at first. Variations among the cells must have had an effect there.
    pub(crate) fn set_yields(&mut self, base: &Model, cells: &Cells, yields: &[f64]) {
        let model = Arc::make_mut(&mut self.model);
        model.set_yields(base, cells, yields);
        for run in cells.runs() {
            let (from, to) = (&model.samples[run.sample], &self.samples[run.sample]);
            let Some((shape, _)) = run.variation else {
                self.nominal[to.nominal..to.nominal + run.n_bins].copy_from_slice(run.of(yields));
                continue;
            };
            let shape = &from.shapes[shape];
            let entries = &self.shapes[to.shapes.clone()];
            let Some(entry) = entries.iter().position(|k| *k as usize == shape.parameter) else {
                continue;
            };
            let first = to.templates + entry * run.n_bins;
            for b in 0..run.n_bins {
                let slopes = histosys_slopes(from.nominal[b], shape.lo[b], shape.hi[b]);
                (self.shape_symmetric[first + b], self.shape_asymmetric[first + b]) = slopes;
            }
        }
    }

    /// Other bounds of a parameter.
    pub(crate) fn set_bounds(&mut self, parameter: usize, bounds: (f64, f64)) {
        (self.lower[parameter], self.upper[parameter]) = bounds;
    }

    /// Numbers of some cells among the nominal counts of all samples; variations have none.
    pub fn cell_indices(&self, cells: &Cells) -> Vec<u32> {
        let run = |r: &CellRun| {
            let first = self.samples[r.sample].nominal as u32;
            first..first + r.n_bins as u32
        };
        cells.runs().iter().flat_map(run).collect()
    }

    /// The model this was compiled from.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn find_structure(&self) -> Structure {
        // bins a parameter moves: none, one, or several
        let mut moved: Vec<Option<Result<u32, ()>>> = vec![None; self.lower.len()];
        let mut mark = |k: u32, bin: usize| {
            let slot = &mut moved[k as usize];
            *slot = match *slot {
                None => Some(Ok(bin as u32)),
                Some(Ok(other)) if other == bin as u32 => *slot,
                Some(_) => Some(Err(())),
            };
        };
        for channel in &self.channels {
            for sample in &self.samples[channel.samples.clone()] {
                for (b, bin) in channel.bins.clone().enumerate() {
                    self.linear[sample.linear.clone()].iter().for_each(|&k| mark(k, bin));
                    self.normsys[sample.normsys.clone()].iter().for_each(|&k| mark(k, bin));
                    self.shapes[sample.shapes.clone()].iter().for_each(|&k| mark(k, bin));
                    let factors = &self.bin_factors[sample.bin_factors.clone()];
                    factors.iter().for_each(|&first| mark(first + b as u32, bin));
                }
            }
        }
        let mut structure = Structure::default();
        for (k, moved) in moved.iter().enumerate() {
            match moved {
                None => {}
                Some(Ok(bin)) => structure.narrow.push((k as u32, *bin)),
                Some(Err(())) => structure.wide.push(k as u32),
            }
        }
        structure.narrow.sort_by_key(|n| n.1);
        structure
    }

    fn add_constraints(&mut self, model: &Model) {
        for (k, parameter) in model.parameters.iter().enumerate() {
            match parameter.constraint {
                Constraint::None => {}
                Constraint::Gaussian { sigma, auxiliary } => {
                    self.gaussian_constant +=
                        libm::log(sigma) + 0.5 * libm::log(2.0 * std::f64::consts::PI);
                    self.gaussian.push(GaussianTerm {
                        parameter: k as u32,
                        auxiliary: auxiliary as u32,
                        weight: 1.0 / (sigma * sigma),
                    });
                }
                Constraint::Poisson { tau, auxiliary } => self.poisson.push(PoissonTerm {
                    parameter: k as u32,
                    auxiliary: auxiliary as u32,
                    tau,
                }),
            }
        }
    }

    /// Entries without any effect (hi = lo = 1, templates equal to the nominal) are left out.
    fn add_sample(&mut self, sample: &crate::model::Sample, normsys: NormSysInterpolation) {
        let start = |v: &Vec<u32>| v.len();
        let (linear, norm) = (start(&self.linear), start(&self.normsys));
        let (shapes, factors) = (start(&self.shapes), start(&self.bin_factors));
        let (nominal, templates) = (self.nominal.len(), self.shape_symmetric.len());
        self.nominal.extend(&sample.nominal);
        for factor in &sample.factors {
            match *factor {
                Factor::Linear { parameter } => self.linear.push(parameter as u32),
                Factor::NormSys { parameter, lo, hi } if lo != 1.0 || hi != 1.0 => {
                    self.normsys.push(parameter as u32);
                    self.normsys_coefficients.extend(NormSysCurve::new(normsys, lo, hi).table());
                }
                Factor::NormSys { .. } => {}
            }
        }
        for shape in &sample.shapes {
            if shape.lo == sample.nominal && shape.hi == sample.nominal {
                continue;
            }
            self.shapes.push(shape.parameter as u32);
            for ((lo, hi), nominal) in shape.lo.iter().zip(&shape.hi).zip(&sample.nominal) {
                let (symmetric, asymmetric) = histosys_slopes(*nominal, *lo, *hi);
                self.shape_symmetric.push(symmetric);
                self.shape_asymmetric.push(asymmetric);
            }
        }
        self.bin_factors.extend(sample.bin_factors.iter().map(|&k| k as u32));
        self.samples.push(SampleRun {
            nominal,
            linear: linear..self.linear.len(),
            normsys: norm..self.normsys.len(),
            shapes: shapes..self.shapes.len(),
            templates,
            bin_factors: factors..self.bin_factors.len(),
        });
    }
}

fn distinct(parameters: &[u32]) -> Vec<u32> {
    let mut all = parameters.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

impl Problem for Program {
    fn n_parameters(&self) -> usize {
        self.lower.len()
    }

    fn n_main(&self) -> usize {
        self.channels.last().map_or(0, |c| c.bins.end)
    }

    fn n_auxiliary(&self) -> usize {
        self.gaussian.len() + self.poisson.len()
    }

    fn lower(&self) -> &[f64] {
        &self.lower
    }

    fn upper(&self) -> &[f64] {
        &self.upper
    }

    fn kinks(&self) -> &[usize] {
        &self.kinks
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn curvature(&self, x: &[f64]) -> Curvature {
        let at = self.model.jacobian(x);
        let mut jacobian = vec![Vec::new(); x.len()];
        for (channel, run) in at.channels.iter().zip(&self.channels) {
            for (b, bin) in run.bins.clone().enumerate() {
                for (k, derivative) in channel.bin(b).filter(|(_, d)| *d != 0.0) {
                    jacobian[k].push((bin as u32, derivative));
                }
            }
        }
        let mut constraint = vec![0.0; x.len()];
        for term in &self.gaussian {
            constraint[term.parameter as usize] = term.weight;
        }
        for term in &self.poisson {
            let k = term.parameter as usize;
            constraint[k] = term.tau / x[k].max(0.05);
        }
        let weigh = |v: &f64| match *v {
            v if v < self.floor => 1.0 / self.floor,
            v if v > 0.0 => 1.0 / v,
            _ => 0.0,
        };
        let weight = at.rates.iter().map(weigh).collect();
        Curvature { constraint, jacobian, weight }
    }

    fn derivatives(
        &self,
        x: &[f64],
        main: &[f64],
        auxiliary: &[f64],
        hessian: bool,
    ) -> Derivatives {
        let data = Data { main: main.to_vec(), auxiliary: auxiliary.to_vec() };
        let gradient = self.model.gradient(x, &data);
        Derivatives {
            nll: self.model.nll(x, &data),
            jump: self.model.jumps(x, &data, &gradient, &self.kinks),
            gradient,
            hessian: hessian.then(|| self.model.hessian(x, &data)),
        }
    }

    fn constant(&self, main: &[f64], auxiliary: &[f64]) -> f64 {
        let mut sum = self.gaussian_constant;
        for n in main {
            sum += self.saturated.of(*n);
        }
        for term in &self.poisson {
            sum += self.saturated.of(auxiliary[term.auxiliary as usize]);
        }
        sum
    }

    fn first_negative(&self, x: &[f64]) -> Option<usize> {
        self.model.expected_main(x).iter().position(|v| *v < 0.0)
    }
}
