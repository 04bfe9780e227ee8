//! Sums over events in SIMD lanes, block by block: densities as columns ([`forms`]), the mixture of processes
//! ([`mixture`]), sums of products of columns ([`moments`]), and from these, outside all loops, derivatives in
//! yields and parameters ([`chain`]). Elementary functions are our own and the lanes of a sum are as many on every
//! instruction set, so that no bit depends on it.

mod chain;
pub(super) mod device;
mod forms;
mod layout;
mod mixture;
mod moments;
mod peak;
#[cfg(test)]
mod tests;

use pulp::{Simd, WithSimd};

use crate::aligned::Aligned;
use crate::unbinned::pdf::local::{Form, Local};
use crate::unbinned::sum::Sum;
pub(super) use layout::{Layout, Order};
use mixture::{Logarithms, Outcome};

/// Events of a block: its columns stay in the nearest cache.
const BLOCK: usize = 256;
/// Lanes of a sum, a multiple of those of every instruction set.
const WIDTH: usize = 16;

/// Processes at a point, for all chunks.
pub(super) struct Point<'a> {
    pub(super) layout: &'a Layout,
    pub(super) locals: &'a [Local],
    pub(super) yields: &'a [f64],
}

/// Some events.
pub(super) struct Chunk<'a> {
    pub(super) n: usize,
    pub(super) weights: Option<&'a [f64]>,
    /// Of each process.
    pub(super) sources: Vec<Source<'a>>,
}

/// What a process's columns are made from.
pub(super) enum Source<'a> {
    /// The observable.
    Events(&'a [f64]),
    /// Log-densities, then slopes and curves.
    Columns(&'a [f64], Vec<&'a [f64]>),
}

/// Sums over a chunk in the variables of its channel: yields, then the free parameters of each process.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Part {
    pub(super) log_likelihood: Sum,
    /// Events of weight above 0 that no process can make; they are in no sum.
    pub(super) zero_density: usize,
    /// `sum w d`, d the derivatives of an event's log-likelihood.
    pub(super) first: Vec<f64>,
    /// `sum w d d'`, lower triangle.
    pub(super) information: Vec<f64>,
    /// What the second derivatives of the log-likelihood have besides its negative; lower triangle.
    pub(super) bend: Vec<f64>,
}

/// Working memory of a thread: columns of a block, sums of a chunk.
pub(super) struct Workspace {
    x: Aligned<f64>,
    weights: Aligned<f64>,
    ones: Aligned<f64>,
    log_p: Aligned<f64>,
    /// Slopes and curves of all processes.
    shapes: Aligned<f64>,
    /// `u_p c_j`, u_p being the density over that of the mixture, c_j the 1 and the slopes of process p.
    terms: Aligned<f64>,
    weighted: Aligned<f64>,
    top: Aligned<f64>,
    sum: Aligned<f64>,
    moments: Aligned<f64>,
}

impl Workspace {
    pub(super) fn new(layout: &Layout) -> Self {
        let columns = |n: usize| Aligned::new(n * BLOCK);
        let mut ones = columns(1);
        ones.fill(1.0);
        Self {
            x: columns(1),
            weights: columns(1),
            ones,
            log_p: columns(layout.processes.len()),
            shapes: columns(layout.shapes),
            terms: columns(layout.terms),
            weighted: columns(layout.terms),
            top: columns(1),
            sum: columns(1),
            moments: Aligned::new(layout.moments * WIDTH),
        }
    }
}

/// A chunk's sums; `None` where a number is beyond the lanes' formulas.
pub(super) struct Sums<'a> {
    pub(super) point: &'a Point<'a>,
    pub(super) chunk: &'a Chunk<'a>,
    pub(super) room: &'a mut Workspace,
}

impl WithSimd for Sums<'_> {
    type Output = Option<Part>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<Part> {
        let Self { point, chunk, room } = self;
        room.moments.fill(0.0);
        let mut logarithms = Logarithms::default();
        let mut zero_density = 0;
        for start in (0..chunk.n).step_by(BLOCK) {
            let events = start..chunk.n.min(start + BLOCK);
            let n = events.len();
            let padded = n.next_multiple_of(WIDTH);
            for p in 0..point.locals.len() {
                columns(simd, point, chunk, room, p, start, padded);
            }
            let mut weighted = chunk.weights.is_some() || padded > n;
            if weighted {
                match chunk.weights {
                    Some(weights) => room.weights[..n].copy_from_slice(&weights[events]),
                    None => room.weights[..n].fill(1.0),
                }
                room.weights[n..padded].fill(0.0);
            }
            loop {
                match mixture::mix(simd, point, room, padded, weighted, &mut logarithms) {
                    Outcome::Mixed(impossible) => {
                        zero_density += impossible;
                        break;
                    }
                    Outcome::Beyond => return None,
                    Outcome::NeedsWeights => {
                        weighted = true;
                        room.weights[..padded].fill(1.0);
                    }
                }
            }
            moments::add(simd, point.layout, room, padded, weighted);
        }
        let sums = moments::totals(&room.moments);
        let log_likelihood = logarithms.total();
        let part = chain::part(point, &sums, log_likelihood, zero_density);
        part.is_finite().then_some(part)
    }
}

impl Part {
    fn is_finite(&self) -> bool {
        let mut all = self.first.iter().chain(&self.information).chain(&self.bend);
        self.log_likelihood.total().is_finite() && all.all(|x| x.is_finite())
    }
}

/// Log-densities, slopes and curves of process `p` at the block's events, the last of which is repeated to fill up.
#[inline(always)]
fn columns<S: Simd>(
    simd: S,
    point: &Point<'_>,
    chunk: &Chunk<'_>,
    room: &mut Workspace,
    p: usize,
    start: usize,
    padded: usize,
) {
    let n = (chunk.n - start).min(padded);
    let copy = |to: &mut [f64], from: &[f64]| {
        to[..n].copy_from_slice(&from[start..start + n]);
        to[n..padded].fill(from[start + n - 1]);
    };
    let place = &point.layout.processes[p];
    let value = &mut room.log_p[p * BLOCK..][..padded];
    let wanted = place.slopes + place.curves;
    let shapes = &mut room.shapes[place.shapes * BLOCK..][..wanted * BLOCK];
    let x = match &chunk.sources[p] {
        Source::Columns(log_p, columns) => {
            copy(value, log_p);
            for (to, from) in shapes.chunks_exact_mut(BLOCK).zip(columns) {
                copy(to, from);
            }
            return;
        }
        Source::Events(x) => x,
    };
    let x = if n == padded {
        &x[start..start + n]
    } else {
        copy(&mut room.x, x);
        &room.x[..padded]
    };
    let mut out = forms::Out { value, shapes, slopes: place.slopes > 0, curves: place.curves > 0 };
    match &point.locals[p].form {
        // told by the source
        Form::Given => {}
        Form::Powers { .. } => forms::powers(simd, &point.locals[p].form, x, &mut out),
        Form::Argus { .. } => forms::argus(simd, &point.locals[p].form, x, &mut out),
        Form::Cauchy { .. } => forms::cauchy(simd, &point.locals[p].form, x, &mut out),
        Form::Series { .. } => forms::series(simd, &point.locals[p].form, x, &mut out),
        Form::Peak(peak) => peak::columns(simd, peak, x, &mut out),
    }
}
