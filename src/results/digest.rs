//! A fingerprint of a model, so that results are never mixed up with those of another.

use sha2::{Digest, Sha256};

use crate::model::{Constraint, Factor, Model};
use crate::unbinned::UnbinnedModel;

/// SHA-256 (hexadecimal) of all that decides how toys of an unbinned model are thrown and fitted: neither its
/// events nor its auxiliary measurements do.
pub(super) fn unbinned_digest(model: &UnbinnedModel) -> String {
    let mut hash = Hash(Sha256::new());
    hash.text("neyman unbinned model 1");
    hash.count(model.parameters().len());
    for parameter in model.parameters() {
        hash.text(&parameter.name);
        hash.numbers(&[parameter.init, parameter.bounds.0, parameter.bounds.1]);
        hash.numbers(&[parameter.constraint.map_or(0.0, |c| c.sigma)]);
    }
    hash.count(model.channels().len());
    for channel in model.channels() {
        hash.text(&channel.name);
        hash.count(channel.processes.len());
        for process in &channel.processes {
            // numbers as Debug writes them are numbers to the bit
            hash.text(&format!("{process:?}"));
        }
    }
    if let Some(binned) = model.binned() {
        hash.text(&model_digest(binned.model()));
        binned.places().iter().for_each(|place| hash.count(*place));
    }
    hexadecimal(&hash.0.finalize())
}

/// SHA-256 (hexadecimal) of all that decides how toys are thrown and fitted. The observed data do
/// not: they enter only through the truth.
pub fn model_digest(model: &Model) -> String {
    let mut hash = Hash(Sha256::new());
    let (interpolation, negative_rates) = (model.interpolation, model.negative_rates);
    hash.text(&format!("neyman model 1 {interpolation:?} {negative_rates:?} {:?}", model.poi));
    hash.count(model.parameters.len());
    for parameter in &model.parameters {
        hash.text(&parameter.name);
        hash.numbers(&[parameter.init, parameter.bounds.0, parameter.bounds.1]);
        hash.count(usize::from(parameter.fixed));
        match parameter.constraint {
            Constraint::None => hash.text("none"),
            Constraint::Gaussian { sigma, auxiliary } => {
                hash.text("gaussian");
                hash.numbers(&[sigma]);
                hash.count(auxiliary);
            }
            Constraint::Poisson { tau, auxiliary } => {
                hash.text("poisson");
                hash.numbers(&[tau]);
                hash.count(auxiliary);
            }
        }
    }
    hash.count(model.channels.len());
    for channel in &model.channels {
        hash.text(&channel.name);
        hash.count(channel.first_bin);
        hash.count(channel.n_bins);
    }
    hash.count(model.samples.len());
    for sample in &model.samples {
        hash.text(&sample.name);
        hash.count(sample.channel);
        hash.numbers(&sample.nominal);
        hash.count(sample.factors.len());
        for factor in &sample.factors {
            match *factor {
                Factor::Linear { parameter } => hash.count(parameter),
                Factor::NormSys { parameter, lo, hi } => {
                    hash.count(parameter);
                    hash.numbers(&[lo, hi]);
                }
            }
        }
        hash.count(sample.shapes.len());
        for shape in &sample.shapes {
            hash.count(shape.parameter);
            hash.numbers(&shape.lo);
            hash.numbers(&shape.hi);
        }
        hash.count(sample.bin_factors.len());
        sample.bin_factors.iter().for_each(|&first| hash.count(first));
    }
    hexadecimal(&hash.0.finalize())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Lengths go in before contents: no two models run into the same bytes.
struct Hash(Sha256);

impl Hash {
    fn count(&mut self, n: usize) {
        self.0.update((n as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn numbers(&mut self, numbers: &[f64]) {
        self.count(numbers.len());
        numbers.iter().for_each(|x| self.0.update(x.to_bits().to_le_bytes()));
    }
}
