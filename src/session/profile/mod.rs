//! Profile likelihoods: fits with some parameters held at many values, for several datasets, in
//! batches. Neighbours start each other until nothing improves, so that a likelihood with several
//! minima is followed along the lowest one.

mod path;

pub(super) use path::Path;

use super::likelihood::Likelihood;
use super::{FitOptions, FitResult};
use crate::Result;
use crate::fit::{FitBatch, Status, Tolerance};

/// An improvement in twice the NLL that neighbours are told of.
const IMPROVED: f64 = 1e-7;

/// One dataset with what its free fit says about where to look.
#[derive(Clone)]
pub(super) struct Dataset<D> {
    pub(super) data: D,
    /// Points to start from, `[n_parameters]` each: distinct minima, the best first.
    pub(super) starts: Vec<Vec<f64>>,
    /// d parameters / d held parameter along the valley of the best start, `[n_parameters]`, per held
    /// parameter; may be empty.
    pub(super) tangents: Vec<Vec<f64>>,
}

/// One fit with parameters held.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Index of the dataset.
    pub(super) dataset: usize,
    /// Values of the held parameters.
    pub(super) values: Vec<f64>,
    /// Best-fit values, `[n_parameters]`.
    pub(super) parameters: Vec<f64>,
    /// -2 log likelihood at the minimum; infinite before the first fit.
    pub(super) twice_nll: f64,
    pub(super) status: Status,
}

impl Node {
    pub(super) fn new(dataset: usize, values: Vec<f64>) -> Self {
        let (parameters, twice_nll) = (Vec::new(), f64::INFINITY);
        Self { dataset, values, parameters, twice_nll, status: Status::NotFinite }
    }

    /// Take a fit that is better; true where neighbours should hear of it.
    fn take(&mut self, batch: &FitBatch, i: usize) -> bool {
        let (status, twice_nll) = (batch.status[i], 2.0 * batch.nll[i]);
        let better = match (status.is_converged(), self.status.is_converged()) {
            (true, false) => true,
            (false, true) => false,
            _ => twice_nll < self.twice_nll || self.parameters.is_empty(),
        };
        let improved = status.is_converged()
            && (!self.status.is_converged() || twice_nll < self.twice_nll - IMPROVED);
        if better {
            self.status = status;
            self.twice_nll = twice_nll;
            self.parameters = batch.parameters_of(i).to_vec();
        }
        improved
    }
}

/// A node to be fitted from a start.
type Task = (usize, Vec<f64>);

/// Fits nodes of some datasets with some parameters held.
pub(super) struct Profiler<'s, L: Likelihood> {
    pub(super) likelihood: &'s L,
    /// Indices of the held parameters.
    pub(super) held: Vec<usize>,
    pub(super) datasets: Vec<Dataset<L::Data>>,
    pub(super) tolerance: Tolerance,
}

impl<L: Likelihood> Profiler<'_, L> {
    /// Every node from its starts, then from its neighbours as long as that improves any.
    ///
    /// # Errors
    /// What the device says.
    pub(super) fn relax(
        &self,
        nodes: &mut [Node],
        neighbours: &dyn Fn(usize) -> Vec<usize>,
        mut tasks: Vec<Task>,
    ) -> Result<()> {
        // a wave crosses all nodes at most a few times; the limit only keeps rounding from going on
        for _ in 0..4 * nodes.len() + 8 {
            if tasks.is_empty() {
                break;
            }
            let mut told = vec![false; nodes.len()];
            for (task, (batch, i)) in
                tasks.iter().zip(self.fit(nodes, &tasks)?.iter().flat_map(each))
            {
                told[task.0] |= nodes[task.0].take(batch, i);
            }
            tasks = (0..nodes.len())
                .filter(|&i| told[i])
                .flat_map(|i| neighbours(i).into_iter().map(move |j| (i, j)))
                .map(|(i, j)| (j, self.moved(&nodes[i].parameters, &nodes[j].values)))
                .collect();
        }
        Ok(())
    }

    /// Fits of the tasks, in their order.
    fn fit(&self, nodes: &[Node], tasks: &[Task]) -> Result<Vec<FitBatch>> {
        let data = |node: usize| &self.datasets[nodes[node].dataset].data;
        let tasks: Vec<_> = tasks.iter().map(|(node, start)| (data(*node), &start[..])).collect();
        self.likelihood.fits(&tasks, &self.mask(), self.tolerance)
    }

    /// Fixed and held parameters, `[n_parameters]`.
    fn mask(&self) -> Vec<bool> {
        let mut mask = self.likelihood.fixed().to_vec();
        self.held.iter().for_each(|&k| mask[k] = true);
        mask
    }

    /// `from` with the held parameters at `values`, the others within their bounds.
    pub(super) fn moved(&self, from: &[f64], values: &[f64]) -> Vec<f64> {
        let mut start = from.to_vec();
        for (k, x) in start.iter_mut().enumerate().filter(|(k, _)| !self.likelihood.fixed()[*k]) {
            let (lower, upper) = self.likelihood.bounds(k);
            *x = x.clamp(lower, upper);
        }
        for (&k, &value) in self.held.iter().zip(values) {
            start[k] = value;
        }
        start
    }

    /// Where to start a node that knows nothing of neighbours: along the valley from the best minimum, and
    /// at each of the others.
    fn near_starts(&self, node: &Node) -> Vec<Vec<f64>> {
        let set = &self.datasets[node.dataset];
        let mut starts: Vec<Vec<f64>> = set.starts.clone();
        if let Some(best) = starts.first_mut() {
            let steps: Vec<f64> =
                self.held.iter().zip(&node.values).map(|(&k, value)| value - best[k]).collect();
            for (step, tangent) in steps.iter().zip(&set.tangents) {
                best.iter_mut().zip(tangent).for_each(|(x, t)| *x += step * t);
            }
        }
        starts.iter().map(|s| self.moved(s, &node.values)).collect()
    }

    /// The initial parameters and points thrown around them: to find minima that no neighbour leads to.
    fn far_starts(&self, node: &Node) -> Vec<Vec<f64>> {
        let thrown = self.likelihood.starts(&self.mask());
        thrown.iter().map(|s| self.moved(s, &node.values)).collect()
    }

    /// Fit all nodes, which have no neighbours fitted yet; those in `anchors` from far away, too.
    pub(super) fn solve(
        &self,
        nodes: &mut [Node],
        neighbours: &dyn Fn(usize) -> Vec<usize>,
        anchors: &dyn Fn(usize) -> bool,
    ) -> Result<()> {
        let mut tasks = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            let far = if anchors(i) { self.far_starts(node) } else { Vec::new() };
            tasks.extend(self.near_starts(node).into_iter().chain(far).map(|s| (i, s)));
        }
        self.relax(nodes, neighbours, tasks)
    }
}

/// What is said where [`Profiler::lower_minimum`] found one.
pub(super) const LOWER_MINIMUM: &str =
    "the free fit was found on the way along the profile, not from its own starts";

impl<L: Likelihood> Profiler<'_, L> {
    /// A held value can lead to a lower minimum than the free fit found, `twice_nll`: then the free fit
    /// starts there once more. Its parameters and -2 log likelihood.
    ///
    /// # Errors
    /// What the device says.
    pub(super) fn lower_minimum(
        &self,
        nodes: &[Node],
        twice_nll: f64,
    ) -> Result<Option<(Vec<f64>, f64)>> {
        let inside = |node: &&Node| {
            let mut held = self.held.iter().zip(&node.values);
            held.all(|(&k, v)| {
                let (lower, upper) = self.likelihood.bounds(k);
                (lower..=upper).contains(v)
            })
        };
        let converged = nodes.iter().filter(|n| n.status.is_converged()).filter(inside);
        let lowest = converged.min_by(|a, b| a.twice_nll.total_cmp(&b.twice_nll));
        let Some(node) = lowest.filter(|n| n.twice_nll < twice_nll - IMPROVED) else {
            return Ok(None);
        };
        let data = &self.datasets[node.dataset].data;
        let fixed = self.likelihood.fixed();
        let fit = self.likelihood.refits(data, &node.parameters, fixed, self.tolerance)?;
        let found = fit.status[0].is_converged() && 2.0 * fit.nll[0] < twice_nll;
        Ok(found.then(|| (fit.parameters_of(0).to_vec(), 2.0 * fit.nll[0])))
    }
}

/// A batch with each of its indices.
fn each(batch: &FitBatch) -> impl Iterator<Item = (&FitBatch, usize)> {
    (0..batch.len()).map(move |i| (batch, i))
}

/// The worst of several: what a statement made of all of them may claim.
pub(super) fn worst(statuses: impl IntoIterator<Item = Status>) -> Status {
    let converged = Status::Converged;
    statuses.into_iter().find(|s| !s.is_converged()).unwrap_or(converged)
}

/// The free fit to `data`, and what it says about where to look for fits with `held` parameters.
pub(super) fn explore<L: Likelihood>(
    likelihood: &L,
    data: &L::Data,
    held: &[usize],
    tolerance: Tolerance,
) -> Result<(FitResult, Dataset<L::Data>)> {
    let options = FitOptions { tolerance, ..Default::default() };
    let (fit, starts) = likelihood.fit_all_minima(data, &options)?;
    let tangents = tangents(&fit.covariance, held, fit.parameters.len());
    Ok((fit, Dataset { data: data.clone(), starts, tangents }))
}

/// Directions of the valley, from a covariance: the other parameters follow the held ones by
/// regression.
pub(super) fn tangents(covariance: &[f64], held: &[usize], n: usize) -> Vec<Vec<f64>> {
    // with several held ones each is followed by itself: starts need not be exact
    let usable = !covariance.is_empty() && held.iter().all(|&k| covariance[k * n + k] > 0.0);
    if !usable {
        return Vec::new();
    }
    let tangent = |&k: &usize| {
        let variance = covariance[k * n + k];
        covariance[k * n..(k + 1) * n].iter().map(|c| c / variance).collect()
    };
    held.iter().map(tangent).collect()
}
