//! A density around a point of its parameters, as the kernel takes it: logarithm and derivatives as combinations
//! of few functions of the event, the columns.

use super::Window;
use super::dual::Dual;
use crate::unbinned::packed::place;

/// Arguments beyond this are left to the scalar formulas: their squares stay finite.
const FARTHEST: f64 = 1e150;

/// With `c_0 = 1`, slope columns `c_1 .. c_s` and curve columns `c_(s+1) ..`, K free parameters a, b:
/// `dL/da = sum_(j <= s) jacobian[j, a] c_j` and `d2L/da db = sum_h bend[h, ab] c_h`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::unbinned) struct Local {
    pub(in crate::unbinned) form: Form,
    pub(in crate::unbinned) slopes: usize,
    pub(in crate::unbinned) curves: usize,
    /// `[1 + slopes, K]`
    pub(in crate::unbinned) jacobian: Vec<f64>,
    /// `[1 + slopes + curves, K (K + 1) / 2]`
    pub(in crate::unbinned) bend: Vec<f64>,
    /// Whether products of two slope columns belong to the second derivatives of the density itself: not where it
    /// is linear in the parameters. `bend` counts without them then.
    pub(in crate::unbinned) products: bool,
}

/// What makes the columns.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::unbinned) enum Form {
    /// They are given: values, gradients and Hessians in the free parameters.
    Given,
    /// `c[0] + c[1] y + c[2] y^2`, `y = (x - origin) inverse`, or ln x for x, and then `- ln x`; columns y, y^2.
    Powers { origin: f64, inverse: f64, c: [f64; 3], columns: usize, logarithm: bool },
    /// `c[0] + c[1] ln s + c[2] (s - pile) + ln x` with `s = (m0 - x) (m0 + x) inverse`; columns ln s, s - pile.
    Argus { m0: f64, inverse: f64, pile: f64, c: [f64; 3] },
    /// `top - ln(1 + d^2)`, `d = (x - mu) inverse`; with `v = 1 / (1 + d^2)` columns d v and v, curves v^2 and
    /// d v^2.
    Cauchy { mu: f64, inverse: f64, top: f64 },
    /// Crystal balls; columns as of [`Form::Given`].
    Peak(Box<Peak>),
    /// `ln S - norm`, `S = offset + sum c_k f_k(x)`; columns `f_k / S` of the free ones.
    Series { basis: Functions, window: [f64; 2], c: Vec<f64>, free: Vec<usize>, norm: f64 },
}

/// Bases of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::unbinned) enum Functions {
    Chebyshev,
    Powers,
    Bernstein,
}

/// Quantities of one side of a crystal ball: mu, sigma, alpha, n, and their pairs.
pub(in crate::unbinned) const QUANTITIES: usize = 14;

/// A bell around mu, sides of their own widths, each with a power law from alpha (infinite: none) on.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::unbinned) struct Peak {
    pub(in crate::unbinned) mu: f64,
    pub(in crate::unbinned) norm: f64,
    /// Below and above.
    pub(in crate::unbinned) sides: [PeakSide; 2],
    /// Which quantity goes to which column, below and above mu: the gradient's four, then the ten of the Hessian.
    pub(in crate::unbinned) outputs: Vec<(usize, [Option<usize>; 2])>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::unbinned) struct PeakSide {
    pub(in crate::unbinned) sigma: f64,
    pub(in crate::unbinned) alpha: f64,
    pub(in crate::unbinned) n: f64,
}

impl Local {
    /// Given columns of `k` free parameters.
    pub(in crate::unbinned) fn given(k: usize) -> Self {
        let pairs = k * (k + 1) / 2;
        let mut local = Self {
            form: Form::Given,
            slopes: k,
            curves: pairs,
            jacobian: vec![0.0; (1 + k) * k],
            bend: vec![0.0; (1 + k + pairs) * pairs],
            products: true,
        };
        (0..k).for_each(|a| local.jacobian[(1 + a) * k + a] = 1.0);
        (0..pairs).for_each(|ab| local.bend[(1 + k + ab) * pairs + ab] = 1.0);
        local
    }

    /// Number of free parameters.
    pub(in crate::unbinned) fn free(&self) -> usize {
        self.jacobian.len() / (1 + self.slopes)
    }

    /// A sum of columns with coefficients that follow the parameters, the first one alone.
    pub(super) fn linear<const K: usize, const H: usize>(
        form: Form,
        coefficients: &[Dual<K, H>],
        free: &[usize],
    ) -> Option<Self> {
        let mut local = Self {
            form,
            slopes: coefficients.len() - 1,
            curves: 0,
            jacobian: Vec::new(),
            bend: Vec::new(),
            products: true,
        };
        for c in coefficients {
            local.jacobian.extend(free.iter().map(|slot| c.g[*slot]));
            let pairs = free.iter().enumerate().flat_map(|(i, a)| {
                let row = &free[..=i];
                row.iter().map(move |b| c.h[place(*a, *b)])
            });
            local.bend.extend(pairs);
        }
        local.checked()
    }

    /// Given columns and an additive constant that follows the parameters, too.
    pub(super) fn with_constant<const K: usize, const H: usize>(
        form: Form,
        constant: Dual<K, H>,
        free: &[usize],
    ) -> Option<Self> {
        let mut local = Self { form, ..Self::given(free.len()) };
        for (i, a) in free.iter().enumerate() {
            local.jacobian[i] = constant.g[*a];
            for (j, b) in free[..=i].iter().enumerate() {
                local.bend[place(i, j)] = constant.h[place(*a, *b)];
            }
        }
        local.checked()
    }

    /// What is beyond f64 is left to the scalar formulas, which say so.
    pub(super) fn checked(self) -> Option<Self> {
        self.jacobian.iter().chain(&self.bend).all(|x| x.is_finite()).then_some(self)
    }
}

/// Whether `(x - origin) inverse` and the numbers are moderate all over the window.
pub(super) fn moderate(window: Window, origin: f64, inverse: f64, numbers: &[f64]) -> bool {
    let ends = [(window.lo - origin) * inverse, (window.hi - origin) * inverse];
    ends.iter().chain(numbers).all(|x| x.abs() < FARTHEST) && inverse.is_normal()
}

impl Peak {
    /// With the slots of each side's mu, sigma, alpha and n (`None`: it has none), and those that are free.
    pub(super) fn outputs(
        sides: [[Option<usize>; 4]; 2],
        free: &[usize],
    ) -> Vec<(usize, [Option<usize>; 2])> {
        let k = free.len();
        let at = |slot: Option<usize>| free.iter().position(|f| Some(*f) == slot);
        let single = |i: usize| (i, sides.map(|side| at(side[i])));
        let pair = |(i, j): (usize, usize)| {
            let column = |side: [Option<usize>; 4]| Some(k + place(at(side[i])?, at(side[j])?));
            (4 + place(i, j), sides.map(column))
        };
        let pairs = (0..4).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let all = (0..4).map(single).chain(pairs.map(pair));
        all.filter(|(_, to)| to.iter().any(Option::is_some)).collect()
    }
}
