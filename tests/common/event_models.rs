//! Models of single events that tests share: recorded ones (`unbinned/goldens.json`) and some of our own.

#![allow(dead_code, reason = "each test file uses a part of this")]

use neyman::model::interpolation::{HistoSysInterpolation, NormSysInterpolation};
use neyman::unbinned::model::{Channel, Gaussian, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::{Base, Modifier, Yield};
use neyman::unbinned::{EventTable, Observable, OutOfBounds, UnbinnedModel};
use serde_json::Value;

use crate::{number, numbers};

pub(crate) fn free(name: &str, init: f64, bounds: (f64, f64)) -> Parameter {
    Parameter { name: name.into(), init, bounds, constraint: None }
}

pub(crate) fn nuisance(name: &str) -> Parameter {
    let constraint = Some(Gaussian { center: 0.0, sigma: 1.0 });
    Parameter { name: name.into(), init: 0.0, bounds: (-5.0, 5.0), constraint }
}

pub(crate) fn plain(base: Base) -> Yield {
    Yield { base, modifiers: vec![] }
}

pub(crate) fn table(observable: &Observable, x: Vec<f64>, weights: Option<Vec<f64>>) -> EventTable {
    let columns = vec![(observable.name().to_owned(), x)];
    let observables = std::slice::from_ref(observable);
    EventTable::new(observables, columns, weights, OutOfBounds::Error).expect("a table")
}

/// A recorded model: a bell of strength mu_s with a weightsys above an exponential with a normsys.
pub(crate) fn recorded(case: &Value) -> UnbinnedModel {
    let bounds = numbers(&case["bounds"]);
    let mass = Observable::new("mass", bounds[0], bounds[1]).expect("a window");
    let weights = (!case["weights"].is_null()).then(|| numbers(&case["weights"]));
    let events = number(&case["base_sig"]);
    let signal = Process {
        name: "signal".into(),
        pdf: Pdf::gaussian(&mass),
        shape: vec![Slot::Parameter(1), Slot::Parameter(2)],
        expected: Yield {
            base: Base::Scaled { base: events, parameter: 0 },
            modifiers: vec![
                Modifier::weightsys(5, 0.92, 1.1, HistoSysInterpolation::PolynomialLinear)
                    .expect("a modifier"),
            ],
        },
    };
    let background = Process {
        name: "background".into(),
        pdf: Pdf::exponential(&mass),
        shape: vec![Slot::Parameter(3)],
        expected: Yield {
            base: Base::Fixed(3.0 * events),
            modifiers: vec![
                Modifier::normsys(4, 0.85, 1.18, NormSysInterpolation::PolynomialExponential)
                    .expect("a modifier"),
            ],
        },
    };
    let parameters = vec![
        free("mu_s", 1.0, (0.0, 10.0)),
        free("mean", 91.0, (80.0, 100.0)),
        free("width", 2.5, (0.1, 20.0)),
        free("slope", -0.03, (-1.0, 1.0)),
        nuisance("a1"),
        nuisance("a2"),
    ];
    let events = table(&mass, numbers(&case["x"]), weights);
    let processes = vec![signal, background];
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// Numbers in [0, 1) by a generator of our own.
pub(crate) fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = 0x1234_5678_9abc_def1_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `signal` events around 91 and `background` falling ones in 60..120.
pub(crate) fn bump(signal: usize, background: usize, seed: u64) -> Vec<f64> {
    let mut random = uniform(seed);
    let mut x = Vec::new();
    while x.len() < signal {
        let (a, b) = (random(), random());
        let normal = (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        x.extend(Some(91.0 + 2.5 * normal).filter(|x| (60.0..=120.0).contains(x)));
    }
    let cut = 1.0 - (-0.03_f64 * 60.0).exp();
    x.extend((0..background).map(|_| 60.0 - (1.0 - cut * random()).ln() / 0.03));
    // mixed, as measured events are
    for i in (1..x.len()).rev() {
        x.swap(i, (random() * (i + 1) as f64) as usize);
    }
    x
}

/// Two channels that share a mean, a width and a strength; shapes with and without parameters, weights, a
/// parameter in a yield and a shape at once.
pub(crate) fn two_channels() -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let bell = |strength: f64| Process {
        name: "signal".into(),
        pdf: Pdf::gaussian(&mass),
        shape: vec![Slot::Parameter(1), Slot::Parameter(2)],
        expected: Yield {
            base: Base::Scaled { base: strength, parameter: 0 },
            modifiers: vec![
                Modifier::normsys(4, 0.8, 1.3, NormSysInterpolation::default())
                    .expect("a modifier"),
                Modifier::weightsys(5, 0.9, 1.2, HistoSysInterpolation::default())
                    .expect("a modifier"),
            ],
        },
    };
    let first = vec![
        bell(300.0),
        Process {
            name: "falling".into(),
            pdf: Pdf::exponential(&mass),
            shape: vec![Slot::Parameter(3)],
            expected: plain(Base::Parameter(6)),
        },
        Process {
            name: "flat".into(),
            pdf: Pdf::uniform(&mass),
            shape: vec![],
            expected: plain(Base::Fixed(40.0)),
        },
    ];
    let second = vec![
        bell(50.0),
        Process {
            name: "tails".into(),
            pdf: Pdf::crystal_ball(&mass),
            shape: vec![
                Slot::Parameter(1),
                Slot::Parameter(2),
                Slot::Constant(1.5),
                Slot::Parameter(2),
            ],
            expected: Yield {
                base: Base::Scaled { base: 70.0, parameter: 2 },
                modifiers: vec![
                    Modifier::normsys(4, 0.9, 1.1, NormSysInterpolation::default())
                        .expect("a modifier"),
                ],
            },
        },
        Process {
            name: "bent".into(),
            pdf: Pdf::chebyshev(&mass, 2).expect("a polynomial"),
            shape: vec![Slot::Parameter(3), Slot::Constant(0.1)],
            expected: plain(Base::Fixed(200.0)),
        },
    ];
    let parameters = vec![
        free("mu", 1.2, (0.0, 10.0)),
        free("mean", 91.0, (80.0, 100.0)),
        free("width", 2.5, (0.1, 20.0)),
        free("slope", -0.03, (-1.0, 1.0)),
        nuisance("lumi"),
        nuisance("tracking"),
        free("n_falling", 700.0, (0.0, 1e5)),
    ];
    let x = bump(300, 700, 1);
    let mut random = uniform(2);
    let weights = x.iter().map(|_| 2.0 * random()).collect();
    let channel = |name: &str, events, processes| Channel { name: name.into(), events, processes };
    let channels = vec![
        channel("near", table(&mass, x, Some(weights)), first),
        channel("far", table(&mass, bump(80, 200, 3), None), second),
    ];
    UnbinnedModel::new(parameters, channels).expect("a model")
}

/// Every density that devices know, and two that follow no parameter, one with gaps. Yields are the first
/// parameters; that of the second process is 0 at the start.
pub(crate) fn all_densities(n: usize, weighted: bool) -> UnbinnedModel {
    let x = Observable::new("x", 0.5, 10.5).expect("a window");
    let known = "a density";
    let histogram = Pdf::histogram(&x, &[0.5, 3.0, 7.0, 10.5], &[1.0, 0.0, 3.0]);
    let densities = [
        (Pdf::gaussian(&x), vec![4.0, 0.7]),
        (Pdf::exponential(&x), vec![-0.3]),
        (Pdf::lognormal(&x).expect(known), vec![1.2, 0.4]),
        (Pdf::argus(&x).expect(known), vec![9.0, -1.5, 0.5]),
        (Pdf::breit_wigner(&x), vec![6.0, 0.5]),
        (Pdf::crystal_ball(&x), vec![7.0, 0.5, 1.1, 2.5]),
        (Pdf::double_crystal_ball(&x), vec![5.0, 0.6, 1.2, 3.0, 0.8, 2.0]),
        (Pdf::chebyshev(&x, 3).expect(known), vec![0.2, -0.1, 0.05]),
        (Pdf::polynomial(&x, 2).expect(known), vec![1.0, 0.3, 0.02]),
        (Pdf::bernstein(&x, 3).expect(known), vec![0.2, 0.9, 0.4, 0.1]),
        (Pdf::uniform(&x), vec![]),
        (histogram.expect(known), vec![]),
    ];
    let mut parameters: Vec<Parameter> = (0..densities.len())
        .map(|p| free(&format!("n{p}"), 40.0 * (p as f64 - 1.0).abs(), (0.0, 1e6)))
        .collect();
    let mut processes = Vec::new();
    for (p, (pdf, values)) in densities.into_iter().enumerate() {
        let kind = pdf.kind();
        let names = pdf.parameter_names();
        let slot = |(k, (value, name)): (usize, (f64, String))| {
            // where an argus ends is held, and one coefficient of those series whose size means nothing
            if k == 0 && matches!(kind, "argus" | "polynomial" | "bernstein") {
                return Slot::Constant(value);
            }
            parameters.push(free(&format!("{p}_{name}"), value, (-100.0, 100.0)));
            Slot::Parameter(parameters.len() - 1)
        };
        let shape = values.into_iter().zip(names).enumerate().map(slot).collect();
        let expected = plain(Base::Parameter(p));
        processes.push(Process { name: format!("p{p}"), pdf, shape, expected });
    }
    let mut random = uniform(5);
    let values: Vec<f64> = (0..n).map(|_| 0.5 + 10.0 * random()).collect();
    let weights = weighted.then(|| (0..n).map(|i| 0.25 * (i % 7) as f64).collect());
    let events = table(&x, values, weights);
    let channel = Channel { name: "all".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}

/// `n` masses: one in five around 5279.65, the others of an argus that ends at 5289.
pub(crate) fn mesons_above(n: usize) -> Vec<f64> {
    let mut random = uniform(23);
    let mut x = Vec::new();
    while x.len() < n {
        if random() < 0.2 {
            let normal =
                (-2.0 * (1.0 - random()).ln()).sqrt() * (std::f64::consts::TAU * random()).cos();
            x.extend(Some(5279.65 + 2.6 * normal).filter(|x| *x < 5289.0));
            continue;
        }
        // the argus by rejection
        let m = 5200.0 + 89.0 * random();
        let s = 1.0 - (m / 5289.0_f64).powi(2);
        let size = m * s.sqrt() * (-20.0 * s).exp();
        x.extend(Some(m).filter(|_| random() * 860.0 < size));
    }
    x
}

/// A bell above an exponential, all free.
pub(crate) fn bell(n: usize, weight: Option<f64>) -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let process = |name: &str, pdf, shape, parameter| Process {
        name: name.into(),
        pdf,
        shape,
        expected: plain(Base::Parameter(parameter)),
    };
    let parameters = vec![
        free("n_sig", 0.3 * n as f64, (0.0, 1e8)),
        free("mean", 90.0, (80.0, 100.0)),
        free("width", 3.0, (0.5, 10.0)),
        free("n_bkg", 0.6 * n as f64, (0.0, 1e8)),
        free("slope", -0.02, (-1.0, 1.0)),
    ];
    let signal = vec![Slot::Parameter(1), Slot::Parameter(2)];
    let processes = vec![
        process("signal", Pdf::gaussian(&mass), signal, 0),
        process("background", Pdf::exponential(&mass), vec![Slot::Parameter(4)], 3),
    ];
    let events = table(&mass, bump(n / 4, n - n / 4, 11), weight.map(|w| vec![w; n]));
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters, vec![channel]).expect("a model")
}
