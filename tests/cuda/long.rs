//! A model with many of everything: the compiler unrolls the kernels' loops, and what is unrolled is only
//! reached by five samples in a bin, seven shapes of a sample, three factors of a bin.

use serde_json::{Value, json};

use crate::common::own::{modifier, sample, workspace};

/// Scaled by one plus `by`, a little differently in each bin.
fn moved(data: &[f64], by: f64) -> Vec<f64> {
    let bin = |(b, x): (usize, &f64)| x * (1.0 + by * (1.0 - 0.3 * (b % 5) as f64));
    data.iter().enumerate().map(bin).collect()
}

fn background(s: usize, data: &[f64]) -> Value {
    let mut modifiers = Vec::new();
    for k in 0..7 {
        let by = 0.01 + 0.004 * ((3 * k + s) % 5) as f64;
        let (hi, lo) = (moved(data, by), moved(data, -0.8 * by));
        modifiers.push(modifier(
            &format!("shape{k}"),
            "histosys",
            json!({"hi_data": hi, "lo_data": lo}),
        ));
    }
    for k in 0..6 {
        let by = 0.02 + 0.01 * ((k + s) % 3) as f64;
        modifiers.push(modifier(
            &format!("rate{k}"),
            "normsys",
            json!({"hi": 1.0 + by, "lo": 1.0 - by}),
        ));
    }
    modifiers.push(modifier("stat", "staterror", json!(moved(data, -0.96))));
    let name = format!("background{s}");
    if s < 2 {
        let of_bins = format!("own{s} of {}", data.len());
        modifiers.push(modifier(&of_bins, "shapesys", json!(moved(data, -0.93))));
    }
    sample(&name, data, &modifiers)
}

fn signal(data: &[f64]) -> Value {
    sample("signal", data, &[modifier("mu", "normfactor", Value::Null)])
}

pub(crate) fn document() -> Value {
    let channel = |first: &[f64]| {
        let mut samples: Vec<Value> =
            (0..6).map(|s| background(s, &moved(first, 0.1 * s as f64))).collect();
        samples.push(signal(&moved(first, -0.5)));
        samples
    };
    let observed = |data: &[f64]| data.iter().map(|x| (7.9 * x).round()).collect::<Vec<_>>();
    // more bins than the curvature's columns come in one go
    let a: Vec<f64> = (0..17).map(|b| 20.0 + 3.0 * f64::from(b % 6)).collect();
    let b = [41.0, 27.0];
    let mut stat_b = channel(&b);
    // staterrors belong to one channel
    for sample in &mut stat_b {
        for modifier in sample["modifiers"].as_array_mut().into_iter().flatten() {
            if modifier["type"] == "staterror" {
                modifier["name"] = json!("stat of two");
            }
        }
    }
    workspace(&[("A", &observed(&a), channel(&a)), ("B", &observed(&b), stat_b)], "mu", &[])
}

/// One bin: every parameter is of a single bin.
pub(crate) fn one_bin() -> Value {
    let rate = |k: usize| {
        modifier(&format!("rate{k}"), "normsys", json!({"hi": 1.1 + 0.02 * k as f64, "lo": 0.9}))
    };
    let mut modifiers: Vec<Value> = (0..6).map(rate).collect();
    modifiers.push(modifier("own", "shapesys", json!([4.0])));
    let samples = vec![signal(&[12.0]), sample("background", &[60.0], &modifiers)];
    workspace(&[("A", &[81.0], samples)], "mu", &[])
}
