//! Recorded likelihoods of mixtures (`unbinned/goldens.json`), and large ones of our own.

#![allow(dead_code, reason = "each test file uses a part of this")]

use neyman::unbinned::reduce::{Constraint, Mixture, Reduced, Toy, Wanted, reduce_lse};
use serde_json::Value;

/// A number, where infinite ones are text.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}")).iter().map(number).collect()
}

/// Rows of a matrix, one after the other.
pub(crate) fn flat(rows: &Value) -> Vec<f64> {
    rows.as_array().expect("rows").iter().flat_map(numbers).collect()
}

/// A recorded likelihood with its derivatives.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) log_p: Vec<f64>,
    pub(crate) yields: Vec<f64>,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) constraints: Vec<Constraint>,
    /// +inf where an event has no density; then there are no derivatives.
    pub(crate) nll: f64,
    /// Sum of the absolute values of the logarithms that are summed.
    pub(crate) size: f64,
    pub(crate) yield_gradient: Vec<f64>,
    pub(crate) constraint_gradient: Vec<f64>,
    pub(crate) slopes: Vec<f64>,
}

impl Case {
    pub(crate) fn toy(&self) -> Toy<'_> {
        Toy { yields: &self.yields, constraints: &self.constraints, constant: 0.0 }
    }

    pub(crate) fn n_events(&self) -> usize {
        self.log_p.len() / self.yields.len()
    }
}

/// The recorded ones, of one data set each.
pub(crate) fn cases(goldens: &Value) -> Vec<Case> {
    let cases: Vec<Case> = goldens["reduce"]
        .as_array()
        .expect("cases")
        .iter()
        .map(|case| {
            let constraint = |c: &Value| Constraint {
                value: number(&c["theta"]),
                center: number(&c["center"]),
                sigma: number(&c["sigma"]),
            };
            let constraints = case["constraints"].as_array();
            let mut read = Case {
                id: case["id"].as_str().expect("an id").into(),
                log_p: flat(&case["logp"]),
                yields: numbers(&case["nu"]),
                weights: (!case["weights"].is_null()).then(|| numbers(&case["weights"])),
                constraints: constraints
                    .map_or(vec![], |list| list.iter().map(constraint).collect()),
                nll: number(&case["nll"]),
                ..Case::default()
            };
            if read.nll.is_finite() {
                read.size = numbers(&case["log_f"]).iter().map(|l| l.abs()).sum();
                read.yield_gradient = numbers(&case["dnll_dnu"]);
                read.constraint_gradient = numbers(&case["dnll_dtheta"]);
                read.slopes = flat(&case["dnll_dlogp"]);
            }
            read
        })
        .collect();
    assert_eq!(cases.len(), 9);
    cases
}

/// The recorded batch of toys of different lengths, one of them empty.
pub(crate) struct Batch {
    pub(crate) log_p: Vec<f64>,
    pub(crate) offsets: Vec<u32>,
    yields: Vec<Vec<f64>>,
    constraints: Vec<[Constraint; 1]>,
    pub(crate) nll: Vec<f64>,
    pub(crate) yield_gradient: Vec<f64>,
}

impl Batch {
    pub(crate) fn recorded(goldens: &Value) -> Self {
        let case = &goldens["reduce_batch"];
        let (center, sigma) = (number(&case["center"]), number(&case["sigma"]));
        let values = flat(&case["theta"]);
        Self {
            log_p: flat(&case["logp"]),
            offsets: numbers(&case["offsets"]).iter().map(|o| *o as u32).collect(),
            yields: case["nu"].as_array().expect("yields").iter().map(numbers).collect(),
            constraints: values
                .into_iter()
                .map(|value| [Constraint { value, center, sigma }])
                .collect(),
            nll: numbers(&case["nll"]),
            yield_gradient: flat(&case["dnll_dnu"]),
        }
    }

    pub(crate) fn toys(&self) -> Vec<Toy<'_>> {
        let rows = self.yields.iter().zip(&self.constraints);
        rows.map(|(yields, constraints)| Toy { yields, constraints, constant: 0.0 }).collect()
    }
}

/// Uniform numbers by a generator of our own.
pub(crate) struct Uniform(u64);

impl Uniform {
    pub(crate) fn new() -> Self {
        Self(0x1234_5678_9abc_def1)
    }

    pub(crate) fn next(&mut self) -> f64 {
        let Self(state) = self;
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A resonance on a falling background in 60..120, seven events of ten background: the log-densities of `n`
/// events under both and under a flat one, and yields near the truth.
pub(crate) fn resonance(n: usize) -> (Vec<f64>, [f64; 3]) {
    let (mean, sigma, slope, width) = (91.2, 2.5, 0.03, 60.0);
    let mut uniform = Uniform::new();
    let decay = f64::exp(-slope * width);
    let events: Vec<f64> = (0..n)
        .map(|i| {
            let (u, v) = (uniform.next(), uniform.next());
            if i % 10 < 7 {
                return 60.0 - f64::ln(1.0 - u * (1.0 - decay)) / slope;
            }
            let normal = f64::sqrt(-2.0 * f64::ln(1.0 - u)) * f64::cos(std::f64::consts::TAU * v);
            mean + sigma * normal
        })
        .collect();
    let gaussian = |x: &f64| {
        let z = (x - mean) / sigma;
        -0.5 * z * z - f64::ln(sigma * std::f64::consts::TAU.sqrt())
    };
    let exponential = |x: &f64| -slope * (x - 60.0) + f64::ln(slope) - f64::ln(1.0 - decay);
    let flat = |_: &f64| -f64::ln(width);
    let log_p = [
        events.iter().map(gaussian).collect::<Vec<_>>(),
        events.iter().map(exponential).collect(),
        events.iter().map(flat).collect(),
    ]
    .concat();
    let n = n as f64;
    (log_p, [0.29 * n + 0.1, 0.69 * n + 0.7, 0.021 * n + 0.3])
}

/// Everything that can be asked for, with the derivatives in the log-densities.
pub(crate) fn everything(mixture: &Mixture<'_>) -> (Reduced, Vec<f64>) {
    let mut slopes = vec![f64::NAN; mixture.log_p.len()];
    let wanted = Wanted { gradient: true, hessian: true, log_p_gradient: Some(&mut slopes) };
    let reduced = reduce_lse(mixture, wanted).unwrap_or_else(|e| panic!("{e}"));
    (reduced, slopes)
}

/// Tells of numbers that differ by more than their share, and a rounding of 1.
pub(crate) fn close(told: &mut Vec<String>, what: &str, a: &[f64], b: &[f64], relative: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let near = (a - b).abs() <= relative * b.abs() + 1e-14;
        if !near && a != b {
            told.push(format!("{what} {i}: {a} {b}"));
        }
    }
}
