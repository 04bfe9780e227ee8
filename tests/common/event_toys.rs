//! Toys of single events fitted on a device, against the processor's (`tests/parity_unbinned.rs`).

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use neyman::accelerator::events::{EventCall, EventDevice, EventTotals, Events, Held};
use neyman::accelerator::{DeviceInfo, DeviceRequest, open_events};
use neyman::fit::{FitBatch, Status, Tolerance};
use neyman::infer::TestStatistic;
use neyman::session::{ToyPlan, ToyTest, UnbinnedSession};
use neyman::unbinned::UnbinnedModel;
use neyman::unbinned::toys::FittedToys;
use neyman::{Error, Result};

use crate::Device;
use crate::common::cuda::is_fast;
use crate::event_models::{all_densities, bell, two_channels};

/// A model, where toys are thrown, how many, and what a second fit holds.
type Case = (&'static str, UnbinnedModel, Vec<f64>, u64, Vec<(usize, f64)>);

fn cases(device: &Device) -> Vec<Case> {
    let (bell, channels, all) = (bell(1000, None), two_channels(), all_densities(600, false));
    let truth = |n: f64| vec![0.25 * n, 91.0, 2.5, 0.75 * n, -0.03];
    let yields = [vec![60.0; 12], all.init().split_off(12)].concat();
    let n = few(device, 12);
    let mut cases = vec![
        ("bell", bell.clone(), truth(1000.0), n, vec![(0, 240.0)]),
        ("channels", channels.clone(), channels.init(), n, vec![(0, 1.0)]),
        ("densities", told_apart(all, &yields), yields, n, vec![]),
    ];
    if (device.largest)() > 20_000 {
        // the processor begins with a part of so many events
        cases.push(("many events", bell, truth(20_000.0), 2, vec![(4, -0.03)]));
    }
    cases
}

/// Toys that take the stand-in driver seconds.
fn few(device: &Device, n: u64) -> u64 {
    if device.name == "cuda f64" && !is_fast() { 3 } else { n }
}

/// Yields alone follow the data, and not those of series: together the shapes of twelve densities are anything.
fn told_apart(model: UnbinnedModel, truth: &[f64]) -> UnbinnedModel {
    let held = |model: UnbinnedModel, k: usize| model.with_bounds(k, (truth[k], truth[k]));
    (7..10).chain(12..truth.len()).fold(model, |model, k| held(model, k).expect("bounds"))
}

fn fit(
    model: &UnbinnedModel,
    truth: &[f64],
    range: Range<u64>,
    hold: &[(usize, f64)],
) -> FittedToys {
    model.fit_toys(truth, range, 5, hold, Tolerance::PARITY).expect("toys")
}

fn same_bits(a: &FitBatch, i: usize, b: &FitBatch, j: usize) {
    let bits = |batch: &FitBatch, i: usize| {
        let values = batch.parameters_of(i).iter().chain([&batch.nll[i], &batch.edm[i]]);
        values.map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(a, i), bits(b, j));
    assert_eq!((a.status[i], a.evaluations[i]), (b.status[j], b.evaluations[j]));
}

/// Free and held fits of toys of several models end where the processor's do.
pub(crate) fn toys(device: &Device) {
    for (what, model, truth, n, hold) in cases(device) {
        let Some(loaded) = device.load(&model) else { return };
        let (found, want) = (fit(&loaded, &truth, 0..n, &hold), fit(&model, &truth, 0..n, &hold));
        assert_eq!((found.fits.on_host, found.fits.failure.clone()), (0, None));
        assert_eq!(found.events, want.events);
        assert_eq!(found.conditional.is_some(), !hold.is_empty());
        let (mut nll, mut shift, mut width, mut statistic) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        let parameters = truth.len();
        for i in 0..n as usize {
            let at = |toys: &FittedToys| (toys.fits.status[i], toys.fits.nll[i]);
            assert_eq!((at(&found).0, at(&want).0), (Status::Converged, Status::Converged));
            nll = nll.max((at(&found).1 - at(&want).1).abs());
            for k in 0..parameters {
                let sigma = |toys: &FittedToys| toys.uncertainties[i * parameters + k];
                if sigma(&want) == 0.0 {
                    assert_eq!(sigma(&found), 0.0, "{what}, toy {i}: {k} is held by one alone");
                    continue;
                }
                let value = |toys: &FittedToys| toys.fits.parameters_of(i)[k];
                shift = shift.max((value(&found) - value(&want)).abs() / sigma(&want));
                width = width.max((sigma(&found) / sigma(&want) - 1.0).abs());
            }
            if let (Some(a), Some(b)) = (&found.conditional, &want.conditional) {
                assert_eq!(a.status[i], b.status[i]);
                let t = |held: &FitBatch, toys: &FittedToys| 2.0 * (held.nll[i] - at(toys).1);
                statistic = statistic.max((t(a, &found) - t(b, &want)).abs());
            }
        }
        let name = device.name;
        eprintln!(
            "{name}, toys of {what}: NLL {nll:.1e}, fit {shift:.1e} sigma, widths {width:.1e}, t {statistic:.1e}"
        );
        let contract = device.contract;
        assert!(nll < contract.toys && statistic < 4.0 * contract.toys, "{name}, {what}");
        assert!(shift < contract.fit && width < contract.widths, "{name}, {what}");
    }
}

/// A toy's fits have the same bits alone, with others, and again.
pub(crate) fn toys_in_company(device: &Device) {
    let model = two_channels();
    let Some(loaded) = device.load(&model) else { return };
    let n = few(device, 9);
    let hold = [(0, 0.9)];
    let whole = fit(&loaded, &model.init(), 0..n, &hold);
    for range in [0..1, 1..n, n - 1..n] {
        let part = fit(&loaded, &model.init(), range.clone(), &hold);
        for (i, toy) in range.enumerate() {
            let toy = toy as usize;
            same_bits(&part.fits, i, &whole.fits, toy);
            let held = |toys: &FittedToys| toys.conditional.clone().expect("held fits");
            same_bits(&held(&part), i, &held(&whole), toy);
            let widths = |toys: &FittedToys, i: usize| {
                let all = &toys.uncertainties[i * model.init().len()..][..model.init().len()];
                all.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(widths(&part, i), widths(&whole, toy));
        }
    }
    // chunks of a session, which tells what runs
    let session = UnbinnedSession::new(loaded.clone(), Some(0)).expect("a session");
    assert_eq!(session.device(), &loaded.device());
    let plan = ToyPlan {
        truth: model.init(),
        seed: 5,
        range: 0..n,
        hold: hold.to_vec(),
        keep_data: false,
        tolerance: Tolerance::PARITY,
    };
    let mut seen = 0;
    let stop = AtomicBool::new(false);
    let done = session.toys(&plan, 2, &stop, &mut |chunk| {
        (0..chunk.fits.len()).for_each(|i| same_bits(&chunk.fits, i, &whole.fits, seen + i));
        seen += chunk.fits.len();
        // as Ctrl-C does
        stop.store(seen >= 2, Ordering::Relaxed);
        Ok(())
    });
    assert_eq!((done.expect("toys"), seen), (2, 2));
}

/// Toys with few events, or none, beside others: yields end on their bounds.
pub(crate) fn empty_toys(device: &Device) {
    let model = bell(100, None);
    let Some(loaded) = device.load(&model) else { return };
    let truth = [0.4, 91.0, 2.5, 1.0, -0.03];
    let hold = [(1, 91.0), (2, 2.5), (4, -0.03)];
    let held = |model: &UnbinnedModel| {
        let one = |model: UnbinnedModel, (k, value)| model.with_bounds(k, (value, value));
        hold.into_iter().fold(model.clone(), |model, at| one(model, at).expect("bounds"))
    };
    let (found, want) =
        (fit(&held(&loaded), &truth, 0..12, &[]), fit(&held(&model), &truth, 0..12, &[]));
    assert!(want.events.contains(&0) && want.events.iter().any(|n| *n > 1), "{:?}", want.events);
    for i in 0..12 {
        assert_eq!(found.fits.status[i], want.fits.status[i], "toy {i}");
        let (a, b) = (found.fits.nll[i], want.fits.nll[i]);
        assert!((a - b).abs() < device.contract.toys, "toy {i}: {a} {b}");
        if want.events[i] == 0 {
            assert!(a.abs() < 1e-6, "toy {i}: {a}");
        }
    }
}

/// Tests by toys are made of the same numbers of toys beyond the observed test statistic.
pub(crate) fn tests_by_toys(device: &Device) {
    let Some(request) = (device.request)() else { return };
    if device.name == "cuda f64" && !is_fast() {
        eprintln!("cuda f64, tests by toys: left to cards");
        return;
    }
    let model = bell(300, None);
    let test = ToyTest {
        poi: None,
        mu: 60.0,
        statistic: TestStatistic::QTilde,
        seed: 3,
        stream: 0,
        range: 0..30,
        error: None,
        alternative: true,
        keep_values: true,
        chunk: 20,
        tolerance: Tolerance::default(),
    };
    let cls = |session: UnbinnedSession| {
        let stop = AtomicBool::new(false);
        let found = session.hypotest_toys(&test, &stop, &mut |_, _| {}).expect("a test");
        (found.cls.clsb, found.cls.clb, found.complete)
    };
    let here = UnbinnedSession::new(model.clone(), Some(0)).expect("a session");
    let there = UnbinnedSession::with_device(model, Some(0), &request).expect("a session");
    assert_eq!(cls(there), cls(here));
}

/// A device that is lost at a call.
#[derive(Debug)]
struct Lost {
    device: Arc<dyn EventDevice>,
    calls_left: Arc<AtomicU32>,
}

impl EventDevice for Lost {
    fn info(&self) -> &DeviceInfo {
        self.device.info()
    }

    fn held(&self) -> &Held {
        self.device.held()
    }

    fn with(&self, events: &[Events<'_>]) -> Result<Arc<dyn EventDevice>> {
        let (device, calls_left) = (self.device.with(events)?, Arc::clone(&self.calls_left));
        Ok(Arc::new(Self { device, calls_left }))
    }

    fn share(&self) -> u32 {
        self.device.share()
    }

    fn run(&self, call: &EventCall<'_>) -> Result<Vec<EventTotals>> {
        let left = |n: u32| n.checked_sub(1);
        if self.calls_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Err(Error::Device { device: "here".into(), message: "made to fail".into() });
        }
        self.device.run(call)
    }
}

/// Opens a device that is lost after so many calls.
pub(crate) fn losing<'a>(
    request: &'a DeviceRequest,
    calls_left: &'a Arc<AtomicU32>,
) -> impl Fn(&[Events<'_>]) -> Result<Arc<dyn EventDevice>> + 'a {
    move |events| {
        let device = open_events(request, events)?.expect("a device");
        Ok(Arc::new(Lost { device, calls_left: Arc::clone(calls_left) }))
    }
}

/// What a lost device leaves the processor finishes, or an error says that it is lost.
pub(crate) fn lost(device: &Device) {
    let Some(request) = (device.request)() else { return };
    let model = bell(300, None);
    let truth = [75.0, 91.0, 2.5, 225.0, -0.03];
    let want = fit(&model, &truth, 0..4, &[]);
    for calls in [0, 1, 3] {
        let left = Arc::new(AtomicU32::new(calls));
        let open = losing(&request, &left);
        let helped = model.on_devices_of(true, &open).expect("a model");
        let found = fit(&helped, &truth, 0..4, &[]);
        assert_eq!(found.fits.on_host, 4);
        let told = found.fits.failure.as_deref();
        assert_eq!(told, Some("device here: made to fail (the processor took over)"));
        (0..4).for_each(|i| same_bits(&found.fits, i, &want.fits, i));
        left.store(calls, Ordering::Relaxed);
        let alone = model.on_devices_of(false, &open).expect("a model");
        let found = alone.fit_toys(&truth, 0..4, 5, &[], Tolerance::default());
        assert!(found.expect_err("lost").is_device());
        // of a single fit as well
        left.store(calls, Ordering::Relaxed);
        let found = alone.fit(&neyman::session::FitOptions::default());
        assert!(found.expect_err("lost").is_device());
    }
}
