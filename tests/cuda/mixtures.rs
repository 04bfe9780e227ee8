//! Mixtures whose log-densities a caller has in the card's memory.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr};
use neyman::unbinned::reduce::{
    InPlace, Mixture, MixtureSession, Reduced, Toy, Wanted, reduce_lse, reduce_lse_batch,
};

use crate::common::cuda::{alone, card, is_stand_in};
use crate::resonances::resonance;

const OFFSETS: [u32; 5] = [0, 700, 700, 1900, 3001];

/// A batch of four toys, one of them empty, of three processes.
struct Batch {
    log_p: Vec<f64>,
    weights: Vec<f64>,
    yields: [f64; 3],
}

impl Batch {
    fn new() -> Self {
        let n = OFFSETS[4] as usize;
        let (log_p, [a, b, _]) = resonance(n);
        let weights = (0..n).map(|i| 0.25 + (i % 5) as f64).collect();
        Self { log_p, weights, yields: [a, b, 0.0] }
    }

    fn toys(&self) -> [Toy<'_>; 4] {
        [0.0, 1.0, 2.0, 3.0].map(|constant| Toy {
            yields: &self.yields,
            constraints: &[],
            constant,
        })
    }

    fn on_processor(&self) -> Vec<Reduced> {
        let weights = Some(&*self.weights);
        reduce_lse_batch(&self.log_p, weights, &OFFSETS, &self.toys(), true, false)
            .expect("a batch")
    }
}

fn session() -> MixtureSession {
    MixtureSession::cuda(Some(0), 3, &OFFSETS).unwrap_or_else(|e| panic!("{e}"))
}

/// Arrays of a caller on a stream of its own.
struct Arrays<T> {
    log_p: CudaSlice<T>,
    weights: CudaSlice<f64>,
    slopes: CudaSlice<T>,
}

impl<T: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits> Arrays<T> {
    fn new(stream: &Arc<CudaStream>, log_p: &[T], weights: &[f64]) -> Self {
        Self {
            log_p: stream.clone_htod(log_p).expect("copied"),
            weights: stream.clone_htod(weights).expect("copied"),
            slopes: stream.alloc_zeros(log_p.len()).expect("memory"),
        }
    }

    fn addresses(&self, stream: &Arc<CudaStream>) -> InPlace {
        InPlace {
            log_p: self.log_p.device_ptr(stream).0,
            weights: self.weights.device_ptr(stream).0,
            log_p_gradient: self.slopes.device_ptr(stream).0,
            stream: stream.cu_stream() as u64,
        }
    }
}

fn stream() -> Arc<CudaStream> {
    let context = CudaContext::new(0).expect("the context of the card");
    context.new_stream().expect("a stream")
}

/// What is loaded and what lies in place run the same kernel: the same bits, of sums and of slopes, in f64 and f32.
/// The toys are those of the processor: processes lie the number of all events apart, not that of a toy's own.
#[test]
fn in_place_and_loaded_have_the_same_bits() {
    if card().is_none() {
        return;
    }
    let (batch, stream) = (Batch::new(), stream());
    let (toys, want) = (batch.toys(), batch.on_processor());
    let near = |a: &[Reduced], room: f64| {
        for (t, (a, b)) in a.iter().zip(&want).enumerate() {
            assert!((a.nll - b.nll).abs() < room * (1.0 + b.nll.abs()), "{t}: {} {}", a.nll, b.nll);
            for (a, b) in a.yield_gradient.iter().zip(&b.yield_gradient) {
                assert!((a - b).abs() < room * (1.0 + b.abs()), "{t}: {a} {b}");
            }
        }
    };
    let mut session = session();

    let arrays = Arrays::new(&stream, &batch.log_p, &batch.weights);
    // SAFETY: arrays of these lengths, alive until the call returns.
    let in_place = unsafe { session.nll_device_ptr_f64(arrays.addresses(&stream), &toys) };
    let in_place = in_place.expect("a batch");
    near(&in_place, 1e-12);
    let slopes = stream.clone_dtoh(&arrays.slopes).expect("copied");
    stream.synchronize().expect("done");
    let mut loaded_slopes = vec![f64::NAN; slopes.len()];
    session.load(&batch.log_p, Some(&batch.weights)).expect("loads");
    assert_eq!(session.nll_dlogp(&toys, &mut loaded_slopes).expect("a batch"), in_place);
    assert_eq!(loaded_slopes, slopes);
    // without weights and slopes
    let plain = InPlace { weights: 0, log_p_gradient: 0, ..arrays.addresses(&stream) };
    // SAFETY: as above.
    let plain = unsafe { session.nll_device_ptr_f64(plain, &toys) }.expect("a batch");
    session.load(&batch.log_p, None).expect("loads");
    assert_eq!(session.nll_grad(&toys).expect("a batch"), plain);
    assert_ne!(plain, in_place);

    let single: Vec<f32> = batch.log_p.iter().map(|l| *l as f32).collect();
    let arrays = Arrays::new(&stream, &single, &batch.weights);
    // SAFETY: as above, f32.
    let in_place = unsafe { session.nll_device_ptr_f32(arrays.addresses(&stream), &toys) };
    let in_place = in_place.expect("a batch");
    near(&in_place, 1e-6);
    let slopes = stream.clone_dtoh(&arrays.slopes).expect("copied");
    stream.synchronize().expect("done");
    let mut loaded_slopes = vec![f32::NAN; slopes.len()];
    session.load(&single, Some(&batch.weights)).expect("loads");
    assert_eq!(session.nll_dlogp(&toys, &mut loaded_slopes).expect("a batch"), in_place);
    assert_eq!(loaded_slopes, slopes);
}

/// Faults are found on the card, the first event of the first toy told as the processor tells it; addresses that
/// cannot be right are refused before anything is read.
#[test]
fn faults_in_place_are_told() {
    if card().is_none() {
        return;
    }
    let (batch, stream, session) = (Batch::new(), stream(), session());
    let toys = batch.toys();
    let n = batch.weights.len();
    for (process, event, is) in [(1, 2000, f64::NAN), (2, 701, f64::INFINITY)] {
        let mut log_p = batch.log_p.clone();
        log_p[process * n + event] = is;
        log_p[2500] = f64::NAN;
        let mixture = Mixture {
            log_p: &log_p,
            yields: &batch.yields,
            weights: None,
            constraints: &[],
            constant: 0.0,
        };
        let want = reduce_lse(&mixture, Wanted::default()).expect_err("refused").to_string();
        assert!(want.contains(&format!("process {process}, event {event}")), "{want}");
        let arrays = Arrays::new(&stream, &log_p, &batch.weights);
        // SAFETY: arrays of these lengths, alive until the call returns.
        let found = unsafe { session.nll_device_ptr_f64(arrays.addresses(&stream), &toys) };
        assert_eq!(found.expect_err("refused").to_string(), want);
        let single: Vec<f32> = log_p.iter().map(|l| *l as f32).collect();
        let arrays = Arrays::new(&stream, &single, &batch.weights);
        // SAFETY: as above, f32.
        let found = unsafe { session.nll_device_ptr_f32(arrays.addresses(&stream), &toys) };
        assert_eq!(found.expect_err("refused").to_string(), want);
    }
    let mut weights = batch.weights.clone();
    weights[1234] = -0.5;
    let arrays = Arrays::new(&stream, &batch.log_p, &weights);
    let good = arrays.addresses(&stream);
    // SAFETY: as above.
    let found = unsafe { session.nll_device_ptr_f64(good, &toys) }.expect_err("refused");
    assert!(found.to_string().contains("event 1234: its weight is -0.5"), "{found}");
    for (bad, says) in [
        (InPlace { log_p: 0, ..good }, "log-densities is 0"),
        (InPlace { log_p: good.log_p + 4, ..good }, "multiple"),
        (InPlace { log_p_gradient: good.log_p + 800, ..good }, "overwrite"),
    ] {
        // SAFETY: refused before anything is read.
        let found = unsafe { session.nll_device_ptr_f64(bad, &toys) }.expect_err("refused");
        assert!(found.to_string().contains(says), "{found}");
    }
}

/// Neither log-densities nor derivatives go through the host.
#[test]
fn nothing_of_the_arrays_is_copied() {
    if card().is_some() {
        // copies are counted: other tests of this process would be counted with them
        alone("mixtures::copies", &[]);
    }
}

#[test]
#[ignore = "started by the other tests"]
#[cfg(target_os = "linux")]
fn copies() {
    let Some(card) = card().filter(is_stand_in) else { return };
    let (batch, stream, session) = (Batch::new(), stream(), session());
    assert!(is_stand_in(&card));
    let toys = batch.toys();
    let arrays = Arrays::new(&stream, &batch.log_p, &batch.weights);
    let before = crate::standin::copied();
    // SAFETY: arrays of these lengths, alive until the call returns.
    unsafe { session.nll_device_ptr_f64(arrays.addresses(&stream), &toys) }.expect("a batch");
    let after = crate::standin::copied();
    let moved: Vec<u64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    // yields of four toys; a likelihood, three derivatives and what was found of each
    assert_eq!(moved, [4 * 3 * 8, 4 * (4 * 8 + 3 * 4), 0]);
}

/// As many multiprocessors as there may be: the same bits.
#[test]
fn the_number_of_blocks_changes_no_bit() {
    let Some(card) = card() else { return };
    if !is_stand_in(&card) {
        return;
    }
    let bits = bits_of_many();
    for multiprocessors in ["1", "3"] {
        let environment = [("NEYMAN_STANDIN_SMS", multiprocessors), ("NEYMAN_TEST_BITS", &*bits)];
        alone("mixtures::same_bits", &environment);
    }
}

/// More shares than blocks of one multiprocessor.
fn bits_of_many() -> String {
    let n = 18_000;
    let (log_p, [a, b, _]) = resonance(n);
    let yields = [a, b];
    let mut session = MixtureSession::cuda(Some(0), 2, &[0, n as u32]).expect("opens");
    session.load(&log_p[..2 * n], None).expect("loads");
    let toy = Toy { yields: &yields, constraints: &[], constant: 0.0 };
    let all = session.nll_grad(&[toy]).expect("a mixture");
    let numbers = [all[0].nll, all[0].yield_gradient[0], all[0].yield_gradient[1]];
    numbers.map(|x| format!("{:016x}", x.to_bits())).concat()
}

#[test]
#[ignore = "started by the other tests"]
fn same_bits() {
    let expected = std::env::var("NEYMAN_TEST_BITS").expect("started by another test");
    assert_eq!(bits_of_many(), expected);
}
