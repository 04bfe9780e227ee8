//! The oracle against numbers recorded from pyhf 0.7.6 (numpy backend, gradients by jax).

mod common;

use common::golden::goldens;
use common::{number, numbers};
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::model::{Constraint, Data, Model, Parameter};
use serde_json::Value;

fn close(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    a == b || (a - b).abs() <= relative * a.abs().max(b.abs()) + absolute
}

#[track_caller]
fn assert_all_close(what: &str, ours: &[f64], theirs: &[f64], relative: f64, absolute: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: length");
    for (index, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        assert!(close(a, b, relative, absolute), "{what}[{index}]: {a} instead of {b}");
    }
}

#[test]
fn parameters_and_data() {
    for golden in goldens() {
        let (name, model, recorded) =
            (&golden.name, &golden.compile(Interpolation::default()), &golden.recorded);
        let expected = &recorded["parameters"];
        let strings = |value: &Value| -> Vec<String> {
            let list = value.as_array().expect("list").iter();
            list.map(|item| item.as_str().expect("string").to_owned()).collect()
        };
        let parameters = model.parameters();
        let names: Vec<String> = parameters.iter().map(|p| p.name.clone()).collect();
        assert_eq!(names, strings(&expected["names"]), "{name}");
        let sets: Vec<String> = model.parameter_sets().iter().map(|s| s.name.clone()).collect();
        assert_eq!(sets, strings(&expected["pyhf_par_order"]), "{name}");
        assert_eq!(model.init(), numbers(&expected["init"]), "{name}");
        let bounds: Vec<Vec<f64>> =
            model.bounds().iter().map(|(lower, upper)| vec![*lower, *upper]).collect();
        let recorded_bounds: Vec<Vec<f64>> =
            expected["bounds"].as_array().expect("list").iter().map(numbers).collect();
        assert_eq!(bounds, recorded_bounds, "{name}");
        let fixed: Vec<Value> = model.fixed().into_iter().map(Value::from).collect();
        assert_eq!(Value::from(fixed), expected["fixed"], "{name}");
        assert_eq!(model.poi().map(|poi| poi as u64), recorded["poi_index"].as_u64(), "{name}");

        let kind = |parameter: &Parameter| match parameter.constraint {
            Constraint::None => Value::Null,
            Constraint::Gaussian { .. } => "normal".into(),
            Constraint::Poisson { .. } => "poisson".into(),
        };
        let kinds: Vec<Value> = parameters.iter().map(kind).collect();
        assert_eq!(Value::from(kinds), expected["constraint"], "{name}");
        for set in model.parameter_sets() {
            let members = &parameters[set.first..set.first + set.components];
            let widths: Vec<f64> = members
                .iter()
                .filter_map(|parameter| match parameter.constraint {
                    Constraint::None => None,
                    Constraint::Gaussian { sigma, .. } => Some(sigma),
                    Constraint::Poisson { tau, .. } => Some(tau),
                })
                .collect();
            let gaussian = expected["sigmas_by_set"].get(&set.name);
            let poisson = expected["poisson_factors_by_set"].get(&set.name);
            let recorded = gaussian.or(poisson).map_or(Vec::new(), numbers);
            assert_all_close(
                &format!("{name} widths of {}", set.name),
                &widths,
                &recorded,
                1e-15,
                0.0,
            );
        }

        let mut auxiliary_sets: Vec<&str> = Vec::new();
        for &index in model.auxiliary() {
            let set = parameters[index].set.as_str();
            if auxiliary_sets.last() != Some(&set) {
                auxiliary_sets.push(set);
            }
        }
        assert_eq!(auxiliary_sets, strings(&recorded["auxdata_order"]), "{name}");
        assert_eq!(model.observed().main, numbers(&recorded["data"]["main"]), "{name}");
        let auxiliary = numbers(&recorded["data"]["aux"]);
        assert_all_close(name, &model.observed().auxiliary, &auxiliary, 1e-15, 0.0);
        let channels: Vec<String> = model.channels().iter().map(|c| c.name.clone()).collect();
        assert_eq!(channels, strings(&recorded["channels"]), "{name}");
    }
}

#[test]
fn likelihood_and_expected_data() {
    for golden in goldens() {
        let model = &golden.compile(Interpolation::default());
        for (point, x) in golden.points() {
            let what = format!("{} at {}", golden.name, point["label"]);
            let main = model.expected_main(&x);
            assert_all_close(&what, &main, &numbers(&point["expected_actualdata"]), 1e-12, 1e-12);
            let auxiliary = numbers(&point["expected_auxdata"]);
            assert_all_close(&what, &model.expected_auxiliary(&x), &auxiliary, 1e-14, 0.0);
            let mut by_sample = vec![0.0; model.n_bins()];
            for (sample, rates) in model.samples().iter().zip(model.expected_by_sample(&x)) {
                let first = model.channels()[sample.channel].first_bin;
                for (b, rate) in rates.iter().enumerate() {
                    by_sample[first + b] += rate;
                }
            }
            assert_all_close(&what, &by_sample, &main, 1e-14, 0.0);

            let data = model.observed();
            for (key, ours) in [
                ("logpdf", -model.nll(&x, data)),
                ("main_logpdf", -model.nll_main(&x, data)),
                ("constraint_logpdf", -model.nll_constraints(&x, data)),
            ] {
                // The parts are recorded only where the whole is finite.
                if key == "logpdf" || number(&point["logpdf"]).is_finite() {
                    let rounding = cancellation(&data.main);
                    assert_log_pdf(&format!("{what} {key}"), ours, number(&point[key]), rounding);
                }
            }
        }
    }
}

/// What `n ln(rate) - rate - lnGamma(n + 1)`, pyhf's way to write the Poisson term, loses to rounding.
fn cancellation(counts: &[f64]) -> f64 {
    let size = |&count: &f64| count * count.max(1.0).ln();
    f64::EPSILON * counts.iter().map(size).sum::<f64>()
}

/// pyhf says NaN where a rate is negative; we say that such data are impossible.
#[track_caller]
fn assert_log_pdf(what: &str, ours: f64, theirs: f64, rounding: f64) {
    if theirs.is_finite() {
        assert!(close(ours, theirs, 1e-12, 1e-9 + rounding), "{what}: {ours} instead of {theirs}");
    } else {
        assert_eq!(ours, f64::NEG_INFINITY, "{what}: pyhf says {theirs}");
    }
}

#[test]
fn gradient() {
    for golden in goldens() {
        let model = &golden.compile(Interpolation::default());
        for (point, x) in golden.points() {
            if !number(&point["logpdf"]).is_finite() {
                continue;
            }
            let what = format!("{} at {}", golden.name, point["label"]);
            let recorded = numbers(&point["nll_gradient"]);
            let ours = model.gradient(&x, model.observed());
            assert!(ours.iter().all(|g| g.is_finite()), "{what}");
            // Automatic differentiation has 0 * inf at rates of exactly zero.
            let (ours, recorded): (Vec<f64>, Vec<f64>) =
                ours.iter().zip(&recorded).filter(|(_, theirs)| theirs.is_finite()).unzip();
            assert_all_close(&what, &ours, &recorded, 1e-8, 1e-8);
        }
    }
}

#[test]
fn other_interpolations() {
    let variants = [
        (
            "normsys_code1_histosys_code0",
            Interpolation {
                normsys: NormSysInterpolation::PiecewiseExponential,
                histosys: HistoSysInterpolation::PiecewiseLinear,
            },
        ),
        (
            "normsys_code4_histosys_code2",
            Interpolation {
                normsys: NormSysInterpolation::PolynomialExponential,
                histosys: HistoSysInterpolation::QuadraticLinear,
            },
        ),
    ];
    let mut compared = [0, 0];
    for golden in goldens() {
        for (variant, (key, interpolation)) in variants.iter().enumerate() {
            let Some(recorded) = golden.recorded["other_interpolation"].get(*key) else {
                continue;
            };
            let model = golden.compile(*interpolation);
            let histosys: Vec<usize> = (model.samples().iter())
                .flat_map(|sample| sample.shapes.iter().map(|shape| shape.parameter))
                .collect();
            for (index, (point, x)) in golden.points().enumerate() {
                // pyhf's code2 is another function outside |alpha| <= 1, and not continuous.
                if variant == 1 && histosys.iter().any(|&parameter| x[parameter].abs() > 1.0) {
                    continue;
                }
                let what = format!("{} {key} at {}", golden.name, point["label"]);
                let main = numbers(&recorded["expected_actualdata_at_points"][index]);
                assert_all_close(&what, &model.expected_main(&x), &main, 1e-12, 1e-12);
                let log_pdf = number(&recorded["logpdf_at_points"][index]);
                let data = model.observed();
                assert_log_pdf(&what, -model.nll(&x, data), log_pdf, cancellation(&data.main));
                compared[variant] += 1;
            }
        }
    }
    eprintln!("compared {compared:?} points");
}

/// The analytic Hessian against central differences of the analytic gradient.
#[test]
fn hessian() {
    let interpolations = [
        Interpolation::default(),
        Interpolation {
            normsys: NormSysInterpolation::PiecewiseExponential,
            histosys: HistoSysInterpolation::QuadraticLinear,
        },
    ];
    for golden in goldens() {
        for interpolation in interpolations {
            let model = golden.compile(interpolation);
            let Some((point, mut x)) = golden.points().nth(1) else {
                continue;
            };
            if !model.nll(&x, model.observed()).is_finite() {
                continue;
            }
            let what = format!("{} at {}", golden.name, point["label"]);
            // Away from the interpolations' kinks, where differences mix two branches.
            for value in &mut x {
                if [-1.0, 0.0, 1.0].iter().any(|kink| (*value - kink).abs() < 0.01) {
                    *value += 0.021;
                }
            }
            check_hessian(&what, &model, &x);
            // Signal off: factors that are exactly zero take another way through the code.
            if let Some(poi) = model.poi() {
                x[poi] = 0.0;
                if model.nll(&x, model.observed()).is_finite() {
                    check_hessian(&format!("{what}, POI at 0"), &model, &x);
                }
            }
        }
    }
}

fn check_hessian(what: &str, model: &Model, x: &[f64]) {
    let data = model.observed();
    let hessian = model.hessian(x, data);
    let size = hessian.diagonal().amax();
    for i in 0..x.len() {
        // Four points: the step's error is of fifth order.
        let gradient = |step: f64| {
            let mut moved = x.to_vec();
            moved[i] += step;
            model.gradient(&moved, data)
        };
        let step = 3e-4 * x[i].abs().max(0.3);
        let (one_up, one_down) = (gradient(step), gradient(-step));
        let (two_up, two_down) = (gradient(2.0 * step), gradient(-2.0 * step));
        for j in 0..x.len() {
            let difference =
                (8.0 * (one_up[j] - one_down[j]) - (two_up[j] - two_down[j])) / (12.0 * step);
            let scale = (hessian[(i, i)] * hessian[(j, j)]).abs().sqrt() + 1e-9 * size;
            let error = (hessian[(i, j)] - difference).abs();
            assert!(
                error < 1e-6 * (scale + difference.abs()),
                "{what}: H[{}, {}] = {} instead of {difference}",
                model.parameters()[i].name,
                model.parameters()[j].name,
                hessian[(i, j)]
            );
        }
    }
}

/// On Asimov data at the truth, the observed information is the expected one.
#[test]
fn fisher_is_the_hessian_of_asimov_data() {
    for golden in goldens() {
        let model = &golden.compile(Interpolation::default());
        let x = model.init();
        let asimov: Data = model.asimov(&x);
        if asimov.main.iter().any(|&rate| rate <= 0.0) {
            continue;
        }
        let (fisher, hessian) = (model.fisher(&x), model.hessian(&x, &asimov));
        let size = fisher.amax();
        assert!((fisher - hessian).amax() <= 1e-12 * size, "{}", golden.name);
        let gradient = model.gradient(&x, &asimov);
        assert!(gradient.iter().all(|g| g.abs() < 1e-9 * size.max(1.0)), "{}", golden.name);
    }
}
