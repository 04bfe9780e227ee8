//! Files of toys: divided runs joined, tests kept on disk and read back, damage noticed.

mod common;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use common::own;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::TestStatistic;
use neyman::model::interpolation::Interpolation;
use neyman::results::{
    ToyFile, ToyRun, ToyStore, ensemble_file, merge, read_from_disk, throw_to_disk,
};
use neyman::session::{EnsemblePlan, Hypothesis, Session, ToyHypotest, ToyPlan, ToyTest};

const CHUNK: usize = 16;

/// An empty folder of that name.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn session() -> Session {
    let model = own::compile(&own::well_behaved(), Interpolation::default());
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn plan(session: &Session, range: Range<u64>) -> ToyPlan {
    let tolerance = Tolerance::default();
    let truth = session.model().init();
    ToyPlan { truth, seed: 3, range, hold: vec![(0, 0.5), (2, 0.1)], keep_data: true, tolerance }
}

/// Throws the plan into a file.
fn write(session: &Session, plan: &ToyPlan, path: &Path) -> Vec<u8> {
    let run = ToyRun::new(session.model(), session.device(), plan, CHUNK);
    let mut store = ToyStore::create(path, run).expect("a store");
    let stop = AtomicBool::new(false);
    session.toys(plan, CHUNK, &stop, &mut |chunk| store.put(chunk)).expect("toys");
    store.finish().expect("a file");
    fs::read(path).expect("a file")
}

/// The message of a refused merge, which leaves no file.
fn refused(folder: &Path, parts: &[&str]) -> String {
    let output = folder.join("refused.npz");
    let parts: Vec<PathBuf> = parts.iter().map(|p| folder.join(p)).collect();
    let message = merge(&output, &parts).expect_err("refused").to_string();
    assert!(!output.exists(), "{message}");
    message
}

#[test]
fn shards_joined_are_the_whole_to_the_bit() {
    let (folder, session) = (folder("shards"), session());
    let whole = write(&session, &plan(&session, 5..90), &folder.join("whole.npz"));
    let mut parts = Vec::new();
    for range in [40..77, 5..40, 77..77, 77..90] {
        let path = folder.join(format!("{}-{}.npz", range.start, range.end));
        write(&session, &plan(&session, range), &path);
        parts.push(path);
    }
    let run = merge(&folder.join("joined.npz"), &parts).expect("joined");
    assert_eq!((run.first, run.end), (5, 90));
    assert!(fs::read(folder.join("joined.npz")).expect("a file") == whole);
    // joined in two steps
    merge(&folder.join("tail.npz"), &[parts[3].clone(), parts[0].clone()]).expect("joined");
    merge(&folder.join("again.npz"), &[parts[1].clone(), folder.join("tail.npz")]).expect("joined");
    assert!(fs::read(folder.join("again.npz")).expect("a file") == whole);
}

#[test]
fn what_was_thrown_is_read_back() {
    let (folder, session) = (folder("back"), session());
    let plan = plan(&session, 7..50);
    let path = folder.join("toys.npz");
    write(&session, &plan, &path);
    let mut thrown = Vec::new();
    let stop = AtomicBool::new(false);
    session
        .toys(&plan, 10, &stop, &mut |chunk| {
            thrown.push(chunk);
            Ok(())
        })
        .expect("toys");
    let mut file = ToyFile::open(&path).expect("a file");
    assert_eq!(file.run().held, [("shape".to_owned(), 0.5), ("norm".to_owned(), 0.1)]);
    let mut read = Vec::new();
    file.chunks(10, &mut |chunk| {
        read.push(chunk);
        Ok(())
    })
    .expect("chunks");
    assert_eq!(read.len(), thrown.len());
    for (a, b) in read.iter().zip(&thrown) {
        assert_eq!((a.first, &a.fits, &a.data), (b.first, &b.fits, &b.data));
        assert_eq!(a.conditional, b.conditional);
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (folder, session) = (folder("foreign"), session());
    let toys = |name: &str, plan: ToyPlan| write(&session, &plan, &folder.join(name));
    toys("a.npz", plan(&session, 0..20));
    toys("b.npz", plan(&session, 20..40));
    toys("late.npz", plan(&session, 25..40));
    toys("early.npz", plan(&session, 15..40));
    toys("seed.npz", ToyPlan { seed: 4, ..plan(&session, 20..40) });
    toys("held.npz", ToyPlan { hold: vec![(0, 0.6)], ..plan(&session, 20..40) });
    toys("bare.npz", ToyPlan { keep_data: false, ..plan(&session, 20..40) });
    let mut truth = session.model().init();
    truth[1] += 0.5;
    toys("truth.npz", ToyPlan { truth, ..plan(&session, 20..40) });
    let wide = session.with_bounds(1, (-30.0, 30.0)).expect("a session");
    write(&wide, &plan(&wide, 20..40), &folder.join("model.npz"));
    let cases = [
        ("seed.npz", "seed 4 there, 3 here"),
        ("held.npz", "held shape = 0.6 there, shape = 0.5, norm = 0.1 here"),
        ("bare.npz", "data not kept there"),
        ("truth.npz", "another truth for"),
        ("model.npz", "another model"),
        ("late.npz", "toys 20:25 are missing"),
        ("early.npz", "toys 15:20 are in"),
        ("a.npz", "toys 0:20 are in"),
    ];
    for (name, says) in cases {
        let message = refused(&folder, &["a.npz", name]);
        assert!(message.contains(says) && message.contains(name), "{name}: {message}");
    }
    assert!(refused(&folder, &[]).contains("no files"));
    assert!(refused(&folder, &["a.npz", "nothing.npz"]).contains("nothing.npz"));
    // a slip of the hand must not cost a file
    let before = fs::read(folder.join("a.npz")).expect("a file");
    let message = merge(&folder.join("a.npz"), &[folder.join("b.npz")]).expect_err("refused");
    assert!(message.to_string().contains("there already"), "{message}");
    assert!(fs::read(folder.join("a.npz")).expect("a file") == before);
}

/// Cut anywhere or changed anywhere: an error, no panic, no other result.
#[test]
fn damage_is_noticed() {
    let (folder, session) = (folder("damage"), session());
    let good = write(&session, &plan(&session, 0..3), &folder.join("good.npz"));
    let path = folder.join("bad.npz");
    let opens = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        ToyFile::open(&path)
    };
    for length in (0..good.len()).step_by(97).chain([1, 21, 22, good.len() - 1]) {
        assert!(opens(&good[..length]).is_err(), "cut to {length}");
    }
    let mut kept = 0;
    for at in (0..good.len()).step_by(61) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x11;
        // dates and the like in the zip's own headers decide nothing
        if let Ok(file) = opens(&bytes) {
            kept += 1;
            assert_eq!((file.run().seed, file.run().end), (3, 3), "changed at {at}");
        }
    }
    assert!(kept < good.len() / 61 / 4, "{kept} changes were not noticed");
    for text in [&b""[..], b"PK\x05\x06", b"no archive at all", &[0xff; 100]] {
        assert!(opens(text).is_err());
    }
    let tail = [b"PK\x05\x06".as_slice(), &[0xff; 18]].concat();
    assert!(opens(&tail).is_err());
}

fn toy_test(range: Range<u64>) -> ToyTest {
    ToyTest {
        poi: None,
        mu: 1.5,
        statistic: TestStatistic::QTilde,
        seed: 5,
        stream: 0,
        range,
        error: None,
        alternative: true,
        keep_values: true,
        chunk: CHUNK,
        tolerance: Tolerance::default(),
    }
}

fn keep(
    session: &Session,
    test: &ToyTest,
    directory: &Path,
    resume: bool,
) -> neyman::Result<ToyHypotest> {
    let prepared = session.prepare_toy_test(test, session.model().observed())?;
    throw_to_disk(prepared, directory, resume, &AtomicBool::new(false), &mut |_, _| {})
}

fn same(a: &ToyHypotest, b: &ToyHypotest) {
    assert_eq!((&a.tested.values, &a.tested.failed), (&b.tested.values, &b.tested.failed));
    assert_eq!(a.alternative.values, b.alternative.values);
    assert_eq!((a.cls, a.expected), (b.cls, b.expected));
    assert!(a.complete && b.complete);
}

#[test]
fn tests_on_disk_are_those_in_memory() {
    let (folder, session) = (folder("tests"), session());
    let observed = session.model().observed();
    let stop = AtomicBool::new(false);
    let read = |test: &ToyTest, directory: &Path| {
        read_from_disk(session.prepare_toy_test(test, observed).expect("a test"), directory)
    };
    let test = toy_test(0..100);
    let memory = session.hypotest_toys(&test, observed, &stop, &mut |_, _| {}).expect("a test");
    let whole = folder.join("whole");
    same(&keep(&session, &test, &whole, false).expect("kept"), &memory);
    same(&read(&test, &whole).expect("read"), &memory);
    same(&keep(&session, &test, &whole, true).expect("read"), &memory);
    assert!(
        keep(&session, &test, &whole, false).unwrap_err().to_string().contains("there already")
    );

    // stopped, and resumed
    let cut = folder.join("cut");
    let prepared = session.prepare_toy_test(&test, observed).expect("a test");
    let mut stop_soon = |h, _| stop.store(h == Hypothesis::Alternative, Ordering::Relaxed);
    let part = throw_to_disk(prepared, &cut, false, &stop, &mut stop_soon).expect("a part");
    assert!(!part.complete && part.tested.is_complete());
    assert_eq!(part.alternative.finished, CHUNK as u64);
    same(&keep(&session, &test, &cut, true).expect("resumed"), &memory);

    // shards, joined
    let joined = folder.join("joined");
    fs::create_dir(&joined).expect("a folder");
    let shards = [(folder.join("first"), 0..60), (folder.join("second"), 60..100)];
    for (directory, range) in &shards {
        keep(&session, &toy_test(range.clone()), directory, false).expect("kept");
    }
    for hypothesis in [Hypothesis::Tested, Hypothesis::Alternative] {
        let file = |directory: &Path| ensemble_file(directory, test.statistic, hypothesis);
        let parts: Vec<_> = shards.iter().map(|(directory, _)| file(directory)).collect();
        merge(&file(&joined), &parts).expect("joined");
        let bytes = |directory| fs::read(file(directory)).expect("a file");
        assert!(bytes(&joined) == bytes(&whole));
    }
    same(&read(&toy_test(0..0), &joined).expect("read"), &memory);

    // toys of another test
    let other = read(&ToyTest { mu: 1.6, ..test.clone() }, &whole).unwrap_err().to_string();
    assert!(other.contains("held mu = 1.5 there, mu = 1.6 here"), "{other}");
    let path = |h| ensemble_file(&joined, test.statistic, h);
    fs::copy(path(Hypothesis::Tested), path(Hypothesis::Alternative)).expect("copied");
    let swapped = read(&test, &joined).unwrap_err().to_string();
    assert!(swapped.contains("background.npz") && swapped.contains("truth"), "{swapped}");
    fs::remove_file(path(Hypothesis::Alternative)).expect("removed");
    assert!(read(&test, &joined).unwrap_err().is_io());
    let adaptive = ToyTest { error: Some(0.1), ..test };
    assert!(keep(&session, &adaptive, &folder.join("no"), false).unwrap_err().is_unsupported());
}

#[test]
fn files_are_named_by_what_was_thrown() {
    let name = |statistic, hypothesis| {
        let path = ensemble_file(Path::new("d"), statistic, hypothesis);
        path.file_name().and_then(|n| n.to_str()).map(str::to_owned).unwrap_or_default()
    };
    use TestStatistic::{Q0, QTilde};
    assert_eq!(name(QTilde, Hypothesis::Tested), "signal_background.npz");
    assert_eq!(name(QTilde, Hypothesis::Alternative), "background.npz");
    assert_eq!(name(Q0, Hypothesis::Tested), "background.npz");
    assert_eq!(name(Q0, Hypothesis::Alternative), "signal_background.npz");
}

#[test]
fn tests_thrown_elsewhere_are_those_thrown_here() {
    let session = session();
    let observed = session.model().observed();
    let stop = AtomicBool::new(false);
    // the second one looks at its error in between
    for test in [toy_test(40..100), ToyTest { error: Some(0.001), ..toy_test(0..3000) }] {
        let here = session.hypotest_toys(&test, observed, &stop, &mut |_, _| {}).expect("a test");
        let prepared = session.prepare_toy_test(&test, observed).expect("a test");
        let poi = session.poi(None).expect("a parameter of interest");
        let there = session.with_bounds(poi, prepared.bounds).expect("a session");
        let mut pending = prepared.into_pending();
        let mut steps = 0;
        loop {
            let needed = pending.needed();
            if needed.is_empty() {
                break;
            }
            steps += 1;
            for (hypothesis, plan) in needed {
                let (first, middle, last) =
                    (plan.range.start, plan.range.start + 7, plan.range.end);
                // in reverse
                for range in [middle..last, first..middle] {
                    let plan = EnsemblePlan { range, ..plan.clone() };
                    let part = there.ensemble(&plan, CHUNK, &stop, &mut |_| {}).expect("toys");
                    pending.take(hypothesis, &part).expect("taken");
                }
                let plan = EnsemblePlan { range: first..middle, ..plan };
                let part = there.ensemble(&plan, CHUNK, &stop, &mut |_| {}).expect("toys");
                let twice = pending.take(hypothesis, &part).unwrap_err().to_string();
                assert!(twice.contains("there twice"), "{twice}");
            }
        }
        assert_eq!(steps > 1, test.error.is_some());
        same(&pending.conclude(), &here);
    }
}
