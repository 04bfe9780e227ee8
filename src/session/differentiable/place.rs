//! A copy of the program whose yields may be changed, and fits there.

use crate::accelerator::cpu::Cpu;
use crate::accelerator::{Accelerator, LaneBlock, LaneValues, Problem, Program};
use crate::fit::{self, Covariance, Fit, FitBatch, FitJob, Status, Tolerance};
use crate::model::{Cells, Data, Model};
use crate::session::fit::starts;
use crate::{Error, Result};

/// So near the minimum that a gradient by the envelope theorem is exact to 1e-7 of a parameter's width.
const EXACT: Tolerance = Tolerance { edm: 1e-15, evaluations: 5000 };
/// Near enough to tell one minimum from another.
const ROUGH: Tolerance = Tolerance { edm: 1e-2, evaluations: 5000 };
/// Minima so far above the lowest one may still be lower when they are known exactly.
const NEAR: f64 = 0.1;
/// Minima closer than this are one.
const SAME: f64 = 1e-9;

/// The processor with a program of its own.
pub(super) struct Place {
    cpu: Cpu,
    yields: Vec<f64>,
    bounds: Vec<(f64, f64)>,
}

/// The NLL at one point.
pub(super) struct Here {
    /// With all constants.
    pub(super) nll: f64,
    /// `[n_parameters]`.
    pub(super) gradient: Vec<f64>,
    /// d NLL / d rate, `[n_bins]`.
    pub(super) bin_slopes: Vec<f64>,
}

impl Place {
    pub(super) fn new(program: Program) -> Self {
        let bounds = program.lower.iter().copied().zip(program.upper.iter().copied()).collect();
        let cpu = Cpu::new(std::sync::Arc::new(program), "derivatives are made on the processor");
        Self { cpu, yields: Vec::new(), bounds }
    }

    fn program_mut(&mut self) -> &mut Program {
        self.cpu.program_mut().expect("a place shares its program with nobody")
    }

    pub(super) fn set_yields(&mut self, base: &Model, cells: &Cells, yields: &[f64]) {
        if self.yields != yields {
            self.program_mut().set_yields(base, cells, yields);
            self.yields = yields.to_vec();
        }
    }

    /// Do something while a parameter has other bounds.
    pub(super) fn bounded<T>(
        &mut self,
        parameter: usize,
        bounds: (f64, f64),
        work: impl FnOnce(&Self) -> T,
    ) -> T {
        self.program_mut().set_bounds(parameter, bounds);
        let done = work(self);
        let own = self.bounds[parameter];
        self.program_mut().set_bounds(parameter, own);
        done
    }

    pub(super) fn model(&self) -> &Model {
        self.cpu.program().model()
    }

    fn problem(&self) -> &dyn Problem {
        self.cpu.problem()
    }

    /// Asimov data; a bin that expects less than nothing has none.
    pub(super) fn expected(&self, at: &[f64]) -> Data {
        let mut data = self.model().asimov(at);
        data.main.iter_mut().for_each(|n| *n = n.max(0.0));
        data
    }

    /// NLL and slopes at one point.
    pub(super) fn at(&self, x: &[f64], data: &Data) -> Result<Here> {
        let lanes = self.cpu.lanes();
        let spread = |v: &[f64]| -> Vec<f64> {
            v.iter().flat_map(|x| std::iter::repeat_n(*x, lanes)).collect()
        };
        let (parameters, main, auxiliary) =
            (spread(x), spread(&data.main), spread(&data.auxiliary));
        let block = LaneBlock { parameters: &parameters, main: &main, auxiliary: &auxiliary };
        let kinks = !self.problem().kinks().is_empty();
        let mut gradient = vec![0.0; parameters.len()];
        let mut jump = vec![0.0; if kinks { parameters.len() } else { 0 }];
        let mut bin_slopes = vec![0.0; main.len()];
        let (mut nll, mut negative_bin) = (vec![0.0; lanes], vec![0.0; lanes]);
        let mut out = LaneValues {
            nll: &mut nll,
            gradient: &mut gradient,
            jump: &mut jump,
            negative_bin: &mut negative_bin,
        };
        self.cpu.evaluate_bins(&block, &mut out, &mut bin_slopes)?;
        let first = |v: &[f64]| v.iter().step_by(lanes).copied().collect();
        Ok(Here {
            nll: nll[0] + self.problem().constant(&data.main, &data.auxiliary),
            gradient: first(&gradient),
            bin_slopes: first(&bin_slopes),
        })
    }

    /// d NLL / d yield, `[cells]`.
    pub(super) fn yield_slopes(&self, cells: &Cells, x: &[f64], here: &Here) -> Vec<f64> {
        let factors = self.model().yield_factors(cells, x);
        cells.bins().zip(factors).map(|((_, bin), f)| here.bin_slopes[bin] * f).collect()
    }

    /// The minimum that `start` leads to, to rounding; with `look`, the lowest one that points thrown around it
    /// lead to as well, as those of [`Session::fit`](crate::session::Session::fit). Says whether there were
    /// others.
    ///
    /// # Errors
    /// Where none is found.
    pub(super) fn fit(
        &self,
        data: &Data,
        start: &[f64],
        fixed: &[bool],
        look: bool,
    ) -> Result<(Fit, bool)> {
        let (lower, upper) = (self.problem().lower(), self.problem().upper());
        let mut all = if look { starts(self.model(), start, fixed) } else { start.to_vec() };
        for (i, x) in all.iter_mut().enumerate() {
            let k = i % start.len();
            *x = if fixed[k] { *x } else { x.clamp(lower[k], upper[k]) };
        }
        let mut several = false;
        if look {
            let rough = self.minimize(data, &all, fixed, ROUGH)?;
            let lowest = rough.nll.iter().copied().fold(f64::INFINITY, f64::min);
            let near = |i: &usize| rough.nll[*i] <= lowest + NEAR;
            let near: Vec<usize> = (0..rough.len()).filter(near).collect();
            several = near.len() < rough.len();
            // from the start as well, so that the same minimum has the same bits whoever looked around
            all.truncate(start.len());
            all.extend(near.iter().flat_map(|&i| rough.parameters_of(i)));
        }
        let batch = self.minimize(data, &all, fixed, EXACT)?;
        let converged = (0..batch.len()).filter(|&i| batch.status[i].is_converged());
        // the first of those that are equal but for rounding
        let lower = |i: usize, j: usize| batch.nll[i] < batch.nll[j] - SAME;
        let best = converged.reduce(|best, i| if lower(i, best) { i } else { best });
        if let Some(i) = best {
            several |= (0..batch.len()).any(|j| lower(i, j));
            let fit = Fit {
                parameters: batch.parameters_of(i).to_vec(),
                nll: batch.nll[i],
                edm: batch.edm[i],
                evaluations: batch.evaluations[i],
                status: batch.status[i],
                negative_bin: batch.negative_bin[i],
            };
            return Ok((fit, several));
        }
        if batch.status.contains(&Status::NotFinite) {
            let message = "a fit has no start: a bin with events expects none there";
            return Err(Error::Convergence(message.into()));
        }
        let word = batch.status[0].as_str().replace('_', " ");
        Err(Error::Convergence(format!(
            "a fit of these yields ended as {word}, {:.1e} above its minimum: it has no derivatives",
            batch.edm[0]
        )))
    }

    fn minimize(
        &self,
        data: &Data,
        starts: &[f64],
        fixed: &[bool],
        tolerance: Tolerance,
    ) -> Result<FitBatch> {
        let n_fits = starts.len() / fixed.len().max(1);
        let job = FitJob {
            main: &data.main.repeat(n_fits),
            auxiliary: &data.auxiliary.repeat(n_fits),
            n_fits,
            start: starts,
            fixed,
            tolerance,
        };
        fit::minimize(&self.cpu, &job)
    }

    /// Inverse Hessian over the parameters that can move: not fixed, not held back by a bound, not at rest
    /// on a kink.
    ///
    /// # Errors
    /// Where the likelihood is flat along a parameter.
    pub(super) fn covariance(&self, data: &Data, x: &[f64], fixed: &[bool]) -> Result<Covariance> {
        let problem = self.problem();
        let mut fixed = fixed.to_vec();
        if !problem.kinks().is_empty() {
            let at = problem.derivatives(x, &data.main, &data.auxiliary, false);
            for (&k, jump) in problem.kinks().iter().zip(&at.jump) {
                let (right, left) = (at.gradient[k], at.gradient[k] - jump);
                fixed[k] |= x[k] == 0.0 && right > 0.0 && left < 0.0;
            }
        }
        let covariance = fit::covariance(problem, x, &data.main, &data.auxiliary, &fixed);
        if !covariance.matrix.is_empty() {
            return Ok(covariance);
        }
        let along = covariance.flat.map_or_else(
            || "the Hessian is not finite".into(),
            |k| format!("the likelihood is flat along {}", self.model().parameters()[k].name),
        );
        Err(Error::Convergence(format!("{along}: the best fit has no derivatives")))
    }
}
