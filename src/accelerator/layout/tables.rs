//! A program as the two tables that kernels read: indices and numbers. `shaders/header.wgsl` says what
//! stands where.

use super::header::Header;
use crate::accelerator::Problem;
use crate::accelerator::program::{NORMSYS_STRIDE, Program};
use crate::model::interpolation::HistoSysInterpolation;

/// No coefficients: a linear factor.
const NONE: u32 = u32::MAX;
/// Work of one share of a gradient sum, in multiply-adds: short enough that the longest sums do not
/// keep the workgroup waiting.
const CHUNK_COST: u32 = 32;
/// Bins of one entry.
const ENTRY_BINS: u32 = 16;

/// How an entry moves the rates.
const SCALAR: u32 = 0;
const SHAPE: u32 = 1;
const BIN_FACTOR: u32 = 2;

/// The tables and the model's part of the header.
pub(in crate::accelerator) struct Tables {
    pub(in crate::accelerator) header: Header,
    pub(in crate::accelerator) index: Vec<u32>,
    pub(in crate::accelerator) numbers: Vec<f64>,
}

/// One way a parameter moves rates: (kind, what, sample, bins from, to).
type Entry = [u32; 5];

impl Tables {
    pub(in crate::accelerator) fn new(p: &Program) -> Self {
        let mut tables = Self { header: Header::default(), index: Vec::new(), numbers: Vec::new() };
        tables.sizes(p);
        tables.numbers(p);
        let entries = tables.samples(p);
        tables.bins(p);
        let ranges = tables.entries(&entries);
        tables.parameters(p, &entries, &ranges);
        tables
    }

    fn sizes(&mut self, p: &Program) {
        let h = &mut self.header;
        h.n_parameters = p.lower.len() as u32;
        h.n_main = p.n_main() as u32;
        h.n_auxiliary = p.n_auxiliary() as u32;
        h.n_samples = p.samples.len() as u32;
        h.n_scalars = (p.linear.len() + p.normsys.len()) as u32;
        h.n_cells = p.nominal.len() as u32;
        h.n_wide = p.structure().wide.len() as u32;
        h.n_narrow = p.structure().narrow.len() as u32;
        h.histosys = match p.histosys {
            HistoSysInterpolation::PiecewiseLinear => 0,
            HistoSysInterpolation::QuadraticLinear => 1,
            HistoSysInterpolation::PolynomialLinear => 2,
        };
        h.piecewise_normsys = u32::from(p.normsys_threshold == 0.0);
        h.kinked = u32::from(!p.kinks.is_empty());
        h.floored = u32::from(p.floor.is_finite());
    }

    fn append(&mut self, values: impl IntoIterator<Item = f64>) -> u32 {
        let at = self.numbers.len() as u32;
        self.numbers.extend(values);
        at
    }

    fn numbers(&mut self, p: &Program) {
        self.header.f_normsys = self.append(p.normsys_coefficients.iter().copied());
        self.header.f_nominal = self.append(p.nominal.iter().copied());
        let templates = p.shape_symmetric.iter().zip(&p.shape_asymmetric);
        self.header.f_templates = self.append(templates.flat_map(|(s, a)| [*s, *a]));
        let mut weights = vec![0.0; p.lower.len()];
        p.gaussian.iter().for_each(|t| weights[t.parameter as usize] = t.weight);
        p.poisson.iter().for_each(|t| weights[t.parameter as usize] = t.tau);
        self.header.f_weights = self.append(weights);
        self.header.f_lower = self.append(p.lower.iter().copied());
        self.header.f_upper = self.append(p.upper.iter().copied());
        self.header.f_floor = self.append([if p.floor.is_finite() { p.floor } else { 0.0 }]);
    }

    /// Samples with their runs; returns what moves with each parameter.
    fn samples(&mut self, p: &Program) -> Vec<Vec<Entry>> {
        let mut entries: Vec<Vec<Entry>> = vec![Vec::new(); p.lower.len()];
        let (mut scalars, mut samples, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        let mut first_cell = 0;
        for channel in &p.channels {
            let n_bins = channel.bins.len() as u32;
            for s in channel.samples.clone() {
                let (sample, run) = (s as u32, &p.samples[s]);
                let first_scalar = (scalars.len() / 2) as u32;
                for &k in &p.linear[run.linear.clone()] {
                    let e = (scalars.len() / 2) as u32;
                    entries[k as usize].push([SCALAR, e, sample, 0, n_bins]);
                    scalars.extend([k, NONE]);
                }
                for e in run.normsys.clone() {
                    let place = (scalars.len() / 2) as u32;
                    let k = p.normsys[e];
                    entries[k as usize].push([SCALAR, place, sample, 0, n_bins]);
                    let at = self.header.f_normsys + (e * NORMSYS_STRIDE) as u32;
                    scalars.extend([k, at]);
                }
                let templates = self.header.f_templates + 2 * run.templates as u32;
                for (i, &k) in p.shapes[run.shapes.clone()].iter().enumerate() {
                    let at = templates + 2 * n_bins * i as u32;
                    for from in (0..n_bins).step_by(ENTRY_BINS as usize) {
                        let to = (from + ENTRY_BINS).min(n_bins);
                        entries[k as usize].push([SHAPE, at, sample, from, to]);
                    }
                }
                for f in run.bin_factors.clone() {
                    for b in 0..n_bins {
                        let k = p.bin_factors[f] + b;
                        entries[k as usize].push([BIN_FACTOR, f as u32, sample, b, b + 1]);
                    }
                }
                samples.extend([
                    first_scalar,
                    (scalars.len() / 2) as u32,
                    first_cell,
                    n_bins,
                    run.shapes.start as u32,
                    run.shapes.end as u32,
                    run.bin_factors.start as u32,
                    run.bin_factors.end as u32,
                    templates,
                    channel.bins.start as u32,
                ]);
                cells.extend((0..n_bins).map(|_| sample));
                first_cell += n_bins;
            }
        }
        self.header.i_scalars = self.place(&scalars);
        self.header.i_samples = self.place(&samples);
        self.header.i_cells = self.place(&cells);
        self.header.i_shapes = self.place(&p.shapes);
        self.header.i_bin_factors = self.place(&p.bin_factors);
        entries
    }

    fn place(&mut self, values: &[u32]) -> u32 {
        let at = self.index.len() as u32;
        self.index.extend(values);
        at
    }

    fn bins(&mut self, p: &Program) {
        let mut bins = Vec::new();
        for channel in &p.channels {
            let (from, to) = (channel.samples.start as u32, channel.samples.end as u32);
            bins.extend((0..channel.bins.len() as u32).flat_map(|b| [from, to, b]));
        }
        self.header.i_bins = self.place(&bins);
    }

    /// Entries parameter by parameter; returns where each parameter's stand.
    fn entries(&mut self, entries: &[Vec<Entry>]) -> Vec<(u32, u32)> {
        let mut ranges = Vec::with_capacity(entries.len());
        let mut next = 0;
        for own in entries {
            ranges.push((next, next + own.len() as u32));
            next += own.len() as u32;
        }
        let flat: Vec<u32> = entries.iter().flatten().flatten().copied().collect();
        self.header.i_entries = self.place(&flat);
        ranges
    }

    fn parameters(&mut self, p: &Program, entries: &[Vec<Entry>], ranges: &[(u32, u32)]) {
        // (cost, [parameter, entries from, to, place])
        let mut chunks: Vec<(u32, [u32; 4])> = Vec::new();
        let mut parameters = Vec::new();
        let constraint = constraints(p);
        for (k, own) in entries.iter().enumerate() {
            let first = chunks.len() as u32;
            let (mut from, mut cost) = (ranges[k].0, 0);
            for (i, entry) in own.iter().enumerate() {
                cost += if entry[0] == SHAPE { 2 + 2 * (entry[4] - entry[3]) } else { 4 };
                let to = ranges[k].0 + i as u32 + 1;
                if cost >= CHUNK_COST || i + 1 == own.len() {
                    chunks.push((cost, [k as u32, from, to, chunks.len() as u32]));
                    (from, cost) = (to, 0);
                }
            }
            let (kind, auxiliary) = constraint[k];
            let kink = u32::from(p.kinks.contains(&k));
            parameters.extend([first, chunks.len() as u32, kind, auxiliary, kink]);
        }
        // neighbours of like length, the longest first
        chunks.sort_by_key(|c| std::cmp::Reverse(c.0));
        let chunks: Vec<u32> = chunks.iter().flat_map(|c| c.1).collect();
        self.header.n_chunks = (chunks.len() / 4) as u32;
        self.header.i_chunks = self.place(&chunks);
        self.header.i_parameters = self.place(&parameters);
        let structure = p.structure();
        let wide: Vec<u32> = (structure.wide.iter())
            .flat_map(|&k| [k, ranges[k as usize].0, ranges[k as usize].1])
            .collect();
        let narrow: Vec<u32> = (structure.narrow.iter())
            .flat_map(|&(k, bin)| [k, ranges[k as usize].0, ranges[k as usize].1, bin])
            .collect();
        self.header.i_wide = self.place(&wide);
        self.header.i_narrow = self.place(&narrow);
    }
}

/// Kind of each parameter's constraint (0 none, 1 Gaussian, 2 Poisson) and its auxiliary datum.
fn constraints(p: &Program) -> Vec<(u32, u32)> {
    let mut all = vec![(0, 0); p.lower.len()];
    p.gaussian.iter().for_each(|t| all[t.parameter as usize] = (1, t.auxiliary));
    p.poisson.iter().for_each(|t| all[t.parameter as usize] = (2, t.auxiliary));
    all
}
