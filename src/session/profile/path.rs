//! Profiles along one parameter: the same values for every dataset, more of them as they are asked
//! for.

use super::{Node, Profiler};
use crate::Result;
use crate::session::likelihood::Likelihood;

/// Nodes of all datasets at rising values of one parameter.
pub(in crate::session) struct Path {
    /// `[n_datasets][n_values]`, values rising.
    nodes: Vec<Node>,
    n_datasets: usize,
}

impl Path {
    pub(in crate::session) fn new(n_datasets: usize) -> Self {
        Self { nodes: Vec::new(), n_datasets }
    }

    /// The same values for one dataset more, the profiler's last.
    ///
    /// # Errors
    /// What the device says.
    pub(in crate::session) fn with_dataset<L: Likelihood>(
        mut self,
        profiler: &Profiler<'_, L>,
    ) -> Result<Self> {
        let d = self.n_datasets;
        let mut new: Vec<Node> = self.values().iter().map(|&v| Node::new(d, vec![v])).collect();
        let n = new.len();
        profiler.solve(&mut new, &|i| next_to(i, n), &|i| is_anchor(i, n))?;
        self.nodes.extend(new);
        self.n_datasets += 1;
        Ok(self)
    }

    /// How many values there are.
    pub(in crate::session) fn len(&self) -> usize {
        self.nodes.len() / self.n_datasets.max(1)
    }

    /// The values, rising.
    pub(in crate::session) fn values(&self) -> Vec<f64> {
        self.nodes[..self.len()].iter().map(|n| n.values[0]).collect()
    }

    /// Dataset `d` at the `i`-th value.
    pub(in crate::session) fn node(&self, d: usize, i: usize) -> &Node {
        &self.nodes[d * self.len() + i]
    }

    /// Dataset `d` at `value`, which must be one of those fitted.
    pub(in crate::session) fn at(&self, d: usize, value: f64) -> Option<&Node> {
        let i = self.nodes[..self.len()].iter().position(|n| n.values[0] == value)?;
        Some(self.node(d, i))
    }

    /// All nodes of dataset `d`.
    pub(in crate::session) fn of(&self, d: usize) -> &[Node] {
        let n = self.len();
        &self.nodes[d * n..(d + 1) * n]
    }

    /// Fit every dataset at more values. New nodes start from those around them, and start them in
    /// turn where they found something lower. `refine`: only look closer at what is there, without
    /// starts from far away.
    ///
    /// # Errors
    /// What the device says.
    pub(in crate::session) fn extend<L: Likelihood>(
        &mut self,
        profiler: &Profiler<'_, L>,
        values: &[f64],
        refine: bool,
    ) -> Result<()> {
        let known = self.values();
        let mut new: Vec<f64> = values.iter().copied().filter(|v| !known.contains(v)).collect();
        new.sort_by(f64::total_cmp);
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        let mut nodes = Vec::with_capacity(self.nodes.len() + new.len() * self.n_datasets);
        let mut tasks = Vec::new();
        for d in 0..self.n_datasets {
            let old = self.of(d);
            let first = nodes.len();
            nodes.extend(old.iter().cloned());
            nodes.extend(new.iter().map(|&v| Node::new(d, vec![v])));
            nodes[first..].sort_by(|a, b| a.values[0].total_cmp(&b.values[0]));
            let fresh: Vec<usize> =
                (first..nodes.len()).filter(|&i| nodes[i].parameters.is_empty()).collect();
            let solved = old.iter().any(|n| n.status.is_converged());
            for (rank, &i) in fresh.iter().enumerate() {
                let node = &nodes[i];
                let mut starts = match solved {
                    true => starts_between(profiler, old, node.values[0]),
                    false => profiler.near_starts(node),
                };
                if !refine && is_anchor(rank, fresh.len()) {
                    starts.extend(profiler.far_starts(node));
                }
                tasks.extend(starts.into_iter().map(|s| (i, s)));
            }
        }
        let n = nodes.len() / self.n_datasets.max(1);
        let result = profiler.relax(&mut nodes, &|i| next_to(i, n), tasks);
        self.nodes = nodes;
        result
    }
}

/// Of `n` new nodes, those that are also started from far away: their neighbours hear of what they find.
fn is_anchor(i: usize, n: usize) -> bool {
    i.is_multiple_of(8) || i + 1 == n
}

/// Neighbours of node `i` where each dataset has `n`.
fn next_to(i: usize, n: usize) -> Vec<usize> {
    let mut all = Vec::with_capacity(2);
    if !i.is_multiple_of(n) {
        all.push(i - 1);
    }
    if !(i + 1).is_multiple_of(n) {
        all.push(i + 1);
    }
    all
}

/// Starts from the nearest solved nodes on either side, and between or beyond them on a line.
fn starts_between<L: Likelihood>(
    profiler: &Profiler<'_, L>,
    old: &[Node],
    value: f64,
) -> Vec<Vec<f64>> {
    let solved: Vec<&Node> = old.iter().filter(|n| n.status.is_converged()).collect();
    let after = solved.partition_point(|n| n.values[0] < value);
    let (a, b) = match (after.checked_sub(1), solved.get(after)) {
        (Some(i), Some(right)) => (solved[i], *right),
        // beyond the ends: the last two
        (Some(i), None) => (solved[i], solved[i.saturating_sub(1)]),
        (None, Some(first)) => (*first, solved[1.min(solved.len() - 1)]),
        (None, None) => return Vec::new(),
    };
    let mut starts = Vec::new();
    let width = b.values[0] - a.values[0];
    if width != 0.0 {
        let share = (value - a.values[0]) / width;
        let line = a.parameters.iter().zip(&b.parameters).map(|(x, y)| x + share * (y - x));
        starts.push(profiler.moved(&line.collect::<Vec<_>>(), &[value]));
    }
    starts.push(profiler.moved(&a.parameters, &[value]));
    if after > 0 && after < solved.len() {
        starts.push(profiler.moved(&b.parameters, &[value]));
    }
    starts
}
