//! Sums over events, chunk by chunk.

use std::ops::Range;

use rayon::prelude::*;

use super::mix::mix;
use super::{Mixture, Reduced, refuse};
use crate::error::Result;
use crate::unbinned::packed::place;
use crate::unbinned::sum::{CHUNK, PARALLEL, Sum};

/// The same for all events.
pub(super) struct Work<'a> {
    pub(super) mixture: &'a Mixture<'a>,
    pub(super) n: usize,
    pub(super) log_yields: Vec<f64>,
    pub(super) gradient: bool,
    pub(super) hessian: bool,
}

/// Sums over a chunk.
#[derive(Clone)]
pub(super) struct Partial {
    log_likelihood: Sum,
    zero_density: usize,
    /// `sum w u_p`
    first: Vec<Sum>,
    /// `sum w u_p u_q`, lower triangle
    second: Vec<Sum>,
}

impl Partial {
    fn join(mut self, other: &Self) -> Self {
        self.log_likelihood.join(other.log_likelihood);
        self.zero_density += other.zero_density;
        self.first.iter_mut().zip(&other.first).for_each(|(a, b)| a.join(*b));
        self.second.iter_mut().zip(&other.second).for_each(|(a, b)| a.join(*b));
        self
    }
}

impl Work<'_> {
    fn empty(&self) -> Partial {
        let p = self.log_yields.len();
        Partial {
            log_likelihood: Sum::default(),
            zero_density: 0,
            first: vec![Sum::default(); if self.gradient { p } else { 0 }],
            second: vec![Sum::default(); if self.hessian { p * (p + 1) / 2 } else { 0 }],
        }
    }

    pub(super) fn all(&self, range: Range<usize>) -> Result<Partial> {
        let starts: Vec<usize> = range.clone().step_by(CHUNK).collect();
        let chunk = |start: &usize| self.chunk(*start..range.end.min(start + CHUNK), |_, _, _| ());
        let parts: Vec<Partial> = if range.len() < PARALLEL {
            starts.iter().map(chunk).collect::<Result<_>>()?
        } else {
            starts.par_iter().map(chunk).collect::<Result<_>>()?
        };
        Ok(parts.iter().fold(self.empty(), Partial::join))
    }

    /// Also fills `out` with the derivatives in the log-densities.
    pub(super) fn with_slopes(&self, range: Range<usize>, out: &mut [f64]) -> Result<Partial> {
        // each chunk's part of every process
        let mut rows: Vec<_> =
            out.chunks_mut(self.n.max(1)).map(|row| row.chunks_mut(CHUNK)).collect();
        let jobs: Vec<(usize, Vec<&mut [f64]>)> = range
            .clone()
            .step_by(CHUNK)
            .map(|start| (start, rows.iter_mut().filter_map(Iterator::next).collect()))
            .collect();
        let chunk = |(start, mut out): (usize, Vec<&mut [f64]>)| {
            let events = start..range.end.min(start + CHUNK);
            self.chunk(events, |p, i, slope| out[p][i - start] = slope)
        };
        let parts: Vec<Partial> = if range.len() < PARALLEL {
            jobs.into_iter().map(chunk).collect::<Result<_>>()?
        } else {
            jobs.into_par_iter().map(chunk).collect::<Result<_>>()?
        };
        Ok(parts.iter().fold(self.empty(), Partial::join))
    }

    /// Sums over some events; `slope` is called with process, event and derivative.
    fn chunk(
        &self,
        events: Range<usize>,
        mut slope: impl FnMut(usize, usize, f64),
    ) -> Result<Partial> {
        let mut partial = self.empty();
        let Mixture { log_p, yields, weights, .. } = *self.mixture;
        let processes = yields.len();
        let (mut u, mut shares) = (vec![0.0; processes], vec![0.0; processes]);
        for i in events {
            let weight = weights.map_or(1.0, |w| w[i]);
            if !(weight.is_finite() && weight >= 0.0) {
                return refuse(format!(
                    "event {i}: its weight is {weight}, not a number of 0 or more"
                ));
            }
            let log_p = |p: usize| log_p[p * self.n + i];
            for p in 0..processes {
                let log = log_p(p);
                if log.is_nan() || log == f64::INFINITY {
                    return refuse(format!(
                        "process {p}, event {i}: its log-density is {log}; only finite ones and -inf \
                         (outside the support) are densities"
                    ));
                }
            }
            let mixed = mix(&self.log_yields, log_p, &mut shares);
            shares.iter().enumerate().for_each(|(p, share)| slope(p, i, -weight * share));
            let Some(log_f) = mixed else {
                partial.zero_density += usize::from(weight > 0.0);
                continue;
            };
            partial.log_likelihood.add(weight * log_f);
            if weight == 0.0 {
                continue;
            }
            // defined where a yield is 0
            u.iter_mut().enumerate().for_each(|(p, u)| *u = libm::exp(log_p(p) - log_f));
            partial.first.iter_mut().zip(&u).for_each(|(sum, u)| sum.add(weight * u));
            let pairs = (0..processes).flat_map(|p| (0..=p).map(move |q| (p, q)));
            partial
                .second
                .iter_mut()
                .zip(pairs)
                .for_each(|(sum, (p, q))| sum.add(weight * u[p] * u[q]));
        }
        Ok(partial)
    }

    pub(super) fn finish(&self, partial: Partial, gradient: bool) -> Reduced {
        let Mixture { yields, constraints, constant, .. } = *self.mixture;
        let pulls = constraints.iter().map(|c| (c.value - c.center) / c.sigma);
        let mut total: Sum = yields.iter().copied().chain([constant]).collect();
        pulls.clone().for_each(|pull| total.add(0.5 * pull * pull));
        total.add(-partial.log_likelihood.total());
        let mut reduced = Reduced {
            nll: total.total(),
            zero_density: partial.zero_density,
            ..Reduced::default()
        };
        if partial.zero_density > 0 {
            reduced.nll = f64::INFINITY;
        }
        if gradient {
            reduced.yield_gradient = partial.first.iter().map(|s| 1.0 - s.total()).collect();
            reduced.constraint_gradient =
                pulls.zip(constraints).map(|(pull, c)| pull / c.sigma).collect();
        }
        if self.hessian {
            let p = yields.len();
            reduced.yield_hessian =
                (0..p * p).map(|at| partial.second[place(at / p, at % p)].total()).collect();
        }
        reduced
    }
}
