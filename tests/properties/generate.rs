//! Random small models: 1 to 3 channels of 1 to 4 bins with 1 to 3 samples, any of the seven
//! modifier types on each, names shared between samples, channels and types.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Bits of [`SampleSpec::modifiers`].
const KINDS: u16 = 9;

#[derive(Debug, Clone)]
pub(crate) struct ModelSpec {
    pub(crate) channels: Vec<ChannelSpec>,
    pub(crate) interpolation: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct ChannelSpec {
    bins: usize,
    samples: Vec<SampleSpec>,
    /// Observed over expected counts, `[bins]`.
    observed: Vec<f64>,
}

#[derive(Debug, Clone)]
struct SampleSpec {
    yields: Vec<f64>,
    modifiers: u16,
    /// Sizes of the variations, relative.
    sizes: Vec<f64>,
}

pub(crate) fn model() -> impl Strategy<Value = ModelSpec> {
    (prop::collection::vec(channel(), 1..=3), 0usize..6)
        .prop_map(|(channels, interpolation)| ModelSpec { channels, interpolation })
}

fn channel() -> impl Strategy<Value = ChannelSpec> {
    let observed = prop::collection::vec(prop_oneof![1 => Just(0.0), 9 => 0.5..1.6f64], 4);
    (1usize..=4, prop::collection::vec(sample(), 1..=3), observed)
        .prop_map(|(bins, samples, observed)| ChannelSpec { bins, samples, observed })
}

fn sample() -> impl Strategy<Value = SampleSpec> {
    let yields = prop::collection::vec(2.0..120.0f64, 4);
    (yields, 0u16..1 << KINDS, prop::collection::vec(-0.2..0.2f64, 24))
        .prop_map(|(yields, modifiers, sizes)| SampleSpec { yields, modifiers, sizes })
}

impl ModelSpec {
    /// The same with every `hi` above nominal and every `lo` below.
    pub(crate) fn two_sided(&self) -> Self {
        let mut spec = self.clone();
        for sample in spec.channels.iter_mut().flat_map(|channel| &mut channel.samples) {
            for size in &mut sample.sizes {
                *size = size.abs();
            }
        }
        spec
    }

    /// The workspace; every model has `mu` on its first sample.
    pub(crate) fn document(&self) -> Value {
        let channels: Vec<Value> = (0..self.channels.len()).map(|c| self.channel(c)).collect();
        let observations: Vec<Value> = (self.channels.iter().enumerate())
            .map(|(c, channel)| {
                let count = |b: usize| {
                    let expected: f64 = channel.samples.iter().map(|s| s.yields[b]).sum();
                    (expected * channel.observed[b]).round()
                };
                json!({"name": name(c), "data": (0..channel.bins).map(count).collect::<Vec<_>>()})
            })
            .collect();
        json!({
            "channels": channels,
            "observations": observations,
            "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": [
                {"name": "lumi", "auxdata": [1.0], "sigmas": [0.04], "inits": [1.0],
                 "bounds": [[0.5, 1.5]]},
                {"name": "mu", "bounds": [[-5.0, 10.0]]},
            ]}}],
            "version": "1.0.0",
        })
    }

    fn channel(&self, c: usize) -> Value {
        let channel = &self.channels[c];
        let samples: Vec<Value> = (channel.samples.iter().enumerate())
            .map(|(s, sample)| {
                json!({
                    "name": format!("sample{s}"),
                    "data": &sample.yields[..channel.bins],
                    "modifiers": modifiers(sample, c, s, channel.bins),
                })
            })
            .collect();
        json!({"name": name(c), "samples": samples})
    }
}

/// Not in alphabetical order: the model sorts, the file need not.
fn name(channel: usize) -> &'static str {
    ["middle", "zebra", "alpha"][channel]
}

fn modifiers(sample: &SampleSpec, c: usize, s: usize, bins: usize) -> Vec<Value> {
    let size = |i: usize| sample.sizes[i];
    let errors = |i: usize| -> Vec<f64> {
        (0..bins).map(|b| sample.yields[b] * (0.05 + size(i + b).abs())).collect()
    };
    let template = |i: usize, side: f64| -> Vec<f64> {
        (0..bins).map(|b| sample.yields[b] * (1.0 + side * size(i + b))).collect()
    };
    let entry =
        |name: String, kind: &str, data: Value| json!({"name": name, "type": kind, "data": data});
    let factor = |i: usize| json!({"hi": 1.0 + size(i), "lo": 1.0 - size(i + 1)});
    let shape = |i: usize| json!({"hi_data": template(i, 1.0), "lo_data": template(i + 4, -1.0)});
    let mut all = Vec::new();
    let on = |bit: u16| sample.modifiers & (1 << bit) != 0;
    if c == 0 && s == 0 {
        all.push(entry("mu".into(), "normfactor", Value::Null));
    }
    // most unconstrained factors are left out, or models would seldom be determined
    if on(0) && s == 1 && c == 0 {
        all.push(entry("free_norm".into(), "normfactor", Value::Null));
    }
    if on(1) {
        all.push(entry("lumi".into(), "lumi", Value::Null));
    }
    if on(2) {
        all.push(entry(format!("norm{s}"), "normsys", factor(0)));
    }
    if on(3) {
        all.push(entry("everywhere".into(), "normsys", factor(2)));
    }
    if on(4) {
        all.push(entry("everywhere".into(), "histosys", shape(4)));
    }
    if on(5) {
        all.push(entry(format!("shape{s}"), "histosys", shape(12)));
    }
    if on(6) {
        all.push(entry(format!("stat{c}"), "staterror", json!(errors(20))));
    }
    if on(7) {
        all.push(entry(format!("own{c}{s}"), "shapesys", json!(errors(16))));
    }
    if on(8) && s == 2 {
        all.push(entry(format!("shapefactor{c}"), "shapefactor", Value::Null));
    }
    all
}
