//! What is kept of a run in memory.

use crate::session::ToyChunk;

/// Counts over the toys seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToySummary {
    /// Toys.
    pub toys: u64,
    /// Toys of which every fit converged.
    pub converged: u64,
    /// The others.
    pub unconverged: Vec<u64>,
    /// Fits: two per toy with conditional ones.
    pub fits: u64,
    /// Evaluations in all fits.
    pub evaluations: u64,
    /// Toys with a negative expected rate at the minimum.
    pub negative: u64,
    /// Toys whose free fit is worse than the conditional one by more than the tolerance allows.
    pub missed: u64,
    /// Fits of another device that the processor finished.
    pub on_host: u64,
    /// What failed on the device first, where something did.
    pub failure: Option<String>,
}

impl ToySummary {
    /// Takes in a chunk; `edm` is the tolerance of its fits.
    pub fn add(&mut self, chunk: &ToyChunk, edm: f64) {
        let n = chunk.fits.len();
        let batches = || std::iter::once(&chunk.fits).chain(&chunk.conditional);
        for i in 0..n {
            if batches().all(|b| b.status[i].is_converged()) {
                self.converged += 1;
            } else {
                self.unconverged.push(chunk.first + i as u64);
            }
        }
        self.toys += n as u64;
        self.fits += batches().map(|b| b.len() as u64).sum::<u64>();
        self.evaluations +=
            batches().flat_map(|b| &b.evaluations).map(|&e| u64::from(e)).sum::<u64>();
        self.negative +=
            (0..n).filter(|&i| batches().any(|b| b.negative_bin[i] >= 0)).count() as u64;
        self.on_host += batches().map(|b| b.on_host as u64).sum::<u64>();
        if self.failure.is_none() {
            self.failure = batches().find_map(|b| b.failure.clone());
        }
        // either fit may be off by the tolerance; sums of many terms round at 1e-9 or so
        let allowed = 4.0 * edm + 1e-6;
        self.missed += chunk.t_mu().filter(|&t| t < -allowed).count() as u64;
    }
}
