//! Models whose events the caller has, and what models say of other events.

use std::collections::HashMap;
use std::path::Path;

use neyman::Error;
use neyman::unbinned::events::Range;
use neyman::unbinned::spec::{GivenEvents, Loaded, build, needed_columns};
use neyman::unbinned::{EventTable, Observable, OutOfBounds};
use serde_json::{Value, json};

/// A bell on a plane; events above a cut.
fn document() -> Value {
    json!({
        "schema_version": "neyman_unbinned_spec_v1",
        "model": {"parameters": [
            {"name": "nu", "init": 10, "bounds": [0, 100]},
            {"name": "mean", "init": 90, "bounds": [60, 120]},
        ]},
        "channels": [{
            "name": "SR",
            "data": {"file": "none.parquet", "selection": "pt > 25", "weight": "w"},
            "observables": [{"name": "mass", "bounds": [60, 120]}],
            "processes": [
                {
                    "name": "signal",
                    "pdf": {"type": "gaussian", "observable": "mass", "params": ["mean", 2.5]},
                    "yield": {"type": "parameter", "name": "nu"},
                },
                {
                    "name": "background",
                    "pdf": {"type": "uniform", "observable": "mass"},
                    "yield": {"type": "fixed", "value": 3},
                },
            ],
        }],
    })
}

fn given(columns: &[(&str, &[f64])], weights: Option<&[f64]>) -> HashMap<String, GivenEvents> {
    let columns = columns.iter().map(|(name, values)| ((*name).into(), values.to_vec())).collect();
    HashMap::from([("SR".into(), GivenEvents { columns, weights: weights.map(<[f64]>::to_vec) })])
}

fn built(value: &Value, events: HashMap<String, GivenEvents>) -> neyman::Result<Loaded> {
    build(value, Path::new("nowhere"), events)
}

const MASS: [f64; 4] = [80.0, 90.0, 100.0, 110.0];
const PT: [f64; 4] = [30.0, 20.0, 25.0, 26.0];
const W: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

#[test]
fn selection_and_weight_are_of_the_columns_given() {
    let columns: [(&str, &[f64]); 3] = [("mass", &MASS), ("pt", &PT), ("w", &W)];
    let loaded = built(&document(), given(&columns, None)).expect("a model");
    let events = &loaded.model.channels().next().expect("a channel").events;
    assert_eq!(events.column("mass").expect("masses"), [80.0, 110.0]);
    assert_eq!(events.weights(), Some(&[1.0, 4.0][..]));
    assert_eq!(loaded.files, [Path::new("")]);
    let others = built(&document(), given(&columns, Some(&[5.0, 6.0, 7.0, 8.0]))).expect("a model");
    let events = others.model.channels().next().expect("a channel").events.clone();
    assert_eq!(events.weights(), Some(&[5.0, 8.0][..]));
    let (columns, weights) = events.into_columns();
    assert_eq!(columns, [("mass".to_owned(), vec![80.0, 110.0])]);
    assert_eq!(weights, Some(vec![5.0, 8.0]));
}

#[test]
fn events_given_need_no_file() {
    let mut value = document();
    value["channels"][0].as_object_mut().expect("a channel").remove("data");
    let path = |error: Error| match error {
        Error::Specification { path, .. } => path,
        other => panic!("{other}"),
    };
    assert_eq!(path(built(&value, HashMap::new()).expect_err("no events")), "/channels/0");
    let loaded = built(&value, given(&[("mass", &MASS)], None)).expect("a model");
    assert_eq!(loaded.model.n_events(), 4);
    assert_eq!(
        needed_columns(&value, ["SR".into()]).expect("names"),
        [("SR".into(), vec!["mass".into()])]
    );
    let all = needed_columns(&document(), []).expect("names");
    assert_eq!(all[0].1, ["mass", "pt", "w"]);
}

#[test]
fn what_does_not_fit_is_told() {
    let told = |events| built(&document(), events).expect_err("refused").to_string();
    let without = told(given(&[("mass", &MASS), ("w", &W)], None));
    assert!(
        without.contains("/channels/0/data/selection") && without.contains("\"pt\""),
        "{without}"
    );
    let short = told(given(&[("mass", &MASS), ("pt", &PT[1..]), ("w", &W)], None));
    assert!(short.contains("column \"pt\": 3 values"), "{short}");
    let nan = told(given(&[("mass", &MASS), ("pt", &[1.0, f64::NAN, 1.0, 1.0]), ("w", &W)], None));
    assert!(nan.contains("column \"pt\", row 1"), "{nan}");
    // rows are those before the selection
    let outside = told(given(&[("mass", &[80.0, 0.0, 90.0, 130.0]), ("pt", &PT), ("w", &W)], None));
    assert!(outside.contains("column \"mass\", row 3"), "{outside}");
    let mut other = given(&[("mass", &MASS), ("pt", &PT), ("w", &W)], None);
    other.insert("SRR".into(), GivenEvents::default());
    let unknown = told(other);
    assert!(unknown.contains("did you mean \"SR\""), "{unknown}");
}

#[test]
fn ranges_choose_events_of_a_table() {
    let mass = [Observable::new("mass", 60.0, 105.0).expect("a window")];
    let columns = || vec![("mass".to_owned(), MASS.to_vec()), ("pt".to_owned(), PT.to_vec())];
    let ranges = [Range { column: "pt".into(), lo: 25.0, hi: f64::INFINITY }];
    let drop = EventTable::selected(&mass, columns(), None, &ranges, OutOfBounds::Drop);
    let drop = drop.expect("a table");
    assert_eq!((drop.column("mass").expect("masses"), drop.dropped()), (&[80.0, 100.0][..], 1));
    let all =
        EventTable::selected(&mass, columns(), None, &[], OutOfBounds::Drop).expect("a table");
    assert_eq!(all.n(), 3);
}

#[test]
fn numbers_and_densities_elsewhere() {
    let columns: [(&str, &[f64]); 3] = [("mass", &MASS), ("pt", &PT), ("w", &W)];
    let model = built(&document(), given(&columns, None)).expect("a model").model;
    assert_eq!(model.expected(&[7.0, 90.0]).expect("numbers"), [[7.0, 3.0]]);
    let x = [60.0, 90.0, 130.0];
    let flat = model.log_prob(0, 1, &[7.0, 90.0], &[&x]).expect("a density");
    assert_eq!(flat, [-f64::ln(60.0), -f64::ln(60.0), f64::NEG_INFINITY]);
    let bell = model.log_prob(0, 0, &[7.0, 90.0], &[&x]).expect("a density");
    assert!((bell[1] + (2.5 * (2.0 * std::f64::consts::PI).sqrt()).ln()).abs() < 1e-12);
    for (error, says) in [
        (model.expected(&[7.0]).expect_err("short"), "1 value for 2 parameters"),
        (model.expected(&[-7.0, 90.0]).expect_err("below 0"), "process \"signal\""),
        (model.log_prob(0, 2, &[7.0, 90.0], &[&x]).expect_err("none"), "no process 2"),
        (model.log_prob(0, 0, &[7.0, 90.0], &[]).expect_err("no x"), "no x"),
        (model.log_prob(0, 0, &[7.0, f64::NAN], &[&x]).expect_err("NaN"), "mean"),
    ] {
        assert!(matches!(error, Error::Argument(_)) && error.to_string().contains(says), "{error}");
    }
}
