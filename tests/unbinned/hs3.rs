//! HS3: documents written by hand as the standard's text says, and round trips. `tests/pyhs3_live.py` asks pyhs3.

use std::collections::HashMap;
use std::path::Path;

use neyman::Error;
use neyman::unbinned::UnbinnedModel;
use neyman::unbinned::hs3::{export, import, is_hs3};
use neyman::unbinned::spec::{GivenEvents, Loaded, build};
use serde_json::{Value, json};

/// Ten masses and momenta.
const EVENTS: [(f64, f64); 10] = [
    (61.5, 1.0),
    (70.25, 12.0),
    (84.0, 3.5),
    (88.5, 7.0),
    (90.5, 22.0),
    (91.0, 2.25),
    (91.5, 39.0),
    (95.0, 8.0),
    (104.75, 15.5),
    (119.0, 5.0),
];

/// Every density that HS3 has, every kind of yield, weights, a product, a parameter that is held.
fn everything() -> (Value, HashMap<String, GivenEvents>) {
    let process = |name: &str, kind: &str, params: Value| {
        json!({
            "name": name,
            "pdf": {"type": kind, "observable": "mass", "params": params},
            "yield": {"type": "fixed", "value": 2.5},
        })
    };
    let mut first = vec![
        process("bell", "gaussian", json!(["mean", "width"])),
        process("fall", "exponential", json!(["slope"])),
        process("rise", "exponential", json!([0.01])),
        process(
            "same tails",
            "double_crystal_ball",
            json!(["mean", "width", 1.5, 3, "alpha_r", 4]),
        ),
        process(
            "tails",
            "double_crystal_ball",
            json!(["mean", "width", 3.5, 1.5, 3, "alpha_r", 4]),
        ),
        process("end", "argus", json!([125.0, "slope", 0.5])),
        process("waves", "chebyshev", json!(["wave", 0.1, -0.05])),
        process("powers", "polynomial", json!([1.0, 0.01, "power"])),
        process("logarithm", "lognormal", json!([4.5, "spread"])),
    ];
    first.push(json!({
        "name": "flat",
        "pdf": {"type": "uniform", "observable": "mass"},
        "yield": {"type": "parameter", "name": "n"},
    }));
    first[0]["yield"] = json!({"type": "scaled", "base_yield": 12.5, "scale": "mu"});
    // the names of processes and observables are there twice, in windows of their own
    let second = json!({
        "name": "plane",
        "observables": [{"name": "mass", "bounds": [60, 130]}, {"name": "pt", "bounds": [0, 40]}],
        "processes": [
            {
                "name": "bell",
                "pdf": {"type": "product", "components": [
                    {"type": "gaussian", "observable": "mass", "params": ["mean", "width"]},
                    {"type": "exponential", "observable": "pt", "params": ["slope"]},
                ]},
                "yield": {"type": "parameter", "name": "n"},
            },
            {
                "name": "rest",
                "pdf": {"type": "product", "components": [
                    {"type": "uniform", "observable": "pt"},
                    {"type": "exponential", "observable": "mass", "params": [-0.02]},
                ]},
                "yield": {"type": "fixed", "value": 3},
            },
        ],
    });
    let document = json!({
        "schema_version": "neyman_unbinned_spec_v1",
        "model": {"poi": "mu", "parameters": [
            {"name": "mu", "init": 1.0, "bounds": [0, 10]},
            {"name": "mean", "init": 90.5, "bounds": [80, 100], "constraint": {"type": "gaussian", "mean": 91.2, "sigma": 0.7}},
            {"name": "width", "init": 2.5, "bounds": [0.5, 20]},
            {"name": "slope", "init": -0.03, "bounds": [-1, 1], "constraint": {"type": "gaussian", "mean": -0.02, "sigma": 0.05}},
            {"name": "alpha_r", "init": 1.25, "bounds": [1.25, 1.25]},
            {"name": "wave", "init": 0.2, "bounds": [-1, 1]},
            {"name": "power", "init": 1e-4, "bounds": [0, 1]},
            {"name": "spread", "init": 0.2, "bounds": [0.01, 2]},
            {"name": "n", "init": 7, "bounds": [0, 1000]},
        ]},
        "channels": [
            {"name": "SR", "observables": [{"name": "mass", "bounds": [60, 120]}], "processes": first},
            second,
        ],
    });
    let mass: Vec<f64> = EVENTS.iter().map(|event| event.0).collect();
    let pt = EVENTS.iter().map(|event| event.1).collect();
    let weights = (0..10).map(|i| 0.5 + 0.1 * f64::from(i)).collect();
    let columns = vec![("mass".into(), mass.clone())];
    let events = HashMap::from([
        ("SR".into(), GivenEvents { columns, weights: Some(weights) }),
        (
            "plane".into(),
            GivenEvents { columns: vec![("mass".into(), mass), ("pt".into(), pt)], weights: None },
        ),
    ]);
    (document, events)
}

fn built((document, events): (Value, HashMap<String, GivenEvents>)) -> Loaded {
    build(&document, Path::new(""), events).expect("a model")
}

/// The negative logarithm of the likelihood with parameters by name; their order may differ.
fn nll(model: &UnbinnedModel, values: &HashMap<String, f64>) -> f64 {
    let theta: Vec<f64> = model.parameters().iter().map(|p| values[&p.name]).collect();
    model.nll(&theta).expect("a likelihood").nll
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{a} {b}");
}

#[test]
fn round_trips_have_the_same_likelihood() {
    let loaded = built(everything());
    let document = export(&loaded.model, loaded.poi).expect("HS3");
    assert!(is_hs3(&document));
    // through a text, as through a file
    let document: Value = serde_json::from_str(&document.to_string()).unwrap();
    let imported = import(&document, None).expect("a specification");
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let back = imported.build().expect("a model");
    assert_eq!(back.model.parameters(), loaded.model.parameters());
    assert_eq!(back.poi, loaded.poi);
    let names = |loaded: &Loaded| -> Vec<String> {
        loaded.model.channels().map(|channel| channel.name.clone()).collect()
    };
    assert_eq!(names(&back), names(&loaded));
    let events = |loaded: &Loaded| -> Vec<Option<Vec<f64>>> {
        loaded.model.channels().map(|c| c.events.weights().map(<[f64]>::to_vec)).collect()
    };
    assert_eq!(events(&back), events(&loaded));
    let points = [
        [1.0, 90.5, 2.5, -0.03, 1.25, 0.2, 1e-4, 0.2, 7.0],
        [0.0, 91.0, 1.5, 0.02, 1.25, -0.3, 0.0, 0.5, 30.0],
        [4.5, 85.0, 9.0, -0.4, 1.25, 0.0, 0.5, 0.05, 0.25],
    ];
    for point in points {
        let (there, here) =
            (back.model.nll(&point).unwrap().nll, loaded.model.nll(&point).unwrap().nll);
        assert!(here.is_finite());
        close(there, here);
    }
    // and once more: names are settled
    let again = export(&back.model, back.poi).expect("HS3");
    assert_eq!(import(&again, None).unwrap().build().unwrap().digest, back.digest);
}

/// What the standard's chapters say, key by key, with names and numbers of our own.
fn by_hand() -> Value {
    json!({
        "metadata": {"hs3_version": "0.2.9"},
        "distributions": [
            {"name": "sig", "type": "gaussian_dist", "x": "m", "mean": "mu", "sigma": "w"},
            {"name": "bkg", "type": "exponential_dist", "x": "m", "c": "c"},
            {"name": "model", "type": "mixture_dist", "summands": ["sig", "bkg"],
             "coefficients": ["ns", "nb"], "extended": true},
            {"name": "mu_constraint", "type": "gaussian_dist", "x": "mu_measured", "mean": "mu", "sigma": 0.5},
        ],
        "functions": [{"name": "ns", "type": "product", "factors": [5, "signal_strength", 0.5]}],
        "data": [{
            "name": "d", "type": "unbinned",
            "entries": [[61.0], [90.0], [91.5], [100.0]],
            "axes": [{"name": "m", "min": 60, "max": 120}],
        }],
        "likelihoods": [{"name": "L", "distributions": ["model", "mu_constraint"], "data": ["d", 91.0]}],
        "domains": [{"name": "dom", "type": "product_domain", "axes": [
            {"name": "mu", "min": 80, "max": 100},
            {"name": "w", "min": 1, "max": 5},
            {"name": "c", "min": -0.5, "max": 1},
            {"name": "signal_strength", "min": 0, "max": 10},
            {"name": "nb", "min": 0, "max": 10},
        ]}],
        "parameter_points": [{"name": "start", "parameters": [
            {"name": "signal_strength", "value": 1},
            {"name": "mu", "value": 90.5},
            {"name": "w", "value": 2, "const": true},
            {"name": "c", "value": 0.03},
            {"name": "nb", "value": 1.75},
        ]}],
        "analyses": [{"name": "a", "likelihood": "L", "parameters_of_interest": ["signal_strength"],
                      "domain": "dom", "init": "start"}],
    })
}

/// Of that document, by the formulas as the standard has them and sums of 2e5 rectangles.
fn by_formula(mu: f64, w: f64, c: f64, ns: f64, nb: f64) -> f64 {
    let bell = |x: f64| (-0.5 * ((x - mu) / w).powi(2)).exp();
    let fall = |x: f64| (-c * x).exp();
    let integral = |f: &dyn Fn(f64) -> f64| -> f64 {
        let n = 200_000;
        let h = 60.0 / f64::from(n);
        (0..n).map(|i| f(60.0 + (f64::from(i) + 0.5) * h) * h).sum()
    };
    let (bells, falls) = (integral(&bell), integral(&fall));
    let log = |x: f64| (ns * bell(x) / bells + nb * fall(x) / falls).ln();
    let sum: f64 = [61.0, 90.0, 91.5, 100.0].into_iter().map(log).sum();
    ns + nb - sum + 0.5 * ((91.0 - mu) / 0.5).powi(2)
}

#[test]
fn documents_by_hand_mean_what_the_standard_says() {
    let imported = import(&by_hand(), None).expect("a specification");
    // the one parameter that cannot stay as it is says so
    assert_eq!(imported.notes.len(), 1);
    assert!(imported.notes[0].contains("\"minus_c\" is minus \"c\""), "{:?}", imported.notes);
    let loaded = imported.build().expect("a model");
    let names: Vec<&str> = loaded.model.parameters().iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["signal_strength", "mu", "w", "minus_c", "nb"]);
    assert_eq!(loaded.poi, Some(0));
    let parameters = loaded.model.parameters();
    assert_eq!((parameters[2].init, parameters[2].bounds), (2.0, (2.0, 2.0)));
    assert_eq!((parameters[3].init, parameters[3].bounds), (-0.03, (-1.0, 0.5)));
    let constraint = parameters[1].constraint.expect("a constraint");
    assert_eq!((constraint.center, constraint.sigma), (91.0, 0.5));
    for (s, mu, c, nb) in [(1.0, 90.5, 0.03, 1.75), (0.2, 91.5, -0.02, 4.0)] {
        let nll = loaded.model.nll(&[s, mu, 2.0, -c, nb]).unwrap().nll;
        let formula = by_formula(mu, 2.0, c, 2.5 * s, nb);
        assert!((nll - formula).abs() < 1e-6 * formula.abs(), "{nll} {formula}");
    }
}

/// Another way to say the same has the same likelihood.
fn same(change: impl FnOnce(&mut Value)) {
    let point = HashMap::from(
        [
            ("signal_strength", 1.5),
            ("mu", 90.0),
            ("w", 2.0),
            ("minus_c", -0.01),
            ("c", 0.01),
            ("slope", -0.01),
            ("nb", 3.0),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let mut document = by_hand();
    change(&mut document);
    let of = |document: &Value| {
        nll(&import(document, None).expect("a specification").build().unwrap().model, &point)
    };
    close(of(&document), of(&by_hand()));
}

#[test]
fn there_are_several_ways_to_say_it() {
    // constraints: auxiliary, with what was measured as a number, as a const, as the mean, as point data, in a product
    let aux = |d: &mut Value| {
        d["likelihoods"][0] = json!({
            "name": "L", "distributions": ["model"], "data": ["d"], "aux_distributions": ["mu_constraint"],
        });
    };
    same(|d| {
        aux(d);
        d["distributions"][3]["x"] = json!(91.0);
    });
    same(|d| {
        aux(d);
        let measured = json!({"name": "mu_measured", "value": 91, "const": true});
        d["parameter_points"][0]["parameters"].as_array_mut().unwrap().push(measured);
    });
    same(|d| {
        aux(d);
        d["distributions"][3]["x"] = json!("mu");
        d["distributions"][3]["mean"] = json!(91);
    });
    same(|d| {
        d["data"].as_array_mut().unwrap().push(json!({"name": "g", "type": "point", "value": 91}));
        d["likelihoods"][0]["data"][1] = json!("g");
    });
    same(|d| {
        d["distributions"][3]["x"] = json!(91.0);
        let product =
            json!({"name": "all", "type": "product_dist", "factors": ["model", "mu_constraint"]});
        d["distributions"].as_array_mut().unwrap().push(product);
        d["likelihoods"][0] = json!({"name": "L", "distributions": ["all"], "data": ["d"]});
    });
    // extended may be left to the lengths
    same(|d| drop(d["distributions"][2].as_object_mut().unwrap().remove("extended")));
    // RooFit's way to have exp(+slope x)
    same(|d| {
        let minus =
            json!({"name": "slope_inverted", "type": "generic_function", "expression": "-slope"});
        d["functions"].as_array_mut().unwrap().push(minus);
        d["distributions"][1]["c"] = json!("slope_inverted");
        d["domains"][0]["axes"][2] = json!({"name": "slope", "min": -1, "max": 1});
        d["parameter_points"][0]["parameters"][3] = json!({"name": "slope", "value": -0.03});
    });
    // a product of which all but one factor is const
    same(|d| {
        d["functions"][0]["factors"] = json!(["lumi", "signal_strength"]);
        let lumi = json!({"name": "lumi", "value": 2.5, "const": true});
        d["parameter_points"][0]["parameters"].as_array_mut().unwrap().push(lumi);
    });
    // without an analysis
    same(|d| drop(d.as_object_mut().unwrap().remove("analyses")));
}

#[test]
fn rates_and_fractions_are_yields() {
    let mut document = by_hand();
    document["distributions"][2] = json!({
        "name": "shape", "type": "mixture_dist", "summands": ["sig", "bkg"], "coefficients": [0.3],
    });
    let model =
        json!({"name": "model", "type": "rate_extended_dist", "rate": "nb", "dist": "shape"});
    document["distributions"].as_array_mut().unwrap().push(model);
    let analysis = &mut document["analyses"][0];
    analysis["parameters_of_interest"] = json!(["nb"]);
    let loaded = import(&document, None).expect("a specification").build().unwrap();
    let names: Vec<&str> = loaded.model.parameters().iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["mu", "w", "minus_c", "nb"]);
    let nll = loaded.model.nll(&[90.5, 2.0, -0.03, 4.0]).unwrap().nll;
    let formula = by_formula(90.5, 2.0, 0.03, 0.3 * 4.0, 0.7 * 4.0);
    assert!((nll - formula).abs() < 1e-6 * formula.abs(), "{nll} {formula}");
}

#[test]
fn crystal_balls_have_two_tails() {
    let mut document = by_hand();
    let ball = |kind: &str| {
        json!({
            "name": "sig", "type": kind, "m": "m", "m0": "mu", "sigma_L": "w", "sigma_R": 3,
            "alpha_L": 1.5, "n_L": 2, "alpha_R": 1.25, "n_R": 5,
        })
    };
    let mut values = Vec::new();
    for kind in ["crystalball_dist", "crystalball_doublesided_dist"] {
        document["distributions"][0] = ball(kind);
        let imported = import(&document, None).expect("a specification");
        let params = imported.document.pointer("/channels/0/processes/0/pdf/params").unwrap();
        assert_eq!(*params, json!(["mu", "w", 3.0, 1.5, 2.0, 1.25, 5.0]));
        values
            .push(imported.build().unwrap().model.nll(&[1.0, 90.5, 2.0, -0.03, 1.75]).unwrap().nll);
    }
    assert_eq!(values[0], values[1]);
}

/// The document by hand with another value at `path`; a key that is not there comes in.
fn with(path: &str, value: Value) -> Value {
    let mut document = by_hand();
    set(&mut document, path, value);
    document
}

fn set(document: &mut Value, path: &str, value: Value) {
    let (parent, key) = path.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("a place") {
        Value::Object(object) => drop(object.insert(key.into(), value)),
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => list[key.parse::<usize>().expect("an index")] = value,
        other => panic!("{parent} is {other}"),
    }
}

#[track_caller]
fn refused(document: &Value, path: &str, says: &str) {
    let error = import(document, None).map(|_| ()).expect_err("refused");
    let Error::Specification { path: found, message } = &error else { panic!("{error}") };
    assert!(message.contains(says), "{error}");
    assert_eq!(found, path, "{error}");
}

/// The same place is changed and complained of.
#[track_caller]
fn refused_there(path: &str, value: Value, says: &str) {
    refused(&with(path, value), path, says);
}

#[test]
fn what_is_not_covered_is_named_with_its_place() {
    for kind in [
        "relativistic_breit_wigner_dist",
        "generic_dist",
        "histfactory_dist",
        "poisson_dist",
        "multivariate_normal_dist",
        "generalized_normal_dist",
        "decay_dist",
        "bernstein_poly_dist",
        "density_function_dist",
    ] {
        let other = json!({"name": "sig", "type": kind, "x": "m"});
        refused(&with("/distributions/0", other), "/distributions/0/type", kind);
    }
    for kind in ["rate_density_dist", "bincounts_extended_dist", "efficiency_product_pdf_dist"] {
        let other = json!({"name": "model", "type": kind});
        refused(&with("/distributions/2", other), "/distributions/2/type", kind);
    }
    let sum = json!({"name": "ns", "type": "sum", "summands": [1, "nb"]});
    refused(&with("/functions/0", sum), "/functions/0/type", "sum");
    let formula = json!({"name": "ns", "type": "generic_function", "expression": "2*nb"});
    refused(&with("/functions/0", formula), "/functions/0/expression", "2*nb");
    refused_there("/functions/0/factors", json!(["nb", "signal_strength"]), "all but one");
    refused_there("/data/0/type", json!("binned"), "data of type \"binned\"");
    refused_there("/data/0/entries_uncertainties", json!([[0.1]]), "not covered");
    refused_there("/domains/0/type", json!("simplex"), "simplex");
    refused_there("/metadata/hs3_version", json!("0.1.90"), "0.1.90");
    refused_there("/analyses/0/aux_likelihood_terms", json!(["sig"]), "aux_distributions");
    refused_there("/distributions/3/type", json!("poisson_dist"), "constraints of type");
    let one_tail = json!({
        "name": "sig", "type": "crystalball_dist", "m": "m", "m0": "mu", "sigma": "w", "alpha": 1.5, "n": 2,
    });
    refused(&with("/distributions/0", one_tail), "/distributions/0/alpha", "RooFit and pyhs3");
    // not extended, or twice
    refused(
        &with("/likelihoods/0/distributions/0", json!("sig")),
        "/distributions/0",
        "rate_extended_dist",
    );
    let mut fractions = with("/distributions/2/coefficients", json!(["nb"]));
    set(&mut fractions, "/distributions/2/extended", json!(false));
    refused(&fractions, "/distributions/2", "rate_extended_dist");
    let rate = json!({"name": "rate", "type": "rate_extended_dist", "rate": "nb", "dist": "model"});
    set(&mut fractions, "/distributions/-", rate);
    set(&mut fractions, "/likelihoods/0/distributions/0", json!("rate"));
    refused(&fractions, "/distributions/2/coefficients/0", "fractions that are parameters");
    set(&mut fractions, "/distributions/2/coefficients/0", json!(1.5));
    refused(&fractions, "/distributions/2/coefficients/0", "no fraction");
    set(&mut fractions, "/distributions/2/coefficients", json!([0.3, 0.4]));
    refused(&fractions, "/distributions/2/coefficients", "not 1");
    set(&mut fractions, "/distributions/2/extended", json!(true));
    refused(&fractions, "/distributions/2", "one must be left");
}

#[test]
fn what_is_wrong_has_its_place() {
    refused(&json!({"distributions": []}), "", "metadata");
    refused_there("/distribution", json!([]), "did you mean \"distributions\"");
    refused_there("/distributions/1/name", json!("sig"), "twice");
    refused_there("/distributions/0/mean", json!("mmu"), "did you mean \"mu\"");
    refused_there("/distributions/0/mean", json!("m"), "is an observable");
    refused_there("/distributions/0/x", json!("mass"), "no axis");
    refused_there("/distributions/0/center", json!(1), "unknown key");
    refused_there("/distributions/2/summands/0", json!("sigg"), "did you mean \"sig\"");
    refused_there("/distributions/2/coefficients", json!([]), "0 coefficients for 2 summands");
    refused_there("/distributions/2/coefficients/0", json!(-3), "0 or more");
    refused_there("/distributions/2/extended", json!("yes"), "true or false");
    refused_there("/distributions/3/sigma", json!(0), "above 0");
    refused_there("/distributions/3/sigma", json!("nb"), "does not change");
    refused_there("/distributions/3/mean", json!(91), "needs a parameter");
    refused_there("/functions/0/factors/1", json!("ns"), "made of itself");
    refused_there("/data/0/entries/1", json!([90, 91]), "2 numbers; one an axis is needed, 1");
    refused_there("/data/0/entries/1", json!(90), "array of numbers");
    refused_there("/data/0/entries/1/0", json!(59.5), "59.5 lies outside m in [60, 120]");
    refused_there("/data/0/entries/1/0", json!("90"), "remove the quotes");
    refused_there("/data/0/weights", json!([1, 1]), "2 weights for 4 events");
    refused(&with("/data/0/weights", json!([1, 1, -1, 1])), "/data/0/weights/2", "negative");
    refused_there("/data/0/axes/0/nbins", json!(10), "unknown key");
    refused_there("/data/0/axes/0/const", json!(false), "unknown key");
    refused(&with("/data/0/axes/0/max", json!(20)), "/data/0/axes/0", "lower one first");
    let twice = json!({"name": "m", "min": 1, "max": 2});
    refused(&with("/data/0/axes/-", twice), "/data/0/axes/1/name", "twice");
}

#[test]
fn the_rest_of_a_document_is_checked_too() {
    refused_there("/likelihoods/0/data/0", json!("dd"), "did you mean \"d\"");
    refused_there("/likelihoods/0/data/0", json!(true), "expected a number or the name");
    refused(&with("/likelihoods/0/data", json!(["d"])), "/likelihoods/0/data", "as many");
    let axis = json!({"name": "m", "min": 0, "max": 200});
    refused(
        &with("/domains/0/axes/-", axis),
        "/data/0/axes/0",
        "in which are densities normalised",
    );
    // what the specification's reader finds is told of this document
    refused(&with("/domains/0/axes/0/max", json!(85)), "/domains/0/axes/0", "initial value 90.5");
    refused(
        &with("/domains/0/axes/0/name", json!("muh")),
        "/parameter_points/0/parameters/1",
        "not in the domain",
    );
    refused(
        &with("/parameter_points/0/parameters/1/name", json!("muh")),
        "/domains/0/axes/0",
        "no value to start at",
    );
    let twice = json!({"name": "mu", "value": 3});
    refused(
        &with("/parameter_points/0/parameters/-", twice),
        "/parameter_points/0/parameters/5/name",
        "twice",
    );
    refused_there("/analyses/0/likelihood", json!("l"), "no \"l\" in likelihoods");
    refused_there("/analyses/0/init", json!("begin"), "no \"begin\" in parameter_points");
    let there = "/analyses/0/parameters_of_interest";
    refused(&with(there, json!(["nope"])), &format!("{there}/0"), "does not depend on \"nope\"");
    refused(&with(there, json!(["mu", "nb"])), there, "there can be one");
    let twice = json!({"name": "b", "likelihood": "L"});
    refused(&with("/analyses/-", twice), "/analyses", "which analysis");
    // a coefficient of an exponential that is something else as well
    refused(
        &with("/distributions/2/coefficients/1", json!("c")),
        "/distributions/1/c",
        "/distributions/2",
    );
    let mut argus = with(
        "/distributions/0",
        json!({"name": "sig", "type": "argus_dist", "mass": "m", "resonance": 125, "slope": "w", "power": 0.5}),
    );
    set(&mut argus, "/data/0/axes/0/min", json!(-5));
    refused(&argus, "/distributions/0", "argus");
    let many: Vec<f64> = vec![0.0; 70];
    let waves = json!({"name": "sig", "type": "chebychev_dist", "x": "m", "coefficients": many});
    refused(&with("/distributions/0", waves), "/distributions/0", "64 is the highest");
    let loop_ = json!({"name": "sig", "type": "product_dist", "factors": ["sig"]});
    refused(&with("/distributions/0", loop_), "/distributions/0/factors", "made of itself");
}

#[test]
fn what_hs3_lacks_is_named() {
    let refused = |process: Value, says: &str| {
        let document = json!({
            "schema_version": "neyman_unbinned_spec_v1",
            "model": {"parameters": [{"name": "alpha", "init": 0.5, "bounds": [0, 5]}]},
            "channels": [{
                "name": "SR", "observables": [{"name": "mass", "bounds": [60, 120]}], "processes": [process],
            }],
        });
        let columns = vec![("mass".into(), vec![90.0])];
        let events = HashMap::from([("SR".into(), GivenEvents { columns, weights: None })]);
        let loaded = built((document, events));
        let error = export(&loaded.model, None).expect_err("refused").to_string();
        assert!(error.contains("channel \"SR\", process \"p\""), "{error}");
        assert!(error.contains(says), "{error}");
    };
    let of = |pdf: Value| json!({"name": "p", "pdf": pdf, "yield": {"type": "fixed", "value": 1}});
    for (kind, params) in [
        ("voigtian", json!([90, 2, 1])),
        ("breit_wigner", json!([90, 2])),
        ("crystal_ball", json!([90, 2, 1, 3])),
        ("bernstein", json!([1, 2])),
    ] {
        refused(of(json!({"type": kind, "observable": "mass", "params": params})), kind);
    }
    let histogram = json!({"type": "histogram", "observable": "mass", "bin_edges": [60, 120], "bin_content": [1]});
    refused(of(histogram), "histogram");
    let kde = json!({"type": "kde", "observable": "mass", "bandwidth": 2, "centers": [90]});
    refused(of(kde), "kde");
    let spline =
        json!({"type": "spline", "observable": "mass", "knots_x": [60, 120], "knots_y": [1, 2]});
    refused(of(spline), "spline");
    let mut modified = of(json!({"type": "uniform", "observable": "mass"}));
    modified["yield"]["modifiers"] =
        json!([{"type": "normsys", "param": "alpha", "lo": 0.9, "hi": 1.1}]);
    refused(modified, "normsys");
}

#[test]
fn tables_that_are_written_are_read_to_the_bit() {
    use neyman::unbinned::events::{ReadOptions, parquet_bytes};
    use neyman::unbinned::{EventTable, Observable};

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = directory.join("written.parquet");
    // several row groups, one of them not full, and none
    for n in [300_001_u32, 0] {
        let x: Vec<f64> = (0..n).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let w: Vec<f64> = (0..n).map(|i| f64::from(i % 7)).collect();
        std::fs::write(&file, parquet_bytes(&[("x y", &x), ("w", &w)]).unwrap()).unwrap();
        let options = ReadOptions { weight: Some("w".into()), ..ReadOptions::default() };
        let observables = [Observable::new("x y", -1.0, 1.0).unwrap()];
        let events = EventTable::from_parquet(&file, &observables, &options).unwrap();
        assert_eq!(events.column("x y").unwrap(), x);
        assert_eq!(events.weights(), Some(&w[..]));
    }
    std::fs::remove_file(&file).unwrap();
    let error = parquet_bytes(&[("x", &[1.0]), ("y", &[])]).unwrap_err();
    assert!(error.to_string().contains("one length"), "{error}");
}
