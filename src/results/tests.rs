use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::fit::{FitBatch, Status};
use crate::session::{ToyChunk, ToyData, ToyEvents};

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("neyman-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn output(&self) -> PathBuf {
        self.0.join("toys.npz")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run() -> ToyRun {
    ToyRun {
        version: "1".into(),
        model: "abc".into(),
        names: vec!["mu".into(), "α[0]".into()],
        poi: Some("mu".into()),
        truth: vec![1.0, 0.0],
        seed: 3,
        first: 10,
        end: 35,
        held: vec![("mu".into(), 1.0)],
        data: Some((3, 1)),
        events: false,
        edm: 1e-8,
        evaluations: 1000,
        chunk: 8,
        device: "cpu".into(),
        precision: "f64".into(),
    }
}

/// Numbers that depend on the toy alone.
fn batch(first: u64, n: u64, shift: f64) -> FitBatch {
    let x = |i: u64| ((first + i) as f64 * 0.7 + shift).sin();
    FitBatch {
        n_parameters: 2,
        parameters: (0..2 * n).map(|i| x(i / 2) + (i % 2) as f64).collect(),
        nll: (0..n).map(|i| 100.0 + shift + x(i) * 0.1).collect(),
        edm: (0..n).map(|i| x(i).abs() * 1e-9).collect(),
        evaluations: (0..n).map(|i| (first + i) as u32).collect(),
        status: (0..n)
            .map(
                |i| {
                    if (first + i).is_multiple_of(11) { Status::Stalled } else { Status::Converged }
                },
            )
            .collect(),
        negative_bin: (0..n).map(|i| if (first + i).is_multiple_of(7) { 2 } else { -1 }).collect(),
        on_host: 0,
        failure: None,
    }
}

fn chunk(first: u64, n: u64) -> ToyChunk {
    let toys = first..first + n;
    let data = ToyData {
        main: toys.clone().flat_map(|i| [i as f64, 0.5, -(i as f64)]).collect(),
        auxiliary: toys.map(|i| (i as f64).cos()).collect(),
    };
    ToyChunk {
        first,
        fits: batch(first, n, 0.0),
        conditional: Some(batch(first, n, 1.0)),
        data: Some(data),
        events: None,
    }
}

fn fill(store: &mut ToyStore, chunks: usize) {
    let todo = store.missing();
    let grid = todo.into_iter().flat_map(|r| {
        let end = r.end;
        r.step_by(8).map(move |first| (first, (end - first).min(8)))
    });
    for (first, n) in grid.take(chunks) {
        store.put(chunk(first, n)).unwrap();
        store.flush().unwrap();
    }
}

fn uninterrupted(path: &Path) -> Vec<u8> {
    let mut store = ToyStore::create(path, run()).unwrap();
    fill(&mut store, usize::MAX);
    store.finish().unwrap();
    fs::read(path).unwrap()
}

fn resume(path: &Path) -> (crate::Result<ToyStore>, ToySummary) {
    let mut summary = ToySummary::default();
    let store = ToyStore::resume(path, run(), &mut |c| summary.add(c, 1e-8));
    (store, summary)
}

#[test]
fn interruption_does_not_change_a_bit() {
    let scratch = Scratch::new("bits");
    let whole = uninterrupted(&scratch.output());
    assert!(!scratch.0.join("toys.npz.part").exists());
    let other = scratch.0.join("other.npz");
    let mut store = ToyStore::create(&other, run()).unwrap();
    fill(&mut store, 2);
    drop(store);
    let (store, summary) = resume(&other);
    let mut store = store.unwrap();
    assert_eq!((summary.toys, store.finished()), (16, 16));
    assert_eq!(store.missing(), vec![(26..35)]);
    fill(&mut store, usize::MAX);
    store.finish().unwrap();
    assert_eq!(fs::read(&other).unwrap(), whole);
}

#[test]
fn what_is_read_back_is_what_was_written() {
    let scratch = Scratch::new("back");
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    fill(&mut store, 1);
    drop(store);
    let mut seen = Vec::new();
    ToyStore::resume(&scratch.output(), run(), &mut |c| seen.push(c.clone())).unwrap();
    assert_eq!(seen[0].data, chunk(10, 8).data);
}

#[test]
fn toys_of_events_are_read_back_and_appended() {
    let scratch = Scratch::new("events");
    let run = || ToyRun { data: None, events: true, ..run() };
    let chunk = |first: u64| {
        let events = ToyEvents {
            uncertainties: (0..16)
                .map(|i| if i == 3 { f64::NAN } else { 0.1 * i as f64 })
                .collect(),
            numbers: (first..first + 8).collect(),
        };
        ToyChunk { data: None, events: Some(events), ..chunk(first, 8) }
    };
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    // both at once, as one file
    store.put(chunk(10)).and_then(|()| store.put(chunk(18))).and_then(|()| store.flush()).unwrap();
    drop(store);
    let mut seen = Vec::new();
    ToyStore::resume(&scratch.output(), run(), &mut |c| seen.push(c.clone())).unwrap();
    let events = seen[0].events.clone().unwrap();
    assert_eq!(events.numbers, (10..26).collect::<Vec<u64>>());
    assert!(events.uncertainties[3].is_nan() && events.uncertainties[15] == 1.5);
    let mut store = ToyStore::resume(&scratch.output(), run(), &mut |_| ()).unwrap();
    let without = ToyChunk { events: None, ..chunk(26) };
    assert!(store.put(without).and_then(|()| store.flush()).is_err());
}

#[test]
fn data_of_another_shape_are_refused() {
    let scratch = Scratch::new("shape");
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    let mut wrong = chunk(10, 8);
    wrong.data = Some(ToyData { main: vec![0.0; 24], auxiliary: vec![0.0; 7] });
    let put = store.put(wrong).and_then(|()| store.flush());
    assert!(put.is_err());
    let put = store.put(ToyChunk { data: None, ..chunk(10, 8) }).and_then(|()| store.flush());
    assert!(put.is_err());
}

#[test]
fn chunks_written_together_give_the_same_file() {
    let scratch = Scratch::new("together");
    let whole = uninterrupted(&scratch.output());
    let other = scratch.0.join("other.npz");
    let mut store = ToyStore::create(&other, run()).unwrap();
    for (first, n) in [(18, 8), (26, 9), (10, 8)] {
        store.put(chunk(first, n)).unwrap();
    }
    store.finish().unwrap();
    assert_eq!(fs::read(&other).unwrap(), whole);
}

#[test]
fn damaged_chunks_are_done_again() {
    let scratch = Scratch::new("damage");
    let whole = uninterrupted(&scratch.output());
    fs::remove_file(scratch.output()).unwrap();
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    fill(&mut store, 3);
    let files = store.files().unwrap();
    drop(store);
    // one cut short, one with a flipped bit, one half-written temporary
    let bytes = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &bytes[..bytes.len() / 2]).unwrap();
    let mut bytes = fs::read(&files[2]).unwrap();
    bytes[200] ^= 1;
    fs::write(&files[2], &bytes).unwrap();
    fs::write(files[0].with_file_name(".x.1.tmp"), "half").unwrap();
    let (store, summary) = resume(&scratch.output());
    let mut store = store.unwrap();
    assert_eq!((store.damaged(), summary.toys), (2, 8));
    assert_eq!(store.missing(), [10..18, 26..35]);
    fill(&mut store, usize::MAX);
    store.finish().unwrap();
    assert_eq!(fs::read(scratch.output()).unwrap(), whole);
}

#[test]
fn another_run_is_refused() {
    let scratch = Scratch::new("foreign");
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    fill(&mut store, 1);
    drop(store);
    let again = ToyStore::create(&scratch.output(), run()).err().unwrap().to_string();
    assert!(again.contains("--resume"), "{again}");
    let other = ToyRun { seed: 4, ..run() };
    let refused = |r| ToyStore::resume(&scratch.output(), r, &mut |_| ()).err().unwrap();
    let message = refused(other.clone()).to_string();
    assert!(message.contains("seed 3 there, 4 here"), "{message}");
    let bare = refused(ToyRun { data: None, ..run() }).to_string();
    assert!(bare.contains("data kept there, not kept here"), "{bare}");
    // without the readable copy the chunks themselves tell
    fs::remove_file(scratch.0.join("toys.npz.part/run.json")).unwrap();
    let message = refused(other).to_string();
    assert!(message.contains("another run"), "{message}");
}

#[test]
fn a_run_cannot_be_joined_by_a_second_process() {
    let scratch = Scratch::new("lock");
    let _store = ToyStore::create(&scratch.output(), run()).unwrap();
    let message = resume(&scratch.output()).0.err().unwrap().to_string();
    assert!(message.contains("another process"), "{message}");
}

#[test]
fn finishing_needs_every_toy_and_keeps_chunks_on_failure() {
    let scratch = Scratch::new("finish");
    let mut store = ToyStore::create(&scratch.output(), run()).unwrap();
    fill(&mut store, 1);
    assert!(store.finish().err().unwrap().to_string().contains("18:35 are missing"));
    let mut store = resume(&scratch.output()).0.unwrap();
    fill(&mut store, usize::MAX);
    // the final name is taken by a directory
    fs::create_dir(scratch.output()).unwrap();
    assert!(store.finish().err().unwrap().is_io());
    fs::remove_dir(scratch.output()).unwrap();
    assert_eq!(resume(&scratch.output()).0.unwrap().finished(), 25);
}

#[test]
fn a_finished_run_is_not_begun_again() {
    let scratch = Scratch::new("complete");
    uninterrupted(&scratch.output());
    let message = resume(&scratch.output()).0.err().unwrap().to_string();
    assert!(message.contains("nothing to resume"), "{message}");
}

#[test]
fn the_summary_counts() {
    let mut summary = ToySummary::default();
    summary.add(&chunk(10, 25), 1e-8);
    assert_eq!((summary.toys, summary.converged, summary.fits), (25, 22, 50));
    assert_eq!(summary.unconverged, [11, 22, 33]);
    assert_eq!((summary.negative, summary.missed), (3, 0));
}

#[test]
fn npz_is_a_stored_zip_of_aligned_arrays() {
    let mut npz = npz::NpzWriter::new(std::io::Cursor::new(Vec::new()));
    npz.array_f64("a", &[2], &[1.5, f64::NAN]).unwrap();
    npz.array_text("b", &[], &["é"]).unwrap();
    let bytes = npz.finish().unwrap().into_inner();
    assert_eq!(&bytes[..4], b"PK\x03\x04");
    assert_eq!(&bytes[30..35], b"a.npy");
    let header =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    assert_eq!(&bytes[35..35 + header.len()], header);
    assert_eq!(bytes[35 + 128..35 + 136], 1.5f64.to_le_bytes());
    assert_eq!(bytes[14..18], crc32fast::hash(&bytes[35..35 + 144]).to_le_bytes());
}

#[test]
fn npz_refuses_wrong_lengths() {
    let writer = || npz::NpzWriter::new(std::io::Cursor::new(Vec::new()));
    assert!(writer().array_f64("a", &[1], &[1.0, 2.0]).is_err());
    let mut short = writer();
    short.array_f64("a", &[3], &[1.0]).unwrap();
    assert!(short.finish().is_err());
}

#[test]
fn atomic_writes_leave_no_rubbish() {
    let scratch = Scratch::new("atomic");
    let path = scratch.0.join("x.json");
    fs::write(&path, "old").unwrap();
    let failed = atomic::write(&path, |f| {
        std::io::Write::write_all(f, b"new")?;
        Err(std::io::Error::other("full"))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    assert!(atomic::write(&scratch.0.join("no/such/x"), |_| Ok(())).is_err());
}

/// NumPy must be able to read what this leaves in the temporary directory.
#[test]
#[ignore = "writes 4.3 GB"]
fn archives_beyond_4_gib() {
    let path = std::env::temp_dir().join("neyman-zip64.npz");
    atomic::write(&path, |file| {
        let mut npz = npz::NpzWriter::new(file);
        npz.array_u64("before", &[], &[1])?;
        npz.begin("large", npz::Dtype::F64, &[540, 1_000_000])?;
        let row: Vec<u8> = (0..1_000_000u32).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        for _ in 0..540 {
            npz.bytes(&row)?;
        }
        npz.array_u64("after", &[], &[2])?;
        npz.finish().map(|_| ())
    })
    .unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 540 * 8_000_000);
}
