//! Sums over events, chunk by chunk.

use std::ops::Range;

use rayon::prelude::*;

use super::Mixture;
use super::mix::mix;
use crate::accelerator::mixture::{
    MixtureSums, Number, bad_log_density, bad_weight, is_log_density, is_weight,
};
use crate::error::Result;
use crate::unbinned::packed::place;
use crate::unbinned::sum::{CHUNK, PARALLEL, Sum};

/// The same for all events.
pub(super) struct Work<'a, T> {
    pub(super) mixture: &'a Mixture<'a, T>,
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

    pub(super) fn sums(&self) -> MixtureSums {
        MixtureSums {
            log_likelihood: self.log_likelihood.total(),
            zero_density: self.zero_density,
            first: self.first.iter().map(|sum| sum.total()).collect(),
        }
    }
}

impl<T: Number> Work<'_, T> {
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
    pub(super) fn with_slopes(&self, range: Range<usize>, out: &mut [T]) -> Result<Partial> {
        // each chunk's part of every process
        let mut rows: Vec<_> =
            out.chunks_mut(self.n.max(1)).map(|row| row.chunks_mut(CHUNK)).collect();
        let jobs: Vec<(usize, Vec<&mut [T]>)> = range
            .clone()
            .step_by(CHUNK)
            .map(|start| (start, rows.iter_mut().filter_map(Iterator::next).collect()))
            .collect();
        let chunk = |(start, mut out): (usize, Vec<&mut [T]>)| {
            let events = start..range.end.min(start + CHUNK);
            self.chunk(events, |p, i, slope| out[p][i - start] = T::narrow(slope))
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
            if !is_weight(weight) {
                return Err(bad_weight(i, weight));
            }
            let log_p = |p: usize| log_p[p * self.n + i].wide();
            if let Some(p) = (0..processes).find(|p| !is_log_density(log_p(*p))) {
                return Err(bad_log_density(p, i, log_p(p)));
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

    /// Rows of the full symmetric matrix; none where it was not asked for.
    pub(super) fn yield_hessian(&self, partial: &Partial) -> Vec<f64> {
        let p = if self.hessian { self.log_yields.len() } else { 0 };
        (0..p * p).map(|at| partial.second[place(at / p, at % p)].total()).collect()
    }
}
