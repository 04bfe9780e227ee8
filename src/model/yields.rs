//! Templates of chosen samples as an input of the likelihood.

use super::Model;
use super::sample_at::SampleAt;
use crate::error::{Error, Result};
use crate::spec::text::suggestion;

/// Which template of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template<'a> {
    /// Its nominal counts.
    Nominal {
        /// The sample's name.
        sample: &'a str,
    },
    /// Its counts at alpha = -1 or +1 of a histosys.
    Variation {
        /// The sample's name.
        sample: &'a str,
        /// The modifier's name.
        modifier: &'a str,
        /// Which of both.
        side: Side,
    },
}

/// One of the two templates of a histosys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// At alpha = -1.
    Lo,
    /// At alpha = +1.
    Hi,
}

impl Side {
    /// `lo` or `hi`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lo => "lo",
            Self::Hi => "hi",
        }
    }
}

impl<'a> From<&'a str> for Template<'a> {
    fn from(sample: &'a str) -> Self {
        Self::Nominal { sample }
    }
}

/// The bins of chosen templates, one after the other: template after template as they were named, each in
/// the model's channels that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    runs: Vec<CellRun>,
    len: usize,
}

/// A template's bins in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRun {
    /// Index into the model's samples.
    pub sample: usize,
    /// Number of the sample's shape and which of its templates, or the nominal counts.
    pub variation: Option<(usize, Side)>,
    /// The first one among all cells.
    pub first: usize,
    /// Bin of the main data that it belongs to.
    pub first_bin: usize,
    /// Number of bins.
    pub n_bins: usize,
}

impl CellRun {
    /// Its part of an array of all cells.
    pub fn of<'a>(&self, cells: &'a [f64]) -> &'a [f64] {
        &cells[self.first..self.first + self.n_bins]
    }
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

    /// Template after template, channel after channel.
    pub fn runs(&self) -> &[CellRun] {
        &self.runs
    }

    /// Nominal counts alone.
    pub fn are_nominal(&self) -> bool {
        self.runs.iter().all(|r| r.variation.is_none())
    }

    /// The run of one template of a sample.
    pub(super) fn run(&self, sample: usize, variation: Option<(usize, Side)>) -> Option<&CellRun> {
        self.runs.iter().find(|r| r.sample == sample && r.variation == variation)
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
    /// The bins of these templates, in all channels that have them.
    ///
    /// # Errors
    /// Where there is no sample or no histosys of a name, or a template is named twice.
    pub fn cells(&self, templates: &[Template<'_>]) -> Result<Cells> {
        let mut cells = Cells { runs: Vec::new(), len: 0 };
        for (i, template) in templates.iter().enumerate() {
            let (name, variation) = match *template {
                Template::Nominal { sample } => (sample, None),
                Template::Variation { sample, modifier, side } => (sample, Some((modifier, side))),
            };
            if templates[..i].contains(template) {
                return Err(Error::Argument(format!("a template of {name:?} is named twice")));
            }
            let mut known = false;
            let before = cells.runs.len();
            for (index, sample) in self.samples.iter().enumerate().filter(|(_, s)| s.name == name) {
                known = true;
                let shape = |modifier: &str| {
                    sample.shapes.iter().position(|s| self.parameters[s.parameter].set == modifier)
                };
                let variation = match variation {
                    None => None,
                    Some((modifier, side)) => match shape(modifier) {
                        Some(shape) => Some((shape, side)),
                        None => continue,
                    },
                };
                let channel = &self.channels[sample.channel];
                let (first, first_bin, n_bins) = (cells.len, channel.first_bin, channel.n_bins);
                cells.runs.push(CellRun { sample: index, variation, first, first_bin, n_bins });
                cells.len += n_bins;
            }
            if !known {
                let guess = suggestion(name, self.samples.iter().map(|s| s.name.as_str()));
                return Err(Error::Argument(format!("the model has no sample {name:?}{guess}")));
            }
            if let Some((modifier, _)) = variation.filter(|_| cells.runs.len() == before) {
                let shapes = self.samples.iter().filter(|s| s.name == name).flat_map(|s| &s.shapes);
                let names = shapes.map(|s| self.parameters[s.parameter].set.as_str());
                let guess = suggestion(modifier, names);
                return Err(Error::Argument(format!(
                    "the sample {name:?} has no histosys {modifier:?}{guess}"
                )));
            }
        }
        if cells.is_empty() {
            return Err(Error::Argument("name one sample at least".into()));
        }
        Ok(cells)
    }

    /// The counts of these cells, `[cells]`.
    pub fn yields(&self, cells: &Cells) -> Vec<f64> {
        let of = |r: &CellRun| {
            let sample = &self.samples[r.sample];
            let counts = match r.variation {
                None => &sample.nominal,
                Some((shape, Side::Lo)) => &sample.shapes[shape].lo,
                Some((shape, Side::Hi)) => &sample.shapes[shape].hi,
            };
            counts.iter().copied()
        };
        cells.runs.iter().flat_map(of).collect()
    }

    /// The same model with other counts in these cells, `[cells]`. Variations that are not among the cells
    /// stay the additions to the nominal counts that they are in this model, widths of constraints what they
    /// are.
    pub fn with_yields(&self, cells: &Cells, yields: &[f64]) -> Self {
        let mut new = self.clone();
        new.set_yields(self, cells, yields);
        new
    }

    /// The same in place: `base` is the model that this one was cloned from.
    pub(crate) fn set_yields(&mut self, base: &Self, cells: &Cells, yields: &[f64]) {
        for run in cells.runs.iter().filter(|r| r.variation.is_none()) {
            let (from, to) = (&base.samples[run.sample], &mut self.samples[run.sample]);
            let yields = run.of(yields);
            to.nominal.copy_from_slice(yields);
            for (from_shape, shape) in from.shapes.iter().zip(&mut to.shapes) {
                for (b, y) in yields.iter().enumerate() {
                    let moved = y - from.nominal[b];
                    shape.lo[b] = from_shape.lo[b] + moved;
                    shape.hi[b] = from_shape.hi[b] + moved;
                }
            }
        }
        for run in &cells.runs {
            let sample = &mut self.samples[run.sample];
            match run.variation {
                None => {}
                Some((shape, Side::Lo)) => {
                    sample.shapes[shape].lo.copy_from_slice(run.of(yields));
                }
                Some((shape, Side::Hi)) => {
                    sample.shapes[shape].hi.copy_from_slice(run.of(yields));
                }
            }
        }
    }

    /// d expected counts of a cell's bin / d the cell at `x`, `[cells]`: the product of the factors on it,
    /// times what its template has of the counts.
    pub fn yield_factors(&self, cells: &Cells, x: &[f64]) -> Vec<f64> {
        let mut factors = Vec::with_capacity(cells.len);
        for run in &cells.runs {
            let at = SampleAt::new(self, run.sample, x);
            let scale = at.scale * self.template_weight(cells, run, x);
            factors.extend(at.gammas.iter().map(|gamma| scale * gamma));
        }
        factors
    }

    /// With `up = hi - nominal`, `down = nominal - lo`, a histosys adds
    /// `up (alpha / 2 + h / 16) + down (alpha / 2 - h / 16)`, `h` its bend. A variation that is no cell moves
    /// with the nominal counts.
    fn template_weight(&self, cells: &Cells, run: &CellRun, x: &[f64]) -> f64 {
        let sample = &self.samples[run.sample];
        let weight = |shape: usize, side: Side| {
            let alpha = x[sample.shapes[shape].parameter];
            let bend = self.interpolation.histosys.bend(alpha).value / 16.0;
            match side {
                Side::Hi => 0.5 * alpha + bend,
                Side::Lo => bend - 0.5 * alpha,
            }
        };
        match run.variation {
            Some((shape, side)) => weight(shape, side),
            None => {
                let chosen = cells.runs.iter().filter(|r| r.sample == run.sample);
                let variations = chosen.filter_map(|r| r.variation);
                1.0 - variations.map(|(shape, side)| weight(shape, side)).sum::<f64>()
            }
        }
    }
}
