//! Parquet files: every encoding and compression gives the same numbers, every damage an error.

use std::path::{Path, PathBuf};

use neyman::unbinned::events::{Channel, Range, ReadOptions};
use neyman::unbinned::{EventTable, Observable, OutOfBounds};
use neyman::{Error, Result};
use serde_json::Value;

use crate::{directory, goldens, number};

fn observables(names: &[&str]) -> Vec<Observable> {
    names.iter().map(|n| Observable::new(*n, -1e4, 1e4).expect("a window")).collect()
}

fn with_weight() -> ReadOptions {
    ReadOptions { weight: Some("_weight".into()), ..ReadOptions::default() }
}

fn recorded() -> Option<(PathBuf, Value)> {
    Some((directory()?, goldens()?["parquet"].take()))
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} {b}");
}

#[test]
fn every_encoding_gives_the_same_numbers() {
    let Some((directory, golden)) = recorded() else { return };
    let names = ["mass", "pt", "eta"];
    let good = ["none", "snappy", "zstd", "gzip", "lz4", "bss", "dict_v2", "channel"];
    let read = |name: &str| -> EventTable {
        let path = directory.join(format!("ev_{name}.parquet"));
        EventTable::from_parquet(path, &observables(&names), &with_weight())
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let first = read("none");
    for name in good {
        let table = read(name);
        assert_eq!(table.n() as u64, golden["rows"].as_u64().expect("rows"));
        for column in names {
            let (values, golden) =
                (table.column(column).expect("there"), &golden["columns"][column]);
            close(sum(values), number(&golden["sum"]), 1e-7);
            assert_eq!(values[0], number(&golden["first"]), "{name} {column}");
            assert_eq!(values[values.len() - 1], number(&golden["last"]), "{name} {column}");
        }
        close(table.sum_w(), number(&golden["columns"]["_weight"]["sum"]), 1e-9);
        assert_eq!(table, first, "{name}");
    }
    close(sum(read("f32").column("mass").expect("there")), number(&golden["f32_mass_sum"]), 1e-7);
    // integers are widened; which column holds them is the file's matter
    assert_eq!(read("i32").n(), 1000);
}

#[test]
fn ranges_and_channels_choose_events() {
    let Some((directory, golden)) = recorded() else { return };
    let window = &golden["window"];
    let (lo, hi) = (number(&window["lo"]), number(&window["hi"]));
    let ranges = vec![Range { column: "mass".into(), lo, hi }];
    let options = ReadOptions { ranges: ranges.clone(), ..ReadOptions::default() };
    let path = directory.join("ev_zstd.parquet");
    let table =
        EventTable::from_parquet(&path, &observables(&["pt", "mass"]), &options).expect("a table");
    assert_eq!(table.n() as u64, window["rows"].as_u64().expect("rows"));
    close(sum(table.column("mass").expect("there")), number(&window["sum_mass"]), 1e-8);
    close(sum(table.column("pt").expect("there")), number(&window["sum_pt"]), 1e-8);

    // the same by hand, of the whole file and with a second column that is not asked for
    let whole = EventTable::from_parquet(
        &path,
        &observables(&["mass", "pt", "eta"]),
        &ReadOptions::default(),
    )
    .expect("a table");
    let eta = Range { column: "eta".into(), lo: -1.0, hi: f64::INFINITY };
    let options =
        ReadOptions { ranges: ranges.into_iter().chain([eta]).collect(), ..ReadOptions::default() };
    let cut = EventTable::from_parquet(&path, &observables(&["pt"]), &options).expect("a table");
    let column = |name| whole.column(name).expect("there");
    let by_hand: Vec<f64> = (0..whole.n())
        .filter(|&i| (lo..=hi).contains(&column("mass")[i]) && column("eta")[i] >= -1.0)
        .map(|i| column("pt")[i])
        .collect();
    assert!(!by_hand.is_empty() && by_hand.len() < table.n());
    assert_eq!(cut.column("pt").expect("there"), by_hand);

    // nothing passes: an empty table
    let nothing = Range { column: "mass".into(), lo: 1e5, hi: 1e6 };
    let options = ReadOptions { ranges: vec![nothing], ..with_weight() };
    let empty = EventTable::from_parquet(&path, &observables(&["pt"]), &options).expect("a table");
    assert_eq!((empty.n(), empty.sum_w()), (0, 0.0));

    let path = directory.join("ev_channel.parquet");
    for (name, rows) in golden["channel"].as_object().expect("channels") {
        let channel = Channel { column: "_channel".into(), name: name.clone() };
        let options = ReadOptions { channel: Some(channel), ..ReadOptions::default() };
        let table =
            EventTable::from_parquet(&path, &observables(&["mass"]), &options).expect("a table");
        assert_eq!(table.n() as u64, rows.as_u64().expect("rows"), "{name}");
    }
}

#[test]
fn rows_are_those_of_the_file() {
    let Some((directory, golden)) = recorded() else { return };
    let (lo, hi) = (number(&golden["window"]["lo"]), number(&golden["window"]["hi"]));
    let path = directory.join("ev_snappy.parquet");
    let whole = EventTable::from_parquet(&path, &observables(&["mass", "pt"]), &with_weight())
        .expect("a table");
    let limit = 10.0;
    let narrow = [Observable::new("pt", limit, 1e4).expect("a window")];
    let ranges = vec![Range { column: "mass".into(), lo, hi }];
    let mut options = ReadOptions { ranges, ..ReadOptions::default() };
    let error = EventTable::from_parquet(&path, &narrow, &options).expect_err("outside");
    let Error::Events { row: Some(row), .. } = error else { panic!("{error}") };
    let column = |name| whole.column(name).expect("there");
    let expected = (0..whole.n())
        .find(|&i| (lo..=hi).contains(&column("mass")[i]) && column("pt")[i] < limit)
        .expect("one outside");
    assert!(expected > 100);
    assert_eq!(row, expected as u64);
    options.out_of_bounds = OutOfBounds::Drop;
    let table = EventTable::from_parquet(&path, &narrow, &options).expect("a table");
    assert_eq!(
        (table.n() + table.dropped()) as u64,
        golden["window"]["rows"].as_u64().expect("rows")
    );
    assert!(table.dropped() > 0);
}

fn told(result: Result<EventTable>, says: &[&str]) {
    let error = result.expect_err("a bad file").to_string();
    for part in says {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

#[test]
fn bad_files_are_refused_with_their_place() {
    let Some((directory, _)) = recorded() else { return };
    let read = |name: &str, columns: &[&str], options: &ReadOptions| {
        EventTable::from_parquet(directory.join(name), &observables(columns), options)
    };
    let all = ["mass", "pt", "eta"];
    let options = with_weight();
    told(read("bad_null.parquet", &all, &options), &["bad_null.parquet", "column", "row", "null"]);
    told(read("bad_nan.parquet", &all, &options), &["column", "row", "NaN is not a finite number"]);
    told(read("bad_string.parquet", &all, &options), &["column", "text, not numbers"]);
    told(read("bad_truncated.parquet", &all, &options), &["not a whole Parquet file"]);
    told(read("README.md", &all, &options), &["not a whole Parquet file"]);
    told(read("ev_none.parquet", &["mas"], &options), &["did you mean \"mass\"?"]);
    told(read("ev_channel.parquet", &["_channel"], &options), &["text, not numbers"]);
    let channel = Some(Channel { column: "mass".into(), name: "SR".into() });
    let by_number = ReadOptions { channel, ..ReadOptions::default() };
    told(read("ev_channel.parquet", &["mass"], &by_number), &["channels have names"]);
    let weight = ReadOptions { weight: Some("eta".into()), ..ReadOptions::default() };
    told(read("ev_none.parquet", &["mass"], &weight), &["column \"eta\"", "negative"]);
    let ranges = vec![Range { column: "mass".into(), lo: 2.0, hi: 1.0 }];
    let empty = ReadOptions { ranges, ..ReadOptions::default() };
    assert!(matches!(read("ev_none.parquet", &["mass"], &empty), Err(Error::Argument(_))));
    assert!(read("no such file", &["mass"], &options).expect_err("absent").is_io());
}

/// Bytes changed, cut and repeated: an error or a table, never a panic or an abort.
#[test]
fn damaged_files_never_end_the_program() {
    let Some((directory, _)) = recorded() else { return };
    let scratch = std::env::temp_dir().join(format!("neyman-unbinned-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a directory");
    let path = scratch.join("damaged.parquet");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut refusals = 0;
    for name in ["snappy", "dict_v2", "bss", "gzip", "lz4", "zstd", "i32", "channel"] {
        let file = directory.join(format!("ev_{name}.parquet"));
        let whole = std::fs::read(file).expect("a file");
        for round in 0..60 {
            let mut bytes = whole.clone();
            // the footer is a small part of the file and holds most that can go wrong
            let first = if round % 2 == 0 { 0 } else { bytes.len() - bytes.len() / 8 };
            for _ in 0..=random(8) {
                let at = first + random(bytes.len() - first);
                bytes[at] = random(256) as u8;
            }
            if round % 5 == 4 {
                bytes.truncate(random(whole.len()));
            }
            std::fs::write(&path, &bytes).expect("a file");
            refusals += usize::from(read_damaged(&path).is_err());
        }
    }
    std::fs::remove_dir_all(&scratch).expect("removed");
    assert!(refusals > 100, "{refusals} refusals: damage goes unnoticed");
}

fn read_damaged(path: &Path) -> Result<EventTable> {
    let ranges = vec![Range { column: "mass".into(), lo: 60.0, hi: 100.0 }];
    let options = ReadOptions { ranges, ..with_weight() };
    EventTable::from_parquet(path, &observables(&["mass", "pt", "eta"]), &options)
}
