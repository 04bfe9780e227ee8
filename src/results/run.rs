//! What a run of toys is: everything that decides the bits of its results.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::digest::{model_digest, unbinned_digest};
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::error::Error;
use crate::model::Model;
use crate::session::{ToyPlan, UnbinnedSession};

/// Identity of a run of toys. Two runs with the same identity give the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToyRun {
    /// Version of this program.
    pub version: String,
    /// [`model_digest`].
    pub model: String,
    /// Parameter names in the model's order.
    pub names: Vec<String>,
    /// Parameter of interest.
    pub poi: Option<String>,
    /// Parameters the toys are thrown from.
    pub truth: Vec<f64>,
    /// Seed.
    pub seed: u64,
    /// First toy.
    pub first: u64,
    /// One past the last toy.
    pub end: u64,
    /// Parameters held in a second fit of each toy, and their values; empty without such fits.
    pub held: Vec<(String, f64)>,
    /// Numbers of main and of auxiliary data of a toy, where they are kept.
    pub data: Option<(usize, usize)>,
    /// Toys of an unbinned model, with uncertainties and numbers of events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub events: bool,
    /// Distance to the minimum at which a fit stops.
    pub edm: f64,
    /// Evaluations after which a fit gives up.
    pub evaluations: u32,
    /// Toys per chunk.
    pub chunk: u64,
    /// Device.
    pub device: String,
    /// Arithmetic of the results.
    pub precision: String,
}

impl ToyRun {
    /// The identity of `plan` on a model and a device.
    pub fn new(model: &Model, device: &DeviceInfo, plan: &ToyPlan, chunk: usize) -> Self {
        Self {
            data: plan.keep_data.then(|| (model.n_bins(), model.n_auxiliary())),
            device: device.name.clone(),
            precision: device.precision.clone(),
            ..Self::of(
                model_digest(model),
                model.parameters.iter().map(|p| p.name.clone()).collect(),
                model.poi,
                plan,
                chunk,
            )
        }
    }

    /// The identity of `plan` on an unbinned model.
    pub fn unbinned(session: &UnbinnedSession, plan: &ToyPlan, chunk: usize) -> Self {
        let model = session.model();
        let names = model.parameters().iter().map(|p| p.name.clone()).collect();
        let poi = session.poi(None).ok();
        Self { events: true, ..Self::of(unbinned_digest(model), names, poi, plan, chunk) }
    }

    fn of(
        model: String,
        names: Vec<String>,
        poi: Option<usize>,
        plan: &ToyPlan,
        chunk: usize,
    ) -> Self {
        // an index that the model lacks is refused where toys are thrown
        let name = |i: usize| names.get(i).cloned().unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            model,
            poi: poi.map(name),
            truth: plan.truth.clone(),
            seed: plan.seed,
            first: plan.range.start,
            end: plan.range.end,
            held: plan.hold.iter().map(|&(i, value)| (name(i), value)).collect(),
            data: None,
            events: false,
            edm: plan.tolerance.edm,
            evaluations: plan.tolerance.evaluations,
            chunk: chunk as u64,
            device: "cpu".into(),
            precision: "f64".into(),
            names,
        }
    }

    /// `mu = 1, norm = 0.5`, or `nothing`.
    fn held_text(&self) -> String {
        let one = |(name, value): &(String, f64)| format!("{name} = {value}");
        match self.held.is_empty() {
            true => "nothing".into(),
            false => self.held.iter().map(one).collect::<Vec<_>>().join(", "),
        }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::Argument(format!("the run cannot be written down: {e}")))
    }

    pub(super) fn digest(&self) -> Result<[u8; 32]> {
        Ok(Sha256::digest(self.to_json()?).into())
    }

    /// The settings in which `other` differs, as a person would say it.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, here: String, there: String| {
            if here != there {
                found.push(format!("{what} {there} there, {here} here"));
            }
        };
        compare("version", self.version.clone(), other.version.clone());
        compare("seed", self.seed.to_string(), other.seed.to_string());
        let range = |r: &Self| format!("{}:{}", r.first, r.end);
        compare("range", range(self), range(other));
        compare("held", self.held_text(), other.held_text());
        let data = |r: &Self| if r.data.is_some() { "kept" } else { "not kept" }.to_owned();
        compare("data", data(self), data(other));
        compare("tolerance", self.edm.to_string(), other.edm.to_string());
        compare("evaluations", self.evaluations.to_string(), other.evaluations.to_string());
        compare("chunk", self.chunk.to_string(), other.chunk.to_string());
        let device = |r: &Self| format!("{} ({})", r.device, r.precision);
        compare("device", device(self), device(other));
        if self.model != other.model {
            found.push("another model".into());
        } else if self.truth != other.truth {
            let changed = self.truth.iter().zip(&other.truth).position(|(a, b)| a != b);
            let name = changed.and_then(|i| self.names.get(i)).map_or("", String::as_str);
            found.push(format!("another truth for {name}"));
        }
        found
    }
}
