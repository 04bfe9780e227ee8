//! Whole models against plain loops over events: densities, weights and edges by chance, the recorded ones of
//! `models.rs` aside.

use neyman::unbinned::model::{Channel, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{Observable, UnbinnedModel};

use crate::models::{free, plain, table, uniform};

/// A likelihood with what its sums are made of: what an addition may have rounded off is an ulp of it.
#[derive(Default)]
struct Oracle {
    nll: f64,
    zero_density: usize,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    sizes: (f64, Vec<f64>, Vec<f64>),
}

/// Event by event, from the density's public formulas. Every yield is a parameter.
fn oracle(model: &UnbinnedModel, theta: &[f64]) -> Oracle {
    let k = theta.len();
    let mut out = Oracle {
        gradient: vec![0.0; k],
        hessian: vec![0.0; k * k],
        sizes: (0.0, vec![0.0; k], vec![0.0; k * k]),
        ..Oracle::default()
    };
    for channel in model.channels() {
        let n = channel.events.n();
        let x = channel.events.column("x").expect("a column");
        let mut processes = Vec::new();
        for process in &channel.processes {
            let Base::Parameter(nu) = process.expected.base else { panic!("a parameter") };
            let slots = process.shape.len();
            let value = |slot: &Slot| match *slot {
                Slot::Parameter(k) => theta[k],
                Slot::Constant(value) => value,
            };
            let shape: Vec<f64> = process.shape.iter().map(value).collect();
            let (mut l, mut g) = (vec![0.0; n], vec![0.0; n * slots]);
            let mut h = vec![0.0; n * slots * (slots + 1) / 2];
            process.pdf.log_prob_hessian(&shape, &[x], &mut l, &mut g, &mut h).expect("densities");
            processes.push((nu, &process.shape, l, g, h));
            out.nll += theta[nu];
            out.sizes.0 += theta[nu];
            out.gradient[nu] += 1.0;
        }
        for i in 0..n {
            let weight = channel.events.weights().map_or(1.0, |w| w[i]);
            if weight == 0.0 {
                continue;
            }
            let top = processes
                .iter()
                .map(|(nu, _, l, ..)| theta[*nu].ln() + l[i])
                .fold(f64::NEG_INFINITY, f64::max);
            if top == f64::NEG_INFINITY {
                out.zero_density += 1;
                continue;
            }
            let sum: f64 =
                processes.iter().map(|(nu, _, l, ..)| theta[*nu] * (l[i] - top).exp()).sum();
            out.nll -= weight * (top + sum.ln());
            out.sizes.0 += weight * (top.abs() + sum.ln().abs());
            // the likelihood of the event, over itself: value, slopes, curvatures
            let (mut f1, mut f2) = (vec![0.0; k], vec![0.0; k * k]);
            for (nu, shape, l, g, h) in &processes {
                let u = (l[i] - top).exp() / sum;
                f1[*nu] += u;
                for (a, slot) in shape.iter().enumerate() {
                    let Slot::Parameter(j) = *slot else { continue };
                    let slope = g[a * n + i];
                    f1[j] += theta[*nu] * u * slope;
                    f2[j * k + nu] += u * slope;
                    f2[nu * k + j] += u * slope;
                    for (b, slot) in shape.iter().enumerate() {
                        let Slot::Parameter(m) = *slot else { continue };
                        let (r, c) = (a.max(b), a.min(b));
                        let curve = h[(r * (r + 1) / 2 + c) * n + i];
                        f2[j * k + m] += theta[*nu] * u * (slope * g[b * n + i] + curve);
                    }
                }
            }
            for a in 0..k {
                out.gradient[a] -= weight * f1[a];
                out.sizes.1[a] += weight * f1[a].abs();
                for b in 0..k {
                    out.hessian[a * k + b] += weight * (f1[a] * f1[b] - f2[a * k + b]);
                    out.sizes.2[a * k + b] +=
                        weight * ((f1[a] * f1[b]).abs() + f2[a * k + b].abs());
                }
            }
        }
    }
    out
}

fn compare(model: &UnbinnedModel, theta: &[f64], what: &str) {
    let want = oracle(model, theta);
    let got = model.hessian(theta).expect("a likelihood");
    assert_eq!(got.zero_density, want.zero_density, "{what}");
    if want.zero_density == 0 {
        assert!(
            (got.nll - want.nll).abs() <= 1e-12 * want.sizes.0,
            "{what}: {}",
            got.nll - want.nll
        );
    } else {
        assert_eq!(got.nll, f64::INFINITY, "{what}");
    }
    let values = model.nll(theta).expect("a likelihood");
    assert_eq!(values.nll, got.nll, "{what}");
    assert_eq!(model.gradient(theta).expect("a likelihood").gradient, got.gradient, "{what}");
    let sizes = &want.sizes;
    for (at, (got, want)) in got.gradient.iter().zip(&want.gradient).enumerate() {
        let size = 1.0 + sizes.1[at];
        assert!((got - want).abs() <= 1e-10 * size, "{what}, slope {at}: {got} {want} of {size}");
    }
    let k = theta.len();
    for (at, (got, want)) in got.hessian.iter().zip(&want.hessian).enumerate() {
        let diagonal = (sizes.2[at / k * (k + 1)] * sizes.2[at % k * (k + 1)]).sqrt();
        let size = sizes.2[at] + diagonal;
        assert!(
            (got - want).abs() <= 1e-9 * size + NOTHING,
            "{what}, {at}: {got} {want} of {size}"
        );
    }
}

/// A density of x in 0.5..10.5 with likely parameters.
fn density(which: usize, random: &mut impl FnMut() -> f64) -> (Pdf, Vec<f64>) {
    let x = Observable::new("x", 0.5, 10.5).expect("a window");
    let mut between = |lo: f64, hi: f64| lo + (hi - lo) * random();
    match which {
        0 => (Pdf::gaussian(&x), vec![between(2.0, 8.0), between(0.1, 4.0)]),
        1 => (Pdf::exponential(&x), vec![between(-1.5, 1.5)]),
        2 => {
            let shape = vec![between(0.0, 2.0), between(0.1, 1.5)];
            (Pdf::lognormal(&x).expect("a density"), shape)
        }
        3 => {
            let shape = vec![between(8.0, 14.0), between(-4.0, 4.0), between(0.0, 2.0)];
            (Pdf::argus(&x).expect("a density"), shape)
        }
        4 => (Pdf::breit_wigner(&x), vec![between(0.0, 9.0), between(0.1, 4.0)]),
        5 => {
            let shape =
                vec![between(3.0, 11.0), between(0.1, 2.0), between(0.3, 2.5), between(0.8, 150.0)];
            (Pdf::crystal_ball(&x), shape)
        }
        6 | 7 => {
            let mut shape = vec![between(2.0, 9.0), between(0.1, 2.0)];
            if which == 7 {
                shape.push(between(0.1, 2.0));
            }
            for _ in 0..2 {
                shape.extend([between(0.3, 2.5), between(0.8, 20.0)]);
            }
            match which {
                6 => (Pdf::double_crystal_ball(&x), shape),
                _ => (Pdf::asymmetric_crystal_ball(&x), shape),
            }
        }
        8 => {
            let order = 1 + (3.0 * random()) as usize;
            let c = (0..order).map(|_| (random() - 0.5) / 2.0).collect();
            (Pdf::chebyshev(&x, order).expect("a density"), c)
        }
        9 => {
            let c = (0..3).map(|_| 0.1 + random()).collect();
            (Pdf::polynomial(&x, 2).expect("a density"), c)
        }
        10 => {
            let c = (0..5).map(|_| 0.1 + random()).collect();
            (Pdf::bernstein(&x, 4).expect("a density"), c)
        }
        11 => (Pdf::voigtian(&x), vec![between(2.0, 8.0), between(0.1, 2.0), between(0.05, 1.0)]),
        12 => (Pdf::histogram(&x, &[0.5, 4.0, 8.0], &[1.0, 3.0]).expect("a density"), vec![]),
        _ => (Pdf::uniform(&x), vec![]),
    }
}

const DENSITIES: usize = 14;
/// The kernel's exponential of what is below -700, where that of plain loops is 0.
const NOTHING: f64 = 1e-290;

/// A channel of these densities, each parameter free or not by chance, and a point.
fn model(which: &[usize], n: usize, seed: u64) -> (UnbinnedModel, Vec<f64>) {
    let mut random = uniform(seed);
    let mut theta = Vec::new();
    let mut processes = Vec::new();
    for (p, which) in which.iter().enumerate() {
        let (pdf, shape) = density(*which, &mut random);
        let mut slots = Vec::new();
        for value in shape {
            slots.push(if random() < 0.75 {
                theta.push(value);
                Slot::Parameter(theta.len() - 1)
            } else {
                Slot::Constant(value)
            });
        }
        theta.push(if random() < 0.1 { 0.0 } else { 100.0 * random() });
        let expected = plain(Base::Parameter(theta.len() - 1));
        processes.push(Process { name: format!("p{p}"), pdf, shape: slots, expected });
    }
    let x = Observable::new("x", 0.5, 10.5).expect("a window");
    // edges of the window, too
    let place = |random: f64| 0.5 + 10.0 * (1.002 * random - 0.001).clamp(0.0, 1.0);
    let events = (0..n).map(|_| place(random())).collect();
    let weighted = random() < 0.5;
    let weight = |random: f64| if random < 0.1 { 0.0 } else { 3.0 * random };
    let weights = weighted.then(|| (0..n).map(|_| weight(random())).collect());
    let parameters = theta
        .iter()
        .enumerate()
        .map(|(k, value)| free(&format!("t{k}"), *value, (f64::NEG_INFINITY, f64::INFINITY)));
    let channel = Channel { name: "SR".into(), events: table(&x, events, weights), processes };
    let model = UnbinnedModel::new(parameters.collect(), vec![channel]).expect("a model");
    (model, theta)
}

#[test]
fn random_mixtures_are_what_their_formulas_say() {
    for seed in 0..150 {
        let mut random = uniform(1000 + seed);
        let processes = 1 + (4.0 * random()) as usize;
        let which: Vec<usize> =
            (0..processes).map(|_| (DENSITIES as f64 * random()) as usize).collect();
        // less than a register, a block and a bit, chunks
        let n = [1, 3, 16, 255, 300, 1025, 4099][(7.0 * random()) as usize];
        let (model, theta) = model(&which, n, seed);
        compare(&model, &theta, &format!("seed {seed}, {which:?}, {n} events"));
    }
}

#[test]
fn each_density_alone() {
    for which in 0..DENSITIES {
        for seed in 0..4 {
            let (model, theta) = model(&[which, 13], 700, 77 + seed);
            compare(&model, &theta, &format!("density {which}, seed {seed}"));
        }
    }
}

#[test]
fn extreme_points_are_what_their_formulas_say() {
    let x = Observable::new("x", 0.5, 10.5).expect("a window");
    let events: Vec<f64> = (0..500).map(|i| 0.5 + f64::from(i) * 0.02).collect();
    let cases: [(Pdf, Vec<f64>); 9] = [
        // far outside the window, on either side; wider and narrower than all
        (Pdf::gaussian(&x), vec![-300.0, 1.0]),
        (Pdf::gaussian(&x), vec![1e4, 2.0]),
        (Pdf::gaussian(&x), vec![5.0, 1e6]),
        (Pdf::gaussian(&x), vec![5.0, 1e-3]),
        (Pdf::exponential(&x), vec![1e-12]),
        (Pdf::exponential(&x), vec![-500.0]),
        (Pdf::breit_wigner(&x), vec![5.0, 1e-7]),
        (Pdf::crystal_ball(&x), vec![5.0, 0.01, 1e-3, 1.0 + 1e-9]),
        (Pdf::crystal_ball(&x), vec![9.0, 0.5, 0.7, 1e5]),
    ];
    for (at, (pdf, theta)) in cases.into_iter().enumerate() {
        let n = theta.len();
        let free = |k, value| free(&format!("t{k}"), value, (f64::NEG_INFINITY, f64::INFINITY));
        let mut parameters: Vec<_> = theta.iter().enumerate().map(|(k, v)| free(k, *v)).collect();
        parameters.extend([free(n, 100.0), free(n + 1, 1e-3)]);
        let flat = Process {
            name: "flat".into(),
            pdf: Pdf::uniform(&x),
            shape: vec![],
            expected: plain(Base::Parameter(n + 1)),
        };
        let peak = Process {
            name: "peak".into(),
            pdf,
            shape: (0..n).map(Slot::Parameter).collect(),
            expected: plain(Base::Parameter(n)),
        };
        let events = table(&x, events.clone(), None);
        let channel = Channel { name: "SR".into(), events, processes: vec![peak, flat] };
        let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
        let theta: Vec<f64> = theta.into_iter().chain([100.0, 1e-3]).collect();
        compare(&model, &theta, &format!("case {at}"));
    }
}
