//! Tables from memory.

use neyman::Error;
use neyman::unbinned::{EventTable, Observable, OutOfBounds};

type Named<'a> = (&'a str, &'a [f64]);

fn mass() -> Observable {
    Observable::new("mass", 60.0, 120.0).expect("a window")
}

fn refused(
    columns: &[Named<'_>],
    weights: Option<&[f64]>,
    column: &str,
    row: Option<u64>,
    says: &str,
) {
    let observables = [mass(), Observable::new("pt", 0.0, 500.0).expect("a window")];
    let error = EventTable::from_slices(&observables, columns, weights, OutOfBounds::Error)
        .expect_err("a bad table");
    assert!(error.to_string().contains(says), "{error}");
    assert!(error.is_events());
    let Error::Events { column: Some(c), row: r, .. } = error else { panic!("{error}") };
    assert_eq!((&*c, r), (column, row));
}

#[test]
fn columns_are_chosen_by_name_and_weights_summed() {
    let observables = [Observable::new("pt", 0.0, 500.0).expect("a window"), mass()];
    let columns: [Named<'_>; 3] =
        [("mass", &[60.0, 91.0, 120.0]), ("eta", &[f64::NAN]), ("pt", &[1.0, 2.0, 3.0])];
    let weights = [0.5, 2.0, 0.0];
    let table = EventTable::from_slices(&observables, &columns, Some(&weights), OutOfBounds::Error)
        .expect("a table");
    assert_eq!((table.n(), table.sum_w(), table.dropped()), (3, 2.5, 0));
    assert_eq!(table.n_eff(), 6.25 / 4.25);
    assert_eq!(table.column("mass").expect("there"), [60.0, 91.0, 120.0]);
    assert_eq!(table.column("pt").expect("there"), [1.0, 2.0, 3.0]);
    assert!(table.column("eta").is_err());
    // tiny weights: their squares underflow
    let weights = [1e-200; 3];
    let table = EventTable::from_slices(&observables, &columns, Some(&weights), OutOfBounds::Error)
        .expect("a table");
    assert!((table.n_eff() - 3.0).abs() < 1e-14);
}

#[test]
fn events_outside_are_refused_or_counted() {
    let columns: [Named<'_>; 1] = [("mass", &[59.9, 90.0, 120.1, 100.0])];
    let table = EventTable::from_slices(
        &[mass()],
        &columns,
        Some(&[1.0, 2.0, 3.0, 4.0]),
        OutOfBounds::Drop,
    )
    .expect("a table");
    assert_eq!((table.n(), table.dropped(), table.sum_w()), (2, 2, 6.0));
    assert_eq!(table.column("mass").expect("there"), [90.0, 100.0]);
    assert_eq!(table.weights(), Some(&[2.0, 4.0][..]));
    let error = EventTable::from_slices(&[mass()], &columns, None, OutOfBounds::Error)
        .expect_err("outside");
    assert!(error.to_string().contains("column \"mass\", row 0: 59.9"), "{error}");
}

#[test]
fn bad_tables_are_told() {
    let (m, p): (Named<'_>, Named<'_>) = (("mass", &[90.0, 91.0]), ("pt", &[1.0, 2.0]));
    refused(&[m, ("pT", &[1.0, 2.0])], None, "pt", None, "did you mean \"pT\"?");
    refused(&[m, ("xyz", &[1.0, 2.0])], None, "pt", None, "there are \"mass\", \"xyz\"");
    refused(&[m, p, p], None, "pt", None, "two columns");
    refused(&[m, ("pt", &[1.0])], None, "pt", None, "1 values");
    refused(&[m, ("pt", &[1.0, f64::NAN])], None, "pt", Some(1), "NaN");
    refused(&[("mass", &[f64::INFINITY, 90.0]), p], None, "mass", Some(0), "inf");
    refused(&[m, p], Some(&[1.0, -0.5]), "weights", Some(1), "-0.5 is negative");
    refused(&[m, p], Some(&[f64::NAN, 1.0]), "weights", Some(0), "NaN");
    refused(&[m, p], Some(&[1.0]), "weights", None, "1 weights for 2 events");
    refused(&[m, p], Some(&[f64::MAX, f64::MAX]), "weights", None, "overflows");
    assert!(EventTable::new(&[], vec![], None, OutOfBounds::Drop).is_err());
    assert!(EventTable::new(&[mass(), mass()], vec![], None, OutOfBounds::Drop).is_err());
    for (lo, hi) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (-1e308, 1e308)]
    {
        assert!(Observable::new("x", lo, hi).is_err());
    }
    assert!(Observable::new("", 0.0, 1.0).is_err());
}

#[test]
fn an_empty_table_is_legal() {
    let table = EventTable::from_slices(&[mass()], &[("mass", &[])], None, OutOfBounds::Error)
        .expect("a table");
    assert_eq!((table.n(), table.sum_w(), table.n_eff()), (0, 0.0, 0.0));
}
