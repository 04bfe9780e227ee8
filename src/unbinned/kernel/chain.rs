//! From sums of products of columns to derivatives in yields and free parameters.

use super::layout::{Columns, Order};
use super::{Part, Point};
use crate::unbinned::packed::place;
use crate::unbinned::pdf::local::Local;
use crate::unbinned::sum::Sum;

/// A yield or a free parameter: the derivative of an event's log-likelihood as a sum of terms, which are left out
/// where their factor is 0.
type Variable = Vec<(usize, f64)>;

/// With u the density of process p over that of the mixture, and c_j its columns, `d/dnu = u` and
/// `d/da = nu u sum_j J_ja c_j`; second derivatives are minus their product, and besides `u sum_j J_ja c_j` in a
/// yield and a parameter of its process, `nu u (sum_jk J_ja J_kb c_j c_k + sum_h bend_(h, ab) c_h)` in two
/// parameters of one process.
pub(super) fn part(
    point: &Point<'_>,
    sums: &[f64],
    log_likelihood: Sum,
    zero_density: usize,
) -> Part {
    let mut part = Part { log_likelihood, zero_density, ..Part::default() };
    let order = point.layout.order;
    if order == Order::Value {
        return part;
    }
    let variables = variables(point);
    let single = |variable: &Variable| variable.iter().map(|(j, by)| by * sums[*j]).sum();
    part.first = variables.iter().map(single).collect();
    if order == Order::Gradient {
        return part;
    }
    let terms = point.layout.terms;
    for (i, a) in variables.iter().enumerate() {
        for b in &variables[..=i] {
            let both = |(j, by): &(usize, f64)| -> f64 {
                let row = b.iter().map(|(k, other)| other * sums[terms + place(*j, *k)]);
                by * row.sum::<f64>()
            };
            part.information.push(a.iter().map(both).sum());
        }
    }
    part.bend = vec![0.0; part.information.len()];
    let mut first = point.yields.len();
    for (p, (local, columns)) in point.locals.iter().zip(&point.layout.processes).enumerate() {
        bend(&mut part.bend, sums, local, columns, point.yields[p], (p, first));
        first += local.free();
    }
    part
}

fn variables(point: &Point<'_>) -> Vec<Variable> {
    let columns = point.layout.processes.iter();
    let mut variables: Vec<Variable> = columns.map(|c| vec![(c.terms, 1.0)]).collect();
    for (p, local) in point.locals.iter().enumerate() {
        let (k, first) = (local.free(), point.layout.processes[p].terms);
        for a in 0..k {
            let factors = local.jacobian.iter().skip(a).step_by(k).enumerate();
            let terms = factors.filter(|(_, by)| **by != 0.0);
            variables.push(terms.map(|(j, by)| (first + j, by * point.yields[p])).collect());
        }
    }
    variables
}

/// What second derivatives have besides the product of first ones.
fn bend(
    out: &mut [f64],
    sums: &[f64],
    local: &Local,
    columns: &Columns,
    nu: f64,
    (process, first): (usize, usize),
) {
    let k = local.free();
    let pairs = k * (k + 1) / 2;
    // sums of u c_j c_k; those of linear densities are in no derivative
    let product = |j: usize, l: usize| match (j.min(l), j.max(l), columns.products) {
        (0, large, _) => sums[columns.terms + large],
        (small, large, Some(products)) => sums[products + place(large - 1, small - 1)],
        (_, _, None) => 0.0,
    };
    let slopes = |a: usize| {
        let factors = local.jacobian.iter().skip(a).step_by(k).enumerate();
        factors.filter(|(_, by)| **by != 0.0)
    };
    let column = |h: usize| match h.checked_sub(1 + local.slopes) {
        Some(curve) => sums[columns.curve_sums + curve],
        None => sums[columns.terms + h],
    };
    for a in 0..k {
        let with_yield: f64 = slopes(a).map(|(j, by)| by * product(j, 0)).sum();
        out[place(first + a, process)] += with_yield;
        for b in 0..=a {
            let mut sum = 0.0;
            for (j, by) in slopes(a) {
                sum += by * slopes(b).map(|(l, other)| other * product(j, l)).sum::<f64>();
            }
            let curved = local.bend.iter().skip(place(a, b)).step_by(pairs).enumerate();
            sum += curved.filter(|(_, by)| **by != 0.0).map(|(h, by)| by * column(h)).sum::<f64>();
            out[place(first + a, first + b)] += nu * sum;
        }
    }
}
