//! NLL and slopes of yields in a caller's memory.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream, DevicePtr, DeviceRepr, ValidAsZeroBits};
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::cuda::{Cuda, CudaDevice};
use neyman::accelerator::{
    Accelerator, DeviceChoice, LaneBlock, LaneValues, Problem, Program, YieldBatch,
};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use neyman::session::{DataSource, Session, YieldsInPlace};

use crate::common::conformance::{floored, points, toys};
use crate::common::cuda::{alone, card, is_stand_in};
use crate::common::own;
use crate::long;
#[cfg(target_os = "linux")]
use crate::standin::copied;

/// NLL and slopes of yields in a caller's memory, against the processor with these yields in its tables.
#[test]
fn slopes_of_yields_are_differences_of_the_nll() {
    let Some(card) = card() else { return };
    let kinks = own::interpolations()[5];
    for model in [
        own::compile(&own::all_seven(), Interpolation::default()),
        floored(&own::compile(&own::all_seven(), kinks)),
        own::compile(&long::document(), Interpolation::default()),
    ] {
        slopes_are_differences(card.clone(), &model);
    }
}

fn slopes_are_differences(card: CudaDevice, model: &Model) {
    let program = Program::new(Arc::new(model.clone()));
    let cuda = Cuda::open(card, Arc::new(program.clone()), "a test", false).expect("opens");
    let cells: Vec<u32> = (0..program.nominal.len() as u32).rev().step_by(2).collect();
    let (n, width) = (5usize, cells.len());
    let yields: Vec<f64> = (0..n * width)
        .map(|i| program.nominal[cells[i % width] as usize] * (1.0 + 0.03 * (i % 7) as f64) + 0.5)
        .collect();
    let points = points(model, n, 3);
    let parameters: Vec<f64> = points.iter().flat_map(|p| p.x.clone()).collect();
    let (main, auxiliary) = toys(model, n as u64);
    let context = CudaContext::new(0).expect("the context of the card");
    let stream = context.new_stream().expect("a stream");
    for (own_data, single) in [(true, false), (false, false), (true, true)] {
        let rows = if own_data { n } else { 1 };
        let (main, auxiliary) =
            (&main[..rows * model.n_bins()], &auxiliary[..rows * model.n_auxiliary()]);
        let parameters = if own_data { &parameters } else { &model.init() };
        let mut batch = YieldBatch {
            n,
            cells: &cells,
            yields: 0,
            slopes: 0,
            nll: 0,
            single,
            parameters,
            main,
            auxiliary,
            stream: stream.cu_stream() as u64,
        };
        let (slopes, nll) = if single {
            let yields: Vec<f32> = yields.iter().map(|y| *y as f32).collect();
            let [slopes, nll] = on_device(&cuda, &stream, &mut batch, &yields);
            let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<_>>();
            (wide(slopes), wide(nll))
        } else {
            let [slopes, nll] = on_device(&cuda, &stream, &mut batch, &yields);
            (slopes, nll)
        };
        let room = if single { 1e-4 } else { 1e-11 };
        for i in 0..n {
            let row = |all: &[f64], one: usize| -> Vec<f64> {
                if all.len() == one { all.to_vec() } else { all[i * one..(i + 1) * one].to_vec() }
            };
            let (x, main) = (row(parameters, model.n_parameters()), row(main, model.n_bins()));
            let auxiliary = row(auxiliary, model.n_auxiliary());
            let at = |moved: Option<(usize, f64)>| {
                let mut program = program.clone();
                for (c, cell) in cells.iter().enumerate() {
                    program.nominal[*cell as usize] = yields[i * width + c];
                }
                if let Some((c, by)) = moved {
                    program.nominal[cells[c] as usize] += by;
                }
                nll_of(program, &x, &main, &auxiliary)
            };
            let expected = at(None);
            let close = (nll[i] - expected).abs() <= room * (1.0 + expected.abs());
            assert!(close || nll[i] == expected, "histogram {i}: {} not {expected}", nll[i]);
            if !expected.is_finite() {
                continue;
            }
            for c in 0..width {
                let step = 1e-4;
                let difference = (at(Some((c, step))) - at(Some((c, -step)))) / (2.0 * step);
                let slope = slopes[i * width + c];
                let close = (slope - difference).abs() <= 1e-5 * (1.0 + difference.abs());
                assert!(close, "histogram {i}, yield {c}: {slope} not {difference}");
            }
        }
        if !single {
            batch.cells = &[0, 0];
            // SAFETY: refused before anything is read.
            let refused = unsafe { cuda.signal_gradient(&batch) };
            assert!(refused.is_err(), "a cell twice");
        }
    }
}

/// A session's own way: histograms and slopes stay where the caller has them.
#[test]
fn a_session_reads_and_writes_in_place() {
    if card().is_some() {
        // copies are counted: other tests of this process would be counted with them
        alone("yields::in_place", &[]);
    }
}

#[test]
#[ignore = "started by the other tests"]
fn in_place() {
    let Some(card) = card() else { return };
    let model = own::compile(&own::all_seven(), Interpolation::default());
    let session = Session::new(model, DeviceChoice::Cuda { index: Some(0) }).expect("opens");
    let d = session.differentiable(&["signal".into(), "fake".into()], None).expect("samples");
    let yields: Vec<f64> = [d.nominal(), d.nominal().iter().map(|y| 1.2 * y).collect()].concat();
    let x = d.model().init();
    let context = CudaContext::new(0).expect("the context of the card");
    let stream = context.new_stream().expect("a stream");
    let on_card = stream.clone_htod(&yields).expect("copied");
    let slopes = stream.alloc_zeros::<f64>(yields.len()).expect("memory");
    let nll = stream.alloc_zeros::<f64>(2).expect("memory");
    let arrays = YieldsInPlace {
        n: 2,
        yields: on_card.device_ptr(&stream).0,
        slopes: slopes.device_ptr(&stream).0,
        nll: nll.device_ptr(&stream).0,
        single: false,
        stream: stream.cu_stream() as u64,
    };
    let observed = DataSource::Observed;
    let stand_in = cfg!(target_os = "linux") && is_stand_in(&card);
    #[cfg(target_os = "linux")]
    let before = if stand_in { copied() } else { [0; 3] };
    // SAFETY: arrays of these lengths, alive until the copies below have been made.
    unsafe { session.nll_in_place(&d, arrays, &x, &observed) }.expect("starts");
    #[cfg(target_os = "linux")]
    if stand_in {
        let after = copied();
        let model = d.model();
        let numbers = model.n_parameters() + model.n_bins() + model.n_auxiliary() + 1;
        // the point, the data, the numbers of the cells: nothing of the histograms, nothing back
        let told = 8 * numbers as u64 + 4 * d.cells().len() as u64;
        let moved: Vec<u64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        assert_eq!(moved, [told, 0, 0]);
    }
    let slopes = stream.clone_dtoh(&slopes).expect("copied");
    let nll = stream.clone_dtoh(&nll).expect("copied");
    stream.synchronize().expect("done");
    let want = d.nll_batch(&yields, &x, &observed).expect("values");
    for (i, row) in want.iter().enumerate() {
        assert!((nll[i] - row.nll).abs() < 1e-10 * row.nll.abs(), "{} {}", nll[i], row.nll);
        let width = row.yields.len();
        for (a, b) in slopes[i * width..(i + 1) * width].iter().zip(&row.yields) {
            assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()), "{a} {b}");
        }
    }
    // SAFETY: refused before anything is read.
    let refused =
        unsafe { session.nll_in_place(&d, arrays, &x, &DataSource::Asimov { mu: Some(1.0) }) };
    assert!(refused.expect_err("expected data").is_unsupported());
    let host = Session::new(d.model().clone(), DeviceChoice::Cpu).expect("the processor");
    // SAFETY: as above.
    let refused = unsafe { host.nll_in_place(&d, arrays, &x, &observed) };
    assert!(refused.expect_err("no CUDA").to_string().contains("needs a CUDA device"));
}

/// NLL with all constants, by the tables of `program`.
fn nll_of(program: Program, x: &[f64], main: &[f64], auxiliary: &[f64]) -> f64 {
    let constant = program.constant(main, auxiliary);
    let cpu = Cpu::new(Arc::new(program), "a test");
    let lanes = cpu.lanes();
    let spread = |v: &[f64]| v.iter().flat_map(|x| vec![*x; lanes]).collect::<Vec<_>>();
    let (parameters, main, auxiliary) = (spread(x), spread(main), spread(auxiliary));
    let block = LaneBlock { parameters: &parameters, main: &main, auxiliary: &auxiliary };
    let mut out = LaneValues {
        nll: &mut vec![0.0; lanes],
        gradient: &mut vec![0.0; x.len() * lanes],
        jump: &mut vec![0.0; x.len() * lanes],
        negative_bin: &mut vec![0.0; lanes],
    };
    cpu.evaluate(&block, &mut out).expect("evaluates");
    out.nll[0] + constant
}

/// Slopes and NLL of a batch whose yields are in device memory.
fn on_device<T: DeviceRepr + ValidAsZeroBits + Clone + Default>(
    cuda: &Cuda,
    stream: &Arc<CudaStream>,
    batch: &mut YieldBatch<'_>,
    yields: &[T],
) -> [Vec<T>; 2] {
    let yields = stream.clone_htod(yields).expect("copied");
    let slopes = stream.alloc_zeros::<T>(yields.len()).expect("memory");
    let nll = stream.alloc_zeros::<T>(batch.n).expect("memory");
    batch.yields = yields.device_ptr(stream).0;
    batch.slopes = slopes.device_ptr(stream).0;
    batch.nll = nll.device_ptr(stream).0;
    // SAFETY: arrays of these lengths, alive until the copies below have been made.
    unsafe { cuda.signal_gradient(batch) }.expect("starts");
    let copy = |memory| stream.clone_dtoh(memory).expect("copied");
    let answers = [copy(&slopes), copy(&nll)];
    stream.synchronize().expect("done");
    answers
}
