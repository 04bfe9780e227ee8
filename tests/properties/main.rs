//! What holds of every model, tried on random small ones.

mod dual;
mod fits;
mod formula;
mod generate;

#[path = "../common/mod.rs"]
mod common;

use std::collections::HashMap;

use common::own;
use common::random::Random;
use formula::Formula;
use generate::{ModelSpec, model};
use neyman::model::{Constraint, Data, Model};
use neyman::spec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;

/// The same cases every time, or others with PROPTEST_RNG_SEED; `cases`, or more with PROPTEST_CASES
/// (256 stands for `cases`). No files of failures are kept: the shrunk model is printed.
pub(crate) fn config(cases: u32) -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let cases = cases * given.cases / 256;
    // models that a property does not speak of are passed over
    let max_global_rejects = 4 * cases;
    Config { cases, max_global_rejects, rng_seed, failure_persistence: None, ..given }
}

pub(crate) fn compile(spec: &ModelSpec) -> Model {
    own::compile(&spec.document(), own::interpolations()[spec.interpolation])
}

/// A point with every rate above zero, away from the kinks at 0 and +-1.
fn point(model: &Model, random: &mut Random) -> Vec<f64> {
    let smooth = |v: f64| {
        let near = [-1.0, 0.0, 1.0].iter().any(|kink| (v - kink).abs() < 0.02);
        if near { v + 0.05 } else { v }
    };
    let one = |parameter: &neyman::model::Parameter| match parameter.constraint {
        Constraint::Gaussian { .. } if parameter.bounds.0 < 0.0 => {
            smooth(random.uniform(-1.8, 1.8))
        }
        Constraint::Gaussian { .. } => random.uniform(0.8, 1.2),
        Constraint::Poisson { .. } => random.uniform(0.5, 1.6),
        Constraint::None => random.uniform(0.1, 2.5),
    };
    model.parameters().iter().map(one).collect()
}

/// Observed main data, auxiliary data moved off their nominal values.
fn data(model: &Model, random: &mut Random) -> Data {
    let mut data = model.observed().clone();
    for value in &mut data.auxiliary {
        let moved = random.uniform(-1.0, 1.0);
        *value = if *value == 0.0 { moved } else { *value * (1.0 + 0.2 * moved) };
    }
    data
}

fn close(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs()) + absolute
}

proptest! {
    #![proptest_config(config(1000))]

    /// Value and gradient against dual numbers on the textbook's formula.
    #[test]
    fn likelihood_and_gradient_by_dual_numbers(spec in model(), seed in any::<u64>()) {
        let (model, document) = (compile(&spec), spec.document());
        let (workspace, _) = spec::workspace(&document).expect("a workspace");
        let mut random = Random::new(seed);
        let (x, data) = (point(&model, &mut random), data(&model, &mut random));
        prop_assume!(model.expected_main(&x).iter().all(|rate| *rate > 0.1));
        let main: HashMap<String, Vec<f64>> = model
            .channels()
            .iter()
            .map(|c| (c.name.clone(), data.main[c.first_bin..c.first_bin + c.n_bins].to_vec()))
            .collect();
        let auxiliary: HashMap<String, f64> = (model.auxiliary().iter().zip(&data.auxiliary))
            .map(|(&k, value)| (model.parameters()[k].name.clone(), *value))
            .collect();
        let expected = Formula::new(&workspace, &model, &x).nll(&main, &auxiliary);
        let nll = model.nll(&x, &data);
        prop_assert!(close(nll, expected.value, 1e-11, 1e-9), "{nll} {}", expected.value);
        let gradient = model.gradient(&x, &data);
        for (k, (a, b)) in gradient.iter().zip(&expected.slopes).enumerate() {
            let name = &model.parameters()[k].name;
            prop_assert!(close(*a, *b, 1e-9, 1e-8), "{name}: {a} instead of {b}");
        }
    }

    /// Gradient and Hessian against differences.
    #[test]
    fn derivatives_by_differences(spec in model(), seed in any::<u64>()) {
        let model = compile(&spec);
        let mut random = Random::new(seed);
        let (x, data) = (point(&model, &mut random), data(&model, &mut random));
        prop_assume!(model.expected_main(&x).iter().all(|rate| *rate > 0.5));
        let (gradient, hessian) = (model.gradient(&x, &data), model.hessian(&x, &data));
        let size = hessian.amax().max(1.0);
        for k in 0..x.len() {
            let at = |step: f64| {
                let mut moved = x.clone();
                moved[k] += step;
                moved
            };
            let h = 1e-4;
            let nll = |step: f64| model.nll(&at(step), &data);
            let slope = (8.0 * (nll(h) - nll(-h)) - (nll(2.0 * h) - nll(-2.0 * h))) / (12.0 * h);
            let rounding = 1e-15 * nll(0.0).abs() / h;
            let name = &model.parameters()[k].name;
            prop_assert!(
                close(gradient[k], slope, 1e-7, 1e-7 * size + 100.0 * rounding),
                "{name}: {} instead of {slope}", gradient[k]
            );
            let slopes = |step: f64| model.gradient(&at(step), &data);
            let (up, down, up2, down2) = (slopes(h), slopes(-h), slopes(2.0 * h), slopes(-2.0 * h));
            for l in 0..x.len() {
                let second = (8.0 * (up[l] - down[l]) - (up2[l] - down2[l])) / (12.0 * h);
                prop_assert!(
                    close(hessian[(k, l)], second, 1e-7, 1e-8 * size),
                    "{name}, {l}: {} instead of {second}", hessian[(k, l)]
                );
            }
        }
    }

    /// The order of channels, samples and modifiers in the file is of no consequence.
    #[test]
    fn order_in_the_file_does_not_matter(spec in model(), seed in any::<u64>()) {
        let document = spec.document();
        let mut random = Random::new(seed);
        let shuffled = shuffle(&document, &mut random);
        let interpolation = own::interpolations()[spec.interpolation];
        let one = own::compile(&document, interpolation);
        let other = own::compile(&shuffled, interpolation);
        let names = |m: &Model| m.parameters().iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(names(&one), names(&other));
        prop_assert_eq!(one.observed(), other.observed());
        let x = point(&one, &mut random);
        let (a, b) = (one.nll(&x, one.observed()), other.nll(&x, other.observed()));
        prop_assert_eq!(a.to_bits(), b.to_bits());
    }
}

/// The document with its channels, observations, samples and modifiers in another order.
fn shuffle(document: &Value, random: &mut Random) -> Value {
    fn permute(list: &mut Value, random: &mut Random) {
        let list = list.as_array_mut().expect("a list");
        for i in (1..list.len()).rev() {
            list.swap(i, random.below(i + 1));
        }
    }
    let mut document = document.clone();
    permute(&mut document["channels"], random);
    permute(&mut document["observations"], random);
    permute(&mut document["measurements"][0]["config"]["parameters"], random);
    for channel in document["channels"].as_array_mut().expect("channels") {
        permute(&mut channel["samples"], random);
        for sample in channel["samples"].as_array_mut().expect("samples") {
            permute(&mut sample["modifiers"], random);
        }
    }
    document
}
