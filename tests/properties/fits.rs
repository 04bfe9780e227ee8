//! What holds of every fit.

use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::model::Model;
use neyman::model::poisson::NegativeRates;
use neyman::session::{FitOptions, Session};
use proptest::prelude::*;

use crate::common::random::Random;
use crate::generate::model;
use crate::{compile, config};

fn session(model: Model) -> Session {
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

/// Slope of the NLL at `x` that the bounds leave, in each parameter's own width.
fn projected_gradient(model: &Model, x: &[f64], fixed: &[bool]) -> f64 {
    let data = model.observed();
    let right = model.gradient(x, data);
    let left_of = x.iter().map(|v| if *v == 0.0 { -f64::MIN_POSITIVE } else { *v });
    let left = model.gradient(&left_of.collect::<Vec<_>>(), data);
    let (fisher, hessian) = (model.fisher(x), model.hessian(x, data));
    let slope = |k: usize| {
        let (lower, upper) = model.parameters()[k].bounds;
        let down_right = if x[k] < upper { -right[k] } else { 0.0 };
        let down_left = if x[k] > lower { left[k] } else { 0.0 };
        // the larger of expected and observed: data far from the model make them differ
        let curvature = fisher[(k, k)].max(hessian[(k, k)].abs()).max(1e-6);
        down_right.max(down_left).max(0.0) / curvature.sqrt()
    };
    (0..x.len()).filter(|&k| !fixed[k]).map(slope).fold(0.0, f64::max)
}

fn ends_in_a_minimum(model: Model, seed: u64) -> Result<(), TestCaseError> {
    let mut random = Random::new(seed);
    let mut fix = Vec::new();
    for parameter in model.parameters() {
        let value = parameter.init + random.uniform(-0.5, 0.5);
        let (lower, upper) = parameter.bounds;
        if random.below(5) == 0 {
            fix.push((parameter.name.clone(), value.clamp(lower, upper)));
        }
    }
    let session = session(model);
    let model = session.model();
    let options = FitOptions { fix: fix.clone(), tolerance: Tolerance::PARITY };
    let fit = session.fit(model.observed(), &options).expect("a fit");
    prop_assert!(fit.status.is_converged(), "{:?} {}", fit.status, fit.edm);
    for (name, value) in &fix {
        let k = model.parameter_index(name).expect("a parameter");
        prop_assert!(fit.fixed[k]);
        prop_assert_eq!(fit.parameters[k], *value);
    }
    for (value, parameter) in fit.parameters.iter().zip(model.parameters()) {
        let (lower, upper) = parameter.bounds;
        prop_assert!((lower..=upper).contains(value), "{} = {value}", parameter.name);
    }
    let slope = projected_gradient(model, &fit.parameters, &fit.fixed);
    prop_assert!(slope < 1e-4, "slope {slope}");
    let nll = 2.0 * model.nll(&fit.parameters, model.observed());
    prop_assert!((nll - fit.twice_nll).abs() < 1e-9);
    prop_assert!(fit.minima.iter().all(|m| *m >= fit.twice_nll - 1e-5), "{:?}", fit.minima);
    Ok(())
}

proptest! {
    #![proptest_config(config(1000))]

    /// Fits of random data: inside the bounds, stationary, fixed parameters where they were put.
    #[test]
    fn fits_end_in_a_minimum(spec in model(), seed in any::<u64>()) {
        ends_in_a_minimum(compile(&spec), seed)?;
    }

    /// The same with the rule that keeps empty bins from rewarding negative rates.
    #[test]
    #[ignore = "the minimizer runs into its evaluation limit where all of a bin's rate is at the floor"]
    fn fits_with_the_floor_end_in_a_minimum(spec in model(), seed in any::<u64>()) {
        let model = compile(&spec).with_negative_rates(NegativeRates::Positive);
        ends_in_a_minimum(model, seed)?;
    }

    /// Data that are what the model expects: the truth fits them best. Of models that the data
    /// determine, and whose variations go up on one side and down on the other: others may have
    /// several minima.
    #[test]
    fn asimov_data_give_the_truth_back(spec in model(), seed in any::<u64>()) {
        let model = compile(&spec.two_sided());
        let mut random = Random::new(seed);
        let mut truth = model.init();
        for (value, parameter) in truth.iter_mut().zip(model.parameters()) {
            *value += if parameter.bounds.0 < 0.0 && parameter.name != "mu" {
                random.uniform(-0.7, 0.7)
            } else {
                random.uniform(-0.2, 0.2)
            };
        }
        let asimov = model.asimov(&truth);
        prop_assume!(asimov.main.iter().all(|rate| *rate > 0.5));
        prop_assume!(is_determined(&model, &truth));
        let session = session(model);
        let model = session.model();
        let options = FitOptions { fix: Vec::new(), tolerance: Tolerance::PARITY };
        let fit = session.fit(&asimov, &options).expect("a fit");
        prop_assert!(fit.status.is_converged(), "{:?}", fit.status);
        let best = 2.0 * model.nll(&truth, &asimov);
        prop_assert!((fit.twice_nll - best).abs() < 1e-7, "{} {best}", fit.twice_nll);
        prop_assert_eq!(&fit.covariance_problem, &None);
        for (k, parameter) in model.parameters().iter().enumerate() {
            let (value, name) = (fit.parameters[k], &parameter.name);
            let near = (value - truth[k]).abs() <= 1e-3 * fit.uncertainties[k];
            prop_assert!(near, "{name}: {value} instead of {}", truth[k]);
        }
    }
}

/// No direction in which the expected information is lost in that of the single parameters.
fn is_determined(model: &Model, x: &[f64]) -> bool {
    let fisher = model.fisher(x);
    let scale = |k: usize| fisher[(k, k)].max(1e-300).sqrt();
    let n = x.len();
    let mut scaled = fisher.clone();
    for i in 0..n {
        for j in 0..n {
            scaled[(i, j)] /= scale(i) * scale(j);
        }
    }
    scaled.symmetric_eigenvalues().min() > 1e-3
}
