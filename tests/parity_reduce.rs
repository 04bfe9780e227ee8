//! The contract of `docs/parity.md` for mixtures of processes: recorded likelihoods, batches and large samples on
//! every device and in every precision, against `reduce_lse` of the processor. A device joins with one
//! `mixtures!` line. `-- --nocapture` prints the largest error of every row.

mod common;
#[path = "common/mixtures.rs"]
mod mixtures;

use mixtures::{Batch, Case, cases, everything, resonance};
use neyman::unbinned::reduce::{
    Mixture, MixtureSession, Reduced, Toy, Wanted, reduce_lse, reduce_lse_batch,
};

/// What one precision promises.
#[derive(Debug)]
struct Contract {
    /// Of the NLL, whatever the number of events; 10 times as much from 2 * 10^5 on where `grows`.
    nll: f64,
    grows: bool,
    /// More for each unit of the terms that are summed.
    nll_of_terms: f64,
    /// Each derivative in a yield and in a log-density, in proportion to the larger of 1 and itself.
    gradient: f64,
}

const F64: Contract = Contract { nll: 1e-8, grows: false, nll_of_terms: 1e-14, gradient: 1e-10 };
#[cfg(feature = "gpu")]
const DF64: Contract = Contract { nll: 1e-8, grows: false, nll_of_terms: 1e-12, gradient: 1e-9 };
#[cfg(feature = "gpu")]
const F32: Contract = Contract { nll: 5e-4, grows: true, nll_of_terms: 2e-7, gradient: 2e-5 };

impl Contract {
    fn nll_within(&self, n: usize, size: f64) -> f64 {
        let grown = if self.grows && n > 200_000 { 10.0 } else { 1.0 };
        // terms are few where the recorded ones are large
        let terms = if self.grows && n > 100 { 0.0 } else { self.nll_of_terms * size };
        grown * self.nll + terms
    }
}

/// A device under test.
struct Device {
    name: &'static str,
    contract: &'static Contract,
    /// `None`, aloud, where this machine has none.
    open: fn(usize, &[u32]) -> Option<MixtureSession>,
    /// Log-densities are loaded as f32; results are compared with those of the same numbers.
    single: bool,
    /// Events of the largest sample.
    largest: fn() -> usize,
}

/// Largest errors, in units of what is allowed.
#[derive(Default)]
struct Worst {
    nll: (f64, f64),
    gradient: (f64, f64),
}

impl Worst {
    fn enter(worst: &mut (f64, f64), error: f64, allowed: f64) {
        let share = error / allowed;
        if share > worst.0 || share.is_nan() {
            *worst = (share, error);
        }
    }

    fn gradients(&mut self, allowed: f64, a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b).filter(|(a, b)| a != b) {
            Self::enter(&mut self.gradient, (a - b).abs(), allowed * b.abs().max(1.0));
        }
    }

    fn close(&self, device: &Device, what: &str) {
        for (row, (share, error)) in [("NLL", self.nll), ("gradient", self.gradient)] {
            eprintln!("{}, {what}: {row} {error:.1e}, {share:.1e} of the row", device.name);
            assert!(share <= 1.0, "{}, {what}: {row} off by {error:e}", device.name);
        }
    }
}

impl Device {
    /// What it makes of a mixture of one data set, with the derivatives in the log-densities.
    fn reduce(&self, case: &Case) -> Option<(Reduced, Vec<f64>)> {
        let mut session = (self.open)(case.yields.len(), &[0, case.n_events() as u32])?;
        let (toys, weights) = ([case.toy()], case.weights.as_deref());
        let told = "a mixture";
        let (mut all, slopes) = if self.single {
            let mut slopes = vec![f32::NAN; case.log_p.len()];
            session.load(&narrow(&case.log_p), weights).expect(told);
            let all = session.nll_dlogp(&toys, &mut slopes).expect(told);
            (all, slopes.into_iter().map(f64::from).collect())
        } else {
            let mut slopes = vec![f64::NAN; case.log_p.len()];
            session.load(&case.log_p, weights).expect(told);
            (session.nll_dlogp(&toys, &mut slopes).expect(told), slopes)
        };
        // the same bits whatever else is asked for, and again
        let value = session.nll(&toys).expect(told);
        assert_eq!(value[0].nll, all[0].nll);
        assert!(value[0].yield_gradient.is_empty());
        assert_eq!(session.nll_grad(&toys).expect(told), all);
        Some((all.remove(0), slopes))
    }

    /// The numbers that it is given.
    fn given(&self, mut case: Case) -> Case {
        if self.single {
            case.log_p = narrow(&case.log_p).into_iter().map(f64::from).collect();
        }
        case
    }

    /// Slopes in f32 are rounded once more.
    fn slopes_within(&self) -> f64 {
        let rounded = if self.single { 6e-8 } else { 0.0 };
        self.contract.gradient + rounded
    }
}

fn narrow(log_p: &[f64]) -> Vec<f32> {
    log_p.iter().map(|l| *l as f32).collect()
}

fn of_processor(case: &Case) -> (Reduced, Vec<f64>) {
    everything(&Mixture {
        log_p: &case.log_p,
        yields: &case.yields,
        weights: case.weights.as_deref(),
        constraints: &case.constraints,
        constant: 0.0,
    })
}

/// The recorded likelihoods, of every path what is recorded.
fn recorded(device: &Device) {
    let Some(goldens) = goldens() else { return };
    let mut worst = Worst::default();
    for case in cases(&goldens) {
        let exact = case.log_p.clone();
        let case = device.given(case);
        let Some((found, slopes)) = device.reduce(&case) else { return };
        if case.nll == f64::INFINITY {
            assert_eq!((found.nll, found.zero_density), (f64::INFINITY, 1), "{}", case.id);
            continue;
        }
        assert_eq!(found.zero_density, 0, "{}", case.id);
        // numbers that f32 does not hold have another likelihood, which the processor knows
        let (mut nll, mut yields) = (case.nll, case.yield_gradient.clone());
        let mut want = case.slopes.clone();
        if exact != case.log_p {
            let (reduced, slopes) = of_processor(&case);
            (nll, yields, want) = (reduced.nll, reduced.yield_gradient, slopes);
            let near = exact.iter().all(|l| l.abs() < 16.0);
            let within = 1e-6 * (case.n_events() as f64).sqrt();
            assert!(!near || (nll - case.nll).abs() < within, "{}", case.id);
        }
        let within = device.contract.nll_within(case.n_events(), case.size);
        let before = worst.nll;
        Worst::enter(&mut worst.nll, (found.nll - nll).abs(), within);
        if worst.nll != before {
            eprintln!("{}, {}: NLL {} not {nll}", device.name, case.id, found.nll);
        }
        worst.gradients(device.contract.gradient, &found.yield_gradient, &yields);
        worst.gradients(device.slopes_within(), &slopes, &want);
        worst.gradients(1e-10, &found.constraint_gradient, &case.constraint_gradient);
    }
    worst.close(device, "recorded");
}

/// The recorded batch, whose processes lie the number of all events apart.
fn recorded_batch(device: &Device) {
    let Some(goldens) = goldens() else { return };
    let batch = Batch::recorded(&goldens);
    let Some(mut session) = (device.open)(2, &batch.offsets) else { return };
    let toys = batch.toys();
    let mut worst = Worst::default();
    let want = if device.single {
        let single = narrow(&batch.log_p);
        session.load(&single, None).expect("loads");
        reduce_lse_batch(&single, None, &batch.offsets, &toys, true, false)
    } else {
        session.load(&batch.log_p, None).expect("loads");
        reduce_lse_batch(&batch.log_p, None, &batch.offsets, &toys, true, false)
    };
    let found = session.nll_grad(&toys).expect("a batch");
    for (t, (found, want)) in found.iter().zip(want.expect("a batch")).enumerate() {
        if !device.single {
            assert!((want.nll - batch.nll[t]).abs() < 1e-10);
            worst.gradients(1e-10, &want.yield_gradient, &batch.yield_gradient[2 * t..2 * t + 2]);
        }
        let within = device.contract.nll_within(6, 20.0);
        Worst::enter(&mut worst.nll, (found.nll - want.nll).abs(), within);
        worst.gradients(device.contract.gradient, &found.yield_gradient, &want.yield_gradient);
        assert_eq!(found.constraint_gradient, want.constraint_gradient);
    }
    worst.close(device, "recorded batch");
}

/// Resonances on a background, with and without weights that are all the same: what repeats adds up.
fn large_samples(device: &Device) {
    for n in [1000, 10_000, 100_000, 1_000_000] {
        if n > (device.largest)() {
            break;
        }
        for weight in [None, Some(0.3)] {
            let (log_p, yields) = resonance(n);
            let case = device.given(Case {
                log_p,
                yields: yields.to_vec(),
                weights: weight.map(|w| vec![w; n]),
                ..Case::default()
            });
            let Some((found, slopes)) = device.reduce(&case) else { return };
            let (want, want_slopes) = of_processor(&case);
            let mut worst = Worst::default();
            // some 5 a term
            let within = device.contract.nll_within(n, 5.0 * n as f64);
            Worst::enter(&mut worst.nll, (found.nll - want.nll).abs(), within);
            let gradient = device.contract.gradient;
            worst.gradients(gradient, &found.yield_gradient, &want.yield_gradient);
            worst.gradients(device.slopes_within(), &slopes, &want_slopes);
            worst.close(device, &format!("{n} events, weights {weight:?}"));
        }
    }
}

/// A toy's bits are its own, and events that no process makes are counted where they are.
fn toys_are_alone(device: &Device) {
    let n = 2700;
    let (mut log_p, yields) = resonance(n);
    // one event of the first toy and two of the last, one of which weighs nothing
    for i in [5, 2698, 2699] {
        (0..3).for_each(|p| log_p[p * n + i] = f64::NEG_INFINITY);
    }
    let mut weights: Vec<f64> = (0..n).map(|i| 0.5 + (i % 7) as f64).collect();
    weights[2699] = 0.0;
    let offsets = [0, 10, 10, 1310, 2400, 2700];
    let without = [0.0; 3];
    let toys: Vec<Toy<'_>> = (0..5)
        .map(|t| {
            let yields = if t == 1 { &without } else { &yields };
            Toy { yields, constraints: &[], constant: t as f64 }
        })
        .collect();
    let run = |log_p: &[f64], weights: &[f64], offsets: &[u32], toys: &[Toy<'_>]| {
        let mut session = (device.open)(3, offsets)?;
        if device.single {
            session.load(&narrow(log_p), Some(weights)).expect("loads");
        } else {
            session.load(log_p, Some(weights)).expect("loads");
        }
        Some(session.nll_grad(toys).expect("a batch"))
    };
    let Some(all) = run(&log_p, &weights, &offsets, &toys) else { return };
    assert_eq!(all.iter().map(|r| r.zero_density).collect::<Vec<_>>(), [1, 0, 0, 0, 1]);
    assert_eq!((all[0].nll, all[4].nll), (f64::INFINITY, f64::INFINITY));
    assert_eq!((all[1].nll, &*all[1].yield_gradient), (1.0, &[1.0; 3][..]));
    for t in 0..5 {
        let range = offsets[t] as usize..offsets[t + 1] as usize;
        let own: Vec<f64> = (0..3).flat_map(|p| log_p[p * n..][range.clone()].to_vec()).collect();
        let alone = run(&own, &weights[range.clone()], &[0, range.len() as u32], &toys[t..=t]);
        assert_eq!(alone.expect("a device"), all[t..=t], "toy {t}");
    }
}

/// What is no mixture is refused in the words of the processor; what a device lacks, in its own.
fn bad_input(device: &Device) {
    let good = [-1.0, -2.0, -3.0, -4.0, -1.5, -2.5];
    let toy = Toy { yields: &[1.0, 2.0], constraints: &[], constant: 0.0 };
    let Some(mut session) = (device.open)(2, &[0, 3]) else { return };
    let error = session.nll(&[toy]).expect_err("nothing is loaded").to_string();
    assert!(error.contains("no log-densities are loaded"), "{error}");
    let mut check = |log_p: &[f64], weights: Option<&[f64]>| {
        let mixture =
            Mixture { log_p, yields: &[1.0, 2.0], weights, constraints: &[], constant: 0.0 };
        let want = reduce_lse(&mixture, Wanted::default()).expect_err("refused").to_string();
        let loaded = if device.single {
            session.load(&narrow(log_p), weights)
        } else {
            session.load(log_p, weights)
        };
        let found = loaded.and_then(|()| session.nll(&[toy]));
        assert_eq!(found.expect_err("refused").to_string(), want);
    };
    for (at, bad) in [(0, f64::NAN), (4, f64::INFINITY), (5, f64::NAN)] {
        let mut log_p = good;
        log_p[at] = bad;
        // a later event, of an earlier process
        log_p[2] = if at == 4 { f64::NAN } else { log_p[2] };
        check(&log_p, None);
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        check(&good, Some(&[1.0, 0.0, bad]));
    }
    session.load(&good, None).expect("loads");
    let refused = |toys: &[Toy<'_>], says: &str| {
        let error = session.nll_grad(toys).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(&[], "0 toys, and offsets of 1");
    refused(&[Toy { yields: &[1.0], ..toy }], "toy 0 has 1 yields for 2 processes");
    refused(&[Toy { yields: &[1.0, -2.0], ..toy }], "process 1: its yield is -2");
    let mut wrong_kind = [0_f32; 6];
    let error = session.nll_dlogp(&[toy], &mut wrong_kind).expect_err("refused").to_string();
    assert!(error.contains("room for 6 derivatives in f32 of 6 log-densities in f64"), "{error}");
    assert!(session.nll_dlogp(&[toy], &mut [0.0; 5]).is_err());
    assert!(session.load(&good[..5], None).is_err());
    assert!(session.load(&good, Some(&[1.0])).is_err());
    assert!(session.nll(&[toy]).is_ok(), "what was loaded is still there");
}

/// Recorded values; `None`, aloud, without.
fn goldens() -> Option<serde_json::Value> {
    Some(common::read_json(&common::data_directory()?.join("unbinned/goldens.json")))
}

macro_rules! mixtures {
    ($module:ident, $device:expr) => {
        mixtures!($module, $device; recorded recorded_batch large_samples toys_are_alone bad_input);
    };
    ($module:ident, $device:expr; $($test:ident)*) => {
        mod $module {
            use super::*;

            const DEVICE: Device = $device;

            $(#[test]
            fn $test() {
                super::$test(&DEVICE);
            })*
        }
    };
}

fn cuda(processes: usize, offsets: &[u32]) -> Option<MixtureSession> {
    common::cuda::card()?;
    Some(MixtureSession::cuda(None, processes, offsets).unwrap_or_else(|e| panic!("{e}")))
}

/// The stand-in driver takes a second for so many events.
fn largest_on_card() -> usize {
    if common::cuda::is_fast() { usize::MAX } else { 10_000 }
}

mixtures!(
    cuda_f64,
    Device {
        name: "cuda f64",
        contract: &F64,
        open: cuda,
        single: false,
        largest: largest_on_card
    }
);
mixtures!(
    cuda_f32,
    Device { name: "cuda f32", contract: &F64, open: cuda, single: true, largest: largest_on_card }
);

#[cfg(feature = "gpu")]
mod gpu {
    use neyman::accelerator::PrecisionChoice;
    use neyman::accelerator::gpu::Precision;

    use super::*;

    fn open(precision: Precision, processes: usize, offsets: &[u32]) -> Option<MixtureSession> {
        common::gpu::adapter(precision)?;
        let choice = PrecisionChoice::from(precision);
        let session = MixtureSession::gpu(None, None, choice, processes, offsets);
        Some(session.unwrap_or_else(|e| panic!("{e}")))
    }

    mixtures!(
        f64,
        Device {
            name: "gpu f64",
            contract: &F64,
            open: |p, o| open(Precision::F64, p, o),
            single: false,
            largest: || 1_000_000,
        }
    );
    mixtures!(
        df64,
        Device {
            name: "gpu df64",
            contract: &DF64,
            open: |p, o| open(Precision::Df64, p, o),
            single: false,
            largest: || 100_000,
        }
    );
    mixtures!(
        f32,
        Device {
            name: "gpu f32",
            contract: &F32,
            open: |p, o| open(Precision::F32, p, o),
            single: false,
            largest: || 1_000_000,
        }
    );
    mixtures!(
        f32_loaded,
        Device {
            name: "gpu f32, f32 log-densities",
            contract: &F32,
            open: |p, o| open(Precision::F32, p, o),
            single: true,
            largest: || 1_000_000,
        }
    );
}
