//! Compilation on small models: order, names, zero bins, sharing, configuration, errors, warnings.

use super::*;
use crate::error::Error;
use crate::spec::{
    self, Measurement, Modifier, ModifierKind, Observation, ParameterConfig, Workspace,
};

fn modifier(name: &str, kind: ModifierKind) -> Modifier {
    Modifier { name: name.to_owned(), kind }
}

fn sample(name: &str, data: &[f64], modifiers: Vec<Modifier>) -> spec::Sample {
    spec::Sample { name: name.to_owned(), data: data.to_vec(), modifiers }
}

/// `SR` (2 bins, signal and background) before `CR` (1 bin, background) in the document.
fn workspace() -> Workspace {
    let normsys = ModifierKind::NormSys { hi: 1.1, lo: 0.9 };
    let shape = ModifierKind::HistoSys { hi_data: vec![52.0, 57.0], lo_data: vec![48.0, 64.0] };
    let channel = |name: &str, samples| spec::Channel { name: name.to_owned(), samples };
    let observed =
        |name: &str, data: &[f64]| Observation { name: name.to_owned(), data: data.to_vec() };
    Workspace {
        channels: vec![
            channel(
                "SR",
                vec![
                    sample("signal", &[5.0, 10.0], vec![modifier("mu", ModifierKind::NormFactor)]),
                    sample(
                        "background",
                        &[50.0, 60.0],
                        vec![
                            modifier("bkg_norm", normsys.clone()),
                            modifier("bkg_shape", shape),
                            modifier("unc", ModifierKind::ShapeSys(vec![5.0, 6.0])),
                        ],
                    ),
                ],
            ),
            channel(
                "CR",
                vec![sample(
                    "background",
                    &[200.0],
                    vec![
                        modifier("bkg_norm", normsys),
                        modifier("staterror_CR", ModifierKind::StatError(vec![10.0])),
                    ],
                )],
            ),
        ],
        observations: vec![observed("SR", &[55.0, 66.0]), observed("CR", &[205.0])],
        measurements: vec![Measurement {
            name: "fit".to_owned(),
            poi: Some("mu".to_owned()),
            parameters: Vec::new(),
        }],
    }
}

fn compile(workspace: &Workspace) -> Result<Model, Error> {
    Model::new(workspace, 0, &ModelOptions::default())
}

#[track_caller]
fn refused_at(workspace: &Workspace, expected: &str) {
    match compile(workspace) {
        Err(Error::Specification { path, .. }) => assert_eq!(path, expected),
        other => panic!("expected an error at {expected}, got {other:?}"),
    }
}

fn config(name: &str) -> ParameterConfig {
    ParameterConfig { name: name.to_owned(), ..ParameterConfig::default() }
}

fn with_config(config: ParameterConfig) -> Workspace {
    let mut workspace = workspace();
    workspace.measurements[0].parameters.push(config);
    workspace
}

#[test]
fn order_names_and_data() {
    let model = compile(&workspace()).expect("valid");
    let names: Vec<&str> = model.parameters().iter().map(|p| p.name.as_str()).collect();
    let expected = ["bkg_shape", "mu", "bkg_norm", "unc[0]", "unc[1]", "staterror_CR[0]"];
    assert_eq!(names, expected);
    assert_eq!(model.auxiliary(), [0, 2, 3, 4, 5]);
    assert_eq!(model.observed().main, [205.0, 55.0, 66.0]);
    assert_eq!(model.observed().auxiliary, [0.0, 0.0, 100.0, 100.0, 1.0]);
    assert_eq!(model.poi(), Some(1));
    assert_eq!(model.expected_main(&model.init()), [200.0, 55.0, 70.0]);
    assert_eq!(model.bin_name(0), "CR bin 0");
    assert_eq!(model.bin_name(2), "SR bin 1");
    assert_eq!(model.parameter_index("staterror_CR"), Some(5));
    assert_eq!(model.parameter_index("unc"), None);
    assert!(model.warnings().is_empty(), "{:?}", model.warnings());
    let value = model.nll(&model.init(), model.observed());
    // pyhf 0.7.6.
    assert!((value - 15.904_308_63).abs() < 5e-9, "{value}");
}

#[test]
fn bins_without_uncertainty() {
    let mut workspace = workspace();
    workspace.channels[0].samples[1].modifiers[2].kind = ModifierKind::ShapeSys(vec![0.0, 6.0]);
    workspace.channels[1].samples[0].modifiers[1].kind = ModifierKind::StatError(vec![0.0]);
    let model = compile(&workspace).expect("valid");
    assert_eq!(model.fixed(), [false, false, false, true, false, true]);
    assert_eq!(model.parameters()[3].constraint, Constraint::Poisson { tau: 1.0, auxiliary: 2 });
    assert_eq!(model.parameters()[5].constraint, Constraint::Gaussian { sigma: 1.0, auxiliary: 4 });
    assert_eq!(model.observed().auxiliary, [0.0, 0.0, 1.0, 100.0, 1.0]);
}

#[test]
fn staterror_width_is_that_of_the_samples_that_carry_it() {
    let mut workspace = workspace();
    let stat = |data: [f64; 2]| modifier("stat", ModifierKind::StatError(data.to_vec()));
    workspace.channels[0].samples[0].modifiers.push(stat([3.0, 0.0]));
    workspace.channels[0].samples[1].modifiers.push(stat([4.0, 7.0]));
    workspace.channels[0].samples.push(sample("other", &[1000.0, 1000.0], Vec::new()));
    let model = compile(&workspace).expect("valid");
    let first = model.parameter_index("stat[0]").expect("stat");
    let sigma = |index: usize| match model.parameters()[index].constraint {
        Constraint::Gaussian { sigma, .. } => sigma,
        other => panic!("{other:?}"),
    };
    assert!((sigma(first) - 5.0 / 55.0).abs() < 1e-16);
    assert!((sigma(first + 1) - 7.0 / 70.0).abs() < 1e-16);
}

#[test]
fn staterror_over_channels_has_gammas_in_each() {
    let mut workspace = workspace();
    let stat = |data: &[f64]| modifier("staterror_CR", ModifierKind::StatError(data.to_vec()));
    workspace.channels[0].samples[1].modifiers.push(stat(&[5.0, 6.0]));
    let model = compile(&workspace).expect("valid");
    assert_eq!(model.n_parameters(), 8);
    let factors: Vec<usize> =
        model.samples().iter().filter_map(|s| s.bin_factors.last().copied()).collect();
    assert_eq!(factors, [5, 6], "CR comes first");
    let paths: Vec<&str> = model.warnings().iter().map(|w| w.path.as_str()).collect();
    assert_eq!(paths, ["/channels/1/samples/0/modifiers/1"]);
}

#[test]
fn names_shared_by_types() {
    let mut shared = workspace();
    shared.channels[0].samples[1].modifiers[1].name = "bkg_norm".to_owned();
    let model = compile(&shared).expect("normsys and histosys may share");
    assert_eq!(model.n_parameters(), 5);
    assert_eq!(model.parameters()[0].name, "bkg_norm");
    assert_eq!(model.parameter_sets()[0].types, [ModifierType::HistoSys, ModifierType::NormSys]);

    let mut clash = workspace();
    let other = modifier("bkg_norm", ModifierKind::NormFactor);
    clash.channels[0].samples[0].modifiers.push(other);
    refused_at(&clash, "/channels/0/samples/0/modifiers/1");

    let mut twice = workspace();
    let other = modifier("unc", ModifierKind::ShapeSys(vec![1.0, 1.0]));
    twice.channels[0].samples[0].modifiers.push(other);
    refused_at(&twice, "/channels/0/samples/0/modifiers/1");
}

#[test]
fn shapefactor_needs_equal_bins() {
    let mut workspace = workspace();
    let shape = || modifier("dd", ModifierKind::ShapeFactor);
    workspace.channels[0].samples[0].modifiers.push(shape());
    workspace.channels[1].samples[0].modifiers.push(shape());
    refused_at(&workspace, "/channels/1/samples/0/modifiers/2");
}

#[test]
fn measurement_configures_parameters() {
    let mut workspace = with_config(ParameterConfig {
        inits: Some(vec![0.7]),
        bounds: Some(vec![(-2.0, 15.0)]),
        fixed: Some(true),
        ..config("mu")
    });
    let auxdata = Some(vec![0.3]);
    workspace.measurements[0].parameters.push(ParameterConfig { auxdata, ..config("bkg_norm") });
    // pyhf 0.7.6 honours these two, whatever its documentation says.
    let sigmas = Some(vec![0.5]);
    workspace.measurements[0].parameters.push(ParameterConfig { sigmas, ..config("staterror_CR") });
    let auxdata = Some(vec![7.0, 8.0]);
    workspace.measurements[0].parameters.push(ParameterConfig { auxdata, ..config("unc") });
    let model = compile(&workspace).expect("valid");
    let mu = &model.parameters()[1];
    assert_eq!((mu.init, mu.bounds, mu.fixed), (0.7, (-2.0, 15.0), true));
    assert_eq!(model.observed().auxiliary, [0.0, 0.3, 7.0, 8.0, 1.0]);
    assert_eq!(model.parameters()[3].constraint, Constraint::Poisson { tau: 100.0, auxiliary: 2 });
    assert_eq!(model.parameters()[5].constraint, Constraint::Gaussian { sigma: 0.5, auxiliary: 4 });
}

#[test]
fn configurations_that_cannot_work() {
    let path = "/measurements/0/config/parameters/0";
    let inits = |values: &[f64]| Some(values.to_vec());
    let cases = [
        (ParameterConfig { inits: inits(&[1.0, 1.0]), ..config("mu") }, "/inits"),
        (ParameterConfig { inits: inits(&[20.0]), ..config("mu") }, "/inits/0"),
        (ParameterConfig { bounds: Some(vec![(5.0, 0.0)]), ..config("mu") }, "/bounds/0"),
        (ParameterConfig { bounds: Some(vec![(2.0, 5.0)]), ..config("mu") }, "/bounds/0"),
        (ParameterConfig { auxdata: inits(&[1.0]), ..config("mu") }, "/auxdata"),
        (ParameterConfig { sigmas: inits(&[1.0]), ..config("bkg_norm") }, "/sigmas"),
        (ParameterConfig { sigmas: inits(&[0.0]), ..config("staterror_CR") }, "/sigmas/0"),
        (ParameterConfig { factors: inits(&[1.0]), ..config("bkg_norm") }, "/factors"),
    ];
    for (config, key) in cases {
        refused_at(&with_config(config), &format!("{path}{key}"));
    }
    let mut twice = with_config(config("mu"));
    twice.measurements[0].parameters.push(config("mu"));
    refused_at(&twice, "/measurements/0/config/parameters/1/name");
    let mut lumi = workspace();
    lumi.channels[0].samples[0].modifiers.push(modifier("lumi", ModifierKind::Lumi));
    refused_at(&lumi, "/measurements/0/config/parameters");
}

#[test]
fn documents_that_cannot_work() {
    let mut duplicate = workspace();
    let again = duplicate.channels[0].samples[1].modifiers[0].clone();
    duplicate.channels[0].samples[1].modifiers.push(again);
    refused_at(&duplicate, "/channels/0/samples/1/modifiers/3");
    let mut zero = workspace();
    zero.channels[0].samples[1].modifiers[0].kind = ModifierKind::NormSys { hi: 0.0, lo: 0.9 };
    refused_at(&zero, "/channels/0/samples/1/modifiers/0/data/hi");
    let mut short = workspace();
    short.observations[0].data.pop();
    refused_at(&short, "/observations/0/data");
    let mut missing = workspace();
    missing.observations.pop();
    refused_at(&missing, "/channels/1");
    assert!(Model::new(&workspace(), 1, &ModelOptions::default()).is_err());
}

#[test]
fn parameter_of_interest() {
    let mut workspace = workspace();
    workspace.measurements[0].poi = Some("mu_SIG".to_owned());
    refused_at(&workspace, "/measurements/0/config/poi");
    workspace.measurements[0].poi = Some("unc".to_owned());
    refused_at(&workspace, "/measurements/0/config/poi");
    let choose = |poi| {
        let options = ModelOptions { poi, ..ModelOptions::default() };
        Model::new(&workspace, 0, &options).map(|model| model.poi())
    };
    assert_eq!(choose(PoiChoice::None).expect("no POI"), None);
    assert_eq!(choose(PoiChoice::Named("mu".to_owned())).expect("mu"), Some(1));
    assert_eq!(choose(PoiChoice::Named("unc[1]".to_owned())).expect("a component"), Some(4));
    assert!(matches!(choose(PoiChoice::Named("x".to_owned())), Err(Error::Argument(_))));
    workspace.measurements[0].poi = Some("bkg_norm".to_owned());
    let model = compile(&workspace).expect("legal");
    assert_eq!(model.warnings()[0].path, "/measurements/0/config/poi");
}

#[test]
fn suspicious_rates_and_names() {
    let mut negative = workspace();
    negative.channels[0].samples[0].data[0] = -80.0;
    let model = compile(&negative).expect("legal");
    let told: Vec<&str> = model.warnings().iter().map(|w| w.path.as_str()).collect();
    assert_eq!(told, ["/channels/0/samples/0/data/0", "/channels/0"]);
    assert!(model.warnings()[1].message.contains("\"SR\" bin 0 at the initial point"));
    assert_eq!(model.nll(&model.init(), model.observed()), f64::INFINITY);

    let mut empty = workspace();
    empty.channels[1].samples[0].data[0] = 0.0;
    let model = compile(&empty).expect("legal");
    assert_eq!(model.warnings().len(), 1);
    assert!(model.warnings()[0].message.contains("observed 205 in \"CR\" bin 0"));
    empty.observations[1].data[0] = 0.0;
    let model = compile(&empty).expect("legal");
    assert!(model.warnings().is_empty());
    let gradient = model.gradient(&model.init(), model.observed());
    assert!(gradient.iter().all(|g| g.is_finite()));
    let hessian = model.hessian(&model.init(), model.observed());
    assert!(hessian.iter().all(|h| h.is_finite()));

    let mut colliding = workspace();
    colliding.channels[0].samples[1].modifiers[0].name = "unc[0]".to_owned();
    let model = compile(&colliding).expect("legal");
    assert_eq!(model.warnings()[0].path, "/channels/0/samples/1/modifiers/0/name");

    let model = compile(&with_config(config("unknown"))).expect("legal");
    assert_eq!(model.warnings()[0].path, "/measurements/0/config/parameters/0/name");
}

#[test]
fn wrong_lengths_are_errors() {
    let model = compile(&workspace()).expect("valid");
    assert!(model.check_parameters(&model.init()).is_ok());
    assert!(model.check_parameters(&[1.0]).is_err());
    assert!(model.check_parameters(&[f64::NAN; 6]).is_err());
    assert!(model.check_data(model.observed()).is_ok());
    assert!(model.check_data(&Data::default()).is_err());
}

/// An empty bin under both rules: the oracle's derivatives are those of its value.
#[test]
fn negative_rates_in_empty_bins() {
    let mut workspace = workspace();
    workspace.observations[0].data = vec![0.0, 66.0];
    workspace.channels[0].samples[0].data[1] = 1.0;
    for policy in [NegativeRates::Linear, NegativeRates::Positive] {
        let model = compile(&workspace).expect("valid").with_negative_rates(policy);
        let mut x = model.init();
        x[1] = -10.5;
        x[0] = 0.01;
        let rate = model.expected_main(&x)[1];
        assert!(rate < 0.0);
        let data = model.observed();
        let (gradient, hessian) = (model.gradient(&x, data), model.hessian(&x, data));
        let step = 1e-6;
        for i in 0..x.len() {
            let at = |shift: f64| {
                let mut x = x.clone();
                x[i] += shift;
                (model.nll(&x, data), model.gradient(&x, data))
            };
            let (up, down) = (at(step), at(-step));
            let slope = (up.0 - down.0) / (2.0 * step);
            assert!((slope - gradient[i]).abs() < 1e-4 * (1.0 + slope.abs()), "{policy:?} {i}");
            for j in 0..x.len() {
                let second = (up.1[j] - down.1[j]) / (2.0 * step);
                let error = (second - hessian[(i, j)]).abs();
                assert!(error < 1e-4 * (1.0 + second.abs()), "{policy:?} {i} {j}");
            }
        }
    }
}

/// Starts can be moved, held and let go.
#[test]
fn other_starts() {
    let model = Model::new(&workspace(), 0, &ModelOptions::default()).unwrap();
    let mu = model.parameter_index("mu").unwrap();
    let held = model.clone().with_start(mu, 20.0, true).unwrap();
    assert_eq!((held.init()[mu], held.fixed()[mu]), (20.0, true));
    let free = held.with_start(mu, 2.0, false).unwrap();
    assert_eq!((free.init()[mu], free.fixed()[mu]), (2.0, false));
    let outside = free.clone().with_start(mu, 20.0, false).unwrap_err();
    assert!(outside.to_string().contains("outside of its bounds 0 and 10"), "{outside}");
    for value in [f64::NAN, f64::INFINITY] {
        assert!(model.clone().with_start(mu, value, false).is_err());
        assert!(model.clone().with_start(mu, value, true).is_err());
    }
    assert!(model.clone().with_start(model.n_parameters(), 1.0, false).is_err());
}
