//! Asimov data (arXiv:1007.1727 section 3.2): what is expected, without fluctuations, as weighted events at the nodes
//! of a quadrature. Sums over these events are integrals over the densities.

use super::throw::{in_process, shape, table};
use crate::error::{Error, Result};
use crate::spec::text::{count, quoted};
use crate::unbinned::UnbinnedModel;
use crate::unbinned::events::EventTable;
use crate::unbinned::model::{Channel, check_point};
use crate::unbinned::pdf::{Pdf, check_integral};
use crate::unbinned::quadrature::{NODES, Panel, panels, rule};

/// More events than this are not made: a grid of three observables or more is larger soon.
const MOST: usize = 1 << 20;
/// An integral on a grid differs from 1 by this at most, and one along an axis.
const CLOSE: f64 = 1e-8;
const ON_AN_AXIS: f64 = 1e-9;

impl UnbinnedModel {
    /// The model with the data expected at `truth`, `[n_parameters]`: of each channel weighted events at quadrature
    /// nodes, `sum_p nu_p f_p(x)` times the node's weight, and auxiliary measurements at the truth; of a binned part,
    /// what it expects. Integrals over one
    /// observable are exact to near machine precision, jumps of densities included; over several, which are on a
    /// product of grids broken at the edges of factors, to 1e-8.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: another number of values, one that is not finite or outside a density's domain, a yield
    /// below 0. [`Error::Unsupported`]: densities that vary too much, or of so many observables that a grid
    /// would have more than a million nodes.
    pub fn asimov(&self, truth: &[f64]) -> Result<Self> {
        check_point(self.parameters(), truth)?;
        let events = self.channels().map(|channel| expected(channel, truth));
        let expected = self.binned().map(|binned| binned.expected(truth)).transpose()?;
        let model = self.with_events(events.collect::<Result<_>>()?)?.with_centers(truth)?;
        Ok(match expected {
            Some(data) => model.with_binned_data(data)?,
            None => model,
        })
    }
}

/// A channel's events.
fn expected(channel: &Channel, truth: &[f64]) -> Result<EventTable> {
    let yields = channel.processes.iter().map(|process| {
        let expected = process.expected.at(truth, &mut [], &mut []);
        expected.map_err(|error| in_process(channel, process, error))
    });
    let yields: Vec<f64> = yields.collect::<Result<_>>()?;
    let shapes: Vec<Vec<f64>> = channel.processes.iter().map(|p| shape(p, truth)).collect();
    let observables = channel.processes[0].pdf.observables();
    let (columns, weights) = match observables {
        [_] => on_a_line(channel, &yields, &shapes)?,
        _ => on_a_grid(channel, &yields, &shapes)?,
    };
    // nodes where nothing is expected say nothing
    let keep: Vec<bool> = weights.iter().map(|w| *w > 0.0).collect();
    let kept = |values: Vec<f64>| {
        values.into_iter().zip(&keep).filter_map(|(x, keep)| keep.then_some(x)).collect()
    };
    let columns = columns.into_iter().map(kept).collect();
    table(observables, columns, Some(kept(weights)))
}

type Nodes = (Vec<Vec<f64>>, Vec<f64>);

fn on_a_line(channel: &Channel, yields: &[f64], shapes: &[Vec<f64>]) -> Result<Nodes> {
    let processes = &channel.processes;
    let mut breaks: Vec<f64> =
        processes.iter().zip(shapes).flat_map(|(p, shape)| p.pdf.breaks(shape)).collect();
    breaks.sort_by(f64::total_cmp);
    breaks.dedup();
    let density = |p: usize, x: &[f64; NODES]| {
        let found = processes[p].pdf.density_at(&shapes[p], x);
        found.map_err(|error| in_process(channel, &processes[p], error))
    };
    let panels = panels(&breaks, processes.len(), &density)?;
    for (p, process) in processes.iter().enumerate() {
        check_integral(process.pdf.kind(), panels.iter().map(|panel| panel.integral(p)).sum())
            .map_err(|error| in_process(channel, process, error))?;
    }
    let points = panels.iter().flat_map(|panel| Panel::points(panel.lo, panel.hi)).collect();
    let weight = |panel: &Panel, i: usize, w: f64| {
        w * yields.iter().zip(&panel.values).map(|(nu, f)| nu * f[i]).sum::<f64>()
    };
    let of_panel = |panel: &Panel| {
        let weights = panel.weights().into_iter().enumerate();
        weights.map(|(i, w)| weight(panel, i, w)).collect::<Vec<_>>()
    };
    Ok((vec![points], panels.iter().flat_map(of_panel).collect()))
}

/// The product of panels in every observable, between edges of densities, each axis with twice as many until all
/// densities are resolved.
fn on_a_grid(channel: &Channel, yields: &[f64], shapes: &[Vec<f64>]) -> Result<Nodes> {
    let observables = channel.processes[0].pdf.observables();
    let named = |p: usize| move |error| in_process(channel, &channel.processes[p], error);
    let factors: Vec<(usize, &Pdf, &[f64])> = (channel.processes.iter().zip(shapes).enumerate())
        .flat_map(|(p, (process, shape))| {
            process.pdf.factors_at(shape).into_iter().map(move |(pdf, theta)| (p, pdf, theta))
        })
        .collect();
    let mut axes = Vec::with_capacity(observables.len());
    // those of which an axis alone does not tell whether it is resolved
    let mut joint = vec![false; observables.len()];
    for (axis, observable) in observables.iter().enumerate() {
        let own = |(_, pdf, _): &&(usize, &Pdf, &[f64])| pdf.observables().contains(observable);
        let (alone, together): (Vec<_>, Vec<_>) =
            factors.iter().filter(own).partition(|(_, pdf, _)| pdf.observables().len() == 1);
        joint[axis] = !together.is_empty();
        let mut edges: Vec<f64> = vec![observable.lo(), observable.hi()];
        edges.extend(alone.iter().flat_map(|(_, pdf, theta)| pdf.edges(theta)));
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        loop {
            let line = line(&edges);
            let mut resolved = true;
            for (p, pdf, theta) in &alone {
                let (x, w): (Vec<f64>, Vec<f64>) = line.iter().copied().unzip();
                let mut log = vec![0.0; x.len()];
                pdf.log_prob(theta, &[&x], &mut log).map_err(named(*p))?;
                let total: f64 = w.iter().zip(&log).map(|(w, log)| w * libm::exp(*log)).sum();
                resolved &= (total - 1.0).abs() <= ON_AN_AXIS;
            }
            if resolved {
                break;
            }
            edges = halved(channel, &edges, 1)?;
        }
        axes.push(edges);
    }
    // of axes without such densities the parts are resolved, and the whole with them
    if !joint.contains(&true) {
        joint.fill(true);
    }
    loop {
        let lines: Vec<Vec<(f64, f64)>> = axes.iter().map(|edges| line(edges)).collect();
        let Some(nodes) = nodes(lines.iter().map(Vec::len)) else {
            return Err(too_many(channel));
        };
        let (columns, steps) = grid(&lines, nodes);
        let (mut weights, mut resolved) = (vec![0.0; nodes], true);
        for (p, ((process, shape), nu)) in
            channel.processes.iter().zip(shapes).zip(yields).enumerate()
        {
            let column = |name: &str| observables.iter().position(|o| o.name() == name);
            // the same observables, maybe in another order
            let own = process.pdf.observables().iter().filter_map(|o| column(o.name()));
            let x: Vec<&[f64]> = own.map(|at| &columns[at][..]).collect();
            let mut log = vec![0.0; nodes];
            process.pdf.log_prob(shape, &x, &mut log).map_err(named(p))?;
            let mut integral = 0.0;
            for ((weight, step), log) in weights.iter_mut().zip(&steps).zip(&log) {
                let part = step * libm::exp(*log);
                integral += part;
                *weight += nu * part;
            }
            resolved &= (integral - 1.0).abs() <= CLOSE;
        }
        if resolved {
            return Ok((columns, weights));
        }
        for (edges, _) in axes.iter_mut().zip(&joint).filter(|(_, joint)| **joint) {
            *edges = halved(channel, edges, observables.len())?;
        }
    }
}

/// Twice the panels.
fn halved(channel: &Channel, edges: &[f64], axes: usize) -> Result<Vec<f64>> {
    if edges.len() * 2 * NODES * axes > MOST {
        return Err(too_many(channel));
    }
    let middle = |pair: &[f64]| [pair[0], 0.5 * pair[0] + 0.5 * pair[1]];
    let last = edges.last().copied();
    Ok(edges.windows(2).flat_map(middle).chain(last).collect())
}

fn too_many(channel: &Channel) -> Error {
    Error::Unsupported(format!(
        "channel {}: Asimov data of {} need more than {MOST} nodes to resolve its densities",
        quoted(&channel.name),
        count(channel.processes[0].pdf.observables().len(), "observable")
    ))
}

/// Nodes of a grid, if they are not too many.
fn nodes(mut sides: impl Iterator<Item = usize>) -> Option<usize> {
    sides.try_fold(1usize, |n, side| n.checked_mul(side)).filter(|n| *n <= MOST)
}

/// Nodes and weights of the panels between edges.
fn line(edges: &[f64]) -> Vec<(f64, f64)> {
    let panel = |pair: &[f64]| {
        let (lo, hi) = (pair[0], pair[1]);
        let weights = rule().weights.map(|w| w * 0.5 * (hi - lo));
        Panel::points(lo, hi).into_iter().zip(weights)
    };
    edges.windows(2).flat_map(panel).collect()
}

/// Coordinates and weights of the nodes of a product of lines.
fn grid(lines: &[Vec<(f64, f64)>], nodes: usize) -> Nodes {
    let (mut columns, mut weights, mut inner) = (Vec::new(), vec![1.0; nodes], 1);
    for line in lines {
        let at = |node: usize| line[node / inner % line.len()];
        columns.push((0..nodes).map(|node| at(node).0).collect());
        weights.iter_mut().enumerate().for_each(|(node, weight)| *weight *= at(node).1);
        inner *= line.len();
    }
    (columns, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_integrate_products() {
        let lines = [line(&[0.0, 0.4, 0.7, 1.0]), line(&[-1.0, 0.5, 2.0, 3.0])];
        let nodes = (3 * NODES).pow(2);
        let (x, w) = grid(&lines, nodes);
        let integral: f64 = (0..nodes).map(|i| w[i] * (x[0][i] * 0.5 * x[1][i]).exp()).sum();
        // the integral over the second one by the same rule on a fine line
        let inner =
            |x: f64| if x == 0.0 { 4.0 } else { ((1.5 * x).exp() - (-0.5 * x).exp()) / (0.5 * x) };
        let line = panels(&[0.0, 1.0], 1, &|_, x| Ok(x.map(inner))).unwrap();
        let exact: f64 = line.iter().map(|p| p.integral(0)).sum();
        assert!((integral - exact).abs() < 1e-13 * exact, "{integral} {exact}");
    }
}
