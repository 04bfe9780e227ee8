//! Nominal counts of chosen samples as an input of the likelihood.

use super::Model;
use super::sample_at::SampleAt;
use crate::error::{Error, Result};
use crate::spec::text::suggestion;

/// The bins of chosen samples, one after the other: sample after sample as they were named, each in the
/// model's channels that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    runs: Vec<CellRun>,
    len: usize,
}

/// A sample's bins in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRun {
    /// Index into the model's samples.
    pub sample: usize,
    /// The first one among all cells.
    pub first: usize,
    /// Bin of the main data that it belongs to.
    pub first_bin: usize,
    /// Number of bins.
    pub n_bins: usize,
}

impl Cells {
    /// Number of bins in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No bins at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sample after sample, channel after channel.
    pub fn runs(&self) -> &[CellRun] {
        &self.runs
    }

    /// Cell and bin of the main data, cell after cell.
    pub(crate) fn bins(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let run = |r: &CellRun| {
            let (first, first_bin) = (r.first, r.first_bin);
            (0..r.n_bins).map(move |b| (first + b, first_bin + b))
        };
        self.runs.iter().flat_map(run)
    }
}

impl Model {
    /// The bins of the samples of these names, in all channels that have them.
    ///
    /// # Errors
    /// Where there is no sample of a name, or one is named twice.
    pub fn cells(&self, samples: &[impl AsRef<str>]) -> Result<Cells> {
        let mut cells = Cells { runs: Vec::new(), len: 0 };
        for (i, name) in samples.iter().map(AsRef::as_ref).enumerate() {
            if samples[..i].iter().any(|s| s.as_ref() == name) {
                return Err(Error::Argument(format!("the sample {name:?} is named twice")));
            }
            let before = cells.runs.len();
            for (index, sample) in self.samples.iter().enumerate().filter(|(_, s)| s.name == name) {
                let channel = &self.channels[sample.channel];
                cells.runs.push(CellRun {
                    sample: index,
                    first: cells.len,
                    first_bin: channel.first_bin,
                    n_bins: channel.n_bins,
                });
                cells.len += channel.n_bins;
            }
            if cells.runs.len() == before {
                let guess = suggestion(name, self.samples.iter().map(|s| s.name.as_str()));
                return Err(Error::Argument(format!("the model has no sample {name:?}{guess}")));
            }
        }
        if cells.is_empty() {
            return Err(Error::Argument("name one sample at least".into()));
        }
        Ok(cells)
    }

    /// Nominal counts of these cells, `[cells]`.
    pub fn nominal_yields(&self, cells: &Cells) -> Vec<f64> {
        let of = |r: &CellRun| self.samples[r.sample].nominal.iter().copied();
        cells.runs.iter().flat_map(of).collect()
    }

    /// The same model with other nominal counts of these cells, `[cells]`. Variations of shapes stay the
    /// additions to the nominal counts that they are in this model, widths of constraints what they are.
    pub fn with_yields(&self, cells: &Cells, yields: &[f64]) -> Self {
        let mut new = self.clone();
        new.set_yields(self, cells, yields);
        new
    }

    /// The same in place: `base` is the model that this one was cloned from.
    pub(crate) fn set_yields(&mut self, base: &Self, cells: &Cells, yields: &[f64]) {
        for run in &cells.runs {
            let (from, to) = (&base.samples[run.sample], &mut self.samples[run.sample]);
            let yields = &yields[run.first..run.first + run.n_bins];
            to.nominal.copy_from_slice(yields);
            for (from_shape, shape) in from.shapes.iter().zip(&mut to.shapes) {
                for (b, y) in yields.iter().enumerate() {
                    let moved = y - from.nominal[b];
                    shape.lo[b] = from_shape.lo[b] + moved;
                    shape.hi[b] = from_shape.hi[b] + moved;
                }
            }
        }
    }

    /// d expected counts of a cell's bin / d its nominal count at `x`, `[cells]`: the product of the factors
    /// on it.
    pub fn yield_factors(&self, cells: &Cells, x: &[f64]) -> Vec<f64> {
        let mut factors = Vec::with_capacity(cells.len);
        for run in &cells.runs {
            let at = SampleAt::new(self, run.sample, x);
            factors.extend(at.gammas.iter().map(|gamma| at.scale * gamma));
        }
        factors
    }
}
