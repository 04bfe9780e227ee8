//! Rules for `integral of b J0(qT b) F(b) db` over b > 0, and for that integrated over a bin of qT: nodes, and
//! weights that hold the Bessel function.

use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::legendre::gauss_legendre;

/// Where sinh-stretched nodes end, in 1/GeV: what is beyond is below rounding for every shape that falls like a
/// bell of a width seen in nature.
const B_CUT: f64 = 24.0;
/// Where the last of Ogata's nodes lies at small steps, in 1/GeV.
const B_OGATA: f64 = 22.0;
/// Largest step of Ogata's rule: beyond, its error is that of the rule and not of where it ends.
const LARGEST_STEP: f64 = 2e-3;
/// More nodes than this help no rule.
const MAX_NODES: usize = 4096;

/// How the integral over b is replaced by a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Gauss-Legendre in t, `b = s sinh t` up to b = 24 / GeV, `s = min(0.5, 2 / Q)` / GeV: nodes that depend on
    /// neither qT nor the parameters. For qT up to some 40 times the inverse of the width in b.
    SinhGaussLegendre {
        /// Number of nodes; 64 give 1e-8 up to Q = 10 GeV.
        nodes: usize,
    },
    /// Ogata's (Publ. RIMS 41 (2005) 949), on nodes at each qT's zeros of J0: for large qT.
    Ogata {
        /// Number of nodes; 100 to 200 are usual.
        nodes: usize,
    },
    /// The trapezoidal rule on logarithmic nodes, for comparison with programs that truncate the integral.
    Trapezoid {
        /// Lowest node, in 1/GeV.
        b_min: f64,
        /// Highest node, in 1/GeV.
        b_max: f64,
        /// Number of nodes.
        nodes: usize,
        /// What is taken to be linear between nodes.
        measure: Measure,
    },
}

/// The variable in which a trapezoid has straight sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// b itself.
    Linear,
    /// ln b: far more exact on logarithmic nodes.
    Logarithmic,
}

/// The qT, GeV, that an integral over b is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// One value, above 0.
    Point(f64),
    /// The integral of `qT dqT` from the first, 0 or more, to the second:
    /// `integral of qT J0(qT b) dqT = qT J1(qT b) / b` (DLMF 10.22.1).
    Bin(f64, f64),
}

impl At {
    fn check(self) -> Result<()> {
        let good = match self {
            Self::Point(qt) => qt > 0.0 && qt.is_finite(),
            Self::Bin(low, high) => low >= 0.0 && low < high && high.is_finite(),
        };
        match (good, self) {
            (true, _) => Ok(()),
            (false, Self::Point(qt)) => {
                Err(Error::Argument(format!("qT = {qt} GeV must be above 0 and finite")))
            }
            (false, Self::Bin(low, high)) => Err(Error::Argument(format!(
                "the bin from qT = {low} to {high} GeV must rise from 0 or more to a finite end"
            ))),
        }
    }

    /// What multiplies F under the integral over b.
    fn kernel(self, b: f64) -> f64 {
        match self {
            Self::Point(qt) => b * libm::j0(qt * b),
            Self::Bin(low, high) => high * libm::j1(high * b) - low * libm::j1(low * b),
        }
    }
}

/// Nodes b (1/GeV) and weights such that `sum weight F(b)` is the integral of `b J0(qT b) F(b)`, over a bin that of
/// `(q2 J1(q2 b) - q1 J1(q1 b)) F(b)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Nodes {
    /// Rising.
    pub b: Vec<f64>,
    /// One a node, in 1/GeV^2; over a bin without a unit.
    pub weight: Vec<f64>,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, nodes) = match self {
            Self::SinhGaussLegendre { nodes } => ("sinh-gl", nodes),
            Self::Ogata { nodes } => ("ogata", nodes),
            Self::Trapezoid { nodes, .. } => ("trapezoid", nodes),
        };
        write!(f, "{name}, {nodes} nodes")
    }
}

impl Rule {
    /// The nodes of an integral at `qt` (GeV, above 0) and the scale `q` (GeV, above 0).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: fewer than 2 or too many nodes; limits of a trapezoid that do not rise from above 0;
    /// `qt` or `q` not above 0.
    pub fn nodes(&self, qt: f64, q: f64) -> Result<Nodes> {
        self.nodes_at(At::Point(qt), q)
    }

    /// The nodes of an integral at one qT or over a bin, and the scale `q` (GeV, above 0). Ogata's rule has twice
    /// as many nodes for a bin, those of each end.
    ///
    /// # Errors
    ///
    /// As for [`Rule::nodes`]; [`Error::Argument`] for a bin that does not rise from 0 or more.
    pub fn nodes_at(&self, at: At, q: f64) -> Result<Nodes> {
        self.nodes_from(&self.base(), at, q)
    }

    /// What is the same for all integrals: nodes in (-1, 1) with their weights, if the rule has such.
    pub(super) fn base(&self) -> Vec<(f64, f64)> {
        match *self {
            Self::SinhGaussLegendre { nodes } if self.check().is_ok() => {
                (0..nodes).map(|i| gauss_legendre(nodes, i)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// [`Rule::nodes_at`] from the [`Rule::base`].
    pub(super) fn nodes_from(&self, base: &[(f64, f64)], at: At, q: f64) -> Result<Nodes> {
        self.check()?;
        at.check()?;
        if !(q > 0.0 && q.is_finite()) {
            return Err(Error::Argument(format!("Q = {q} GeV must be above 0 and finite")));
        }
        Ok(match (*self, at) {
            (Self::SinhGaussLegendre { .. }, _) => sinh_gauss_legendre(base, at, q),
            (Self::Ogata { nodes }, At::Point(qt)) => ogata_at(nodes, qt),
            (Self::Ogata { nodes }, At::Bin(low, high)) => ogata_over(nodes, low, high),
            (Self::Trapezoid { b_min, b_max, nodes, measure }, _) => {
                trapezoid(b_min, b_max, nodes, measure, at)
            }
        })
    }

    /// The same rule with a quarter more nodes, to see what difference they make.
    pub fn finer(&self) -> Self {
        let more = |nodes: usize| nodes + nodes.div_ceil(4);
        match *self {
            Self::SinhGaussLegendre { nodes } => Self::SinhGaussLegendre { nodes: more(nodes) },
            Self::Ogata { nodes } => Self::Ogata { nodes: more(nodes) },
            Self::Trapezoid { b_min, b_max, nodes, measure } => {
                Self::Trapezoid { b_min, b_max, nodes: more(nodes), measure }
            }
        }
    }

    fn check(&self) -> Result<()> {
        let (Self::SinhGaussLegendre { nodes }
        | Self::Ogata { nodes }
        | Self::Trapezoid { nodes, .. }) = *self;
        if !(2..=MAX_NODES).contains(&nodes) {
            let message = format!("{nodes} nodes; a rule needs 2 to {MAX_NODES}");
            return Err(Error::Argument(message));
        }
        match *self {
            Self::Trapezoid { b_min, b_max, .. }
                if !(b_min > 0.0 && b_min < b_max && b_max.is_finite()) =>
            {
                Err(Error::Argument(format!(
                    "nodes from b = {b_min} to {b_max}: a logarithmic grid rises from above 0"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn sinh_gauss_legendre(base: &[(f64, f64)], at: At, q: f64) -> Nodes {
    let s = f64::min(0.5, 2.0 / q);
    let half = 0.5 * libm::asinh(B_CUT / s);
    let node = |(x, w): &(f64, f64)| {
        let t = half * (1.0 + x);
        let b = s * libm::sinh(t);
        (b, half * w * s * libm::cosh(t) * at.kernel(b))
    };
    let (b, weight) = base.iter().map(node).unzip();
    Nodes { b, weight }
}

/// The `n`-th zero of J0 or J1 above 0 (n from 1): McMahon's expansion (DLMF 10.21.19), then Newton's method.
pub fn bessel_zero(order: Order, n: usize) -> f64 {
    let n = n as f64;
    let mut zero = match order {
        Order::Zero => {
            let beta = (n - 0.25) * PI;
            let r = 1.0 / (8.0 * beta);
            beta + r * (1.0 - r * r * (124.0 / 3.0 - r * r * (120_928.0 / 15.0)))
        }
        Order::One => {
            let beta = (n + 0.25) * PI;
            let r = 1.0 / (8.0 * beta);
            beta - r * (3.0 - r * r * 12.0)
        }
    };
    for _ in 0..4 {
        zero -= match order {
            Order::Zero => -libm::j0(zero) / libm::j1(zero),
            // J1' = J0 - J1 / x
            Order::One => libm::j1(zero) / (libm::j0(zero) - libm::j1(zero) / zero),
        };
    }
    zero
}

/// Order of a Bessel function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// 0
    Zero,
    /// 1
    One,
}

/// Ogata's rule with step `h`: `integral of f(x) J(x) dx = sum W f(x)`, J of that order; arguments x and weights W
/// of the first `n` zeros.
pub fn ogata(order: Order, n: usize, h: f64) -> (Vec<f64>, Vec<f64>) {
    let one = |j: usize| {
        let zero = bessel_zero(order, j);
        let t = h * zero / PI;
        let inner = 0.5 * PI * libm::sinh(t);
        let (tanh, cosh) = (libm::tanh(inner), libm::cosh(inner));
        let x = PI / h * t * tanh;
        let slope = tanh + t * 0.5 * PI * libm::cosh(t) / (cosh * cosh);
        let bessel = match order {
            Order::Zero => libm::y0(zero) / libm::j1(zero) * libm::j0(x),
            // J2 = -J0 there
            Order::One => -libm::y1(zero) / libm::j0(zero) * libm::j1(x),
        };
        (x, PI * bessel * slope)
    };
    (1..=n).map(one).unzip()
}

/// A step whose last node is where shapes have fallen.
fn ogata_step(order: Order, n: usize, qt: f64) -> f64 {
    let xi = bessel_zero(order, n) / PI;
    (2.0 * qt * B_OGATA / (PI * PI * xi * xi)).min(LARGEST_STEP)
}

fn ogata_at(n: usize, qt: f64) -> Nodes {
    let (x, w) = ogata(Order::Zero, n, ogata_step(Order::Zero, n, qt));
    let b = x.iter().map(|x| x / qt).collect();
    Nodes { b, weight: x.iter().zip(&w).map(|(x, w)| w * x / (qt * qt)).collect() }
}

/// Nodes of both ends of a bin. At an end of 0 nothing is to be taken away, which is a weight of 0: all points have
/// as many nodes.
fn ogata_over(n: usize, low: f64, high: f64) -> Nodes {
    let end = |qt: f64, sign: f64| {
        let at = if qt > 0.0 { qt } else { high };
        let (x, w) = ogata(Order::One, n, ogata_step(Order::One, n, at));
        let sign = if qt > 0.0 { sign } else { 0.0 };
        x.into_iter().zip(w).map(move |(x, w)| (x / at, sign * w))
    };
    let mut all: Vec<(f64, f64)> = end(high, 1.0).chain(end(low, -1.0)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (b, weight) = all.into_iter().unzip();
    Nodes { b, weight }
}

fn trapezoid(b_min: f64, b_max: f64, n: usize, measure: Measure, at: At) -> Nodes {
    let step = (libm::log(b_max) - libm::log(b_min)) / (n - 1) as f64;
    let mut b: Vec<f64> = (0..n).map(|i| b_min * libm::exp(step * i as f64)).collect();
    b[n - 1] = b_max;
    let width = |i: usize| match measure {
        Measure::Linear => 0.5 * (b[(i + 1).min(n - 1)] - b[i.saturating_sub(1)]),
        Measure::Logarithmic if i == 0 || i == n - 1 => 0.5 * step * b[i],
        Measure::Logarithmic => step * b[i],
    };
    let weight = (0..n).map(|i| width(i) * at.kernel(b[i])).collect();
    Nodes { b, weight }
}
