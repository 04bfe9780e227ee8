//! Toys: what they are does not depend on how they are made, and they are distributed as statistics
//! says. Seeds are fixed; tolerances are five standard deviations of what is measured.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::own;
use neyman::accelerator::{DeviceChoice, Program};
use neyman::fit::{self, FitBatch, Status, Tolerance};
use neyman::model::interpolation::Interpolation;
use neyman::model::toys::ToySampler;
use neyman::model::{Constraint, Data, Model};
use neyman::session::{FitOptions, Session, ToyChunk, ToyPlan};
use serde_json::json;

const SIGMAS: f64 = 5.0;

fn session(model: Model) -> Session {
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn well_behaved() -> Session {
    session(own::compile(&own::well_behaved(), Interpolation::default()))
}

fn search() -> Session {
    let document = serde_json::from_str(include_str!("../examples/search.json")).expect("JSON");
    session(own::compile(&document, Interpolation::default()))
}

fn plan(session: &Session, range: std::ops::Range<u64>, conditional: bool) -> ToyPlan {
    let truth = session.model().init();
    let tolerance = Tolerance::default();
    let hold = session.model().poi().filter(|_| conditional).map(|poi| (poi, truth[poi]));
    let hold = hold.into_iter().collect();
    ToyPlan { truth, seed: 3, range, hold, keep_data: false, tolerance }
}

fn throw(session: &Session, plan: &ToyPlan, chunk: usize) -> Vec<ToyChunk> {
    let mut chunks = Vec::new();
    let mut sink = |chunk: ToyChunk| {
        chunks.push(chunk);
        Ok(())
    };
    let done = session.toys(plan, chunk, &AtomicBool::new(false), &mut sink).expect("toys");
    assert_eq!(done, plan.range.end - plan.range.start);
    chunks
}

/// Everything about each toy's fits, as bits, with the toy's number.
fn bits(chunks: &[ToyChunk]) -> Vec<(u64, Vec<u64>)> {
    let one = |batch: &FitBatch, i: usize| {
        let scalars = [batch.nll[i], batch.edm[i], f64::from(batch.evaluations[i])];
        let values = scalars.iter().chain(batch.parameters_of(i)).map(|v| v.to_bits());
        values.chain([batch.status[i] as u64]).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for chunk in chunks {
        for i in 0..chunk.fits.len() {
            let conditional = chunk.conditional.as_ref().map(|batch| one(batch, i));
            let toy = [one(&chunk.fits, i), conditional.unwrap_or_default()].concat();
            all.push((chunk.first + i as u64, toy));
        }
    }
    all
}

#[test]
fn a_toy_is_the_same_in_any_company() {
    for session in [well_behaved(), search()] {
        let whole = bits(&throw(&session, &plan(&session, 0..60, true), 60));
        for chunk in [1, 7, 1000] {
            assert!(
                bits(&throw(&session, &plan(&session, 0..60, true), chunk)) == whole,
                "{chunk}"
            );
        }
        for range in [13..41, 59..60] {
            let part = bits(&throw(&session, &plan(&session, range.clone(), true), 8));
            assert!(part == whole[range.start as usize..range.end as usize], "{range:?}");
        }
        for threads in [1, 3] {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let again = pool.install(|| bits(&throw(&session, &plan(&session, 0..60, true), 32)));
            assert!(again == whole, "{threads} threads");
        }
        let other = ToyPlan { seed: 4, ..plan(&session, 0..60, true) };
        assert!(bits(&throw(&session, &other, 60)) != whole, "another seed, the same toys");
    }
}

fn dataset(model: &Model, plan: &ToyPlan, toy: u64) -> Data {
    let sampler = ToySampler::new(model, &plan.truth).expect("toys");
    let (main, auxiliary) = (vec![0.0; model.n_bins()], vec![0.0; model.n_auxiliary()]);
    let mut data = Data { main, auxiliary };
    sampler.draw(plan.seed, toy, &mut data.main, &mut data.auxiliary);
    data
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    (mean, square.sqrt())
}

#[test]
fn pulls_and_coverage() {
    const N: usize = 2000;
    let session = well_behaved();
    let model = session.model();
    let plan = plan(&session, 0..N as u64, false);
    let problem = Program::new(Arc::new(model.clone()));
    let fits = throw(&session, &plan, N).remove(0).fits;
    let mut pulls = vec![Vec::with_capacity(N); model.n_parameters()];
    for toy in 0..N {
        assert!(fits.status[toy].is_converged(), "toy {toy}: {:?}", fits.status[toy]);
        let (data, x) = (dataset(model, &plan, toy as u64), fits.parameters_of(toy));
        let errors = fit::covariance(&problem, x, &data.main, &data.auxiliary, &model.fixed());
        for (k, pulls) in pulls.iter_mut().enumerate() {
            pulls.push((x[k] - plan.truth[k]) / errors.uncertainties[k]);
        }
    }
    let n = N as f64;
    for (parameter, pulls) in model.parameters().iter().zip(&pulls) {
        let (mean, width) = mean_and_deviation(pulls);
        let covered = pulls.iter().filter(|p| p.abs() < 1.0).count() as f64 / n;
        let name = &parameter.name;
        println!("{name}: pull {mean:.3} +- {width:.3}, coverage {covered:.3}");
        assert!(mean.abs() < SIGMAS / n.sqrt(), "{name}: mean of the pulls {mean}");
        assert!((width - 1.0).abs() < SIGMAS / (2.0 * n).sqrt(), "{name}: width {width}");
        let wanted = 0.682_689_5;
        let error = (wanted * (1.0 - wanted) / n).sqrt();
        assert!((covered - wanted).abs() < SIGMAS * error, "{name}: coverage {covered}");
    }
}

/// Wilks: twice the difference of a conditional and a free fit follows chi-squared of one degree.
#[test]
fn test_statistic_follows_chi_squared() {
    const N: usize = 2000;
    let session = well_behaved();
    let chunk = throw(&session, &plan(&session, 0..N as u64, true), N).remove(0);
    let conditional = chunk.conditional.expect("conditional fits");
    let mut t: Vec<f64> = (0..N).map(|i| 2.0 * (conditional.nll[i] - chunk.fits.nll[i])).collect();
    assert!(t.iter().all(|t| *t > -1e-6), "a conditional fit is lower than the free one");
    t.sort_by(f64::total_cmp);
    let n = N as f64;
    let distance = (t.iter().enumerate()).fold(0.0f64, |distance, (i, t)| {
        let cumulative = libm::erf((t.max(0.0) / 2.0).sqrt());
        let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
        distance.max((cumulative - below).abs()).max((above - cumulative).abs())
    });
    // Kolmogorov: P(sqrt(n) D > z) -> 2 exp(-2 z^2), five sigma at z = 2.74
    println!("Kolmogorov-Smirnov: sqrt(n) D = {:.3}", n.sqrt() * distance);
    assert!(n.sqrt() * distance < 2.74, "D = {distance}");
}

/// Both kinds of data move, each by its own law, mean and variance.
#[test]
fn auxiliary_data_fluctuate() {
    const N: u64 = 4000;
    let session = well_behaved();
    let model = session.model();
    let mut plan = plan(&session, 0..N, false);
    // away from the nominal point, where auxiliary data would have their nominal means
    for (x, parameter) in plan.truth.iter_mut().zip(model.parameters()) {
        *x += if parameter.constraint == Constraint::None { 0.5 } else { 0.1 };
    }
    let toys: Vec<Data> = (0..N).map(|toy| dataset(model, &plan, toy)).collect();
    let check = |what: String, values: Vec<f64>, mean: f64, variance: f64| {
        let (got, deviation) = mean_and_deviation(&values);
        let n = N as f64;
        assert!((got - mean).abs() < SIGMAS * (variance / n).sqrt(), "{what}: {got} not {mean}");
        let off = deviation * deviation / variance - 1.0;
        assert!(off.abs() < SIGMAS * (2.0 / n).sqrt(), "{what}: variance off by {off}");
    };
    for (bin, rate) in model.expected_main(&plan.truth).into_iter().enumerate() {
        check(model.bin_name(bin), toys.iter().map(|d| d.main[bin]).collect(), rate, rate);
    }
    let expected = model.expected_auxiliary(&plan.truth);
    for (i, &k) in model.auxiliary().iter().enumerate() {
        let parameter = &model.parameters()[k];
        let variance = match parameter.constraint {
            Constraint::Gaussian { sigma, .. } => sigma * sigma,
            _ => expected[i],
        };
        let values = toys.iter().map(|d| d.auxiliary[i]).collect();
        check(parameter.name.clone(), values, expected[i], variance);
    }
}

/// The data handed out are the toys' own, whatever the chunks.
#[test]
fn data_come_along_where_asked() {
    for session in [well_behaved(), search()] {
        let without = plan(&session, 3..40, false);
        let with = ToyPlan { keep_data: true, ..without.clone() };
        assert!(throw(&session, &without, 10).iter().all(|chunk| chunk.data.is_none()));
        let chunks = throw(&session, &with, 10);
        assert!(bits(&chunks) == bits(&throw(&session, &without, 37)));
        let (n_main, n_auxiliary) = (session.model().n_bins(), session.model().n_auxiliary());
        for chunk in &chunks {
            let data = chunk.data.as_ref().expect("data");
            assert_eq!(data.auxiliary.len(), chunk.fits.len() * n_auxiliary);
            for (i, main) in data.main.chunks(n_main).enumerate() {
                let toy = dataset(session.model(), &with, chunk.first + i as u64);
                let auxiliary = &data.auxiliary[i * n_auxiliary..(i + 1) * n_auxiliary];
                assert_eq!((main, auxiliary), (&toy.main[..], &toy.auxiliary[..]));
                // and what was fitted: the likelihood at the minimum is that of these data
                let nll = session.evaluate(chunk.fits.parameters_of(i), &toy).expect("a point");
                let off = 0.5 * nll.twice_nll - chunk.fits.nll[i];
                assert!(off.abs() < 1e-9 * chunk.fits.nll[i].abs().max(1.0), "{off}");
            }
        }
    }
}

#[test]
fn a_stop_ends_after_the_chunk_in_work() {
    let session = well_behaved();
    let stop = AtomicBool::new(false);
    let mut chunks = 0;
    let mut sink = |chunk: ToyChunk| {
        assert_eq!(chunk.fits.len(), 10);
        chunks += 1;
        stop.store(chunks == 3, Ordering::Relaxed);
        Ok(())
    };
    let done = session.toys(&plan(&session, 5..1000, false), 10, &stop, &mut sink).expect("toys");
    assert_eq!((done, chunks), (30, 3));
}

/// An error of the sink ends the run and comes back.
#[test]
fn an_error_of_the_sink_comes_back() {
    let session = well_behaved();
    let mut sink = |_: ToyChunk| Err(neyman::Error::Unsupported("full".into()));
    let stop = AtomicBool::new(false);
    let result = session.toys(&plan(&session, 0..100, false), 10, &stop, &mut sink);
    assert_eq!(result.unwrap_err().to_string(), "full");
}

/// The truth lies outside the bounds, where fits cannot start: from the bound a bin of signal alone
/// expects nothing, so every toy with an event in it is impossible. The others are fitted all the same.
#[test]
fn a_failing_toy_does_not_take_others_along() {
    let mu = own::modifier("mu", "normfactor", json!(null));
    let norm = own::modifier("norm", "normsys", json!({"hi": 1.1, "lo": 0.9}));
    let document = own::workspace(
        &[(
            "SR",
            &[0.0, 50.0],
            vec![
                own::sample("background", &[0.0, 50.0], &[norm]),
                own::sample("signal", &[0.7, 5.0], &[mu]),
            ],
        )],
        "mu",
        &[json!({"name": "mu", "inits": [-0.1], "bounds": [[-1.0, 0.0]]})],
    );
    let session = session(own::compile(&document, Interpolation::default()));
    let model = session.model();
    let mut plan = plan(&session, 0..200, false);
    plan.truth[model.poi().expect("mu")] = 1.0;
    let fits = throw(&session, &plan, 64);
    let toys = bits(&fits);
    let statuses: Vec<Status> = fits.iter().flat_map(|chunk| chunk.fits.status.clone()).collect();
    let mut failed = 0;
    for (toy, status) in statuses.iter().enumerate() {
        let data = dataset(model, &plan, toy as u64);
        if data.main[0] > 0.0 {
            assert_eq!(*status, Status::NotFinite, "toy {toy}");
            failed += 1;
            continue;
        }
        assert_eq!(*status, Status::Converged, "toy {toy}");
        let range = toy as u64..toy as u64 + 1;
        let alone = bits(&throw(&session, &ToyPlan { range, ..plan.clone() }, 1));
        assert!(alone[0] == toys[toy], "toy {toy} is another one alone");
    }
    assert!((50..150).contains(&failed), "{failed} of 200 are impossible");
}

/// Toys of a real model: all end, none above a fit with many starts, none below its conditional fit.
#[test]
fn toys_of_a_search() {
    let session = search();
    let model = session.model();
    let plan = plan(&session, 0..200, true);
    let chunk = throw(&session, &plan, 200).remove(0);
    let conditional = chunk.conditional.expect("conditional fits");
    for toy in 0..200 {
        assert!(chunk.fits.status[toy].is_converged(), "toy {toy}: {:?}", chunk.fits.status[toy]);
        assert!(conditional.status[toy].is_converged(), "toy {toy} at true mu");
        let data = dataset(model, &plan, toy as u64);
        let nll = model.nll(chunk.fits.parameters_of(toy), &data);
        assert!((nll - chunk.fits.nll[toy]).abs() < 1e-9, "toy {toy}");
        let t = 2.0 * (conditional.nll[toy] - nll);
        assert!(t > -1e-6, "toy {toy}: the fit with mu held is lower by {t:e}");
        if toy % 20 == 0 {
            let fit = session.fit(&data, &FitOptions::default()).expect("a fit");
            let above = 2.0 * nll - fit.twice_nll;
            println!("toy {toy}: {above:e} above the best of many starts");
            assert!(above > -1e-6, "toy {toy}: many starts end {above:e} above one");
        }
    }
}
