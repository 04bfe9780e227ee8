//! Events under the mixture of processes: logarithms, shares, and the terms whose products are summed.

use pulp::Simd;

use super::layout::{Columns, Order};
use super::{BLOCK, Point, WIDTH, Workspace};
use crate::accelerator::cpu::math;
use crate::unbinned::sum::Sum;

/// Smallest yield that is divided by.
const LEAST: f64 = 1e-100;
/// Sums of shares, each between 1 and the number of processes, that are multiplied before a logarithm is taken.
const FACTORS: usize = 8;

pub(super) enum Outcome {
    /// With the number of events that no process can make.
    Mixed(usize),
    /// There are such events, which need a weight to be left out by.
    NeedsWeights,
    /// A log-density is NaN or +inf.
    Beyond,
}

/// Sums of logarithms, with what their additions rounded off.
#[derive(Default)]
pub(super) struct Logarithms {
    sum: [f64; WIDTH],
    lost: [f64; WIDTH],
}

impl Logarithms {
    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, register: usize, term: S::f64s) {
        let sums = bytemuck::cast_slice_mut::<f64, S::f64s>(&mut self.sum);
        let lost = bytemuck::cast_slice_mut::<f64, S::f64s>(&mut self.lost);
        // Knuth's two-sum: no branch on which is the larger
        let before = sums[register];
        let sum = simd.add_f64s(before, term);
        let added = simd.sub_f64s(sum, before);
        let kept = simd.sub_f64s(before, simd.sub_f64s(sum, added));
        let error = simd.add_f64s(kept, simd.sub_f64s(term, added));
        sums[register] = sum;
        lost[register] = simd.add_f64s(lost[register], error);
    }

    pub(super) fn total(&self) -> Sum {
        self.sum.iter().chain(&self.lost).copied().collect()
    }
}

/// Adds the block's logarithms and makes its terms.
#[inline(always)]
pub(super) fn mix<S: Simd>(
    simd: S,
    point: &Point<'_>,
    room: &mut Workspace,
    padded: usize,
    weighted: bool,
    logarithms: &mut Logarithms,
) -> Outcome {
    let log_yields = |p: usize| simd.splat_f64s(libm::log(point.yields[p]));
    let (infinite, lowest) = (simd.splat_f64s(f64::INFINITY), simd.splat_f64s(-f64::MAX));
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let n = padded / S::F64_LANES;
    let processes = point.yields.len();
    let top = lanes_mut::<S>(&mut room.top, 0, padded);
    let sum = lanes_mut::<S>(&mut room.sum, 0, padded);

    // of each event the largest logarithm
    top.fill(simd.splat_f64s(f64::NEG_INFINITY));
    let mut fine = simd.less_than_f64s(zero, one);
    for p in 0..processes {
        let log_yield = log_yields(p);
        for (top, log_p) in top.iter_mut().zip(lanes::<S>(&room.log_p, p, padded)) {
            let z = simd.add_f64s(*log_p, log_yield);
            fine = simd.and_m64s(fine, simd.less_than_f64s(z, infinite));
            *top = simd.max_f64s(z, *top);
        }
    }
    if math::any(simd, simd.not_m64s(fine)) {
        return Outcome::Beyond;
    }
    let mut possible = simd.less_than_f64s(zero, one);
    for top in &*top {
        possible = simd.and_m64s(possible, simd.greater_than_or_equal_f64s(*top, lowest));
    }
    let mut impossible = 0;
    if math::any(simd, simd.not_m64s(possible)) {
        if !weighted {
            return Outcome::NeedsWeights;
        }
        let top = bytemuck::cast_slice_mut::<S::f64s, f64>(top);
        for (top, weight) in top.iter_mut().zip(&mut room.weights[..padded]) {
            if *top == f64::NEG_INFINITY {
                impossible += usize::from(*weight > 0.0);
                (*top, *weight) = (0.0, 0.0);
            }
        }
    }

    // shares over the largest, in place of the terms' first columns
    sum.fill(zero);
    for (p, columns) in point.layout.processes.iter().enumerate() {
        let log_yield = log_yields(p);
        let log_p = lanes::<S>(&room.log_p, p, padded);
        let share = lanes_mut::<S>(&mut room.terms, columns.terms, padded);
        for v in 0..n {
            let z = simd.add_f64s(log_p[v], log_yield);
            let e = math::exp(simd, simd.sub_f64s(z, top[v]));
            share[v] = e;
            sum[v] = simd.add_f64s(sum[v], e);
        }
    }

    let registers = WIDTH / S::F64_LANES;
    if weighted {
        let weights = lanes::<S>(&room.weights, 0, padded);
        for v in 0..n {
            let log = simd.add_f64s(top[v], math::ln(simd, sum[v]));
            logarithms.add(simd, v % registers, simd.mul_f64s(weights[v], log));
        }
    } else {
        for (tops, sums) in top.chunks(registers * FACTORS).zip(sum.chunks(registers * FACTORS)) {
            for register in 0..registers {
                let mut product = one;
                for (top, sum) in tops[register..].iter().zip(&sums[register..]).step_by(registers)
                {
                    product = simd.mul_f64s(product, *sum);
                    logarithms.add(simd, register, *top);
                }
                logarithms.add(simd, register, math::ln(simd, product));
            }
        }
    }
    if point.layout.order == Order::Value {
        return Outcome::Mixed(impossible);
    }
    sum.iter_mut().for_each(|sum| *sum = simd.div_f64s(one, *sum));
    for (p, columns) in point.layout.processes.iter().enumerate() {
        terms(simd, point.yields[p], columns, p, room, padded, weighted);
    }
    Outcome::Mixed(impossible)
}

/// A process's shares become its terms.
#[inline(always)]
fn terms<S: Simd>(
    simd: S,
    nu: f64,
    columns: &Columns,
    p: usize,
    room: &mut Workspace,
    padded: usize,
    weighted: bool,
) {
    let inverse = lanes::<S>(&room.sum, 0, padded);
    let own = (1 + columns.slopes) * BLOCK;
    let (first, rest) = room.terms[columns.terms * BLOCK..][..own].split_at_mut(BLOCK);
    let u = lanes_mut::<S>(first, 0, padded);
    if nu >= LEAST {
        let by = simd.splat_f64s(1.0 / nu);
        for (u, inverse) in u.iter_mut().zip(inverse) {
            *u = simd.mul_f64s(simd.mul_f64s(*u, *inverse), by);
        }
    } else {
        // of a yield of 0, too
        let (top, log_p) = (lanes::<S>(&room.top, 0, padded), lanes::<S>(&room.log_p, p, padded));
        for (v, u) in u.iter_mut().enumerate() {
            let e = math::exp(simd, simd.sub_f64s(log_p[v], top[v]));
            *u = simd.mul_f64s(e, inverse[v]);
        }
    }
    let shapes = &room.shapes[columns.shapes * BLOCK..];
    for (term, slope) in rest.chunks_exact_mut(BLOCK).zip(shapes.chunks_exact(BLOCK)) {
        let term = lanes_mut::<S>(term, 0, padded);
        for ((term, slope), u) in term.iter_mut().zip(lanes::<S>(slope, 0, padded)).zip(&*u) {
            *term = simd.mul_f64s(*u, *slope);
        }
    }
    if weighted {
        let weights = lanes::<S>(&room.weights, 0, padded);
        let from = room.terms[columns.terms * BLOCK..][..own].chunks_exact(BLOCK);
        let to = room.weighted[columns.terms * BLOCK..][..own].chunks_exact_mut(BLOCK);
        for (to, from) in to.zip(from) {
            let to = lanes_mut::<S>(to, 0, padded).iter_mut();
            for ((to, from), w) in to.zip(lanes::<S>(from, 0, padded)).zip(weights) {
                *to = simd.mul_f64s(*w, *from);
            }
        }
    }
}

#[inline(always)]
fn lanes<S: Simd>(columns: &[f64], at: usize, padded: usize) -> &[S::f64s] {
    bytemuck::cast_slice(&columns[at * BLOCK..][..padded])
}

#[inline(always)]
fn lanes_mut<S: Simd>(columns: &mut [f64], at: usize, padded: usize) -> &mut [S::f64s] {
    bytemuck::cast_slice_mut(&mut columns[at * BLOCK..][..padded])
}
