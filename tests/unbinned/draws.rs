//! Toys and Asimov data of densities of several observables: events follow products and flows, fits of them are as wide
//! as they claim.

use std::sync::Arc;

use neyman::fit::Tolerance;
use neyman::unbinned::events::{EventTable, OutOfBounds};
use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::pdf::flow::Flow;
use neyman::unbinned::toys::Thrower;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{Observable, UnbinnedModel};
use serde_json::json;

use crate::flow_files::{load, manifest, network};
use crate::flows::{CONTEXT, kinds};
use crate::models::{free, plain};

fn window(name: &str, lo: f64, hi: f64) -> Observable {
    Observable::new(name, lo, hi).expect("a window")
}

fn nothing(observables: &[Observable]) -> EventTable {
    let columns = observables.iter().map(|o| (o.name().to_owned(), vec![])).collect();
    EventTable::new(observables, columns, None, OutOfBounds::Error).expect("no events")
}

/// One process of `n` events expected.
fn one(pdf: &Pdf, theta: &[f64], n: f64) -> UnbinnedModel {
    let process = Process {
        name: "all".into(),
        pdf: pdf.clone(),
        shape: theta.iter().map(|x| Slot::Constant(*x)).collect(),
        expected: plain(Base::Fixed(n)),
    };
    let events = nothing(pdf.observables());
    let channel = Channel { name: "SR".into(), events, processes: vec![process] };
    UnbinnedModel::new(vec![], vec![channel]).expect("a model")
}

fn columns(model: &UnbinnedModel) -> Vec<Vec<f64>> {
    let channel = model.channels().next().expect("a channel");
    let names = channel.processes[0].pdf.observables().iter().map(Observable::name);
    names.map(|name| channel.events.column(name).expect("a column").to_vec()).collect()
}

/// chi2 per cell of a toy's events against integrals of the density over the cells.
fn chi2(pdf: &Pdf, theta: &[f64], x: &[Vec<f64>], cells: usize) -> f64 {
    const INNER: usize = 24;
    let [a, b] = [&pdf.observables()[0], &pdf.observables()[1]];
    let n = x[0].len() as f64;
    let cell = |o: &Observable, x: f64| {
        (((x - o.lo()) / o.width() * cells as f64) as usize).min(cells - 1)
    };
    let mut observed = vec![0.0; cells * cells];
    for (x, y) in x[0].iter().zip(&x[1]) {
        observed[cell(a, *x) * cells + cell(b, *y)] += 1.0;
    }
    let side = cells * INNER;
    let middle = |o: &Observable, i: usize| o.lo() + o.width() * (i as f64 + 0.5) / side as f64;
    let y: Vec<f64> = (0..side).map(|j| middle(b, j)).collect();
    let area = a.width() * b.width() / (side * side) as f64;
    let mut expected = vec![0.0; cells * cells];
    for i in 0..side {
        let mut log = vec![0.0; side];
        pdf.log_prob(theta, &[&vec![middle(a, i); side], &y], &mut log).expect("a density");
        for (j, log) in log.iter().enumerate() {
            expected[i / INNER * cells + j / INNER] += n * area * log.exp();
        }
    }
    // cells of few events together
    let (mut sum, mut cells, mut rest) = (0.0, 0.0, (0.0, 0.0));
    for (o, e) in observed.iter().zip(&expected) {
        if *e < 10.0 {
            rest = (rest.0 + o, rest.1 + e);
        } else {
            sum += (o - e).powi(2) / e;
            cells += 1.0;
        }
    }
    assert!((rest.0 - rest.1).abs() < 5.0 * rest.1.max(1.0).sqrt() + 1e-3 * n, "{rest:?}");
    sum / cells
}

/// A flow without context on all numbers, of which a window has a part.
fn open() -> Arc<Flow> {
    let layer = json!([
        {"type": "standardize", "mean": [-0.4, 0.3], "std": [0.8, 1.1]},
        {"type": "affine_coupling", "identity": [0], "transform": [1], "network": "n",
         "form": "add", "log_scale": "tanh", "limit": 2.5, "activation": "silu"},
        {"type": "permutation", "order": [1, 0]},
        {"type": "affine_coupling", "identity": [0], "transform": [1], "network": "m"}
    ]);
    let mut arrays = network("n", &[1, 5, 2], 0.5, 0.6);
    arrays.extend(network("m", &[1, 5, 2], 2.5, 0.6));
    Arc::new(load("open", &manifest(&["x", "y"], &[], layer), &arrays))
}

fn densities() -> Vec<(&'static str, Pdf, Vec<f64>)> {
    let flow = |name: &str| kinds().into_iter().find(|k| k.0 == name).expect(name).1;
    let [x, y] = [window("x", 60.0, 120.0), window("y", -1.0, 2.0)];
    let mut all = Vec::new();
    for name in ["logit", "uniform"] {
        let pdf = Pdf::flow(&[x.clone(), y.clone()], Arc::new(flow(name))).expect("a density");
        all.push((name, pdf, CONTEXT.to_vec()));
    }
    let [a, b] = [window("x", -1.5, 0.5), window("y", -1.0, 2.0)];
    all.push(("window", Pdf::flow(&[a, b], open()).expect("a density"), vec![]));
    let factors = vec![Pdf::gaussian(&x), Pdf::exponential(&y)];
    all.push(("product", Pdf::product(factors).expect("a density"), vec![85.0, 9.0, -0.8]));
    let histogram = Pdf::histogram(&y, &[-1.0, -0.25, 0.5, 2.0], &[1.0, 5.0, 2.0]).expect("one");
    let factors = vec![Pdf::voigtian(&x), histogram];
    all.push(("jumps", Pdf::product(factors).expect("a density"), vec![95.0, 3.0, 2.0]));
    all
}

#[test]
fn events_follow_products_and_flows() {
    for (name, pdf, theta) in densities() {
        let model = one(&pdf, &theta, 60_000.0);
        let thrower = Thrower::new(&model, &[]).expect("toys");
        let toy = columns(&thrower.toy(3, 0).expect("a toy"));
        // the histogram's edges are edges of cells; 12 x 12 cells know their mean to 0.12
        let found = chi2(&pdf, &theta, &toy, 12);
        assert!((0.5..1.6).contains(&found), "{name}: {found}");
        // the same again, others of another number
        assert_eq!(toy, columns(&thrower.toy(3, 0).expect("a toy")), "{name}");
        assert_ne!(toy, columns(&thrower.toy(3, 1).expect("a toy")), "{name}");
        // more events begin with the same ones
        let more = one(&pdf, &theta, 61_000.0);
        let more = columns(&Thrower::new(&more, &[]).expect("toys").toy(3, 0).expect("a toy"));
        for (few, more) in toy.iter().zip(&more) {
            let n = few.len().min(more.len());
            assert_eq!(few[..n], more[..n], "{name}");
        }
        // the mean of log p is that of the density itself: minus its entropy
        let mean = |x: &[Vec<f64>], w: Option<&[f64]>| {
            let mut log = vec![0.0; x[0].len()];
            let x: Vec<&[f64]> = x.iter().map(|x| &x[..]).collect();
            pdf.log_prob(&theta, &x, &mut log).expect("a density");
            assert!(log.iter().all(|l| l.is_finite()), "{name}: an event where there are none");
            let weight = |i: usize| w.map_or(1.0, |w| w[i]);
            let sum: f64 = (0..log.len()).map(weight).sum();
            let first = (0..log.len()).map(|i| weight(i) * log[i]).sum::<f64>() / sum;
            let second = (0..log.len()).map(|i| weight(i) * log[i].powi(2)).sum::<f64>() / sum;
            (first, ((second - first * first) / log.len() as f64).sqrt())
        };
        let asimov = match model.asimov(&[]) {
            Ok(asimov) => asimov,
            // kinks of splines, and ends that logits stretch, are at no edge that is known
            Err(error) if name == "uniform" || name == "logit" => {
                assert!(error.to_string().contains("more than 1048576 nodes"), "{error}");
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        let channel = asimov.channels().next().expect("a channel");
        let expected = mean(&columns(&asimov), channel.events.weights()).0;
        let (drawn, error) = mean(&toy, None);
        assert!((drawn - expected).abs() < 5.0 * error, "{name}: {drawn} {expected} {error}");
    }
}

/// Splines with tails, of which a window has a part: Kolmogorov's distance.
#[test]
fn splines_with_tails() {
    let layers = json!([
        {"type": "standardize", "mean": [1.0], "std": [2.0]},
        {"type": "rq_spline_coupling", "identity": [], "transform": [0], "network": "n", "bins": 5,
         "tail_bound": 2.0}
    ]);
    // no inputs, so biases alone
    let bias = vec![0.3, -0.8, 1.0, 0.1, -0.4, -1.0, 0.5, 0.9, -0.3, 0.2, 1.5, -0.5, 0.7, -1.2];
    let arrays = vec![
        ("n.0.weight".to_owned(), vec![14, 0], vec![]),
        ("n.0.bias".to_owned(), vec![14], bias),
    ];
    let flow = Arc::new(load("spline", &manifest(&["x"], &[], layers), &arrays));
    let x = window("x", -5.0, 3.0);
    let pdf = Pdf::flow(std::slice::from_ref(&x), flow).expect("a density");
    let model = one(&pdf, &[], 40_000.0);
    let toy = Thrower::new(&model, &[]).expect("toys").toy(8, 2).expect("a toy");
    let mut drawn = columns(&toy).remove(0);
    drawn.sort_by(f64::total_cmp);
    let (steps, mut below, mut furthest) = (80_000, 0.0, 0.0f64);
    for i in 0..steps {
        let place = x.lo() + x.width() * (f64::from(i) + 0.5) / f64::from(steps);
        let mut log = [0.0];
        pdf.log_prob(&[], &[&[place]], &mut log).expect("a density");
        below += log[0].exp() * x.width() / f64::from(steps);
        let found = drawn.partition_point(|x| *x <= place) as f64 / drawn.len() as f64;
        furthest = furthest.max((found - below).abs());
    }
    assert!((below - 1.0).abs() < 1e-6, "{below}");
    // a chance of 1e-5
    assert!(furthest < 2.5 / (drawn.len() as f64).sqrt(), "{furthest}");
}

/// A peak in mass with a bump in another observable above a background that falls in both; one density has its
/// observables in the other order.
fn peak(events: EventTable, init: &[f64]) -> UnbinnedModel {
    let [mass, time] = [window("mass", 60.0, 120.0), window("time", 0.0, 8.0)];
    let histogram = Pdf::histogram(&time, &[0.0, 1.0, 2.5, 8.0], &[1.0, 4.0, 1.0]).expect("one");
    let signal = Pdf::product(vec![Pdf::gaussian(&mass), histogram]).expect("a product");
    let background = Pdf::product(vec![Pdf::exponential(&time), Pdf::exponential(&mass)]);
    let slots = |k: &[usize]| k.iter().map(|k| Slot::Parameter(*k)).collect();
    let processes = vec![
        Process {
            name: "signal".into(),
            pdf: signal,
            shape: slots(&[2, 3]),
            expected: plain(Base::Parameter(0)),
        },
        Process {
            name: "background".into(),
            pdf: background.expect("a product"),
            shape: slots(&[4, 5]),
            expected: plain(Base::Parameter(1)),
        },
    ];
    let names = ["n_sig", "n_bkg", "mean", "width", "time_slope", "mass_slope"];
    let bounds = [(0.0, 1e5), (0.0, 1e5), (80.0, 100.0), (0.5, 10.0), (-5.0, 5.0), (-1.0, 1.0)];
    let parameters: Vec<Parameter> = (0..6).map(|k| free(names[k], init[k], bounds[k])).collect();
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

#[test]
fn pulls_of_two_observables() {
    const TRUTH: [f64; 6] = [300.0, 700.0, 91.0, 2.5, -0.5, -0.03];
    const TOYS: usize = 300;
    let observables = [window("mass", 60.0, 120.0), window("time", 0.0, 8.0)];
    let model = peak(nothing(&observables), &TRUTH);
    let fit = |range: std::ops::Range<u64>| {
        model.fit_toys(&TRUTH, range, 11, &[], Tolerance::default()).expect("toys")
    };
    let toys = fit(0..TOYS as u64);
    assert!(toys.fits.status.iter().all(|s| s.is_converged()));
    let asimov = model.asimov(&TRUTH).expect("Asimov data");
    let expected = asimov.fit_once(&Default::default()).expect("a fit");
    for (k, truth) in TRUTH.into_iter().enumerate() {
        assert!((expected.parameters[k] - truth).abs() < 1e-5 * expected.uncertainties[k], "{k}");
        let pull =
            |i: usize| (toys.fits.parameters_of(i)[k] - truth) / toys.uncertainties[i * 6 + k];
        let mean = (0..TOYS).map(pull).sum::<f64>() / TOYS as f64;
        let variance =
            (0..TOYS).map(|i| (pull(i) - mean).powi(2)).sum::<f64>() / (TOYS as f64 - 1.0);
        // 300 toys know a mean to 0.058 and a width to 0.041
        assert!(mean.abs() < 0.3, "{k}: {mean}");
        assert!((variance.sqrt() - 1.0).abs() < 0.15, "{k}: {}", variance.sqrt());
    }
    // the same in any split, on any number of threads
    for (range, threads) in [(0..4, 1), (4..9, 3)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let part = pool.install(|| fit(range.clone()));
        for i in 0..part.fits.len() {
            let at = range.start as usize + i;
            assert_eq!(part.fits.parameters_of(i), toys.fits.parameters_of(at));
            assert_eq!(part.events[i], toys.events[at]);
        }
    }
}

/// Jumps of factors inside a product: integrals over Asimov data are exact.
#[test]
fn asimov_data_know_the_edges() {
    let observables = [window("mass", 60.0, 120.0), window("time", 0.0, 8.0)];
    let truth = [300.0, 700.0, 91.0, 2.5, -0.5, -0.03];
    let asimov = peak(nothing(&observables), &truth).asimov(&truth).expect("Asimov data");
    let channel = asimov.channels().next().expect("a channel");
    let w = channel.events.weights().expect("weights");
    let (mass, time) = (
        channel.events.column("mass").expect("mass"),
        channel.events.column("time").expect("time"),
    );
    assert!((channel.events.sum_w() - 1000.0).abs() < 1e-5);
    // expected events with 1 < time < 2.5, times the mass: the signal has 6 / 12.5 of its events there
    let found: f64 = (0..w.len())
        .filter(|i| time[*i] > 1.0 && time[*i] < 2.5)
        .map(|i| w[i] * (mass[i] - 60.0))
        .sum();
    let decay = |from: f64, to: f64, k: f64| ((k * to).exp() - (k * from).exp()) / k;
    let share = decay(1.0, 2.5, -0.5) / decay(0.0, 8.0, -0.5);
    let k: f64 = -0.03;
    let integral = (60.0 * (60.0 * k).exp() - decay(0.0, 60.0, k)) / k;
    let background = integral / decay(0.0, 60.0, k);
    // a bell far from the ends of its window
    let tail = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let signal = 31.0 + 2.5 * (tail(31.0 / 2.5) - tail(29.0 / 2.5));
    let exact = 300.0 * signal * HISTOGRAM_SHARE + 700.0 * share * background;
    assert!((found / exact - 1.0).abs() < 1e-8, "{found} {exact}");
}

/// Contents of bins are events, not densities.
const HISTOGRAM_SHARE: f64 = 4.0 / 6.0;

#[test]
fn what_cannot_be_drawn_is_refused() {
    // of this flow next to nothing is in the window
    let layer = json!([{"type": "standardize", "mean": [0.0, 0.0], "std": [1.0, 1.0]}]);
    let flow =
        load("bell", &manifest(&["x", "y"], &[], layer), &vec![("a".into(), vec![1], vec![0.0])]);
    let windows = [window("x", 3.5, 4.0), window("y", -1.0, 1.0)];
    let pdf = Pdf::flow(&windows, Arc::new(flow)).expect("a density");
    let model = one(&pdf, &[], 10.0);
    let error = Thrower::new(&model, &[]).expect_err("refused").to_string();
    assert!(error.contains("process \"all\": flow: 1.4e-4 of it lies in its windows"), "{error}");
}
